"""Closing a meeting, and what its minutes say to whom."""

from datetime import date

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import retention, signals, table
from signaltable.flow.leaving_out import leave_out
from signaltable.flow.table import attending, closing, minutes, minutes_parts, minutes_work, screen, task_lists, tasks
from signaltable.models import Mail, MinutesPart, Recusal
from signaltable.transaction import reading
from tests.meeting_steps import REASON, a_meeting, cases, closed, decided, kept_from, there
from tests.table_steps import log, row, use

PEOPLE = ("havendam", "delinde", "coordinator", "voorzitter", "avim", "auditor")


@pytest.fixture
def people(sqlite_program, actor):
    return {login: actor(sqlite_program, login) for login in PEOPLE}


def stored(program):
    with reading(program) as session:
        rows = session.scalars(select(MinutesPart).order_by(MinutesPart.number)).all()
        return [(one.kind, one.content, one.digest) for one in rows]


@pytest.fixture
def met(sqlite_program, people):
    """(program, meeting, decided reference, left over reference), not closed yet."""
    meeting, (done, open_one) = cases(sqlite_program, people["havendam"], people["coordinator"], 2)
    decided(sqlite_program, people["voorzitter"], meeting, done)
    there(sqlite_program, people["coordinator"], meeting, people["voorzitter"], people["avim"])
    return sqlite_program, meeting, done, open_one


def test_closing_says_what_is_left_over_and_wants_to_hear_that_it_may(met, people):
    program, meeting, _done, open_one = met
    found = use(program, people["voorzitter"], closing.consult, meeting)
    assert (found.decided, found.left_over, found.present) == (1, (open_one,), 2)
    with pytest.raises(UnusableInput) as refused:
        use(program, people["voorzitter"], closing.close, meeting)
    assert set(refused.value.problems) == {"leave_over"}
    with pytest.raises(Refused):
        use(program, people["avim"], closing.close, meeting, leave_over=True)
    # Nobody is asked any more whether they come to a meeting that is over
    assert [one.key for one in use(program, people["delinde"], lambda tx: list(attending.work(tx)))] == [meeting]
    closed(program, people["voorzitter"], meeting)
    assert use(program, people["delinde"], lambda tx: list(attending.work(tx))) == []
    assert row(program, open_one).state == "tabled"
    # What is left over can go on another agenda at once, also of the same day
    another = a_meeting(program, people["coordinator"])
    assert open_one in {one.reference for one in use(program, people["coordinator"], table.agenda, another).ready}
    with pytest.raises(Conflict):
        use(program, people["coordinator"], closing.close, meeting, leave_over=True)
    # After that nothing is decided, noted or asked in it any more
    with pytest.raises(Conflict):
        decided(program, people["voorzitter"], meeting, open_one)
    with pytest.raises(Conflict):
        use(program, people["voorzitter"], table.note, meeting, open_one, "Nog iets")
    with pytest.raises(Conflict):
        use(
            program,
            people["voorzitter"],
            tasks.assign,
            meeting,
            open_one,
            agency="avim",
            text="Rooster",
            due_on=date(2026, 12, 1),
        )


def test_a_meeting_to_come_is_not_closed(sqlite_program, people):
    meeting, _references = cases(sqlite_program, people["havendam"], people["coordinator"], 1, days=3)
    with pytest.raises(Conflict):
        closed(sqlite_program, people["voorzitter"], meeting)


