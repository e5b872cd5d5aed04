"""The same question to the index and to Cedar: an engine written by others, over policies translated apart from it."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import cedarpy
import pytest

from signaltable.ground_index import GroundIndex, build, verdict
from signaltable.grounds import CATEGORIES, Ground, GroundSet, load_grounds
from tests.cedar_grounds import Question, policies, questions

GROUNDS = load_grounds(Path(__file__).resolve().parents[2] / "policies" / "grondslagen")
DAY = max(row.valid_from for row in GROUNDS.rows)
COUNT = 100_000
IN_FORCE = GROUNDS.on(DAY)


def effects(index: GroundIndex, asked: list[Question]) -> Iterator[bool]:
    """Effects of the index, one at a time: whoever looks for a difference need not ask on behind it."""
    for q in asked:
        said = verdict(index, q.task, q.kind, q.recipient, q.purpose, q.age, q.role, q.data, q.met, demo=q.demo)
        yield said.effect == "permit"


def same(index: GroundIndex, asked: list[Question], cedar: list[bool]) -> bool:
    """Whether the index says what Cedar says to every question."""
    return all(mine == theirs for mine, theirs in zip(effects(index, asked), cedar, strict=True))


def ask_cedar(rows: tuple[Ground, ...], asked: list[Question]) -> list[bool]:
    """Cedar's effects; an error while evaluating would skip a policy in silence, so it fails here."""
    found = cedarpy.is_authorized_batch(
        [q.for_cedar() for q in asked], policies(rows, DAY), cedarpy.Entities.from_json_str("[]")
    )
    assert not any(one.diagnostics.errors for one in found)
    return [one.allowed for one in found]


@pytest.fixture(scope="module")
def asked() -> list[Question]:
    return questions(IN_FORCE, COUNT, seed=20261122)


@pytest.fixture(scope="module")
def cedar(asked: list[Question]) -> list[bool]:
    return ask_cedar(IN_FORCE, asked)


def test_cedar_says_the_same_about_a_hundred_thousand_requests(asked: list[Question], cedar: list[bool]) -> None:
    ours = list(effects(build(GROUNDS, DAY), asked))

    different = [question for question, mine, theirs in zip(asked, ours, cedar, strict=True) if mine != theirs]

    assert different == []
    assert len(ours) == COUNT
    assert sum(ours) >= COUNT // 4


def test_every_deny_decides_some_of_them(asked: list[Question]) -> None:
    index = build(GROUNDS, DAY)
    found = {
        verdict(index, q.task, q.kind, q.recipient, q.purpose, q.age, q.role, q.data, q.met, demo=q.demo).row
        for q in asked
    }

    assert {row.id for row in IN_FORCE if not row.permits} - found == set()


# -- the same test over rows that are not ours, and proof that it can fail ----------------------------------------------


def widened(row: Ground) -> Ground:
    """A permit as careless hands would write it: everything to everybody, so that only the denies are left to stop it."""
    if not row.permits:
        return row
    return row.model_copy(
        update={"recipient": ("*",), "purpose": ("*",), "data": CATEGORIES, "conditions": row.conditions[:1]}
    )


WIDE = tuple(widened(row) for row in IN_FORCE)


def where_it_stands(deny: Ground) -> list[Question]:
    """Questions that the careless permits for anybody would answer with yes, asked where only this deny speaks of it."""
    for_anybody = [row for row in WIDE if row.permits and row.provider == ("*",)]
    place = {"provider": deny.provider, "recipient": deny.recipient, "purpose": deny.purpose}
    return questions([row.model_copy(update=place) for row in for_anybody], 100, seed=7)


@pytest.fixture(scope="module")
def wide() -> tuple[list[Question], list[bool]]:
    # Chance alone reaches a deny between two rare kinds too seldom.
    denies = [row for row in IN_FORCE if not row.permits]
    some = questions(WIDE, 6_000, seed=7) + [question for deny in denies for question in where_it_stands(deny)]
    return some, ask_cedar(WIDE, some)


def index_of(rows: tuple[Ground, ...]) -> GroundIndex:
    return build(GroundSet(rows, ""), DAY)


def test_cedar_says_the_same_where_only_the_denies_stand_between(wide: tuple[list[Question], list[bool]]) -> None:
    some, cedar = wide

    assert list(effects(index_of(WIDE), some)) == cedar
    assert 500 < sum(cedar) < 5_500


@pytest.mark.parametrize(
    "deny", [pytest.param(row, id=row.id) for row in IN_FORCE if not row.permits and row.priority != "default"]
)
def test_a_deny_that_is_left_out_shows(deny: Ground, wide: tuple[list[Question], list[bool]]) -> None:
    some, cedar = wide

    assert not same(index_of(tuple(row for row in WIDE if row.id != deny.id)), some, cedar)


CHANGES: dict[str, Callable[[Ground], dict[str, Any]]] = {
    "one condition less": lambda row: {"conditions": row.conditions[1:]},
    "one category less": lambda row: {"data": row.data[1:]},
    "every category": lambda _row: {"data": CATEGORIES},
    "to anybody": lambda row: {"recipient": ("*",)},
    "for anything": lambda row: {"purpose": ("*",)},
    "turned around": lambda row: {"effect": "deny"},
    "of another day": lambda row: {"valid_until": row.valid_from.replace(year=1999), "valid_from": date(1999, 1, 1)},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_permit_that_is_changed_shows(name: str, asked: list[Question], cedar: list[bool]) -> None:
    some, theirs = asked[:15_000], cedar[:15_000]
    permits = [row for row in IN_FORCE if row.permits]

    silent = []
    for row in permits:
        changed = row.model_copy(update=CHANGES[name](row))
        rows = tuple(changed if other.id == row.id else other for other in IN_FORCE)
        if same(index_of(rows), some, theirs):
            silent.append(row.id)

    # Where another row carries the same anyway, or a deny stops what was added, one change makes no difference.
    assert len(silent) <= len(permits) // 5, silent
