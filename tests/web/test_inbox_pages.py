"""The inbox pages: the receiver alone, three answers, and nothing that the form did not ask."""

import pytest

from tests.disclosure_steps import GIVEN, Browser, disclosed
from tests.factories import a_signal
from tests.table_steps import log, row, submitted


@pytest.fixture
def browser(sqlite_program):
    return Browser(sqlite_program)


@pytest.fixture
def received(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    reference = submitted(sqlite_program, who, a_signal(consent=GIVEN))
    return reference, disclosed(sqlite_program, who, reference, "essm", ground="X1").reference


def test_the_receiver_reads_it_and_others_do_not(browser, received):
    reference, disclosure = received
    browser.log_in("essm")
    listing = browser.get("/postvak")
    assert disclosure in listing.text
    assert "Zorinka" not in listing.text
    page = browser.get(f"/postvak/{disclosure}")
    assert page.status_code == 200
    assert "Zorinka" in page.text
    # The receiver gets no reference that another receiver could have as well
    assert reference not in page.text


@pytest.mark.parametrize("login", ["opvang", "avim", "havendam", "auditor", "coordinator"])
def test_another_agency_gets_no_value_of_it(browser, received, login):
    _reference, disclosure = received
    browser.log_in(login)
    for path in (f"/postvak/{disclosure}", "/postvak"):
        assert "Zorinka" not in browser.get(path).text
    assert browser.get(f"/postvak/{disclosure}").status_code == 403


def test_accept_then_feed_back(sqlite_program, browser, received):
    reference, disclosure = received
    browser.log_in("essm")
    page = f"/postvak/{disclosure}"
    assert browser.post(f"{page}/aannemen", {}, page=page).status_code == 303
    assert row(sqlite_program, reference).state == "accepted"
    empty = browser.post(f"{page}/terugkoppelen", {"note": "tekst blijft staan"}, page=page)
    assert empty.status_code == 422
    assert "tekst blijft staan" in empty.text
    assert 'href="#result-0"' in empty.text
    assert browser.post(f"{page}/terugkoppelen", {"result": "taken_up", "note": ""}, page=page).status_code == 303
    assert row(sqlite_program, reference).state == "followed_up"


def test_the_receiver_is_told_beforehand_that_returning_erases(browser, received):
    page = browser.log_in("essm").get(f"/postvak/{received[1]}").text
    form = page[page.index("/teruggeven") :]
    assert "uw kopie van de inhoud meteen gewist" in form[: form.index("<button")]


def test_return_with_a_reason(sqlite_program, browser, received):
    reference, disclosure = received
    browser.log_in("essm")
    page = f"/postvak/{disclosure}"
    assert browser.post(f"{page}/teruggeven", {"cause": "no_room", "reason": ""}, page=page).status_code == 422
    bsn = browser.post(f"{page}/teruggeven", {"cause": "no_room", "reason": "nummer 111222333"}, page=page)
    assert bsn.status_code == 422
    done = browser.post(f"{page}/teruggeven", {"cause": "no_room", "reason": "Er is nu geen plaats."}, page=page)
    assert done.status_code == 303
    assert "Zorinka" not in browser.get(page).text
    assert row(sqlite_program, reference).state == "returned"


@pytest.mark.parametrize(
    ("path", "forged", "reason"),
    [
        ("aannemen", {"state": "closed"}, "not_on_the_form"),
        ("teruggeven", {"cause": "burn", "reason": "x"}, "not_offered"),
        ("teruggeven", {"cause": "no_room", "reason": "x", "owner": "essm"}, "not_on_the_form"),
    ],
)
def test_a_forged_answer_is_refused_and_recorded(sqlite_program, browser, received, path, forged, reason):
    reference, disclosure = received
    browser.log_in("essm")
    page = f"/postvak/{disclosure}"
    assert browser.post(f"{page}/{path}", forged, page=page).status_code == 403
    assert log(sqlite_program, "request:refuse")[-1][1]["cause"] == reason
    assert row(sqlite_program, reference).state == "referred"


def test_a_broken_page_key_is_not_found(browser):
    assert browser.log_in("essm").get("/postvak?na=morgen").status_code == 404
