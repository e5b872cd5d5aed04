"""What can be proven about a meldroutekaart: for all facts at once, with the smallest facts that show each finding.

Every witness is put to route.decide before it is reported.
"""

from collections.abc import Iterator

from signaltable.analysis.card import Card, compile_whole_card
from signaltable.analysis.fact_checks import check_derived_use, check_facts
from signaltable.analysis.found import Found
from signaltable.analysis.gap_checks import check_contradictions, check_gaps
from signaltable.analysis.overlap_checks import check_covered, find_duplicates
from signaltable.analysis.rule_checks import check_derived, check_meldroutes, check_time
from signaltable.analysis.urgency_checks import check_days, check_limits, check_order


def check_routes(card: Card) -> Iterator[Found]:
    """Every finding about the meldroutes and derived facts of one day, without those about examples and agencies."""
    yield from check_gaps(card)
    yield from check_contradictions(card)
    yield from check_time(card)
    yield from check_derived(card)
    yield from check_meldroutes(card)
    doubles = list(find_duplicates(card))
    yield from (found for _, found in doubles)
    yield from check_covered(card, {id(rule) for rule, _ in doubles})
    yield from check_order(card)
    yield from check_limits(card)
    yield from check_days(card)
    yield from check_facts(card)
    # Nobody is asked for a derived fact, and a region that switches its rule off cannot take it out of the national file.
    yield from check_derived_use(compile_whole_card(card.policy, card.on) if card.policy.overlay.rules_off else card)
