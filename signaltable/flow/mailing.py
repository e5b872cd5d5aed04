"""Telling people that work is waiting: a row per person, never content (the mail itself is written by a job)."""

from collections.abc import Iterable

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.models import Account, AccountRole, Mail
from signaltable.transaction import Transaction


def tell(tx: Transaction, account_ids: Iterable[str], template: str) -> None:
    """One mail for each of these accounts that is still active."""
    wanted = sorted(set(account_ids))
    for account_id in tx.session.scalars(select(Account.id).where(Account.id.in_(wanted), Account.active)):
        tx.session.add(Mail(id=tx.new_id(), account_id=account_id, template=template, created_at=tx.now))


def tell_agency(tx: Transaction, agency_ids: Iterable[str], permission: Permission, template: str) -> None:
    """One mail for everybody at these agencies whose role holds the permission."""
    tell(tx, accounts_with(tx, agency_ids, permission), template)


def accounts_with(tx: Transaction, agency_ids: Iterable[str], permission: Permission) -> list[str]:
    """The active accounts at these agencies whose roles hold the permission."""
    rows = tx.session.execute(
        select(Account.id, AccountRole.role)
        .join(AccountRole, AccountRole.account_id == Account.id)
        .where(Account.agency_id.in_(sorted(set(agency_ids))), Account.active),
    )
    policy = tx.program.policy
    return sorted({row.id for row in rows if permission.value in policy.permissions_of([row.role])})
