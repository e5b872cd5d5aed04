"""Numbers per answer: the known facts become one long number by adding what each answer weighs."""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

from signaltable.facts import ADULT_FROM_YEARS, FACTS, Value, age_group_of
from signaltable.policy_shapes import DerivedFact, FactTest
from signaltable.route_index.values import Alternatives, Known

# Answers are remembered as they come; the numbers among them have no end.
MOST_ANSWERS = 4096
# Facts are never below zero, so this passes no threshold.
BELOW_ALL = -1

Weigh = Callable[[str, Value], int]


class Weights:
    """The weight of every answer that can be given, by `weigh`; `tests` are all tests that it looks at.

    To sum up what is known: add `answers[name][value]` for every answer, then `ages[total & SPELLED]`. An answer that was
    never met raises KeyError: `meet` it and begin again. The lowest bits say in which spellings the age is known, and
    `ages` brings these together; `weigh` must leave them free.
    """

    __slots__ = ("_thresholds", "_weigh", "ages", "answers")

    def __init__(self, tests: Iterable[FactTest], weigh: Weigh) -> None:
        thresholds: dict[str, set[float]] = {name: set() for name in FACTS}
        thresholds["age_years"].add(ADULT_FROM_YEARS)
        for test in tests:
            if isinstance(test.value, int | float):
                thresholds[test.fact].add(test.value)
        self._thresholds = {name: sorted(found) for name, found in thresholds.items()}
        self._weigh = weigh
        self.answers: dict[str, dict[Value, int]] = {name: {} for name in FACTS}
        self.ages = [_together(spelled, weigh) for spelled in range(SPELLED + 1)]

    def meet(self, known: Known) -> None:
        """Works out the weights of these answers. Numbers between two thresholds weigh the same."""
        for name, value in known.items():
            answers = self.answers[name]
            if len(answers) >= MOST_ANSWERS:
                answers.clear()
            meant = value
            if isinstance(value, int | float):
                passed = bisect_right(self._thresholds[name], value)
                meant = self._thresholds[name][passed - 1] if passed else BELOW_ALL
            answers[value] = self._weigh(name, meant) + _SPELLINGS.get((name, _kind_of(name, value)), 0)


# The bits that say how the age is known, and how many they are.
AGE_BITS = 5
SPELLED = (1 << AGE_BITS) - 1
_SPELLED_BY = MappingProxyType({"age": 3, "age_years": 12, "unaccompanied_foreign_minor": 16})
# A bit or two for each spelling of one age, so that every combination of them is a small number.
_SPELLINGS: Mapping[tuple[str, Value], int] = MappingProxyType(
    {
        ("age", "minor"): 1,
        ("age", "adult"): 2,
        ("age", "doubt"): 3,
        ("age_years", 0): 4,
        ("age_years", ADULT_FROM_YEARS): 8,
        ("unaccompanied_foreign_minor", "yes"): 16,
    }
)


def _kind_of(name: str, value: Value) -> Value:
    """The age in years as one of two kinds; any other answer as it is."""
    if name == "age_years" and isinstance(value, int | float):
        return 0 if value < ADULT_FROM_YEARS else ADULT_FROM_YEARS
    return value


def _together(spelled: int, weigh: Weigh) -> int:
    """What to add when the age is known in these spellings, so that only the age group they tell together counts."""
    given = {name: value for (name, value), bits in _SPELLINGS.items() if spelled & _SPELLED_BY[name] == bits}
    group = age_group_of(given)
    if group is None or group == given.get("age"):
        return 0
    return weigh("age", group) - (weigh("age", given["age"]) if "age" in given else 0)


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
