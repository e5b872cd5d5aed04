"""The frame of the bench: goals, what is skipped and what fails, and a run beside the stored one."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from signaltable.bench import registry, running, stored, table
from signaltable.bench.given import Given
from signaltable.bench.line import Line, Skipped, at_least, at_most, in_rounds
from signaltable.bench.submitting import Desk
from signaltable.cli import main
from signaltable.domain import SignaltableError

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def _lines(*found):
    def lines(_given):
        for one in found:
            if isinstance(one, Exception):
                raise one
            yield one

    return lines


def _run(path, **benchmarks):
    given = Given(path)
    return running.run_of(list(running.measure(benchmarks, given)), given, NOW)


def test_a_goal_judges_the_ratio_or_the_number():
    beside = in_rounds("a", "a beside b", [(3, 2), (8, 2), (4, 2)], "us", at_most(2), at_most(1.5))
    assert (beside.ours, beside.theirs, beside.ratio, beside.reached) == (4, 2, 2, True)
    assert not replace(beside, goal=at_least(2.1)).reached
    alone = Line("b", "b", 60, "ms", goal=at_most(50))
    assert (alone.ratio, alone.reached) == (None, False)
    assert Line("c", "c", 60, "ms").reached


def test_what_fails_or_is_skipped_does_not_stop_the_others(tmp_path):
    run = _run(
        tmp_path,
        one=_lines(Line("a", "a", 1, "ms"), SignaltableError("expected something else")),
        two=_lines(Skipped("b", "no server"), Line("c", "c", 9, "ms", goal=at_most(1))),
        three=_lines(KeyError("Quinzabelle")),
    )
    assert [(one.benchmark, type(one.found).__name__, one.good) for one in run.measured] == [
        ("one", "Line", True),
        ("one", "Failed", False),
        ("two", "Skipped", True),
        ("two", "Line", False),
        ("three", "Failed", False),
    ]
    shown = [table.row(one, None) for one in run.measured]
    assert "FAILED, SignaltableError: expected something else" in shown[1]
    assert "NOT MEASURED, no server" in shown[2]
    assert "MISSED" in shown[3]
    # What is none of our own errors may quote what it met.
    assert shown[4] == "three: FAILED, KeyError"


def test_where_nothing_was_measured_no_goal_is_called_reached(tmp_path):
    def reached(**benchmarks):
        run = _run(tmp_path, **benchmarks)
        return stored.as_json(run, None)["reached"], run.good

    away, fine = Skipped("b", "no server"), Line("c", "c", 1, "ms", goal=at_most(1))
    assert reached(one=_lines(away), two=_lines(away)) == (None, True)
    assert reached(one=_lines()) == (None, True)
    assert reached(one=_lines(away), two=_lines(fine)) == (True, True)
    assert reached(one=_lines(away), two=_lines(replace(fine, ours=2))) == (False, False)
    assert reached(one=_lines(away, SignaltableError("expected another"))) == (False, False)


def test_a_run_is_compared_with_the_stored_one(tmp_path):
    path = tmp_path / "speed.json"
    first = _run(
        tmp_path,
        one=_lines(Line("a", "a", 2, "us", 1), Line("n", "n", 10, "ms")),
        two=_lines(Line("b", "b", 1, "us", 1)),
    )
    stored.store(path, stored.as_json(first, None), None)
    before = stored.load(path)
    second = _run(tmp_path, one=_lines(Line("a", "a", 3, "us", 1), Line("n", "n", 5, "ms")))
    told = stored.as_json(second, before)
    assert [line["change"] for line in told["lines"]] == [1.5, 0.5]
    stored.store(path, told, before)
    kept = stored.load(path)["lines"]
    assert [(line["benchmark"], line["name"], line["ours"]) for line in kept] == [
        ("one", "a", 3),
        ("one", "n", 5),
        ("two", "b", 1),
    ]
    # A plain number says nothing on another machine, a ratio does; and neither with other sizes.
    elsewhere = replace(second, machine=replace(second.machine, cores=96))
    assert [line["change"] for line in stored.as_json(elsewhere, before)["lines"]] == [1.5, None]
    assert [line["change"] for line in stored.as_json(replace(second, many=5), before)["lines"]] == [None, None]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"lines": [{}], "machine": 1}'])
def test_another_file_is_no_stored_run(tmp_path, text):
    (tmp_path / "speed.json").write_text(text)
    run = CliRunner().invoke(main, ["bench", "--only", "link", "--stored", str(tmp_path / "speed.json")])
    assert (run.exit_code, len(run.stderr.splitlines())) == (2, 1)


def test_the_command_names_what_there_is_and_refuses_the_rest(monkeypatch, tmp_path):
    run = CliRunner().invoke(main, ["bench", "--list"])
    assert run.stdout.split() == list(registry.BENCHMARKS)
    run = CliRunner().invoke(main, ["bench", "--list", "--json"])
    told = json.loads(run.stdout)
    assert [one["name"] for one in told] == list(registry.BENCHMARKS)
    assert all(20 < len(one["what"]) < 200 for one in told)
    run = CliRunner().invoke(main, ["bench", "--only", "nothing"])
    assert (run.exit_code, run.stdout, len(run.stderr.splitlines())) == (2, "", 1)
    run = CliRunner().invoke(main, ["bench", "--only", "link", "--region", str(tmp_path)])
    assert (run.exit_code, run.stdout, len(run.stderr.splitlines())) == (2, "", 1)
    monkeypatch.setattr(registry, "BENCHMARKS", {"one": _lines(Line("a", "a", 2, "ms", goal=at_most(1)))})
    place = str(tmp_path / "speed.json")
    run = CliRunner().invoke(main, ["bench", "--json", "--store", "--stored", place])
    told = json.loads(run.stdout)
    assert (run.exit_code, told["reached"], told["lines"][0]["goal"]) == (1, False, {"kind": "at most", "value": 1})
    assert stored.load(tmp_path / "speed.json")["lines"][0]["ours"] == 2


def test_everybody_in_a_benchmark_tells_of_others(sqlite_program):
    told = [Desk(sqlite_program, login).draft() for login in ("havendam", "delinde", "havendam")]
    names = [one.subjects[0].identity["surname"] for one in told]
    assert names[0] == names[2] != names[1]
