"""The facts that a meldroute may look at: a closed table, and the one way in for facts from a form, a file or an API.

A fact that is not known is not there. Nothing is ever filled in by a guess; only the three spellings of one age are
brought together (`Facts.normalised`).
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from signaltable.domain import UnusableInput

Value = str | int | float | tuple[str, ...]
Kind = Literal["choice", "list", "number"]

UNKNOWN = "unknown"
ADULT_FROM_YEARS = 18
OLDEST_YEARS = 130


class UnusableFacts(UnusableInput, ValueError):
    """Facts that cannot be read. The message names each key, what was expected and the type found, never the value."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One row of the table: a choice of one value, a list of values, or a number from 0 (whole or not) to `maximum`.

    `values` are the values that say something; `may_say_unknown` tells whether "unknown" is accepted and read as absent.
    """

    name: str
    kind: Kind
    values: tuple[str, ...] = ()
    may_say_unknown: bool = False
    whole: bool = False
    maximum: float = math.inf

    @property
    def accepted(self) -> tuple[str, ...]:
        """Every text that may be given for a choice or a list."""
        return (*self.values, UNKNOWN) if self.may_say_unknown else self.values

    @property
    def expected(self) -> str:
        """What a reader should have given, for an error message."""
        if self.kind == "choice":
            return f"one of {', '.join(self.accepted)}"
        if self.kind == "list":
            return f"a list of {', '.join(self.accepted)}"
        number = "a whole number" if self.whole else "a number"
        return f"{number}, 0 or more" if math.isinf(self.maximum) else f"{number} from 0 to {self.maximum:g}"


def _choice(name: str, *values: str, may_say_unknown: bool = True) -> Fact:
    return Fact(name, "choice", values, may_say_unknown=may_say_unknown)


# "unknown" in the list of forms says something: somebody looked and cannot tell the form yet (M16). It is no absence.
_FORMS = (
    "sexual",
    "labour",
    "criminal",
    "organ_removal",
    "servitude",
    "forced_marriage",
    "illegal_adoption",
    "surrogacy",
    UNKNOWN,
)
_ELEMENT = ("none", "present", "evidence", "more_info")

_TABLE = (
    _choice("acute_danger", "yes", "no"),
    _choice("age", "minor", "adult", "doubt"),
    Fact("age_years", "number", maximum=OLDEST_YEARS),
    _choice("unaccompanied_foreign_minor", "yes", "no"),
    _choice("gender", "woman", "man", "other"),
    Fact("forms", "list", _FORMS),
    _choice("act", *_ELEMENT, may_say_unknown=False),
    _choice("means", *_ELEMENT, may_say_unknown=False),
    _choice("purpose", *_ELEMENT, may_say_unknown=False),
    _choice("victim", "possible", "not_a_victim"),
    _choice("victim_consent", "given", "refused", "not_asked", "not_possible", may_say_unknown=False),
    _choice("residence", "lawful", "none"),
    _choice("perpetrator", "yes", "no"),
    _choice("organised", "yes", "no"),
    _choice("shelter_needed", "yes", "no"),
    _choice("smuggling_only", "yes", "no"),
    _choice("suspect_may_be_forced", "yes", "no"),
    _choice("lvb_signs", "yes", "no"),
    _choice("wants_return", "yes", "no"),
    _choice("identifiable", "person", "place", "none", may_say_unknown=False),
    Fact("linked_agencies", "number", whole=True),
    _choice("stuck", "yes", "no"),
)
FACTS: Mapping[str, Fact] = MappingProxyType({fact.name: fact for fact in _TABLE})


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about one signal. `values` holds known facts only; lists are tuples in the order of the table."""

    values: Mapping[str, Value]

    def get(self, name: str) -> Value | None:
        """The value of a fact, or None when it is not known."""
        return self.values.get(name)

    def to_json(self) -> dict[str, Any]:
        """The known facts as JSON can hold them, in the order of the table; `parse_facts` reads them back."""
        known = ((name, self.values[name]) for name in FACTS if name in self.values)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in known}

    def normalised(self) -> "Facts":
        """The same facts with `age`, `age_years` and `unaccompanied_foreign_minor` brought together.

        Each of the three can tell the age group. Where two of them contradict each other the age group is "doubt",
        which counts as a minor everywhere (002:324-328). Normalising twice changes nothing.
        """
        group = age_group_of(self.values)
        if group == self.values.get("age"):
            return self
        return _facts({**self.values, "age": group}) if group else self


