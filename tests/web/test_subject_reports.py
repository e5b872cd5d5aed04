"""The pages of a report for a data subject: the check stands between asking and reading, in every order of requests."""

import re

import pytest

from signaltable.flow import triage
from tests.factories import a_person, a_signal
from tests.flow.test_subject_reports import SAFE, WHY
from tests.table_steps import submitted, use
from tests.web.people import Person

START = "/overzicht-inzage"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def reference(program, actor):
    return submitted(program, actor(program, "havendam"))


@pytest.fixture
def officer(program):
    return Person(program, "fg.havendam").prove()


@pytest.fixture
def focal(program):
    return Person(program, "havendam").prove()


def _asked(officer, reference, **changes):
    form = {"signal": reference, "number": "1", "asker": "self", "reason": WHY, **changes}
    return officer.post(f"{START}/nieuw", form, page=f"{START}/nieuw")


@pytest.fixture
def request_page(officer, reference):
    answer = _asked(officer, reference)
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"]


def _decided(person, page, answers=SAFE, **changes):
    form = {f"check-{name}": value for name, value in answers.items()}
    return person.post(page, {**form, "decision": "hand_over", "reason": WHY, **changes}, page=page)


def test_asked_checked_read_and_printed(program, officer, focal, reference, request_page):
    assert officer.get(f"{request_page}/overzicht").status_code == 409
    assert reference not in officer.get(START).text
    assert "check-exploiter" in focal.get(request_page).text
    assert "check-exploiter" not in officer.get(request_page).text
    assert _decided(focal, request_page).status_code == 303
    page = officer.get(f"{request_page}/overzicht")
    assert page.status_code == 200
    assert "Gemeente Havendam" in page.text
    for secret in ("Zorinka", "Hanneke", "Frits", reference):
        assert secret not in page.text.split("<main")[1].split("</main")[0]
    pdf = officer.get(f"{request_page}/overzicht.pdf")
    assert pdf.mimetype == "application/pdf"
    assert pdf.data.startswith(b"%PDF")


def test_without_an_answer_or_with_a_dangerous_one_nothing_is_decided(officer, focal, request_page):
    for answers in ({**SAFE, "exploiter": ""}, {**SAFE, "exploiter": "yes"}):
        assert _decided(focal, request_page, answers).status_code == 422
    for path in ("overzicht", "overzicht.pdf"):
        assert officer.get(f"{request_page}/{path}").status_code == 409
        assert focal.get(f"{request_page}/{path}").status_code == 409


def test_an_answer_that_the_page_did_not_offer_is_refused(focal, request_page):
    assert _decided(focal, request_page, {**SAFE, "exploiter": "of course not"}).status_code == 403
    assert _decided(focal, request_page, available_until="2030-01-01").status_code == 403


def test_whoever_asked_cannot_decide(officer, request_page):
    assert _decided(officer, request_page).status_code == 403


def test_a_mistake_comes_back_at_its_place(officer, focal, reference, request_page):
    for changes, field in (({"number": "9"}, "signal"), ({"reason": "kort"}, "reason"), ({"asker": ""}, "asker")):
        answer = _asked(officer, reference, **changes)
        assert answer.status_code == 422
        assert re.search(rf'href="#{field}', answer.text)
    answer = _decided(focal, request_page, decision="postpone", exception="rights")
    assert answer.status_code == 422
    assert 'href="#until-day"' in answer.text


def test_another_agency_and_other_roles(program, request_page):
    for login in ("fg.delinde", "delinde"):
        person = Person(program, login)
        assert {person.get(path).status_code for path in (request_page, f"{request_page}/overzicht")} == {404}
        assert request_page.rpartition("/")[2] not in person.get(START).text
    for login in ("auditor", "avim", "coordinator"):
        person = Person(program, login)
        assert {person.get(path).status_code for path in (START, request_page, f"{request_page}/overzicht")} == {403}
    assert _decided(Person(program, "delinde"), request_page).status_code == 404


def _main(page):
    return page.text.split("<main")[1].split("</main")[0]


def test_of_no_report_can_be_read_whether_and_why_something_was_left_out(
    officer, focal, program, actor, reference, request_page
):
    use(program, actor(program, "coordinator"), triage.consult, reference)
    assert _decided(focal, request_page).status_code == 303
    whole = _main(officer.get(f"{request_page}/overzicht"))
    part = {"decision": "partly", "exception": "investigation", "left_out": "var"}
    assert _decided(focal, request_page, **part).status_code == 303
    partly = _main(officer.get(f"{request_page}/overzicht"))
    assert "Regiobureau" in whole
    assert "Regiobureau" not in partly
    said = [re.findall(r"<li>(.*?)</li>", page) for page in (whole, partly)]
    assert said[0] == said[1]
    assert not re.search("opsporing|onderzoek", " ".join(said[1]), re.IGNORECASE)


def test_what_is_written_to_whoever_asked_tells_nothing_and_names_the_remedies(officer, focal, reference, request_page):
    """GDPR art. 12(4): the way to the authority and the court; never that there is a signal, nor on what it rests."""
    assert _decided(focal, request_page, decision="refuse", exception="investigation").status_code == 303
    letter = re.search(
        r"UAVG art(?:\.|ikel) 41.*?UAVG art(?:\.|ikel) 35.*?Autoriteit Persoonsgegevens",
        officer.get(request_page).text,
        re.DOTALL,
    )
    assert letter
    assert reference not in letter[0]
    assert not re.search("signa[la]|opsporing", letter[0], re.IGNORECASE)


def test_of_somebody_who_may_be_the_perpetrator_the_page_says_so(program, actor, officer, focal):
    draft = a_signal(subjects=[a_person(), a_person(role="facilitator")])
    reference = submitted(program, actor(program, "havendam"), draft)
    pages = [focal.get(_asked(officer, reference, number=number).headers["Location"]).text for number in ("1", "2")]
    warned = ["possible perpetrator" in page or "mogelijke dader" in page for page in pages]
    assert warned == [False, True]


def test_what_waits_for_the_safety_check_stands_on_the_first_page_of_who_decides(officer, focal, reference):
    focal.post("/taal", {"lang": "en"}, page="/overzicht")
    assert "safety check" not in focal.get("/overzicht").text
    asked = _asked(officer, reference)
    assert asked.status_code == 303
    page = focal.get("/overzicht").text
    # One click opens it, and the small panel counts it
    assert f'href="{asked.headers["Location"]}">Make the safety check' in page
    assert "1 request that waits for a safety check" in page
    assert "safety check" not in officer.get("/overzicht").text


def test_each_question_that_was_left_open_is_named(officer, focal, reference):
    path = _asked(officer, reference).headers["Location"]
    answer = focal.post(path, {"decision": "hand_over", "reason": WHY}, page=path)
    links = re.findall(r"<li><a[^>]*>([^<]+)</a></li>", re.search(r'id="errors".*?</ul>', answer.text, re.DOTALL)[0])
    assert len(links) == len(set(links)) == len(SAFE)
