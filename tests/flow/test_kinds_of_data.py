"""Which kinds of data an account holds decides who may read it: at submit, in a disclosure, at the table, in a question."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import update

from signaltable.domain import UnusableInput
from signaltable.flow import choices, dossier, enrich, signals, table, triage
from signaltable.flow.contents import MASKED, NARRATIVE, contents_of
from signaltable.flow.sources import Source
from signaltable.grounds import GroundSet
from signaltable.models import Signal
from signaltable.queries import signal_by_reference
from tests.disclosure_steps import GIVEN, look
from tests.factories import a_person, a_signal
from tests.table_steps import asked, on_the_agenda, row, submitted, triaged, use

SEXUAL = {"forms": ["sexual"], "form_rows": {"sexual-exploitation": 1}}


@pytest.fixture
def people(program, actor):
    return {login: actor(program, login) for login in ("havendam", "delinde", "coordinator", "voorzitter", "avim")}


def carried(program, who, reference, *, nameless=False):
    def read(tx):
        return contents_of(tx, signal_by_reference(tx, reference), nameless=nameless).fields

    return use(program, who, read)


# -- at submit ----------------------------------------------------------------------------------------------------------


def test_what_is_found_and_what_the_reporter_adds_stays_with_the_signal(program, people):
    draft = a_signal(narrative="Zij is zwanger en komt uit Bulgarije.", categories=["criminal"])
    reference = submitted(program, people["havendam"], draft)
    assert row(program, reference).found == ["criminal", "health", "nationality"]


def test_the_reporter_sees_it_before_submitting(program, people):
    seen = use(program, people["havendam"], signals.preview, a_signal(narrative="Zij is zwanger."))
    assert {name: [(span.start, span.end) for span in spans] for name, spans in seen.found.items()} == {
        "health": [(7, 14)]
    }


def test_a_kind_that_does_not_exist_is_told_without_repeating_it(program, people):
    with pytest.raises(UnusableInput) as caught:
        submitted(program, people["havendam"], a_signal(categories=["zeldzaam-geheim"]))
    assert set(caught.value.problems) == {"categories"}
    assert "geheim" not in str(caught.value)


def test_words_that_no_ground_lets_through_are_masked_for_the_table_and_kept_for_the_owner(program, people):
    draft = a_signal(narrative="Een vrouw van Nigeriaanse afkomst krijgt haar loon niet.")
    reference = submitted(program, people["havendam"], draft)
    stored = row(program, reference)
    assert stored.narrative_masked == "Een vrouw van Nigeriaanse [weggelaten] krijgt haar loon niet."
    assert "ethnicity" in stored.found
    assert "afkomst" in use(program, people["havendam"], signals.consult, reference).narrative


# -- in a disclosure ----------------------------------------------------------------------------------------------------


def sent(program, who, reference, ground, destination="essm"):
    return look(program, who, reference, destination, ground=ground).content.field_names


def test_an_account_with_a_kind_that_the_ground_does_not_cover_stays_behind_with_and_without_its_names(program, people):
    # Given a ground of the Wmo that covers no data on health, and one with explicit consent that does
    plain = submitted(program, people["havendam"], a_signal(consent=GIVEN))
    ill = submitted(program, people["havendam"], a_signal(consent=GIVEN, narrative="Zij is ziek en krijgt geen loon."))
    assert MASKED in sent(program, people["havendam"], plain, "G2")
    # Then the account of the ill woman stays behind where health is not covered, and goes where it is
    assert not {MASKED, NARRATIVE} & set(sent(program, people["havendam"], ill, "G2"))
    assert NARRATIVE in sent(program, people["havendam"], ill, "X1")


def test_an_account_about_descent_goes_to_nobody_and_without_those_words_it_may(program, people):
    draft = a_signal(consent=GIVEN, narrative="Een vrouw van Turkse afkomst krijgt haar loon niet.")
    reference = submitted(program, people["havendam"], draft)
    names = sent(program, people["havendam"], reference, "X1")
    assert NARRATIVE not in names
    assert MASKED in names


def test_a_kind_that_only_the_reporter_saw_counts_as_much(program, people):
    draft = a_signal(consent=GIVEN, categories=["health"])
    reference = submitted(program, people["havendam"], draft)
    assert not {MASKED, NARRATIVE} & set(sent(program, people["havendam"], reference, "G2"))


def test_what_stays_says_which_kind_is_the_reason(program, people):
    reference = submitted(
        program, people["havendam"], a_signal(consent=GIVEN, narrative="Zij is ziek en krijgt geen loon.")
    )
    page = look(program, people["havendam"], reference, "essm", ground="G2")
    (why,) = [one.why.nl for one in page.withheld if one.field == MASKED]
    assert "gezondheid" in why


def test_a_signal_of_before_the_scan_is_judged_by_the_words_of_today(program, people):
    # Given a signal that was stored when nothing was looked for
    draft = a_signal(narrative="Een zieke vrouw van Turkse afkomst krijgt haar loon niet.")
    reference = submitted(program, people["havendam"], draft)
    old = "Een zieke vrouw van Turkse afkomst krijgt haar loon niet."
    use(program, people["coordinator"], _put_back, reference, old)
    # Then its account carries what is in it, and those words are masked when it is read
    fields = carried(program, people["havendam"], reference)
    assert {"health", "nationality", "ethnicity"} <= fields[NARRATIVE]
    assert fields[MASKED] == {"pseudonymous", "health", "nationality"}
    read = use(program, people["coordinator"], _read_by_table, reference)
    assert read.narrative == "Een zieke vrouw van Turkse [weggelaten] krijgt haar loon niet."


def _put_back(tx, reference, text):
    tx.record(
        "signal:consult", object_type="signal", object_id=reference, details={"signal": reference, "view": "owner"}
    )
    tx.session.execute(
        update(Signal).where(Signal.reference == reference).values(found=[], narrative_masked=text),
        execution_options={"synchronize_session": False},
    )
    tx.session.expire_all()


def _read_by_table(tx, reference):
    return dossier.dossier_of(tx, signal_by_reference(tx, reference), dossier.TABLE)


def test_a_stranger_in_the_account_is_masked_and_who_goes_along_is_not(program, people):
    # Given an account that names somebody who is no subject of the signal
    story = "Zorinka Proefveld krijgt geen loon. Haar baas heet Ottokar Verzinsel en belt haar met 06 87654321."
    reference = submitted(program, people["havendam"], a_signal(consent=GIVEN, narrative=story))
    content = look(program, people["havendam"], reference, "essm", ground="X1").content
    (text,) = [field.values[0].words.nl for field in content.fields if field.name == NARRATIVE]
    assert text.startswith("Zorinka Proefveld krijgt geen loon.")
    for stranger in ("Ottokar", "Verzinsel", "87654321"):
        assert stranger not in text


# -- at the table -------------------------------------------------------------------------------------------------------


def test_outside_the_demo_the_table_reads_nothing_on_a_ground_that_nobody_reviewed(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal(flags=["pregnant"]))
    real = replace(program, settings=replace(program.settings, mode="production"))

    read = use(real, people["coordinator"], _read_by_table, reference)

    assert (read.narrative, read.flags, read.indicators, read.municipality, read.forms) == ("", (), (), "", ())
    assert {subject.role for subject in read.subjects} == {""}
    assert (read.advice.withheld, read.advice.routes, read.advice.questions) == (True, (), ())
    # A ground that a lawyer signed opens what it covers, from that day on.
    signed = _signed(real, "D1")
    opened = use(signed, people["coordinator"], _read_by_table, reference)
    assert (opened.municipality, opened.advice.withheld) == ("Havendam", False)
    assert opened.advice.routes
    late = _signed(real, "D1", reviewed_on=date(2027, 1, 1))
    assert use(late, people["coordinator"], _read_by_table, reference).municipality == ""


def test_outside_the_demo_no_list_of_the_table_tells_forms_that_nobody_reviewed(program, people):
    coordinator = people["coordinator"]
    labour, sexual, waiting = (
        triaged(program, people["havendam"], coordinator, a_signal(**changes)) for changes in ({}, SEXUAL, SEXUAL)
    )
    meeting = on_the_agenda(program, coordinator, labour, sexual)
    real = replace(program, settings=replace(program.settings, mode="production"))

    def told(where):
        page = use(where, coordinator, table.agenda, meeting)
        lists = (use(where, coordinator, triage.listing, state="triaged").lines, page.lines, page.ready)
        return {line.reference: line.forms for lines in lists for line in lines}

    assert told(program) == {labour: ("labour",), sexual: ("sexual",), waiting: ("sexual",)}
    assert set(told(real).values()) == {()}
    # D1 covers no sex life.
    assert told(_signed(real, "D1")) == {labour: ("labour",), sexual: (), waiting: ()}

    def advised(where):
        return {line.reference: bool(line.routes) for line in use(where, coordinator, table.agenda, meeting).lines}

    assert advised(program) == {labour: True, sexual: True}
    assert advised(real) == {labour: False, sexual: False}
    assert advised(_signed(real, "D1")) == {labour: True, sexual: False}


def _signed(program, row_id, reviewed_on=date(2026, 11, 20)):
    grounds = program.policy.grounds
    signature = {"reviewed_by": "mr. Proef", "reviewed_on": reviewed_on}
    rows = tuple(row.model_copy(update=signature) if row.id == row_id else row for row in grounds.rows)
    return replace(program, policy=replace(program.policy, grounds=GroundSet(rows, grounds.digest)))


def test_the_table_reads_a_sexual_signal_and_what_is_ticked_because_nobody_is_named(program, people):
    draft = a_signal(**SEXUAL, narrative="Zij is ziek en doet sekswerk.", flags=["pregnant"])
    reference = triaged(program, people["havendam"], people["coordinator"], draft)
    read = use(program, people["coordinator"], _read_by_table, reference)
    assert read.narrative == "Zij is ziek en doet sekswerk."
    assert (read.forms, read.flags, read.subjects[0].role) == (("sexual",), ("pregnant",), "possible_victim")


def without(program, *ids):
    """The same program with some grounds gone."""
    grounds = program.policy.grounds
    rows = tuple(ground for ground in grounds.rows if ground.id not in ids)
    return replace(program, policy=replace(program.policy, grounds=type(grounds)(rows, grounds.digest)))


def test_without_the_ground_that_names_sex_life_the_table_reads_none_of_it(program, people):
    draft = a_signal(**SEXUAL, narrative="Zij doet sekswerk.", indicators={"hands-over-earnings": "seen"})
    reference = triaged(program, people["havendam"], people["coordinator"], draft)
    read = use(without(program, "X16"), people["coordinator"], _read_by_table, reference)
    assert (read.narrative, read.forms, read.rows, read.subjects[0].role) == ("", (), (), "")
    assert (read.advice.withheld, read.advice.routes) == (True, ())
    # And the owner still sees everything of their own
    own = use(
        without(program, "X16"),
        people["havendam"],
        lambda tx: dossier.dossier_of(tx, signal_by_reference(tx, reference), dossier.OWNER),
    )
    assert own.narrative
    assert own.forms == ("sexual",)
    assert own.advice.routes


def test_an_account_that_its_reporter_marked_for_descent_is_not_read_at_the_table(program, people):
    reference = submitted(program, people["havendam"], a_signal(categories=["ethnicity"]))
    assert use(program, people["coordinator"], _read_by_table, reference).narrative == ""


def test_words_about_descent_in_an_answer_are_masked_when_stored_and_when_read(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal())
    (question,) = asked(program, people["coordinator"], reference, "avim")
    use(
        program,
        people["avim"],
        enrich.answer,
        question,
        answer="hit",
        context="Bekend, van Roma afkomst.",
        checked=True,
    )
    on_the_agenda(program, people["coordinator"], reference)
    (answer,) = use(program, people["coordinator"], _read_by_table, reference).answers
    assert answer.context == "Bekend, van [weggelaten] [weggelaten]."


# -- in a question ------------------------------------------------------------------------------------------------------


def test_a_note_that_tells_more_than_the_ground_of_the_question_is_refused(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal())
    with pytest.raises(UnusableInput) as caught:
        asked(program, people["coordinator"], reference, "avim", note="Kent u haar? Zij doet sekswerk.")
    assert caught.value.problems == {"note": enrich.TELLS_MORE}
    assert asked(program, people["coordinator"], reference, "avim", note="Kent u haar? Zij is ziek.")


def test_with_a_necessity_the_ground_that_names_it_carries_such_a_note(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal(**SEXUAL))
    why = "Zonder te weten dat het om sekswerk gaat kan een partner niet in de juiste registratie kijken."
    assert asked(program, people["coordinator"], reference, "avim", note="Zij doet sekswerk.", necessity=why)


# -- a consultation without a name --------------------------------------------------------------------------------------


def test_advice_without_a_name_gets_the_masked_account_whatever_it_says_except_sex_life(program, people):
    # Given facts that lead to the advice point (M16), for a woman who is ill
    facts = {"facts": {"victim": "unknown"}, "subjects": [a_person(role="possible_victim")], "form_rows": {"wages": 3}}
    draft = a_signal(**facts, narrative="Zij is ziek en krijgt geen loon.")
    reference = submitted(program, people["havendam"], draft)
    assert "health" in carried(program, people["havendam"], reference)[MASKED]
    assert carried(program, people["havendam"], reference, nameless=True)[MASKED] == {"pseudonymous"}
    offered = use(program, people["havendam"], choices.choose, reference).lines
    consulting = [line.choice for line in offered if line.choice.purpose == "P1"]
    for choice in consulting:
        case = use(program, people["havendam"], _case, reference, choice)
        assert case.contents.fields[MASKED] == {"pseudonymous"}
    assert consulting


def _case(tx, reference, choice):
    return choices.case_of(tx, Source(signal_by_reference(tx, reference)), choice, None)
