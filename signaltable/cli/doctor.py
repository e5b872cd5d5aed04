"""How this installation is, and what to do."""

import json
import os

import click

from signaltable.cli.kit import REFUSED, plainly


@click.command()
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: status, and checks with name, status, message, do."
)
@plainly
def doctor(*, as_json: bool) -> None:
    """Look at settings, keys, database, log, jobs, helpers and mail: each ok, a warning or an error, with what to do.

    Changes nothing and works on a broken installation. Exit code 0 without errors, 1 with one.
    """
    from signaltable.doctor import Status, examine

    report = examine(os.environ)
    if as_json:
        click.echo(json.dumps(report.as_json(), indent=1))
    else:
        for one in report.checks:
            click.echo(f"{one.status.value:<8} {one.name:<12} {one.message}")
            if one.do:
                click.echo(f"{'':21} -> {one.do}")
    if report.status is Status.ERROR:
        raise click.exceptions.Exit(REFUSED)
