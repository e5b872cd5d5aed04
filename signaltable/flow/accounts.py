"""Accounts: who may come in and what their roles are (never a case); the work of an administrator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, select

from signaltable.access import Permission, require
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.coming_in import owner
from signaltable.flow.coming_in.login_names import is_login_name
from signaltable.flow.coming_in.passwords import hash_password
from signaltable.flow.coming_in.proving import Confirmed
from signaltable.flow.coming_in.sessions import end_sessions, last_used
from signaltable.flow.coming_in.standing import hold
from signaltable.flow.meanwhile import require_version
from signaltable.flow.rights.mixing import mixes
from signaltable.models import Account, AccountRole, Agency
from signaltable.queries import PAGE
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account as the administrator sees it."""

    id: str
    login: str
    name: str
    agency_id: str
    agency: str
    roles: tuple[str, ...]
    active: bool
    mail_address: str = ""
    mail_bounced_at: datetime | None = None
    # Whether somebody can come in already, with what besides, and when that was last done.
    has_password: bool = False
    last_used: datetime | None = None


def accounts_page(tx: Transaction, agency_id: str = "", after: str = "") -> tuple[list[AccountLine], str | None]:
    """A page of accounts by login name, of one agency or of all, with the account after which the next page starts.

    `after` is an account's id: a login name tells who somebody is and never stands in an address. Raises `NotFound`.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    query = select(Account, Agency.title).join(Agency, Agency.id == Account.agency_id)
    if after:
        last = tx.session.get(Account, after)
        if last is None:
            raise NotFound("no such page")
        query = query.where(Account.login > last.login)
    if agency_id:
        query = query.where(Account.agency_id == agency_id)
    found = tx.session.execute(query.order_by(Account.login).limit(PAGE + 1)).all()
    shown = found[:PAGE]
    roles = _roles_of(tx, [account.id for account, _title in shown])
    used = last_used(tx, [account.id for account, _title in shown])
    lines = [_account_line(account, title, roles, used.get(account.id)) for account, title in shown]
    record_look(
        tx, "account:consult", {"view": "list", "count": len(lines)} | ({"agency": agency_id} if agency_id else {})
    )
    return lines, lines[-1].id if len(found) > PAGE else None


def account_of(tx: Transaction, account_id: str) -> AccountLine:
    """One account, for the page that changes it. Raises `NotFound`."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id)
    if account is None:
        raise NotFound("no such account")
    title = tx.session.get_one(Agency, account.agency_id).title
    record_look(tx, "account:consult", {"view": "one", "account": account_id}, account_id)
    used = last_used(tx, [account_id]).get(account_id)
    return _account_line(account, title, _roles_of(tx, [account_id]), used)


def record_look(tx: Transaction, action: str, details: Mapping[str, Any], object_id: str = "") -> None:
    """Note that an administrator looked; what was looked at follows from the action."""
    tx.record(action, object_type=action.partition(":")[0], object_id=object_id, details=details)


