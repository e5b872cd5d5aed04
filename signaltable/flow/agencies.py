"""Agencies: what each is, for which destinations it receives, and its seat at a table."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from signaltable.access import Permission, require
from signaltable.domain import UnusableInput
from signaltable.flow.accounts import record_look
from signaltable.keys import RECIPIENT, SEAL
from signaltable.models import Account, Agency, AgencyDestination, RegionalTable, TableMember
from signaltable.transaction import Program, Transaction, reading


@dataclass(frozen=True, slots=True)
class AgencyLine:
    """One agency with its destinations and how many people log in for it."""

    id: str
    title: str
    kind: str
    destinations: tuple[str, ...]
    active: bool
    accounts: int


def agency_title(program: Program, agency_id: str) -> str:
    """How people call the agency."""
    with reading(program) as session:
        return session.scalar(select(Agency.title).where(Agency.id == agency_id)) or ""


def own_tables(tx: Transaction) -> list[tuple[str, str]]:
    """(id, title) of every open table of this region, where a new agency may get a seat."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    query = select(RegionalTable.id, RegionalTable.title).where(RegionalTable.closed_at.is_(None))
    rows = tx.session.execute(query.order_by(RegionalTable.title))
    return [(row.id, row.title) for row in rows]


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
    record_look(tx, "agency:consult", {"view": "list", "count": len(lines)})
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
        with tx.whole("a seat gives a look at cases, so nobody of an agency changes one"):
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
