"""The grounds of one day as bit masks, and the one place where a row matches a request and where the order is decided.

Every row is one bit. A hard deny takes its category out unless the permitting row names that category; a specific deny
stops everything it touches unless the row demands what the deny makes way for; then a permit counts when it is reviewed
(or this is the demo) and all its conditions are met; otherwise nothing leaves (norms 1.1). Everything that asks whether a
row holds asks here: the step, the command, the analysis.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import product
from typing import Literal

from signaltable.evidence import needed
from signaltable.grounds import AGES, CAPACITIES, CATEGORIES, KINDS, PURPOSES, ROLES, Ground, GroundSet

ADULT = "adult"
# A role that nobody named. Read strictly, like an unknown age: it fits every deny and no permit that asks for a role.
UNKNOWN_ROLE = "unknown"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rows say, and the row that says so: the permit that carries it, or the deny that decides."""

    effect: Literal["permit", "deny"]
    row: str


@dataclass(frozen=True, slots=True)
class GroundIndex:
    """The rows in force in one interval, as masks. Bit n stands for `rows[n]`.

    `rows` come in the order in which they decide: hard denies, specific denies, then permits, first the one that asks
    least, then the one that covers least. `providers` goes by (kind, capacity), `persons` by (age, role). `passes[n]`
    holds the permits that get past deny n; `names` those that name a category together with its exception. The default
    deny is no bit: it is what is left when nothing else speaks, on any day.
    """

    rows: tuple[Ground, ...]
    in_order: tuple[Ground, ...]
    bits: Mapping[str, int]
    permits: int
    specific: int
    reviewed: int
    providers: Mapping[tuple[str, str], int]
    recipients: Mapping[str, int]
    purposes: Mapping[str, int]
    persons: Mapping[tuple[str, str], int]
    covers: Mapping[str, int]
    hard: Mapping[str, int]
    names: Mapping[str, int]
    passes: tuple[int, ...]
    needs: tuple[frozenset[str], ...]
    needs_of_adult: tuple[frozenset[str], ...]
    verdicts: tuple[Verdict, ...]
    default: Verdict
    default_row: Ground | None

    def listed(self, mask: int) -> tuple[Ground, ...]:
        """The rows in a mask, in the order of their ids."""
        if not mask:
            return ()
        return tuple(row for row in self.in_order if mask & self.bits[row.id])

    def preferred(self, mask: int) -> tuple[Ground, ...]:
        """The rows in a mask, in the order in which they decide."""
        return tuple(self.rows[number] for number in _numbers(mask))


def index_on(grounds: GroundSet, day: date) -> GroundIndex:
    """The index of the rows in force on `day`; built once per set and per stretch of days in which nothing changes."""
    days = _turning_days(grounds)
    number = bisect_right(days, day)
    return _index_from(grounds, days[number - 1] if number else date.min)


def place(index: GroundIndex, capacity: str, kind: str, recipient: str, purpose: str, age: str, role: str) -> int:
    """The rows that speak about this provider, recipient, purpose and person; none for a word nobody knows."""
    return (
        index.providers.get((kind, capacity), 0)
        & index.recipients.get(recipient, 0)
        & index.purposes.get(purpose, 0)
        & index.persons.get((age, role), 0)
    )


def beside(
    index: GroundIndex, capacity: str, kind: str, recipient: str, purpose: str, age: str, role: str
) -> tuple[Ground, ...]:
    """The permits that fit in all but one of provider, recipient, purpose and person, in the order of their ids."""
    fits = (
        index.providers.get((kind, capacity), 0),
        index.recipients.get(recipient, 0),
        index.purposes.get(purpose, 0),
        index.persons.get((age, role), 0),
    )
    found = 0
    for left_out in range(len(fits)):
        mask = index.permits & ~fits[left_out]
        for number, fitting in enumerate(fits):
            mask &= fitting if number != left_out else -1
        found |= mask
    return index.listed(found)


