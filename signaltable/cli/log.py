"""The log, for an auditor."""

import json
from pathlib import Path

import click

from signaltable.cli.kit import plainly
from signaltable.settings import Settings


@click.group()
def audit() -> None:
    """The log: export it for an auditor."""


@audit.command("export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True)
@plainly
def audit_export(directory: Path, *, as_json: bool) -> None:
    """Write a signed export that `python -m audit verify DIRECTORY` checks on any machine."""
    from signaltable.flow import auditing, setup
    from signaltable.program import open_program

    program = open_program(Settings.from_env())
    summary = auditing.export(program, setup.INSTALLER, directory)
    click.echo(json.dumps(summary) if as_json else f"{summary['entries']} entries in {directory}")
