"""Finding cases by words: what is found is exactly what a look through every case would find, for this person."""

import random
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select, update

from signaltable.domain import Refused
from signaltable.flow import dossier, recusals, retention, rotating, searching, signals
from signaltable.flow.searching import finding, lists
from signaltable.flow.searching.finding import Asked, Unusable, find
from signaltable.flow.searching.terms import moment_of, number_of, packed, unpacked
from signaltable.flow.setup import INSTALLER
from signaltable.jobs.work import JOBS
from signaltable.models import SearchRow, SearchTerm, Signal
from signaltable.transaction import reading
from signaltable.words import stem, words_of
from tests.factories import a_signal
from tests.table_steps import colleague, log, on_the_agenda, submitted, triaged, use

STORY = "Zorinka Proefveld krijgt haar loon niet en slaapt op het werk, bij de kassen achter de dijk."


def told(narrative, **changes):
    return a_signal(narrative=narrative, **changes)


def found_by(program, who, text, **asked):
    return [hit.reference for hit in use(program, who, find, Asked(text, **asked)).hits]


# -- words ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("brieven", "brief"),
        ("huizen", "huis"),
        ("mannen", "man"),
        ("slaapt", "slapen"),
        ("krijgt", "krijgen"),
        ("kamers", "kamer"),
        ("adressen", "adres"),
        ("ramen", "raam"),
        ("grote", "groot"),
        ("mogelijkheden", "mogelijkheid"),
        ("coördinatie", "coordinatie"),
        ("KASSEN", "kas"),
    ],
)
def test_forms_of_one_word_come_to_the_same(one, other):
    assert words_of(one) == words_of(other) != frozenset()


@pytest.mark.parametrize("word", ["huis", "loon", "kas", "werk", "dijk", "reis", "stad"])
def test_a_word_is_not_cut_to_another(word):
    assert stem(word) not in {
        stem(other) for other in ("hut", "lot", "kar", "wet", "dak", "rat", "sta") if other != word
    }


def test_what_is_masked_and_what_says_nothing_is_no_word():
    assert words_of("Zij werkt bij [bedrijf] en [naam] heeft het gezegd") == words_of("werkt gezegd")
    assert words_of("de het een en van") == frozenset()


@given(st.text(max_size=200))
def test_any_text_has_words_that_are_found_again(text):
    assert words_of(text) == words_of(text.upper().lower()) or not text.isascii()
    assert all(0 < len(word) <= 64 for word in words_of(text))


@given(st.sets(st.integers(min_value=-(2**63), max_value=2**63 - 1)))
def test_terms_come_back_as_they_were_packed(terms):
    assert unpacked(packed(terms)) == terms


def test_numbers_go_up_with_time_and_tell_the_moment(clock):
    earlier = number_of(clock.now, "fff" + "0" * 29)
    later = number_of(clock.now + timedelta(microseconds=1), "000" + "0" * 29)
    assert earlier < later < 2**63
    assert moment_of(earlier) == clock.now


# -- who finds what ---------------------------------------------------------------------------------------------------


def test_a_case_is_found_by_words_of_its_account_in_any_form(program, actor):
    owner = actor(program, "havendam")
    reference = submitted(program, owner, told(STORY))
    assert found_by(program, owner, "kas") == [reference]
    assert found_by(program, owner, "KASSEN slapen lonen") == [reference]
    assert found_by(program, owner, "kassen fabriek") == []


def test_cases_of_one_moment_whose_ids_begin_alike_get_each_a_number(program, actor):
    # Given a clock that stands still, and chance that begins each id with the same digits
    chance = random.Random(7)
    alike = replace(program, randomness=lambda count: b"\0\0" + chance.randbytes(count - 2))
    owner = actor(program, "havendam")
    references = {submitted(alike, owner, told(STORY)) for _ in range(3)}
    # Then all of them are stored, and found
    assert len(references) == 3
    assert set(found_by(program, owner, "kas")) == references


