"""Which days are worked in the Netherlands, and counting them. Pure.

The public holidays come from the library `holidays`. Two days are a holiday for some and a working day for others, and
whoever uses a `Calendar` chooses: Good Friday, and Liberation Day (free for many only once in five years).
"""

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from typing import Final, Literal

import holidays

SATURDAY: Final = 6
LUSTRUM: Final = 5
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


def prepare(year: int) -> None:
    """Have the holidays of a year at hand. The library loads those of the whole world first, 8 MB: once before a fork."""
    _holidays(year)


@lru_cache(maxsize=YEARS_KEPT)
def _holidays(year: int) -> dict[date, tuple[str, ...]]:
    """The holidays of a year with their Dutch names, those that are free for some only among them."""
    found = holidays.country_holidays("NL", years=year, categories=("public", "optional"), language="nl")
    return {day: tuple(names.split(BETWEEN_NAMES)) for day, names in found.items()}
