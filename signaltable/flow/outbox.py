"""Writing mails: that a task waits, or the state of the log to keep. No case, no reference, no name of anybody else.

A mail travels over networks and stays in mailboxes for years; so it says nothing that could not hang on a wall. What
sends the files onward (a mail server of the region) stands outside the program.
"""

import os
import re
from collections.abc import Iterable, Mapping
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from signaltable.domain import Actor
from signaltable.models import Account, LogCheckpoint, Mail
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
    "exclusion-overdue": OVERDUE,
}
BODY = Text(
    "Goedendag,\n\n{subject}.\n\nMeld u aan bij de signaaltafel om te zien wat het is:\n{address}\n\n"
    "Deze e-mail noemt met opzet geen zaak en geen namen. U kunt er niet op antwoorden.\n",
    "Good day,\n\n{subject}.\n\nSign in to the signal table to see what it is:\n{address}\n\n"
    "This mail names no case and no people, on purpose. You cannot reply to it.\n",
)

# A mail with this template carries the checkpoint over so many entries: `checkpoint:1234`.
CHECKPOINT = "checkpoint:"
CHECKPOINT_SUBJECT = Text("Stand van het logboek om te bewaren", "State of the log to keep")
# What stands below these words is the checkpoint and nothing else: a program reads it out of the saved mail.
CHECKPOINT_BODY = Text(
    "Bewaar deze e-mail. Met de regels hieronder kan uw organisatie later nagaan dat niemand het logboek van de "
    "signaaltafel heeft veranderd of ingekort.\nVergelijken kan op {address}\n\n",
    "Keep this mail. With the lines below your organisation can check later that nobody changed or shortened the log of "
    "the signal table.\nYou can compare them at {address}\n\n",
)


def checkpoint_template(size: int) -> str:
    """The template of a mail that carries the checkpoint over `size` entries."""
    return f"{CHECKPOINT}{size}"


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
        notes = _notes(session, {row.template for row in waiting if row.template.startswith(CHECKPOINT)})
    if not waiting:
        return 0
    program.settings.outbox.mkdir(mode=0o700, parents=True, exist_ok=True)
    for row in waiting:
        message = compose(program.settings, row.login, row.language, row.template, notes.get(row.template, ""))
        message["Message-ID"] = f"<{row.id}@{NOWHERE}>"
        message["Date"] = row.created_at
        _write(program.settings.outbox / f"{row.id}.eml", message.as_bytes(policy=SMTP))
    with transaction(program, actor) as tx:
        written = [row.id for row in waiting]
        tx.session.execute(update(Mail).where(Mail.id.in_(written)).values(written_at=tx.now))
    return len(waiting)


def _notes(session: Session, templates: Iterable[str]) -> dict[str, str]:
    """The checkpoints that mails with these templates carry."""
    sizes = [int(template.removeprefix(CHECKPOINT)) for template in templates]
    rows = session.execute(select(LogCheckpoint.size, LogCheckpoint.note).where(LogCheckpoint.size.in_(sizes)))
    return {checkpoint_template(row.size): row.note for row in rows}


def compose(settings: Settings, login: str, language: str, template: str, note: str = "") -> EmailMessage:
    """The mail for one person. Every template reads the same but for how pressing it is; a checkpoint carries its note."""
    subject = CHECKPOINT_SUBJECT if note else SUBJECTS.get(template, SUBJECT)
    told = subject.in_language(language)
    address = f"{settings.address.rstrip('/')}/getuige" if note else settings.address
    body = (CHECKPOINT_BODY if note else BODY).in_language(language).format(subject=told, address=address)
    message = EmailMessage()
    message["From"] = Address("Signaaltafel", "no-reply", NOWHERE)
    message["To"] = _address(login)
    message["Subject"] = told
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: holiday replies must not answer it.
    # Quoted-printable keeps a checkpoint legible in the saved file, and its long lines whole (RFC 2045, 6.7).
    message.set_content(body + note, cte="quoted-printable" if note else None)
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
