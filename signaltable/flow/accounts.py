"""Accounts, agencies and sessions: who comes in, and what an administrator may change (never a case)."""

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, delete, func, or_, select, update
from sqlalchemy.orm import Session

from signaltable.access import Permission, require
from signaltable.domain import Actor, Channel, Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.meanwhile import require_version
from signaltable.keys import RECIPIENT, SEAL
from signaltable.models import (
    Account,
    AccountRole,
    Agency,
    AgencyDestination,
    LoginAttempt,
    LoginSession,
    RegionalTable,
    TableMember,
)
from signaltable.origin import account_hash, session_hash
from signaltable.queries import PAGE
from signaltable.transaction import Program, Transaction, reading, refuse, transaction

# OWASP's parameters for argon2id (perf.md A: 17 ms on one core, which is what a login costs).
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)

# A session ends after an hour without use, and at the end of a working day in any case (ASVS 7.3.1, 7.3.2).
IDLE = timedelta(minutes=60)
ABSOLUTE = timedelta(hours=12)
SEEN_EVERY = timedelta(minutes=1)

# Ten wrong passwords in a quarter of an hour close one account for the rest of it. Counted per login name and not per
# network address, because a whole municipality comes from one address (peers.md 1.1).
ATTEMPTS = 10
ATTEMPTS_WITHIN = timedelta(minutes=15)

# How long it counts that somebody proved once more who they are (step-up).
PROVED_FOR = timedelta(minutes=5)

MINIMUM_PASSWORD = 12

# Whoever oversees the work does not do it, and the other way round (domain/workflow.md, "Roles").
OVERSEEING = frozenset(
    {
        Permission.ACCOUNT_CHANGE_ALL,
        Permission.AGENCY_CHANGE_ALL,
        Permission.DISCLOSURE_AUDIT_ALL,
        Permission.LOG_CONSULT_ALL,
        Permission.LOG_EXPORT_ALL,
    },
)

