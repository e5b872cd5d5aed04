"""The match key: tags and sketches are made anew from the identities, which the keys of the owning agencies open.

While it runs a new subject is compared under every version that is there, so that it meets those that were done and those
that were not. The terms of words go the same way (flow/searching). Links, groups, verdicts and the exclusion list are about subjects and values, not about tags: they stay.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Select, delete, func, select
from sqlalchemy.orm import Session

from signaltable.flow import exclusions, sealing, searching
from signaltable.flow.linking import storing
from signaltable.flow.rotating.state import Batch
from signaltable.identity import identity_from
from signaltable.keys import CannotOpen, KeyProvider, KeyRingError
from signaltable.models import (
    ExcludedTag,
    Exclusion,
    KeyRotation,
    MatchSketch,
    MatchTag,
    Signal,
    Subject,
    SubjectKey,
)
from signaltable.transaction import Transaction

AT_ONCE: Final = 200
EXCLUSIONS: Final = "exclusions"
SUBJECTS: Final = "subjects"
WORDS: Final = "words"
OLD_EXCLUSIONS: Final = "old exclusions"
_TABLES: Final = (MatchTag, MatchSketch, ExcludedTag)


class Matching:
    """See the head of this module."""

    def stages(self) -> Sequence[str]:
        """First what is excluded gets its new tags too, so that no subject links by it meanwhile; its old ones go last."""
        return (EXCLUSIONS, SUBJECTS, WORDS, OLD_EXCLUSIONS)

    def count(self, session: Session, row: KeyRotation) -> int:
        """Exclusions, subjects, the words of accounts, and exclusions once more."""
        excluded = session.scalar(select(func.count()).select_from(_exclusions().subquery())) or 0
        subjects = session.scalar(select(func.count()).select_from(_subjects().subquery())) or 0
        return 2 * excluded + subjects + searching.unread(session, row.to_version)

    def batch(self, tx: Transaction, row: KeyRotation) -> Batch:
        """The next exclusions or subjects."""
        if row.stage == SUBJECTS:
            return _subjects_anew(tx, row)
        if row.stage == WORDS:
            read = searching.take_in(tx)
            return Batch(read, WORDS if read == searching.AT_ONCE else "")
        some = tx.session.scalars(
            _exclusions().where(Exclusion.id > row.cursor).order_by(Exclusion.id).limit(AT_ONCE)
        ).all()
        for exclusion in some:
            if row.stage == EXCLUSIONS:
                exclusions.retag(tx, exclusion, row.to_version)
            else:
                old = ExcludedTag.exclusion_id == exclusion, ExcludedTag.key_version != row.to_version
                tx.session.execute(delete(ExcludedTag).where(*old))
        return Batch(len(some), some[-1] if len(some) == AT_ONCE else "")

    def left(self, keys: KeyProvider, session: Session, row: KeyRotation) -> int:  # noqa: ARG002
        """Tags, sketches and words of any version but the new one."""
        return searching.unread(session, row.to_version) + sum(
            session.scalar(select(func.count()).select_from(table).where(table.key_version != row.to_version)) or 0
            for table in _TABLES
        )

    def may_end(self, tx: Transaction, row: KeyRotation) -> bool:  # noqa: ARG002
        """At once: nothing is made for a time here."""
        return True


def _exclusions() -> Select[str]:
    return select(Exclusion.id).where(Exclusion.ended_at.is_(None))


def _subjects() -> Select[str, str, str, bytes]:
    """Subjects that have a key, with the agency that holds it as owner of the signal."""
    return (
        select(Subject.id, Subject.kind, SubjectKey.agency_id, SubjectKey.wrapped)
        .join(Signal, Signal.id == Subject.signal_id)
        .join(SubjectKey, (SubjectKey.subject_id == Subject.id) & (SubjectKey.agency_id == Signal.owner_agency))
        .where(Subject.erased_at.is_(None))
    )


def _subjects_anew(tx: Transaction, row: KeyRotation) -> Batch:
    query = _subjects().where(Subject.id > row.cursor).order_by(Subject.id).limit(AT_ONCE)
    some = tx.session.execute(query.with_for_update(of=SubjectKey)).all()
    for found in some:
        try:
            identity = sealing.open_as_holder(tx, found.id, found.agency_id, found.wrapped)
            _retag(tx, found.id, found.kind, identity, row)
        except (CannotOpen, KeyRingError):
            continue  # It keeps its tags, and is found at the end.
    return Batch(len(some), some[-1].id if len(some) == AT_ONCE else "")


def _retag(tx: Transaction, subject_id: str, kind: str, identity: dict[str, str], row: KeyRotation) -> None:
    """Take the tags and the sketch of every version away and put those of the new one in their place."""
    tx.session.execute(delete(MatchTag).where(MatchTag.subject_id == subject_id))
    tx.session.execute(delete(MatchSketch).where(MatchSketch.subject_id == subject_id))
    made = storing.made_with(tx, identity_from(kind, identity), row.to_version)
    sealing.store_linking(tx, subject_id, made.tags, made.sketch, row.to_version)
