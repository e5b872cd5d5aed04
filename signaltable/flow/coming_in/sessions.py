"""Sessions on the server: opened at a login, looked at with each request, ended for good."""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from signaltable.access import Permission, require
from signaltable.db import table_of
from signaltable.domain import Actor, NotFound, Refused
from signaltable.flow.coming_in import break_glass_notice, owner, steps
from signaltable.flow.coming_in.actors import ANONYMOUS, KnownAccount, actor_of, actor_of_account
from signaltable.flow.coming_in.attempts import forget_old
from signaltable.models import Account, Agency, LoginSession
from signaltable.origin import session_hash
from signaltable.prepared import Prepared
from signaltable.transaction import Program, Transaction, reading, transaction

SEEN_EVERY = timedelta(minutes=1)
# What is looked at in the transaction that it opens the way for; raises `Refused`.
Proof = Callable[[Transaction], None]


def nothing_more(_tx: Transaction) -> None:
    """The proof of somebody who proved everything already."""


# The strength of a session of somebody who gave a password and nothing else: it leads to setting up a second factor only.
FIRST_FACTOR = "password"
# How many of the last logins somebody sees of the own account.
LAST_LOGINS = 20


@dataclass(frozen=True, slots=True)
class SessionLine:
    """A session as its owner sees it. `handle` names it in a form and is no token; `here`: the one of this request."""

    handle: str
    device: str
    strength: str
    same_network: bool
    created_at: datetime
    seen_at: datetime
    running: bool
    here: bool


def open_session(
    program: Program,
    account: Account,
    visitor: Actor,
    *,
    strength: str,
    device: str = "",
    known_browser: bool = True,
    step: str = "",
    instead_of: str = "",
    proof: Proof = nothing_more,
) -> str:
    """Begin a session of somebody who proved who they are, in the way that `strength` says; gives its token, always a new one.

    `device` is what its owner recognises it by, out of a fixed list of words. `step` is the token of the login that is
    under way: it ends with this (`Refused` step_over when somebody was first). `instead_of` is the token of a session of
    less strength that goes on in this one. `proof` is what is still to be proved, looked at in the same commit and raising
    `Refused`. A login in a browser that is not known is told to the owner by mail.
    """
    token = program.randomness(32).hex()
    visitor = replace(visitor, session_hash=session_hash(program.keys, token_digest(token)), strength=strength)
    with reading(program) as session:
        actor = actor_of_account(program, session, account, visitor)
    with transaction(program, actor) as tx:
        proof(tx)
        if step:
            steps.end(tx, step)
        if instead_of:
            _end_sessions(tx, "strength", LoginSession.token_digest == token_digest(instead_of))
        if not known_browser and strength != FIRST_FACTOR:
            owner.tell_of_login(tx, account.id)
        tx.session.add(
            LoginSession(
                token_digest=token_digest(token),
                account_id=account.id,
                created_at=tx.now,
                seen_at=tx.now,
                strength=strength,
                device=device,
                network=visitor.network_hash,
            ),
        )
        details: dict[str, object] = {"method": strength, **({"device": device} if device else {})}
        if account.break_glass and strength != FIRST_FACTOR:
            break_glass_notice.tell_of_use(tx, account)
            details["break_glass"] = True
        tx.record("login:succeed", object_type="account", object_id=account.id, details=details)
    return token


def require_fresh_proof(tx: Transaction, token: str) -> bool:
    """Raise `Refused` (not_proved) unless the actor proved in this session who they are, a few minutes ago at most.

    Returns whether this is a session of the first factor alone, which may do nothing but set up a second one.
    """
    found = tx.session.get(LoginSession, token_digest(token))
    if found is not None and found.account_id == tx.actor.account_id and found.ended_at is None:
        if (found.strength or FIRST_FACTOR) == FIRST_FACTOR:
            return True
        if found.proved_at is not None and tx.now - found.proved_at < tx.program.policy.coming_in.session.step_up:
            return False
    raise Refused("not_proved", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})


