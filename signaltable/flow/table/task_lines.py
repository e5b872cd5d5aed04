"""How a task of the table reads in a list, an agenda, the minutes or on the screen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from signaltable.models import AgendaItem, Meeting, MeetingTask, Signal
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class TaskLine:
    """A task in a list. `text` is empty when the task is the decision itself, which `decision` then names."""

    id: str
    reference: str
    agency: str
    text: str
    decision: str
    destinations: tuple[str, ...]
    due_on: date
    late: bool
    meeting_id: str
    meeting: str
    held_on: date
    postponed: int
    result: str
    answer: str
    settled_at: datetime | None
    version: int


def lines_of(tx: Transaction, tasks: Iterable[MeetingTask]) -> tuple[TaskLine, ...]:
    """Tasks as lists show them, in the order given. The caller asked the gate and left out what nobody may see."""
    rows = list(tasks)
    found = {
        row.AgendaItem.id: row
        for row in tx.session.execute(
            select(AgendaItem, Meeting, Signal)
            .join(Meeting, Meeting.id == AgendaItem.meeting_id)
            .join(Signal, Signal.id == AgendaItem.signal_id)
            .where(AgendaItem.id.in_(sorted({task.item_id for task in rows})))
        )
    }
    titles = agency_titles(tx)
    return tuple(_line(tx, task, *found[task.item_id], titles.get(task.agency_id, "")) for task in rows)


def _line(
    tx: Transaction, task: MeetingTask, item: AgendaItem, meeting: Meeting, signal: Signal, agency: str
) -> TaskLine:
    advised = () if task.text else signal.advice.get("table", {}).get(item.id, ())
    return TaskLine(
        id=task.id,
        reference=signal.reference,
        agency=agency,
        text=task.text,
        decision="" if task.text else item.decision,
        destinations=tuple(advised),
        due_on=task.due_on,
        late=task.settled_at is None and task.due_on < tx.today,
        meeting_id=meeting.id,
        meeting=meeting.title,
        held_on=meeting.held_on,
        postponed=task.postponed,
        result=task.result,
        answer=task.answer,
        settled_at=task.settled_at,
        version=task.version,
    )
