"""Who may be the same as this subject: found by shared tags, through the index, in a time that hardly grows.

Every digest is looked up by itself and at most so far; nothing counts or sorts over rows without an end. A digest that
more than `HELD_BY_MANY` subjects share says too little and proposes nobody, unless those are few people with many
signals each.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Integer, LargeBinary, String, bindparam, column, select, text

from signaltable import link
from signaltable.db import table_of
from signaltable.domain import GONE, LinkState
from signaltable.flow import sealing
from signaltable.flow.linking.clusters import Clusters
from signaltable.flow.linking.sides import ANY_VERSION, excluded_among, stored_tags
from signaltable.flow.linking.storing import TaggedSubject
from signaltable.link.sketch import opened as readable
from signaltable.models import Link, MatchSketch, Signal, Subject, SubjectGroup
from signaltable.prepared import Prepared, numbered, several
from signaltable.pseudonymise import Tag
from signaltable.transaction import Transaction, in_whole

# Beyond this many subjects a digest is a common name or a shared value. Measured in docs/linking.md.
HELD_BY_MANY = 100
# So many are laid beside the new subject, those with the strongest shared tags first.
MOST_CANDIDATES = 40
# Of people with very many signals so many are enough to find their group.
SAMPLE = 12
# How many digests one statement looks up; SQLite takes 500 parts.
AT_ONCE = 120
MOST_LINKS = 1000


@dataclass(frozen=True, slots=True)
class Candidate:
    """A subject that shares a tag, with its stored side and the key version to compare under."""

    subject_id: str
    side: link.Side
    version: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a subject stands: its group (empty: none), and since when its signal is there."""

    group_id: str
    since: datetime


@in_whole("linking compares with the cases of every agency")
def find(tx: Transaction, subject: TaggedSubject) -> tuple[list[Candidate], frozenset[bytes]]:
    """The subjects to compare this one with, and the digests that do not count. Who takes part is told by `places`."""
    tags = _strongest_first(subject)
    excluded = excluded_among(tx, {tag.digest for tag in tags})
    weights = {one.id: (one.group, one.weight) for one in tx.program.policy.linking.sets_of.get(subject.kind, ())}
    met = _met(tx, [tag for tag in tags if tag.digest not in excluded], weights)
    met.pop(subject.id, None)
    order = sorted(met, key=lambda one: (-met[one], one))[:MOST_CANDIDATES]
    return _loaded(tx, subject, order), excluded


@in_whole("linking compares with the cases of every agency")
def places(tx: Transaction, subject_ids: Sequence[str], beside: str) -> dict[str, Place]:
    """Where those of these subjects stand that take part in links.

    Left out are subjects of the signal `beside`, of withdrawn and expired signals, and those that are erased. Asked for
    those alone that look alike, since it reads four tables.
    """
    if not subject_ids:
        return {}
    rows = tx.rows(_standing(len(subject_ids)), numbered("id", subject_ids) | {"beside": beside})
    return {subject_id: Place(group_id or "", since) for subject_id, group_id, since in rows}


def _strongest_first(subject: TaggedSubject) -> list[Tag]:
    tags = [tag for side in subject.sides.values() for tag in side.tags]
    return sorted(tags, key=lambda tag: -tag.strength)


# -- who shares a digest -------------------------------------------------------------------------------------------


def _met(tx: Transaction, tags: Sequence[Tag], weights: Mapping[str, tuple[str, int]]) -> dict[str, int]:
    """Subject id -> how much the tags that it shares weigh, for subjects that share one that says something."""
    sets: dict[str, set[str]] = defaultdict(set)
    crowded: list[tuple[Tag, list[str]]] = []
    for start in range(0, len(tags), AT_ONCE):
        part = tags[start : start + AT_ONCE]
        for place, holders in _holders(tx, part).items():
            if len(holders) > HELD_BY_MANY:
                crowded.append((part[place], holders))
                continue
            for subject_id in holders:
                sets[subject_id].add(part[place].set_id)
        if len(sets) > MOST_CANDIDATES:
            break
    found = {subject_id: _strength(shared, weights) for subject_id, shared in sets.items()}
    return found | _few_people(tx, crowded, found, weights)


def _holders(tx: Transaction, tags: Sequence[Tag]) -> dict[int, list[str]]:
    """Place in `tags` -> the subjects that share the digest; one more than counts where there are too many."""
    values: dict[str, bytes | str] = {f"d{place}": tag.digest for place, tag in enumerate(tags)}
    values |= {f"s{place}": tag.set_id for place, tag in enumerate(tags)}
    found: dict[int, list[str]] = {}
    if tags:
        for place, subject_id in tx.rows(_lookup(len(tags)), values):
            found.setdefault(place, []).append(subject_id)
    return found


