"""Telling people that work is waiting: a row per person, never content (the mail itself is written by a job)."""

from collections.abc import Iterable, Iterator
from datetime import date

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.flow.kept_apart import who_hears
from signaltable.flow.rights.held import running
from signaltable.models import Account, AccountRole, Mail, RoleGrant
from signaltable.transaction import Transaction

# What waits, as its kind and its id: the link in the mail leads whoever it is for to it, and nobody else.
Task = tuple[str, str]
NOTHING: Task = ("", "")


def presses(tx: Transaction, template: str, *, urgency: str = "", due_on: date | None = None) -> bool:
    """Whether a mail does not wait for the digest, as policies/mail.toml says: by the urgency of the signal or the route
    (urgencies.toml), or because the last day to act is today.
    """
    rules = tx.program.policy.mail
    return rules is not None and rules.presses(template, urgency=urgency, due_on=due_on, today=tx.today)


def tell(
    tx: Transaction,
    account_ids: Iterable[str],
    template: str,
    *,
    task: Task = NOTHING,
    urgent: bool = False,
    about: Iterable[str] = (),
) -> None:
    """One mail for each of these accounts that is still active; `urgent` ones do not wait for the digest of the day.

    Whoever is kept from the case (that of the task, or of the signals `about`) gets none, and a colleague gets it instead.
    """
    wanted = sorted(who_hears(tx, account_ids, task, about))
    kind, thing = task
    for account_id in tx.session.scalars(select(Account.id).where(Account.id.in_(wanted), Account.active)):
        tx.session.add(
            Mail(
                id=tx.new_id(),
                account_id=account_id,
                template=template,
                urgent=urgent,
                task_kind=kind,
                task_id=thing,
                created_at=tx.now,
            ),
        )


def tell_agency(
    tx: Transaction,
    agency_ids: Iterable[str],
    permission: Permission,
    template: str,
    *,
    task: Task = NOTHING,
    urgent: bool = False,
    about: Iterable[str] = (),
) -> None:
    """One mail for everybody at these agencies whose role holds the permission."""
    tell(tx, accounts_with(tx, agency_ids, permission), template, task=task, urgent=urgent, about=about)


def accounts_with(tx: Transaction, agency_ids: Iterable[str], permission: Permission) -> list[str]:
    """The active accounts at these agencies whose roles hold the permission, those for some time among them."""
    return sorted({account_id for account_id, _agency in _holders(tx, agency_ids, permission)})


def agencies_with(tx: Transaction, agency_ids: Iterable[str], permission: Permission) -> list[str]:
    """Those of these agencies where an active account holds the permission."""
    return sorted({agency for _account, agency in _holders(tx, agency_ids, permission)})


def _holders(tx: Transaction, agency_ids: Iterable[str], permission: Permission) -> Iterator[tuple[str, str]]:
    policy, wanted = tx.program.policy, sorted(set(agency_ids))
    holding = [role for role in policy.roles if permission.value in policy.permissions_of([role])]
    people = select(Account.id, Account.agency_id).where(Account.agency_id.in_(wanted), Account.active)
    own = people.join(AccountRole, AccountRole.account_id == Account.id).where(AccountRole.role.in_(holding))
    granted = people.join(RoleGrant, RoleGrant.account_id == Account.id).where(
        RoleGrant.role.in_(holding), running(tx.now)
    )
    for query in (own, granted):
        yield from ((row.id, row.agency_id) for row in tx.session.execute(query))