def test_names_and_masked_words_are_not_found(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    submitted(sqlite_program, owner, told(STORY + " Bel 0612345678 of mail naar jan@voorbeeld.example."))
    for text in ("Zorinka", "Proefveld", "0612345678", "voorbeeld", "naam", "telefoon"):
        assert found_by(sqlite_program, owner, text) == [], text


def test_a_case_of_another_agency_gives_nothing_until_it_is_on_the_agenda(program, actor):
    owner, coordinator, member = (actor(program, login) for login in ("havendam", "coordinator", "avim"))
    reference = triaged(program, owner, coordinator, told(STORY))
    assert found_by(program, coordinator, "kassen") == [reference]
    assert found_by(program, member, "kassen") == []
    assert found_by(program, member, reference) == []
    on_the_agenda(program, coordinator, reference)
    assert found_by(program, member, "kassen") == [reference]
    assert found_by(program, member, reference.lower().replace("-", " ")) == [reference]


def test_nobody_tells_a_case_that_is_not_there_from_one_of_others(sqlite_program, actor):
    other = actor(sqlite_program, "delinde")
    reference = submitted(sqlite_program, actor(sqlite_program, "havendam"))
    there, not_there = (use(sqlite_program, other, find, Asked(one)) for one in (reference, "S-2222-2W"))
    assert there == not_there
    (_first, one), (_second, two) = log(sqlite_program, "signal:search")[-2:]
    assert {key: one[key] for key in ("view", "words", "count")} == {
        key: two[key] for key in ("view", "words", "count")
    }


def test_who_is_kept_from_a_case_does_not_find_it(sqlite_program, actor):
    owner, coordinator = actor(sqlite_program, "havendam"), actor(sqlite_program, "coordinator")
    reference = triaged(sqlite_program, owner, coordinator, told(STORY))
    colleague(sqlite_program, "coordinator.twee", "var", "table-coordinator")
    use(sqlite_program, coordinator, recusals.declare, "signal", reference, interest="knows_person", reason="")
    assert found_by(sqlite_program, coordinator, "kassen") == []
    assert found_by(sqlite_program, coordinator, reference) == []
    assert found_by(sqlite_program, owner, "kassen") == [reference]


def test_what_was_erased_is_not_found_and_leaves_nothing_in_the_index(sqlite_program, actor, clock):
    owner = actor(sqlite_program, "havendam")
    submitted(sqlite_program, owner, told(STORY))
    clock.forward(days=1500)
    retention.sweep(sqlite_program, JOBS)
    assert found_by(sqlite_program, owner, "kassen") == []
    with reading(sqlite_program) as session:
        assert session.scalar(select(func.count()).select_from(SearchTerm)) == 0
        assert set(session.scalars(select(SearchRow.terms))) == {b""}


def test_an_index_that_lags_behind_shows_no_word_that_is_gone(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    reference = submitted(sqlite_program, owner, told(STORY))
    with sqlite_program.write_sessions() as session:
        session.execute(update(Signal).where(Signal.reference == reference).values(narrative_masked="Zij slaapt daar."))
        session.commit()
    assert found_by(sqlite_program, owner, "kassen") == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("   ", "nothing"),
        ("de en het", "small"),
        ("a b c", "small"),
        ("S-7F3K-Q3", "reference"),
        ("een " + " ".join(f"woord{n}" for n in range(9)), "words"),
    ],
)
def test_what_cannot_be_searched_for_says_why(sqlite_program, actor, text, reason):
    with pytest.raises(Unusable) as told_why:
        use(sqlite_program, actor(sqlite_program, "havendam"), find, Asked(text))
    assert told_why.value.reason == reason
    assert text not in str(told_why.value)


def test_a_word_that_looks_like_a_reference_is_a_word(sqlite_program, actor):
    owner = actor(sqlite_program, "havendam")
    reference = submitted(sqlite_program, owner, told("Het is een schande, zegt hij, dat niemand iets doet."))
    assert found_by(sqlite_program, owner, "schande") == [reference]


# -- as a look through every case would --------------------------------------------------------------------------------

WORDS = ("kassen", "dijk", "loon", "slapen", "busje", "paspoort")


CAPACITIES = {"havendam": "municipality-wmo", "delinde": "care-wgbo"}


@pytest.fixture
def region(sqlite_program, actor, clock, once):
    """Cases of two agencies, some of them on an agenda, with words by chance."""

    def fill():
        chance = random.Random(8)
        coordinator = actor(sqlite_program, "coordinator")
        references = []
        for number in range(14):
            login, capacity = list(CAPACITIES.items())[number % 2]
            draft = told(f"Zij vertelt van {', '.join(chance.sample(WORDS, 3))}.", capacity=capacity)
            references.append(triaged(sqlite_program, actor(sqlite_program, login), coordinator, draft))
            clock.forward(hours=30)
        on_the_agenda(sqlite_program, coordinator, *references[::3])

    once(sqlite_program, "cases to search", fill)
    return sqlite_program


def opened(program, who):
    """(reference, state, account) of every case that somebody may open, newest first."""
    with reading(program) as session:
        every = session.execute(select(Signal.reference, Signal.state).order_by(Signal.created_at.desc())).all()
    return [(one.reference, one.state, account_of(program, who, one.reference)) for one in every]


