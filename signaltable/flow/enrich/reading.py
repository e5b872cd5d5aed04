"""The questions as the agency that was asked reads them: the list, and one question without its dossier."""

from dataclasses import dataclass, fields
from datetime import date, datetime

from sqlalchemy import select, tuple_

from signaltable.access import Permission, require
from signaltable.domain import ANSWERABLE, GONE, Resource, State, day_of
from signaltable.flow import budget, consultation, contexts
from signaltable.flow.dossier import pseudonym
from signaltable.flow.enrich.asked import (
    about_of,
    is_answerable,
    is_late,
    own_question,
    record,
    signal_of,
)
from signaltable.flow.enrich.comparing import AskedField, compare_fields
from signaltable.flow.enrich.shown import Shown, shown
from signaltable.grounds import LegalReference
from signaltable.models import Account, Agency, MachineAccount, Question, Signal, Subject
from signaltable.queries import PAGE, for_own_purposes, not_kept_from
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question in the list of the agency that was asked: about a subject, or about a fact by its code."""

    id: str
    subject: str
    kind: str
    fact: str
    asked_at: datetime
    due_on: date
    overdue: bool
    answer: str
    late: bool
    version: int


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """Open questions by due date, 25 at a time, and the last 25 answered ones; `following` is where to go on."""

    open: tuple[QuestionLine, ...]
    answered: tuple[QuestionLine, ...]
    following: str


@dataclass(frozen=True, slots=True)
class QuestionView(Shown):
    """A question as its agency reads it, with the answer that the agency gave.

    `over` says why no answer is needed any more: "withdrawn", "left" (the ground no longer leads to the agency) or "done".
    `context_moved`: the signal is at another table now, which does not read the context. `answered_by` is a colleague's
    name, or empty when it was the reader.
    """

    id: str
    note: str
    purpose: str
    ground: str
    legal_basis: tuple[LegalReference, ...]
    asked_at: datetime
    due_on: date
    overdue: bool
    answer: str
    context: str
    context_ground: str
    context_readers: tuple[str, ...]
    context_moved: bool
    context_capacity: str
    capacities: tuple[str, ...]
    anonymous: bool
    asked_of: int
    answered_at: datetime | None
    answered_by: str
    late: bool
    may_answer: bool
    over: str
    version: int
    compare_fields: tuple[AskedField, ...]
    comparisons_left: int


def open_questions(tx: Transaction, *, after: str = "", answered: bool = True) -> QuestionPage:
    """The questions to the actor's agency: open ones by due date, and the last answered ones.

    `after` is the id of the last question of the page before; without `answered` only the open ones are read. Raises `NotFound` when it is not a question of theirs.
    """
    agency = tx.actor.agency_id
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, Resource("question", asked_agencies=frozenset({agency})))
    mine = (
        select(Question, Subject.kind)
        .join(Signal, Signal.id == Question.signal_id)
        .outerjoin(Subject, Subject.id == Question.subject_id)
        .where(
            Question.agency_id == agency,
            not_kept_from(tx, Question.signal_id),
            for_own_purposes(tx, Question.purpose),
        )
    )
    waiting = mine.where(Question.answer == "", Question.withdrawn_at.is_(None), Signal.state.in_(ANSWERABLE))
    if after:
        last = own_question(tx, after)
        waiting = waiting.where(tuple_(Question.due_on, Question.id) > (last.due_on, last.id))
    found = tx.lists.execute(waiting.order_by(Question.due_on, Question.id).limit(PAGE + 1)).all()
    done = tx.lists.execute(
        mine.where(Question.answer != "", Signal.state.not_in(GONE))
        .order_by(Question.answered_at.desc(), Question.id)
        .limit(PAGE if answered else 0),
    ).all()
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=agency,
        details={"view": "questions", "count": len(found[:PAGE]) + len(done)},
        subjects=list(
            dict.fromkeys(question.subject_id for question, _kind in (*found[:PAGE], *done) if question.subject_id)
        ),
    )
    return QuestionPage(
        open=tuple(_line(tx, question, kind) for question, kind in found[:PAGE]),
        answered=tuple(_line(tx, question, kind) for question, kind in done),
        following=found[PAGE - 1][0].id if len(found) > PAGE else "",
    )


def _line(tx: Transaction, question: Question, kind: str | None) -> QuestionLine:
    late = is_late(question, tx.today)
    return QuestionLine(
        id=question.id,
        subject=pseudonym(tx, question.agency_id, question.subject_id) if question.subject_id else "",
        kind=kind or "",
        fact=question.fact,
        asked_at=question.asked_at,
        due_on=question.due_on,
        overdue=late and not question.answer,
        answer=question.answer,
        late=late and bool(question.answer),
        version=question.version,
    )


def read_question(tx: Transaction, question_id: str) -> QuestionView:
    """What is asked, as far as the ground of the question lets it through. Not the dossier.

    A question that was taken back, or whose ground no longer leads to the agency, shows nothing of the signal any more.
    """
    question = own_question(tx, question_id)
    signal = signal_of(tx, question)
    about, over = about_of(tx, question), _over(tx, signal, question)
    visible = consultation.visible(tx, signal, about, question) if over in ("", "done") else frozenset()
    record(tx, "enrich:consult", signal, question, view="question", fields=sorted(visible))
    name = pseudonym(tx, question.agency_id, question.subject_id) if question.subject_id else ""
    seen = shown(tx, signal, about, visible, name=name)
    late, answerable = is_late(question, tx.today), is_answerable(tx, signal, question)
    compares = answerable and about.subject is not None and about.subject.erased_at is None
    partner = tx.session.get_one(Agency, question.agency_id)
    return QuestionView(
        **{one.name: getattr(seen, one.name) for one in fields(seen)},
        id=question.id,
        note=question.note if over in ("", "done") else "",
        purpose=question.purpose or consultation.PURPOSE,
        ground=question.ground,
        legal_basis=consultation.legal_basis(tx, question.ground, day_of(question.asked_at)),
        asked_at=question.asked_at,
        due_on=question.due_on,
        overdue=late and not question.answer,
        answer=question.answer,
        context=question.context,
        context_ground=question.context_ground,
        context_readers=contexts.reached(tx, [question])[question.id],
        context_moved=bool(question.context) and question.context_table not in ("", signal.table_id),
        context_capacity=question.context_capacity,
        capacities=tuple(tx.program.policy.capacities_of(partner.kind)),
        anonymous=question.anonymous,
        asked_of=_asked_of(tx, question),
        answered_at=question.answered_at,
        answered_by=_colleague(tx, question),
        late=late and bool(question.answer),
        may_answer=answerable,
        over=over,
        version=question.version,
        compare_fields=tuple(compare_fields(tx, about.subject.kind)) if compares and about.subject else (),
        comparisons_left=budget.left(tx, budget.COMPARE).usable,
    )


def _over(tx: Transaction, signal: Signal, question: Question) -> str:
    if question.withdrawn_at is not None:
        return "withdrawn"
    if not consultation.still_leads(tx, signal, question):
        return "left"
    return "" if State(signal.state) in ANSWERABLE else "done"


def _asked_of(tx: Transaction, question: Question) -> int:
    """How many partners have this question: with few of them it is easy to guess who answered what."""
    same = Question.subject_id == question.subject_id if question.subject_id else Question.fact == question.fact
    query = select(Question.agency_id).where(
        Question.signal_id == question.signal_id, Question.withdrawn_at.is_(None), same
    )
    return len(set(tx.session.scalars(query)))


def _colleague(tx: Transaction, question: Question) -> str:
    if not question.answered_by or question.answered_by == tx.actor.account_id:
        return ""
    account = tx.session.get(Account, question.answered_by)
    if account is not None:
        return account.name
    machine = tx.session.get(MachineAccount, question.answered_by)
    return machine.title if machine else ""
