"""Several tables beside each other: where a signal comes, who sees it there, taking it elsewhere, and one case at two."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import accounts, dossier, linking, signals, table, triage
from signaltable.flow.table import moving, tables
from signaltable.flow.table.tables import Described
from signaltable.models import AgendaItem, Mail, SignalTableMove
from signaltable.transaction import reading, transaction
from tests.conftest import PASSWORD
from tests.factories import a_signal
from tests.table_steps import log, on_the_agenda, row, submitted, triaged, use

WHY = "Dit hoort bij de tafel over arbeid."


@pytest.fixture
def people(sqlite_program, actor):
    found = {login: actor(sqlite_program, login) for login in ("havendam", "delinde", "coordinator", "avim", "beheer")}

    def hire(tx):
        accounts.record_account(
            tx,
            login="nlacoordinator",
            name="Nora Verzonnen",
            agency_id="nla",
            roles=["table-coordinator"],
            password=PASSWORD,
        )

    use(sqlite_program, found["beheer"], hire)
    return {**found, "nora": actor(sqlite_program, "nlacoordinator")}


def made(program, people, title="Arbeidstafel", *, theme="labour", members=("nla", "havendam")):
    return use(program, people["beheer"], tables.record_table, Described(title, "", theme, tuple(members)))


def regional(program, people):
    (first,) = [one for one in use(program, people["beheer"], tables.list_tables) if one.title != "Arbeidstafel"]
    return first.id


def mails(program, template):
    with reading(program) as session:
        query = select(Mail.account_id, Mail.task_kind, Mail.task_id).where(Mail.template == template)
        return [tuple(one) for one in session.execute(query)]


# -- where a new signal comes ------------------------------------------------------------------------------------------


def test_a_signal_comes_to_the_table_of_its_theme_unless_another_that_fits_is_chosen(sqlite_program, people):
    program, general = sqlite_program, regional(sqlite_program, people)
    labour = made(program, people)
    offered = use(program, people["havendam"], signals.preview, a_signal()).tables
    assert [one.seat.id for one in offered] == [labour, general]
    assert row(program, submitted(program, people["havendam"])).table_id == labour
    other = use(program, people["havendam"], signals.submit, a_signal(subjects=[]), table_id=general)
    assert row(program, other.reference).table_id == general
    # Another form of exploitation goes to the table for everything, and the labour table is not offered
    assert row(program, submitted(program, people["havendam"], a_signal(forms=["sexual"]))).table_id == general
    for table_id in (labour, "nowhere"):
        with pytest.raises(UnusableInput) as refused:
            use(program, people["havendam"], signals.submit, a_signal(forms=["sexual"]), table_id=table_id)
        assert set(refused.value.problems) == {"table"}
    # Who has no seat at the labour table never gets there
    assert row(program, submitted(program, people["delinde"], a_signal(capacity="care-wgbo"))).table_id == general


def test_a_closed_table_gets_nothing_and_closes_only_when_nothing_open_lies_there(sqlite_program, people):
    program, labour = sqlite_program, made(sqlite_program, people)
    reference = submitted(program, people["havendam"])
    with pytest.raises(Conflict) as refused:
        use(program, people["beheer"], tables.close_table, labour)
    assert refused.value.reason == "open_signals"
    use(program, people["havendam"], signals.withdraw, reference, "op verzoek")
    meeting = use(program, people["nora"], table.schedule, held_on=program.clock().date(), title="Arbeidstafel")
    with pytest.raises(Conflict) as refused:
        use(program, people["beheer"], tables.close_table, labour)
    assert refused.value.reason == "open_meetings"
    use(program, people["nora"], table.cancel, meeting, version=0)
    use(program, people["beheer"], tables.close_table, labour)
    assert row(program, submitted(program, people["havendam"])).table_id == regional(program, people)
    with pytest.raises(UnusableInput):
        use(program, people["havendam"], signals.submit, a_signal(), table_id=labour)
    day = program.clock().date()
    with pytest.raises(UnusableInput) as unusable:
        use(program, people["nora"], table.schedule, held_on=day, title="Arbeidstafel", table_id=labour)
    assert set(unusable.value.problems) == {"table"}
    assert [details["changed"] for _entry, details in log(program, "table:record")] == [["made"], ["closed"]]


@pytest.mark.parametrize(
    ("described", "place"),
    [
        (Described(" "), "title"),
        (Described("Regionale tafel Rotterdam (demo)"), "title"),
        (Described("Nieuw", theme="nowhere"), "theme"),
        (Described("Nieuw", members=("nowhere",)), "members"),
        (Described("Nieuw", region="x" * 121), "region"),
    ],
)
def test_a_table_that_cannot_be_is_refused_by_field(sqlite_program, people, described, place):
    with pytest.raises(UnusableInput) as refused:
        use(sqlite_program, people["beheer"], tables.record_table, described)
    assert set(refused.value.problems) == {place}


def test_only_an_administrator_keeps_tables_and_a_table_with_signals_keeps_a_coordinator(sqlite_program, people):
    program, labour = sqlite_program, made(sqlite_program, people)
    for case, args in (
        (tables.list_tables, ()),
        (tables.record_table, (Described("X"),)),
        (tables.close_table, (labour,)),
    ):
        with pytest.raises(Refused):
            use(program, people["coordinator"], case, *args)
    submitted(program, people["havendam"])
    with pytest.raises(UnusableInput) as refused:
        use(program, people["beheer"], tables.change_table, labour, Described("Arbeid", "", "labour", ("havendam",)))
    assert set(refused.value.problems) == {"members"}
    use(program, people["beheer"], tables.change_table, labour, Described("Arbeid", "Noord", "", ("nla",)))
    view = use(program, people["beheer"], tables.table_of, labour)
    assert (view.described.title, view.described.region, view.described.members) == ("Arbeid", "Noord", ("nla",))
    assert log(program, "table:record")[-1][1]["agencies"] == ["havendam"]


# -- taking it to another table ----------------------------------------------------------------------------------------


def test_a_signal_at_another_table_is_seen_there_and_no_more_at_the_old_one(sqlite_program, people, actor):
    program, labour = sqlite_program, made(sqlite_program, people, members=("nla",))
    reference = triaged(program, people["havendam"], people["coordinator"])
    meeting = on_the_agenda(program, people["coordinator"], reference, days=3)
    before = use(program, people["avim"], dossier.consult, reference)
    view = use(program, people["coordinator"], moving.moving, reference)
    assert (dict(view.targets), view.waits) == ({labour: "Arbeidstafel"}, "")
    use(program, people["coordinator"], moving.move_to_table, reference, labour, WHY, version=view.version)
    # Then it came off the agenda and went back to where it was
    assert (row(program, reference).table_id, row(program, reference).state) == (labour, "triaged")
    assert use(program, people["coordinator"], table.agenda, meeting).lines == ()
    for who, case in (("avim", dossier.consult), ("coordinator", triage.consult), ("coordinator", moving.moving)):
        with pytest.raises(Refused):
            use(program, people[who], case, reference)
    assert [one.reference for one in use(program, people["nora"], triage.listing).lines] == [reference]
    assert reference not in [one.reference for one in use(program, people["coordinator"], triage.listing).lines]
    # Members of the new table read it once that table has it on an agenda, under names of their own
    nla = actor(program, "nla")
    with pytest.raises(Refused):
        use(program, nla, dossier.consult, reference)
    on_the_agenda(program, people["nora"], reference, days=2)
    read = use(program, nla, dossier.consult, reference)
    assert {one.pseudonym for one in read.subjects}.isdisjoint(one.pseudonym for one in before.subjects)
    # The owner sees where it went and why; both coordinators hear that something happened, without a word of it
    went = [one for one in use(program, people["havendam"], signals.consult, reference).moves if one.table]
    assert [(one.table, one.reason) for one in went] == [("Arbeidstafel", WHY)]
    assert mails(program, "moved") == [(people["nora"].account_id, "signal", reference)]
    ((_entry, details),) = log(program, "signal:move")
    assert details["to_table"] == labour
    assert WHY not in str(details)


def test_what_an_earlier_meeting_left_is_told_there_as_gone_elsewhere_and_starts_anew(sqlite_program, people, clock):
    program, labour = sqlite_program, made(sqlite_program, people, members=("nla",))
    reference = triaged(program, people["havendam"], people["coordinator"])
    old = on_the_agenda(program, people["coordinator"], reference)
    clock.forward(days=7)
    use(
        program,
        people["coordinator"],
        moving.move_to_table,
        reference,
        labour,
        WHY,
        version=row(program, reference).version,
    )
    (line,) = use(program, people["avim"], table.agenda, old).lines
    assert (line.moved, line.gone, line.state, line.forms, line.routes) == (True, True, "", (), ())
    assert use(program, people["avim"], table.meetings).held[0].undecided == 0
    new = on_the_agenda(program, people["nora"], reference, days=1)
    use(program, people["nora"], table.take_off_agenda, new, reference)
    # Left over at the old table is not left over at the new one: nothing keeps it on a table that does not have it
    assert row(program, reference).state == "triaged"
    coming = use(program, people["coordinator"], table.schedule, held_on=clock.now.date(), title="Volgende")
    assert use(program, people["coordinator"], table.agenda, coming).ready == ()


def test_a_signal_stays_while_a_decision_waits_and_where_a_note_was_written(sqlite_program, people, actor):
    program, labour = sqlite_program, made(sqlite_program, people, members=("nla",))
    said, advised = (
        triaged(program, people["havendam"], people["coordinator"], a_signal(subjects=[])) for _ in range(2)
    )
    meeting = on_the_agenda(program, people["coordinator"], said, advised)
    use(program, actor(program, "voorzitter"), table.note, meeting, said, "Zij wil hulp")
    use(
        program,
        people["coordinator"],
        table.decide,
        meeting,
        advised,
        table.Deciding("refer", WHY, "havendam", program.clock().date(), ("essm",)),
    )
    for reference, reason in ((said, "discussed"), (advised, "waits-decision")):
        assert use(program, people["coordinator"], moving.moving, reference).waits == reason
        version = row(program, reference).version
        with pytest.raises(Conflict) as refused:
            use(program, people["coordinator"], moving.move_to_table, reference, labour, WHY, version=version)
        assert refused.value.reason == reason
    with reading(program) as session:
        assert session.scalars(select(SignalTableMove)).all() == []
        assert len(session.scalars(select(AgendaItem)).all()) == 2


def test_whoever_moves_it_second_is_told_that_it_went(sqlite_program, people):
    program, labour = sqlite_program, made(sqlite_program, people, members=("nla",))
    third = made(program, people, "Derde tafel", theme="", members=("nla",))
    reference = triaged(program, people["havendam"], people["coordinator"])
    version = row(program, reference).version
    use(program, people["coordinator"], moving.move_to_table, reference, labour, WHY, version=version)
    with pytest.raises(Conflict) as refused:
        use(program, people["coordinator"], moving.move_to_table, reference, third, WHY, version=version)
    assert refused.value.reason == "moved"
    assert row(program, reference).table_id == labour


def test_a_move_needs_a_reason_an_offered_table_and_the_right_to_it(sqlite_program, people, actor):
    program, labour = sqlite_program, made(sqlite_program, people, members=("nla",))
    reference = triaged(program, people["havendam"], people["coordinator"])
    version = row(program, reference).version
    for table_id, reason, place in (
        (labour, " ", "reason"),
        (labour, "zie 111222333", "reason"),
        ("nowhere", WHY, "table"),
        (row(program, reference).table_id, WHY, "table"),
    ):
        with pytest.raises(UnusableInput) as unusable:
            use(program, people["coordinator"], moving.move_to_table, reference, table_id, reason, version=version)
        assert set(unusable.value.problems) == {place}
    for who in (people["avim"], people["havendam"], actor(program, "voorzitter"), actor(program, "auditor")):
        with pytest.raises(Refused):
            use(program, who, moving.move_to_table, reference, labour, WHY, version=version)
    assert row(program, reference).version == version


def test_without_a_ground_for_the_readers_there_the_signal_stays(sqlite_program, people):
    labour = made(sqlite_program, people, members=("nla",))
    reference = triaged(sqlite_program, people["havendam"], people["coordinator"])
    # Outside the demo a ground that no lawyer reviewed carries nothing
    strict = replace(sqlite_program, settings=replace(sqlite_program.settings, mode="production"))
    with pytest.raises(Refused) as refused, transaction(strict, people["coordinator"]) as tx:
        moving.move_to_table(tx, reference, labour, WHY, version=row(sqlite_program, reference).version)
    assert refused.value.reason == "no_ground"
    assert row(sqlite_program, reference).table_id != labour
    assert log(sqlite_program, "disclosure:refuse")[-1][1]["signal"] == reference


# -- one case at two tables --------------------------------------------------------------------------------------------


def test_the_same_subject_at_another_table_is_told_by_the_name_of_that_table_only(sqlite_program, people):
    program = sqlite_program
    labour = made(program, people)
    there = submitted(program, people["havendam"])
    here = triaged(program, people["delinde"], people["coordinator"], a_signal(capacity="care-wgbo"))
    assert use(program, people["coordinator"], triage.listing).overlapping == ()
    for login in ("havendam", "delinde"):
        (line,) = use(program, people[login], linking.own_links)
        use(program, people[login], linking.decide, line.id, confirmed=True)
    page = use(program, people["coordinator"], triage.listing)
    assert [(one.reference, one.elsewhere) for one in page.overlapping] == [(here, ("Arbeidstafel",))]
    assert use(program, people["coordinator"], triage.consult, here).elsewhere == ("Arbeidstafel",)
    meeting = on_the_agenda(program, people["coordinator"], here)
    seen = use(program, people["avim"], table.agenda, meeting)
    assert seen.lines[0].elsewhere == ("Arbeidstafel",)
    for told in (page, seen, use(program, people["avim"], table.consult_item, meeting, here)):
        assert there not in repr(told)
    # The move brings them together
    view = use(program, people["coordinator"], moving.moving, here)
    assert view.same_subject == (labour,)
    use(program, people["coordinator"], moving.move_to_table, here, labour, WHY, version=view.version)
    assert use(program, people["nora"], triage.listing).overlapping == ()


def test_lists_are_told_apart_by_table(sqlite_program, people):
    program = sqlite_program
    general = regional(program, people)
    second = made(program, people, members=("var", "havendam"))
    here, there = (
        submitted(program, people["havendam"], a_signal(forms=["sexual"])),
        submitted(program, people["havendam"]),
    )
    page = use(program, people["coordinator"], triage.listing)
    assert {one.reference: one.table for one in page.lines}[there] == "Arbeidstafel"
    for table_id, reference in ((general, here), (second, there)):
        found = use(program, people["coordinator"], triage.listing, table_id=table_id)
        assert [one.reference for one in found.lines] == [reference]
    day = program.clock().date()
    for table_id in (general, second):
        use(program, people["coordinator"], table.schedule, held_on=day, title="Overleg", table_id=table_id)
    assert len(use(program, people["coordinator"], table.meetings).coming) == 2
    assert [one.table_id for one in use(program, people["coordinator"], table.meetings, table_id=second).coming] == [
        second
    ]
    for case in (triage.listing, table.meetings):
        with pytest.raises(UnusableInput):
            use(program, people["coordinator"], case, table_id="nowhere")
