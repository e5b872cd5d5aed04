"""Own signals that the table advises to refer: they stay at the table until their owner discloses something of them."""

from collections.abc import Iterable

from sqlalchemy import exists, select

from signaltable.domain import Decision, State
from signaltable.flow import places
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.models import AgendaItem, MeetingTask, Signal
from signaltable.transaction import Transaction


def work(tx: Transaction) -> Iterable[WorkItem]:
    """Each such signal of the actor's agency once, with the day of the last advice."""
    first = places.of_own_agency(tx, ("referrals",), MOST, newest=True)
    query = (
        select(Signal.id, Signal.reference, Signal.urgency, AgendaItem.decided_at, AgendaItem.due_on)
        .join(AgendaItem, AgendaItem.signal_id == Signal.id)
        .join(first, first.c.object_id == AgendaItem.id)
        .where(
            Signal.owner_agency == tx.actor.agency_id,
            Signal.state == State.TABLED,
            AgendaItem.decision == Decision.REFER,
            # Where the table gave the owner a task with it, that task is on the list.
            ~exists().where(
                MeetingTask.item_id == AgendaItem.id,
                MeetingTask.agency_id == tx.actor.agency_id,
                MeetingTask.settled_at.is_(None),
            ),
        )
        .order_by(AgendaItem.decided_at.desc(), AgendaItem.id)
    )
    met = set()
    for row in tx.lists.execute(query):
        if row.id in met:
            continue
        met.add(row.id)
        since = row.decided_at or tx.now
        urgent = is_pressing(tx, row.urgency)
        yield WorkItem("referrals", row.reference, row.reference, since, row.due_on, urgent, (row.id,))
