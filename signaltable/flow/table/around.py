"""What stands around an agenda: what earlier meetings asked, minutes that wait, and how far this meeting is itself."""

from dataclasses import dataclass
from datetime import date

from signaltable.access import Allowed, Permission, may
from signaltable.flow.table.meetings import meeting_of
from signaltable.flow.table.minutes import state_of
from signaltable.flow.table.minutes_work import on_agenda
from signaltable.flow.table.task_lines import TaskLine, lines_of
from signaltable.flow.table.task_lists import followed
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Around:
    """`followed`: open tasks of earlier meetings. `to_approve`: id, title and day of minutes that this meeting can approve.

    `minutes`: how far the minutes of this meeting are, empty when this reader has none.
    """

    followed: tuple[TaskLine, ...]
    to_approve: tuple[tuple[str, str, date], ...]
    minutes: str
    leads: bool
    closed: bool
    may_close: bool


def around(tx: Transaction, meeting_id: str) -> Around:
    """What belongs to a meeting besides its cases; recorded when there are tasks, which name cases."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    lines = lines_of(tx, followed(tx, meeting))
    if lines:
        tx.record(
            "table:consult",
            object_type="meeting",
            object_id=meeting.id,
            details={"meeting": meeting.id, "view": "followed", "count": len(lines)},
            signals=list(dict.fromkeys(one.reference for one in lines)),
        )
    leads = isinstance(may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE), Allowed)
    closed = meeting.closed_at is not None or meeting.cancelled_at is not None
    return Around(
        followed=lines,
        to_approve=on_agenda(tx, meeting),
        minutes=state_of(tx, meeting_id),
        leads=leads,
        closed=closed,
        may_close=leads and not closed and meeting.held_on <= tx.today,
    )
