"""A last fence for pages: whatever a page reads, the cases that its reader is kept from are not among it.

Each list and each gate leaves them out by itself; this holds where one forgets. It works on what the ORM selects, so that
a new table about a signal is fenced from the day it is made.
"""

from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, and_, or_, select
from sqlalchemy.orm import ORMExecuteState, with_loader_criteria

from signaltable.db import Base
from signaltable.models import AgendaItem, Disclosure, Link, Question, Recusal, Signal, Subject
from signaltable.queries import WHOLE, mine
from signaltable.transaction import Transaction

# A condition on the rows of a class, or of an alias of it.
Rule = Callable[[Any], ColumnElement[bool]]

_SUBJECTS, _ITEMS = Subject.__table__, AgendaItem.__table__
_QUESTIONS, _DISCLOSURES = Question.__table__, Disclosure.__table__


def _by_signal(cases: list[str]) -> Rule:
    return lambda cls: or_(cls.signal_id.is_(None), cls.signal_id.not_in(cases))


def _by_disclosure(cases: list[str]) -> Rule:
    return lambda cls: or_(
        cls.disclosure_id.is_(None),
        cls.disclosure_id.not_in(select(_DISCLOSURES.c.id).where(_DISCLOSURES.c.signal_id.in_(cases))),
    )


def _by_question(cases: list[str]) -> Rule:
    return lambda cls: or_(
        cls.question_id.is_(None),
        cls.question_id.not_in(select(_QUESTIONS.c.id).where(_QUESTIONS.c.signal_id.in_(cases))),
    )


def _by_subject(cases: list[str]) -> Rule:
    return lambda cls: or_(
        cls.subject_id.is_(None),
        cls.subject_id.not_in(select(_SUBJECTS.c.id).where(_SUBJECTS.c.signal_id.in_(cases))),
    )


def _by_item(cases: list[str]) -> Rule:
    return lambda cls: or_(
        cls.item_id.is_(None), cls.item_id.not_in(select(_ITEMS.c.id).where(_ITEMS.c.signal_id.in_(cases)))
    )


# Columns by which a row belongs to a case, the first that a table has; and the condition on it. Each is a function of the
# class, because only then it is fitted to every alias of a join; `cases` is all that it takes from outside, so that a
# prepared query gets the values of this request.
_BY: Final[Mapping[str, Callable[[list[str]], Rule]]] = MappingProxyType(
    {
        "signal_id": _by_signal,
        "disclosure_id": _by_disclosure,
        "question_id": _by_question,
        "subject_id": _by_subject,
        "item_id": _by_item,
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

    tx.narrow(fence)
    return True


def _rules(cases: list[str]) -> Iterator[tuple[Any, Rule]]:
    yield Signal, lambda cls: cls.id.not_in(cases)
    yield (
        Link,
        lambda cls: and_(
            cls.subject_a.not_in(select(_SUBJECTS.c.id).where(_SUBJECTS.c.signal_id.in_(cases))),
            cls.subject_b.not_in(select(_SUBJECTS.c.id).where(_SUBJECTS.c.signal_id.in_(cases))),
        ),
    )
    for mapper in Base.registry.mappers:
        name = next((one for one in _BY if one in mapper.columns), "")
        if name and mapper.class_ is not Recusal:
            yield mapper.class_, _BY[name](cases)
