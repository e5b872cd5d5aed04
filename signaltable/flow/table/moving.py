"""Taking a signal to another table: one table at a time works on a case (domain/workflow.md, 004:90-112).

The members of the old table see no more of it, those of the new one do, on the same ground as the old ones did: a
consultation without a name. Open questions stay with the partners that were asked.
"""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import ACTIVE_STATES, Conflict, Decision, DisclosureState, Resource, State, UnusableInput
from signaltable.flow import consultation, mailing, searching, seats
from signaltable.flow.dossier import signal_at_table
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import back_from_table
from signaltable.flow.table import overlap
from signaltable.flow.table.agenda import refuse_discussed, state_before_table
from signaltable.flow.table.meetings import members, record_schedule
from signaltable.models import Agency, AgendaItem, Disclosure, Meeting, RegionalTable, Signal, SignalTableMove
from signaltable.queries import kept_from_signal, resource_of, subjects_of
from signaltable.transaction import Transaction, in_whole

REASON_LIMIT: Final = 500
NO_TABLE = "expected one of the open tables that were offered"


@dataclass(frozen=True, slots=True)
class MovingView:
    """What a coordinator sees before a signal goes to another table.

    `targets` are (id, name) of the open tables; `same_subject` those where the same subject lies already, by id, the
    first of which is proposed. `waits` says why it cannot go now: "decision", "approval", "discussed" or nothing.
    """

    reference: str
    table: str
    targets: tuple[tuple[str, str], ...]
    same_subject: tuple[str, ...]
    waits: str
    version: int


def moving(tx: Transaction, reference: str, *, sent: bool = False) -> MovingView:
    """Where a signal of the own table can go. Raises `Refused` for anybody but the coordinator of its table.

    With `sent` a form was sent from a page that showed it: then `Conflict` ("moved") when it went elsewhere since.
    """
    signal = signal_at_table(tx, reference)
    resource = resource_of(tx, signal)
    if sent:
        _refuse_moved(tx, signal, resource)
    require(tx.actor, Permission.SIGNAL_MOVE_OWN_TABLE, resource)
    _refuse_ended(signal)
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "moving"},
    )
    targets = _targets(tx, signal)
    there = overlap.other_tables(tx, signal.id)
    return MovingView(
        reference=signal.reference,
        table=seats.titles(tx, [signal.table_id])[signal.table_id],
        targets=targets,
        same_subject=tuple(table for table in there if table in dict(targets)),
        waits=_waits(tx, signal),
        version=signal.version,
    )


def move_to_table(tx: Transaction, reference: str, table_id: str, reason: str, *, version: int) -> None:
    """Take a signal to another open table. It comes off the agendas that are still to come and goes back to where it was.

    `version` is that of the signal as it was shown. Raises `Conflict` ("moved") when it went to another table or was
    changed meanwhile, ("waits-...") while a decision waits, ("discussed") when a meeting of today wrote about it;
    `UnusableInput` for a table that was not offered or without a reason; `Refused` (no_ground) when no legal ground lets
    the members of the new table read it.
    """
    signal = signal_at_table(tx, reference)
    # Whoever moves it at the same moment waits here, and then sees where it went.
    with tx.whole("the gate sees what it refuses"):
        tx.session.refresh(signal, with_for_update=True)
    resource = resource_of(tx, signal)
    _refuse_moved(tx, signal, resource)
    require(tx.actor, Permission.SIGNAL_MOVE_OWN_TABLE, resource)
    if signal.version != version:
        raise Conflict("version", "the signal was changed by somebody else meanwhile")
    _refuse_ended(signal)
    if waits := _waits(tx, signal):
        raise Conflict(waits, "the table or a second person has to decide on this signal first")
    if table_id not in dict(_targets(tx, signal)):
        raise UnusableInput({"table": NO_TABLE})
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    target = tx.session.get_one(RegionalTable, table_id, populate_existing=True, with_for_update={"read": True})
    if target.closed_at is not None:
        raise UnusableInput({"table": NO_TABLE})
    _refuse_without_ground(tx, signal, table_id)
    _leave_agendas(tx, signal)
    _note(tx, signal, table_id, words)


def _refuse_ended(signal: Signal) -> None:
    if State(signal.state) not in ACTIVE_STATES:
        raise Conflict("state", f"a signal that is {signal.state} stays at its table")


