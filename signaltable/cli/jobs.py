"""The jobs at the machine: the scheduler, doing what is due now, and how they are doing."""

import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Commands, Stop, plainly
from signaltable.domain import ZONE
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.job_status import JobStatus
    from signaltable.jobs.running import Result

# The years in which everything that counts days still finds a day and a holiday.
YEARS = range(2000, 2200)
# A clock argument that differs by less than this is the clock of the machine.
SAME = timedelta(minutes=1)


@click.group(cls=Commands, invoke_without_command=True)
@click.pass_context
@plainly
def jobs(context: click.Context) -> None:
    """The scheduler alone, until Ctrl-C, beside `run --no-jobs`. Who cannot read the signing key leaves signing to `signer`."""
    from signaltable.jobs.process import main

    if context.invoked_subcommand is None:
        sys.exit(main())


@jobs.command("run-due")
@click.option("--now", "told", metavar="TIME", default=None, help="Another time than the clock says (demo only).")
@click.option("--json", "as_json", is_flag=True)
@plainly
def run_due(told: str | None, *, as_json: bool) -> None:
    """Do everything that is due, once, and end. Exit code 1 when a job failed.

    Several at the same time, also beside the scheduler, do nothing twice: what another is at is left to it.
    """
    from dataclasses import replace

    from signaltable.home_in_use import working_in
    from signaltable.jobs.duty import duty_of_jobs
    from signaltable.jobs.running import run_due as run_all
    from signaltable.mail_settings import check_password
    from signaltable.program import open_program
    from signaltable.users import work_as_web_user

    settings = Settings.from_env()
    clock = _clock(settings, told)
    work_as_web_user(settings)
    check_password(settings.mail_server)
    program = replace(open_program(settings), clock=clock)
    began = clock()
    with working_in(settings.home):
        results = run_all(program, duty_of_jobs(settings))
    failed = sum(one.result == "failed" for one in results)
    if as_json:
        said = {"now": began.isoformat(), "failed": failed, "jobs": [one.as_json() for one in results]}
        click.echo(json.dumps(said, indent=1))
    else:
        click.echo("\n".join(_result_line(one) for one in results))
    if failed:
        raise click.exceptions.Exit(REFUSED)


@jobs.command("status")
@click.option("--json", "as_json", is_flag=True)
@plainly
def status(*, as_json: bool) -> None:
    """Per job: when it ran last, what came of it, when it runs next, and whether it fails or is late."""
    from signaltable.flow import job_status, setup
    from signaltable.job_times import schedules
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    program = open_program(Settings.from_env())
    with transaction(program, setup.INSTALLER) as tx:
        found = job_status.overview(tx, schedules(program.settings.checkpoint_minutes, program.policy.daily), "command")
        now = tx.now
    if as_json:
        told: dict[str, Any] = {
            "now": now.isoformat(),
            "failing": sum(one.failing_since is not None for one in found),
            "late": sum(one.late for one in found),
            "jobs": [one.as_json() for one in found],
        }
        click.echo(json.dumps(told, indent=1))
        return
    click.echo("\n".join(_status_line(one) for one in found))


def _clock(settings: Settings, told: str | None) -> Callable[[], datetime]:
    """The clock of the machine, or one that starts at the time given and runs on from there.

    In production it has to be the clock of the machine: what is due at a later time would be erased early, and the log would
    tell times that never were.
    """
    from signaltable.program import now

    if told is None:
        return now
    given, real, since = _moment(told), now(), time.monotonic()
    if abs(given - real) < SAME:
        return now
    if not settings.demo:
        raise Stop(
            "refused: --now is not the time of this machine; in production that would erase data early "
            "and put wrong times in the log",
            REFUSED,
        )
    if given > real:
        click.echo("signaltable: warning: what is due at that time is erased now, too", err=True)
    return lambda: given + timedelta(seconds=time.monotonic() - since)


def _moment(told: str) -> datetime:
    """A time in ISO 8601; without a zone it is Dutch time."""
    try:
        given = datetime.fromisoformat(told)
        moment = (given if given.tzinfo else given.replace(tzinfo=ZONE)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Stop("--now: expected a time such as 2026-11-23T08:30 or 2026-11-23T07:30:00+00:00", UNUSABLE) from None
    if moment.year not in YEARS:
        raise Stop(f"--now: expected a time in the years {YEARS[0]} to {YEARS[-1]}", UNUSABLE)
    return moment


def _result_line(one: "Result") -> str:
    slots = f" (makes up for {one.slots} turns)" if one.slots > 1 else ""
    return f"{one.job:<14} {one.result:<8} {one.outcome}{slots}".rstrip()


def _status_line(one: "JobStatus") -> str:
    rhythm = f"every {one.every_minutes} min" if one.every_minutes else f"daily {one.at}"
    last = one.last
    ran = f"{_local(last.began_at)} {last.outcome or 'nothing to do'}" if last else "never ran"
    marks = [
        f"FAILING since {_local(one.failing_since)} ({one.failures}x)" if one.failing_since else "",
        "LATE" if one.late else "",
        "running" if one.running_since else "",
        f"the clock stood ahead until {_local(one.ahead_until)}" if one.ahead_until else "",
    ]
    told = ", ".join(filter(None, [f"last {ran}", f"next {_local(one.next_at)}", *marks]))
    return f"{one.name:<14} {rhythm:<13} {told}"


def _local(moment: datetime) -> str:
    return moment.astimezone(ZONE).strftime("%Y-%m-%d %H:%M")
