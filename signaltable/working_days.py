"""Which days are worked in the Netherlands, and counting them. Pure.

The public holidays stand in public_holidays.txt, which `make holidays` makes with the library `holidays`: loading that
library, with the holidays of the whole world, took 16 MB in every process. Two days are a holiday for some and a working
day for others, and whoever uses a `Calendar` chooses: Good Friday, and Liberation Day (free for many only once in five
years).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, Literal

SATURDAY: Final = 6
LUSTRUM: Final = 5
LIST: Final = Path(__file__).with_name("public_holidays.txt")
# As the library calls them in Dutch; two holidays on one day stand on one line.
GOOD_FRIDAY: Final = "Goede vrijdag"
LIBERATION_DAY: Final = "Bevrijdingsdag"
EASTER_SUNDAY: Final = "Eerste paasdag"
BETWEEN_NAMES: Final = "; "
YEARS_KEPT: Final = 64

Liberation = Literal["never", "lustrum", "yearly"]


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days nobody has to answer: weekends, public holidays, and the two about which people differ."""

    good_friday: bool = False
    liberation_day: Liberation = "lustrum"

    def is_holiday(self, day: date) -> bool:
        """Whether a day is a holiday, also when it falls in a weekend."""
        return any(self._counts(name, day) for name in _holidays(day.year).get(day, ()))

    def is_working_day(self, day: date) -> bool:
        """Whether a day is neither in a weekend nor a holiday."""
        return day.isoweekday() < SATURDAY and not self.is_holiday(day)

    def later(self, start: date, days: int) -> date:
        """The day that lies `days` (none or more) working days after `start`; `start` itself for none."""
        day = start
        while days > 0:
            day += timedelta(days=1)
            days -= self.is_working_day(day)
        return day

    def _counts(self, name: str, day: date) -> bool:
        if name == GOOD_FRIDAY:
            return self.good_friday
        if name == LIBERATION_DAY:
            return self.liberation_day == "yearly" or (self.liberation_day == "lustrum" and day.year % LUSTRUM == 0)
        return True


def easter_sunday(year: int) -> date:
    """Easter Sunday of a year from 1966 on. Raises `LookupError` for years before, which the library does not know."""
    for day, names in _holidays(year).items():
        if EASTER_SUNDAY in names:
            return day
    raise LookupError(f"expected a year from 1966 on, found {year}")


@lru_cache(maxsize=YEARS_KEPT)
def _holidays(year: int) -> dict[date, tuple[str, ...]]:
    """The holidays of a year with their Dutch names, those that are free for some only among them; none for a year that the
    list does not have.
    """
    lines = (line.partition(" ") for line in _listed().get(f"{year:04}", ()))
    return {date.fromisoformat(day): tuple(names.split(BETWEEN_NAMES)) for day, _, names in lines}


@cache
def _listed() -> dict[str, list[str]]:
    """Year -> the lines of the list."""
    found: dict[str, list[str]] = {}
    for line in LIST.read_text().splitlines():
        found.setdefault(line[:4], []).append(line)
    return found
