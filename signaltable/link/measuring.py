"""How well linking does on two lists of which the truth is known. The same steps as for a new signal, in memory.

Two subjects are compared when they share a tag, as in flow/linking: a tag that more than `held_by_many` subjects share
proposes nobody, and of those who share one the `most_candidates` with the strongest shared tags are compared.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from signaltable.identity import Identity
from signaltable.link import Side, compare, sketch
from signaltable.link.proposal import Outcome
from signaltable.linking_rules import LinkingPolicy
from signaltable.pseudonymise import Tag, match_tags


@dataclass(frozen=True, slots=True)
class Caps:
    """How far a search goes, as in production."""

    held_by_many: int
    most_candidates: int


@dataclass(frozen=True, slots=True)
class Found:
    """One compared pair: the places in the two lists, and what came of it."""

    left: int
    right: int
    outcome: Outcome
    score: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Precision and recall of what is called a match; `possible_recall` counts what people are shown as possible too."""

    precision: float
    recall: float
    possible_recall: float
    pairs: int


def side_of(secret: bytes, identity: Identity, policy: LinkingPolicy) -> Side:
    """The tags and the sketch of one subject, under one key."""
    return Side(match_tags(secret, identity, version=1, policy=policy), sketch(secret, identity, policy))


def link_lists(
    left: Sequence[Side],
    right: Sequence[Side],
    policy: LinkingPolicy,
    caps: Caps,
    progress: Callable[[int, int], None] = lambda _done, _of: None,
) -> list[Found]:
    """Every pair that is called a match or possible."""
    holders = _holders(right)
    weights = {tag_set.id: (tag_set.group, tag_set.weight) for tag_set in policy.set}
    found: list[Found] = []
    for place, side in enumerate(left):
        for other in candidates(side.tags, holders, weights, caps):
            proposal = compare(side, right[other], policy)
            if proposal.outcome != "none":
                found.append(Found(place, other, proposal.outcome, proposal.score))
        progress(place + 1, len(left))
    return found


def _holders(sides: Sequence[Side]) -> dict[tuple[str, bytes], list[int]]:
    holders: dict[tuple[str, bytes], list[int]] = {}
    for place, side in enumerate(sides):
        for tag in side.tags:
            holders.setdefault((tag.set_id, tag.digest), []).append(place)
    return holders


def candidates(
    tags: Iterable[Tag],
    holders: Mapping[tuple[str, bytes], Sequence[int]],
    weights: Mapping[str, tuple[str, int]],
    caps: Caps,
) -> list[int]:
    """The places of those who share a tag that says something, those with the strongest shared tags first."""
    shared: dict[int, dict[str, int]] = {}
    for tag in tags:
        group, weight = weights.get(tag.set_id, ("", 0))
        held = holders.get((tag.set_id, tag.digest), ())
        for place in held if len(held) <= caps.held_by_many else ():
            heaviest = shared.setdefault(place, {})
            heaviest[group] = max(heaviest.get(group, 0), weight)
    return sorted(shared, key=lambda place: (-sum(shared[place].values()), place))[: caps.most_candidates]


def measure(found: Iterable[Found], truth: frozenset[tuple[int, int]]) -> Measured:
    """What was found beside what is true. Without pairs called a match precision is 1, without truth recall is."""
    every = list(found)
    matches = {(one.left, one.right) for one in every if one.outcome == "match"}
    seen = {(one.left, one.right) for one in every}
    return Measured(
        precision=_share(len(matches & truth), len(matches)),
        recall=_share(len(matches & truth), len(truth)),
        possible_recall=_share(len(seen & truth), len(truth)),
        pairs=len(matches),
    )


def _share(part: int, whole: int) -> float:
    return round(part / whole, 6) if whole else 1.0
