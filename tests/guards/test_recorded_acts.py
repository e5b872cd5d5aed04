"""Nothing can be done that leaves nothing in the log: the ways in are counted from the program itself."""

import ast
from pathlib import Path

import click
import pytest

from audit.vocabulary import ACTIONS
from signaltable import jobs, recorded_acts
from signaltable.cli import main
from signaltable.settings import Settings
from signaltable.web import create_app

FLOW = Path(recorded_acts.__file__).parent / "flow"
TABLES = {"web": recorded_acts.WEB, "cli": recorded_acts.CLI, "jobs": recorded_acts.JOBS}
HOW = "add a row to signaltable/recorded_acts.py: what it leaves in the log, or why nothing"


def commands(command, path=()):
    if not isinstance(command, click.Group):
        return {" ".join(path)}
    itself = {" ".join(path)} if command.invoke_without_command else set()
    return itself.union(*(commands(inner, (*path, name)) for name, inner in command.commands.items()))


def test_every_page_says_what_it_leaves(sqlite_program):
    app = create_app(sqlite_program.settings, sqlite_program)
    there = {f"{method} {rule.endpoint}" for rule in app.url_map.iter_rules() for method in rule.methods}
    there = {one for one in there if one.split()[0] not in {"HEAD", "OPTIONS"}}
    assert there == set(recorded_acts.WEB), HOW


def test_every_command_says_what_it_leaves():
    assert commands(main) == set(recorded_acts.CLI), HOW


def test_every_job_says_what_it_leaves():
    with_a_turn = jobs.jobs(Settings.from_env({}))
    others = {"run_once", "run_requests", "run_check_requests"}  # What calls the jobs, and is none.
    without = {name for name in vars(jobs) if name.startswith("run_")} - others
    without -= {job.work.__name__ for job in with_a_turn}
    names = {job.name for job in with_a_turn} | {name.removeprefix("run_") for name in without}
    assert names == set(recorded_acts.JOBS), HOW


@pytest.mark.parametrize("table", TABLES)
def test_what_is_left_is_in_the_vocabulary_or_a_reason_is_given(table):
    for way, leaves in TABLES[table].items():
        assert leaves.all <= ACTIONS.keys(), way
        assert bool(leaves.all) != bool(leaves.why), way


def test_every_action_is_left_by_something():
    left = set().union(*(leaves.all for table in TABLES.values() for leaves in table.values()))
    assert set(ACTIONS) - left - set(recorded_acts.ANYWHERE) == set()


def test_only_one_module_opens_what_is_sealed():
    """So that the log names every key that was used."""
    opening = set()
    for path in FLOW.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in {"open", "unwrap"}
            ):
                on = node.func.value
                if isinstance(on, ast.Attribute) and on.attr == "keys":
                    opening.add(path.name)
    assert opening == {"sealing.py"}
