"""One line of the table: what was measured, beside what, and whether that is good enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Final

AT_MOST: Final = "at most"
AT_LEAST: Final = "at least"


@dataclass(frozen=True, slots=True)
class Goal:
    """What a number has to be: at most or at least `value`."""

    kind: str
    value: float

    def reached(self, measured: float) -> bool:
        """Whether a number is good enough."""
        return measured <= self.value if self.kind == AT_MOST else measured >= self.value

    def __str__(self) -> str:
        return f"{self.kind} {self.value:g}"


def at_most(value: float) -> Goal:
    """The smaller the better."""
    return Goal(AT_MOST, value)


def at_least(value: float) -> Goal:
    """The larger the better."""
    return Goal(AT_LEAST, value)


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was measured.

    `name` is short, stays the same from run to run and is the only one of its benchmark: a stored run is compared by it.
    `what` says in a sentence what was measured and beside what. `ours` and `theirs` (the floor, a peer, the same with
    fewer rows; None without one) are in `unit`. `ratios` holds ours / theirs of single rounds. `goal` and `stretch`
    judge the ratio where there is one, else `ours`.
    """

    name: str
    what: str
    ours: float
    unit: str
    theirs: float | None = None
    ratios: tuple[float, ...] = ()
    goal: Goal | None = None
    stretch: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Ours / theirs: the middle of the rounds, or of both numbers where rounds are not known."""
        if self.theirs is None:
            return None
        return median(self.ratios) if self.ratios else self.ours / self.theirs

    @property
    def judged(self) -> float:
        """The number that the goal is about."""
        return self.ours if self.ratio is None else self.ratio

    @property
    def reached(self) -> bool:
        """Whether the goal is met; what has no goal cannot miss it."""
        return self.goal is None or self.goal.reached(self.judged)


@dataclass(frozen=True, slots=True)
class Skipped:
    """What could not be measured here, by the name its line would have, and why: what was expected and not found."""

    name: str
    why: str


def in_rounds(
    name: str,
    what: str,
    rounds: Iterable[tuple[float, float]],
    unit: str,
    goal: Goal | None = None,
    stretch: Goal | None = None,
) -> Line:
    """A line from (ours, theirs) of every round: the middle of each, and the ratio of each round by itself."""
    ours, theirs = zip(*rounds, strict=True)
    ratios = tuple(mine / other for mine, other in zip(ours, theirs, strict=True))
    return Line(name, what, median(ours), unit, median(theirs), ratios, goal, stretch)
