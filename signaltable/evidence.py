"""The conditions of a ground as evidence: a closed set of shapes that a person fills in and the program checks.

Every condition is a pydantic model plus rules that need the situation (who receives, how old the person is, what time
it is). In doubt the answer is no. The texts that go with the shapes stand in policies/conditions.toml, so that a form
can be drawn from a `ConditionSpec` by code that does not know the condition.
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from signaltable.grounds import CONDITIONS, CONSENTS
from signaltable.texts import Text

Kind = Literal["text", "longtext", "date", "datetime", "choice", "choices", "tick"]
MOTIVATION_LENGTH = 20
MOTIVATION_WORDS = 3
MOTIVATION_LETTERS = 6
# For these AVG 9(2)(a) asks for explicit consent; plain consent does not reach them.
SPECIAL = frozenset({"health", "ethnicity", "sex_life"})
VITAL_WINDOW = timedelta(hours=24)
APPROVAL_WINDOW = timedelta(days=7)
# Wmo 5.3.1: tell the person within four weeks, extended by two weeks at most at a time.
INFORM_WITHIN = timedelta(days=28)
POSTPONE_WITHIN = timedelta(days=42)
# Vc B8/3: the reflection period lasts three months at most.
REFLECTION_LASTS = timedelta(days=92)
# Whether the index still exists has to be looked up for this report, not remembered (Jeugdwet 7.1.4.1).
INDEX_CHECKED_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Widget:
    """Marks a field of an evidence model with the form element that fits it.

    What the program knows itself, such as who approved and when, is never taken from a form.
    """

    kind: Kind
    by_program: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """The situation in which evidence is judged. `now` must carry a time zone; `today` is the day in that zone.

    `parameter` is what the ground demands of this condition (an age regime, a partnership, "written"). `given_by` and
    `other_motivations` come from the other conditions of the same request; `check_all` fills them in.
    """

    now: datetime
    today: date
    recipient_agency: str
    person_age: str
    parameter: str = ""
    given_by: str = ""
    other_motivations: frozenset[str] = frozenset()

    @property
    def adult(self) -> bool:
        """Only somebody known to be an adult is one; doubt and unknown count as minor (002:324-328)."""
        return self.person_age == "adult"


Problem = tuple[str, Text]


@dataclass(frozen=True, slots=True)
class Met:
    """A condition that holds, with the evidence in canonical form and its hash."""

    code: str
    evidence: Mapping[str, Any]
    evidence_hash: str


@dataclass(frozen=True, slots=True)
class NotMet:
    """A condition that does not hold (yet): per field what is wrong. Field "" means the condition as a whole."""

    code: str
    problems: tuple[Problem, ...]


_MISSING = Text("Vul dit in.", "Fill this in.")
_UNKNOWN_FIELD = Text("Dit veld hoort hier niet.", "This field does not belong here.")
_TICK = Text(
    "Zet hier een vinkje als het klopt. Anders kan het niet.", "Tick this if it is true. Otherwise it is not possible."
)
_CHOOSE = Text("Kies een van de mogelijkheden.", "Choose one of the options.")
_CHOOSE_SOME = Text("Kies minstens één mogelijkheid.", "Choose at least one option.")
_DAY = Text("Vul een datum in.", "Fill in a date.")
_MOMENT = Text("Vul een datum en een tijd in.", "Fill in a date and a time.")
_TOO_SHORT = Text(
    f"Schrijf minstens {MOTIVATION_LENGTH} tekens, in uw eigen woorden.",
    f"Write at least {MOTIVATION_LENGTH} characters, in your own words.",
)
_SAYS_NOTHING = Text(
    "Hier staat nog geen reden. Leg in een paar zinnen uit wat er in dit geval speelt.",
    "This gives no reason yet. Explain in a few sentences what matters in this case.",
)
_TOO_LONG = Text("Deze tekst is te lang.", "This text is too long.")
_WRONG = Text("Dit is niet goed ingevuld.", "This is not filled in correctly.")
_FUTURE = Text("Deze dag of tijd moet nog komen.", "This day or time has yet to come.")
_ABSENT = Text("Dit bewijs is nog niet gegeven.", "This evidence has not been given yet.")


class Evidence(BaseModel):
    """Base of all evidence: nothing extra, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid", str_strip_whitespace=True)

    def problems(self, context: Context) -> Iterator[Problem]:  # noqa: ARG002
        """What is wrong with well-formed evidence in this situation."""
        yield from ()


