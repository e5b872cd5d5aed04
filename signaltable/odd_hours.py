"""Whether a moment lies outside the usual hours, in Dutch time: at night, in the weekend, or on a holiday."""

from datetime import date, datetime, timedelta

from signaltable.domain import ZONE
from signaltable.policy_shapes import Hours
from signaltable.working_days import easter_sunday


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
