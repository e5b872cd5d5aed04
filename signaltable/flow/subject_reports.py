"""Who saw this person's data (GDPR art. 15): asked by a privacy officer, and made only after somebody found it safe.

The danger is that an exploiter learns of the signal by asking. So whoever asked never decides: a person who knows the case
answers the safety check (policies/safety_check.toml) first, and what an answer blocks cannot be chosen. The report names
organisations, moments and kinds of data: recipients as they are (CJEU C-154/21), no employees (CJEU C-579/21), no other
people, no links, no answers of partners.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import undefer_group

from audit.entry import parse
from audit.errors import AuditError
from signaltable.access import Allowed, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, DisclosureState, NotFound, Refused, Resource, UnusableInput, day_of
from signaltable.flow import mailing, naming, sealing
from signaltable.flow.contents import MASKED, NARRATIVE
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.meanwhile import require_version
from signaltable.flow.references import fresh_reference
from signaltable.flow.referrals import place
from signaltable.flow.work import MOST, WorkItem
from signaltable.grounds import Ground
from signaltable.keys import CannotOpen
from signaltable.models import (
    Disclosure,
    IdentityRequest,
    LogDetail,
    LogEntry,
    LogTerm,
    Signal,
    Subject,
    SubjectField,
    SubjectReport,
)
from signaltable.payload import Payload, from_bytes
from signaltable.policy_shapes import SafetyCheckFile
from signaltable.queries import PageKey, agency_titles, kept_from_subject, mine, newest_first, subject_not_kept_from
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction

ASKERS: Final = ("self", "representative", "lawyer", "other")
DECISIONS: Final = ("hand_over", "partly", "postpone", "refuse")
GIVEN: Final = ("hand_over", "partly")
TEXT_LIMIT: Final = 2000
MINOR_BANDS: Final = ("minor", "doubt")
# Who stands in a signal under one of these may be the very danger that the safety check asks about.
SUSPECTED: Final = ("possible_perpetrator", "facilitator")

# What is wrong with a request or a decision; pages have words for each.
NO_SUBJECT: Final = "expected a signal of the own agency and the number of a subject in it"
NO_CHOICE: Final = "expected one of the choices"
BLOCKED: Final = "expected a decision that the answers allow"
TOO_SHORT: Final = "expected a reason of at least so many characters"
IS_MINOR: Final = "expected an answer for a minor, because the signal says so"
BAD_DAY: Final = "expected a day from tomorrow on and within the term"
NOBODY_LEFT_OUT: Final = "expected at least one organisation that is left out"
NO_EXCEPTION: Final = "expected on what it rests"

# Acts by which somebody read about the person: in the case, at the table, or as the receiver of a disclosure.
_READS: Final = ("signal:consult", "identity:consult", "table:consult", "enrich:consult", "disclosure:consult")


@dataclass(frozen=True, slots=True)
class ReportLine:
    """A request in the list: its reference and where it stands, and nothing about whom."""

    reference: str
    requested_at: datetime
    due_on: date
    state: str
    postponed_until: date | None
    available_until: datetime | None
    own_request: bool


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """A request with what was asked and decided, for people of the owning agency."""

    line: ReportLine
    signal: str
    number: int
    asker: str
    reason: str
    answers: Mapping[str, str]
    exception: str
    decision_reason: str
    left_out: tuple[str, ...]
    agencies: tuple[tuple[str, str], ...]
    check: SafetyCheckFile
    is_minor: bool
    is_suspected: bool
    may_decide: bool
    may_read: bool


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


# -- asking -------------------------------------------------------------------------------------------------------


def request(tx: Transaction, signal_reference: str, number: int | None, *, asker: str, reason: str) -> str:
    """Ask for a report about one subject of an own signal; its reference. Whoever may decide hears that work waits.

    Raises `UnusableInput` (subject, asker, reason); a signal of another agency reads as one that does not exist.
    `Conflict` (waiting) while an earlier request about the same subject is open.
    """
    _gate(tx, Permission.REPORT_REQUEST_OWN)
    signal, subject = _subject(tx, signal_reference, number)
    problems = dict(words_problems("reason", reason))
    if asker not in ASKERS:
        problems["asker"] = NO_CHOICE
    if signal is None or subject is None:
        problems["subject"] = NO_SUBJECT
    if signal is None or subject is None or problems:
        raise UnusableInput(problems)
    if any(_state(tx, row) in {"waiting", "postpone", *GIVEN} for row in _of_subject(tx, subject)):
        raise Conflict("waiting", "an earlier request about the same person is open")
    row = _store(tx, subject, asker, reason.strip())
    waits = ("report", row.reference)
    mailing.tell_agency(tx, [row.agency_id], Permission.REPORT_DECIDE_OWN, "report-check", task=waits)
    tx.record(
        "report:request",
        object_type="report",
        object_id=row.reference,
        details={
            "report": row.reference,
            "signal": signal.reference,
            "motivation_hash": hashlib.sha256(row.reason_sealed).hexdigest(),
        },
        subjects=[subject.id],
    )
    return row.reference


def _gate(tx: Transaction, *needed: Permission) -> None:
    """Raise `Refused` unless the actor's role holds one of these, for the own agency."""
    if not any(isinstance(may(tx.actor, one), Allowed) for one in needed):
        require(tx.actor, needed[0], Resource("report", owner_agency=tx.actor.agency_id))


