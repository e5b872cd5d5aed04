"""Everything goes from one database to another, also when it is broken off, and the old one takes no more work."""

import json
import sqlite3
from dataclasses import replace
from datetime import date, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from signaltable import database_marks, moving, places
from signaltable.cli import main
from signaltable.db import Base, make_engine
from signaltable.domain import UnusableSettings
from signaltable.flow import fsck
from signaltable.home_in_use import HomeInUse, working_in
from signaltable.models import Figure, FigureMonth
from signaltable.moving import CannotMove, Watch, ends, problems, rows
from signaltable.moving.problems import told
from signaltable.program import NotInitialised, open_program
from tests.conftest import (
    OWNER_ROLE,
    PROGRAM_ROLE,
    Clock,
    _administer,
    _createdb,
    _shipped_rules,
    coming_as,
    open_for_test,
)
from tests.log_tools import go_back, owners_engine, tamper
from tests.table_steps import log, submitted

TRAVELLING = [
    table for table in Base.metadata.sorted_tables if table.name not in {"database_marks", "moved_tables", places.TABLE}
]
LATER = Clock().now + timedelta(hours=1)
ITSELF = {"hosts", "shared_rings"}


pytestmark = pytest.mark.sqlite_only(reason="moves from a file of SQLite to PostgreSQL, and back: both are in it")


@pytest.fixture
def old(sqlite_settings, actor, monkeypatch):
    """A region on SQLite in which two cases were recorded, and counted in a month that goes on."""
    # The rules that are shipped do not change during a run; reading them takes as long as moving a small region.
    monkeypatch.setattr(ends, "load_policy", _shipped_rules)
    for program in open_for_test(sqlite_settings, Clock()):
        for _ in range(2):
            submitted(program, actor(program, "havendam"))
        with program.write_sessions() as session:
            session.add(FigureMonth(month="2026-11", counted_until=date(2026, 11, 20), hidden_below=0))
            session.add(Figure(month="2026-11", dimension="signals", table_id="a", value="", count=2, hidden=True))
            session.commit()
    return sqlite_settings


@pytest.fixture
def new(old):
    """The same home with another file for its database."""
    return replace(old, database_url=f"sqlite:///{old.home / 'new.db'}")


def address_of(settings):
    return moving.usual(settings.owner_url or settings.database_url, "--from")


def summed(settings):
    """table -> how many rows it has and the digest over them, as they travel."""
    engine = owners_engine(settings)
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        found = {}
        for table in TRAVELLING:
            there = [row for part in rows.read(connection, rows.shape_of(table)) for row in part]
            found[table.name] = len(there), rows.digest_of(there)
    engine.dispose()
    return found


def checked(settings):
    (report,) = [fsck.inspect(program, seals="all", outside=False) for program in open_for_test(settings, Clock(LATER))]
    return report


def without_log(found):
    """The move itself is the next entry over there, and a machine that looks at PostgreSQL tells that it does."""
    return {name: said for name, said in found.items() if not name.startswith("log_") and name not in ITSELF}


@pytest.mark.postgres
def test_everything_goes_to_postgresql_and_back(old, postgres_server, postgres_region, actor):
    _createdb(postgres_server, "moved", "")
    there = postgres_server.format("moved")
    server = replace(old, database_url=coming_as(there, PROGRAM_ROLE), owner_url=coming_as(there, OWNER_ROLE))
    before = summed(old)
    went = moving.move(server, address_of(old))
    assert (went.ok, went.resumed, went.kinds) == (True, False, ("sqlite", "postgresql"))
    assert went.rows == sum(count for count, _digest in before.values())
    assert without_log(summed(server)) == without_log(before)
    assert checked(server).counts == {}
    assert moving.move(server, address_of(old)) == replace(went, before=True)
    # Work goes on over there, as the role that owns nothing; the log says where it came from
    for program in open_for_test(server, Clock(LATER)):
        ((_entry, details),) = log(program, "system:move")
        assert (details["size"], details["root"]) == (went.size, went.root)
        submitted(program, actor(program, "havendam"))
    # And all of it comes back, from whoever owns the tables only
    again = replace(old, database_url=f"sqlite:///{old.home / 'again.db'}")
    with pytest.raises(CannotMove, match="owns the tables"):
        moving.move(again, server.database_url)
    here = summed(server)
    back = moving.move(again, address_of(server))
    assert back.kinds == ("postgresql", "sqlite")
    assert moving.move(again, address_of(server)).root == back.root
    assert without_log(summed(again)) == without_log(here)
    assert checked(again).counts == {}
    with pytest.raises(NotInitialised, match="moved elsewhere"):
        open_program(server)
    _administer(postgres_server, 'DROP DATABASE "moved" WITH (FORCE)')


