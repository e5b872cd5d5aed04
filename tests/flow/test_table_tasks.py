"""What meetings ask: made by decisions, settled and put off by their holders, told when late."""

from datetime import date

import pytest
from sqlalchemy import func, select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import retention, signals
from signaltable.flow.table import task_lists, tasks
from signaltable.flow.table.around import around
from signaltable.models import AgendaItem, Mail, MeetingTask, Postponement
from signaltable.transaction import reading
from tests.meeting_steps import a_meeting, cases, decided, kept_from, task_of
from tests.table_steps import log, row, use

PEOPLE = ("havendam", "delinde", "coordinator", "voorzitter", "avim", "auditor")
DAY = date(2026, 12, 1)


@pytest.fixture
def people(sqlite_program, actor):
    return {login: actor(sqlite_program, login) for login in PEOPLE}


@pytest.fixture
def asked(sqlite_program, people):
    """(program, meeting, reference) with one task for Havendam."""
    meeting, (reference,) = cases(sqlite_program, people["havendam"], people["coordinator"], 1)
    decided(sqlite_program, people["voorzitter"], meeting, reference)
    return sqlite_program, meeting, reference


def mails(program, template):
    with reading(program) as session:
        return set(session.scalars(select(Mail.account_id).where(Mail.template == template, Mail.task_kind == "task")))


def test_a_decision_with_a_holder_and_a_day_is_a_task_for_that_agency_alone(asked, people):
    program, meeting, reference = asked
    (line,) = use(program, people["havendam"], task_lists.listing).lines
    assert (line.reference, line.agency, line.decision, line.due_on) == (reference, "Gemeente Havendam", "enrich", DAY)
    assert use(program, people["avim"], task_lists.listing).lines == ()
    for login in ("coordinator", "voorzitter"):
        (same,) = use(program, people[login], task_lists.listing, side="table").lines
        assert same.id == line.id
    ((_entry, details),) = log(program, "table:assign")
    assert (details["meeting"], details["signal"], details["agencies"]) == (meeting, reference, ["havendam"])
    assert people["havendam"].account_id in mails(program, "task")
    assert people["avim"].account_id not in mails(program, "task")


def test_watching_without_a_day_asks_nobody(sqlite_program, people):
    meeting, (reference,) = cases(sqlite_program, people["havendam"], people["coordinator"], 1)
    decided(sqlite_program, people["voorzitter"], meeting, reference, "watch", due_on=None)
    with reading(sqlite_program) as session:
        assert session.scalar(select(func.count()).select_from(MeetingTask)) == 0


def test_more_tasks_are_added_with_their_words_masked_until_the_meeting_is_closed(asked, people):
    program, meeting, reference = asked
    chair = people["voorzitter"]
    words = {"agency": "avim", "text": "Bel 0612345678 voor het rooster", "due_on": DAY}
    use(program, chair, tasks.assign, meeting, reference, **words)
    (line,) = use(program, people["avim"], task_lists.listing).lines
    assert line.text == "Bel [telefoon] voor het rooster"
    for changes, place in (
        ({"agency": "nowhere"}, "agency"),
        ({"due_on": None}, "task_due_on"),
        ({"due_on": date(2026, 1, 1)}, "task_due_on"),
        ({"text": " "}, "task_text"),
    ):
        with pytest.raises(UnusableInput) as refused:
            use(program, chair, tasks.assign, meeting, reference, **{**words, **changes})
        assert set(refused.value.problems) == {place}
    with pytest.raises(Refused):
        use(program, people["avim"], tasks.assign, meeting, reference, **words)


def test_only_its_agency_and_who_leads_the_table_open_a_task(asked, people):
    program, _meeting, _reference = asked
    task = task_of(program)
    for login in ("havendam", "coordinator", "voorzitter"):
        assert use(program, people[login], tasks.consult, task.id).may_settle
    for login in ("avim", "delinde", "auditor"):
        with pytest.raises(Refused):
            use(program, people[login], tasks.consult, task.id)