# Words that fill a box and point elsewhere; a reason that has only these is none.
_FILLERS = frozenset(
    "nvt geen idem test tekst text zie boven hierboven see above none same xxx tbd todo invullen lorem ipsum niet van"
    " toepassing not applicable".split(),
)


def says_nothing(text: str) -> bool:
    """Whether a text tells nothing, however long: blank, one sign or word repeated, or only words that fill a box."""
    words = set(re.findall(r"[^\W\d_]{2,}", text.casefold())) - _FILLERS
    return len(words) < MOTIVATION_WORDS or len(set("".join(words))) < MOTIVATION_LETTERS


def _telling(text: str) -> str:
    # A text that is too short is reported as that, by the constraint on its length.
    if len(text) >= MOTIVATION_LENGTH and says_nothing(text):
        raise ValueError("expected a reason")
    return text


def _naming(text: str) -> str:
    if not any(sign.isalnum() for sign in text):
        raise ValueError("expected a letter or a number")
    return text


ByProgram = Annotated[str, StringConstraints(min_length=1, max_length=200), Widget("text", by_program=True)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200), AfterValidator(_naming), Widget("text")]
Motivation = Annotated[
    str,
    StringConstraints(min_length=MOTIVATION_LENGTH, max_length=4000),
    AfterValidator(_telling),
    Widget("longtext"),
]
OptionalLong = Annotated[str, StringConstraints(max_length=4000), Widget("longtext")]
OptionalShort = Annotated[str, StringConstraints(max_length=200), Widget("text")]
Tick = Annotated[Literal[True], Widget("tick")]
OptionalTick = Annotated[bool, Widget("tick")]
Day = Annotated[date, Widget("date")]
OptionalDay = Annotated[date | None, Widget("date")]
Moment = Annotated[AwareDatetime, Widget("datetime")]
Category = Literal[
    "pseudonymous",
    "identity",
    "contact",
    "health",
    "criminal",
    "nationality",
    "residence",
    "sex_life",
    "minor",
    "business",
    "narrative",
]
Categories = Annotated[tuple[Category, ...], Field(min_length=1), Widget("choices")]


def _not_later(name: str, day: date | datetime, limit: date | datetime) -> Iterator[Problem]:
    if day > limit:
        yield name, _FUTURE


def _reason_given(name: str, text: str) -> Iterator[Problem]:
    if len(text) < MOTIVATION_LENGTH:
        yield name, _TOO_SHORT
    elif says_nothing(text):
        yield name, _SAYS_NOTHING


def _own_words(text: str, context: Context) -> Iterator[Problem]:
    if _folded(text) in context.other_motivations:
        yield (
            "motivation",
            Text(
                "Deze tekst staat ook bij een andere vraag. Het zijn verschillende vragen.",
                "This text also stands at another question. They are different questions.",
            ),
        )


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
        yield from _not_later("given_on", self.given_on, context.today)
        if self.interpreter == "none" and _folded(self.language) not in _OWN_LANGUAGES:
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
            yield from _reason_given("reason", self.reason)
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


class _Motivation(Evidence):
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _own_words(self.motivation, context)


class Necessity(_Motivation):
    """Why the recipient cannot do the task without these data."""


class Proportionality(_Motivation):
    """Why the aim outweighs what it does to the person."""


