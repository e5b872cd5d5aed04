"""Whether a moment lies outside the usual hours, in Dutch time: at night, in the weekend, or on a holiday."""

from datetime import date, datetime, timedelta

from signaltable.domain import ZONE
from signaltable.policy_shapes import Hours


def easter_sunday(year: int) -> date:
    """Easter Sunday of a year in the Gregorian calendar (the method of Butcher and Meeus)."""
    golden, century, rest = year % 19, year // 100, year % 100
    moon = (19 * golden + century - century // 4 - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * (century % 4) + 2 * (rest // 4) - moon - rest % 4) % 7
    shift = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * shift + 114, 31)
    return date(year, month, day + 1)


def is_holiday(day: date, hours: Hours) -> bool:
    """Whether a day is a holiday: one of the fixed days, or so many days from Easter."""
    easter = easter_sunday(day.year)
    return day.strftime("%m-%d") in hours.holidays or any(day == easter + timedelta(days=off) for off in hours.easter)


def is_odd(moment: datetime, hours: Hours, agency_kind: str) -> bool:
    """Whether people of this kind of agency do not usually work at this moment."""
    if agency_kind in hours.day_and_night:
        return False
    local = moment.astimezone(ZONE)
    works = local.isoweekday() in hours.days and not is_holiday(local.date(), hours)
    return not (works and hours.from_hour <= local.hour < hours.until)
