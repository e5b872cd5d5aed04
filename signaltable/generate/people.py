"""Invented people and what is told about them: always the same for one seed. Nobody in it exists.

Given names are those of invented_people, surnames partly; most surnames, all places and streets are put together of parts,
so that they look made up. Few names are everybody's and most are rare, as in life, and so are the words of the accounts.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final

from signaltable.identity import Identity
from signaltable.invented_people import CULTURES

Values = dict[str, str]

_FIRST: Final = (
    "kas lood bakker bloem fruit vlees hout glas metaal papier garen wasserij keuken kelder zolder schuur stal veld tuin "
    "haven markt winkel nagel kapper massage taxi koerier pakket fiets camper steiger verf tegel isolatie schoonmaak afwas "
    "sorteer inpak koel vries opslag laad los bestel oogst pluk snoei plant zaai veiling groente paddenstoelen asperge tulp"
).split()
_LAST: Final = (
    "werk hal ploeg baan rooster loods band lijn kist kar wagen busje kamer bed deur sleutel slot raam trap gang kantine "
    "pauze dienst avond ochtend week maand loon briefje boekje lijst map tas jas schoen handschoen mes machine pers oven "
    "kraan bak emmer doos pallet rek kast tafel bank stoel lamp"
).split()
_SENTENCES: Final = (
    "Om vijf uur begint de {0} en die eindigt pas als de {1} klaar is.",
    "In een kamer naast de {0} slapen zes mensen, die samen een {1} delen.",
    "Er is geen contract, alleen een {0} waarop uren staan.",
    "Het loon van de {0} wordt ingehouden voor de {1}.",
    "Een chauffeur brengt iedereen met een busje naar de {0}.",
    "Niemand mag tijdens de {0} bellen of naar buiten.",
    "Wij zagen dat de {0} van buiten op slot kan.",
    "Volgens de eigenaar moet de {0} eerst betaald worden.",
    "Wie te laat komt, krijgt de {0} niet en moet toch voor de {1} betalen.",
    "Op de {0} hangt een lijst met boetes.",
    "Na de {0} komt er iemand geld ophalen.",
    "In de {0} lag een tas met kleren en een {1}.",
    "Het is onduidelijk wie de baas is van de {0}.",
    "Een buurman noemde de {0} vorige maand ook al.",
    "Er wordt gewerkt zonder bescherming bij de {0}.",
    "Een collega vertelde dat de {0} elke week verandert.",
    "Over de {0} wil niemand iets zeggen.",
    "Bij de {0} stond een man die alle vragen beantwoordde.",
    "Er is een schuld voor de reis en voor de {0}.",
    "Wij weten nog niet waar de {0} vandaan komt.",
)  # fmt: skip
_ABOUT: Final = {
    "given_name": "Wij spraken met {given_name}.",
    "surname": "Op de lijst staat {given_name} {surname}.",
    "phone": "Op een kaartje stond het nummer {phone}.",
    "company_name": "Het gaat om {company_name}.",
    "plate": "Er stond een auto met kenteken {plate}.",
}
# In so many accounts somebody is named although the form has fields for that.
_NAMED: Final = 0.6
_PLACE_FIRST: Final = "Kade Polder Linde Wilgen Molen Duin Heide Zand Klei Veen Meer Gors Elzen Berken Eiken Haver Tarwe Rogge Vlas Riet".split()
_PLACE_LAST: Final = "loo wijk rade hoven sluis vaart horst burg stede mond zijl waard kerke ambacht".split()
_COMPANY: Final = "Kwekerij Wasserij Eethuis Klusbedrijf Uitzendbureau Kapsalon Slagerij Bezorgdienst Schoonmaakbedrijf Drukkerij".split()
_SIGNS: Final = "BDFGHJKLNPRSTVXZ"
_POSTAL: Final = "BCDEGHJKLN"


def _falling(names: Sequence[str]) -> tuple[Sequence[str], list[float]]:
    """Names with how often they occur, added up: the second half as often as the first, and so on (Zipf)."""
    return names, list(accumulate(1 / (place + 3) for place in range(len(names))))


def _made_names(count: int) -> list[str]:
    """Surnames that nobody bears: syllables in a fixed order of chance."""
    draw = random.Random(1)
    made = (
        "".join(draw.choice("bdfghjklmnprstvwz") + draw.choice("aeiou") for _ in range(2 + number % 2)) + draw.choice("nrstlk")
        for number in range(count)
    )  # fmt: skip
    return list(dict.fromkeys(one.capitalize() for one in made))


PLACES: Final = tuple(first + last for last in _PLACE_LAST for first in _PLACE_FIRST)
NOUNS: Final = tuple(dict.fromkeys(first + last for last in _LAST for first in _FIRST))
_LATIN: Final = tuple(one for one in CULTURES if all(name.isascii() or name[0] < "Ѐ" for name in one.men))
_MADE: Final = _made_names(20_000)
_SURNAMES: Final = _falling([*dict.fromkeys(name for one in _LATIN for name in one.surnames), *_MADE])
_TOWNS: Final = _falling(PLACES)
_STREETS: Final = [name + last for last in ("pad", "hof", "laan", "plein") for name in _made_names(900)]


@dataclass(frozen=True, slots=True)
class Told:
    """An account: what stands before and after the sentence that says who it is about ("" when none does)."""

    before: str
    about: str
    after: str

    @property
    def whole(self) -> str:
        """The account as it was typed."""
        return self.with_about(self.about)

    def with_about(self, about: str) -> str:
        """The account with another sentence in that place."""
        return " ".join(part for part in (self.before, about, self.after) if part)


class Inventor:
    """Makes up people and accounts. `is_plain` says of which nouns and places nothing is masked and nothing follows."""

    def __init__(self, draw: random.Random, nouns: Sequence[str] = NOUNS, towns: Sequence[str] = PLACES) -> None:
        self.draw = draw
        self._nouns = _falling(nouns)
        self._municipalities = _falling(towns)

    def identity(self, like: Mapping[str, str], *, gender: str, minor: bool, year: int) -> Values:
        """Somebody or something with the same fields filled in as `like`, tidied as they are kept.

        `year` is that in which the signal came in; a date of birth is as precise as that of `like`.
        """
        return {name: self._make(name, value, gender, minor, year) for name, value in like.items() if value}

    def again(self, person: Mapping[str, str], like: Mapping[str, str]) -> Values:
        """The same person as somebody else wrote it down, with the fields of `like`: a slip in the surname, another phone."""
        made = self.identity(like, gender="unknown", minor=False, year=2026)
        for name in made.keys() & person.keys() - {"phone"}:
            made[name] = person[name]
        if "birth_date" in made and "birth_date" in person:
            made["birth_date"] = person["birth_date"][: len(like["birth_date"])]
        return made

    def _make(self, name: str, value: str, gender: str, minor: bool, year: int) -> str:
        draw = self.draw
        made: dict[str, Callable[[], str]] = {
            "given_name": lambda: self._given(gender),
            "surname": lambda: self._one(_SURNAMES),
            "birth_date": lambda: self._born(minor, year)[: len(value)],
            "nationality": lambda: value,
            "phone": lambda: f"+316{draw.randint(10_000_000, 59_999_999)}",
            "email": lambda: f"{draw.choice(_MADE).lower()}{draw.randint(1, 9999)}@voorbeeld.nl",
            "street": lambda: draw.choice(_STREETS),
            "house_number": lambda: str(draw.randint(1, 240)),
            "addition": lambda: draw.choice("ABCD"),
            "postcode": lambda: f"{draw.randint(1011, 9998)} {draw.choice(_POSTAL)}{draw.choice(_POSTAL)}",
            "city": lambda: self._one(_TOWNS),
            "document_number": lambda: f"N{draw.choice(_SIGNS)}{draw.randint(1_000_000, 9_999_999)}",
            "plate": lambda: f"{self._signs()}-{draw.randint(10, 99)}-{self._signs()}",
            "iban": self._iban,
            "kvk": lambda: f"9{draw.randint(0, 9_999_999):07d}",
            "company_name": lambda: f"{draw.choice(_COMPANY)} {self._one(_SURNAMES)}",
            "profile": lambda: f"{draw.choice(_MADE).lower()}{draw.randint(1, 99999)}",
        }
        return made[name]() if name in made else value

    def _given(self, gender: str) -> str:
        culture = self.draw.choice(_LATIN)
        woman = gender == "woman" or (gender != "man" and self.draw.random() < 0.5)
        return self.draw.choice(culture.women if woman else culture.men)

    def _born(self, minor: bool, year: int) -> str:
        age = self.draw.randint(12, 16) if minor else self.draw.randint(20, 60)
        return f"{year - age}-{self.draw.randint(1, 12):02d}-{self.draw.randint(1, 28):02d}"

    def _signs(self) -> str:
        return self.draw.choice(_SIGNS) + self.draw.choice(_SIGNS)

    def _iban(self) -> str:
        number = self.draw.randint(1, 9_999_999_999)
        plain = "".join(str(ord(sign) - 55) for sign in "DEMO") + f"{number:010d}" + "232100"
        return f"NL{98 - int(plain) % 97:02d}DEMO{number:010d}"

    def _one(self, names: tuple[Sequence[str], list[float]]) -> str:
        return self.draw.choices(names[0], cum_weights=names[1])[0]

    def municipality(self) -> str:
        """Where it was seen."""
        return self._one(self._municipalities)

    def account(self, identity: Mapping[str, str], *, always: bool = False) -> Told:
        """What somebody tells, in three to eight sentences; in most accounts one of them says who it is about."""
        sentences = self.draw.sample(_SENTENCES, self.draw.randint(3, 8))
        plain = [one.format(self._one(self._nouns), self._one(self._nouns)) for one in sentences]
        known = [
            name
            for name in _ABOUT
            if identity.get(name) and ("{given_name}" not in _ABOUT[name] or identity.get("given_name"))
        ]
        named = known and (self.draw.random() < _NAMED or always)
        about = _ABOUT[self.draw.choice(known)].format_map(identity) if named else ""
        at = self.draw.randint(0, len(plain))
        return Told(" ".join(plain[:at]), about, " ".join(plain[at:]))

    def reported(self, signals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
        """Signals that are about one person together, about somebody else and in other words.

        Somebody is always named, so that the account and its masked copy are two texts.
        """
        made, first = [], dict[str, str]()
        for signal in signals:
            subjects = [dict(one) for one in signal.get("subjects", ())]
            for number, one in enumerate(subjects):
                like = one.get("identity", {})
                one["identity"] = self.again(first, like) if first and not number else self.invented(one, 2026)
                if not number and not first:
                    first = dict(one["identity"])
            identity = subjects[0]["identity"] if subjects else {}
            observed = {**signal.get("observed", {}), "municipality": self.municipality()}
            made.append(
                {
                    **signal,
                    "subjects": subjects,
                    "narrative": self.account(identity, always=True).whole,
                    "observed": observed,
                }
            )
        return made

    def invented(self, subject: Mapping[str, Any], year: int) -> Values:
        """The identity of a subject of a signal, made up anew."""
        age = subject.get("age", "unknown")
        return self.identity(
            subject.get("identity", {}),
            gender=subject.get("gender", "unknown"),
            minor=age in {"minor", "doubt"},
            year=year,
        )


def identity_of(kind: str, values: Mapping[str, str]) -> Identity:
    """What was made up as an identity; it is tidy already."""
    return Identity(kind=kind, **values)
