"""A list of persons as a partner keeps it: a CSV file, read in memory and told line by line, never with what it says.

Headings are those of the contract (given, infix, surname, birth_date, …) or their Dutch names, in any order. A heading
that means a BSN refuses the whole list (UAVG art. 46): the program does not take the number, not even to forget it.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from signaltable.domain import SignaltableError
from signaltable.identity import IDENTITY_FIELDS
from signaltable.spreadsheets import plain

# Heading, lower case without spaces, dashes and underscores -> the field of an identity.
_HEADINGS: Final[Mapping[str, str]] = {
    **{name.replace("_", ""): name for name in IDENTITY_FIELDS},
    "given": "given_name",
    "firstname": "given_name",
    "voornaam": "given_name",
    "voornamen": "given_name",
    "roepnaam": "given_name",
    "tussenvoegsel": "infix",
    "tussenvoegsels": "infix",
    "voorvoegsel": "infix",
    "lastname": "surname",
    "achternaam": "surname",
    "familienaam": "surname",
    "geslachtsnaam": "surname",
    "geboortedatum": "birth_date",
    "dateofbirth": "birth_date",
    "dob": "birth_date",
    "nationaliteit": "nationality",
    "telefoon": "phone",
    "telefoonnummer": "phone",
    "mobiel": "phone",
    "mail": "email",
    "emailadres": "email",
    "straat": "street",
    "straatnaam": "street",
    "number": "house_number",
    "huisnummer": "house_number",
    "toevoeging": "addition",
    "huisnummertoevoeging": "addition",
    "postalcode": "postcode",
    "zip": "postcode",
    "plaats": "city",
    "woonplaats": "city",
    "document": "document_number",
    "documentnummer": "document_number",
    "paspoortnummer": "document_number",
    "kenteken": "plate",
    "rekeningnummer": "iban",
    "kvknummer": "kvk",
    "bedrijfsnaam": "company_name",
    "company": "company_name",
    "profiel": "profile",
}
_OWN_NUMBER: Final = frozenset({"id", "nummer", "regel", "clientnummer", "dossiernummer", "kenmerk"})
_NEVER: Final = frozenset({"bsn", "burgerservicenummer", "sofinummer", "sofi", "citizennumber"})
_SEPARATORS: Final = (";", ",", "\t")


class UnusableList(SignaltableError):
    """A list cannot be read; the message says where and what was expected, never what stood there."""

    def __init__(self, expected: str, *, line: int = 0) -> None:
        super().__init__(f"line {line}: {expected}" if line else expected)
        self.expected = expected
        self.line = line


@dataclass(frozen=True, slots=True)
class ListLine:
    """One line: its number in the file (the headings are line 1), the own id, and what stands in the known columns."""

    number: int
    id: str = field(repr=False)
    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class PersonList:
    """The lines of a list, and how many columns were passed over because nobody knows their heading."""

    lines: tuple[ListLine, ...]
    fields: tuple[str, ...]
    unknown: int


def read_list(content: bytes, *, most: int) -> PersonList:
    """Read a CSV file with headings: UTF-8 (or the Western code page of a spreadsheet), separated by ; , or tabs.

    Empty lines count for their number and are left out. Raises UnusableList for no headings, none that is known, one
    twice, one for a BSN, a line with more cells than headings, quotes that do not end, and more than `most` lines.
    """
    rows = _rows(_decoded(content))
    number, headings = next(rows, (1, []))
    columns = _columns(headings, number)
    lines: list[ListLine] = []
    for number, cells in rows:
        if len(cells) > len(headings) and any(cell.strip() for cell in cells[len(headings) :]):
            raise UnusableList(f"expected at most {len(headings)} cells, as many as headings", line=number)
        if not any(cell.strip() for cell in cells):
            continue
        if len(lines) == most:
            raise UnusableList(f"expected at most {most} lines", line=number)
        found = dict(zip(columns, cells, strict=False))
        values = {name: plain(cell.strip()) for name, cell in found.items() if name in IDENTITY_FIELDS and cell.strip()}
        lines.append(ListLine(number, found.get("id", "").strip(), values))
    known = tuple(name for name in columns if name in IDENTITY_FIELDS)
    return PersonList(tuple(lines), known, sum(not name for name in columns))


def _decoded(content: bytes) -> str:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
    if "\0" in text:
        raise UnusableList("expected a CSV file with text, found something else")
    return text


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    """Line numbers with their cells; the first line that says anything has the headings."""
    first = next((line for line in text.splitlines() if line.strip()), "")
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    begun = False
    while True:
        at = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            raise UnusableList("expected quotes that end and cells of a normal size", line=at) from None
        begun = begun or any(cell.strip() for cell in cells)
        if begun:
            yield at, cells


def _columns(headings: Sequence[str], line: int) -> list[str]:
    """For each column the identity field, `id`, or "" for one that nobody knows."""
    names = [_plain(heading) for heading in headings]
    if any(name in _NEVER for name in names):
        raise UnusableList("expected no column with citizen service numbers (BSN): they are never taken", line=line)
    columns = [_HEADINGS.get(name, "id" if name in _OWN_NUMBER else "") for name in names]
    known = [name for name in columns if name]
    if not set(known) & set(IDENTITY_FIELDS):
        raise UnusableList("expected headings such as given, surname, birth_date, phone, postcode", line=line)
    twice = sorted({name for name in known if known.count(name) > 1})
    if twice:
        raise UnusableList(f"expected one column for {twice[0]}, found more", line=line)
    return columns


def _plain(heading: str) -> str:
    return "".join(sign for sign in heading.casefold() if sign.isalnum())
