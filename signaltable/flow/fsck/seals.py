"""What is sealed opens with its own place and with the keys in the ring, or is empty. Nothing that is opened is kept."""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from signaltable.flow import sealing
from signaltable.flow.fsck.report import Found
from signaltable.keys import CannotOpen, DataKey, KeyRing, KeyRingError, envelope_version, open_field
from signaltable.models import Disclosure, Draft, Duty, LinkVerdict, Signal, SubjectField, SubjectKey

# Of each kind at most so many are opened when only a sample is asked for, drawn at random each time.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Envelope:
    """One sealed value: where it stands, for whom, and what binds it to its place."""

    at: str
    agency_id: str
    sealed: bytes
    place: str


def check_seals(session: Session, ring: KeyRing, found: Found, *, everything: bool, step: Callable[[], None]) -> None:
    """Open what is sealed; of each kind all, or a sample."""
    for kind in (_signals, _drafts, _verdicts, _duties, _disclosures, _evidence):
        for one in kind(session, everything):
            _open(ring, found, one)
        step()
    _identities(session, ring, found, everything)
    step()


def _open(ring: KeyRing, found: Found, one: Envelope) -> None:
    if not one.sealed:
        return  # Erased; that the row may be empty stands in the log.
    found.count("seals")
    try:
        ring.open(one.agency_id, one.sealed, one.place.encode())
    except (CannotOpen, KeyRingError, TypeError):
        found.add("changed-seal", one.at, "what is sealed here does not open with the key of its agency in this place")
    else:
        found.keys[one.agency_id, envelope_version(one.sealed)] += 1


def _some(session: Session, query: Any, everything: bool) -> Iterable[Any]:
    """All rows of a query, or some of them at random."""
    query = query.execution_options(yield_per=200)
    return session.execute(query if everything else query.order_by(func.random()).limit(SAMPLE))


def _signals(session: Session, everything: bool) -> Iterator[Envelope]:
    query = select(Signal.id, Signal.reference, Signal.owner_agency, Signal.owner_sealed)
    for id_, reference, agency, sealed in _some(session, query, everything):
        yield Envelope(f"signals {reference} owner_sealed", agency, sealed, f"signals|owner_sealed|{id_}")


def _drafts(session: Session, everything: bool) -> Iterator[Envelope]:
    query = select(Draft.id, Draft.account_id, Draft.agency_id, Draft.sealed)
    for id_, account, agency, sealed in _some(session, query, everything):
        yield Envelope(f"drafts {id_} sealed", agency, sealed, f"drafts|sealed|{id_}|{account}")


def _verdicts(session: Session, everything: bool) -> Iterator[Envelope]:
    query = select(LinkVerdict.link_id, LinkVerdict.agency_id, LinkVerdict.reason_sealed)
    for link, agency, sealed in _some(session, query, everything):
        place = f"link_verdicts|reason_sealed|{link}|{agency}"
        yield Envelope(f"link_verdicts {link}/{agency} reason_sealed", agency, sealed, place)


def _duties(session: Session, everything: bool) -> Iterator[Envelope]:
    query = select(Duty.id, Duty.agency_id, Duty.note_sealed)
    for id_, agency, sealed in _some(session, query, everything):
        yield Envelope(f"duties {id_} note_sealed", agency, sealed, f"duties|note_sealed|{id_}")


def _disclosures(session: Session, everything: bool) -> Iterator[Envelope]:
    query = select(
        Disclosure.id,
        Disclosure.reference,
        Disclosure.provider_agency,
        Disclosure.recipient_agency,
        Disclosure.payload_provider,
        Disclosure.payload_recipient,
        Disclosure.response_sealed,
        Disclosure.feedback_sealed,
    )
    for row in _some(session, query, everything):
        at = f"disclosures {row.reference}"
        for column, agency in (("payload_provider", row.provider_agency), ("payload_recipient", row.recipient_agency)):
            yield Envelope(f"{at} {column}", agency, getattr(row, column), f"disclosures|payload|{row.id}|{agency}")
        for column in ("response_sealed", "feedback_sealed"):
            place = f"disclosures|{column}|{row.id}"
            yield Envelope(f"{at} {column}", row.provider_agency, getattr(row, column), place)


def _evidence(session: Session, everything: bool) -> Iterator[Envelope]:
    """One column holds an envelope for each agency that may read it."""
    query = select(Disclosure.id, Disclosure.reference, Disclosure.evidence_sealed)
    for id_, reference, held in _some(session, query, everything):
        at = f"disclosures {reference} evidence_sealed"
        try:
            envelopes = {agency: base64.b64decode(one) for agency, one in json.loads(held).items()} if held else {}
        except (ValueError, TypeError, AttributeError):
            envelopes = {"": b"?"}  # No agency opens this.
        for agency, sealed in envelopes.items():
            yield Envelope(at, agency, sealed, f"disclosures|evidence_sealed|{id_}|{agency}")


def _identities(session: Session, ring: KeyRing, found: Found, everything: bool) -> None:
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
