"""Finding entries: any combination of filters, a page at a time, as fast in a log of a million entries as in a short one.

Every filter is a list of entry numbers in an index (a term, or a column of the entry). The shortest list leads, and each
of its entries is looked up in the others, newest first, until the page is full.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, exists, func, select, text
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from signaltable.audit_trail.terms import Term
from signaltable.models import LogEntry, LogTerm

# Lists are counted up to the first of these, and only when none is shorter up to the next. Longer ones count as equally
# long: counting further costs more than choosing wrongly.
LONG = (300, 5_000)

_COLUMNS = ("agency", "action", "outcome", "actor", "object")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries: all that hold. An empty value does not count; `until` is the first moment that is left out.

    `scope` is the one agency whose entries the reader may see, "" for all; `terms` are pairs of audit_trail/terms.py.
    """

    scope: str = ""
    agency: str = ""
    action: str = ""
    outcome: str = ""
    actor: str = ""
    object: str = ""
    terms: tuple[Term, ...] = ()
    since: datetime | None = None
    until: datetime | None = None


def find(
    session: Session, wanted: Wanted, *, before: int | None = None, after: int | None = None, limit: int
) -> list[LogEntry]:
    """At most `limit` entries that are wanted, newest first: those just older than entry `before`, or just newer than `after`."""
    seqs = find_seqs(session, wanted, before=before, after=after, limit=limit)
    rows = session.scalars(select(LogEntry).where(LogEntry.seq.in_(seqs)).order_by(LogEntry.seq.desc()))
    return list(rows)


def find_seqs(
    session: Session, wanted: Wanted, *, before: int | None = None, after: int | None = None, limit: int
) -> list[int]:
    """The numbers of what `find` gives, newest first."""
    if wanted.scope and wanted.agency not in {"", wanted.scope}:
        return []
    bounds = _bounds(session, wanted, before, after)
    if bounds is None:
        return []
    lists = list(_lists(wanted))
    query = _query(wanted, _shortest(session, lists, bounds), bounds)
    number = query.selected_columns[0]
    ordered = query.order_by(number if after is not None else number.desc()).limit(limit)
    return sorted(session.scalars(ordered), reverse=True)


# A half-open range of entry numbers; an end that is None is open.
_Bounds = tuple[int, int | None]
# What leads: a term, or the columns of the entry that one index serves.
_List = Term | dict[str, str]


def _lists(wanted: Wanted) -> Iterator[_List]:
    """The filters that can lead: each has an index in the order of the numbers."""
    yield from wanted.terms
    columns = _columns(wanted)
    for names in (("agency", "action"), ("agency",), ("action",), ("actor",), ("object",)):
        if columns.keys() >= set(names):
            yield {name: columns[name] for name in names}
    if columns.get("outcome", "ok") != "ok":
        yield {"outcome": columns["outcome"]}
    elif columns.keys() <= {"outcome"} and not wanted.terms:
        yield {}


def _columns(wanted: Wanted) -> dict[str, str]:
    values = {name: getattr(wanted, name) for name in _COLUMNS} | ({"agency": wanted.scope} if wanted.scope else {})
    return {name: value for name, value in values.items() if value}


def _bounds(session: Session, wanted: Wanted, before: int | None, after: int | None) -> _Bounds | None:
    """The numbers between which everything wanted stands; None when there are none. Moments in the log never go back."""
    first = 0 if after is None else after + 1
    end = before
    if wanted.since is not None:
        since = _first_at(session, wanted.since)
        if since is None:
            return None
        first = max(first, since)
    if wanted.until is not None and (until := _first_at(session, wanted.until)) is not None:
        end = until if end is None else min(end, until)
    return None if end is not None and end <= first else (first, end)


def _first_at(session: Session, moment: datetime) -> int | None:
    at = select(func.min(LogEntry.recorded_at)).where(LogEntry.recorded_at >= moment).scalar_subquery()
    return session.scalar(select(func.min(LogEntry.seq)).where(LogEntry.recorded_at == at))


def _shortest(session: Session, lists: Sequence[_List], bounds: _Bounds) -> _List:
    """The list to begin with. Of equally long ones the first: terms say more than columns."""
    if len(lists) > 1:
        for most in LONG:
            lengths = [_length(session, one, bounds, most) for one in lists]
            if min(lengths) < most:
                return lists[lengths.index(min(lengths))]
    return lists[0]


def _length(session: Session, leading: _List, bounds: _Bounds, most: int) -> int:
    some = _start(leading, bounds).limit(most).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _start(leading: _List, bounds: _Bounds) -> Select[int]:
    """The numbers in one list, between the bounds."""
    if isinstance(leading, tuple):
        name, value = leading
        query = select(LogTerm.seq).where(LogTerm.name == name, LogTerm.value == value)
        return query.where(*_between(LogTerm.seq, bounds))
    query = select(LogEntry.seq).where(*(getattr(LogEntry, name) == value for name, value in leading.items()))
    if "outcome" in leading:
        query = query.where(text("log_entries.outcome <> 'ok'"))  # The index holds nothing else, and asks to be told.
    return query.where(*_between(LogEntry.seq, bounds))


def _query(wanted: Wanted, leading: _List, bounds: _Bounds) -> Select[int]:
    query = _start(leading, bounds)
    columns = _columns(wanted)
    if isinstance(leading, tuple):
        others = [one for one in wanted.terms if one != leading]
        at: InstrumentedAttribute[int] = LogTerm.seq
        if columns:
            one = aliased(LogEntry)
            query = query.where(exists().where(one.seq == at, *(getattr(one, n) == v for n, v in columns.items())))
    else:
        others, at = list(wanted.terms), LogEntry.seq
        # Inside a function a column cannot lead: the database must not choose another list than the shortest.
        rest = (func.coalesce(getattr(LogEntry, n), "") == v for n, v in columns.items() if n not in leading)
        query = query.where(*rest)
    return query.where(*(_has(term, at) for term in others))


def _has(term: Term, seq: InstrumentedAttribute[int]) -> ColumnElement[bool]:
    one = aliased(LogTerm)
    return exists().where(one.name == term[0], one.value == term[1], one.seq == seq)


def _between(seq: InstrumentedAttribute[int], bounds: _Bounds) -> list[ColumnElement[bool]]:
    first, end = bounds
    return ([seq >= first] if first else []) + ([seq < end] if end is not None else [])
