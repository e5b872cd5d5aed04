"""The table at work: meetings, agenda, discussion notes and a decision per signal (domain/workflow.md, step 6).

The table advises and the owner decides: "refer" names destinations, and the signal moves only when its owner discloses.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from types import MappingProxyType
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import aliased

from signaltable.access import Allowed, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import GONE, Conflict, Decision, NotFound, Resource, State, UnusableInput
from signaltable.flow import decisions, mailing
from signaltable.flow.advice import AdvisedRoute, of_today
from signaltable.flow.dossier import (
    Dossier,
    MadeDecision,
    advice_at_table,
    forms_at_table,
    read_at_table,
    signal_at_table,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import keep_until, move
from signaltable.models import Agency, AgendaItem, Meeting, Note, Signal, SignalMove, Subject, SubjectGroup, TableMember
from signaltable.queries import PAGE, agency_titles, resource_of, signal_by_reference, tables_of
from signaltable.transaction import Transaction

TITLE_LIMIT = 200
NOTE_LIMIT = 4000
REASON_LIMIT = 1000
# A meeting that no table could finish; the limit keeps the page small whatever happens.
MOST_ITEMS = 40
MOST_READY = 50

# What may be put on an agenda: looked at, and not yet with a receiver.
READY = (State.TRIAGED, State.ENRICHING, State.WATCH)

# The state that each decision brings. Refer brings none: the owner discloses, and that moves the signal.
AFTER: Mapping[Decision, State] = MappingProxyType(
    {Decision.ENRICH: State.ENRICHING, Decision.WATCH: State.WATCH, Decision.CLOSE: State.CLOSED},
)
# These ask somebody to act, so somebody is named.
NEEDS_HOLDER = frozenset({Decision.REFER, Decision.ENRICH})

PAST = "expected a day from today on"
UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_SIGNAL = "expected at least one signal"
NO_HOLDER = "expected who acts on this"
NO_DAY = "expected a day by which this is done"
NO_DESTINATION = "expected at least one destination"
FULL = "expected fewer signals on one agenda"


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting in the list."""

    id: str
    title: str
    held_on: date
    items: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Meetings:
    """Meetings to come, the next first, and the last 25 that were held."""

    coming: tuple[MeetingLine, ...]
    held: tuple[MeetingLine, ...]
    may_schedule: bool
    table: str


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


@dataclass(frozen=True, slots=True)
class WrittenNote:
    """A discussion note: when and by which organisation, not by whom."""

    at: datetime
    agency: str
    text: str


@dataclass(frozen=True, slots=True)
class ItemView:
    """One signal at one meeting: the dossier, what was said, what was decided, and what can be decided."""

    meeting: MeetingLine
    dossier: Dossier
    notes: tuple[WrittenNote, ...]
    decision: MadeDecision | None
    may_note: bool
    may_decide: bool
    holders: tuple[tuple[str, str], ...]
    destinations: tuple[str, ...]
    advised: tuple[str, ...]
    owner: str


# -- meetings ----------------------------------------------------------------------------------------------------


def meetings(tx: Transaction) -> Meetings:
    """The meetings of the tables where the actor's agency has a seat."""
    resource = _seat(tx)
    require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, resource)
    today = tx.today
    mine = select(Meeting).where(Meeting.table_id.in_(tables_of(tx, tx.actor.agency_id)))
    coming = tx.session.scalars(
        mine.where(Meeting.held_on >= today).order_by(Meeting.held_on, Meeting.id).limit(PAGE),
    ).all()
    held = tx.session.scalars(
        mine.where(Meeting.held_on < today).order_by(Meeting.held_on.desc(), Meeting.id).limit(PAGE),
    ).all()
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "meetings", "count": len(coming) + len(held)},
    )
    return Meetings(
        coming=tuple(_meeting_lines(tx, coming)),
        held=tuple(_meeting_lines(tx, held)),
        may_schedule=isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource), Allowed),
        table=tx.program.policy.region.id,
    )


def _seat(tx: Transaction) -> Resource:
    """The actor's own table; nobody's when the agency has no seat."""
    seat = frozenset({tx.actor.agency_id} if tables_of(tx, tx.actor.agency_id) else ())
    return Resource("table", table_agencies=seat)


def _meeting_lines(tx: Transaction, rows: Sequence[Meeting]) -> Iterable[MeetingLine]:
    ids = [row.id for row in rows]
    counts = {
        row.meeting_id: (row.items, row.undecided)
        for row in tx.session.execute(
            select(
                AgendaItem.meeting_id,
                func.count().label("items"),
                func.count().filter(AgendaItem.decision == "", Signal.state == State.TABLED).label("undecided"),
            )
            .join(Signal, Signal.id == AgendaItem.signal_id)
            .where(AgendaItem.meeting_id.in_(ids))
            .group_by(AgendaItem.meeting_id),
        )
    }
    for row in rows:
        yield MeetingLine(row.id, row.title, row.held_on, *counts.get(row.id, (0, 0)))


