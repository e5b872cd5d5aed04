"""Writing mails: that a task waits, and where the program is. No case, no reference, no name of anybody else.

A mail travels over networks and stays in mailboxes for years; so it says nothing that could not hang on a wall. What
sends the files onward (a mail server of the region) stands outside the program.
"""

import os
import re
from collections.abc import Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from sqlalchemy import select, update

from signaltable.domain import Actor
from signaltable.models import Account, Mail
from signaltable.settings import Settings
from signaltable.texts import Text
from signaltable.transaction import Program, reading, transaction

# How many mails one run writes, so that a full table does not hold a run for minutes.
BATCH = 500
# A login that is no mail address gets one that can never be delivered (RFC 2606), for the region to map.
NOWHERE = "signaltable.invalid"

_MAIL_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}")
_LOCAL_PART = re.compile(r"[^A-Za-z0-9._-]")

SUBJECT = Text("Er staat een taak voor u klaar", "A task is waiting for you")
OVERDUE = Text("Er wacht nog een taak op u", "A task is still waiting for you")
SUBJECTS: Mapping[str, Text] = {
    "question-overdue": OVERDUE,
    "disclosure-overdue": OVERDUE,
    "disclosure-not-taken-up": OVERDUE,
    "duty-overdue": OVERDUE,
}
BODY = Text(
    "Goedendag,\n\n{subject}.\n\nMeld u aan bij de signaaltafel om te zien wat het is:\n{address}\n\n"
    "Deze e-mail noemt met opzet geen zaak en geen namen. U kunt er niet op antwoorden.\n",
    "Good day,\n\n{subject}.\n\nSign in to the signal table to see what it is:\n{address}\n\n"
    "This mail names no case and no people, on purpose. You cannot reply to it.\n",
)


def write_mails(program: Program, actor: Actor) -> int:
    """Write every waiting mail as a file in the outbox. Returns how many. A file written twice is the same file."""
    with reading(program) as session:
        waiting = session.execute(
            select(Mail.id, Mail.template, Mail.created_at, Account.login, Account.language)
            .join(Account, Account.id == Mail.account_id)
            .where(Mail.written_at.is_(None))
            .order_by(Mail.created_at, Mail.id)
            .limit(BATCH),
        ).all()
    if not waiting:
        return 0
    program.settings.outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    for row in waiting:
        message = compose(program.settings, row.login, row.language, row.template)
        message["Message-ID"] = f"<{row.id}@{NOWHERE}>"
        message["Date"] = row.created_at
        _write(program.settings.outbox / f"{row.id}.eml", message.as_bytes(policy=SMTP))
    with transaction(program, actor) as tx:
        written = [row.id for row in waiting]
        tx.session.execute(update(Mail).where(Mail.id.in_(written)).values(written_at=tx.now))
    return len(waiting)


def compose(settings: Settings, login: str, language: str, template: str) -> EmailMessage:
    """The mail for one person. Every template reads the same but for how pressing it is."""
    subject = SUBJECTS.get(template, SUBJECT).in_language(language)
    message = EmailMessage()
    message["From"] = Address("Signaaltafel", "no-reply", NOWHERE)
    message["To"] = _address(login)
    message["Subject"] = subject
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday replies must not answer it.
    message.set_content(BODY.in_language(language).format(subject=subject, address=settings.address))
    return message


def _address(login: str) -> Address:
    if _MAIL_ADDRESS.fullmatch(login):
        local, _, domain = login.rpartition("@")
        return Address("", local, domain)
    return Address("", _LOCAL_PART.sub("-", login)[:64] or "account", NOWHERE)


def _write(path: Path, raw: bytes) -> None:
    draft = path.with_suffix(".part")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(raw)
    draft.replace(path)
