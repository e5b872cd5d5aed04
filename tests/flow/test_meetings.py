"""Meetings: planning, changing, calling off, the agenda that rules propose, the calendar, and who comes."""

from datetime import date, datetime, timedelta

import pytest
from icalendar import Calendar
from sqlalchemy import select

from signaltable.domain import ZONE, Conflict, NotFound, Refused, UnusableInput
from signaltable.flow import table
from signaltable.flow.table import attending, calendar, tables
from signaltable.flow.table.planning import Plan
from signaltable.flow.table.tables import Described
from signaltable.models import Attendance, Escalation, Mail, Meeting
from signaltable.queries import signal_by_reference
from signaltable.transaction import reading
from tests.factories import a_signal
from tests.table_steps import asked, log, on_the_agenda, row, triaged, use

DAY = date(2026, 12, 1)
WHOLE = {"begins": "13:30", "ends": "15.00", "place": "Stadhuis, Coolsingel 40, Rotterdam"}
CANARY = "Kanarievogel"


@pytest.fixture
def people(sqlite_program, actor):
    logins = ("havendam", "coordinator", "voorzitter", "avim", "beheer", "auditor")
    return {login: actor(sqlite_program, login) for login in logins}


def planned(program, who, **changes):
    return use(program, who, table.schedule, **{"held_on": DAY, "title": "Decembertafel", **changes})


def stored(program, meeting):
    with reading(program) as session:
        return session.get_one(Meeting, meeting)


def mailed(program):
    with reading(program) as session:
        return [tuple(one) for one in session.execute(select(Mail.account_id, Mail.task_kind, Mail.task_id))]


# -- planning ----------------------------------------------------------------------------------------------------------


def test_a_meeting_has_a_time_a_place_and_a_chair_and_leads_its_mail_there(sqlite_program, people):
    chair = people["voorzitter"].account_id
    meeting = planned(sqlite_program, people["coordinator"], chair=chair, **WHOLE)
    (line,) = use(sqlite_program, people["avim"], table.meetings).coming
    assert (line.begins, line.ends, line.place) == ("13:30", "15:00", WHOLE["place"])
    assert line.chair == people["voorzitter"].name
    assert {(kind, thing) for _account, kind, thing in mailed(sqlite_program)} == {("meeting", meeting)}
    ((_entry, details),) = log(sqlite_program, "table:schedule")
    assert details["starts_at"] == int(datetime(2026, 12, 1, 13, 30, tzinfo=ZONE).timestamp() * 1000)
    assert "Coolsingel" not in str(details)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"begins": "25:00"}, "begins"),
        ({"begins": "half twee"}, "begins"),
        ({"begins": "13:30", "ends": "13:30"}, "ends"),
        ({"ends": "15:00"}, "ends"),
        ({"chair": "nobody"}, "chair"),
        ({"place": "bij 111222333"}, "place"),
        ({"place": "De geheime opvang, Proefstraat 12"}, "place"),
        ({"place": "x" * 201}, "place"),
        ({"table_id": "nowhere"}, "table"),
    ],
)
def test_what_makes_no_meeting_is_refused_by_field(sqlite_program, people, change, place):
    with pytest.raises(UnusableInput) as refused:
        planned(sqlite_program, people["coordinator"], **change)
    assert set(refused.value.problems) == {place}


def test_a_change_counts_for_calendars_and_only_what_moves_people_is_mailed(sqlite_program, people):
    meeting = planned(sqlite_program, people["coordinator"], **WHOLE)
    told = len(mailed(sqlite_program))
    plan = Plan(DAY, "Andere naam", "13:30", "15:00", WHOLE["place"], "")
    use(sqlite_program, people["coordinator"], table.change, meeting, plan, version=0)
    assert (stored(sqlite_program, meeting).sequence, len(mailed(sqlite_program))) == (1, told)
    later = Plan(date(2026, 12, 8), "Andere naam", "14:00", "15:00", "", people["voorzitter"].account_id)
    with pytest.raises(Conflict) as conflict:
        use(sqlite_program, people["coordinator"], table.change, meeting, later, version=0)
    assert conflict.value.reason == "version"
    use(sqlite_program, people["coordinator"], table.change, meeting, later, version=1)
    assert (stored(sqlite_program, meeting).sequence, len(mailed(sqlite_program))) == (2, 2 * told)
    details = log(sqlite_program, "table:schedule")[-1][1]
    assert details["changed"] == ["held_on", "begins", "place", "chair"]
    assert details["previous_starts_at"] < details["starts_at"]
    # Nothing changed: nothing is written
    use(sqlite_program, people["coordinator"], table.change, meeting, later, version=2)
    assert stored(sqlite_program, meeting).sequence == 2
    with pytest.raises(Refused):
        use(sqlite_program, people["voorzitter"], table.change, meeting, later, version=2)


