"""Erasing one person before the time of a signal is over (GDPR art. 17): asked by one, decided by another.

Whoever asked never decides. The page lists what hangs on the person, and an answer of the safety check that blocks keeps
the person where they are. What is erased is gone everywhere in the program; receivers of disclosures that named the person
are asked to erase theirs (GDPR art. 19).
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.orm import undefer_group

from signaltable.access import OWN_CASE, Allowed, Permission, may, require
from signaltable.domain import Conflict, DisclosureState, LinkState, NotFound, Refused, Resource, UnusableInput
from signaltable.flow import (
    chains,
    duty_kinds,
    duty_rows,
    evidence_store,
    forgetting,
    mailing,
    sealing,
    signals,
    subject_reports,
)
from signaltable.flow.moves import end_request
from signaltable.flow.references import fresh_reference
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import (
    AgendaItem,
    Attachment,
    Disclosure,
    Duty,
    IdentityRequest,
    Question,
    Signal,
    Subject,
    SubjectErasure,
    SubjectReport,
)
from signaltable.policy_shapes import SafetyCheckFile
from signaltable.queries import (
    PageKey,
    agency_titles,
    kept_from_subject,
    links_of,
    mine,
    newest_first,
    subject_not_kept_from,
)
from signaltable.transaction import Transaction

WAITING, ERASED, REFUSED, GONE = "waiting", "erased", "refused", "gone"
OBJECT: Final = "erasure"

# What is wrong with a request or a decision; pages have words for each.
NO_SUBJECT: Final = "expected a signal of the own agency and the number of a subject in it that is still there"
NO_CHOICE: Final = "expected one of the choices"
NO_EXCEPTION: Final = "expected on what the refusal rests"
BLOCKED: Final = "expected answers that allow erasing"


@dataclass(frozen=True, slots=True)
class ErasureLine:
    """A request in the list: its reference and where it stands, and nothing about whom."""

    reference: str
    asked_at: datetime
    state: str
    decided_at: datetime | None
    own_request: bool


@dataclass(frozen=True, slots=True)
class Given:
    """A disclosure that named the person: to whom, and whether its receiver still holds it."""

    reference: str
    recipient: str
    state: str
    held: bool


@dataclass(frozen=True, slots=True)
class Hanging:
    """What hangs on a person, in numbers, and the disclosures that named them."""

    given: tuple[Given, ...]
    duties: int
    links: int
    proposed_links: int
    agenda: int
    questions: int
    identity_requests: int
    attachments: int
    report_open: bool
    others: int


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """A request with what was asked and decided, for people of the owning agency."""

    line: ErasureLine
    signal: str
    number: int
    role: str
    ground: str
    reason: str
    exception: str
    answers: Mapping[str, str]
    decision_reason: str
    told: int
    hanging: Hanging | None
    check: SafetyCheckFile
    may_decide: bool


# -- asking -------------------------------------------------------------------------------------------------------


def request(tx: Transaction, signal_reference: str, number: int | None, *, ground: str, reason: str) -> str:
    """Ask to erase one subject of an own signal; its reference. Whoever may decide hears that work waits.

    Raises `UnusableInput` (subject, ground, reason); a signal of another agency reads as one that does not exist.
    `Conflict` (waiting) while an earlier request about the same subject is open.
    """
    require(tx.actor, Permission.ERASURE_REQUEST_OWN, Resource(OBJECT, owner_agency=tx.actor.agency_id))
    signal, subject = _subject(tx, signal_reference, number)
    problems = dict(subject_reports.words_problems("reason", reason))
    if ground not in {one.id for one in subject_reports.safety_check(tx).erasure_ground}:
        problems["ground"] = NO_CHOICE
    if signal is None or subject is None:
        problems["subject"] = NO_SUBJECT
    if signal is None or subject is None or problems:
        raise UnusableInput(problems)
    tx.session.refresh(subject, with_for_update=True)  # A double click waits here, and finds the first one made.
    same = SubjectErasure.subject_id == subject.id, SubjectErasure.state == WAITING
    if tx.session.scalar(select(SubjectErasure.id).where(*same).limit(1)):
        raise Conflict("waiting", "an earlier request about the same person is open")
    row = _store(tx, subject, ground, reason.strip())
    waits = ("erasure", row.reference)
    mailing.tell_agency(tx, [row.agency_id], Permission.ERASURE_DECIDE_OWN, "erasure-request", task=waits)
    tx.record(
        "subject:request",
        object_type=OBJECT,
        object_id=row.reference,
        details={
            "request": row.reference,
            "signal": signal.reference,
            "subject": subject.number,
            "ground": ground,
            "motivation_hash": hashlib.sha256(row.asked_sealed).hexdigest(),
        },
        subjects=[subject.id],
    )
    return row.reference


def _subject(tx: Transaction, reference: str, number: int | None) -> tuple[Signal | None, Subject | None]:
    own = Signal.reference == reference.strip().upper(), Signal.owner_agency == tx.actor.agency_id
    signal = tx.session.scalars(select(Signal).where(*own)).first()
    if signal is None or signal.id in mine(tx):
        return None, None
    wanted = Subject.signal_id == signal.id, Subject.number == number, Subject.erased_at.is_(None)
    return signal, tx.session.scalars(select(Subject).where(*wanted)).first()


def _store(tx: Transaction, subject: Subject, ground: str, reason: str) -> SubjectErasure:
    row = SubjectErasure(
        id=tx.new_id(),
        reference=fresh_reference(tx, "E", SubjectErasure.reference),
        subject_id=subject.id,
        agency_id=tx.actor.agency_id,
        account_id=tx.actor.account_id,
        ground=ground,
        state=WAITING,
        asked_at=tx.now,
        decided_by="",
        exception="",
        answers={},
        answer_sealed=b"",
        told=0,
    )
    row.asked_sealed = sealing.seal_json(tx, row.agency_id, {"reason": reason}, _place(row, "asked_sealed"))
    tx.session.add(row)
    tx.session.flush()
    return row


def _place(row: SubjectErasure, column: str) -> str:
    return f"subject_erasures|{column}|{row.id}"


# -- reading requests ---------------------------------------------------------------------------------------------


def listing(tx: Transaction, after: PageKey | None = None) -> tuple[tuple[ErasureLine, ...], PageKey | None]:
    """The requests of the own agency, newest first: references and states only; that is recorded."""
    _gate(tx)
    query = select(SubjectErasure).where(
        SubjectErasure.agency_id == tx.actor.agency_id, subject_not_kept_from(tx, SubjectErasure.subject_id)
    )
    shown, following = newest_first(tx, query, SubjectErasure.asked_at, SubjectErasure.id, after)
    tx.record("report:consult", object_type=OBJECT, details={"report": "", "view": "erasures", "count": len(shown)})
    return tuple(_line(tx, row) for row in shown), following


def _gate(tx: Transaction) -> None:
    needed = (Permission.ERASURE_REQUEST_OWN, Permission.ERASURE_DECIDE_OWN)
    if not any(isinstance(may(tx.actor, one), Allowed) for one in needed):
        require(tx.actor, needed[0], Resource(OBJECT, owner_agency=tx.actor.agency_id))


def _line(tx: Transaction, row: SubjectErasure) -> ErasureLine:
    gone = row.state == WAITING and tx.session.get_one(Subject, row.subject_id).erased_at is not None
    return ErasureLine(
        reference=row.reference,
        asked_at=row.asked_at,
        state=GONE if gone else row.state,
        decided_at=row.decided_at,
        own_request=row.account_id == tx.actor.account_id,
    )


def consult(tx: Transaction, reference: str) -> ErasureRequest:
    """One request of the own agency, with what hangs on the person; recorded. Raises `NotFound`, also for others'."""
    row = _row(tx, reference)
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    asked, decided = _sealed(tx, row, "asked_sealed"), _sealed(tx, row, "answer_sealed")
    line = _line(tx, row)
    tx.record(
        "report:consult",
        object_type=OBJECT,
        object_id=row.reference,
        details={"report": row.reference, "view": "erasure", "signal": signal.reference},
        subjects=[subject.id],
    )
    return ErasureRequest(
        line=line,
        signal=signal.reference,
        number=subject.number,
        role=subject.role,
        ground=row.ground,
        reason=asked.get("reason", ""),
        exception=row.exception,
        answers=dict(row.answers),
        decision_reason=decided.get("reason", ""),
        told=row.told,
        hanging=hanging(tx, signal, subject) if line.state == WAITING else None,
        check=subject_reports.safety_check(tx),
        may_decide=line.state == WAITING and not line.own_request and _decides(tx),
    )


