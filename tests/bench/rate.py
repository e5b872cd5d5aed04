"""How often something can be done in a second, beside something else in turn."""

import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median

Do = Callable[[], object]

# A turn is long enough for the clock, and so short that what else the machine does meets both sides alike.
ROUNDS = 21
TURN_SECONDS = 0.04
_SHAPE = "{:<66}{:>12}{:>12}{:>8}{:>14}{:>6}  {}"
HEAD = _SHAPE.format("", "ours/s", "theirs/s", "ratio", "min..max", "goal", "").rstrip()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to do the same, each `times` at a call, and how many times faster ours has to be."""

    name: str
    ours: Do
    theirs: Do
    times: int
    goal: float


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table: times per second. `ratios` are those of single rounds, `theirs` and `goal` may be missing."""

    name: str
    ours: float
    theirs: float | None = None
    goal: float | None = None
    ratios: tuple[float, ...] = ()

    @property
    def ratio(self) -> float | None:
        """How many times faster ours is: the middle of the rounds, or of the two rates when rounds are not known."""
        if self.theirs is None:
            return None
        return median(self.ratios) if self.ratios else self.ours / self.theirs

    @property
    def reached(self) -> bool:
        """Whether the goal is met; what has no goal cannot miss it."""
        return self.ratio is None or self.goal is None or self.ratio >= self.goal


def shown(line: Line) -> str:
    """One line of the table."""
    if line.theirs is None or line.ratio is None:
        return _SHAPE.format(line.name, f"{line.ours:,.0f}", "", "", "", "", "")
    spread = f"{min(line.ratios):.3g}..{max(line.ratios):.3g}" if line.ratios else ""
    goal = "" if line.goal is None else f"{line.goal:g}"
    verdict = "" if line.goal is None else "ok" if line.reached else "MISSED"
    return _SHAPE.format(
        line.name, f"{line.ours:,.0f}", f"{line.theirs:,.0f}", f"{line.ratio:.3g}", spread, goal, verdict
    )


def compare(compared: Comparison) -> Line:
    """Both in turn, round by round."""
    rounds = list(_in_turn([compared.ours, compared.theirs], compared.times))
    ours, theirs = zip(*rounds, strict=True)
    ratios = tuple(mine / other for mine, other in rounds)
    return Line(compared.name, median(ours), median(theirs), compared.goal, ratios)


def measure(name: str, do: Do, times: int = 1) -> Line:
    """What has no counterpart."""
    return Line(name, median(rate for (rate,) in _in_turn([do], times)))


def _in_turn(ways: list[Do], times: int) -> Iterator[tuple[float, ...]]:
    for do in ways:
        do()
    for _ in range(ROUNDS):
        yield tuple(times * _per_second(do) for do in ways)


def _per_second(do: Do) -> float:
    """Calls per second during one turn; the collector of garbage waits."""
    calls = 0
    gc.collect()
    gc.disable()
    try:
        start = time.perf_counter()
        while (passed := time.perf_counter() - start) < TURN_SECONDS or not calls:
            do()
            calls += 1
    finally:
        gc.enable()
    return calls / passed
