"""Checking the whole log, now: entries against the tree, the tree against every checkpoint, rows against entries.

Everything is read in one snapshot, so that people who work meanwhile cause no false alarm. What an outsider checks
with an export (`python -m audit verify`) is checked here too; only here the rows of the business can be compared.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import Row, Select, select
from sqlalchemy.orm import Session

from audit import checkpoint, merkle
from audit.entry import Entry, commit, parse
from audit.errors import AuditError
from audit.note import Verifier
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import Actor
from signaltable.erasures import ranges_in
from signaltable.models import Disclosure, LogCheckpoint, LogDetail, LogEntry, LogHead, Signal
from signaltable.transaction import Program, reading, transaction

# Up to this size every detail is checked; beyond it the newest ones and a sample, because a page must answer in seconds.
WHOLE = 20_000
NEWEST = 5_000
SAMPLES = 5_000
# How many places a line names; the count says how many there are.
MOST_PLACES = 20
# After this many missed turns the signing of checkpoints has stopped.
MISSED_TURNS = 3


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One thing that was checked. `checked` how many, `wrong` how many did not hold, `places` where (the first few).

    `code` is one of numbers, leaves, columns, tree, checkpoints, details, kept,
    times, signals, disclosures, signing.
    """

    code: str
    checked: int
    wrong: int
    places: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return self.wrong == 0


@dataclass(slots=True)
class _Count:
    checked: int = 0
    wrong: int = 0
    places: list[str] = field(default_factory=list)

    def take(self, place: object, *, holds: bool) -> None:
        self.checked += 1
        if not holds:
            self.wrong += 1
            if len(self.places) < MOST_PLACES:
                self.places.append(str(place))

    def line(self, code: str) -> CheckLine:
        return CheckLine(code, self.checked, self.wrong, tuple(self.places))


@contextmanager
def snapshot(program: Program) -> Iterator[Session]:
    """A reading session that sees the log as it is at one moment, on both databases."""
    with reading(program) as session:
        if session.get_bind().dialect.name == "postgresql":
            session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


def stored(until: int | None = None) -> Select[Any]:
    """Every entry in order with its details and salt, or None for both when they were destroyed."""
    query: Select[Any] = (
        select(*LogEntry.__table__.columns, LogDetail.details, LogDetail.salt)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .order_by(LogEntry.seq)
        .execution_options(yield_per=audit_trail.BATCH)
    )
    return query if until is None else query.where(LogEntry.seq < until)


def as_bytes(stored_value: bytes | str) -> bytes:
    """What stands in a column of bytes. SQLite lets anybody put text there; a check must not stumble over that."""
    return stored_value.encode() if isinstance(stored_value, str) else stored_value


def check(program: Program, actor: Actor) -> list[CheckLine]:
    """Check the log as it is now. Records that it was checked, and whether everything held.

    Reads between two short transactions: a long log must not make everybody wait who writes.
    """
    with transaction(program, actor):
        require(actor, Permission.LOG_CONSULT_ALL)
    with snapshot(program) as session:
        lines = _check(session, program)
    with transaction(program, actor) as tx:
        tx.record(
            "log:consult",
            object_type="log",
            details={"view": "check", "count": sum(line.wrong for line in lines)},
        )
    return lines


def _check(session: Session, program: Program) -> list[CheckLine]:
    head = session.execute(select(LogHead.size, LogHead.frontier).where(LogHead.id == 1)).one()
    signed = session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size)).all()
    walk = _Walk(head.size, [row.size for row in signed])
    for row in session.execute(stored()):
        walk.take(row)
    key = Verifier.from_text(program.settings.log_public_key.read_text(encoding="utf-8").strip())
    tree = _Count()
    frontier = walk.tree.to_bytes() if walk.tree.size else b""
    tree.take("head", holds=walk.tree.size == head.size and frontier == head.frontier)
    return [
        walk.numbers.line("numbers"),
        walk.leaves.line("leaves"),
        walk.columns.line("columns"),
        walk.times.line("times"),
        tree.line("tree"),
        _checkpoints(signed, walk, key).line("checkpoints"),
        walk.details.line("details"),
        _kept(session, walk).line("kept"),
        _signals(session).line("signals"),
        _disclosures(session).line("disclosures"),
        _signing(session, signed, program).line("signing"),
    ]


