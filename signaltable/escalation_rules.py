"""The rules about stuck cases (escalation.toml): when a case is stuck, who hears of it, how it ends. Shapes and checks."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import Field

from signaltable.policy_errors import Finding
from signaltable.shape import Name, Shape, Some, Words

FILE: Final = "escalation.toml"
REGION: Final = "region.toml"

# What the program can see; the file says which of it counts.
CauseId = Literal["all-returned", "not-accepted", "not-referred", "missed-dates"]
DateId = Literal["acceptance", "feedback", "answer", "task", "duty"]
# What the program notes by itself.
ACCEPTED: Final = "accepted"
ENDED: Final = "ended"

WorkingDays = Annotated[int, Field(ge=1, le=365)]


class Cause(Shape):
    """Why a case is stuck; `days` are working days after the day that passed."""

    id: CauseId
    title: Words
    days: Annotated[int, Field(ge=0, le=365)]


class CountedDate(Shape):
    """A kind of date that counts when it passes."""

    id: DateId
    title: Words


class Result(Shape):
    """How it ends. `agency`: names who acts. `state`: what the signal becomes. `by_program`: nobody chooses it."""

    id: Name
    title: Words
    agency: bool = False
    state: Literal["watch", "closed"] | None = None
    by_program: bool = False


class EscalationFile(Shape):
    """escalation.toml."""

    missed_dates: Annotated[int, Field(ge=1, le=20)]
    coordinator_days: WorkingDays
    again_days: WorkingDays
    cause: Some[Cause]
    date: Some[CountedDate]
    result: Some[Result]

    @property
    def causes(self) -> Mapping[str, Cause]:
        """By id, in the order in which they are named."""
        return {one.id: one for one in self.cause}

    @property
    def dates(self) -> Mapping[str, CountedDate]:
        """By id."""
        return {one.id: one for one in self.date}

    @property
    def results(self) -> Mapping[str, Result]:
        """By id, in the order in which they are offered."""
        return {one.id: one for one in self.result}


class EscalationChanges(Shape):
    """What a region says about stuck cases: other numbers, and which causes and dates do not count."""

    missed_dates: Annotated[int, Field(ge=1, le=20)] | None = None
    coordinator_days: WorkingDays | None = None
    again_days: WorkingDays | None = None
    causes_off: frozenset[CauseId] = Field(default=frozenset(), strict=False)
    dates_off: frozenset[DateId] = Field(default=frozenset(), strict=False)


def escalation_of(file: EscalationFile, changes: EscalationChanges | None) -> EscalationFile:
    """The rules as they count in the region."""
    if changes is None:
        return file
    numbers = {name: getattr(changes, name) for name in ("missed_dates", "coordinator_days", "again_days")}
    return file.model_copy(
        update={
            **{name: value for name, value in numbers.items() if value is not None},
            "cause": tuple(one for one in file.cause if one.id not in changes.causes_off),
            "date": tuple(one for one in file.date if one.id not in changes.dates_off),
        }
    )


def check_escalation(file: EscalationFile | None, changes: EscalationChanges | None) -> Iterator[Finding]:
    """Results that the program needs and does not find, and a region that changes nothing.

    None: rules that were kept from before there was such a file.
    """
    if file is None:
        return
    for name in (ACCEPTED, ENDED):
        if not any(one.id == name and one.by_program for one in file.result):
            yield Finding(FILE, f"result.{name}", "expected this result with by_program = true, found none")
    for one in file.result:
        if one.by_program and (one.agency or one.state):
            yield Finding(FILE, f"result.{one.id}", "expected no agency and no state beside by_program")
    if all(one.by_program for one in file.result):
        yield Finding(FILE, "result", "expected a result that people choose, found none")
    if changes is None:
        return
    if escalation_of(file, changes) == file:
        yield Finding(REGION, "escalation", f"expected something else than {FILE} says: this changes nothing")
    if not escalation_of(file, changes).cause:
        yield Finding(REGION, "escalation.causes_off", "expected a cause that still counts, found none")
