"""What waits for who leads a table around its minutes: meetings to close, drafts to share, shared ones to approve."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time

from sqlalchemy import select

from signaltable.flow.table.minutes import DRAFT, SHARED
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import AgendaItem, Meeting, Minutes
from signaltable.queries import tables_of
from signaltable.transaction import Transaction

# To be looked at in one meeting.
MOST_ON_AGENDA = 25


def on_agenda(tx: Transaction, meeting: Meeting) -> tuple[tuple[str, str, date], ...]:
    """The shared minutes of earlier meetings of the same table: id, title, day. The caller asked the gate."""
    rows = tx.session.execute(
        select(Meeting.id, Meeting.title, Meeting.held_on)
        .join(Minutes, Minutes.meeting_id == Meeting.id)
        .where(
            Meeting.table_id == meeting.table_id,
            Meeting.held_on <= meeting.held_on,
            Meeting.id != meeting.id,
            Minutes.state == SHARED,
        )
        .order_by(Meeting.held_on, Meeting.id)
        .limit(MOST_ON_AGENDA),
    )
    return tuple((row.id, row.title, row.held_on) for row in rows)


def to_close(tx: Transaction) -> Iterable[WorkItem]:
    """Meetings of the actor's tables that were held and not closed; for who may close them."""
    rows = tx.lists.scalars(
        select(Meeting)
        .where(
            Meeting.table_id.in_(tables_of(tx, tx.actor.agency_id)),
            Meeting.held_on < tx.today,
            Meeting.closed_at.is_(None),
            Meeting.cancelled_at.is_(None),
            select(AgendaItem.id).where(AgendaItem.meeting_id == Meeting.id).exists(),
        )
        .order_by(Meeting.held_on, Meeting.id)
        .limit(MOST),
    )
    for meeting in rows:
        yield WorkItem("closing", meeting.id, meeting.title, datetime.combine(meeting.held_on, time.min, UTC))


def to_share(tx: Transaction) -> Iterable[WorkItem]:
    """Minutes of the actor's tables that are a draft; for who may share them."""
    for minutes, meeting in _minutes(tx, DRAFT):
        yield WorkItem("minutes", meeting.id, meeting.title, minutes.made_at)


def to_approve(tx: Transaction) -> Iterable[WorkItem]:
    """Minutes of the actor's tables that were shared, once the table meets again; for who may record the approval."""
    newest = {table: _last_held(tx, table) for table in tables_of(tx, tx.actor.agency_id)}
    for minutes, meeting in _minutes(tx, SHARED):
        if (newest.get(meeting.table_id) or meeting.held_on) > meeting.held_on:
            yield WorkItem("approving", meeting.id, meeting.title, minutes.shared_at or minutes.made_at)


def _last_held(tx: Transaction, table_id: str) -> date | None:
    """The last day until today on which a table met; None when it never did."""
    query = select(Meeting.held_on).where(
        Meeting.table_id == table_id, Meeting.held_on <= tx.today, Meeting.cancelled_at.is_(None)
    )
    return tx.lists.scalar(query.order_by(Meeting.held_on.desc(), Meeting.id.desc()).limit(1))


def _minutes(tx: Transaction, state: str) -> Iterable[tuple[Minutes, Meeting]]:
    rows = tx.lists.execute(
        select(Minutes, Meeting)
        .join(Meeting, Meeting.id == Minutes.meeting_id)
        .where(Meeting.table_id.in_(tables_of(tx, tx.actor.agency_id)), Minutes.state == state)
        .order_by(Meeting.held_on, Meeting.id)
        .limit(MOST),
    )
    return [(row.Minutes, row.Meeting) for row in rows]
