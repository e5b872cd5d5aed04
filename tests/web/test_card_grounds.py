"""The grounds on a page: counted per pair, searched, and each one whole."""

import re
from html import unescape

import pytest

from tests.web.people import Person

PAGE = "/meldroutekaart/grondslagen"


@pytest.fixture
def person(sqlite_program):
    return Person(sqlite_program, "havendam")


def found(answer):
    return set(re.findall(r'href="/meldroutekaart/grondslagen/([A-Z0-9]+)"', answer.text))


def valid(program):
    return program.policy.grounds.on(program.clock().date())


def giver(policy, kind):
    return {"*", kind, *policy.capacities_of(kind)}


def test_without_a_filter_every_ground_that_counts_is_there(person, sqlite_program):
    assert found(person.get(PAGE)) == {row.id for row in valid(sqlite_program)}


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ("van=police", lambda row, policy: bool(giver(policy, "police") & set(row.provider))),
        ("van=municipality", lambda row, policy: bool(giver(policy, "municipality") & set(row.provider))),
        ("naar=shelter", lambda row, _policy: bool({"*", "shelter"} & set(row.recipient))),
        ("doel=P4", lambda row, _policy: bool({"*", "P4"} & set(row.purpose))),
        ("gegevens=health", lambda row, _policy: bool({"*", "health"} & set(row.data))),
        ("uitkomst=deny", lambda row, _policy: row.effect == "deny"),
        ("uitkomst=permit", lambda row, _policy: row.effect != "deny"),
        ("uitkomst=mandatory", lambda row, _policy: row.effect == "mandatory_if"),
        ("algemeen=nee", lambda row, _policy: not ("*" in row.provider and "*" in row.recipient)),
        (
            "van=police&naar=shelter&uitkomst=permit",
            lambda row, policy: (
                row.effect != "deny"
                and bool(giver(policy, "police") & set(row.provider))
                and bool({"*", "shelter"} & set(row.recipient))
            ),
        ),
    ],
)
def test_a_filter_shows_exactly_the_rows_that_fit(person, sqlite_program, asked, fits):
    expected = {row.id for row in valid(sqlite_program) if fits(row, sqlite_program.policy)}

    answer = person.get(f"{PAGE}?{asked}")

    assert expected
    assert expected != {row.id for row in valid(sqlite_program)}
    assert found(answer) == expected


def test_words_are_looked_for_in_titles_articles_and_conditions(person):
    assert "POL8" in found(person.get(f"{PAGE}?tekst=zorgco%C3%B6rdinatie+politie"))
    assert "POL8" in found(person.get(f"{PAGE}?tekst=Wpg-19"))
    assert "POL8" in found(person.get(f"{PAGE}?tekst=pol8"))
    assert found(person.get(f"{PAGE}?tekst=bestaatniet")) == set()
    assert (
        "Geen grondslag past" in person.get(f"{PAGE}?tekst=bestaatniet").text
        or "No ground fits" in person.get(f"{PAGE}?tekst=bestaatniet").text
    )


def test_what_the_rules_do_not_know_filters_nothing_and_is_escaped(person, sqlite_program):
    answer = person.get(f"{PAGE}?van=%3Cscript%3E&doel=P99&tekst=%22%3E%3Cscript%3E&uitkomst=x&anders=1")

    assert answer.status_code == 200
    assert "<script>" not in answer.text.replace('<script src="', "")
    assert found(person.get(f"{PAGE}?van=nergens&doel=P99")) == {row.id for row in valid(sqlite_program)}


def test_each_number_in_the_table_is_the_number_of_rows_behind_it(person):
    cells = re.findall(
        r'class="st-pairs__link" href="([^"#]+)#gronden">(.*?)</a>', person.get(PAGE).text, flags=re.DOTALL
    )

    assert len(cells) > 50
    for address, content in cells[::17]:
        permits = re.search(r'st-pairs__permits">(\d+)<', content)
        denies = re.search(r'st-pairs__denies">.*?</span>(\d+)<', content)
        counted = sum(int(number[1]) for number in (permits, denies) if number)
        assert len(found(person.get(unescape(address)))) == counted, address


def test_the_table_names_its_rows_and_columns(person, sqlite_program):
    text = unescape(person.get(PAGE).text)

    for kind in sqlite_program.policy.agency_kinds.values():
        assert len(re.findall(rf'scope="(?:row|col)"[^>]*>(?:<span>)?{re.escape(kind.title.nl)}<', text)) == 2


def test_a_ground_says_everything_its_file_says(person, sqlite_program):
    for row in valid(sqlite_program):
        words = unescape(re.sub(r"<[^>]+>", " ", person.get(f"{PAGE}/{row.id}").text))
        assert row.explanation.nl in words
        assert row.file in words
        assert row.digest in words
        assert row.source in words
        assert row.choice in words
        for code in (*row.conditions, *row.except_conditions):
            assert sqlite_program.policy.conditions[code].explanation.nl in words


def test_a_ground_that_is_not_there_is_not_found(person):
    assert person.get(f"{PAGE}/ZZ99").status_code == 404
