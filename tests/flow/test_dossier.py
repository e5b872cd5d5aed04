"""The dossier: everything that its reader may know, under names of its own, and nothing that says who it is."""

import pytest

from signaltable.domain import day_of
from signaltable.flow import dossier, enrich, linking, table
from signaltable.queries import signal_by_reference
from tests.factories import a_person, a_signal
from tests.table_steps import asked, on_the_agenda, submitted, triaged, use

CANARIES = ("Zorinka", "Proefveld", "612345678", "1996-04-12", "zolder-kanarie", "tolk-kanarie")


def _rich():
    return a_signal(
        narrative="Zorinka Proefveld slaapt op de zolder-kanarie en krijgt haar loon niet. Bel 0612345678.",
        mask_words=["zolder-kanarie"],
        indicators={},
        flags=["boy_or_man"],
        consent={"status": "given", "on": "2026-11-20", "asked_by": "tolk-kanarie", "language": "Engels"},
        subjects=[a_person(), a_person(role="possible_perpetrator", identity={"plate": "12-ABC-3"}, age="unknown")],
        reachable="0612345678",
    )


def _read(program, who, reference, viewer):
    return use(program, who, lambda tx: dossier.dossier_of(tx, signal_by_reference(tx, reference), viewer))


@pytest.fixture
def people(program, actor):
    return {login: actor(program, login) for login in ("havendam", "delinde", "coordinator", "voorzitter", "avim")}


def test_no_reader_finds_an_identity_or_the_owners_sealed_text(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], _rich())
    (question,) = asked(program, people["coordinator"], reference, "avim", note="Is Zorinka Proefveld bekend?")
    use(program, people["avim"], enrich.answer, question, answer="hit", context="Bel mij op 0612345678", checked=True)
    on_the_agenda(program, people["coordinator"], reference)
    for viewer in (dossier.TABLE, dossier.OWNER, "riec"):
        text = repr(_read(program, people["coordinator"], reference, viewer))
        for canary in CANARIES:
            assert canary not in text, viewer


def test_the_same_subject_has_another_name_for_every_reader(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], _rich())
    names = {
        _read(program, people["coordinator"], reference, viewer).subjects[0].pseudonym
        for viewer in (dossier.TABLE, dossier.OWNER, "riec", "avim")
    }
    assert len(names) == 4
    again = _read(program, people["coordinator"], reference, "riec")
    assert again.subjects[0].pseudonym in names


def test_it_says_what_was_noted_in_the_order_of_the_form(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], _rich())
    read = use(program, people["voorzitter"], dossier.consult, reference)
    assert [(one.title.en, one.code) for one in read.rows] == [
        ("Housing or harbouring", 1),
        ("Withholding wages", 1),
        ("Labour exploitation", 1),
    ]
    assert read.reporter == "Gemeente Havendam"
    assert (read.consent, read.flags, read.forms) == ("given", ("boy_or_man",), ("labour",))
    assert [(one.kind, one.role, one.age_band) for one in read.subjects] == [
        ("person", "possible_victim", "adult"),
        ("person", "possible_perpetrator", "unknown"),
    ]
    assert "loon" in read.narrative
    assert read.advice.frozen
    assert read.advice.questions


def test_an_agency_gets_nothing_that_partners_or_the_table_added(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    use(program, people["avim"], enrich.answer, question, answer="hit", context="Al langer in beeld", checked=True)
    meeting = on_the_agenda(program, people["coordinator"], reference)
    deciding = table.Deciding("watch", "Eerst afwachten wat de winter brengt")
    use(program, people["voorzitter"], table.decide, meeting, reference, deciding)
    given = _read(program, people["havendam"], reference, "riec")
    assert (given.answers, given.decisions, given.timeline, given.links) == ((), (), (), ())
    own = _read(program, people["havendam"], reference, dossier.OWNER)
    assert [one.answer for one in own.answers] == ["hit"]
    assert [one.decision for one in own.decisions] == ["watch"]


def test_confirmed_links_add_what_the_card_says_about_several_agencies(program, people):
    first = triaged(program, people["havendam"], people["coordinator"])
    second = submitted(program, people["delinde"], a_signal(capacity="care-wgbo"))
    before = use(program, people["coordinator"], dossier.consult, first)
    assert (before.links, before.advice.added, before.advice.linked_agencies) == ((), (), 0)
    for login in ("havendam", "delinde"):
        (line,) = use(program, people[login], linking.own_links)
        use(program, people[login], linking.decide, line.id, confirmed=True)
    after = use(program, people["coordinator"], dossier.consult, first)
    (link,) = after.links
    assert (link.reference, link.own) == (second, after.subjects[0].pseudonym)
    assert link.other == use(program, people["coordinator"], dossier.consult, second).subjects[0].pseudonym
    assert after.advice.linked_agencies == 2
    assert "regional-table" in {one.destination for one in after.advice.added}
    assert after.advice.frozen == before.advice.frozen


def test_the_timeline_tells_the_life_of_the_signal_and_hides_who_was_asked(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    clock.forward(hours=1)
    first, _second = asked(program, people["coordinator"], reference, "avim", "riec")
    clock.forward(hours=1)
    use(program, people["avim"], enrich.answer, first, answer="hit", anonymous=True)
    clock.forward(hours=1)
    meeting = on_the_agenda(program, people["coordinator"], reference, days=5)
    read = use(program, people["voorzitter"], dossier.consult, reference)
    happened = [(one.kind, one.code, one.agency, one.count) for one in read.timeline]
    assert ("asked", "", "", 2) in happened
    assert ("answered", "", "", 0) in happened
    assert read.timeline[-1].future
    assert [one.at for one in read.timeline] == sorted(one.at for one in read.timeline)
    assert "AVIM" not in repr((read.answers, read.timeline))
    assert read.open_questions == 1
    # After the decision the reason stands once
    clock.forward(days=5)
    deciding = table.Deciding("watch", "Niet dubbel vertellen")
    use(program, people["voorzitter"], table.decide, meeting, reference, deciding)
    read = use(program, people["voorzitter"], dossier.consult, reference)
    assert [one.kind for one in read.timeline if one.text == "Niet dubbel vertellen"] == ["decided"]


def test_the_meeting_of_today_comes_after_what_happened_today(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    clock.forward(hours=1)
    on_the_agenda(program, people["coordinator"], reference, days=0)
    read = use(program, people["voorzitter"], dossier.consult, reference)
    assert [one.kind for one in read.timeline][-1] == "meeting"
    assert not read.timeline[-1].future
    assert day_of(read.timeline[-1].at) == day_of(clock())
