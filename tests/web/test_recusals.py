"""The pages about conflicts of interest, and what a page says when two people were at the same thing."""

import re

import pytest
from flask import g
from sqlalchemy import select

from signaltable.flow import recusals, setup, signals
from signaltable.flow.accounts import record_account
from signaltable.models import Signal
from signaltable.transaction import transaction
from signaltable.web.guards import begin
from tests.conftest import PASSWORD
from tests.serving import served
from tests.table_steps import log, on_the_agenda, triaged, use
from tests.web.people import Person


@pytest.fixture
def case(sqlite_program, actor):
    """A signal on an agenda, and a second coordinator and focal officer; the meeting and the reference."""
    with transaction(sqlite_program, setup.INSTALLER) as tx:
        for login, agency, role in (
            ("coordinator.twee", "var", "table-coordinator"),
            ("havendam.twee", "havendam", "focal-officer"),
        ):
            made = {"login": login, "name": f"Naam van {login}", "agency_id": agency, "roles": [role]}
            record_account(tx, password=PASSWORD, **made)
    reference = triaged(sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator"))
    return on_the_agenda(sqlite_program, actor(sqlite_program, "coordinator"), reference), reference


def said(page):
    """A page without the token that changes every second."""
    return re.sub(r'name="csrf_token" value="[^"]+"', "", page)


def test_from_the_page_of_a_case_to_seeing_nothing_of_it_and_back(sqlite_program, case):
    meeting, reference = case
    person, page = Person(sqlite_program, "coordinator"), f"/belangen/signaal/{reference}"
    assert page in person.get(f"/tafel/{meeting}/{reference}").text
    assert page in person.get(f"/tafel/{meeting}").text
    # A form with a mistake comes back filled
    back = person.post(page, {"reason": "Woont bij mij in de straat"})
    assert back.status_code == 422
    assert "Woont bij mij in de straat" in back.text
    done = person.post(page, {"person": "", "kind": "knows_person", "reason": "Woont bij mij in de straat"})
    assert (done.status_code, done.location) == (303, "/overzicht")
    person.get("/overzicht")  # What was said about the form is shown once.
    for path in (page, f"/triage/{reference}", f"/tafel/{meeting}/{reference}"):
        answer = person.get(path)
        assert answer.status_code == 404
        nothing = person.get(path.replace(reference, "S-0000-00"))
        assert said(answer.text.replace(reference, "S-0000-00")) == said(nothing.text)
    assert reference not in person.get(f"/tafel/{meeting}").text
    # The other coordinator sees who and what kind, and ends it with a reason
    other = Person(sqlite_program, "coordinator.twee")
    listing = other.get("/belangen").text
    assert reference in listing
    (end,) = set(re.findall(r'href="(/belangen/einde/[^"]+)"', listing))
    assert other.post(end, {"reason": ""}).status_code == 422
    assert other.post(end, {"reason": "Het bleek een ander"}).status_code == 303
    assert person.get(f"/triage/{reference}").status_code == 200


@pytest.mark.parametrize(
    ("address", "method", "seen"),
    [("/overzicht", "GET", False), ("/overzicht", "POST", True), ("/audit", "GET", True)],
)
def test_a_page_reads_nothing_of_the_case_whatever_its_queries_leave_out_themselves(
    sqlite_program, actor, case, address, method, seen
):
    _meeting, reference = case
    who = actor(sqlite_program, "coordinator")
    use(sqlite_program, who, recusals.declare, "signal", reference, interest="knows_person")
    with served(sqlite_program).test_request_context(address, method=method):
        g.actor = who
        with begin() as tx:
            found = tx.session.scalars(select(Signal.reference)).all()
            tx.record("signal:list", object_type="agency", object_id=who.agency_id, details={"view": "own", "count": 0})
    assert (reference in found) is seen


def test_the_last_one_hears_what_to_do_first_and_nothing_is_kept(sqlite_program, actor, case):
    _meeting, reference = case
    use(sqlite_program, actor(sqlite_program, "havendam.twee"), recusals.declare, "signal", reference, interest="other")
    owner = Person(sqlite_program, "havendam")
    answer = owner.post(f"/belangen/signaal/{reference}", {"kind": "other", "reason": "Ken hem goed"})
    assert answer.status_code == 409
    assert re.search("beheerder|administrator", answer.text)
    assert "Ken hem goed" in answer.text
    assert owner.get(f"/signalen/{reference}").status_code == 200
    # What the form did not offer is refused: somebody who does not lead the table names nobody
    forged = owner.post(f"/belangen/signaal/{reference}", {"kind": "other", "person": "x"})
    assert forged.status_code == 403


def test_whoever_decides_after_it_was_taken_back_hears_so_and_loses_no_word(sqlite_program, actor, case):
    meeting, reference = case
    chair, page = Person(sqlite_program, "voorzitter"), f"/tafel/{meeting}/{reference}"
    token = re.search(r'name="csrf_token" value="([^"]+)"', chair.get(page).text)[1]
    use(sqlite_program, actor(sqlite_program, "havendam"), signals.withdraw, reference, "Toch niet nodig")
    sent = {"csrf_token": token, "decision": "close", "reason": "Wij doen hier niets mee"}
    late = chair.client.post(f"{page}/besluit", data=sent)
    assert late.status_code == 409
    assert "Wij doen hier niets mee" in late.text
    assert "Gemeente Havendam" in late.text
    # Somebody of an organisation that never saw it learns nothing of it
    elsewhere = Person(sqlite_program, "beheer").client.post(f"{page}/besluit", data=sent)
    assert "Havendam" not in elsewhere.text


def test_whoever_was_first_sees_that_another_decided_too(sqlite_program, actor, case):
    meeting, reference = case
    page = f"/tafel/{meeting}/{reference}"
    chair, desk = Person(sqlite_program, "voorzitter"), Person(sqlite_program, "coordinator")
    sent = {"decision": "close", "reason": "Niets mee te doen"}
    assert chair.post(f"{page}/besluit", sent, page=page).status_code == 303
    # The same click twice is no error, and counts once
    assert chair.post(f"{page}/besluit", sent, page="/tafel").status_code == 303
    assert len(log(sqlite_program, "table:decide")) == 1
    late = desk.post(f"{page}/besluit", {**sent, "decision": "watch"}, page="/tafel")
    assert late.status_code == 409
    _entry, details = log(sqlite_program, "request:refuse")[-1]
    assert (details["cause"], details["signal"]) == ("conflict", reference)
    assert actor(sqlite_program, "coordinator").name in chair.get(page).text


def test_a_colleague_with_an_older_page_of_an_account_is_told_and_overwrites_nothing(sqlite_program, actor):
    account = actor(sqlite_program, "avim").account_id
    page = f"/beheer/accounts/{account}"
    first, second = Person(sqlite_program, "beheer"), Person(sqlite_program, "beheer")
    (version,) = re.findall(r'name="version" value="(\d+)"', first.get(page).text)
    sent = {"name": "Eerste", "roles": ["partner-member"], "active": "y", "version": version}
    assert first.post(page, sent).status_code == 303
    late = second.post(page, {**sent, "name": "Een heel andere naam"})
    assert late.status_code == 409
    assert "Een heel andere naam" in late.text
    assert "Eerste" in first.get(page).text
