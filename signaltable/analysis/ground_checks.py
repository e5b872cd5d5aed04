"""What can be proven about the legal grounds: every provider, recipient, purpose, person and category is walked through.

The rows that match and the order in which they decide are asked from `ground_index`, the same that decides requests; each
finding comes with the smallest request that shows it, and was put to `disclose.decide_whole`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from itertools import combinations, product
from typing import Any, TypeVar

from signaltable.analysis.found import Found, confirm
from signaltable.conditions.shape import Context
from signaltable.disclose import decide_whole
from signaltable.disclosure.outcome import Permit
from signaltable.evidence import needed
from signaltable.evidence_examples import examples_for
from signaltable.ground_index import GroundIndex, carrying, denying, index_on, open_rows, past, place
from signaltable.ground_request import Moment, moment_of, parse_request
from signaltable.grounds import CAPACITIES, CATEGORIES, KINDS, PURPOSES, ROLES, Ground
from signaltable.policy import PolicySet

# An age in doubt counts as minor, one that is not known fits no row that the other two do not fit.
AGES = ("adult", "minor")
W = TypeVar("W")


@dataclass(frozen=True, slots=True)
class Cell:
    """One provider (the task), recipient, purpose and person, and the rows that speak about it."""

    provider: str
    kind: str
    recipient: str
    purpose: str
    age: str
    role: str
    rows: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """The rows of one day and every cell in which a permit stands, by the rows that speak there."""

    policy: PolicySet
    on: date
    index: GroundIndex
    cells: Mapping[int, Cell]

    def of(self, row: Ground) -> list[Cell]:
        """One cell for every different company in which a row stands."""
        bit = self.index.bits[row.id]
        return [cell for cell in self.cells.values() if cell.rows & bit]

    def opens(self, row: Ground, cell: Cell, category: str) -> bool:
        """Whether a row may carry a category here, once its conditions are met; a signature is not looked at."""
        return bool(open_rows(self.index, cell.rows, (category,), demo=True) & self.index.bits[row.id])

    def file(self, row: Ground) -> str:
        """Where a ground stands, relative to policies/."""
        return row.file


def check_grounds(policy: PolicySet, on: date) -> Iterator[Found]:
    """Every finding about the grounds of one day."""
    index = index_on(policy.grounds, on)
    matrix = Matrix(policy, on, index, _cells(index))
    permits = [row for row in index.in_order if row.permits]
    idle: set[str] = set()
    yield from _out_of_time(matrix)
    for row in permits:
        found = _never_permits(matrix, row)
        if found:
            idle.add(row.id)
            yield found
            continue
        yield from _stopped(matrix, row)
        yield from _never_carried(matrix, row)
    doubles = dict(_duplicates(matrix, [row for row in index.in_order if row.id not in idle]))
    yield from doubles.values()
    yield from _covered(matrix, [row for row in permits if row.id not in idle | doubles.keys()])


def _cells(index: GroundIndex) -> dict[int, Cell]:
    """One cell for every different company of rows with a permit in it, the first in the order of the words.

    Words about which the same rows speak lead to the same companies, so only the first of them is walked through.
    """
    cells: dict[int, Cell] = {}
    providers = _different(index.providers, [(kind, task) for kind in KINDS for task in CAPACITIES[kind]])
    recipients, purposes = _different(index.recipients, KINDS), _different(index.purposes, PURPOSES)
    persons = _different(index.persons, list(product(AGES, ROLES)))
    for (kind, task), recipient, purpose in product(providers, recipients, purposes):
        anybody = index.providers[kind, task] & index.recipients[recipient] & index.purposes[purpose]
        if not anybody & index.permits:
            continue
        for age, role in persons:
            rows = anybody & index.persons[age, role]
            if rows & index.permits and rows not in cells:
                cells[rows] = Cell(task, kind, recipient, purpose, age, role, rows)
    return cells


def _different(speaking: Mapping[W, int], words: Iterable[W]) -> list[W]:
    """The first of all words about which the same rows speak."""
    first: dict[int, W] = {}
    for word in words:
        first.setdefault(speaking[word], word)
    return list(first.values())


def _request(cell: Cell, category: str) -> dict[str, Any]:
    return {
        "provider": cell.provider,
        "recipient": cell.recipient,
        "purpose": cell.purpose,
        "data": [category],
        "person": {"age": cell.age, "role": cell.role},
        "conditions": {},
    }


def _evidence(row: Ground, cell: Cell, category: str, moment: Moment) -> dict[str, Any]:
    """Invented evidence for every condition of a row."""
    context = Context(moment.now, moment.day, cell.recipient, cell.age)
    return examples_for(row, context, (category,))


def _is_permitted(matrix: Matrix, row: Ground, cell: Cell, category: str) -> bool:
    """Whether the engine lets a category through on this very row, when all that it demands is shown."""
    moment = moment_of(matrix.on)
    given = {**_request(cell, category), "conditions": _evidence(row, cell, category, moment)}
    return isinstance(decide_whole(parse_request(given, moment, demo=True), matrix.policy.grounds), Permit)


def _found(matrix: Matrix, kind: str, row: Ground, key: str, message: str, request: Mapping[str, Any]) -> Found:
    """A finding whose request the engine refuses or permits as said: without evidence nothing is ever permitted."""

    def refused() -> bool:
        asked = parse_request(request, moment_of(matrix.on), demo=True)
        return not isinstance(decide_whole(asked, matrix.policy.grounds), Permit)

    return confirm(Found(kind, matrix.file(row), key, message, request=request), refused)


def _out_of_time(matrix: Matrix) -> Iterator[Found]:
    """Rows of which no version counts on the day asked; the default deny holds on any day."""
    current = {row.id for row in matrix.policy.grounds.on(matrix.on)}
    latest = {row.id: row for row in matrix.policy.grounds.rows if row.priority != "default"}
    for row in latest.values():
        if row.id in current:
            continue
        over = row.valid_until is not None and row.valid_until < matrix.on
        when = f"it ended on {row.valid_until}" if over else f"it begins on {row.valid_from}"
        where = _everywhere(index_on(matrix.policy.grounds, row.valid_from))
        bit = index_on(matrix.policy.grounds, row.valid_from).bits[row.id]
        cell = next((Cell(*words, mask) for words, mask in where.items() if mask & bit), None)
        kind = "ground-never-permits" if row.permits else "ground-changes-nothing"
        key = "valid_until" if over else "valid_from"
        message = f"expected a version of {row.id} that counts on {matrix.on}, found none: {when}"
        if cell is not None:
            yield _found(matrix, kind, row, key, message, _request(cell, _first(row)))


def _never_permits(matrix: Matrix, row: Ground) -> Found | None:
    """A permit that lets nothing through anywhere, and what stops it."""
    cells = matrix.of(row)
    kind = "ground-never-permits"
    if not cells:  # An empty list of words stops the start; this is for words that no agency can be.
        return Found(kind, matrix.file(row), "provider", "expected somebody to whom it applies, found nobody")
    opened = [(cell, name) for cell in cells for name in row.data if matrix.opens(row, cell, name)]
    if not opened:
        stopped = next(
            ((cell, name) for cell in cells for name in row.data if _is_stopped(matrix, row, cell, name)), None
        )
        if stopped:
            cell, name = stopped
            denies = ", ".join(deny.id for deny in _stopping(matrix, row, cell, name))
            message = f"expected a request that it permits, found none: {denies} stops it everywhere"
            return _found(matrix, kind, row, "purpose", message, _request(cell, name))
        hard = ", ".join(sorted({one.id for cell in cells for name in row.data for one in _hard(matrix, cell, name)}))
        message = f"expected a request that it permits, found none: {hard} takes out all its data"
        return _found(matrix, kind, row, "data", message, _request(cells[0], row.data[0]))
    clash = _clash(matrix.policy, row, {cell.age for cell, _ in opened})
    cell, name = opened[0]
    if clash:
        message = (
            f"expected conditions that can be met together, found {clash[0]} and {clash[1]}, which exclude each other"
        )
        return _found(matrix, kind, row, "conditions", message, _request(cell, name))
    tried = {one.age: (one, category) for one, category in reversed(opened)}
    if not any(_is_permitted(matrix, row, *one) for one in tried.values()):
        message = "expected evidence that meets its conditions for the persons it names, found none"
        return _found(matrix, kind, row, "conditions", message, _request(cell, name))
    return None


def _clash(policy: PolicySet, row: Ground, ages: Iterable[str]) -> tuple[str, str] | None:
    """Two conditions that exclude each other, when there are such for every age that the row reaches."""
    found = None
    for age in sorted(ages):
        pairs = combinations(needed(row.conditions, age), 2)
        found = next((pair for pair in pairs if pair[1] in policy.conditions[pair[0]].excludes), None)
        if found is None:
            return None
    return found


def _stopping(matrix: Matrix, row: Ground, cell: Cell, category: str) -> tuple[Ground, ...]:
    """The specific denies that a row does not get past here."""
    index = matrix.index
    denies = index.listed(denying(index, cell.rows, (category,)) & index.specific)
    bit = index.bits[row.id]
    return tuple(deny for deny in denies if not past(index, index.bits[deny.id]) & bit)


def _hard(matrix: Matrix, cell: Cell, category: str) -> tuple[Ground, ...]:
    return matrix.index.listed(cell.rows & matrix.index.hard[category])


def _is_stopped(matrix: Matrix, row: Ground, cell: Cell, category: str) -> bool:
    """Whether a row could carry a category here, were it not for a specific deny."""
    carries = carrying(matrix.index, cell.rows, (category,)) & matrix.index.bits[row.id]
    return bool(carries) and bool(_stopping(matrix, row, cell, category))


def _stopped(matrix: Matrix, row: Ground) -> Iterator[Found]:
    """A provider, recipient and purpose that a permit names itself, and where a specific deny always stops it."""
    named = [words for words in (row.provider, row.recipient, row.purpose) if words != ("*",)]
    if len(named) < 3:
        return
    told: set[tuple[str, ...]] = set()
    for words in product(*named):
        cells = list(_cells_of(matrix, row, *words))
        if any(matrix.opens(row, cell, name) for cell in cells for name in row.data):
            continue
        stopped = next(
            ((cell, name) for cell in cells for name in row.data if _is_stopped(matrix, row, cell, name)), None
        )
        if stopped is None:
            continue
        denies = tuple(deny.id for deny in _stopping(matrix, row, *stopped))
        if (*denies, words[2]) in told:
            continue
        told.add((*denies, words[2]))
        message = f"expected no deny where the permit says {', '.join(words)}, found {', '.join(denies)}, which always stops it"
        yield _found(matrix, "ground-contradiction", row, "purpose", message, _request(*stopped))


def _cells_of(matrix: Matrix, row: Ground, provider: str, recipient: str, purpose: str) -> Iterator[Cell]:
    """Every cell in which a row stands because of these three words."""
    index = matrix.index
    for kind in KINDS:
        for task in CAPACITIES[kind]:
            if provider not in (task, kind) or (provider == kind and kind in CAPACITIES[kind] and task != kind):
                continue
            for age, role in product(AGES, ROLES):
                rows = place(index, task, kind, recipient, purpose, age, role)
                if rows & index.bits[row.id]:
                    yield Cell(task, kind, recipient, purpose, age, role, rows)


def _never_carried(matrix: Matrix, row: Ground) -> Iterator[Found]:
    """A category that a permit names and that a hard deny takes out wherever it stands."""
    cells = matrix.of(row)
    for name in row.data:
        if not any(matrix.opens(row, cell, name) for cell in cells):
            hard = sorted({deny.id for cell in cells for deny in _hard(matrix, cell, name)})
            if hard:
                message = f"expected a category that can go, found {name}, which {', '.join(hard)} takes out everywhere"
                yield _found(matrix, "ground-contradiction", row, "data", message, _request(cells[0], name))


def _says(row: Ground) -> tuple[object, ...]:
    """What a row comes to beyond the cells in which it stands."""
    data = frozenset(CATEGORIES) if "*" in row.data else frozenset(row.data)
    parameters = {code: value for code, value in row.parameters.items() if code in row.conditions}
    return (
        row.permits,
        row.priority,
        data,
        frozenset(row.names_special),
        frozenset(row.conditions),
        frozenset(parameters.items()),
        frozenset(row.except_conditions),
    )


def _duplicates(matrix: Matrix, rows: list[Ground]) -> Iterator[tuple[str, Found]]:
    """Rows that say the same about the same cells, however they are written; told of the later one."""
    seen: dict[tuple[object, ...], Ground] = {}
    for row in rows:
        where = _sides(matrix.index, row)
        earlier = seen.setdefault((where, *_says(row)), row)
        if earlier is not row and all(where):
            (task, kind), recipient, purpose, (age, role) = (min(side) for side in where)
            request = _request(Cell(task, kind, recipient, purpose, age, role, 0), _first(row))
            message = f"expected something else than {earlier.id} says ({matrix.file(earlier)}), found the same"
            yield row.id, _found(matrix, "ground-duplicate", row, "", message, request)


def _sides(index: GroundIndex, row: Ground) -> tuple[frozenset[Any], ...]:
    """The providers, recipients, purposes and persons a row is about: it stands in every cell of their product (`place`),
    so that two rows stand in the same cells when these four are the same.
    """
    bit = index.bits[row.id]
    providers = [(task, kind) for kind in KINDS for task in CAPACITIES[kind] if index.providers[kind, task] & bit]
    return (
        frozenset(providers),
        frozenset(word for word in KINDS if index.recipients[word] & bit),
        frozenset(word for word in PURPOSES if index.purposes[word] & bit),
        frozenset(person for person in product(AGES, ROLES) if index.persons[person] & bit),
    )


def _everywhere(index: GroundIndex) -> dict[tuple[str, str, str, str, str, str], int]:
    return {
        (task, kind, recipient, purpose, age, role): place(index, task, kind, recipient, purpose, age, role)
        for kind in KINDS
        for task in CAPACITIES[kind]
        for recipient, purpose, age, role in product(KINDS, PURPOSES, AGES, ROLES)
    }


def _first(row: Ground) -> str:
    return CATEGORIES[0] if "*" in row.data else row.data[0]


def _covered(matrix: Matrix, permits: list[Ground]) -> Iterator[Found]:
    """Permits that another one makes needless: it lets the same through wherever they do, for no more conditions."""
    left = list(permits)
    for row in reversed(permits):
        cells = [(cell, name) for cell in matrix.of(row) for name in row.data if matrix.opens(row, cell, name)]
        for other in left:
            if (
                other.id == row.id
                or not cells
                or not _asks_no_more(other, row)
                or not _is_as_sure(other, row, matrix.on)
            ):
                continue
            if all(matrix.opens(other, cell, name) for cell, name in cells):
                left.remove(row)
                message = f"expected something that {other.id} does not permit already for the same or fewer conditions"
                yield _found(matrix, "ground-changes-nothing", row, "conditions", message, _request(*cells[0]))
                break


def _asks_no_more(other: Ground, row: Ground) -> bool:
    demands = {code: other.parameters.get(code) for code in other.conditions}
    return (
        set(other.conditions) <= set(row.conditions)
        and all(value in (None, row.parameters.get(code)) for code, value in demands.items())
        and other.effect in {row.effect, "mandatory_if"}
    )


def _is_as_sure(other: Ground, row: Ground, on: date) -> bool:
    """Whether a row can stand in for another: no lawyer has more to say about it, and it owes nothing more."""
    if other.lawyer and not row.lawyer:
        return False
    if row.reviewed_by_then(on) and not other.reviewed_by_then(on):
        return False
    return {owed.kind for owed in other.obligations} <= {owed.kind for owed in row.obligations}