# Who acts before anybody is known, and when the program itself does.
ANONYMOUS = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.WEB, "none")
_TERMINAL = Actor("anonymous", "", "", frozenset(), frozenset(), Channel.CLI, "none")
SYSTEM = Actor("system", "", "", frozenset({"system"}), frozenset(), Channel.SYSTEM, "none")


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account as the administrator sees it."""

    id: str
    login: str
    name: str
    agency_id: str
    agency: str
    roles: tuple[str, ...]
    active: bool
    mail_address: str = ""
    mail_bounced_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Confirmed:
    """That this person just typed the own password again; made by `confirm_password` and nowhere else."""

    account_id: str


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """One agency with its destinations and how many people log in for it."""

    id: str
    title: str
    kind: str
    destinations: tuple[str, ...]
    active: bool
    accounts: int


def hash_password(password: str) -> str:
    """argon2id with a random salt, in the usual encoded form."""
    return _HASHER.hash(password)


def is_known(actor: Actor) -> bool:
    """Whether somebody is signed in; whoever is not can be told apart by their request alone."""
    return actor.account_id != ANONYMOUS.account_id


# A login for an unknown name costs the same time as one for a known name, so that nobody learns who has an account.
_NOBODY = _HASHER.hash("no account has this password")


def log_in(program: Program, login: str, password: str, *, visitor: Actor = ANONYMOUS) -> str:
    """Check a password and open a session. Returns the session token; only its digest is stored.

    `visitor` carries where the request came from. Raises `Refused` with reason wrong_credentials or
    too_many_attempts; both are recorded as login:fail.
    """
    return _open_session(program, _account_with(program, visitor, login, password), visitor)


def confirm_password(program: Program, actor: Actor, password: str) -> Confirmed:
    """Ask the password again before a second person agrees. Raises `Refused` as `log_in` does.

    Counts wrong ones as a login does, and takes its time before a transaction holds up others.
    """
    with reading(program) as session:
        login = session.get_one(Account, actor.account_id).login
    return Confirmed(_account_with(program, actor, login, password).id)


def prove(program: Program, actor: Actor, token: str, password: str) -> None:
    """Ask who is signed in to prove it once more (step-up), and remember for this session that they did.

    The one place that says how somebody proves it. Counts and records wrong ones as a login does, and raises `Refused`
    like `log_in`; a right one is a login:succeed that says so.
    """
    with reading(program) as session:
        login = session.get_one(Account, actor.account_id).login
    account = _account_with(program, actor, login, password, step_up=True)
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(LoginSession)
            .where(LoginSession.token_digest == _digest(token), LoginSession.account_id == account.id)
            .values(proved_at=tx.now),
        )
        details = {"method": "password", "step_up": True}
        tx.record("login:succeed", object_type="account", object_id=account.id, details=details)


def proved_at(program: Program, token: str) -> datetime | None:
    """When somebody last proved in this session who they are, beyond the login that began it; None when never."""
    with reading(program) as session:
        return session.scalar(select(LoginSession.proved_at).where(LoginSession.token_digest == _digest(token)))


def _account_with(program: Program, who: Actor, login: str, password: str, *, step_up: bool = False) -> Account:
    """The active account with this login and password; every other answer is refused, recorded and counted."""
    digest = _login_digest(program, login)
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
    attempt = _claim_attempt(program, digest)
    if attempt is None:
        refuse(program, who, _failed(program, "too_many_attempts", account, login, step_up=step_up))
    right = _password_matches(account, password)
    if account is None or not right or not account.active:
        refuse(program, who, _failed(program, "wrong_credentials", account, login, step_up=step_up))
    _forget_attempt(program, attempt)
    return account


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


def _password_matches(account: Account | None, password: str) -> bool:
    try:
        return _HASHER.verify(account.password_hash if account else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False


def _login_digest(program: Program, login: str) -> str:
    return hmac.new(
        program.keys.derive("session", "login"), b"login|" + login.strip().lower().encode(), hashlib.sha256
    ).hexdigest()


def _claim_attempt(program: Program, digest: str) -> str | None:
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


def _forget_attempt(program: Program, attempt: str) -> None:
    with transaction(program, ANONYMOUS) as tx:
        tx.session.execute(delete(LoginAttempt).where(LoginAttempt.id == attempt))


def _open_session(program: Program, account: Account, visitor: Actor) -> str:
    token = program.randomness(32).hex()
    visitor = replace(visitor, session_hash=session_hash(program.keys, _digest(token)))
    with reading(program) as session:
        actor = _actor(program, session, account, visitor)
    with transaction(program, actor) as tx:
        tx.session.add(
            LoginSession(token_digest=_digest(token), account_id=account.id, created_at=tx.now, seen_at=tx.now),
        )
        tx.record("login:succeed", object_type="account", object_id=account.id, details={"method": "password"})
    return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def actor_of_session(program: Program, token: str, *, visitor: Actor = ANONYMOUS) -> Actor | None:
    """The person behind a session token; None when it is unknown, ended, idle too long or too old.

    `visitor` carries where the request came from. A session that turns out to be over is ended, and the log says so.
    """
    now, digest = program.clock(), _digest(token)
    with reading(program) as session:
        found = session.get(LoginSession, digest)
        if found is None or found.ended_at:
            return None
        account = session.get(Account, found.account_id)
        if account is None or not account.active:
            return None
        visitor = replace(visitor, session_hash=session_hash(program.keys, digest))
        actor = _actor(program, session, account, visitor)
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


def actor_of_login(program: Program, login: str) -> Actor:
    """The person behind a login name, for the command line: whoever may run it owns the machine and its key ring.

    Raises `NotFound` when there is no such active account.
    """
    with reading(program) as session:
        account = session.scalars(select(Account).where(Account.login == login.strip().lower())).first()
        if account is None or not account.active:
            raise NotFound("no active account with this login")
        return _actor(program, session, account, _TERMINAL)


def _actor(program: Program, session: Session, account: Account, visitor: Actor) -> Actor:
    """The person with this account, coming in the way that `visitor` did."""
    agency = session.get_one(Agency, account.agency_id)
    roles = frozenset(session.scalars(select(AccountRole.role).where(AccountRole.account_id == account.id)))
    return Actor(
        account_id=account.id,
        agency_id=agency.id,
        agency_kind=agency.kind,
        roles=roles,
        permissions=program.policy.permissions_of(roles),
        channel=visitor.channel,
        strength="password" if visitor.channel is Channel.WEB else "machine",
        name=account.name,
        trace_id=visitor.trace_id,
        span_id=visitor.span_id,
        parent_span_id=visitor.parent_span_id,
        session_hash=visitor.session_hash,
        network_hash=visitor.network_hash,
        must_choose_password=account.first_password,
    )


def log_out(program: Program, actor: Actor, token: str) -> None:
    """End the session on the server."""
    with transaction(program, actor) as tx:
        _end_sessions(tx, "log_out", LoginSession.token_digest == _digest(token))


def end_those_over(program: Program, actor: Actor) -> int:
    """End every session that nobody used for too long or that is too old. Returns how many."""
    with transaction(program, actor) as tx:
        return _end_those_over(tx)


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


def agency_title(program: Program, agency_id: str) -> str:
    """How people call the agency."""
    with reading(program) as session:
        return session.scalar(select(Agency.title).where(Agency.id == agency_id)) or ""


# -- administration ----------------------------------------------------------------------------------------------


def accounts_page(tx: Transaction, agency_id: str = "", after: str = "") -> tuple[list[AccountLine], str | None]:
    """A page of accounts by login name, of one agency or of all, with the account after which the next page starts.

    `after` is an account's id: a login name tells who somebody is and never stands in an address. Raises `NotFound`.
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    query = select(Account, Agency.title).join(Agency, Agency.id == Account.agency_id)
    if after:
        last = tx.session.get(Account, after)
        if last is None:
            raise NotFound("no such page")
        query = query.where(Account.login > last.login)
    if agency_id:
        query = query.where(Account.agency_id == agency_id)
    found = tx.session.execute(query.order_by(Account.login).limit(PAGE + 1)).all()
    shown = found[:PAGE]
    roles = _roles_of(tx, [account.id for account, _title in shown])
    lines = [_account_line(account, title, roles) for account, title in shown]
    _record_look(
        tx, "account:consult", {"view": "list", "count": len(lines)} | ({"agency": agency_id} if agency_id else {})
    )
    return lines, lines[-1].id if len(found) > PAGE else None


