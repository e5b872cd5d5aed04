"""Asking partners: under a ground, without a name, with four answers that say that and never what."""

import json
from dataclasses import replace
from datetime import date

import pytest
from sqlalchemy import select

from audit.vocabulary import COMMON
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput, day_of
from signaltable.flow import budget, consultation, enrich, setup, signals, triage
from signaltable.flow.accounts import change_account
from signaltable.models import Account, BudgetUse, LogDetail, Mail, Question
from signaltable.transaction import Program, reading, transaction
from tests.factories import a_person, a_signal
from tests.table_steps import asked, log, on_the_agenda, row, submitted, triage_it, triaged, use

SEXUAL = {"forms": ["sexual"], "form_rows": {"sexual-exploitation": 1, "recruitment": 1}}
TYPED = {"given_name": "Zorinka", "surname": "Proefveld", "birth_date": "12-4-1996"}


@pytest.fixture
def people(program, actor):
    return {login: actor(program, login) for login in ("havendam", "coordinator", "avim", "riec", "essm")}


def test_a_question_goes_under_a_ground_and_the_log_says_to_whom(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    asked(program, people["coordinator"], reference, "avim", "essm", note="Kent u deze persoon van de haven?")
    entries = log(program, "enrich:ask")
    assert [details["asked"] for _entry, details in entries] == ["avim", "essm"]
    # A member is asked as a member of the table, care coordination as itself or as a member.
    assert entries[0][1]["ground"] == "D1"
    assert entries[0][1]["purpose"] == "P1"
    assert set(entries[0][1]["fields"]) == set(consultation.FIELDS)
    assert entries[0][1]["categories"] == ["pseudonymous"]
    assert row(program, reference).state == "enriching"
    with reading(program) as session:
        told = set(session.scalars(select(Mail.template)))
    assert "question" in told


def test_without_a_reason_the_sexual_form_stays_out_and_with_one_it_goes_along(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"], a_signal(**SEXUAL))
    (plain,) = asked(program, people["coordinator"], reference, "avim")
    necessity = "Zonder de vorm van uitbuiting kan de partner niet gericht zoeken."
    (full,) = asked(program, people["coordinator"], reference, "riec", necessity=necessity)
    shown = use(program, people["avim"], enrich.read_question, plain)
    assert (shown.ground, shown.forms, shown.role) == ("D1", (), "")
    assert (shown.kind, shown.age_band) == ("person", "adult")
    shown = use(program, people["riec"], enrich.read_question, full)
    assert (shown.ground, shown.forms, shown.role) == ("X16", ("sexual",), "possible_victim")
    with pytest.raises(UnusableInput) as refused:
        asked(program, people["coordinator"], reference, "essm", necessity="te kort")
    assert set(refused.value.problems) == {"necessity"}


def test_no_ground_no_question_and_the_refusal_is_recorded(program, actor, people):
    # Given a signal out of a police investigation, of which nothing may leave
    draft = a_signal(capacity="police-investigation")
    police = actor(program, "avim")
    submitter = _as_submitter(program, police)
    reference = triaged(program, submitter, people["coordinator"], draft)
    # When the coordinator asks a partner
    with pytest.raises(Refused) as refused:
        asked(program, people["coordinator"], reference, "riec")
    # Then nothing is stored and the log has the reasons
    assert refused.value.reason == "no_ground"
    ((entry, details),) = log(program, "disclosure:refuse")
    assert (entry.outcome, details["recipient"], details["purpose"]) == ("refused", "riec", "P1")
    assert "denied" in details["reasons"]
    with reading(program) as session:
        assert session.scalars(select(Question)).all() == []
    assert row(program, reference).state == "triaged"


def _as_submitter(program, who):
    # The police log a signal themselves; in the demo region their member does not have that role.
    roles = who.roles | {"focal-officer"}
    with transaction(program, setup.INSTALLER) as tx:
        change_account(tx, who.account_id, name=who.name, roles=sorted(roles), active=True)
    return replace(who, roles=roles, permissions=program.policy.permissions_of(roles))


@pytest.mark.parametrize("agencies", [(), ("havendam",), ("var",), ("nowhere",)])
def test_only_offered_partners_can_be_asked(program, people, agencies):
    reference = triaged(program, people["havendam"], people["coordinator"])
    with pytest.raises(UnusableInput) as refused:
        asked(program, people["coordinator"], reference, *agencies)
    assert set(refused.value.problems) == {"agencies"}


def test_what_a_question_needs(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    good = {"agencies": ("avim",), "subjects": (1,), "checked": True}
    for change, place in (
        ({"checked": False}, "checked"),
        ({"due_on": date(2026, 11, 1)}, "due_on"),
        ({"subjects": (7,)}, "subject"),
        ({"note": "zoek op 111222333"}, "note"),
    ):
        with pytest.raises(UnusableInput) as refused:
            use(program, people["coordinator"], enrich.ask, reference, enrich.Asking(**{**good, **change}))
        assert set(refused.value.problems) == {place}
    asked(program, people["coordinator"], reference, "avim")
    with pytest.raises(UnusableInput) as refused:
        asked(program, people["coordinator"], reference, "avim")
    assert refused.value.problems == {"agencies": enrich.ASKED_ALREADY}


def test_before_triage_and_after_withdrawal_nothing_can_be_asked(program, people):
    reference = submitted(program, people["havendam"])
    with pytest.raises(Conflict):
        asked(program, people["coordinator"], reference, "avim")
    triage_it(program, people["coordinator"], reference)
    (question,) = asked(program, people["coordinator"], reference, "avim")
    use(program, people["havendam"], signals.withdraw, reference, "vergissing")
    with pytest.raises(NotFound):
        use(program, people["avim"], enrich.read_question, question)
    assert use(program, people["avim"], enrich.open_questions).open == ()


@pytest.mark.parametrize("login", ["havendam", "voorzitter", "avim", "auditor"])
def test_only_the_coordinator_asks(program, actor, people, login):
    reference = triaged(program, people["havendam"], people["coordinator"])
    with pytest.raises(Refused):
        asked(program, actor(program, login), reference, "riec")
    ((_entry, details),) = log(program, "access:refuse")
    assert details["permission"] == "enrich:ask:own-table"


def test_two_agencies_cannot_join_their_lists(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    asked(program, people["coordinator"], reference, "avim", "riec", note="Is mevrouw Proefveld gezien?")
    seen = {}
    for login in ("avim", "riec"):
        (line,) = use(program, people[login], enrich.open_questions).open
        seen[login] = use(program, people[login], enrich.read_question, line.id)
    names = {view.subject for view in seen.values()}
    names |= {use(program, people["coordinator"], triage.consult, reference).dossier.subjects[0].pseudonym}
    assert len(names) == 3
    # What they read holds neither the reference that all share nor anything that was masked
    for view in seen.values():
        assert reference not in repr(view)
        assert "Proefveld" not in repr(view)


def test_another_agency_cannot_open_answer_or_compare(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    (_own,) = asked(program, people["coordinator"], reference, "riec")
    for case, options in (
        (enrich.read_question, {}),
        (enrich.answer, {"answer": "hit"}),
        (enrich.compare, {"values": TYPED}),
    ):
        with pytest.raises(Refused) as refused:
            use(program, people["riec"], case, question, **options)
        assert refused.value.reason == "not_asked"
    assert [entry.agency for entry, _details in log(program, "access:refuse")] == ["riec"] * 3


def test_comparing_answers_in_memory_and_keeps_the_result_alone(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")

    def compared(**values):
        return use(program, people["avim"], enrich.compare, question, values)

    assert compared(**TYPED) == "match"
    assert compared(given_name="Zorinca", surname="Proefvelt", birth_date="1996-04-12") in {"match", "possible"}
    assert compared(given_name="Kwibus", surname="Verzinsel", birth_date="1971-01-30") == "none"
    results = [details for _entry, details in log(program, "enrich:compare")]
    assert [set(details) - COMMON for details in results] == [{"signal", "source", "ask", "result"}] * 3
    with reading(program) as session:
        kept = b"".join(session.scalars(select(LogDetail.details)))
    assert b"Kwibus" not in kept
    assert b"Zorinca" not in kept


def limits(program: Program):
    return program.policy.budgets["compare"]


def test_comparing_stops_when_the_budget_of_the_day_is_used_up_and_the_refusal_is_recorded(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    most = limits(program).person
    for number in range(most):
        values = {"given_name": f"Naam{number}", "surname": "Verzinsel"}
        use(program, people["avim"], enrich.compare, question, values)
    with pytest.raises(Refused) as refused:
        use(program, people["avim"], enrich.compare, question, TYPED)
    assert refused.value.reason == budget.OF_PERSON
    outcomes = [entry.outcome for entry, _details in log(program, "enrich:compare")]
    assert outcomes == ["ok"] * most + ["refused"]
    # The next day there is room again
    clock.forward(hours=25)
    assert use(program, people["avim"], enrich.compare, question, TYPED) == "match"


def test_colleagues_share_the_budget_of_their_agency(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    used = limits(program).agency
    with program.write_sessions() as session:
        colleague = session.scalars(select(Account).where(Account.agency_id != people["avim"].agency_id)).first()
        session.add(
            BudgetUse(
                account_id=colleague.id,
                kind=budget.COMPARE,
                day=day_of(program.clock()),
                agency_id=people["avim"].agency_id,
                used=used,
            )
        )
        session.commit()
    with pytest.raises(Refused) as refused:
        use(program, people["avim"], enrich.compare, question, TYPED)
    assert refused.value.reason == budget.OF_AGENCY


@pytest.mark.parametrize(
    ("values", "place"),
    [({}, "identity"), ({"kvk": "12345678"}, "identity"), ({"given_name": "111222333"}, "given_name")],
)
def test_what_cannot_be_compared_is_pointed_at_without_repeating_it(program, people, values, place):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    with pytest.raises(UnusableInput) as refused:
        use(program, people["avim"], enrich.compare, question, values)
    assert set(refused.value.problems) == {place}
    assert "111222333" not in str(refused.value)


def test_a_late_answer_counts_and_is_marked(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    (line,) = use(program, people["avim"], enrich.open_questions).open
    assert not line.overdue
    clock.forward(days=10)
    (line,) = use(program, people["avim"], enrich.open_questions).open
    assert line.overdue
    use(program, people["avim"], enrich.answer, question, answer="hit", context="Bekend bij het wijkteam", checked=True)
    page = use(program, people["avim"], enrich.open_questions)
    assert (page.open, page.answered[0].late) == ((), True)
    (given,) = use(program, people["coordinator"], triage.consult, reference).dossier.answers
    assert (given.agency, given.answer, given.late) == ("Politie, AVIM team TMM", "hit", True)
    ((_entry, details),) = log(program, "enrich:answer")
    assert (details["answer"], details["late"], details["correction"]) == ("hit", True, False)


def test_an_answer_is_masked_refuses_a_bsn_and_knows_four_words(program, people):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    for options, place in (({"answer": "ja"}, "answer"), ({"answer": "hit", "context": "bsn 111222333"}, "context")):
        with pytest.raises(UnusableInput) as refused:
            use(program, people["avim"], enrich.answer, question, **options)
        assert set(refused.value.problems) == {place}
    use(
        program,
        people["avim"],
        enrich.answer,
        question,
        answer="hit",
        context="Mail naar zorinka@voorbeeld.nl",
        checked=True,
    )
    assert "zorinka@" not in use(program, people["avim"], enrich.read_question, question).context


def test_the_same_answer_once_more_says_nothing_new(program, people):
    # Somebody whose answer was stored and who never saw that, since a worker died, presses the button again later.
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    use(program, people["avim"], enrich.answer, question, answer="hit")
    use(program, people["avim"], enrich.answer, question, answer="hit")
    assert [details["correction"] for _entry, details in log(program, "enrich:answer")] == [False]
    use(program, people["avim"], enrich.answer, question, answer="hit", anonymous=True)
    assert [details["correction"] for _entry, details in log(program, "enrich:answer")] == [False, True]


def test_an_anonymous_answer_gets_its_name_at_the_meeting_and_can_be_corrected_until_then(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    first, second = asked(program, people["coordinator"], reference, "avim", "riec")
    use(program, people["avim"], enrich.answer, first, answer="hit", anonymous=True)
    use(program, people["riec"], enrich.answer, second, answer="no_hit")
    on_the_agenda(program, people["coordinator"], reference, days=3)

    def agencies():
        return {one.agency for one in use(program, people["coordinator"], triage.consult, reference).dossier.answers}

    assert agencies() == {"", "RIEC Rotterdam"}
    clock.forward(days=1)
    use(program, people["avim"], enrich.answer, first, answer="no_hit", anonymous=True)
    assert [details["correction"] for _entry, details in log(program, "enrich:answer")] == [False, False, True]
    # On the day of the meeting everybody at the table sees who answered, and what was said stands
    clock.forward(days=2)
    assert agencies() == {"Politie, AVIM team TMM", "RIEC Rotterdam"}
    with pytest.raises(Conflict):
        use(program, people["avim"], enrich.answer, first, answer="hit")
    assert not use(program, people["avim"], enrich.read_question, first).may_answer


def test_an_answer_after_the_meeting_stays_without_a_name_until_the_next(program, people, clock):
    reference = triaged(program, people["havendam"], people["coordinator"])
    (question,) = asked(program, people["coordinator"], reference, "avim")
    on_the_agenda(program, people["coordinator"], reference, days=1)
    clock.forward(days=2)
    use(program, people["avim"], enrich.answer, question, answer="hit", anonymous=True)

    def agencies():
        return {one.agency for one in use(program, people["coordinator"], triage.consult, reference).dossier.answers}

    assert agencies() == {""}
    use(program, people["avim"], enrich.answer, question, answer="no_hit", anonymous=True)
    on_the_agenda(program, people["coordinator"], reference, days=3)
    clock.forward(days=3)
    assert agencies() == {"Politie, AVIM team TMM"}


def test_open_questions_come_by_due_date_and_a_page_at_a_time(program, people, clock):
    for _ in range(enrich.PAGE + 2):
        reference = triaged(
            program, people["havendam"], people["coordinator"], a_signal(subjects=[a_person(identity={})])
        )
        asked(program, people["coordinator"], reference, "avim")
        clock.forward(hours=5)
    page = use(program, people["avim"], enrich.open_questions)
    assert len(page.open) == enrich.PAGE
    rest = use(program, people["avim"], enrich.open_questions, after=page.following)
    assert (len(rest.open), rest.following) == (2, "")
    days = [line.due_on for line in (*page.open, *rest.open)]
    assert days == sorted(days)
    assert len({line.id for line in (*page.open, *rest.open)}) == enrich.PAGE + 2


def test_the_log_says_on_which_articles_and_conditions_a_question_went(program, people):
    """A question brings data to another agency: what it rested on is accounted for as long as that of a disclosure."""
    asked(program, people["coordinator"], triaged(program, people["havendam"], people["coordinator"]), "avim")
    entry, told = log(program, "enrich:ask")[-1]
    ground = next(one for one in program.policy.grounds.rows if one.id == told["ground"])
    assert told["legal_basis"] == [one.code for one in ground.legal_basis] != []
    assert {one["code"] for one in told["conditions"]} == set(ground.conditions)
    assert all(len(one["evidence_hash"]) == 64 for one in told["conditions"])
    assert json.loads(entry.entry)["retention_class"] == "disclosure"