def safety_check(tx: Transaction) -> SafetyCheckFile:
    """The questions that come before a person learns of data or has them erased. Raises `NotFound` without them."""
    check = tx.program.policy.safety_check
    if check is None:
        raise NotFound("these rules hold no safety check")
    return check


def _subject(tx: Transaction, reference: str, number: int | None) -> tuple[Signal | None, Subject | None]:
    own = Signal.reference == reference.strip().upper(), Signal.owner_agency == tx.actor.agency_id
    signal = tx.session.scalars(select(Signal).where(*own)).first()
    if signal is None or signal.id in mine(tx):
        return None, None
    wanted = Subject.signal_id == signal.id, Subject.number == number, Subject.kind == "person"
    return signal, tx.session.scalars(select(Subject).where(*wanted)).first()


def words_problems(place_name: str, text: str) -> Iterator[tuple[str, str]]:
    """What is wrong with words that stay sealed for the own agency: names may stand in them, a BSN never."""
    words = text.strip()
    if not words:
        yield place_name, NO_TEXT
    elif len(words) > TEXT_LIMIT:
        yield place_name, TOO_LONG
    elif contains_bsn(words):
        yield place_name, HAS_BSN
    elif len(words) < MOTIVATION_LENGTH:
        yield place_name, TOO_SHORT


def _of_subject(tx: Transaction, subject: Subject) -> Sequence[SubjectReport]:
    return tx.session.scalars(select(SubjectReport).where(SubjectReport.subject_id == subject.id)).all()


def _store(tx: Transaction, subject: Subject, asker: str, reason: str) -> SubjectReport:
    row = SubjectReport(
        id=tx.new_id(),
        reference=fresh_reference(tx, "R", SubjectReport.reference),
        agency_id=tx.actor.agency_id,
        subject_id=subject.id,
        requested_by=tx.actor.account_id,
        requested_at=tx.now,
        decision="",
        answers={},
        decided_by="",
        decision_sealed=b"",
    )
    said = {"asker": asker, "reason": reason}
    row.reason_sealed = sealing.seal_json(tx, row.agency_id, said, _place(row, "reason_sealed"))
    tx.session.add(row)
    tx.session.flush()
    return row


def _place(row: SubjectReport, column: str) -> str:
    return f"subject_reports|{column}|{row.id}"


# -- reading requests ---------------------------------------------------------------------------------------------