def schedule(tx: Transaction, *, held_on: date | None, title: str) -> str:
    """Plan a meeting at the actor's table. Returns its id. Raises `UnusableInput` for a day in the past or no title."""
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, _seat(tx))
    if held_on is None or held_on < tx.today:
        raise UnusableInput({"held_on": PAST})
    words = for_others(tx, title, "title", limit=TITLE_LIMIT, required=True)
    table_id = tables_of(tx, tx.actor.agency_id)[0]
    meeting = Meeting(id=tx.new_id(), table_id=table_id, held_on=held_on, title=words, created_at=tx.now)
    tx.session.add(meeting)
    tx.session.flush()
    _record_schedule(tx, meeting, changed=["planned"])
    members = _members(tx, table_id)
    mailing.tell_agency(tx, [agency for agency, _ in members], Permission.TABLE_CONSULT_OWN_TABLE, "meeting")
    return meeting.id


def _members(tx: Transaction, table_id: str) -> list[tuple[str, str]]:
    rows = tx.session.execute(
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(TableMember.table_id == table_id, Agency.active)
        .order_by(Agency.title),
    )
    return [(row.id, row.title) for row in rows]


def _record_schedule(tx: Transaction, meeting: Meeting, *, changed: list[str], signals: Iterable[str] = ()) -> None:
    starts = datetime.combine(meeting.held_on, time.min, UTC)
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "starts_at": milliseconds(starts),
        "table": meeting.table_id,
        "changed": changed,
    }
    listed = list(signals)
    details |= {"signals": listed} if listed else {}
    tx.record("table:schedule", object_type="meeting", object_id=meeting.id, details=details)


def _meeting(tx: Transaction, meeting_id: str, permission: Permission) -> Meeting:
    """A meeting of a table where the actor's agency sits. Raises `Refused` (other_table) for another one."""
    found = tx.session.get(Meeting, meeting_id)
    if found is None:
        require(tx.actor, permission)
        raise NotFound("no such meeting")
    members = frozenset(agency for agency, _ in _members(tx, found.table_id))
    require(tx.actor, permission, Resource("meeting", meeting_id, table_agencies=members))
    return found


# -- the agenda --------------------------------------------------------------------------------------------------


def agenda(tx: Transaction, meeting_id: str) -> Agenda:
    """The signals of a meeting in their order, and for the coordinator what could be added."""
    meeting = _meeting(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    lines = tuple(_agenda_lines(tx, meeting))
    plans = isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, _seat(tx)), Allowed)
    open_for_more = plans and meeting.held_on >= tx.today
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "agenda", "count": len(lines)},
        signals=[one.reference for one in lines],
    )
    (line,) = _meeting_lines(tx, [meeting])
    return Agenda(line, lines, tuple(_ready(tx, meeting)[:MOST_READY]) if open_for_more else (), open_for_more)


def _items(tx: Transaction, meeting_id: str) -> list[tuple[AgendaItem, Signal]]:
    rows = tx.session.execute(
        select(AgendaItem, Signal)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.meeting_id == meeting_id)
        .order_by(AgendaItem.position, AgendaItem.id),
    ).all()
    return list(rows)


def _agenda_lines(tx: Transaction, meeting: Meeting) -> Iterable[AgendaLine]:
    items = _items(tx, meeting.id)
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
    several = _known_to_several(tx, meeting.table_id)
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


def _known_to_several(tx: Transaction, table_id: str) -> frozenset[str]:
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
    meeting = _open_meeting(tx, meeting_id)
    ready = {one.reference for one in _ready(tx, meeting)}
    wanted = list(dict.fromkeys(references))
    if not wanted or set(wanted) - ready:
        raise UnusableInput({"signals": NO_SIGNAL if not wanted else UNKNOWN_CHOICE})
    items = _items(tx, meeting.id)
    if len(items) + len(wanted) > MOST_ITEMS:
        raise UnusableInput({"signals": FULL})
    several = _known_to_several(tx, meeting.table_id)
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
    _record_schedule(tx, meeting, changed=["agenda"], signals=wanted)


def _weight(tx: Transaction, urgency: str, *, several: bool) -> tuple[int, bool]:
    """How early a signal comes, the smallest first: by urgency, and then what several agencies know."""
    known = tx.program.policy.urgencies
    return known[urgency].order if urgency in known else len(known) + 1, not several


