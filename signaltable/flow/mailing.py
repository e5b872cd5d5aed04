"""Telling people that work is waiting: a row per person, never content (the mail itself is written by a job)."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.db import table_of
from signaltable.flow.kept_apart import hear_instead, who_hears
from signaltable.flow.rights.held import running
from signaltable.models import Account, AccountRole, Mail, RoleGrant
from signaltable.prepared import Prepared, numbered, several
from signaltable.queries import AT_ONCE, kept_from
from signaltable.transaction import Transaction

# What waits, as its kind and its id: the link in the mail leads whoever it is for to it, and nobody else.
Task = tuple[str, str]
NOTHING: Task = ("", "")
# Where mails wait; nothing is told before they are there.
MAILS: Final = table_of(Mail)


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
    active = _active(tx, who_hears(tx, account_ids, task, about))
    if rows := [row(tx, one, template, task=task, urgent=urgent) for one in active]:
        tx.insert(MAILS, rows)


def hearers(tx: Transaction, tasks: Sequence[tuple[Collection[str], Collection[str]]]) -> list[list[str]]:
    """For each task, of (accounts, ids of the signals that it is about), the accounts that `tell` would give a mail.

    Asked at once for tasks that are made together; each mail is a `row`.
    """
    kept = kept_from(tx, {signal for _accounts, signals in tasks for signal in signals})
    hear: list[set[str]] = []
    for account_ids, signals in tasks:
        apart = frozenset[str]().union(*(kept.get(signal, ()) for signal in signals))
        hear.append(hear_instead(tx, account_ids, apart))
    active = set(_active(tx, set[str]().union(*hear)))
    return [sorted(people & active) for people in hear]


def row(
    tx: Transaction, account_id: str, template: str, *, task: Task = NOTHING, urgent: bool = False
) -> dict[str, Any]:
    """A mail to an account, as it is stored in `MAILS`."""
    kind, thing = task
    return {
        "id": tx.new_id(),
        "account_id": account_id,
        "template": template,
        "urgent": urgent,
        "task_kind": kind,
        "task_id": thing,
        "created_at": tx.now,
    }


def _active(tx: Transaction, account_ids: Iterable[str]) -> list[str]:
    """Those of these accounts that are active, in the order of their ids."""
    wanted, found = sorted(account_ids), list[str]()
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        found += (account_id for (account_id,) in tx.rows(_active_among(len(some)), numbered("account", some)))
    return sorted(found)


@lru_cache(maxsize=AT_ONCE)
def _active_among(count: int) -> Prepared:
    accounts = table_of(Account).c
    return Prepared(select(accounts.id).where(accounts.id.in_(several("account", count)), accounts.active))


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
