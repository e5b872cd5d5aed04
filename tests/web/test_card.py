"""The meldroutekaart on a page: for everybody who is logged in, with an exercise that lights what the program would advise."""

import re
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import date
from html import unescape

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.vocabulary import COMMON
from signaltable.card.words import day_words
from signaltable.facts import FACTS, parse_facts
from signaltable.route import decide
from signaltable.texts import Text
from tests.table_steps import log
from tests.web.people import Person

PAGES = ("", "/kaart.pdf", "/kaart.svg", "/grondslagen", "/grondslagen/POL8", "/versies")
HOSTILE = "<script>alert(1)</script> & \"x\" 'y' </svg> {{ 7*7 }}"
SVG = "{http://www.w3.org/2000/svg}"


def picture(answer):
    return ET.fromstring(re.search(r"<svg[^>]*pic--card.*?</svg>", answer.text, flags=re.DOTALL)[0])


def lit(answer):
    """(route, how many boxes of destinations are lit) of every lane with a check mark."""
    lanes = [group for group in picture(answer).iter(f"{SVG}g") if "card-lane--lit" in group.get("class", "")]
    return {re.match(r"([MR]\d+)", lane.find(f"{SVG}title").text)[1] for lane in lanes}


def shown(answer):
    return set(re.findall(r'id="route-([MR]\d+)"', answer.text))


def text_of(answer):
    return unescape(re.sub(r"<[^>]+>", " ", answer.text))


@pytest.mark.parametrize("login", ["havendam", "auditor", "coordinator", "beheer", "riec"])
@pytest.mark.parametrize("path", PAGES)
def test_everybody_who_is_logged_in_reads_the_rules(sqlite_program, login, path):
    person = Person(sqlite_program, login)

    answer = person.get(f"/meldroutekaart{path}")

    assert answer.status_code == 200
    assert "Meldroutekaart" in Person(sqlite_program, login).get("/overzicht").text


@pytest.mark.parametrize("path", PAGES)
def test_nobody_reads_them_without_logging_in(sqlite_program, path):
    answer = Person(sqlite_program).get(f"/meldroutekaart{path}")

    assert answer.status_code == 302
    assert "/aanmelden" in answer.location


def test_the_page_shows_every_route_of_today_in_picture_and_words(sqlite_program):
    answer = Person(sqlite_program, "havendam").get("/meldroutekaart")
    today = sqlite_program.clock().date()
    rules = sqlite_program.policy.meldroutes_on(today)

    links = {link.get("href") for link in picture(answer).iter(f"{SVG}a")}

    assert shown(answer) == {rule.id for rule in rules}
    assert links == {f"#route-{rule.id}" for rule in rules}
    words = text_of(answer)
    for rule in rules:
        assert rule.title.nl in words
        assert rule.reason.nl in words
        assert rule.source in words
        assert sqlite_program.policy.file_of(rule) in words
        for target in rule.to:
            place = sqlite_program.policy.destinations[target.destination]
            assert place.title.nl in words
            assert place.does.nl in words
            assert not place.phone or place.phone in words


def test_the_card_speaks_english_too(sqlite_program):
    person = Person(sqlite_program, "havendam")
    person.post("/taal", {"lang": "en", "next": "/meldroutekaart"}, page="/meldroutekaart")

    answer = person.get("/meldroutekaart")

    assert "Acute danger: call 112" in text_of(answer)
    assert "English" not in text_of(answer)
    assert picture(answer).get("lang") == "en"


@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_exercise_lights_what_the_program_would_advise(person, data):
    facts = data.draw(some_facts())

    answer = person.post("/meldroutekaart", posted(facts))

    decision = decide(parse_facts(facts), person.program.policy, on=person.program.clock().date())
    assert answer.status_code == 200
    assert lit(answer) == {route.id for route in decision.routes}
    words = text_of(answer)
    for route in decision.routes:
        assert route.reason.nl in words


@pytest.fixture
def person(sqlite_program):
    made = Person(sqlite_program, "havendam")
    made.program = sqlite_program
    return made


def some_facts():
    def values(fact):
        if fact.kind == "choice":
            return st.sampled_from(fact.values)
        if fact.kind == "list":
            return st.lists(st.sampled_from(fact.values), min_size=1, max_size=3, unique=True)
        return st.integers(0, 40)

    return st.fixed_dictionaries({}, optional={fact.name: values(fact) for fact in FACTS.values()})


def posted(facts):
    return {name: value if isinstance(value, list) else str(value) for name, value in facts.items()}


def test_what_was_filled_in_comes_back_and_is_kept_nowhere(person):
    answer = person.post("/meldroutekaart", {"age_years": "17,5", "gender": "woman", "forms": ["labour", "sexual"]})

    assert re.search(r'id="age_years"[^>]*value="17,5"', answer.text)
    assert re.search(r'<option value="woman" selected>', answer.text)
    ticked = re.findall(r'name="forms" value="(\w+)"\s+checked', answer.text)
    assert set(ticked) == {"labour", "sexual"}
    assert answer.request.query_string == b""
    told = [details for _row, details in log(person.program, "policy:consult") if details["view"] == "practice"]
    assert [set(details) - COMMON for details in told] == [{"view", "policy_digest"}]
    fresh = person.get("/meldroutekaart")
    assert "checked" not in re.search(r'<form[^>]*action="/meldroutekaart".*?</form>', fresh.text, flags=re.DOTALL)[0]


