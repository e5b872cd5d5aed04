"""Reasons in somebody's own words: necessity and its likes, a balance of interests, acute danger."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from signaltable.conditions.shape import (
    Context,
    Evidence,
    Moment,
    Motivation,
    Problem,
    Short,
    Tick,
    Widget,
    folded,
    not_later,
    own_words,
)
from signaltable.texts import Text

VITAL_WINDOW = timedelta(hours=24)


class Motivated(Evidence):
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from own_words(self.motivation, context)


class Necessity(Motivated):
    """Why the recipient cannot do the task without these data."""


class Proportionality(Motivated):
    """Why the aim outweighs what it does to the person."""


class Subsidiarity(Motivated):
    """Why nothing less intrusive will do."""


class Balance(Evidence):
    """AVG 6(1)(f): the interests weighed against each other, on paper."""

    interest: Motivation
    impact: Motivation
    outcome: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:  # noqa: ARG002
        if len({folded(text) for text in (self.interest, self.impact, self.outcome)}) < 3:
            yield "outcome", Text("Dit zijn drie verschillende vragen.", "These are three different questions.")


class PublicInterest(Evidence):
    """The weighty public interest that a provision by police or prosecution serves (Wpg 19 and 20, Wjsg 39f)."""

    interest: Annotated[Literal["prevent-crime", "public-order", "help", "supervision"], Widget("choice")]
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if context.parameter and self.interest != context.parameter:
            yield (
                "interest",
                Text("Deze grondslag geldt voor een ander belang.", "This ground holds for another interest."),
            )
        yield from own_words(self.motivation, context)


class Incident(Motivated):
    """Wpg 19 is for a special case: what makes it one, and that it is no standing arrangement (that is Wpg 20)."""

    not_standing: Tick


class Vital(Evidence):
    """AVG 6(1)(d) and 9(2)(c), conflict of duties: acute danger and a person who cannot be asked."""

    danger: Motivation
    noticed_at: Moment
    cannot_ask: Annotated[Literal["unreachable", "not-capable", "asking-adds-danger"], Widget("choice")]
    attempts: Motivation
    serious_harm: Tick
    no_other_way: Tick
    conscience: Tick
    will_help: Tick
    least_data: Tick
    decided_by: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("noticed_at", self.noticed_at, context.now)
        if self.noticed_at < context.now - VITAL_WINDOW:
            yield (
                "noticed_at",
                Text(
                    "Dit is langer dan 24 uur geleden. Is er nu nog acuut gevaar? Beschrijf dan wat u vandaag ziet.",
                    "This is more than 24 hours ago. Is there still acute danger? Then describe what you see today.",
                ),
            )
        if folded(self.danger) == folded(self.attempts):
            yield (
                "attempts",
                Text("Dit is dezelfde tekst als bij het gevaar.", "This is the same text as for the danger."),
            )
