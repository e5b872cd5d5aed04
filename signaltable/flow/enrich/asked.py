"""What all parts of enriching share: when partners can be asked, whose question it is, and what late means."""

from datetime import date
from typing import Any

from signaltable.access import Permission, require
from signaltable.domain import ANSWERABLE, GONE, NotFound, State, day_of
from signaltable.flow import consultation
from signaltable.flow.consultation import About
from signaltable.flow.dossier import meeting_days, met_since
from signaltable.models import Question, Signal, Subject
from signaltable.queries import resource_of, resource_of_question
from signaltable.transaction import Transaction, in_whole

# Rules of policies/deadlines.toml: the usual time, the least time between two reminders, and the longest time of all.
ANSWER, AGAIN, LONGEST = "enrich-answer", "enrich-reminder-again", "enrich-longest"
# So many working days before its day a question is reminded of ([warn] in policies/deadlines.toml).
WARN = "answer"


@in_whole("the gate sees what it refuses")
def own_question(tx: Transaction, question_id: str) -> Question:
    """A question to the actor's agency. Raises `Refused` (not_asked) for everybody else's."""
    found = tx.session.get(Question, question_id)
    if found is None:
        require(tx.actor, Permission.ENRICH_ANSWER_ASKED)
        raise NotFound("no such question")
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, resource_of_question(tx, found))
    return found


@in_whole("the gate sees what it refuses")
def led_question(tx: Transaction, question_id: str) -> tuple[Question, Signal]:
    """A question about a signal at the table that the actor coordinates. Raises `Refused` for everybody else's."""
    found = tx.session.get(Question, question_id)
    if found is None:
        require(tx.actor, Permission.ENRICH_ASK_OWN_TABLE)
        raise NotFound("no such question")
    signal = tx.session.get_one(Signal, found.signal_id)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    require(tx.actor, Permission.ENRICH_ASK_OWN_TABLE, resource_of(tx, signal))
    return found, signal


def signal_of(tx: Transaction, question: Question) -> Signal:
    """The signal of a question. Raises `NotFound` when it was taken back or has expired."""
    signal = tx.session.get_one(Signal, question.signal_id)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    return signal


def about_of(tx: Transaction, question: Question) -> About:
    """What a question is about."""
    subject = tx.session.get_one(Subject, question.subject_id) if question.subject_id else None
    return About(subject, question.fact)


def is_late(question: Question, today: date) -> bool:
    """Whether an answer came, or still has to come, after its day."""
    return (day_of(question.answered_at) if question.answered_at else today) > question.due_on


def record(tx: Transaction, action: str, signal: Signal, question: Question, **more: Any) -> None:
    """Note in the log what happened to a question; `more` are further details. A question about a fact concerns nobody."""
    tx.record(
        action,
        object_type="question",
        object_id=question.id,
        details={"ask": question.id, "signal": signal.reference, **more},
        subjects=[question.subject_id] if question.subject_id else (),
    )


def is_answerable(tx: Transaction, signal: Signal, question: Question) -> bool:
    """Whether an answer counts: the table is not done and still asks, and an answer was not yet discussed.

    Of a signal that went to another table the partner may give its context anew: the new table is another receiver.
    """
    if State(signal.state) not in ANSWERABLE or question.withdrawn_at is not None:
        return False
    if not consultation.still_leads(tx, signal, question):
        return False
    if not question.answer or (question.context_table and question.context_table != signal.table_id):
        return True
    return not met_since(meeting_days(tx, signal.id), question, tx.today)
