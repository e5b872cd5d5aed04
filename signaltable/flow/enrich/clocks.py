"""Time in enriching: reminding before a question is due, more time with a reason and a maximum, taking a question back."""

from datetime import date

from sqlalchemy import select

from signaltable.access import Permission
from signaltable.audit_trail import day_milliseconds
from signaltable.domain import ANSWERABLE, Conflict, UnusableInput, day_of
from signaltable.flow import mailing
from signaltable.flow.enrich.asked import AGAIN, LONGEST, WARN, led_question, record
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.postponements import QUESTION, QUESTION_WITHDRAWN, put_off, reason_of, times_put_off
from signaltable.models import Agency, Postponement, Question, Signal
from signaltable.transaction import Transaction

REASON_LIMIT = 500

NO_REASON = "expected a reason"
NOT_LATER = "expected a later day than it is now"
TOO_LATE = "expected a day that is not beyond the longest time for an answer"


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
    record(tx, "enrich:remind", signal, question, asked=question.agency_id, due_at=day_milliseconds(question.due_on))
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
    put_off(tx, QUESTION, question.id, question.signal_id, before=before, until=until, why=words)
    told = {
        "due_at": day_milliseconds(until),
        "previous_due_at": day_milliseconds(before),
        "motivation_hash": text_hash(words),
    }
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
    due_on = question.due_on
    put_off(tx, QUESTION_WITHDRAWN, question.id, question.signal_id, before=due_on, until=due_on, why=words)
    told = {"motivation_hash": text_hash(words), "cause": "not_needed"}
    record(tx, "enrich:withdraw", signal, question, asked=question.agency_id, **told)


def _check_open(question: Question) -> None:
    if question.answer or question.withdrawn_at is not None:
        raise Conflict("answered", "the question was answered or taken back")


def reasons_of(tx: Transaction, question: Question) -> list[tuple[Postponement, str]]:
    """The times that a question was put off or taken back, with the reasons that the actor's agency wrote."""
    return [(row, reason_of(tx, row)) for row in times_put_off(tx, question.id, QUESTION, QUESTION_WITHDRAWN)]
