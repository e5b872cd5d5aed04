"""What is stored of subjects for the linking step, as the pure step takes it."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select

from signaltable import link
from signaltable.db import table_of
from signaltable.domain import NotFound
from signaltable.flow import sealing
from signaltable.flow.linking.storing import TaggedSubject
from signaltable.models import ExcludedTag, MatchSketch, MatchTag, Subject
from signaltable.prepared import Prepared, numbered, several
from signaltable.pseudonymise import Tag
from signaltable.transaction import Transaction, in_whole

# How many values one statement looks for.
AT_ONCE = 200
# A subject without a sketch: its tags may be of any version.
ANY_VERSION = 0


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored side, with the key version of its sketch (ANY_VERSION: it has none)."""

    side: link.Side
    version: int


def side_of(tx: Transaction, subject_id: str) -> link.Side:
    """The tags and the sketch of one subject; empty when it has none, as after erasure."""
    return sides_of(tx, [subject_id])[subject_id]


def sides_of(tx: Transaction, subject_ids: Iterable[str]) -> dict[str, link.Side]:
    """Subject id -> its tags and sketch, for each of the ids; two statements, whatever their number."""
    return {subject_id: one.side for subject_id, one in stored(tx, subject_ids).items()}


@in_whole("only the linking step reads tags")
def stored(tx: Transaction, subject_ids: Iterable[str]) -> dict[str, Stored]:
    """The same, with the key version to compare under."""
    wanted = list(subject_ids)
    query = select(MatchSketch.subject_id, MatchSketch.key_version, MatchSketch.sealed)
    rows = tx.session.execute(query.where(MatchSketch.subject_id.in_(wanted))).all()
    versions = {row.subject_id: row.key_version for row in rows}
    sketches = sealing.open_sketches(tx, [(row.subject_id, row.key_version, row.sealed) for row in rows])
    tags = stored_tags(tx, wanted)
    return {
        one: Stored(link.Side(tags.get(one, ()), sketches.get(one, b"")), versions.get(one, ANY_VERSION))
        for one in wanted
    }


@in_whole("only the linking step reads tags")
def stored_tags(tx: Transaction, subject_ids: Collection[str]) -> dict[str, tuple[Tag, ...]]:
    """Subject id -> its tags. Their strength is not kept: weights come from the rules of today."""
    if not subject_ids:
        return {}
    query = select(MatchTag.subject_id, MatchTag.set_id, MatchTag.digest).where(MatchTag.subject_id.in_(subject_ids))
    found: dict[str, list[Tag]] = {}
    for subject_id, set_id, digest in tx.session.execute(query):
        found.setdefault(subject_id, []).append(Tag(set_id, 0, digest))
    return {subject_id: tuple(tags) for subject_id, tags in found.items()}


def tagged(tx: Transaction, subject_id: str) -> TaggedSubject:
    """A stored subject as the linking step takes a new one. Raises `NotFound` for one that is gone."""
    kind = tx.session.scalar(select(Subject.kind).where(Subject.id == subject_id, Subject.erased_at.is_(None)))
    if kind is None:
        raise NotFound("no such subject")
    one = stored(tx, [subject_id])[subject_id]
    return TaggedSubject(subject_id, kind, {one.version: one.side})


def facing(subject: TaggedSubject, version: int) -> link.Side:
    """The side of a subject to lay beside one of this key version: sketches of two versions do not compare."""
    if version in subject.sides:
        return subject.sides[version]
    return link.Side(tuple(tag for side in subject.sides.values() for tag in side.tags), b"")


@in_whole("only the linking step reads tags")
def excluded_among(tx: Transaction, digests: Iterable[bytes]) -> frozenset[bytes]:
    """Which of these digests stand for a value that many share and that proves nothing."""
    wanted = list(digests)
    found: set[bytes] = set()
    for start in range(0, len(wanted), AT_ONCE):
        some = wanted[start : start + AT_ONCE]
        found.update(row[0] for row in tx.rows(_excluded(len(some)), numbered("digest", some)))
    return frozenset(found)


@lru_cache(maxsize=AT_ONCE)
def _excluded(count: int) -> Prepared:
    digest = table_of(ExcludedTag).c.digest
    return Prepared(select(digest).where(digest.in_(several("digest", count))))
