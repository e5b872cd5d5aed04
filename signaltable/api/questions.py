"""The questions to the agency of a system: exactly what its people read of them, and the four answers."""

import re
from datetime import date, datetime
from typing import Any, Final

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from signaltable.access import Permission
from signaltable.api.bodies import read_json
from signaltable.api.guards import begin
from signaltable.api.operations import Operation, answer, operation
from signaltable.domain import Answer, NotFound
from signaltable.flow import enrich, fact_questions
from signaltable.flow.enrich import QuestionLine, QuestionView

_ID: Final = re.compile(r"[0-9a-f]{32}")


class AskedLine(BaseModel):
    """A question in the list: about a subject, under a name that only your organisation knows it by, or about a fact."""

    model_config = ConfigDict(extra="forbid")

    id: str
    subject: str = Field(description="the pseudonym of your organisation for the subject; empty for a fact")
    kind: str = Field(description="what the subject is: person, address, company, vehicle, phone, account, profile")
    fact: str = Field(description="the code of the fact; empty for a subject")
    asked_at: datetime
    due_on: date
    overdue: bool
    version: int


class AskedPage(BaseModel):
    """Open questions by due date. `next` is what stands in `after` for the page that follows; empty at the end."""

    model_config = ConfigDict(extra="forbid")

    questions: list[AskedLine]
    next: str


class AskedFact(BaseModel):
    """A fact that is asked about, with what the signal says of it in the words of the rules, Dutch."""

    model_config = ConfigDict(extra="forbid")

    code: str
    title: str
    values: list[str]


class Asked(BaseModel):
    """One question, as far as its legal ground lets it through. A value that the ground keeps back is empty."""

    model_config = ConfigDict(extra="forbid")

    id: str
    subject: str
    kind: str
    role: str
    age_band: str
    gender: str
    municipality: str
    forms: list[str]
    fact: AskedFact | None
    month: date | None = Field(description="the first day of the month in which it was seen")
    note: str = Field(description="what the table wrote with the question")
    purpose: str
    ground: str
    asked_at: datetime
    due_on: date
    overdue: bool
    answer: str = Field(description="hit, no_hit, cannot_search, may_not_say; empty as long as nobody answered")
    may_answer: bool
    over: str = Field(description="why no answer is needed any more: withdrawn, left, done; empty when one is")
    version: int


class Answering(BaseModel):
    """An answer. It says that your organisation knows the subject, never what it knows: that a person tells."""

    model_config = ConfigDict(extra="forbid", strict=True)

    answer: str = Field(
        description="one of hit, no_hit, cannot_search, may_not_say",
        pattern="^(" + "|".join(one.value for one in Answer) + ")$",
    )
    version: int = Field(description="the version of the question as you read it", ge=0, le=1_000_000)
    anonymous: bool = Field(False, description="true to stay anonymous to the other partners until the meeting")


class Answered(BaseModel):
    """The answer is with the table."""

    model_config = ConfigDict(extra="forbid")

    id: str
    answer: str
    version: int


@operation(
    Operation(
        "questions",
        "GET",
        "/questions",
        "The open questions to your organisation",
        Permission.ENRICH_ANSWER_ASKED,
        gives=AskedPage,
        query={"after": "the value of `next` of the page before"},
        fails=(400, 401, 403, 404, 429),
    )
)
def questions() -> dict[str, Any]:
    """The open questions by due date, 25 at a time."""
    after = request.args.get("after", "")
    with begin() as tx:
        page = enrich.open_questions(tx, after=_id(after) if after else "", answered=False)
    return answer(AskedPage(questions=[_line(one) for one in page.open], next=page.following))


@operation(
    Operation(
        "question",
        "GET",
        "/questions/<question_id>",
        "One question",
        Permission.ENRICH_ANSWER_ASKED,
        gives=Asked,
        fails=(401, 403, 404, 429),
    )
)
def question(question_id: str) -> dict[str, Any]:
    """One question, as its legal ground lets it through."""
    with begin() as tx:
        return answer(_view(enrich.read_question(tx, _id(question_id))))


@operation(
    Operation(
        "answer",
        "POST",
        "/questions/<question_id>/answer",
        "Answer a question",
        Permission.ENRICH_ANSWER_ASKED,
        gives=Answered,
        takes=Answering,
        takes_type="application/json",
        fails=(400, 401, 403, 404, 409, 413, 415, 422, 429),
    )
)
def give_answer(question_id: str) -> dict[str, Any]:
    """One of the four answers, or a correction of your own until the meeting. What a person answered stays."""
    given = read_json(Answering)
    with begin() as tx:
        version = enrich.answer_by_system(
            tx, _id(question_id), given.answer, anonymous=given.anonymous, version=given.version
        )
    return answer(Answered(id=question_id, answer=given.answer, version=version))


def _id(given: str) -> str:
    if not _ID.fullmatch(given):
        raise NotFound("no such question")
    return given


def _line(one: QuestionLine) -> AskedLine:
    return AskedLine(
        id=one.id,
        subject=one.subject,
        kind=one.kind,
        fact=one.fact,
        asked_at=one.asked_at,
        due_on=one.due_on,
        overdue=one.overdue,
        version=one.version,
    )


def _fact(one: fact_questions.AskedFact) -> AskedFact:
    return AskedFact(code=one.code, title=one.title.nl, values=[value.nl for value in one.values])


def _view(one: QuestionView) -> Asked:
    return Asked(
        id=one.id,
        subject=one.subject,
        kind=one.kind,
        role=one.role,
        age_band=one.age_band,
        gender=one.gender,
        municipality=one.municipality,
        forms=list(one.forms),
        fact=_fact(one.fact) if one.fact else None,
        month=one.month,
        note=one.note,
        purpose=one.purpose,
        ground=one.ground,
        asked_at=one.asked_at,
        due_on=one.due_on,
        overdue=one.overdue,
        answer=one.answer,
        may_answer=one.may_answer,
        over=one.over,
        version=one.version,
    )