def account_of(tx: Transaction, account_id: str) -> AccountLine:
    """One account, for the page that changes it. Raises `NotFound`."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id)
    if account is None:
        raise NotFound("no such account")
    title = tx.session.get_one(Agency, account.agency_id).title
    _record_look(tx, "account:consult", {"view": "one", "account": account_id}, account_id)
    return _account_line(account, title, _roles_of(tx, [account_id]))


def _record_look(tx: Transaction, action: str, details: Mapping[str, Any], object_id: str = "") -> None:
    tx.record(action, object_type=action.partition(":")[0], object_id=object_id, details=details)


def _roles_of(tx: Transaction, account_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Account id -> its roles in alphabetical order."""
    found: dict[str, tuple[str, ...]] = {}
    query = select(AccountRole.account_id, AccountRole.role).where(AccountRole.account_id.in_(account_ids))
    for row in tx.session.execute(query.order_by(AccountRole.role)):
        found[row.account_id] = (*found.get(row.account_id, ()), row.role)
    return found


def _account_line(account: Account, title: str, roles: Mapping[str, tuple[str, ...]]) -> AccountLine:
    return AccountLine(
        account.id,
        account.login,
        account.name,
        account.agency_id,
        title,
        roles.get(account.id, ()),
        account.active,
        account.mail_address,
        account.mail_bounced_at,
    )


def own_tables(tx: Transaction) -> list[tuple[str, str]]:
    """(id, title) of every open table of this region, where a new agency may get a seat."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    query = select(RegionalTable.id, RegionalTable.title).where(RegionalTable.closed_at.is_(None))
    rows = tx.session.execute(query.order_by(RegionalTable.title))
    return [(row.id, row.title) for row in rows]


def change_password(tx: Transaction, account_id: str, password: str) -> None:
    """Give an account a new initial password and end its sessions. Raises `NotFound`, `UnusableInput`."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id)
    if account is None:
        raise NotFound("no such account")
    if len(password) < MINIMUM_PASSWORD:
        raise UnusableInput({"password": f"expected at least {MINIMUM_PASSWORD} characters"})
    _put_password(tx, account, password, first=True)


