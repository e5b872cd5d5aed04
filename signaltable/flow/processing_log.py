"""The processing log: the same events as Logboek Dataverwerkingen records (Logius), without anything about users.

Each line tells one act of processing personal data, about no or one data subject; an act about several people is several
lines, each with a span of its own. The lines and the audit log meet in trace_id: parent_span_id of a line is the span of
the request, the command or the run that the audit log tells of, and there stands who it was.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import IO, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.canonical import parse_canonical
from audit.entry import Entry, parse
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import ZONE, Actor, Channel, UnusableInput
from signaltable.keys import keyed_digest
from signaltable.models import LogDetail, LogEntry
from signaltable.processing_activities import Register
from signaltable.transaction import Program, transaction

FORMAT = "signaltable processing log 1"
SCHEMA = Path(__file__).resolve().parent.parent / "processing_log.schema.json"
KIND = "processing-log"

# STATUS_CODE_UNSET also stands for what was refused: the fault was not the server's (Logius, component Logboek).
STATUS = {"ok": 1, "refused": 0, "error": 2}
ACTIVITY = "dpl.core.processing_activity_id"
SUBJECT = "dpl.core.data_subject_id"
SUBJECT_TYPE = "dpl.core.data_subject_id_type"
# An attribute of our own, beside those of `core`: who the act was about can no longer be said.
DESTROYED = "dpl.signaltable.details_destroyed"

# A place or a thing is no data subject; those who are connected with it are named themselves.
_NOBODY = "place:"
# Whoever sends us a trace does so over these.
_FROM_OUTSIDE = frozenset({"web", "api"})
_SPAN = hashlib.blake2b
# Whoever may use these owns the machine.
_OWN_MACHINE = frozenset({Channel.CLI, Channel.JOB, Channel.SYSTEM})


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export holds: lines, entries of the audit log that were looked at, size of that log, SHA-256 of the file."""

    lines: int
    entries: int
    size: int
    file_hash: str


@dataclass(slots=True)
class Pseudonyms:
    """Keyed pseudonyms of data subjects, which only who holds the key ring can make again from a reference."""

    key: bytes = field(repr=False)
    version: int

    def of(self, ref: str) -> str:
        """The pseudonym of one subject of a signal; the same in every export under one version of the key."""
        return keyed_digest(self.key, "data-subject", ref).hex()


def pseudonyms(program: Program, version: int | None = None) -> Pseudonyms:
    """The pseudonyms of the processing log, under the present version of the key or an earlier one."""
    keys = program.keys
    return Pseudonyms(
        keys.derive("recipient", KIND, version), keys.version("recipient") if version is None else version
    )


# -- lines --------------------------------------------------------------------------------------------------------


def lines_of(
    raw: bytes, details: Mapping[str, Any] | None, register: Register, names: Pseudonyms
) -> Iterator[dict[str, Any]]:
    """The lines of one entry of the audit log: none when it touched no personal data, else one for each data subject.

    `details` is None where they were destroyed: then one line says that somebody's data were processed.
    """
    made = parse(raw)
    activity = _activity(made.action, details, register)
    if not activity or not made.trace_id:
        return
    told = details or {}
    refs = told.get("subject_refs", ())
    classes = told.get("subject_classes") or [""] * len(refs)
    people = [ref for ref, known in zip(refs, classes, strict=True) if not known.startswith(_NOBODY)]
    for number, ref in enumerate(people or [""]):
        line = _line(made, number, _foreign(made, told, register))
        line["attributes"] = _attributes(activity, ref, names, register, destroyed=details is None)
        yield line


def _activity(action: str, details: Mapping[str, Any] | None, register: Register) -> str:
    """The activity that the entry names. Destroyed, or from before entries named one: what the register says of its action."""
    named = (details or {}).get("activity")
    return str(named) if named else register.address(action, str((details or {}).get("purpose", "")))


def _line(made: Entry, number: int, foreign: Mapping[str, str] | None) -> dict[str, Any]:
    line: dict[str, Any] = {
        "trace_id": made.trace_id,
        "span_id": _span(made, number),
        "status_code": STATUS[made.outcome],
        "name": made.action,
        "start_time": made.occurred_at,
        "end_time": made.recorded_at,
    }
    if made.span_id:
        line["parent_span_id"] = made.span_id
    if foreign:
        line["foreign_operation"] = dict(foreign)
    name, _, version = made.source.partition("/")
    if name:
        attributes = [_pair("service.name", name), *([_pair("service.version", version)] if version else [])]
        line["resource"] = {"attributes": attributes}
    return line


def _span(made: Entry, number: int) -> str:
    """The id of one line: always the same for the same entry and person, and never that of another."""
    event = made.event_id or f"{made.seq}/{made.details_commitment}"
    return _SPAN(f"{event}/{number}".encode(), digest_size=8, person=b"signaltable-ldv").hexdigest()


def _foreign(made: Entry, details: Mapping[str, Any], register: Register) -> dict[str, str] | None:
    """The operation at another party: the agency that data went to, or the one whose system called us with a trace.

    A recipient reads our ids in the receipt of the disclosure, and goes on from those.
    """
    if made.action == "signal:disclose" and details.get("recipient"):
        entity = register.agency(str(details["recipient"]))
        return {"trace_id": made.trace_id, "span_id": made.span_id or _span(made, -1), "entity": entity}
    if made.parent_span_id and made.channel in _FROM_OUTSIDE:
        entity = register.agency(made.agency or "onbekend")
        return {"trace_id": made.trace_id, "span_id": made.parent_span_id, "entity": entity}
    return None


