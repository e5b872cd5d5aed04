"""The meldroutes read one by one, as they are written: slow, plain, and what the compiled rules must agree with.

This was the engine before the rules were compiled. signaltable/route_index/reading.py reads single rules in the same way;
this copy stays here on purpose and imports nothing of it, so that a change there shows as a difference.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable.facts import FACTS, Facts, Value
from signaltable.policy import PolicySet
from signaltable.policy_shapes import FactTest, Meldroute, Target
from signaltable.route import Decision, Question, Route
from signaltable.texts import Text

Alternatives = Sequence[Sequence[FactTest]]

# A question names at most so many routes; the rest is counted.
NAMED_ROUTES = 3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a condition comes to: true, false or not known, and the unknown facts that could still change it."""

    holds: bool | None
    open: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class _Applied:
    """One destination of one rule, tried on the facts."""

    rule: Meldroute
    target: Target
    outcome: Outcome


_FALSE = Outcome(holds=False)
_TRUE = Outcome(holds=True)


def decide(facts: Facts, policy: PolicySet, *, on: date) -> Decision:
    """All routes that the rules valid on this day advise, most urgent first, and what to ask next.

    The same facts, rules and day always give the same decision, in the same order. Nothing known gives no route.
    """
    known = facts.normalised()
    derived = _derive(known, policy)
    applied = [
        _Applied(
            rule, target, _target_outcome(_rule_outcome(rule.when, rule.unless, known, derived), target, known, derived)
        )
        for rule in _most_urgent_first(policy, on)
        for target in rule.to
    ]
    routes = tuple(_route(found) for found in applied if found.outcome.holds)
    return Decision(routes, tuple(_questions(applied, policy)), policy.digest)


def _most_urgent_first(policy: PolicySet, on: date) -> list[Meldroute]:
    return sorted(policy.meldroutes_on(on), key=lambda rule: (policy.urgencies[rule.urgency].order, rule.number))


def _derive(facts: Facts, policy: PolicySet) -> Mapping[str, Outcome]:
    derived: dict[str, Outcome] = {}
    for name, rule in policy.derived.items():
        derived[name] = _rule_outcome(rule.when, rule.unless, facts, derived)
    return derived


def _rule_outcome(when: Alternatives, unless: Alternatives, facts: Facts, derived: Mapping[str, Outcome]) -> Outcome:
    """A rule holds when `when` does, except when `unless` surely does; an `unless` that is not known blocks nothing."""
    wanted, blocked = _any_holds(when, facts, derived), _any_holds(unless, facts, derived)
    if _settled(wanted, holds=False) or _settled(blocked, holds=True):
        return _FALSE
    return Outcome(False if blocked.holds else wanted.holds, wanted.open | blocked.open)


def _target_outcome(rule: Outcome, target: Target, facts: Facts, derived: Mapping[str, Outcome]) -> Outcome:
    return _all([rule, _any_holds(target.when, facts, derived)]) if target.when else rule


def _any_holds(alternatives: Alternatives, facts: Facts, derived: Mapping[str, Outcome]) -> Outcome:
    """Whether one alternative holds; each alternative holds when all of its tests do. None holds when there are none."""
    unsettled: dict[frozenset[FactTest], Outcome] = {}
    for tests in alternatives:
        outcomes = {test: _test(test, facts, derived) for test in tests}
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


def _test(test: FactTest, facts: Facts, derived: Mapping[str, Outcome]) -> Outcome:
    if test.fact in derived:
        return derived[test.fact]
    value = facts.get(test.fact)
    if value is None:
        return Outcome(None, frozenset({test.fact}))
    return _TRUE if _compare(test, value) else _FALSE


def _compare(test: FactTest, value: Value) -> bool:
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


def _route(found: _Applied) -> Route:
    rule, target = found.rule, found.target
    return Route(rule.id, target.destination, rule.urgency, target.purpose, rule.reason, rule.source)


def _questions(applied: Sequence[_Applied], policy: PolicySet) -> Iterator[Question]:
    """One question per open fact, in the order of the most urgent rule it touches, then in the order of the facts."""
    touched: dict[str, list[_Applied]] = {}
    for found in applied:
        for fact in found.outcome.open:
            touched.setdefault(fact, []).append(found)
    places = {id(found): place for place, found in enumerate(applied)}
    facts = list(FACTS)
    for fact in sorted(touched, key=lambda name: (places[id(touched[name][0])], facts.index(name))):
        yield _question(fact, touched[fact], policy)


def _question(fact: str, touched: Sequence[_Applied], policy: PolicySet) -> Question:
    """Says in words what the answer can lead to, and which advice given now it can take away."""
    could_add = list(dict.fromkeys(found.rule for found in touched if not found.outcome.holds))
    could_cancel = list(dict.fromkeys(found.rule for found in touched if found.outcome.holds))
    sentences = [
        _sentence(words, rules, policy)
        for words, rules in ((policy.sentences.leads_to, could_add), (policy.sentences.cancels, could_cancel))
        if rules
    ]
    why = Text(" ".join(text.nl for text in sentences), " ".join(text.en for text in sentences))
    return Question(fact, why, tuple(dict.fromkeys(found.rule.id for found in touched)))


def _sentence(words: Text, rules: Sequence[Meldroute], policy: PolicySet) -> Text:
    named, rest = rules[:NAMED_ROUTES], len(rules) - NAMED_ROUTES

    def fill(lang: str) -> str:
        titles = [f"{rule.title.in_language(lang)} ({rule.id})" for rule in named]
        titles += [policy.sentences.more.in_language(lang).replace("{count}", str(rest))] if rest > 0 else []
        return words.in_language(lang).replace("{routes}", "; ".join(titles))

    return Text(fill("nl"), fill("en"))
