"""Opening a case that is not one's own, in acute danger: exactly one case, to read, for some hours (policies/rights.toml).

Nothing that comes back tells whether a reference exists: what was never given out, what is gone, and a case from which this
person is kept all read the same. Each try counts, whatever came of it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select

from signaltable.access import Allowed, Denied, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import budget, mailing
from signaltable.flow.coming_in.standing import hold
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.rights import emergencies
from signaltable.flow.rights.emergencies import REASON
from signaltable.models import Agency, EmergencyAccess, Signal, TableMember
from signaltable.pseudonymise import check_reference
from signaltable.queries import on_an_agenda, resource_of, signal_by_reference
from signaltable.rights_rules import RightsFile
from signaltable.transaction import Transaction, in_whole

REASON_LIMIT: Final = 1000
NO_REFERENCE: Final = "expected a reference such as S-7F3K-Q2"
NO_DANGER: Final = "expected one of the kinds of danger"
NOT_SAID: Final = "expected that it is said to be about acute danger"
TOO_SHORT: Final = "expected a reason of at least so many characters"

TIME_OVER, DONE, REVIEWED, ERASED = "time_over", "done", "reviewed", "case_erased"


@dataclass(frozen=True, slots=True)
class Opened:
    """A case that is open now. `id` opens its page."""

    id: str


@dataclass(frozen=True, slots=True)
class NoSuchCase:
    """There is no case that this person can open like this; why is in the log and nowhere else."""


@dataclass(frozen=True, slots=True)
class OpensAlready:
    """The case is this person's own, or their table's: no danger is needed to open it."""

    reference: str


@dataclass(frozen=True, slots=True)
class Running:
    """An access that runs, for the line on every page."""

    id: str
    reference: str
    ends_at: datetime


# -- opening ------------------------------------------------------------------------------------------------------


def left(tx: Transaction) -> int:
    """How often the actor may still try today."""
    return budget.left(tx, budget.EMERGENCY).usable


def open_case(
    tx: Transaction, reference: str, *, danger: str, reason: str, acute: bool
) -> Opened | NoSuchCase | OpensAlready:
    """Open one case to read, for some hours. The log and everybody who has to know of it hear it with this commit.

    The caller asked who it is (step-up). Raises `UnusableInput` (reference, danger, reason, acute), before anything is
    looked up, and `Refused` (budget_person, budget_agency) when too much was tried today.
    """
    require(tx.actor, Permission.EMERGENCY_OPEN_ALL)
    found, said = _checked(tx, reference, danger, reason, acute=acute)
    budget.spend(tx, budget.EMERGENCY, _over_budget)
    signal = _case(tx, found)
    if signal is None:
        return NoSuchCase()
    if reads_already(tx, signal):
        _refuse(tx, "own_case", signal.reference)
        return OpensAlready(signal.reference)
    same = select(EmergencyAccess.id).where(
        EmergencyAccess.signal_id == signal.id,
        EmergencyAccess.account_id == tx.actor.account_id,
        emergencies.is_running(tx.now),
    )
    running = tx.session.scalar(same.limit(1))
    if running:
        details = {"view": "emergency", "signal": signal.reference}
        tx.record("emergency:consult", object_type="signal", object_id=signal.reference, details=details)
        return Opened(running)
    return Opened(_opened(tx, signal, danger, said))


def _checked(tx: Transaction, reference: str, danger: str, reason: str, *, acute: bool) -> tuple[str, str]:
    rules, problems = rules_of(tx), {}
    found = check_reference(reference) if len(reference) < 40 else None
    if found is None or not found.startswith("S-"):
        problems["reference"] = NO_REFERENCE
    if rules.danger_title(danger) is None:
        problems["danger"] = NO_DANGER
    if not acute:
        problems["acute"] = NOT_SAID
    if len(reason.strip()) < rules.emergency.reason_least:
        problems["reason"] = TOO_SHORT
    if problems:
        raise UnusableInput(problems)
    return found or "", for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)


def _over_budget(reason: str) -> Refused:
    return Refused(reason, details={"permission": Permission.EMERGENCY_OPEN_ALL.value})


@in_whole("a reference is looked up before its case is open to anybody")
def _case(tx: Transaction, reference: str) -> Signal | None:
    """The case with this reference when it can be opened; otherwise why not is recorded, and told to nobody."""
    try:
        signal = signal_by_reference(tx, reference)
    except NotFound:
        _refuse(tx, "no_such_case")
        return None
    # Two windows at once: the second waits here, and finds what the first opened.
    tx.session.refresh(signal, with_for_update=True)
    verdict = may(tx.actor, Permission.EMERGENCY_OPEN_ALL, resource_of(tx, signal))
    if isinstance(verdict, Denied):
        _refuse(tx, verdict.reason, signal.reference)
        return None
    if not emergencies.is_there(signal):
        _refuse(tx, "no_such_case", signal.reference)
        return None
    return signal


def _refuse(tx: Transaction, reason: str, reference: str = "") -> None:
    """In the same commit as the count: raising would take that back."""
    tx.record(
        "access:refuse",
        object_type="signal" if reference else "",
        object_id=reference,
        outcome="refused",
        reason=reason,
        details={"permission": Permission.EMERGENCY_OPEN_ALL.value},
    )


@in_whole("whether a case is the own one follows from who works with it")
def reads_already(tx: Transaction, signal: Signal) -> bool:
    """Whether the actor can read this case without danger: as its owner, or at its table."""
    resource = resource_of(tx, signal)
    ways = (Permission.SIGNAL_CONSULT_OWN, Permission.DOSSIER_CONSULT_OWN_TABLE)
    if any(isinstance(may(tx.actor, one, resource), Allowed) for one in ways):
        return True
    member = isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource), Allowed)
    return member and on_an_agenda(tx, signal.id)


def _opened(tx: Transaction, signal: Signal, danger: str, said: str) -> str:
    rules = rules_of(tx).emergency
    row = EmergencyAccess(
        id=tx.new_id(),
        signal_id=signal.id,
        account_id=tx.actor.account_id,
        agency_id=tx.actor.agency_id,
        danger=danger,
        opened_at=tx.now,
        ends_at=tx.now + rules.open_for,
        review_due_at=tx.now + timedelta(hours=rules.review_hours),
    )
    row.reason_sealed = emergencies.seal_words(tx, row, REASON, said, emergencies.readers_of(tx, row, signal))
    tx.session.add(row)
    tx.session.flush()
    tx.record(
        "emergency:open",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "kind": danger,
            "agency": signal.owner_agency,
            "expires_at": milliseconds(row.ends_at),
            "review_due_at": milliseconds(row.review_due_at),
            "motivation_hash": text_hash(said),
        },
    )
    _tell(tx, row, signal)
    return row.id


@in_whole("who has to hear of it works for other agencies")
def _tell(tx: Transaction, row: EmergencyAccess, signal: Signal) -> None:
    """Everybody who has to know: who leads the table, who owns the case, and who can look back."""
    seats = tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == signal.table_id)).all()
    leading = mailing.accounts_with(tx, seats, Permission.SIGNAL_TRIAGE_OWN_TABLE)
    owning = mailing.accounts_with(tx, [signal.owner_agency], Permission.SIGNAL_CONSULT_OWN)
    known = {*leading, *owning} - {row.account_id}
    urgent = mailing.presses(tx, "emergency-opened", due_on=tx.today)
    mailing.tell(tx, known, "emergency-opened", task=("emergency-notice", row.id), urgent=urgent)
    tell_reviewers(tx, row, "emergency-review")


def tell_reviewers(tx: Transaction, row: EmergencyAccess, template: str, *, everybody: bool = False) -> None:
    """A mail to whoever can look back: never the person, and first those of other agencies than the person's own.

    Nobody should have to judge a close colleague; where no other agency has a privacy officer, the own one hears it.
    """
    active = set(tx.session.scalars(select(Agency.id).where(Agency.active)))
    others = mailing.accounts_with(tx, active - {row.agency_id}, Permission.EMERGENCY_REVIEW_ALL)
    own = mailing.accounts_with(tx, [row.agency_id], Permission.EMERGENCY_REVIEW_ALL)
    told = {*others, *own} if everybody or not others else set(others)
    urgent = mailing.presses(tx, template, due_on=tx.today)
    mailing.tell(tx, told - {row.account_id}, template, task=("emergency", row.id), urgent=urgent)


def rules_of(tx: Transaction) -> RightsFile:
    """The rules for rights beside those of a role."""
    return tx.program.policy.rights


# -- while it runs ------------------------------------------------------------------------------------------------


def running_of_mine(tx: Transaction) -> list[Running]:
    """What the actor opened and still can read, for the line on every page; nothing for who opens nothing."""
    if not isinstance(may(tx.actor, Permission.EMERGENCY_OPEN_ALL), Allowed):
        return []
    query = (
        select(EmergencyAccess.id, Signal.reference, EmergencyAccess.ends_at)
        .join(Signal, Signal.id == EmergencyAccess.signal_id)
        .where(EmergencyAccess.account_id == tx.actor.account_id, emergencies.is_running(tx.now))
        .order_by(EmergencyAccess.ends_at, EmergencyAccess.id)
    )
    return [Running(row.id, row.reference, row.ends_at) for row in tx.session.execute(query)]


def close(tx: Transaction, access_id: str) -> None:
    """End the own access before its time. Raises `NotFound` for that of somebody else, `Conflict` (ended) when it is over."""
    require(tx.actor, Permission.EMERGENCY_OPEN_ALL)
    row = tx.session.get(EmergencyAccess, access_id, with_for_update=True)
    if row is None or row.account_id != tx.actor.account_id:
        raise NotFound("no such access")
    if not emergencies.runs(row, tx.now):
        raise Conflict("ended", "this access ended already")
    end(tx, row, tx.now, DONE)


def sweep(tx: Transaction) -> int:
    """Tell in the log which accesses ended by themselves. Returns how many."""
    over = select(EmergencyAccess).where(EmergencyAccess.ended_at.is_(None), EmergencyAccess.ends_at <= tx.now)
    rows = tx.session.scalars(over.order_by(EmergencyAccess.ends_at, EmergencyAccess.id).with_for_update()).all()
    for row in rows:
        end(tx, row, row.ends_at, TIME_OVER)
    return len(rows)


def end(tx: Transaction, row: EmergencyAccess, at: datetime, cause: str) -> None:
    """End an access at a moment, and tell the log why: time_over, done, reviewed, case_erased. Asks nobody: the caller did."""
    hold(tx, row.account_id)
    row.ended_at = at
    row.version += 1
    reference = emergencies.signal_of(tx, row).reference
    details = {"signal": reference, "cause": cause, "account": row.account_id}
    tx.record("emergency:end", object_type="signal", object_id=reference, details=details)