def account_of(program, who, reference):
    for step in (signals.consult, dossier.consult):
        try:
            read = use(program, who, step, reference)
        except Refused:
            continue
        return getattr(read, "narrative_masked", read.narrative)
    return ""


@pytest.mark.parametrize("login", ["havendam", "coordinator", "avim"])
def test_search_finds_what_a_look_through_every_case_finds(region, actor, login):
    who = actor(region, login)
    cases = opened(region, who)
    for words, state in (("kassen", ""), ("dijk loon", ""), ("busje paspoort", ""), ("slaapt", ""), ("loon", "tabled")):
        fitting = [one for one in cases if words_of(words) <= words_of(one[2]) and state in {"", one[1]}]
        assert found_by(region, who, words, state=state) == [one[0] for one in fitting]
    assert any(account for _reference, _state, account in cases)


def test_pages_and_pieces_of_any_size_give_the_same(region, actor, monkeypatch):
    who = actor(region, "coordinator")
    whole = found_by(region, who, "kassen")
    for name, size in (("PAGE", 2), ("MOST_READ", 3), ("MOST_LOOKED_UP", 4)):
        monkeypatch.setattr(finding, name, size)
    monkeypatch.setattr(lists, "FIRST_PIECE", 1)
    monkeypatch.setattr(lists, "LARGEST_PIECE", 3)
    seen, before = [], 0
    for _page in range(60):
        found = use(region, who, find, Asked("kassen", before=before))
        seen += [hit.reference for hit in found.hits]
        assert len(found.hits) <= 2
        before = found.following
        if not before:
            break
    assert seen == whole


def test_cases_of_several_pieces_are_opened_together(region, actor, monkeypatch):
    who, opened_at_once = actor(region, "coordinator"), []
    shipped = finding._Search._open

    def opening(search, numbers):
        opened_at_once.append(len(numbers))
        return shipped(search, numbers)

    monkeypatch.setattr(finding._Search, "_open", opening)
    monkeypatch.setattr(lists, "FIRST_PIECE", 1)
    monkeypatch.setattr(lists, "LARGEST_PIECE", 1)
    hits = found_by(region, who, "kassen")
    assert (len(opened_at_once), opened_at_once[0] >= len(hits) > 1) == (1, True)


def test_a_period_counts_days_in_the_netherlands(region, actor, clock):
    who = actor(region, "havendam")
    with reading(region) as session:
        days = dict(session.execute(select(Signal.reference, Signal.created_at)).all())
    everything = found_by(region, who, "vertelt")
    since = min(days[one] for one in everything).date() + timedelta(days=5)
    until = since + timedelta(days=4)
    inside = [one for one in everything if since <= days[one].astimezone(finding.ZONE).date() <= until]
    assert found_by(region, who, "vertelt", since=since, until=until) == inside != everything


def test_filling_makes_the_index_that_submitting_made(region, actor):
    with reading(region) as session:
        before = set(session.execute(select(SearchTerm.term, SearchTerm.number)))
    with region.write_sessions() as session:
        for table in (SearchTerm, SearchRow):
            session.execute(table.__table__.delete())
        session.commit()
    who = actor(region, "havendam")
    assert found_by(region, who, "kassen") == []
    filled = searching.fill(region, JOBS)
    assert (filled.added, filled.read) == (14, 14)
    with reading(region) as session:
        assert set(session.execute(select(SearchTerm.term, SearchTerm.number))) == before
    assert searching.fill(region, JOBS) == searching.Filled(0, 0)


def test_the_page_says_when_not_everything_was_read(region, actor):
    with region.write_sessions() as session:
        session.execute(update(SearchRow).values(key_version=0))
        session.commit()
    who = actor(region, "havendam")
    assert not use(region, who, find, Asked("kassen")).whole
    searching.fill(region, JOBS)
    assert use(region, who, find, Asked("kassen")).whole


def test_cases_are_found_while_the_key_is_replaced_and_afterwards(region, actor):
    who = actor(region, "coordinator")
    before = found_by(region, who, "kassen")
    with reading(region) as session:
        old = set(session.scalars(select(SearchTerm.term)))
    started = rotating.start(region, INSTALLER, "match")
    assert found_by(region, who, "kassen") == before
    while not rotating.step(region, INSTALLER, started.id).is_over:
        assert found_by(region, who, "kassen") == before
    with reading(region) as session:
        assert old.isdisjoint(session.scalars(select(SearchTerm.term)))
