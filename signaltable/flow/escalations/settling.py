"""The coordinator says how a stuck case goes on: one of a closed list, with a reason, and who acts where that is said."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import Conflict, NotFound, State, UnusableInput, may_follow
from signaltable.escalation_rules import Result
from signaltable.flow import mailing
from signaltable.flow.escalations.ending import close
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import keep_until, move
from signaltable.models import Agency, Escalation, Signal, TableMember
from signaltable.queries import resource_of
from signaltable.transaction import Transaction, in_whole

REASON_LIMIT: Final = 800
UNKNOWN_CHOICE: Final = "expected one of the choices on the form"
NO_AGENCY: Final = "expected the organisation that takes it up"


@dataclass(frozen=True, slots=True)
class Settling:
    """What the coordinator chose. `agency` only for a result that names who acts; `version` of the page it was read on."""

    result: str
    reason: str
    agency: str = ""
    version: int = 0


def offered(tx: Transaction, signal: Signal) -> tuple[Result, ...]:
    """The results that people can choose for this case: those that change its state only where it may come there."""
    rules = tx.program.policy.escalation
    if rules is None:
        return ()
    now = State(signal.state)
    return tuple(
        one for one in rules.result if not one.by_program and (one.state is None or may_follow(now, State(one.state)))
    )


def at_table(tx: Transaction, signal: Signal) -> list[tuple[str, str]]:
    """The organisations at the table of this case, as (id, title)."""
    query = (
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(TableMember.table_id == signal.table_id, Agency.active)
    )
    return [(row.id, row.title) for row in tx.session.execute(query.order_by(Agency.title))]


@in_whole("the gate sees what it refuses")
def _named(tx: Transaction, escalation_id: str) -> Escalation | None:
    return tx.session.get(Escalation, escalation_id)


@in_whole("the gate sees what it refuses")
def _signal_of(tx: Transaction, row: Escalation, *, locked: bool = False) -> Signal:
    return tx.session.get_one(Signal, row.signal_id, with_for_update=locked or None)


def settle(tx: Transaction, escalation_id: str, settling: Settling) -> str:
    """Say how a stuck case goes on; its reference. The reason is masked like every text of the table.

    Raises `NotFound`, `Refused` (other_table), `Conflict` when it was settled or changed meanwhile, `UnusableInput`.
    """
    row = _named(tx, escalation_id)
    if row is None:
        raise NotFound("no such stuck case")
    signal = _signal_of(tx, row, locked=True)
    require(tx.actor, Permission.ESCALATION_SETTLE_OWN_TABLE, resource_of(tx, signal))
    tx.session.refresh(row, with_for_update=True)
    if row.settled_at is not None:
        raise Conflict("settled", "somebody settled this already")
    if row.version != settling.version:
        raise Conflict("changed", "this changed meanwhile")
    result = _checked(tx, signal, settling)
    reason = for_others(tx, settling.reason, "reason", limit=REASON_LIMIT, required=True)
    row.reason, row.settled_by = reason, tx.actor.account_id
    row.holder_agency = settling.agency if result.agency else ""
    close(tx, signal, row, result.id, motivation_hash=text_hash(reason))
    if result.state is not None:
        _move(tx, signal, State(result.state), reason)
    _tell(tx, signal, row)
    return signal.reference


def _checked(tx: Transaction, signal: Signal, settling: Settling) -> Result:
    chosen = {one.id: one for one in offered(tx, signal)}.get(settling.result)
    if chosen is None:
        raise UnusableInput({"result": UNKNOWN_CHOICE})
    if chosen.agency and not settling.agency:
        raise UnusableInput({"agency": NO_AGENCY})
    if chosen.agency and settling.agency not in dict(at_table(tx, signal)):
        raise UnusableInput({"agency": UNKNOWN_CHOICE})
    return chosen


def _move(tx: Transaction, signal: Signal, state: State, reason: str) -> None:
    if state is State.WATCH and signal.state != State.WATCH:
        signal.keep_until = keep_until(tx, "watch")
    # The reason stands with the escalation; the move repeats only as much as its column holds.
    move(tx, signal, state, reason=reason[:500])
    if state is State.CLOSED:
        tx.record(
            "signal:close",
            object_type="signal",
            object_id=signal.reference,
            details={"signal": signal.reference, "result": "stuck", "motivation_hash": text_hash(reason)},
        )


def _tell(tx: Transaction, signal: Signal, row: Escalation) -> None:
    """The owner hears that its case was stuck and goes on, and so does the organisation that takes it up."""
    concerned = {signal.owner_agency} | ({row.holder_agency} if row.holder_agency else set())
    mailing.tell_agency(
        tx,
        concerned,
        Permission.TABLE_CONSULT_OWN_TABLE,
        "decision",
        task=("signal", signal.reference),
        about=(signal.id,),
    )