class Subsidiarity(_Motivation):
    """Why nothing less intrusive will do."""


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
        yield from _not_later("noticed_at", self.noticed_at, context.now)
        if self.noticed_at < context.now - VITAL_WINDOW:
            yield (
                "noticed_at",
                Text(
                    "Dit is langer dan 24 uur geleden. Is er nu nog acuut gevaar? Beschrijf dan wat u vandaag ziet.",
                    "This is more than 24 hours ago. Is there still acute danger? Then describe what you see today.",
                ),
            )
        if _folded(self.danger) == _folded(self.attempts):
            yield (
                "attempts",
                Text("Dit is dezelfde tekst als bij het gevaar.", "This is the same text as for the danger."),
            )


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
            yield from _not_later(name, day, context.today)
        if self.talk == "not-safe":
            yield from _reason_given("talk_reason", self.talk_reason)


class Officer(Evidence):
    """Agreement of the competent authority (Wpg 19 and 20)."""

    name: Short
    role: Short
    agreed_on: Day
    reference: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("agreed_on", self.agreed_on, context.today)


class ProsecutorConsent(Officer):
    """Consent of the public prosecutor."""


class ProsecutionMandate(Officer):
    """Mandate of the College of Procurators General (Wjsg 39f(1)); an officer alone has none."""


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
        if _folded(self.terms) in {_folded(self.interest), _folded(self.purpose)}:
            yield (
                "terms",
                Text(
                    "De voorwaarden zijn iets anders dan het belang en het doel.",
                    "The conditions differ from the interest and the purpose.",
                ),
            )
        if _folded(self.interest) == _folded(self.purpose):
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


class NotNine(Evidence):
    """Statement that the data do not come from an investigation (Wpg 9 or 10); Bpg 4:5(1)."""

    statement: Tick
    stated_by: Short


class Dual(Evidence):
    """Two different people of two different roles. The program fills this in from who signed in, never from a form."""

    requester: ByProgram
    requester_role: ByProgram
    approver: ByProgram
    approver_role: ByProgram
    approved_at: Annotated[AwareDatetime, Widget("datetime", by_program=True)]

    def problems(self, context: Context) -> Iterator[Problem]:
        if _folded(self.requester) == _folded(self.approver):
            yield "approver", Text("Iemand anders moet dit goedkeuren.", "Somebody else has to approve this.")
        # Roles can come as a list of several; sharing one of them is doubt enough to refuse.
        if not _roles(self.requester_role) or not _roles(self.approver_role):
            yield "approver_role", _MISSING
        if _roles(self.requester_role) & _roles(self.approver_role):
            yield (
                "approver_role",
                Text("De tweede persoon moet een andere rol hebben.", "The second person has to have another role."),
            )
        yield from _not_later("approved_at", self.approved_at, context.now)
        if self.approved_at < context.now - APPROVAL_WINDOW:
            yield (
                "approved_at",
                Text("De goedkeuring is verlopen. Vraag die opnieuw.", "The approval has lapsed. Ask again."),
            )


class Inform(Evidence):
    """AVG 13 and 14, Wmo 5.3.1: the person is told, will be told in time, or there is a dated decision to wait."""

    how: Annotated[Literal["informed", "will-inform", "postponed"], Widget("choice")]
    on: Day
    reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        if self.how == "informed":
            yield from _not_later("on", self.on, context.today)
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
            yield from _reason_given("reason", self.reason)


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


class OrganisedCrime(Evidence):
    """Why this is organised or undermining crime, the only thing the partnership may work on."""

    signs: Annotated[
        tuple[Literal["several-places", "several-persons", "businesses", "money-flows", "permits"], ...],
        Field(min_length=1),
        Widget("choices"),
    ]
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _own_words(self.motivation, context)


class Custody(Evidence):
    """The provider finds that a measure by the court must be considered (Jeugdwet 2.4(1))."""

    finding: Motivation
    decided_by: Short
    decided_on: Day

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("decided_on", self.decided_on, context.today)


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
                yield "of_a_child", _TICK
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


class Balance(Evidence):
    """AVG 6(1)(f): the interests weighed against each other, on paper."""

    interest: Motivation
    impact: Motivation
    outcome: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:  # noqa: ARG002
        if len({_folded(text) for text in (self.interest, self.impact, self.outcome)}) < 3:
            yield "outcome", Text("Dit zijn drie verschillende vragen.", "These are three different questions.")


