"""A login, an enrolment or a proof that is under way: what was done already, until the last of it is done or time is over.

The browser holds a random token; the database its digest, whom it is about, and what has to come back unchanged.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, update

from signaltable.domain import Refused
from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.models import LoginStep
from signaltable.transaction import Program, Transaction, reading, transaction

# A login that waits for its second step.
SECOND = "second"
# What a page says when a step is over: begin again.
OVER = "step_over"


@dataclass(frozen=True, slots=True)
class Step:
    """What a step stands for: whose it is ("" when nobody is known yet), by which way, and what was kept with it."""

    kind: str
    account_id: str
    way: str
    state: Mapping[str, Any] = field(default_factory=dict, repr=False)


def begin(
    program: Program, kind: str, *, account_id: str = "", way: str = "", state: Mapping[str, Any] | None = None
) -> str:
    """Keep a step for the minutes of policies/sign_in.toml. Returns its token (256 bits), of which the digest is stored."""
    token = program.randomness(32).hex()
    with transaction(program, ANONYMOUS) as tx:
        tx.session.execute(delete(LoginStep).where(LoginStep.made_at <= tx.now - _lifetime(program)))
        tx.session.add(
            LoginStep(
                token_digest=_digest(token),
                kind=kind,
                account_id=account_id,
                way=way,
                state=dict(state or {}),
                made_at=tx.now,
            )
        )
    return token


def found(program: Program, token: str, kind: str) -> Step | None:
    """The step with this token, of this kind, that is neither ended nor too old; None otherwise. Looking ends nothing."""
    if not token:
        return None
    with reading(program) as session:
        row = session.get(LoginStep, _digest(token))
    if row is None or row.kind != kind or row.ended_at or program.clock() - row.made_at >= _lifetime(program):
        return None
    return Step(row.kind, row.account_id, row.way, row.state)


def end(tx: Transaction, token: str) -> None:
    """End a step in the transaction that does what it led to. Of two at once one goes on; the other gets `Refused` (step_over)."""
    ended = tx.session.execute(
        update(LoginStep)
        .where(
            LoginStep.token_digest == _digest(token),
            LoginStep.ended_at.is_(None),
            LoginStep.made_at > tx.now - _lifetime(tx.program),
        )
        .values(ended_at=tx.now, state={})
        .returning(LoginStep.token_digest)
    ).first()
    if ended is None:
        raise Refused(OVER, action="login:fail", object_type="account", details={"method": "step"})


def end_of(tx: Transaction, kind: str, account_id: str) -> None:
    """End all steps of this kind that are under way for an account: what was proved in them counts no more."""
    tx.session.execute(
        update(LoginStep)
        .where(LoginStep.account_id == account_id, LoginStep.kind == kind, LoginStep.ended_at.is_(None))
        .values(ended_at=tx.now, state={})
    )


def _lifetime(program: Program) -> timedelta:
    return timedelta(minutes=program.policy.coming_in.step.minutes)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