def take_off_agenda(tx: Transaction, meeting_id: str, reference: str) -> None:
    """Take a signal off the agenda; it goes back to where it was, unless another meeting still has it.

    Raises `Conflict` when it was decided or discussed already: what was said belongs to that meeting.
    """
    meeting = _open_meeting(tx, meeting_id)
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource_of(tx, signal))
    item = _item(tx, meeting, signal)
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
    _record_schedule(tx, meeting, changed=["removed"], signals=[reference])


def _state_before_table(tx: Transaction, signal: Signal) -> State:
    query = select(SignalMove.state_from).where(SignalMove.signal_id == signal.id, SignalMove.state_to == State.TABLED)
    found = tx.session.scalars(query.order_by(SignalMove.at.desc(), SignalMove.id.desc())).first()
    return State(found) if found in READY else State.TRIAGED


def _open_meeting(tx: Transaction, meeting_id: str) -> Meeting:
    meeting = _meeting(tx, meeting_id, Permission.TABLE_SCHEDULE_OWN_TABLE)
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.held_on < tx.today:
        raise Conflict("held", "the meeting was held already")
    return meeting


def reorder(tx: Transaction, meeting_id: str, reference: str, *, up: bool) -> None:
    """Let a signal and its neighbour change places. Nothing happens at an end of the agenda."""
    meeting = _open_meeting(tx, meeting_id)
    items = [item for item, _ in _items(tx, meeting.id)]
    here = items.index(_item(tx, meeting, signal_by_reference(tx, reference)))
    there = here + (-1 if up else 1)
    if not 0 <= there < len(items):
        return
    items[here].position, items[there].position = items[there].position, items[here].position
    _record_schedule(tx, meeting, changed=["order"], signals=[signal.reference for _, signal in _items(tx, meeting.id)])


def _item(tx: Transaction, meeting: Meeting, signal: Signal) -> AgendaItem:
    query = select(AgendaItem).where(AgendaItem.meeting_id == meeting.id, AgendaItem.signal_id == signal.id)
    found = tx.session.scalars(query).first()
    if found is None:
        raise NotFound("the signal is not on this agenda")
    return found


# -- one signal at the table ---------------------------------------------------------------------------------------


def consult_item(tx: Transaction, meeting_id: str, reference: str) -> ItemView:
    """A signal as it is discussed: dossier, notes, decision. For everybody at the table."""
    meeting = _meeting(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    item = _item(tx, meeting, signal)
    resource = resource_of(tx, signal)
    if not isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_OWN_TABLE, resource), Allowed):
        require(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "signal": signal.reference, "view": "item"},
    )
    read = read_at_table(tx, signal, "item")
    advised = _disclosable(tx, (one.destination for one in read.advice.routes))
    rest = _disclosable(tx, (name for name in tx.program.policy.destinations if name not in advised))
    (line,) = _meeting_lines(tx, [meeting])
    made = next((one for one in read.decisions if one.meeting_id == meeting.id), None)
    decides = isinstance(may(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource), Allowed)
    return ItemView(
        meeting=line,
        dossier=read,
        notes=tuple(_notes(tx, item)),
        decision=made,
        may_note=isinstance(may(tx.actor, Permission.TABLE_NOTE_OWN_TABLE, resource), Allowed),
        may_decide=decides and made is None and State(signal.state) is State.TABLED,
        holders=tuple(_members(tx, meeting.table_id)),
        destinations=(*advised, *rest),
        advised=advised,
        owner=signal.owner_agency,
    )


def _disclosable(tx: Transaction, names: Iterable[str]) -> tuple[str, ...]:
    places = tx.program.policy.destinations
    return tuple(dict.fromkeys(name for name in names if name in places and places[name].disclosable))


def _notes(tx: Transaction, item: AgendaItem) -> Iterable[WrittenNote]:
    titles = agency_titles(tx)
    for row in tx.session.scalars(select(Note).where(Note.item_id == item.id).order_by(Note.at, Note.id)):
        yield WrittenNote(row.at, titles.get(row.agency_id, ""), row.text)


