"""Enriching as a protocol: questions about facts, several at once, clocks, and who still has to answer."""

from dataclasses import replace
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput, day_of
from signaltable.flow import enrich, signals, triage, work_list
from signaltable.flow.enrich import Asking, clocks
from signaltable.flow.table import moving, tables
from signaltable.jobs import JOBS
from signaltable.models import Agency, Mail, Meeting, Question, Signal, TableMember
from signaltable.transaction import reading
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, on_the_agenda, row, triaged, use

FACTS = {
    "indicators": {"owes-employer": "seen"},
    "facts": {"victim": "possible", "residence": "none", "shelter_needed": "yes"},
}
SEXUAL = {"forms": ["sexual"], "form_rows": {"sexual-exploitation": 1}}
WHY = "Zonder de vorm van uitbuiting kan de partner niet gericht zoeken."


@pytest.fixture
def people(sqlite_program, actor):
    logins = ("havendam", "coordinator", "voorzitter", "avim", "riec", "essm", "nla", "beheer")
    return {login: actor(sqlite_program, login) for login in logins}


def facts_asked(program, people, reference, *agencies, facts=("forms",), **changes):
    asking = Asking(agencies=agencies, facts=tuple(facts), checked=True, **changes)
    return use(program, people["coordinator"], enrich.ask, reference, asking)


def stored(program, question):
    with reading(program) as session:
        found = session.get(Question, question)
        session.expunge(found)
        return found


# -- about a fact ------------------------------------------------------------------------------------------------


def test_a_question_about_a_fact_shows_the_fact_the_place_and_the_month_and_nobody(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(**FACTS))
    sent = facts_asked(sqlite_program, people, reference, "avim", facts=["forms", "indicators:owes-employer"])
    views = [use(sqlite_program, people["avim"], enrich.read_question, one) for one in sent.questions]
    labour = sqlite_program.policy.forms["labour"].title
    assert [one.fact.values for one in views] == [(labour,), (sqlite_program.policy.indicators["owes-employer"].text,)]
    for one in views:
        assert (one.subject, one.kind, one.role, one.age_band, one.forms) == ("", "", "", "", ())
        assert (one.municipality, one.month, one.purpose) == ("Havendam", date(2026, 11, 1), "P1")
        assert (one.compare_fields, one.may_answer) == ((), True)
    told = [details for _entry, details in log(sqlite_program, "enrich:ask")]
    assert [one["fact"] for one in told] == ["forms", "indicators"]
    assert "signal.observed_on" in told[0]["fields"]
    # There is nobody to compare with
    with pytest.raises(Conflict):
        use(sqlite_program, people["avim"], enrich.compare, sent.questions[0], {"surname": "Proefveld"})
    # And the answer counts like any other
    use(sqlite_program, people["avim"], enrich.answer, sent.questions[0], answer="hit")
    (given,) = use(sqlite_program, people["coordinator"], triage.consult, reference).dossier.answers
    assert (given.fact, given.subject, given.answer) == ("forms", "", "hit")


def test_only_facts_that_a_ground_can_carry_are_offered(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(**FACTS))
    offered = {one.code for one in use(sqlite_program, people["coordinator"], triage.consult, reference).facts}
    assert {"forms", "shelter_needed", "indicators:owes-employer", "form_rows:wages"} <= offered
    # The right of residence is carried by no ground for consultation, and what nobody filled in is no fact
    assert not {"residence", "acute_danger:unknown", "suspect_may_be_forced"} & offered
    with pytest.raises(Refused):
        facts_asked(sqlite_program, people, reference, "avim", facts=["residence"])
    with pytest.raises(UnusableInput) as refused:
        facts_asked(sqlite_program, people, reference, "avim", facts=["indicators:no-rest"])
    assert set(refused.value.problems) == {"fact"}


def test_a_fact_that_the_law_protects_more_goes_only_with_a_reason(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(**SEXUAL))
    with pytest.raises(Refused) as refused:
        facts_asked(sqlite_program, people, reference, "avim")
    assert refused.value.reason == "no_ground"
    (question,) = facts_asked(sqlite_program, people, reference, "avim", necessity=WHY).questions
    assert stored(sqlite_program, question).ground == "X16"