def _roles_of(tx: Transaction, account_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Account id -> its roles in alphabetical order."""
    found: dict[str, tuple[str, ...]] = {}
    query = select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(account_ids))
    for row in tx.session.execute(query.order_by(AccountRole.role)):
        found[row.account_id] = (*found.get(row.account_id, ()), row.role)
    return found


def _account_line(
    account: Account, title: str, roles: Mapping[str, tuple[str, ...]], used: datetime | None
) -> AccountLine:
    return AccountLine(
        account.id,
        account.login,
        account.name,
        account.agency_id,
        title,
        roles.get(account.id, ()),
        account.active,
        account.mail_address,
        account.mail_bounced_at,
        bool(account.password_hash),
        used,
    )


def choose_password(tx: Transaction, confirmed: Confirmed, kept: str, token: str = "") -> None:
    """A person's own new password, after a proof of who they are. Ends every other session (ASVS 7.4.3), and tells the owner.

    `kept` is what `passwords.hash_password` made of one that `password_choice.require_fit` took; `token` that of the
    session which goes on.
    """
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    if confirmed.account_id != tx.actor.account_id:
        raise Refused("other_agency", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    account = tx.session.get_one(Account, tx.actor.account_id)
    account.password_hash, account.first_password = kept, False
    end_sessions(tx, account.id, "password_changed", but=token)
    owner.tell_of_change(tx, account.id)
    tx.record(
        "account:change",
        object_type="account",
        object_id=account.id,
        details={"account": account.id, "changed": ["password"]},
    )


def record_account(
    tx: Transaction,
    *,
    login: str,
    name: str,
    agency_id: str,
    roles: Sequence[str],
    password: str = "",
    account_id: str = "",
) -> str:
    """Add an account. Returns its id. Raises `UnusableInput` with what was expected per field.

    Its owner comes in with a code (`activating.invite`). Only the demonstration and tests give a `password`.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    login = login.strip().lower()
    problems = _account_problems(tx, name, agency_id, roles)
    if not is_login_name(login):
        problems["login"] = "expected a login name without spaces, in letters of ASCII with or without accents"
    elif tx.session.scalar(select(Account.id).where(Account.login == login)):
        problems["login"] = "expected a login name that nobody else has"
    if problems:
        raise UnusableInput(problems)
    rules = tx.program.policy.coming_in.password
    account = Account(
        id=account_id or tx.new_id(),
        login=login,
        name=name.strip(),
        password_hash=hash_password(rules, password) if password else "",
        agency_id=agency_id,
        created_at=tx.now,
    )
    tx.session.add(account)
    tx.session.flush()
    tx.session.add_all(AccountRole(account_id=account.id, role=role) for role in roles)
    tx.record(
        "account:record",
        object_type="account",
        object_id=account.id,
        details={"account": account.id, "agency": agency_id, "roles": sorted(roles)},
    )
    return account.id


def change_account(
    tx: Transaction, account_id: str, *, name: str, roles: Sequence[str], active: bool, version: int | None = None
) -> None:
    """Change name, roles or access. Ends every session of the account, so that a right taken away is gone at once.

    `version` is what `meanwhile.version_of` gave when the form was shown. Raises `NotFound`, `UnusableInput`, `Conflict`
    (own_account; break_glass: make it an ordinary account first; version: somebody changed it meanwhile).
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    # The own account as well, in one order: of two administrators who take each other's right away, one is first.
    hold(tx, account_id, tx.actor.account_id)
    account = tx.session.get(Account, account_id, populate_existing=True)
    if account is None:
        raise NotFound("no such account")
    require_version(tx, version, account_id, "account:change")
    problems = _account_problems(tx, name, account.agency_id, roles)
    if problems:
        raise UnusableInput(problems)
    before = set(tx.session.scalars(select(AccountRole.role).where(AccountRole.account_id == account_id)))
    if account.break_glass and before != set(roles):
        raise Conflict("break_glass", "an account for emergencies is administrator and nothing else")
    if account_id == tx.actor.account_id and (not active or before != set(roles)):
        raise Conflict("own_account", "an administrator cannot close the own account or change its roles")
    changed = [
        what
        for what, differs in (
            ("name", account.name != name.strip()),
            ("active", account.active != active),
            ("roles", before != set(roles)),
        )
        if differs
    ]
    account.name, account.active = name.strip(), active
    tx.session.execute(delete(AccountRole).where(AccountRole.account_id == account_id))
    tx.session.add_all(AccountRole(account_id=account_id, role=role) for role in roles)
    end_sessions(tx, account_id, "account_changed")
    tx.record(
        "account:change",
        object_type="account",
        object_id=account_id,
        details={
            "account": account_id,
            "changed": changed,
            "roles_added": sorted(set(roles) - before),
            "roles_removed": sorted(before - set(roles)),
            "active": active,
        },
    )


def _account_problems(tx: Transaction, name: str, agency_id: str, roles: Sequence[str]) -> dict[str, str]:
    problems = {}
    if not name.strip():
        problems["name"] = "expected a name"
    if tx.session.get(Agency, agency_id) is None:
        problems["agency_id"] = "expected an existing agency"
    if not roles or set(roles) - set(tx.program.policy.roles):
        problems["roles"] = "expected one or more roles from policies/roles.toml"
    elif mixes(tx.program.policy, roles):
        problems["roles"] = "expected roles that either oversee the work or do it"
    return problems
