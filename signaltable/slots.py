"""When jobs have their turns, and which of them are due. Pure: no clock, no database.

A slot is named by the moment in UTC at which it begins. Frequent jobs have slots on a grid in UTC, daily ones at an hour in
the Netherlands: once per day there, also on the days of 23 and 25 hours. A job does all that is due, so one run makes up
for every slot since the last one that was done.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol

from signaltable.domain import ZONE, day_of

FORMAT: Final = "%Y-%m-%dT%H:%M"
NAME_LENGTH: Final = 16
# Added to the name of a slot that was counted while the clock stood ahead, and that runs now that its time has come.
AGAIN: Final = " again"
# A clock that is put right by less than this needs nothing: the slots that were done early are passed soon enough.
AHEAD: Final = timedelta(minutes=15)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
MOST_DOUBLINGS: Final = 10
_A_DAY = timedelta(days=1)


class Schedule(Protocol):
    """When a job has its turns."""

    def newest(self, moment: datetime) -> datetime:
        """When the slot began in which `moment` lies."""
        ...

    def after(self, begin: datetime) -> datetime:
        """When the slot begins that follows the one that began then."""
        ...

    def count(self, first: datetime, last: datetime) -> int:
        """How many slots lie from the one that begins at `first` up to and including the one that begins at `last`."""
        ...

    @property
    def patience(self) -> timedelta:
        """How long after its beginning a slot that was not done is late."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A turn every so many minutes, at the same moments for every process."""

    minutes: int

    @property
    def interval(self) -> timedelta:
        """From one turn to the next."""
        return timedelta(minutes=self.minutes)

    @property
    def patience(self) -> timedelta:
        """Two turns missed, and for the most frequent jobs some minutes."""
        return max(2 * self.interval, timedelta(minutes=5))

    def newest(self, moment: datetime) -> datetime:
        """When the slot began in which `moment` lies."""
        seconds = self.minutes * 60
        return datetime.fromtimestamp(int(moment.timestamp()) // seconds * seconds, UTC)

    def after(self, begin: datetime) -> datetime:
        """When the next slot begins."""
        return begin + self.interval

    def count(self, first: datetime, last: datetime) -> int:
        """How many slots from one up to and including another."""
        return (last - first) // self.interval + 1


@dataclass(frozen=True, slots=True)
class Daily:
    """A turn every day at an hour in the Netherlands. An hour that a day skips is the same hour later; one it has twice, the first."""

    at: time

    @property
    def patience(self) -> timedelta:
        """An hour: whoever looks in the morning sees whether the night was quiet."""
        return timedelta(hours=1)

    def newest(self, moment: datetime) -> datetime:
        """When the slot began in which `moment` lies: that of today, or before its hour that of yesterday."""
        today = day_of(moment)
        begin = self._on(today)
        return begin if begin <= moment else self._on(today - _A_DAY)

    def after(self, begin: datetime) -> datetime:
        """When the slot of the next day begins."""
        return self._on(day_of(begin) + _A_DAY)

    def count(self, first: datetime, last: datetime) -> int:
        """How many days from one up to and including another."""
        return (day_of(last) - day_of(first)).days + 1

    def _on(self, day: date) -> datetime:
        return datetime.combine(day, self.at, ZONE).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Due:
    """What a run has to do: every slot from the first up to the last.

    With `again` it covers none: the slot was counted already while the clock stood ahead, and now its time has come.
    """

    first: datetime
    last: datetime
    slots: int
    again: bool = False

    @property
    def name(self) -> str:
        """The name of the run, which no other run of the job has."""
        return name_of(self.last) + (AGAIN if self.again else "")


def name_of(begin: datetime) -> str:
    """The name of the slot that begins then."""
    return begin.astimezone(UTC).strftime(FORMAT)


def moment_of(slot: str) -> datetime:
    """When a slot began, from its name. Raises ValueError for what is no name of a slot."""
    return datetime.strptime(slot[:NAME_LENGTH], FORMAT).replace(tzinfo=UTC)


def due(schedule: Schedule, now: datetime, through: str) -> Due | None:
    """The slots that nobody did up to now, when everything up to and including `through` is done; "" for a job that never ran.

    A job that never ran begins with the slot of now. None when all is done, and when `through` lies ahead of the clock:
    see `to_repeat`.
    """
    here = schedule.newest(now)
    if not through:
        return Due(here, here, 1)
    done = schedule.newest(moment_of(through))  # The job may have other turns than it had then.
    if done >= here:
        return None
    first = schedule.after(done)
    return Due(first, here, schedule.count(first, here))


def to_repeat(schedule: Schedule, now: datetime, through: str) -> Due | None:
    """The slot of now, when everything up to a moment far ahead counts as done: the clock stood there, and came back.

    Whoever asks has to know whether that slot was done in its own time, or again since; if not, it runs, and covers none.
    """
    here = schedule.newest(now)
    if not through or moment_of(through) <= now + AHEAD or moment_of(through) <= here:
        return None
    return Due(here, here, 0, again=True)


def pause(failures: int) -> timedelta:
    """How long to wait after so many failures on end before the next try."""
    doublings = min(max(failures - 1, 0), MOST_DOUBLINGS)
    return min(FIRST_PAUSE * (1 << doublings), LONGEST_PAUSE)
