"""The tables of a region, as the administrator keeps them: making, changing, closing. No case is seen here."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import func, select

from signaltable.access import Permission, require
from signaltable.domain import ENDED, Conflict, NotFound, UnusableInput
from signaltable.flow import mailing
from signaltable.models import Agency, Meeting, RegionalTable, Signal, TableMember
from signaltable.transaction import Transaction, in_whole

TITLE_LIMIT: Final = 200
REGION_LIMIT: Final = 120
NO_TITLE = "expected a name"
TAKEN = "expected a name that no other table has"
TOO_LONG = "expected a shorter text"
NO_THEME = "expected a theme from policies/table_themes.toml, or none"
NO_AGENCY = "expected organisations that take part"
NOBODY_COORDINATES = "expected an organisation with a coordinator, as long as something lies at the table"


@dataclass(frozen=True, slots=True)
class TableLine:
    """A table in the list. `open_signals` and `coming` (meetings) are counts; `coordinated`: somebody does its triage."""

    id: str
    title: str
    region: str
    theme: str
    members: tuple[str, ...]
    open_signals: int
    coming: int
    coordinated: bool
    closed: bool


@dataclass(frozen=True, slots=True)
class Described:
    """What an administrator says about a table. `theme` is empty for signals of every kind; `members` are agency ids."""

    title: str
    region: str = ""
    theme: str = ""
    members: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TableView:
    """One table to change, with every agency that can sit there (id, name)."""

    line: TableLine
    described: Described
    agencies: tuple[tuple[str, str], ...]


def list_tables(tx: Transaction) -> list[TableLine]:
    """All tables, the open ones by name first."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    rows = tx.session.scalars(
        select(RegionalTable).order_by(RegionalTable.closed_at.is_not(None), RegionalTable.title, RegionalTable.id)
    ).all()
    _record_look(tx, "tables", len(rows))
    return _lines(tx, rows)


def agencies_to_seat(tx: Transaction) -> list[tuple[str, str]]:
    """(id, name) of every agency that takes part, by name."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    rows = tx.session.execute(select(Agency.id, Agency.title).where(Agency.active).order_by(Agency.title))
    return [(row.id, row.title) for row in rows]


def table_of(tx: Transaction, table_id: str) -> TableView:
    """One table for the administrator. Raises `NotFound`."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    table = _table(tx, table_id)
    (line,) = _lines(tx, [table])
    _record_look(tx, "table", 1)
    described = Described(table.title, table.region, table.theme, tuple(sorted(_members(tx, table_id))))
    return TableView(line, described, tuple(agencies_to_seat(tx)))


def record_table(tx: Transaction, described: Described, *, table_id: str = "") -> str:
    """Make a table with its members. Returns its id. Raises `UnusableInput` per field."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    _check(tx, described, "")
    table = RegionalTable(
        id=table_id or tx.new_id(),
        title=described.title.strip(),
        region=described.region.strip(),
        theme=described.theme,
        created_at=tx.now,
    )
    tx.session.add(table)
    tx.session.flush()
    _seat(tx, table.id, described.members)
    _record(tx, table.id, ["made"], described.members)
    return table.id


def change_table(tx: Transaction, table_id: str, described: Described) -> None:
    """Change name, region, theme and members. What lies at the table stays there, whatever its theme becomes.

    Raises `UnusableInput` per field: as long as something lies there, somebody has to coordinate it.
    """
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    table = _table(tx, table_id, locked=True)
    before = _members(tx, table_id)
    _check(tx, described, table_id, theme=table.theme)
    (line,) = _lines(tx, [table])
    if line.open_signals and line.coordinated and not _coordinated(tx, described.members):
        raise UnusableInput({"members": NOBODY_COORDINATES})
    changed = [
        name
        for name, value in (("title", described.title), ("region", described.region), ("theme", described.theme))
        if getattr(table, name) != value.strip()
    ]
    table.title, table.region, table.theme = described.title.strip(), described.region.strip(), described.theme
    wanted = set(described.members)
    if wanted != before:
        changed.append("members")
        _seat(tx, table_id, wanted - before, leaving=before - wanted)
    _record(tx, table_id, changed, sorted(wanted ^ before))


def close_table(tx: Transaction, table_id: str) -> None:
    """Close a table: nothing new comes to it, its past stays. Raises `Conflict` while something open lies there."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    table = _table(tx, table_id, locked=True)
    (line,) = _lines(tx, [table])
    if line.closed:
        return
    if line.open_signals:
        raise Conflict("open_signals", "signals that have not ended lie at this table")
    if line.coming:
        raise Conflict("open_meetings", "a meeting of this table is still to come")
    table.closed_at = tx.now
    _record(tx, table_id, ["closed"], ())


