"""The steps to a signal at the table, through the use cases that people use; and reading what the log kept."""

import json
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from signaltable.domain import Actor
from signaltable.flow import enrich, setup, signals, table, triage
from signaltable.flow.accounts import record_account
from signaltable.intake import SignalDraft
from signaltable.models import LogDetail, LogEntry, Signal
from signaltable.transaction import Program, Transaction, reading, transaction
from tests.factories import a_signal
from tests.letting_in import let_in
from tests.serving import served

T = TypeVar("T")
NOBODYS = "een-lang-wachtwoord-van-niemand"


def use(program: Program, who: Actor, case: Callable[..., T], *args: Any, **options: Any) -> T:
    """One use case in one transaction."""
    with transaction(program, who) as tx:
        return case(tx, *args, **options)


def colleague(program: Program, login: str, agency: str, *roles: str) -> None:
    """One more account at an agency, which never comes in by a password."""
    with transaction(program, setup.INSTALLER) as tx:
        made = {"login": login, "name": login.title(), "agency_id": agency, "roles": list(roles)}
        record_account(tx, password=NOBODYS, **made)


def submitted(program: Program, who: Actor, draft: SignalDraft | None = None) -> str:
    """A submitted signal; its reference."""
    return use(program, who, signals.submit, draft or a_signal()).reference


def triaged(program: Program, who: Actor, coordinator: Actor, draft: SignalDraft | None = None) -> str:
    """A signal that the coordinator looked at."""
    reference = submitted(program, who, draft)
    triage_it(program, coordinator, reference)
    return reference


def triage_it(program: Program, coordinator: Actor, reference: str, result: str = "triaged") -> None:
    signal = row(program, reference)
    use(
        program,
        coordinator,
        triage.triage,
        reference,
        result=result,
        urgency=signal.urgency,
        reason="",
        version=signal.version,
    )


def asked(program: Program, coordinator: Actor, reference: str, *agencies: str, **changes: Any) -> list[str]:
    """Questions to these agencies about the first subject; their ids."""
    asking = enrich.Asking(agencies=agencies, subjects=(1,), checked=True, **changes)
    return list(use(program, coordinator, enrich.ask, reference, asking).questions)


def on_the_agenda(program: Program, coordinator: Actor, *references: str, days: int = 0) -> str:
    """A meeting so many days from now with these signals; its id."""

    def plan(tx: Transaction) -> str:
        meeting = table.schedule(tx, held_on=tx.today + timedelta(days=days), title="Proeftafel")
        table.put_on_agenda(tx, meeting, references)
        return meeting

    return use(program, coordinator, plan)


def row(program: Program, reference: str) -> Signal:
    """The stored signal, to look at."""
    with reading(program) as session:
        found = session.scalars(select(Signal).where(Signal.reference == reference)).one()
        session.expunge(found)
        return found


def log(program: Program, action: str) -> list[tuple[LogEntry, dict[str, Any]]]:
    """All entries of this action with their details, in order."""
    with reading(program) as session:
        rows = session.execute(
            select(LogEntry, LogDetail.details)
            .join(LogDetail, LogDetail.seq == LogEntry.seq)
            .where(LogEntry.action == action)
            .order_by(LogEntry.seq),
        ).all()
        return [(found.LogEntry, json.loads(found.details)) for found in rows]


class Visitor:
    """A browser without script: keeps cookies, posts forms with their token."""

    def __init__(self, client: FlaskClient) -> None:
        self._client = client

    def get(self, path: str) -> TestResponse:
        return self._client.get(path)

    def post(self, path: str, data: Mapping[str, Any], page: str = "/") -> TestResponse:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self._client.get(page).text)
        assert found, page
        return self._client.post(path, data={"csrf_token": found[1], **data})


def visitor(program: Program, login: str) -> Visitor:
    """This person, logged in, with a browser of their own."""
    client = served(program).test_client()
    let_in(client, program, login)
    return Visitor(client)