def carrying(index: GroundIndex, here: int, categories: Iterable[str]) -> int:
    """The permits among `here` that cover every category and name each one that a hard deny among `here` takes out."""
    found = here & index.permits
    covers, hard = index.covers, index.hard
    for name in categories:
        found &= covers.get(name, 0)
        if not found:
            return 0
        if here & hard[name]:
            found &= index.names[name]
    return found


def denying(index: GroundIndex, here: int, categories: Iterable[str]) -> int:
    """The denies among `here`, hard and specific, that speak about one of these categories."""
    touched = 0
    for name in categories:
        touched |= index.covers.get(name, 0)
    return here & touched & ~index.permits


def past(index: GroundIndex, denies: int) -> int:
    """The permits that get past every specific deny in this mask, because they demand what the deny makes way for."""
    found = index.permits
    for number in _numbers(denies & index.specific):
        found &= index.passes[number]
    return found


def open_rows(index: GroundIndex, here: int, categories: Iterable[str], *, demo: bool) -> int:
    """The permits among `here` that may carry all of these once their conditions are met. Nothing asked: none."""
    if not categories:
        return 0
    found = carrying(index, here, categories)
    if found and here & index.specific:
        found &= past(index, denying(index, here, categories))
    return found if demo else found & index.reviewed


def deciding_deny(index: GroundIndex, here: int, categories: Iterable[str]) -> Verdict:
    """The refusal: the first deny in the order of the law that speaks about this, else the default."""
    denies = denying(index, here, categories)
    if not denies:
        return index.default
    return index.verdicts[(denies & -denies).bit_length() - 1]


def verdict(
    index: GroundIndex,
    capacity: str,
    kind: str,
    recipient: str,
    purpose: str,
    age: str,
    role: str,
    categories: frozenset[str],
    met: frozenset[str],
    *,
    demo: bool,
) -> Verdict:
    """Whether all of `categories` may go when the conditions in `met` (codes) are met, and the row that says so.

    Never raises: a word nobody knows is a refusal. Of several permits the one that asks least is named.
    """
    here = place(index, capacity, kind, recipient, purpose, age, role)
    remaining = open_rows(index, here, categories, demo=demo)
    needs = index.needs_of_adult if age == ADULT else index.needs
    while remaining:
        lowest = remaining & -remaining
        number = lowest.bit_length() - 1
        if needs[number] <= met:
            return index.verdicts[number]
        remaining ^= lowest
    return deciding_deny(index, here, categories)


# -- building -----------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _turning_days(grounds: GroundSet) -> tuple[date, ...]:
    """The days on which a row begins, has ended, or counts as reviewed from then on."""
    days = set()
    for row in grounds.rows:
        days.add(row.valid_from)
        if row.valid_until is not None and row.valid_until < date.max:
            days.add(row.valid_until + timedelta(days=1))
        if row.reviewed_on is not None:
            days.add(row.reviewed_on)
    return tuple(sorted(days))


@lru_cache(maxsize=64)
def _index_from(grounds: GroundSet, first: date) -> GroundIndex:
    return build(grounds, first)


