"""What would happen if: which routes light up for invented facts, and what is true, untrue or open about the others.

The routes come from `route.decide`, as they do for a real signal. This module only says why, test by test, for a page on
which people learn the card. Nothing here is stored or sent anywhere.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from signaltable.card.content import CardRoute, card_routes
from signaltable.card.words import condition_words, fact_title, value_words
from signaltable.facts import FACTS, Facts
from signaltable.policy import PolicySet
from signaltable.policy_shapes import FactTest
from signaltable.route import Decision, decide
from signaltable.route_index.reading import Outcome, compare, derive

Truth = bool | None


@dataclass(frozen=True, slots=True)
class Tried:
    """One test in words, and whether it holds; None when the fact is not known."""

    words: str
    holds: Truth


@dataclass(frozen=True, slots=True)
class Explained:
    """A route with what came of each of its tests. `lit`: the destinations that are advised now."""

    route: CardRoute
    lit: frozenset[str]
    lines: tuple[tuple[Tried, ...], ...]
    exceptions: tuple[tuple[Tried, ...], ...]

    @property
    def is_near(self) -> bool:
        """Whether it is not advised but one step away: only an exception stops it, or one test of a line is left."""
        if self.lit:
            return False
        left = [sum(test.holds is not True for test in line) for line in self.lines]
        return any(count == 0 or (count == 1 and len(line) > 1) for count, line in zip(left, self.lines, strict=True))


@dataclass(frozen=True, slots=True)
class Exercise:
    """Invented facts with the advice on them and every route explained, in the order of the card."""

    decision: Decision
    routes: tuple[Explained, ...]

    @property
    def lit(self) -> frozenset[tuple[str, str]]:
        """The routes with destinations that the card has to light up."""
        return frozenset((route.id, route.destination) for route in self.decision.routes)

    @property
    def advised(self) -> tuple[Explained, ...]:
        """The routes that are advised."""
        return tuple(one for one in self.routes if one.lit)

    @property
    def near(self) -> tuple[Explained, ...]:
        """The routes that are one step away."""
        return tuple(one for one in self.routes if one.is_near)


@dataclass(frozen=True, slots=True)
class Situation:
    """A situation to start from: an example that stands beside a rule. `key` names it in a form."""

    key: str
    rule: str
    words: str
    facts: Mapping[str, object]


def try_facts(facts: Facts, policy: PolicySet, *, on: date, lang: str) -> Exercise:
    """What the card advises on these facts on this day, and why."""
    decision = decide(facts, policy, on=on)
    known = facts.normalised()
    derived = derive(known.values, policy.derived)
    advised: dict[str, set[str]] = {}
    for route in decision.routes:
        advised.setdefault(route.id, set()).add(route.destination)

    def tried(alternatives: Iterable[Sequence[FactTest]]) -> tuple[tuple[Tried, ...], ...]:
        return tuple(
            tuple(Tried(condition_words(test, policy, lang), _holds(test, known, derived)) for test in tests)
            for tests in alternatives
        )

    return Exercise(
        decision,
        tuple(
            Explained(route, frozenset(advised.get(route.id, ())), tried(route.rule.when), tried(route.rule.unless))
            for route in card_routes(policy, on=on, lang=lang)
        ),
    )


def situations(policy: PolicySet, *, on: date, lang: str) -> tuple[Situation, ...]:
    """The examples on which rules hold, in the order of the card, for a training.

    In English an example says what it is about; in Dutch its facts do, in the words of facts.toml.
    """
    return tuple(
        Situation(
            f"{route.id}-{number}",
            route.id,
            example.say if lang == "en" else facts_words(example.facts, policy, lang),
            example.facts,
        )
        for route in card_routes(policy, on=on, lang=lang)
        if route.id in policy.examples
        for number, example in enumerate(policy.examples[route.id].hit, start=1)
        if example.on is None  # One that is tied to a day shows how it was then.
    )


def facts_words(facts: Mapping[str, object], policy: PolicySet, lang: str) -> str:
    """Known facts in one line: "Opvang nodig: Ja; Gender: Man"."""
    named = (name for name in FACTS if name in facts)
    return "; ".join(f"{fact_title(name, policy, lang)}: {_values(name, facts[name], policy, lang)}" for name in named)


def _values(fact: str, value: object, policy: PolicySet, lang: str) -> str:
    many = value if isinstance(value, list | tuple) else (value,)
    return ", ".join(value_words(fact, one, policy, lang) for one in many)


def _holds(test: FactTest, facts: Facts, derived: Mapping[str, Outcome]) -> Truth:
    """Whether one test is true, untrue or not known, as the program itself reads the rules."""
    if test.fact in derived:
        return derived[test.fact].holds
    value = facts.get(test.fact)
    return None if value is None else compare(test, value)
