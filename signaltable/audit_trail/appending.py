"""Appending: events get their places at the end of the log, in the transaction of what they tell of."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.engine import Connection
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session

from audit import entry, merkle
from signaltable import VERSION
from signaltable.audit_trail import in_one, terms
from signaltable.audit_trail.tree import node_rows
from signaltable.db import table_of
from signaltable.domain import Actor, Conflict
from signaltable.models import LogEntry, LogHead
from signaltable.prepared import Prepared, insert_into
from signaltable.trace_context import SPAN_BYTES, TRACE_BYTES

# Which program wrote an entry.
SOURCE = f"signaltable/{VERSION}"
# Sender and receiver of a disclosure get these entries as receipts. A trace is chosen by whoever calls, and may run through
# several disclosures of one signal: by it two receivers could join their lists. So here a trace of its own begins, and
# the details, which no receipt holds, say what it is part of.
HANDED_OUT = frozenset({"signal:disclose", "disclosure:accept", "disclosure:return", "disclosure:feedback"})

_HEAD = select(LogHead.size, LogHead.frontier, LogHead.recorded_at).where(LogHead.id == 1).with_for_update()
_head = table_of(LogHead)
_LOCK_HEAD = Prepared(
    select(_head.c.size, _head.c.frontier, _head.c.recorded_at).where(_head.c.id == 1).with_for_update()
)
_MOVE_HEAD = Prepared(update(_head).where(_head.c.id == 1), ("size", "frontier", "recorded_at"))


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened, before it gets its place in the log."""

    action: str
    object_type: str = ""
    object_id: str = ""
    outcome: str = "ok"
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    object_version: str = ""


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC, the only form of time in the log."""
    return int(moment.timestamp() * 1000)


def day_milliseconds(day: date) -> int:
    """A day without an hour, as the log writes it: its midnight in UTC."""
    return milliseconds(datetime.combine(day, time.min, UTC))


def append(
    session: Session,
    events: Sequence[AuditEvent],
    actor: Actor,
    clock: Callable[[], datetime],
    randomness: Callable[[int], bytes],
) -> tuple[int, bytes] | None:
    """Give the events their places at the end of the log. Call last: it locks the head until the commit.

    The place and the leaf of the last of them, by which `is_there` finds out what came of it; None without events.
    """
    if not events:
        return None
    connection = session.connection()
    head = _LOCK_HEAD.first(connection, {})
    if head is None:
        raise NoResultFound("expected the head of the log, found none")
    size, frontier, before = head
    tree = merkle.CompactRange.from_bytes(frontier) if size else merkle.CompactRange()
    recorded_at = max(milliseconds(clock()), before)  # A clock set back must not make the log run back.
    rows = _Rows()
    for seq, happened in enumerate(events, start=size):
        sealed = _seal(happened, seq, recorded_at, actor, randomness)
        rows.add(sealed, happened.details, tree.append(sealed.leaf_hash))
    rows.write(connection, {"size": tree.size, "frontier": tree.to_bytes(), "recorded_at": recorded_at})
    return sealed.entry.seq, sealed.leaf_hash


@dataclass(frozen=True, slots=True)
class PastEvent:
    """An event of an invented past (signaltable/generate): every text of its entry, whoever it names."""

    texts: Mapping[str, str]
    details: Mapping[str, Any]
    occurred_at: int


class Stretch:
    """Entries that are sealed for places of the log which they do not have yet: from `first` on, recorded at one moment."""

    def __init__(
        self, events: Iterable[PastEvent], first: int, recorded_at: int, randomness: Callable[[int], bytes]
    ) -> None:
        """Seal them. A place is part of its entry, so whoever divides the work says where each stretch begins."""
        self.first, self.recorded_at, self.leaves, self.rows = first, recorded_at, list[bytes](), _Rows()
        for seq, happened in enumerate(events, start=first):
            sealed = entry.build(
                event_id=entry.new_event_id(recorded_at, randomness(entry.EVENT_RANDOM_BYTES)),
                seq=seq,
                recorded_at=recorded_at,
                occurred_at=min(happened.occurred_at, recorded_at),
                source=SOURCE,
                details=happened.details,
                salt=randomness(entry.SALT_BYTES),
                **happened.texts,
            )
            self.leaves.append(sealed.leaf_hash)
            self.rows.add(sealed, happened.details, ())


def append_stretch(session: Session, stretch: Stretch) -> None:
    """Put a stretch behind the log. Raises `Conflict` when the log ends somewhere else than where the stretch begins."""
    connection = session.connection()
    head = connection.execute(_HEAD).one()
    if head.size != stretch.first or head.recorded_at > stretch.recorded_at:
        raise Conflict("at_once", "somebody else wrote into the log that is being made")
    tree = merkle.CompactRange.from_bytes(head.frontier)
    for leaf in stretch.leaves:
        stretch.rows.nodes.extend(node_rows(tree.append(leaf)))
    moved = {"size": tree.size, "frontier": tree.to_bytes(), "recorded_at": stretch.recorded_at}
    stretch.rows.write(connection, moved)


def is_there(session: Session, place: tuple[int, bytes]) -> bool:
    """Whether the log holds this leaf at this place, once everybody who was appending is done: waits for its head."""
    seq, leaf = place
    session.execute(_HEAD)
    return session.scalar(select(LogEntry.leaf).where(LogEntry.seq == seq)) == leaf


class _Rows:
    """The rows that an append stores, table by table, so that each table needs one statement."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.details: list[dict[str, Any]] = []
        self.nodes: list[dict[str, Any]] = []
        self.terms: list[dict[str, Any]] = []

    def add(self, sealed: entry.Sealed, details: Mapping[str, Any], closed: Sequence[merkle.Closed]) -> None:
        made = sealed.entry
        self.entries.append(_entry_row(sealed))
        self.details.append({"seq": made.seq, "salt": sealed.salt, "details": sealed.details_bytes})
        self.nodes.extend(node_rows(closed))
        self.terms.extend(
            {"name": name, "value": value, "seq": made.seq} for name, value in terms.of(made.object, details)
        )

    def write(self, connection: Connection, head: Mapping[str, Any]) -> None:
        """Store them, entries first because the others point at them, and the head that follows from them."""
        rows = (self.entries, self.details, self.nodes, self.terms)
        if connection.dialect.name == "postgresql":
            in_one.write(connection, rows, head)
            return
        for table, made in zip(in_one.TABLES, rows, strict=True):
            if made:
                insert_into(table, tuple(made[0])).change(connection, made)
        _MOVE_HEAD.change(connection, [head])