def choose_password(tx: Transaction, confirmed: Confirmed, password: str) -> None:
    """A person's own new password, after typing the present one. Ends every session, this one included.

    Raises `UnusableInput` when the new one is too short or is the present one.
    """
    require(tx.actor, Permission.ACCOUNT_CONSULT_SELF)
    if confirmed.account_id != tx.actor.account_id:
        raise Refused("other_agency", details={"permission": Permission.ACCOUNT_CONSULT_SELF.value})
    account = tx.session.get_one(Account, tx.actor.account_id)
    if len(password) < MINIMUM_PASSWORD or _password_matches(account, password):
        raise UnusableInput({"password": f"expected another password of at least {MINIMUM_PASSWORD} characters"})
    _put_password(tx, account, password, first=False)


def _put_password(tx: Transaction, account: Account, password: str, *, first: bool) -> None:
    account.password_hash, account.first_password = hash_password(password), first
    end_sessions(tx, account.id, "password_changed")
    tx.record(
        "account:change",
        object_type="account",
        object_id=account.id,
        details={"account": account.id, "changed": ["password"]},
    )


def agency_choices(tx: Transaction) -> list[tuple[str, str, bool]]:
    """(id, title, active) of every agency, for a list to choose from."""
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    rows = tx.session.execute(select(Agency.id, Agency.title, Agency.active).order_by(Agency.title))
    return [(row.id, row.title, row.active) for row in rows]


def list_agencies(tx: Transaction) -> list[AgencyLine]:
    """All agencies with their destinations."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    destinations: dict[str, list[str]] = {}
    for row in tx.session.execute(select(AgencyDestination).order_by(AgencyDestination.destination)).scalars():
        destinations.setdefault(row.agency_id, []).append(row.destination)
    counts = dict(
        tx.session.execute(
            select(Account.agency_id, func.count()).where(Account.active).group_by(Account.agency_id)
        ).all(),
    )
    lines = [
        AgencyLine(
            agency.id,
            agency.title,
            agency.kind,
            tuple(destinations.get(agency.id, ())),
            agency.active,
            counts.get(agency.id, 0),
        )
        for agency in tx.session.scalars(select(Agency).order_by(Agency.title))
    ]
    _record_look(tx, "agency:consult", {"view": "list", "count": len(lines)})
    return lines


def record_agency(
    tx: Transaction, *, title: str, kind: str, destinations: Sequence[str], table_id: str, agency_id: str = ""
) -> str:
    """Add an agency with its own key pair, and seat it at a table. Returns its id."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    problems = {}
    if not title.strip():
        problems["title"] = "expected a name"
    elif tx.session.scalar(select(Agency.id).where(Agency.title == title.strip())):
        problems["title"] = "expected a name that no other agency has"
    if kind not in tx.program.policy.agency_kinds:
        problems["kind"] = "expected a kind from policies/agency_kinds.toml"
    if set(destinations) - set(tx.program.policy.destinations):
        problems["destinations"] = "expected destinations from policies/destinations.toml"
    if problems:
        raise UnusableInput(problems)
    agency = Agency(id=agency_id or tx.new_id(), title=title.strip(), kind=kind, created_at=tx.now)
    tx.session.add(agency)
    tx.session.flush()
    tx.session.add_all(AgencyDestination(agency_id=agency.id, destination=code) for code in destinations)
    if table_id:
        tx.session.add(TableMember(table_id=table_id, agency_id=agency.id))
    tx.program.keys.add_agency(agency.id, on=tx.today)
    tx.record(
        "agency:record",
        object_type="agency",
        object_id=agency.id,
        details={"agency": agency.id, "kind": kind, "destinations": sorted(destinations)},
    )
    for purpose in (RECIPIENT, SEAL):
        made = {"purpose": purpose, "agency": agency.id, "key_version": tx.program.keys.version(purpose, agency.id)}
        tx.record("key:make", object_type="key", details=made)
    return agency.id


