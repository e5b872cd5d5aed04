"""What is known of who had a person's data: the disclosures in which the person stood, and who read about them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import or_, select
from sqlalchemy.orm import undefer_group

from audit.entry import parse
from audit.errors import AuditError
from signaltable.domain import day_of
from signaltable.flow import naming, sealing
from signaltable.flow.contents import MASKED, NARRATIVE
from signaltable.flow.referrals import place
from signaltable.keys import CannotOpen
from signaltable.models import Disclosure, IdentityRequest, LogDetail, LogEntry, LogTerm, Signal, Subject
from signaltable.payload import Payload, from_bytes
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction

# Acts by which somebody read about the person: in the case, at the table, or as the receiver of a disclosure.
READS: Final = ("signal:consult", "identity:consult", "table:consult", "enrich:consult", "disclosure:consult")


@dataclass(frozen=True, slots=True)
class Sent:
    """A disclosure in which the subject stood, with the fields that went about this subject and about the case."""

    row: Disclosure
    recipient: str
    fields: tuple[str, ...] | None


def disclosed_about(tx: Transaction, signal: Signal, subject: Subject) -> list[Sent]:
    """The disclosures of this signal in which the person stood, oldest first."""
    rows = tx.session.scalars(
        select(Disclosure)
        .where(
            Disclosure.signal_id == signal.id,
            Disclosure.disclosed_at.is_not(None),
            Disclosure.provider_agency == signal.owner_agency,
        )
        .options(undefer_group("sealed"))
        .order_by(Disclosure.disclosed_at, Disclosure.reference),
    ).all()
    named = _named_in(tx, [row.reference for row in rows])
    found = (_sent(tx, row, subject, named.get(row.reference)) for row in rows)
    return [one for one in found if one is not None]


def _named_in(tx: Transaction, references: Sequence[str]) -> dict[str, list[int]]:
    """Disclosure -> the numbers of the subjects in it, as far as the log still tells."""
    query = (
        select(LogEntry.object, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "signal:disclose", LogEntry.object.in_(references))
    )
    told = {row.object: json.loads(row.details) for row in tx.session.execute(query)}
    return {reference: details["subjects"] for reference, details in told.items() if "subjects" in details}


def _sent(tx: Transaction, row: Disclosure, subject: Subject, numbers: list[int] | None) -> Sent | None:
    content = _content(tx, row)
    if content is None:
        # What went is erased; that it went stays. Who stood in it, only the log may still know.
        known = numbers is None or subject.number in numbers
        return Sent(row, row.recipient_agency, None) if known else None
    pseudonym = naming.subject_name(tx, row.recipient_agency, subject.id)
    own = [field.name for one in content.subjects if one.pseudonym == pseudonym for field in one.fields]
    about_case = [field.name for field in content.fields]
    if not own and (content.subjects or not {NARRATIVE, MASKED} & set(about_case)):
        return None
    return Sent(row, row.recipient_agency, tuple(dict.fromkeys([*own, *about_case])))


def _content(tx: Transaction, row: Disclosure) -> Payload | None:
    if not row.payload_provider:
        return None
    try:
        return from_bytes(
            sealing.open_envelope(tx, row.provider_agency, row.payload_provider, place(row, row.provider_agency)),
        )
    except CannotOpen:
        return None


def looked_up(tx: Transaction, subject: Subject) -> Sequence[IdentityRequest]:
    """The approved requests by which somebody saw who this is, oldest first: each is a disclosure of identity too."""
    opened = IdentityRequest.subject_id == subject.id, IdentityRequest.opened_at.is_not(None)
    return tx.session.scalars(select(IdentityRequest).where(*opened).order_by(IdentityRequest.opened_at)).all()


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody of an organisation, in these roles, read about the person on a day."""

    on: date
    agency: str
    roles: tuple[str, ...]
    what: str


def read_about(
    tx: Transaction, signal: Signal, subject: Subject, disclosed: Sequence[Sent]
) -> tuple[list[Reader], int]:
    """Who read about the person, and how many entries no longer tell whether it was about this one."""
    disclosures = [one.row.reference for one in disclosed]
    by_term = select(LogTerm.seq).where(LogTerm.name == "signal", LogTerm.value == signal.reference)
    query = (
        select(
            LogEntry.entry, LogEntry.action, LogEntry.agency, LogEntry.object, LogEntry.recorded_at, LogDetail.details
        )
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(
            LogEntry.action.in_(READS),
            LogEntry.outcome == "ok",
            or_(
                LogEntry.object == signal.reference,
                LogEntry.object.in_(disclosures),
                LogEntry.seq.in_(by_term) & (LogEntry.action != "disclosure:consult"),
            ),
        )
        .order_by(LogEntry.seq)
    )
    found, unknown = [], 0
    for row in tx.session.execute(query):
        details = json.loads(row.details) if row.details is not None else None
        if row.action == "identity:consult" and details is None:
            unknown += 1
        elif row.action != "identity:consult" or details is None or details.get("subject") == subject.number:
            found.append(Reader(day_of(row.recorded_at), row.agency, _roles(row.entry), row.action))
    return found, unknown


def _roles(entry: bytes) -> tuple[str, ...]:
    try:
        return tuple(filter(None, parse(entry).role.split(",")))
    except AuditError:
        return ()


def named_agencies(tx: Transaction, signal: Signal, subject: Subject) -> list[str]:
    """The other organisations that the report would name: those that can be left out."""
    disclosed = disclosed_about(tx, signal, subject)
    reads, _unknown = read_about(tx, signal, subject, disclosed)
    named = {one.recipient for one in disclosed} | {one.agency for one in reads}
    titles = agency_titles(tx)
    return sorted(named - {signal.owner_agency}, key=lambda one: titles.get(one, one))
