"""What is sealed opens with its own place and with the keys in the ring, or is empty. Nothing that is opened is kept."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.flow import sealed_columns, sealing
from signaltable.flow.fsck.report import Found
from signaltable.flow.sealed_columns import COLUMNS, SealedColumn
from signaltable.keys import CannotOpen, DataKey, KeyProvider, KeyRingError, envelope_version, open_field
from signaltable.models import SubjectField, SubjectKey

# Of each kind at most so many are opened when only a sample is asked for, drawn at random each time.
SAMPLE = 200
SUBJECT_KEYS = "subject_keys"


def check_seals(
    session: Session, ring: KeyProvider, found: Found, *, everything: bool, step: Callable[[], None]
) -> None:
    """Open what is sealed; of each column all, or a sample."""
    for one in COLUMNS:
        if one.table != SUBJECT_KEYS:  # Opened below, together with the fields.
            _column(session, ring, found, one, everything)
            step()
    _identities(session, ring, found, everything)
    step()


def _column(session: Session, ring: KeyProvider, found: Found, one: SealedColumn, everything: bool) -> None:
    for row in _some(session, sealed_columns.query_of(one), everything).mappings():
        at = f"{one.table} {sealed_columns.called(one, row)} {one.column}"
        try:
            for envelope in sealed_columns.envelopes(one, row):
                found.count("seals")
                sealed_columns.opens(ring, one, envelope)
                found.keys[envelope.agency_id, envelope_version(envelope.sealed)] += 1
        except (CannotOpen, KeyRingError, ValueError, TypeError, AttributeError):
            message = "what is sealed here does not open with the key of its agency in this place"
            found.add("changed-seal", at, message)


def _some(session: Session, query: Any, everything: bool) -> Any:
    """All rows of a query, or some of them at random."""
    query = query.execution_options(yield_per=200)
    return session.execute(query if everything else query.order_by(func.random()).limit(SAMPLE))


def _identities(session: Session, ring: KeyProvider, found: Found, everything: bool) -> None:
    """Every wrapped key of a subject gives the same data key, and that opens each of its fields."""
    query = select(SubjectKey.subject_id, SubjectKey.agency_id, SubjectKey.wrapped)
    for subject, agency, wrapped in _some(session, query, everything):
        found.count("seals")
        try:
            data_key = ring.unwrap(agency, wrapped, subject)
        except (CannotOpen, KeyRingError, TypeError):
            at = f"subject_keys {subject}/{agency}"
            found.add("changed-seal", at, "the key of the subject does not open with the key of this agency")
        else:
            found.keys[agency, envelope_version(wrapped)] += 1
            _fields(session, data_key, subject, found)


def _fields(session: Session, data_key: DataKey, subject: str, found: Found) -> None:
    rows = session.execute(
        select(SubjectField.name, SubjectField.sealed).where(SubjectField.subject_id == subject)
    ).all()
    for name, sealed in rows:
        found.count("seals")
        try:
            open_field(
                data_key,
                table=sealing.TABLE,
                row=subject,
                column=name,
                version=sealing.FIELD_VERSION,
                sealed=sealed,
            )
        except (CannotOpen, TypeError, AttributeError):
            message = "the field does not open with the key of its subject in this place"
            found.add("changed-seal", f"subject_fields {subject}/{name}", message)
