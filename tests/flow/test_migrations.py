"""The tables go back step by step and come forward again with data in them, on both databases and behind both fences."""

from datetime import timedelta
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text

from signaltable import jobs
from signaltable.flow import fsck, retention
from signaltable.migrating import migrate
from signaltable.schema import MIGRATIONS
from tests.conftest import Clock, open_for_test
from tests.duty_steps import INFORM, RECORD, owing, referred
from tests.identity_steps import on_the_table
from tests.log_tools import go_back, owners_engine
from tests.table_steps import visitor

STEPS = list(ScriptDirectory(str(MIGRATIONS)).walk_revisions())
# What a check of the log may tell after a loss: the rows that are not what they were. Never anything about the log itself.
ABOUT_ROWS = {"changed-row", "row-without-entry", "entry-without-row"}
# What the database keeps of its own, whatever the version.
NOT_OURS = {"alembic_version"}


def shape(settings):
    """table or table.column, for all that is there."""
    engine = owners_engine(settings)
    with engine.connect() as connection:
        seen = inspect(connection)
        tables = set(seen.get_table_names()) - NOT_OURS
        found = tables | {f"{table}.{one['name']}" for table in tables for one in seen.get_columns(table)}
    engine.dispose()
    return found


def counts(settings, tables):
    engine = owners_engine(settings)
    with engine.connect() as connection:
        found = {one: connection.execute(text(f"SELECT count(*) FROM {one}")).scalar() for one in sorted(tables)}
    engine.dispose()
    return found


def left_over(settings):
    """Tables, indexes, triggers, functions and schemas that nobody takes along when the tables are gone."""
    engine = owners_engine(settings)
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            query = "SELECT name FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"
        else:
            query = (
                "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace UNION ALL "
                "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace UNION ALL "
                "SELECT nspname FROM pg_namespace WHERE nspname = 'fence'"
            )
        found = {name for name in connection.scalars(text(query)) if "alembic_version" not in name}
    engine.dispose()
    return found


def gone_with(before, after):
    """What is there no more; the columns of a table that is gone go without saying."""
    lost = before - after
    return {one for one in lost if "." not in one or one.partition(".")[0] not in lost}


@pytest.fixture
def worked_in(settings, actor):
    """A region in which cases were worked on, duties are owed, and details of the log were destroyed at their term."""
    clock = Clock()
    for program in open_for_test(settings, clock):
        on_the_table(program, actor)
        region = owing(program, INFORM, RECORD)
        referred(region, actor(region, "havendam"), actor(region, "essm"))
        visitor(program, "havendam")
        clock.now += timedelta(days=2 * 366)
        retention.sweep(program, jobs.JOBS)
    return settings, clock


def checked(settings, clock):
    (report,) = [fsck.inspect(program, seals="all", outside=False) for program in open_for_test(settings, clock)]
    return report


def test_tables_go_back_and_come_forward_with_their_data(worked_in):
    settings, clock = worked_in
    before, full = checked(settings, clock), shape(settings)
    assert before.ok
    assert before.checked["destroyed"] > 0
    there = counts(settings, {one for one in full if "." not in one})

    # Each step back throws away what its migration says, and nothing else.
    lost = set()
    for step in STEPS[:-1]:
        shaped = shape(settings)
        go_back(settings, step.down_revision)
        assert gone_with(shaped, shape(settings)) == set(step.module.loses), step.revision
        lost |= set(step.module.loses)
    kept = {one for one in there if one not in lost}
    assert counts(settings, kept) == {one: there[one] for one in kept}

    # Forward again: the log verifies, with what was destroyed; every seal opens; what was lost is told, row by row.
    migrate(settings)
    assert shape(settings) == full
    assert counts(settings, kept) == {one: there[one] for one in kept}
    after = checked(settings, clock)
    assert after.root == before.root
    assert after.checked["destroyed"] == before.checked["destroyed"]
    assert set(after.counts) == ABOUT_ROWS
    assert after.checked["seals"] >= there["subject_fields"]

    # All the way back nothing is left, and all the way forward it is the same as the first time.
    go_back(settings, "base")
    assert left_over(settings) == set()
    migrate(settings)
    assert shape(settings) == full


def test_what_going_back_throws_away_stands_in_the_page_for_operators():
    page = (Path(MIGRATIONS).parents[1] / "docs" / "postgresql.md").read_text(encoding="utf-8")
    for step in STEPS[:-1]:
        for lost in step.module.loses:
            assert lost.partition(".")[0] in page, f"{step.revision}: {lost}"
