"""The pages on which the coordinator asks partners and follows who answers."""

import re
from html import unescape

import pytest
from sqlalchemy import update

from signaltable.flow import enrich
from signaltable.models import Signal
from tests.factories import a_signal
from tests.table_steps import asked, log, row, triaged, use, visitor


@pytest.fixture
def desk(sqlite_program):
    return visitor(sqlite_program, "coordinator")


@pytest.fixture
def reference(sqlite_program, actor):
    return triaged(sqlite_program, actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator"))


def _form(**changes):
    day = {"due_on-day": "1", "due_on-month": "12", "due_on-year": "2026"}
    return {
        "subject": ["1"],
        "fact": ["forms"],
        "agencies": ["avim", "riec"],
        "note": "Bel 0612345678?",
        **day,
        **changes,
    }


def test_the_preview_shows_what_goes_and_sends_it_only_when_somebody_looked(sqlite_program, desk, reference):
    page = f"/triage/{reference}"
    shown = desk.post(f"{page}/vragen/voorbeeld", _form(), page)
    assert shown.status_code == 200
    text = unescape(shown.text)
    for told in ("RIEC Rotterdam", "[telefoon]", "Havendam", "AVG 6(1)(e)", "december 2026"):
        assert told in text
    assert "Zorinka" not in text
    assert log(sqlite_program, "enrich:ask") == []
    # What stands hidden on the page is what goes; without the tick it comes back
    unseen = desk.post(f"{page}/vragen", _form(), page)
    assert (unseen.status_code, 'href="#checked"' in unseen.text, "RIEC Rotterdam" in unseen.text) == (422, True, True)
    assert desk.post(f"{page}/vragen", _form(checked="y"), page).status_code == 303
    assert len(log(sqlite_program, "enrich:ask")) == 4


def _seen(page):
    return re.search(r'name="seen" value="([0-9a-f]{64})"', page.text)[1]


def test_nothing_goes_out_that_differs_from_what_the_preview_showed(sqlite_program, desk, reference):
    page = f"/triage/{reference}"
    first = _seen(desk.post(f"{page}/vragen/voorbeeld", _form(), page))
    # When the signal reads otherwise by the time somebody sends what was looked at, or the form asks something else
    with sqlite_program.write_sessions() as session, session.begin():
        session.execute(update(Signal).where(Signal.reference == reference).values(municipality="Elders"))
    answer = desk.post(f"{page}/vragen", _form(checked="y", seen=first), page)
    assert (answer.status_code, "Elders" in answer.text, " checked" in answer.text) == (409, True, False)
    other = desk.post(f"{page}/vragen", _form(checked="y", seen=_seen(answer), note="Iets anders"), page)
    assert other.status_code == 409
    assert desk.post(f"{page}/vragen", _form(checked="y", seen="é" * 64), page).status_code == 409
    assert log(sqlite_program, "enrich:ask") == []
    # Then it comes back with what they would read now, and that can go
    assert desk.post(f"{page}/vragen", _form(checked="y", seen=_seen(answer)), page).status_code == 303
    assert len(log(sqlite_program, "enrich:ask")) == 4


def test_from_the_preview_one_goes_back_to_the_form_with_everything_in_it(desk, reference):
    page = f"/triage/{reference}"
    back = desk.post(f"{page}/vragen/voorbeeld", _form(aanpassen="ja"), page)
    assert back.status_code == 200
    for kept in ('value="avim" checked', 'value="forms" checked', "Bel 0612345678?"):
        assert kept in back.text
    nothing = desk.post(f"{page}/vragen/voorbeeld", _form(subject=[], fact=[]), page)
    assert (nothing.status_code, 'href="#subject-0"' in nothing.text) == (422, True)


def test_whom_no_ground_lets_ask_is_named_with_the_reason_before_and_after(sqlite_program, desk, actor):
    # Given a sexual form, of which nobody said why a partner must know it
    owner, coordinator = actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator")
    draft = a_signal(forms=["sexual"], form_rows={"sexual-exploitation": 1})
    page = f"/triage/{triaged(sqlite_program, owner, coordinator, draft)}"
    form = _form(agencies=["avim"], note="")
    shown = desk.post(f"{page}/vragen/voorbeeld", form, page)
    assert (shown.status_code, "st-alert--warning" in shown.text) == (200, True)
    sent = desk.post(f"{page}/vragen", form | {"checked": "y"}, page)
    assert sent.status_code == 303
    assert "AVIM" in unescape(desk.get(page).text.partition("st-flash")[2][:2000])
    assert [details["recipient"] for _entry, details in log(sqlite_program, "disclosure:refuse")] == ["avim"]
    alone = desk.post(f"{page}/vragen", form | {"subject": [], "checked": "y"}, page)
    assert (alone.status_code, "st-alert--danger" in alone.text) == (422, True)


def test_a_question_is_followed_reminded_of_put_off_and_taken_back(sqlite_program, desk, reference, actor, clock):
    (question,) = asked(sqlite_program, actor(sqlite_program, "coordinator"), reference, "avim")
    page = f"/triage/vragen/{question}"
    assert f"{page}/herinneren" not in desk.get(page).text
    clock.forward(hours=16)
    desk = visitor(sqlite_program, "coordinator")
    assert page in desk.get(f"/triage/{reference}").text
    assert desk.post(f"{page}/herinneren", {}, page).status_code == 303
    assert desk.post(f"{page}/herinneren", {}, page).status_code in (303, 409)
    assert len(log(sqlite_program, "enrich:remind")) == 1
    assert f"{page}/herinneren" not in desk.get(page).text
    day = {"until-day": "4", "until-month": "12", "until-year": "2026"}
    wrong = desk.post(f"{page}/uitstellen", {**day, "until-year": "2025", "reason": "Er is vakantie."}, page)
    assert (wrong.status_code, "Er is vakantie." in wrong.text) == (422, True)
    assert desk.post(f"{page}/uitstellen", {**day, "reason": "Er is vakantie."}, page).status_code == 303
    assert "Er is vakantie." in desk.get(page).text
    assert desk.post(f"{page}/intrekken", {"withdraw_reason": ""}, page).status_code == 422
    assert desk.post(f"{page}/intrekken", {"withdraw_reason": "Dubbel gevraagd."}, page).status_code == 303
    assert f"{page}/intrekken" not in desk.get(page).text
    police = visitor(sqlite_program, "avim").get(f"/vragen/{question}").text
    for hidden in ("Havendam", "Er is vakantie.", "Dubbel gevraagd.", "/antwoord"):
        assert hidden not in police.partition("<main")[2]
    assert row(sqlite_program, reference).state == "enriching"


def test_the_overview_shows_who_is_late_as_a_picture_and_a_table(sqlite_program, desk, reference, actor, clock):
    first, _second = asked(sqlite_program, actor(sqlite_program, "coordinator"), reference, "avim", "riec")
    use(sqlite_program, actor(sqlite_program, "avim"), enrich.answer, first, answer="hit", anonymous=True)
    clock.forward(days=20)
    desk = visitor(sqlite_program, "coordinator")
    text = desk.get("/triage/antwoorden").text
    assert "<svg" in text
    assert "st-tag--danger" in text
    assert f"/triage/{reference}" in text
    assert "/triage/antwoorden" in desk.get("/triage").text
    assert desk.get("/triage/antwoorden?pagina=7").status_code == 200
    assert desk.get("/triage/antwoorden?tafel=x").status_code == 404
    for login in ("avim", "havendam", "voorzitter"):
        assert visitor(sqlite_program, login).get("/triage/antwoorden").status_code == 403