def note(tx: Transaction, meeting_id: str, reference: str, text: str) -> None:
    """Write down what was said about a signal; names are masked. Raises `UnusableInput` for a BSN or no text."""
    meeting = _meeting(tx, meeting_id, Permission.TABLE_NOTE_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    item = _item(tx, meeting, signal)
    masked = for_others(tx, text, "text", limit=NOTE_LIMIT, required=True)
    made = Note(
        id=tx.new_id(),
        item_id=item.id,
        account_id=tx.actor.account_id,
        agency_id=tx.actor.agency_id,
        at=tx.now,
        text=masked,
    )
    tx.session.add(made)
    tx.record(
        "table:note",
        object_type="signal",
        object_id=signal.reference,
        details={
            "meeting": meeting.id,
            "signal": signal.reference,
            "note": made.id,
            "note_hash": text_hash(masked),
        },
    )


@dataclass(frozen=True, slots=True)
class Deciding:
    """A decision as it is taken; `holder` is the agency that acts, `destinations` only count for "refer"."""

    decision: str
    reason: str
    holder: str = ""
    due_on: date | None = None
    destinations: tuple[str, ...] = ()


def decide(tx: Transaction, meeting_id: str, reference: str, deciding: Deciding) -> None:
    """Decide on a signal at a meeting, once. The state follows, except for "refer", which waits for the owner.

    Raises `Conflict` when it was decided already, `UnusableInput` for what was not offered or is missing.
    """
    meeting = _meeting(tx, meeting_id, Permission.TABLE_DECIDE_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    require(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource_of(tx, signal))
    item = _item(tx, meeting, signal)
    tx.session.refresh(item, with_for_update=True)
    if item.decision or State(signal.state) is not State.TABLED:
        raise Conflict("decided", "the table decided on this signal already")
    decision = _check_decision(tx, meeting, deciding)
    reason = for_others(tx, deciding.reason, "reason", limit=REASON_LIMIT, required=True)
    item.decision, item.reason = decision, reason
    item.holder_agency, item.due_on = deciding.holder or None, deciding.due_on
    item.decided_by, item.decided_at = tx.actor.account_id, tx.now
    destinations = deciding.destinations if decision is Decision.REFER else ()
    decisions.note_route(tx, signal, *of_today(tx, signal))
    if destinations:
        # What the table advises stands beside what the card advised that day; neither overwrites the other.
        signal.advice = {**signal.advice, "table": {**signal.advice.get("table", {}), item.id: list(destinations)}}
        signal.version += 1
    _record_decision(tx, meeting, signal, item, destinations)
    if decision in AFTER:
        _follow(tx, signal, decision, reason)
    told = {signal.owner_agency, deciding.holder} - {""}
    mailing.tell_agency(tx, told, Permission.TABLE_CONSULT_OWN_TABLE, "decision")


def _check_decision(tx: Transaction, meeting: Meeting, deciding: Deciding) -> Decision:
    if deciding.decision not in [*Decision]:
        raise UnusableInput({"decision": UNKNOWN_CHOICE})
    decision = Decision(deciding.decision)
    problems = missing_parts(
        decision, holder=deciding.holder, due_on=deciding.due_on, destinations=deciding.destinations
    )
    if deciding.holder and deciding.holder not in {agency for agency, _ in _members(tx, meeting.table_id)}:
        problems["holder"] = UNKNOWN_CHOICE
    if deciding.due_on is not None and deciding.due_on < tx.today:
        problems["due_on"] = PAST
    if decision is Decision.REFER and set(deciding.destinations) - set(_disclosable(tx, deciding.destinations)):
        problems["destinations"] = UNKNOWN_CHOICE
    if problems:
        raise UnusableInput(problems)
    return decision


def missing_parts(decision: str, *, holder: str, due_on: date | None, destinations: Sequence[str]) -> dict[str, str]:
    """What this decision still needs, as field and problem: somebody who acts, a day, and whereto. Empty when whole."""
    missing = {}
    if decision in NEEDS_HOLDER and not holder:
        missing["holder"] = NO_HOLDER
    if decision in NEEDS_HOLDER and due_on is None:
        missing["due_on"] = NO_DAY
    if decision == Decision.REFER and not destinations:
        missing["destinations"] = NO_DESTINATION
    return missing


def _record_decision(
    tx: Transaction, meeting: Meeting, signal: Signal, item: AgendaItem, destinations: Sequence[str]
) -> None:
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "signal": signal.reference,
        "decision": str(item.decision),
        "motivation_hash": text_hash(item.reason),
        "policy_digest": tx.program.policy.digest,
    }
    details |= {"agencies": [item.holder_agency]} if item.holder_agency else {}
    details |= {"routes": list(destinations)} if destinations else {}
    if item.due_on:
        details["due_at"] = milliseconds(datetime.combine(item.due_on, time.min, UTC))
    tx.record("table:decide", object_type="signal", object_id=signal.reference, details=details)


def _follow(tx: Transaction, signal: Signal, decision: Decision, reason: str) -> None:
    if decision is Decision.WATCH:
        signal.keep_until = keep_until(tx, "watch")
    # The reason stands with the decision; the move repeats only as much as its column holds.
    move(tx, signal, AFTER[decision], reason=reason[:500])
    if decision is Decision.CLOSE:
        tx.record(
            "signal:close",
            object_type="signal",
            object_id=signal.reference,
            details={"signal": signal.reference, "result": "table", "motivation_hash": text_hash(reason)},
        )
