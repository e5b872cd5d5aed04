"""How a mail reads. It is made of the address, the language, the kind and a link: nothing else comes in here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Final

from signaltable.flow.mail import states
from signaltable.mail_rules import Kind
from signaltable.mail_settings import LONGEST_ADDRESS
from signaltable.settings import Settings
from signaltable.texts import Text

# Without a mail server nobody is named who could be answered (RFC 2606).
NOWHERE: Final = "signaltable.invalid"
SENDER_NAME: Final = "Signaaltafel"
# Where the link in a mail leads; web/mails.py has the page.
LINK: Final = "taak"
WITNESS_PAGE: Final = "getuige"

TASK: Final = Text("Er staat een taak voor u klaar", "A task is waiting for you")
URGENT: Final = Text(
    "Er staat een taak voor u klaar die niet kan wachten", "A task is waiting for you that cannot wait"
)
REMINDER: Final = Text("Er wacht nog een taak op u", "A task is still waiting for you")
NEWS: Final = Text("Er is nieuws voor u", "There is news for you")
# A digest reads the same for one task as for a hundred: how much waits is nobody else's business.
SUBJECTS: Final[Mapping[Kind, Text]] = {"task": TASK, "reminder": REMINDER, "news": NEWS}
BODY: Final = Text(
    "Goedendag,\n\n{subject}.\n\nMeld u aan bij de signaaltafel om te zien wat het is:\n{link}\n\n"
    "Deze e-mail noemt met opzet geen zaak en geen namen. De link werkt alleen voor u.\nU kunt er niet op antwoorden.\n",
    "Good day,\n\n{subject}.\n\nSign in to the signal table to see what it is:\n{link}\n\n"
    "This mail names no case and no people, on purpose. The link works for you alone.\nYou cannot reply to it.\n",
)
TEST_SUBJECT: Final = Text("Proef: e-mail van de signaaltafel komt aan", "Test: mail of the signal table arrives")
TEST_BODY: Final = Text(
    "Goedendag,\n\nDeze e-mail is een proef van uw beheerder. U hoeft niets te doen.\n",
    "Good day,\n\nThis mail is a test of your administrator. There is nothing for you to do.\n",
)
CHECKPOINT_SUBJECT: Final = Text("Stand van het logboek om te bewaren", "State of the log to keep")
# What stands below these words is the checkpoint and nothing else: a program reads it out of the saved mail.
CHECKPOINT_BODY: Final = Text(
    "Bewaar deze e-mail. Met de regels hieronder kan uw organisatie later nagaan dat niemand het logboek van de "
    "signaaltafel heeft veranderd of ingekort.\nVergelijken kan op {link}\n\n",
    "Keep this mail. With the lines below your organisation can check later that nobody changed or shortened the log of "
    "the signal table.\nYou can compare them at {link}\n\n",
)


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail on its way to one address. `kind` is how it reads (mail.toml), of a digest the most pressing in it.

    `note` is the checkpoint that it carries, if it is one of those.
    """

    id: str
    address: str
    language: str
    template: str
    kind: Kind
    urgent: bool
    created_at: datetime
    note: str = ""


def compose(settings: Settings, letter: Letter) -> EmailMessage:
    """The whole message. The same letter always gives the same bytes, so that a second copy can be told from a second mail."""
    subject, body, link = _words(settings, letter)
    told = subject.in_language(letter.language)
    text = body.in_language(letter.language).format(subject=told, link=link) + letter.note
    message = EmailMessage()
    message["From"] = _sender(settings)
    message["To"] = _receiver(letter.address)
    message["Subject"] = told
    message["Date"] = letter.created_at
    message["Message-ID"] = f"<{letter.id}@{_domain(settings)}>"
    # RFC 3834, and what Exchange asks for the same: holiday replies must not answer it.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    # Quoted-printable keeps a checkpoint legible in the saved file, and its long lines whole (RFC 2045, 6.7).
    message.set_content(text, cte="7bit" if text.isascii() and not letter.note else "quoted-printable")
    return message


def _words(settings: Settings, letter: Letter) -> tuple[Text, Text, str]:
    base = settings.address.rstrip("/")
    if letter.template.startswith(states.CHECKPOINT):
        return CHECKPOINT_SUBJECT, CHECKPOINT_BODY, f"{base}/{WITNESS_PAGE}"
    if letter.template == states.TEST:
        return TEST_SUBJECT, TEST_BODY, ""
    subject = URGENT if letter.urgent and letter.kind == "task" else SUBJECTS[letter.kind]
    return subject, BODY, f"{base}/{LINK}/{letter.id}"


def _sender(settings: Settings) -> Address:
    server = settings.mail_server
    if server is None:
        return Address(SENDER_NAME, "no-reply", NOWHERE)
    local, _, domain = server.sender.rpartition("@")
    return Address(SENDER_NAME, local, domain)


def _domain(settings: Settings) -> str:
    return settings.mail_server.domain if settings.mail_server else NOWHERE


def _receiver(address: str) -> Address:
    local, _, domain = address[:LONGEST_ADDRESS].rpartition("@")
    return Address("", local, domain)