def _seal(
    happened: AuditEvent, seq: int, recorded_at: int, actor: Actor, randomness: Callable[[int], bytes]
) -> entry.Sealed:
    occurred = recorded_at if happened.occurred_at is None else milliseconds(happened.occurred_at)
    beside = {"session_hash": actor.session_hash, "network_hash": actor.network_hash}
    trace_id, span_id, parent_span_id = actor.trace_id, actor.span_id, actor.parent_span_id
    if happened.action in HANDED_OUT:
        beside["caused_by"] = f"{trace_id}-{span_id}" if trace_id and span_id else ""
        trace_id, span_id, parent_span_id = randomness(TRACE_BYTES).hex(), randomness(SPAN_BYTES).hex(), ""
    return entry.build(
        event_id=entry.new_event_id(recorded_at, randomness(entry.EVENT_RANDOM_BYTES)),
        seq=seq,
        recorded_at=recorded_at,
        occurred_at=min(occurred, recorded_at),
        action=happened.action,
        outcome=happened.outcome,
        reason=happened.reason,
        actor=actor.account_id,
        agency=actor.agency_id,
        role=actor.role_label,
        acting_for=actor.acting_for,
        channel=str(actor.channel),
        strength=actor.strength,
        object_type=happened.object_type,
        object=happened.object_id,
        object_version=happened.object_version,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        source=SOURCE,
        details={name: value for name, value in beside.items() if value} | happened.details,
        salt=randomness(entry.SALT_BYTES),
    )


def _entry_row(sealed: entry.Sealed) -> dict[str, Any]:
    made = sealed.entry
    return {
        "seq": made.seq,
        "entry": sealed.entry_bytes,
        "leaf": sealed.leaf_hash,
        "recorded_at": datetime.fromtimestamp(made.recorded_at / 1000, UTC),
        "action": made.action,
        "outcome": made.outcome,
        "agency": made.agency,
        "actor": made.actor,
        "object_type": made.object_type,
        "object": made.object,
    }
