"""What a life looks like once it was taken apart: forms of its rows and entries, with places for whoever it is repeated for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from signaltable.generate.capture import Row
from signaltable.generate.places import Maker, Places, Spot


@dataclass(frozen=True, slots=True)
class RowForm:
    """A row: the columns that stay, and how the others are made."""

    table: str
    same: Mapping[str, Any]
    made: tuple[tuple[str, Maker], ...]

    def stamp(self, spot: Spot) -> dict[str, Any]:
        """The row for somebody."""
        return {**self.same, **{name: make(spot) for name, make in self.made}}


@dataclass(frozen=True, slots=True)
class EntryForm:
    """An entry: the texts that stay, those that are made, its details, and of which rows it tells the digests.

    `anew` are tables of ANEW with the place of the subject.
    """

    same: Mapping[str, str]
    made: tuple[tuple[str, Maker], ...]
    details: Maker
    occurred_at: int
    rows: tuple[Row, ...]
    anew: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TakeForm:
    """One transaction: its entries, and the rows as they are after it (None: gone)."""

    at: int
    entries: tuple[EntryForm, ...]
    rows: Mapping[Row, RowForm | None]


@dataclass(frozen=True, slots=True)
class SubjectForm:
    """A subject of a life: the place of its id and of its fields, what it is, and in which transaction it came."""

    id: int
    kind: str
    told: Mapping[str, Any]
    fields: Mapping[str, int]
    like: Mapping[str, str]
    unsure: frozenset[str]


@dataclass(frozen=True, slots=True)
class SignalForm:
    """A signal of a life: its subjects by number, and the places of what was told."""

    subjects: tuple[SubjectForm, ...]
    take: int
    narrative: int
    masked: int
    municipality: int
    words: int
    count: int


@dataclass(frozen=True, slots=True)
class LinkForm:
    """A link: the places of its two subjects, and of what comparing them says."""

    first: int
    second: int
    outcome: int
    compared: int


@dataclass(slots=True)
class Stencil:
    """A life to repeat. `fresh`: places with a new id of so many bytes; `references`: places with a prefix.

    `names`: places of pseudonyms, with who knows what by it; `hashes`: places of digests of what is made besides.
    """

    name: str
    agency: str
    account: str
    places: Places
    takes: tuple[TakeForm, ...] = ()
    signals: tuple[SignalForm, ...] = ()
    links: tuple[LinkForm, ...] = ()
    fresh: list[tuple[int, int]] = field(default_factory=list)
    references: list[tuple[int, str]] = field(default_factory=list)
    names: list[tuple[int, str, int]] = field(default_factory=list)
    hashes: list[tuple[int, Maker]] = field(default_factory=list)
    owner: tuple[int, int, int] = (0, 0, 0)
    state: tuple[str, ...] = ()

    def entries(self, takes: int) -> int:
        """How many entries the first so many transactions leave."""
        return sum(len(one.entries) for one in self.takes[:takes])
