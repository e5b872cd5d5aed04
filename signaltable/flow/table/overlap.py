"""Whether a case lies at another table too: the same subject, by links that all owners confirmed.

Told is the name of the other table and nothing else: no reference, no owner, no state. So that no two tables work on
one case, the coordinators can bring them together (flow/table/moving.py).
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import aliased

from signaltable.domain import ENDED
from signaltable.models import RegionalTable, Signal, Subject, SubjectGroup
from signaltable.transaction import Transaction, in_whole


@in_whole("a group holds subjects of several agencies")
def elsewhere(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Signal id -> the names of other tables where the same subject lies in a case that is not over, by name."""
    found: dict[str, set[str]] = {}
    if signal_ids:
        first = aliased(Signal)
        for signal_id, title in tx.session.execute(_pairs(first, first.id.in_(list(signal_ids)))):
            found.setdefault(signal_id, set()).add(title)
    return {signal_id: tuple(sorted(titles)) for signal_id, titles in found.items()}


@in_whole("a group holds subjects of several agencies")
def other_tables(tx: Transaction, signal_id: str) -> tuple[str, ...]:
    """The ids of those tables for one signal, in a fixed order: where it can go to be together with the other case."""
    first = aliased(Signal)
    rows = tx.session.execute(_pairs(first, first.id == signal_id, told=(RegionalTable.id, RegionalTable.title)))
    return tuple(
        table_id for table_id, _title in sorted({(row[0], row[1]) for row in rows}, key=lambda row: (row[1], row[0]))
    )


def _pairs(first: type[Signal], *where: ColumnElement[bool], told: Sequence[Any] = ()) -> Select[Any]:
    mine, theirs = aliased(SubjectGroup), aliased(SubjectGroup)
    one, other, second = aliased(Subject), aliased(Subject), aliased(Signal)
    return (
        select(*(told or (first.id, RegionalTable.title)))
        .select_from(first)
        .join(one, one.signal_id == first.id)
        .join(mine, mine.subject_id == one.id)
        .join(theirs, theirs.group_id == mine.group_id)
        .join(other, other.id == theirs.subject_id)
        .join(second, second.id == other.signal_id)
        .join(RegionalTable, RegionalTable.id == second.table_id)
        .where(second.table_id != first.table_id, second.state.not_in(ENDED), first.state.not_in(ENDED), *where)
        .distinct()
    )
