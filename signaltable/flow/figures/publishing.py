"""Making a month ready to be shown: what is told of each number is drawn once, for everybody alike, and the counts go."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import delete, func, insert, select

from signaltable import small_cells
from signaltable.db import table_of
from signaltable.figure_rules import USUAL
from signaltable.flow.figures.dimensions import ALL, KINDS_OF, MEDIANS, MOST_DAYS, REGION, Dimension
from signaltable.keys.digests import keyed_digest
from signaltable.models import Figure, FigureMonth, RegionalTable
from signaltable.policy import PolicySet
from signaltable.transaction import Transaction

_FIGURES: Final = table_of(Figure)
_PURPOSE, _USE = "rows", "figures"
# A row of this dimension says by which rule its month was made ready; a month without one was so by a rule of before, or not.
MARK: Final = "rule"
RULE: Final = "drawn-1"
# Half of the cases were done within so many days: only these are told, so that no day of a single case is.
_WITHIN: Final = (0, 1, 2, 3, 5, 7, 10, 14, 21, 28, 42, 60, 90, 120, 180, 365, MOST_DAYS)
# (dimension, table, value).
Key = tuple[str, str, str]
# (table, value) -> how often, of one dimension.
_Numbers = Mapping[tuple[str, str], int]


def threshold_of(policy: PolicySet) -> int:
    """Below which a number is left out."""
    return policy.figures.smallest if policy.figures else USUAL


def make_ready(tx: Transaction) -> int:
    """Decide about every month that is counted whole and was not decided about by this rule. How many.

    Once only: its counts are gone after that, so that nothing is left from which it could be decided otherwise. A month that
    a rule of before decided about tells nothing that it did not tell then: whoever kept that page learns nothing from this.
    """
    marked = select(_FIGURES.c.month).where(_FIGURES.c.dimension == MARK)
    waiting = tx.session.scalars(
        select(FigureMonth).where(FigureMonth.month.not_in(marked)).order_by(FigureMonth.month)
    ).all()
    ready = [one for one in waiting if _is_whole(one)]
    smallest = threshold_of(tx.program.policy)
    for one in ready:
        counts, told_before = _held(tx, one.month)
        rows = _Made.of(tx, one.month, smallest).rows(counts)
        if one.hidden_below:
            rows = [row for row in rows if (row["dimension"], row["table_id"], row["value"]) in told_before]
        _replace(tx, one.month, [*rows, _row(one.month, MARK, REGION, RULE, smallest)])
        one.hidden_below = smallest
    return len(ready)


def _is_whole(month: FigureMonth) -> bool:
    return month.counted_until.day == 1 and f"{month.counted_until:%Y-%m}" > month.month


def _held(tx: Transaction, month: str) -> tuple[Mapping[str, _Numbers], frozenset[Key]]:
    """What was counted at each table, and which numbers a rule of before told."""
    counts: dict[str, dict[tuple[str, str], int]] = defaultdict(dict)
    told = set()
    columns = _FIGURES.c.dimension, _FIGURES.c.table_id, _FIGURES.c.value, _FIGURES.c.count.label("times")
    for row in tx.session.execute(select(*columns, _FIGURES.c.hidden).where(_FIGURES.c.month == month)):
        if row.table_id != REGION:
            counts[row.dimension][row.table_id, row.value] = row.times
        if not row.hidden:
            told.add((row.dimension, row.table_id, row.value))
    return counts, frozenset(told)


def _replace(tx: Transaction, month: str, rows: Sequence[Mapping[str, Any]]) -> None:
    connection = tx.session.connection()
    connection.execute(delete(_FIGURES).where(_FIGURES.c.month == month))
    connection.execute(insert(_FIGURES), rows)


def _row(month: str, dimension: str, table: str, value: str, count: int) -> dict[str, Any]:
    named = {"month": month, "dimension": str(dimension), "table_id": table, "value": value}
    return named | {"count": count, "hidden": False}


@dataclass(frozen=True, slots=True)
class _Made:
    """What of a month is told, made from what was counted in it.

    `alone`: there is one table, so the region is that table; two draws for one number would tell more than one.
    """

    month: str
    smallest: int
    secret: bytes
    alone: bool

    @classmethod
    def of(cls, tx: Transaction, month: str, smallest: int) -> "_Made":
        tables = tx.session.scalar(select(func.count()).select_from(RegionalTable))
        return cls(month, smallest, tx.program.keys.derive(_PURPOSE, _USE), tables == 1)

    def rows(self, counts: Mapping[str, _Numbers]) -> list[dict[str, Any]]:
        """A row for each number that is told; what is left out, for whatever reason, has none."""
        return [
            _row(self.month, dimension, table, value, number)
            for dimension, table, value, number in (*self._numbers(counts), *self._medians(counts))
        ]

    def _numbers(self, counts: Mapping[str, _Numbers]) -> Iterator[tuple[str, str, str, int]]:
        for dimension in (*KINDS_OF, *(one for kinds in KINDS_OF.values() for one in kinds)):
            for (table, value), count in sorted(_with_region(counts.get(dimension, {})).items()):
                number = self._told(dimension, table, value, count)
                if number is not None:
                    yield dimension, table, value, number

    def _medians(self, counts: Mapping[str, _Numbers]) -> Iterator[tuple[str, str, str, int]]:
        for days, median in MEDIANS.items():
            for table, by_days in sorted(_by_table(counts.get(days, {})).items()):
                if self._told(median, table, ALL, sum(by_days.values())) is not None:
                    yield median, table, ALL, next(one for one in _WITHIN if one >= _half(by_days))

    def _told(self, dimension: Dimension, table: str, value: str, count: int) -> int | None:
        """The count stands in the lot as well: a month that is counted anew after a backup was put back tells the same if
        it is the same, and if it is not, the two pages say nothing of by how much.
        """
        place = REGION if self.alone else table
        lot = keyed_digest(self.secret, _USE, self.month, dimension, place, value, str(count))
        return small_cells.told(count, small_cells.drawn(lot, self.smallest), self.smallest)


def _with_region(numbers: _Numbers) -> dict[tuple[str, str], int]:
    whole = dict(numbers)
    for (_table, value), count in numbers.items():
        whole[REGION, value] = whole.get((REGION, value), 0) + count
    return whole


def _by_table(numbers: _Numbers) -> Mapping[str, Mapping[int, int]]:
    """Table, the region too -> days -> how many cases took that many."""
    found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for (table, days), count in numbers.items():
        found[table][int(days)] += count
        found[REGION][int(days)] += count
    return found


def _half(days: Mapping[int, int]) -> int:
    done, whole = 0, sum(days.values())
    for day in sorted(days):
        done += days[day]
        if 2 * done >= whole:
            return day
    raise AssertionError("expected at least one number")
