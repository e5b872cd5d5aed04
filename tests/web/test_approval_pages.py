"""The second look: no identity on the page, the password once more, another person with another role."""

import pytest

from tests.conftest import PASSWORD
from tests.disclosure_steps import Browser, disclosed
from tests.factories import a_person, a_signal
from tests.letting_in import let_in
from tests.table_steps import log, submitted


@pytest.fixture
def browser(sqlite_program):
    return Browser(sqlite_program)


@pytest.fixture
def requested(sqlite_program, actor):
    who = actor(sqlite_program, "delinde")
    draft = a_signal(capacity="care-wgbo", subjects=[a_person(age="minor", age_years=16)])
    reference = submitted(sqlite_program, who, draft)
    return disclosed(sqlite_program, who, reference, "veilig-thuis", ground="Z3", age="minor").reference


@pytest.mark.parametrize("login", ["fg.delinde", "voorzitter"])
def test_who_may_look_sees_why_and_not_whom(browser, requested, login):
    browser.log_in(login)
    assert requested in browser.get("/tweede-blik").text
    page = browser.get(f"/tweede-blik/{requested}")
    assert page.status_code == 200
    assert "Zorinka" not in page.text
    assert "Lina Verzonnen" in page.text


@pytest.mark.parametrize("login", ["delinde", "fg.havendam", "auditor", "veiligthuis", "coordinator"])
def test_others_may_not(browser, requested, login):
    browser.log_in(login)
    assert browser.get(f"/tweede-blik/{requested}").status_code == 403


def test_agreeing_asks_the_password_and_discloses(sqlite_program, browser, requested):
    let_in(browser.client, sqlite_program, "fg.delinde")
    page = f"/tweede-blik/{requested}"
    for wrong in ("", "niet het goede wachtwoord"):
        answer = browser.post(f"{page}/goedkeuren", {"step_up_password": wrong}, page=page)
        assert answer.status_code == 422
        assert 'id="step_up_password"' in answer.text
        assert not log(sqlite_program, "signal:disclose")
    assert log(sqlite_program, "login:fail")[-1][0].outcome == "refused"
    assert browser.post(f"{page}/goedkeuren", {"step_up_password": PASSWORD}, page=page).status_code == 303
    assert log(sqlite_program, "signal:disclose")[-1][0].agency == "delinde"
    assert browser.get(page).status_code == 404


def test_refusing_asks_a_reason(sqlite_program, browser, requested):
    browser.log_in("voorzitter")
    page = f"/tweede-blik/{requested}"
    assert browser.post(f"{page}/afwijzen", {"reason": " "}, page=page).status_code == 422
    assert browser.post(f"{page}/afwijzen", {"reason": "Overleg eerst zonder naam."}, page=page).status_code == 303
    assert log(sqlite_program, "disclosure:reject")[-1][0].object == requested


def test_a_forged_approval_is_refused_and_recorded(sqlite_program, browser, requested):
    browser.log_in("fg.delinde")
    page = f"/tweede-blik/{requested}"
    answer = browser.post(f"{page}/goedkeuren", {"ground": "X3"}, page=page)
    assert answer.status_code == 403
    assert log(sqlite_program, "request:refuse")[-1][1]["fields"] == ["ground"]
    assert not log(sqlite_program, "signal:disclose")
