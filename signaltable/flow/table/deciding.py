"""The decision of the table on one signal, and what follows from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any

from signaltable.access import Permission, require
from signaltable.audit_trail import day_milliseconds
from signaltable.domain import Conflict, Decision, State, UnusableInput
from signaltable.flow import decisions, mailing
from signaltable.flow.advice import of_today
from signaltable.flow.dossier import (
    signal_at_table,
)
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import keep_until, move
from signaltable.flow.table import tasks
from signaltable.flow.table.agenda import item_of
from signaltable.flow.table.item import disclosable
from signaltable.flow.table.meetings import PAST, meeting_of, members
from signaltable.models import AgendaItem, Meeting, Signal
from signaltable.queries import resource_of
from signaltable.transaction import Transaction

REASON_LIMIT = 1000
# The state that each decision brings. Refer brings none: the owner discloses, and that moves the signal.
AFTER: Mapping[Decision, State] = MappingProxyType(
    {Decision.ENRICH: State.ENRICHING, Decision.WATCH: State.WATCH, Decision.CLOSE: State.CLOSED},
)
# These ask somebody to act, so somebody is named.
NEEDS_HOLDER = frozenset({Decision.REFER, Decision.ENRICH})

UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_HOLDER = "expected who acts on this"
NO_DAY = "expected a day by which this is done"
NO_DESTINATION = "expected at least one destination"


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

    With somebody who acts and a day it makes a task. Raises `Conflict` when it was decided already (decided) or the
    meeting is closed or cancelled (closed), `UnusableInput` for what was not offered or is missing.
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_DECIDE_OWN_TABLE)
    signal = signal_at_table(tx, reference)
    require(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource_of(tx, signal))
    item = item_of(tx, meeting, signal)
    # Closing a meeting takes the meeting first and then its cases, so deciding does too.
    tx.session.refresh(meeting, with_for_update=True)
    tx.session.refresh(item, with_for_update=True)
    if meeting.closed_at is not None or meeting.cancelled_at is not None:
        raise Conflict("closed", "the meeting was closed or cancelled already")
    if item.decision or State(signal.state) is not State.TABLED or signal.table_id != meeting.table_id:
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
    _tell(tx, meeting, signal, item)


def _tell(tx: Transaction, meeting: Meeting, signal: Signal, item: AgendaItem) -> None:
    """A task for who acts, and a mail about the decision for the owner and for a holder that got no task."""
    concerned = {signal.owner_agency}
    if item.holder_agency and item.due_on:
        tasks.make(tx, meeting, item, item.holder_agency, item.due_on)
    elif item.holder_agency:
        concerned.add(item.holder_agency)
    told = mailing.accounts_with(tx, concerned, Permission.TABLE_CONSULT_OWN_TABLE)
    urgent = mailing.presses(tx, "decision", urgency=signal.urgency, due_on=item.due_on)
    mailing.tell(tx, told, "decision", task=("meeting", meeting.id), urgent=urgent, about=[signal.id])


def _check_decision(tx: Transaction, meeting: Meeting, deciding: Deciding) -> Decision:
    if deciding.decision not in [*Decision]:
        raise UnusableInput({"decision": UNKNOWN_CHOICE})
    decision = Decision(deciding.decision)
    problems = missing_parts(
        decision, holder=deciding.holder, due_on=deciding.due_on, destinations=deciding.destinations
    )
    if deciding.holder and deciding.holder not in {agency for agency, _ in members(tx, meeting.table_id)}:
        problems["holder"] = UNKNOWN_CHOICE
    if deciding.due_on is not None and deciding.due_on < tx.today:
        problems["due_on"] = PAST
    if decision is Decision.REFER and set(deciding.destinations) - set(disclosable(tx, deciding.destinations)):
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
        details["due_at"] = day_milliseconds(item.due_on)
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
