"""The log, for an auditor."""

import json
import os
from pathlib import Path

import click

from signaltable.cli.kit import plainly, progress_bar
from signaltable.settings import Settings


@click.group()
def audit() -> None:
    """The log: export and check it, prove what is in it, and look after its keys."""


@audit.command("export")
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--from", "first", default="", metavar="DATE", help="The first day, in the Netherlands, as YYYY-MM-DD.")
@click.option("--to", "last", default="", metavar="DATE", help="The last day, included.")
@click.option("--agency", default="", metavar="ID", help="What this agency did, and nothing of others.")
@click.option(
    "--json", "as_json", is_flag=True, help="One JSON object: entries, details, checkpoints, size, root, kind."
)
@plainly
def audit_export(directory: Path, *, first: str, last: str, agency: str, as_json: bool) -> None:
    """Write a signed export that `python -m audit verify DIRECTORY` checks on any machine.

    Without options the whole log; otherwise a part, each entry of which is proven against all leaf hashes of the log.
    """
    from signaltable.flow import log_export, log_parts, setup
    from signaltable.program import open_program
    from signaltable.transaction import reading

    program = open_program(Settings.from_env())
    with reading(program) as session:
        part = log_parts.read_part(session, first, last, agency)
    summary = log_export.export(program, setup.INSTALLER, directory, part=part, progress=progress_bar())
    click.echo(json.dumps(summary) if as_json else f"{summary['entries']} entries in {directory}")


@audit.command("receipt")
@click.argument("reference")
@click.option("--out", "target", required=True, type=click.Path(path_type=Path), help="A new file.")
@plainly
def audit_receipt(reference: str, target: Path) -> None:
    """Write the proof that disclosure REFERENCE (D-...) stands in the log, for `python -m audit receipt FILE`.

    A checkpoint is signed first when none covers the disclosure yet. The file is the same each time.
    """
    from signaltable.flow import receipts, setup
    from signaltable.program import open_program

    program = open_program(Settings.from_env())
    # Taken before anything is signed or recorded, and given up again when there is no proof to write.
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            made = receipts.of_reference(program, setup.INSTALLER, reference)
            file.write(made.text)
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    click.echo(f"the proof of {reference} in {target}")
