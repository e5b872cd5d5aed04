"""What clocks did to a case, for its course: it was stuck, went to the table and moved again, and was kept longer.

And what stays of that when the case is erased.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update

from signaltable.flow.postponements import KEPT, erase_reasons
from signaltable.models import Escalation, Postponement, Recusal, ReflectionPeriod, Signal
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class ClockEvent:
    """`kind` is stuck (code: the cause), stuck_table, unstuck (code: the result) or kept (code: until which day)."""

    at: datetime
    kind: str
    code: str


def clock_events(tx: Transaction, signal_id: str) -> Iterator[ClockEvent]:
    """All of one case. No reasons: those stay with whoever gave them."""
    for row in tx.session.scalars(select(Escalation).where(Escalation.signal_id == signal_id)):
        yield ClockEvent(row.opened_at, "stuck", row.cause)
        if row.raised_at is not None:
            yield ClockEvent(row.raised_at, "stuck_table", row.cause)
        if row.settled_at is not None:
            yield ClockEvent(row.settled_at, "unstuck", row.result)
    kept = select(Postponement.at, Postponement.until).where(
        Postponement.signal_id == signal_id, Postponement.kind == KEPT
    )
    for put_off in tx.session.execute(kept):
        yield ClockEvent(put_off.at, "kept", put_off.until.isoformat())


def erase_of(tx: Transaction, signal: Signal) -> None:
    """What clocks keep about a signal that is erased: that it was stuck, kept longer, or reflected on; no word of why."""
    escalations = update(Escalation).where(Escalation.signal_id == signal.id)
    tx.session.execute(escalations.values(reason=""))
    erase_reasons(tx, signal)
    tx.session.execute(update(Recusal).where(Recusal.signal_id == signal.id).values(reason_sealed=b""))
    running = update(ReflectionPeriod).where(
        ReflectionPeriod.signal_id == signal.id, ReflectionPeriod.ended_on.is_(None)
    )
    tx.session.execute(running.values(ended_on=tx.today))
