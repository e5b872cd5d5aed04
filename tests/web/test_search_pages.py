"""The pages of search and of figures: what is typed goes nowhere, and what is shown can be opened."""

import logging
import re
from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from signaltable.flow.figures import Dimension, count_days
from signaltable.flow.searching import finding, lists
from signaltable.jobs.work import JOBS
from signaltable.models import LogDetail, Mail, SearchRow
from signaltable.transaction import reading
from tests.databases import every_row
from tests.factories import a_signal
from tests.flow.test_figures import OCTOBER, many, numbers, seen
from tests.table_steps import submitted
from tests.web.people import Person

TYPED = "Kwibus Zorgvlied kassen"


def hidden_of(page):
    """The hidden boxes of the form that asks for the next page."""
    form = re.search(r'<form[^>]*action="/zoeken"[^>]*class="st-form">(.*?)</form>', page, re.DOTALL)[1]
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))


def test_a_result_leads_to_a_page_that_opens(sqlite_program, actor):
    reference = submitted(sqlite_program, actor(sqlite_program, "havendam"))
    person = Person(sqlite_program, "havendam")
    page = person.post("/zoeken", {"text": "loon slapen"}).text
    address = re.search(rf'href="([^"]+)">{reference}</a>', page)[1]
    assert person.get(address).status_code == 200


def test_what_was_typed_stands_nowhere(sqlite_program, actor, caplog):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    person = Person(sqlite_program, "havendam")
    with caplog.at_level(logging.DEBUG):
        found = person.post("/zoeken", {"text": TYPED})
        long = person.post("/zoeken", {"text": TYPED + " een twee drie vier vijf zes zeven acht negen tien elf twaalf"})
    assert (found.status_code, long.status_code) == (200, 422)
    for answer in (found, long):
        assert "Location" not in answer.headers
        assert not any(
            "Zorgvlied" in part
            for part in re.findall(r"<title>(.*?)</title>|(?:href|action)=\"(.*?)\"", answer.text)
            for part in part
        )
    with reading(sqlite_program) as session:
        kept = [*session.query(LogDetail.details), *session.query(Mail.template)]
    for word in ("Kwibus", "Zorgvlied", "kassen"):
        assert word not in caplog.text
        assert not any(word.lower() in str(one).lower() for one in kept)
    stands = every_row(sqlite_program.settings)
    assert "havendam" in stands
    assert "Zorgvlied" not in stands
    files = sqlite_program.settings.home.glob("signaltable.db*")
    assert not [file.name for file in files if b"Zorgvlied" in file.read_bytes()]


def test_what_was_typed_comes_by_post_alone(sqlite_program):
    person = Person(sqlite_program, "havendam")
    assert 'value="Zorgvlied"' not in person.get("/zoeken?text=Zorgvlied").text
    assert person.client.post("/zoeken", data={"text": "x"}).status_code == 400


def test_a_mistake_in_a_reference_comes_back_filled(sqlite_program):
    answer = Person(sqlite_program, "havendam").post("/zoeken", {"text": "S-7F3K-Q3"})
    assert answer.status_code == 422
    assert 'value="S-7F3K-Q3"' in answer.text


def test_older_results_are_asked_for_with_the_same_form(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    references = {submitted(sqlite_program, owner) for _ in range(27)}
    person = Person(sqlite_program, "havendam")
    first = person.post("/zoeken", {"text": "loon"}).text
    second = person.client.post("/zoeken", data=hidden_of(first)).text
    shown = [re.findall(r">(S-[0-9A-Z]{4}-[0-9A-Z]{2})</a>", page) for page in (first, second)]
    assert [len(one) for one in shown] == [25, 2]
    assert set(shown[0]) | set(shown[1]) == references


def test_where_a_page_ends_tells_nobody_the_moment_of_a_case_of_others(sqlite_program, actor, monkeypatch, clock):
    for name in ("MOST_READ", "MOST_LOOKED_UP"):
        monkeypatch.setattr(finding, name, 1)
    monkeypatch.setattr(lists, "FIRST_PIECE", 1)
    own = submitted(sqlite_program, actor(sqlite_program, "havendam"))
    clock.forward(hours=1)
    submitted(sqlite_program, actor(sqlite_program, "delinde"), a_signal(capacity="care-wgbo"))
    with reading(sqlite_program) as session:
        foreign = session.scalars(select(SearchRow.number).order_by(SearchRow.number.desc())).first()
    person = Person(sqlite_program, "havendam")
    page = person.post("/zoeken", {"text": "loon"}).text
    sent = hidden_of(page)
    assert own not in page
    assert "23 november 2026" in page
    assert str(foreign) not in page
    assert "11:30" not in page  # The hour in the Netherlands of the case of others.
    # It leads its owner on, and nobody else
    assert own in person.client.post("/zoeken", data=sent).text
    other = Person(sqlite_program, "essm")
    assert other.post("/zoeken", {"text": "loon", "before": sent["before"]}).status_code == 403


@pytest.mark.parametrize("forged", ["x", "-1", "9" * 30, "A" * 48, "é"])
def test_a_forged_page_is_refused(sqlite_program, forged):
    assert Person(sqlite_program, "havendam").post("/zoeken", {"text": "loon", "before": forged}).status_code == 403


def test_a_period_may_end_on_the_last_day_that_there_is(sqlite_program, actor):
    reference = submitted(sqlite_program, actor(sqlite_program, "havendam"))
    days = {"since-day": "1", "since-month": "1", "since-year": "1"}
    days |= {"until-day": "31", "until-month": "12", "until-year": "9999"}
    answer = Person(sqlite_program, "havendam").post("/zoeken", {"text": "loon", **days})
    assert (answer.status_code, reference in answer.text) == (200, True)


def test_figures_as_a_page_and_as_a_file(sqlite_program, actor, clock):
    clock.now = OCTOBER
    many(sqlite_program, submitted(sqlite_program, actor(sqlite_program, "havendam"), seen()), 89)
    clock.now = datetime(2026, 11, 2, 4, tzinfo=UTC)
    count_days(sqlite_program, JOBS)
    person = Person(sqlite_program, "coordinator")
    page = person.get("/cijfers?maand=2026-10").text
    assert "<svg" in page
    told = numbers(sqlite_program, actor(sqlite_program, "coordinator"))[Dimension.SIGNALS, "", ""]
    assert f">{told}<" in page
    answer = person.get("/cijfers/2026-10/bestand")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="cijfers-2026-10.csv"'
    assert answer.text.startswith("\ufeff")
    assert f'"{told}"' in answer.text
    assert {int(line.rsplit(",", 1)[1].strip('"') or 10) >= 10 for line in answer.text.splitlines()[1:]} == {True}
    assert person.get("/cijfers/2026-11/bestand").status_code == 404
    assert person.get("/cijfers?maand=%3Cscript%3E").status_code == 404


def test_a_signal_without_words_is_no_reason_to_fail(sqlite_program, actor):
    submitted(sqlite_program, actor(sqlite_program, "havendam"), a_signal(narrative="Zorinka Proefveld."))
    assert "st-reference" not in Person(sqlite_program, "havendam").post("/zoeken", {"text": "Zorinka"}).text
