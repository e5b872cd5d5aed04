"""The processing log, for the register and its contact point."""

import json
import sys
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path

import click

from signaltable.cli.kit import plainly
from signaltable.settings import Settings

DAY = click.DateTime(["%Y-%m-%d"])


@click.command("processing-log")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--from", "start", type=DAY, metavar="DATE", help="The first day (YYYY-MM-DD).")
@click.option("--to", "end", type=DAY, metavar="DATE", help="The last day, included.")
@click.option("--json", "as_json", is_flag=True, help="Print counts and digest as JSON.")
@plainly
def processing_log(file: Path, start: datetime | None, end: datetime | None, *, as_json: bool) -> None:
    """Write the log as Logboek Dataverwerkingen records (JSON), with no data about users."""
    from signaltable.flow import processing_log as flow
    from signaltable.flow import setup
    from signaltable.program import open_program

    exported = flow.export(
        open_program(Settings.from_env()),
        setup.INSTALLER,
        file,
        start=_day(start),
        end=_day(end),
        progress=_shown,
    )
    if as_json:
        summary = {"records": exported.lines, "entries": exported.entries, "size": exported.size}
        click.echo(json.dumps(summary | {"sha256": exported.file_hash}))
        return
    click.echo(f"{exported.lines} records of {exported.entries} entries in {file}")


def _day(moment: datetime | None) -> date | None:
    return moment.date() if moment else None


def _shown(steps: Iterator[int], total: int) -> Iterator[int]:
    with click.progressbar(length=total, label="processing log", file=sys.stderr) as bar:
        for done in steps:
            bar.update(done)
            yield done
