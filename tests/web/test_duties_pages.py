"""The pages of what is owed: the list, the answers to it, looking back, and consent that was taken back."""

import re

import pytest
from sqlalchemy import select

from signaltable.models import Account
from signaltable.transaction import reading
from tests.conftest import PASSWORD
from tests.disclosure_steps import GIVEN, Browser, key_for
from tests.duty_steps import INFORM, RECORD, REVIEW, owing, referred, rows_of
from tests.factories import a_person, a_signal
from tests.letting_in import let_in
from tests.table_steps import log, submitted

REASON = "Haar uitbuiter leest mee op haar telefoon; vertellen brengt haar nu in gevaar."


@pytest.fixture
def region(sqlite_program):
    return owing(sqlite_program, INFORM, REVIEW, RECORD)


@pytest.fixture
def made(region, actor):
    return referred(region, actor(region, "havendam"), actor(region, "essm")).reference


def day(name, text):
    """A date as the three boxes post it."""
    number, month, year = text.split()
    return {f"{name}-day": number, f"{name}-month": month, f"{name}-year": year}


def task(region, made, kind):
    return f"/plichten/{rows_of(region, made)[kind].id}"


def words(html):
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def test_the_menu_and_the_overview_lead_to_the_list(region, made):
    browser = Browser(region).log_in("havendam")
    front = browser.get("/overzicht").text
    assert 'href="/plichten"' in front
    listed = browser.get("/plichten")
    assert listed.status_code == 200
    assert made in listed.text
    assert rows_of(region, made)["inform"].id in listed.text
    # The look back is for somebody else
    assert rows_of(region, made)["review"].id not in listed.text
    assert "Zorinka" not in listed.text


@pytest.mark.parametrize("login", ["auditor", "beheer", "coordinator"])
def test_roles_without_duties_come_in_nowhere(region, made, login):
    browser = Browser(region).log_in(login)
    assert browser.get("/plichten").status_code == 403
    assert browser.get(task(region, made, "inform")).status_code == 403
    assert 'href="/plichten"' not in browser.get("/overzicht").text


def test_telling_the_person_is_noted(region, made):
    browser, page = Browser(region).log_in("havendam"), task(region, made, "inform")
    assert browser.get(page).status_code == 200
    answer = {"result": "interpreter", **day("on", "23 november 2026"), "note": "Met tolk Pools."}
    done = browser.post(f"{page}/voldoen", answer, page=page)
    assert done.status_code == 303
    shown = browser.get(page).text
    assert "Met tolk Pools." in shown
    assert "/voldoen" not in shown
    assert rows_of(region, made)["inform"].result == "interpreter"
    # A second press of the same button changes nothing
    again = browser.post(f"{page}/voldoen", {**answer, "result": "letter"}, page="/plichten")
    assert again.status_code == 409
    assert rows_of(region, made)["inform"].result == "interpreter"


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ({"result": "letter", **day("on", "31 november 2026"), "note": "Brief ging mee."}, "Brief ging mee."),
        ({"result": "letter", **day("on", "24 november 2026"), "note": "Brief ging mee."}, "Brief ging mee."),
        ({"result": "other", **day("on", "23 november 2026"), "note": "via via"}, "via via"),
        ({**day("on", "23 november 2026"), "note": "Brief ging mee."}, "Brief ging mee."),
        (
            {"result": "letter", "on-day": "", "on-month": "", "on-year": "", "note": "Brief ging mee."},
            "Brief ging mee.",
        ),
    ],
    ids=["no-such-day", "not-yet", "unexplained", "nothing-chosen", "no-day"],
)
def test_a_mistake_comes_back_with_everything_that_was_typed(region, made, answer, kept):
    browser, page = Browser(region).log_in("havendam"), task(region, made, "inform")
    back = browser.post(f"{page}/voldoen", answer, page=page)
    assert back.status_code == 422
    assert kept in back.text
    assert answer["on-day"] in re.search(r'name="on-day" value="([^"]*)"', back.text)[1]
    assert 'aria-invalid="true"' in back.text
    assert not log(region, "duty:fulfil")


