"""The agenda of a meeting: what is on it, what the rules propose to add, and its order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.agenda import Proposal, fitting
from signaltable.domain import GONE, Conflict, DisclosureState, NotFound, State, UnusableInput
from signaltable.flow import searching
from signaltable.flow.advice import AdvisedRoute
from signaltable.flow.dossier import (
    advice_at_table,
    forms_at_table,
)
from signaltable.flow.moves import DISCLOSED, back_from_table, move
from signaltable.flow.table import overlap, proposing
from signaltable.flow.table.meetings import MeetingLine, coming_meeting, meeting_lines, meeting_of, record_schedule
from signaltable.flow.table.meetings import resource_of_meeting as _gate
from signaltable.models import AgendaItem, Disclosure, Meeting, Note, Signal, SignalMove
from signaltable.queries import mine, resource_of, signal_by_reference
from signaltable.transaction import Transaction, in_whole

# A meeting that no table could finish; the limit keeps the page small whatever happens.
MOST_ITEMS = 40
MOST_READY = 50

# What may be put on an agenda (flow/table/proposing.py).
READY = proposing.READY

UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_SIGNAL = "expected at least one signal"
FULL = "expected fewer signals on one agenda"


@dataclass(frozen=True, slots=True)
class AgendaLine:
    """A signal on the agenda. `gone`: taken back or expired since, or at another table now (`moved`); nothing more is
    told of it then. `reasons` are the rules for which it was put here, `elsewhere` other tables with the same subject.
    """

    reference: str
    position: int
    state: str
    urgency: str
    forms: tuple[str, ...]
    routes: tuple[AdvisedRoute, ...]
    decision: str
    notes: int
    gone: bool
    moved: bool = False
    reasons: tuple[str, ...] = ()
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadyLine:
    """A signal that can be put on the agenda. `several`: more agencies know the subject, so the card names the table.

    `reasons` are the rules of policies/agenda.toml that hold; `proposed`: it fits in the time of the meeting.
    """

    reference: str
    received: datetime
    urgency: str
    forms: tuple[str, ...]
    state: str
    several: bool
    reasons: tuple[str, ...] = ()
    proposed: bool = False
    elsewhere: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agenda:
    """A meeting with its signals; `ready` only for whoever makes the agenda, and `more` are ready beyond those.

    `places` is how many more signals fit in the time of the meeting.
    """

    meeting: MeetingLine
    lines: tuple[AgendaLine, ...]
    ready: tuple[ReadyLine, ...]
    may_schedule: bool
    more: int = 0
    places: int = 0


def agenda(tx: Transaction, meeting_id: str) -> Agenda:
    """The signals of a meeting in their order, and for the coordinator what could be added, as the rules propose it."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    lines = tuple(_agenda_lines(tx, meeting))
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "agenda", "count": len(lines)},
        signals=[one.reference for one in lines],
    )
    (line,) = meeting_lines(tx, [meeting])
    plans = isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, _gate(tx, meeting)), Allowed)
    if not plans or meeting.held_on < tx.today or meeting.cancelled_at is not None or meeting.closed_at is not None:
        return Agenda(line, lines, (), may_schedule=False)
    shown, ready = proposing.first(tx, meeting, MOST_READY)
    places = proposing.room(tx, meeting, sum(1 for one in lines if not one.gone and not one.decision))
    return Agenda(
        line,
        lines,
        tuple(_ready_lines(tx, shown, fitting([proposal for _row, proposal in shown], places))),
        may_schedule=True,
        more=ready - len(shown),
        places=places,
    )


@in_whole("an agenda keeps its line of what went to another table, and tells nothing else of it")
def items_of(tx: Transaction, meeting_id: str) -> list[tuple[AgendaItem, Signal]]:
    rows = tx.session.execute(
        select(AgendaItem, Signal)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.meeting_id == meeting_id)
        .order_by(AgendaItem.position, AgendaItem.id),
    ).all()
    return [(item, signal) for item, signal in rows]


def _visible(tx: Transaction, meeting: Meeting) -> list[tuple[AgendaItem, Signal]]:
    """The items without those of cases in which the actor has a conflict of interest."""
    hidden = mine(tx)
    return [(item, signal) for item, signal in items_of(tx, meeting.id) if signal.id not in hidden]


