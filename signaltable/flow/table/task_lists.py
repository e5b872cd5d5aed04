"""Lists of tasks: the own agency's, those of a table, those that the next meeting looks at, and what is open for a person."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, select, tuple_

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, NotFound
from signaltable.flow import places
from signaltable.flow.table.task_lines import TaskLine, lines_of
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import AgendaItem, Meeting, MeetingTask, Signal
from signaltable.queries import PAGE, PageKey, newest_first, not_kept_from, tables_of
from signaltable.transaction import Transaction

# Whose tasks a list shows, and which of them.
OWN, TABLE = "own", "table"
OPEN, LATE, SETTLED = "open", "late", "settled"
STATES: Final = (OPEN, LATE, SETTLED)
# What a meeting can look back at in one sitting; the list of tasks has the rest.
MOST_FOLLOWED: Final = 60


@dataclass(frozen=True, slots=True)
class TaskList:
    """A page of tasks, the first due first (settled ones the last settled first). `sides` are the lists this person has."""

    lines: tuple[TaskLine, ...]
    sides: tuple[str, ...]
    following: PageKey | None


def listing(tx: Transaction, *, side: str = OWN, state: str = OPEN, after: PageKey | None = None) -> TaskList:
    """Tasks of the own agency, or of all tables that the actor leads. Raises `Refused` and, for another list, `NotFound`."""
    sides = sides_of(tx)
    if not sides:
        require(tx.actor, Permission.TASK_SETTLE_OWN)
    chosen = side if side in sides else sides[0]
    if side not in (OWN, TABLE) or state not in STATES:
        raise NotFound("no such list")
    query = _of_side(tx, chosen)
    if state == SETTLED:
        done = query.where(MeetingTask.settled_at.is_not(None), _among(tx, chosen, "tasks-settled", after, newest=True))
        rows, following = newest_first(tx, done, MeetingTask.settled_at, MeetingTask.id, after)
    else:
        end = datetime.combine(tx.today, time.min, UTC) if state == LATE else None
        rows, following = _open(tx, query.where(_among(tx, chosen, "tasks", after, before=end)), after)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "tasks", "count": len(rows)},
    )
    return TaskList(lines_of(tx, rows), sides, following)


def sides_of(tx: Transaction) -> tuple[str, ...]:
    """Which lists of tasks the actor's roles open."""
    own = isinstance(may(tx.actor, Permission.TASK_SETTLE_OWN), Allowed)
    leads = isinstance(may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE), Allowed)
    return ((OWN,) if own else ()) + ((TABLE,) if leads else ())


def _among(tx: Transaction, side: str, name: str, after: PageKey | None, **options: Any) -> ColumnElement[bool]:
    """Whether a task is among those that a page can hold."""
    if side == OWN:
        first = places.of_own_agency(tx, (name,), PAGE + 1, after=after, **options)
    else:
        first = places.at_own_tables(tx, (f"{name}-table",), PAGE + 1, after=after, **options)
    return MeetingTask.id.in_(select(first.c.object_id))


def _of_side(tx: Transaction, side: str) -> Select[Any]:
    query = (
        select(MeetingTask)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(Signal.state.not_in(GONE), not_kept_from(tx, MeetingTask.signal_id))
    )
    if side == OWN:
        return query.where(MeetingTask.agency_id == tx.actor.agency_id)
    return query.where(Signal.table_id.in_(tables_of(tx, tx.actor.agency_id)))


def _open(tx: Transaction, query: Select[Any], after: PageKey | None) -> tuple[list[MeetingTask], PageKey | None]:
    query = query.where(MeetingTask.settled_at.is_(None))
    if after is not None:
        query = query.where(tuple_(MeetingTask.due_on, MeetingTask.id) > (after[0].date(), after[1]))
    found = tx.lists.scalars(query.order_by(MeetingTask.due_on, MeetingTask.id).limit(PAGE + 1))
    rows = list(found)
    last = rows[PAGE - 1] if len(rows) > PAGE else None
    return rows[:PAGE], (datetime.combine(last.due_on, time.min, UTC), last.id) if last else None


def followed(tx: Transaction, meeting: Meeting) -> list[MeetingTask]:
    """The tasks of earlier meetings of this table that are open, without those the actor is kept from."""
    query = of_earlier(meeting).where(MeetingTask.settled_at.is_(None), not_kept_from(tx, MeetingTask.signal_id))
    return list(tx.session.scalars(query.limit(MOST_FOLLOWED)))


def of_earlier(meeting: Meeting) -> Select[Any]:
    """All tasks that meetings before this one made about signals that are at this table now; a case takes its tasks along."""
    mine = (meeting.held_on, meeting.begins, meeting.created_at)
    return (
        select(MeetingTask)
        .join(AgendaItem, AgendaItem.id == MeetingTask.item_id)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(
            Signal.table_id == meeting.table_id,
            Meeting.id != meeting.id,
            tuple_(Meeting.held_on, Meeting.begins, Meeting.created_at) <= mine,
            Signal.state.not_in(GONE),
        )
        .order_by(MeetingTask.due_on, MeetingTask.id)
    )


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The open tasks of the actor's agency, for whoever may settle them."""
    first = places.of_own_agency(tx, ("tasks",), MOST)
    rows = tx.lists.execute(
        select(MeetingTask, Signal.reference)
        .join(first, first.c.object_id == MeetingTask.id)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(
            MeetingTask.agency_id == tx.actor.agency_id,
            MeetingTask.settled_at.is_(None),
            Signal.state.not_in(GONE),
            not_kept_from(tx, MeetingTask.signal_id),
        )
        .order_by(MeetingTask.due_on, MeetingTask.id)
    )
    for task, reference in rows:
        yield WorkItem("tasks", task.id, reference, task.made_at, task.due_on, about=(task.signal_id,))
