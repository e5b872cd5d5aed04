"""What a demo is while it is played: the program, who acts when, and what the steps made, by the names that the files use."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import select

from signaltable.domain import ZONE, Actor, SignaltableError
from signaltable.flow.coming_in.actors import actor_of_login
from signaltable.models import RegionalTable
from signaltable.transaction import Program, Transaction, reading, transaction

SATURDAY: Final = 5

P = ParamSpec("P")
T = TypeVar("T")


class BrokenDemo(SignaltableError):
    """The files of the demo ask for something that is not there; the message names the case."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one person does for one case; `said` is the table of the TOML file."""

    at: datetime
    case: str
    verb: str
    said: Mapping[str, Any]


@dataclass(slots=True)
class Demo:
    """What the steps need of each other: references and ids by the names that the files use."""

    program: Program
    today: date
    signals: Mapping[str, Mapping[str, Any]]
    references: dict[str, str] = field(default_factory=dict)
    questions: dict[tuple[str, str], str] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)
    meetings: dict[str, str] = field(default_factory=dict)
    disclosures: dict[tuple[str, str], str] = field(default_factory=dict)
    requests: dict[tuple[str, str], str] = field(default_factory=dict)
    actors: dict[str, Actor] = field(default_factory=dict)

    @property
    def first_table(self) -> str:
        """The table that the region began with."""
        with reading(self.program, whole="the demo looks for what it made") as session:
            return session.scalars(select(RegionalTable.id).order_by(RegionalTable.created_at)).first() or ""

    def use(
        self,
        step: Step,
        login: str,
        use_case: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **options: P.kwargs,
    ) -> T:
        """One use case, by the person with this login, at the moment of the step, in a transaction of its own."""
        then = replace(self.program, clock=lambda: step.at)
        if login not in self.actors:
            self.actors[login] = actor_of_login(self.program, login)
        with transaction(then, self.actors[login]) as tx:
            return use_case(tx, *args, **options)


def working_day(today: date, ago: int) -> date:
    """The `ago`-th day from Monday to Friday before `today`; after it when `ago` is negative."""
    day, step = today, timedelta(days=-1 if ago > 0 else 1)
    for _count in range(abs(ago)):
        day += step
        while day.weekday() >= SATURDAY:
            day += step
    return day


def moment_of(day: date, moment: time) -> datetime:
    """A time of a day in the Netherlands, in UTC."""
    return datetime.combine(day, moment, ZONE).astimezone(UTC)
