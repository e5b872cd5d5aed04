"""Two subjects judged on match tags alone: for what has no sketch, such as a vehicle, a phone, an older subject."""

from collections.abc import Iterable, Mapping
from typing import Final

from signaltable.link.proposal import Likeness, Outcome, Proposal
from signaltable.linking_rules import LinkingPolicy, TagSet
from signaltable.parts import PARTS
from signaltable.pseudonymise import Tag

_CLOSEST_FIRST: Final[tuple[Likeness, ...]] = ("same", "near", "different", "missing")

_Digests = Mapping[str, frozenset[bytes]]


def on_tags(
    tags_a: Iterable[Tag], tags_b: Iterable[Tag], policy: LinkingPolicy, excluded: frozenset[bytes]
) -> Proposal:
    """Weigh the tags of two subjects of one kind; see `link.compare`."""
    side_a, side_b = _by_set(tags_a), _by_set(tags_b)
    muted = _muted(policy, excluded, side_a) + _muted(policy, excluded, side_b)
    sets = [
        tag_set
        for tag_set in policy.set
        if tag_set.id in side_a and tag_set.id in side_b and not any(_holds(tag_set, parts) for parts in muted)
    ]
    met = [tag_set for tag_set in sets if side_a[tag_set.id] & side_b[tag_set.id]]
    dates_differ = any(tag_set.dated for tag_set in sets) and not any(tag_set.dated for tag_set in met)
    score = max(0, _weight(met) - dates_differ * policy.against_when_dates_differ)
    may_match = not dates_differ and any(tag_set.whole for tag_set in met)
    return Proposal(_outcome(score, policy, may_match=may_match), score, _compared(met, sets, policy))


def muted_parts(
    policy: LinkingPolicy, excluded: frozenset[bytes], tags_a: Iterable[Tag], tags_b: Iterable[Tag]
) -> list[frozenset[str]]:
    """The parts of which the value on either side is excluded."""
    if not excluded:
        return []
    return _muted(policy, excluded, _by_set(tags_a)) + _muted(policy, excluded, _by_set(tags_b))


def _by_set(tags: Iterable[Tag]) -> _Digests:
    collected: dict[str, set[bytes]] = {}
    for tag in tags:
        collected.setdefault(tag.set_id, set()).add(tag.digest)
    return {set_id: frozenset(digests) for set_id, digests in collected.items()}


def _muted(policy: LinkingPolicy, excluded: frozenset[bytes], side: _Digests) -> list[frozenset[str]]:
    if not excluded:
        return []
    return [frozenset(tag_set.parts) for tag_set in policy.set if side.get(tag_set.id, frozenset()) & excluded]


def _holds(tag_set: TagSet, muted: frozenset[str]) -> bool:
    """Whether a set stands on what is muted: an excluded address mutes every set with an address or postcode in it."""
    if muted <= set(tag_set.parts):
        return True
    about = {PARTS[part].about for part in muted if part in PARTS}
    return len(about) == 1 and "" not in about and any(PARTS[part].about in about for part in tag_set.parts)


def _weight(met: list[TagSet]) -> int:
    """The heaviest set of each group counts once."""
    heaviest: dict[str, int] = {}
    for tag_set in met:
        heaviest[tag_set.group] = max(heaviest.get(tag_set.group, 0), tag_set.weight)
    return sum(heaviest.values())


def _outcome(score: int, policy: LinkingPolicy, *, may_match: bool) -> Outcome:
    if score >= policy.match_from and may_match:
        return "match"
    return "possible" if score >= policy.possible_from else "none"


def _compared(met: list[TagSet], sets: list[TagSet], policy: LinkingPolicy) -> tuple[tuple[str, Likeness], ...]:
    """Per thing the closest likeness found; "different" also when it was only compared together with something else."""
    found: dict[str, set[Likeness]] = {}
    for tag_set in sets:
        for name, likeness in tag_set.shows.items():
            found.setdefault(name, set()).add(likeness if tag_set in met else "different")
    return tuple(
        (thing.id, next((likeness for likeness in _CLOSEST_FIRST if likeness in found.get(thing.id, ())), "missing"))
        for thing in policy.compared
    )
