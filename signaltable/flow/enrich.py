"""Asking partners "do you know this subject?", comparing in memory, and the four answers (domain/workflow.md, step 5).

A question is a consultation without a name: it needs a legal ground like every disclosure, and it shows only the fields
that the ground lets through. An answer says that a partner knows a subject, never what it knows.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType

from sqlalchemy import select, tuple_

from signaltable.access import Permission, require
from signaltable.domain import GONE, Answer, Conflict, NotFound, Refused, Resource, State, UnusableInput, day_of
from signaltable.flow import budget, consultation, mailing
from signaltable.flow.dossier import (
    TABLE,
    meeting_days,
    met_since,
    pseudonym,
    reader_of,
    signal_at_table,
)
from signaltable.flow.linking.comparing import beside
from signaltable.flow.masking import for_others, text_hash
from signaltable.flow.moves import move
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.identity import IDENTITY_FIELDS, Identity, identity_from, validate_identity
from signaltable.models import Agency, Question, Signal, Subject, TableMember
from signaltable.queries import PAGE, agency_titles, resource_of, subjects_of
from signaltable.texts import Text
from signaltable.transaction import Transaction

NOTE_LIMIT = 1000
CONTEXT_LIMIT = 4000

# In these states partners can be asked: before triage nobody looked, afterwards the signal is with a receiver.
ASKABLE = frozenset({State.TRIAGED, State.ENRICHING, State.TABLED, State.WATCH})
# An answer still helps after a first disclosure, because danger does not wait for answers; not when all is over.
ANSWERABLE = ASKABLE | {State.REFERRED, State.ACCEPTED, State.RETURNED, State.FOLLOWED_UP}

NO_PARTNER = "expected at least one partner"
NO_SUBJECT = "expected one of the subjects of this signal"
EARLY = "expected a day from today on"
UNCHECKED = "expected your check that nobody can be recognised"
ASKED_ALREADY = "expected a partner who does not have this question yet"
TELLS_MORE = "expected a note without words of a kind that the ground of the question does not carry"
NO_ANSWER = "expected one of the four answers"
NOTHING_TO_COMPARE = "expected at least one field"
# What is compared here always comes from the partner's own records; the log says so in one word.
SOURCE = "own_records"


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A question as the coordinator follows it, with the ground that carries it. Of an answer: only that it came."""

    id: str
    agency: str
    subject: str
    asked_at: datetime
    due_on: date
    answered: bool
    late: bool
    ground: str


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question in the list of the agency that was asked."""

    id: str
    subject: str
    kind: str
    asked_at: datetime
    due_on: date
    overdue: bool
    answer: str
    late: bool


@dataclass(frozen=True, slots=True)
class QuestionPage:
    """Open questions by due date, 25 at a time, and the last 25 answered ones; `following` is where to go on."""

    open: tuple[QuestionLine, ...]
    answered: tuple[QuestionLine, ...]
    following: str


@dataclass(frozen=True, slots=True)
class AskedField:
    """An identity field of the comparing tool."""

    name: str
    label: Text
    hint: Text | None
    shown: bool


@dataclass(frozen=True, slots=True)
class QuestionView:
    """A question as its agency reads it. A fact that the ground does not let through is empty."""

    id: str
    subject: str
    kind: str
    role: str
    age_band: str
    gender: str
    municipality: str
    forms: tuple[str, ...]
    note: str
    ground: str
    asked_at: datetime
    due_on: date
    overdue: bool
    answer: str
    context: str
    anonymous: bool
    answered_at: datetime | None
    late: bool
    may_answer: bool
    compare_fields: tuple[AskedField, ...]
    comparisons_left: int


# -- asking ------------------------------------------------------------------------------------------------------


def default_due(tx: Transaction) -> date:
    """The last day to answer a question that is asked today (policies/deadlines.toml)."""
    return tx.program.policy.deadlines["enrich-answer"].due(tx.today)


def partners(tx: Transaction, signal: Signal) -> list[tuple[str, str]]:
    """The agencies that can be asked, as (id, title): members of the table, without the owner and the one who asks."""
    rows = tx.session.execute(
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(
            TableMember.table_id == signal.table_id,
            Agency.active,
            Agency.id.not_in((signal.owner_agency, tx.actor.agency_id)),
        )
        .order_by(Agency.title),
    )
    return [(row.id, row.title) for row in rows]


def asked_about(tx: Transaction, signal: Signal) -> list[AskedLine]:
    """The questions about a signal, the oldest first. The caller asks the gate."""
    reader, titles, today = reader_of(signal, TABLE), agency_titles(tx), tx.today
    query = select(Question).where(Question.signal_id == signal.id).order_by(Question.asked_at, Question.id)
    return [
        AskedLine(
            id=one.id,
            agency=titles.get(one.agency_id, ""),
            subject=pseudonym(tx, reader, one.subject_id) if one.subject_id else "",
            asked_at=one.asked_at,
            due_on=one.due_on,
            answered=bool(one.answer),
            late=_late(one, today),
            ground=one.ground,
        )
        for one in tx.session.scalars(query)
    ]


def _late(question: Question, today: date) -> bool:
    return (day_of(question.answered_at) if question.answered_at else today) > question.due_on


@dataclass(frozen=True, slots=True)
class Asking:
    """What the coordinator asks. `checked`: a person read it again and nobody can be recognised."""

    agencies: tuple[str, ...]
    subject_number: int
    due_on: date | None = None
    note: str = ""
    necessity: str = ""
    checked: bool = False


def ask(tx: Transaction, reference: str, asking: Asking) -> list[str]:
    """Ask partners whether they know a subject. Returns the ids of the questions.

    Raises `Refused` (no_ground) when no legal ground carries it to one of them, `Conflict` before triage or after the
    table is done, `UnusableInput` for what was not offered.
    """
    signal = signal_at_table(tx, reference)
    require(tx.actor, Permission.ENRICH_ASK_OWN_TABLE, resource_of(tx, signal))
    tx.session.refresh(signal, with_for_update=True)
    if State(signal.state) not in ASKABLE:
        raise Conflict("state", f"no question can be asked about a signal that is {signal.state}")
    subject = _chosen_subject(tx, signal, asking.subject_number)
    due_on = asking.due_on or default_due(tx)
    _check_asking(tx, signal, subject, asking, due_on)
    note = for_others(tx, asking.note, "note", limit=NOTE_LIMIT)
    questions = [
        _put_question(tx, signal, subject, agency, due_on=due_on, note=note, necessity=asking.necessity)
        for agency in asking.agencies
    ]
    if State(signal.state) is State.TRIAGED:
        move(tx, signal, State.ENRICHING)
    mailing.tell_agency(tx, asking.agencies, Permission.ENRICH_ANSWER_ASKED, "question")
    return questions


def _chosen_subject(tx: Transaction, signal: Signal, number: int) -> Subject:
    found = next((one for one in subjects_of(tx, signal.id) if one.number == number and one.erased_at is None), None)
    if found is None:
        raise UnusableInput({"subject": NO_SUBJECT})
    return found


def _check_asking(tx: Transaction, signal: Signal, subject: Subject, asking: Asking, due_on: date) -> None:
    problems = {}
    offered = {agency for agency, _ in partners(tx, signal)}
    if not asking.agencies or set(asking.agencies) - offered:
        problems["agencies"] = NO_PARTNER
    elif _asked_already(tx, subject) & set(asking.agencies):
        problems["agencies"] = ASKED_ALREADY
    if due_on < tx.today:
        problems["due_on"] = EARLY
    if not asking.checked:
        problems["checked"] = UNCHECKED
    if problems:
        raise UnusableInput(problems)


def _asked_already(tx: Transaction, subject: Subject) -> set[str]:
    query = select(Question.agency_id).where(Question.subject_id == subject.id, Question.answer == "")
    return set(tx.session.scalars(query))


def _put_question(
    tx: Transaction, signal: Signal, subject: Subject, agency_id: str, *, due_on: date, note: str, necessity: str
) -> str:
    agency = tx.session.get_one(Agency, agency_id)
    carried = consultation.carry(tx, signal, subject, agency, necessity)
    if note and not consultation.covers_note(tx, signal, carried, note):
        raise UnusableInput({"note": TELLS_MORE})
    question = Question(
        id=tx.new_id(),
        signal_id=signal.id,
        subject_id=subject.id,
        agency_id=agency_id,
        asked_by=tx.actor.account_id,
        asked_at=tx.now,
        due_on=due_on,
        note=note,
        ground=carried.ground,
        answer="",
        context="",
        anonymous=False,
        answered_by="",
    )
    tx.session.add(question)
    tx.record(
        "enrich:ask",
        object_type="question",
        object_id=question.id,
        details={
            "ask": question.id,
            "signal": signal.reference,
            "asked": agency_id,
            "purpose": consultation.PURPOSE,
            "ground": carried.ground,
            "ground_digest": carried.ground_digest,
            "fields": sorted(carried.fields),
            "categories": sorted(carried.categories),
            "legal_basis": list(carried.legal_basis),
            "conditions": [{"code": met.code, "evidence_hash": met.evidence_hash} for met in carried.conditions],
            "policy_digest": tx.program.policy.digest,
        },
        subjects=[subject.id],
    )
    return question.id


# -- the questions of an agency ------------------------------------------------------------------------------------


def open_questions(tx: Transaction, *, after: str = "") -> QuestionPage:
    """The questions to the actor's agency: open ones by due date, and the last answered ones.

    `after` is the id of the last question of the page before. Raises `NotFound` when it is not a question of theirs.
    """
    agency = tx.actor.agency_id
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, Resource("question", asked_agencies=frozenset({agency})))
    mine = (
        select(Question, Subject.kind)
        .join(Signal, Signal.id == Question.signal_id)
        .outerjoin(Subject, Subject.id == Question.subject_id)
        .where(Question.agency_id == agency)
    )
    waiting = mine.where(Question.answer == "", Signal.state.in_(ANSWERABLE))
    if after:
        last = _own_question(tx, after)
        waiting = waiting.where(tuple_(Question.due_on, Question.id) > (last.due_on, last.id))
    found = tx.session.execute(waiting.order_by(Question.due_on, Question.id).limit(PAGE + 1)).all()
    done = tx.session.execute(
        mine.where(Question.answer != "", Signal.state.not_in(GONE))
        .order_by(Question.answered_at.desc(), Question.id)
        .limit(PAGE),
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
    late = _late(question, tx.today)
    return QuestionLine(
        id=question.id,
        subject=pseudonym(tx, question.agency_id, question.subject_id) if question.subject_id else "",
        kind=kind or "",
        asked_at=question.asked_at,
        due_on=question.due_on,
        overdue=late and not question.answer,
        answer=question.answer,
        late=late and bool(question.answer),
    )


def _own_question(tx: Transaction, question_id: str) -> Question:
    """A question to the actor's agency. Raises `Refused` (not_asked) for everybody else's."""
    found = tx.session.get(Question, question_id)
    if found is None:
        require(tx.actor, Permission.ENRICH_ANSWER_ASKED)
        raise NotFound("no such question")
    asked = frozenset({found.agency_id})
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, Resource("question", question_id, asked_agencies=asked))
    return found


def _signal_of(tx: Transaction, question: Question) -> Signal:
    signal = tx.session.get_one(Signal, question.signal_id)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    return signal


def read_question(tx: Transaction, question_id: str) -> QuestionView:
    """What is asked, as far as the ground of the question lets it through. Not the dossier."""
    question = _own_question(tx, question_id)
    signal = _signal_of(tx, question)
    subject = tx.session.get_one(Subject, question.subject_id)
    fields = consultation.visible(tx, signal, subject, question)
    tx.record(
        "enrich:consult",
        object_type="question",
        object_id=question.id,
        details={"signal": signal.reference, "ask": question.id, "view": "question", "fields": sorted(fields)},
        subjects=[subject.id],
    )
    late = _late(question, tx.today)
    answerable = _answerable(tx, signal, question)
    return QuestionView(
        id=question.id,
        subject=pseudonym(tx, question.agency_id, subject.id),
        kind=subject.kind,
        role=subject.role if "subject.role" in fields else "",
        age_band=subject.age_band if "subject.age_band" in fields else "",
        gender=subject.gender if "subject.gender" in fields else "",
        municipality=signal.municipality if "signal.municipality" in fields else "",
        forms=tuple(signal.facts.get("forms", ())) if "signal.forms" in fields else (),
        note=question.note,
        ground=question.ground,
        asked_at=question.asked_at,
        due_on=question.due_on,
        overdue=late and not question.answer,
        answer=question.answer,
        context=question.context,
        anonymous=question.anonymous,
        answered_at=question.answered_at,
        late=late and bool(question.answer),
        may_answer=answerable,
        compare_fields=tuple(_compare_fields(tx, subject.kind)) if answerable and subject.erased_at is None else (),
        comparisons_left=budget.left(tx, budget.COMPARE).usable,
    )


def _answerable(tx: Transaction, signal: Signal, question: Question) -> bool:
    """Whether an answer counts: the table is not done, and an answer that was given was not yet discussed."""
    if State(signal.state) not in ANSWERABLE:
        return False
    return not question.answer or not met_since(meeting_days(tx, signal.id), question, tx.today)


# -- comparing ---------------------------------------------------------------------------------------------------


def _compare_fields(tx: Transaction, kind: str) -> Iterable[AskedField]:
    policy = tx.program.policy.identifiers
    asked = policy.kind_of(kind)
    for name in asked.fields:
        field = policy.field(name)
        yield AskedField(name, field.label, field.hint, name in asked.shown)


def compare(tx: Transaction, question_id: str, values: Mapping[str, str]) -> str:
    """Compare an identity from the partner's own records with the subject: "match", "possible" or "none".

    What was typed is turned into match tags in memory and forgotten; the log keeps the result alone. Raises `Refused`
    (budget_person, budget_agency) when the budget of the day is used up, `UnusableInput` for a field that cannot be read.
    """
    question = _own_question(tx, question_id)
    signal = _signal_of(tx, question)
    subject = tx.session.get_one(Subject, question.subject_id)
    if not _answerable(tx, signal, question) or subject.erased_at is not None:
        raise Conflict("answered", "the question can no longer be answered")
    identity = _typed_identity(tx, subject.kind, values)
    budget.spend(tx, budget.COMPARE, lambda reason: _too_many(reason, signal, question))
    result = str(beside(tx, identity, [subject.id])[subject.id].outcome)
    tx.record(
        "enrich:compare",
        object_type="question",
        object_id=question.id,
        details={"signal": signal.reference, "source": SOURCE, "ask": question.id, "result": result},
        subjects=[subject.id],
    )
    return result


def _too_many(reason: str, signal: Signal, question: Question) -> Refused:
    return Refused(
        reason,
        action="enrich:compare",
        object_type="question",
        object_id=question.id,
        details={"signal": signal.reference, "source": SOURCE, "ask": question.id},
    )


def _typed_identity(tx: Transaction, kind: str, values: Mapping[str, str]) -> Identity:
    policy = tx.program.policy.identifiers
    if set(values) - set(policy.kind_of(kind).fields) or set(values) - set(IDENTITY_FIELDS):
        raise UnusableInput({"identity": NO_SUBJECT})
    typed = {name: value.strip() for name, value in values.items() if value.strip()}
    if not typed:
        raise UnusableInput({"identity": NOTHING_TO_COMPARE})
    # Checked as typed, before tidying: an e-mail address in the phone field must be pointed at.
    problems = validate_identity(Identity(kind=kind, **typed), policy, today=tx.today)
    if problems:
        raise UnreadableIdentity(dict(problems))
    return identity_from(kind, typed)


class UnreadableIdentity(UnusableInput):
    """Fields of a typed identity that cannot be read; `texts` holds the words for the page."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        super().__init__({name: text.en for name, text in texts.items()})
        self.texts: Mapping[str, Text] = MappingProxyType(dict(texts))


