"""What is asked of every page: hardly slower in a large region than in a small one, and quick for nearly everybody."""

from collections.abc import Callable, Iterator
from statistics import median
from time import process_time
from typing import Final

from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most
from signaltable.bench.turns import each_in_turn, p95

P50: Final = 1.1
P95_MS: Final = 50.0


def grown(
    given: Given, names: tuple[str, str], what: str, ways: tuple[Callable[[], object], Callable[[], object]], times: int
) -> Iterator[Line]:
    """Two lines of a page, called by these names: the middle beside that of the small region, and what 95 of 100 stay under.

    `ways` ask for it in the large and in the small region, in turn. CPU time of this process counts, in which the database
    works too; what else the machine does is no part of it.
    """
    large, small = each_in_turn(ways, times, clock=process_time)
    ours, theirs = median(large) * 1000, median(small) * 1000
    beside = f"{what}, beside a region of {given.few:,} signals"
    yield Line(names[0], beside, ours, "ms", theirs, goal=at_most(P50))
    among = f"{what}: what 95 of 100 among {given.many:,} signals stay under"
    yield Line(names[1], among, p95(large) * 1000, "ms", goal=at_most(P95_MS))
