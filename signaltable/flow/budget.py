"""How often somebody may ask on one day who a person is: for each account and for each agency (policies/budgets.toml).

Each answer of this kind tells something about one person; without an end to them, a list of names can be tried out. What
is counted is the asking, not the answer.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, func, select

from signaltable.domain import Channel, Refused
from signaltable.models import Account, Agency, BudgetUse, MachineAccount, MachineUse
from signaltable.policy_shapes import Budget
from signaltable.transaction import Transaction

COMPARE: Final = "compare"
BLIND_CHECK: Final = "blind-check"
IDENTITY_REQUEST: Final = "identity-request"
EMERGENCY: Final = "emergency"
# The reasons of a refusal: the own budget of today is used up, or that of the whole agency.
OF_PERSON: Final = "budget_person"
OF_AGENCY: Final = "budget_agency"


@dataclass(frozen=True, slots=True)
class Left:
    """What is left today, for the actor and for the actor's agency; the actor can use the smaller of the two."""

    person: int
    agency: int

    @property
    def usable(self) -> int:
        """How often the actor may still ask today."""
        return min(self.person, self.agency)


def rule(tx: Transaction, kind: str) -> Budget:
    """The rule for one kind of question. Raises KeyError for a kind that the program does not count."""
    return tx.program.policy.budgets[kind]


def left(tx: Transaction, kind: str) -> Left:
    """What is left of a budget today."""
    limits = rule(tx, kind)
    by_agency = sum(_sum(tx, uses, kind, uses.agency_id == tx.actor.agency_id) for uses in (BudgetUse, MachineUse))
    if _is_machine(tx):
        by_person = _sum(tx, MachineUse, kind, MachineUse.machine_id == tx.actor.account_id)
    else:
        by_person = _sum(tx, BudgetUse, kind, BudgetUse.account_id == tx.actor.account_id)
    return Left(max(0, limits.person - by_person), max(0, limits.agency - by_agency))


def _sum(tx: Transaction, uses: type[BudgetUse] | type[MachineUse], kind: str, whose: ColumnElement[bool]) -> int:
    query = select(func.coalesce(func.sum(uses.used), 0)).where(whose, uses.kind == kind, uses.day == tx.today)
    return tx.session.scalar(query) or 0


def spend(tx: Transaction, kind: str, refusal: Callable[[str], Refused]) -> Left:
    """Count one question of the actor, with the transaction in which it is answered; gives what is left after it.

    Raises what `refusal` makes of the reason, `budget_person` or `budget_agency`, when nothing is left; it is recorded
    like every refusal and counts for nothing.
    """
    # Who asks at the same moment waits here, so that two windows, or two colleagues, do not count past each other.
    tx.session.get(Agency, tx.actor.agency_id, with_for_update=True)
    tx.session.get(MachineAccount if _is_machine(tx) else Account, tx.actor.account_id, with_for_update=True)
    now = left(tx, kind)
    if not now.usable:
        raise refusal(OF_AGENCY if now.person else OF_PERSON)
    (_used_by_machine(tx, kind) if _is_machine(tx) else _used_by_person(tx, kind)).used += 1
    return Left(now.person - 1, now.agency - 1)


def _is_machine(tx: Transaction) -> bool:
    """Systems of partners spend of the same budgets, and are no accounts of people."""
    return tx.actor.channel is Channel.API


def _used_by_person(tx: Transaction, kind: str) -> BudgetUse:
    found = tx.session.get(BudgetUse, (tx.actor.account_id, kind, tx.today))
    if found is None:
        found = BudgetUse(account_id=tx.actor.account_id, kind=kind, day=tx.today, agency_id=tx.actor.agency_id, used=0)
        tx.session.add(found)
    return found


def _used_by_machine(tx: Transaction, kind: str) -> MachineUse:
    found = tx.session.get(MachineUse, (tx.actor.account_id, kind, tx.today))
    if found is None:
        found = MachineUse(
            machine_id=tx.actor.account_id, kind=kind, day=tx.today, agency_id=tx.actor.agency_id, used=0
        )
        tx.session.add(found)
    return found