def test_the_minutes_hold_what_the_meeting_left_and_no_more(met, people):
    program, meeting, done, open_one = met
    use(program, people["voorzitter"], table.note, meeting, done, "Dit blijft binnenskamers")
    use(program, people["voorzitter"], table.note, meeting, done, "Bel 0612345678 niet", minuted=True)
    use(
        program,
        people["voorzitter"],
        tasks.assign,
        meeting,
        done,
        agency="avim",
        text="Rooster",
        due_on=date(2026, 12, 2),
    )
    closed(program, people["voorzitter"], meeting, shared=True)
    view = use(program, people["delinde"], minutes.consult, meeting)
    first, second = view.cases
    assert (first.reference, second.reference) == (done, open_one)
    assert (first.content["reason"], first.content["holder"]) == (REASON, "Gemeente Havendam")
    assert [one["text"] for one in first.content["notes"]] == ["Bel [telefoon] niet"]
    assert [(one["agency"], one["text"]) for one in first.content["tasks"]] == [
        ("Politie, afdeling AVIM", "Rooster")
    ] or (first.content["tasks"][0]["text"] == "Rooster")
    assert second.content["state"] == "left_over"
    assert {one["name"] for one in view.attendance["people"]} == {people["voorzitter"].name, people["avim"].name}
    assert "Gemeente Havendam" in view.attendance["absent_agencies"]
    for kind, content, digest in stored(program):
        assert digest == minutes_parts.digest(content), kind


def test_a_draft_is_for_who_leads_and_sharing_mails_everybody_once(met, people):
    program, meeting, *_rest = met
    with pytest.raises(NotFound):
        use(program, people["avim"], minutes.consult, meeting)
    closed(program, people["voorzitter"], meeting)
    with pytest.raises(Refused):
        use(program, people["avim"], minutes.consult, meeting)
    version = use(program, people["coordinator"], minutes.consult, meeting).version
    use(program, people["coordinator"], minutes.share, meeting, version=version)
    with pytest.raises(Conflict):
        use(program, people["voorzitter"], minutes.share, meeting, version=version)
    assert use(program, people["avim"], minutes.consult, meeting).state == "shared"
    with pytest.raises(Refused):
        use(program, people["auditor"], minutes.consult, meeting)
    with reading(program) as session:
        told = session.scalars(select(Mail.account_id).where(Mail.template == "minutes")).all()
    assert people["avim"].account_id in told
    assert len(told) == len(set(told))
    assert [details["result"] for _entry, details in log(program, "table:minute")] == ["made", "shared"]


def test_a_draft_is_made_anew_until_it_is_shared(met, people):
    program, meeting, *_rest = met
    closed(program, people["voorzitter"], meeting)
    there(program, people["coordinator"], meeting, people["delinde"], replaces=people["avim"].account_id)
    version = use(program, people["voorzitter"], minutes.consult, meeting).version
    use(program, people["voorzitter"], minutes.remake, meeting, version=version)
    view = use(program, people["voorzitter"], minutes.consult, meeting)
    assert (people["delinde"].name, people["avim"].name) in {
        (one["name"], one["replaces"]) for one in view.attendance["people"]
    }
    with pytest.raises(Conflict):
        use(program, people["voorzitter"], minutes.share, meeting, version=version)
    use(program, people["voorzitter"], minutes.share, meeting, version=view.version)
    with pytest.raises(Conflict):
        use(program, people["voorzitter"], minutes.remake, meeting, version=view.version + 1)


def test_who_is_kept_from_a_case_gets_minutes_without_it(met, people):
    program, meeting, done, open_one = met
    kept_from(program, people["avim"], done, row(program, done).id)
    closed(program, people["voorzitter"], meeting, shared=True)
    use(program, people["voorzitter"], minutes.correct, meeting, text="De dag is anders", reference=done)
    view = use(program, people["avim"], minutes.consult, meeting)
    assert [one.reference for one in view.cases] == [open_one]
    assert view.left_out == 1
    assert view.corrections == ()
    assert done not in repr(view)
    seen = use(program, people["delinde"], minutes.consult, meeting)
    assert (seen.left_out, len(seen.cases), len(seen.corrections)) == (0, 2, 1)
    # Who left the room stands in the part that this person does not read
    assert seen.cases[0].content["left_room"] == [people["avim"].name]


