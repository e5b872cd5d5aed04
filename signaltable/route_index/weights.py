"""Numbers per answer: the known facts become one long number by adding what each answer weighs."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence

from signaltable.facts import FACTS, Value, age_group_of
from signaltable.policy_shapes import DerivedFact, FactTest
from signaltable.route_index.values import Alternatives, Known

# Answers are remembered as they come; the numbers among them have no end.
MOST_ANSWERS = 4096
# Facts are never below zero, so this passes no threshold.
BELOW_ALL = -1

Weigh = Callable[[str, Value], int]


class _Answers(dict[Value, int]):
    """What each answer to one fact weighs, worked out when it is first met.

    Numbers between two thresholds weigh the same.
    """

    def __init__(self, name: str, thresholds: Sequence[float], weigh: Weigh) -> None:
        super().__init__()
        self._name = name
        self._thresholds = thresholds
        self._weigh = weigh

    def __missing__(self, answer: Value) -> int:
        if len(self) >= MOST_ANSWERS:
            self.clear()
        meant = answer
        if isinstance(answer, int | float):
            passed = bisect_right(self._thresholds, answer)
            meant = self._thresholds[passed - 1] if passed else BELOW_ALL
        weight = self[answer] = self._weigh(self._name, meant)
        return weight


class _AgeAnswers(dict[tuple[Value | None, Value | None, Value | None], int]):
    """What bringing the three spellings of one age together adds to what `age` weighs as it was given."""

    def __init__(self, age: _Answers) -> None:
        super().__init__()
        self._age = age

    def __missing__(self, spellings: tuple[Value | None, Value | None, Value | None]) -> int:
        if len(self) >= MOST_ANSWERS:
            self.clear()
        age, years, unaccompanied = spellings
        given = {"age": age, "age_years": years, "unaccompanied_foreign_minor": unaccompanied}
        group = age_group_of({name: value for name, value in given.items() if value is not None})
        change = (0 if group is None else self._age[group]) - (0 if age is None else self._age[age])
        self[spellings] = change
        return change


class Weights:
    """The weight of every answer that can be given, by `weigh`; `tests` are all tests that it looks at."""

    def __init__(self, tests: Iterable[FactTest], weigh: Weigh) -> None:
        thresholds: dict[str, set[float]] = {name: set() for name in FACTS}
        for test in tests:
            if isinstance(test.value, int | float):
                thresholds[test.fact].add(test.value)
        self._answers = {name: _Answers(name, sorted(found), weigh) for name, found in thresholds.items()}
        self._ages = _AgeAnswers(self._answers["age"])

    def total(self, known: Known, start: int) -> int:
        """What all known answers add to `start`, with the three spellings of one age brought together."""
        answers = self._answers
        total = start
        for name, value in known.items():
            total += answers[name][value]
        if "age_years" in known or "unaccompanied_foreign_minor" in known:
            total += self._ages[known.get("age"), known.get("age_years"), known.get("unaccompanied_foreign_minor")]
        return total


def tests_of(alternatives: Alternatives, derived: Mapping[str, DerivedFact]) -> frozenset[FactTest]:
    """Every test of a fact that these alternatives come down to, through derived facts too."""
    found: set[FactTest] = set()
    for test in (test for tests in alternatives for test in tests):
        if test.fact in derived:
            rule = derived[test.fact]
            found |= tests_of(rule.when, derived) | tests_of(rule.unless, derived)
        else:
            found.add(test)
    return frozenset(found)
