"""Passing on what was received, decided: what the grounds say, and on top of that the rules that only forbid.

Pure and deterministic. Without a chain (an own signal) these are the answers of `signaltable.disclose` themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from signaltable import disclose
from signaltable.disclosure.outcome import Offer, Permit, Reason, Refused
from signaltable.disclosure.request import Request
from signaltable.disclosure.words import ASK_PRIVACY_OFFICER, CALL_112
from signaltable.grounds import Ground, GroundSet
from signaltable.transfer_rules import Came, OnwardRule, TransfersFile, stopped

# The code of a reason that comes from a rule of transfers.toml; the row is the id of that rule.
CODE = "onward"


@dataclass(frozen=True, slots=True)
class Onward:
    """How something came in, up to the owner, and the rules of that day about passing it on."""

    came: tuple[Came, ...]
    rules: TransfersFile

    def stops(self, ground: Ground, purpose: str) -> OnwardRule | None:
        """The first rule that forbids it on this ground for this purpose."""
        return stopped(self.came, ground, purpose, self.rules)


def applicable(request: Request, grounds: GroundSet, onward: Onward | None) -> tuple[Offer, ...]:
    """The grounds that could carry it, before any evidence; those that a rule forbids are not usable, and say why."""
    offers = disclose.applicable(request, grounds)
    return offers if onward is None else tuple(_marked(offer, request, onward) for offer in offers)


def _marked(offer: Offer, request: Request, onward: Onward) -> Offer:
    rule = onward.stops(offer.ground, request.purpose)
    return replace(offer, usable=False, why_not=rule.why) if rule else offer


def decide(request: Request, ground_id: str | None, grounds: GroundSet, onward: Onward | None) -> Permit | Refused:
    """The decision on one ground, or on the one that lets most fields through of those that no rule forbids."""
    outcome = disclose.decide(request, ground_id, grounds)
    if onward is None:
        return outcome
    offers = {offer.ground.id: offer.ground for offer in disclose.applicable(request, grounds)}
    rules = {name: rule for name, ground in offers.items() if (rule := onward.stops(ground, request.purpose))}
    if ground_id is not None:
        return _refused(outcome, {ground_id: rules[ground_id]}) if ground_id in rules else outcome
    found = [disclose.decide(request, name, grounds) for name in offers if name not in rules]
    permits = [one for one in found if isinstance(one, Permit)]
    if permits:
        return max(permits, key=lambda permit: len(permit.fields))
    return _refused(outcome, rules) if rules else outcome


def _refused(outcome: Permit | Refused, rules: Mapping[str, OnwardRule]) -> Refused:
    """The refusal of a rule, before what the grounds themselves said against it."""
    by_rule = {rule.id: Reason(CODE, rule.why, rule.id) for rule in rules.values()}
    if isinstance(outcome, Permit):
        return Refused(tuple(by_rule.values()), near=tuple(rules), instead=(CALL_112, ASK_PRIVACY_OFFICER))
    return replace(outcome, reasons=(*by_rule.values(), *outcome.reasons))
