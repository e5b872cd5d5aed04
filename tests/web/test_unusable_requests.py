"""Requests that no page of ours sends: each gets an error page of ours, and never an unexpected error."""

import re

import pytest
from sqlalchemy import func, select

from signaltable.models import LogEntry
from signaltable.transaction import reading
from tests.conftest import PASSWORD, open_for_test
from tests.letting_in import SECOND_STEP, shown_code, sign_in
from tests.table_steps import submitted
from tests.web.people import Person

MOMENTS = ["x", "2026-01-01_x", "2026-01-01T00:00:00_x", "0001-01-01T00:00:00%2B14:00_x", "9999-12-31T23:59:59-14:00_x"]
NUMBERS = ["\u00b2", "\u0663", "-1", "9" * 20, "9" * 5000, "x", ""]


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.mark.parametrize(
    ("login", "page"),
    [
        ("havendam", "/signalen"),
        ("auditor", "/audit/verstrekkingen"),
        ("fg.havendam", "/tweede-blik"),
        ("essm", "/postvak"),
    ],
)
def test_a_place_in_a_list_that_cannot_be_is_not_found(program, login, page):
    person = Person(program, login)
    assert [person.get(f"{page}?na={moment}").status_code for moment in MOMENTS] == [404] * len(MOMENTS)


def test_a_number_of_an_entry_that_cannot_be_is_not_found(program):
    auditor = Person(program, "auditor")
    pages = [
        f"/audit/{10**9}",
        f"/audit/{2**63}",
        f"/audit/{10**30}/bewijs",
        f"/audit?voor={2**31}",
        "/audit?na=1000000000",
    ]
    assert [auditor.get(page).status_code for page in pages] == [404] * len(pages)


@pytest.mark.parametrize("day", ["0001-01-01", "31-12-9999", "9999-12-31", "01-01-1969"])
@pytest.mark.parametrize("name", ["van", "tot"])
def test_a_day_at_an_end_of_the_calendar_is_asked_again(program, name, day):
    answer = Person(program, "auditor").get(f"/audit?{name}={day}")
    assert answer.status_code == 200
    assert "3-11-2026" in answer.text


