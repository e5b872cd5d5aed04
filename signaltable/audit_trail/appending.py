"""Appending: events get their places at the end of the log, in the transaction of what they tell of."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import Table, select, update
from sqlalchemy.orm import Session

from audit import entry, merkle
from signaltable import VERSION
from signaltable.audit_trail import terms
from signaltable.audit_trail.tree import node_rows
from signaltable.db import Base
from signaltable.domain import Actor
from signaltable.models import LogDetail, LogEntry, LogHead, LogNode, LogTerm
from signaltable.trace_context import SPAN_BYTES, TRACE_BYTES

# Which program wrote an entry.
SOURCE = f"signaltable/{VERSION}"
# Sender and receiver of a disclosure get these entries as receipts. A trace is chosen by whoever calls, and may run through
# several disclosures of one signal: by it two receivers could join their lists. So here a trace of its own begins, and
# the details, which no receipt holds, say what it is part of.
HANDED_OUT = frozenset({"signal:disclose", "disclosure:accept", "disclosure:return", "disclosure:feedback"})

_TABLES = tuple(Base.metadata.tables[mapped.__tablename__] for mapped in (LogEntry, LogDetail, LogNode, LogTerm))
_HEAD = select(LogHead.size, LogHead.frontier, LogHead.recorded_at).where(LogHead.id == 1).with_for_update()
_MOVE_HEAD = update(LogHead).where(LogHead.id == 1)


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
) -> None:
    """Give the events their places at the end of the log. Call last: it locks the head until the commit."""
    if not events:
        return
    connection = session.connection()
    head = connection.execute(_HEAD).one()
    tree = merkle.CompactRange.from_bytes(head.frontier) if head.size else merkle.CompactRange()
    recorded_at = max(milliseconds(clock()), head.recorded_at)  # A clock set back must not make the log run back.
    rows = _Rows()
    for seq, happened in enumerate(events, start=head.size):
        sealed = _seal(happened, seq, recorded_at, actor, randomness)
        rows.add(sealed, happened.details, tree.append(sealed.leaf_hash))
    for table, made in rows.by_table():
        connection.execute(table.insert(), made)
    moved = {"size": tree.size, "frontier": tree.to_bytes(), "recorded_at": recorded_at}
    connection.execute(_MOVE_HEAD, moved)


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

    def by_table(self) -> Iterator[tuple[Table, list[dict[str, Any]]]]:
        """The tables that get rows; entries first, because the others point at them."""
        for table, rows in zip(_TABLES, (self.entries, self.details, self.nodes, self.terms), strict=True):
            if rows:
                yield table, rows


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