def _decides(tx: Transaction) -> bool:
    return isinstance(may(tx.actor, Permission.ERASURE_DECIDE_OWN), Allowed)


def _row(tx: Transaction, reference: str, *, locked: bool = False) -> SubjectErasure:
    _gate(tx)
    query = select(SubjectErasure).where(
        SubjectErasure.reference == reference.strip().upper(), SubjectErasure.agency_id == tx.actor.agency_id
    )
    query = query.options(undefer_group("sealed"))
    row = tx.session.scalars(query.with_for_update() if locked else query).first()
    if row is None:
        raise NotFound("no such request")
    if tx.actor.account_id in kept_from_subject(tx, row.subject_id):
        details = {"permission": Permission.ERASURE_REQUEST_OWN.value}
        raise Refused("conflict_of_interest", object_type=OBJECT, object_id=row.reference, details=details)
    return row


def _sealed(tx: Transaction, row: SubjectErasure, column: str) -> dict[str, Any]:
    envelope: bytes = getattr(row, column)
    return sealing.open_json(tx, row.agency_id, envelope, _place(row, column)) if envelope else {}


def hanging(tx: Transaction, signal: Signal, subject: Subject) -> Hanging:
    """What hangs on a person, for whoever decides. Opens the own copies of what was disclosed."""
    titles = agency_titles(tx)
    named = _naming(tx, signal, subject)
    links = [one.state for one in links_of(tx, [subject.id])]
    return Hanging(
        given=tuple(Given(one.reference, titles.get(one.recipient_agency, ""), one.state, _held(one)) for one in named),
        duties=_count(tx, Duty, Duty.disclosure_id.in_([one.id for one in named]), Duty.fulfilled_at.is_(None)),
        links=links.count(LinkState.CONFIRMED),
        proposed_links=links.count(LinkState.PROPOSED),
        agenda=_count(tx, AgendaItem, AgendaItem.signal_id == signal.id, AgendaItem.decision == ""),
        questions=_count(
            tx, Question, Question.subject_id == subject.id, Question.answer == "", Question.withdrawn_at.is_(None)
        ),
        identity_requests=_count(
            tx,
            IdentityRequest,
            IdentityRequest.subject_id == subject.id,
            IdentityRequest.state.in_(("waiting", "approved")),
        ),
        attachments=_count(tx, Attachment, Attachment.signal_id == signal.id),
        report_open=_report_open(tx, subject),
        others=_count(
            tx, Subject, Subject.signal_id == signal.id, Subject.id != subject.id, Subject.erased_at.is_(None)
        ),
    )


