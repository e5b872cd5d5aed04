"""Accounts for emergencies: an administrator who comes in by themselves when the identity provider is away.

One or two (policies/sign_in.toml), with no other role than administrator and always with a second factor. Using one is
no secret: everybody who administers or watches over privacy hears of it at once, and an incident stays open until somebody
has looked back on it.
"""

from dataclasses import dataclass

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import Actor, Conflict, NotFound
from signaltable.flow.coming_in import factors, owner
from signaltable.flow.coming_in.sessions import end_sessions
from signaltable.flow.rights.held import held_by
from signaltable.models import Account
from signaltable.transaction import Program, Transaction, in_whole, reading

ROLE = "administrator"


@dataclass(frozen=True, slots=True)
class EmergencyAccount:
    """An account for emergencies, as the administrator sees it. `ready`: active, with a second factor."""

    account_id: str
    name: str
    ready: bool


@dataclass(frozen=True, slots=True)
class EmergencyState:
    """Whether an account is for emergencies, and whether it could be: administrator and nothing else."""

    on: bool
    possible: bool


def most(program: Program) -> int:
    """How many accounts for emergencies there may be."""
    return program.policy.coming_in.break_glass.most


def is_one(program: Program, actor: Actor) -> bool:
    """Whether somebody is signed in with an account for emergencies, where there is a provider that can be away."""
    if Permission.ACCOUNT_CHANGE_ALL not in actor.permissions or not program.settings.identity_providers:
        return False
    with reading(program) as session:
        account = session.get(Account, actor.account_id)
    return account is not None and account.break_glass


def state_of(program: Program, actor: Actor, account_id: str) -> EmergencyState:
    """Whether an account is one for emergencies, or could be. Raises `NotFound`."""
    require(actor, Permission.ACCOUNT_CHANGE_ALL)
    with reading(program) as session:
        account = session.get(Account, account_id)
        if account is None:
            raise NotFound("no such account")
        held = held_by(session, program.policy, account_id, program.clock()).all
    return EmergencyState(account.break_glass, held == {ROLE})


@in_whole("an administrator sees whether an account for emergencies has a second step")
def listing(tx: Transaction) -> list[EmergencyAccount]:
    """The accounts for emergencies. The caller records the look."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    rows = tx.session.scalars(select(Account).where(Account.break_glass).order_by(Account.name))
    return [
        EmergencyAccount(one.id, one.name, one.active and bool(factors.factors_of(tx.session, one.id))) for one in rows
    ]


@in_whole("whether somebody else has a second step")
def choose(tx: Transaction, account_id: str, *, on: bool) -> None:
    """Make an account one for emergencies, or an ordinary one again; its sessions end and its owner hears of it.

    Raises `NotFound`, `Conflict`: own_account (another administrator does this), not_administrator_only,
    too_many_break_glass, no_second_factor.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    # Two administrators at once would each find one place left.
    rows = tx.session.scalars(select(Account).where(Account.break_glass).with_for_update()).all()
    account = tx.session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound("no such account")
    if account.break_glass == on:
        return
    if account_id == tx.actor.account_id:
        raise Conflict("own_account", "another administrator has to choose this")
    if on:
        _check(tx, account, len(rows))
    account.break_glass = on
    end_sessions(tx, account_id, "account_changed")
    owner.tell_of_change(tx, account_id)
    details = {"account": account_id, "changed": ["break_glass"], "active": account.active}
    tx.record("account:change", object_type="account", object_id=account_id, details=details)


def _check(tx: Transaction, account: Account, there: int) -> None:
    if held_by(tx.session, tx.program.policy, account.id, tx.now).all != {ROLE}:
        raise Conflict("not_administrator_only", "expected an account with the role of administrator alone")
    if there >= most(tx.program):
        raise Conflict("too_many_break_glass", "as many accounts for emergencies as the rules allow")
    if not factors.factors_of(tx.session, account.id):
        raise Conflict("no_second_factor", "expected an account with a second factor")
