"""Moving everything to another database."""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, plainly, progress_bar
from signaltable.private_file import read_private_line
from signaltable.surroundings import LONGEST_URL

if TYPE_CHECKING:
    from signaltable.moving import Moved, Watch

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--from", "source", metavar="ADDRESS", help="The database as it is now, as the owner of its tables.")
@click.option("--from-file", type=_FILE, help="A file of mode 0600 that holds that address on one line.")
@click.option("--to", "target", metavar="ADDRESS", help="The new, empty database. Without it: what DATABASE_URL names.")
@click.option("--to-file", type=_FILE, help="A file of mode 0600 that holds that address on one line.")
@click.option("--give-up", is_flag=True, help="Open the old database again, of a move that was broken off.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object about what was moved.")
@plainly
def move(
    source: str | None,
    from_file: Path | None,
    target: str | None,
    to_file: Path | None,
    *,
    give_up: bool,
    as_json: bool,
) -> None:
    """Move everything from one database to another, SQLite or PostgreSQL. Broken off, the same command goes on.

    Stop the program first. The old database takes no more work from the moment that this begins. Exit code 1: refused or
    broken off, or the check of the log gave findings.
    """
    from signaltable import moving

    given = _address("--from", source, from_file)
    if not given:
        raise Stop("expected --from or --from-file: the database as it is now", UNUSABLE)
    origin = moving.usual(given, "--from")
    settings = moving.settings_for(os.environ, _address("--to", target, to_file))
    if give_up:
        moving.give_up(settings, origin)
        click.echo("the old database is open again; throw away what arrived in the new one")
        return
    try:
        moved = moving.move(settings, origin, _watch())
    except KeyboardInterrupt:
        raise Stop("broken off; run the same command again: it goes on where it was", REFUSED) from None
    click.echo(json.dumps(moved.as_json()) if as_json else "\n".join(_lines(moved)))
    if not moved.ok:
        raise click.exceptions.Exit(REFUSED)


def _address(flag: str, given: str | None, file: Path | None) -> str:
    if given and file:
        raise Stop(f"{flag} and {flag}-file: expected one of them", UNUSABLE)
    if file is None:
        return given or ""
    return read_private_line(file.absolute(), f"{flag}-file", LONGEST_URL, "the address of a database")


def _watch() -> "Watch":
    from signaltable.moving import Watch

    bars = [progress_bar()]

    def begin(words: str) -> None:
        bars[:] = [progress_bar()]  # Each step has a bar of its own.
        click.echo(f"{words} ...", err=True)

    def show(done: int, of: int) -> None:
        bars[0](done, of)

    return Watch(begin, show)


def _lines(moved: "Moved") -> list[str]:
    lines = [
        f"moved {moved.rows} rows of {moved.tables} tables from {moved.kinds[0]} to {moved.kinds[1]}; both sides are the same",
        f"log   {moved.size} entries" + (f", root {moved.root}" if moved.root else ""),
    ]
    if moved.before:
        lines.insert(0, "this move was done already")
    if moved.findings:
        kinds = ", ".join(f"{kind} {count}x" for kind, count in sorted(moved.findings.items()))
        lines.append(
            f"found {kinds}: the old database had them as well, or the new role is not as it should be (audit fsck)"
        )
    return [
        *lines,
        "",
        "next: let DATABASE_URL (or DATABASE_URL_FILE) name the new database in the settings of every service,",
        "      keep the key ring and the rest of the home as they are, and start the program.",
        "      The old database takes no more work. Keep it until the first backup of the new one, then destroy it:",
        "      it holds everything, also what is erased from now on.",
    ]
