"""What links a new subject to others: its tags and its sketch, made and kept."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from signaltable import link
from signaltable.flow import sealing
from signaltable.identity import Identity
from signaltable.pseudonymise import match_tags
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class TaggedSubject:
    """A subject as the linking step needs it: by key version its tags and sketch.

    During a rotation there are two versions, because earlier subjects still have tags of the older one; only those of
    the newest are kept.
    """

    id: str
    kind: str
    sides: Mapping[int, link.Side]


@in_whole("only the linking step reads tags")
def keep(tx: Transaction, subject_id: str, identity: Identity) -> TaggedSubject:
    """Make and store what links this subject to others, and give it for every key version that others have tags of."""
    made = sides_for(tx, identity, subject_id)
    newest = tx.program.keys.version("match")
    sealing.store_linking(tx, subject_id, made.sides[newest].tags, made.sides[newest].sketch, newest)
    return made


@in_whole("only the linking step reads tags")
def keep_new(tx: Transaction, made: Iterable[TaggedSubject]) -> None:
    """Store what links the subjects of a new signal to others, as `sides_for` made it: with a statement for each table."""
    newest = tx.program.keys.version("match")
    sides = {one.id: (one.sides[newest].tags, one.sides[newest].sketch) for one in made}
    sealing.store_first_linking(tx, sides, newest)


def sides_for(tx: Transaction, identity: Identity, subject_id: str) -> TaggedSubject:
    """What links an identity to others, for every key version that others have tags of. Nothing is stored."""
    versions = tx.program.keys.usable("match")
    sides = {version: made_with(tx, identity, version) for version in versions}
    return TaggedSubject(subject_id, identity.kind, sides)


def made_with(tx: Transaction, identity: Identity, version: int) -> link.Side:
    """The tags and the sketch of an identity under one version of the match key. Raises KeyRingError when it is gone."""
    keys, policy = tx.program.keys, tx.program.policy.linking
    tags = match_tags(keys.derive("match", "tags", version), identity, version=version, policy=policy)
    return link.Side(tags, link.sketch(keys.derive("match", "pieces", version), identity, policy))
