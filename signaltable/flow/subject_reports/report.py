"""The report itself, computed when it is read: which organisations had the data and why, who read it, and nothing else."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from signaltable.domain import Conflict, DisclosureState, day_of
from signaltable.flow.subject_reports.deciding import blocked
from signaltable.flow.subject_reports.requests import GIVEN, row_of, safety_check, state_of, told_in
from signaltable.flow.subject_reports.traces import Reader, Sent, disclosed_about, looked_up, read_about
from signaltable.grounds import Ground
from signaltable.models import IdentityRequest, Signal, Subject, SubjectField
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class DisclosedTo:
    """One disclosure in which the person stood. `fields` are names of policies/fields.toml, None when no longer known."""

    at: datetime
    agency: str
    purpose: str
    ground_id: str
    ground: Ground | None
    fields: tuple[str, ...] | None
    returned: bool


@dataclass(frozen=True, slots=True)
class Reading:
    """People of one organisation in one role read about the person on one day, so many times."""

    on: date
    agency: str
    roles: tuple[str, ...]
    what: str
    times: int


@dataclass(frozen=True, slots=True)
class Report:
    """The report itself. `kinds` are the identity fields that are kept; `unknown` counts entries that no longer tell whom.

    Whether something was left out, and why, is no part of it: that can tell of an investigation.
    """

    reference: str
    agency: str
    made_at: datetime
    available_until: datetime
    recorded_at: datetime
    keep_until: date
    kinds: tuple[str, ...]
    erased_at: datetime | None
    disclosures: tuple[DisclosedTo, ...]
    readings: tuple[Reading, ...]
    unknown: int


def report(tx: Transaction, reference: str, *, view: str = "report") -> Report:
    """The report, once somebody found it safe and as long as it is available; recorded.

    Raises `Conflict` (not_decided) before that, after it, and after another decision; `NotFound` for another agency.
    """
    row = row_of(tx, reference)
    if state_of(tx, row) not in GIVEN or row.available_until is None:
        raise Conflict("not_decided", "the safety check does not allow this report now")
    if blocked(safety_check(tx), row.answers) & {row.decision}:
        # The rules were made stricter since: what they block today is not handed over on an answer of yesterday.
        raise Conflict("not_decided", "the safety check does not allow this report now")
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    left_out = set(told_in(tx, row, "decision_sealed").get("left_out", ()))
    titles = agency_titles(tx)
    disclosed = disclosed_about(tx, signal, subject)
    reads, unknown = read_about(tx, signal, subject, disclosed)
    made = Report(
        reference=row.reference,
        agency=titles.get(row.agency_id, ""),
        made_at=tx.now,
        available_until=row.available_until,
        recorded_at=signal.created_at,
        keep_until=signal.keep_until,
        kinds=tuple(
            tx.session.scalars(
                select(SubjectField.name).where(SubjectField.subject_id == subject.id).order_by(SubjectField.name),
            ),
        ),
        erased_at=subject.erased_at,
        disclosures=(
            *(_told(tx, one, titles) for one in disclosed if one.recipient not in left_out),
            *(_shown(tx, one, titles) for one in looked_up(tx, subject) if one.agency_id not in left_out),
        ),
        readings=tuple(_readings((one for one in reads if one.agency not in left_out), titles)),
        unknown=unknown,
    )
    tx.record(
        "report:consult",
        object_type="report",
        object_id=row.reference,
        details={
            "report": row.reference,
            "view": view,
            "signal": signal.reference,
            "count": len(made.disclosures) + len(made.readings),
        },
        subjects=[subject.id],
    )
    return made


def _shown(tx: Transaction, row: IdentityRequest, titles: Mapping[str, str]) -> DisclosedTo:
    at = row.opened_at or row.asked_at
    return DisclosedTo(
        at=at,
        agency=titles.get(row.agency_id, ""),
        purpose=row.purpose,
        ground_id=row.ground,
        ground=tx.program.policy.grounds.find(row.ground, day_of(at)),
        fields=tuple(row.fields),
        returned=False,
    )


def _told(tx: Transaction, sent: Sent, titles: Mapping[str, str]) -> DisclosedTo:
    at = sent.row.disclosed_at or sent.row.requested_at
    return DisclosedTo(
        at=at,
        agency=titles.get(sent.recipient, ""),
        purpose=sent.row.purpose,
        ground_id=sent.row.ground,
        ground=tx.program.policy.grounds.find(sent.row.ground, day_of(at)),
        fields=sent.fields,
        returned=sent.row.state == DisclosureState.RETURNED,
    )


def _readings(reads: Iterable[Reader], titles: Mapping[str, str]) -> Iterator[Reading]:
    counted = Counter(reads)
    for one in sorted(counted, key=lambda reader: (reader.on, reader.agency, reader.roles, reader.what)):
        if one.agency in titles:
            yield Reading(one.on, titles[one.agency], one.roles, one.what, counted[one])
