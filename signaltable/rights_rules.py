"""Rights beside those of a role, and the look at all of them: policies/rights.toml, its shape and what it says. Pure."""

import calendar
from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Annotated, Final

from pydantic import Field

from signaltable.domain import ZONE
from signaltable.policy_errors import Finding
from signaltable.shape import Name, Shape, Some, Words
from signaltable.texts import Text

FILE: Final = "rights.toml"


class GrantRules(Shape):
    """How long a role for some time lasts at most, and how far ahead it can be given."""

    longest_days: Annotated[int, Field(ge=1, le=366)]
    ahead_days: Annotated[int, Field(ge=0, le=366)]


class EmergencyRules(Shape):
    """How long a case stays open in acute danger, and within how many hours of the clock somebody looks back."""

    hours: Annotated[int, Field(ge=1, le=24)]
    review_hours: Annotated[int, Field(ge=1, le=72)]
    remind_after_hours: Annotated[int, Field(ge=1, le=72)]
    reason_least: Annotated[int, Field(ge=10, le=500)]

    @property
    def open_for(self) -> timedelta:
        """How long it stays open."""
        return timedelta(hours=self.hours)


class Danger(Shape):
    """A kind of danger."""

    id: Name
    title: Words


class ReviewRules(Shape):
    """How often somebody looks at who can do what, and when an account counts as not used."""

    every_months: Annotated[int, Field(ge=1, le=24)]
    remind_days: Annotated[int, Field(ge=1, le=180)]
    unused_months: Annotated[int, Field(ge=1, le=24)]


class RightsFile(Shape):
    """rights.toml."""

    grants: GrantRules
    emergency: EmergencyRules
    danger: Some[Danger]
    review: ReviewRules

    def danger_title(self, kind: str) -> Text | None:
        """The words of a kind of danger; None when the list no longer has it."""
        return next((one.title for one in self.danger if one.id == kind), None)


def check_rights(file: RightsFile | None) -> Iterator[Finding]:
    """What does not fit together in rights.toml. Kept rules of before may have no such file."""
    if file is None:
        return
    if file.emergency.remind_after_hours >= file.emergency.review_hours:
        yield Finding(FILE, "emergency.remind_after_hours", "expected fewer hours than review_hours")
    if file.emergency.hours >= file.emergency.review_hours:
        yield Finding(
            FILE, "emergency.hours", "expected fewer hours than review_hours, so that all of it can be looked at"
        )
    if file.review.remind_days >= 28 * file.review.every_months:
        yield Finding(FILE, "review.remind_days", "expected less time than lies between two reviews")


def months_later(moment: datetime, months: int) -> datetime:
    """The same day and hour, Dutch time, so many months on (or back, below zero); the last day of a shorter month."""
    local = moment.astimezone(ZONE)
    at = local.year * 12 + local.month - 1 + months
    year, month = divmod(at, 12)
    day = min(local.day, calendar.monthrange(year, month + 1)[1])
    return local.replace(year=year, month=month + 1, day=day).astimezone(UTC)


def days_later(moment: datetime, days: int) -> datetime:
    """The same hour, Dutch time, so many days of the calendar on: a day has 23 or 25 hours when the clocks change."""
    local = moment.astimezone(ZONE)
    return datetime.combine(local.date() + timedelta(days=days), local.time(), ZONE).astimezone(UTC)


def is_on_the_clock(local: datetime) -> bool:
    """Whether this Dutch time is ever shown by a clock: one hour of a night in spring is not."""
    return local.replace(tzinfo=ZONE).astimezone(UTC).astimezone(ZONE).replace(tzinfo=None) == local.replace(fold=0)


def beginning(local: datetime) -> datetime:
    """The moment at which a right begins that was typed in Dutch time; of an hour that comes twice the second."""
    return local.replace(tzinfo=ZONE, fold=1).astimezone(UTC)


def end(local: datetime) -> datetime:
    """The moment at which a right ends that was typed in Dutch time; of an hour that comes twice the first."""
    return local.replace(tzinfo=ZONE, fold=0).astimezone(UTC)


def end_of_today(moment: datetime) -> datetime:
    """Midnight after this moment, Dutch time."""
    return datetime.combine(moment.astimezone(ZONE).date() + timedelta(days=1), time(), ZONE).astimezone(UTC)
