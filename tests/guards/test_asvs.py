"""docs/asvs.toml and the page that is made of it: every requirement once, every test there, every reason said (ASVS 5.0.0)."""

import re
from collections import Counter
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from supply.asvs import DATA, PAGE, STATES, Requirement, page, read
from tests.web.people import Person

ROOT = Path(__file__).resolve().parents[2]
STANDARD = read(DATA.read_text(encoding="utf-8"))
# What OWASP counts in version 5.0.0, by level.
OF_THE_STANDARD = {1: 70, 2: 183, 3: 92}


@cache
def names_in(path):
    file = ROOT / path
    if not file.is_file() or not re.fullmatch(r"tests/\w+/test_\w+\.py", path):
        return frozenset()
    # Reading the syntax of two hundred files costs seconds; a test is a function at the left edge.
    return frozenset(re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), flags=re.MULTILINE))


def faults(one):
    """What is wrong with one answer, in words."""
    if one.state not in STATES:
        yield "no such state"
    if not one.asks:
        yield "says not what it asks"
    for test in one.tests:
        path, _, name = test.partition("::")
        if not name.startswith("test_") or name not in names_in(path):
            yield f"no test {test}"
    if one.state == "holds" and not one.tests:
        yield "holds, and nothing proves it"
    if one.state != "holds" and len(one.how) < 12:
        yield "says not why, or what is missing"
    if one.state == "does not apply" and one.tests:
        yield "does not apply, and has a test"


def test_the_list_is_that_of_the_standard():
    assert Counter(STANDARD.levels.values()) == OF_THE_STANDARD
    assert all(STANDARD.levels[one] == 3 for one in STANDARD.chosen)


def test_every_requirement_of_the_target_has_one_answer_and_each_in_its_order():
    wanted = {one for one, level in STANDARD.levels.items() if level < 3} | STANDARD.chosen
    given = [one.id for one in STANDARD.answers]
    assert wanted - set(given) == set()
    assert given == [one for one in STANDARD.levels if one in given]


def test_every_answer_names_tests_that_are_there_and_says_what_is_missing():
    assert {one.id: found for one in STANDARD.answers if (found := list(faults(one)))} == {}


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"tests": ("tests/guards/test_asvs.py::test_that_nobody_wrote",)}, "no test"),
        ({"tests": ("tests/web/people.py::Person",)}, "no test"),
        ({"tests": ()}, "nothing proves it"),
        ({"state": "surely"}, "no such state"),
        ({"state": "partly"}, "what is missing"),
        ({"state": "does not apply", "how": "There is no such thing."}, "has a test"),
    ],
)
def test_the_guard_would_find_it(wrong, told):
    good = Requirement("1.1.1", 2, "x", "holds", "", ("tests/guards/test_asvs.py::test_the_guard_would_find_it",))
    assert list(faults(good)) == []
    assert told in "; ".join(faults(replace(good, **wrong)))


def test_the_page_is_the_one_that_is_made_of_the_data():
    assert page(STANDARD) == PAGE.read_text(encoding="utf-8"), "make pages"


# -- what no other test looks at ------------------------------------------------------------------------------------


def test_a_password_is_typed_unseen_and_may_be_pasted(sqlite_program):
    """ASVS 6.2.6, 6.2.7."""
    stranger, person = Person(sqlite_program), Person(sqlite_program, "havendam")
    for text, count in ((stranger.get("/aanmelden").text, 1), (person.get("/wachtwoord").text, 3)):
        fields = [one for one in re.findall(r"<input[^>]*>", text) if "-password" in one]
        assert len(fields) == count
        assert all('type="password"' in one and "readonly" not in one and "onpaste" not in one for one in fields)
        assert all(re.search(r'autocomplete="(current|new)-password"', one) for one in fields)
    assert not any("paste" in file.read_text(encoding="utf-8") for file in OWN_SCRIPTS)


def test_every_page_of_somebody_at_work_has_the_way_out(sqlite_program):
    """ASVS 7.4.4."""
    person = Person(sqlite_program, "havendam")
    for path in ("/overzicht", "/signalen/nieuw", "/koppelingen", "/account/beveiliging", "/bestaat-niet"):
        text = person.get(path).text
        assert 'action="/afmelden"' in text, path
        assert 'action="/verlaten"' in text, path


OWN_SCRIPTS = sorted((ROOT / "signaltable/static").glob("*.js"))
NEVER = re.compile(
    r"localStorage|sessionStorage|indexedDB|postMessage|[\"']message[\"']|innerHTML|outerHTML|insertAdjacentHTML"
    r"|document\.write|\beval\(|new Function|__proto__|Object\.assign|document\.cookie"
)


@pytest.mark.parametrize("file", OWN_SCRIPTS, ids=lambda file: file.name)
def test_no_script_of_ours_stores_or_listens(file):
    """ASVS 3.2.2, 3.5.5, 14.3.3, 15.3.6."""
    assert NEVER.findall(file.read_text(encoding="utf-8")) == []


# -- docs/security.md -------------------------------------------------------------------------------------------------

SECURITY = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def test_the_page_about_threats_names_tests_that_are_there():
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", SECURITY)
    assert len(named) > 60
    assert [f"{path}::{name}" for path, name in named if name not in names_in(path)] == []


def test_each_threat_has_a_story_and_each_story_says_what_stops_it_and_what_stays():
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| (.+) \|$", SECURITY, flags=re.MULTILINE)
    assert [int(number) for number, _story in rows] == list(range(1, 21))
    told = re.search(r"^## Stories$(.+?)^## ", SECURITY, flags=re.MULTILINE | re.DOTALL)[1]
    stories = dict(re.findall(r"^### (.+?)\n(.+?)(?=^### |\Z)", told, flags=re.MULTILINE | re.DOTALL))
    assert {name for _number, story in rows for name in re.findall(r"\[([^\]]+)\]", story)} <= set(stories)
    for name, story in stories.items():
        assert "::test_" in story, name
        assert (
            re.search(r"still gets?:|What stays:|The running program|reads \| changes unseen", story)
            or "still get:" in story
        ), name