def _count(tx: Transaction, table: Any, *which: Any) -> int:
    return tx.session.scalar(select(func.count()).select_from(table).where(*which)) or 0


def _held(row: Disclosure) -> bool:
    # What was taken back is still there while its receiver did not erase it.
    held = {DisclosureState.DISCLOSED, DisclosureState.ACCEPTED, DisclosureState.REVOKED}
    return row.state in held and bool(row.payload_recipient)


def _report_open(tx: Transaction, subject: Subject) -> bool:
    """Whether somebody waits for who saw this person's data: until that is answered, nothing of it is erased."""
    return _count(tx, SubjectReport, SubjectReport.subject_id == subject.id, subject_reports.unanswered(tx.now)) > 0


def _naming(tx: Transaction, signal: Signal, subject: Subject) -> Sequence[Disclosure]:
    """The disclosures that name the person: those that were made, and those that wait for a second person."""
    made = [one.row for one in subject_reports.disclosed_about(tx, signal, subject)]
    waiting = tx.session.scalars(
        select(Disclosure)
        .where(
            Disclosure.signal_id == signal.id,
            Disclosure.parent_id.is_(None),
            Disclosure.state == DisclosureState.AWAITING_APPROVAL,
        )
        .options(undefer_group("sealed"))
        .order_by(Disclosure.reference),
    ).all()
    kept = [one for one in waiting if subject.number in evidence_store.read(tx, one, signal.owner_agency).chosen]
    return [*made, *kept]


# -- deciding -----------------------------------------------------------------------------------------------------


def blocks(check: SafetyCheckFile, answers: Mapping[str, str]) -> bool:
    """Whether these answers keep the person where they are; one that is missing does."""
    for question in check.erasure_question:
        answer = next((one for one in question.answer if one.id == answers.get(question.id)), None)
        if answer is None or answer.blocks:
            return True
    return False


def erase(tx: Transaction, reference: str, *, answers: Mapping[str, str], reason: str) -> int:
    """Erase the person at once; how many receivers are told to erase theirs.

    Raises `UnusableInput` (by question, decision, reason), `Conflict` (decided, report_open), `NotFound`, and `Refused`
    (no_permission, own_request).
    """
    row, signal, subject = _to_decide(tx, reference)
    check = subject_reports.safety_check(tx)
    problems = dict(subject_reports.words_problems("reason", reason))
    for question in check.erasure_question:
        if answers.get(question.id) not in {one.id for one in question.answer}:
            problems[question.id] = NO_CHOICE
    if not problems and blocks(check, answers):
        problems["decision"] = BLOCKED
    if problems:
        raise UnusableInput(problems)
    if _report_open(tx, subject):
        raise Conflict("report_open", "somebody waits for who saw the data of this person")
    told = _tell_receivers(tx, signal, subject)
    identity = signals.open_identity_of(tx, signal, subject, purpose=OWN_CASE)
    forgetting.mask_account(tx, signal, subject, identity)
    row.answers, row.told = dict(answers), len(told)
    _sign(tx, row, signal, subject, ERASED, reason, {"recipients_told": told})
    forgetting.forget_subject(tx, subject.id, cause="request")
    return len(told)


