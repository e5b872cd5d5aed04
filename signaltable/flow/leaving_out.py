"""A last fence for pages: whatever a page reads, the cases that its reader is kept from are not among it.

Each list and each gate leaves them out by itself; this holds where one forgets. It works on what the ORM selects, so that
a new table about a signal is fenced from the day it is made.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.event import listen
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria

from signaltable.db import Base
from signaltable.models import AgendaItem, Disclosure, Link, Question, Recusal, Signal, Subject
from signaltable.queries import WHOLE, mine
from signaltable.transaction import Transaction

# Columns by which a row belongs to a case, the first that a table has; and which rows of the case they name.
_BY: Final[Mapping[str, Callable[[list[str]], Any]]] = MappingProxyType(
    {
        "signal_id": lambda cases: cases,
        "disclosure_id": lambda cases: _ids(Disclosure, cases),
        "question_id": lambda cases: _ids(Question, cases),
        "subject_id": lambda cases: _ids(Subject, cases),
        "item_id": lambda cases: _ids(AgendaItem, cases),
    }
)


def leave_out(tx: Transaction) -> bool:
    """From now on this transaction reads nothing of the cases that its actor is kept from; whether there are any.

    For reading only: a step that has to see every row (positions on an agenda, groups of linked people) does not belong behind it; a query
    that asks for the whole says so with the execution option `WHOLE`.
    """
    cases = sorted(mine(tx))
    if not cases:
        return False
    criteria = [with_loader_criteria(model, rule, include_aliases=True) for model, rule in _rules(cases)]

    def fence(state: ORMExecuteState) -> None:
        if state.is_select and not state.is_column_load and not state.execution_options.get(WHOLE):
            state.statement = state.statement.options(*criteria)

    listen(tx.session, "do_orm_execute", fence)
    return True


def _ids(model: Any, cases: list[str]) -> Any:
    # Of the table and not of the mapped class, so that the fence does not close on itself.
    table = model.__table__
    return select(table.c.id).where(table.c.signal_id.in_(cases))


def _rules(cases: list[str]) -> Iterator[tuple[Any, ColumnElement[bool]]]:
    yield Signal, Signal.id.not_in(cases)
    sides = _ids(Subject, cases)
    yield Link, Link.subject_a.not_in(sides) & Link.subject_b.not_in(sides)
    for mapper in Base.registry.mappers:
        model = mapper.class_
        if model is Recusal:
            continue
        name = next((one for one in _BY if one in mapper.columns), "")
        if name:
            column = getattr(model, name)
            yield model, or_(column.is_(None), column.not_in(_BY[name](cases)))
