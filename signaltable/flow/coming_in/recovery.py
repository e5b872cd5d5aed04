"""Codes on paper that take the place of a second factor, each once; only digests are kept."""

from sqlalchemy import func, select, update

from signaltable.access import Permission, require
from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in import codes, owner
from signaltable.flow.coming_in.sessions import Proof, require_fresh_proof
from signaltable.models import Account, RecoveryCode, SecondFactor
from signaltable.transaction import Program, Transaction

KIND = "recovery"


def proof(_program: Program, _actor: Actor, account: Account, code: str) -> Proof:
    """What takes this code in the transaction that it opens the way for, once. It raises `Refused` (wrong_code)."""
    account_id = account.id

    def take(tx: Transaction) -> None:
        digest = codes.digest_of(account_id, code)
        taken = tx.session.execute(
            update(RecoveryCode)
            .where(
                RecoveryCode.account_id == account_id,
                RecoveryCode.code_digest == digest,
                RecoveryCode.used_at.is_(None),
                RecoveryCode.removed_at.is_(None),
            )
            .values(used_at=tx.now)
            .returning(RecoveryCode.id)
        ).first()
        if taken is None:
            raise Refused(
                "wrong_code", action="login:fail", object_type="account", object_id=account_id, details={"method": KIND}
            )
        details = {"account": account_id, "kind": KIND, "cause": "used", "count": left(tx, account_id)}
        tx.record("factor:remove", object_type="account", object_id=account_id, details=details)
        owner.tell_of_change(tx, account_id)

    return take


def make(tx: Transaction, session_token: str) -> list[str]:
    """New codes for the actor, in place of all of before. They stand nowhere else: whoever calls shows them once.

    Asks a fresh proof: `Refused` (not_proved). With the first factor alone somebody gets them only together with the
    first of the second factors, in the same transaction.
    """
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    if require_fresh_proof(tx, session_token) and _has_factor_of_before(tx):
        raise Refused("not_proved", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    rules, account_id = tx.program.policy.coming_in.recovery, tx.actor.account_id
    replaced = take_away(tx, account_id)
    made = [codes.readable(tx.program.randomness(codes.bytes_for(rules.bits))) for _one in range(rules.codes)]
    tx.session.add_all(
        RecoveryCode(
            id=tx.new_id(), account_id=account_id, code_digest=codes.digest_of(account_id, one), made_at=tx.now
        )
        for one in made
    )
    details = {"account": account_id, "kind": KIND, "count": len(made)}
    tx.record("factor:record", object_type="account", object_id=account_id, details=details)
    if replaced:
        owner.tell_of_change(tx, account_id)
    return made


def _has_factor_of_before(tx: Transaction) -> bool:
    """Whether the actor has a second factor that this transaction did not make."""
    theirs = SecondFactor.account_id == tx.actor.account_id
    counting = SecondFactor.confirmed_at < tx.now, SecondFactor.removed_at.is_(None)
    return tx.session.scalar(select(func.count()).select_from(SecondFactor).where(theirs, *counting)) != 0


def take_away(tx: Transaction, account_id: str) -> int:
    """Let the codes of an account count no more. Returns how many were left; the caller records it."""
    rows = tx.session.scalars(
        select(RecoveryCode).where(
            RecoveryCode.account_id == account_id, RecoveryCode.used_at.is_(None), RecoveryCode.removed_at.is_(None)
        )
    ).all()
    for one in rows:
        one.removed_at = tx.now
    return len(rows)


def left(tx: Transaction, account_id: str) -> int:
    """How many codes an account has left."""
    counting = RecoveryCode.used_at.is_(None), RecoveryCode.removed_at.is_(None)
    return tx.session.scalar(select(func.count()).where(RecoveryCode.account_id == account_id, *counting)) or 0