def _refuse_moved(tx: Transaction, signal: Signal, resource: Resource) -> None:
    """Tell a coordinator of the table where the signal lay before that it went; anybody else the gate refuses."""
    coordinates = isinstance(may(tx.actor, Permission.SIGNAL_MOVE_OWN_TABLE), Allowed)
    kept = tx.actor.account_id in resource.kept_from
    if not coordinates or kept or tx.actor.agency_id in resource.table_agencies:
        return
    mine = {one.id for one in seats.seats_of(tx, tx.actor.agency_id)}
    query = select(SignalTableMove.from_table).where(SignalTableMove.signal_id == signal.id)
    with tx.whole("the gate sees what it refuses"):
        left = set(tx.session.scalars(query))
    if mine & left:
        raise Conflict("moved", "the signal went to another table meanwhile")


def _targets(tx: Transaction, signal: Signal) -> tuple[tuple[str, str], ...]:
    query = select(RegionalTable.id, RegionalTable.title).where(
        RegionalTable.closed_at.is_(None), RegionalTable.id != signal.table_id
    )
    return tuple((row.id, row.title) for row in tx.session.execute(query.order_by(RegionalTable.title)))


def _waits(tx: Transaction, signal: Signal) -> str:
    """Why a signal cannot go: the table advised to refer it, a second person has to look, or a meeting is at it now."""
    items = select(AgendaItem).where(AgendaItem.signal_id == signal.id)
    advised = items.where(AgendaItem.decision == Decision.REFER)
    if State(signal.state) is State.TABLED and tx.session.scalars(advised.limit(1)).first() is not None:
        return "waits-decision"
    asked = select(Disclosure.id).where(
        Disclosure.signal_id == signal.id, Disclosure.state == DisclosureState.AWAITING_APPROVAL
    )
    if tx.session.scalar(asked.limit(1)) is not None:
        return "waits-approval"
    try:
        for item, _meeting in _coming(tx, signal):
            refuse_discussed(tx, item)
    except Conflict as conflict:
        return conflict.reason
    return ""


def _coming(tx: Transaction, signal: Signal) -> list[tuple[AgendaItem, Meeting]]:
    """The agendas of meetings of today or later that have the signal without a decision."""
    rows = tx.session.execute(
        select(AgendaItem, Meeting)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(
            AgendaItem.signal_id == signal.id,
            AgendaItem.decision == "",
            Meeting.held_on >= tx.today,
            Meeting.closed_at.is_(None),
        )
        .order_by(Meeting.held_on, Meeting.id)
    )
    return [(item, meeting) for item, meeting in rows]


def _refuse_without_ground(tx: Transaction, signal: Signal, table_id: str) -> None:
    """Whoever reads it at the new table does so on a ground for that kind of organisation; without one it stays."""
    subject = next((one for one in subjects_of(tx, signal.id) if one.erased_at is None), None)
    if subject is None:
        return
    kinds: dict[str, Agency] = {}
    for agency_id, _title in members(tx, table_id):
        agency = tx.session.get_one(Agency, agency_id)
        if agency_id != signal.owner_agency:
            kinds.setdefault(agency.kind, agency)
    about = consultation.About(subject=subject)
    found = [consultation.weigh(tx, signal, about, agency, "") for agency in kinds.values()]
    failed = [one for one in found if isinstance(one, consultation.NotCarried)]
    if failed:
        raise consultation.refusal(tx, signal, failed)


def _leave_agendas(tx: Transaction, signal: Signal) -> None:
    for item, meeting in _coming(tx, signal):
        tx.session.delete(item)
        tx.session.flush()
        record_schedule(tx, meeting, changed=["removed"], signals=[signal.reference], cause="moved")
    # What an earlier meeting left without a decision belongs to that meeting; at the new table it starts anew.
    if State(signal.state) is State.TABLED:
        back_from_table(tx, signal, state_before_table(tx, signal))


@in_whole("whoever sends a case to another table does not see it there")
def _note(tx: Transaction, signal: Signal, table_id: str, words: str) -> None:
    before = signal.table_id
    tx.session.add(
        SignalTableMove(
            id=tx.new_id(),
            signal_id=signal.id,
            from_table=before,
            to_table=table_id,
            at=tx.now,
            account_id=tx.actor.account_id,
            agency_id=tx.actor.agency_id,
            reason=words,
        ),
    )
    signal.table_id = table_id
    searching.again(tx, signal)
    signal.version += 1
    tx.record(
        "signal:move",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "from_table": before,
            "to_table": table_id,
            "motivation_hash": text_hash(words),
        },
    )
    seated = {agency for table in (before, table_id) for agency, _ in members(tx, table)}
    coordinators = set(mailing.accounts_with(tx, seated, Permission.SIGNAL_TRIAGE_OWN_TABLE))
    told = coordinators - {tx.actor.account_id} - kept_from_signal(tx, signal.id)
    mailing.tell(tx, told, "moved", task=("signal", signal.reference))
