"""Who can do what at one agency, as it is now: people and systems, their roles, what they have for some time, and how they
come in. Accounts that are closed off can do nothing and are counted only.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select

from signaltable.domain import Conflict
from signaltable.flow.rights.held import Held, held_by_all
from signaltable.models import (
    Account,
    LogEntry,
    MachineAccount,
    ProviderLogin,
    RegionalTable,
    RightsReview,
    RoleGrant,
    SecondFactor,
    TableMember,
)
from signaltable.rights_rules import months_later
from signaltable.transaction import Transaction, in_whole

PERSON, MACHINE = "person", "machine"
# So many lines can be looked at and signed for at once.
MOST: Final = 1000
# What is worth a second look in a line.
UNUSED, NO_ROLE, NO_FACTOR, BREAK_GLASS = "unused", "no_role", "no_factor", "break_glass"
PROVIDER: Final = "provider"
LOGIN: Final = "login:succeed"


@dataclass(frozen=True, slots=True)
class ForATime:
    """A role that somebody has for some time, or will have."""

    role: str
    begins_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """One account or one system: what it can do and how it comes in. `used_at`: the last login, or the last use."""

    id: str
    kind: str
    name: str
    roles: tuple[str, ...]
    for_a_time: tuple[ForATime, ...]
    permissions: tuple[str, ...]
    purposes: tuple[str, ...]
    factors: tuple[str, ...]
    expires_at: datetime | None
    used_at: datetime | None
    emergencies: int
    marks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lines:
    """Everybody of one agency, by name; how many accounts are closed off; the tables where the agency has a seat."""

    agency_id: str
    lines: tuple[Line, ...]
    closed: int
    tables: tuple[str, ...]
    # How many reviews there are: whoever signs from a page of before one would sign for what somebody signed for already.
    signed: int = 0

    @property
    def seal(self) -> str:
        """A digest of what people can do and of how often that was signed; it stays the same when somebody only signs in."""
        return digest([_what_counts(line) for line in self.lines] + [list(self.tables), self.signed])


def lines_of(tx: Transaction, agency_id: str) -> Lines:
    """Everybody of an agency as it is now. Asks nobody: the caller did. Raises `Conflict` (too_many)."""
    people = tx.session.scalars(select(Account).where(Account.agency_id == agency_id, Account.active)).all()
    machines = tx.session.scalars(
        select(MachineAccount).where(
            MachineAccount.agency_id == agency_id, MachineAccount.ended_at.is_(None), MachineAccount.expires_at > tx.now
        )
    ).all()
    if len(people) + len(machines) > MOST:
        raise Conflict("too_many", f"expected at most {MOST} accounts")
    closed = select(func.count()).select_from(Account).where(Account.agency_id == agency_id, Account.active.is_(False))
    seats = select(RegionalTable.title).join(TableMember, TableMember.table_id == RegionalTable.id)
    seats = seats.where(TableMember.agency_id == agency_id).order_by(RegionalTable.title)
    signed = select(func.count()).select_from(RightsReview).where(RightsReview.agency_id == agency_id)
    found = [*_people(tx, agency_id, people), *(_machine(tx, one) for one in machines)]
    return Lines(
        agency_id,
        tuple(sorted(found, key=lambda one: (one.kind == MACHINE, one.name.casefold(), one.id))),
        tx.session.scalar(closed) or 0,
        tuple(tx.session.scalars(seats)),
        tx.session.scalar(signed) or 0,
    )


def _people(tx: Transaction, agency_id: str, people: Sequence[Account]) -> Iterable[Line]:
    ids = [one.id for one in people]
    held = held_by_all(tx.session, tx.program.policy, ids, tx.now)
    for_a_time, factors = _for_a_time(tx, ids), _factors(tx, ids)
    logins = _newest(tx, agency_id, LOGIN)
    emergencies = _counted(tx, agency_id, "emergency:open", months_later(tx.now, -12))
    for one in people:
        used_at = logins.get(one.id)
        own = held.get(one.id, Held())
        yield Line(
            id=one.id,
            kind=PERSON,
            name=one.name,
            roles=tuple(sorted(own.own)),
            for_a_time=for_a_time.get(one.id, ()),
            permissions=(),
            purposes=(),
            factors=factors.get(one.id, ()),
            expires_at=None,
            used_at=used_at,
            emergencies=emergencies.get(one.id, 0),
            marks=tuple(_marks(tx, one, own, factors.get(one.id, ()), used_at)),
        )


def _marks(
    tx: Transaction, one: Account, held: Held, factors: tuple[str, ...], used_at: datetime | None
) -> Iterable[str]:
    if (used_at or one.created_at) < _unused_since(tx):
        yield UNUSED
    if not held.all:
        yield NO_ROLE
    if not factors:
        yield NO_FACTOR
    if one.break_glass:
        yield BREAK_GLASS


def _unused_since(tx: Transaction) -> datetime:
    return months_later(tx.now, -tx.program.policy.rights.review.unused_months)


def _machine(tx: Transaction, one: MachineAccount) -> Line:
    how = (*(("certificate",) if one.certificate else ()), *(("secret",) if one.secret_digest else ()))
    return Line(
        id=one.id,
        kind=MACHINE,
        name=one.title,
        roles=(),
        for_a_time=(),
        permissions=tuple(sorted(one.permissions)),
        purposes=tuple(sorted(one.purposes)),
        factors=how,
        expires_at=one.expires_at,
        used_at=one.used_at,
        emergencies=0,
        marks=(UNUSED,) if (one.used_at or one.made_at) < _unused_since(tx) else (),
    )


def _for_a_time(tx: Transaction, ids: Sequence[str]) -> Mapping[str, tuple[ForATime, ...]]:
    found: dict[str, tuple[ForATime, ...]] = {}
    query = select(RoleGrant).where(
        RoleGrant.account_id.in_(ids), RoleGrant.ended_at.is_(None), RoleGrant.ends_at > tx.now
    )
    for row in tx.session.scalars(query.order_by(RoleGrant.begins_at, RoleGrant.id)):
        one = ForATime(row.role, row.begins_at, row.ends_at)
        found[row.account_id] = (*found.get(row.account_id, ()), one)
    return found


@in_whole("how people come in is asked by kind, for the review of rights")
def _factors(tx: Transaction, ids: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
    """Account -> the kinds of what it has beside a password, and whether its agency's identity provider knows it."""
    found: dict[str, set[str]] = {}
    own = select(SecondFactor.account_id, SecondFactor.kind).where(
        SecondFactor.account_id.in_(ids), SecondFactor.confirmed_at.is_not(None), SecondFactor.removed_at.is_(None)
    )
    for row in tx.session.execute(own):
        found.setdefault(row.account_id, set()).add(row.kind)
    bound = select(ProviderLogin.account_id).where(ProviderLogin.account_id.in_(ids), ProviderLogin.ended_at.is_(None))
    for account_id in tx.session.scalars(bound):
        found.setdefault(account_id, set()).add(PROVIDER)
    return {account_id: tuple(sorted(kinds)) for account_id, kinds in found.items()}