class Guardianship(Evidence):
    """Proof of the guardianship order (BW 1:302(2)); from 12 years the minor has a voice of his or her own."""

    order_reference: Short
    ordered_on: Day
    minor_heard: Annotated[Literal["heard", "under-12", "not-possible"], Widget("choice")]
    reason: OptionalLong = ""

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("ordered_on", self.ordered_on, context.today)
        if self.minor_heard == "not-possible":
            yield from _reason_given("reason", self.reason)


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
        yield from _own_words(self.motivation, context)


class Incident(_Motivation):
    """Wpg 19 is for a special case: what makes it one, and that it is no standing arrangement (that is Wpg 20)."""

    not_standing: Tick


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
        yield from _own_words(self.motivation, context)


class Task(Evidence):
    """The task that the law gives the recipient, and the person there who is authorised for it."""

    article: Short
    addressed_to: Short
    authorised: Tick
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if not any(sign.isdigit() for sign in self.article) or not any(sign.isalpha() for sign in self.article):
            yield "article", Text("Noem de wet en het artikel.", "Name the law and the article.")
        yield from _own_words(self.motivation, context)


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


class SupervisionOrder(Evidence):
    """A supervision order that runs today, carried out by the institution that receives (Jeugdwet 7.3.11(4))."""

    order_reference: Short
    ordered_on: Day
    valid_until: Day
    recipient: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("ordered_on", self.ordered_on, context.today)
        if self.valid_until < max(context.today, self.ordered_on):
            yield "valid_until", Text("Deze maatregel loopt niet meer.", "This measure has ended.")
        if self.recipient != context.recipient_agency:
            yield (
                "recipient",
                Text(
                    "Deze instelling voert de maatregel niet uit.", "This institution does not carry out the measure."
                ),
            )


class Suspicion(Evidence):
    """Jeugdwet 7.1.4.1: a reasonable suspicion of a listed risk, reported without any content."""

    risk: Annotated[Literal["sexual-violence", "no-fixed-abode", "offences"], Widget("choice")]
    motivation: Motivation
    no_content: Tick
    index_checked_on: Day

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("index_checked_on", self.index_checked_on, context.today)
        if self.index_checked_on < context.today - INDEX_CHECKED_WITHIN:
            yield (
                "index_checked_on",
                Text(
                    "Kijk opnieuw of de verwijsindex in deze regio nog bestaat.",
                    "Look again whether the referral index still exists in this region.",
                ),
            )
        yield from _own_words(self.motivation, context)


class ComplexCase(Evidence):
    """WGS par. 2.4: problems on several areas of life at once that no partner can solve alone."""

    areas: Annotated[
        tuple[Literal["care", "safety", "crime", "family", "living"], ...], Field(min_length=1), Widget("choices")
    ]
    motivation: Motivation

    def problems(self, context: Context) -> Iterator[Problem]:
        if len(set(self.areas)) < 2:
            yield "areas", Text("Kies minstens twee gebieden.", "Choose at least two areas.")
        yield from _own_words(self.motivation, context)


class CaseLevel(Evidence):
    """WGS ch. 1 and BGS 1.1: within one case, among participants only, lawfulness looked at, one contact point."""

    case_reference: Short
    participants_only: Tick
    lawfulness_checked_on: Day
    contact_point: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("lawfulness_checked_on", self.lawfulness_checked_on, context.today)


class MissingMinor(Evidence):
    """A minor under guardianship who is missing, reported under the procedure for that."""

    missing_since: Moment
    last_seen: Motivation
    procedure_reference: Short
    guardian_decided: Tick

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("missing_since", self.missing_since, context.now)


