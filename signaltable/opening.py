"""When a destination or help line can be reached: on which days, from when until when, and what that means at a moment. Pure.

Hours are Dutch hours, so an office that opens at nine does so in summer and in winter.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from signaltable.domain import ZONE
from signaltable.shape import Shape, Some
from signaltable.working_days import Calendar

MIDNIGHT: Final = "24:00"
A_DAY: Final = timedelta(days=1)
# Nobody is closed longer: Christmas in the middle of two weekends.
LOOKED_AHEAD: Final = 15

Clock = Annotated[str, StringConstraints(pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$")]
Begin = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Weekday = Annotated[int, Field(ge=1, le=7)]


class OpenHours(Shape):
    """Open on these days of the week (1 is Monday) from one time until another, on the next day when that is not later.

    `holidays` says whether that holds on public holidays too.
    """

    days: Some[Weekday]
    begins: Annotated[Begin, Field(alias="from")]
    until: Clock
    holidays: bool


@dataclass(frozen=True, slots=True)
class Opening:
    """What a moment falls in: open until `changes_at`, or closed and open again then. None: it stays so."""

    is_open: bool
    changes_at: datetime | None


def open_at(hours: Sequence[OpenHours], moment: datetime, calendar: Calendar) -> Opening:
    """Whether it is open at `moment`, and until when or from when; `changes_at` is in Dutch time.

    Looks two weeks ahead: who is always open has no end, who is never open no beginning.
    """
    now = moment.astimezone(ZONE)
    spans = sorted(_spans(hours, now.date(), calendar))
    end = _end_of(spans, now)
    if end is not None:
        last = now + timedelta(days=LOOKED_AHEAD - 1)
        return Opening(is_open=True, changes_at=end if end < last else None)
    coming = next((begin for begin, _end in spans if begin > now), None)
    return Opening(is_open=False, changes_at=coming)


def _end_of(spans: Sequence[tuple[datetime, datetime]], now: datetime) -> datetime | None:
    """The end of the time around `now`, through spans that follow without a gap; None when it falls in none."""
    until = None
    for begin, end in spans:
        if begin <= (until or now) < end:
            until = end
    return until


def _spans(hours: Sequence[OpenHours], today: date, calendar: Calendar) -> Iterator[tuple[datetime, datetime]]:
    for ahead in range(-1, LOOKED_AHEAD + 1):
        day = today + ahead * A_DAY
        for one in hours:
            if day.isoweekday() in one.days and (one.holidays or not calendar.is_holiday(day)):
                yield _at(day, one.begins), _at(day if one.until > one.begins else day + A_DAY, one.until)


def _at(day: date, clock: str) -> datetime:
    if clock == MIDNIGHT:
        return datetime.combine(day + A_DAY, time(), ZONE)
    return datetime.combine(day, time.fromisoformat(clock), ZONE)
