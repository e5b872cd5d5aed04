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
from tests.bench import demo, grounds, routes, text, verify
from tests.bench.rate import HEAD, Line, compare, line, measure, shown
from tests.ground_examples import permitted_request


def lines() -> Iterator[Line]:
    """Every line of the table, as it is measured."""
    for compared in routes.comparisons():
        yield compare(compared)
    for name, ours, theirs in grounds.run():
        yield line(name, ours, theirs, grounds.GOAL)
    yield from verify.lines()
    yield from text.lines()
    yield from demo.lines()
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


def main() -> int:
    """Prints the table; 1 when a goal is missed, else 0."""
    click.echo(HEAD)
    missed = 0
    for found in lines():
        click.echo(shown(found).rstrip())
        missed += not found.reached
    for told in text.quality():
        click.echo(told)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
