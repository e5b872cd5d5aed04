"""Ending a meeting: what was not decided is left over, and the minutes are made of what the meeting left."""

from dataclasses import dataclass

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.domain import Conflict, State, UnusableInput
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of
from signaltable.flow.table.minutes import lay_down
from signaltable.flow.table.minutes_parts import PRESENT, all_items
from signaltable.models import AgendaItem, Attendance, Meeting, Signal
from signaltable.queries import mine
from signaltable.transaction import Transaction

NOT_DECIDED = "expected a decision on every case, or that the rest is left over"


@dataclass(frozen=True, slots=True)
class Closing:
    """What closing a meeting would do. `left_over`: references without a decision; `unseen`: how many of others."""

    meeting: MeetingLine
    decided: int
    left_over: tuple[str, ...]
    unseen: int
    present: int
    closed: bool
    early: bool

    @property
    def undecided(self) -> int:
        """How many cases have no decision, those that the reader does not see too."""
        return len(self.left_over) + self.unseen


def consult(tx: Transaction, meeting_id: str) -> Closing:
    """What closing this meeting would leave over, for who leads the table; recorded."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_MINUTE_OWN_TABLE)
    items = all_items(tx, meeting.id)
    undecided = [signal for item, signal in items if _is_left_over(meeting, item, signal)]
    hidden = mine(tx)
    seen = tuple(signal.reference for signal in undecided if signal.id not in hidden)
    present = select(Attendance.account_id).where(Attendance.meeting_id == meeting.id, Attendance.presence == PRESENT)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "closing", "count": len(seen)},
        signals=list(seen),
    )
    (line,) = meeting_lines(tx, [meeting])
    return Closing(
        meeting=line,
        decided=sum(1 for item, _signal in items if item.decision),
        left_over=seen,
        unseen=len(undecided) - len(seen),
        present=len(tx.session.scalars(present).all()),
        closed=meeting.closed_at is not None or meeting.cancelled_at is not None,
        early=meeting.held_on > tx.today,
    )


def _is_left_over(meeting: Meeting, item: AgendaItem, signal: Signal) -> bool:
    at_this_table = signal.table_id == meeting.table_id
    return not item.decision and State(signal.state) is State.TABLED and at_this_table


def close(tx: Transaction, meeting_id: str, *, leave_over: bool = False) -> None:
    """Close a meeting and make its minutes as a draft. Cases without a decision are left over when that is said.

    They stay on the table and can go on the next agenda. Raises `UnusableInput` (leave_over) when there are such cases
    and it was not said, `Conflict` when it is closed already (closed) or has yet to be held (early).
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_MINUTE_OWN_TABLE)
    tx.session.refresh(meeting, with_for_update=True)
    _may_be_closed(tx, meeting)
    left = [signal.reference for item, signal in all_items(tx, meeting.id) if _is_left_over(meeting, item, signal)]
    if left and not leave_over:
        raise UnusableInput({"leave_over": NOT_DECIDED})
    meeting.closed_at = tx.now
    lay_down(tx, meeting, left_over=left)


def _may_be_closed(tx: Transaction, meeting: Meeting) -> None:
    if meeting.closed_at is not None or meeting.cancelled_at is not None:
        raise Conflict("closed", "the meeting was closed or cancelled already")
    if meeting.held_on > tx.today:
        raise Conflict("early", "the meeting has yet to be held")
