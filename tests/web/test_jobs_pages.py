"""The jobs on the screen and at the machine: what fails, what is late, what was made up, and who may look."""

import json

import pytest
from click.testing import CliRunner
from sqlalchemy import select, update

from signaltable import jobs
from signaltable.cli import main
from signaltable.daily import DAILY_JOBS
from signaltable.flow.job_status import PAGE
from signaltable.job_times import DAY
from signaltable.models import JobRun, JobTurn, LogEntry
from signaltable.settings import Settings
from signaltable.transaction import reading, transaction
from signaltable.web.job_words import JOBS
from tests.web.people import Person, without_tokens

FIELDS = {
    "name", "every_minutes", "at", "last_run", "done_through", "next_run", "failing_since", "failures", "problem",
    "running", "running_since", "late", "waiting_slots", "clock_was_ahead_until",
}  # fmt: skip


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def run(program):
    environment = {"SIGNALTABLE_HOME": str(program.settings.home), "DATABASE_URL": program.settings.database_url}

    def invoke(*words, mode="demo"):
        return CliRunner().invoke(main, ["jobs", *words], env=environment | {"SIGNALTABLE_MODE": mode})

    return invoke


def named(name):
    return next(job for job in jobs.jobs(Settings.from_env({})) if job.name == name)


def changed(program, name, **values):
    with transaction(program, jobs.JOBS) as tx:
        tx.session.execute(update(JobTurn).where(JobTurn.job == name).values(**values))


def test_every_job_has_words_and_a_daily_one_an_hour():
    table = jobs.jobs(Settings.from_env({}))
    assert {job.name for job in table} == set(JOBS)
    assert {job.name for job in table if job.minutes == DAY} == DAILY_JOBS


def test_the_page_says_what_fails_what_is_late_and_what_was_made_up(program, clock):
    for name in ("sessions", "overdue", "identities"):
        jobs.run_once(program, named(name))
    clock.forward(hours=4)
    jobs.run_once(program, named("sessions"))
    jobs.run_once(program, jobs.Job("identities", 1, lambda _program: 1 / 0))
    page = Person(program, "beheer").get("/beheer/taken").text
    assert "ZeroDivisionError" in page
    assert (
        page.index("/beheer/taken/identities")
        < page.index("/beheer/taken/overdue")
        < page.index("/beheer/taken/sessions")
    )
    assert page.count("st-tag--danger") == page.count("st-tag--warning") == 1
    assert "16" in page[page.index("/beheer/taken/sessions") :].partition("</tr>")[0]
    with reading(program) as session:
        assert session.scalars(select(LogEntry.action).order_by(LogEntry.seq.desc()).limit(1)).one() == "job:consult"


def test_a_clock_that_stood_ahead_is_shown(program):
    jobs.run_once(program, named("sessions"))
    assert "2031" not in without_tokens(Person(program, "beheer").get("/beheer/taken").text)
    changed(program, "sessions", through="2031-01-01T00:00")
    assert "2031" in Person(program, "beheer").get("/beheer/taken").text


def test_the_history_goes_on_page_by_page(program, clock):
    job = named("identities")
    for _minute in range(PAGE + 3):
        jobs.run_once(program, job)
        clock.forward(minutes=1)
    person = Person(program, "beheer")
    first = person.get("/beheer/taken/identities").text
    assert first.count('<tr class="utrecht-table__row">') == PAGE + 1
    older = first.partition('rel="next" href="')[2].partition('"')[0]
    assert person.get(older).text.count('<tr class="utrecht-table__row">') == 3 + 1


@pytest.mark.parametrize(
    "path", ["/beheer/taken/nothing", "/beheer/taken/sessions?na=x", "/beheer/taken/sessions?na=2026-11-23T09:30x"]
)
def test_what_is_not_there_is_not_found(program, path):
    assert Person(program, "beheer").get(path).status_code == 404


@pytest.mark.parametrize("login", ["havendam", "coordinator", "auditor"])
def test_others_do_not_see_the_jobs(program, login):
    assert Person(program, login).get("/beheer/taken").status_code == 403


# -- the command line ----------------------------------------------------------------------------------------------


def test_everything_that_is_due_is_done_once(program, run):
    first = run("run-due", "--json", "--now", "2026-11-23T10:31")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    results = {one["name"]: one["result"] for one in told["jobs"]}
    assert {name for name, result in results.items() if result == "done"} >= {
        job.name for job in jobs.jobs(program.settings)
    }
    assert told["failed"] == 0
    again = json.loads(run("run-due", "--json", "--now", "2026-11-23T09:31:30+00:00").stdout)
    assert {one["result"] for one in again["jobs"]} == {"not-due"}


def test_a_time_without_a_zone_is_dutch_and_later_turns_are_made_up(run):
    run("run-due", "--now", "2026-10-24T12:00+02:00")
    told = json.loads(run("run-due", "--json", "--now", "2026-10-26T12:00").stdout)
    slots = {one["name"]: one["slots"] for one in told["jobs"]}
    # Two days of 24 and of 25 hours: 49 hours, and still two turns of a daily job
    assert (slots["overdue"], slots["retention"]) == (49, 2)


def test_the_status_has_the_fields_that_a_monitor_reads(run):
    run("run-due")
    answer = run("status", "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert (told["failing"], told["late"]) == (0, 0)
    assert all(set(one) == FIELDS for one in told["jobs"])
    assert {one["at"] for one in told["jobs"] if one["name"] == "retention"} == {"03:10"}
    assert run("status").stdout.count("\n") == len(told["jobs"])


def test_a_job_that_fails_is_exit_code_one(program, run):
    program.settings.log_key.write_text("garbage")
    answer = run("run-due", "--json")
    assert answer.exit_code == 1
    told = json.loads(answer.stdout)
    assert [one["name"] for one in told["jobs"] if one["result"] == "failed"] == ["checkpoint", "witnesses"]
    status = json.loads(run("status", "--json").stdout)
    assert (status["failing"], status["late"]) == (2, 0)


@pytest.mark.parametrize("told", ["gisteren", "2026-13-01", "", "0001-01-01T00:00", "9999-12-31T23:59", None])
def test_what_is_no_time_is_one_line(run, told):
    answer = run("run-due", "--later") if told is None else run("run-due", "--now", told)
    assert (answer.exit_code, answer.stderr.count("\n")) == (2, 1)


def test_a_moved_clock_warns_in_a_demo_and_is_refused_in_production(program, run):
    assert "erased" in run("run-due", "--now", "2099-01-01T00:00").stderr
    for there in (True, False):
        now = "2099-01-01T00:00" if there else "2001-01-01T00:00"
        answer = run("run-due", "--now", now, mode="production")
        assert (answer.exit_code, answer.stderr.count("\n")) == (1, 1)
        assert "refused: --now" in answer.stderr
    with reading(program) as session:
        assert session.scalars(select(JobRun.slot).where(JobRun.slot < "2026")).all() == []
