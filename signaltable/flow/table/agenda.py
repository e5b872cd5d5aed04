"""The agenda of a meeting: what is on it, what could be added, and its order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, Conflict, NotFound, State, UnusableInput
from signaltable.flow.advice import AdvisedRoute
from signaltable.flow.dossier import (
    advice_at_table,
    forms_at_table,
)
from signaltable.flow.moves import move
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of, record_schedule, seat
from signaltable.models import AgendaItem, Meeting, Note, Signal, SignalMove, Subject, SubjectGroup
from signaltable.queries import resource_of, signal_by_reference
from signaltable.transaction import Transaction

# A meeting that no table could finish; the limit keeps the page small whatever happens.
MOST_ITEMS = 40
MOST_READY = 50

# What may be put on an agenda: looked at, and not yet with a receiver.
READY = (State.TRIAGED, State.ENRICHING, State.WATCH)

UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_SIGNAL = "expected at least one signal"
FULL = "expected fewer signals on one agenda"


@dataclass(frozen=True, slots=True)
class AgendaLine:
    """A signal on the agenda. `gone`: taken back or expired since; nothing more is told of it then."""

    reference: str
    position: int
    state: str
    urgency: str
    forms: tuple[str, ...]
    routes: tuple[AdvisedRoute, ...]
    decision: str
    notes: int
    gone: bool


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """A signal that can be put on the agenda. `several`: more agencies know the subject, so the card names the table."""

    reference: str
    received: datetime
    urgency: str
    forms: tuple[str, ...]
    state: str
    several: bool


@dataclass(frozen=True, slots=True)
class Agenda:
    """A meeting with its signals; `ready` only for whoever makes the agenda."""

    meeting: MeetingLine
    lines: tuple[AgendaLine, ...]
    ready: tuple[ReadyLine, ...]
    may_schedule: bool


def agenda(tx: Transaction, meeting_id: str) -> Agenda:
    """The signals of a meeting in their order, and for the coordinator what could be added."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    lines = tuple(_agenda_lines(tx, meeting))
    plans = isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, seat(tx)), Allowed)
    open_for_more = plans and meeting.held_on >= tx.today
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "agenda", "count": len(lines)},
        signals=[one.reference for one in lines],
    )
    (line,) = meeting_lines(tx, [meeting])
    return Agenda(line, lines, tuple(_ready(tx, meeting)[:MOST_READY]) if open_for_more else (), open_for_more)


def items_of(tx: Transaction, meeting_id: str) -> list[tuple[AgendaItem, Signal]]:
    rows = tx.session.execute(
        select(AgendaItem, Signal)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.meeting_id == meeting_id)
        .order_by(AgendaItem.position, AgendaItem.id),
    ).all()
    return list(rows)


def _agenda_lines(tx: Transaction, meeting: Meeting) -> Iterable[AgendaLine]:
    items = items_of(tx, meeting.id)
    query = (
        select(Note.item_id, func.count())
        .where(Note.item_id.in_([item.id for item, _ in items]))
        .group_by(Note.item_id)
    )
    notes = dict(tx.session.execute(query).all())
    told = forms_at_table(tx, [signal.facts for _, signal in items])
    for (item, signal), forms in zip(items, told, strict=True):
        gone = State(signal.state) in GONE
        yield AgendaLine(
            reference=signal.reference,
            position=item.position,
            state=signal.state,
            urgency=signal.urgency,
            forms=() if gone else forms,
            routes=() if gone else advice_at_table(tx, signal).routes,
            decision=item.decision,
            notes=notes.get(item.id, 0),
            gone=gone,
        )


def _ready(tx: Transaction, meeting: Meeting) -> list[ReadyLine]:
    """What can be put on the agenda: the urgent first, then those that several agencies know, then the oldest."""
    listed = select(AgendaItem.signal_id).where(AgendaItem.meeting_id == meeting.id)
    rows = tx.session.execute(
        select(Signal.id, Signal.reference, Signal.created_at, Signal.urgency, Signal.state, Signal.facts).where(
            Signal.table_id == meeting.table_id,
            Signal.state.in_(READY) | Signal.id.in_(_left_over(tx, meeting)),
            Signal.id.not_in(listed),
        ),
    ).all()
    several = known_to_several(tx, meeting.table_id)
    lines = [
        ReadyLine(
            reference=row.reference,
            received=row.created_at,
            urgency=row.urgency,
            forms=forms,
            state=row.state,
            several=row.id in several,
        )
        for row, forms in zip(rows, forms_at_table(tx, [row.facts for row in rows]), strict=True)
    ]
    return sorted(lines, key=lambda one: (_weight(tx, one.urgency, several=one.several), one.received, one.reference))


def known_to_several(tx: Transaction, table_id: str) -> frozenset[str]:
    """The signals at a table with somebody in them whom another agency knows too, by confirmed links."""
    mine, theirs = aliased(SubjectGroup), aliased(SubjectGroup)
    one, other = aliased(Subject), aliased(Subject)
    first, second = aliased(Signal), aliased(Signal)
    rows = tx.session.scalars(
        select(first.id)
        .join(one, one.signal_id == first.id)
        .join(mine, mine.subject_id == one.id)
        .join(theirs, theirs.group_id == mine.group_id)
        .join(other, other.id == theirs.subject_id)
        .join(second, second.id == other.signal_id)
        .where(first.table_id == table_id, first.owner_agency != second.owner_agency, second.state.not_in(GONE))
        .distinct(),
    )
    return frozenset(rows)


