"""Asking who saw a person's data, and the requests of an organisation: references and states, and what was asked."""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import undefer_group

from signaltable.access import Allowed, Permission, may, require
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, NotFound, Refused, Resource, UnusableInput, day_of
from signaltable.flow import mailing, sealing
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.references import fresh_reference
from signaltable.flow.subject_reports.traces import named_agencies
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Signal, Subject, SubjectReport
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
    if any(state_of(tx, row) in {"waiting", "postpone", *GIVEN} for row in _of_subject(tx, subject)):
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
    row.reason_sealed = sealing.seal_json(tx, row.agency_id, said, place_of(row, "reason_sealed"))
    tx.session.add(row)
    tx.session.flush()
    return row


def place_of(row: SubjectReport, column: str) -> str:
    """What binds the sealed words of a request to their place."""
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
        state=state_of(tx, row),
        postponed_until=row.postponed_until,
        available_until=row.available_until,
        own_request=row.requested_by == tx.actor.account_id,
    )


def state_of(tx: Transaction, row: SubjectReport) -> str:
    """waiting, hand_over, partly, postpone, refuse, or gone once its term is over."""
    if row.decision in GIVEN and (row.available_until is None or row.available_until <= tx.now):
        return "gone"
    return row.decision or "waiting"


def consult(tx: Transaction, reference: str) -> ReportRequest:
    """One request of the own agency; recorded. Raises `NotFound`, also for that of another agency."""
    row = row_of(tx, reference)
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    asked, decided = told_in(tx, row, "reason_sealed"), told_in(tx, row, "decision_sealed")
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
        agencies=tuple((one, titles.get(one, one)) for one in named_agencies(tx, signal, subject)),
        check=safety_check(tx),
        is_minor=is_minor(signal, subject),
        is_suspected=subject.role in SUSPECTED,
        may_decide=_may_decide(tx, row) and line.state not in {"refuse", "gone"},
        may_read=line.state in GIVEN,
    )


def row_of(tx: Transaction, reference: str, *, locked: bool = False) -> SubjectReport:
    """The request of the own agency, for who may ask or decide. Raises `NotFound`, and `Refused` for who is kept from the person."""
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


def told_in(tx: Transaction, row: SubjectReport, column: str) -> dict[str, Any]:
    """What was sealed for the own agency in a column of a request; empty when there is nothing."""
    envelope: bytes = getattr(row, column)
    return sealing.open_json(tx, row.agency_id, envelope, place_of(row, column)) if envelope else {}


def _may_decide(tx: Transaction, row: SubjectReport) -> bool:
    allowed = isinstance(may(tx.actor, Permission.REPORT_DECIDE_OWN), Allowed)
    return allowed and row.requested_by != tx.actor.account_id


def is_minor(signal: Signal, subject: Subject) -> bool:
    """Whether the signal says, or doubts, that the person is a minor."""
    return subject.age_band in MINOR_BANDS or "minor" in signal.flags


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
