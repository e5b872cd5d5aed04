"""Ending a stuck case, and the one open row that a case can have."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select

from signaltable.domain import ENDED as ENDED_STATES
from signaltable.domain import State
from signaltable.escalation_rules import ACCEPTED, ENDED
from signaltable.models import Escalation, MissedDate, Signal
from signaltable.stuck import Missed, ends_by_acceptance
from signaltable.transaction import Transaction

COORDINATOR, TABLE = "coordinator", "table"


def open_of(tx: Transaction, signal_id: str, *, locked: bool = False) -> Escalation | None:
    """The escalation of this case that is not settled, if there is one."""
    query = select(Escalation).where(Escalation.signal_id == signal_id, Escalation.settled_at.is_(None))
    return tx.session.scalars(query.with_for_update() if locked else query).first()


def open_ones(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, Escalation]:
    """Signal id -> its escalation that is not settled; cases without one are missing."""
    query = select(Escalation).where(Escalation.signal_id.in_(signal_ids), Escalation.settled_at.is_(None))
    return {row.signal_id: row for row in tx.session.scalars(query)}


def is_stuck(tx: Transaction, signal_id: str) -> bool:
    """Whether the case is stuck now: what the fact `stuck` of the meldroutekaart says."""
    query = select(Escalation.id).where(Escalation.signal_id == signal_id, Escalation.settled_at.is_(None))
    return tx.session.scalar(query.limit(1)) is not None


def close(tx: Transaction, signal: Signal, row: Escalation, result: str, **details: Any) -> None:
    """Write down how it ended, and record it. Without an account it was the program that saw it end."""
    row.settled_at, row.result = tx.now, result
    row.version += 1
    tx.record(
        "escalation:settle",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "result": result, "escalation": row.id, **details},
    )


def end_with(tx: Transaction, signal: Signal) -> None:
    """End what is over by itself: a receiver accepted the case, or its life has ended. For whoever moves a signal."""
    state = State(signal.state)
    if state is not State.ACCEPTED and state not in ENDED_STATES:
        return
    row = open_of(tx, signal.id, locked=True)
    if row is None:
        return
    if state in ENDED_STATES:
        close(tx, signal, row, ENDED)
    elif ends_by_acceptance(row.cause, missed_since(tx, row)):
        close(tx, signal, row, ACCEPTED)


def missed_since(tx: Transaction, row: Escalation) -> tuple[Missed, ...]:
    """The missed dates behind one escalation."""
    return missed_behind(tx, [row])[row.id]


def missed_behind(tx: Transaction, rows: Sequence[Escalation]) -> dict[str, tuple[Missed, ...]]:
    """Escalation -> the missed dates that were noted from when its case was last settled before it, until it was settled."""
    cases = {row.signal_id for row in rows}
    dates: dict[str, list[MissedDate]] = defaultdict(list)
    query = select(MissedDate).where(MissedDate.signal_id.in_(cases))
    for one in tx.lists.scalars(query.order_by(MissedDate.due_on, MissedDate.kind, MissedDate.object_id)):
        dates[one.signal_id].append(one)
    ends: dict[str, list[datetime]] = defaultdict(list)
    for end in tx.lists.execute(
        select(Escalation.signal_id, Escalation.settled_at).where(
            Escalation.signal_id.in_(cases), Escalation.settled_at.is_not(None)
        )
    ):
        ends[end.signal_id].append(end.settled_at)
    return {row.id: tuple(_between(row, dates[row.signal_id], ends[row.signal_id])) for row in rows}


def _between(row: Escalation, dates: Iterable[MissedDate], ends: Iterable[datetime]) -> Iterator[Missed]:
    before = max((end for end in ends if end < row.opened_at), default=None)
    for one in dates:
        after = before is None or one.noted_at > before
        if after and (row.settled_at is None or one.noted_at <= row.settled_at):
            yield Missed(one.due_on, one.kind, one.object_id)
