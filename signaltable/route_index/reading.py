"""The rules read as they are written, in three-valued logic (Kleene): what holds, and what is still open about it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from signaltable.facts import Value
from signaltable.policy_shapes import DerivedFact, FactTest
from signaltable.route_index.values import Alternatives, Applied, Known


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition comes to: true, false or not known, and the unknown facts that could still change it."""

    holds: bool | None
    open: frozenset[str] = frozenset()


_FALSE = Outcome(holds=False)
_TRUE = Outcome(holds=True)


def derive(known: Known, derived: Mapping[str, DerivedFact]) -> Mapping[str, Outcome]:
    """What every derived fact comes to; one may look at those before it."""
    found: dict[str, Outcome] = {}
    for name, rule in derived.items():
        found[name] = rule_outcome(rule.when, rule.unless, known, found)
    return found


def rule_outcome(when: Alternatives, unless: Alternatives, known: Known, derived: Mapping[str, Outcome]) -> Outcome:
    """A rule holds when `when` does, except when `unless` surely does; an `unless` that is not known blocks nothing."""
    wanted, blocked = _any_holds(when, known, derived), _any_holds(unless, known, derived)
    if _settled(wanted, holds=False) or _settled(blocked, holds=True):
        return _FALSE
    return Outcome(False if blocked.holds else wanted.holds, wanted.open | blocked.open)


def outcome_of(applied: Applied, known: Known, derived: Mapping[str, Outcome]) -> Outcome:
    """A destination holds when its rule does, and its own condition if it has one."""
    rule = rule_outcome(applied.rule.when, applied.rule.unless, known, derived)
    target = applied.target
    return _all([rule, _any_holds(target.when, known, derived)]) if target.when else rule


def _any_holds(alternatives: Alternatives, known: Known, derived: Mapping[str, Outcome]) -> Outcome:
    """Whether one alternative holds; each alternative holds when all of its tests do. None holds when there are none."""
    unsettled: dict[frozenset[FactTest], Outcome] = {}
    for tests in alternatives:
        outcomes = {test: _test(test, known, derived) for test in tests}
        outcome = _all(outcomes.values())
        if _settled(outcome, holds=True):
            return _TRUE
        if not _settled(outcome, holds=False):
            unsettled[frozenset(test for test, found in outcomes.items() if found.open)] = outcome
    return _combined([unsettled[tests] for tests in _weakest(unsettled)], decisive=True)


def _weakest(unsettled: Iterable[frozenset[FactTest]]) -> list[frozenset[FactTest]]:
    """Without the alternatives that need everything another one needs and more: "a, or a and b" asks about a only."""
    needs = list(unsettled)
    return [tests for tests in needs if not any(other < tests for other in needs)]


def _all(outcomes: Iterable[Outcome]) -> Outcome:
    return _combined(list(outcomes), decisive=False)


def _combined(outcomes: Sequence[Outcome], *, decisive: bool) -> Outcome:
    """Kleene's "or" (`decisive` true) and "and" (`decisive` false): one decisive outcome settles it, whatever is unknown.

    An outcome that could still change is passed on with what is open about it, so that the question is not lost.
    """
    if any(_settled(outcome, holds=decisive) for outcome in outcomes):
        return Outcome(decisive)
    left_open = frozenset().union(*(outcome.open for outcome in outcomes))
    if any(outcome.holds is decisive for outcome in outcomes):
        return Outcome(decisive, left_open)
    return Outcome(None if any(outcome.holds is None for outcome in outcomes) else not decisive, left_open)


def _settled(outcome: Outcome, *, holds: bool) -> bool:
    return outcome.holds is holds and not outcome.open


def _test(test: FactTest, known: Known, derived: Mapping[str, Outcome]) -> Outcome:
    if test.fact in derived:
        return derived[test.fact]
    value = known.get(test.fact)
    if value is None:
        return Outcome(None, frozenset({test.fact}))
    return _TRUE if compare(test, value) else _FALSE


def compare(test: FactTest, value: Value) -> bool:
    """The closed set of comparisons. policy_checks made sure that each fits the kind of its fact."""
    expected: Any = test.value
    found: Any = value
    match test.op:
        case "equals":
            return bool(found == expected)
        case "one_of":
            return found in expected
        case "has":
            return expected in found
        case "has_any":
            return not set(expected).isdisjoint(found)
        case "below":
            return bool(found < expected)
        case "at_least":
            return bool(found >= expected)
