"""The access index of lists says what the things themselves say, after whatever happened to them."""

import re
import shutil
import sqlite3
import tomllib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event, select, text

from signaltable import places
from signaltable.bench import full
from signaltable.db import make_engine, refresh_statistics
from signaltable.demo import cases
from signaltable.domain import State
from signaltable.flow import places as lists
from signaltable.flow import setup, triage, work_list
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.jobs.work import run_search_index
from signaltable.keys import KeyRing
from signaltable.models import Signal
from signaltable.program import assemble
from signaltable.settings import Settings
from signaltable.transaction import Program, reading, transaction
from tests.conftest import PASSWORD, Clock
from tests.databases import is_file
from tests.log_tools import owners_engine

# A change as SQL, so that the triggers alone keep up; the program's own ways in are tested by what its lists show.
CHANGES = (
    "UPDATE signals SET state = '{state}' WHERE id = '{signal}'",
    "UPDATE signals SET table_id = (SELECT id FROM regional_tables ORDER BY id LIMIT 1) WHERE id = '{signal}'",
    "UPDATE signals SET table_id = (SELECT max(id) FROM regional_tables) WHERE id = '{signal}'",
    "UPDATE questions SET answer = 'hit' WHERE signal_id = '{signal}'",
    "UPDATE questions SET answer = '' WHERE signal_id = '{signal}'",
    "UPDATE questions SET due_on = '2026-11-01' WHERE signal_id = '{signal}'",
    "DELETE FROM questions WHERE signal_id = '{signal}'",
    "UPDATE escalations SET settled_at = opened_at WHERE signal_id = '{signal}'",
    "UPDATE escalations SET settled_at = NULL, level = 'table' WHERE signal_id = '{signal}'",
    "UPDATE meeting_tasks SET settled_at = made_at WHERE signal_id = '{signal}'",
    "UPDATE meeting_tasks SET settled_at = NULL WHERE signal_id = '{signal}'",
    "UPDATE agenda_items SET decision = 'refer' WHERE signal_id = '{signal}'",
    "UPDATE agenda_items SET decision = '' WHERE signal_id = '{signal}'",
    "UPDATE disclosures SET state = 'awaiting_approval' WHERE signal_id = '{signal}'",
    "UPDATE disclosures SET state = 'returned', responded_at = requested_at WHERE signal_id = '{signal}'",
    "UPDATE disclosures SET state = 'accepted' WHERE signal_id = '{signal}'",
    "UPDATE duties SET kind = 'review' WHERE disclosure_id IN (SELECT id FROM disclosures WHERE signal_id = '{signal}')",
    (
        "UPDATE duties SET kind = 'recall', fulfilled_at = NULL "
        "WHERE disclosure_id IN (SELECT id FROM disclosures WHERE signal_id = '{signal}')"
    ),
    "UPDATE links SET state = 'proposed' WHERE subject_a IN (SELECT id FROM subjects WHERE signal_id = '{signal}')",
    "UPDATE links SET state = 'confirmed' WHERE subject_b IN (SELECT id FROM subjects WHERE signal_id = '{signal}')",
    (
        "DELETE FROM link_verdicts WHERE link_id IN (SELECT l.id FROM links l JOIN subjects p ON p.id = l.subject_a "
        "WHERE p.signal_id = '{signal}')"
    ),
    "DELETE FROM subject_groups WHERE subject_id IN (SELECT id FROM subjects WHERE signal_id = '{signal}')",
    (
        "UPDATE subject_groups SET group_id = (SELECT min(group_id) FROM subject_groups) "
        "WHERE subject_id IN (SELECT id FROM subjects WHERE signal_id = '{signal}')"
    ),
    (
        "INSERT INTO subject_groups SELECT p.id, '{group}' FROM subjects p WHERE p.signal_id = '{signal}' "
        "AND NOT EXISTS (SELECT 1 FROM subject_groups g WHERE g.subject_id = p.id)"
    ),
    "DELETE FROM disclosures WHERE signal_id = '{signal}'",
)
# Somebody who takes rows away by hand need not ask whether others point at them.
UNASKED = "PRAGMA defer_foreign_keys = ON"


def differences(program: Program) -> list[places.Difference]:
    with reading(program, whole="a test compares all of it") as session:
        return places.differences(session.connection())


