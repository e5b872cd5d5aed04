"""The whole space of facts, cut into the classes that a set of rules can tell apart.

Each fact is a variable whose value 0 is "not known". A number is cut at every threshold that a rule names; of a list
each item is a variable of its own, so that every combination counts. What `parse_facts` accepts is the space, and
`Facts.normalised` is asked itself what the facts come to: nothing of it is repeated here.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signaltable.analysis.diagrams import Assignment, Diagrams
from signaltable.facts import ADULT_FROM_YEARS, FACTS, Fact, Facts, Value, parse_facts
from signaltable.policy_shapes import FactTest
from signaltable.route_index.reading import compare

# The facts that normalising brings together: each can tell the age group (Facts.normalised).
TOGETHER = ("age", "age_years", "unaccompanied_foreign_minor")
THRESHOLDS: Mapping[str, tuple[float, ...]] = {"age_years": (ADULT_FROM_YEARS,)}

# What a condition can come to, as route.decide sees it, in the order in which "and" is the least and "or" the greatest:
# surely not, not but open, not known, holds but open (something may cancel it), surely.
NO, NO_BUT_OPEN, OPEN, YES_BUT_OPEN, YES = range(5)


def holds(state: int) -> bool:
    """Whether a route in this state is advised."""
    return state >= YES_BUT_OPEN


def is_open(state: int) -> bool:
    """Whether a question is left."""
    return NO < state < YES


@dataclass(frozen=True, slots=True)
class Variable:
    """A fact, or one item of a list fact. `values[0]` is None: not known, or not in the list.

    `starts`: where the stretch of each value of a number begins; the value is one number of that stretch.
    """

    fact: str
    values: tuple[Any, ...]
    item: bool = False
    starts: tuple[float, ...] = ()


class Space:
    """The variables of one set of rules, and diagrams over them."""

    def __init__(self, tests: Iterable[FactTest]) -> None:
        """Cut every fact where one of these tests (derived facts left out) or normalising can see a difference."""
        asked = [test for test in tests if test.fact in FACTS]
        self.variables: tuple[Variable, ...] = tuple(_variables(asked))
        self.diagrams = Diagrams([len(variable.values) for variable in self.variables])
        self.groups = [variable.fact for variable in self.variables]
        self._places = {name: [i for i, one in enumerate(self.variables) if one.fact == name] for name in FACTS}
        self._tests: dict[FactTest, int] = {}
        self._values: dict[str, int] = {}

    def places(self, fact: str) -> Sequence[int]:
        """The numbers of the variables of a fact."""
        return self._places[fact]

    def test(self, test: FactTest) -> int:
        """The diagram of one test about a fact: YES, NO, or OPEN while the fact is not known after normalising."""
        if test not in self._tests:
            name = f"test {len(self._tests)}"
            self._tests[test] = self.diagrams.apply(name, lambda value: _answer(test, value), self._value(test.fact))
        return self._tests[test]

    def _value(self, fact: str) -> int:
        """The diagram of what normalising makes of a fact: worked out once, for every test about it."""
        if fact not in self._values:
            names = TOGETHER if fact in TOGETHER else (fact,)
            places = sorted(place for name in names for place in self._places[name])
            self._values[fact] = self.diagrams.build(
                places, lambda given: parse_facts(self.facts(given)).normalised().get(fact)
            )
        return self._values[fact]

    def facts(self, assignment: Mapping[int, int]) -> dict[str, Any]:
        """An assignment as facts that `signaltable route --facts` reads, in the order of the table; known facts only."""
        given: dict[str, Any] = {}
        for place, value in sorted(assignment.items()):
            variable = self.variables[place]
            if not value:
                continue
            if variable.item:
                given.setdefault(variable.fact, []).append(variable.values[value])
            else:
                given[variable.fact] = variable.values[value]
        return given

    def smallest(self, where: int) -> dict[str, Any] | None:
        """The fewest facts in a set; of a list as few items as possible. None when no facts lie in it."""
        found = self.diagrams.smallest(where, wanted=True, groups=self.groups)
        return None if found is None else self.facts(found)

    def assignment(self, facts: Facts) -> Assignment:
        """The class in which these facts (not normalised) lie."""
        given: Assignment = {}
        for place, variable in enumerate(self.variables):
            value = facts.get(variable.fact)
            if value is not None:
                given[place] = _class_of(variable, value)
        return given


def _answer(test: FactTest, value: Value | None) -> int:
    if value is None:
        return OPEN
    return YES if compare(test, value) else NO


def _variables(tests: Sequence[FactTest]) -> Iterator[Variable]:
    for fact in FACTS.values():
        if fact.kind == "list":
            yield from (Variable(fact.name, (None, item), item=True) for item in fact.values)
        elif fact.kind == "choice":
            yield Variable(fact.name, (None, *fact.values))
        else:
            named = [test.value for test in tests if test.fact == fact.name and isinstance(test.value, int | float)]
            stretches = list(_stretches(fact, [*named, *THRESHOLDS.get(fact.name, ())]))
            yield Variable(
                fact.name,
                (None, *(shown for _, shown in stretches)),
                starts=(-1, *(start for start, _ in stretches)),
            )


def _stretches(fact: Fact, thresholds: Iterable[float]) -> Iterator[tuple[float, float]]:
    """Where each stretch between two thresholds begins, and one number of it: a whole one where there is one."""
    finite = (cut for cut in thresholds if isinstance(cut, int) or math.isfinite(cut))
    cuts: list[float] = sorted({0, *(cut for cut in finite if 0 < cut <= fact.maximum)})
    for start, end in zip(cuts, [*cuts[1:], math.inf], strict=True):
        whole = math.ceil(start)
        if whole < end and whole <= fact.maximum:
            yield start, whole
        elif not fact.whole:
            yield start, start


def _class_of(variable: Variable, value: Value) -> int:
    if variable.item:
        return int(isinstance(value, tuple) and variable.values[1] in value)
    if isinstance(value, int | float):
        return max(place for place, start in enumerate(variable.starts) if start <= value)
    return variable.values.index(value)