# -- several at once ---------------------------------------------------------------------------------------------


def test_the_preview_shows_what_each_would_read_and_asks_nobody(sqlite_program, people):
    draft = a_signal(subjects=[a_person(), a_person(identity={}, gender="man")])
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], draft)
    asking = Asking(agencies=("avim", "riec"), subjects=(1, 2), facts=("forms",), note="Bel 0612345678?")
    plan = use(sqlite_program, people["coordinator"], enrich.plan, reference, asking)
    assert (len(plan.going), plan.staying, plan.purpose) == (6, (), "P1")
    assert "0612345678" not in plan.note
    sent = use(sqlite_program, people["coordinator"], enrich.ask, reference, replace(asking, checked=True))
    assert len(sent.questions) == 6
    for promised, question in zip(plan.going, sent.questions, strict=True):
        view = use(sqlite_program, people[promised.agency], enrich.read_question, question)
        shown = {name: getattr(promised.shown, name) for name in ("kind", "gender", "municipality", "forms", "fact")}
        assert shown == {name: getattr(view, name) for name in shown}
        assert (view.note, view.ground, view.legal_basis) == (plan.note, promised.ground, promised.legal_basis)
        # The partner's own pseudonym is not the asker's to know
        assert promised.shown.subject == ""
    assert len(log(sqlite_program, "enrich:ask")) == 6


def test_what_has_no_ground_stays_and_is_told_while_the_rest_goes(sqlite_program, people):
    # Given a ground that carries the form to care coordination alone
    grounds = sqlite_program.policy.grounds
    rows = tuple(
        one.model_copy(update={"recipient": ("care-coordination",)}) if one.id == "X16" else one for one in grounds.rows
    )
    program = replace(sqlite_program, policy=replace(sqlite_program.policy, grounds=replace(grounds, rows=rows)))
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal(**SEXUAL))
    asking = Asking(agencies=("avim", "essm"), facts=("forms",), necessity=WHY, checked=True)
    plan = use(program, people["coordinator"], enrich.plan, reference, asking)
    assert ([one.agency for one in plan.going], [one.agency for one in plan.staying]) == (["essm"], ["avim"])
    assert plan.staying[0].reasons
    sent = use(program, people["coordinator"], enrich.ask, reference, asking)
    assert (len(sent.questions), [one.agency for one in sent.staying]) == (1, ["avim"])
    ((entry, told),) = log(program, "disclosure:refuse")
    assert (entry.outcome, told["recipient"]) == ("refused", "avim")
    assert use(program, people["avim"], enrich.open_questions).open == ()