# -- answering ---------------------------------------------------------------------------------------------------


def answer(tx: Transaction, question_id: str, *, answer: str, context: str = "", anonymous: bool = False) -> None:
    """Give one of the four answers, or correct it until the meeting. A late answer counts and is marked.

    Raises `Conflict` once the table met about it or is done with the signal, `UnusableInput` for another answer or a
    context with a BSN.
    """
    question = _own_question(tx, question_id)
    signal = _signal_of(tx, question)
    tx.session.refresh(question, with_for_update=True)
    if not _answerable(tx, signal, question):
        raise Conflict("answered", "the question can no longer be answered")
    if answer not in [*Answer]:
        raise UnusableInput({"answer": NO_ANSWER})
    masked = for_others(tx, context, "context", limit=CONTEXT_LIMIT)
    correction = bool(question.answer)
    question.answer, question.context, question.anonymous = answer, masked, anonymous
    question.answered_by = tx.actor.account_id
    # A correction does not make an answer late that was given in time.
    question.answered_at = question.answered_at or tx.now
    details = {
        "ask": question.id,
        "signal": signal.reference,
        "answer": answer,
        "late": _late(question, tx.today),
        "anonymous": anonymous,
        "correction": correction,
    }
    details |= {"text_hash": text_hash(masked)} if masked else {}
    tx.record(
        "enrich:answer",
        object_type="question",
        object_id=question.id,
        details=details,
        subjects=[question.subject_id] if question.subject_id else (),
    )
    if not correction:
        mailing.tell(tx, [question.asked_by], "answer")


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The questions that the actor's agency has not answered yet, each with its last day."""
    query = (
        select(Question, Signal.urgency)
        .join(Signal, Signal.id == Question.signal_id)
        .where(
            Question.agency_id == tx.actor.agency_id,
            Question.answer == "",
            Question.withdrawn_at.is_(None),
            Signal.state.in_(ANSWERABLE),
        )
        .order_by(Question.due_on, Question.id)
    )
    for row, urgency in tx.session.execute(query.limit(MOST)):
        thing = pseudonym(tx, tx.actor.agency_id, row.subject_id) if row.subject_id else ""
        urgent = is_pressing(tx, urgency)
        yield WorkItem("questions", row.id, thing, row.asked_at, row.due_on, urgent, (row.signal_id,))
