"""Meldroutes beside each other: the same one twice, and one that the others together make needless."""

from collections.abc import Iterator, Sequence

from signaltable.analysis.card import Card, Gives, advises, where_any
from signaltable.analysis.compiled import Aim
from signaltable.analysis.found import Found
from signaltable.facts import parse_facts
from signaltable.policy import PolicySet
from signaltable.policy_shapes import Meldroute
from signaltable.route import Decision


def find_duplicates(card: Card) -> Iterator[tuple[Meldroute, Found]]:
    """Pairs of rules with the same destinations on the same facts, however they are written; told of the later one."""
    seen: dict[frozenset[tuple[tuple[str, str], int]], Meldroute] = {}
    for rule in card.compiled.routes:
        ends = frozenset(_ends(card, rule).items())
        earlier = seen.setdefault(ends, rule)
        if ends and earlier is not rule:
            facts = card.smallest(card.held(rule))
            message = f"expected another condition or destination than {earlier.id} has ({card.file(earlier)}), found the same on all facts"
            yield rule, card.found("duplicate", card.file(rule), "when", message, facts, advises(rule.id, earlier.id))


def check_covered(card: Card, doubles: set[int]) -> Iterator[Found]:
    """Rules that others make needless: wherever they hold, each destination and purpose is given, at least as soon."""
    compiled = card.compiled
    left = [rule for rule in compiled.routes if id(rule) not in doubles]
    for rule in reversed(list(left)):
        ends = _ends(card, rule)
        others = [one for one in left if one is not rule and card.order(one) <= card.order(rule)]
        given = [_ends(card, one) for one in others]
        if ends and all(
            _is_covered(card, where, [one[end] for one in given if end in one]) for end, where in ends.items()
        ):
            left.remove(rule)
            message = "expected a destination or purpose that other rules do not give there already, at least as soon"
            facts = card.smallest(card.held(rule))
            yield card.found(
                "changes-nothing", card.file(rule), "to", message, facts, _given_by_others(rule, card.policy)
            )


def _is_covered(card: Card, where: int, others: Sequence[int]) -> bool:
    """Whether a set lies within the others together. Its smallest facts mostly show at once that it does not."""
    compiled = card.compiled
    given = compiled.space.assignment(parse_facts(card.smallest(where)))
    if not any(compiled.space.diagrams.value(other, given) for other in others):
        return False
    left = where
    for other in others:
        left = compiled.without(left, other)
        if compiled.is_empty(left):
            return True
    return False


def _given_by_others(rule: Meldroute, policy: PolicySet) -> Gives:
    def gives(said: Decision) -> bool:
        order = policy.urgencies[rule.urgency].order
        own = {(route.destination, route.purpose) for route in said.routes if route.id == rule.id}
        others = {
            (route.destination, route.purpose)
            for route in said.routes
            if route.id != rule.id and policy.urgencies[route.urgency].order <= order
        }
        return bool(own) and own <= others

    return gives


def _ends(card: Card, rule: Meldroute) -> dict[tuple[str, str], int]:
    """Where a rule leads to each of its destinations and purposes."""
    compiled = card.compiled
    ends: dict[tuple[str, str], list[Aim]] = {}
    for aim in compiled.aims:
        if aim.rule is rule:
            ends.setdefault((aim.target.destination, aim.target.purpose), []).append(aim)
    where = {end: where_any(compiled, aims) for end, aims in ends.items()}
    return {end: diagram for end, diagram in where.items() if not compiled.is_empty(diagram)}
