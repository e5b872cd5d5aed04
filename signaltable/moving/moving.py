"""The steps of a move, in their order. Each is finished before the next begins, and says so in the database itself."""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Engine, Table, select, text, update
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from signaltable import audit_trail, database_marks, places, row_level
from signaltable.audit_trail import fence
from signaltable.database_marks import ARRIVED, ARRIVING, COMPARED, LEAVING, LEFT
from signaltable.db import WRITES, Base
from signaltable.flow import fsck, setup
from signaltable.migrating import migrate
from signaltable.models import LogHead, MovedTable
from signaltable.moving import ends, indexes, rows
from signaltable.moving.ends import Ends
from signaltable.moving.problems import ORPHAN, CannotMove, told
from signaltable.settings import Settings
from signaltable.transaction import transaction

# What a database says of itself does not travel, nor what it makes of the other rows by itself; the head of the log comes last, so that until then the log over there is empty.
_STAY: Final = frozenset({"database_marks", "moved_tables", places.TABLE})
_HEAD: Final = "log_head"
_MOVED: Final = Base.metadata.tables[MovedTable.__tablename__]
# A fence that is open is told, and no reason to call the move incomplete: it stands in the database, not in what arrived.
_OF_THE_PLACE: Final = frozenset({"open-fence"})


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move brought: so many tables and rows, the log with its size and root, and which findings its check gave.

    `resumed` says that it went on where it was broken off; `before` that all was done already.
    """

    ident: str
    kinds: tuple[str, str]
    tables: int
    rows: int
    size: int
    root: str
    findings: dict[str, int]
    resumed: bool = False
    before: bool = False

    @property
    def ok(self) -> bool:
        """Whether nothing was found in what arrived."""
        return not self.findings.keys() - _OF_THE_PLACE

    def as_json(self) -> dict[str, Any]:
        """As `signaltable move --json` prints it."""
        return {
            "ok": self.ok,
            "move": self.ident,
            "from": self.kinds[0],
            "to": self.kinds[1],
            "tables": self.tables,
            "rows": self.rows,
            "log_size": self.size,
            "log_root": self.root,
            "findings": dict(sorted(self.findings.items())),
            "resumed": self.resumed,
            "done_before": self.before,
        }


@dataclass(frozen=True, slots=True)
class Watch:
    """Who looks on: `step` is told in words what begins, `progress` how many of how many are done."""

    step: Callable[[str], None] = lambda _words: None
    progress: Callable[[int, int], None] = lambda _done, _of: None


def move(settings: Settings, source_url: str, watch: Watch = Watch()) -> Moved:
    """Move everything at `source_url` into the database of `settings`, or go on with that. Both addresses are `usual`.

    Raises `CannotMove` in one line for whatever is in the way, and `HomeInUse` while a program works there.
    """
    with ends.ends(settings, source_url) as both:
        ends.require_two(both)
        leaving = ends.look_at_source(both)
        ident = leaving.get(LEAVING) or leaving.get(LEFT) or ""
        arriving = ends.look_at_target(both, ident)
        if ident and not arriving and LEFT in leaving:
            raise CannotMove("the old database: it was moved elsewhere already")
        if ARRIVED in arriving:
            return _outcome(both, ident, before=True, root=_root_of(both.source))
        if not ident:
            _check_log(both, watch)
        if not arriving:
            # Another name for each database that it begins to go to: what was begun elsewhere is no longer where this one goes,
            # or it could be ended there as well, and two would go on as this one.
            ident = secrets.token_hex(16)
            _close(both, ident)
            _prepare(both, ident, watch)
        if COMPARED not in arriving:
            _bring(both, ident, watch)
        return _finish(both, ident, watch, resumed=bool(arriving))


def give_up(settings: Settings, source_url: str) -> None:
    """Open the old database again, of a move that was not finished. What arrived stays where it is, to be thrown away.

    Raises `CannotMove` when nothing is being moved, or when the move is done.
    """
    with ends.ends(settings, source_url) as both:
        marks = ends.look_at_source(both)
        if LEFT in marks:
            raise CannotMove("the old database: its move is done; move back from the new one instead")
        if LEAVING not in marks:
            raise CannotMove("the old database: it is not being moved")
        with told("the old database"), _writing(both.source) as connection:
            database_marks.open_again(connection)
            database_marks.take_away(connection, LEAVING)


def _writing(engine: Engine) -> Any:
    return engine.execution_options(**{WRITES: True}).begin()


# -- before -------------------------------------------------------------------------------------------------------


def _check_log(both: Ends, watch: Watch) -> None:
    """A log that does not verify is evidence: it stays where it is until somebody looked at it."""
    watch.step("checking the log of the old database")
    with told("the old database"), ends.program_on(both, both.source_url) as program:
        report = fsck.inspect(program, seals="none", try_fence=False, only_log=True, progress=watch.progress)
    if not report.ok:
        kinds = ", ".join(f"{kind} {count}x" for kind, count in sorted(report.counts.items()))
        raise CannotMove(f"the log of the old database does not verify ({kinds}); see `signaltable audit fsck`")


def _close(both: Ends, ident: str) -> None:
    with told("the old database"), _writing(both.source) as connection:
        database_marks.close(connection)
        database_marks.write(connection, LEAVING, ident)


def _prepare(both: Ends, ident: str, watch: Watch) -> None:
    """Tables, and everything in their way out of it. What stands in them was put there by making them."""
    watch.step("making the tables")
    with told("the new database"):
        migrate(both.settings)
        with _writing(both.target) as connection:
            database_marks.write(connection, ARRIVING, ident)
            for table in _travelling():
                if table.name not in fence.TABLES:
                    connection.execute(table.delete())
                connection.execute(_MOVED.insert().values(name=table.name))
            places.take_down(connection)
            indexes.take_away(connection)
            if connection.dialect.name == "postgresql":
                # COPY is not for tables whose fence holds for their owner too; `row_level.put_up` puts it up again.
                for name in (*row_level.FENCED, *row_level.READ_BY_ALL, *row_level.READ_IN_PART):
                    connection.execute(text(f"ALTER TABLE {name} NO FORCE ROW LEVEL SECURITY"))


def _travelling() -> Sequence[Table]:
    tables = [table for table in Base.metadata.sorted_tables if table.name not in _STAY]
    return sorted(tables, key=lambda table: table.name == _HEAD)


# -- bringing -----------------------------------------------------------------------------------------------------


def _bring(both: Ends, ident: str, watch: Watch) -> None:
    watch.step("moving the rows")
    with told("the old database"), _reading(both.source) as source:
        shapes = [rows.shape_of(table) for table in _travelling()]
        counts = {shape.table: rows.count(source, shape) for shape in shapes}
        done, of = 0, sum(counts.values())
        with _writing(both.target) as target:
            # What is in the middle of its rows now was broken off there.
            target.execute(update(_MOVED).where(~_MOVED.c.done, _MOVED.c.rows > 0).values(runs=_MOVED.c.runs + 1))
        for shape in shapes:
            with told(shape.table):
                for so_far in _bring_table(both, source, shape):
                    watch.progress(done + so_far, of)
            done += counts[shape.table]
        _make_indexes(both, watch)
        _compare(both, source, shapes, watch)
    with told("the new database"), _writing(both.target) as connection:
        # From here on the program itself looks at what arrived, and leaves a row of its own here and there.
        database_marks.write(connection, COMPARED, ident)


def _reading(engine: Engine) -> Any:
    """A connection that sees the database as it is now until the end."""
    if engine.dialect.name == "postgresql":
        return engine.execution_options(isolation_level="REPEATABLE READ").begin()
    return engine.begin()


def _bring_table(both: Ends, source: Connection, shape: rows.Shape) -> Any:
    """Bring what is missing of one table. Yields how many rows of it are there after each commit."""
    with both.target.connect() as connection:
        got = connection.execute(select(_MOVED).where(_MOVED.c.name == shape.table)).mappings().one()
    if got["done"]:
        return
    there, digest = got["rows"], int(got["digest"] or "0", 16)
    for part in rows.in_commits(rows.read(source, shape, rows.key_of_text(got["last_key"]))):
        there += len(part)
        digest = (digest + rows.digest_of(part)) % (1 << rows.DIGEST_BITS)
        said = {"rows": there, "digest": f"{digest:064x}", "last_key": rows.key_as_text(shape, part[-1])}
        with _writing(both.target) as connection:
            if shape.table == _HEAD:
                rows.put_in_place(connection, shape, [row for row in part if row[shape.names.index("size")]])
            else:
                rows.add(connection, shape, part)
            connection.execute(_said(shape).values(said))
        yield there
    with _writing(both.target) as connection:
        connection.execute(_said(shape).values(done=True, digest=f"{digest:064x}"))


def _said(shape: rows.Shape) -> Any:
    return update(_MOVED).where(_MOVED.c.name == shape.table)


# -- after --------------------------------------------------------------------------------------------------------


def _make_indexes(both: Ends, watch: Watch) -> None:
    watch.step("making indexes and keys")
    with told("indexes"):
        with both.target.connect() as connection:
            left = of = len(indexes.to_make(connection))
        while left:
            with _writing(both.target) as connection:
                left = indexes.make_next(connection)
            watch.progress(of - left, of)
        with _writing(both.target) as connection:
            if connection.dialect.name == "sqlite":
                _require_keys(connection)
            else:
                _set_sequences(connection)
            places.put_up(connection)
            connection.exec_driver_sql("ANALYZE")
        migrate(both.settings)  # Nothing to do but the fence, and what the program's own role may do.


def _require_keys(connection: Connection) -> None:
    orphan = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
    if orphan is not None:
        raise CannotMove(f"{orphan[0]}: {ORPHAN}")


def _set_sequences(connection: Connection) -> None:
    """Let every number that PostgreSQL hands out by itself go on behind the highest that arrived."""
    for table in _travelling():
        column = table.autoincrement_column
        if column is not None:
            told_by = select(text("pg_get_serial_sequence(:table, :column)"))
            sequence = connection.execute(told_by, {"table": table.name, "column": column.name}).scalar()
            highest = connection.execute(select(column).order_by(column.desc()).limit(1)).scalar()
            if sequence and highest is not None:
                connection.execute(
                    text("SELECT setval(:sequence, :highest)"), {"sequence": sequence, "highest": highest}
                )


def _compare(both: Ends, source: Connection, shapes: Sequence[rows.Shape], watch: Watch) -> None:
    """Every table on both sides: how many rows, and the digest over all that they say.

    What was read of the old one in one go is known; what was read in two is read once more.
    """
    watch.step("comparing both sides")
    with told("comparing"), _reading(both.target) as target:
        said = {row["name"]: row for row in target.execute(select(_MOVED)).mappings()}
        done, of = 0, sum(one["rows"] for one in said.values())
        for shape in shapes:
            there = said[shape.table]
            read = (there["rows"], there["digest"])
            if there["runs"] or rows.count(source, shape) != there["rows"]:
                read = _summed(source, shape)
            if _summed(target, shape) != read:
                raise CannotMove(
                    f"{shape.table}: the rows that arrived are not those of the old database, which changed meanwhile; "
                    "empty the new one, open the old one with --give-up, and begin anew"
                )
            done += there["rows"]
            watch.progress(done, of)


def _summed(connection: Connection, shape: rows.Shape) -> tuple[int, str]:
    there = digest = 0
    for part in rows.read(connection, shape):
        there += len(part)
        digest += rows.digest_of(part)
    return there, f"{digest % (1 << rows.DIGEST_BITS):064x}"


def _finish(both: Ends, ident: str, watch: Watch, *, resumed: bool) -> Moved:
    """Check the log where it arrived, leave the old one for good, and say so in the log."""
    watch.step("checking the log of the new database")
    with told("the new database"), ends.program_on(both, both.settings.database_url) as program:
        report = fsck.inspect(program, seals="sample", outside=False, progress=watch.progress)
        moved = _outcome(both, ident, resumed=resumed, findings=dict(report.counts), root=report.root)
        with told("the old database"), _writing(both.source) as connection:
            database_marks.write(connection, LEFT, ident)
            database_marks.take_away(connection, LEAVING)
        if not _is_recorded(both):
            with transaction(program, setup.INSTALLER) as tx:
                tx.record("system:move", object_type="system", details=_details(moved))
    with told("the new database"), _writing(both.target) as connection:
        database_marks.write(connection, ARRIVED, ident)
        database_marks.take_away(connection, ARRIVING, COMPARED)
    return moved


def _root_of(engine: Engine) -> str:
    """The root of a log that takes no more entries: what it brought, when the move was done before."""
    with told("the old database"), Session(engine) as session:
        return audit_trail.root(session, audit_trail.size(session)).hex()


def _is_recorded(both: Ends) -> bool:
    """The log over there is longer than the one that was left: its next entry is that it was moved."""
    sizes = []
    for engine in (both.source, both.target):
        with engine.connect() as connection:
            sizes.append(connection.execute(select(LogHead.size)).scalar_one())
    return sizes[1] > sizes[0]


def _details(moved: Moved) -> dict[str, Any]:
    details: dict[str, Any] = {
        "move": moved.ident,
        "from_database": moved.kinds[0],
        "to_database": moved.kinds[1],
        "size": moved.size,
        "root": moved.root,
        "tables": moved.tables,
        "count": moved.rows,
    }
    return details | ({"kinds": sorted(moved.findings)} if moved.findings else {})


def _outcome(
    both: Ends,
    ident: str,
    *,
    resumed: bool = False,
    before: bool = False,
    findings: dict[str, int] | None = None,
    root: str = "",
) -> Moved:
    with both.target.connect() as connection:
        said = connection.execute(select(_MOVED.c.rows)).scalars().all()
    with both.source.connect() as connection:
        size = connection.execute(select(LogHead.size)).scalar_one()
    return Moved(ident, both.kinds, len(said), sum(said), size, root, findings or {}, resumed, before)