class BrokenOff(Exception):
    pass


def test_a_move_that_is_broken_off_again_and_again_goes_on_where_it_was(old, new, monkeypatch):
    monkeypatch.setattr(rows, "ROWS_OF_COMMIT", 20)
    before, runs = summed(old), 0

    def until(calls):
        left = calls

        def count(*_said):
            nonlocal left
            left -= 1
            if left < 0:
                raise BrokenOff

        return Watch(step=count, progress=count)

    while True:
        runs += 1
        try:
            went = moving.move(new, address_of(old), until(45 * runs))
            break
        except BrokenOff:
            # Meanwhile neither of the two takes any work.
            for settings in (old, new) if runs > 1 else ():
                with pytest.raises(NotInitialised, match="mov"):
                    open_program(settings)
    assert runs > 2
    assert went.resumed
    assert without_log(summed(new)) == without_log(before)
    assert checked(new).counts == {}
    again = moving.move(new, address_of(old))
    assert (again.before, again.size, again.root, again.rows) == (True, went.size, went.root, went.rows)


def test_who_goes_to_another_database_after_all_cannot_end_the_first_move_too(old, new):
    def stop(words):
        if words.startswith("moving"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moving.move(new, address_of(old), Watch(step=stop))
    other = replace(old, database_url=f"sqlite:///{old.home / 'other.db'}")
    with pytest.raises(KeyboardInterrupt):
        moving.move(other, address_of(old), Watch(step=stop))
    with pytest.raises(CannotMove, match="give an empty one"):
        moving.move(new, address_of(old))
    assert moving.move(other, address_of(old)).ok
    with pytest.raises(CannotMove, match="give an empty one"):
        moving.move(new, address_of(old))


def test_the_old_database_takes_no_more_work(old, new, actor):
    with working_in(old.home), pytest.raises(HomeInUse):
        moving.move(new, address_of(old))
    for program in open_for_test(old, Clock()):  # A program that was started before, on another machine.
        moving.move(new, address_of(old))
        with pytest.raises(DBAPIError, match=database_marks.CLOSED):
            submitted(program, actor(program, "havendam"))
    with pytest.raises(NotInitialised, match="moved elsewhere"):
        open_program(old)
    with pytest.raises(CannotMove, match="move is done"):
        moving.give_up(new, address_of(old))
    with pytest.raises(CannotMove, match="moved elsewhere already"):
        moving.move(replace(new, database_url=f"sqlite:///{new.home / 'third.db'}"), address_of(old))


def test_a_move_can_be_given_up_until_it_is_done(old, new, actor):
    def stop(words):
        if "comparing" in words:
            raise BrokenOff

    with pytest.raises(BrokenOff):
        moving.move(new, address_of(old), Watch(step=stop))
    moving.give_up(old, address_of(old))  # Where it was going need not be said.
    for program in open_for_test(old, Clock()):
        submitted(program, actor(program, "havendam"))
    assert checked(old).counts == {}
    # What arrived is of no use any more: it would be half of one log and half of another.
    with pytest.raises(CannotMove, match="another database was moved into it"):
        moving.move(new, address_of(old))


def test_a_change_behind_the_back_of_a_move_is_found(old, new):
    def change(words):
        if "comparing" in words:
            engine = create_engine(old.database_url)
            with engine.begin() as connection:
                connection.execute(text("DELETE FROM sessions WHERE 1 = 1"))
                connection.execute(text("UPDATE accounts SET name = 'somebody else' WHERE login = 'avim'"))
            engine.dispose()
            raise BrokenOff

    with pytest.raises(BrokenOff):
        moving.move(new, address_of(old), Watch(step=change))
    engine = create_engine(new.database_url)
    with engine.begin() as connection:  # As if the move had been broken off in the middle of this table.
        connection.execute(text("UPDATE moved_tables SET runs = 1 WHERE name = 'accounts'"))
    engine.dispose()
    with pytest.raises(CannotMove, match="accounts: the rows that arrived are not those"):
        moving.move(new, address_of(old))


def test_what_is_in_the_way_is_told_in_one_line_before_anything_changes(old, new, tmp_path):
    def refused(words, settings=new, address=""):
        with pytest.raises(CannotMove, match=words) as raised:
            moving.move(settings, address or address_of(old))
        assert "\n" not in str(raised.value)

    refused("no file", address=f"sqlite:///{tmp_path / 'nowhere.db'}")
    refused("same database", settings=old)
    elsewhere = {"database_url": "postgresql+psycopg://a@h/one", "owner_url": "postgresql+psycopg://b@h/two"}
    refused("names another database", settings=replace(new, **elsewhere))
    refused("no key ring", settings=replace(new, home=tmp_path))
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at" * 99)
    refused("no database|cannot be opened", address=f"sqlite:///{tmp_path / 'text.db'}")
    sqlite3.connect(tmp_path / "empty.db").execute("CREATE TABLE birds (name)")
    refused("nothing of this program", address=f"sqlite:///{tmp_path / 'empty.db'}")
    refused("not empty", settings=replace(new, database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    refused("no folder", settings=replace(new, database_url=f"sqlite:///{tmp_path / 'nowhere' / 'new.db'}"))
    for program in open_for_test(old, Clock()):
        tamper(program, "UPDATE log_entries SET action = 'account:change' WHERE seq = 3")
    refused("does not verify .*changed-column")
    go_back(old, "0009")
    refused("signaltable migrate")
    assert not (new.home / "new.db").exists()


@pytest.mark.parametrize(
    "address",
    [
        "mysql://eva:geheim@h/x",
        "postgresql://eva:geheim@",
        "geheim",
        "postgresql+psycopg2://eva:geheim@h/x",
        "sqlite+aiosqlite:///geheim",
        # In memory, or where the address leaves that open: it would be gone when the move ends.
        "sqlite://",
        "sqlite:///",
        "sqlite:",
        "sqlite:///:memory:",
        "sqlite::memory:",
        "sqlite+pysqlite:///:memory:",
        "sqlite:///:memory:?cache=shared",
        "sqlite:///geheim.db?mode=memory",
        "sqlite:///geheim.db?mode=memory&uri=true",
        "sqlite:///file:geheim?mode=memory&uri=true",
        "sqlite:///file::memory:?uri=true",
        "sqlite:///file:/geheim.db",
        "sqlite://geheim/new.db",
    ],
)
def test_an_address_that_is_none_is_not_repeated(address):
    with pytest.raises(UnusableSettings) as raised:
        moving.usual(address, "--to")
    assert "geheim" not in str(raised.value)


def test_an_address_without_a_file_changes_nothing(old, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(old.home))

    def refused(*given):
        done = CliRunner().invoke(main, ["move", "--from", old.database_url, *given])
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
        return done.stderr

    assert "--to: expected an address" in refused("--to", "sqlite:///:memory:")
    monkeypatch.setenv("DATABASE_URL", "sqlite:///file:new?mode=memory&uri=true")
    assert "DATABASE_URL: expected an address" in refused()
    for program in open_for_test(old, Clock()):
        assert program
    assert moving.usual("sqlite+pysqlite:////there/new.db", "--to") == "sqlite:////there/new.db"


# What somebody did to the old database -> the table that is told, and why.
CHANGES = {
    "UPDATE signals SET municipality = 'geheim' || char(0) || 'b'": "signals: a text holds a sign",
    "UPDATE signals SET municipality = printf('geheim%.*c', 9999, 'x')": "signals: a text is longer",
    "UPDATE signals SET version = 99999999999999": "signals: a number is larger",
    "UPDATE signals SET observed_on = 'geheim'": "signals: a value is",
    "UPDATE signals SET submitter = 'geheim'": "signals: a row points at one",
}


@pytest.mark.postgres
@pytest.mark.parametrize("change", CHANGES)
def test_what_no_second_try_can_move_says_how_to_go_back(old, postgres_server, postgres_region, change):
    name = f"refuses{list(CHANGES).index(change)}"
    _createdb(postgres_server, name, "")
    there = postgres_server.format(name)
    server = replace(old, database_url=coming_as(there, PROGRAM_ROLE), owner_url=coming_as(there, OWNER_ROLE))
    _by_hand(old, change)
    _tells_how_to_go_back(server, old, CHANGES[change])
    _administer(postgres_server, f'DROP DATABASE "{name}" WITH (FORCE)')


def test_a_row_that_points_at_nothing_says_how_to_go_back_on_sqlite_as_well(old, new):
    change = next(one for one, told in CHANGES.items() if told.endswith("points at one"))
    _by_hand(old, change)
    _tells_how_to_go_back(new, old, CHANGES[change])


def _by_hand(settings, change):
    connection = sqlite3.connect(settings.database_url.removeprefix("sqlite:///"))
    connection.execute("PRAGMA foreign_keys=OFF")
    assert connection.execute(change).rowcount
    connection.commit()
    connection.close()


def _tells_how_to_go_back(new, old, words):
    with pytest.raises(CannotMove) as raised:
        moving.move(new, address_of(old))
    said = str(raised.value)
    assert said.startswith(words)
    assert "again: it goes on" not in said
    assert "--give-up" in said
    assert "audit fsck" in said
    assert "geheim" not in said
    moving.give_up(new, address_of(old))
    assert checked(old).counts.keys() >= {"changed-row"}


def test_only_what_may_pass_by_itself_says_to_run_it_again():
    passing = ("08006", "57P01", "53100", "53200", "53300", "40P01", "55P03", "58030")
    lasting = ("22000", "22001", "22021", "22P05", "23502", "23503", "23505", "23514", "23001", "42P01", "")
    assert [code for code in passing if problems.AGAIN not in problems.line_of(code, "")] == []
    assert [code for code in lasting if problems.AGAIN in problems.line_of(code, "")] == []
    assert [code for code in lasting if "--give-up" not in problems.line_of(code, "")] == []


def test_a_folder_in_which_no_file_may_be_made_is_told_before_anything_changes(old, tmp_path, monkeypatch):
    shut = tmp_path / "shut"
    shut.mkdir()
    # Root, as which tests may run, may write everywhere.
    monkeypatch.setattr(ends.os, "access", lambda folder, _how: folder != shut)
    with pytest.raises(CannotMove, match="may make no file"):
        moving.move(replace(old, database_url=f"sqlite:///{shut / 'new.db'}"), address_of(old))
    for program in open_for_test(old, Clock()):
        assert program


def test_a_full_disk_and_a_lost_connection_say_what_to_do(tmp_path):
    small = make_engine(f"sqlite:///{tmp_path / 'small.db'}")
    with small.connect() as connection:
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        connection.exec_driver_sql("CREATE TABLE t (b)")
        with pytest.raises(CannotMove, match=r"mails: the disk .* is full; make room and run the same"), told("mails"):
            connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")
    nobody = make_engine(f"postgresql+psycopg://eva:geheim@/x?host={tmp_path}")
    with pytest.raises(CannotMove, match=r"connection .* was lost") as raised, told("mails"):
        nobody.connect()
    assert "geheim" not in str(raised.value)


def test_values_that_sqlite_lets_anybody_write_travel_in_one_form_or_not_at_all(old):
    shape = rows.shape_of(Base.metadata.tables["signals"])
    engine = create_engine(old.database_url)

    def read(change):
        with engine.connect() as connection:
            connection.exec_driver_sql(change)
            found = [row for part in rows.read(connection, shape) for row in part]
            connection.rollback()
        return [dict(zip(shape.names, row, strict=True)) for row in found]

    assert {one["created_at"] for one in read("UPDATE signals SET created_at = '2026-11-23T10:30:00+01:00'")} == {
        "2026-11-23 09:30:00.000000"
    }
    assert {one["facts"] for one in read("UPDATE signals SET facts = 5")} == {"5"}
    for change in ("owner_sealed = 'text'", "created_at = 'yesterday'", "narrative_masked = x'00'", "facts = x'00'"):
        with pytest.raises(CannotMove, match=rf"signals\.{change.split()[0]}: expected"):
            read(f"UPDATE signals SET {change}")
    engine.dispose()


def test_the_command_moves_to_what_a_file_or_the_variable_names(old, new, monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_HOME", str(old.home))
    monkeypatch.setenv("DATABASE_URL", new.database_url)
    file = old.home / "from"
    file.write_text(old.database_url)
    file.chmod(0o644)  # Whatever a command that ran before here made the usual mode.

    def ran(*given):
        done = CliRunner().invoke(main, ["move", *given])
        return done.exit_code, done.stdout, done.stderr

    code, _out, said = ran()
    assert (code, said) == (2, "signaltable: expected --from or --from-file: the database as it is now\n")
    code, _out, said = ran("--from-file", str(file))
    assert (code, "0600" in said) == (2, True)
    file.chmod(0o600)
    code, _out, said = ran("--from-file", str(file), "--from", old.database_url)
    assert (code, "expected one of them" in said) == (2, True)
    code, out, said = ran("--from-file", str(file), "--json")
    assert (code, json.loads(out)["ok"], json.loads(out)["done_before"]) == (0, True, False)
    assert said.splitlines()[0] == "checking the log of the old database ..."
    code, out, _said = ran("--from-file", str(file))
    assert code == 0
    assert "done already" in out
    assert "DATABASE_URL" in out
    code, _out, said = ran("--from-file", str(file), "--give-up")
    assert (code, "move is done" in said) == (1, True)
