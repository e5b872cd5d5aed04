"""The history of cases as values for the pure step `stuck`: a few queries for many cases, and never their content."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final

from sqlalchemy import ColumnElement, select

from signaltable.domain import Decision, DisclosureState, State, day_of
from signaltable.flow.duty_kinds import DESTROY, RECORD
from signaltable.models import (
    AgendaItem,
    Disclosure,
    Duty,
    Escalation,
    MeetingTask,
    MissedDate,
    Postponement,
    Question,
    Signal,
)
from signaltable.stuck import Expected, History, Missed, PutOff, Referral
from signaltable.transaction import Transaction

# What a row of `postponements` is about -> the kind of date that it puts off.
PUT_OFF_KINDS: Final[Mapping[str, str]] = {
    "question": "answer",
    "task": "task",
    "disclosure": "acceptance",
    "feedback": "feedback",
    "duty": "duty",
}
HANDED_OVER: Final = (
    DisclosureState.DISCLOSED,
    DisclosureState.ACCEPTED,
    DisclosureState.RETURNED,
    DisclosureState.REVOKED,
)


def histories(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, History]:
    """Signal id -> what happened to it, as far as being stuck goes."""
    states = dict(tx.session.execute(select(Signal.id, Signal.state).where(Signal.id.in_(signal_ids))).all())
    disclosed = _disclosures(tx, signal_ids)
    advised = _advised(tx, signal_ids)
    expected = _grouped(
        [*_answers(tx, signal_ids), *_tasks(tx, signal_ids), *_duties(tx, signal_ids), *_of_receivers(disclosed)]
    )
    put_off, noted, settled = _put_off(tx, signal_ids), _noted(tx, signal_ids), _settled(tx, signal_ids)
    made = {}
    for signal_id, state in states.items():
        rows = disclosed.get(signal_id, [])
        decided, refer_by = _not_followed(advised.get(signal_id), rows)
        made[signal_id] = History(
            state=State(state),
            advised_on=decided,
            refer_by=refer_by,
            referrals=tuple(_referral(row) for row in rows),
            expected=tuple(expected.get(signal_id, ())),
            put_off=tuple(put_off.get(signal_id, ())),
            noted=tuple(noted.get(signal_id, ())),
            settled_at=settled.get(signal_id),
        )
    return made


def _grouped(pairs: Iterable[tuple[str, Expected]]) -> dict[str, list[Expected]]:
    found: dict[str, list[Expected]] = defaultdict(list)
    for signal_id, one in pairs:
        found[signal_id].append(one)
    return found


def _day(moment: datetime | None) -> date | None:
    return day_of(moment) if moment else None


def _first(*moments: datetime | None) -> date | None:
    there = [moment for moment in moments if moment]
    return day_of(min(there)) if there else None


def _disclosures(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, list[Disclosure]]:
    query = select(Disclosure).where(Disclosure.signal_id.in_(signal_ids), Disclosure.state.in_(HANDED_OVER))
    found: dict[str, list[Disclosure]] = defaultdict(list)
    for row in tx.session.scalars(query.order_by(Disclosure.requested_at, Disclosure.id)):
        found[row.signal_id].append(row)
    return found


def _referral(row: Disclosure) -> Referral:
    returned = row.responded_at if row.state == DisclosureState.RETURNED else None
    ends = [one for one in (returned, row.revoked_at) if one]
    accepted = row.state == DisclosureState.ACCEPTED and row.revoked_at is None
    return Referral(row.due_on, accepted, min(ends) if ends else None)


def _of_receivers(disclosed: Mapping[str, Iterable[Disclosure]]) -> Iterator[tuple[str, Expected]]:
    """What receivers had to do: accept or return, and tell what came of it once they had accepted."""
    for signal_id, rows in disclosed.items():
        for row in rows:
            if row.due_on is not None:
                met = _first(row.responded_at, row.revoked_at)
                yield signal_id, Expected("acceptance", row.id, row.due_on, met)
            if row.feedback_due_on is not None and row.state == DisclosureState.ACCEPTED:
                met = _first(row.feedback_at, row.revoked_at)
                yield signal_id, Expected("feedback", row.id, row.feedback_due_on, met)


def _answers(tx: Transaction, signal_ids: Sequence[str]) -> Iterator[tuple[str, Expected]]:
    query = select(Question.signal_id, Question.id, Question.due_on, Question.answered_at, Question.withdrawn_at).where(
        Question.signal_id.in_(signal_ids)
    )
    for row in tx.session.execute(query):
        yield row.signal_id, Expected("answer", row.id, row.due_on, _first(row.answered_at, row.withdrawn_at))


def _tasks(tx: Transaction, signal_ids: Sequence[str]) -> Iterator[tuple[str, Expected]]:
    query = select(MeetingTask.signal_id, MeetingTask.id, MeetingTask.due_on, MeetingTask.settled_at)
    for row in tx.session.execute(query.where(MeetingTask.signal_id.in_(signal_ids))):
        yield row.signal_id, Expected("task", row.id, row.due_on, _day(row.settled_at))


def _duties(tx: Transaction, signal_ids: Sequence[str]) -> Iterator[tuple[str, Expected]]:
    query = (
        select(Disclosure.signal_id, Duty.id, Duty.due_at, Duty.fulfilled_at)
        .join(Disclosure, Disclosure.id == Duty.disclosure_id)
        .where(Disclosure.signal_id.in_(signal_ids), Duty.kind.not_in((RECORD, DESTROY)), Duty.due_at.is_not(None))
    )
    for row in tx.session.execute(query):
        yield row.signal_id, Expected("duty", row.id, day_of(row.due_at), _day(row.fulfilled_at))


def _advised(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, AgendaItem]:
    """The last decision on each case; only one to refer asks something of its owner."""
    decided: ColumnElement[bool] = AgendaItem.decided_at.is_not(None)
    query = select(AgendaItem).where(AgendaItem.signal_id.in_(signal_ids), decided)
    return {row.signal_id: row for row in tx.session.scalars(query.order_by(AgendaItem.decided_at, AgendaItem.id))}


def _not_followed(item: AgendaItem | None, disclosed: Iterable[Disclosure]) -> tuple[date | None, date | None]:
    if item is None or item.decision != Decision.REFER or item.decided_at is None:
        return None, None
    if any(row.disclosed_at is not None and row.disclosed_at >= item.decided_at for row in disclosed):
        return None, None
    return day_of(item.decided_at), item.due_on


def _put_off(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, list[PutOff]]:
    query = select(
        Postponement.signal_id, Postponement.kind, Postponement.object_id, Postponement.before, Postponement.at
    ).where(Postponement.signal_id.in_(signal_ids), Postponement.kind.in_(PUT_OFF_KINDS))
    found: dict[str, list[PutOff]] = defaultdict(list)
    for row in tx.session.execute(query):
        one = PutOff(PUT_OFF_KINDS[row.kind], row.object_id, row.before, day_of(row.at))
        found[row.signal_id].append(one)
    return found


def _noted(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, list[Missed]]:
    found: dict[str, list[Missed]] = defaultdict(list)
    for row in tx.session.scalars(select(MissedDate).where(MissedDate.signal_id.in_(signal_ids))):
        found[row.signal_id].append(Missed(row.due_on, row.kind, row.object_id))
    return found


def _settled(tx: Transaction, signal_ids: Sequence[str]) -> dict[str, datetime]:
    query = select(Escalation.signal_id, Escalation.settled_at).where(
        Escalation.signal_id.in_(signal_ids), Escalation.settled_at.is_not(None)
    )
    return {row.signal_id: row.settled_at for row in tx.session.execute(query.order_by(Escalation.settled_at))}