def test_settling_tells_the_coordinator_once_and_masks_the_answer(asked, people):
    program, _meeting, reference = asked
    task, holder = task_of(program), people["havendam"]
    with pytest.raises(UnusableInput) as refused:
        use(program, holder, tasks.settle, task.id, result="not_possible", answer="", version=1)
    assert set(refused.value.problems) == {"answer"}
    with pytest.raises(UnusableInput):
        use(program, holder, tasks.settle, task.id, result="forgotten", answer="x", version=1)
    use(program, holder, tasks.settle, task.id, result="done", answer="Gebeld met 0612345678", version=1)
    with pytest.raises(Conflict):
        use(program, people["coordinator"], tasks.settle, task.id, result="not_needed", answer="", version=2)
    (line,) = use(program, people["coordinator"], task_lists.listing, side="table", state="settled").lines
    assert (line.result, line.answer) == ("done", "Gebeld met [telefoon]")
    assert use(program, holder, task_lists.listing).lines == ()
    assert people["coordinator"].account_id in mails(program, "task-settled")
    ((entry, details),) = log(program, "table:settle")
    assert (entry.object, details["result"], details["late"]) == (reference, "done", False)


def test_a_second_window_does_not_settle_what_was_put_off_meanwhile(asked, people):
    program, *_rest = asked
    task = task_of(program)
    use(program, people["havendam"], tasks.postpone, task.id, until=date(2026, 12, 8), reason="Nog op zoek", version=1)
    with pytest.raises(Conflict):
        use(program, people["coordinator"], tasks.settle, task.id, result="done", answer="", version=1)
    assert task_of(program).settled_at is None


def test_putting_off_has_an_end_however_often_and_its_reason_stays_with_the_own_agency(asked, people):
    program, *_rest = asked
    task, holder = task_of(program), people["havendam"]
    latest = program.policy.deadlines["task-postponement"].due(DAY)
    for until in (None, DAY, date.fromordinal(latest.toordinal() + 1)):
        with pytest.raises(UnusableInput) as refused:
            use(program, holder, tasks.postpone, task.id, until=until, reason="Nog op zoek", version=1)
        assert set(refused.value.problems) == {"until"}
    use(program, holder, tasks.postpone, task.id, until=date(2026, 12, 8), reason="Nog op zoek", version=1)
    use(program, holder, tasks.postpone, task.id, until=latest, reason="Nog steeds", version=2)
    # The most counts from the day that the table set, so that there is nothing left
    assert use(program, holder, tasks.consult, task.id).latest is None
    with pytest.raises(Conflict):
        use(program, holder, tasks.postpone, task.id, until=latest, reason="Toch nog", version=3)
    said = [one.reason for one in use(program, holder, tasks.consult, task.id).put_off]
    assert said == ["Nog op zoek", "Nog steeds"]
    assert [one.reason for one in use(program, people["voorzitter"], tasks.consult, task.id).put_off] == ["", ""]
    with reading(program) as session:
        assert b"zoek" not in b"".join(session.scalars(select(Postponement.reason_sealed)))
    assert [details.get("previous_due_at", 0) > 0 for _entry, details in log(program, "table:assign")] == [
        False,
        True,
        True,
    ]


def test_late_tasks_are_told_once_to_the_holder_and_the_coordinator(asked, people, clock, actor):
    program, *_rest = asked
    job = people["coordinator"]
    assert use(program, job, tasks.remind) == (0, 0)
    clock.forward(days=9)
    late, told = use(program, job, tasks.remind)
    assert (late, told > 1) == (1, True)
    assert {people["havendam"].account_id, people["coordinator"].account_id} <= mails(program, "task-overdue")
    assert use(program, job, tasks.remind) == (0, 0)
    (line,) = use(program, people["havendam"], task_lists.listing, state="late").lines
    assert line.late
    # Put off and late again: told again
    use(program, people["havendam"], tasks.postpone, line.id, until=date(2026, 12, 8), reason="Nog bezig", version=1)
    assert use(program, people["havendam"], task_lists.listing, state="late").lines == ()
    clock.forward(days=9)
    assert use(program, job, tasks.remind)[0] == 1


