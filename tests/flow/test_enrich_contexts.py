"""A partner's own context: stored on a ground only, read by nobody whom that ground does not lead to, taken back at will."""

from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from signaltable.domain import UnusableInput
from signaltable.flow import dossier, enrich, signals, table, triage
from signaltable.flow.contexts import ContextStays, capacities, context_for, readers, room_of
from signaltable.flow.table import moving, tables
from signaltable.jobs import JOBS
from signaltable.models import Question, RecordedDecision, Signal, TableMember
from signaltable.transaction import Program, Transaction, reading
from tests.disclosure_steps import GIVEN, disclosed
from tests.factories import a_signal
from tests.table_steps import asked, log, on_the_agenda, row, triaged, use, visitor

CANARY = "Kanarie-oordeel van de partner zelf"
SEXUAL = {"forms": ["sexual"], "form_rows": {"sexual-exploitation": 1, "recruitment": 1}}


@pytest.fixture
def people(sqlite_program, actor):
    logins = ("havendam", "coordinator", "voorzitter", "avim", "riec", "essm", "nla", "comensha", "beheer")
    return {login: actor(sqlite_program, login) for login in logins}


def without_any(program: Program) -> Program:
    """The same rules where nothing carries a context."""
    grounds = program.policy.grounds
    rows = tuple(
        one.model_copy(update={"provider": ("municipality",)}) if one.id in {"D1", "X16", "E4"} else one
        for one in grounds.rows
    )
    return replace(program, policy=replace(program.policy, grounds=replace(grounds, rows=rows)))


def stored(program: Program, question: str) -> Question:
    with reading(program) as session:
        found = session.get(Question, question)
        session.expunge(found)
        return found


def answered(program, people, login="avim", **options):
    """A question to this partner about a tabled signal, answered with a context; the reference and the question."""
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, login)
    said = {"answer": "hit", "context": CANARY, "checked": True, **options}
    use(program, people[login], enrich.answer, question, **said)
    return reference, question


def read_by(program, people, login, reference):
    """The context as this person reads it in the dossier of the table."""
    (given,) = use(program, people[login], dossier.consult, reference).answers
    return given.context


def test_a_context_is_kept_with_the_ground_it_rests_on_and_the_log_says_so(sqlite_program, people):
    reference, question = answered(sqlite_program, people)
    kept = stored(sqlite_program, question)
    signal = row(sqlite_program, reference)
    ground = sqlite_program.policy.grounds.find("D1", date(2026, 11, 23))
    assert (kept.context, kept.context_ground, kept.context_ground_digest) == (CANARY, "D1", ground.digest)
    assert (kept.context_table, kept.context_categories) == (signal.table_id, ["pseudonymous"])
    ((_entry, told),) = log(sqlite_program, "enrich:answer")
    assert (told["ground"], told["fields"], told["categories"]) == ("D1", ["enrichment.context"], ["pseudonymous"])
    assert told["legal_basis"] == [one.code for one in ground.legal_basis]
    assert CANARY not in str(told)


def test_every_member_reads_it_when_the_ground_leads_to_the_table(sqlite_program, people):
    reference, _question = answered(sqlite_program, people)
    on_the_agenda(sqlite_program, people["coordinator"], reference, days=3)
    assert {read_by(sqlite_program, people, login, reference) for login in ("coordinator", "nla", "essm")} == {CANARY}


def test_a_member_whom_the_ground_does_not_lead_to_never_reads_it_on_any_page(sqlite_program, people):
    # Given a context of the RIEC: what was processed there stays out of the table (W3), and only care coordination gets it
    program = sqlite_program
    reference, question = answered(program, people, "riec")
    assert stored(program, question).context_ground == "E4"
    meeting = on_the_agenda(program, people["coordinator"], reference)
    # Then care coordination reads it, and so does the partner itself
    care = visitor(program, "essm")
    for person in (care, visitor(program, "riec")):
        assert CANARY in person.get(f"/tafel/{meeting}/{reference}").text
    # And nobody else, on no page of the case, nor on the screen that everybody sees
    for login in ("coordinator", "voorzitter", "avim", "havendam"):
        person = visitor(program, login)
        places = [f"/tafel/{meeting}/{reference}", f"/tafel/{meeting}/scherm/1", f"/triage/{reference}"]
        places += [f"/signalen/{reference}", "/triage/antwoorden", f"/triage/vragen/{question}", "/", "/vragen"]
        pages = [person.get(place) for place in places]
        assert 200 in {page.status_code for page in pages}
        assert [place for place, page in zip(places, pages, strict=True) if CANARY in page.text] == []
    assert CANARY not in care.get(f"/tafel/{meeting}/scherm/1").text


