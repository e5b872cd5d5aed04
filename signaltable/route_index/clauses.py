"""Which routes hold: the rules written out as clauses, and the clauses packed into one long number.

A clause holds when each of its `surely` tests surely holds and none of its `never` tests surely does. With derived facts
written out, a route holds exactly when one of its clauses does: nothing that is unknown can make a clause hold, and what
is unknown about `unless` blocks nothing.

Every clause has a field of bits. It starts so low that its highest bit, the flag, comes up when all facts that it needs
are in its favour: each adds one, each fact that breaks a `never` takes one away. All fields together are one number.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, product

from signaltable.facts import Facts, Value
from signaltable.policy_shapes import DerivedFact, FactTest
from signaltable.route_index.reading import compare, derive, outcome_of
from signaltable.route_index.values import Alternatives, Applied, Known, Route
from signaltable.route_index.weights import AGE_BITS, SPELLED, Weights

# A destination that needs more clauses than this is read as it is written; no card comes near.
MOST_CLAUSES = 256


class TooMany(Exception):
    """More clauses than are worth writing out."""


@dataclass(frozen=True, slots=True)
class Clause:
    """Tests that must surely hold and tests that must not surely hold, all together."""

    surely: frozenset[FactTest] = frozenset()
    never: frozenset[FactTest] = frozenset()

    def __and__(self, other: "Clause") -> "Clause":
        return Clause(self.surely | other.surely, self.never | other.never)

    def __le__(self, other: "Clause") -> bool:
        """Whether this clause asks for nothing that the other does not ask for."""
        return self.surely <= other.surely and self.never <= other.never

    @property
    def possible(self) -> bool:
        """Whether it asks of no test both that it holds and that it does not."""
        return not self.surely & self.never


Clauses = tuple[Clause, ...]
ALWAYS: Clauses = (Clause(),)


def write_out(applied: Applied, derived: Mapping[str, DerivedFact]) -> Clauses:
    """The clauses under which this destination is advised. Raises TooMany."""
    rule, target = applied.rule, applied.target
    parts = [_holds(rule.when, derived), _blocks_nothing(rule.unless, derived)]
    return _each([*parts, _holds(target.when, derived)] if target.when else parts)


def _holds(alternatives: Alternatives, derived: Mapping[str, DerivedFact]) -> Clauses:
    return _one_of(_each(_test_holds(test, derived) for test in tests) for tests in alternatives)


def _blocks_nothing(alternatives: Alternatives, derived: Mapping[str, DerivedFact]) -> Clauses:
    """When no alternative surely holds: of each, at least one test does not surely hold."""
    return _each(_one_of(_test_does_not(test, derived) for test in tests) for tests in alternatives)


def _test_holds(test: FactTest, derived: Mapping[str, DerivedFact]) -> Clauses:
    if test.fact not in derived:
        return (Clause(surely=frozenset({test})),)
    rule = derived[test.fact]
    return _each([_holds(rule.when, derived), _blocks_nothing(rule.unless, derived)])


def _test_does_not(test: FactTest, derived: Mapping[str, DerivedFact]) -> Clauses:
    if test.fact not in derived:
        return (Clause(never=frozenset({test})),)
    rule = derived[test.fact]
    return _one_of([_blocks_nothing(rule.when, derived), _holds(rule.unless, derived)])


def _one_of(several: Iterable[Clauses]) -> Clauses:
    return _needed(chain.from_iterable(several))


def _each(several: Iterable[Clauses]) -> Clauses:
    together = ALWAYS
    for clauses in several:
        together = _needed(one & other for one, other in product(together, clauses))
    return together


def _needed(clauses: Iterable[Clause]) -> Clauses:
    """Without those that cannot hold, and those that ask more than another one does."""
    kept: list[Clause] = []
    for clause in sorted(set(clauses), key=lambda one: len(one.surely) + len(one.never)):
        if clause.possible and not any(other <= clause for other in kept):
            kept.append(clause)
        if len(kept) > MOST_CLAUSES:
            raise TooMany
    return tuple(kept)


@dataclass(frozen=True, slots=True)
class _Field:
    """Where a clause counts: the lowest bit, the flag, and per fact the tests that it asks for."""

    lowest: int
    flag: int
    surely: Mapping[str, Sequence[FactTest]]
    never: Mapping[str, Sequence[FactTest]]

    @property
    def start(self) -> int:
        """What the field holds before anything is known: short of the flag by the number of facts it needs."""
        return self.flag - len(self.surely) * self.lowest

    def counts(self, name: str, value: Value) -> int:
        """In favour, against, or neither."""
        broken = any(compare(test, value) for test in self.never.get(name, ()))
        if name in self.surely:
            return self.lowest if not broken and all(compare(test, value) for test in self.surely[name]) else 0
        return -self.lowest if broken else 0


class ClauseIndex:
    """All destinations of one card, ready to be added up. The most urgent one has the highest bits, so it is read first."""

    def __init__(self, applied: Sequence[Applied], derived: Mapping[str, DerivedFact]) -> None:
        self._derived = derived
        self._as_written: list[Applied] = []
        fields: list[_Field] = []
        # By the bit length of a flag, which is found faster than anything else: what it stands for, and the bits below.
        self._at: dict[int, tuple[tuple[Applied, ...], int]] = {}
        place = AGE_BITS
        for clauses, same in groupby(reversed(applied), key=self._clauses_of):
            if clauses is None:
                self._as_written += same
                continue
            together, below = tuple(same)[::-1], (1 << place) - 1
            for clause in clauses:
                fields.append(_field(clause, place))
                place = fields[-1].flag.bit_length()
                self._at[place] = together, below
        self._found = {place: (tuple(one.route for one in same), below) for place, (same, below) in self._at.items()}
        self._flags = sum(field.flag for field in fields)
        self._start = sum(field.start for field in fields)
        self._weights = _weights(fields)

    def _clauses_of(self, applied: Applied) -> Clauses | None:
        try:
            return write_out(applied, self._derived)
        except TooMany:
            return None

    def routes(self, known: Known) -> tuple[Route, ...]:
        """Every route that surely holds, in the order of the advice."""
        total, answers, ages, at = self._start, self._weights.answers, self._weights.ages, self._found
        try:
            for name, value in known.items():
                total += answers[name][value]
        except KeyError:
            self._weights.meet(known)
            return self.routes(known)
        hits = (total + ages[total & SPELLED]) & self._flags
        if self._as_written:
            return self._with_those_as_written(hits, known)
        found: list[Route] = []
        while hits:
            routes, below = at[hits.bit_length()]
            found += routes
            hits &= below
        return tuple(found)

    def _with_those_as_written(self, hits: int, known: Known) -> tuple[Route, ...]:
        whole = Facts(known).normalised().values
        derived = derive(whole, self._derived)
        found = [one for one in self._as_written if outcome_of(one, whole, derived).holds]
        while hits:
            same, below = self._at[hits.bit_length()]
            found += same
            hits &= below
        return tuple(one.route for one in sorted(found, key=lambda one: one.place))


def _weights(fields: Sequence[_Field]) -> Weights:
    """What each answer adds to all fields together."""
    asking: dict[str, list[_Field]] = {}
    for field in fields:
        for name in {**field.surely, **field.never}:
            asking.setdefault(name, []).append(field)
    tests = {test for field in fields for part in (field.surely, field.never) for one in part.values() for test in one}

    def weigh(name: str, value: Value) -> int:
        return sum(field.counts(name, value) for field in asking.get(name, ()))

    return Weights(tests, weigh)


def _field(clause: Clause, place: int) -> _Field:
    surely, never = _by_fact(clause.surely), _by_fact(clause.never)
    # Room below the flag for what is needed, and for every answer that can count against.
    room = (len(surely) + len(never.keys() - surely.keys()) - 1).bit_length()
    return _Field(1 << place, 1 << (place + room), surely, never)


def _by_fact(tests: Iterable[FactTest]) -> Mapping[str, list[FactTest]]:
    found: dict[str, list[FactTest]] = {}
    for test in tests:
        found.setdefault(test.fact, []).append(test)
    return found
