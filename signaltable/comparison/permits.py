"""Which disclosures other grounds would permit or refuse, over every kind of request, when all conditions are met.

A cell is one provider (with the task in which it learned something), recipient, purpose, category and person.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import product
from typing import Any

from signaltable.ground_index import GroundIndex, Verdict, deciding_deny, index_on, open_rows
from signaltable.grounds import AGES, CATEGORIES, KINDS, PURPOSES, ROLES, GroundSet


@dataclass(frozen=True, slots=True)
class RowEffect:
    """The cells that change because of one row, and the first of them: `permitted` from now on, or `refused`."""

    row: str
    permitted: int
    refused: int
    example: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class PermitChanges:
    """Of all `cells`: how many are permitted from now on, how many no longer, and by which rows."""

    cells: int
    permitted: int
    refused: int
    rows: tuple[RowEffect, ...]


@dataclass(frozen=True, slots=True)
class _Flip:
    category: str
    permitted: bool
    row: str


def permit_changes(old: GroundSet, new: GroundSet, *, on: date, demo: bool) -> PermitChanges:
    """Every cell under both sets of grounds on one day. `demo`: permits count that nobody signed for."""
    before, after = index_on(old, on), index_on(new, on)
    flips: dict[tuple[int, int], tuple[_Flip, ...]] = {}
    counted: dict[str, dict[str, Any]] = {}
    cells = 0
    for place, one, other in _places(before, after):
        cells += len(CATEGORIES)
        if (one, other) not in flips:
            flips[one, other] = tuple(_flips(before, one, after, other, demo=demo))
        for flip in flips[one, other]:
            found = counted.setdefault(flip.row, {"permitted": 0, "refused": 0, "example": None})
            found["permitted" if flip.permitted else "refused"] += 1
            found["example"] = found["example"] or {**place, "category": flip.category}
    rows = tuple(RowEffect(row, **found) for row, found in sorted(counted.items()))
    return PermitChanges(cells, sum(row.permitted for row in rows), sum(row.refused for row in rows), rows)


def _places(before: GroundIndex, after: GroundIndex) -> Iterator[tuple[dict[str, str], int, int]]:
    """Every provider, recipient, purpose and person, with the rows that speak about it in both sets."""
    persons = list(product(AGES, ROLES))
    for provider in dict.fromkeys([*before.providers, *after.providers]):
        for recipient, purpose in product(KINDS, PURPOSES):
            here = before.providers[provider] & before.recipients[recipient] & before.purposes[purpose]
            there = after.providers[provider] & after.recipients[recipient] & after.purposes[purpose]
            for person in persons:
                place = {
                    "provider": provider[0],
                    "capacity": provider[1],
                    "recipient": recipient,
                    "purpose": purpose,
                    "age": person[0],
                    "role": person[1],
                }
                yield place, here & before.persons[person], there & after.persons[person]


def _flips(before: GroundIndex, one: int, after: GroundIndex, other: int, *, demo: bool) -> Iterator[_Flip]:
    for category in CATEGORIES:
        was, now = _effect(before, one, category, demo=demo), _effect(after, other, category, demo=demo)
        if was.effect != now.effect:
            permitted = now.effect == "permit"
            yield _Flip(category, permitted, _cause(before, one, after, other, was, now))


def _effect(index: GroundIndex, here: int, category: str, *, demo: bool) -> Verdict:
    """What is said of one category when every condition is met."""
    found = open_rows(index, here, (category,), demo=demo)
    if found:
        return index.verdicts[(found & -found).bit_length() - 1]
    return deciding_deny(index, here, (category,))


def _cause(before: GroundIndex, one: int, after: GroundIndex, other: int, was: Verdict, now: Verdict) -> str:
    """The row that makes the difference: the permit or the deny that decides, when it changed, else what changed here."""
    permit, deny = (now, was) if now.effect == "permit" else (was, now)
    around = [row.id for row in (*before.listed(one), *after.listed(other))]
    changed = (name for name in (permit.row, deny.row, *around) if _digest(before, name) != _digest(after, name))
    return next(changed, permit.row)


def _digest(index: GroundIndex, name: str) -> str:
    """What a row says, in one word; empty when it is not there."""
    bit = index.bits.get(name)
    return "" if bit is None else index.rows[bit.bit_length() - 1].digest