def test_what_no_form_offered_is_refused_and_recorded(region, made):
    browser, page = Browser(region).log_in("havendam"), task(region, made, "inform")
    good = {"result": "letter", **day("on", "23 november 2026"), "note": ""}
    for forged in ({"result": "destroyed"}, {"agency": "essm"}, {"kind": "destroy"}):
        assert browser.post(f"{page}/voldoen", {**good, **forged}, page=page).status_code == 403
    assert len(log(region, "request:refuse")) == 3
    assert not log(region, "duty:fulfil")


def test_another_organisation_finds_no_way_in(region, made):
    page = task(region, made, "inform")
    for login in ("essm", "delinde", "avim"):
        browser = Browser(region).log_in(login)
        assert browser.get(page).status_code == 403
        assert browser.post(f"{page}/voldoen", {"result": "letter"}, page="/plichten").status_code == 403
    assert Browser(region).get(page).status_code == 302
    assert Browser(region).log_in("havendam").get("/plichten/0123").status_code == 404


def test_putting_off_keeps_the_reason_and_says_until_when(region, made, clock):
    browser, page = Browser(region).log_in("havendam"), task(region, made, "inform")
    # At first it is too early to put off
    assert "/uitstellen" not in browser.get(page).text
    assert "7 december 2026" in browser.get(page).text
    clock.forward(days=20)
    browser = Browser(region).log_in("havendam")
    assert "4 januari 2027" in browser.get(page).text
    short = browser.post(f"{page}/uitstellen", {**day("until", "4 januari 2027"), "reason": "Nu niet."}, page=page)
    assert short.status_code == 422
    assert "Nu niet." in short.text
    late = browser.post(f"{page}/uitstellen", {**day("until", "5 januari 2027"), "reason": REASON}, page=page)
    assert late.status_code == 422
    assert "uitbuiter" in late.text
    done = browser.post(f"{page}/uitstellen", {**day("until", "4 januari 2027"), "reason": REASON}, page=page)
    assert done.status_code == 303
    assert "uitbuiter" in browser.get(page).text
    assert rows_of(region, made)["inform"].postponed == 1


def test_the_second_person_looks_back_and_not_right_is_seen_at_the_disclosure(region, made):
    page = task(region, made, "review")
    officer = Browser(region).log_in("fg.havendam")
    shown = officer.get(page)
    assert shown.status_code == 200
    assert "Zorinka" not in shown.text
    answer = {"result": "not_right", "motivation": "Er was geen gevaar dat niet kon wachten op haar antwoord."}
    let_in(officer.client, region, "fg.havendam")  # A session without a proof of just now.
    wrong = officer.post(f"{page}/nakijken", {**answer, "step_up_password": "geraden wachtwoord"}, page=page)
    assert wrong.status_code == 422
    assert "geen gevaar dat niet kon wachten" in wrong.text
    assert "geraden" not in wrong.text
    done = officer.post(f"{page}/nakijken", {**answer, "step_up_password": PASSWORD}, page=page)
    assert done.status_code == 303
    owner = Browser(region).log_in("havendam").get(f"/verstrekkingen/{made}").text
    assert "geen gevaar dat niet kon wachten" in owner
    assert rows_of(region, made)["put-right"].id in owner


def test_who_made_it_cannot_look_back(region, made):
    page = task(region, made, "review")
    assert Browser(region).log_in("havendam").get(page).status_code == 403


def test_the_receiver_erases_and_reads_nothing_any_more(region, made):
    browser, page = Browser(region).log_in("essm"), task(region, made, "destroy")
    inbox = browser.get(f"/postvak/{made}").text
    assert "Zorinka" in inbox
    assert page in inbox
    done = browser.post(
        f"{page}/voldoen", {"result": "destroyed", **day("on", "23 november 2026"), "note": ""}, page=page
    )
    assert done.status_code == 303
    after = browser.get(f"/postvak/{made}")
    assert after.status_code == 200
    assert "Zorinka" not in after.text
    # Feedback still works
    told = browser.post(
        f"/postvak/{made}/terugkoppelen",
        {"result": "help_offered", "note": "Zij is geholpen."},
        page=f"/postvak/{made}",
    )
    assert told.status_code == 303


