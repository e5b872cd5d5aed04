"""Every run of a job is accounted for, and an idle program does not fill its log."""

import json

from signaltable import jobs
from signaltable.models import LogEntry
from tests.table_steps import log


def told(program, name):
    return [details for row, details in log(program, "job:run") if row.object == name]


def size(program):
    with program.read_sessions() as session:
        return session.query(LogEntry).count()


def test_turns_without_work_are_counted_in_the_next_that_had_some(sqlite_program, clock):
    said = ""
    job = jobs.Job("example", 5, lambda _program: said)
    for said in ("", "", "", "made:1", "", "made:2"):  # noqa: B007 -- the job reads it
        jobs.run_once(sqlite_program, job)
        clock.forward(minutes=5)
    assert [(one["result"], one.get("idle", 0)) for one in told(sqlite_program, "example")] == [
        ("made:1", 3),
        ("made:2", 1),
    ]


def test_an_idle_job_is_told_once_a_day(sqlite_program, clock):
    job = jobs.Job("example", 60, lambda _program: "")
    for _hour in range(49):
        jobs.run_once(sqlite_program, job)
        clock.forward(hours=1)
    assert [one["idle"] for one in told(sqlite_program, "example")] == [24, 23]


def test_the_same_failure_is_told_once_and_counted(sqlite_program, clock):
    def broken(_program):
        raise LookupError("with words that nobody may read")

    for work in (broken, broken, broken, lambda _program: "made:1"):
        jobs.run_once(sqlite_program, jobs.Job("example", 5, work))
        clock.forward(minutes=5)
    assert [one.get("failed", 0) for one in told(sqlite_program, "example")] == [0, 2]
    assert "words" not in json.dumps(told(sqlite_program, "example"))


def test_an_idle_log_is_not_signed_again_and_again(sqlite_program, clock):
    (checkpoint,) = [one for one in jobs.jobs(sqlite_program.settings) if one.name == "checkpoint"]
    jobs.run_once(sqlite_program, checkpoint)
    before = size(sqlite_program)
    for _turn in range(20):
        clock.forward(minutes=5)
        assert jobs.run_once(sqlite_program, checkpoint) == ""
    assert size(sqlite_program) == before


def test_one_run_is_one_trace_and_the_next_another(sqlite_program, clock):
    job = jobs.Job("example", 5, lambda _program: "made:1")
    for _turn in range(2):
        jobs.run_once(sqlite_program, job)
        clock.forward(minutes=5)
    traces = [json.loads(row.entry)["trace_id"] for row, _details in log(sqlite_program, "job:run")]
    assert len(set(traces)) == 2
