"""Within how many days somebody has to answer, per destination where that differs, and which days count as worked."""

from calendar import monthrange
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, timedelta
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from signaltable.policy_errors import Finding, found_twice
from signaltable.shape import Line, Many, Name, Shape, Some, Words
from signaltable.working_days import Calendar, Liberation

FILE, REGION = "deadlines.toml", "region.toml"
# How a reflection period ends that nobody ended.
RAN_OUT = "ran-out"
# Ten years at most: a day beyond the calendar would end the jobs that count to it.
Days = Annotated[int, Field(ge=1, le=3650)]


class WorkingDays(Shape):
    """What counts as a working day where people differ."""

    good_friday: bool
    liberation_day: Liberation

    @property
    def calendar(self) -> Calendar:
        """The same as the value that counts days."""
        return Calendar(self.good_friday, self.liberation_day)


class Period(Shape):
    """So many days, working days or days of the calendar."""

    days: Days
    working_days: bool


class AtDestination(Period):
    """The period for one destination, in place of the usual one."""

    id: Name


class Deadline(Period):
    """Within how many days somebody has to answer; `destination` lists those that have a period of their own."""

    id: Name
    title: Words
    region_decides: bool
    destination: Many[AtDestination] = ()
    _calendar: Calendar = PrivateAttr(default=Calendar())

    def due(self, start: date, destination: str = "") -> date:
        """The last day to answer what was asked on `start`, of this destination where that has a period of its own."""
        counts = self.period(destination)
        return self._calendar.later(start, counts.days) if counts.working_days else start + timedelta(days=counts.days)

    def period(self, destination: str = "") -> Period:
        """The period that counts for a destination, the usual one for any that has none of its own."""
        return next((one for one in self.destination if one.id == destination), self)

    def counted_by(self, calendar: Calendar) -> "Deadline":
        """The same, with the working days of this calendar."""
        made = self.model_copy()
        made._calendar = calendar  # noqa: SLF001 -- of the same class
        return made


class RegionalPeriod(Shape):
    """What a region says about a deadline: another period, for all or for some destinations."""

    days: Days | None = None
    working_days: bool | None = None
    destination: Many[AtDestination] = ()

    @model_validator(mode="after")
    def _says_something(self) -> "RegionalPeriod":
        if self.days is None and self.working_days is None and not self.destination:
            raise ValueError("expected days, working_days or [[destination]], found none")
        return self


class ReflectionResult(Shape):
    """How a reflection period ends."""

    id: Name
    title: Words
    by_program: bool = False


class Reflection(Shape):
    """How many months a presumed victim has at most to decide about cooperation, where that stands, and how it ends.

    Whoever prepares a disclosure to an agency of one of `kinds` during it reads `warning`.
    """

    months: Annotated[int, Field(ge=1, le=12)]
    source: Line
    kinds: Some[Name]
    warning: Words
    result: Some[ReflectionResult]

    def ends(self, began_on: date) -> date:
        """The last day of the period: the day with the same number so many months later, or the last of that month."""
        month = began_on.month - 1 + self.months
        year, number = began_on.year + month // 12, month % 12 + 1
        return date(year, number, min(began_on.day, monthrange(year, number)[1]))


# What people are told of before its day comes, in policies/deadlines.toml under [warn].
WarnOf = Literal["answer", "acceptance", "task", "duty", "link", "identity", "exclusion", "text", "reflection"]
WarnDays = Annotated[int, Field(ge=0, le=365)]


class DeadlinesFile(Shape):
    """deadlines.toml. A set of rules that was kept before there were working days counts weekends and holidays as usual.

    `warn` is how many days before its last day somebody hears of something once; 0, or not there: not before.
    """

    working_days: WorkingDays | None = None
    warn: dict[WarnOf, WarnDays] = Field(default_factory=dict)
    reflection: Reflection | None = None
    deadline: Some[Deadline]


def calendar_of(national: WorkingDays | None, regional: WorkingDays | None) -> Calendar:
    """The days that count as worked: those of the region when it says so."""
    said = regional or national
    return said.calendar if said else Calendar()


def deadlines_of(
    regional: Mapping[str, RegionalPeriod], deadlines: Iterable[Deadline], calendar: Calendar
) -> tuple[Deadline, ...]:
    """The deadlines that count: with the periods of the region in place of the national ones, and its working days."""
    return tuple(_in_region(one, regional.get(one.id)).counted_by(calendar) for one in deadlines)


def _in_region(deadline: Deadline, said: RegionalPeriod | None) -> Deadline:
    if said is None:
        return deadline
    given = {"days": said.days, "working_days": said.working_days}
    periods = {one.id: one for one in (*deadline.destination, *said.destination)}
    changed = {name: value for name, value in given.items() if value is not None}
    return deadline.model_copy(update={**changed, "destination": tuple(periods.values())})


# -- what is wrong with it -----------------------------------------------------------------------------------------


def check_deadlines(
    file: DeadlinesFile,
    regional: Mapping[str, RegionalPeriod],
    working_days: WorkingDays | None,
    destinations: Iterable[str],
    *,
    kinds: Iterable[str],
    kept: bool = False,
) -> Iterator[Finding]:
    """Periods of destinations that are not there or twice, and what a region may not say or says without any effect."""
    known = frozenset(destinations)
    if file.working_days is None and not kept:
        yield Finding(FILE, "working_days", "expected good_friday and liberation_day, found none")
    for one in file.deadline:
        yield from _destinations(FILE, f"deadline.{one.id}", one.destination, known)
    if file.reflection is None and not kept:
        yield Finding(FILE, "reflection", "expected months and source, found none")
    if file.reflection is not None:
        yield from _reflection(file.reflection, frozenset(kinds))
    if working_days is not None and working_days == file.working_days:
        yield Finding(REGION, "working_days", "expected something else than deadlines.toml says: this changes nothing")
    by_id = {one.id: one for one in file.deadline}
    for name, said in regional.items():
        yield from _regional(name, said, by_id, known)


def _reflection(rule: Reflection, kinds: frozenset[str]) -> Iterator[Finding]:
    for name in rule.kinds:
        if name not in kinds:
            known = ", ".join(sorted(kinds))
            yield Finding(FILE, "reflection.kinds", f"expected a known kind of agency ({known}), found {name}")
    if not any(one.by_program and one.id == RAN_OUT for one in rule.result):
        yield Finding(FILE, f"reflection.result.{RAN_OUT}", "expected this result with by_program = true, found none")
    yield from found_twice(FILE, "reflection.result", (one.id for one in rule.result))


def _destinations(file: str, key: str, periods: Iterable[AtDestination], known: frozenset[str]) -> Iterator[Finding]:
    named = [one.id for one in periods]
    for name in named:
        if name not in known:
            names = ", ".join(sorted(known))
            yield Finding(file, f"{key}.destination", f"expected a known destination ({names}), found {name}")
    yield from found_twice(file, f"{key}.destination", named)


def _regional(
    name: str, said: RegionalPeriod, deadlines: Mapping[str, Deadline], known: frozenset[str]
) -> Iterator[Finding]:
    key, national = f"deadline.{name}", deadlines.get(name)
    if national is None:
        yield Finding(REGION, key, f"expected a known deadline ({', '.join(sorted(deadlines))}), found {name}")
        return
    if not national.region_decides:
        yield Finding(REGION, key, f"expected no period for {name}: deadlines.toml leaves it to no region")
    if _in_region(national, said) == national:
        yield Finding(REGION, key, "expected something else than deadlines.toml says: this changes nothing")
    yield from _destinations(REGION, key, said.destination, known)