def test_calling_off_sends_the_signals_back_unless_something_was_said(sqlite_program, people):
    program, coordinator = sqlite_program, people["coordinator"]
    watched, plain = (triaged(program, people["havendam"], coordinator, a_signal(subjects=[])) for _ in range(2))
    meeting = on_the_agenda(program, coordinator, watched, plain, days=3)
    again = on_the_agenda(program, coordinator, triaged(program, people["havendam"], coordinator), days=1)
    told = len(mailed(program))
    use(program, coordinator, table.cancel, meeting, version=0)
    assert {row(program, one).state for one in (watched, plain)} == {"triaged"}
    assert len(mailed(program)) > told
    seen = use(program, coordinator, table.agenda, meeting)
    assert (seen.meeting.cancelled, seen.lines, seen.may_schedule) == (True, (), False)
    for case, args, options in (
        (table.put_on_agenda, (meeting, [plain]), {}),
        (table.cancel, (meeting,), {"version": 1}),
        (attending.answer, (meeting, "coming"), {}),
    ):
        with pytest.raises(Conflict):
            use(program, coordinator, case, *args, **options)
    # At a meeting where somebody wrote something down there is nothing to call off
    (line,) = use(program, coordinator, table.agenda, again).lines
    use(program, people["voorzitter"], table.note, again, line.reference, "Zij wil hulp")
    with pytest.raises(Conflict) as conflict:
        use(program, coordinator, table.cancel, again, version=0)
    assert conflict.value.reason == "discussed"


# -- the agenda that rules propose ---------------------------------------------------------------------------------------


def test_the_agenda_is_proposed_with_reasons_and_filled_to_the_time_there_is(sqlite_program, people, clock):
    program, coordinator = sqlite_program, people["coordinator"]
    late = triaged(program, people["havendam"], coordinator)
    asked(program, coordinator, late, "avim")
    plain = triaged(program, people["havendam"], coordinator, a_signal(subjects=[]))
    safety = {"acute_danger": "no", "safe_to_continue": "yes", "urgency": "same-day"}
    urgent = triaged(program, people["havendam"], coordinator, a_signal(subjects=[], safety=safety))
    clock.forward(days=14)
    meeting = planned(program, coordinator, held_on=date(2026, 12, 8), begins="13:30", ends="13:50")
    seen = use(program, coordinator, table.agenda, meeting)
    assert [(one.reference, one.reasons, one.proposed) for one in seen.ready] == [
        (urgent, ("urgent-today",), True),
        (late, ("deadline-passed",), True),
        (plain, (), False),
    ]
    assert (seen.places, seen.more) == (2, 0)
    # What is accepted keeps its reasons on the agenda, for everybody; what nobody proposed has none
    use(program, coordinator, table.put_on_agenda, meeting, [plain, late])
    lines = use(program, people["avim"], table.agenda, meeting).lines
    assert [(one.reference, one.reasons) for one in lines] == [(late, ("deadline-passed",)), (plain, ())]
    full = use(program, coordinator, table.agenda, meeting)
    assert (full.places, [one.proposed for one in full.ready]) == (0, [False])


def test_a_stuck_case_comes_to_the_table_from_its_receiver_and_goes_back_there(sqlite_program, people):
    program, coordinator = sqlite_program, people["coordinator"]
    reference = triaged(program, people["havendam"], coordinator, a_signal(subjects=[]))
    meeting = planned(program, coordinator)

    def stuck(tx, level):
        signal = signal_by_reference(tx, reference)
        signal.state = "accepted"
        for one in tx.session.scalars(select(Escalation)):
            tx.session.delete(one)
        tx.session.add(
            Escalation(id=tx.new_id(), signal_id=signal.id, cause="dates", level=level, opened_at=tx.now, due_on=DAY)
        )
        tx.record(
            "escalation:open",
            object_type="signal",
            object_id=reference,
            details={"signal": reference, "cause": "dates"},
        )

    use(program, coordinator, stuck, "coordinator")
    assert use(program, coordinator, table.agenda, meeting).ready == ()
    use(program, coordinator, stuck, "table")
    (line,) = use(program, coordinator, table.agenda, meeting).ready
    assert (line.reference, line.reasons, line.proposed) == (reference, ("stuck",), True)
    use(program, coordinator, table.put_on_agenda, meeting, [reference])
    assert row(program, reference).state == "tabled"
    use(program, coordinator, table.take_off_agenda, meeting, reference)
    assert row(program, reference).state == "accepted"


