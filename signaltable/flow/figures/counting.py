"""Counting the days that are over, once: what happened on them, at which table.

Each thing counts in the month in which it happened: a signal when it came in, a disclosure when it was made, an outcome when
the case ended. Days are counted in the night after them, long before anything of them is erased.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any, Final

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from signaltable.db import table_of
from signaltable.domain import ENDED, GONE, ZONE, Actor, Conflict, State, day_of
from signaltable.flow.figures import publishing
from signaltable.flow.figures.dimensions import ALL, MOST_DAYS, Dimension
from signaltable.models import Agency, AgendaItem, Disclosure, Figure, FigureMonth, RegionalTable, Signal, SignalMove
from signaltable.transaction import Program, Transaction, reading, transaction

_AT_ONCE: Final = 5_000

# (month, dimension, table, value) -> how often.
Counts = Counter[tuple[str, str, str, str]]


@dataclass(frozen=True, slots=True)
class Counted:
    """What a run did: how many days it counted, and how many months can be shown since."""

    days: int
    months: int


def month_of(day: date) -> str:
    """2026-10."""
    return f"{day:%Y-%m}"


def first_of_next(month: str) -> date:
    """The first day after a month."""
    year, number = map(int, month.split("-"))
    return date(year + number // 12, number % 12 + 1, 1)


def count_days(program: Program, actor: Actor) -> Counted:
    """Count every day that is over and was not counted, and make the months ready that are over. Safe to run again."""
    today = day_of(program.clock())
    with reading(program, whole="figures are about every agency") as session:
        since = _counted_until(session) or _first_day(session)
        counts = _count(session, since, today) if since is not None and since < today else None
    days = 0
    if since is not None and counts is not None:
        with transaction(program, actor) as tx:
            _keep(tx, counts, since, today)
        days = (today - since).days
    with transaction(program, actor) as tx:
        return Counted(days, publishing.make_ready(tx))


def _counted_until(session: Session) -> date | None:
    return session.scalar(select(func.max(FigureMonth.counted_until)))


def _first_day(session: Session) -> date | None:
    first = session.scalar(select(func.min(Signal.created_at)))
    return day_of(first) if first is not None else None


# -- what happened -----------------------------------------------------------------------------------------------


def _count(session: Session, since: date, until: date) -> Counts:
    """What happened from one day up to but not including another."""
    stretch = datetime.combine(since, time(), ZONE), datetime.combine(until, time(), ZONE)
    counts: Counts = Counter()
    for happened in (_signals, _disclosures, _moves, _decisions):
        for at, table, found in happened(session, stretch):
            for dimension, value in found:
                counts[month_of(day_of(at)), dimension, table, value] += 1
    return counts


_Stretch = tuple[datetime, datetime]
# When, at which table, and what it counts as.
_Happened = tuple[datetime, str, Sequence[tuple[Dimension, str]]]


def _signals(session: Session, stretch: _Stretch) -> Iterator[_Happened]:
    kinds = dict(session.execute(select(Agency.id, Agency.kind)).all())
    columns = select(Signal.created_at, Signal.urgency, Signal.owner_agency, Signal.facts, Signal.advice)
    for table in session.scalars(select(RegionalTable.id).order_by(RegionalTable.id)).all():
        query = columns.where(Signal.table_id == table, Signal.created_at >= stretch[0], Signal.created_at < stretch[1])
        for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
            yield (
                row.created_at,
                table,
                [
                    (Dimension.SIGNALS, ALL),
                    (Dimension.URGENCY, row.urgency),
                    (Dimension.AGENCY_KIND, kinds.get(row.owner_agency, "")),
                    *((Dimension.FORMS, one) for one in _several(row.facts.get("forms"))),
                    *((Dimension.DESTINATIONS, one) for one in _several(_destinations(row.advice))),
                ],
            )


def _several(values: Any) -> list[str]:
    """Each once; what cannot stand in a column is none of ours."""
    return sorted({one for one in values or () if isinstance(one, str) and 0 < len(one) <= 64})


def _destinations(advice: Any) -> list[str]:
    return [one.get("destination", "") for one in (advice or {}).get("routes", ())]


def _disclosures(session: Session, stretch: _Stretch) -> Iterator[_Happened]:
    query = (
        select(Disclosure.disclosed_at, Signal.table_id, Agency.kind)
        .join(Signal, Signal.id == Disclosure.signal_id)
        .join(Agency, Agency.id == Disclosure.recipient_agency)
        .where(Disclosure.disclosed_at >= stretch[0], Disclosure.disclosed_at < stretch[1])
    )
    for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
        yield row.disclosed_at, row.table_id, [(Dimension.DISCLOSURES, ALL), (Dimension.RECIPIENT_KIND, row.kind)]


def _moves(session: Session, stretch: _Stretch) -> Iterator[_Happened]:
    """Outcomes, and how long it took until somebody looked at a signal first."""
    query = (
        select(
            SignalMove.at,
            SignalMove.state_from,
            SignalMove.state_to,
            Signal.table_id,
            Signal.created_at,
            Signal.outcome,
        )
        .join(Signal, Signal.id == SignalMove.signal_id)
        .where(
            SignalMove.at >= stretch[0],
            SignalMove.at < stretch[1],
            SignalMove.state_to.in_(ENDED) | (SignalMove.state_from == State.SUBMITTED),
        )
    )
    for row in session.execute(query.execution_options(yield_per=_AT_ONCE)):
        found: list[tuple[Dimension, str]] = []
        if row.state_to in ENDED:
            outcome = row.outcome if row.state_to == State.CLOSED and row.outcome else row.state_to
            found += [(Dimension.OUTCOMES, ALL), (Dimension.OUTCOME, outcome)]
        if row.state_from == State.SUBMITTED and row.state_to not in GONE:
            found.append((Dimension.DAYS_TO_TRIAGE, _days(row.created_at, row.at)))
        yield row.at, row.table_id, found


def _decisions(session: Session, stretch: _Stretch) -> Iterator[_Happened]:
    query = (
        select(AgendaItem.decided_at, Signal.table_id, Signal.created_at)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.decided_at >= stretch[0], AgendaItem.decided_at < stretch[1])
    )
    for row in session.execute(query):
        yield row.decided_at, row.table_id, [(Dimension.DAYS_TO_DECISION, _days(row.created_at, row.decided_at))]


def _days(since: datetime, until: datetime) -> str:
    return str(min(max(0, (day_of(until) - day_of(since)).days), MOST_DAYS))


# -- keeping it --------------------------------------------------------------------------------------------------


def _keep(tx: Transaction, counts: Counts, since: date, until: date) -> None:
    """Add what was counted to the months. Raises `Conflict` when somebody else counted these days meanwhile."""
    if (_counted_until(tx.session) or since) != since:
        raise Conflict("at_once", "these days were counted meanwhile")
    figures = table_of(Figure)
    months = sorted(_months(since, until))
    held = {
        (row.month, row.dimension, row.table_id, row.value)
        for row in tx.session.execute(
            select(figures.c.month, figures.c.dimension, figures.c.table_id, figures.c.value).where(
                figures.c.month.in_(months)
            )
        )
    }
    new = [(key, count) for key, count in sorted(counts.items()) if key not in held]
    rows = [dict(zip(("month", "dimension", "table_id", "value"), key, strict=True)) for key, _count in new]
    connection = tx.session.connection()
    if rows:
        connection.execute(
            insert(figures), [row | {"count": count, "hidden": True} for row, (_, count) in zip(rows, new, strict=True)]
        )
    for key, count in counts.items():
        if key in held:
            same = zip((figures.c.month, figures.c.dimension, figures.c.table_id, figures.c.value), key, strict=True)
            more = update(figures).where(*(column == value for column, value in same))
            connection.execute(more.values(count=figures.c.count + count))
    for month in months:
        row = tx.session.get(FigureMonth, month) or FigureMonth(month=month, hidden_below=0)
        row.counted_until = min(first_of_next(month), until)
        tx.session.add(row)


def _months(since: date, until: date) -> Iterator[str]:
    day = since
    while day < until:
        yield month_of(day)
        day = min(first_of_next(month_of(day)), until)
