"""What every condition is made of: the form elements, the situation it is judged in, and the words for what is wrong."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from signaltable.texts import Text

Kind = Literal["text", "longtext", "date", "datetime", "choice", "choices", "tick"]
MOTIVATION_LENGTH = 20
MOTIVATION_WORDS = 3
MOTIVATION_LETTERS = 6


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
MISSING = Text("Vul dit in.", "Fill this in.")
UNKNOWN_FIELD = Text("Dit veld hoort hier niet.", "This field does not belong here.")
TICK = Text(
    "Zet hier een vinkje als het klopt. Anders kan het niet.", "Tick this if it is true. Otherwise it is not possible."
)
CHOOSE = Text("Kies een van de mogelijkheden.", "Choose one of the options.")
CHOOSE_SOME = Text("Kies minstens één mogelijkheid.", "Choose at least one option.")
DAY = Text("Vul een datum in.", "Fill in a date.")
MOMENT = Text("Vul een datum en een tijd in.", "Fill in a date and a time.")
TOO_SHORT = Text(
    f"Schrijf minstens {MOTIVATION_LENGTH} tekens, in uw eigen woorden.",
    f"Write at least {MOTIVATION_LENGTH} characters, in your own words.",
)
SAYS_NOTHING = Text(
    "Hier staat nog geen reden. Leg in een paar zinnen uit wat er in dit geval speelt.",
    "This gives no reason yet. Explain in a few sentences what matters in this case.",
)
TOO_LONG = Text("Deze tekst is te lang.", "This text is too long.")
WRONG = Text("Dit is niet goed ingevuld.", "This is not filled in correctly.")
FUTURE = Text("Deze dag of tijd moet nog komen.", "This day or time has yet to come.")
ABSENT = Text("Dit bewijs is nog niet gegeven.", "This evidence has not been given yet.")


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


def not_later(name: str, day: date | datetime, limit: date | datetime) -> Iterator[Problem]:
    """A day or time that has yet to come."""
    if day > limit:
        yield name, FUTURE


def reason_given(name: str, text: str) -> Iterator[Problem]:
    """A reason that is too short or says nothing, where one became needed by another answer."""
    if len(text) < MOTIVATION_LENGTH:
        yield name, TOO_SHORT
    elif says_nothing(text):
        yield name, SAYS_NOTHING


def own_words(text: str, context: Context) -> Iterator[Problem]:
    """The same words as at another question of this request."""
    if folded(text) in context.other_motivations:
        yield (
            "motivation",
            Text(
                "Deze tekst staat ook bij een andere vraag. Het zijn verschillende vragen.",
                "This text also stands at another question. They are different questions.",
            ),
        )


def folded(text: str) -> str:
    """A text as it is compared: without capitals, with single spaces."""
    return " ".join(text.casefold().split())


def widget_of(model: type[Evidence], name: str) -> Widget | None:
    """The form element for a field of an evidence model; None for a field it does not have."""
    info = model.model_fields.get(name)
    if info is None:
        return None
    return next(mark for mark in info.metadata if isinstance(mark, Widget))
