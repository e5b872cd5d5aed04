"""A blind check: a list of the own files against the open questions. It is read in memory, and only the hits come back."""

from typing import Any

from flask import request
from pydantic import BaseModel, ConfigDict, Field

from signaltable.access import Permission
from signaltable.api.bodies import read_body
from signaltable.api.guards import begin, program
from signaltable.api.operations import Operation, answer, operation
from signaltable.api.problems import Unusable
from signaltable.flow import blind_check

MOST_LIST = 1_000_000
CSV = "text/csv"


class ListHit(BaseModel):
    """A line of the list that may be the subject of a question. A proposal: look in your own records first."""

    model_config = ConfigDict(extra="forbid")

    question: str
    subject: str
    line: int
    id: str = Field(description="what stood under `id` in that line")
    outcome: str = Field(description="match or possible")
    compared: dict[str, str] = Field(description="what was compared, and how alike it was")


class LeftOut(BaseModel):
    """A cell that could not be read and was left out."""

    model_config = ConfigDict(extra="forbid")

    line: int
    field: str


class ListOutcome(BaseModel):
    """What the check gave: how many lines with how many questions, the hits, and how many lists are left today."""

    model_config = ConfigDict(extra="forbid")

    lines: int
    questions: int
    hits: list[ListHit]
    unreadable: list[LeftOut]
    left_today: int


@operation(
    Operation(
        "lists",
        "POST",
        "/lists",
        "Compare a list of your own with the open questions",
        Permission.ENRICH_ANSWER_ASKED,
        gives=ListOutcome,
        takes_type=CSV,
        fails=(400, 401, 403, 413, 415, 422, 429),
        detail="A CSV file as docs/own-lists.md describes it. Nothing of it is kept.",
    )
)
def lists() -> dict[str, Any]:
    """Compare a list; it counts against the same budget as that of people (policies/budgets.toml)."""
    if request.mimetype != CSV:
        raise Unusable("not_csv", 415)
    found = blind_check.check(program(), begin, read_body(MOST_LIST))
    hits = [
        ListHit(
            question=one.question,
            subject=one.pseudonym,
            line=one.line,
            id=one.id,
            outcome=one.outcome,
            compared=dict(one.compared),
        )
        for one in found.hits
    ]
    return answer(
        ListOutcome(
            lines=found.lines,
            questions=found.questions,
            hits=hits,
            unreadable=[LeftOut(line=one.line, field=one.field) for one in found.unreadable],
            left_today=found.left or 0,
        )
    )
