"""Closing a case on a page: the owner's, the coordinator's, and what its receiver then reads."""

import re

import pytest

from signaltable.flow import referrals
from tests.table_steps import row, use
from tests.transfer_steps import given, made_once  # noqa: F401 -- a fixture
from tests.web.people import Person


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


def version_on(page):
    return re.search(r'name="close_version"[^>]* value="(\d+)"', page)[1]


def test_the_owner_closes_a_case_and_a_mistake_comes_back_filled(program, actor):
    reference, disclosure = given(program, actor)
    owner, page = Person(program, "havendam"), f"/signalen/{reference}"
    form = {"outcome": "other", "close_reason": "", "close_version": version_on(owner.get(page).text)}
    wrong = owner.post(f"{page}/afsluiten", form, page=page)
    assert wrong.status_code == 422
    assert 'href="#close_reason"' in wrong.text
    assert re.search(r'value="other"[^>]* checked', wrong.text)
    assert owner.post(f"{page}/afsluiten", {**form, "outcome": "bribed"}, page=page).status_code == 403
    # Meanwhile its receiver told something: what can be said now was not on the page.
    use(program, actor(program, "essm"), referrals.feed_back, disclosure, result="taken_up")
    late = owner.post(f"{page}/afsluiten", {**form, "outcome": "help_given"}, page=page)
    assert late.status_code == 409
    form |= {"outcome": "help_given", "close_version": version_on(owner.get(page).text)}
    assert owner.post(f"{page}/afsluiten", form, page=page).location == page
    shown = owner.get(page).text
    assert shown.count("Er is hulp gegeven") == 2
    assert 'id="afsluiten"' not in shown
    assert "Er is hulp gegeven" in owner.get("/signalen").text
    received = Person(program, "essm").get(f"/postvak/{disclosure}").text
    assert re.search(r"(sloot de zaak|heeft de zaak|closed the case)", received)
    assert "hulp gegeven" not in received


def test_the_coordinator_closes_a_case_and_others_find_no_way_in(program, actor):
    reference, _disclosure = given(program, actor)
    desk, page = Person(program, "coordinator"), f"/triage/{reference}"
    form = {"outcome": "no_trafficking", "close_version": version_on(desk.get(page).text)}
    for login in ("essm", "havendam", "voorzitter"):
        assert Person(program, login).post(f"{page}/afsluiten", form, page="/overzicht").status_code == 403
    assert desk.post(f"{page}/afsluiten", form, page=page).location == page
    assert "geen mensenhandel" in desk.get(page).text
    assert (row(program, reference).state, row(program, reference).outcome) == ("closed", "no_trafficking")


def test_a_case_that_waits_for_its_receiver_says_what_to_do(program, actor):
    reference, disclosure = given(program, actor, accept=False)
    shown = Person(program, "havendam").get(f"/signalen/{reference}").text
    card = shown[shown.index('id="afsluiten"') :]
    assert f'href="/verstrekkingen/{disclosure}"' in card
    assert 'name="outcome"' not in shown
    table = Person(program, "coordinator").get(f"/triage/{reference}").text
    assert 'id="afsluiten"' in table
    assert disclosure not in table