def test_who_closes_without_seeing_a_case_makes_whole_minutes_for_the_others(met, people):
    program, meeting, done, open_one = met
    kept_from(program, people["voorzitter"], open_one, row(program, open_one).id)
    found = use(program, people["voorzitter"], closing.consult, meeting)
    assert (found.left_over, found.unseen) == ((), 1)
    closed(program, people["voorzitter"], meeting, shared=True)
    view = use(program, people["avim"], minutes.consult, meeting)
    assert [one.reference for one in view.cases] == [done, open_one]
    with pytest.raises(UnusableInput):
        use(program, people["voorzitter"], minutes.correct, meeting, text="Anders", reference=open_one)


def test_corrections_stand_beside_and_approval_ends_them(met, people, clock):
    program, meeting, done, _open_one = met
    closed(program, people["voorzitter"], meeting, shared=True)
    before = stored(program)
    chair = people["voorzitter"]
    use(program, chair, minutes.correct, meeting, text="Bel 0612345678 wel", reference=done)
    assert stored(program)[: len(before)] == before
    version = use(program, chair, minutes.consult, meeting).version
    with pytest.raises(UnusableInput):
        use(program, chair, minutes.approve, meeting, approved_in=meeting, version=version)
    clock.forward(days=7)
    second = a_meeting(program, people["coordinator"])
    with pytest.raises(Conflict):  # Somebody corrected after this page was opened
        use(program, chair, minutes.approve, meeting, approved_in=second, version=version - 1)
    with pytest.raises(Refused):
        use(program, people["avim"], minutes.approve, meeting, approved_in=second, version=version)
    use(program, chair, minutes.approve, meeting, approved_in=second, version=version)
    view = use(program, people["avim"], minutes.consult, meeting)
    assert (view.state, view.approved_in) == ("approved", "Proeftafel")
    assert view.corrections[0].content["text"] == "Bel [telefoon] wel"
    for step in (
        lambda tx: minutes.correct(tx, meeting, text="Nog iets"),
        lambda tx: minutes.share(tx, meeting, version=view.version),
        lambda tx: minutes.approve(tx, meeting, approved_in=second, version=view.version),
    ):
        with pytest.raises(Conflict):
            use(program, chair, step)
    assert len(log(program, "table:approve")) == 1


def test_minutes_lose_the_words_about_an_erased_signal_and_keep_its_digest(met, people):
    program, meeting, done, _open_one = met
    closed(program, people["voorzitter"], meeting, shared=True)
    digests = [digest for _kind, _content, digest in stored(program)]
    use(program, people["havendam"], signals.withdraw, row(program, _open_one).reference, "op verzoek")

    def erase(tx):
        retention._erase_words(tx, signals.signal_by_reference(tx, done))
        tx.record("signal:list", object_type="agency", object_id="havendam", details={"view": "own", "count": 0})

    use(program, people["coordinator"], erase)
    view = use(program, people["avim"], minutes.consult, meeting)
    assert [(one.reference, one.gone, one.content) for one in view.cases] == [(done, True, {}), (_open_one, True, {})]
    assert [digest for _kind, _content, digest in stored(program)] == digests
    assert REASON not in repr(stored(program))


@pytest.mark.parametrize("count", [0, 40])
def test_a_meeting_without_cases_and_a_full_one_have_minutes_and_a_screen(sqlite_program, people, count, once):
    program = sqlite_program

    def fill():
        return cases(program, people["havendam"], people["coordinator"], count)[0]

    meeting = once(program, f"meeting with {count} cases", fill)
    assert use(program, people["voorzitter"], screen.end, meeting).of == count
    if count:
        shown = use(program, people["avim"], screen.show, meeting, count)
        assert (shown.step.number, shown.step.of) == (count, count)
    with pytest.raises(NotFound):
        use(program, people["avim"], screen.show, meeting, count + 1)
    closed(program, people["voorzitter"], meeting, shared=True)
    assert len(use(program, people["avim"], minutes.consult, meeting).cases) == count