def test_what_is_shown_to_the_whole_table_holds_only_what_each_of_them_may_read(sqlite_program, people):
    program = sqlite_program
    reference, question = answered(program, people, "riec")

    def seen(tx):
        signal = tx.session.scalars(select(Signal).where(Signal.reference == reference)).one()
        asked_row = tx.session.get_one(Question, question)
        tx.record("signal:consult", object_type="signal", object_id=reference, details={"signal": reference})
        whom = {"care": readers(tx, ["essm"]), "both": readers(tx, ["essm", "avim"]), "room": room_of(tx, signal)}
        return {name: context_for(tx, signal, asked_row, one) for name, one in whom.items()} | {
            "nobody": context_for(tx, signal, asked_row, ())
        }

    assert use(program, people["coordinator"], seen) == {"care": CANARY, "both": "", "room": "", "nobody": ""}


def test_without_a_ground_nothing_is_stored_and_the_reasons_come_back(sqlite_program, people):
    program = without_any(sqlite_program)
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "riec")
    with pytest.raises(ContextStays) as stays:
        use(program, people["riec"], enrich.answer, question, answer="hit", context=CANARY, checked=True)
    assert stays.value.reasons
    assert stays.value.instead
    assert (stored(program, question).answer, stored(program, question).context) == ("", "")
    ((entry, told),) = log(program, "disclosure:refuse")
    assert (entry.outcome, entry.agency, told["recipient"], told["purpose"]) == ("refused", "riec", "table", "P1")
    with reading(program) as session:
        assert session.get(RecordedDecision, told["decisions"][0]) is not None
    # The answer itself needs no more than its own ground
    use(program, people["riec"], enrich.answer, question, answer="hit")
    assert stored(program, question).answer == "hit"


def test_a_refusal_does_not_tell_of_which_form_the_signal_speaks(sqlite_program, people):
    # Given two questions about a sexual signal: one that told the form and one that did not
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(**SEXUAL))
    coordinator = people["coordinator"]
    (plain,) = asked(sqlite_program, coordinator, reference, "avim")
    why = "Zonder de vorm van uitbuiting kan de partner niet gericht zoeken."
    (told,) = asked(sqlite_program, coordinator, reference, "comensha", necessity=why)
    # Then whoever was not told gives the context on the plain ground
    said = {"answer": "hit", "context": CANARY, "checked": True}
    use(sqlite_program, people["avim"], enrich.answer, plain, **said)
    assert stored(sqlite_program, plain).context_ground == "D1"
    # And whoever knows the form says why the table must know, as the ground asks
    with pytest.raises(ContextStays):
        use(sqlite_program, people["comensha"], enrich.answer, told, **said)
    reason = "De tafel weegt anders het gevaar te licht."
    use(sqlite_program, people["comensha"], enrich.answer, told, **said, necessity=reason)
    assert stored(sqlite_program, told).context_ground == "X16"


