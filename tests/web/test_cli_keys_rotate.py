"""`signaltable keys rotate`: starts, goes on, says what stands in the way, and what cannot be."""

import json

import pytest
from click.testing import CliRunner

from signaltable import jobs
from signaltable.cli import main
from signaltable.flow import rotating
from signaltable.flow.setup import INSTALLER
from tests.table_steps import submitted


@pytest.fixture
def run(sqlite_program):
    environment = {
        "SIGNALTABLE_HOME": str(sqlite_program.settings.home),
        "DATABASE_URL": sqlite_program.settings.database_url,
    }

    def invoke(*words):
        return CliRunner().invoke(main, ["keys", "rotate", *words], env=environment)

    return invoke


def test_a_key_is_replaced_and_told_as_json(sqlite_program, actor, run):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    done = run("--purpose", "match", "--json")
    assert done.exit_code == 0, done.output
    [told] = json.loads(done.stdout)
    assert (told["state"], told["from_version"], told["to_version"]) == ("finished", 1, 2)
    assert done.stderr == ""
    assert sqlite_program.keys.usable("match") == (2,)


def test_what_was_begun_is_refused_a_second_time_and_gone_on_with(sqlite_program, run):
    rotating.start(sqlite_program, INSTALLER, "data")
    again = run("--purpose", "data")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert "--resume" in again.stderr
    assert run("--resume").exit_code == 0
    assert rotating.unfinished(sqlite_program) == []
    assert "nothing to go on with" in run("--resume").stdout


def test_while_another_process_is_at_it_nothing_is_done(sqlite_program, run):
    begun = rotating.start(sqlite_program, INSTALLER, "match")
    with rotating.at_work(sqlite_program, "match"):
        told = run("--resume")
    assert told.exit_code == 1
    assert "another process" in told.stdout
    assert rotating.unfinished(sqlite_program) == [begun]


@pytest.mark.parametrize(
    "words", [(), ("--purpose", "match", "--resume"), ("--purpose", "log"), ("--purpose", "agency")]
)
def test_what_cannot_be_is_one_line(run, words):
    told = run(*words)
    assert (told.exit_code, told.stderr.count("\n")) == (2, 1)


def test_the_jobs_go_on_with_what_was_broken_off(sqlite_program, actor):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    rotating.start(sqlite_program, INSTALLER, "match")
    assert jobs.run_rotations(sqlite_program) == "at:1"
    assert rotating.unfinished(sqlite_program) == []
    assert jobs.run_rotations(sqlite_program) == ""
