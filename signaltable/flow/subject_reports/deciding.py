"""The safety check and what follows from it: whether a report may go to whoever asks, decided by somebody else."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, Resource, UnusableInput
from signaltable.flow import mailing, sealing
from signaltable.flow.meanwhile import require_version
from signaltable.flow.subject_reports.requests import (
    BAD_DAY,
    BLOCKED,
    DECISIONS,
    GIVEN,
    IS_MINOR,
    NO_CHOICE,
    NO_EXCEPTION,
    NOBODY_LEFT_OUT,
    is_minor,
    place_of,
    row_of,
    safety_check,
    state_of,
    told_in,
    words_problems,
)
from signaltable.flow.subject_reports.traces import named_agencies
from signaltable.models import Signal, Subject, SubjectReport
from signaltable.policy_shapes import SafetyCheckFile
from signaltable.queries import kept_from_subject
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class _Given:
    """The answers to the safety check and the decision, as somebody gave them."""

    answers: Mapping[str, str]
    decision: str
    reason: str
    exception: str
    until: date | None
    left_out: frozenset[str]


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
    row = row_of(tx, reference, locked=True)
    kept = kept_from_subject(tx, row.subject_id)
    resource = Resource("report", row.reference, owner_agency=row.agency_id, requester=row.requested_by, kept_from=kept)
    require(tx.actor, Permission.REPORT_DECIDE_OWN, resource)
    require_version(tx, version, row.reference, "report:decide")
    if state_of(tx, row) in {"refuse", "gone"}:
        raise Conflict("decided", "this request was decided for good")
    subject = tx.session.get_one(Subject, row.subject_id)
    signal = tx.session.get_one(Signal, subject.signal_id)
    given = _Given(answers, decision, reason.strip(), exception, until, frozenset(left_out))
    problems = dict(_problems(tx, signal, subject, given))
    if problems:
        raise UnusableInput(problems)
    _write(tx, row, given)
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


def _problems(tx: Transaction, signal: Signal, subject: Subject, given: _Given) -> Iterator[tuple[str, str]]:
    check = safety_check(tx)
    for question in check.question:
        if given.answers.get(question.id) not in {one.id for one in question.answer}:
            yield question.id, NO_CHOICE
    if given.answers.get("minor") == "adult" and is_minor(signal, subject):
        yield "minor", IS_MINOR
    if given.decision not in DECISIONS:
        yield "decision", NO_CHOICE
    elif given.decision in blocked(check, given.answers):
        yield "decision", BLOCKED
    yield from words_problems("reason", given.reason)
    if given.decision != "hand_over" and given.exception not in {one.id for one in check.exception}:
        yield "exception", NO_EXCEPTION
    last = tx.today + timedelta(days=check.postpone_days)
    if given.decision == "postpone" and not (given.until and tx.today < given.until <= last):
        yield "until", BAD_DAY
    if given.left_out and given.left_out - set(named_agencies(tx, signal, subject)):
        yield "left_out", NO_CHOICE
    elif given.decision == "partly" and not given.left_out:
        yield "left_out", NOBODY_LEFT_OUT


def _write(tx: Transaction, row: SubjectReport, given: _Given) -> None:
    check = safety_check(tx)
    said = {
        "reason": given.reason,
        "exception": "" if given.decision == "hand_over" else given.exception,
        "left_out": sorted(given.left_out) if given.decision == "partly" else [],
        "before": [*told_in(tx, row, "decision_sealed").get("before", ()), *_before(tx, row)],
    }
    row.decision_sealed = sealing.seal_json(tx, row.agency_id, said, place_of(row, "decision_sealed"))
    row.answers = {question.id: given.answers[question.id] for question in check.question}
    row.decision, row.decided_by, row.decided_at = given.decision, tx.actor.account_id, tx.now
    row.postponed_until = given.until if given.decision == "postpone" else None
    row.available_until = tx.now + timedelta(days=check.available_days) if given.decision in GIVEN else None


def _before(tx: Transaction, row: SubjectReport) -> list[dict[str, Any]]:
    """What was decided earlier, so that a second decision does not wipe the first."""
    if not row.decision or row.decided_at is None:
        return []
    told = {name: value for name, value in told_in(tx, row, "decision_sealed").items() if name != "before"}
    return [{**told, "decision": row.decision, "at": row.decided_at.isoformat(), "answers": dict(row.answers)}]
