"""How often somebody may ask: policies/rates.toml, its shape, and what does not fit in it. Pure."""

from collections.abc import Collection, Iterator
from typing import Annotated, Final

from pydantic import Field

from audit.vocabulary import ACTIONS
from signaltable.policy_errors import Finding
from signaltable.shape import Line, Many, Name, Shape, Some, Words

FILE: Final = "rates.toml"
Times = Annotated[int, Field(ge=1, le=1_000_000)]


class MinuteRule(Shape):
    """Requests in one minute: of one person, one system, one agency with all of both, one network of strangers."""

    person: Times
    machine: Times
    agency: Times
    stranger: Times


class GoesOn(Shape):
    """In how many minutes within how many it was too often, before that is an incident."""

    minutes: Annotated[int, Field(ge=1, le=60)]
    within: Annotated[int, Field(ge=1, le=1440)]


class DayRule(Shape):
    """Requests on one day that leave one of `actions`: of one person, one system, one agency."""

    id: Name
    title: Words
    actions: Some[Line]
    person: Times
    machine: Times
    agency: Times
    source: Line


class RatesFile(Shape):
    """rates.toml."""

    minute: MinuteRule
    goes_on: GoesOn
    day: Many[DayRule]

    def days_of(self, actions: Collection[str]) -> tuple[DayRule, ...]:
        """The budgets of a day out of which a request comes that leaves these actions."""
        return tuple(one for one in self.day if not set(one.actions).isdisjoint(actions))


def check_rates(file: RatesFile | None) -> Iterator[Finding]:
    """Actions that nothing leaves, and limits that nobody can reach. Kept rules of before may have no such file."""
    if file is None:
        return
    for one in file.day:
        for action in one.actions:
            if action not in ACTIONS:
                yield Finding(FILE, f"day.{one.id}.actions", f"expected an action of the log, found {action}")
    limits: list[tuple[str, MinuteRule | DayRule]] = [("minute", file.minute)]
    limits += [(f"day.{one.id}", one) for one in file.day]
    for key, limit in limits:
        if limit.agency < max(limit.person, limit.machine):
            yield Finding(FILE, f"{key}.agency", "expected at least as much as one person or system may")
    if file.goes_on.minutes > file.goes_on.within:
        yield Finding(FILE, "goes_on.minutes", "expected no more minutes than those within which they count")
