"""The meeting on a projector: one case per page in the order of the agenda, for everybody who is present.

A reader who is kept from a case has a sequence without it: no number leads there. Who is present and is kept from the next
case has to leave the room before it is shown, so the page says that first.
"""

from dataclasses import dataclass
from datetime import date

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, NotFound, State
from signaltable.flow.table.item import ItemView, view_item
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of
from signaltable.flow.table.minutes_parts import all_items, in_the_room
from signaltable.flow.table.tasks import default_day
from signaltable.models import AgendaItem, Meeting, Signal
from signaltable.queries import kept_from_signal, mine, resource_of
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Leaving:
    """Somebody who has to leave the room before a case is shown."""

    name: str
    agency: str


@dataclass(frozen=True, slots=True)
class ScreenStep:
    """One case in the reader's own sequence, from 1 to `of`. `unseen`: how many cases of the agenda are not in it."""

    number: int
    of: int
    reference: str
    gone: bool
    unseen: int
    leaving: tuple[Leaving, ...]


@dataclass(frozen=True, slots=True)
class ScreenView:
    """One case in front of everybody, or only who has to leave (`view` is None then, and when the signal is gone)."""

    step: ScreenStep
    meeting: MeetingLine
    view: ItemView | None
    suggested_day: date


@dataclass(frozen=True, slots=True)
class ScreenEnd:
    """What there is to do after the last case. `undecided`: number and reference of what has no decision yet."""

    meeting: MeetingLine
    of: int
    undecided: tuple[tuple[int, str], ...]
    unseen: int
    may_close: bool
    closed: bool


def show(tx: Transaction, meeting_id: str, number: int, *, room_is_clear: bool = False) -> ScreenView:
    """The case at this place of the reader's sequence, as everybody present may read it; recorded.

    `room_is_clear`: somebody said that those who are kept from it have left. Raises `NotFound` beyond the last case.
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    sequence = _sequence(tx, meeting)
    if not 1 <= number <= len(sequence):
        raise NotFound("the meeting has no case with this number")
    signal = sequence[number - 1][1]
    step = _step(tx, meeting, number, len(sequence), signal)
    (line,) = meeting_lines(tx, [meeting])
    if step.gone or (step.leaving and not room_is_clear):
        if not step.gone:
            require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, resource_of(tx, signal))
        _record(tx, meeting, "screen_before", [signal.reference])
        return ScreenView(step, line, None, default_day(tx))
    return ScreenView(step, line, view_item(tx, meeting_id, signal.reference, "screen"), default_day(tx))


def number_of(tx: Transaction, meeting_id: str, reference: str) -> int:
    """At which place of the reader's sequence a case stands. Raises `NotFound` when it is not in it."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    for number, (_item, signal) in enumerate(_sequence(tx, meeting), start=1):
        if signal.reference == reference:
            return number
    raise NotFound("the signal is not on this agenda")


def after(tx: Transaction, meeting_id: str, reference: str) -> int | None:
    """The place of the case that follows in the reader's sequence; None after the last. Raises `NotFound`."""
    number = number_of(tx, meeting_id, reference)
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    return number + 1 if number < len(_sequence(tx, meeting)) else None


def _sequence(tx: Transaction, meeting: Meeting) -> list[tuple[AgendaItem, Signal]]:
    hidden = mine(tx)
    return [(item, signal) for item, signal in all_items(tx, meeting.id) if signal.id not in hidden]


def _step(tx: Transaction, meeting: Meeting, number: int, of: int, signal: Signal) -> ScreenStep:
    kept = kept_from_signal(tx, signal.id)
    room = in_the_room(tx, meeting.id) if kept else {}
    return ScreenStep(
        number=number,
        of=of,
        reference=signal.reference,
        gone=State(signal.state) in GONE or signal.table_id != meeting.table_id,
        unseen=len(all_items(tx, meeting.id)) - of,
        leaving=tuple(Leaving(*room[account]) for account in room if account in kept),
    )


def end(tx: Transaction, meeting_id: str) -> ScreenEnd:
    """What is left after the last case: what has no decision, and closing the meeting. Recorded."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    sequence = _sequence(tx, meeting)
    waiting = tuple(
        (number, signal.reference)
        for number, (item, signal) in enumerate(sequence, start=1)
        if not item.decision and State(signal.state) is State.TABLED and signal.table_id == meeting.table_id
    )
    _record(tx, meeting, "screen_end", [reference for _number, reference in waiting])
    (line,) = meeting_lines(tx, [meeting])
    closed = meeting.closed_at is not None or meeting.cancelled_at is not None
    leads = isinstance(may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE), Allowed)
    return ScreenEnd(
        meeting=line,
        of=len(sequence),
        undecided=waiting,
        unseen=len(all_items(tx, meeting.id)) - len(sequence),
        may_close=leads and not closed and meeting.held_on <= tx.today,
        closed=closed,
    )


def _record(tx: Transaction, meeting: Meeting, view: str, references: list[str]) -> None:
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": view, "count": len(references)},
        signals=references,
    )
