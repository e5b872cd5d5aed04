"""Time in enriching: reminding before a question is due, more time with a reason and a maximum, taking a question back."""

from datetime import UTC, date, datetime, time

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, UnusableInput, day_of
from signaltable.flow import mailing, sealing
from signaltable.flow.enrich.asked import AGAIN, ANSWERABLE, LONGEST, WARN, led_question, record
from signaltable.flow.masking import for_others, text_hash
from signaltable.models import Agency, Postponement, Question, Signal
from signaltable.transaction import Transaction

REASON_LIMIT = 500
# How many questions one run reminds of, so that it does not hold the database for long; the next run has the rest.
AT_ONCE = 500

NO_REASON = "expected a reason"
NOT_LATER = "expected a later day than it is now"
TOO_LATE = "expected a day that is not beyond the longest time for an answer"

# What a row of `postponements` is about: more time for a question, or that it was taken back on that day.
MORE_TIME, TAKEN_BACK = "question", "question-withdrawn"


def remind_before(tx: Transaction) -> int:
    """Remind the agencies whose answer is due in so many working days (policies/deadlines.toml, [warn]), each question once.

    Returns of how many questions. Whoever is late is reminded elsewhere (flow/reminders.py). The caller asks the gate.
    """
    if not tx.program.policy.warn.get(WARN):
        return 0
    rows = tx.session.execute(
        select(Question, Signal)
        .join(Signal, Signal.id == Question.signal_id)
        .join(Agency, Agency.id == Question.agency_id)
        .where(
            Question.answer == "",
            Question.withdrawn_at.is_(None),
            Question.due_on >= tx.today,
            Question.due_on <= _warned_until(tx, tx.today),
            Signal.state.in_(ANSWERABLE),
            Agency.active,
        )
        .order_by(Question.due_on, Question.id)
        .limit(AT_ONCE)
    ).all()
    due = [(row.Question, row.Signal) for row in rows if not _reminded_in_time(tx, row.Question)]
    for question, signal in due:
        _remind(tx, question, signal)
    return len(due)


def _reminded_in_time(tx: Transaction, question: Question) -> bool:
    """Whether a reminder went out so short before the day that another one says nothing new."""
    told = question.reminded_at
    return told is not None and _warned_until(tx, day_of(told)) >= question.due_on


def _warned_until(tx: Transaction, day: date) -> date:
    """The last due day of which people hear on `day`."""
    policy = tx.program.policy
    return policy.calendar.later(day, policy.warn.get(WARN, 0))


def _remind(tx: Transaction, question: Question, signal: Signal) -> None:
    question.reminded_at = tx.now
    record(tx, "enrich:remind", signal, question, asked=question.agency_id, due_at=_moment(question.due_on))
    mailing.tell_agency(
        tx,
        [question.agency_id],
        Permission.ENRICH_ANSWER_ASKED,
        "question-reminder",
        task=("question", question.id),
        urgent=mailing.presses(tx, "question-reminder", urgency=signal.urgency, due_on=question.due_on),
    )


def may_remind(tx: Transaction, question: Question) -> bool:
    """Whether the coordinator can remind of this question now: it waits, and the last reminder is a while ago."""
    if question.answer or question.withdrawn_at is not None:
        return False
    told = question.reminded_at or question.asked_at
    return tx.program.policy.deadlines[AGAIN].due(day_of(told)) <= tx.today


def remind_now(tx: Transaction, question_id: str) -> None:
    """Remind the agency that was asked, at most as often as policies/deadlines.toml says (enrich-reminder-again).

    Raises `Conflict` ("answered") when nothing waits any more and ("reminded") when it was asked or reminded just now.
    """
    question, signal = led_question(tx, question_id)
    tx.session.refresh(question, with_for_update=True)
    _check_open(question)
    if not may_remind(tx, question):
        raise Conflict("reminded", "the agency was asked or reminded a short while ago")
    _remind(tx, question, signal)


def longest_until(tx: Transaction, question: Question) -> date:
    """The last day that an answer can be put off to, counted from the day it was asked."""
    return tx.program.policy.deadlines[LONGEST].due(day_of(question.asked_at))


def postpone(tx: Transaction, question_id: str, *, until: date | None, reason: str) -> None:
    """Give the agency more time, with a reason, up to a maximum. The reason stays with the agency of whoever gives it.

    Raises `Conflict` when it was answered or taken back, `UnusableInput` for a day that is not later or too late.
    """
    question, signal = led_question(tx, question_id)
    tx.session.refresh(question, with_for_update=True)
    _check_open(question)
    problems = {}
    if until is None or until <= max(question.due_on, tx.today):
        problems["until"] = NOT_LATER
    elif until > longest_until(tx, question):
        problems["until"] = TOO_LATE
    if not reason.strip():
        problems["reason"] = NO_REASON
    if problems or until is None:
        raise UnusableInput(problems)
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    before, question.due_on = question.due_on, until
    question.postponed += 1
    question.version += 1
    _note(tx, MORE_TIME, question, before, until, words)
    told = {"due_at": _moment(until), "previous_due_at": _moment(before), "motivation_hash": text_hash(words)}
    record(tx, "enrich:postpone", signal, question, asked=question.agency_id, **told)


def withdraw(tx: Transaction, question_id: str, *, reason: str) -> None:
    """Take a question back, with a reason: the agency that was asked sees that no answer is needed any more.

    Raises `Conflict` when it was answered or taken back before, `UnusableInput` without a reason.
    """
    question, signal = led_question(tx, question_id)
    tx.session.refresh(question, with_for_update=True)
    _check_open(question)
    if not reason.strip():
        raise UnusableInput({"reason": NO_REASON})
    words = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    question.withdrawn_at = tx.now
    question.version += 1
    _note(tx, TAKEN_BACK, question, question.due_on, question.due_on, words)
    told = {"motivation_hash": text_hash(words), "cause": "not_needed"}
    record(tx, "enrich:withdraw", signal, question, asked=question.agency_id, **told)


def _moment(day: date) -> int:
    """A day as the log writes it."""
    return milliseconds(datetime.combine(day, time.min, UTC))


def _check_open(question: Question) -> None:
    if question.answer or question.withdrawn_at is not None:
        raise Conflict("answered", "the question was answered or taken back")


def _note(tx: Transaction, kind: str, question: Question, before: date, until: date, reason: str) -> None:
    row_id = tx.new_id()
    sealed = sealing.seal_json(tx, tx.actor.agency_id, {"reason": reason}, f"postponements|reason_sealed|{row_id}")
    tx.session.add(
        Postponement(
            id=row_id,
            kind=kind,
            object_id=question.id,
            signal_id=question.signal_id,
            agency_id=tx.actor.agency_id,
            account_id=tx.actor.account_id,
            at=tx.now,
            before=before,
            until=until,
            reason_sealed=sealed,
        )
    )


def reasons_of(tx: Transaction, question: Question) -> list[tuple[Postponement, str]]:
    """The times that a question was put off or taken back, with the reasons that the actor's agency wrote."""
    query = (
        select(Postponement)
        .where(
            Postponement.kind.in_((MORE_TIME, TAKEN_BACK)),
            Postponement.object_id == question.id,
        )
        .order_by(Postponement.at, Postponement.id)
    )
    return [(row, _reason(tx, row)) for row in tx.session.scalars(query)]


def _reason(tx: Transaction, row: Postponement) -> str:
    if row.agency_id != tx.actor.agency_id or not row.reason_sealed:
        return ""
    return str(
        sealing.open_json(tx, row.agency_id, row.reason_sealed, f"postponements|reason_sealed|{row.id}")["reason"]
    )
