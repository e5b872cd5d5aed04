"""What can be proven about the rules, before they count."""

import json
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, day, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.analysis import Found


@click.command()
@click.option("--dir", "directory", type=click.Path(path_type=Path), help="A folder with rules; default those in use.")
@click.option("--on", "on", help="The day whose rules count (YYYY-MM-DD); default today.")
@click.option("--json", "as_json", is_flag=True)
@click.pass_context
@plainly
def check(context: click.Context, directory: Path | None, on: str | None, *, as_json: bool) -> None:
    """Look for gaps, contradictions and rules that do nothing, over all facts. Exit code 1 with findings."""
    from signaltable.analysis import check_folder
    from signaltable.flow.coverage import covered_destinations
    from signaltable.program import load_policy

    settings = Settings.from_env()
    folder = settings.policies if directory is None else directory
    if not folder.is_dir():
        raise Stop("--dir: expected a folder with rules, found none there", UNUSABLE)
    found = check_folder(
        folder,
        day(on),
        start=lambda path: load_policy(replace(settings, policies=path)),
        covered=covered_destinations(settings) if directory is None else None,
    )
    click.echo(json.dumps([one.to_json() for one in found], ensure_ascii=False, indent=1) if as_json else _told(found))
    if found:
        context.exit(REFUSED)


def _told(found: list["Found"]) -> str:
    """The findings for a person: by kind, with the place, what was expected, and what shows it."""
    if not found:
        return "no findings"
    lines = []
    for kind, ones in groupby(found, key=lambda one: one.kind):
        lines.append(kind)
        for one in ones:
            lines.append(f"  {one.file}{f': {one.key}' if one.key else ''}")
            lines.append(f"    {one.message}")
            if one.facts is not None:
                lines.append(f"    facts: {json.dumps(dict(one.facts), ensure_ascii=False)}")
            if one.request is not None:
                lines.append(f"    request: {json.dumps(dict(one.request), ensure_ascii=False)}")
    lines.append(f"{len(found)} finding{'s' if len(found) > 1 else ''}")
    return "\n".join(lines)
