"""Whether two subjects look like the same one, judged on match tags alone. Tags propose, people confirm (GDPR art. 22).

Nobody needs to see the identity of the other signal for this: what comes out says that names are the same, near,
different or missing, and never what they are.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from signaltable.pseudonymise import LinkingPolicy, Tag, TagSet

Outcome = Literal["match", "possible", "none"]
Likeness = Literal["same", "near", "different", "missing"]
_CLOSEST_FIRST: Final[tuple[Likeness, ...]] = ("same", "near", "different", "missing")

_Digests = Mapping[str, frozenset[bytes]]


@dataclass(frozen=True, slots=True)
class Proposal:
    """What the tags of two subjects say. `compared`: pairs of a thing and its likeness, in the order of linking.toml."""

    outcome: Outcome
    score: int
    compared: tuple[tuple[str, Likeness], ...]


def compare(
    tags_a: Iterable[Tag], tags_b: Iterable[Tag], policy: LinkingPolicy, excluded: frozenset[bytes] = frozenset()
) -> Proposal:
    """Weigh the tags of two subjects of one kind.

    `excluded` holds digests of values that many share, such as the address of a shelter; they count as missing, and so
    does every combination that such a value is part of. Tags of several key versions may stand together: two subjects
    meet when they share a digest of any version. Weights come from the policy, not from the tags, so that an old tag
    follows a changed rule. The answer does not depend on the order of the two.
    """
    side_a, side_b = _by_set(tags_a), _by_set(tags_b)
    muted = _muted_parts(policy, excluded, side_a) + _muted_parts(policy, excluded, side_b)
    sets = [
        tag_set
        for tag_set in policy.set
        if tag_set.id in side_a and tag_set.id in side_b and not any(parts <= set(tag_set.parts) for parts in muted)
    ]
    met = [tag_set for tag_set in sets if side_a[tag_set.id] & side_b[tag_set.id]]
    dates_differ = any(tag_set.dated for tag_set in sets) and not any(tag_set.dated for tag_set in met)
    score = max(0, _weight(met) - dates_differ * policy.against_when_dates_differ)
    may_match = not dates_differ and any(tag_set.whole for tag_set in met)
    return Proposal(_outcome(score, policy, may_match=may_match), score, _compared(met, sets, policy))


def _by_set(tags: Iterable[Tag]) -> _Digests:
    collected: dict[str, set[bytes]] = {}
    for tag in tags:
        collected.setdefault(tag.set_id, set()).add(tag.digest)
    return {set_id: frozenset(digests) for set_id, digests in collected.items()}


def _muted_parts(policy: LinkingPolicy, excluded: frozenset[bytes], side: _Digests) -> list[frozenset[str]]:
    """The parts whose value on this side is excluded: an excluded address mutes every set with an address in it."""
    if not excluded:
        return []
    return [frozenset(tag_set.parts) for tag_set in policy.set if side.get(tag_set.id, frozenset()) & excluded]


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
