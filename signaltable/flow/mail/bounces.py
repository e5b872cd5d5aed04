"""Reading reports of mails that did not arrive (RFC 3464), which the mail system of the region puts into a folder.

Anybody on the internet can send such a report. So it counts only when it names the id of a mail that we sent, which nobody
else knows; it is taken for nothing but that, and a status code; and the file goes, whatever stood in it.
"""

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Final

from signaltable.domain import Actor
from signaltable.flow.mail import states
from signaltable.flow.mail.addresses import MOVED
from signaltable.flow.mail.replies import STATUS
from signaltable.flow.mail.sending import bounce
from signaltable.models import Mail
from signaltable.transaction import Program, transaction

SUFFIX: Final = ".eml"
# A report holds the headers of a mail of ours, which are small; whoever sends more has something else in mind.
LARGEST: Final = 256 * 1024
PER_RUN: Final = 200
# So many parts are looked at; a report has three.
MOST_PARTS: Final = 20
FAILED: Final = "failed"
UNKNOWN: Final = "5.0.0"

_ID: Final = r"([0-9a-f]{32})"
_ENVELOPE: Final = re.compile(_ID)
_MESSAGE_ID: Final = re.compile(rf"<{_ID}@([A-Za-z0-9.-]{{1,253}})>")


@dataclass(frozen=True, slots=True)
class Report:
    """Which mail did not arrive, and the status code."""

    mail_id: str
    status: str


@dataclass(frozen=True, slots=True)
class Looked:
    """How many files a run read, and how many of them were about a mail of ours."""

    read: int = 0
    bounced: int = 0

    def told(self) -> str:
        """For the log of the jobs; "" when nothing was there."""
        return f"read:{self.read},bounced:{self.bounced}" if self.read else ""


def read_bounces(program: Program, actor: Actor) -> Looked:
    """Read and remove every report in the folder, mark what came back, and leave files of another name alone."""
    read = bounced = 0
    for path in _files(program.settings.bounces):
        report = read_report(_content(path), _domain(program))
        if report is not None:
            with transaction(program, actor) as tx:
                mail = tx.session.get(Mail, report.mail_id, with_for_update=True)
                if mail is not None and mail.state == states.SENT and mail.problem != MOVED:
                    bounce(tx, mail, report.status)
                    bounced += 1
        path.unlink(missing_ok=True)  # After the commit: a report that is read twice marks nothing twice.
        read += 1
    return Looked(read, bounced)


def _domain(program: Program) -> str:
    return program.settings.mail_server.domain if program.settings.mail_server else ""


def _files(folder: Path) -> Iterator[Path]:
    try:
        entries = [entry for entry in os.scandir(folder) if entry.name.endswith(SUFFIX)]
        names = sorted(entry.name for entry in entries if not entry.is_dir(follow_symlinks=False))
    except FileNotFoundError:
        return
    yield from (folder / name for name in names[:PER_RUN])


def _content(path: Path) -> bytes:
    """What stands in the file; nothing of what is no plain file, or too large for a report."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return b""
        raw = file.read(LARGEST + 1)
    return raw if len(raw) <= LARGEST else b""


def read_report(raw: bytes, domain: str) -> Report | None:
    """What a report says about a mail of ours, sent from `domain`; None for anything else. Never raises. Pure."""
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(raw)
        if message.get_content_type() != "multipart/report":
            return None
        return _told(message, domain)
    except Exception:  # noqa: BLE001 -- the parser of the library has its ways with what was made to break it
        return None


def _told(message: Message, domain: str) -> Report | None:
    mail_id, status = "", ""
    for number, part in enumerate(_parts(message)):
        if number >= MOST_PARTS:
            break
        kind = part.get_content_type()
        if kind == "message/delivery-status":
            envelope, status = _delivery(part)
            mail_id = envelope or mail_id
        elif kind in {"message/rfc822", "text/rfc822-headers"} and not mail_id:
            mail_id = _returned_id(part, domain)
    return Report(mail_id, status) if mail_id and status else None


def _parts(message: Message) -> list[Message]:
    """The parts on the first level; a report has no deeper one that counts."""
    parts = message.get_payload()
    return [part for part in parts if isinstance(part, Message)] if isinstance(parts, list) else []


def _delivery(part: Message) -> tuple[str, str]:
    """The envelope id of a mail of ours ("" for none), and the status if it failed for good ("" if not)."""
    envelope = status = ""
    for block in _parts(part)[:MOST_PARTS]:
        found = _ENVELOPE.fullmatch(str(block.get("Original-Envelope-Id", "")).strip())
        envelope = found[1] if found else envelope
        if str(block.get("Action", "")).strip().lower() == FAILED:
            status = _status(str(block.get("Status", "")))
    return envelope, status


def _status(text: str) -> str:
    code = text.partition("(")[0].strip()
    return code if STATUS.fullmatch(code) and code.startswith("5") else UNKNOWN


def _returned_id(part: Message, domain: str) -> str:
    """The id in the Message-ID of the mail that came back, when it is one from our domain."""
    payload = part.get_payload()
    if part.get_content_type() == "text/rfc822-headers":
        raw = part.get_payload(decode=True)
        headers: Message = BytesParser(policy=policy.compat32).parsebytes(raw if isinstance(raw, bytes) else b"", True)
    else:
        headers = payload[0] if isinstance(payload, list) and payload and isinstance(payload[0], Message) else Message()
    found = _MESSAGE_ID.fullmatch(str(headers.get("Message-ID", "")).strip())
    return found[1] if found and domain and found[2].lower() == domain.lower() else ""
