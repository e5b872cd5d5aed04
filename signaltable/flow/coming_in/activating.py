"""Coming in once with a code that was handed over: to choose a password, or to set up a second factor anew.

Nobody types or sees the password of somebody else (ASVS 6.4.1, 6.4.6), and a new password leaves the second factor as it
was (6.4.3). The code is shown once, to whoever made it; a digest is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import select, update

from signaltable.access import Permission, require
from signaltable.domain import Actor, Conflict, NotFound, Refused
from signaltable.flow.coming_in import browsers, codes, factors, owner, steps
from signaltable.flow.coming_in.actors import actor_of_account
from signaltable.flow.coming_in.attempts import TOO_MANY, claim, forget
from signaltable.flow.coming_in.password_choice import require_fit
from signaltable.flow.coming_in.passwords import hash_password
from signaltable.flow.coming_in.provider_accounts import comes_by_itself
from signaltable.flow.coming_in.sessions import end_sessions
from signaltable.flow.coming_in.signing_in import Next, account_with, what_next
from signaltable.flow.coming_in.ways import wrong
from signaltable.models import Account, Activation
from signaltable.origin import account_hash
from signaltable.transaction import Program, Transaction, reading, refuse, transaction

KIND: Final = "activate"
METHOD: Final = "activation"
# What a code is for: the first password, another one, or a second factor set up anew.
FIRST, PASSWORD, FACTORS = "first", "password", "factors"


@dataclass(frozen=True, slots=True)
class Invitation:
    """A code to hand over, which stands nowhere else, and until when it counts."""

    login: str
    code: str
    expires_at: datetime

    def __repr__(self) -> str:
        """Without the code: what is printed by mistake must not let anybody in."""
        return "Invitation()"


def invite(tx: Transaction, account_id: str, *, second_factor: bool = False) -> Invitation:
    """Make a code for somebody, in place of any of before. Raises `NotFound`, `Conflict` (own_account, account_closed).

    Without `second_factor` it is for a password: the present one counts no more, and its owner is told. With it, for a
    second factor: nothing changes until the code was used.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound("no such account")
    if account_id == tx.actor.account_id:
        raise Conflict("own_account", "nobody makes a code for the own account")
    if not account.active:
        raise Conflict("account_closed", "an account that is closed off gets no code")
    purpose = FACTORS if second_factor else PASSWORD if account.password_hash else FIRST
    if purpose == PASSWORD:
        account.password_hash, account.first_password = "", False
        end_sessions(tx, account_id, "password_changed")
    if purpose != FIRST:
        owner.tell_of_change(tx, account_id)
    return _made(tx, account, purpose)


def _made(tx: Transaction, account: Account, purpose: str) -> Invitation:
    rules = tx.program.policy.coming_in.activation
    _end_others(tx, account.id)
    code = codes.readable(tx.program.randomness(codes.bytes_for(rules.bits)))
    expires_at = tx.now + timedelta(hours=rules.hours)
    tx.session.add(
        Activation(
            id=tx.new_id(),
            account_id=account.id,
            purpose=purpose,
            code_digest=codes.digest_of(account.id, code),
            made_by=tx.actor.account_id,
            made_at=tx.now,
            expires_at=expires_at,
        )
    )
    details = {"account": account.id, "kind": purpose, "expires_at": expires_at.isoformat()}
    tx.record("account:invite", object_type="account", object_id=account.id, details=details)
    return Invitation(account.login, code, expires_at)


def _end_others(tx: Transaction, account_id: str) -> None:
    """Let codes of before count no more: one at a time."""
    open_ones = Activation.account_id == account_id, Activation.used_at.is_(None)
    for one in tx.session.scalars(select(Activation).where(*open_ones, Activation.expires_at > tx.now)):
        one.expires_at = tx.now