class _Walk:
    """One pass over the log: builds the tree anew from the stored bytes and looks at each entry."""

    def __init__(self, size: int, sizes: list[int]) -> None:
        self.size = size
        self.tree = merkle.CompactRange()
        self.roots: dict[int, bytes] = {}
        self.numbers, self.leaves, self.columns = _Count(), _Count(), _Count()
        self.times, self.details = _Count(), _Count()
        self.without_details: list[int] = []
        self._sizes = set(sizes)
        self._every = max(1, size // SAMPLES)
        self._last = 0

    def take(self, row: "Row[Any]") -> None:
        """The next stored entry with details and salt."""
        self.numbers.take(row.seq, holds=row.seq == self.tree.size)
        leaf = merkle.leaf_hash(as_bytes(row.entry))
        self.leaves.take(row.seq, holds=leaf == as_bytes(row.leaf))
        self.tree.append(leaf)
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()
        if row.details is None:
            self.without_details.append(row.seq)
        if self.size <= WHOLE or row.seq >= self.size - NEWEST or row.seq % self._every == 0:
            self._look_inside(row)

    def _look_inside(self, row: "Row[Any]") -> None:
        try:
            made = parse(as_bytes(row.entry))
        except AuditError:
            self.columns.take(row.seq, holds=False)
            return
        self.columns.take(row.seq, holds=made.seq == row.seq and _same(row, made))
        self.times.take(row.seq, holds=made.recorded_at >= self._last)
        self._last = max(self._last, made.recorded_at)
        if row.details is not None:
            self.details.take(row.seq, holds=_committed(made, as_bytes(row.details), as_bytes(row.salt)))


def _same(row: "Row[Any]", made: Entry) -> bool:
    """Whether the columns to filter by say what the hashed bytes say."""
    return (row.action, row.outcome, row.agency, row.actor, row.object_type, row.object) == (
        made.action,
        made.outcome,
        made.agency,
        made.actor,
        made.object_type,
        made.object,
    ) and audit_trail.milliseconds(row.recorded_at) == made.recorded_at


def _committed(made: Entry, details: bytes, salt: bytes) -> bool:
    try:
        return commit(details, salt) == made.details_commitment
    except AuditError:
        return False


def _checkpoints(signed: list[LogCheckpoint] | Any, walk: _Walk, key: Verifier) -> _Count:
    count = _Count()
    for row in signed:
        try:
            opened = checkpoint.open_note(row.note, [key])
        except AuditError:
            count.take(row.size, holds=False)
            continue
        count.take(row.size, holds=opened.size == row.size and walk.roots.get(row.size) == opened.root)
    return count


def _kept(session: Session, walk: _Walk) -> _Count:
    """Details may be destroyed, and then the log says of which entries (retention:erase)."""
    count = _Count(checked=walk.tree.size)
    if len(walk.without_details) > _destroyed(session):
        for seq in walk.without_details:
            count.take(seq, holds=False)
    count.checked = walk.tree.size
    return count


def _destroyed(session: Session) -> int:
    erased = session.scalars(
        select(LogDetail.details)
        .join(LogEntry, LogEntry.seq == LogDetail.seq)
        .where(LogEntry.action == "retention:erase", LogEntry.outcome == "ok"),
    )
    told = [_json(raw) for raw in erased]
    return sum(last - first + 1 for one in told for first, last in ranges_in(one))


def _signals(session: Session) -> _Count:
    """Each signal has its entry, and each entry its signal: signals are never deleted, only emptied."""
    rows = set(session.scalars(select(Signal.reference)))
    recorded = set(session.scalars(_objects("signal:record")))
    count = _Count()
    for reference in sorted(rows | recorded):
        count.take(reference, holds=reference in rows and reference in recorded)
    return count


def _disclosures(session: Session) -> _Count:
    """Each disclosure that left has its entry with the same ground, receiver and content, and the other way round."""
    rows = {
        row.reference: (row.ground, row.ground_digest, row.policy_digest, row.recipient_agency, row.payload_hash)
        for row in session.scalars(select(Disclosure).where(Disclosure.disclosed_at.is_not(None)))
    }
    told = _told_disclosures(session)
    count = _Count()
    for reference in sorted(rows.keys() | told.keys()):
        known = told.get(reference)
        count.take(reference, holds=reference in rows and reference in told and known in (None, rows[reference]))
    return count


def _told_disclosures(session: Session) -> dict[str, tuple[str, ...] | None]:
    """Reference -> what signal:disclose said of it; None once the details were destroyed."""
    found = session.execute(
        select(LogEntry.object, LogDetail.details)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "signal:disclose", LogEntry.outcome == "ok"),
    )
    told: dict[str, tuple[str, ...] | None] = {}
    for row in found:
        if row.details is None:
            told[row.object] = None
            continue
        said = _json(row.details)
        keys = ("ground", "ground_digest", "policy_digest", "recipient", "payload_hash")
        told[str(said.get("disclosure", row.object))] = tuple(str(said.get(key, "")) for key in keys)
    return told


def _json(raw: bytes) -> dict[str, Any]:
    try:
        read = json.loads(as_bytes(raw))
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _objects(action: str) -> Select[Any]:
    return select(LogEntry.object).where(LogEntry.action == action, LogEntry.outcome == "ok")


def _signing(session: Session, signed: list[LogCheckpoint] | Any, program: Program) -> _Count:
    """Whether checkpoints keep coming: an entry that waits much longer than a turn means that nobody signs."""
    covered = signed[-1].size if signed else 0
    oldest = session.scalar(select(LogEntry.recorded_at).where(LogEntry.seq >= covered).order_by(LogEntry.seq).limit(1))
    patience = timedelta(minutes=program.settings.checkpoint_minutes * MISSED_TURNS)
    count = _Count()
    count.take(covered, holds=oldest is None or program.clock() - oldest <= patience)
    return count
