"""The keys: what there is, and keeping them safe with two people."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import UNUSABLE, Stop, plainly, progress_bar
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.key_status import KeyLine, KeyState

WARNINGS = {
    "old": "older than a year",
    "shared": "shared by agencies",
    "readable": "others can read the key ring: chmod 600 {ring}",
    "not_exported": "keys were made since the last export: signaltable keys export FILE, with two keepers",
}
STAFF = "When somebody leaves who could reach this machine, a token or an export: docs/keys.md, When a key is out"


@click.group()
def keys() -> None:
    """The keys: what there is, replacing them, and keeping them safe with two people."""


@keys.command("status")
@click.option("--json", "as_json", is_flag=True)
@plainly
def status(*, as_json: bool) -> None:
    """Every key with its state, owner, age, fingerprint and how much hangs on it. Never a key."""
    from signaltable.flow import key_status, setup
    from signaltable.program import open_program
    from signaltable.transaction import transaction

    settings = Settings.from_env()
    with transaction(open_program(settings), setup.INSTALLER) as tx:
        state = key_status.consult(tx, "keys_status", progress=progress_bar())
    click.echo(json.dumps(state.as_json(), indent=1) if as_json else _told(state, settings))


def _told(state: "KeyState", settings: Settings) -> str:
    rows: list[tuple[str, ...]] = [("KEY", "V", "STATE", "OWNER", "SINCE", "HANGS ON IT", "FINGERPRINT", "")]
    rows += [_row(one) for one in state.keys]
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += [
        f"{one.purpose} {one.agency}".rstrip() + f": {one.state}, {one.done} of {one.of} ({one.percent} %)"
        for one in state.rotations
        if one.state != "finished"
    ]
    lines += [f"warning: {WARNINGS[code].format(ring=settings.key_ring)}" for code in state.warnings]
    return "\n".join([*lines, STAFF])


def _row(one: "KeyLine") -> tuple[str, ...]:
    key = one.key
    name = f"{key.purpose} {key.agency}".rstrip()
    since = key.destroyed or key.retired or key.created
    rows = "" if one.rows is None else str(one.rows)
    warned = ", ".join(WARNINGS[code] for code in one.warnings)
    return name, str(key.version), key.state, key.owner, str(since or "?"), rows, key.fingerprint[:16] or "-", warned


@keys.command("export")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--passphrase-file-1", "first", type=click.Path(path_type=Path), help="Instead of asking keeper 1.")
@click.option("--passphrase-file-2", "second", type=click.Path(path_type=Path), help="Instead of asking keeper 2.")
@plainly
def export(file: Path, first: Path | None, second: Path | None) -> None:
    """Write all keys into a new FILE that opens with the passphrases of two keepers together.

    Each keeper types one, twice, while the other looks away. The signing key of the log is not in it.
    """
    from signaltable.flow import key_ceremony, setup
    from signaltable.program import open_program

    settings = Settings.from_env()
    key_ceremony.refuse_token(settings)
    program = open_program(settings)
    count = key_ceremony.export(program, setup.INSTALLER, file, _asked(1, first, new=True), _asked(2, second, new=True))
    click.echo(f"{count} keys in {file}; keep it apart from the database, and the passphrases apart from each other")


@keys.command("restore")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--passphrase-file-1", "first", type=click.Path(path_type=Path), help="Instead of asking keeper 1.")
@click.option("--passphrase-file-2", "second", type=click.Path(path_type=Path), help="Instead of asking keeper 2.")
@click.option(
    "--replace",
    type=click.Choice(["newer", "older"]),
    default=None,
    help="Put it over the same ring, when the export is newer, or older, than that.",
)
@plainly
def restore(file: Path, first: Path | None, second: Path | None, replace: str | None) -> None:
    """Put the keys of an export back, beside the database that they belong to."""
    from signaltable.flow import key_ceremony, setup
    from signaltable.program import open_program

    settings = Settings.from_env()
    key_ceremony.refuse_token(settings)
    restored = key_ceremony.put_back(
        settings, file, _asked(1, first, new=False), _asked(2, second, new=False), replace=replace or ""
    )
    key_ceremony.record_restore(open_program(settings), setup.INSTALLER, restored)
    lost = f"; {restored.lost} keys of before are gone" if restored.lost else ""
    click.echo(f"{restored.keys} keys in {settings.key_ring}{lost}; now run: signaltable audit fsck --seals all")


def _asked(keeper: int, file: Path | None, *, new: bool) -> str:
    """The passphrase of a keeper: typed without being shown, or the first line of a file."""
    if file is None:
        again: str | bool = "The same again" if new else False
        asked: str = click.prompt(
            f"Passphrase of keeper {keeper}", hide_input=True, confirmation_prompt=again, err=True
        )
        return asked
    lines = file.read_text(encoding="utf-8").splitlines()
    if len(lines) != 1:
        raise Stop(f"--passphrase-file-{keeper}: expected one line", UNUSABLE)
    return lines[0]
