"""After the database was put back from a copy."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, plainly
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.flow.restoring import Restored

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command("restored")
@click.option(
    "registers",
    "--register",
    type=_FILE,
    multiple=True,
    help="A register of erasures beside erasures.jsonl of this home: of another machine, or from before a disaster.",
)
@click.option("exports", "--export", type=_FOLDER, multiple=True, help="An export of the log, which tells the same.")
@click.option(
    "checkpoints", "--checkpoint", type=_FILE, multiple=True, help="A checkpoint that an agency kept; may be repeated."
)
@click.option("--json", "as_json", is_flag=True)
@plainly
def restored(
    registers: tuple[Path, ...], exports: tuple[Path, ...], checkpoints: tuple[Path, ...], *, as_json: bool
) -> None:
    """Run once after the database was put back from a copy: erase again, and let the log go on under a new key.

    Everything that was erased since the copy was made is erased again. When what was signed since is lost, the log gets a
    new key: tell its fingerprint to the agencies and the auditor. Stop the program first. Exit code 1 when a register
    was changed or cut short.
    """
    from signaltable.flow import setup
    from signaltable.flow.restoring import restored as put_right
    from signaltable.program import open_program

    held = [path.read_text(encoding="utf-8", errors="replace") for path in checkpoints]
    program = open_program(Settings.from_env())
    found = put_right(program, setup.INSTALLER, registers=registers, exports=exports, held=held)
    click.echo(json.dumps(_as_json(found)) if as_json else "\n".join(_lines(found)))
    if found.register or found.untold:
        raise click.exceptions.Exit(REFUSED)


def _as_json(found: "Restored") -> dict[str, object]:
    return {**asdict(found), "register": [asdict(one) for one in found.register], "is_copy": found.is_copy}


def _lines(found: "Restored") -> list[str]:
    lines = [
        f"Log         {found.size} entries in the database; the newest kept checkpoint it continues: {found.continued}"
    ]
    lines.append(f"Erasures    {found.known} known outside the database, {found.redone} done again")
    lines += [
        f"Register    line {one.number}: {one.kind}; not used" for one in found.register if one.kind != "missing-line"
    ]
    lines += [
        f"Register    line {one.number}: a line before this one is missing"
        for one in found.register
        if one.kind == "missing-line"
    ]
    if found.untold:
        lines.append(f"Register    the log tells of {found.untold} erasures that the register lacks")
    lines += [
        f"Gone        {one.action} {one.object}{f' ({one.times}x)' if one.times > 1 else ''}" for one in found.lost
    ]
    if found.lost_size or found.replaced:
        lines += _for_the_agencies(found)
    elif not found.is_copy:
        lines.append("Nothing shows that this database was put back from a copy; nothing was changed.")
    return lines


def _for_the_agencies(found: "Restored") -> list[str]:
    up_to = f", up to {found.lost_size}," if found.lost_size else ""
    return [
        f"Lost        what came after the copy, up to entry {found.lost_size - 1}; it was signed, so the log has a new key"
        if found.lost_size
        else "Lost        the signing key of the log, so it has a new one",
        f"New key     {found.fingerprint}",
        "",
        "Tell every agency that keeps checkpoints, and the auditor:",
        "- The database was put back from a copy, and what came after that copy is lost.",
        f"- A checkpoint over more than {found.continued} entries{up_to} fits the log no more. Keep it.",
        "- Checkpoints from now on bear the new key above. Compare its fingerprint by telephone before you trust it.",
        "- Exports and receipts from before the copy stay valid. Of a disclosure made after it, your receipt is the proof.",
    ]
