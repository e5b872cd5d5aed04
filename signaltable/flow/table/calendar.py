"""Meetings as a calendar: by month on a page, and as a file for the calendar that people use (RFC 5545).

A calendar travels over networks and hangs on walls. So a file says when, where and which table; never what is on the
agenda, nor the name that somebody gave the meeting, which can say more than they meant.
"""

import calendar as months
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import ZONE, NotFound
from signaltable.flow import seats
from signaltable.flow.seats import TableTitle
from signaltable.flow.table.meetings import MeetingLine, meeting_lines, meeting_of, seat
from signaltable.later import later
from signaltable.models import Meeting
from signaltable.texts import Text
from signaltable.transaction import Transaction

if TYPE_CHECKING:
    import icalendar
else:
    icalendar = later("icalendar")

# RFC 5545, 3.7.3: who made the file. 3.8.4.7: ids that stay the same over every change, unique over the world.
PRODUCER: Final = "-//signaltable//meetings//NL"
ID_DOMAIN: Final = "signaltable"
SUMMARY: Final = Text("Overleg signaaltafel: {table}", "Meeting of the signal table: {table}")
# Meetings in one file and in one month; more than any region has.
MOST: Final = 500
FIRST_YEAR, LAST_YEAR = 2000, 2100


@dataclass(frozen=True, slots=True)
class CalendarDay:
    """A day of the month with its meetings. Days of the months around it are there to fill the weeks (`outside`)."""

    on: date
    outside: bool
    today: bool
    meetings: tuple[MeetingLine, ...]


@dataclass(frozen=True, slots=True)
class CalendarMonth:
    """A month by weeks that begin on Monday, and the same meetings as a list. `before` and `after` are first days."""

    first: date
    before: date
    after: date
    weeks: tuple[tuple[CalendarDay, ...], ...]
    meetings: tuple[MeetingLine, ...]
    tables: tuple[TableTitle, ...]
    chosen: str


def month(tx: Transaction, year: int = 0, number: int = 0, *, table_id: str = "") -> CalendarMonth:
    """The meetings of one month (by default this one) at the own tables, or at one of them.

    Raises `NotFound` for a month that is none, `UnusableInput` for a table where the actor's agency has no seat.
    """
    require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, seat(tx))
    first = _first(tx, year, number)
    after = (first + timedelta(days=31)).replace(day=1)
    rows = tx.session.scalars(
        select(Meeting)
        .where(
            Meeting.table_id.in_(seats.chosen(tx, table_id)),
            Meeting.held_on >= first,
            Meeting.held_on < after,
        )
        .order_by(Meeting.held_on, Meeting.begins, Meeting.id)
        .limit(MOST),
    ).all()
    lines = tuple(meeting_lines(tx, rows))
    details = {"view": "calendar", "count": len(lines), "filters": [f"table:{table_id}"] if table_id else []}
    tx.record("signal:list", object_type="agency", object_id=tx.actor.agency_id, details=details)
    return CalendarMonth(
        first=first,
        before=(first - timedelta(days=1)).replace(day=1),
        after=after,
        weeks=tuple(_weeks(first, tx.today, lines)),
        meetings=lines,
        tables=seats.seats_of(tx, tx.actor.agency_id),
        chosen=table_id,
    )


def _first(tx: Transaction, year: int, number: int) -> date:
    if not year and not number:
        return tx.today.replace(day=1)
    if not (FIRST_YEAR <= year <= LAST_YEAR and 1 <= number <= 12):
        raise NotFound("no such month")
    return date(year, number, 1)


def _weeks(first: date, today: date, lines: Sequence[MeetingLine]) -> Iterable[tuple[CalendarDay, ...]]:
    for week in months.Calendar().monthdatescalendar(first.year, first.month):
        yield tuple(
            CalendarDay(
                on=day,
                outside=day.month != first.month,
                today=day == today,
                meetings=tuple(one for one in lines if one.held_on == day),
            )
            for day in week
        )


# -- as a file -------------------------------------------------------------------------------------------------------


def file_of(tx: Transaction, meeting_id: str, lang: str) -> bytes:
    """One meeting as a calendar file. `lang` is nl or en, for its title."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "calendar_file"},
    )
    return _file(tx, [meeting], lang)


def file_of_coming(tx: Transaction, lang: str, *, table_id: str = "") -> bytes:
    """Every meeting to come at the own tables, or at one of them, as one calendar file.

    Those that were called off are in it as such, so that a calendar that reads the file again takes them out.
    """
    require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, seat(tx))
    rows = tx.session.scalars(
        select(Meeting)
        .where(Meeting.table_id.in_(seats.chosen(tx, table_id)), Meeting.held_on >= tx.today)
        .order_by(Meeting.held_on, Meeting.begins, Meeting.id)
        .limit(MOST),
    ).all()
    details = {"view": "calendar_file", "count": len(rows), "filters": [f"table:{table_id}"] if table_id else []}
    tx.record("signal:list", object_type="agency", object_id=tx.actor.agency_id, details=details)
    return _file(tx, rows, lang)


def _file(tx: Transaction, rows: Sequence[Meeting], lang: str) -> bytes:
    tables = seats.titles(tx, [row.table_id for row in rows])
    made = icalendar.Calendar()
    made.add("prodid", PRODUCER)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    # Also without a meeting: a calendar of nothing at all is no calendar (RFC 5545, 3.6).
    made.add_component(_zone([tx.today, *(row.held_on for row in rows)]))
    for row in rows:
        made.add_component(_event(row, SUMMARY.in_language(lang).format(table=tables[row.table_id]), tx.now))
    written: bytes = made.to_ical()
    return written


def _zone(days: Sequence[date]) -> "icalendar.Timezone":
    """When the clocks change in the years of these days and one around them, so that no reader has to know the zone."""
    first, last = date(min(days).year - 1, 1, 1), date(max(days).year + 2, 1, 1)
    return icalendar.Timezone.from_tzinfo(ZONE, first_date=first, last_date=last)


def _event(meeting: Meeting, summary: str, now: datetime) -> "icalendar.Event":
    event = icalendar.Event()
    event.add("uid", f"{meeting.id}@{ID_DOMAIN}")
    event.add("dtstamp", now.astimezone(UTC).replace(microsecond=0))
    event.add("last-modified", (meeting.changed_at or meeting.created_at).astimezone(UTC).replace(microsecond=0))
    event.add("sequence", meeting.sequence)
    event.add("status", "CANCELLED" if meeting.cancelled_at is not None else "CONFIRMED")
    event.add("summary", _on_one_line(summary))
    event.add("class", "CONFIDENTIAL")
    if meeting.begins:
        event.add("dtstart", datetime.combine(meeting.held_on, time.fromisoformat(meeting.begins), ZONE))
        if meeting.ends:
            event.add("dtend", datetime.combine(meeting.held_on, time.fromisoformat(meeting.ends), ZONE))
    else:
        event.add("dtstart", meeting.held_on)
        event.add("dtend", meeting.held_on + timedelta(days=1))
    if meeting.place:
        event.add("location", _on_one_line(meeting.place))
    return event


def _on_one_line(words: str) -> str:
    """Without the signs that no text of a calendar may hold (RFC 5545, 3.3.11), some of which readers take for a new line."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in words).split())