def test_what_earlier_meetings_asked_is_followed_in_the_minutes_of_the_next(met, people, clock):
    program, meeting, done, _open_one = met
    closed(program, people["voorzitter"], meeting, shared=True)
    clock.forward(days=7)
    second = a_meeting(program, people["coordinator"])
    task = use(program, people["havendam"], lambda tx: [one.key for one in task_lists.work(tx)])[0]
    use(program, people["havendam"], tasks.settle, task, result="done", answer="Gebeld", version=1)
    closed(program, people["voorzitter"], second, shared=True)
    (part,) = use(program, people["avim"], minutes.consult, second).followed
    assert part.reference == done
    assert [(one["result"], one["answer"]) for one in part.content["tasks"]] == [("done", "Gebeld")]
    clock.forward(days=7)
    third = a_meeting(program, people["coordinator"])
    closed(program, people["voorzitter"], third, shared=True)
    assert use(program, people["avim"], minutes.consult, third).followed == ()


def test_what_waits_around_minutes_waits_for_who_leads(met, people, clock):
    program, meeting, *_rest = met
    chair = people["voorzitter"]

    def kinds(work):
        return [one.key for one in use(program, chair, lambda tx: list(work(tx)))]

    assert kinds(minutes_work.to_close) == []
    clock.forward(days=1)
    assert kinds(minutes_work.to_close) == [meeting]
    closed(program, chair, meeting)
    assert (kinds(minutes_work.to_close), kinds(minutes_work.to_share)) == ([], [meeting])
    version = use(program, chair, minutes.consult, meeting).version
    use(program, chair, minutes.share, meeting, version=version)
    assert kinds(minutes_work.to_approve) == []
    clock.forward(days=7)
    a_meeting(program, people["coordinator"])
    assert (kinds(minutes_work.to_share), kinds(minutes_work.to_approve)) == ([], [meeting])


def test_the_screen_shows_who_leaves_first_and_never_leads_who_is_kept_there(met, people):
    program, meeting, done, open_one = met
    kept_from(program, people["avim"], done, row(program, done).id)
    shown = use(program, people["voorzitter"], screen.show, meeting, 1)
    assert ([one.name for one in shown.step.leaving], shown.view) == ([people["avim"].name], None)
    shown = use(program, people["voorzitter"], screen.show, meeting, 1, room_is_clear=True)
    assert shown.view.dossier.reference == done
    theirs = use(program, people["avim"], screen.show, meeting, 1)
    assert (theirs.step.reference, theirs.step.of, theirs.step.unseen) == (open_one, 1, 1)
    with pytest.raises(NotFound):
        use(program, people["avim"], screen.show, meeting, 2, room_is_clear=True)
    with pytest.raises(NotFound):
        use(program, people["avim"], screen.number_of, meeting, done)


def test_a_signal_taken_back_in_the_middle_of_a_meeting_is_a_page_without_words(met, people):
    program, meeting, _done, open_one = met
    use(program, people["havendam"], signals.withdraw, open_one, "op verzoek")
    shown = use(program, people["voorzitter"], screen.show, meeting, 2)
    assert (shown.step.gone, shown.view) == (True, None)
    with pytest.raises(NotFound):
        decided(program, people["voorzitter"], meeting, open_one)
    # It is no case that waits, so the meeting closes without asking
    use(program, people["voorzitter"], closing.close, meeting)
    (_first, second) = use(program, people["voorzitter"], minutes.consult, meeting).cases
    assert (second.gone, second.content) == (True, {})


def test_the_fence_of_pages_is_each_readers_own_also_in_joins_of_one_table_with_itself(met, people):
    program, meeting, done, open_one = met
    for login, hidden, seen in (("avim", done, open_one), ("delinde", open_one, done), ("avim", done, open_one)):
        if login == "delinde" or not kept_by(program, people[login]):
            kept_from(program, people[login], hidden, row(program, hidden).id)

        def look(tx):
            assert leave_out(tx)
            return screen.show(tx, meeting, 1, room_is_clear=True)

        shown = use(program, people[login], look)
        assert (shown.view.dossier.reference, shown.step.of, shown.step.unseen) == (seen, 1, 1)


def kept_by(program, who):
    with reading(program) as session:
        return session.scalars(select(Recusal.id).where(Recusal.account_id == who.account_id)).all()
