"""When which mail goes out: policies/mail.toml, its shape, and what it says about a moment. Pure."""

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Final, Literal

from pydantic import Field

from signaltable.domain import ZONE, day_of
from signaltable.policy_errors import Finding
from signaltable.shape import Many, Name, Shape, Some
from signaltable.working_days import Calendar

FILE: Final = "mail.toml"
Kind = Literal["task", "reminder", "news"]
# The most pressing first.
KINDS: Final[tuple[Kind, ...]] = ("task", "reminder", "news")
Count = Annotated[int, Field(ge=1, le=100_000)]


class Digest(Shape):
    """From which hour on, Dutch time, what can wait is told, and whether on working days only."""

    hour: Annotated[int, Field(ge=0, le=23)]
    working_days_only: bool


class Quota(Shape):
    """How many urgent mails a person gets on one day, and how many mails the program sends in an hour."""

    urgent_per_person: Count
    per_hour: Count


class Retry(Shape):
    """Minutes before each further try, of which the last repeats, and after how many tries a mail is given up."""

    minutes: Some[Count]
    tries: Annotated[int, Field(ge=1, le=100)]

    def again_at(self, now: datetime, tries: int) -> datetime | None:
        """When a mail that was tried so many times is tried again; None when it is given up."""
        if tries >= self.tries:
            return None
        return now + timedelta(minutes=self.minutes[min(tries, len(self.minutes)) - 1])


class Keep(Shape):
    """For how many days the program knows of a mail."""

    days: Count


class Template(Shape):
    """A reason to mail: how it reads, and when it does not wait for the digest."""

    id: Name
    kind: Kind
    urgent_for: Many[Name] = ()
    urgent_today: bool = False


class MailFile(Shape):
    """mail.toml."""

    digest: Digest
    quota: Quota
    retry: Retry
    keep: Keep
    template: Some[Template]

    def find(self, template: str) -> Template | None:
        """The rule about a template; None for one that the rules do not name."""
        return next((one for one in self.template if one.id == template), None)

    def presses(self, template: str, *, urgency: str = "", due_on: date | None = None, today: date) -> bool:
        """Whether a mail goes at once: the signal or route has such an urgency, or the last day to act is today or gone."""
        rule = self.find(template)
        if rule is None:
            return False
        return urgency in rule.urgent_for or (rule.urgent_today and due_on is not None and due_on <= today)

    def digest_is_due(self, now: datetime, last: datetime | None, calendar: Calendar) -> bool:
        """Whether a person who got the `last` digest then (None: never) may get one `now`."""
        today = day_of(now)
        if last is not None and day_of(last) >= today:
            return False
        if self.digest.working_days_only and not calendar.is_working_day(today):
            return False
        return now >= datetime.combine(today, time(self.digest.hour), ZONE).astimezone(UTC)


def beginning_of(day: date) -> datetime:
    """The moment at which a day begins in the Netherlands; a day has 23 or 25 hours when the clocks change."""
    return datetime.combine(day, time(), ZONE).astimezone(UTC)


def check_mail(file: MailFile | None, urgencies: Iterable[str]) -> Iterator[Finding]:
    """Urgencies that are not there. Kept rules of before may have no such file."""
    if file is None:
        return
    known = frozenset(urgencies)
    for one in file.template:
        for name in one.urgent_for:
            if name not in known:
                names = ", ".join(sorted(known))
                yield Finding(FILE, f"template.{one.id}.urgent_for", f"expected one of {names}, found {name}")
