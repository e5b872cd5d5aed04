"""Replacing a key."""

import json
import sys
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, plainly
from signaltable.domain import UnusableInput
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.rotating import Progress
    from signaltable.transaction import Program

PURPOSES = ("match", "recipient", "session", "draft", "data", "agency")


@click.command("rotate")
@click.option("--purpose", type=click.Choice(PURPOSES), help="Which kind of key. The key of the log: audit rotate-key.")
@click.option("--agency", "agency_id", default="", help="Whose key, with --purpose agency or recipient.")
@click.option("--suite", default="", help="How is sealed from now on, with --purpose agency.")
@click.option("--keep-old", is_flag=True, help="Leave the old version readable at the end.")
@click.option("--resume", is_flag=True, help="Go on with what was broken off or waits.")
@click.option("--json", "as_json", is_flag=True)
@plainly
def rotate(purpose: str | None, agency_id: str, suite: str, *, keep_old: bool, resume: bool, as_json: bool) -> None:
    """Replace a key while the program runs. Interrupted? Give --resume; the jobs of the program go on with it as well.

    Exit code 1 when something stands in the way of the end: what does not open, or another process at the same key.
    """
    from signaltable.flow import rotating, setup
    from signaltable.program import open_program

    if resume == bool(purpose) or (resume and (agency_id or suite or keep_old)):
        raise UnusableInput({"purpose": "expected either --purpose or --resume"})
    program = open_program(Settings.from_env())
    if purpose:
        found = [rotating.start(program, setup.INSTALLER, purpose, agency_id=agency_id, suite=suite, keep_old=keep_old)]
    else:
        found = rotating.unfinished(program)
    ended = [_done(program, one) for one in found]
    click.echo(json.dumps([one.as_json() for one in ended]) if as_json else "\n".join(_lines(ended)))
    if any(one.state in {rotating.STOPPED, rotating.RUNNING} for one in ended):
        raise click.exceptions.Exit(REFUSED)


def _done(program: "Program", one: "Progress") -> "Progress":
    """Work until nothing is left to do, with a bar on a terminal."""
    from signaltable.flow import rotating, setup

    with rotating.at_work(program, one.purpose) as mine:
        if not mine:
            return one
        with click.progressbar(length=100, label=one.purpose, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
            for now in rotating.worked(program, setup.INSTALLER, one.id):
                one = now
                bar.update(now.percent - bar.pos)
    return one


def _lines(ended: "list[Progress]") -> list[str]:
    return [_line(one) for one in ended] or ["nothing to go on with"]


def _line(one: "Progress") -> str:
    name = f"{one.purpose} of {one.agency}" if one.agency else one.purpose
    versions = "" if one.purpose == "data" else f" version {one.from_version} -> {one.to_version}"
    told = {
        "finished": f"finished, {one.done} done" + ("; the old version is kept" if one.kept_old else ""),
        "waiting": f"the new version counts; the old one goes by itself once nothing needs it ({one.of} left)",
        "stopped": f"stopped: {one.of} values do not open with the old version; run `signaltable audit fsck --seals all`",
    }
    doing = f"{one.percent} %: another process is at it, or waits for somebody's transaction; it goes on by itself"
    return f"{name}{versions}: {told.get(one.state, doing)}"
