"""The steps to a disclosure, through the use cases that people use."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from werkzeug.test import TestResponse

from signaltable.conditions.shape import Context
from signaltable.domain import Actor
from signaltable.evidence_examples import example
from signaltable.flow import approvals, choices, disclosing
from signaltable.flow.coming_in.proving import confirm_password
from signaltable.flow.disclosing import Made, Preview
from signaltable.grounds import CONDITIONS
from signaltable.transaction import Program
from tests.conftest import PASSWORD
from tests.letting_in import let_in, prove
from tests.serving import served
from tests.table_steps import use

ZONE = ZoneInfo("Europe/Amsterdam")
GIVEN = {
    "status": "given",
    "on": "2026-11-20",
    "language": "Pools",
    "interpreter": "professional",
    "asked_by": "T. Olk",
}


class Browser:
    """A client of the whole application that keeps cookies and sends what a page without script would send."""

    def __init__(self, program: Program) -> None:
        self.program, self.client = program, served(program).test_client()

    def log_in(self, login: str) -> "Browser":
        """In with two factors, and with a proof of just now: what asks one has tests of its own (test_step_up.py)."""
        let_in(self.client, self.program, login)
        return self.prove()

    def prove(self) -> "Browser":
        """Whoever is in this browser has just proved once more who they are (step-up)."""
        prove(self.client, self.program)
        return self

    def get(self, path: str) -> TestResponse:
        return self.client.get(path)

    def post(self, path: str, data: dict[str, Any], page: str) -> TestResponse:
        """Post a form that stands on `page`, with the token of that page."""
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.client.get(page).text)
        return self.client.post(path, data={"csrf_token": found[1] if found else "", **data})


def key_for(program: Program, who: Actor, reference: str, destination: str, purpose: str = "") -> str:
    """The server's choice for an advised destination."""
    page = use(program, who, choices.choose, reference)
    (line,) = [
        line for line in page.lines if line.choice.destination == destination and purpose in ("", line.choice.purpose)
    ]
    return line.choice.key


def look(program: Program, who: Actor, reference: str, destination: str, **options: Any) -> Preview:
    """The preview for an advised destination."""
    purpose = options.pop("purpose", "")
    return use(
        program, who, disclosing.preview, reference, key_for(program, who, reference, destination, purpose), **options
    )


def evidence_for(
    program: Program,
    codes: Iterable[str],
    recipient: str,
    categories: Iterable[str],
    *,
    age: str = "adult",
    ground: str = "",
) -> dict[str, dict[str, Any]]:
    """Evidence that meets these conditions, as a person would give it."""
    assert set(codes) <= set(CONDITIONS)
    now: datetime = program.clock().astimezone(ZONE)
    row = program.policy.grounds.find(ground, now.date()) if ground else None
    made = {}
    for code in codes:
        parameter = row.parameters.get(code, "") if row else ""
        context = Context(now=now, today=now.date(), recipient_agency=recipient, person_age=age, parameter=parameter)
        made[code] = example(code, context, categories)
    return made


def disclosed(
    program: Program,
    who: Actor,
    reference: str,
    destination: str,
    *,
    ground: str = "",
    chosen: Sequence[int] | None = None,
    evidence: dict[str, dict[str, Any]] | None = None,
    age: str = "adult",
    categories: Iterable[str] | None = None,
    purpose: str = "",
) -> Made:
    """Look, fill in what is asked, look at what these answers let through, disclose."""
    page = look(program, who, reference, destination, ground=ground, chosen=chosen, purpose=purpose)
    assert page.option is not None, [reason.text.en for reason in page.refusal.reasons]
    given = evidence or evidence_for(
        program,
        [spec.code for spec in page.conditions],
        page.choice.agency_id,
        page.categories if categories is None else categories,
        age=age,
        ground=page.option.ground.id,
    )
    filled: dict[str, Any] = {
        "ground": page.option.ground.id,
        "chosen": [subject.number for subject in page.subjects if subject.chosen],
        "evidence": given,
    }
    shown = use(program, who, disclosing.preview, reference, page.choice.key, **filled)
    return use(program, who, disclosing.disclose, reference, page.choice.key, **filled, seen=shown.seen)


def agree(program: Program, who: Actor, reference: str, password: str = PASSWORD) -> None:
    """A second person agrees, with the password once more."""
    use(program, who, approvals.approve, reference, confirm_password(program, who, password))