def _attributes(
    activity: str, ref: str, names: Pseudonyms, register: Register, *, destroyed: bool
) -> list[dict[str, str]]:
    told = [_pair(ACTIVITY, activity)]
    if ref:
        kind = f"{register.at}/pseudoniem/{names.version}"
        told += [_pair(SUBJECT, names.of(ref)), _pair(SUBJECT_TYPE, kind)]
    if destroyed:
        told.append(_pair(DESTROYED, "true"))
    return told


def _pair(key: str, value: str) -> dict[str, str]:
    return {"key": key, "value": value}


# -- export -------------------------------------------------------------------------------------------------------


def export(
    program: Program,
    actor: Actor,
    path: Path,
    *,
    start: date | None = None,
    end: date | None = None,
    request: str = "",
    progress: Callable[[Iterator[int], int], Iterator[int]] | None = None,
) -> Exported:
    """Write the processing log of these days (the Netherlands, both included) into a new file that only its owner reads.

    Records log:export before the file gets its name. `progress` gets the numbers of entries done so far and how many there
    are, and gives the numbers on. Raises `UnusableInput` for a file that exists or cannot be written, `Refused`.
    """
    if actor.channel not in _OWN_MACHINE:
        require(actor, Permission.LOG_EXPORT_ALL)
    if start and end and end < start:
        raise UnusableInput({"to": "expected a day that is not before the first"})
    draft = _new_file(path)
    try:
        exported = _write(program, draft, start, end, progress or (lambda steps, _total: steps))
        with transaction(program, actor) as tx:
            tx.record(
                "log:export",
                object_type="export",
                object_id=request,
                details={
                    "kind": KIND,
                    "size": exported.size,
                    "count": exported.lines,
                    "manifest_hash": exported.file_hash,
                    **({"period_from": start.isoformat()} if start else {}),
                    **({"period_to": end.isoformat()} if end else {}),
                    **({"request": request} if request else {}),
                },
            )
            tx.use_key("recipient", program.keys.version("recipient"))
        _give_name(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    return exported


def _new_file(path: Path) -> Path:
    """An empty file beside `path`, readable by its owner alone."""
    draft = path.with_name(f"{path.name}.part")
    try:
        if path.exists():
            raise UnusableInput({"file": "expected a new file, found one that exists; nothing is overwritten"})
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600))
    except OSError as error:
        raise UnusableInput({"file": f"expected a file that can be written: {error.strerror}"}) from None
    return draft


def _give_name(draft: Path, path: Path) -> None:
    """The finished file gets its name at once, and only where nobody made a file of that name meanwhile."""
    try:
        os.link(draft, path)
    except FileExistsError:
        raise UnusableInput({"file": "expected a new file, found one that exists; nothing is overwritten"}) from None
    except OSError:  # A file system without hard links.
        draft.rename(path)


def _write(
    program: Program,
    draft: Path,
    start: date | None,
    end: date | None,
    progress: Callable[[Iterator[int], int], Iterator[int]],
) -> Exported:
    register, names = program.policy.activities, pseudonyms(program)
    with program.read_sessions() as session, draft.open("w", encoding="utf-8", newline="\n") as file:
        size = audit_trail.size(session)
        span = _between(session, size, start, end)
        head = {
            "format": FORMAT,
            "made_at": audit_trail.milliseconds(program.clock()),
            "log_size": size,
            **({"period_from": start.isoformat()} if start else {}),
            **({"period_to": end.isoformat()} if end else {}),
            "register": register.at,
        }
        file.write(_text(head)[:-1] + ',"records":[')
        counted = _Lines(file)
        for _done in progress(_each(session, span, register, names, counted), len(span)):
            pass
        file.write(f'\n],"count":{counted.count}}}\n')
    with draft.open("rb") as written:
        file_hash = hashlib.file_digest(written, "sha256").hexdigest()
    return Exported(counted.count, len(span), size, file_hash)


@dataclass(slots=True)
class _Lines:
    """Lines on their way into a file, one at a time."""

    file: IO[str]
    count: int = 0

    def add(self, line: Mapping[str, Any]) -> None:
        self.file.write(("," if self.count else "") + "\n" + _text(line))
        self.count += 1


def _each(session: Session, span: range, register: Register, names: Pseudonyms, counted: _Lines) -> Iterator[int]:
    """Write the lines of the entries in `span`, a page at a time, and give the number of entries done in each page."""
    for first in range(span.start, span.stop, audit_trail.BATCH):
        last = min(first + audit_trail.BATCH, span.stop)
        for raw, details in _page(session, first, last):
            for line in lines_of(raw, details, register, names):
                counted.add(line)
        yield last - first


def _page(session: Session, first: int, last: int) -> Sequence[tuple[bytes, dict[str, Any] | None]]:
    query = (
        select(LogEntry.entry, LogDetail.details)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.seq >= first, LogEntry.seq < last)
        .order_by(LogEntry.seq)
    )
    return [(bytes(row.entry), _details(row.details)) for row in session.execute(query)]


def _details(raw: bytes | None) -> dict[str, Any] | None:
    if raw is None:
        return None
    found = parse_canonical(bytes(raw), "details")
    return found if isinstance(found, dict) else None


def _between(session: Session, size: int, start: date | None, end: date | None) -> range:
    """The entries of these days. Moments in the log never go back, so they are one range."""
    first = 0 if start is None else _first_at(session, _midnight(start), size)
    last = size if end is None else _first_at(session, _midnight(end + timedelta(days=1)), size)
    return range(first, max(first, last))


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, ZONE)


def _first_at(session: Session, moment: datetime, size: int) -> int:
    """The number of the first entry at or after a moment; `size` when there is none."""
    query = select(LogEntry.seq).where(LogEntry.recorded_at >= moment).order_by(LogEntry.recorded_at, LogEntry.seq)
    found = session.scalar(query.limit(1))
    return size if found is None else min(found, size)


def _text(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
