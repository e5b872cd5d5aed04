"""A part of the log to hand out: a period of days, one agency, or both; what it holds, and what is kept back.

Days are days in the Netherlands, the first and the last included. The part of an agency holds what its own people did and
nothing of another agency: what an entry cannot leave out, because it is hashed, is kept back as a whole.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, and_, or_, select
from sqlalchemy.orm import Session

from audit import key_chain
from audit.bundle import Record, Selection
from signaltable.audit_trail import milliseconds
from signaltable.domain import ZONE, UnusableInput
from signaltable.flow.fsck import as_bytes, stored
from signaltable.flow.log_scope import ROWS, OwnPart, own_part
from signaltable.models import Agency, LogEntry

# How the log calls an export of the processing log.
PROCESSING_LOG = "processing-log"
# The log counts from 1970 on; the day after the last one must exist too.
EARLIEST, LATEST = date(1970, 1, 2), date(9999, 12, 30)


@dataclass(frozen=True, slots=True)
class Part:
    """Which part: from `first` up to and with `last`, of one agency. None and "" do not choose; without any it is the whole.

    `processing` asks for the processing log of that period instead of the audit log.
    """

    first: date | None = None
    last: date | None = None
    agency: str = ""
    processing: bool = False

    @property
    def whole(self) -> bool:
        """Whether nothing is chosen."""
        return self == Part()

    @property
    def since(self) -> datetime | None:
        """The first moment."""
        return _begin(self.first) if self.first else None

    @property
    def until(self) -> datetime | None:
        """The first moment that is left out."""
        return _begin(self.last + timedelta(days=1)) if self.last else None

    @property
    def selection(self) -> Selection:
        """As an export says it."""
        since, until = (None if moment is None else milliseconds(moment) for moment in (self.since, self.until))
        return Selection(since, until, self.agency)

    def told(self) -> dict[str, str]:
        """As the log says it."""
        days = {"period_from": self.first, "period_to": self.last}
        told = {name: day.isoformat() for name, day in days.items() if day}
        kind = PROCESSING_LOG if self.processing else "whole" if self.whole else "part"
        return {"kind": kind} | told | ({"agency": self.agency} if self.agency else {})

    @classmethod
    def from_told(cls, details: Mapping[str, Any]) -> "Part":
        """What `told` wrote. Raises ValueError for a day that it never writes: no part is a wider one by mistake."""
        first, last = (
            date.fromisoformat(details[name]) if name in details else None for name in ("period_from", "period_to")
        )
        processing = details.get("kind") == PROCESSING_LOG
        return cls(first, last, str(details.get("agency", "")), processing)


def _begin(day: date) -> datetime:
    return datetime.combine(day, time.min, ZONE)


def read_part(session: Session, first: str, last: str, agency: str) -> Part:
    """The part that somebody typed: days as YYYY-MM-DD and the id of an agency, "" for what is not chosen.

    Raises `UnusableInput` with all that is wrong: a day that is none, a period that ends before it begins, and an agency
    that is not known.
    """
    part = Part(_day(first), _day(last), agency)
    typed = {"from": (first, part.first), "to": (last, part.last)}
    problems = {name: "expected a day as YYYY-MM-DD" for name, (text, day) in typed.items() if text and day is None}
    if part.first and part.last and part.first > part.last:
        problems["to"] = "expected a day that is not before the first one"
    if agency and session.get(Agency, agency) is None:
        problems["agency"] = "expected the id of an agency of this table"
    if problems:
        raise UnusableInput(problems)
    return part


def _day(typed: str) -> date | None:
    """The day that was typed; nothing when it is none."""
    try:
        day = date.fromisoformat(typed)
    except ValueError:
        return None
    return day if typed == day.isoformat() and EARLIEST <= day <= LATEST else None


def records(session: Session, covered: int, part: Part) -> Iterator[Record]:
    """The entries of the part among the first `covered`, in order, with the details that may be handed out with it.

    A log that somebody changed is exported as it stands: it is the verification that judges.
    """
    chosen = []
    if part.since:
        chosen.append(LogEntry.recorded_at >= part.since)
    if part.until:
        chosen.append(LogEntry.recorded_at < part.until)
    if part.agency:
        chosen.append(LogEntry.agency == part.agency)
    query = stored(covered)
    if chosen:
        # Whoever checks a part has to know which key of the log counted when, and only the log itself says so.
        of_keys = and_(LogEntry.action.in_(key_chain.ACTIONS), LogEntry.object_type == key_chain.PURPOSE)
        query = query.where(or_(and_(*chosen), of_keys))
    for rows in session.execute(query).partitions():
        yield from _of_agency(session, part.agency, rows) if part.agency else map(_record, rows)


def leaves(session: Session, covered: int) -> Iterator[bytes]:
    """The leaf hashes of the first `covered` entries: all of them, so that the root follows from them."""
    query = select(LogEntry.leaf).where(LogEntry.seq < covered).order_by(LogEntry.seq)
    for leaf in session.scalars(query.execution_options(yield_per=10_000)):
        yield as_bytes(leaf)


def _record(row: "Row[Any]", *, with_details: bool = True) -> Record:
    details, salt = (None if one is None or not with_details else as_bytes(one) for one in (row.details, row.salt))
    return Record(as_bytes(row.entry), details, salt, row.seq)


def _of_agency(session: Session, agency: str, rows: Sequence["Row[Any]"]) -> Iterator[Record]:
    told = [_details(row.details) for row in rows]
    acts = [(row.action, details or {}) for row, details in zip(rows, told, strict=True)]
    own = own_part(session, agency, acts, {row.object for row in rows if row.object})
    for row, details in zip(rows, told, strict=True):
        if key_chain.tells_of_key(row.action, row.object_type):
            yield _record(row)
        elif own.shows(row.action, row.object_type, row.object):
            yield _record(row, with_details=details is not None and _only_own(own, row.action, details))


def _only_own(own: OwnPart, action: str, details: Mapping[str, Any]) -> bool:
    """Whether these details hold nothing that the agency's own page of the log would leave out."""
    return own.of(action, details) == {name: value for name, value in details.items() if name != ROWS}


def _details(raw: bytes | str | None) -> Mapping[str, Any] | None:
    """What the details say; None for what cannot be read, which nobody can judge."""
    try:
        read = json.loads(as_bytes(raw or b"{}"))
    except (ValueError, RecursionError):
        return None
    return read if isinstance(read, dict) else None
