"""Signing in: what somebody knows is compared, counted and recorded; then a second factor; then a session begins."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy import select

from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in import browsers, factors, owner, steps
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.flow.coming_in.attempts import TOO_MANY, claim, forget
from signaltable.flow.coming_in.passwords import hash_password, is_weaker, password_matches
from signaltable.flow.coming_in.provider_accounts import comes_by_itself
from signaltable.flow.coming_in.sessions import FIRST_FACTOR, open_session
from signaltable.flow.coming_in.ways import WAYS, wrong
from signaltable.models import Account
from signaltable.origin import account_hash
from signaltable.transaction import Program, reading, refuse, transaction

SECOND = steps.SECOND


@dataclass(frozen=True, slots=True)
class Next:
    """What follows: the token of the second step with the ways that there are, or that of a session.

    "enrol": a session of the first factor, in which somebody without a second one sets that up; "welcome": somebody is in,
    and `browser` is the cookie by which this browser is known from now on.
    """

    kind: Literal["second_factor", "enrol", "welcome"]
    token: str
    ways: tuple[str, ...] = ()
    browser: str = ""


def log_in(
    program: Program, login: str, password: str, *, visitor: Actor = ANONYMOUS, browser: str = "", device: str = ""
) -> Next:
    """Check a password, and say what is asked next. Nobody comes further than setting up a second factor with it alone.

    `visitor` carries where the request came from, `browser` the cookie of a known browser, `device` what the session is
    called. Raises `Refused` with reason wrong_credentials or too_many_attempts; both are recorded as login:fail.
    """
    account = account_with(program, visitor, login, password, browser=browser)
    return what_next(program, account, visitor, way="password", device=device)


def what_next(program: Program, account: Account, visitor: Actor, *, way: str, device: str = "") -> Next:
    """What is asked of somebody whose first factor was right: the second one, or to set one up."""
    with reading(program) as session:
        there = factors.factors_of(session, account.id)
    if there:
        token = steps.begin(program, SECOND, account_id=account.id, way=way)
        return Next("second_factor", token, there.ways)
    return Next("enrol", open_session(program, account, visitor, strength=FIRST_FACTOR, device=device))


def ways_of(program: Program, token: str) -> tuple[str, ...]:
    """The ways to take the second step with this token; () when the step is over."""
    step = steps.found(program, token, SECOND)
    if step is None:
        return ()
    with reading(program) as session:
        return factors.factors_of(session, step.account_id).ways


def second_step(
    program: Program,
    token: str,
    way: str,
    given: str,
    *,
    visitor: Actor = ANONYMOUS,
    browser: str = "",
    device: str = "",
) -> Next:
    """Take the second step in one of its `ways_of`, and come in. What was wrong is counted and recorded.

    Raises `Refused`: step_over (begin again), wrong_code, too_many_attempts.
    """
    step, taken = steps.found(program, token, SECOND), WAYS.get(way)
    account = _active(program, step.account_id) if step else None
    if step is None or account is None or taken is None or not taken.strength or way not in ways_of(program, token):
        refuse(program, visitor, wrong(steps.OVER, "", way if taken else "step"))
    known = browsers.known(program, browser, account.id)
    attempt = _claimed(program, taken.counted, account.id, visitor, known, way)
    session_token = open_session(
        program,
        account,
        visitor,
        strength=taken.strength,
        device=device,
        known_browser=bool(known),
        step=token,
        proof=taken.prove(program, visitor, account, given),
    )
    if attempt:
        forget(program, attempt)
    return Next("welcome", session_token, browser=browsers.remember(program, browser, account.id))


def account_with(
    program: Program, who: Actor, login: str, password: str, *, step_up: bool = False, browser: str = ""
) -> Account:
    """The active account with this login and password; every other answer is refused, recorded and counted.

    The same is done, and takes as long, for a name that nobody has, for who was closed off or has no password, and for who
    comes in through the identity provider of the agency.
    """
    rules = program.policy.coming_in.password
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
    known = browsers.known(program, browser, account.id if account else "")
    attempt = claim(program, "password", login, who, known)
    if attempt is None:
        refuse(program, who, _failed(program, TOO_MANY, account, login, step_up=step_up))
    right = password_matches(rules, account, password)
    if account is None or not right or not account.active or not comes_by_itself(program, account):
        refuse(program, who, _failed(program, "wrong_credentials", account, login, step_up=step_up))
    forget(program, attempt)
    if is_weaker(rules, account.password_hash):
        _keep_anew(program, account, password)
    return account


def _claimed(program: Program, kind: str, account_id: str, visitor: Actor, known: str, way: str) -> str:
    """Count what will be tried; the owner hears of it when somebody who knows the password tried too much."""
    if not kind:
        return ""
    attempt = claim(program, kind, account_id, visitor, known)
    if attempt is None:
        with transaction(program, visitor) as tx:
            owner.tell_of_tries(tx, account_id)
        refuse(program, visitor, wrong(TOO_MANY, account_id, way))
    return attempt


def _active(program: Program, account_id: str) -> Account | None:
    with reading(program) as session:
        account = session.get(Account, account_id)
    return account if account is not None and account.active else None


def _keep_anew(program: Program, account: Account, password: str) -> None:
    """Keep a password in the way that the rules ask now: it was kept when they asked less."""
    with transaction(program, ANONYMOUS) as tx:
        kept = tx.session.get_one(Account, account.id, with_for_update=True)
        if kept.password_hash == account.password_hash:
            kept.password_hash = hash_password(program.policy.coming_in.password, password)
            details = {"account": account.id, "changed": ["password_kept_stronger"]}
            tx.record("account:change", object_type="account", object_id=account.id, details=details)


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