def renew(tx: Transaction, token: str) -> str:
    """Go on in this session under a new token, and end the one that it had (ASVS 7.2.4). Returns the new one.

    It is as old as it was, so that it ends when it would have. Raises `Refused` (not_proved) when it is over or of
    somebody else: of two who prove something with one token at once, one goes on.
    """
    found = tx.session.get(LoginSession, token_digest(token))
    mine = found is not None and found.account_id == tx.actor.account_id
    if found is None or not mine or not _end_sessions(tx, "renewed", LoginSession.token_digest == found.token_digest):
        raise Refused("not_proved", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    new = tx.program.randomness(32).hex()
    tx.session.add(
        LoginSession(
            token_digest=token_digest(new),
            account_id=found.account_id,
            created_at=found.created_at,
            seen_at=tx.now,
            strength=found.strength,
            device=found.device,
            network=found.network,
            proved_at=tx.now,
            last_form=found.last_form,
            last_form_at=found.last_form_at,
        ),
    )
    return new


def was_renewed(program: Program, token: str) -> bool:
    """Whether this was the token of a session that goes on under another one, since a minute at most."""
    with reading(program) as session:
        found = session.get(LoginSession, token_digest(token))
        if found is None or found.ended_at is None or program.clock() - found.ended_at > SEEN_EVERY:
            return False
        query = select(LoginSession.token_digest).where(
            LoginSession.account_id == found.account_id,
            LoginSession.created_at == found.created_at,
            LoginSession.proved_at >= found.ended_at,
        )
        return session.scalar(query.limit(1)) is not None


def token_digest(token: str) -> str:
    """What the database knows a session by."""
    return hashlib.sha256(token.encode()).hexdigest()


def actor_of_session(
    program: Program, token: str, *, visitor: Actor = ANONYMOUS, reads: Session | None = None
) -> Actor | None:
    """The person behind a session token; None when it is unknown, ended, idle too long or too old.

    `visitor` carries where the request came from; `reads` is a session of the database in which somebody goes on reading
    after this. A session of a person that turns out to be over is ended, and the log says so.
    """
    now, digest = program.clock(), token_digest(token)
    with reading(program) if reads is None else nullcontext(reads) as session:
        row = _RUNNING.first(session.connection(), {"digest": digest})
        if row is None:
            return None
        found = _Running(*row)
        # Sessions of before the program kept it began with a password.
        strength = found.strength or FIRST_FACTOR
        visitor = replace(
            visitor, session_hash=session_hash(program.keys, digest), strength=strength, proved_at=found.proved_at
        )
        account = KnownAccount(found.account_id, found.agency_id, found.kind, found.name, found.first_password)
        actor = actor_of(program, session, account, visitor)
    is_over = _is_over(program, found.created_at, found.seen_at, now)
    if reads is not None and (is_over or now - found.seen_at > SEEN_EVERY):
        reads.close()  # It begins anew when it is asked: what is written here would take a second connection.
    if is_over:
        with transaction(program, actor) as tx:
            _end_those_over(tx, LoginSession.token_digest == digest)
        return None
    if now - found.seen_at > SEEN_EVERY:
        with transaction(program, actor) as tx:
            tx.session.execute(
                update(LoginSession).where(LoginSession.token_digest == digest).values(seen_at=now),
            )
    return actor


class _Running(NamedTuple):
    account_id: str
    created_at: datetime
    seen_at: datetime
    strength: str
    proved_at: datetime | None
    agency_id: str
    kind: str
    name: str
    first_password: bool


_sessions, _accounts, _agencies = table_of(LoginSession), table_of(Account), table_of(Agency)
# Asked with every request: the session when it did not end, and whose it is when the account is open.
_RUNNING = Prepared(
    select(
        *(_sessions.c.account_id, _sessions.c.created_at, _sessions.c.seen_at, _sessions.c.strength),
        *(_sessions.c.proved_at, _accounts.c.agency_id, _agencies.c.kind, _accounts.c.name, _accounts.c.first_password),
    )
    .join(_accounts, _accounts.c.id == _sessions.c.account_id)
    .join(_agencies, _agencies.c.id == _accounts.c.agency_id)
    .where(_sessions.c.token_digest == bindparam("digest"), _sessions.c.ended_at.is_(None), _accounts.c.active)
)


def log_out(program: Program, actor: Actor, token: str) -> None:
    """End the session on the server."""
    with transaction(program, actor) as tx:
        _end_sessions(tx, "log_out", LoginSession.token_digest == token_digest(token))


def end_those_over(program: Program, actor: Actor) -> int:
    """End every session that nobody used for too long or that is too old. Returns how many."""
    with transaction(program, actor) as tx:
        forget_old(tx)
        return _end_those_over(tx)


def end_sessions(tx: Transaction, account_id: str, cause: str, *, but: str = "") -> int:
    """End all running sessions of an account, but the one with the token `but` when that is given. Returns how many.

    A login that waits for its second step ends too: it began before what made these end, with a password of before, say.
    """
    steps.end_of(tx, steps.SECOND, account_id)
    rest = [LoginSession.token_digest != token_digest(but)] if but else []
    return _end_sessions(tx, cause, LoginSession.account_id == account_id, *rest)


def own_sessions(tx: Transaction, token: str) -> tuple[list[SessionLine], list[SessionLine]]:
    """The sessions of the actor that still run, and the last logins whether they run or not, newest first (ASVS 7.5.2)."""
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    lines = [_line(tx, one, token) for one in _last(tx, tx.actor.account_id)]
    _record_look(tx, tx.actor.account_id, len(lines))
    return [one for one in lines if one.running], lines[:LAST_LOGINS]


def end_own(tx: Transaction, handle: str, token: str) -> int:
    """End one session of the actor by its handle, or with "" all but this one. Returns how many. Raises `NotFound`.

    Where none ran any more, the log tells that somebody looked.
    """
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    mine, cause = tx.actor.account_id, "ended_by_owner"
    if handle:
        digests = [one.token_digest for one in _last(tx, mine) if _handle(tx, one.token_digest) == handle]
        if not digests:
            raise NotFound("no such session")
        ended = _end_sessions(tx, cause, LoginSession.token_digest == digests[0])
    else:
        ended = end_sessions(tx, mine, cause, but=token)
    if not ended:
        _record_look(tx, mine, 0)
    return ended


def end_all_of(tx: Transaction, account_id: str) -> int:
    """End every session of somebody, by the administrator (ASVS 7.4.5). Returns how many. Raises `NotFound`."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    if tx.session.get(Account, account_id) is None:
        raise NotFound("no such account")
    ended = end_sessions(tx, account_id, "ended_by_administrator")
    _record_look(tx, account_id, ended)
    return ended


def last_used(tx: Transaction, account_ids: Sequence[str]) -> dict[str, datetime]:
    """Account id -> when its last session was last used, as far back as sessions are kept."""
    query = select(LoginSession.account_id, func.max(LoginSession.seen_at))
    query = query.where(LoginSession.account_id.in_(account_ids)).group_by(LoginSession.account_id)
    return {row[0]: row[1] for row in tx.session.execute(query)}


def _last(tx: Transaction, account_id: str) -> Sequence[LoginSession]:
    """Those that run (nobody has more than a hundred that count), and the last ones."""
    query = select(LoginSession).where(LoginSession.account_id == account_id)
    running = LoginSession.ended_at.is_(None)
    lines = tx.session.scalars(query.order_by(running.desc(), LoginSession.created_at.desc()).limit(100)).all()
    # A session that went on under a new token (`renew`) is one login, as old as it was.
    went_on = {(one.created_at, one.proved_at) for one in lines if one.proved_at}
    return [one for one in lines if (one.created_at, one.ended_at) not in went_on]


def _record_look(tx: Transaction, account_id: str, count: int) -> None:
    details = {"view": "sessions", "account": account_id, "count": count}
    tx.record("session:consult", object_type="account", object_id=account_id, details=details)


def _line(tx: Transaction, one: LoginSession, token: str) -> SessionLine:
    return SessionLine(
        handle=_handle(tx, one.token_digest),
        device=one.device,
        strength=one.strength or FIRST_FACTOR,
        same_network=bool(one.network) and one.network == tx.actor.network_hash,
        created_at=one.created_at,
        seen_at=one.seen_at,
        running=one.ended_at is None and not _is_over(tx.program, one.created_at, one.seen_at, tx.now),
        here=one.token_digest == token_digest(token),
    )


def _handle(tx: Transaction, digest: str) -> str:
    return session_hash(tx.program.keys, digest)


def _is_over(program: Program, created_at: datetime, seen_at: datetime, now: datetime) -> bool:
    rules = program.policy.coming_in.session
    return now - seen_at > rules.idle or now - created_at > rules.absolute


def _end_those_over(tx: Transaction, *which: ColumnElement[bool]) -> int:
    rules = tx.program.policy.coming_in.session
    over = or_(LoginSession.seen_at < tx.now - rules.idle, LoginSession.created_at < tx.now - rules.absolute)
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
