"""The duties as they are read: a list of tasks, and where each duty of a disclosure stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, case, false, func, literal, or_, select, tuple_, union_all

from signaltable.access import Allowed, Permission, may
from signaltable.db import UtcDateTime
from signaltable.domain import day_of
from signaltable.flow import places, second_person
from signaltable.flow.duty_kinds import DESTROY, RECORD, REVIEW
from signaltable.flow.duty_rows import side_of, words_of
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Disclosure, Duty, Signal
from signaltable.queries import PAGE, PageKey, agency_titles, not_kept_from
from signaltable.transaction import Transaction

# Far enough to sort what has no date behind everything that has one.
FAR: Final = datetime(9999, 12, 31, tzinfo=UTC)
_ALL: Final = ("duties", "duties-record", "duties-destroy")


@dataclass(frozen=True, slots=True)
class DutyLine:
    """A duty in a list of tasks. No content: a list is read over a shoulder. `side` is provider, receiver or reviewer."""

    id: str
    kind: str
    side: str
    disclosure: str
    provider: str
    recipient: str
    due_at: datetime | None
    overdue: bool
    postponed: int


@dataclass(frozen=True, slots=True)
class Postponement:
    """A day on which a duty was put off, until when, and why."""

    at: date
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class DutyStatus:
    """Where a duty stands. `text` and `postponements` are empty for everybody but the agency that owes it."""

    id: str
    kind: str
    agency: str
    due_at: datetime | None
    overdue: bool
    postponed: int
    fulfilled_at: datetime | None
    late: bool
    result: str
    mine: bool
    text: str
    postponements: tuple[Postponement, ...]


def listing(tx: Transaction, *, after: PageKey | None = None) -> tuple[list[DutyLine], PageKey | None]:
    """What the actor can fulfil, the first due first, a page at a time; with the key of the next page or None."""
    due = func.coalesce(Duty.due_at, literal(FAR, UtcDateTime()))
    query = _waiting(tx, select(Duty, Disclosure)).where(_among(tx, _ALL, PAGE + 1, after=after))
    if after is not None:
        query = query.where(tuple_(due, Duty.id) > tuple_(literal(after[0], UtcDateTime()), literal(after[1])))
    found = tx.lists.execute(query.order_by(due, Duty.id).limit(PAGE + 1)).all()
    shown, titles = found[:PAGE], agency_titles(tx)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "duties", "count": len(shown)},
        signals=[one.Disclosure.signal_id for one in shown],
    )
    last = shown[-1].Duty if len(found) > PAGE else None
    return [_line(tx, one.Duty, one.Disclosure, titles) for one in shown], (
        last.due_at or FAR,
        last.id,
    ) if last else None


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The duties that ask something of the actor, each with its day. Erasing with the case asks nothing before that."""
    due = func.coalesce(Duty.due_at, literal(FAR, UtcDateTime()))
    asks = or_(Duty.kind != DESTROY, Duty.due_at <= tx.now)
    query = _waiting(
        tx, select(Duty.id, Duty.kind, Duty.created_at, Duty.due_at, Disclosure.reference, Disclosure.signal_id)
    )
    now = places.of_own_agency(tx, ("duties-destroy",), MOST, before=tx.now + timedelta(microseconds=1))
    query = query.where(_among(tx, ("duties",), MOST, select(now.c.object_id)))
    for row in tx.lists.execute(query.where(asks, Duty.kind != RECORD).order_by(due, Duty.id).limit(MOST)):
        day = day_of(row.due_at) if row.due_at else None
        yield WorkItem("duties", row.id, row.reference, row.created_at, day, row.kind == REVIEW, (row.signal_id,))


