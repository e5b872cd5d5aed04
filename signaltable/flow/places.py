"""Reading a list along its access index: the first so many of each list and scope, and never more than a page needs.

One statement asks every list of every scope for its own first rows and puts these together (UNION ALL): an `IN` over
several tables or agencies reads all of them to sort them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, false, func, select, tuple_, union_all
from sqlalchemy.orm import InstrumentedAttribute

from signaltable.models import ListPlace
from signaltable.queries import PageKey, not_kept_from, tables_of
from signaltable.transaction import Transaction

# A query of the id of things and the moment or day by which they stand in an index.
Branch = Select[*tuple[Any, ...]]


def first_of(
    tx: Transaction,
    lists: Sequence[str],
    scopes: Iterable[str],
    limit: int,
    *,
    newest: bool = False,
    after: PageKey | None = None,
    before: datetime | None = None,
    only: ColumnElement[bool] | None = None,
) -> Subquery:
    """The first `limit` places of these lists in these scopes: `object_id`, `signal_id`, `at`, and `list`.

    By moment and id; the last first when `newest`. `after` is where the page before ended, `before` an end that is not part
    of it; `only` is what else is asked of a `ListPlace`, so that what is left out takes no place of another. Without the
    cases that the actor is kept from. No scope gives none. Each branch of the statement has its own limit,
    so that the database goes along its index and stops.
    """
    order = (ListPlace.at.desc(), ListPlace.object_id.desc()) if newest else (ListPlace.at, ListPlace.object_id)
    place = tuple_(ListPlace.at, ListPlace.object_id)
    branches = []
    for scope in dict.fromkeys(scopes):
        for one in lists:
            query = select(ListPlace.object_id, ListPlace.signal_id, ListPlace.at, ListPlace.list).where(
                ListPlace.list == one, ListPlace.scope == scope, not_kept_from(tx, ListPlace.signal_id)
            )
            if after is not None:
                query = query.where(place < after if newest else place > after)
            if before is not None:
                query = query.where(ListPlace.at < before)
            if only is not None:
                query = query.where(only)
            branches.append(select(query.order_by(*order).limit(limit).subquery()))
    if not branches:
        nothing = select(ListPlace.object_id, ListPlace.signal_id, ListPlace.at, ListPlace.list)
        return nothing.where(ListPlace.list == "").subquery()
    together = union_all(*branches).subquery()
    columns: Select[Any] = select(together)
    turned = (together.c.at.desc(), together.c.object_id.desc()) if newest else (together.c.at, together.c.object_id)
    return columns.order_by(*turned).limit(limit).subquery()


def first_of_branches(branches: Sequence[Branch], limit: int, *, newest: bool = False) -> Select[Any]:
    """The ids of the first `limit` of all these branches together; of no branch none.

    The last come first when `newest`. The rows themselves are not read for it: at five tables with five states that would be
    six hundred for a page of 25.
    """
    if not branches:
        return select(ListPlace.object_id).where(false())

    def in_order(columns: Any) -> Sequence[ColumnElement[Any]]:
        thing, at = columns
        return (at.desc(), thing.desc()) if newest else (at, thing)

    limited = (one.order_by(*in_order(one.selected_columns)).limit(limit).subquery() for one in branches)
    together = union_all(*(select(one) for one in limited)).subquery()
    return select(together.c[0]).order_by(*in_order(together.c)).limit(limit)


def beside(column: InstrumentedAttribute[Any]) -> ColumnElement[Any]:
    """A column as a condition on what the places found, and never the way by which the rows are sought.

    A planner without statistics takes an index on a state for a good way into a table of millions.
    """
    return func.coalesce(column, "")


def at_own_tables(tx: Transaction, lists: Sequence[str], limit: int, **options: Any) -> Subquery:
    """`first_of` at the tables where the actor's agency has a seat."""
    return first_of(tx, lists, tables_of(tx, tx.actor.agency_id), limit, **options)


def of_own_agency(tx: Transaction, lists: Sequence[str], limit: int, **options: Any) -> Subquery:
    """`first_of` for the actor's agency."""
    return first_of(tx, lists, [tx.actor.agency_id], limit, **options)
