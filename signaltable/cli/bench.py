"""Measuring the program on this machine, beside the floor it cannot go under."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, plainly, progress_bar
from signaltable.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from signaltable.bench.given import Lines


@click.command()
@click.option("--only", metavar="NAME", multiple=True, help="Only this benchmark; can be given more than once.")
@click.option("--list", "names_only", is_flag=True, help="The names, and nothing is measured.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, as docs/speed.md describes it.")
@click.option("--store", is_flag=True, help="Keep this run, to compare the next ones with.")
@click.option(
    "--stored",
    type=click.Path(path_type=Path),
    help="Where the stored run is; docs/speed.json, or speed.json in the home.",
)
@click.option("--postgres", metavar="URL", default="", help="A server on which databases may be made.")
@click.option("--few", type=click.IntRange(100), default=10_000, show_default=True, help="Signals in the small region.")
@click.option(
    "--many", type=click.IntRange(100), default=1_000_000, show_default=True, help="Signals in the large one."
)
@click.option(
    "--region", type=click.Path(path_type=Path, exists=True, file_okay=False), multiple=True,
    help="A home that `generate` made, instead of making one of that size.",
)  # fmt: skip
@plainly
def bench(
    only: tuple[str, ...], *, names_only: bool, as_json: bool, store: bool, stored: Path | None, postgres: str,
    few: int, many: int, region: tuple[Path, ...],
) -> None:  # fmt: skip
    """Measure this program, as ratios that hold on any machine. Works in a folder of its own, never in the home.

    Exit code 1 when a goal is missed.
    """
    from signaltable.bench import registry

    if names_only:
        described = json.dumps(registry.described(), ensure_ascii=False) if as_json else ""
        click.echo(described or "\n".join(registry.BENCHMARKS))
        return
    chosen = _chosen(registry.BENCHMARKS, only)
    sys.exit(0 if _run(chosen, stored, postgres, few, many, region, as_json=as_json, keep=store) else REFUSED)


def _chosen(known: "Mapping[str, Lines]", only: tuple[str, ...]) -> "Mapping[str, Lines]":
    if not set(only) <= known.keys():
        raise Stop(f"--only: expected one of {', '.join(known)}", UNUSABLE)
    return {name: lines for name, lines in known.items() if not only or name in only}


def _run(
    chosen: "Mapping[str, Lines]", stored: Path | None, postgres: str, few: int, many: int, region: tuple[Path, ...],
    *, as_json: bool, keep: bool,
) -> bool:  # fmt: skip
    from signaltable.bench import running, table
    from signaltable.bench import stored as storing
    from signaltable.bench.given import Given, empty_folder
    from signaltable.bench.line import Skipped
    from signaltable.program import now

    path = stored or storing.usual_place(Settings.from_env().home)
    try:
        before = storing.load(path)
    except storing.UnusableRun as error:
        raise Stop(f"{'--stored' if stored else path.name}: {error}", UNUSABLE) from None
    kept = _kept(region)
    found = []
    if not as_json:
        click.echo(table.HEAD)
    with empty_folder("run", in_memory=False) as folder:
        given = Given(
            folder=folder, few=few, many=many, postgres=postgres or os.environ.get("TEST_DATABASE_URL", ""),
            kept=kept, make=_generate, say=_say, bar=progress_bar(),
        )  # fmt: skip
        for one in running.measure(chosen, given):
            found.append(one)
            if not as_json:
                click.echo(table.row(one, storing.change(one, running.run_of(found, given, now()), before)))
            elif not one.good or isinstance(one.found, Skipped):
                click.echo(table.row(one, None), err=True)
    run = running.run_of(found, given, now())
    told = storing.as_json(run, before)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else table.since(before))
    if keep:
        storing.store(path, told, before)
    return run.good


def _kept(regions: tuple[Path, ...]) -> dict[int, Path]:
    """Homes that were generated before, by the number of their signals."""
    from signaltable.generate import marker

    kept = {}
    for home in regions:
        generated = marker.read(home)
        if generated is None or not generated.done:
            raise Stop("--region: expected a home that `signaltable generate` made and finished", UNUSABLE)
        kept[generated.signals] = home.resolve()
    return kept


def _generate(home: Path, signals: int) -> None:
    """A region of so many signals in a home of its own, by a process that leaves nothing behind in this one."""
    from signaltable.bench.submitting import environment

    home.mkdir(mode=0o700, parents=True)
    command = [sys.executable, "-m", "signaltable.cli", "generate", "--signals", str(signals)]
    ran = subprocess.run(command, check=False, env=environment(home), capture_output=True, text=True)  # noqa: S603 -- this program itself
    if ran.returncode:
        told = ran.stderr.strip().rpartition("\n")[2].removeprefix("signaltable: ")
        raise Stop(f"no region of {signals} signals to measure with: {told or 'its process was killed'}", REFUSED)


def _say(text: str) -> None:
    if sys.stderr.isatty():
        click.echo(text, err=True)
