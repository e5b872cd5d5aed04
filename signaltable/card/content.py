"""What stands on the card, in words of one language: every route of a day with its conditions and destinations."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from signaltable.card.words import alternatives_words, condition_words
from signaltable.policy import PolicySet
from signaltable.policy_shapes import Meldroute, Target

MOST_URGENT = 4


@dataclass(frozen=True, slots=True)
class CardTarget:
    """Where a route leads: whom to reach, how and when, and in which cases only (`only_when`, empty for always).

    `check_first`: the details were last checked more than a year ago.
    """

    destination: str
    title: str
    does: str
    phone: str
    hours: str
    check_first: bool
    checked_on: date
    purpose: str
    only_when: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CardRoute:
    """One route in words. `alternatives`: one line has to hold, and a line holds when all of its tests do.

    `level` is 4 for the most urgent degree of the region, then 3 and 2, and 1 for the rest.
    """

    rule: Meldroute
    title: str
    urgency: str
    level: int
    alternatives: tuple[tuple[str, ...], ...]
    exceptions: tuple[str, ...]
    targets: tuple[CardTarget, ...]

    @property
    def id(self) -> str:
        """The id of the rule, such as M12 or R3."""
        return self.rule.id


def card_routes(policy: PolicySet, *, on: date, lang: str) -> tuple[CardRoute, ...]:
    """Every route that counts on this day, most urgent first, then by number: the order in which advice is given."""
    orders = sorted({urgency.order for urgency in policy.urgencies.values()})
    levels = {urgency.id: max(1, MOST_URGENT - orders.index(urgency.order)) for urgency in policy.urgencies.values()}
    rules = sorted(policy.meldroutes_on(on), key=lambda rule: (policy.urgencies[rule.urgency].order, rule.number))
    return tuple(_route(rule, levels[rule.urgency], policy, on, lang) for rule in rules)


def _route(rule: Meldroute, level: int, policy: PolicySet, on: date, lang: str) -> CardRoute:
    return CardRoute(
        rule=rule,
        title=rule.title.in_language(lang),
        urgency=policy.urgencies[rule.urgency].title.in_language(lang),
        level=level,
        alternatives=tuple(tuple(condition_words(test, policy, lang) for test in tests) for tests in rule.when),
        exceptions=alternatives_words(rule.unless, policy, lang),
        targets=tuple(_target(target, policy, on, lang) for target in rule.to),
    )


def _target(target: Target, policy: PolicySet, on: date, lang: str) -> CardTarget:
    found = policy.destinations[target.destination]
    return CardTarget(
        destination=found.id,
        title=found.title.in_language(lang),
        does=found.does.in_language(lang),
        phone=found.phone or "",
        hours=found.hours.in_language(lang) if found.hours else "",
        check_first=found.is_due(on),
        checked_on=found.checked_on,
        purpose=target.purpose,
        only_when=alternatives_words(target.when, policy, lang),
    )


def unreviewed(routes: Sequence[CardRoute], on: date) -> int:
    """How many of these routes nobody had signed for on this day."""
    return sum(1 for route in routes if route.rule.reviewed_on is None or route.rule.reviewed_on > on)
