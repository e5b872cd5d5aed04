"""What is the case: of the person, of the recipient and its task, of the matter at hand."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from signaltable.conditions.shape import (
    TICK,
    Context,
    Day,
    Evidence,
    Moment,
    Motivation,
    OptionalTick,
    Problem,
    Short,
    Tick,
    Widget,
    not_later,
    own_words,
)
from signaltable.texts import Text

# Vc B8/3: the reflection period lasts three months at most.
REFLECTION_LASTS = timedelta(days=92)
# Whether the index still exists has to be looked up for this report, not remembered (Jeugdwet 7.1.4.1).
INDEX_CHECKED_WITHIN = timedelta(days=30)


class OrganisedCrime(Evidence):
    """Why this is organised or undermining crime, the only thing the partnership may work on."""

    signs: Annotated[
        tuple[Literal["several-places", "several-persons", "businesses", "money-flows", "permits"], ...],
        Field(min_length=1),
        Widget("choices"),
    ]
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from own_words(self.motivation, context)


class Custody(Evidence):
    """The provider finds that a measure by the court must be considered (Jeugdwet 2.4(1))."""

    finding: Motivation
    decided_by: Short
    decided_on: Day

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("decided_on", self.decided_on, context.today)


_HOUSEHOLD = frozenset({"parent", "partner", "household"})


class Dependence(Evidence):
    """The definitions of Wmo 1.1.1: a minor depends on or is unfree towards anybody; an adult only at home.

    A ground about who may exploit a child asks it of that child, whatever the age of the person the data are about.
    """

    relation: Annotated[Literal["parent", "partner", "household", "exploiter", "other"], Widget("choice")]
    why: Motivation
    dependent_or_unfree: Tick
    of_a_child: OptionalTick = False

    def problems(self, context: Context) -> Iterator[Problem]:
        if context.parameter == "child":
            if not self.of_a_child:
                yield "of_a_child", TICK
            return
        if context.person_age not in {"minor", "doubt"} and self.relation not in _HOUSEHOLD:
            yield (
                "relation",
                Text(
                    "Bij een volwassene gaat het alleen om geweld door iemand uit de huiselijke kring.",
                    "For an adult this only covers violence by somebody from the household circle.",
                ),
            )


class OwnObservation(Evidence):
    """Only what the reporter saw or heard in person, and nothing that a client told in confidence."""

    observed: Motivation
    own: Tick
    no_client_data: Tick


_MAY_HAVE_AUTHORITY: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "mayor": frozenset({"police-under-mayor", "public-order"}),
        "prosecutor": frozenset({"criminal-enforcement", "other-statutory-task"}),
    },
)


class Authority(Evidence):
    """Wpg 16(1)(b) and (c): mayor and prosecutor get data for their authority over the police, and for that only."""

    over: Annotated[
        Literal["police-under-mayor", "public-order", "criminal-enforcement", "other-statutory-task"],
        Widget("choice"),
    ]
    addressed_to: Short
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if self.over not in _MAY_HAVE_AUTHORITY.get(context.parameter, frozenset()):
            yield (
                "over",
                Text("Deze ontvanger heeft dit gezag niet.", "This recipient does not have this authority."),
            )
        yield from own_words(self.motivation, context)


class Task(Evidence):
    """The task that the law gives the recipient, and the person there who is authorised for it."""

    article: Short
    addressed_to: Short
    authorised: Tick
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if not any(sign.isdigit() for sign in self.article) or not any(sign.isalpha() for sign in self.article):
            yield "article", Text("Noem de wet en het artikel.", "Name the law and the article.")
        yield from own_words(self.motivation, context)


class Treatment(Evidence):
    """BW 7:457(2): the recipient takes part in this very treatment. Who sits at the table does not for that reason."""

    involvement: Annotated[Literal["same-treatment", "locum"], Widget("choice")]
    why: Motivation
    not_through_table: Tick
    bound_by_secrecy: Tick


class CompulsoryCare(Evidence):
    """A step of the Wvggz and nothing else; it never goes by way of the table."""

    procedure: Annotated[Literal["report-to-municipality", "care-authorisation", "crisis-measure"], Widget("choice")]
    finding: Motivation
    decided_by: Short
    outside_table: Tick


class Suspicion(Evidence):
    """Jeugdwet 7.1.4.1: a reasonable suspicion of a listed risk, reported without any content."""

    risk: Annotated[Literal["sexual-violence", "no-fixed-abode", "offences"], Widget("choice")]
    motivation: Motivation
    no_content: Tick
    index_checked_on: Day

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("index_checked_on", self.index_checked_on, context.today)
        if self.index_checked_on < context.today - INDEX_CHECKED_WITHIN:
            yield (
                "index_checked_on",
                Text(
                    "Kijk opnieuw of de verwijsindex in deze regio nog bestaat.",
                    "Look again whether the referral index still exists in this region.",
                ),
            )
        yield from own_words(self.motivation, context)


class ComplexCase(Evidence):
    """WGS par. 2.4: problems on several areas of life at once that no partner can solve alone."""

    areas: Annotated[
        tuple[Literal["care", "safety", "crime", "family", "living"], ...], Field(min_length=1), Widget("choices")
    ]
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if len(set(self.areas)) < 2:
            yield "areas", Text("Kies minstens twee gebieden.", "Choose at least two areas.")
        yield from own_words(self.motivation, context)


class CaseLevel(Evidence):
    """WGS ch. 1 and BGS 1.1: within one case, among participants only, lawfulness looked at, one contact point."""

    case_reference: Short
    participants_only: Tick
    lawfulness_checked_on: Day
    contact_point: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("lawfulness_checked_on", self.lawfulness_checked_on, context.today)


class MissingMinor(Evidence):
    """A minor under guardianship who is missing, reported under the procedure for that."""

    missing_since: Moment
    last_seen: Motivation
    procedure_reference: Short
    guardian_decided: Tick

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("missing_since", self.missing_since, context.now)


class Reflection(Evidence):
    """Vc B8/3: the reflection period was offered, the person wants it, and model M55 is filled in."""

    offered_on: Day
    person_wants: Tick
    m55_reference: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("offered_on", self.offered_on, context.today)
        if self.offered_on < context.today - REFLECTION_LASTS:
            yield (
                "offered_on",
                Text("Deze bedenktijd is voorbij.", "This reflection period is over."),
            )
