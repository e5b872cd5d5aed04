"""Destinations to which data should go while nobody is there to receive them, or no ground ever lets any through."""

from collections.abc import Iterator
from itertools import product

from signaltable.analysis.card import Card, leads_to
from signaltable.analysis.found import Found
from signaltable.grounds import CONSULT, KINDS
from signaltable.policy_shapes import Destination

FILE = "destinations.toml"


def check_agencies(card: Card, covered: frozenset[str] | None = None) -> Iterator[Found]:
    """Destinations of the card for which no kind of agency, or no active agency of the region, stands.

    `covered` holds the destinations that an active agency stands for; None when there is no home to ask.
    """
    policy = card.policy
    told: set[str] = set()
    for aim in card.compiled.aims:
        destination = policy.destinations[aim.target.destination]
        where = card.compiled.where_held(aim.state)
        if destination.id in told or card.compiled.is_empty(where):
            continue
        problem = _problem(destination, aim.target.purpose, covered)
        if problem:
            told.add(destination.id)
            message = f"{problem}; {card.file(aim.rule)} leads there"
            yield card.found(
                "destination-without-agency",
                FILE,
                f"destination.{destination.id}.agency_kind",
                message,
                card.smallest(where),
                leads_to(aim),
            )


def check_reach(card: Card) -> Iterator[Found]:
    """Routes to a receiver and for a purpose that no ground permits anything for, such as P5: advice nobody could follow."""
    policy = card.policy
    reached = {
        (recipient, purpose)
        for row in policy.grounds.on(card.on)
        if row.permits
        for recipient, purpose in product(row.recipient, row.purpose)
    }
    for aim in card.compiled.aims:
        destination, purpose = policy.destinations[aim.target.destination], aim.target.purpose
        where = card.compiled.where_held(aim.state)
        if destination.agency_kind is None or card.compiled.is_empty(where):
            continue
        if not reached & set(product((destination.agency_kind, "*"), (purpose, "*"))):
            key = f"to.{aim.rule.to.index(aim.target)}.purpose"
            message = (
                f"expected a purpose for which some ground permits data to {destination.agency_kind}, found {purpose}"
            )
            yield card.found(
                "route-without-ground", card.file(aim.rule), key, message, card.smallest(where), leads_to(aim)
            )


def _problem(destination: Destination, purpose: str, covered: frozenset[str] | None) -> str | None:
    kind = destination.agency_kind
    if kind is None:
        # Without a name nothing is disclosed, so no agency has to receive it.
        if purpose == CONSULT or destination.no_data is not None:
            return None
        return (
            f"expected a kind of agency that receives data for {purpose}, or no_data with the reason that none go there"
        )
    if kind not in KINDS:
        return f"expected a kind of agency that a ground can name ({', '.join(KINDS)}), found {kind}"
    if covered is not None and destination.id not in covered:
        return f"expected an active agency of the kind {kind} that stands for it, found none"
    return None