# -- the calendar --------------------------------------------------------------------------------------------------------


def test_a_calendar_file_says_when_and_where_and_nothing_of_a_case(sqlite_program, people):
    program, coordinator = sqlite_program, people["coordinator"]
    meeting = planned(program, coordinator, title=CANARY, held_on=date(2026, 11, 24), **WHOLE)
    reference = triaged(program, people["havendam"], coordinator, a_signal(narrative=f"{CANARY} werd gezien."))
    use(program, coordinator, table.put_on_agenda, meeting, [reference])
    raw = use(program, people["avim"], calendar.file_of, meeting, "nl")
    for secret in (CANARY, reference, "Proefveld", people["coordinator"].name):
        assert secret.encode() not in raw
    found = Calendar.from_ical(raw)
    (event,) = found.walk("VEVENT")
    assert found["METHOD"] == "PUBLISH"
    assert event["SUMMARY"] == "Overleg signaaltafel: Regionale tafel Rotterdam (demo)"
    assert (event["UID"], event["SEQUENCE"], event["STATUS"]) == (f"{meeting}@signaltable", 0, "CONFIRMED")
    assert event.decoded("DTSTART") == datetime(2026, 11, 24, 13, 30, tzinfo=ZONE)
    assert event.decoded("DTEND") - event.decoded("DTSTART") == timedelta(minutes=90)
    (zone,) = found.walk("VTIMEZONE")
    assert zone["TZID"] == event["DTSTART"].params["TZID"] == "Europe/Amsterdam"
    # Lines end with CRLF and are folded at 75 octets (RFC 5545, 3.1)
    assert all(len(line) <= 75 for line in raw.split(b"\r\n"))
    assert b"\n" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("sign", ["\r\n", "\r", "\x0b", "\x1c", "\x85", "\u2028", "\x07"])
def test_a_place_is_one_line_of_a_calendar_file_whatever_it_holds(sqlite_program, actor, sign):
    place = f"Kamer 4{sign}ATTENDEE:mailto:x@voorbeeld.nl"
    plan = {"held_on": sqlite_program.clock().date(), "title": "Overleg", "place": place}
    meeting = use(sqlite_program, actor(sqlite_program, "coordinator"), table.schedule, **plan)
    raw = use(sqlite_program, actor(sqlite_program, "avim"), calendar.file_of, meeting, "nl").decode()
    lines = raw.splitlines()
    assert [one for one in lines if one.startswith("LOCATION:Kamer 4 ")]
    assert not [one for one in lines if one.startswith("ATTENDEE")]
    assert all(one.isprintable() for one in raw.split("\r\n"))


def test_a_meeting_that_was_called_off_is_told_to_calendars_and_one_without_a_time_takes_the_day(
    sqlite_program, people
):
    meeting = planned(sqlite_program, people["coordinator"])
    use(sqlite_program, people["coordinator"], table.cancel, meeting, version=0)
    other = planned(sqlite_program, people["coordinator"], held_on=date(2026, 12, 2))
    raw = use(sqlite_program, people["avim"], calendar.file_of_coming, "en")
    off, on = Calendar.from_ical(raw).walk("VEVENT")
    assert (off["UID"], off["STATUS"], off["SEQUENCE"]) == (f"{meeting}@signaltable", "CANCELLED", 1)
    assert (on["UID"], on.decoded("DTSTART"), on.decoded("DTEND")) == (
        f"{other}@signaltable",
        date(2026, 12, 2),
        date(2026, 12, 3),
    )
    assert on["SUMMARY"].startswith("Meeting of the signal table: ")