def _agenda_lines(tx: Transaction, meeting: Meeting) -> Iterable[AgendaLine]:
    items = _visible(tx, meeting)
    query = (
        select(Note.item_id, func.count())
        .where(Note.item_id.in_([item.id for item, _ in items]))
        .group_by(Note.item_id)
    )
    with tx.whole("an agenda keeps its line of what went to another table, and tells nothing else of it"):
        notes = dict(tx.session.execute(query).all())
    told = forms_at_table(tx, [signal.facts for _, signal in items])
    elsewhere = overlap.elsewhere(tx, [signal.id for _, signal in items])
    for (item, signal), forms in zip(items, told, strict=True):
        moved = signal.table_id != meeting.table_id
        gone = moved or State(signal.state) in GONE
        yield AgendaLine(
            reference=signal.reference,
            position=item.position,
            state="" if moved else signal.state,
            urgency="" if moved else signal.urgency,
            forms=() if gone else forms,
            routes=() if gone else advice_at_table(tx, signal).routes,
            decision=item.decision,
            notes=notes.get(item.id, 0),
            gone=gone,
            moved=moved,
            reasons=() if gone else tuple(item.proposed_for),
            elsewhere=() if gone else elsewhere.get(signal.id, ()),
        )


def _ready_lines(
    tx: Transaction, ready: Sequence[tuple[Row[Any], Proposal]], proposed: Sequence[str]
) -> Iterable[ReadyLine]:
    ids = [row.id for row, _ in ready]
    several, facts = proposing.known_to_several(tx, ids), proposing.facts_of(tx, ids)
    elsewhere = overlap.elsewhere(tx, ids)
    told = forms_at_table(tx, [facts[one] for one in ids])
    for (row, proposal), forms in zip(ready, told, strict=True):
        yield ReadyLine(
            reference=row.reference,
            received=row.created_at,
            urgency=row.urgency,
            forms=forms,
            state=row.state,
            several=row.id in several,
            reasons=proposal.reasons,
            proposed=row.reference in proposed,
            elsewhere=elsewhere.get(row.id, ()),
        )


def put_on_agenda(tx: Transaction, meeting_id: str, references: Sequence[str]) -> None:
    """Put signals on the agenda; each becomes "on the table", and the reasons for which it came stay with it.

    The heaviest by the rules come first, then in the order given. What is on the agenda already keeps the order that
    somebody gave it. Raises `UnusableInput` for a signal that is not ready, `Conflict` for a meeting that has passed.
    """
    meeting = coming_meeting(tx, meeting_id)
    wanted = list(dict.fromkeys(references))
    can_come = proposing.ready_of(tx, meeting, wanted)
    ready = {one.reference: one for one in proposing.proposals(tx, meeting.table_id, can_come)}
    if not wanted or set(wanted) - set(ready):
        raise UnusableInput({"signals": NO_SIGNAL if not wanted else UNKNOWN_CHOICE})
    order = _weighed(tx, meeting)
    if len(order) + len(wanted) > MOST_ITEMS:
        raise UnusableInput({"signals": FULL})
    for reference in wanted:
        signal = signal_by_reference(tx, reference)
        require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource_of(tx, signal))
        proposal = ready[reference]
        item = AgendaItem(
            id=tx.new_id(),
            meeting_id=meeting.id,
            signal_id=signal.id,
            position=0,
            proposed_for=list(proposal.reasons),
        )
        tx.session.add(item)
        place = max((place for place, (before, _) in enumerate(order, start=1) if before >= proposal.weight), default=0)
        order.insert(place, (proposal.weight, item))
        move(tx, signal, State.TABLED)
        searching.again(tx, signal)
    for place, (_, item) in enumerate(order, start=1):
        item.position = place
    record_schedule(tx, meeting, changed=["agenda"], signals=wanted)


def _weighed(tx: Transaction, meeting: Meeting) -> list[tuple[int, AgendaItem]]:
    """What is on the agenda in its order, with how much the rules give each now."""
    items = items_of(tx, meeting.id)
    rows = proposing.rows_of(tx, [signal.id for _, signal in items])
    weights = {one.reference: one.weight for one in proposing.proposals(tx, meeting.table_id, rows)}
    return [(weights.get(signal.reference, 0), item) for item, signal in items]