class Reflection(Evidence):
    """Vc B8/3: the reflection period was offered, the person wants it, and model M55 is filled in."""

    offered_on: Day
    person_wants: Tick
    m55_reference: Short

    def problems(self, context: Context) -> Iterator[Problem]:
        yield from _not_later("offered_on", self.offered_on, context.today)
        if self.offered_on < context.today - REFLECTION_LASTS:
            yield (
                "offered_on",
                Text("Deze bedenktijd is voorbij.", "This reflection period is over."),
            )


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
        yield from _not_later("requested_on", self.requested_on, context.today)
        if self.asked_by == "authorised" and not self.authorisation:
            yield "authorisation", _MISSING
        if self.withheld == "nothing":
            return
        if not self.decision:
            yield "decision", _MISSING
        if self.withheld_until is None or self.withheld_until < context.today:
            yield (
                "withheld_until",
                Text(
                    "Achterhouden kan alleen tot een dag die nog komt. Vul die in.",
                    "Withholding is only possible until a day that is still to come. Fill it in.",
                ),
            )


MODELS: Mapping[str, type[Evidence]] = MappingProxyType(
    {
        "CONSENT": Consent,
        "EXPLICIT_CONSENT": ExplicitConsent,
        "MIN": Minor,
        "NEC": Necessity,
        "PROP": Proportionality,
        "SUBS": Subsidiarity,
        "VITAL": Vital,
        "MELDCODE": Meldcode,
        "OFFICER": Officer,
        "OM_CONSENT": ProsecutorConsent,
        "OM_MANDATE": ProsecutionMandate,
        "DECISION": PaperDecision,
        "AGREEMENT": Agreement,
        "AUTHORISATION": Authorisation,
        "PARTNERSHIP": Partnership,
        "NO9": NotNine,
        "DUAL": Dual,
        "INFORM": Inform,
        "K_MIN": SmallCells,
        "NOPII": NoIdentifiers,
        "ORGCRIME": OrganisedCrime,
        "CUSTODY": Custody,
        "DEPENDENCE": Dependence,
        "OWN_OBSERVATION": OwnObservation,
        "BALANCE": Balance,
        "GUARDIANSHIP": Guardianship,
        "PUBLIC_INTEREST": PublicInterest,
        "INCIDENT": Incident,
        "AUTHORITY": Authority,
        "TASK": Task,
        "TREATMENT": Treatment,
        "WVGGZ": CompulsoryCare,
        "SUPERVISION_ORDER": SupervisionOrder,
        "SUSPICION": Suspicion,
        "COMPLEX_CASE": ComplexCase,
        "CASE_LEVEL": CaseLevel,
        "MISSING_MINOR": MissingMinor,
        "REFLECTION": Reflection,
        "OTHERS_MASKED": OthersMasked,
        "ACCESS": Access,
    },
)
assert set(MODELS) == set(CONDITIONS), "every condition of the vocabulary has a shape and the other way round"


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _roles(label: str) -> frozenset[str]:
    return frozenset(role for part in label.split(",") if (role := _folded(part)))


def evidence_hash(evidence: Mapping[str, Any], salt: bytes = b"") -> str:
    """SHA-256 (hex) of `salt` followed by the canonical JSON of `evidence` (keys sorted, UTF-8, no spaces)."""
    return hashlib.sha256(salt + _canonical(evidence).encode()).hexdigest()


def _canonical(content: Mapping[str, Any]) -> str:
    return json.dumps(dict(content), sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_iso)


