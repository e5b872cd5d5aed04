"""What a submitter confirms: whatever was masked stands nowhere that others read, however it is spelled there."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from signaltable.domain import UnusableInput
from signaltable.flow import signals
from signaltable.flow.contents import Readable, signal_part
from signaltable.models import Signal, SignalMove
from signaltable.transaction import reading
from tests.databases import every_row
from tests.factories import a_person, a_signal
from tests.table_steps import row, use

STORY = "Mevrouw Piet Jansen werkt bij haar oom. PIET JANSEN betaalt niet; jansen's broer ook niet. Zij eet in de bibliotheek."


@pytest.fixture
def owner(sqlite_program, actor):
    return actor(sqlite_program, "havendam")


def submit(program, who, **changes):
    return row(program, use(program, who, signals.submit, a_signal(subjects=[], **changes)).reference)


def test_a_name_that_is_masked_once_is_masked_in_every_spelling_and_every_text(sqlite_program, owner):
    observed = {"on": None, "municipality": "Jansendorp bij jansen", "online": "no", "source_quality": "seen"}
    stored = submit(sqlite_program, owner, narrative=STORY, observed=observed)
    assert "jansen's" not in stored.narrative_masked.lower()
    assert "jansen " not in f"{stored.narrative_masked} {stored.municipality} ".lower()


def test_a_name_that_is_spelled_out_is_masked_however_long_it_is(sqlite_program, owner):
    for gap in (" ", ".", " . "):
        draft = a_signal(narrative=f"Op de bel stond {gap.join('PROEFVELD')}.", subjects=[a_person()])
        shown = use(sqlite_program, owner, signals.preview, draft).masks
        assert shown.masked("narrative") == "Op de bel stond [naam]."


def test_a_name_that_ends_like_a_street_is_said_to_be_a_name(sqlite_program, owner):
    draft = a_signal(narrative="De collega heet Roos van Dijk. Zij belde vaak.")
    shown = use(sqlite_program, owner, signals.preview, draft).masks
    assert shown.masked("narrative").startswith("De collega heet [naam].")


def test_an_article_is_masked_at_most_where_it_is_a_name(sqlite_program, owner):
    story = "Zij kwam met mevrouw Van. De baas van de kas hield de papieren van de mannen."
    shown = use(sqlite_program, owner, signals.preview, a_signal(narrative=story, subjects=[])).masks
    assert shown.masked("narrative") == story.replace("mevrouw Van", "mevrouw [naam]")
    story = "Hij heeft hier geen familie. De baas van de kas hield de papieren van de mannen."
    shown = use(sqlite_program, owner, signals.preview, a_signal(narrative=story, subjects=[])).masks
    assert shown.masked("narrative") == story


def test_a_freed_word_stays_readable_everywhere(sqlite_program, owner):
    story = "Mevrouw Piet Jansen werkt bij haar oom. PIET JANSEN betaalt niet."
    freed = [{"kind": "name", "word": "piet jansen", "reason": "Dat is een merk"}]
    told = use(sqlite_program, owner, signals.preview, a_signal(narrative=story, subjects=[], freed=freed)).masks
    (word,) = [one for one in told.words if one.word == "Piet Jansen"]
    assert word.freed
    assert told.masked("narrative") == story


@pytest.mark.parametrize(
    ("word", "locked"),
    [("06-12345678", "number"), ("Zorinka Proefveld", "typed"), ("afkomst", "protected"), ("oom", "marked")],
)
def test_what_points_to_somebody_surely_cannot_be_freed(sqlite_program, owner, word, locked):
    changes = {
        "narrative": "Zorinka Proefveld is van Nigeriaanse afkomst en belt met 06-12345678. Zij woont bij haar oom.",
        "subjects": [a_person(identity={"given_name": "Zorinka", "surname": "Proefveld"})],
        "mask_words": ["oom"],
    }
    words = use(sqlite_program, owner, signals.preview, a_signal(**changes)).masks.words
    (found,) = [one for one in words if one.word == word]
    assert found.locked == locked
    freed = [{"kind": found.kind, "word": word, "reason": "zomaar"}]
    with pytest.raises(UnusableInput) as refused:
        use(sqlite_program, owner, signals.submit, a_signal(**changes, freed=freed))
    assert set(refused.value.problems) == {"freed"}
    assert word not in str(refused.value)


def test_a_name_in_a_longer_name_that_stays_masked_is_not_freed(sqlite_program, owner):
    story = "Piet Jansen werkt hier. Jansen betaalt niet."
    freed = [{"kind": "name", "word": "Jansen", "reason": "Dat is een winkel"}]
    told = use(sqlite_program, owner, signals.preview, a_signal(narrative=story, subjects=[], freed=freed)).masks
    assert "jansen" not in told.masked("narrative").lower()


def test_a_word_to_mask_that_is_nowhere_is_told_and_never_repeated(sqlite_program, owner):
    with pytest.raises(UnusableInput) as refused:
        submit(sqlite_program, owner, narrative=STORY, mask_words=["biblioteek"])
    assert set(refused.value.problems) == {"mask_words"}
    assert "biblioteek" not in str(refused.value)


@pytest.mark.parametrize(
    "changes",
    [
        {"observed": {"on": None, "municipality": "111222333", "online": "no", "source_quality": "seen"}},
        {"reachable": "bsn 111222333"},
        {"consent": {"status": "not_asked", "language": "111222333"}},
        {"mask_words": ["111222333"]},
    ],
)
def test_a_bsn_is_refused_in_every_text(sqlite_program, owner, changes):
    with pytest.raises(UnusableInput):
        submit(sqlite_program, owner, narrative="Iets gezien.", **changes)


def test_what_was_masked_is_masked_in_what_the_owner_types_later(sqlite_program, owner):
    stored = submit(sqlite_program, owner, narrative=STORY, mask_words=["bibliotheek"])
    use(sqlite_program, owner, signals.withdraw, stored.reference, "Zij zit nooit in de Bibliotheek, zegt jansen.")
    with reading(sqlite_program) as session:
        reasons = session.scalars(select(SignalMove.reason)).all()
    assert not any("bibliotheek" in one.lower() or "jansen" in one.lower() for one in reasons)


def test_a_marked_word_stays_masked_in_an_account_that_goes_as_it_was_written(sqlite_program, owner):
    stored = submit(sqlite_program, owner, narrative=STORY, mask_words=["bibliotheek"])

    def goes(tx, readable):
        (field,) = signal_part(tx, tx.session.get_one(Signal, stored.id), ["signal.narrative"], "essm", readable)
        return str(field.values[0])

    assert "bibliotheek" not in use(sqlite_program, owner, goes, Readable())
    assert "bibliotheek" in use(sqlite_program, owner, goes, Readable(going=("bibliotheek",)))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    word=st.sampled_from(["Kwibusla", "Zwanewater", "de Blauwe Deur", "Mooi-Zicht"]),
    spelling=st.sampled_from([str.lower, str.upper, str.title, str.swapcase]),
    before=st.sampled_from(["Zij gaat naar ", "Bij ", "(", "\n"]),
)
def test_a_marked_word_is_found_in_other_capitals_wherever_it_stands(sqlite_program, owner, word, spelling, before):
    story = f"Iedereen kent {word}. {before}{spelling(word)}, en nog eens {word}."
    told = use(sqlite_program, owner, signals.preview, a_signal(narrative=story, subjects=[], mask_words=[word])).masks
    assert word.lower() not in told.masked("narrative").lower()


def test_no_masked_word_stands_in_clear_in_any_table(sqlite_program, owner):
    submit(sqlite_program, owner, narrative=STORY.replace("bibliotheek", "Kwibusla"), mask_words=["kwibusla"])
    stored = every_row(sqlite_program.settings)
    assert "betaalt niet" in stored
    assert "kwibusla" not in stored.lower()
    assert "jansen" not in stored.lower()