def test_the_auditor_sees_the_state_and_no_note(region, made):
    browser, page = Browser(region).log_in("havendam"), task(region, made, "inform")
    answer = {"result": "letter", **day("on", "23 november 2026"), "note": "Brief ligt bij haar zus."}
    browser.post(f"{page}/voldoen", answer, page=page)
    shown = Browser(region).log_in("auditor").get(f"/audit/verstrekkingen/{made}")
    assert shown.status_code == 200
    assert "haar zus" not in shown.text
    assert "/plichten/" not in shown.text
    assert shown.text.count("st-tasks__item") == 4


def test_the_owner_records_that_consent_was_taken_back(region, made):
    browser, page = Browser(region).log_in("havendam"), f"/verstrekkingen/{made}"
    action = f"{page}/toestemming-ingetrokken"
    assert action in browser.get(page).text
    for wrong in ({**day("on", "24 november 2026"), "scope": "here"}, {**day("on", "23 november 2026")}):
        back = browser.post(action, wrong, page=page)
        assert back.status_code == 422
        assert re.search(r'name="on-day" value="(\d\d)"', back.text)
    forged = browser.post(action, {**day("on", "23 november 2026"), "scope": "nobody"}, page=page)
    assert forged.status_code == 403
    done = browser.post(action, {**day("on", "23 november 2026"), "scope": "here"}, page=page)
    assert done.status_code == 303
    assert action not in browser.get(page).text
    # The receiver sees it where the content is, with a task
    received = Browser(region).log_in("essm").get(f"/postvak/{made}").text
    assert rows_of(region, made)["consent-withdrawn"].id in received
    assert "Zorinka" in received
    again = browser.post(action, {**day("on", "23 november 2026"), "scope": "everywhere"}, page="/plichten")
    assert again.status_code == 409


def test_a_refusal_says_what_came_near_who_to_ask_and_where_to_call(sqlite_program, actor):
    # Given a perpetrator, about whom no ground lets the municipality tell the care coordinator
    who = actor(sqlite_program, "havendam")
    people = [a_person(), a_person(role="possible_perpetrator", gender="man")]
    signal = submitted(sqlite_program, who, a_signal(consent=GIVEN, subjects=people))
    key = key_for(sqlite_program, who, signal, "essm")
    page = Browser(sqlite_program).log_in("havendam").get(f"/signalen/{signal}/verstrekken/{key}?subjects=&subjects=2")
    assert page.status_code == 200
    text = words(page.text)
    # Then each ground that came near stands there by title, with what does not fit
    x1 = next(row for row in sqlite_program.policy.grounds.rows if row.id == "X1")
    assert x1.title.nl in text
    assert text.count("Does not fit") + text.count("Past niet") >= 1
    assert 'href="tel:112"' in page.text
    with reading(sqlite_program) as session:
        officer = session.scalars(select(Account.name).where(Account.login == "fg.havendam")).one()
    assert officer in text
    assert "Alleen demonstratie" in text


def test_every_offered_ground_says_that_no_lawyer_reviewed_it(sqlite_program, actor):
    who = actor(sqlite_program, "havendam")
    signal = submitted(sqlite_program, who, a_signal(consent=GIVEN))
    browser = Browser(sqlite_program).log_in("havendam")
    key = key_for(sqlite_program, who, signal, "essm")
    listed = browser.get(f"/signalen/{signal}/verstrekken").text
    assert "Alleen demonstratie" in listed
    preview = browser.get(f"/signalen/{signal}/verstrekken/{key}").text
    options = re.findall(r'<label[^>]*for="ground-\d+">([^<]*)</label>', preview)
    assert options
    assert all("jurist" in option or "lawyer" in option for option in options)
