"""The grounds once more, as Cedar policies: written from what the words of a row mean, apart from the code under test.

Only tests and the bench use this. Cedar has no "unless the permit names it", so a deny that makes way for some permits is
written into every other permit that it can meet, and a deny that makes way for none becomes a forbid.
"""

import json
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache

import cedarpy

from signaltable.grounds import AGES, CAPACITIES, CATEGORIES, CONDITIONS, KINDS, PURPOSES, ROLES, Ground

PROVIDERS = tuple(dict.fromkeys((kind, task) for kind in KINDS for task in (kind, *CAPACITIES[kind])))


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as both engines are asked it."""

    kind: str
    task: str
    recipient: str
    purpose: str
    age: str
    role: str
    data: frozenset[str]
    met: frozenset[str]
    demo: bool

    def for_cedar(self) -> dict:
        return {
            "principal": f'Task::"{self.task}"',
            "action": f'Purpose::"{self.purpose}"',
            "resource": f'Agency::"{self.recipient}"',
            "context": {
                "kind": self.kind,
                "age": self.age,
                "role": self.role,
                "data": sorted(self.data),
                "met": sorted(self.met),
                "demo": self.demo,
            },
        }


# -- translating ------------------------------------------------------------------------------------------------------


def policies(rows: Iterable[Ground], day: date) -> cedarpy.PolicySet:
    """The rows in force on a day as one parsed Cedar policy set."""
    valid = [row for row in rows if row.valid_on(day) and row.priority != "default"]
    permits = [row for row in valid if row.effect != "deny"]
    denies = [row for row in valid if row.effect == "deny"]
    texts = []
    for deny in denies:
        if not any(_makes_way(deny, permit, name) for permit in permits for name in CATEGORIES):
            texts.append(f"forbid(principal, action, resource) when {{ {_all(_stands(deny))} }};")
    for permit in permits:
        guards = [f"!({_all(clash)})" for deny in denies for clash in _clashes(deny, permit)]
        parts = [*_scope(permit), *_carried(permit, day), *guards]
        texts.append(f"permit(principal, action, resource) when {{ {_all(parts)} }};")
    return cedarpy.PolicySet.from_str("\n".join(texts))


def _all(parts: Iterable[str]) -> str:
    return " && ".join(f"({part})" for part in parts) or "true"


def _set(words: Iterable[str]) -> str:
    return json.dumps(sorted(words))


def _scope(row: Ground) -> Iterator[str]:
    # What fails most often stands first, so that Cedar is not slower than it has to be.
    if row.purpose != ("*",):
        yield " || ".join(f'action == Purpose::"{purpose}"' for purpose in row.purpose)
    if row.recipient != ("*",):
        yield " || ".join(f'resource == Agency::"{kind}"' for kind in row.recipient)
    if row.provider != ("*",):
        tasks = sorted(tasks_of(row))
        yield " || ".join(f'principal == Task::"{task}"' for task in tasks) if tasks else "false"
    denies = row.effect == "deny"
    if row.person_age:
        ages = {*row.person_age, *(["doubt"] if "minor" in row.person_age else []), *(["unknown"] if denies else [])}
        yield f"{_set(ages)}.contains(context.age)"
    if row.person_role:
        yield f"{_set({*row.person_role, *(['unknown'] if denies else [])})}.contains(context.role)"


def tasks_of(row: Ground) -> frozenset[str]:
    """The tasks (and kinds whose task nobody said) that a row is about."""
    return _tasks(row.provider, denies=row.effect == "deny")


@cache
def _tasks(provider: tuple[str, ...], *, denies: bool) -> frozenset[str]:
    found = set()
    for kind, task in PROVIDERS:
        tasks = CAPACITIES[kind]
        said = tasks[0] if len(tasks) == 1 and task == kind else task
        if said in provider or (kind in provider and kind not in tasks):
            found.add(task)
        if denies and said not in tasks and set(tasks) & set(provider):
            found.add(task)
    return frozenset(found)


def _stands(deny: Ground) -> Iterator[str]:
    yield from _scope(deny)
    if deny.data != ("*",):
        yield f"context.data.containsAny({_set(deny.data)})"


def _carried(permit: Ground, day: date) -> Iterator[str]:
    yield "!context.data.isEmpty()"
    yield f"{_set(permit.data)}.containsAll(context.data)"
    always = set(permit.conditions) - {"MIN"}
    if always:
        yield f"context.met.containsAll({_set(always)})"
    if "MIN" in permit.conditions:
        yield 'context.age == "adult" || context.met.contains("MIN")'
    if not (permit.reviewed_by and permit.reviewed_on and permit.reviewed_on <= day):
        yield "context.demo"


def _makes_way(deny: Ground, permit: Ground, name: str) -> bool:
    """Whether a permit gets past a deny for one category."""
    if deny.priority == "hard":
        return name in deny.data and name in permit.names_special
    return bool(set(deny.except_conditions) & set(permit.conditions))


def _clashes(deny: Ground, permit: Ground) -> Iterator[list[str]]:
    """The situations in which a deny stops this permit; none where the two can never meet."""
    if not all(
        _meet(mine, theirs) for mine, theirs in ((deny.recipient, permit.recipient), (deny.purpose, permit.purpose))
    ):
        return
    if not {"*"} & {*deny.provider, *permit.provider} and not tasks_of(deny) & tasks_of(permit):
        return
    stopped = [
        name for name in permit.data if ("*" in deny.data or name in deny.data) and not _makes_way(deny, permit, name)
    ]
    if stopped:
        yield [*_scope(deny), f"context.data.containsAny({_set(stopped)})"]


def _meet(mine: tuple[str, ...], theirs: tuple[str, ...]) -> bool:
    return "*" in mine or "*" in theirs or bool(set(mine) & set(theirs))


# -- asking -----------------------------------------------------------------------------------------------------------


def questions(rows: Iterable[Ground], count: int, seed: int) -> list[Question]:
    """Random requests, most of them near a permit so that permits are frequent; the same for the same seed."""
    dice = random.Random(seed)
    permits = [row for row in rows if row.effect != "deny"]
    return [_near(dice, dice.choice(permits)) if dice.random() < 0.85 else _anywhere(dice) for _ in range(count)]


def _anywhere(dice: random.Random) -> Question:
    kind, task = dice.choice(PROVIDERS)
    return Question(
        kind,
        task,
        dice.choice(KINDS),
        dice.choice(PURPOSES),
        dice.choice(AGES),
        dice.choice((*ROLES, "unknown")),
        _some(dice, CATEGORIES, 1),
        _some(dice, CONDITIONS, 0),
        dice.random() < 0.9,
    )


def _near(dice: random.Random, row: Ground) -> Question:
    """A request that a row permits, changed in nothing, one thing or two."""
    other = _anywhere(dice)
    kind, task = dice.choice(
        [one for one in PROVIDERS if row.provider == ("*",) or one[1] in tasks_of(row)] or PROVIDERS
    )
    met = frozenset(row.conditions) | (_some(dice, CONDITIONS, 0) if dice.random() < 0.3 else frozenset())
    parts = {
        "provider": (kind, task),
        "recipient": dice.choice(KINDS if row.recipient == ("*",) else row.recipient),
        "purpose": dice.choice(PURPOSES if row.purpose == ("*",) else row.purpose),
        "age": dice.choice([*row.person_age, *(["doubt"] if "minor" in row.person_age else [])] or AGES),
        "role": dice.choice(row.person_role or ROLES),
        "data": _some(dice, row.data, 1),
        "met": met,
        "demo": True,
    }
    changes = {
        "provider": (other.kind, other.task),
        "recipient": other.recipient,
        "purpose": other.purpose,
        "age": other.age,
        "role": other.role,
        "data": parts["data"] | {dice.choice(CATEGORIES)},
        "met": met - {dice.choice(row.conditions)},
        "demo": False,
    }
    for key in dice.sample(sorted(changes), dice.choice((0, 0, 1, 1, 2))):
        parts[key] = changes[key]
    (kind, task), *rest = (
        parts[key] for key in ("provider", "recipient", "purpose", "age", "role", "data", "met", "demo")
    )
    return Question(kind, task, *rest)


def _some(dice: random.Random, words: Iterable[str], least: int) -> frozenset[str]:
    known = list(words)
    return frozenset(dice.sample(known, dice.randint(min(least, len(known)), min(len(known), 6))))
