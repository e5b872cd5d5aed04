"""Proving once more who one is (step-up), before something that asks it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update

from signaltable.domain import Actor
from signaltable.flow.coming_in.sessions import token_digest
from signaltable.flow.coming_in.signing_in import account_with
from signaltable.models import Account, LoginSession
from signaltable.transaction import Program, reading, transaction

# How long it counts that somebody proved once more who they are (step-up).
PROVED_FOR = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """That this person just typed the own password again; made by `confirm_password` and nowhere else."""

    account_id: str


def confirm_password(program: Program, actor: Actor, password: str) -> Confirmed:
    """Ask the password again before a second person agrees. Raises `Refused` as `log_in` does.

    Counts wrong ones as a login does, and takes its time before a transaction holds up others.
    """
    with reading(program) as session:
        login = session.get_one(Account, actor.account_id).login
    return Confirmed(account_with(program, actor, login, password).id)


def prove(program: Program, actor: Actor, token: str, password: str) -> None:
    """Ask who is signed in to prove it once more (step-up), and remember for this session that they did.

    The one place that says how somebody proves it. Counts and records wrong ones as a login does, and raises `Refused`
    like `log_in`; a right one is a login:succeed that says so.
    """
    with reading(program) as session:
        login = session.get_one(Account, actor.account_id).login
    account = account_with(program, actor, login, password, step_up=True)
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(LoginSession)
            .where(LoginSession.token_digest == token_digest(token), LoginSession.account_id == account.id)
            .values(proved_at=tx.now),
        )
        details = {"method": "password", "step_up": True}
        tx.record("login:succeed", object_type="account", object_id=account.id, details=details)


def proved_at(program: Program, token: str) -> datetime | None:
    """When somebody last proved in this session who they are, beyond the login that began it; None when never."""
    with reading(program) as session:
        return session.scalar(select(LoginSession.proved_at).where(LoginSession.token_digest == token_digest(token)))
