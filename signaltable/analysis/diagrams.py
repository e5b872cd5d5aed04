"""Ordered, reduced decision diagrams with many values per variable and many outcomes (Bryant 1986; MTBDD).

A diagram is a number: equal diagrams have equal numbers, so "the same on every assignment" is one comparison. What an
operation costs grows with the number of different *parts* of its diagrams, not with the number of assignments; that
number depends on how many variables one rule looks at, and at worst doubles with each.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Outcome = Hashable
Assignment = dict[int, int]
_Choice = tuple[tuple[int, int], Assignment]


@dataclass(slots=True)
class Diagrams:
    """The store of all diagrams over variables 0, 1, 2 …; `sizes[v]` says how many values variable v has.

    Value 0 of a variable is its default: `smallest` leaves a variable there when it can.
    """

    sizes: Sequence[int]
    _level: list[int] = field(default_factory=list)
    _parts: list[tuple[int, ...]] = field(default_factory=list)
    _outcome: list[Outcome] = field(default_factory=list)
    _known: dict[tuple[int, tuple[int, ...]], int] = field(default_factory=dict)
    _leaves: dict[tuple[type, Outcome], int] = field(default_factory=dict)
    _done: dict[Hashable, int] = field(default_factory=dict)

    def leaf(self, outcome: Outcome) -> int:
        """The diagram that has this outcome everywhere."""
        key = (type(outcome), outcome)
        if key not in self._leaves:
            self._leaves[key] = self._store(len(self.sizes), (), outcome)
        return self._leaves[key]

    def node(self, variable: int, parts: Sequence[int]) -> int:
        """The diagram that continues with `parts[value]`; all parts look at later variables only."""
        if all(part == parts[0] for part in parts):
            return parts[0]
        key = (variable, tuple(parts))
        if key not in self._known:
            self._known[key] = self._store(variable, key[1], None)
        return self._known[key]

    def build(self, variables: Sequence[int], outcome: Callable[[Assignment], Outcome]) -> int:
        """The diagram of a function of few variables, asked on each of their combinations; `variables` in order."""
        given: Assignment = {}

        def walk(place: int) -> int:
            if place == len(variables):
                return self.leaf(outcome(given))
            parts = []
            for value in range(self.sizes[variables[place]]):
                given[variables[place]] = value
                parts.append(walk(place + 1))
            return self.node(variables[place], parts)

        return walk(0)

    def apply(self, name: str, combine: Callable[..., Outcome], *diagrams: int) -> int:
        """`combine` on the outcomes of the diagrams, everywhere. `name` stands for `combine` in the memory of results."""
        key = (name, diagrams)
        if key in self._done:
            return self._done[key]
        level = min(self._level[diagram] for diagram in diagrams)
        if level == len(self.sizes):
            result = self.leaf(combine(*(self._outcome[diagram] for diagram in diagrams)))
        else:
            result = self.node(
                level,
                [
                    self.apply(name, combine, *(self._part(diagram, level, value) for diagram in diagrams))
                    for value in range(self.sizes[level])
                ],
            )
        self._done[key] = result
        return result

    def variables(self, diagram: int) -> frozenset[int]:
        """The variables on which the outcome depends; exactly those, since diagrams are reduced."""
        return frozenset(self._level[part] for part in self._reached([diagram]) if self._parts[part])

    def parts_at(self, diagrams: Iterable[int], variable: int) -> Iterator[tuple[int, ...]]:
        """How the diagrams continue, for each value of the variable, in every context in which it is looked at."""
        for part in self._reached(diagrams):
            if self._level[part] == variable:
                yield self._parts[part]

    def outcomes(self, diagram: int) -> frozenset[Outcome]:
        """All outcomes that some assignment gives."""
        return frozenset(self._outcome[part] for part in self._reached([diagram]) if not self._parts[part])

    def value(self, diagram: int, assignment: Mapping[int, int]) -> Outcome:
        """The outcome on one assignment; a variable that is not in it has value 0."""
        while self._parts[diagram]:
            diagram = self._parts[diagram][assignment.get(self._level[diagram], 0)]
        return self._outcome[diagram]

    def smallest(self, diagram: int, wanted: Outcome, groups: Sequence[Hashable]) -> Assignment | None:
        """The assignment with this outcome that leaves most at value 0; None when there is none.

        Variables of one group (a list of values, each a variable) stand beside each other and count as one; the number
        of variables decides between equals, and then the order of the variables and values. Without chance: the same
        every time.
        """
        found: dict[tuple[int, Hashable], _Choice | None] = {}

        def walk(part: int, begun: Hashable) -> _Choice | None:
            if not self._parts[part]:
                return ((0, 0), {}) if self._outcome[part] == wanted else None
            variable = self._level[part]
            begun = begun if begun == groups[variable] else None
            if (part, begun) not in found:
                found[part, begun] = best(part, variable, begun)
            return found[part, begun]

        def best(part: int, variable: int, begun: Hashable) -> _Choice | None:
            chosen = None
            # Values before "not known", so that of equals the one with the earlier facts wins.
            for value in (*range(1, self.sizes[variable]), 0):
                rest = walk(self._parts[part][value], groups[variable] if value else begun)
                if rest is None:
                    continue
                (facts, variables), assignment = rest
                cost = (facts + bool(value and begun is None), variables + bool(value))
                if chosen is None or cost < chosen[0]:
                    chosen = (cost, {variable: value, **assignment} if value else assignment)
            return chosen

        answer = walk(diagram, None)
        return None if answer is None else answer[1]

    def _store(self, level: int, parts: tuple[int, ...], outcome: Outcome) -> int:
        self._level.append(level)
        self._parts.append(parts)
        self._outcome.append(outcome)
        return len(self._level) - 1

    def _part(self, diagram: int, level: int, value: int) -> int:
        return self._parts[diagram][value] if self._level[diagram] == level else diagram

    def _reached(self, diagrams: Iterable[int]) -> set[int]:
        seen: set[int] = set()
        waiting: list[Any] = list(diagrams)
        while waiting:
            part = waiting.pop()
            if part not in seen:
                seen.add(part)
                waiting.extend(self._parts[part])
        return seen
