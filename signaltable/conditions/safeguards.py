"""What protects the person: a second colleague, steps taken, telling the person, masking."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime

from signaltable.conditions.shape import (
    MISSING,
    ByProgram,
    Context,
    Day,
    Evidence,
    Motivation,
    OptionalDay,
    OptionalLong,
    OptionalShort,
    Problem,
    Short,
    Tick,
    Widget,
    folded,
    not_later,
    reason_given,
)
from signaltable.texts import Text

APPROVAL_WINDOW = timedelta(days=7)
# Wmo 5.3.1: tell the person within four weeks, extended by two weeks at most at a time.
INFORM_WITHIN = timedelta(days=28)
POSTPONE_WITHIN = timedelta(days=42)


class Dual(Evidence):
    """Two different people of two different roles. The program fills this in from who signed in, never from a form."""

    requester: ByProgram
    requester_role: ByProgram
    approver: ByProgram
    approver_role: ByProgram
    approved_at: Annotated[AwareDatetime, Widget("datetime", by_program=True)]

    def problems(self, context: Context) -> Iterator[Problem]:
        if folded(self.requester) == folded(self.approver):
            yield "approver", Text("Iemand anders moet dit goedkeuren.", "Somebody else has to approve this.")
        # Roles can come as a list of several; sharing one of them is doubt enough to refuse.
        if not _roles(self.requester_role) or not _roles(self.approver_role):
            yield "approver_role", MISSING
        if _roles(self.requester_role) & _roles(self.approver_role):
            yield (
                "approver_role",
                Text("De tweede persoon moet een andere rol hebben.", "The second person has to have another role."),
            )
        yield from not_later("approved_at", self.approved_at, context.now)
        if self.approved_at < context.now - APPROVAL_WINDOW:
            yield (
                "approved_at",
                Text("De goedkeuring is verlopen. Vraag die opnieuw.", "The approval has lapsed. Ask again."),
            )


def _roles(label: str) -> frozenset[str]:
    return frozenset(role for part in label.split(",") if (role := folded(part)))


class Inform(Evidence):
    """AVG 13 and 14, Wmo 5.3.1: the person is told, will be told in time, or there is a dated decision to wait."""

    how: Annotated[Literal["informed", "will-inform", "postponed"], Widget("choice")]
    on: Day
    reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        if self.how == "informed":
            yield from not_later("on", self.on, context.today)
            return
        limit = INFORM_WITHIN if self.how == "will-inform" else POSTPONE_WITHIN
        if not context.today <= self.on <= context.today + limit:
            yield (
                "on",
                Text(
                    f"Kies een dag binnen {limit.days} dagen vanaf vandaag.",
                    f"Choose a day within {limit.days} days from today.",
                ),
            )
        if self.how == "postponed":
            yield from reason_given("reason", self.reason)


class Meldcode(Evidence):
    """The five steps of the reporting code (Wmo 3.3, Jeugdwet 4.1.7), each with its day."""

    step_1: Day
    step_2: Day
    step_3: Day
    step_4: Day
    step_5: Day
    talk: Annotated[Literal["held", "not-safe"], Widget("choice")]
    talk_reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        names = ("step_1", "step_2", "step_3", "step_4", "step_5")
        days = (self.step_1, self.step_2, self.step_3, self.step_4, self.step_5)
        for name, day, before in zip(names[1:], days[1:], days[:-1], strict=True):
            if day < before:
                yield name, Text("Deze stap ligt voor de vorige stap.", "This step lies before the previous step.")
        for name, day in zip(names, days, strict=True):
            yield from not_later(name, day, context.today)
        if self.talk == "not-safe":
            yield from reason_given("talk_reason", self.talk_reason)


class NotNine(Evidence):
    """Statement that the data do not come from an investigation (Wpg 9 or 10); Bpg 4:5(1)."""

    statement: Tick
    stated_by: Short


class SmallCells(Evidence):
    """No combination of details that points at one person."""

    basis: Annotated[Literal["ten-or-more", "details-widened"], Widget("choice")]
    not_singled_out: Tick

    def problems(self, context: Context) -> Iterator[Problem]:
        if context.parameter == "ten" and self.basis != "ten-or-more":
            yield (
                "basis",
                Text(
                    "Hiervoor moet elk getal over tien of meer mensen gaan.",
                    "For this every number has to be about ten or more people.",
                ),
            )


class NoIdentifiers(Evidence):
    """No direct identifiers in the text: the scan of the program and a look by a person."""

    scan: Annotated[Literal["clean", "masked"], Widget("choice")]
    read_again: Tick


class OthersMasked(Evidence):
    """Wjsg 39f(2): nobody else can be traced from what goes."""

    how: Motivation
    nobody_traceable: Tick


class Access(Evidence):
    """AVG 12 and 15: the person asked, and it is that person. A parent as such does not count: it can be the exploiter."""

    asked_by: Annotated[Literal["person", "authorised"], Widget("choice")]
    authorisation: OptionalShort = ""
    identity_checked: Annotated[Literal["document-seen", "known-in-person", "secure-login"], Widget("choice")]
    requested_on: Day
    others_masked: Tick
    withheld: Annotated[Literal["nothing", "UAVG-41", "Wpg-27"], Widget("choice")]
    decision: OptionalShort = ""
    withheld_until: OptionalDay = None

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("requested_on", self.requested_on, context.today)
        if self.asked_by == "authorised" and not self.authorisation:
            yield "authorisation", MISSING
        if self.withheld == "nothing":
            return
        if not self.decision:
            yield "decision", MISSING
        if self.withheld_until is None or self.withheld_until < context.today:
            yield (
                "withheld_until",
                Text(
                    "Achterhouden kan alleen tot een dag die nog komt. Vul die in.",
                    "Withholding is only possible until a day that is still to come. Fill it in.",
                ),
            )