@pytest.mark.parametrize("typed", ["oud", "-1", "131", "nan", "1e400", "12345678", "٣x"])
def test_a_number_that_is_none_is_told_at_its_field(person, typed):
    answer = person.post("/meldroutekaart", {"age_years": typed, "gender": "man"})

    assert answer.status_code == 422
    assert 'id="age_years-error"' in answer.text
    assert '<option value="man" selected>' in answer.text
    assert lit(answer) == set()


def test_half_an_agency_is_no_number_of_agencies(person):
    assert person.post("/meldroutekaart", {"linked_agencies": "2,5"}).status_code == 422
    assert lit(person.post("/meldroutekaart", {"linked_agencies": "2"})) == {"M17"}


@pytest.mark.parametrize(
    "forged",
    [
        {"gender": "vrouw"},
        {"forms": ["labour", "x"]},
        {"gender": ["woman", "man"]},
        {"destination": "essm"},
        {"naam": "iemand"},
    ],
)
def test_what_the_form_does_not_offer_is_refused(person, forged):
    assert person.post("/meldroutekaart", forged).status_code == 403
    assert person.post("/meldroutekaart/voorbeeld", {"example": "M99-1"}, page="/meldroutekaart").status_code == 403


def test_an_exercise_without_token_is_refused(person):
    assert person.client.post("/meldroutekaart", data={"gender": "man"}).status_code == 400


def test_an_example_fills_the_form_and_lights_its_rule(person):
    page = person.get("/meldroutekaart").text
    offered = re.findall(r'<option value="(M\d+-\d+)"', page)

    answer = person.post("/meldroutekaart/voorbeeld", {"example": "M12-1"}, page="/meldroutekaart")

    assert {key.split("-")[0] for key in offered} == {
        rule.id for rule in person.program.policy.meldroutes_on(person.program.clock().date())
    }
    assert "M12" in lit(answer)
    assert re.search(r'id="shelter_needed".*?<option value="yes" selected>', answer.text, flags=re.DOTALL)


def test_odd_signs_in_a_rule_stay_words(sqlite_program):
    odd = Text(HOSTILE, HOSTILE)
    policy = sqlite_program.policy
    rules = tuple(
        rule.model_copy(update={"title": odd, "reason": odd, "source": HOSTILE}) for rule in policy.meldroutes
    )
    places = {
        name: place.model_copy(update={"title": odd, "does": odd, "hours": odd, "phone": HOSTILE})
        for name, place in policy.destinations.items()
    }
    rows = tuple(
        row.model_copy(update={"title": odd, "explanation": odd, "source": HOSTILE}) for row in policy.grounds.rows
    )
    changed = replace(policy, meldroutes=rules, destinations=places, grounds=replace(policy.grounds, rows=rows))
    person = Person(replace(sqlite_program, policy=changed), "havendam")

    for path in ("", "/grondslagen", "/grondslagen/POL8"):
        answer = person.get(f"/meldroutekaart{path}")
        assert answer.status_code == 200
        assert "<script>alert" not in answer.text
        assert "49" not in re.findall(r"\b49\b", text_of(answer))
    assert person.post("/meldroutekaart", {"acute_danger": "yes"}).status_code == 200
    ET.fromstring(person.get("/meldroutekaart/kaart.svg").data)


def test_a_number_that_was_not_checked_for_a_year_says_when_it_was(sqlite_program):
    place = sqlite_program.policy.destinations["essm"]
    today = sqlite_program.clock().date()

    def page(checked_on):
        changed = place.model_copy(update={"checked_on": checked_on})
        policy = replace(sqlite_program.policy, destinations={**sqlite_program.policy.destinations, "essm": changed})
        return text_of(Person(replace(sqlite_program, policy=policy), "havendam").get("/meldroutekaart"))

    assert "1 maart 2021" in page(date(2021, 3, 1))
    assert day_words(today, "nl") not in page(today).replace(f"Geldig op {day_words(today, 'nl')}", "")


def test_the_downloads_are_files_of_this_region_and_day(sqlite_program):
    person = Person(sqlite_program, "havendam")

    pdf, svg = person.get("/meldroutekaart/kaart.pdf"), person.get("/meldroutekaart/kaart.svg")

    assert pdf.mimetype == "application/pdf"
    assert pdf.data.startswith(b"%PDF-")
    assert pdf.data == person.get("/meldroutekaart/kaart.pdf").data
    assert 'filename="meldroutekaart-rotterdam-2026-11-23.pdf"' in pdf.headers["Content-Disposition"]
    assert svg.mimetype == "image/svg+xml"
    root = ET.fromstring(svg.data)
    assert root.get("role") == "img"
    assert not [1 for part in root.iter() if "style" in part.attrib or part.tag in {f"{SVG}a", f"{SVG}script"}]


def test_the_banner_about_unreviewed_rules_stays_on_the_card(sqlite_program):
    assert "st-banner" in Person(sqlite_program, "havendam").get("/meldroutekaart").text
