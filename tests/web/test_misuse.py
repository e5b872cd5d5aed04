"""The pages of questions about use: readable, opaque, asked and answered; nothing of another agency."""

import re

import pytest

from tests.flow.test_misuse import NIGHT, WORDS, _read
from tests.table_steps import submitted
from tests.web.people import Person

START = "/audit/vragen"


@pytest.fixture
def program(sqlite_program):
    return sqlite_program


@pytest.fixture
def focal(program, actor, clock):
    """Somebody who read a case three times at night."""
    reference = submitted(program, actor(program, "havendam"))
    clock.now = NIGHT
    _read(program, actor(program, "havendam"), reference, reference, reference)
    return actor(program, "havendam").account_id


def test_an_auditor_asks_and_the_officer_answers(program, focal):
    auditor, officer = Person(program, "auditor"), Person(program, "fg.havendam")
    page = auditor.get(START).text
    link = re.search(r'href="(/audit/vragen/odd-hours/[^"?]+)', page)[1]
    shown = auditor.get(link).text
    assert f"persoon={focal}" in shown
    assert "Hanneke" not in page + shown
    assert "03:00" in shown  # in Dutch time
    assert auditor.post(f"{link}/stellen", page=link).status_code == 303
    assert "Hanneke" not in officer.get(link).text
    answer = {"result": "explained", "explanation": WORDS}
    assert officer.post(f"{link}/beantwoorden", answer, page=link).status_code == 303
    page = auditor.get(START).text
    assert WORDS in page
    assert f"{link}?" not in page


def test_an_answer_without_words_comes_back(program, focal):
    officer = Person(program, "fg.havendam")
    link = f"{START}/odd-hours/{focal}"
    answer = officer.post(f"{link}/beantwoorden", {"result": "explained", "explanation": ""}, page=link)
    assert answer.status_code == 422
    assert 'href="#explanation"' in answer.text


def test_another_officer_finds_nothing(program, focal):
    other = Person(program, "fg.delinde")
    assert "odd-hours" not in other.get(START).text
    link = f"{START}/odd-hours/{focal}"
    assert other.get(link).status_code == 404
    answer = {"result": "explained", "explanation": WORDS}
    assert other.post(f"{link}/beantwoorden", answer, page=START).status_code == 404
    assert other.post(f"{link}/stellen", page=START).status_code == 403


@pytest.mark.parametrize("login", ["havendam", "coordinator", "avim"])
def test_others_stay_outside(program, focal, login):
    assert Person(program, login).get(START).status_code == 403


def test_a_period_that_is_not_offered(program):
    auditor = Person(program, "auditor")
    assert {auditor.get(f"{START}?dagen={days}").status_code for days in ("7", "90", "365")} == {200}
    assert {auditor.get(f"{START}?dagen={days}").status_code for days in ("1", "x", "-30")} == {404}
