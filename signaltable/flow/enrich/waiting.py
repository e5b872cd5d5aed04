"""What enriching asks of one person: questions to answer, and signals of which the answers are in or late."""

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

from sqlalchemy import Row, func, select, union_all

from signaltable.domain import ANSWERABLE, State, day_of
from signaltable.flow import fact_questions, places
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.grounds import Ground
from signaltable.models import Question, Signal
from signaltable.queries import not_kept_from, tables_of
from signaltable.transaction import Transaction

_URGENCY = "signal.urgency"


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The questions that the actor's agency has not answered yet, each with its last day.

    Urgent like their signal, as far as the ground of the question lets that through.
    """
    first = places.of_own_agency(tx, ("questions",), MOST)
    query = (
        select(
            Question.id,
            Question.signal_id,
            Question.subject_id,
            Question.fact,
            Question.ground,
            Question.asked_at,
            Question.due_on,
            Signal.urgency,
        )
        .join(first, first.c.object_id == Question.id)
        .join(Signal, Signal.id == Question.signal_id)
        .where(
            Question.agency_id == tx.actor.agency_id,
            Question.answer == "",
            Question.withdrawn_at.is_(None),
            Signal.state.in_(ANSWERABLE),
            not_kept_from(tx, Question.signal_id),
        )
        .order_by(Question.due_on, Question.id)
    )
    for row in tx.lists.execute(query):
        thing = "" if row.subject_id else _title(tx, row)
        urgent = is_pressing(tx, row.urgency) and _tells_urgency(tx, row)
        about = (row.signal_id,)
        yield WorkItem("questions", row.id, thing, row.asked_at, row.due_on, urgent, about, row.subject_id or "")


def _title(tx: Transaction, question: Row[*tuple[Any, ...]]) -> str:
    return fact_questions.title_of(tx.program.policy, question.fact).nl


def _tells_urgency(tx: Transaction, question: Row[*tuple[Any, ...]]) -> bool:
    ground: Ground | None = tx.program.policy.grounds.find(question.ground, day_of(question.asked_at))
    told = frozenset(tx.program.policy.fields.fields[_URGENCY].data)
    return ground is not None and told <= frozenset(ground.data)


def work_of_coordinator(tx: Transaction) -> Iterable[WorkItem]:
    """The signals of the actor's tables that wait for nobody any more: every answer is in, or the rest is late.

    Due on the day by which the last answer was to come.
    """
    unanswered = func.count().filter(
        Question.answer == "", Question.withdrawn_at.is_(None), Question.due_on >= tx.today
    )
    last = func.max(Question.due_on)
    all_in = places.at_own_tables(tx, ("answers-in",), MOST)
    # Those whose last day is today are not late yet.
    late = places.at_own_tables(tx, ("answers-late",), MOST, before=datetime.combine(tx.today, time.min, UTC))
    query = (
        select(Signal.id, Signal.reference, Signal.urgency, func.min(Question.asked_at), last)
        .join(Question, Question.signal_id == Signal.id)
        .where(
            Signal.table_id.in_(tables_of(tx, tx.actor.agency_id)),
            Signal.state == State.ENRICHING,
            Signal.id.in_(union_all(select(all_in.c.object_id), select(late.c.object_id))),
            not_kept_from(tx, Signal.id),
        )
        .group_by(Signal.id, Signal.reference, Signal.urgency)
        .having(unanswered == 0)
        .order_by(last, Signal.id)
        .limit(MOST)
    )
    for signal_id, reference, urgency, since, due_on in tx.lists.execute(query):
        yield WorkItem("answers", reference, reference, since, due_on, is_pressing(tx, urgency), (signal_id,))