@lru_cache(maxsize=AT_ONCE)
def _lookup(count: int) -> Prepared:
    """The statement that looks up so many digests, each through the index and no further than it counts."""
    parts = (
        f"SELECT * FROM (SELECT {place} AS place, subject_id FROM match_tags "  # noqa: S608 -- only a number goes in
        f"WHERE digest = :d{place} AND set_id = :s{place} LIMIT {HELD_BY_MANY + 1}) AS held{place}"
        for place in range(count)
    )
    types = (bindparam(f"d{place}", type_=LargeBinary) for place in range(count))
    statement = text(" UNION ALL ".join(parts)).bindparams(*types)
    return Prepared(statement.columns(column("place", Integer), column("subject_id", String)))


def _strength(shared: Iterable[str], weights: Mapping[str, tuple[str, int]]) -> int:
    """What the comparing will count at the most for these sets: the heaviest of each group."""
    heaviest: dict[str, int] = {}
    for set_id in shared:
        group, weight = weights.get(set_id, ("", 0))
        heaviest[group] = max(heaviest.get(group, 0), weight)
    return sum(heaviest.values())


def _few_people(
    tx: Transaction,
    crowded: Sequence[tuple[Tag, list[str]]],
    found: Mapping[str, int],
    weights: Mapping[str, tuple[str, int]],
) -> dict[str, int]:
    """Some of the many that share the strongest crowded digest, when they are few people: one person in many signals."""
    if not crowded:
        return {}
    tag, holders = max(crowded, key=lambda one: weights.get(one[0].set_id, ("", 0))[1])
    weight = weights.get(tag.set_id, ("", 0))[1]
    if weight <= max(found.values(), default=0):
        return {}
    sizes = Counter(_clusters_of(tx, holders).key(one) for one in holders)
    if len(sizes) > HELD_BY_MANY // 4:
        return {}
    return dict.fromkeys(holders[:SAMPLE], weight)


def _clusters_of(tx: Transaction, subject_ids: Sequence[str]) -> Clusters:
    """Which of these subjects are one as far as people or the program think: by groups and by links not refused."""
    clusters = Clusters()
    groups = select(SubjectGroup.subject_id, SubjectGroup.group_id).where(SubjectGroup.subject_id.in_(subject_ids))
    for subject_id, group_id in tx.session.execute(groups):
        clusters.join(subject_id, group_id)
    for side in (Link.subject_a, Link.subject_b):
        links = select(Link.subject_a, Link.subject_b).where(side.in_(subject_ids), Link.state.in_(TOGETHER))
        for one, other in tx.session.execute(links.limit(MOST_LINKS)):
            clusters.join(one, other)
    return clusters


# Links by which two subjects may be one.
TOGETHER = (LinkState.PROPOSED, LinkState.CONFIRMED)


# -- what is known of them -----------------------------------------------------------------------------------------


def _loaded(tx: Transaction, subject: TaggedSubject, order: Sequence[str]) -> list[Candidate]:
    """What is needed of these subjects to compare them, in their order. Tags are read only where there is no sketch."""
    if not order:
        return []
    usable = [
        (one, version, sealed)
        for one, version, sealed in tx.rows(_sketched(len(order)), numbered("id", order))
        if version in subject.sides
    ]
    opened = sealing.open_sketches(tx, usable)
    # One of another format than this program makes says nothing to it: such a subject is compared on its tags.
    sketches = {one: raw for one, raw in opened.items() if readable(raw) is not None}
    versions = {one: version for one, version, _sealed in usable if one in sketches}
    tagged = stored_tags(tx, [one for one in order if one not in sketches])
    return [
        Candidate(one, link.Side(tagged.get(one, ()), sketches.get(one, b"")), versions.get(one, ANY_VERSION))
        for one in order
    ]


_sketches, _subjects, _signals = (table_of(one).c for one in (MatchSketch, Subject, Signal))
_groups = table_of(SubjectGroup)


@lru_cache(maxsize=MOST_CANDIDATES)
def _sketched(count: int) -> Prepared:
    """The sketches of so many subjects."""
    query = select(_sketches.subject_id, _sketches.key_version, _sketches.sealed)
    return Prepared(query.where(_sketches.subject_id.in_(several("id", count))))


@lru_cache(maxsize=MOST_CANDIDATES)
def _standing(count: int) -> Prepared:
    """Where so many subjects stand, for `places`."""
    return Prepared(
        select(_subjects.id, _groups.c.group_id, _signals.created_at)
        .join(table_of(Signal), _signals.id == _subjects.signal_id)
        .outerjoin(_groups, _groups.c.subject_id == _subjects.id)
        .where(
            _subjects.id.in_(several("id", count)),
            _subjects.erased_at.is_(None),
            _signals.id != bindparam("beside"),
            *(_signals.state != one for one in sorted(GONE)),
        )
    )