def record_account(
    tx: Transaction,
    *,
    login: str,
    name: str,
    agency_id: str,
    roles: Sequence[str],
    password: str,
    account_id: str = "",
    first_password: bool = True,
) -> str:
    """Add an account. Returns its id. Raises `UnusableInput` with what was expected per field.

    With `first_password` its owner has to choose another one before doing anything else (ASVS 6.4.1).
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    login = login.strip().lower()
    problems = _account_problems(tx, name, agency_id, roles)
    if not login or " " in login:
        problems["login"] = "expected a login name without spaces"
    elif tx.session.scalar(select(Account.id).where(Account.login == login)):
        problems["login"] = "expected a login name that nobody else has"
    if len(password) < MINIMUM_PASSWORD:
        problems["password"] = f"expected at least {MINIMUM_PASSWORD} characters"
    if problems:
        raise UnusableInput(problems)
    account = Account(
        id=account_id or tx.new_id(),
        login=login,
        name=name.strip(),
        password_hash=hash_password(password),
        first_password=first_password,
        agency_id=agency_id,
        created_at=tx.now,
    )
    tx.session.add(account)
    tx.session.flush()
    tx.session.add_all(AccountRole(account_id=account.id, role=role) for role in roles)
    tx.record(
        "account:record",
        object_type="account",
        object_id=account.id,
        details={"account": account.id, "agency": agency_id, "roles": sorted(roles)},
    )
    return account.id


def change_account(
    tx: Transaction, account_id: str, *, name: str, roles: Sequence[str], active: bool, version: int | None = None
) -> None:
    """Change name, roles or access. Ends every session of the account, so that a right taken away is gone at once.

    `version` is what `meanwhile.version_of` gave when the form was shown. Raises `NotFound`, `UnusableInput`, `Conflict`
    (own_account; version: somebody changed it meanwhile).
    """
    require(tx.actor, Permission.ACCOUNT_CHANGE_ALL)
    account = tx.session.get(Account, account_id, with_for_update=True)
    if account is None:
        raise NotFound("no such account")
    require_version(tx, version, account_id, "account:change")
    problems = _account_problems(tx, name, account.agency_id, roles)
    if problems:
        raise UnusableInput(problems)
    before = set(tx.session.scalars(select(AccountRole.role).where(AccountRole.account_id == account_id)))
    if account_id == tx.actor.account_id and (not active or before != set(roles)):
        raise Conflict("own_account", "an administrator cannot close the own account or change its roles")
    changed = [
        what
        for what, differs in (
            ("name", account.name != name.strip()),
            ("active", account.active != active),
            ("roles", before != set(roles)),
        )
        if differs
    ]
    account.name, account.active = name.strip(), active
    tx.session.execute(delete(AccountRole).where(AccountRole.account_id == account_id))
    tx.session.add_all(AccountRole(account_id=account_id, role=role) for role in roles)
    end_sessions(tx, account_id, "account_changed")
    tx.record(
        "account:change",
        object_type="account",
        object_id=account_id,
        details={
            "account": account_id,
            "changed": changed,
            "roles_added": sorted(set(roles) - before),
            "roles_removed": sorted(before - set(roles)),
            "active": active,
        },
    )


def end_sessions(tx: Transaction, account_id: str, cause: str) -> None:
    """End all running sessions of an account."""
    _end_sessions(tx, cause, LoginSession.account_id == account_id)


def _account_problems(tx: Transaction, name: str, agency_id: str, roles: Sequence[str]) -> dict[str, str]:
    problems = {}
    if not name.strip():
        problems["name"] = "expected a name"
    if tx.session.get(Agency, agency_id) is None:
        problems["agency_id"] = "expected an existing agency"
    if not roles or set(roles) - set(tx.program.policy.roles):
        problems["roles"] = "expected one or more roles from policies/roles.toml"
    elif len({_oversees(tx, role) for role in roles}) > 1:
        problems["roles"] = "expected roles that either oversee the work or do it"
    return problems


def _oversees(tx: Transaction, role: str) -> bool:
    return bool(tx.program.policy.permissions_of([role]) & OVERSEEING)
