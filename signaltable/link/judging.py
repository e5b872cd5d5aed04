"""From how alike two sketches are to a proposal: a sum of weights, and what may never be called a match."""

from collections.abc import Mapping
from typing import Final

from signaltable.link.likeness import likeness
from signaltable.link.proposal import Likeness, Outcome, Proposal
from signaltable.link.sketch import Sketch
from signaltable.linking_rules import LinkingPolicy

# What people see for each level. City alone is a difference in address, and half a name is not the name.
_SHOWN: Final[Mapping[str, Likeness]] = {
    "same": "same", "unit": "same",
    "form": "near", "sound": "near", "slip": "near", "initial": "near", "partly": "near", "swapped": "near",
    "month": "near", "year": "near", "rough": "near", "building": "near", "street": "near", "handle": "near",
    "city": "different", "different": "different",
}  # fmt: skip
_NAMES: Final = ("given", "surname")


def judge(one: Sketch, other: Sketch, policy: LinkingPolicy, muted: frozenset[str]) -> Proposal:
    """Weigh two sketches made under one key. `muted`: things of which the value counts as missing."""
    levels = likeness(one, other)
    for name in muted:
        levels.pop(name, None)
    weights = policy.sketch.weights
    score = sum(weights[name][level] for name, level in levels.items()) - _commonness(one, other, levels, policy)
    score = max(0, score)
    return Proposal(_outcome(score, levels, policy), score, _compared(levels, policy))


def _commonness(one: Sketch, other: Sketch, levels: Mapping[str, str], policy: LinkingPolicy) -> int:
    """What is taken off when the names agree and half a nation bears them."""
    off = 0
    for name, mine, yours in (("given", one.given, other.given), ("surname", one.family, other.family)):
        if levels.get(name, "different") not in {"different", "partly"}:
            rarest = min((word.common for word in mine + yours if not word.spare), default=0)
            off += rarest * policy.sketch.less_when_common
    return off


def _outcome(score: int, levels: Mapping[str, str], policy: LinkingPolicy) -> Outcome:
    rules = policy.sketch
    if score >= rules.match_from and _may_be_one(levels, rules.settles):
        return "match"
    named = any(levels.get(name, "different") != "different" for name in _NAMES)
    if (score >= rules.possible_from and named) or any(levels.get(name) == "same" for name in rules.leads):
        return "possible"
    return "none"


def _may_be_one(levels: Mapping[str, str], settles: tuple[str, ...]) -> bool:
    """Whether nothing speaks against one person that no sum can outweigh.

    Another birth date: father and son, namesakes. Another given name: twins, sisters, who share date, surname, address and
    phone; only a number that is one person's own makes two names believable. Without a name nothing is a match.
    """
    settled = any(levels.get(name) == "same" for name in settles)
    if levels.get("birth_date") == "different":
        return False
    if levels.get("given") in {"different", "partly"}:
        return settled and levels.get("birth_date") == "same" and levels.get("surname", "different") != "different"
    if levels.get("surname") == "different":
        return levels.get("birth_date") in {"same", "swapped"}
    return "given" in levels or "surname" in levels


def _compared(levels: Mapping[str, str], policy: LinkingPolicy) -> tuple[tuple[str, Likeness], ...]:
    shown = {name: _SHOWN[level] for name, level in levels.items()}
    names: set[Likeness] = {shown[name] for name in _NAMES if name in shown}
    if names:
        shown["name"] = "same" if names == {"same"} else "different" if names == {"different"} else "near"
    return tuple((thing.id, shown.get(thing.id, "missing")) for thing in policy.compared)
