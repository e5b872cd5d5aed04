"""The people and the case of docs/access-addresses.md, and an address for every row of it."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from signaltable.domain import Actor, Channel
from signaltable.flow import attachments, subject_erasures
from signaltable.flow.coming_in import actors
from signaltable.flow.machines import NewSecret
from signaltable.models import (
    Account,
    Duty,
    Exclusion,
    IdentityRequest,
    Link,
    LoginSession,
    MeetingTask,
    Recusal,
    RegionalTable,
    SubjectReport,
)
from signaltable.transaction import Program, reading
from signaltable.web.errors import reason_text
from tests import canaries
from tests.disclosure_steps import key_for
from tests.identity_steps import name_at_table
from tests.letting_in import let_in
from tests.machine_steps import Machine, a_machine
from tests.serving import served
from tests.table_steps import use

# Who is who in the demo region.
LOGINS = {
    "owner": "havendam",
    "asked": "avim",
    "receiver": "essm",
    "seated": "delinde",
    "outsider": "oost",
    "coordinator": "coordinator",
    "chair": "voorzitter",
    "officer": "fg.havendam",
    "auditor": "auditor",
    "administrator": "beheer",
}
PEOPLE = (*LOGINS, "anonymous", "system")
NOBODYS = "0" * 32
PARAMETER = re.compile(r"<(?:[^:<>]+:)?(\w+)>")
# What a page looks at before it asks the gate about the thing.
FORMS = {r"/koppelingen/[0-9a-f]{32}": {"verdict": "confirm"}}
# What a form did not hold: the gate let it through, and what was sent is another matter.
FORM_ONLY = ("not_on_the_form", "not_offered")


@dataclass(frozen=True)
class Case:
    """The ids of the case, by the start of an address and the name of what it names there; the longest start counts."""

    ids: Mapping[tuple[str, str], str]
    machine: NewSecret

    def path(self, address: str) -> str:
        """An address of the table with the things of the case in it, and made up ones where there are none."""
        return PARAMETER.sub(lambda found: self._thing(address, found[1]), address)

    def _thing(self, address: str, name: str) -> str:
        known = [start for start, what in self.ids if what == name and address.startswith(start)]
        if known:
            return self.ids[max(known, key=len), name]
        return "1" if name in {"number", "seq", "size", "position"} else NOBODYS


def actor_of(program: Program, login: str) -> Actor:
    return replace(actors.actor_of_login(program, login), channel=Channel.WEB, strength="two_factors")


def build(program: Program) -> Case:
    """The canary region with a thing for most addresses."""
    region = canaries.build(program, actor_of)
    owner, officer = actor_of(program, "havendam"), actor_of(program, "fg.havendam")
    ground = program.policy.safety_check.erasure_ground[0].id
    reason = "De persoon vroeg dit aan de balie van het stadhuis."
    erasure = use(program, officer, subject_erasures.request, region.reference, 1, ground=ground, reason=reason)
    with reading(program) as session:
        own = session.scalar(select(Account.id).where(Account.login == "avim"))
        duty = session.scalar(select(Duty.id).where(Duty.agency_id == "havendam").limit(1)) or NOBODYS
        first = {
            "table_id": session.scalar(select(RegionalTable.id).limit(1)),
            "link_id": session.scalar(select(Link.id).limit(1)),
            "task_id": session.scalar(select(MeetingTask.id).where(MeetingTask.agency_id == "avim")),
            "exclusion_id": session.scalar(select(Exclusion.id).where(Exclusion.owner_agency == "delinde")),
            "recusal_id": session.scalar(select(Recusal.id).limit(1)),
        }
        asking = session.scalar(select(IdentityRequest.reference))
        report = session.scalar(select(SubjectReport.reference))
    paper = attachments.prepare(program, owner, b"Een briefje.", "briefje.txt")
    use(program, owner, attachments.add_to_draft, region.draft, paper, looked=True)
    machine = a_machine(program, "avim", purposes=["P1"])
    known_as = name_at_table(program, actor_of(program, "essm"), region.reference)
    named: dict[tuple[str, str], str] = {
        ("/", "draft_id"): region.draft,
        ("/", "question_id"): region.question,
        ("/", "meeting_id"): region.meeting,
        ("/", "duty_id"): duty,
        ("/", "machine_id"): machine.machine_id,
        ("/", "account_id"): own or NOBODYS,
        **{("/", name): value or NOBODYS for name, value in first.items()},
        ("/beheer/taken", "job"): "outbox",
        ("/meldroutekaart", "ground_id"): "X1",
        ("/uitsluitlijst/nieuw", "part"): "phone",
        ("/static", "filename"): "app.css",
        ("/rechten", "agency_id"): "havendam",
        ("/belangen", "kind"): "signaal",
        ("/belangen", "thing"): region.reference,
        ("/identiteit/vragen", "way"): "zaak",
        ("/identiteit/vragen", "thing"): region.reference,
        ("/identiteit/vragen", "known_as"): known_as,
        ("/signalen", "key"): key_for(program, owner, region.reference, "essm"),
        **{(start, "reference"): region.reference for start in ("/signalen", "/triage", "/tafel", "/koppelingen")},
        **{
            (start, "reference"): region.disclosure
            for start in ("/verstrekkingen", "/postvak", "/audit/verstrekkingen")
        },
        ("/identiteit", "reference"): asking or NOBODYS,
        ("/overzicht-inzage", "reference"): report or NOBODYS,
        ("/wissen", "reference"): erasure,
    }
    return Case(named, machine)


class Visitor:
    """One of PEOPLE at the door of one application."""

    def __init__(self, app: Flask, program: Program, who: str, case: Case) -> None:
        self.who, self.program = who, program
        # With the same cookie each time, whatever an answer says: who signs out is in again for the next address.
        self.client: FlaskClient = app.test_client(use_cookies=False)
        self.headers: dict[str, str] = {}
        if who in LOGINS:
            browser = app.test_client()
            let_in(browser, program, LOGINS[who])
            name = app.config["SESSION_COOKIE_NAME"]
            self.headers = {"Cookie": f"{name}={browser.get_cookie(name).value}"}
        if who == "system":
            self.headers = Machine(program, case.machine).bearer()

    def ask(self, method: str, path: str) -> TestResponse:
        """The address with a form that is empty but for what is looked at before the gate, or none."""
        form = next((form for looks, form in FORMS.items() if re.fullmatch(looks, path)), {})
        sent: dict[str, Any] = {"data": form} if method != "GET" else {}
        if path.startswith("/api/") and method != "GET":
            sent = {"json": {}}
        return self.client.open(path, method=method, headers=self.headers, **sent)


def proved(program: Program) -> None:
    """Everybody who is signed in proved a moment ago once more who they are."""
    with program.write_sessions() as session:
        session.execute(update(LoginSession).values(proved_at=program.clock()))
        session.commit()


@contextmanager
def unguarded(app: Flask) -> Iterator[Flask]:
    """Without the tokens of forms, which have tests of their own: here only the gate stands between."""
    before = app.config.get("WTF_CSRF_ENABLED", True)
    app.config["WTF_CSRF_ENABLED"] = False
    yield app
    app.config["WTF_CSRF_ENABLED"] = before


def outcome(app: Flask, answer: TestResponse) -> str:
    """What came of it: "in", "absent", or "refused"."""
    assert answer.status_code < 500, answer.status
    if answer.status_code == 404:
        return "absent"
    if answer.status_code == 401 or (
        answer.status_code in {302, 303} and "/aanmelden?next=" in (answer.location or "")
    ):
        return "refused"
    if answer.status_code != 403:
        return "in"
    with app.test_request_context():
        words = [reason_text(reason) for reason in FORM_ONLY]
    return "in" if any(one in answer.text for one in words) else "refused"


def application(program: Program) -> Flask:
    return served(program)