def test_the_calendar_of_a_month_holds_the_meetings_of_the_own_tables_only(sqlite_program, people):
    program, coordinator = sqlite_program, people["coordinator"]
    second = use(program, people["beheer"], tables.record_table, Described("Andere tafel", "", "", ("var",)))
    seated = {one.id for one in use(program, coordinator, table.to_plan).tables}
    (first,) = seated - {second}
    meeting = planned(program, coordinator, table_id=first)
    hidden = planned(program, coordinator, table_id=second)
    month = use(program, people["avim"], calendar.month, 2026, 12)
    assert [one.id for one in month.meetings] == [meeting]
    days = [day for week in month.weeks for day in week]
    assert [day.on.isocalendar().weekday for day in days[:7]] == list(range(1, 8))
    assert [[one.id for one in day.meetings] for day in days if day.on == DAY] == [[meeting]]
    assert {one.id for one in use(program, coordinator, calendar.month, 2026, 12).meetings} == {meeting, hidden}
    for case, args in ((table.agenda, (hidden,)), (calendar.file_of, (hidden, "nl")), (attending.attending, (hidden,))):
        with pytest.raises(Refused):
            use(program, people["avim"], case, *args)
    for year, number in ((2026, 13), (1, 1), (9999, 12)):
        with pytest.raises(NotFound):
            use(program, people["avim"], calendar.month, year, number)
    with pytest.raises(Refused):
        use(program, people["auditor"], calendar.month, 2026, 12)


# -- who comes -----------------------------------------------------------------------------------------------------------


def rows_of(program):
    with reading(program) as session:
        return {one.account_id: one for one in session.scalars(select(Attendance))}


def test_people_say_whether_they_come_or_who_comes_instead_and_the_last_word_counts(sqlite_program, people, clock):
    program, chair, coordinator = sqlite_program, people["voorzitter"], people["coordinator"]
    meeting = planned(program, coordinator)
    assert [(one.key, one.due_on) for one in use(program, chair, lambda tx: list(attending.work(tx)))] == [
        (meeting, DAY)
    ]
    use(program, chair, attending.answer, meeting, "not_coming", replacement=coordinator.account_id)
    assert use(program, chair, lambda tx: list(attending.work(tx))) == []
    rows = rows_of(program)
    assert (rows[chair.account_id].answer, rows[coordinator.account_id].replaces) == ("not_coming", chair.account_id)
    assert use(program, chair, attending.attending, meeting).replaced_by == coordinator.name
    # Coming after all: nobody comes in one's place any more
    use(program, chair, attending.answer, meeting, "coming")
    released = rows_of(program)[coordinator.account_id]
    assert (released.replaces, released.answer) == ("", "")
    use(program, coordinator, attending.answer, meeting, "not_coming")
    for replacement in (coordinator.account_id, people["avim"].account_id, chair.account_id, "nobody"):
        with pytest.raises(UnusableInput):
            use(program, chair, attending.answer, meeting, "not_coming", replacement=replacement)
    with pytest.raises(UnusableInput):
        use(program, chair, attending.answer, meeting, "maybe")
    with pytest.raises(Refused):
        use(program, people["auditor"], attending.answer, meeting, "coming")
    clock.forward(days=30)
    with pytest.raises(Conflict):
        use(program, chair, attending.answer, meeting, "coming")


def test_who_was_there_is_noted_by_who_leads_the_meeting_from_its_day_on(sqlite_program, people, clock):
    program, chair, avim = sqlite_program, people["voorzitter"], people["avim"]
    meeting = planned(program, people["coordinator"], chair=chair.account_id)
    use(program, people["havendam"], attending.answer, meeting, "coming")
    with pytest.raises(Conflict):
        use(program, chair, attending.note_presence, meeting, [avim.account_id])
    clock.forward(days=8)
    use(program, chair, attending.note_presence, meeting, [avim.account_id])
    rows = rows_of(program)
    # Also somebody who had not answered; and who said to come and was not there
    assert rows[avim.account_id].presence == "present"
    assert (rows[people["havendam"].account_id].answer, rows[people["havendam"].account_id].presence) == (
        "coming",
        "absent",
    )
    use(program, people["coordinator"], attending.note_presence, meeting, [people["havendam"].account_id])
    assert rows_of(program)[avim.account_id].presence == "absent"
    with pytest.raises(Refused):
        use(program, avim, attending.note_presence, meeting, [avim.account_id])
    with pytest.raises(UnusableInput):
        use(program, chair, attending.note_presence, meeting, [people["auditor"].account_id])
    assert log(program, "table:attend")[-1][1]["changed"] == ["presence"]
