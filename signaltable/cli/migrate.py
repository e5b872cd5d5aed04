"""Bringing the tables to the newest version, apart from starting the program."""

import json
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.migrating import Plan


@click.command()
@click.option("--dry-run", is_flag=True, help="Say what it would do, and do nothing.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object: before, after, steps, done.")
@plainly
def migrate(*, dry_run: bool, as_json: bool) -> None:
    """Bring the tables of the database to the version of this program; while older programs work, if that may be.

    Two at once wait for each other. All steps are done, or none. Exit code 1: refused, and nothing was changed.
    """
    from signaltable.flow import setup
    from signaltable.migrating import migrate as bring
    from signaltable.migrating import plan
    from signaltable.program import open_program, refuse_half_made

    settings = Settings.from_env()
    refuse_half_made(settings)
    found = plan(settings) if dry_run else bring(settings)
    if not dry_run and found.before and found.steps:
        setup.note_migration(open_program(settings), found.before, found.after)
    click.echo(json.dumps(_as_json(found, done=not dry_run)) if as_json else "\n".join(_lines(found, done=not dry_run)))


def _as_json(found: "Plan", *, done: bool) -> dict[str, object]:
    steps = [{"number": one.number, "title": one.title, "works_with": one.works_with} for one in found.steps]
    return {"before": found.before, "after": found.after, "steps": steps, "done": done}


def _lines(found: "Plan", *, done: bool) -> list[str]:
    if not found.steps:
        return [f"the tables are of version {found.before}; there is nothing to do"]
    lines = [f"{'did' if done else 'would do'} {one.number}  {one.title}" for one in found.steps]
    oldest = max(one.works_with for one in found.steps)
    told = f"programs from version {oldest} on go on working" if found.before >= oldest else "stop older programs first"
    return [*lines, f"from {found.before or 'nothing'} to {found.after}; {told}"]