def take_off_agenda(tx: Transaction, meeting_id: str, reference: str) -> None:
    """Take a signal off the agenda; it goes back to where it was, unless another meeting still has it.

    Raises `Conflict` when it was decided or discussed already: what was said belongs to that meeting.
    """
    meeting = coming_meeting(tx, meeting_id)
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource_of(tx, signal))
    item = item_of(tx, meeting, signal)
    tx.session.refresh(item, with_for_update=True)
    refuse_discussed(tx, item)
    leave_agenda(tx, item, signal)
    record_schedule(tx, meeting, changed=["removed"], signals=[reference])


def refuse_discussed(tx: Transaction, item: AgendaItem) -> None:
    """Raise `Conflict` when the table decided on an item, or wrote something down about it."""
    if item.decision:
        raise Conflict("decided", "the table decided on this signal already")
    if tx.session.scalars(select(Note.id).where(Note.item_id == item.id).limit(1)).first():
        raise Conflict("discussed", "the table wrote a note about this signal already")


def leave_agenda(tx: Transaction, item: AgendaItem, signal: Signal) -> None:
    """Delete an item without a decision. The signal goes back to where it was, unless another meeting still has it."""
    tx.session.delete(item)
    tx.session.flush()
    searching.again(tx, signal)
    if State(signal.state) is State.TABLED and not waits_at_table(tx, signal):
        back_from_table(tx, signal, state_before_table(tx, signal))


def waits_at_table(tx: Transaction, signal: Signal) -> bool:
    """Whether a meeting of the table where a signal lies has it on its agenda without a decision."""
    query = (
        select(AgendaItem.id)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(AgendaItem.signal_id == signal.id, AgendaItem.decision == "", Meeting.table_id == signal.table_id)
    )
    return tx.session.scalars(query.limit(1)).first() is not None


def state_before_table(tx: Transaction, signal: Signal) -> State:
    """The state from which a signal came to the table last."""
    query = select(SignalMove.state_from).where(SignalMove.signal_id == signal.id, SignalMove.state_to == State.TABLED)
    found = tx.session.scalars(query.order_by(SignalMove.at.desc(), SignalMove.id.desc())).first()
    before = State(found) if found in (*READY, *proposing.WITH_RECEIVER) else State.TRIAGED
    return _with_receiver(tx, signal, before) if before in DISCLOSED else before


def _with_receiver(tx: Transaction, signal: Signal, before: State) -> State:
    """Where a signal stands that was disclosed before it came to the table: receivers may have answered since."""
    states = set(tx.session.scalars(select(Disclosure.state).where(Disclosure.signal_id == signal.id)))
    if before is not State.FOLLOWED_UP and DisclosureState.ACCEPTED in states:
        return State.ACCEPTED
    if before is State.REFERRED and DisclosureState.DISCLOSED not in states:
        return State.RETURNED
    return before


def reorder(tx: Transaction, meeting_id: str, reference: str, *, up: bool) -> None:
    """Let a signal and its neighbour change places. Nothing happens at an end of the agenda."""
    meeting = coming_meeting(tx, meeting_id)
    signal = signal_by_reference(tx, reference)
    item_of(tx, meeting, signal)
    items = _visible(tx, meeting)
    here = next((place for place, (_, one) in enumerate(items) if one.id == signal.id), None)
    if here is None:
        raise NotFound("the signal is not on this agenda")
    there = here + (-1 if up else 1)
    if not 0 <= there < len(items):
        return
    one, other = items[here][0], items[there][0]
    one.position, other.position = other.position, one.position
    record_schedule(
        tx, meeting, changed=["order"], signals=[signal.reference for _, signal in items_of(tx, meeting.id)]
    )


def item_of(tx: Transaction, meeting: Meeting, signal: Signal) -> AgendaItem:
    """The item of a signal on the agenda of a meeting. Raises `NotFound`, also when it went to another table since."""
    query = select(AgendaItem).where(AgendaItem.meeting_id == meeting.id, AgendaItem.signal_id == signal.id)
    found = tx.session.scalars(query).first()
    if found is None or signal.table_id != meeting.table_id:
        raise NotFound("the signal is not on this agenda")
    return found
