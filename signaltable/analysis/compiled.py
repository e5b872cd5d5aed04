"""The meldroutekaart of one day as diagrams: what each line, each rule and each destination comes to, on all facts at once.

The logic is the three-valued one of route.decide, with what is still open beside it (`space`): "and" is the least of the
states, "or" the greatest, and a rule is its `when` unless its `unless` holds.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

from signaltable.analysis.space import NO, NO_BUT_OPEN, YES, YES_BUT_OPEN, Space, holds, is_open
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute, Target

Lines = Sequence[Sequence[FactTest]]


@dataclass(frozen=True, slots=True)
class Aim:
    """One destination of one rule, and the diagram of when it is advised."""

    rule: Meldroute
    place: int
    target: Target
    state: int


@dataclass(frozen=True, slots=True)
class Slot:
    """A list of lines in a rule: its `when`, its `unless`, the `when` of a destination, or those of a derived fact.

    `states` tells what the rule would come to with other lines in this place: one diagram for each destination.
    """

    file: str
    key: str
    rule: Meldroute | DerivedFact
    lines: Lines
    states: Callable[[Lines], tuple[int, ...]]

    @property
    def takes_away(self) -> bool:
        """Whether these lines take the rule away instead of making it hold."""
        return self.key.rpartition(".")[2] == "unless"


class Compiled:
    """Rules over one space. `instead` gives a derived fact a fixed state."""

    def __init__(
        self,
        routes: Sequence[Meldroute],
        derived: Mapping[str, DerivedFact],
        space: Space | None = None,
        instead: Mapping[str, int] | None = None,
    ) -> None:
        """Compile rules and the derived facts they use; with a `space` that is there already, results are shared."""
        self.routes = tuple(routes)
        self.space = space or Space(_all_tests(self.routes, derived.values()))
        self.derived: dict[str, int] = {}
        for name, rule in derived.items():
            fixed = (instead or {}).get(name)
            own = self.state(rule.when, rule.unless) if fixed is None else self.space.diagrams.leaf(fixed)
            self.derived[name] = own
        self.aims: tuple[Aim, ...] = tuple(
            Aim(rule, place, target, self.aim_state(self.state(rule.when, rule.unless), target.when))
            for rule in self.routes
            for place, target in enumerate(rule.to)
        )

    # -- states: diagrams of the five values of `space`

    def test(self, test: FactTest) -> int:
        """What one test comes to."""
        return self.derived[test.fact] if test.fact in self.derived else self.space.test(test)

    def line(self, tests: Iterable[FactTest]) -> int:
        """All tests of a line together."""
        return self._fold("and", min, YES, (self.test(test) for test in tests))

    def any_line(self, lines: Lines) -> int:
        """One of the lines; none holds when there are none."""
        return self._fold("or", max, NO, (self.line(tests) for tests in lines))

    def state(self, when: Lines, unless: Lines) -> int:
        """A rule: its `when`, except where its `unless` surely holds."""
        return self._apply("rule", _unless, self.any_line(when), self.any_line(unless))

    def aim_state(self, rule: int, lines: Lines) -> int:
        """A destination of a rule, with the lines of its own `when`; without lines, always."""
        return self._fold("and", min, YES, [rule, self.any_line(lines)] if lines else [rule])

    # -- sets of facts: diagrams of true and false

    def where_held(self, state: int) -> int:
        """The facts on which this is advised."""
        return self.space.diagrams.apply("holds", holds, state)

    def where_settled_no(self, state: int) -> int:
        """The facts on which this is neither advised nor asked about."""
        return self.space.diagrams.apply("settled no", _is_no, state)

    def both(self, sets: Iterable[int]) -> int:
        """The facts in all of these sets."""
        return self._fold("both", _both, outcome=True, diagrams=sets)

    def either(self, sets: Iterable[int]) -> int:
        """The facts in any of these sets."""
        return self._fold("either", _either, outcome=False, diagrams=sets)

    def without(self, one: int, other: int) -> int:
        """The facts in the first set and not in the second."""
        return self.space.diagrams.apply("without", _without, one, other)

    def is_empty(self, one: int) -> bool:
        """Whether no facts are in the set."""
        return one == self.space.diagrams.leaf(outcome=False)

    def within(self, one: int, other: int) -> bool:
        """Whether the first set lies in the second."""
        return self.is_empty(self.without(one, other))

    def matters(self, having: int, lacking: int) -> bool:
        """Whether a part of a rule does anything: other facts are advised on, or a question need not be asked."""
        return not self.is_empty(self.space.diagrams.apply("matters", _matters, having, lacking))

    def _apply(self, name: str, combine: Callable[..., Any], *states: int) -> int:
        return self.space.diagrams.apply(name, combine, *states)

    def _leaf(self, outcome: Any) -> int:
        return self.space.diagrams.leaf(outcome)

    def _fold(self, name: str, combine: Callable[..., Any], outcome: Any, diagrams: Iterable[int]) -> int:
        return reduce(
            lambda one, other: self._apply(name, combine, min(one, other), max(one, other)),
            dict.fromkeys(diagrams),
            self._leaf(outcome),
        )

    # -- the places where lines stand

    def slots_of(self, rule: Meldroute | DerivedFact, file: str) -> list[Slot]:
        """Every list of lines in a meldroute or a derived fact."""
        return self.derived_slots(rule, file) if isinstance(rule, DerivedFact) else self.slots(rule, file)

    def slots(self, rule: Meldroute, file: str) -> list[Slot]:
        """Every list of lines in a meldroute."""
        rest = self.state(rule.when, rule.unless)

        def aims(when: Lines, unless: Lines) -> tuple[int, ...]:
            return tuple(self.aim_state(self.state(when, unless), target.when) for target in rule.to)

        def own(lines: Lines) -> tuple[int, ...]:
            return (self.aim_state(rest, lines),)

        return [
            Slot(file, "when", rule, rule.when, lambda lines: aims(lines, rule.unless)),
            Slot(file, "unless", rule, rule.unless, lambda lines: aims(rule.when, lines)),
            *(Slot(file, f"to.{place}.when", rule, target.when, own) for place, target in enumerate(rule.to)),
        ]

    def derived_slots(self, rule: DerivedFact, file: str) -> list[Slot]:
        """Both lists of lines of a derived fact."""
        return [
            Slot(file, f"derived.{rule.id}.when", rule, rule.when, lambda lines: (self.state(lines, rule.unless),)),
            Slot(file, f"derived.{rule.id}.unless", rule, rule.unless, lambda lines: (self.state(rule.when, lines),)),
        ]


class AtPoint(Compiled):
    """The same logic on one assignment: a state is an outcome, no diagram. Shows a difference without building anything."""

    def __init__(self, whole: Compiled, given: Mapping[int, int]) -> None:
        """Look at rules that are compiled already, on one class of facts."""
        self.routes, self.space, self.derived, self.aims = whole.routes, whole.space, whole.derived, whole.aims
        self._whole, self._given = whole, given

    def test(self, test: FactTest) -> int:
        """What one test comes to here."""
        outcome = self.space.diagrams.value(self._whole.test(test), self._given)
        assert isinstance(outcome, int), "a test has another outcome than a state"
        return outcome

    def matters(self, having: int, lacking: int) -> bool:
        """Whether a part of a rule does anything here."""
        return _matters(having, lacking)

    def _apply(self, _name: str, combine: Callable[..., Any], *states: int) -> int:
        outcome: int = combine(*states)
        return outcome

    def _leaf(self, outcome: int) -> int:
        return outcome


def _all_tests(routes: Iterable[Meldroute], derived: Iterable[DerivedFact]) -> Iterable[FactTest]:
    parts: list[Lines] = [lines for rule in derived for lines in (rule.when, rule.unless)]
    for route in routes:
        parts += [route.when, route.unless, *(target.when for target in route.to)]
    return (test for lines in parts for tests in lines for test in tests)


def _unless(wanted: int, blocked: int) -> int:
    if wanted == NO or blocked == YES:
        return NO
    if blocked == YES_BUT_OPEN:
        return NO_BUT_OPEN
    return YES_BUT_OPEN if wanted == YES and blocked != NO else wanted


def _matters(having: int, lacking: int) -> bool:
    return holds(having) != holds(lacking) or (is_open(lacking) and not is_open(having))


def _is_no(state: int) -> bool:
    return state == NO


def _both(one: bool, other: bool) -> bool:
    return one and other


def _either(one: bool, other: bool) -> bool:
    return one or other


def _without(one: bool, other: bool) -> bool:
    return one and not other