def _among(
    tx: Transaction, lists: tuple[str, ...], most: int, *more: Select[Any], **options: Any
) -> ColumnElement[bool]:
    """Whether a duty is among the first of the own agency, or of those that the actor may look back at, or among `more`."""
    parts = [select(places.of_own_agency(tx, lists, most, **options).c.object_id), *more]
    if second_person.may_look(tx):
        joined = select(Duty.id).join(Disclosure, Disclosure.id == Duty.disclosure_id)
        may_see = joined.join(Signal, Signal.id == Disclosure.signal_id).where(_to_look_back_at(tx))
        parts.append(second_person.first_places(tx, "reviews", most, may_see, **options))
    return Duty.id.in_(union_all(*parts))


def _waiting(tx: Transaction, query: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    joined = query.join(Disclosure, Disclosure.id == Duty.disclosure_id)
    if second_person.may_look(tx):
        # Only whose disclosures may be looked back at asks for the case; for the others it would be a look for each duty.
        joined = joined.join(Signal, Signal.id == Disclosure.signal_id)
    return joined.where(Duty.fulfilled_at.is_(None), _of_actor(tx), not_kept_from(tx, Disclosure.signal_id))


def _of_actor(tx: Transaction) -> ColumnElement[bool]:
    """What the actor's agency owes, and what somebody else did that the actor may look back at."""
    parts: list[ColumnElement[bool]] = [false()]
    if isinstance(may(tx.actor, Permission.DUTY_FULFIL_OWN), Allowed):
        parts.append(and_(places.beside(Duty.agency_id) == tx.actor.agency_id, Duty.kind != REVIEW))
    if second_person.may_look(tx):
        parts.append(_to_look_back_at(tx))
    return or_(*parts)


def _to_look_back_at(tx: Transaction) -> ColumnElement[bool]:
    others = Disclosure.requested_by != tx.actor.account_id, Disclosure.approved_by != tx.actor.account_id
    return and_(Duty.kind == REVIEW, *others, second_person.reach(tx))


def _line(tx: Transaction, duty: Duty, row: Disclosure, titles: Mapping[str, str]) -> DutyLine:
    return DutyLine(
        id=duty.id,
        kind=duty.kind,
        side=side_of(duty),
        disclosure=row.reference,
        provider=titles.get(row.provider_agency, ""),
        recipient=titles.get(row.recipient_agency, ""),
        due_at=duty.due_at,
        overdue=_overdue(tx, duty),
        postponed=duty.postponed,
    )


def _overdue(tx: Transaction, duty: Duty) -> bool:
    return duty.fulfilled_at is None and duty.due_at is not None and duty.due_at < tx.now


def of_disclosure(tx: Transaction, row: Disclosure, *, only: Iterable[str] = ()) -> tuple[DutyStatus, ...]:
    """The duties of a disclosure, the first due first; `only` these kinds. What was written is for who owes it alone.

    The caller asked the gate and records the view.
    """
    kinds = set(only)
    due = func.coalesce(Duty.due_at, literal(FAR, UtcDateTime()))
    order = case((Duty.kind == RECORD, 1), else_=0)
    found = tx.session.scalars(select(Duty).where(Duty.disclosure_id == row.id).order_by(order, due, Duty.id)).all()
    titles = agency_titles(tx)
    return tuple(status_of(tx, duty, titles) for duty in found if not kinds or duty.kind in kinds)


def status_of(tx: Transaction, duty: Duty, titles: Mapping[str, str]) -> DutyStatus:
    """Where one duty stands, as the actor may know it."""
    mine = duty.agency_id == tx.actor.agency_id
    said = words_of(tx, duty) if mine else {}
    late = duty.fulfilled_at is not None and duty.due_at is not None and duty.fulfilled_at > duty.due_at
    return DutyStatus(
        id=duty.id,
        kind=duty.kind,
        agency=titles.get(duty.agency_id, ""),
        due_at=duty.due_at,
        overdue=_overdue(tx, duty),
        postponed=duty.postponed,
        fulfilled_at=duty.fulfilled_at,
        late=late,
        result=duty.result,
        mine=mine,
        text=said.get("text", ""),
        postponements=tuple(
            Postponement(date.fromisoformat(one["at"]), date.fromisoformat(one["until"]), one["reason"])
            for one in said.get("postponed", ())
        ),
    )