def test_the_next_meeting_sees_what_is_open_and_not_what_is_settled(asked, people, clock):
    program, first, reference = asked
    use(program, people["voorzitter"], tasks.assign, first, reference, agency="avim", text="Rooster", due_on=DAY)
    clock.forward(days=7)
    second = a_meeting(program, people["coordinator"], days=1)
    lines = use(program, people["delinde"], around, second).followed
    assert {(one.agency == "Gemeente Havendam", one.text) for one in lines} == {(True, ""), (False, "Rooster")}
    assert use(program, people["delinde"], around, first).followed == ()
    mine = next(one for one in lines if one.agency == "Gemeente Havendam")
    use(program, people["havendam"], tasks.settle, mine.id, result="done", answer="", version=1)
    left = use(program, people["delinde"], around, second).followed
    assert [one.text for one in left] == ["Rooster"]


def test_who_is_kept_from_a_case_meets_its_tasks_nowhere(asked, people, clock):
    program, _first, reference = asked
    task, chair = task_of(program), people["voorzitter"]
    kept_from(program, chair, reference, row(program, reference).id)
    assert use(program, chair, task_lists.listing, side="table").lines == ()
    with pytest.raises(Refused) as refused:
        use(program, chair, tasks.consult, task.id)
    assert refused.value.reason == "conflict_of_interest"
    clock.forward(days=7)
    second = a_meeting(program, people["coordinator"], days=1)
    assert use(program, chair, around, second).followed == ()
    assert len(use(program, people["avim"], around, second).followed) == 1


def test_a_withdrawn_signal_takes_its_tasks_along_and_an_erased_one_their_words(asked, people, clock):
    program, meeting, reference = asked
    use(program, people["voorzitter"], tasks.assign, meeting, reference, agency="avim", text="Rooster", due_on=DAY)
    task = task_of(program, agency_id="avim")
    use(program, people["avim"], tasks.postpone, task.id, until=date(2026, 12, 8), reason="Nog bezig", version=1)
    use(program, people["havendam"], signals.withdraw, reference, "op verzoek")
    for login in ("havendam", "avim"):
        assert use(program, people[login], task_lists.listing).lines == ()
        assert list(use(program, people[login], lambda tx: list(task_lists.work(tx)))) == []
    with pytest.raises(NotFound):
        use(program, people["avim"], tasks.settle, task.id, result="done", answer="", version=2)
    clock.forward(days=9)
    assert use(program, people["coordinator"], tasks.remind) == (0, 0)

    def erase(tx):
        retention._erase_words(tx, signals.signal_by_reference(tx, reference))
        tx.record("signal:list", object_type="agency", object_id="havendam", details={"view": "own", "count": 0})

    use(program, people["coordinator"], erase)
    assert task_of(program, agency_id="avim").text == ""
    with reading(program) as session:
        assert session.scalars(select(Postponement.reason_sealed)).all() == [b""]


def test_lists_have_pages_and_work_is_only_ones_own(sqlite_program, people):
    program = sqlite_program
    meeting, (reference,) = cases(program, people["havendam"], people["coordinator"], 1)

    def fill(tx):
        found = tx.session.scalars(select(AgendaItem).where(AgendaItem.meeting_id == meeting)).one()
        for number in range(27):
            tx.session.add(
                MeetingTask(
                    id=tx.new_id(),
                    item_id=found.id,
                    signal_id=found.signal_id,
                    agency_id="avim",
                    text=f"Actie {number}",
                    due_on=date(2026, 12, 1 + number // 10),
                    made_by=tx.actor.account_id,
                    made_at=tx.now,
                )
            )
        tx.record("table:consult", object_type="meeting", object_id=meeting, details={"meeting": meeting})

    use(program, people["coordinator"], fill)
    first = use(program, people["avim"], task_lists.listing)
    second = use(program, people["avim"], task_lists.listing, after=first.following)
    assert (len(first.lines), len(second.lines), second.following) == (25, 2, None)
    assert len({one.id for one in (*first.lines, *second.lines)}) == 27
    days = [one.due_on for one in (*first.lines, *second.lines)]
    assert days == sorted(days)
    work = use(program, people["avim"], lambda tx: list(task_lists.work(tx)))
    assert {one.thing for one in work} == {reference}
    assert use(program, people["delinde"], lambda tx: list(task_lists.work(tx))) == []