def refuse(tx: Transaction, reference: str, *, answers: Mapping[str, str], exception: str, reason: str) -> None:
    """Do not erase, on a ground for that and with a reason. Raises as `erase` does (exception)."""
    row, signal, subject = _to_decide(tx, reference)
    check = subject_reports.safety_check(tx)
    problems = dict(subject_reports.words_problems("reason", reason))
    if exception not in {one.id for one in check.erasure_exception}:
        problems["exception"] = NO_EXCEPTION
    if problems:
        raise UnusableInput(problems)
    known = {question.id: {one.id for one in question.answer} for question in check.erasure_question}
    row.exception = exception
    row.answers = {name: one for name, one in answers.items() if one in known.get(name, set())}
    _sign(tx, row, signal, subject, REFUSED, reason, {"exception": exception})


def _to_decide(tx: Transaction, reference: str) -> tuple[SubjectErasure, Signal, Subject]:
    row = _row(tx, reference, locked=True)
    kept = kept_from_subject(tx, row.subject_id)
    resource = Resource(OBJECT, row.reference, owner_agency=row.agency_id, requester=row.account_id, kept_from=kept)
    require(tx.actor, Permission.ERASURE_DECIDE_OWN, resource)
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    tx.session.refresh(signal, with_for_update=True)
    tx.session.refresh(subject, with_for_update=True)
    if row.state != WAITING or subject.erased_at is not None:
        raise Conflict("decided", "the request was decided already, or the person is erased")
    return row, signal, subject


def _sign(
    tx: Transaction,
    row: SubjectErasure,
    signal: Signal,
    subject: Subject,
    state: str,
    reason: str,
    more: Mapping[str, Any],
) -> None:
    row.state, row.decided_by, row.decided_at = state, tx.actor.account_id, tx.now
    row.answer_sealed = sealing.seal_json(tx, row.agency_id, {"reason": reason.strip()}, _place(row, "answer_sealed"))
    mailing.tell(tx, [row.account_id], "erasure-answer", task=("erasure", row.reference))
    tx.session.flush()
    tx.record(
        "subject:decide",
        object_type=OBJECT,
        object_id=row.reference,
        details={
            "request": row.reference,
            "signal": signal.reference,
            "subject": subject.number,
            "result": state,
            "requester": row.account_id,
            "motivation_hash": hashlib.sha256(row.answer_sealed).hexdigest(),
            **more,
        },
        subjects=[subject.id],
    )


def _tell_receivers(tx: Transaction, signal: Signal, subject: Subject) -> list[str]:
    """Ask every receiver of a disclosure that named the person to erase it, and end what still waits (GDPR art. 19).

    Also those to whom it was passed on, whose names are not the owner's to know. The own copy of what was sent goes: it
    names the person. That it was sent, when, on which ground, and its digest, stay.
    """
    told = []
    tree = chains.below(chains.of_signal(tx, signal.id, locked=True))
    for row in _naming(tx, signal, subject):
        if _tell_one(tx, signal, row):
            told.append(row.recipient_agency)
        for one in chains.under(row, tree):
            _tell_one(tx, signal, one)
    return sorted(set(told))


def _tell_one(tx: Transaction, signal: Signal, row: Disclosure) -> bool:
    row.payload_provider = b""
    if row.state != DisclosureState.AWAITING_APPROVAL:
        return duty_rows.ask_receiver(tx, row, duty_kinds.ERASED)
    end_request(tx, signal, row)
    mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))
    return False


# -- the end ------------------------------------------------------------------------------------------------------


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The requests of the own agency to erase somebody that wait for a person who did not ask."""
    query = (
        select(SubjectErasure.reference, SubjectErasure.asked_at, Subject.signal_id)
        .join(Subject, Subject.id == SubjectErasure.subject_id)
        .where(
            SubjectErasure.agency_id == tx.actor.agency_id,
            SubjectErasure.state == WAITING,
            SubjectErasure.account_id != tx.actor.account_id,
            Subject.erased_at.is_(None),
        )
        .order_by(SubjectErasure.asked_at, SubjectErasure.id)
    )
    for row in tx.lists.execute(query.limit(MOST)):
        yield WorkItem("erasures", row.reference, row.reference, row.asked_at, about=(row.signal_id,))


def erase_of(tx: Transaction, signal: Signal) -> None:
    """At the end of the term of a signal: the words about its people go; that it was asked and decided, stays."""
    subjects = select(Subject.id).where(Subject.signal_id == signal.id)
    for row in tx.session.scalars(select(SubjectErasure).where(SubjectErasure.subject_id.in_(subjects))).all():
        row.asked_sealed, row.answer_sealed, row.answers = b"", b"", {}
