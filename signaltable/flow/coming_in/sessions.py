"""Sessions on the server: opened at a login, looked at with each request, ended for good."""

import hashlib
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, update

from signaltable.domain import Actor
from signaltable.flow.coming_in.actors import ANONYMOUS, actor_of_account
from signaltable.models import Account, LoginSession
from signaltable.origin import session_hash
from signaltable.transaction import Program, Transaction, reading, transaction

# A session ends after an hour without use, and at the end of a working day in any case (ASVS 7.3.1, 7.3.2).
IDLE = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)


def open_session(program: Program, account: Account, visitor: Actor, *, strength: str = "password") -> str:
    """Begin a session of somebody who proved who they are, in the way that `strength` says; gives its token."""
    token = program.randomness(32).hex()
    visitor = replace(visitor, session_hash=session_hash(program.keys, token_digest(token)), strength=strength)
    with reading(program) as session:
        actor = actor_of_account(program, session, account, visitor)
    with transaction(program, actor) as tx:
        tx.session.add(
            LoginSession(
                token_digest=token_digest(token),
                account_id=account.id,
                created_at=tx.now,
                seen_at=tx.now,
                strength=strength,
            ),
        )
        tx.record("login:succeed", object_type="account", object_id=account.id, details={"method": strength})
    return token


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def actor_of_session(program: Program, token: str, *, visitor: Actor = ANONYMOUS) -> Actor | None:
    """The person behind a session token; None when it is unknown, ended, idle too long or too old.

    `visitor` carries where the request came from. A session that turns out to be over is ended, and the log says so.
    """
    now, digest = program.clock(), token_digest(token)
    with reading(program) as session:
        found = session.get(LoginSession, digest)
        if found is None or found.ended_at:
            return None
        account = session.get(Account, found.account_id)
        if account is None or not account.active:
            return None
        # Sessions of before the program kept it began with a password.
        strength = found.strength or "password"
        visitor = replace(visitor, session_hash=session_hash(program.keys, digest), strength=strength)
        actor = actor_of_account(program, session, account, visitor)
    if _is_over(found, now):
        with transaction(program, actor) as tx:
            _end_those_over(tx, LoginSession.token_digest == digest)
        return None
    if now - found.seen_at > SEEN_EVERY:
        with transaction(program, actor) as tx:
            tx.session.execute(
                update(LoginSession).where(LoginSession.token_digest == found.token_digest).values(seen_at=now),
            )
    return actor


def log_out(program: Program, actor: Actor, token: str) -> None:
    """End the session on the server."""
    with transaction(program, actor) as tx:
        _end_sessions(tx, "log_out", LoginSession.token_digest == token_digest(token))


def end_those_over(program: Program, actor: Actor) -> int:
    """End every session that nobody used for too long or that is too old. Returns how many."""
    with transaction(program, actor) as tx:
        return _end_those_over(tx)


def end_sessions(tx: Transaction, account_id: str, cause: str) -> None:
    """End all running sessions of an account."""
    _end_sessions(tx, cause, LoginSession.account_id == account_id)


def _is_over(found: LoginSession, now: datetime) -> bool:
    return now - found.seen_at > IDLE or now - found.created_at > ABSOLUTE


def _end_those_over(tx: Transaction, *which: ColumnElement[bool]) -> int:
    over = or_(LoginSession.seen_at < tx.now - IDLE, LoginSession.created_at < tx.now - ABSOLUTE)
    return _end_sessions(tx, "expired", over, *which)


def _end_sessions(tx: Transaction, cause: str, *which: ColumnElement[bool]) -> int:
    """End the running sessions among these, each with an entry; those that ended meanwhile have one already."""
    ended = tx.session.execute(
        update(LoginSession)
        .where(LoginSession.ended_at.is_(None), *which)
        .values(ended_at=tx.now)
        .returning(LoginSession.account_id, LoginSession.token_digest)
    ).all()
    for account_id, digest in sorted(ended):
        tx.record(
            "login:end",
            object_type="account",
            object_id=account_id,
            details={"cause": cause, "session_hash": session_hash(tx.program.keys, digest)},
        )
    return len(ended)
