"""How often something can be done in a second, beside something else in turn: what tests/bench needs on top of the frame."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from signaltable.bench.line import Line, at_least
from signaltable.bench.table import HEAD, plain_row
from signaltable.bench.turns import Do, in_turn

__all__ = ["HEAD", "Comparison", "Line", "compare", "line", "measure", "shown"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two ways to do the same, each `times` at a call, and how many times faster ours has to be."""

    name: str
    ours: Do
    theirs: Do
    times: int
    goal: float


def line(
    name: str, ours: float, theirs: float | None = None, goal: float | None = None, ratios: Sequence[float] = ()
) -> Line:
    """One line of the table in times per second; the goal is how many times faster ours has to be, at least."""
    return Line(name, name, ours, "/s", theirs, tuple(ratios), None if goal is None else at_least(goal))


def shown(found: Line) -> str:
    """One line of the table."""
    return plain_row(found)


def compare(compared: Comparison) -> Line:
    """Both in turn, round by round."""
    rounds = list(in_turn([compared.ours, compared.theirs], times=compared.times))
    ours, theirs = zip(*rounds, strict=True)
    ratios = [mine / other for mine, other in rounds]
    return line(compared.name, median(ours), median(theirs), compared.goal, ratios)


def measure(name: str, do: Do, times: int = 1) -> Line:
    """What has no counterpart."""
    return line(name, median(rate for (rate,) in in_turn([do], times=times)))