def _newest(tx: Transaction, agency_id: str, action: str) -> Mapping[str, datetime]:
    query = select(LogEntry.actor, func.max(LogEntry.recorded_at)).where(
        LogEntry.agency == agency_id, LogEntry.action == action, LogEntry.outcome == "ok"
    )
    return {row[0]: row[1] for row in tx.session.execute(query.group_by(LogEntry.actor))}


def _counted(tx: Transaction, agency_id: str, action: str, since: datetime) -> Mapping[str, int]:
    query = select(LogEntry.actor, func.count()).where(
        LogEntry.agency == agency_id, LogEntry.action == action, LogEntry.recorded_at >= since
    )
    return {row[0]: row[1] for row in tx.session.execute(query.group_by(LogEntry.actor))}


# -- as it is kept ------------------------------------------------------------------------------------------------


def kept(line: Line) -> dict[str, Any]:
    """A line as it is stored and signed for: no name, which stands with the account."""
    return {
        **_what_counts(line),
        "used_at": line.used_at.isoformat(timespec="seconds") if line.used_at else "",
        "emergencies": line.emergencies,
        "marks": list(line.marks),
    }


def _what_counts(line: Line) -> dict[str, Any]:
    return {
        "id": line.id,
        "kind": line.kind,
        "roles": list(line.roles),
        "for_a_time": [
            [one.role, one.begins_at.isoformat(timespec="seconds"), one.ends_at.isoformat(timespec="seconds")]
            for one in line.for_a_time
        ],
        "permissions": list(line.permissions),
        "purposes": list(line.purposes),
        "factors": list(line.factors),
        "expires_at": line.expires_at.isoformat(timespec="seconds") if line.expires_at else "",
        "break_glass": BREAK_GLASS in line.marks,
    }


def read_again(stored: Mapping[str, Any], name: str) -> Line:
    """A line out of what was stored, with the name that the account has today."""

    def moment(text: str) -> datetime | None:
        return datetime.fromisoformat(text) if text else None

    return Line(
        id=stored["id"],
        kind=stored["kind"],
        name=name,
        roles=tuple(stored["roles"]),
        for_a_time=tuple(
            ForATime(role, datetime.fromisoformat(begins), datetime.fromisoformat(ends))
            for role, begins, ends in stored["for_a_time"]
        ),
        permissions=tuple(stored["permissions"]),
        purposes=tuple(stored["purposes"]),
        factors=tuple(stored["factors"]),
        expires_at=moment(stored["expires_at"]),
        used_at=moment(stored["used_at"]),
        emergencies=stored["emergencies"],
        marks=tuple(stored["marks"]),
    )


def digest(what: Any) -> str:
    """SHA-256 of a value as JSON in one spelling, in hexadecimal."""
    text = json.dumps(what, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
