"""What somebody has beside a password: apps, passkeys and recovery codes; adding, naming and taking away."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.access import Permission, require
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.coming_in import owner, recovery
from signaltable.flow.coming_in.sessions import end_sessions, require_fresh_proof
from signaltable.models import Account, RecoveryCode, SecondFactor
from signaltable.transaction import Transaction

APP, PASSKEY = "totp", "passkey"
# What the log says of all of them at once.
ALL = "factors"
LONGEST_TITLE = 60


@dataclass(frozen=True, slots=True)
class FactorLine:
    """One second factor as its owner sees it."""

    id: str
    kind: str
    title: str
    made_at: datetime
    used_at: datetime | None
    backed_up: bool
    shown: bool
    # When a passkey turned out to be on two devices.
    copied_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Factors:
    """What counts for an account now: what was tried at least once and not taken away."""

    totp: tuple[FactorLine, ...]
    passkeys: tuple[FactorLine, ...]
    recovery_left: int

    def __bool__(self) -> bool:
        """Whether there is a second factor; recovery codes alone are none."""
        return bool(self.totp or self.passkeys)

    @property
    def ways(self) -> tuple[str, ...]:
        """How this person can take the second step, the strongest first."""
        there = (("passkey", self.passkeys), ("code", self.totp), ("recovery", self and self.recovery_left))
        return tuple(way for way, some in there if some)


def factors_of(session: Session, account_id: str) -> Factors:
    """The second factors of an account; only whoever is asked about is told."""
    counting = SecondFactor.confirmed_at.is_not(None), SecondFactor.removed_at.is_(None)
    rows = session.scalars(
        select(SecondFactor)
        .where(SecondFactor.account_id == account_id, *counting)
        .order_by(SecondFactor.made_at, SecondFactor.id)
    )
    lines = [_line(one) for one in rows]
    left = session.scalar(
        select(func.count()).where(
            RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None), RecoveryCode.removed_at.is_(None)
        )
    )
    return Factors(
        tuple(one for one in lines if one.kind == APP),
        tuple(one for one in lines if one.kind == PASSKEY),
        left or 0,
    )


def add(tx: Transaction, token: str, factor: SecondFactor) -> None:
    """Add a second factor that was just tried. Asks a fresh proof in the session with this token, and tells the owner.

    A session of the password alone adds the first one and no other. Raises `Refused` (not_proved), `UnusableInput`
    (title), `Conflict` (too_many_factors).
    """
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    first = require_fresh_proof(tx, token)
    _one_at_a_time(tx)
    there = factors_of(tx.session, tx.actor.account_id)
    if first and there:
        raise Refused("not_proved", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    if len(there.totp) + len(there.passkeys) >= tx.program.policy.coming_in.app.factors:
        raise Conflict("too_many_factors", "as many second factors as one person can have")
    factor.account_id, factor.agency_id = tx.actor.account_id, tx.actor.agency_id
    factor.title = _title(factor.title)
    tx.session.add(factor)
    tx.session.flush()
    _record(tx, "factor:record", factor.kind)
    if there:
        owner.tell_of_change(tx, tx.actor.account_id)
    else:
        # From now on the password alone opens nothing, and so does no other session that began with it.
        end_sessions(tx, tx.actor.account_id, "strength", but=token)


def rename(tx: Transaction, factor_id: str, title: str) -> None:
    """Call an own second factor something else. Raises `NotFound`, `UnusableInput` (title)."""
    factor = _own(tx, factor_id)
    if factor.title != _title(title):
        factor.title = _title(title)
        _record(tx, "factor:record", factor.kind)


def remove(tx: Transaction, token: str, factor_id: str) -> None:
    """Take an own second factor away, after a fresh proof; every other session ends, and the owner is told.

    Raises `NotFound`, `Refused` (not_proved), `Conflict` (last_factor: nobody can be without one).
    """
    if require_fresh_proof(tx, token):
        raise Refused("not_proved", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    _one_at_a_time(tx)
    factor, there = _own(tx, factor_id), factors_of(tx.session, tx.actor.account_id)
    if len(there.totp) + len(there.passkeys) < 2:
        raise Conflict("last_factor", "nobody can be without a second factor")
    take_away(tx, [factor])
    _record(tx, "factor:remove", factor.kind)
    end_sessions(tx, tx.actor.account_id, "factor_removed", but=token)
    owner.tell_of_change(tx, tx.actor.account_id)


def take_away(tx: Transaction, factors: Iterable[SecondFactor]) -> None:
    """Let these count no more, and forget their secrets. The caller records it."""
    for one in factors:
        one.removed_at, one.secret_sealed, one.credential_id = tx.now, b"", None


def take_all_away(tx: Transaction, account_id: str, *, cause: str = "") -> int:
    """Let every second factor and recovery code of an account count no more, end its sessions, and tell its owner.

    The caller asked the gate. Returns how many factors there were.
    """
    counting = SecondFactor.account_id == account_id, SecondFactor.removed_at.is_(None)
    rows = tx.session.scalars(select(SecondFactor).where(*counting).with_for_update()).all()
    take_away(tx, rows)
    recovery.take_away(tx, account_id)
    details = {"account": account_id, "kind": ALL, "count": len(rows)} | ({"cause": cause} if cause else {})
    tx.record("factor:remove", object_type="account", object_id=account_id, details=details)
    end_sessions(tx, account_id, "factor_removed")
    owner.tell_of_change(tx, account_id)
    return len(rows)


def _one_at_a_time(tx: Transaction) -> None:
    """Let two changes of one account's factors come one after the other."""
    tx.session.execute(select(Account.id).where(Account.id == tx.actor.account_id).with_for_update())


def _own(tx: Transaction, factor_id: str) -> SecondFactor:
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    factor = tx.session.get(SecondFactor, factor_id)
    if factor is None or factor.account_id != tx.actor.account_id or factor.removed_at or not factor.confirmed_at:
        raise NotFound("no such second factor")
    return factor


def _title(given: str) -> str:
    title = " ".join(given.split())
    if len(title) > LONGEST_TITLE or not title.isprintable():
        raise UnusableInput({"title": f"expected a name of at most {LONGEST_TITLE} characters"})
    return title


def _record(tx: Transaction, action: str, kind: str) -> None:
    details = {"account": tx.actor.account_id, "kind": kind}
    tx.record(action, object_type="account", object_id=tx.actor.account_id, details=details)


def _line(one: SecondFactor) -> FactorLine:
    return FactorLine(one.id, one.kind, one.title, one.made_at, one.used_at, one.backed_up, one.shown, one.copied_at)