def reopen_table(tx: Transaction, table_id: str) -> None:
    """Open a closed table again."""
    require(tx.actor, Permission.AGENCY_CHANGE_ALL)
    table = _table(tx, table_id, locked=True)
    if table.closed_at is not None:
        table.closed_at = None
        _record(tx, table_id, ["reopened"], ())


# -- what they share -------------------------------------------------------------------------------------------------


def _table(tx: Transaction, table_id: str, *, locked: bool = False) -> RegionalTable:
    options: dict[str, Any] = {"populate_existing": True, "with_for_update": True} if locked else {}
    found = tx.session.get(RegionalTable, table_id, **options)
    if found is None:
        raise NotFound("no such table")
    return found


def _members(tx: Transaction, table_id: str) -> set[str]:
    return set(tx.session.scalars(select(TableMember.agency_id).where(TableMember.table_id == table_id)))


def _lines(tx: Transaction, rows: Sequence[RegionalTable]) -> list[TableLine]:
    ids = [row.id for row in rows]
    seated = _seated(tx, ids)
    signals = select(Signal.table_id, func.count()).where(Signal.table_id.in_(ids), Signal.state.not_in(ENDED))
    with tx.whole("who keeps the tables sees how many cases lie there, and none of them"):
        lying = dict(tx.session.execute(signals.group_by(Signal.table_id)).all())
    planned = select(Meeting.table_id, func.count()).where(
        Meeting.table_id.in_(ids), Meeting.held_on >= tx.today, Meeting.cancelled_at.is_(None)
    )
    coming = dict(tx.session.execute(planned.group_by(Meeting.table_id)).all())
    return [
        TableLine(
            id=row.id,
            title=row.title,
            region=row.region,
            theme=row.theme,
            members=tuple(title for _agency, title in seated.get(row.id, ())),
            open_signals=lying.get(row.id, 0),
            coming=coming.get(row.id, 0),
            coordinated=_coordinated(tx, [agency for agency, _title in seated.get(row.id, ())]),
            closed=row.closed_at is not None,
        )
        for row in rows
    ]


def _seated(tx: Transaction, table_ids: Sequence[str]) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {}
    query = (
        select(TableMember.table_id, Agency.id, Agency.title)
        .join(Agency, Agency.id == TableMember.agency_id)
        .where(TableMember.table_id.in_(table_ids), Agency.active)
        .order_by(Agency.title)
    )
    for row in tx.session.execute(query):
        found.setdefault(row.table_id, []).append((row.id, row.title))
    return found


def _coordinated(tx: Transaction, agencies: Iterable[str]) -> bool:
    return bool(mailing.accounts_with(tx, agencies, Permission.SIGNAL_TRIAGE_OWN_TABLE))


def _check(tx: Transaction, described: Described, table_id: str, *, theme: str = "") -> None:
    problems = {}
    title = described.title.strip()
    if not title:
        problems["title"] = NO_TITLE
    elif len(title) > TITLE_LIMIT:
        problems["title"] = TOO_LONG
    elif tx.session.scalar(select(RegionalTable.id).where(RegionalTable.title == title, RegionalTable.id != table_id)):
        problems["title"] = TAKEN
    if len(described.region.strip()) > REGION_LIMIT:
        problems["region"] = TOO_LONG
    # A theme that the rules no longer have may stay as it was.
    if described.theme not in {"", theme, *tx.program.policy.table_themes}:
        problems["theme"] = NO_THEME
    if set(described.members) - set(dict(agencies_to_seat(tx))) - (_members(tx, table_id) if table_id else set()):
        problems["members"] = NO_AGENCY
    if problems:
        raise UnusableInput(problems)


@in_whole("a seat gives a look at cases, so nobody of an agency changes one")
def _seat(tx: Transaction, table_id: str, agencies: Iterable[str], leaving: Iterable[str] = ()) -> None:
    for agency in sorted(leaving):
        tx.session.delete(tx.session.get_one(TableMember, (table_id, agency)))
    tx.session.add_all(TableMember(table_id=table_id, agency_id=agency) for agency in sorted(set(agencies)))
    tx.session.flush()


def _record(tx: Transaction, table_id: str, changed: Sequence[str], agencies: Iterable[str]) -> None:
    details = {"table": table_id, "changed": list(changed), "agencies": sorted(agencies)}
    tx.record("table:record", object_type="table", object_id=table_id, details=details)


def _record_look(tx: Transaction, view: str, count: int) -> None:
    details = {"view": view, "count": count}
    tx.record("agency:consult", object_type="agency", object_id="", details=details)
