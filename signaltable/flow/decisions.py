"""Recording what the steps decided, with all they looked at, so that it can be replayed and explained later.

Pseudonymous: facts, categories and codes; no value of a field, and of evidence only how it was judged. A decision is
erased with its signal (flow/retention.py).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import delete, select

from signaltable import recorded, route
from signaltable.db import table_of
from signaltable.disclosure.request import Request
from signaltable.facts import Facts
from signaltable.flow import policy_versions
from signaltable.models import Disclosure, RecordedDecision, Signal
from signaltable.onward import Onward
from signaltable.transaction import Transaction

# So many of the newest decisions on a signal are looked through for the same one: more than a person opens in a day, and
# the work stays bounded however often somebody tried.
LOOK_BACK = 100


def note_route(tx: Transaction, signal: Signal, people: Iterable[Facts], advice: route.Decision) -> list[str]:
    """Record the advice on these facts, one per person. Returns the id, as the log names it."""
    return [_kept(tx, _made(tx, signal, recorded.ROUTE, recorded.route_input(people), recorded.advised(advice)))]


def note_first_route(tx: Transaction, signal_id: str, people: Iterable[Facts], outcome: Mapping[str, Any]) -> list[str]:
    """`note_route` for a signal that this transaction makes: there is no earlier decision to compare with.

    `outcome` is the advice as `recorded.advised` gives it.
    """
    policy_versions.keep(tx)
    decision_id = tx.new_id()
    row = {
        "id": decision_id,
        "kind": recorded.ROUTE,
        "signal_id": signal_id,
        "disclosure_id": None,
        "at": tx.now,
        "day": tx.today,
        "policy_digest": tx.program.policy.digest,
        "input": dict(recorded.route_input(people)),
        "outcome": dict(outcome),
    }
    tx.insert(table_of(RecordedDecision), [row])
    return [decision_id]


def note_ground(
    tx: Transaction,
    signal: Signal,
    requests: Mapping[int, Request],
    ground: str | None,
    *,
    disclosure: Disclosure | None = None,
    asked: str = recorded.DECISION,
    bound: Onward | None = None,
) -> list[str]:
    """Record what the grounds say to these requests, one per person; `bound` when it is passed on. Returns the id, as the
    log names it.
    """
    made = ground_decision(tx, signal, requests, ground, disclosure=disclosure, asked=asked, bound=bound)
    return [_kept(tx, made)]


def ground_decision(
    tx: Transaction,
    signal: Signal,
    requests: Mapping[int, Request],
    ground: str | None,
    *,
    disclosure: Disclosure | None = None,
    asked: str = recorded.DECISION,
    bound: Onward | None = None,
) -> RecordedDecision:
    """The same as a row that is not stored yet: a refusal stores it after everything else was rolled back."""
    grounds = tx.program.policy.grounds
    given = recorded.ground_input(requests, ground, grounds, asked=asked, came=bound.came if bound else ())
    outcome = recorded.outcome_of(requests, ground, grounds, asked=asked, bound=bound)
    made = _made(tx, signal, recorded.GROUND, given, outcome)
    made.disclosure_id = disclosure.id if disclosure else None
    return made


def _made(
    tx: Transaction, signal: Signal, kind: str, given: Mapping[str, Any], outcome: Mapping[str, Any]
) -> RecordedDecision:
    return RecordedDecision(
        id=tx.new_id(),
        kind=kind,
        signal_id=signal.id,
        disclosure_id=None,
        at=tx.now,
        day=tx.today,
        policy_digest=tx.program.policy.digest,
        input=dict(given),
        outcome=dict(outcome),
    )


def _kept(tx: Transaction, made: RecordedDecision) -> str:
    """The id of this decision, or of the same one when it was recorded before: a page that is opened again adds nothing."""
    policy_versions.keep(tx)
    earlier = tx.session.scalars(
        select(RecordedDecision)
        .where(
            RecordedDecision.signal_id == made.signal_id,
            RecordedDecision.kind == made.kind,
            RecordedDecision.policy_digest == made.policy_digest,
            RecordedDecision.disclosure_id == made.disclosure_id,
        )
        .order_by(RecordedDecision.at.desc(), RecordedDecision.id)
        .limit(LOOK_BACK),
    )
    for one in earlier:
        if one.input == made.input and one.outcome == made.outcome:
            return one.id
    tx.session.add(made)
    tx.session.flush()
    return made.id


def erase_of(tx: Transaction, signal: Signal) -> None:
    """Forget the decisions about a signal; the caller records that the signal is erased."""
    tx.session.execute(delete(RecordedDecision).where(RecordedDecision.signal_id == signal.id))