def _iso(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    raise TypeError("expected JSON, a date or a set of words")


def check(code: str, data: object, context: Context, salt: bytes = b"") -> Met | NotMet:
    """Judge the evidence for one condition. Never raises on bad evidence; KeyError only for an unknown code.

    `data` is a mapping as JSON knows it (days and times as ISO text, or date and datetime values); None when nothing
    was given. Dates and times in the result are ISO text.
    """
    model = MODELS[code]
    if not isinstance(data, Mapping):
        return NotMet(code, (("", _ABSENT),))
    try:
        # Strict in the way of JSON: "2026-11-22" is a day, but "true" is no tick and 1 is no text.
        evidence = model.model_validate_json(_canonical(data))
    except ValidationError as error:
        return NotMet(code, tuple(_shape_problems(model, error)))
    except (TypeError, ValueError):
        return NotMet(code, (("", _WRONG),))
    problems = tuple(evidence.problems(context))
    if problems:
        return NotMet(code, problems)
    stored = evidence.model_dump(mode="json")
    return Met(code, MappingProxyType(stored), evidence_hash(stored, salt))


_SHAPE_TEXTS: Mapping[str, Text] = MappingProxyType(
    {"extra_forbidden": _UNKNOWN_FIELD, "string_too_long": _TOO_LONG},
)
_WIDGET_TEXTS: Mapping[Kind, Text] = MappingProxyType(
    {"date": _DAY, "datetime": _MOMENT, "choice": _CHOOSE, "choices": _CHOOSE_SOME, "tick": _TICK},
)


def _shape_problems(model: type[Evidence], error: ValidationError) -> list[Problem]:
    """One problem per field, in the order of the fields."""
    problems: dict[str, Text] = {}
    for found in error.errors(include_input=False, include_url=False):
        name = str(found["loc"][0]) if found["loc"] else ""
        widget = widget_of(model, name)
        # What the client called an undeclared field may itself be personal data, so its name is not repeated.
        problems.setdefault(name if widget else "", _shape_text(found["type"], widget))
    return list(problems.items())


def _shape_text(problem: str, widget: Widget | None) -> Text:
    if problem in _SHAPE_TEXTS:
        return _SHAPE_TEXTS[problem]
    if widget is None:
        return _WRONG
    if problem in {"string_too_short", "value_error"}:
        # The validators of these two kinds of text raise only about texts that say nothing.
        if problem == "value_error" and widget.kind == "longtext":
            return _SAYS_NOTHING
        return _TOO_SHORT if widget.kind == "longtext" else _MISSING
    return _WIDGET_TEXTS.get(widget.kind, _MISSING if problem in {"missing", "too_short"} else _WRONG)


def widget_of(model: type[Evidence], name: str) -> Widget | None:
    """The form element for a field of an evidence model; None for a field it does not have."""
    info = model.model_fields.get(name)
    if info is None:
        return None
    return next(mark for mark in info.metadata if isinstance(mark, Widget))


def needed(codes: Iterable[str], person_age: str) -> tuple[str, ...]:
    """The conditions that have to be shown for a person of this age: an adult needs no rule for minors."""
    return tuple(code for code in codes if not (code == "MIN" and person_age == "adult"))


def check_all(
    codes: Iterable[str],
    data: Mapping[str, object],
    context: Context,
    parameters: Mapping[str, str] | None = None,
    salt: bytes = b"",
) -> tuple[Met | NotMet, ...]:
    """Judge all conditions of one ground together, in the order of `codes`.

    Beyond `check`: equal motivations are refused, and who decided for a minor must match who gave the consent.
    """
    wanted = tuple(codes)
    demands = parameters or {}
    texts = {
        code: _folded(str(_value(data, code, "motivation")))
        for code in wanted
        if "motivation" in MODELS[code].model_fields
    }
    given_by = next((str(_value(data, code, "given_by")) for code in wanted if code in CONSENTS), "")
    return tuple(
        check(
            code,
            data.get(code),
            replace(
                context,
                parameter=demands.get(code, ""),
                given_by=given_by,
                other_motivations=frozenset(text for other, text in texts.items() if other != code),
            ),
            salt,
        )
        for code in wanted
    )


def _value(data: Mapping[str, object], code: str, name: str) -> object:
    evidence = data.get(code)
    return evidence.get(name, "") if isinstance(evidence, Mapping) else ""


def limits(met: Met) -> frozenset[str] | None:
    """The categories this evidence is limited to (a consent or paper names its data); None when it sets no limit."""
    if "categories" not in met.evidence:
        return None
    named = frozenset(met.evidence["categories"])
    # AVG 9(2)(a): plain consent never carries special categories, whatever is ticked.
    return named - SPECIAL if met.code == "CONSENT" else named
