"""Papers and orders with a number and days: decisions, agreements, authorisations, measures of a court or officer."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from signaltable.conditions.shape import (
    Categories,
    Context,
    Day,
    Evidence,
    Motivation,
    OptionalLong,
    OptionalShort,
    Problem,
    Short,
    Widget,
    folded,
    not_later,
    reason_given,
)
from signaltable.texts import Text


class _Paper(Evidence):
    reference: Short
    version: Short
    valid_from: Day
    valid_until: Day
    recipient: Short
    categories: Categories
    document_hash: OptionalShort = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        if self.valid_until < self.valid_from:
            yield (
                "valid_until",
                Text("De einddatum ligt voor de begindatum.", "The last day lies before the first day."),
            )
        if not self.valid_from <= context.today <= self.valid_until:
            yield "valid_until", Text("Dit document geldt vandaag niet.", "This document is not in force today.")
        if self.recipient != context.recipient_agency:
            yield (
                "recipient",
                Text("Dit document noemt deze ontvanger niet.", "This document does not name this recipient."),
            )


class PaperDecision(_Paper):
    """A written decision (Wpg 20(2)) that names partnership, interest, purpose, data, conditions and recipients."""

    partnership: Short
    interest: Motivation
    purpose: Motivation
    terms: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from super().problems(context)
        if folded(self.terms) in {folded(self.interest), folded(self.purpose)}:
            yield (
                "terms",
                Text(
                    "De voorwaarden zijn iets anders dan het belang en het doel.",
                    "The conditions differ from the interest and the purpose.",
                ),
            )
        if folded(self.interest) == folded(self.purpose):
            yield (
                "purpose",
                Text(
                    "Het doel is iets anders dan het belang. Schrijf op wat de partners met de gegevens doen.",
                    "The purpose differs from the interest. Write down what the partners do with the data.",
                ),
            )


class Agreement(_Paper):
    """An agreement between provider and recipient about laws that the recipient enforces (Bpg 4:2(2))."""

    legislation: Short


class Authorisation(_Paper):
    """An authorisation by the minister (Wpg 18(2)), with the part of its scope that this provision falls under."""

    scope: Motivation


# Where a ground reaches both kinds of partnership of the WGS, the covenant says which of the two it is.
_PARTNERSHIPS: Mapping[str, frozenset[str]] = MappingProxyType({"WGS": frozenset({"RIEC", "ZVH"})})


class Partnership(_Paper):
    """A partnership that both take part in; the ground says which kind it must be."""

    partnership: Annotated[Literal["RIEC", "ZVH", "SUWI-64"], Widget("choice")]

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from super().problems(context)
        if self.partnership not in _PARTNERSHIPS.get(context.parameter, {context.parameter}):
            yield (
                "partnership",
                Text("Hiervoor is een ander samenwerkingsverband nodig.", "This needs another partnership."),
            )


class Officer(Evidence):
    """Agreement of the competent authority (Wpg 19 and 20)."""

    name: Short
    role: Short
    agreed_on: Day
    reference: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("agreed_on", self.agreed_on, context.today)


class ProsecutorConsent(Officer):
    """Consent of the public prosecutor."""


class ProsecutionMandate(Officer):
    """Mandate of the College of Procurators General (Wjsg 39f(1)); an officer alone has none."""


class Guardianship(Evidence):
    """Proof of the guardianship order (BW 1:302(2)); from 12 years the minor has a voice of his or her own."""

    order_reference: Short
    ordered_on: Day
    minor_heard: Annotated[Literal["heard", "under-12", "not-possible"], Widget("choice")]
    reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("ordered_on", self.ordered_on, context.today)
        if self.minor_heard == "not-possible":
            yield from reason_given("reason", self.reason)


class SupervisionOrder(Evidence):
    """A supervision order that runs today, carried out by the institution that receives (Jeugdwet 7.3.11(4))."""

    order_reference: Short
    ordered_on: Day
    valid_until: Day
    recipient: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from not_later("ordered_on", self.ordered_on, context.today)
        if self.valid_until < max(context.today, self.ordered_on):
            yield "valid_until", Text("Deze maatregel loopt niet meer.", "This measure has ended.")
        if self.recipient != context.recipient_agency:
            yield (
                "recipient",
                Text(
                    "Deze instelling voert de maatregel niet uit.", "This institution does not carry out the measure."
                ),
            )
