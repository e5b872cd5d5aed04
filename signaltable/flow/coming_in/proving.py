"""Proving once more who one is (step-up), before something that asks it. The one place that says how."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in import browsers, factors
from signaltable.flow.coming_in.attempts import TOO_MANY, claim, forget
from signaltable.flow.coming_in.provider_accounts import comes_by_itself, is_bound
from signaltable.flow.coming_in.sessions import renew, require_fresh_proof, token_digest
from signaltable.flow.coming_in.signing_in import account_with
from signaltable.flow.coming_in.ways import WAYS, wrong
from signaltable.models import Account, LoginSession
from signaltable.provider_settings import provider_of_agency
from signaltable.transaction import Program, Transaction, reading, refuse, transaction


@dataclass(frozen=True, slots=True)
class Confirmed:
    """That this person just proved once more who they are; made by this module and nowhere else."""

    account_id: str


def confirm_password(program: Program, actor: Actor, password: str, browser: str = "") -> Confirmed:
    """Ask the password again. `browser` is the cookie of a known browser. Raises `Refused` as `log_in` does.

    Counts wrong ones as a login does, and takes its time before a transaction holds up others.
    """
    with reading(program) as session:
        login = session.get_one(Account, actor.account_id).login
    return Confirmed(account_with(program, actor, login, password, step_up=True, browser=browser).id)


def confirmed_lately(tx: Transaction, token: str) -> Confirmed:
    """That the actor proved in this session who they are, a few minutes ago at most. Raises `Refused` (not_proved)."""
    if require_fresh_proof(tx, token):
        raise Refused("not_proved")
    return Confirmed(tx.actor.account_id)


def ways_of(program: Program, actor: Actor) -> tuple[str, ...]:
    """How this person can prove once more who they are: "password", "code", "passkey", "provider"."""
    with reading(program) as session:
        account = session.get_one(Account, actor.account_id)
        there = factors.factors_of(session, actor.account_id)
        own = provider_of_agency(program.settings.identity_providers, account.agency_id)
        bound = own is not None and is_bound(session, account.id, own.id)
    has = {
        "password": bool(account.password_hash) and comes_by_itself(program, account),
        "code": bool(there.totp),
        "passkey": bool(there.passkeys),
    }
    there_now = tuple(way for way in WAYS if WAYS[way].step_up and has.get(way, False))
    # A proof at the provider begins at a page of its own (web/provider.py) and is no row of WAYS.
    return (*there_now, "provider") if bound else there_now


def prove_with(program: Program, actor: Actor, token: str, way: str, given: str, browser: str = "") -> str:
    """Prove once more who is signed in, in one of their `ways_of`, and remember it. Returns the new token of the session.

    Counts and records wrong ones as a login does, and raises `Refused` (wrong_credentials, wrong_code, too_many_attempts,
    not_offered); a right one is a login:succeed that says so. `browser` is the cookie of a known browser.
    """
    taken = WAYS.get(way)
    if taken is None or not taken.step_up or way not in ways_of(program, actor):
        refuse(program, actor, wrong("not_offered", actor.account_id, way if taken else "step", step_up=True))
    with reading(program) as session:
        account = session.get_one(Account, actor.account_id)
    # Passwords are counted by what people type as their name, as at the login page.
    who = account.login if taken.counted == "password" else account.id
    known = browsers.known(program, browser, account.id)
    attempt = claim(program, taken.counted, who, actor, known) if taken.counted else ""
    if attempt is None:
        refuse(program, actor, wrong(TOO_MANY, account.id, way, step_up=True))
    proof = taken.prove(program, actor, account, given)
    with transaction(program, actor) as tx:
        try:
            proof(tx)
        except Refused as refusal:
            raise wrong(refusal.reason, account.id, way, step_up=True) from None
        new = remember(tx, token, way)
    if attempt:
        forget(program, attempt)
    return new


def remember(tx: Transaction, token: str, way: str) -> str:
    """Note in the session that its owner just proved who they are. Returns its new token: the one of before is over.

    So whoever had that one, by theft or by putting it there, has nothing of the proof and is out.
    """
    new = renew(tx, token)
    details = {"method": way, "step_up": True}
    tx.record("login:succeed", object_type="account", object_id=tx.actor.account_id, details=details)
    return new


def proved_at(program: Program, token: str) -> datetime | None:
    """When somebody last proved in this session who they are, beyond the login that began it; None when never."""
    with reading(program) as session:
        return session.scalar(select(LoginSession.proved_at).where(LoginSession.token_digest == token_digest(token)))
