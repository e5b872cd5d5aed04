"""Urgencies out of order: a special case that waits longer, a purpose that does not wait that long, days that run back."""

from collections.abc import Iterator

from signaltable.analysis.card import Card, advises
from signaltable.analysis.found import Found


def check_order(card: Card) -> Iterator[Found]:
    """A rule for fewer facts than another with the same destination, yet less urgent: the special case waits longer."""
    compiled = card.compiled
    for one in compiled.aims:
        for other in compiled.aims:
            if one.rule is other.rule or one.target.destination != other.target.destination:
                continue
            where = compiled.where_held(one.state)
            if (
                card.order(one.rule) > card.order(other.rule)
                and not compiled.is_empty(where)
                and compiled.within(where, compiled.where_held(other.state))
            ):
                message = (
                    f"expected an urgency as soon as {other.rule.urgency}: wherever {one.rule.id} leads to "
                    f"{one.target.destination}, so does {other.rule.id} ({card.file(other.rule)}), found {one.rule.urgency}"
                )
                rules = (one.rule.id, other.rule.id)
                yield card.found(
                    "urgency-order", card.file(one.rule), "urgency", message, card.smallest(where), advises(*rules)
                )
                break


def check_limits(card: Card) -> Iterator[Found]:
    """Rules less urgent than the purpose of one of their destinations allows."""
    for aim in card.compiled.aims:
        limit = card.policy.purposes[aim.target.purpose].at_latest
        where = card.compiled.where_held(aim.state)
        if limit is None or card.compiled.is_empty(where):
            continue
        if card.order(aim.rule) > card.policy.urgencies[limit].order:
            message = f"expected {limit} or sooner for purpose {aim.target.purpose}, found {aim.rule.urgency}"
            yield card.found(
                "urgency-order", card.file(aim.rule), "urgency", message, card.smallest(where), advises(aim.rule.id)
            )


def check_days(card: Card) -> Iterator[Found]:
    """A later place in the order may not mean fewer working days."""
    before = None
    for urgency in sorted(card.policy.urgencies.values(), key=lambda one: one.order):
        if before is not None and urgency.working_days < before.working_days:
            message = (
                f"expected at least {before.working_days} working days after {before.id} in the order, "
                f"found {urgency.working_days}"
            )
            yield _urgency(card, urgency.id, message)
        before = urgency


def _urgency(card: Card, name: str, message: str) -> Found:
    """With the smallest facts on which a rule of this urgency holds, when there is one."""
    held = [(rule, card.held(rule)) for rule in card.compiled.routes if rule.urgency == name]
    shown = [(rule, where) for rule, where in held if not card.compiled.is_empty(where)]
    key = f"urgency.{name}.working_days"
    if not shown:
        return Found("urgency-order", "urgencies.toml", key, message)
    rule, where = shown[0]
    return card.found("urgency-order", "urgencies.toml", key, message, card.smallest(where), advises(rule.id))
