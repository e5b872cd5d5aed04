"""Consent, and who decides for a minor."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from signaltable.conditions.shape import (
    Categories,
    Context,
    Day,
    Evidence,
    OptionalLong,
    OptionalTick,
    Problem,
    Short,
    Tick,
    Widget,
    folded,
    not_later,
    reason_given,
)
from signaltable.texts import Text

# The languages that everybody who asks here speaks well enough to ask in.
_OWN_LANGUAGES = frozenset({"nederlands", "dutch", "nl", "engels", "english", "en"})


class Consent(Evidence):
    """AVG 4(11) and 7: who agreed to what, for whom, asked how. The interpreter is never an acquaintance (002:343-353)."""

    recipient: Short
    categories: Categories
    given_on: Day
    given_by: Annotated[Literal["person", "both", "representative"], Widget("choice")]
    form: Annotated[Literal["spoken", "written"], Widget("choice")]
    language: Short
    interpreter: Annotated[Literal["none", "professional", "asker"], Widget("choice")]
    asked_by: Short
    text_version: Short
    told_withdrawal: Tick
    withdrawn: OptionalTick = False

    def problems(self, context: Context) -> Iterator[Problem]:
        if self.recipient != context.recipient_agency:
            yield (
                "recipient",
                Text(
                    "De toestemming geldt niet voor deze ontvanger. Vraag toestemming voor deze ontvanger.",
                    "The consent is not for this recipient. Ask consent for this recipient.",
                ),
            )
        yield from not_later("given_on", self.given_on, context.today)
        if self.interpreter == "none" and folded(self.language) not in _OWN_LANGUAGES:
            yield (
                "interpreter",
                Text(
                    "Wie vertaalde dit gesprek? Kies een professionele tolk, of dat de vrager deze taal zelf spreekt.",
                    "Who translated this talk? Choose a professional interpreter, or that who asked speaks this language.",
                ),
            )
        if self.withdrawn:
            yield "withdrawn", Text("De toestemming is ingetrokken.", "The consent has been withdrawn.")
        if context.adult and self.given_by != "person":
            yield (
                "given_by",
                Text(
                    "Een volwassene geeft zelf toestemming. Iemand anders kan dat niet doen.",
                    "An adult gives consent in person. Nobody else can do that.",
                ),
            )
        if context.parameter == "written" and self.form != "written":
            yield "form", Text("Hiervoor is toestemming op papier nodig.", "Consent in writing is needed for this.")


class ExplicitConsent(Consent):
    """AVG 9(2)(a): consent said in so many words, for named data and a named recipient."""

    explicit: Tick


Band = Literal["under-12", "12-15", "16-17"]
Decider = Literal["youth", "youth-and-parent", "youth-and-guardian", "parent", "guardian"]
_GIVEN_BY: Mapping[str, str] = MappingProxyType(
    {
        "youth": "person",
        "youth-and-parent": "both",
        "youth-and-guardian": "both",
        "parent": "representative",
        "guardian": "representative",
    },
)
# Under 12 every regime asks the representative. From 12 to 15 the regimes differ (BW 7:450, Jeugdwet 7.3.4, Wmo
# 5.3.3(2), UAVG 5), so both are asked: the strictest of the four. At 16 the youth decides (AVG: representative below).
_MAY_DECIDE: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "under-12": frozenset({"parent", "guardian"}),
        "12-15": frozenset({"youth-and-parent", "youth-and-guardian"}),
        "16-17": frozenset({"youth", "youth-and-parent", "youth-and-guardian"}),
    },
)
_WITH_PARENT = frozenset({"parent", "youth-and-parent"})
# BW 7:465(4) and its likes let a carer leave a parent out. UAVG 5 knows no such exception for a child under 16, so
# under that regime a guardian has to agree instead.
_YOUTH_ALONE_REGIMES = frozenset({"WGBO", "JW", "12"})


class Minor(Evidence):
    """Who may agree for a minor, under the regime that the ground names; a parent can be the exploiter."""

    age_band: Annotated[Band, Widget("choice")]
    decided_by: Annotated[Decider, Widget("choice")]
    parent_may_exploit: OptionalTick = False
    reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from self._decider_problems(context)
        if self.parent_may_exploit:
            yield from reason_given("reason", self.reason)
        if context.given_by and _GIVEN_BY[self.decided_by] != context.given_by:
            yield (
                "decided_by",
                Text(
                    "Dit past niet bij wie volgens de toestemming heeft ingestemd.",
                    "This does not match who agreed according to the consent.",
                ),
            )

    def _decider_problems(self, context: Context) -> Iterator[Problem]:
        allowed = set(_MAY_DECIDE[self.age_band])
        if self.parent_may_exploit:
            allowed -= _WITH_PARENT
            if self.age_band == "12-15" and context.parameter in _YOUTH_ALONE_REGIMES:
                allowed.add("youth")
        if self.decided_by not in allowed:
            yield (
                "decided_by",
                Text(
                    "Op deze leeftijd moet iemand anders instemmen. Tot 12 jaar: ouder of voogd. Van 12 tot en met 15: de"
                    " jongere en een ouder of voogd samen. Een ouder die misschien uitbuit, telt niet mee.",
                    "At this age somebody else has to agree. Under 12: a parent or guardian. From 12 to 15: the youth and"
                    " a parent or guardian together. A parent who may be the exploiter does not count.",
                ),
            )
