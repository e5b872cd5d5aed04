"""How often somebody may try: counted in the database before anything is compared."""

import hashlib
import hmac
from datetime import timedelta

from sqlalchemy import delete, func, select

from signaltable.flow.coming_in.actors import ANONYMOUS
from signaltable.models import LoginAttempt
from signaltable.transaction import Program, transaction

# Ten wrong passwords in a quarter of an hour close one account for the rest of it. Counted per login name and not per
# network address, because a whole municipality comes from one address (peers.md 1.1).
ATTEMPTS = 10
ATTEMPTS_WITHIN = timedelta(minutes=15)


def login_digest(program: Program, login: str) -> str:
    return hmac.new(
        program.keys.derive("session", "login"), b"login|" + login.strip().lower().encode(), hashlib.sha256
    ).hexdigest()


def claim_attempt(program: Program, digest: str) -> str | None:
    """Count an attempt as wrong before the password is looked at, so that many at once are not all looked at.

    Returns its id, to be forgotten when it was right; None when there were too many already.
    """
    with transaction(program, ANONYMOUS) as tx:
        tx.session.execute(delete(LoginAttempt).where(LoginAttempt.at <= tx.now - ATTEMPTS_WITHIN))
        if (tx.session.scalar(select(func.count()).where(LoginAttempt.login_digest == digest)) or 0) >= ATTEMPTS:
            return None
        attempt = LoginAttempt(id=tx.new_id(), login_digest=digest, at=tx.now)
        tx.session.add(attempt)
        return attempt.id


def forget_attempt(program: Program, attempt: str) -> None:
    with transaction(program, ANONYMOUS) as tx:
        tx.session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt))