def parse_facts(given: Any) -> Facts:
    """Facts from a decoded JSON object: every key optional, an absent key or "unknown" means not known.

    Raises UnusableFacts with every problem at once: an unknown key, a wrong type (null included), a value outside the
    list, a number outside its range. An empty list says nothing and is read as absent.
    """
    if not isinstance(given, Mapping):
        raise UnusableFacts({"facts": f"expected an object with facts, found {_type_of(given)}"})
    problems: dict[str, str] = {}
    known: dict[str, Value] = {}
    for key, value in given.items():
        fact = FACTS.get(key) if isinstance(key, str) else None
        if fact is None:
            problems[_shown(key)] = "expected a fact of the meldroutekaart, found another key"
        elif _fits(fact, value):
            known[fact.name] = _stored(fact, value)
        else:
            problems[fact.name] = f"expected {fact.expected}, found {_found(fact, value)}"
    if problems:
        raise UnusableFacts(problems)
    return _facts(known)


def age_group_of(known: Mapping[str, Value]) -> Value | None:
    """The age group that `age`, `age_years` and `unaccompanied_foreign_minor` tell together; None when none of them does."""
    group = _together(known.get("age"), _group_of_years(known.get("age_years")))
    return _together(group, "minor") if known.get("unaccompanied_foreign_minor") == "yes" else group


def _facts(known: Mapping[str, Any]) -> Facts:
    return Facts(MappingProxyType({name: value for name, value in known.items() if value not in (UNKNOWN, ())}))


def _group_of_years(years: Value | None) -> str | None:
    if not isinstance(years, int | float):
        return None
    return "minor" if years < ADULT_FROM_YEARS else "adult"


def _together(one: Value | None, other: Value | None) -> Value | None:
    if one is None or other is None or one == other:
        return other if one is None else one
    return "doubt"


def _fits(fact: Fact, value: Any) -> bool:
    if fact.kind == "choice":
        return isinstance(value, str) and value in fact.accepted
    if fact.kind == "list":
        return isinstance(value, list | tuple) and all(isinstance(item, str) and item in fact.values for item in value)
    return _is_number(value) and 0 <= value <= fact.maximum and (not fact.whole or value == int(value))


def _is_number(value: Any) -> bool:
    """Whether this is a finite number; True and False are no numbers here."""
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _stored(fact: Fact, value: Any) -> Value:
    if fact.kind == "list":
        return tuple(item for item in fact.values if item in value)
    if fact.whole:
        return int(value)
    stored: Value = value
    return stored


def _found(fact: Fact, value: Any) -> str:
    """What stood there, as a class of value: the value itself may be personal and is never repeated."""
    if fact.kind == "number" and _is_number(value):
        return "a number outside that range" if not 0 <= value <= fact.maximum else "a broken number"
    if fact.kind == "choice" and isinstance(value, str):
        return "another text"
    if fact.kind == "list" and isinstance(value, list | tuple):
        return "a list with another item"
    return _type_of(value)


def _type_of(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, float) and not math.isfinite(value):
        return "a number that is not finite"
    names = {str: "a text", int: "a number", float: "a number", list: "a list", tuple: "a list", dict: "an object"}
    return names.get(type(value), "another type")


def _shown(key: Any) -> str:
    """A key as a message may show it: one that looks like a name of a field, so that a typing error can be found."""
    return key if isinstance(key, str) and re.fullmatch(r"[a-z][a-z_]{0,39}", key) else "a key"