def _draft(owner: Person) -> str:
    safety = {"version": "", "action": "", "acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    answer = owner.post("/signalen/nieuw", safety)
    assert answer.status_code == 303
    return answer.location.rsplit("/", 1)[0]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_version_that_is_no_number_is_an_older_version(program, number):
    owner = Person(program, "havendam")
    draft = _draft(owner)
    step = {"version": number, "capacity": "municipality-wmo", "status": "given"}
    assert owner.post(f"{draft}/3", step).status_code == 422
    assert owner.post(f"{draft}/controle", {"version": number}).status_code == 422
    assert owner.post(f"{draft}/3", {"version": number, "action": "remove:0"}).status_code == 422


@pytest.mark.parametrize("part", ["day", "month", "year"])
@pytest.mark.parametrize("number", [one for one in NUMBERS if one and one != "\u0663"])
def test_a_date_that_cannot_be_comes_back_to_its_field(program, part, number):
    owner = Person(program, "havendam")
    draft = _draft(owner)
    date = {"observed_on-day": "1", "observed_on-month": "1", "observed_on-year": "2026", f"observed_on-{part}": number}
    answer = owner.post(f"{draft}/2", {"version": "2", "action": "", **date})
    assert answer.status_code == 422
    assert "27 3 2026" in answer.text


def test_a_login_without_the_hidden_field_leads_to_the_overview(program):
    person = Person(program)
    assert person.post("/aanmelden", {"login": "havendam", "password": PASSWORD}).location == SECOND_STEP
    code = shown_code(person.get(SECOND_STEP).text)
    answer = person.post(SECOND_STEP, {"way": "code", "given": code})
    assert (answer.status_code, answer.location) == (302, "/overzicht")


@pytest.mark.parametrize(
    "wanted", ["//[x", "//x]", "/\t/elders.example", "/\r\nX-Y: 1", "\t//elders.example", "/\\elders"]
)
def test_an_address_that_no_page_of_ours_has_is_not_followed(program, wanted):
    person = Person(program)
    answer = sign_in(person.client, "havendam", PASSWORD, wanted)
    assert (answer.status_code, answer.location) == (302, "/overzicht")
    answer = person.post("/taal", {"lang": "en", "next": wanted}, page="/overzicht")
    assert (answer.status_code, answer.location) == (302, "/")


@pytest.mark.parametrize(
    ("shown", "leads_to"),
    [("/verstrekkingen/D-1/terugnemen", "/verstrekkingen/D-1"), ("/tafel/kalender?maand=1", "/tafel/kalender?maand=1")],
)
def test_the_other_language_leads_to_a_page_that_can_be_read(sqlite_program, shown, leads_to):
    person = Person(sqlite_program, "havendam")
    answer = person.post("/taal", {"lang": "en", "next": shown}, page="/overzicht")
    assert (answer.status_code, answer.location) == (302, leads_to)


@pytest.mark.parametrize(
    "page",
    [
        "/plichten/%00",
        "/plichten?na=2026-01-01T00:00:00%2B00:00_%00",
        "/meldroutekaart/versies/vergelijk?oud=%00%00%00%00%00%00%00%00&nieuw=%00%00%00%00%00%00%00%00",
        "/meldroutekaart/grondslagen/%00",
        "/signalen/%00/verstrekken",
        "/verstrekkingen/%00",
    ],
)
def test_a_sign_that_no_database_holds_is_not_found_in_an_address(settings, clock, page):
    for program in open_for_test(settings, clock):
        assert Person(program, "havendam").get(page).status_code == 404


# -- what no form of ours sends: refused, and recorded -------------------------------------------------------------


def _refusals(program) -> int:
    with reading(program) as session:
        query = select(func.count()).where(LogEntry.action == "request:refuse", LogEntry.outcome == "refused")
        return session.scalar(query)


def _token(person: Person) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', person.get("/overzicht").text)[1]


@pytest.mark.parametrize("path", ["/afmelden", "/signalen/nieuw", "/koppelingen/x", "/taal"])
def test_a_body_that_is_no_form_is_refused(program, path):
    person = Person(program, "havendam")
    answer = person.client.post(path, json={"destination": "avim"}, headers={"X-CSRFToken": _token(person)})
    assert answer.status_code == 403
    assert _refusals(program) == 1
    assert person.get("/overzicht").status_code == 200


def test_names_in_the_address_of_a_form_are_refused_also_where_the_form_has_them(program):
    person = Person(program, "havendam")
    answer = person.post("/taal?lang=en", {"lang": "en", "next": "/overzicht"}, page="/overzicht")
    assert answer.status_code == 403
    assert _refusals(program) == 1


@pytest.mark.parametrize("name", ["version", "narrative", "observed_on-day", "municipality", "ind-x", "acute_danger"])
def test_a_field_sent_twice_is_refused(program, name):
    owner = Person(program, "havendam")
    draft = _draft(owner)
    answer = owner.post(f"{draft}/2", {"version": "2", "action": "", name: ["2", "3"]})
    assert answer.status_code == 403
    assert _refusals(program) == 1


def test_more_than_one_form_of_exploitation_is_no_field_sent_twice(program):
    owner = Person(program, "havendam")
    draft = _draft(owner)
    answer = owner.post(f"{draft}/2", {"version": "2", "action": "", "forms": ["labour", "sexual"]})
    assert answer.status_code == 303
    person = {"version": "3", "action": "", "kind": "person", "role": "witness", "age": "adult", "gender": "man"}
    names = {"id-given_name": "Voor", "id-surname": "Beeld", "unsure": ["given_name", "surname"]}
    assert owner.post(f"{draft}/betrokkene/0", {**person, **names}).status_code == 303


def test_a_forged_name_is_refused_before_a_stale_page_is_told(program, actor):
    reference = submitted(program, actor(program, "havendam"))
    coordinator = Person(program, "coordinator")
    for path, form in (("beoordelen", {"version": "0", "destination": "avim"}), ("vragen", {"ground": "G01"})):
        answer = coordinator.post(f"/triage/{reference}/{path}", form, page=f"/triage/{reference}")
        assert answer.status_code == 403, path
    assert _refusals(program) == 2


@pytest.mark.parametrize("field", ["narrative", "municipality", "a\0b"])
def test_a_sign_that_no_database_holds_is_refused_in_a_form(program, field):
    owner = Person(program, "havendam")
    draft = _draft(owner)
    assert owner.post(f"{draft}/2", {"version": "2", "action": "", field: "a\0b"}).status_code == 403
    assert _refusals(program) == 1


def test_a_form_that_was_done_and_comes_again_with_a_forged_token_is_recorded(program):
    owner = Person(program, "havendam")
    safety = {"version": "", "action": "", "acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    assert owner.post("/signalen/nieuw", safety).status_code == 303
    assert owner.client.post("/signalen/nieuw", data={**safety, "csrf_token": "of another"}).status_code == 400
    with reading(program) as session:
        refused = session.scalar(select(func.count()).where(LogEntry.action == "request:refuse"))
    assert refused == 1
