"""`make bench`: how fast the rules decide beside the engines that others use, and what the log costs, in one run.

Ratios count, not rates: both sides take turns of a few hundredths of a second on the same machine, and their answers are
compared before anything is timed. Ends with 1 when a goal is missed.
"""

import sys
from collections.abc import Iterator
from datetime import UTC, datetime

import click

from signaltable import disclose
from signaltable.policy import load
from tests.bench import grounds, log_store, routes, submit, verify
from tests.bench.rate import Line, compare, measure
from tests.ground_examples import permitted_request

SHAPE = "{:<64}{:>12}{:>12}{:>8}{:>14}{:>6}  {}"


def lines() -> Iterator[Line]:
    """Every line of the table, as it is measured."""
    for compared in routes.comparisons():
        yield compare(compared)
    for name, ours, theirs in grounds.run():
        yield Line(name, ours, theirs, grounds.GOAL)
    yield from submit.lines()
    yield from log_store.lines()
    yield from verify.lines()
    yield from absolute()


def absolute() -> Iterator[Line]:
    """What has no counterpart to be compared with, for the record."""
    policy = load(routes.POLICIES)
    now = datetime.now(UTC)
    asked = [(permitted_request(row, now), row.id) for row in policy.grounds.on(now.date()) if row.permits]

    def each() -> None:
        for request, row in asked:
            disclose.decide(request, row, policy.grounds)

    yield measure("a whole decision to disclose, evidence included", each, len(asked))
    yield measure("all rules read and checked", lambda: load(routes.POLICIES))


def shown(line: Line) -> str:
    """One line of the table."""
    if line.theirs is None or line.ratio is None:
        return SHAPE.format(line.name, f"{line.ours:,.0f}", "", "", "", "", "")
    spread = f"{min(line.ratios):.3g}..{max(line.ratios):.3g}" if line.ratios else ""
    goal = "" if line.goal is None else f"{line.goal:g}"
    verdict = "ok" if line.reached else "MISSED"
    return SHAPE.format(
        line.name, f"{line.ours:,.0f}", f"{line.theirs:,.0f}", f"{line.ratio:.3g}", spread, goal, verdict
    )


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


def main() -> int:
    """Prints the table; 1 when a goal is missed, else 0."""
    click.echo(SHAPE.format("", "ours/s", "theirs/s", "ratio", "min..max", "goal", "").rstrip())
    missed = 0
    for line in lines():
        click.echo(shown(line).rstrip())
        missed += not line.reached
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
