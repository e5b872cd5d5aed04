"""Closing a case with an outcome: its owner says what came of it, or the coordinator of the table does (workflow, step 9).

Only where nothing waits that closing would cut off: a receiver that has yet to answer, or a second person. What the case
still asked of others (questions, tasks, feedback, a stuck case) ends with it. Whoever received something hears that the
case is closed and never how; the time for which a case is kept begins.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import ENDED, Conflict, DisclosureState, State, UnusableInput
from signaltable.flow import duty_kinds, mailing, signals
from signaltable.flow.dossier import signal_at_table
from signaltable.flow.escalations.ending import is_stuck
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import move
from signaltable.flow.table import tasks
from signaltable.models import Disclosure, Duty, MeetingTask, Question, Signal
from signaltable.outcome_rules import CLOSABLE, Outcome
from signaltable.queries import resource_of, signal_by_reference
from signaltable.transaction import Transaction

NO_OUTCOME: Final = "expected how the case ended"
UNKNOWN_OUTCOME: Final = "expected one of the outcomes on the form"

OWNER, TABLE = Permission.SIGNAL_CLOSE_OWN, Permission.SIGNAL_TRIAGE_OWN_TABLE


@dataclass(frozen=True, slots=True)
class Closing:
    """How a case can be closed now. `version` is that of the signal, as the page was made.

    `unanswered`: references of disclosures that a receiver has yet to accept or return; `undecided`: of those that wait for
    a second person. While there are such, it cannot be closed. The others are counts of what is still open: `recalls` goes
    on after closing, `questions`, `tasks` and a `stuck` case end with it.
    """

    outcomes: tuple[Outcome, ...]
    unanswered: tuple[str, ...]
    undecided: tuple[str, ...]
    recalls: int
    questions: int
    tasks: int
    stuck: bool
    version: int

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return bool(self.outcomes) and not self.unanswered and not self.undecided


@dataclass(frozen=True, slots=True)
class Chosen:
    """What somebody filled in; `version` of the page on which it was read, None where no page was."""

    outcome: str
    reason: str = ""
    version: int | None = None


def of_owner(tx: Transaction, signal: Signal) -> Closing | None:
    """How the actor can close an own case; None when its state or the role does not allow it. The caller asked the gate."""
    return _closing(tx, signal, OWNER)


def at_table(tx: Transaction, signal: Signal) -> Closing | None:
    """The same for who coordinates the table of the case."""
    return _closing(tx, signal, TABLE)


def _closing(tx: Transaction, signal: Signal, needed: Permission) -> Closing | None:
    rules = tx.program.policy.outcomes
    allowed = isinstance(may(tx.actor, needed, resource_of(tx, signal)), Allowed)
    if rules is None or signal.state not in CLOSABLE or not allowed:
        return None
    return Closing(
        outcomes=rules.fitting(signal.state),
        unanswered=_own_sent(tx, signal, DisclosureState.DISCLOSED),
        undecided=_own_sent(tx, signal, DisclosureState.AWAITING_APPROVAL),
        recalls=_recalls(tx, signal),
        questions=_count(tx, Question.signal_id == signal.id, Question.answer == "", Question.withdrawn_at.is_(None)),
        tasks=_count(tx, MeetingTask.signal_id == signal.id, MeetingTask.settled_at.is_(None)),
        stuck=is_stuck(tx, signal.id),
        version=signal.version,
    )


def _own_sent(tx: Transaction, signal: Signal, state: DisclosureState) -> tuple[str, ...]:
    """What the owner itself disclosed. What receivers passed on is their own doing, and goes on."""
    query = select(Disclosure.reference).where(
        Disclosure.signal_id == signal.id, Disclosure.parent_id.is_(None), Disclosure.state == state
    )
    return tuple(tx.session.scalars(query.order_by(Disclosure.requested_at, Disclosure.reference)))


def _recalls(tx: Transaction, signal: Signal) -> int:
    """How many holders were asked to erase what they got and did not answer yet."""
    query = (
        select(func.count())
        .select_from(Duty)
        .join(Disclosure, Disclosure.id == Duty.disclosure_id)
        .where(Disclosure.signal_id == signal.id, Duty.kind.in_(duty_kinds.ASKS_TO_ERASE), Duty.fulfilled_at.is_(None))
    )
    return tx.session.scalar(query) or 0


def _count(tx: Transaction, *where: ColumnElement[bool]) -> int:
    return tx.session.scalar(select(func.count()).where(*where)) or 0


# -- closing it ------------------------------------------------------------------------------------------------------


def close_own(tx: Transaction, reference: str, chosen: Chosen) -> None:
    """Close a case of the own agency. What is written is masked with everything that the owner sealed.

    Raises `Refused`, `UnusableInput` (outcome, reason), and `Conflict`: closed or version when somebody was first, state
    when it lies at the table or nothing was disclosed, waits when a receiver or a second person has yet to answer.
    """
    signal = signal_by_reference(tx, reference)
    require(tx.actor, OWNER, resource_of(tx, signal))
    outcome = _checked(tx, signal, chosen)
    reason = signals.reason_of_owner(tx, signal, chosen.reason, required=outcome.words)
    _close(tx, signal, outcome, reason)


def close_at_table(tx: Transaction, reference: str, chosen: Chosen) -> None:
    """Close a case that lies at a table which the actor coordinates; its owner hears of it. Raises as `close_own` does."""
    signal = signal_at_table(tx, reference)
    require(tx.actor, TABLE, resource_of(tx, signal))
    outcome = _checked(tx, signal, chosen)
    reason = for_others(tx, chosen.reason, "reason", limit=signals.REASON_LIMIT, required=outcome.words)
    _close(tx, signal, outcome, reason)


def _checked(tx: Transaction, signal: Signal, chosen: Chosen) -> Outcome:
    """The outcome, once it is certain that the case can be closed with it; from here on the signal is locked."""
    tx.session.refresh(signal, with_for_update=True)
    if State(signal.state) in ENDED:
        raise Conflict("closed", "its life has ended already")
    if chosen.version is not None and chosen.version != signal.version:
        raise Conflict("version", "somebody else changed the signal meanwhile")
    rules = tx.program.policy.outcomes
    if rules is None or signal.state not in CLOSABLE:
        raise Conflict("state", f"expected a case of which something was disclosed, found one that is {signal.state}")
    if _own_sent(tx, signal, DisclosureState.DISCLOSED) or _own_sent(tx, signal, DisclosureState.AWAITING_APPROVAL):
        raise Conflict("waits", "expected no disclosure that waits for its receiver or a second person")
    fitting = {one.id: one for one in rules.fitting(signal.state)}
    if chosen.outcome not in fitting:
        raise UnusableInput({"outcome": UNKNOWN_OUTCOME if chosen.outcome else NO_OUTCOME})
    return fitting[chosen.outcome]


def _close(tx: Transaction, signal: Signal, outcome: Outcome, reason: str) -> None:
    stuck, ended = is_stuck(tx, signal.id), tasks.end_with_case(tx, signal)
    holders = _holders(tx, signal)
    cut_off = _cut_off(tx, signal)
    move(tx, signal, State.CLOSED, reason=reason)
    signal.outcome = outcome.id
    tx.record(
        "signal:close",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "result": outcome.id,
            **({"motivation_hash": text_hash(reason)} if reason else {}),
        },
    )
    own = {signal.submitter}
    if tx.actor.agency_id != signal.owner_agency:
        own |= set(mailing.accounts_with(tx, [signal.owner_agency], OWNER))
    _tell(tx, signal, own, ("signal", signal.reference))
    if stuck or ended:
        _tell(tx, signal, tasks.leaders(tx, signal), ("signal", signal.reference))
    for row in holders:
        _tell(
            tx,
            signal,
            mailing.accounts_with(tx, [row.recipient_agency], Permission.REFERRAL_RECEIVE_OWN),
            ("disclosure", row.reference),
        )
    for row in cut_off:
        mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference), about=[signal.id])


def _tell(tx: Transaction, signal: Signal, people: Sequence[str] | set[str], task: mailing.Task) -> None:
    others = set(people) - {tx.actor.account_id}
    mailing.tell(tx, others, "closed", task=task, about=[signal.id])


def _holders(tx: Transaction, signal: Signal) -> Sequence[Disclosure]:
    """What receivers of the owner took up and still have."""
    query = select(Disclosure).where(
        Disclosure.signal_id == signal.id,
        Disclosure.parent_id.is_(None),
        Disclosure.state == DisclosureState.ACCEPTED,
    )
    return tx.session.scalars(query.order_by(Disclosure.reference)).all()


def _cut_off(tx: Transaction, signal: Signal) -> Sequence[Disclosure]:
    """What receivers wanted to pass on and waits for a second person: that ends with the case, and who asked hears it."""
    query = select(Disclosure).where(
        Disclosure.signal_id == signal.id,
        Disclosure.parent_id.is_not(None),
        Disclosure.state == DisclosureState.AWAITING_APPROVAL,
    )
    return tx.session.scalars(query.order_by(Disclosure.reference)).all()
