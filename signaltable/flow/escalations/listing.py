"""Stuck cases as the coordinator sees them: why, since when, with whom, and who missed what. No content of a case.

Whoever decides at the regional table sees those that came to the table, on process level.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, case, select, union_all

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import NotFound
from signaltable.escalation_rules import Result
from signaltable.flow import places
from signaltable.flow.escalations.ending import TABLE, missed_behind, missed_since
from signaltable.flow.escalations.settling import at_table, offered
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.models import Account, Disclosure, Duty, Escalation, MeetingTask, Question, Signal
from signaltable.queries import PAGE, PageKey, agency_titles, newest_first, not_kept_from, resource_of, tables_of
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class StuckLine:
    """A stuck case in a list. `level` is coordinator or table; `due_on` the last day of the coordinator."""

    id: str
    reference: str
    urgency: str
    cause: str
    level: str
    opened_at: datetime
    due_on: date
    late: bool
    missed: int
    result: str
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class MissedLine:
    """A date that an organisation missed. `agency` is empty where something was passed on: to whom is not the table's."""

    due_on: date
    kind: str
    agency: str


@dataclass(frozen=True, slots=True)
class StuckCase:
    """One stuck case: its course, who missed what, and how it can go on. `may_settle`: the actor coordinates this table."""

    line: StuckLine
    state: str
    owner: str
    raised_at: datetime | None
    missed: tuple[MissedLine, ...]
    reason: str
    holder: str
    settled_by: str
    results: tuple[Result, ...]
    agencies: tuple[tuple[str, str], ...]
    may_settle: bool
    version: int


@dataclass(frozen=True, slots=True)
class StuckPage:
    """What is stuck now, the regional table's first and then by day; a page of what was settled, newest first."""

    open: tuple[StuckLine, ...]
    more_open: bool
    settled: tuple[StuckLine, ...]
    following: PageKey | None


def listing(tx: Transaction, *, after: PageKey | None = None) -> StuckPage:
    """The stuck cases at the actor's tables; that they were looked at is recorded."""
    _gate(tx)
    waiting = _of_actor(tx).where(Escalation.settled_at.is_(None), Escalation.id.in_(_first_open(tx, MOST + 1)))
    rows: Sequence[Escalation] = tx.lists.scalars(waiting.order_by(*_ORDER).limit(MOST + 1)).all()
    lists = (*(("stuck-settled",) if _coordinates(tx) else ()), "stuck-settled-table")
    newest = places.at_own_tables(tx, lists, PAGE + 1, newest=True, after=after)
    done = _of_actor(tx).where(Escalation.settled_at.is_not(None), Escalation.id.in_(select(newest.c.object_id)))
    settled, following = newest_first(tx, done, Escalation.opened_at, Escalation.id, after)
    shown = rows[:MOST]
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "stuck", "count": len(shown) + len(settled)},
        signals=sorted({row.signal_id for row in (*shown, *settled)}),
    )
    # Of those that go to the table on the same day the most urgent comes first; the order of the rules is that of urgency.
    urgency = list(tx.program.policy.urgencies).index
    lines = sorted(_lines(tx, shown), key=lambda one: (one.level != TABLE, one.due_on, urgency(one.urgency)))
    return StuckPage(tuple(lines), len(rows) > MOST, tuple(_lines(tx, settled)), following)


@in_whole("the gate sees what it refuses")
def _named(tx: Transaction, escalation_id: str) -> Escalation | None:
    return tx.session.get(Escalation, escalation_id)


@in_whole("the gate sees what it refuses")
def _signal_of(tx: Transaction, row: Escalation) -> Signal:
    return tx.session.get_one(Signal, row.signal_id)


