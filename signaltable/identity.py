"""What was typed about one subject: its fields, how they are tidied, what is wrong with them, what is never taken.

A BSN is refused in every field, also as the number of a document: the program has no legal ground to use it
(UAVG art. 46), and with its eleven-test it has so few values that even a digest of it is the number itself.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Final, TypeVar

import phonenumbers
from pydantic import BaseModel, Field, StringConstraints, ValidationError
from stdnum import iban as iban_numbers
from stdnum.nl import bsn as bsn_numbers

from signaltable.domain import SUBJECT_KINDS
from signaltable.names import as_read, fold
from signaltable.policy_errors import BrokenPolicy, Finding, expectation, read_toml
from signaltable.shape import Many, Name, Shape, Some, Words
from signaltable.texts import Text

IDENTIFIERS_FILE: Final = "identifiers.toml"

# -- identity ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Identity:
    """What was typed about one subject. An empty text means: not known. `birth_date` is YYYY-MM-DD, YYYY-MM or YYYY."""

    kind: str
    given_name: str = ""
    infix: str = ""
    surname: str = ""
    birth_date: str = ""
    nationality: str = ""
    phone: str = ""
    email: str = ""
    street: str = ""
    house_number: str = ""
    addition: str = ""
    postcode: str = ""
    city: str = ""
    document_number: str = ""
    plate: str = ""
    iban: str = ""
    kvk: str = ""
    company_name: str = ""
    profile: str = ""

    def __repr__(self) -> str:
        filled = ", ".join(name for name in IDENTITY_FIELDS if getattr(self, name))
        return f"Identity(kind={self.kind!r}, filled=[{filled}])"

    def __post_init__(self) -> None:
        if self.kind not in SUBJECT_KINDS:
            raise ValueError(f"expected a kind of {', '.join(SUBJECT_KINDS)}")


IDENTITY_FIELDS: Final = tuple(field.name for field in fields(Identity) if field.name != "kind")


def identity_from(kind: str, values: Mapping[str, str]) -> Identity:
    """An identity out of form values, tidied. Raises ValueError naming a field that does not exist, never its value."""
    unknown = sorted(set(values) - set(IDENTITY_FIELDS))
    if unknown:
        raise ValueError(f"expected only identity fields, found also {len(unknown)} other")
    return tidy(Identity(kind=kind, **values))


@lru_cache(maxsize=256)  # A submit asks it of each person several times.
def tidy(identity: Identity) -> Identity:
    """The identity in the form in which it is kept: dates ISO, phones E.164, numbers without spaces, texts NFC.

    What cannot be read stays as it was typed, for `validate_identity` to point at.
    """
    values = {name: " ".join(unicodedata.normalize("NFC", getattr(identity, name)).split()) for name in IDENTITY_FIELDS}
    number = _NUMBER_AND_ADDITION.fullmatch(values["house_number"])
    if number and not values["addition"]:
        values["house_number"], values["addition"] = number[1], number[2] or number[3] or ""
    values["birth_date"] = read_date(values["birth_date"]) or values["birth_date"]
    values["phone"] = phone_e164(values["phone"]) or values["phone"]
    values["postcode"] = _tidy_postcode(values["postcode"])
    for name in ("iban", "kvk", "document_number"):
        values[name] = re.sub(r"[\s.-]", "", values[name]).upper()
    values["plate"] = re.sub(r"\s", "-", values["plate"]).upper()
    return replace(identity, **values)


# 12a, 12-A, 12 2 (the second floor), 12- (an addition was expected and is not there).
_NUMBER_AND_ADDITION: Final = re.compile(r"(\d{1,5})(?:[\s/-]+(\w.{0,9})?|([^\d\s/-].{0,9}))")


def _tidy_postcode(text: str) -> str:
    dutch = _DUTCH_POSTCODE.fullmatch(text.upper())
    return f"{dutch[1]} {dutch[2]}" if dutch else text.upper()


_DUTCH_POSTCODE: Final = re.compile(r"([1-9]\d{3})\s?([A-Z]{2})")
_MONTHS: Final = (
    ("januari", "january", "jan"), ("februari", "february", "feb"), ("maart", "march", "mrt", "mar"), ("april", "apr"),
    ("mei", "may"), ("juni", "june", "jun"), ("juli", "july", "jul"), ("augustus", "august", "aug"),
    ("september", "sept", "sep"), ("oktober", "october", "okt", "oct"), ("november", "nov"),
    ("december", "dec"),
)  # fmt: skip
MONTH_NUMBERS: Final = {word: number for number, words in enumerate(_MONTHS, start=1) for word in words}
_YEAR_FIRST: Final = re.compile(r"(\d{4})(?:[-/.](\d{1,2})(?:[-/.](\d{1,2}))?)?")
_DAY_FIRST: Final = re.compile(r"(\d{1,2})(?:\s?[-/. ]\s?)(\d{1,2}|[a-z]{3,9}\.?)(?:\s?[-/. ]\s?)(\d{4}|\d{2})")
_MONTH_YEAR: Final = re.compile(r"(\d{1,2}|[a-z]{3,9}\.?)[-/. ](\d{4})")
# As registers write a day or month that nobody knows: 00-00-1992, 1992-00-00, xx-05-1992.
_UNKNOWN_FIRST: Final = re.compile(r"(?:(?:00|xx|\?\?)[-/. ]){1,2}(\d{1,2}[-/. ]\d{4}|\d{4})")
_UNKNOWN_LAST: Final = re.compile(r"(\d{4}(?:[-/.](?!00)\d{1,2})?)(?:[-/.](?:00|xx|\?\?)){1,2}")
# A year of two digits is taken as a birth year: 30 and above lies in the last century.
_CENTURY_TURN: Final = 30


@lru_cache(maxsize=4096)
def read_date(text: str) -> str:
    """A date as YYYY-MM-DD, YYYY-MM or YYYY, from ISO or from Dutch and English notation with the day first; else ""."""
    words = " ".join(fold(text).split())
    if unknown := _UNKNOWN_FIRST.fullmatch(words) or _UNKNOWN_LAST.fullmatch(words):
        words = unknown[1]
    if found := _YEAR_FIRST.fullmatch(words):
        year, month, day = found[1], found[2] or "", found[3] or ""
    elif found := _DAY_FIRST.fullmatch(words):
        day, month, year = found[1], found[2], found[3]
    elif found := _MONTH_YEAR.fullmatch(words):
        day, month, year = "", found[1], found[2]
    else:
        return ""
    if len(year) == 2:
        year = ("19" if int(year) >= _CENTURY_TURN else "20") + year
    if month and not month.isdigit():
        month = str(MONTH_NUMBERS.get(month.rstrip("."), ""))
        if not month:
            return ""
    written = "-".join([year, *(part.zfill(2) for part in (month, day) if part)])
    return written if _exists(written) else ""


def _exists(iso: str) -> bool:
    year, month, day = date_parts(iso)
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


def date_parts(iso: str) -> tuple[str, str, str]:
    """Year, month and day of an ISO date, each "" when not known."""
    found = re.fullmatch(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", iso)
    return (found[1], found[2] or "", found[3] or "") if found else ("", "", "")


_NETHERLANDS: Final = 31
_DUTCH_DIGITS: Final = 9


@lru_cache(maxsize=4096)
def phone_e164(text: str) -> str:
    """A phone number as +31612345678 (E.164), read as Dutch when no country is named; "" when it is no possible number."""
    try:
        number = phonenumbers.parse(text, "NL")
    except phonenumbers.NumberParseException:
        return ""
    if not phonenumbers.is_possible_number(number) or (
        # Dutch numbers have nine digits after the zero, but for service numbers such as 0900.
        number.country_code == _NETHERLANDS
        and len(phonenumbers.national_significant_number(number)) != _DUTCH_DIGITS
        and not phonenumbers.is_valid_number(number)
    ):
        return ""
    return str(phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164))


# -- BSN: found in order to be refused -----------------------------------------------------------------------------

_BSN_DIGITS: Final = 9
_SEPARATOR: Final = r"[ .\-\u00a0\u2009\u2010-\u2015\u202f/·_]"
_DIGIT_RUN: Final = re.compile(rf"\+?\d+(?:{_SEPARATOR}{{1,3}}\d+)*")
_GROUP: Final = re.compile(rf"(\d+)({_SEPARATOR}*)")
# In a longer row of digits only these groupings are read as a BSN, or every second phone number would hold one.
_BSN_GROUPINGS: Final = frozenset({(4, 2, 3), (3, 3, 3), (3, 2, 4), (2, 3, 4), (4, 5), (5, 4), (3, 6), (6, 3)})
_DATE_FIRST: Final = frozenset({(2, 2, 4, 1), (1, 2, 4, 2), (2, 1, 4, 2), (1, 1, 4, 3), (4, 2, 2, 1)})


def bsn_spans(text: str) -> tuple[tuple[int, int], ...]:
    """Where nine digits stand that pass the eleven-test of the BSN, also with spaces, dots or dashes between them.

    The number of a company (RSIN) has the same test and is found as well; so is one in eleven of all other rows of nine
    digits. Telephone numbers with a country code or a leading zero are not.
    """
    return tuple(span for run in _DIGIT_RUN.finditer(text) for span in _bsn_in_run(run))


def _bsn_in_run(run: re.Match[str]) -> Iterator[tuple[int, int]]:
    groups = list(_GROUP.finditer(run.string, *_digits_of(run)))
    sizes = tuple(len(group[1]) for group in groups)
    single_kind = len({group[2].strip() or group[2] for group in groups[:-1]}) <= 1
    if sum(sizes) == _BSN_DIGITS and single_kind and sizes not in _DATE_FIRST:
        if _passes_eleven_test(groups):
            yield groups[0].start(1), groups[-1].end(1)
        return
    is_phone = run[0].startswith(("+", "00")) or (run[0].startswith("0") and sum(sizes) == _BSN_DIGITS + 1)
    at = 2 if is_phone else 0
    while at < len(groups):
        width = _grouped_as_bsn(sizes, at)
        if width and _passes_eleven_test(groups[at : at + width]):
            yield groups[at].start(1), groups[at + width - 1].end(1)
            at += width
        else:
            at += 1


def _digits_of(run: re.Match[str]) -> tuple[int, int]:
    return run.start() + run[0].startswith("+"), run.end()


def _grouped_as_bsn(sizes: tuple[int, ...], at: int) -> int:
    """How many groups from `at` on could be one BSN; 0 when none."""
    if sizes[at] == _BSN_DIGITS:
        return 1
    return next((width for width in (2, 3) if sizes[at : at + width] in _BSN_GROUPINGS), 0)


def _passes_eleven_test(groups: list[re.Match[str]]) -> bool:
    digits = "".join(str(unicodedata.digit(sign)) for group in groups for sign in group[1])
    return bool(bsn_numbers.is_valid(digits))


# -- policies/identifiers.toml -------------------------------------------------------------------------------------


class Identifier(Shape):
    """One identity field: how it is called, how long it may be, and whether it is masked in free text."""

    id: Name
    label: Words
    hint: Words | None = None
    max_length: Annotated[int, Field(ge=1, le=300)]
    mask_in_text: bool


class SubjectKind(Shape):
    """Which fields are asked for a kind of subject, in this order; those in `shown` at once, the others on request."""

    id: Name
    label: Words
    fields: Some[Name]
    shown: Some[Name]


class NeverField(Shape):
    """A number that the program never takes, and the words that say so."""

    id: Name
    label: Words
    reason: Words


class TextWords(Shape):
    """Capitalised words in free text that name an organisation and therefore stay readable."""

    organisations: Many[Annotated[str, StringConstraints(min_length=2)]]


class IdentifierPolicy(Shape):
    """identifiers.toml, checked."""

    identifier: Some[Identifier]
    kind: Some[SubjectKind]
    never: Some[NeverField]
    text: TextWords

    def field(self, name: str) -> Identifier:
        """One field by its id. Raises KeyError."""
        return self._by_id[name]

    def kind_of(self, kind: str) -> SubjectKind:
        """One kind of subject by its id. Raises KeyError."""
        return next(found for found in self.kind if found.id == kind)

    @property
    def _by_id(self) -> dict[str, Identifier]:
        return {identifier.id: identifier for identifier in self.identifier}


def load_identifiers(folder: Path) -> IdentifierPolicy:
    """identifiers.toml of a policies folder. Raises BrokenPolicy with every file and key that is wrong."""
    policy = read_shaped(IdentifierPolicy, folder / IDENTIFIERS_FILE)
    raise_findings(IDENTIFIERS_FILE, _identifier_problems(policy))
    return policy


_BSN_WORDS: Final = re.compile(r"\bbsn\b|burgerservice|citizen service|sofi|social security", re.IGNORECASE)


def _identifier_problems(policy: IdentifierPolicy) -> Iterator[tuple[str, str]]:
    known = [identifier.id for identifier in policy.identifier]
    for name in sorted(set(IDENTITY_FIELDS) ^ set(known)):
        yield f"identifier.{name}", "expected the fields that the program knows, each once"
    yield from repeated("identifier", known)
    yield from repeated("kind", [kind.id for kind in policy.kind])
    for identifier in policy.identifier:
        if _BSN_WORDS.search(f"{identifier.id} {identifier.label.nl} {identifier.label.en}"):
            yield f"identifier.{identifier.id}", "a BSN is never asked (UAVG art. 46)"
    for name in sorted(set(SUBJECT_KINDS) ^ {kind.id for kind in policy.kind}):
        yield f"kind.{name}", f"expected the kinds {', '.join(SUBJECT_KINDS)}"
    for kind in policy.kind:
        for name in sorted(set(kind.fields) - set(known)):
            yield f"kind.{kind.id}.fields", f"expected a field of this file, found {name!r}"
        for name in sorted(set(kind.shown) - set(kind.fields)):
            yield f"kind.{kind.id}.shown", f"expected one of its fields, found {name!r}"
    if "bsn" not in {never.id for never in policy.never}:
        yield "never", "expected bsn among what is never taken"


# -- checking what was typed ---------------------------------------------------------------------------------------

_EARLIEST_BIRTH: Final = 1900
_EMAIL: Final = re.compile(r"[^\s@]{1,64}@[^\s@.]+(\.[^\s@.]+)+")
_MESSAGES: Final = {
    "bsn": Text(
        "Dit lijkt een burgerservicenummer. Dat mag hier niet staan, ook niet als het van een document komt.",
        "This looks like a citizen service number (BSN). It may not be entered here, not even from a document.",
    ),
    "not_asked": Text("Dit veld hoort niet bij dit soort betrokkene.", "This field does not belong to this kind."),
    "date": Text(
        "Vul een bestaande datum in, bijvoorbeeld 3-5-1999, 1999-05-03, 5-1999 of alleen het jaar.",
        "Enter a date that exists, such as 3-5-1999, 1999-05-03, 5-1999 or only the year.",
    ),
    "future": Text("Deze datum ligt in de toekomst.", "This date lies in the future."),
    "too_early": Text("Vul een geboortejaar na 1900 in.", "Enter a year of birth after 1900."),
    "phone": Text(
        "Vul een telefoonnummer in dat kan bestaan. Zet bij een buitenlands nummer het landnummer ervoor, zoals +40.",
        "Enter a phone number that can exist. Put the country code before a foreign number, such as +40.",
    ),
    "email": Text(
        "Vul een e-mailadres in zoals naam@voorbeeld.nl.", "Enter an e-mail address such as name@example.nl."
    ),
    "postcode": Text(
        "Vul een postcode in zoals 3011 AA, of een buitenlandse postcode.",
        "Enter a postcode such as 3011 AA, or a foreign one.",
    ),
    "house_number": Text(
        "Vul hier alleen cijfers in. Een letter of toevoeging hoort in het veld ernaast.",
        "Enter digits only. A letter or addition belongs in the field beside it.",
    ),
    "plate": Text(
        "Vul een kenteken in van 4 tot 10 letters en cijfers.", "Enter a plate of 4 to 10 letters and digits."
    ),
    "iban": Text(
        "Dit rekeningnummer (IBAN) klopt niet. Kijk na of alle tekens er staan.",
        "This account number (IBAN) is not right. Check that no sign is missing.",
    ),
    "kvk": Text("Een KvK-nummer heeft 8 cijfers.", "A KvK number has 8 digits."),
    "document_number": Text(
        "Vul 5 tot 20 letters en cijfers in, zoals op het document.",
        "Enter 5 to 20 letters and digits, as on the document.",
    ),
    "profile": Text(
        "Vul een webadres of een naam zoals @voorbeeld in, zonder spaties.",
        "Enter an address or a name such as @example, without spaces.",
    ),
}


def validate_identity(identity: Identity, policy: IdentifierPolicy, *, today: date) -> list[tuple[str, Text]]:
    """What is wrong with an identity, as pairs of field and message; empty when nothing is. Never repeats a value.

    Spellings that `tidy` understands are accepted. `today` is the day against which a birth date may not lie ahead.
    """
    problems: list[tuple[str, Text]] = []
    asked = policy.kind_of(identity.kind).fields
    for name in IDENTITY_FIELDS:
        value = getattr(identity, name)
        if value and (message := _field_problem(name, value, identity, policy, today, asked=name in asked)):
            problems.append((name, message))
    return problems


def _field_problem(
    name: str, value: str, identity: Identity, policy: IdentifierPolicy, today: date, *, asked: bool
) -> Text | None:
    most = policy.field(name).max_length
    if not asked:
        return _MESSAGES["not_asked"]
    if len(value) > most:
        return Text(f"Vul niet meer dan {most} tekens in.", f"Enter no more than {most} characters.")
    if _holds_bsn(name, value):
        return _MESSAGES["bsn"]
    if name == "birth_date":
        return _birth_problem(value, today)
    if name in _SHAPES and not _SHAPES[name](getattr(tidy(identity), name)):
        return _MESSAGES[name]
    return None


def _holds_bsn(name: str, value: str) -> bool:
    # A valid IBAN has digits enough to pass by chance. Phones are told apart by bsn_spans.
    return not (name == "iban" and iban_numbers.is_valid(value)) and bool(
        bsn_spans(value) or bsn_spans(as_read(value)[0])
    )


def _birth_problem(value: str, today: date) -> Text | None:
    iso = read_date(value)
    if not iso:
        return _MESSAGES["date"]
    if iso > today.isoformat()[: len(iso)]:
        return _MESSAGES["future"]
    return _MESSAGES["too_early"] if int(iso[:4]) <= _EARLIEST_BIRTH else None


def _is_postcode(value: str) -> bool:
    if re.match(r"\d{4}\s?[A-Z]", value):
        return bool(_DUTCH_POSTCODE.fullmatch(value)) and value[-2:] not in {"SA", "SD", "SS"}
    return bool(re.fullmatch(r"(?=.*\d)[A-Z0-9][A-Z0-9 -]{2,9}", value))


_SHAPES: Final[Mapping[str, Callable[[str], bool]]] = {
    "phone": lambda value: bool(phone_e164(value)),
    "email": lambda value: bool(_EMAIL.fullmatch(value)),
    "postcode": _is_postcode,
    "house_number": lambda value: bool(re.fullmatch(r"\d{1,5}", value)),
    "plate": lambda value: bool(re.fullmatch(r"[A-Z0-9](-?[A-Z0-9]){3,9}", value)),
    "iban": lambda value: bool(iban_numbers.is_valid(value)),
    "kvk": lambda value: bool(re.fullmatch(r"\d{8}", value)),
    "document_number": lambda value: bool(re.fullmatch(r"[A-Z0-9]{5,20}", value)),
    "profile": lambda value: bool(re.fullmatch(r"\S{2,}", value)),
}


def typed_values(identities: Iterable[Identity], policy: IdentifierPolicy) -> tuple[str, ...]:
    """What must not stand in the table's copy of a free text, out of the identity fields that identifiers.toml names.

    A house number alone is left out, it would take every same number with it; it goes together with its street.
    """
    masked = {identifier.id for identifier in policy.identifier if identifier.mask_in_text}
    values: list[str] = []
    for identity in identities:
        values += [getattr(identity, name) for name in IDENTITY_FIELDS if name in masked and name not in _WITH_STREET]
        values.append(f"{identity.given_name} {identity.infix} {identity.surname}")
        if "street" in masked and identity.street:
            values.append(f"{identity.street} {identity.house_number}{identity.addition}")
    return tuple(dict.fromkeys(" ".join(value.split()) for value in values if value.strip()))


_WITH_STREET: Final = frozenset({"infix", "house_number", "addition"})


# -- reading a policy file --------------------------------------------------------------------------------------------


def repeated(table: str, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """A problem for every id that stands twice in a table."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            yield f"{table}.{name}", "expected each id once"
        seen.add(name)


_Model = TypeVar("_Model", bound=BaseModel)


def read_shaped(model: type[_Model], path: Path) -> _Model:
    """One TOML file in a shape of pydantic. Raises BrokenPolicy with every key that is wrong."""
    try:
        return model.model_validate(read_toml(path))
    except ValidationError as error:
        raise BrokenPolicy(
            Finding(path.name, ".".join(str(part) for part in found["loc"]), expectation(found))
            for found in error.errors(include_url=False, include_input=False)
        ) from None


def raise_findings(file: str, problems: Iterable[tuple[str, str]]) -> None:
    """Raise BrokenPolicy when there are problems, given as pairs of key and expectation."""
    findings = [Finding(file, key, expected) for key, expected in problems]
    if findings:
        raise BrokenPolicy(findings)