def build(grounds: GroundSet, day: date) -> GroundIndex:
    """The index of the rows in force on `day`, not kept. Use `index_on` unless the rows are made up for once."""
    in_order = tuple(row for row in grounds.on(day) if row.priority != "default")
    rows = tuple(sorted(in_order, key=_rank))
    permits = _mask(row.permits for row in rows)
    hard = _mask(not row.permits and row.priority == "hard" for row in rows)
    covers = {name: _mask(row.covers(name) for row in rows) for name in CATEGORIES}
    default = _default_of(grounds, day)
    return GroundIndex(
        rows=rows,
        in_order=in_order,
        bits={row.id: 1 << number for number, row in enumerate(rows)},
        permits=permits,
        specific=_mask(not row.permits and row.priority == "specific" for row in rows),
        reviewed=_mask(row.reviewed_by_then(day) for row in rows),
        providers=_providers(rows),
        recipients={kind: _mask(_says(row.recipient, kind) for row in rows) for kind in KINDS},
        purposes={purpose: _mask(_says(row.purpose, purpose) for row in rows) for purpose in PURPOSES},
        persons=_persons(rows),
        covers=covers,
        hard={name: covers[name] & hard for name in CATEGORIES},
        names={name: _mask(row.permits and name in row.names_special for row in rows) for name in CATEGORIES},
        passes=tuple(_mask(row.permits and _gets_past(row, deny) for row in rows) for deny in rows),
        needs=tuple(frozenset(row.conditions) for row in rows),
        needs_of_adult=tuple(frozenset(needed(row.conditions, ADULT)) for row in rows),
        verdicts=tuple(Verdict("permit" if row.permits else "deny", row.id) for row in rows),
        default=Verdict("deny", default.id if default else ""),
        default_row=default,
    )


def _default_of(grounds: GroundSet, day: date) -> Ground | None:
    """The default deny; it holds on every day, also before its file begins. None only in a set made up for once."""
    defaults = [row for row in grounds.rows if row.priority == "default"]
    in_force = [row for row in defaults if row.valid_on(day)]
    return next(iter((*in_force, *defaults)), None)


def _rank(row: Ground) -> tuple[int, int, int]:
    """Where a row stands in the order of deciding; rows of one rank stay in the order of their ids."""
    if not row.permits:
        return (0 if row.priority == "hard" else 1), 0, 0
    return 2, len(row.conditions), len(row.data)


def _mask(flags: Iterable[bool]) -> int:
    return sum(1 << number for number, flag in enumerate(flags) if flag)


def _numbers(mask: int) -> Iterator[int]:
    """The numbers of the rows in a mask, in the order in which they decide."""
    while mask:
        lowest = mask & -mask
        yield lowest.bit_length() - 1
        mask ^= lowest


def _says(words: tuple[str, ...], word: str) -> bool:
    return word in words or "*" in words


def _gets_past(row: Ground, deny: Ground) -> bool:
    """Whether a permit demands a condition for which a specific deny makes way."""
    return not frozenset(row.conditions).isdisjoint(deny.except_conditions)


def _providers(rows: tuple[Ground, ...]) -> dict[tuple[str, str], int]:
    return {
        (kind, capacity): _mask(_provider_fits(row, kind, capacity) for row in rows)
        for kind in KINDS
        for capacity in (kind, *CAPACITIES[kind])
    }


def _provider_fits(row: Ground, kind: str, capacity: str) -> bool:
    capacities = CAPACITIES[kind]
    # A kind with one task only leaves no doubt about the task.
    task = capacities[0] if capacity == kind and len(capacities) == 1 else capacity
    if _says(row.provider, task):
        return True
    # A kind stands for all its tasks, unless one of them bears the same name (police).
    if kind in row.provider and kind not in capacities:
        return True
    # When the task is not known, every deny of one of its tasks holds; a permit for one task does not.
    return task not in capacities and not row.permits and not set(capacities).isdisjoint(row.provider)


def _persons(rows: tuple[Ground, ...]) -> dict[tuple[str, str], int]:
    return {
        (age, role): _mask(_age_fits(row, age) and _role_fits(row, role) for row in rows)
        for age, role in product(AGES, (*ROLES, UNKNOWN_ROLE))
    }


def _age_fits(row: Ground, age: str) -> bool:
    # In doubt about minority somebody is treated as a minor (002:324-328).
    counts_as = "minor" if age == "doubt" else age
    # An unknown age fits no permit that asks for one, and every deny.
    return not row.person_age or counts_as in row.person_age or (age == "unknown" and not row.permits)


def _role_fits(row: Ground, role: str) -> bool:
    return not row.person_role or role in row.person_role or (role == UNKNOWN_ROLE and not row.permits)