def test_who_has_the_question_already_is_left_out_and_the_new_one_is_asked(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    asked(sqlite_program, people["coordinator"], reference, "avim")
    asking = Asking(agencies=("avim", "riec"), subjects=(1,), checked=True)
    sent = use(sqlite_program, people["coordinator"], enrich.ask, reference, asking)
    assert (len(sent.questions), [one.agency for one in sent.staying]) == (1, ["avim"])
    # An open question about a fact does not stand in the way of one about a subject
    assert len(facts_asked(sqlite_program, people, reference, "avim").questions) == 1


def test_more_than_somebody_can_read_is_not_asked_at_once(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(**FACTS))
    view = use(sqlite_program, people["coordinator"], triage.consult, reference)
    everybody, everything = tuple(one for one, _ in view.agencies), tuple(one.code for one in view.facts)
    with pytest.raises(UnusableInput) as refused:
        facts_asked(sqlite_program, people, reference, *everybody, facts=everything)
    assert set(refused.value.problems) == {"agencies"}


def test_one_mail_leads_to_one_question_and_several_to_the_work_list(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    asking = Asking(agencies=("nla",), subjects=(1,), facts=("forms",), checked=True)
    use(sqlite_program, people["coordinator"], enrich.ask, reference, asking)
    with reading(sqlite_program) as session:
        rows = session.execute(select(Mail.task_kind, Mail.task_id).where(Mail.template == "question")).all()
    assert set(map(tuple, rows)) == {("question", question), ("work", "")}


# -- two colleagues ------------------------------------------------------------------------------------------------


def test_the_second_of_two_colleagues_is_told_and_overwrites_nothing(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    seen = use(sqlite_program, people["avim"], enrich.read_question, question).version
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit", version=seen)
    with pytest.raises(Conflict) as late:
        use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit", version=seen)
    assert late.value.reason == "version"
    assert stored(sqlite_program, question).answer == "hit"
    now = use(sqlite_program, people["avim"], enrich.read_question, question).version
    use(sqlite_program, people["avim"], enrich.answer, question, answer="no_hit", version=now)
    assert stored(sqlite_program, question).answer == "no_hit"


# -- clocks ------------------------------------------------------------------------------------------------------


def reminders(program):
    with reading(program) as session:
        return len(session.scalars(select(Mail).where(Mail.template == "question-reminder")).all())


def test_one_working_day_before_a_question_is_reminded_of_once(sqlite_program, people, clock):
    # Given a question on a Monday, to be answered by the Monday after
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    assert stored(sqlite_program, question).due_on == date(2026, 11, 30)
    told = []
    for _ in range(8):
        told.append(use(sqlite_program, JOBS, clocks.remind_before))
        clock.forward(days=1)
    # Then the Friday before it is reminded of, and not again in the weekend or on the day itself
    assert told == [0, 0, 0, 0, 1, 0, 0, 0]
    ((_entry, details),) = log(sqlite_program, "enrich:remind")
    assert (details["ask"], details["asked"]) == (question, "avim")
    assert reminders(sqlite_program) == 1


def test_who_answered_who_left_and_what_was_taken_back_is_not_reminded_of(sqlite_program, people, clock):
    made = []
    for login in ("avim", "riec", "nla"):
        reference = triaged(
            sqlite_program, people["havendam"], people["coordinator"], a_signal(subjects=[a_person(identity={})])
        )
        made += asked(sqlite_program, people["coordinator"], reference, login)
    use(sqlite_program, people["avim"], enrich.answer, made[0], answer="no_hit")
    use(sqlite_program, people["coordinator"], enrich.withdraw, made[1], reason="Niet meer nodig.")
    with sqlite_program.write_sessions() as session:
        session.get(Agency, "nla").active = False
        session.commit()
    clock.forward(days=4)
    assert use(sqlite_program, JOBS, clocks.remind_before) == 0


def test_the_coordinator_reminds_at_most_once_a_day(sqlite_program, people, clock):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    remind = (sqlite_program, people["coordinator"], enrich.remind_now, question)
    with pytest.raises(Conflict):
        use(*remind)
    clock.forward(days=1)
    use(*remind)
    with pytest.raises(Conflict) as again:
        use(*remind)
    assert again.value.reason == "reminded"
    clock.forward(days=1)
    use(*remind)
    assert reminders(sqlite_program) == 2
    with pytest.raises(Refused):
        use(sqlite_program, people["voorzitter"], enrich.remind_now, question)


def test_more_time_has_a_reason_and_a_maximum(sqlite_program, people, clock):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    due = stored(sqlite_program, question).due_on
    longest = use(sqlite_program, people["coordinator"], enrich.see, question).longest

    def postponed(until, reason="De partner zoekt in een archief."):
        use(sqlite_program, people["coordinator"], enrich.postpone, question, until=until, reason=reason)

    for until, reason, place in (
        (due, "x", "until"),
        (None, "x", "until"),
        (longest + timedelta(days=1), "x", "until"),
        (longest, " ", "reason"),
    ):
        with pytest.raises(UnusableInput) as refused:
            postponed(until, reason)
        assert set(refused.value.problems) == {place}
    postponed(longest)
    seen = use(sqlite_program, people["coordinator"], enrich.see, question)
    assert (seen.line.due_on, seen.line.postponed) == (longest, 1)
    assert [one.reason for one in seen.history] == ["De partner zoekt in een archief."]
    # Another coordinator's agency would read when, not why; the log keeps a digest
    ((_entry, told),) = log(sqlite_program, "enrich:postpone")
    assert "archief" not in str(told)
    # An answer on the last day is in time
    clock.forward(days=(longest - day_of(clock.now)).days)
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit")
    ((_entry, told),) = log(sqlite_program, "enrich:answer")
    assert told["late"] is False
    with pytest.raises(Conflict):
        postponed(longest)


def test_a_question_that_is_taken_back_shows_nothing_any_more_and_cannot_be_answered(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim", note="Bij u bekend?")
    with pytest.raises(UnusableInput):
        use(sqlite_program, people["coordinator"], enrich.withdraw, question, reason=" ")
    use(sqlite_program, people["coordinator"], enrich.withdraw, question, reason="De vraag was dubbel.")
    view = use(sqlite_program, people["avim"], enrich.read_question, question)
    assert (view.over, view.may_answer, view.note, view.municipality, view.forms) == ("withdrawn", False, "", "", ())
    assert use(sqlite_program, people["avim"], enrich.open_questions).open == ()
    with pytest.raises(Conflict):
        use(sqlite_program, people["avim"], enrich.answer, question, answer="hit")
    (line,) = use(sqlite_program, people["coordinator"], triage.consult, reference).questions
    assert (line.state, line.late) == ("withdrawn", False)
    # The same can be asked again
    assert len(asked(sqlite_program, people["coordinator"], reference, "avim")) == 1


# -- who left, and what moved --------------------------------------------------------------------------------------


def test_an_agency_that_left_the_table_reads_and_answers_no_question_of_it(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (police,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    table_id = row(sqlite_program, reference).table_id
    with sqlite_program.write_sessions() as session:
        session.delete(session.get(TableMember, (table_id, "avim")))
        session.commit()
    view = use(sqlite_program, people["avim"], enrich.read_question, police)
    assert (view.over, view.may_answer, view.municipality) == ("left", False, "")
    (line,) = use(sqlite_program, people["coordinator"], triage.consult, reference).questions
    assert line.state == "left"


def test_a_question_moves_with_its_signal_and_stays_answerable(sqlite_program, people):
    described = tables.Described(title="Tafel Zuid", members=("havendam", "var", "essm"))
    south = use(sqlite_program, people["beheer"], tables.record_table, described)
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    version = row(sqlite_program, reference).version
    move = (moving.move_to_table, reference, south, "Het werk ligt in Zuid.")
    use(sqlite_program, people["coordinator"], *move, version=version)
    view = use(sqlite_program, people["avim"], enrich.read_question, question)
    assert (view.over, view.may_answer, view.municipality) == ("", True, "Havendam")
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit")
    (line,) = use(sqlite_program, people["coordinator"], triage.consult, reference).questions
    assert line.answered


@pytest.mark.parametrize("ended", ["withdrawn", "closed"])
def test_questions_of_a_signal_that_ended_wait_for_nobody(sqlite_program, people, ended):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    if ended == "withdrawn":
        use(sqlite_program, people["havendam"], signals.withdraw, reference, "vergissing")
    else:
        with sqlite_program.write_sessions() as session:
            session.get(Signal, row(sqlite_program, reference).id).state = "closed"
            session.commit()
    assert use(sqlite_program, people["avim"], enrich.open_questions).open == ()
    assert use(sqlite_program, people["coordinator"], enrich.who_has_to_answer).partners == ()
    with pytest.raises((Conflict, NotFound)):
        use(sqlite_program, people["avim"], enrich.answer, question, answer="hit")


# -- who still has to answer ---------------------------------------------------------------------------------------


def test_the_overview_counts_per_partner_and_shows_each_signal(sqlite_program, people, clock):
    program, coordinator = sqlite_program, people["coordinator"]
    first = triaged(program, people["havendam"], coordinator)
    on_time, late = asked(program, coordinator, first, "avim", "riec")
    use(program, people["avim"], enrich.answer, on_time, answer="hit", anonymous=True)
    clock.forward(days=10)
    use(program, people["riec"], enrich.answer, late, answer="no_hit")
    second = triaged(program, people["havendam"], coordinator, a_signal(subjects=[a_person(identity={})]))
    (waiting,) = asked(program, coordinator, second, "avim")
    clock.forward(days=10)
    found = use(program, coordinator, enrich.who_has_to_answer)
    counted = {one.agency: dict(one.counts) for one in found.partners}
    assert counted == {"Politie, AVIM team TMM": {"on_time": 1, "late": 1}, "RIEC Rotterdam": {"answered_late": 1}}
    assert found.columns == ("Politie, AVIM team TMM", "RIEC Rotterdam")
    assert {one.reference: one.cells for one in found.rows} == {
        second: (("late",), ()),
        first: (("on_time",), ("answered_late",)),
    }
    # What waits comes first, and of no answer it is told which it was
    assert [one.reference for one in found.rows] == [second, first]
    assert "hit" not in repr(found)
    assert waiting


def copied(program, reference, question, times):
    """So many more signals like this one, each with a question like this one; a page does not ask how they came."""
    with program.write_sessions() as session:
        one, other = row(program, reference), session.get(Question, question)
        columns = {column.key: getattr(one, column.key) for column in Signal.__table__.columns}
        asked_columns = {column.key: getattr(other, column.key) for column in Question.__table__.columns}
        for number in range(times):
            key = f"copy-{number}"
            session.add(Signal(**{**columns, "id": key, "reference": f"S-{number}"}))
            session.flush()
            session.add(Question(**{**asked_columns, "id": key, "signal_id": key, "subject_id": None, "fact": "forms"}))
        session.commit()


def test_the_overview_is_for_the_coordinator_of_the_table_and_comes_in_pages(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    copied(sqlite_program, reference, question, enrich.PAGE)
    one, two, beyond = (
        use(sqlite_program, people["coordinator"], enrich.who_has_to_answer, number=number) for number in (1, 2, 9)
    )
    assert (len(one.rows), len(two.rows), one.pages) == (enrich.PAGE, 1, 2)
    assert beyond.rows == two.rows
    with pytest.raises(NotFound):
        use(sqlite_program, people["coordinator"], enrich.who_has_to_answer, table="another")
    for login in ("avim", "voorzitter", "havendam"):
        with pytest.raises(Refused):
            use(sqlite_program, people[login], enrich.who_has_to_answer)


def test_the_work_list_asks_the_partner_and_then_the_coordinator(sqlite_program, people):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"], a_signal(safety=URGENT))
    asked(sqlite_program, people["coordinator"], reference, "avim")
    (question,) = facts_asked(sqlite_program, people, reference, "riec").questions

    def kinds(login):
        return [(one.kind, one.key, one.urgent) for one in use(sqlite_program, people[login], _mine)]

    assert ("questions", question, True) in kinds("riec")
    assert "answers" not in {kind for kind, _key, _urgent in kinds("coordinator")}
    (first,) = use(sqlite_program, people["avim"], enrich.open_questions).open
    use(sqlite_program, people["avim"], enrich.answer, first.id, answer="hit")
    use(sqlite_program, people["riec"], enrich.answer, question, answer="hit")
    assert ("answers", reference, True) in kinds("coordinator")


URGENT = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}


def _mine(tx):
    tx.record("signal:list", object_type="agency", object_id=tx.actor.agency_id, details={"view": "list", "count": 0})
    return work_list.mine(tx)


def test_a_meeting_that_is_off_ends_no_anonymity(sqlite_program, people, clock):
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    (question,) = asked(sqlite_program, people["coordinator"], reference, "avim")
    use(sqlite_program, people["avim"], enrich.answer, question, answer="hit", anonymous=True)
    meeting = on_the_agenda(sqlite_program, people["coordinator"], reference, days=1)
    with sqlite_program.write_sessions() as session:
        session.get(Meeting, meeting).cancelled_at = clock.now
        session.commit()
    clock.forward(days=2)
    (given,) = use(sqlite_program, people["coordinator"], triage.consult, reference).dossier.answers
    assert given.agency == ""