def open_code(program: Program, login: str, code: str, *, visitor: Actor, browser: str = "") -> str:
    """Look at a code that was typed with a login name. Returns the token of the step in which it is used.

    Raises `Refused` (wrong_activation, too_many_attempts), the same and after the same work for every name and code that
    do not belong together; recorded as login:fail.
    """
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
        account_id = account.id if account else ""
        row = session.scalars(
            select(Activation).where(Activation.code_digest == codes.digest_of(account_id, code))
        ).first()
    known = browsers.known(program, browser, account_id)
    attempt = claim(program, METHOD, login, visitor, known)
    if attempt is None:
        refuse(program, visitor, _refusal(program, TOO_MANY, account_id, login))
    counts = row is not None and not row.used_at and row.expires_at > program.clock()
    # Whoever comes in through the identity provider of the agency has no password to choose: that would be a second way in.
    if account is None or not account.active or row is None or not counts or not comes_by_itself(program, account):
        refuse(program, visitor, _refusal(program, "wrong_activation", account_id, login))
    forget(program, attempt)
    state = {"activation": row.id, "purpose": row.purpose}
    return steps.begin(program, KIND, account_id=account.id, way=METHOD, state=state)


def purpose_of(program: Program, token: str) -> str:
    """What the code of this step is for; "" when the step is over."""
    step = steps.found(program, token, KIND)
    return str(step.state["purpose"]) if step else ""


def account_of(program: Program, token: str) -> str:
    """Whose code it is; "" when the step is over."""
    step = steps.found(program, token, KIND)
    return step.account_id if step else ""


def choose_password(program: Program, token: str, password: str, *, visitor: Actor, device: str = "") -> Next:
    """Use the code for a new password; the second factor stays, and is asked next, or set up when there is none.

    Raises `UnusableInput` (password: why it may not be chosen), `Refused` (step_over).
    """
    step, account = _under_way(program, token, visitor, {FIRST, PASSWORD})
    require_fit(program, account, password)
    kept = hash_password(program.policy.coming_in.password, password)
    with reading(program) as session:
        actor = actor_of_account(program, session, account, visitor)
    with transaction(program, actor) as tx:
        _use(tx, step, token)
        mine = tx.session.get_one(Account, account.id, with_for_update=True)
        mine.password_hash, mine.first_password = kept, False
        end_sessions(tx, account.id, "password_changed")
        _record(tx, account.id, str(step.state["purpose"]))
        if step.state["purpose"] == PASSWORD:
            owner.tell_of_change(tx, account.id)
    return what_next(program, account, visitor, way=METHOD, device=device)


def renew_factors(
    program: Program, token: str, password: str, *, visitor: Actor, browser: str = "", device: str = ""
) -> Next:
    """Use the code to take every second factor and recovery code away, with the password; a new one is set up next.

    Raises `Refused`: step_over, or as `log_in` does for the password.
    """
    step, account = _under_way(program, token, visitor, {FACTORS})
    account = account_with(program, visitor, account.login, password, browser=browser)
    with reading(program) as session:
        actor = actor_of_account(program, session, account, visitor)
    with transaction(program, actor) as tx:
        _use(tx, step, token)
        factors.take_all_away(tx, account.id, cause=METHOD)
        _record(tx, account.id, FACTORS)
    return what_next(program, account, visitor, way=METHOD, device=device)


def _under_way(program: Program, token: str, visitor: Actor, purposes: set[str]) -> tuple[steps.Step, Account]:
    step = steps.found(program, token, KIND)
    with reading(program) as session:
        account = session.get(Account, step.account_id) if step else None
    if step is None or account is None or not account.active or step.state["purpose"] not in purposes:
        refuse(program, visitor, wrong(steps.OVER, "", METHOD))
    return step, account


def _use(tx: Transaction, step: steps.Step, token: str) -> None:
    """Take the code, once, and end the step."""
    steps.end(tx, token)
    taken = tx.session.execute(
        update(Activation)
        .where(Activation.id == step.state["activation"], Activation.used_at.is_(None), Activation.expires_at > tx.now)
        .values(used_at=tx.now)
        .returning(Activation.id)
    ).first()
    if taken is None:
        raise wrong(steps.OVER, step.account_id, METHOD)


def _record(tx: Transaction, account_id: str, purpose: str) -> None:
    details = {"account": account_id, "kind": purpose}
    tx.record("account:activate", object_type="account", object_id=account_id, details=details)


def _refusal(program: Program, reason: str, account_id: str, login: str) -> Refused:
    unknown = {} if account_id else {"account_hash": account_hash(program.keys, login)}
    return Refused(
        reason,
        action="login:fail",
        object_type="account",
        object_id=account_id,
        details={"method": METHOD, **unknown},
    )
