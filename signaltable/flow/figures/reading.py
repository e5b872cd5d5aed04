"""Reading the figures of a month: what may be shown of them, for everybody the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import NotFound
from signaltable.figure_rules import USUAL_MONTHS
from signaltable.flow.figures.dimensions import ALL, KINDS_OF, REGION, Dimension, values_of
from signaltable.flow.figures.publishing import MARK, threshold_of
from signaltable.models import Figure, FigureMonth, RegionalTable
from signaltable.policy import PolicySet
from signaltable.transaction import Transaction

PAGE, FILE = "page", "file"
# A row has a method of the name of this column.
_TIMES = Figure.count.label("times")


@dataclass(frozen=True, slots=True)
class Cell:
    """A number as it is told (`small_cells`), or None when it is left out: nothing, few, or by lot."""

    number: int | None


@dataclass(frozen=True, slots=True)
class Section:
    """One dimension: for each value its number in the whole region (REGION) and at each table. Every value that the rules
    have is there, whatever happened.
    """

    dimension: Dimension
    rows: Mapping[str, Mapping[str, Cell]]

    @property
    def told(self) -> Mapping[str, Mapping[str, Cell]]:
        """The values of which some number is told."""
        return {
            value: cells for value, cells in self.rows.items() if any(one.number is not None for one in cells.values())
        }


@dataclass(frozen=True, slots=True)
class Month:
    """The figures of a month. `totals` are of signals, disclosures and outcomes; `tables` are (id, name), with the region first under REGION and without a name.

    `medians` are of Dimension.MEDIAN_...; `course` are the signals in the whole region of the last months, this one
    the last; `months` are those that can be shown, the newest first. `month` is "" when there is none. `threshold` is the
    one under which this month was decided about.
    """

    month: str
    months: tuple[str, ...]
    tables: tuple[tuple[str, str], ...]
    totals: Mapping[Dimension, Mapping[str, Cell]]
    sections: tuple[Section, ...]
    medians: Mapping[Dimension, Mapping[str, Cell]]
    course: tuple[tuple[str, Cell], ...]
    threshold: int


def consult(tx: Transaction, month: str = "", *, view: str = PAGE) -> Month:
    """The figures of a month, by default the last one that is over; recorded. Raises `NotFound` for one that has none."""
    require(tx.actor, Permission.FIGURES_CONSULT_ALL)
    below = _months(tx)
    months = tuple(below)
    if month and month not in months:
        raise NotFound("no figures of this month")
    chosen = month or (months[0] if months else "")
    tx.record("figures:consult", object_type="figures", details={"view": view} | ({"month": chosen} if chosen else {}))
    numbers = _numbers(tx, chosen)
    tables = _tables(tx, numbers)
    policy = tx.program.policy
    return Month(
        month=chosen,
        months=months,
        tables=tables,
        totals={one: _across(numbers, one, ALL, tables) for one in KINDS_OF},
        sections=tuple(_section(numbers, one, tables, policy) for kinds in KINDS_OF.values() for one in kinds),
        medians={
            one: _across(numbers, one, ALL, tables)
            for one in (Dimension.MEDIAN_TO_TRIAGE, Dimension.MEDIAN_TO_DECISION)
        },
        course=_course(tx, chosen, months),
        threshold=below.get(chosen) or threshold_of(tx.program.policy),
    )


def _months(tx: Transaction) -> dict[str, int]:
    """Those that were made safe to show, with their threshold: as they were decided about, and only where that was at least
    as careful as the rules are today. What a rule of before decided about waits for the job that decides about it anew.
    """
    marked = select(Figure.month).where(Figure.dimension == MARK)
    query = select(FigureMonth.month, FigureMonth.hidden_below)
    query = query.where(
        FigureMonth.hidden_below >= threshold_of(tx.program.policy),
        FigureMonth.month.in_(marked),
    )
    return {row.month: row.hidden_below for row in tx.lists.execute(query.order_by(FigureMonth.month.desc()))}


_Numbers = Mapping[tuple[str, str, str], Cell]


def _numbers(tx: Transaction, month: str) -> _Numbers:
    """Of a month that was decided about: nothing else is kept of it."""
    query = select(Figure.dimension, Figure.table_id, Figure.value, _TIMES)
    rows = tx.lists.execute(query.where(Figure.month == month, Figure.dimension.in_(list(Dimension)), ~Figure.hidden))
    return {(row.dimension, row.table_id, row.value): Cell(row.times) for row in rows}


def _tables(tx: Transaction, numbers: _Numbers) -> tuple[tuple[str, str], ...]:
    """The region, and the tables that are open or have something to tell."""
    told = {table for _dimension, table, _value in numbers}
    rows = tx.lists.execute(
        select(RegionalTable.id, RegionalTable.title, RegionalTable.closed_at).order_by(RegionalTable.title)
    )
    return (REGION, ""), *((row.id, row.title) for row in rows if row.closed_at is None or row.id in told)


def _section(numbers: _Numbers, dimension: Dimension, tables: Sequence[tuple[str, str]], policy: PolicySet) -> Section:
    """Urgencies come in an order of their own; the rest goes by its code."""
    order = {urgency: place for place, urgency in enumerate(policy.urgencies)}
    values = values_of(policy, dimension) | {value for one, _table, value in numbers if one == dimension}
    ordered = sorted(values, key=lambda value: (order.get(value, len(order)), value))
    return Section(dimension, {value: _across(numbers, dimension, value, tables) for value in ordered})


def _across(
    numbers: _Numbers, dimension: Dimension, value: str, tables: Sequence[tuple[str, str]]
) -> Mapping[str, Cell]:
    return {table: numbers.get((dimension, table, value), Cell(None)) for table, _title in tables}


def _course(tx: Transaction, month: str, months: Sequence[str]) -> tuple[tuple[str, Cell], ...]:
    back = tx.program.policy.figures.months if tx.program.policy.figures else USUAL_MONTHS
    wanted = sorted(one for one in months if one <= month)[-back:]
    query = select(Figure.month, _TIMES).where(
        Figure.dimension == Dimension.SIGNALS, Figure.table_id == REGION, Figure.value == ALL, Figure.month.in_(wanted)
    )
    held = {row.month: Cell(row.times) for row in tx.lists.execute(query)}
    return tuple((one, held.get(one, Cell(None))) for one in wanted)
