"""Signing in: what somebody knows is compared, counted and recorded, and a session begins."""

from sqlalchemy import select

from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.attempts import claim_attempt, forget_attempt, login_digest
from signaltable.flow.coming_in.passwords import password_matches
from signaltable.flow.coming_in.sessions import open_session
from signaltable.models import Account
from signaltable.origin import account_hash
from signaltable.transaction import Program, reading, refuse


def log_in(program: Program, login: str, password: str, *, visitor: Actor = ANONYMOUS) -> str:
    """Check a password and open a session. Returns the session token; only its digest is stored.

    `visitor` carries where the request came from. Raises `Refused` with reason wrong_credentials or
    too_many_attempts; both are recorded as login:fail.
    """
    return open_session(program, account_with(program, visitor, login, password), visitor)


def account_with(program: Program, who: Actor, login: str, password: str, *, step_up: bool = False) -> Account:
    """The active account with this login and password; every other answer is refused, recorded and counted."""
    digest = login_digest(program, login)
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
    attempt = claim_attempt(program, digest)
    if attempt is None:
        refuse(program, who, _failed(program, "too_many_attempts", account, login, step_up=step_up))
    right = password_matches(account, password)
    if account is None or not right or not account.active:
        refuse(program, who, _failed(program, "wrong_credentials", account, login, step_up=step_up))
    forget_attempt(program, attempt)
    return account


def _failed(program: Program, reason: str, account: Account | None, login: str, *, step_up: bool) -> Refused:
    # The typed name is not recorded: people type passwords into the name field. Of a name that nobody has, a keyed digest
    # tells whether somebody keeps trying the same one.
    unknown = {} if account else {"account_hash": account_hash(program.keys, login)}
    return Refused(
        reason,
        action="login:fail",
        object_type="account",
        object_id=account.id if account else "",
        details={"method": "password", **unknown, **({"step_up": True} if step_up else {})},
    )