def listing(tx: Transaction, after: PageKey | None = None) -> tuple[tuple[ReportLine, ...], PageKey | None]:
    """The requests of the own agency, newest first: references and states only; that is recorded."""
    _gate(tx, Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
    query = select(SubjectReport).where(
        SubjectReport.agency_id == tx.actor.agency_id, subject_not_kept_from(tx, SubjectReport.subject_id)
    )
    shown, following = newest_first(tx, query, SubjectReport.requested_at, SubjectReport.id, after)
    tx.record("report:consult", object_type="report", details={"report": "", "view": "reports", "count": len(shown)})
    return tuple(_line(tx, row) for row in shown), following


def _line(tx: Transaction, row: SubjectReport) -> ReportLine:
    return ReportLine(
        reference=row.reference,
        requested_at=row.requested_at,
        due_on=day_of(row.requested_at) + timedelta(days=safety_check(tx).answer_days),
        state=_state(tx, row),
        postponed_until=row.postponed_until,
        available_until=row.available_until,
        own_request=row.requested_by == tx.actor.account_id,
    )


def _state(tx: Transaction, row: SubjectReport) -> str:
    """waiting, hand_over, partly, postpone, refuse, or gone once its term is over."""
    if row.decision in GIVEN and (row.available_until is None or row.available_until <= tx.now):
        return "gone"
    return row.decision or "waiting"


def consult(tx: Transaction, reference: str) -> ReportRequest:
    """One request of the own agency; recorded. Raises `NotFound`, also for that of another agency."""
    row = _row(tx, reference)
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    asked, decided = _sealed(tx, row, "reason_sealed"), _sealed(tx, row, "decision_sealed")
    tx.record(
        "report:consult",
        object_type="report",
        object_id=row.reference,
        details={"report": row.reference, "view": "request", "signal": signal.reference},
        subjects=[subject.id],
    )
    line = _line(tx, row)
    titles = agency_titles(tx)
    return ReportRequest(
        line=line,
        signal=signal.reference,
        number=subject.number,
        asker=asked.get("asker", ""),
        reason=asked.get("reason", ""),
        answers=dict(row.answers),
        exception=decided.get("exception", ""),
        decision_reason=decided.get("reason", ""),
        left_out=tuple(titles.get(one, one) for one in decided.get("left_out", ())),
        agencies=tuple((one, titles.get(one, one)) for one in _agencies(tx, signal, subject)),
        check=safety_check(tx),
        is_minor=_is_minor(signal, subject),
        is_suspected=subject.role in SUSPECTED,
        may_decide=_may_decide(tx, row) and line.state not in {"refuse", "gone"},
        may_read=line.state in GIVEN,
    )


def _row(tx: Transaction, reference: str, *, locked: bool = False) -> SubjectReport:
    _gate(tx, Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
    query = select(SubjectReport).where(
        SubjectReport.reference == reference.strip().upper(), SubjectReport.agency_id == tx.actor.agency_id
    )
    query = query.options(undefer_group("sealed"))
    row = tx.session.scalars(query.with_for_update() if locked else query).first()
    if row is None:
        raise NotFound("no such request")
    if tx.actor.account_id in kept_from_subject(tx, row.subject_id):
        details = {"permission": Permission.REPORT_REQUEST_OWN.value}
        raise Refused("conflict_of_interest", object_type="report", object_id=row.reference, details=details)
    return row


def _sealed(tx: Transaction, row: SubjectReport, column: str) -> dict[str, Any]:
    envelope: bytes = getattr(row, column)
    return sealing.open_json(tx, row.agency_id, envelope, _place(row, column)) if envelope else {}


def _may_decide(tx: Transaction, row: SubjectReport) -> bool:
    allowed = isinstance(may(tx.actor, Permission.REPORT_DECIDE_OWN), Allowed)
    return allowed and row.requested_by != tx.actor.account_id


def _is_minor(signal: Signal, subject: Subject) -> bool:
    return subject.age_band in MINOR_BANDS or "minor" in signal.flags


def _agencies(tx: Transaction, signal: Signal, subject: Subject) -> list[str]:
    """The other organisations that the report would name: those that can be left out."""
    disclosed = disclosed_about(tx, signal, subject)
    reads, _unknown = _read(tx, signal, subject, disclosed)
    named = {one.recipient for one in disclosed} | {one.agency for one in reads}
    titles = agency_titles(tx)
    return sorted(named - {signal.owner_agency}, key=lambda one: titles.get(one, one))


# -- deciding -----------------------------------------------------------------------------------------------------


def blocked(check: SafetyCheckFile, answers: Mapping[str, str]) -> frozenset[str]:
    """The decisions that these answers forbid; without an answer to a question nothing may be handed over."""
    forbidden: set[str] = set()
    for question in check.question:
        answer = next((one for one in question.answer if one.id == answers.get(question.id)), None)
        forbidden |= set(answer.blocks) if answer else set(GIVEN)
    return frozenset(forbidden)


def decide(
    tx: Transaction,
    reference: str,
    *,
    answers: Mapping[str, str],
    decision: str,
    reason: str,
    exception: str = "",
    until: date | None = None,
    left_out: Sequence[str] = (),
    version: int | None = None,
) -> None:
    """Answer the safety check and decide. May be decided again as long as the report can still be read or was put off.

    `version` is what `meanwhile.version_of` gave when the form was shown. Raises `UnusableInput` by place, `Conflict`
    (decided; version: somebody decided meanwhile), `NotFound`, and `Refused` (own_request) for whoever asked.
    """
    row = _row(tx, reference, locked=True)
    kept = kept_from_subject(tx, row.subject_id)
    resource = Resource("report", row.reference, owner_agency=row.agency_id, requester=row.requested_by, kept_from=kept)
    require(tx.actor, Permission.REPORT_DECIDE_OWN, resource)
    require_version(tx, version, row.reference, "report:decide")
    if _state(tx, row) in {"refuse", "gone"}:
        raise Conflict("decided", "this request was decided for good")
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    known = set(_agencies(tx, signal, subject)) if left_out else set()
    problems = dict(_problems(tx, signal, subject, answers, decision, reason, exception, until, left_out, known))
    if problems:
        raise UnusableInput(problems)
    _write(tx, row, answers, decision, reason.strip(), exception, until, left_out)
    mailing.tell(tx, [row.requested_by], "answer", task=("report", row.reference))
    ends = {"expires_at": milliseconds(row.available_until)} if row.available_until else {}
    tx.record(
        "report:decide",
        object_type="report",
        object_id=row.reference,
        details={
            "report": row.reference,
            "decision": decision,
            "signal": signal.reference,
            "requester": row.requested_by,
            "motivation_hash": hashlib.sha256(row.decision_sealed).hexdigest(),
            **({"ground": exception} if exception else {}),
            **ends,
        },
        subjects=[subject.id],
    )


def _problems(
    tx: Transaction,
    signal: Signal,
    subject: Subject,
    answers: Mapping[str, str],
    decision: str,
    reason: str,
    exception: str,
    until: date | None,
    left_out: Sequence[str],
    known: set[str],
) -> Iterator[tuple[str, str]]:
    check = safety_check(tx)
    for question in check.question:
        if answers.get(question.id) not in {one.id for one in question.answer}:
            yield question.id, NO_CHOICE
    if answers.get("minor") == "adult" and _is_minor(signal, subject):
        yield "minor", IS_MINOR
    if decision not in DECISIONS:
        yield "decision", NO_CHOICE
    elif decision in blocked(check, answers):
        yield "decision", BLOCKED
    yield from words_problems("reason", reason)
    if decision != "hand_over" and exception not in {one.id for one in check.exception}:
        yield "exception", NO_EXCEPTION
    if decision == "postpone" and not (until and tx.today < until <= tx.today + timedelta(days=check.postpone_days)):
        yield "until", BAD_DAY
    if set(left_out) - known:
        yield "left_out", NO_CHOICE
    elif decision == "partly" and not left_out:
        yield "left_out", NOBODY_LEFT_OUT


def _write(
    tx: Transaction,
    row: SubjectReport,
    answers: Mapping[str, str],
    decision: str,
    reason: str,
    exception: str,
    until: date | None,
    left_out: Sequence[str],
) -> None:
    check = safety_check(tx)
    said = {
        "reason": reason,
        "exception": "" if decision == "hand_over" else exception,
        "left_out": sorted(set(left_out)) if decision == "partly" else [],
        "before": [*_sealed(tx, row, "decision_sealed").get("before", ()), *_before(tx, row)],
    }
    row.decision_sealed = sealing.seal_json(tx, row.agency_id, said, _place(row, "decision_sealed"))
    row.answers = {question.id: answers[question.id] for question in check.question}
    row.decision, row.decided_by, row.decided_at = decision, tx.actor.account_id, tx.now
    row.postponed_until = until if decision == "postpone" else None
    row.available_until = tx.now + timedelta(days=check.available_days) if decision in GIVEN else None


def _before(tx: Transaction, row: SubjectReport) -> list[dict[str, Any]]:
    """What was decided earlier, so that a second decision does not wipe the first."""
    if not row.decision or row.decided_at is None:
        return []
    told = {name: value for name, value in _sealed(tx, row, "decision_sealed").items() if name != "before"}
    return [{**told, "decision": row.decision, "at": row.decided_at.isoformat(), "answers": dict(row.answers)}]


# -- the report ---------------------------------------------------------------------------------------------------


def report(tx: Transaction, reference: str, *, view: str = "report") -> Report:
    """The report, once somebody found it safe and as long as it is available; recorded.

    Raises `Conflict` (not_decided) before that, after it, and after another decision; `NotFound` for another agency.
    """
    row = _row(tx, reference)
    if _state(tx, row) not in GIVEN or row.available_until is None:
        raise Conflict("not_decided", "the safety check does not allow this report now")
    if blocked(safety_check(tx), row.answers) & {row.decision}:
        # The rules were made stricter since: what they block today is not handed over on an answer of yesterday.
        raise Conflict("not_decided", "the safety check does not allow this report now")
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    left_out = set(_sealed(tx, row, "decision_sealed").get("left_out", ()))
    titles = agency_titles(tx)
    disclosed = disclosed_about(tx, signal, subject)
    reads, unknown = _read(tx, signal, subject, disclosed)
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
            *(_shown(tx, one, titles) for one in _looked_up(tx, subject) if one.agency_id not in left_out),
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


def _looked_up(tx: Transaction, subject: Subject) -> Sequence[IdentityRequest]:
    """The approved requests by which somebody saw who this is, oldest first: each is a disclosure of identity too."""
    opened = IdentityRequest.subject_id == subject.id, IdentityRequest.opened_at.is_not(None)
    return tx.session.scalars(select(IdentityRequest).where(*opened).order_by(IdentityRequest.opened_at)).all()


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


@dataclass(frozen=True, slots=True)
class _Reader:
    on: date
    agency: str
    roles: tuple[str, ...]
    what: str


def _read(tx: Transaction, signal: Signal, subject: Subject, disclosed: Sequence[Sent]) -> tuple[list[_Reader], int]:
    """Who read about the person, and how many entries no longer tell whether it was about this one."""
    disclosures = [one.row.reference for one in disclosed]
    by_term = select(LogTerm.seq).where(LogTerm.name == "signal", LogTerm.value == signal.reference)
    query = (
        select(
            LogEntry.entry, LogEntry.action, LogEntry.agency, LogEntry.object, LogEntry.recorded_at, LogDetail.details
        )
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(
            LogEntry.action.in_(_READS),
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
            found.append(_Reader(day_of(row.recorded_at), row.agency, _roles(row.entry), row.action))
    return found, unknown


def _roles(entry: bytes) -> tuple[str, ...]:
    try:
        return tuple(filter(None, parse(entry).role.split(",")))
    except AuditError:
        return ()


def _readings(reads: Iterable[_Reader], titles: Mapping[str, str]) -> Iterator[Reading]:
    counted = Counter(reads)
    for one in sorted(counted, key=lambda reader: (reader.on, reader.agency, reader.roles, reader.what)):
        if one.agency in titles:
            yield Reading(one.on, titles[one.agency], one.roles, one.what, counted[one])


# -- the end ------------------------------------------------------------------------------------------------------


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The requests of the own agency that wait for the safety check of somebody who did not ask, each with its last day."""
    query = (
        select(SubjectReport.reference, SubjectReport.requested_at, SubjectReport.postponed_until, Subject.signal_id)
        .join(Subject, Subject.id == SubjectReport.subject_id)
        .where(*_for_actor(tx))
        .order_by(SubjectReport.requested_at, SubjectReport.id)
    )
    within = timedelta(days=safety_check(tx).answer_days)
    for row in tx.lists.execute(query.limit(MOST)):
        due = row.postponed_until or day_of(row.requested_at) + within
        yield WorkItem("reports", row.reference, row.reference, row.requested_at, due, about=(row.signal_id,))


def _for_actor(tx: Transaction) -> tuple[ColumnElement[bool], ...]:
    postponed = and_(SubjectReport.decision == "postpone", SubjectReport.postponed_until <= tx.today)
    return (
        SubjectReport.agency_id == tx.actor.agency_id,
        SubjectReport.requested_by != tx.actor.account_id,
        or_(SubjectReport.decision == "", postponed),
    )


def unanswered(now: datetime) -> ColumnElement[bool]:
    """Which requests are not finished: not decided, postponed, or a report that can still be read.

    As long as somebody waits for an answer, nothing is erased that it would have to tell (GDPR art. 12(3), 15).
    """
    handing_over = SubjectReport.available_until.is_not(None) & (SubjectReport.available_until > now)
    return or_(SubjectReport.decided_at.is_(None), SubjectReport.decision == "postpone", handing_over)


def erase_of(tx: Transaction, signal: Signal) -> None:
    """At the end of the term of a signal: what was asked and answered about its people goes; that it was, stays."""
    subjects = select(Subject.id).where(Subject.signal_id == signal.id)
    tx.session.execute(
        update(SubjectReport)
        .where(SubjectReport.subject_id.in_(subjects))
        .values(reason_sealed=b"", decision_sealed=b"", answers={}, available_until=None),
    )