@pytest.fixture(scope="module")
def told(sqlite_region: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The demonstration: every kind of thing that waits for somebody, made through the use cases."""
    home = tmp_path_factory.mktemp("places") / "home"
    shutil.copytree(sqlite_region.home, home)
    settings = replace(sqlite_region, home=home, database_url=f"sqlite:///{home / 'signaltable.db'}")
    described = tomllib.loads(setup.REGION.read_text(encoding="utf-8"))["account"]
    setup.remember_demo_accounts(settings, [{"login": one["login"], "password": PASSWORD} for one in described])
    engine = make_engine(settings.database_url)
    keys = KeyRing.load(settings.key_ring, require_private=True)
    program = replace(assemble(settings, engine, keys), clock=Clock(datetime(2026, 11, 23, 9, 30, tzinfo=UTC)))
    for step in cases.steps(program):
        step()
    with engine.connect() as connection:
        # What the demonstration taught SQLite says that every table is small enough to be walked through.
        connection.exec_driver_sql("DELETE FROM sqlite_stat1")
        connection.commit()
    engine.dispose()
    yield program
    engine.dispose()


def test_the_index_of_the_demonstration_is_that_of_a_rebuild(told: Program) -> None:
    assert differences(told) == []
    with reading(told, whole="a test compares all of it") as session:
        found = set(session.scalars(text("SELECT DISTINCT list FROM list_places")))
    assert {"questions", "tasks", "tasks-table", "duties-destroy", "links-confirmed", "approvals"} <= found
    assert found <= places.LISTS


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_after_any_changes_the_index_is_that_of_a_rebuild(told: Program, data: st.DataObject) -> None:
    with told.write_sessions() as session:
        session.execute(text(UNASKED))
        signals = session.scalars(select(Signal.id).order_by(Signal.id)).all()
        for _ in range(data.draw(st.integers(1, 12), label="changes")):
            change = data.draw(st.sampled_from(CHANGES))
            signal, state = data.draw(st.sampled_from(signals)), data.draw(st.sampled_from(list(State)))
            session.execute(text(change.format(signal=signal, state=state.value, group="g" * 32)))
        assert places.differences(session.connection()) == []
        session.rollback()


@pytest.mark.parametrize("change", CHANGES, ids=range(len(CHANGES)))
def test_after_each_change_to_every_case_the_index_is_that_of_a_rebuild(told: Program, change: str) -> None:
    with told.write_sessions() as session:
        session.execute(text(UNASKED))
        for signal in session.scalars(select(Signal.id).order_by(Signal.id)).all():
            session.execute(text(change.format(signal=signal, state="closed", group="g" * 32)))
        assert places.differences(session.connection()) == []
        session.rollback()


def test_what_was_changed_behind_the_triggers_is_found_and_made_good(told: Program) -> None:
    with told.write_sessions() as session:
        connection = session.connection()
        session.execute(text("DELETE FROM list_places WHERE list = 'tasks'"))
        session.execute(text("INSERT INTO list_places VALUES ('texts', 'a', 'b', 'c', '2026-01-01 00:00:00.000000')"))
        found = {one.list: (one.missing > 0, one.left_over) for one in places.differences(connection)}
        assert found == {"tasks": (True, 0), "texts": (False, 1)}
        places.rebuild(connection)
        assert places.differences(connection) == []
        session.rollback()


def test_a_trigger_that_is_gone_is_told(sqlite_program: Program) -> None:
    settings = sqlite_program.settings
    name, of = ("places_questions_new", "") if is_file(settings) else ("places_questions", " ON questions")
    engine = owners_engine(settings)
    with engine.connect() as connection:
        assert places.gaps(connection) == []
        connection.execute(text(f"DROP TRIGGER {name}{of}"))
        assert places.gaps(connection) == [name]
        connection.rollback()
    engine.dispose()


@pytest.mark.sqlite_only(reason="PostgreSQL learns by itself")
def test_a_region_that_grew_within_a_day_is_learned_again_before_the_night(sqlite_program: Program) -> None:
    """Told that there are a few places, SQLite looks through all of them in each trigger."""
    count = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :many)"
    add = text(f"INSERT INTO list_places {count} SELECT 'tasks', 'a', 'b' || i, 'c' || i, '2026-01-01' FROM n")

    def way() -> str:
        with sqlite_program.read_sessions() as session:
            # Explaining alone, or the same text again, does not look for what is new.
            number = session.scalar(text("SELECT count(*) FROM list_places"))
            plan = f"EXPLAIN QUERY PLAN DELETE FROM list_places WHERE signal_id = 'a{number}' AND list = 'tasks'"
            return " ".join(row.detail for row in session.execute(text(plan)))

    def learned() -> str:
        with sqlite_program.read_sessions() as session:
            return str(session.scalar(text("SELECT min(stat) FROM sqlite_stat1 WHERE tbl = 'log_entries'")))

    with sqlite_program.write_sessions() as session:
        session.execute(add, {"many": 1})
        session.commit()
        refresh_statistics(session)
    assert "SCAN" in way()
    before = learned()
    with sqlite_program.write_sessions() as session:
        session.execute(text("DELETE FROM list_places"))
        session.execute(add, {"many": 20_000})
        # As many entries as that would have left would take long to make; so SQLite learned of fewer.
        session.execute(text("UPDATE sqlite_stat1 SET stat = '2 1' WHERE tbl = 'log_entries'"))
        session.commit()
    run_search_index(sqlite_program)
    assert learned() == before
    assert "SEARCH" in way()
    with sqlite_program.write_sessions() as session:
        session.execute(text("UPDATE sqlite_stat1 SET stat = '1' || stat WHERE tbl = 'log_entries'"))
        session.commit()
    kept = learned()
    run_search_index(sqlite_program)
    assert learned() == kept != before


def test_pages_of_a_list_of_several_tables_follow_each_other_without_gap(told: Program) -> None:
    coordinator = actor_of_login(told, "coordinator")
    with transaction(told, coordinator) as tx:
        whole = lists.at_own_tables(tx, ("tasks-table", "stuck-coordinator"), 1000)
        rows = tx.session.execute(select(whole).order_by(whole.c.at, whole.c.object_id)).all()
        assert len(rows) > 5
        walked, after = [], None
        while True:
            part = lists.at_own_tables(tx, ("tasks-table", "stuck-coordinator"), 2, after=after)
            found = tx.session.execute(select(part).order_by(part.c.at, part.c.object_id)).all()
            if not found:
                break
            walked += found
            after = (found[-1].at, found[-1].object_id)
        assert walked == rows


def test_the_lists_that_are_measured_are_full_and_of_five_tables(told: Program, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(told.settings.home, home)
    with closing(sqlite3.connect(home / "signaltable.db", isolation_level=None)) as database:
        # As most signals of a large region.
        database.execute("UPDATE signals SET state = 'submitted' WHERE state = 'tabled'")
        full.fill(home)
        waits = dict(database.execute("SELECT list || ' ' || scope, count(*) FROM list_places GROUP BY list, scope"))
        seats = database.execute("SELECT count(*) FROM table_members WHERE agency_id = 'avim'").fetchone()
        new = "SELECT id FROM regional_tables WHERE title LIKE 'bench %'"
        (at_new,) = database.execute(f"SELECT count(*) FROM signals WHERE table_id IN ({new})").fetchone()
    # The demonstration has few cases: what there is of each kind waits for those who are measured.
    for waiting, agency in (("questions", "avim"), ("duties-destroy", "havendam")):
        assert {one for one in waits if one.startswith(f"{waiting} ")} == {f"{waiting} {agency}"}
    assert seats == (full.TABLES,)
    assert at_new > 0


@pytest.mark.parametrize("login", ["havendam", "coordinator", "voorzitter", "veiligthuis", "delinde"])
def test_no_list_sorts_or_reads_a_table_of_cases(told: Program, login: str) -> None:
    """The plans of SQLite for the work list: what grows with the signals is reached by an index, never walked through."""
    engine = told.read_sessions().get_bind()
    asked: list[tuple[str, object]] = []

    def note(_connection: object, _cursor: object, statement: str, values: object, *_rest: object) -> None:
        asked.append((statement, values))

    with transaction(told, actor_of_login(told, login)) as tx:
        event.listen(engine, "before_cursor_execute", note)
        try:
            work_list.page(tx)
            if "signal:triage:own-table" in tx.actor.permissions:
                triage.listing(tx)
        finally:
            event.remove(engine, "before_cursor_execute", note)
    growing = "signals|subjects|questions|disclosures|duties|links|escalations|meeting_tasks|agenda_items|list_places"
    with engine.connect() as connection:
        for statement, values in asked:
            if statement.startswith("SELECT"):
                plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
                walked = [
                    row.detail for row in plan if re.match(rf"SCAN ({growing})(?! USING COVERING INDEX)", row.detail)
                ]
                assert walked == [], statement