def _left_over(tx: Transaction, meeting: Meeting) -> list[str]:
    """Signals of earlier meetings that were held without a decision, and that no coming meeting has."""
    today = tx.today
    rows = tx.session.execute(
        select(AgendaItem.signal_id, func.max(Meeting.held_on).label("last"))
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(Meeting.table_id == meeting.table_id, Signal.state == State.TABLED, AgendaItem.decision == "")
        .group_by(AgendaItem.signal_id),
    )
    return [row.signal_id for row in rows if row.last < today]


def put_on_agenda(tx: Transaction, meeting_id: str, references: Sequence[str]) -> None:
    """Put signals on the agenda; each becomes "on the table".

    The urgent come first, then those that several agencies know, then in the order given. What is on the agenda already
    keeps the order that somebody gave it. Raises `UnusableInput` for a signal that is not ready, `Conflict` for a meeting that has passed.
    """
    meeting = open_meeting(tx, meeting_id)
    ready = {one.reference for one in _ready(tx, meeting)}
    wanted = list(dict.fromkeys(references))
    if not wanted or set(wanted) - ready:
        raise UnusableInput({"signals": NO_SIGNAL if not wanted else UNKNOWN_CHOICE})
    items = items_of(tx, meeting.id)
    if len(items) + len(wanted) > MOST_ITEMS:
        raise UnusableInput({"signals": FULL})
    several = known_to_several(tx, meeting.table_id)
    order = [(_weight(tx, signal.urgency, several=signal.id in several), item) for item, signal in items]
    for reference in wanted:
        signal = signal_by_reference(tx, reference)
        require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource_of(tx, signal))
        item = AgendaItem(id=tx.new_id(), meeting_id=meeting.id, signal_id=signal.id, position=0)
        tx.session.add(item)
        weight = _weight(tx, signal.urgency, several=signal.id in several)
        place = max((place for place, (before, _) in enumerate(order, start=1) if before <= weight), default=0)
        order.insert(place, (weight, item))
        move(tx, signal, State.TABLED)
    for place, (_, item) in enumerate(order, start=1):
        item.position = place
    record_schedule(tx, meeting, changed=["agenda"], signals=wanted)


def _weight(tx: Transaction, urgency: str, *, several: bool) -> tuple[int, bool]:
    """How early a signal comes, the smallest first: by urgency, and then what several agencies know."""
    known = tx.program.policy.urgencies
    return known[urgency].order if urgency in known else len(known) + 1, not several


def take_off_agenda(tx: Transaction, meeting_id: str, reference: str) -> None:
    """Take a signal off the agenda; it goes back to where it was, unless another meeting still has it.

    Raises `Conflict` when it was decided or discussed already: what was said belongs to that meeting.
    """
    meeting = open_meeting(tx, meeting_id)
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource_of(tx, signal))
    item = item_of(tx, meeting, signal)
    tx.session.refresh(item, with_for_update=True)
    if item.decision:
        raise Conflict("decided", "the table decided on this signal already")
    if tx.session.scalars(select(Note.id).where(Note.item_id == item.id).limit(1)).first():
        raise Conflict("discussed", "the table wrote a note about this signal already")
    tx.session.delete(item)
    tx.session.flush()
    elsewhere = select(AgendaItem.id).where(AgendaItem.signal_id == signal.id, AgendaItem.decision == "").limit(1)
    if State(signal.state) is State.TABLED and tx.session.scalars(elsewhere).first() is None:
        move(tx, signal, _state_before_table(tx, signal))
    record_schedule(tx, meeting, changed=["removed"], signals=[reference])


def _state_before_table(tx: Transaction, signal: Signal) -> State:
    query = select(SignalMove.state_from).where(SignalMove.signal_id == signal.id, SignalMove.state_to == State.TABLED)
    found = tx.session.scalars(query.order_by(SignalMove.at.desc(), SignalMove.id.desc())).first()
    return State(found) if found in READY else State.TRIAGED


def open_meeting(tx: Transaction, meeting_id: str) -> Meeting:
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_SCHEDULE_OWN_TABLE)
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.held_on < tx.today:
        raise Conflict("held", "the meeting was held already")
    return meeting


def reorder(tx: Transaction, meeting_id: str, reference: str, *, up: bool) -> None:
    """Let a signal and its neighbour change places. Nothing happens at an end of the agenda."""
    meeting = open_meeting(tx, meeting_id)
    items = [item for item, _ in items_of(tx, meeting.id)]
    here = items.index(item_of(tx, meeting, signal_by_reference(tx, reference)))
    there = here + (-1 if up else 1)
    if not 0 <= there < len(items):
        return
    items[here].position, items[there].position = items[there].position, items[here].position
    record_schedule(
        tx, meeting, changed=["order"], signals=[signal.reference for _, signal in items_of(tx, meeting.id)]
    )


def item_of(tx: Transaction, meeting: Meeting, signal: Signal) -> AgendaItem:
    query = select(AgendaItem).where(AgendaItem.meeting_id == meeting.id, AgendaItem.signal_id == signal.id)
    found = tx.session.scalars(query).first()
    if found is None:
        raise NotFound("the signal is not on this agenda")
    return found