def consult(tx: Transaction, escalation_id: str) -> StuckCase:
    """One stuck case. Raises `NotFound`, and `Refused` for whoever has no seat at its table."""
    _gate(tx)
    row = _named(tx, escalation_id)
    if row is None or (row.raised_at is None and not _coordinates(tx)):
        raise NotFound("no such stuck case")
    signal = _signal_of(tx, row)
    needed = Permission.ESCALATION_SETTLE_OWN_TABLE if _coordinates(tx) else Permission.TABLE_DECIDE_OWN_TABLE
    require(tx.actor, needed, resource_of(tx, signal))
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "stuck"},
    )
    titles = agency_titles(tx)
    settles = _coordinates(tx) and row.settled_at is None
    account = tx.session.get(Account, row.settled_by) if row.settled_by else None
    (line,) = _lines(tx, [row])
    return StuckCase(
        line=line,
        state=signal.state,
        owner=titles.get(signal.owner_agency, ""),
        raised_at=row.raised_at,
        missed=tuple(_missed(tx, row, titles)),
        reason=row.reason,
        holder=titles.get(row.holder_agency, ""),
        settled_by=account.name if account else "",
        results=offered(tx, signal) if settles else (),
        agencies=tuple(at_table(tx, signal)) if settles else (),
        may_settle=settles,
        version=row.version,
    )


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The stuck cases that the actor brings back into motion, each with the day on which it goes to the table."""
    query = (
        _of_actor(tx)
        .where(Escalation.settled_at.is_(None), Escalation.id.in_(_first_open(tx, MOST)))
        .with_only_columns(
            Escalation.id,
            Escalation.opened_at,
            Escalation.due_on,
            Escalation.signal_id,
            Signal.reference,
            Signal.urgency,
            maintain_column_froms=True,
        )
    )
    for row in tx.lists.execute(query.order_by(*_ORDER).limit(MOST)):
        urgent = is_pressing(tx, row.urgency)
        yield WorkItem("stuck", row.id, row.reference, row.opened_at, row.due_on, urgent, (row.signal_id,))


_ORDER: Final[tuple[Any, ...]] = (case((Escalation.level == TABLE, 0), else_=1), Escalation.due_on, Escalation.id)


def _coordinates(tx: Transaction) -> bool:
    return isinstance(may(tx.actor, Permission.ESCALATION_SETTLE_OWN_TABLE), Allowed)


def _gate(tx: Transaction) -> None:
    if not _coordinates(tx):
        require(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE)


def _first_open(tx: Transaction, most: int) -> Select[*tuple[Any, ...]]:
    """The ids of the first open ones, with those of the regional table and those of the coordinator."""
    first = [places.at_own_tables(tx, (one,), most) for one in ("stuck-table", "stuck-coordinator")]
    return select(union_all(*(select(one.c.object_id) for one in first)).subquery().c.object_id)


def _of_actor(tx: Transaction) -> Select[Escalation]:
    """Those at tables of the actor's agency; for whoever does not coordinate only what came to the table."""
    conditions: list[ColumnElement[bool]] = [
        places.beside(Signal.table_id).in_(tables_of(tx, tx.actor.agency_id)),
        not_kept_from(tx, Escalation.signal_id),
    ]
    if not _coordinates(tx):
        conditions.append(Escalation.raised_at.is_not(None))
    return select(Escalation).join(Signal, Signal.id == Escalation.signal_id).where(*conditions)


def _lines(tx: Transaction, rows: Sequence[Escalation]) -> Iterable[StuckLine]:
    query = select(Signal.id, Signal.reference, Signal.urgency).where(Signal.id.in_({row.signal_id for row in rows}))
    signals = {one.id: one for one in tx.lists.execute(query)}
    missed = missed_behind(tx, rows)
    for row in rows:
        signal = signals[row.signal_id]
        yield StuckLine(
            id=row.id,
            reference=signal.reference,
            urgency=signal.urgency,
            cause=row.cause,
            level=row.level,
            opened_at=row.opened_at,
            due_on=row.due_on,
            late=row.settled_at is None and row.due_on < tx.today,
            missed=len(missed[row.id]),
            result=row.result,
            settled_at=row.settled_at,
        )


# Of a kind of date: where the organisation stands that had to act. Who got something from a receiver is told to the owner
# only when that receiver allows it (flow/holders.py), and to the table by nobody.
_OWNERS: Final = Disclosure.parent_id.is_(None)
_WHO: Final[Mapping[str, Select[*tuple[Any, ...]]]] = {
    "acceptance": select(Disclosure.id.label("id"), Disclosure.recipient_agency.label("agency")).where(_OWNERS),
    "feedback": select(Disclosure.id.label("id"), Disclosure.recipient_agency.label("agency")).where(_OWNERS),
    "answer": select(Question.id.label("id"), Question.agency_id.label("agency")),
    "task": select(MeetingTask.id.label("id"), MeetingTask.agency_id.label("agency")),
    "duty": select(Duty.id.label("id"), Duty.agency_id.label("agency")).where(
        Duty.disclosure_id.in_(select(Disclosure.id).where(_OWNERS))
    ),
}


def _missed(tx: Transaction, row: Escalation, titles: Mapping[str, str]) -> Iterable[MissedLine]:
    dates = missed_since(tx, row)
    who: dict[tuple[str, str], str] = {}
    for kind in sorted({one.kind for one in dates}):
        ids = [one.object_id for one in dates if one.kind == kind]
        query = _WHO[kind]
        found = tx.session.execute(query.where(query.selected_columns.id.in_(ids)))
        who |= {(kind, one.id): one.agency for one in found}
    for one in dates:
        yield MissedLine(one.due_on, one.kind, titles.get(who.get((one.kind, one.object_id), ""), ""))
