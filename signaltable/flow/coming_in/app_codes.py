"""The six figures of an authenticator app (RFC 6238: SHA-1, steps of 30 seconds): setting one up, and comparing."""

import base64
import hmac
from datetime import datetime
from typing import Final

import pyotp
from sqlalchemy import Select, select

from signaltable.domain import Actor, Refused, UnusableInput
from signaltable.flow.coming_in import factors, steps
from signaltable.flow.coming_in.sessions import Proof
from signaltable.flow.sealing import open_envelope
from signaltable.keys import keyed_digest
from signaltable.models import Account, SecondFactor
from signaltable.transaction import Program, Transaction, reading

SECONDS: Final = 30
DIGITS: Final = 6
# As long as the digest that it goes into (RFC 4226, section 4, requirement 6).
SECRET_BYTES: Final = 20
ISSUER: Final = "Signaaltafel"
ENROL: Final = "enrol"


def proof(_program: Program, _actor: Actor, account: Account, code: str) -> Proof:
    """What takes this code in the transaction that it opens the way for: each code once, and none of before it.

    It raises `Refused` (wrong_code) and locks the factor, so that of two at once one comes in.
    """
    account_id = account.id

    def take(tx: Transaction) -> None:
        rows = tx.session.scalars(_counting(account_id).with_for_update()).all()
        for factor in rows:
            step = _step_of(_opened(tx, factor), code, _candidates(tx.program, factor, tx.now))
            if step is not None:
                factor.last_step, factor.used_at = step, tx.now
                return
        raise Refused(
            "wrong_code", action="login:fail", object_type="account", object_id=account_id, details={"method": "code"}
        )

    return take


def begin(program: Program, actor: Actor) -> str:
    """Make a secret for an app that is being set up. Returns the token of the step, which keeps it sealed."""
    secret = base64.b32encode(program.randomness(SECRET_BYTES)).decode()
    sealed = program.keys.seal(actor.agency_id, secret.encode(), _place(actor.account_id))
    return steps.begin(program, ENROL, account_id=actor.account_id, state={"sealed": base64.b64encode(sealed).decode()})


def secret_under_way(tx: Transaction, token: str) -> str | None:
    """The secret of the app that the actor is setting up; None when that took too long or is of somebody else."""
    step = steps.found(tx.program, token, ENROL)
    if step is None or step.account_id != tx.actor.account_id:
        return None
    sealed = base64.b64decode(step.state["sealed"])
    return open_envelope(tx, tx.actor.agency_id, sealed, _place(tx.actor.account_id)).decode()


def finish(tx: Transaction, session_token: str, token: str, code: str, title: str) -> None:
    """Add the app that was set up, with the first code that it shows. Asks a fresh proof, as `factors.add` says.

    Raises `Refused` (step_over, not_proved), `UnusableInput` (code, title).
    """
    secret = secret_under_way(tx, token)
    if secret is None:
        raise Refused(steps.OVER, action="login:fail", object_type="account", details={"method": ENROL})
    now = _step_at(tx.now)
    drift = tx.program.policy.coming_in.app.drift
    step = _step_of(secret, code, range(now - drift, now + drift + 1))
    if step is None:
        raise UnusableInput({"code": "expected the code that the app shows now"})
    steps.end(tx, token)
    made = SecondFactor(id=tx.new_id(), kind=factors.APP, title=title, made_at=tx.now, last_step=step)
    made.secret_sealed = seal_secret(tx, made.id, tx.actor.agency_id, secret)
    made.confirmed_at = made.used_at = tx.now
    factors.add(tx, session_token, made)


def add_shown(tx: Transaction, account_id: str, agency_id: str) -> None:
    """Give an account of the demonstration an app that nobody has: the page shows its codes. Never outside the demo."""
    if not tx.program.settings.demo:
        raise Refused("not_offered")
    made = SecondFactor(id=tx.new_id(), account_id=account_id, agency_id=agency_id, kind=factors.APP, shown=True)
    made.made_at = made.confirmed_at = tx.now
    tx.session.add(made)
    details = {"account": account_id, "kind": factors.APP}
    tx.record("factor:record", object_type="account", object_id=account_id, details=details)


def seal_secret(tx: Transaction, factor_id: str, agency_id: str, secret: str) -> bytes:
    """The secret of an app, sealed for the agency of its account."""
    return tx.program.keys.seal(agency_id, secret.encode(), _place_of(factor_id))


def address_of(secret: str, login: str) -> str:
    """What an app reads out of the picture: the address of a new code (otpauth:)."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=SECONDS).provisioning_uri(name=login, issuer_name=ISSUER)


def shown_code(program: Program, account_id: str) -> str:
    """The next code of an app that exists in the demonstration only; "" outside the demo or when there is none."""
    if not program.settings.demo:
        return ""
    with reading(program) as session:
        factor = session.scalars(_counting(account_id).where(SecondFactor.shown)).first()
    if factor is None:
        return ""
    code = _code(_shown_secret(program, factor.id), max(_step_at(program.clock()), factor.last_step + 1))
    return f"{code[:3]} {code[3:]}"


def has_shown(program: Program) -> bool:
    """Whether any account has an app whose codes a page shows: never outside the demo."""
    with reading(program) as session:
        there = select(SecondFactor.id).where(SecondFactor.shown, SecondFactor.removed_at.is_(None)).limit(1)
        return session.scalar(there) is not None


def _counting(account_id: str) -> Select[SecondFactor]:
    return (
        select(SecondFactor)
        .where(
            SecondFactor.account_id == account_id,
            SecondFactor.kind == factors.APP,
            SecondFactor.confirmed_at.is_not(None),
            SecondFactor.removed_at.is_(None),
        )
        .order_by(SecondFactor.id)
    )


def _candidates(program: Program, factor: SecondFactor, now: datetime) -> range:
    """The time steps of which a code counts: around now, and after the last one that was taken."""
    here, drift = _step_at(now), program.policy.coming_in.app.drift
    # Nobody has the app of a demonstration: its next code is shown, and nobody waits for half a minute to pass.
    last = max(here + drift, factor.last_step + 1) if factor.shown and program.settings.demo else here + drift
    return range(max(here - drift, factor.last_step + 1), last + 1)


def _step_of(secret: str, code: str, candidates: range) -> int | None:
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    found = None
    for step in candidates:
        if hmac.compare_digest(_code(secret, step), typed):
            found = step
    return found


def _code(secret: str, step: int) -> str:
    return pyotp.TOTP(secret, digits=DIGITS, interval=SECONDS).generate_otp(step)


def _step_at(moment: datetime) -> int:
    return int(moment.timestamp()) // SECONDS


def _shown_secret(program: Program, factor_id: str) -> str:
    """The secret of an app that exists in the demonstration only: it follows from the key ring, for a page shows its codes."""
    key = program.keys.derive("rows", "shown-app")
    return base64.b32encode(keyed_digest(key, "app", factor_id)[:SECRET_BYTES]).decode()


def _opened(tx: Transaction, factor: SecondFactor) -> str:
    if factor.shown and tx.program.settings.demo:
        return _shown_secret(tx.program, factor.id)
    return open_envelope(tx, factor.agency_id, factor.secret_sealed, _place_of(factor.id)).decode()


def _place_of(factor_id: str) -> bytes:
    return f"second_factors|secret_sealed|{factor_id}".encode()


def _place(account_id: str) -> bytes:
    return f"login_steps|state|{account_id}".encode()
