"""Checking the log and the rows by hand, or by an officer who trusts nobody here."""

import json
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import UNUSABLE, Stop, plainly, progress_bar
from signaltable.domain import SignaltableError
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.fsck import Progress, Report
    from signaltable.transaction import Program

FINDINGS = 1


@click.command("fsck")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: ok, entries, size, root, checked, findings.")
@click.option(
    "--read-only",
    is_flag=True,
    help="Write nothing: no entry in the log, no incidents. For an account that may only read the database.",
)
@click.option(
    "--seals",
    type=click.Choice(["none", "sample", "all"]),
    default="sample",
    show_default=True,
    help="How much of what is sealed is opened, to see that it opens with its own place.",
)
@plainly
def audit_fsck(*, as_json: bool, read_only: bool, seals: str) -> None:
    """Check the log against itself, against every row in both directions, and against what stands outside the database.

    Exit code 0: nothing was found. 1: there are findings. 2: the check could not be done.
    """
    program = _open(read_only=read_only)
    report, problem = _check(program, seals, read_only=read_only, progress=progress_bar())
    if problem:
        click.echo(f"signaltable: {problem}", err=True)
    click.echo(json.dumps(report.as_json()) if as_json else _told(report, read_only=read_only))
    if not report.ok:
        raise SystemExit(FINDINGS)


def _open(*, read_only: bool) -> "Program":
    from signaltable.program import open_program, open_to_read

    try:
        return (open_to_read if read_only else open_program)(Settings.from_env())
    except SignaltableError as error:
        raise Stop(str(error), UNUSABLE) from None


def _check(program: "Program", seals: str, *, read_only: bool, progress: "Progress") -> tuple["Report", str]:
    """The report, and what went wrong with writing it down: a log that is broken far enough takes no entry."""
    from sqlalchemy.exc import SQLAlchemyError

    from audit.errors import AuditError
    from signaltable.flow import fsck, incidents, setup

    try:
        report = fsck.inspect(program, seals=seals, try_fence=not read_only, progress=progress)
    except (SignaltableError, SQLAlchemyError) as error:
        told = str(error) if isinstance(error, SignaltableError) else f"the database: {type(error).__name__}"
        raise Stop(f"the check could not be done: {told}", UNUSABLE) from None
    if read_only:
        return report, ""
    try:
        incidents.record(program, setup.INSTALLER, report)
    except (SignaltableError, AuditError, SQLAlchemyError, ValueError, TypeError) as error:
        return report, f"this check could not be recorded in the log ({type(error).__name__})"
    return report, ""


def _told(report: "Report", *, read_only: bool) -> str:
    checked = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in sorted(report.checked.items()))
    lines = [f"{one.kind:<20} {one.at}: {one.message}" for one in report.findings]
    lines.append(f"checked: {checked}")
    if read_only:
        lines.append("read-only: nothing was written, and it was not tried whether the fence around the log holds")
    found = sum(report.counts.values())
    lines.append(f"{'OK' if report.ok else 'FINDINGS':<11} {'nothing was found' if report.ok else f'{found} found'}")
    return "\n".join(lines)