def test_a_context_needs_a_check_and_a_task_that_permits_it(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")

    def problems(**options):
        with pytest.raises(UnusableInput) as found:
            use(sqlite_program, people["avim"], enrich.answer, question, answer="hit", context=CANARY, **options)
        return set(found.value.problems)

    assert problems() == {"context_checked"}
    assert problems(checked=True, capacity="care-wgbo") == {"capacity"}
    assert problems(checked=True, necessity="kort") == {"necessity"}
    # What was learned in an investigation stays there; what was learned in the daily task may be told
    with pytest.raises(ContextStays):
        use(
            sqlite_program,
            people["avim"],
            enrich.answer,
            question,
            answer="hit",
            context=CANARY,
            checked=True,
            capacity="police-investigation",
        )
    use(
        sqlite_program,
        people["avim"],
        enrich.answer,
        question,
        answer="hit",
        context=CANARY,
        checked=True,
        capacity="police",
    )
    assert stored(sqlite_program, question).context_capacity == "police"


def test_whoever_does_not_say_the_task_may_tell_only_what_each_of_its_tasks_permits(sqlite_program):
    with reading(sqlite_program) as session:
        tx = Transaction(sqlite_program, JOBS, session, sqlite_program.clock())
        assert capacities(tx, "police", "") == ("police",)
        assert capacities(tx, "police", "police-investigation") == ("police-investigation",)
        assert capacities(tx, "care", "") == ("care-wgbo",)
        assert capacities(tx, "riec", "") == ("riec",)
        assert capacities(tx, "labour-inspectorate", "") == ("nla-supervision", "nla-investigation")


def test_the_same_words_need_no_second_check_when_the_answer_is_corrected(sqlite_program, people):
    _reference, question = answered(sqlite_program, people)
    use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit", context=CANARY)
    assert (stored(sqlite_program, question).answer, stored(sqlite_program, question).context) == ("no_hit", CANARY)
    with pytest.raises(UnusableInput):
        use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit", context=f"{CANARY} en meer")
    use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit")
    kept = stored(sqlite_program, question)
    assert (kept.context, kept.context_ground, kept.context_table, kept.context_at) == ("", "", "", None)


def test_a_context_is_taken_back_also_after_the_meeting(sqlite_program, people, clock):
    reference, question = answered(sqlite_program, people)
    on_the_agenda(sqlite_program, people["coordinator"], reference)
    clock.forward(days=1)
    (line,) = use(sqlite_program, people["avim"], enrich.own_answers).lines
    assert (line.context, line.ground, len(line.met_on)) == (CANARY, "D1", 1)
    assert "RIEC Rotterdam" in line.readers
    assert "Politie, AVIM team TMM" not in line.readers
    use(sqlite_program, people["avim"], enrich.withdraw_context, question)
    assert read_by(sqlite_program, people, "nla", reference) == ""
    assert stored(sqlite_program, question).answer == "hit"
    ((_entry, told),) = log(sqlite_program, "enrich:withdraw")
    assert (told["asked"], told["cause"]) == ("avim", "own_context")
    with pytest.raises(UnusableInput):
        use(sqlite_program, people["avim"], enrich.withdraw_context, question)


def test_a_context_stays_with_the_table_that_got_it(sqlite_program, people):
    # Given a second table with some of the same agencies, and a signal that moves there
    described = tables.Described(title="Tafel Zuid", members=("havendam", "var", "essm", "comensha"))
    south = use(sqlite_program, people["beheer"], tables.record_table, described)
    reference, question = answered(sqlite_program, people)
    version = row(sqlite_program, reference).version
    why = "Het werk ligt in Zuid."
    use(sqlite_program, people["coordinator"], moving.move_to_table, reference, south, why, version=version)
    on_the_agenda_of(sqlite_program, people["coordinator"], reference, south)
    # Then a member of the new table alone does not read it, and one who sat at the old one does
    with sqlite_program.write_sessions() as session:
        session.delete(session.get(TableMember, (row_of_first_table(session, south), "comensha")))
        session.commit()
    assert read_by(sqlite_program, people, "comensha", reference) == ""
    assert read_by(sqlite_program, people, "essm", reference) == CANARY
    # And the partner sees that, and can answer for the new table
    view = use(sqlite_program, people["avim"], enrich.read_question, question)
    assert (view.context_moved, view.may_answer, view.over) == (True, True, "")
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit", context=CANARY, checked=True)
    assert read_by(sqlite_program, people, "comensha", reference) == CANARY


def row_of_first_table(session, south):
    return session.scalars(
        select(TableMember.table_id).where(TableMember.agency_id == "comensha", TableMember.table_id != south)
    ).one()


def on_the_agenda_of(program, coordinator, reference, table_id):
    def plan(tx):
        meeting = table.schedule(tx, held_on=tx.today.replace(day=27), title="Proeftafel", table_id=table_id)
        table.put_on_agenda(tx, meeting, [reference])

    use(program, coordinator, plan)


def test_a_receiver_of_the_signal_never_gets_a_context(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(consent=GIVEN))
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit", context=CANARY, checked=True)
    sent = disclosed(sqlite_program, people["havendam"], reference, "essm").reference
    person = visitor(sqlite_program, "essm")
    for place in (f"/postvak/{sent}", "/postvak"):
        assert CANARY not in person.get(place).text
    assert person.get(f"/postvak/{sent}").status_code == 200


def test_a_context_from_before_grounds_were_noted_is_read_by_its_own_agency_alone(sqlite_program, people):
    reference, question = answered(sqlite_program, people)
    with sqlite_program.write_sessions() as session:
        old = session.get(Question, question)
        old.context_ground, old.context_table, old.context_at = "", "", None
        session.commit()
    on_the_agenda(sqlite_program, people["coordinator"], reference, days=3)
    assert read_by(sqlite_program, people, "nla", reference) == ""
    assert read_by(sqlite_program, people, "avim", reference) == CANARY


def test_a_signal_that_is_taken_back_takes_the_page_of_its_context_along(sqlite_program, people):
    reference, question = answered(sqlite_program, people)
    use(sqlite_program, people["havendam"], signals.withdraw, reference, "vergissing")
    assert visitor(sqlite_program, "avim").get(f"/vragen/{question}").status_code == 404
    assert use(sqlite_program, people["avim"], enrich.own_answers).lines == ()


def test_an_anonymous_partner_is_told_by_neither_its_ground_nor_its_lateness(sqlite_program, people, clock):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    clock.forward(days=15)
    use(
        sqlite_program,
        people["avim"],
        enrich.answer,
        question,
        answer="hit",
        context=CANARY,
        checked=True,
        anonymous=True,
    )
    (given,) = use(sqlite_program, people["coordinator"], triage.consult, reference).dossier.answers
    assert (given.agency, given.context, given.context_ground, given.late) == ("", CANARY, "", False)
