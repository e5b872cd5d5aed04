"""What could come on an agenda, as the rules of policies/agenda.toml see it (signaltable/agenda.py)."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, case, exists, func, or_, select, true, tuple_
from sqlalchemy.orm import aliased

from signaltable import agenda
from signaltable.domain import ENDED, GONE, State, day_of
from signaltable.models import (
    AgendaItem,
    Escalation,
    ListPlace,
    Meeting,
    MeetingTask,
    Question,
    Signal,
    SignalMove,
    Subject,
    SubjectGroup,
)
from signaltable.queries import PageKey, not_kept_from
from signaltable.table_rules import AgendaFile
from signaltable.transaction import Transaction, in_whole

# What may be put on an agenda: looked at, and not with a receiver.
READY = (State.TRIAGED, State.ENRICHING, State.WATCH, State.RETURNED)
# With a receiver, and on an agenda only when the case is stuck and came to the table (M20).
WITH_RECEIVER = (State.REFERRED, State.ACCEPTED, State.FOLLOWED_UP)
TO_THE_TABLE = "table"
# So many signals are looked at in one go.
_AT_ONCE: Final = 500


def rules_of(tx: Transaction) -> AgendaFile:
    """The rules of agendas as they count in the region."""
    found = tx.program.policy.agenda
    assert found is not None  # Missing only in rules that were kept from before; nothing is decided with those.
    return found


def ready(tx: Transaction, meeting: Meeting) -> Iterator[Sequence[Row[Any]]]:
    """The signals at the table of a meeting that can be put on its agenda, without those that are on it; some at a time."""
    stuck = select(ListPlace.signal_id).where(ListPlace.list == "stuck-table", ListPlace.scope == meeting.table_id)
    for ids, which in (
        (left_over(tx, meeting.table_id), true()),
        (list(tx.session.scalars(stuck.distinct())), Signal.state.in_(WITH_RECEIVER) & _is_stuck()),
    ):
        for start in range(0, len(ids), _AT_ONCE):
            yield tx.session.execute(_ready(tx, meeting, Signal.id.in_(ids[start : start + _AT_ONCE]), which)).all()
    # Those of which most have no haste last: by then the others show which of them need not be looked at further.
    for state in sorted(READY, key=lambda one: one is State.TRIAGED):
        after: PageKey | None = None
        while True:
            part = _ready(tx, meeting, Signal.state == state)
            if after is not None:
                part = part.where(tuple_(Signal.created_at, Signal.id) > after)
            rows = tx.session.execute(part.order_by(Signal.created_at, Signal.id).limit(_AT_ONCE)).all()
            if rows:
                yield rows
            if len(rows) < _AT_ONCE:
                break
            after = rows[-1].created_at, rows[-1].id


def ready_of(tx: Transaction, meeting: Meeting, references: Sequence[str]) -> list[Row[Any]]:
    """Those of these signals that can be put on the agenda."""
    can_come = or_(
        Signal.state.in_(READY),
        Signal.id.in_(left_over(tx, meeting.table_id)),
        Signal.state.in_(WITH_RECEIVER) & _is_stuck(),
    )
    return list(tx.session.execute(_ready(tx, meeting, Signal.reference.in_(references), can_come)))


def _ready(tx: Transaction, meeting: Meeting, *where: ColumnElement[bool]) -> Any:
    listed = select(AgendaItem.signal_id).where(AgendaItem.meeting_id == meeting.id)
    here = Signal.table_id == meeting.table_id, not_kept_from(tx, Signal.id), Signal.id.not_in(listed)
    return _columns().where(*here, *where)


def _is_stuck() -> ColumnElement[bool]:
    """Whether the case came to the table because it is stuck."""
    return exists().where(
        Escalation.signal_id == Signal.id, Escalation.level == TO_THE_TABLE, Escalation.settled_at.is_(None)
    )


def first(tx: Transaction, meeting: Meeting, most: int) -> tuple[list[tuple[Row[Any], agenda.Proposal]], int]:
    """The first `most` that can be put on the agenda, in the order of the rules, and how many can in all.

    However many lie at a table, memory holds some hundreds of them; and what its urgency keeps from ever coming among the
    first is counted and not looked at further.
    """
    rules, count = rules_of(tx).rule, 0
    kept: list[tuple[Row[Any], agenda.Proposal]] = []
    for rows in ready(tx, meeting):
        count += len(rows)
        least = kept[-1][1].weight if len(kept) == most else 0
        could = {row.reference: row for row in rows if agenda.at_most(row.urgency, rules) >= least}
        kept += ((could[one.reference], one) for one in proposals(tx, meeting.table_id, list(could.values())))
        kept = sorted(kept, key=lambda pair: agenda.place(pair[0].created_at, pair[1]))[:most]
    return kept, count


def rows_of(tx: Transaction, signal_ids: Sequence[str]) -> list[Row[Any]]:
    """The same columns of signals that are known already."""
    return list(tx.session.execute(_columns().where(Signal.id.in_(signal_ids))))


def facts_of(tx: Transaction, signal_ids: Sequence[str]) -> Mapping[str, Mapping[str, Any]]:
    """Signal id -> what the submitter answered, which is read of those that are shown only."""
    return dict(tx.session.execute(select(Signal.id, Signal.facts).where(Signal.id.in_(signal_ids))).all())


def _columns() -> Any:
    return select(Signal.id, Signal.reference, Signal.created_at, Signal.urgency, Signal.state, Signal.keep_until)


def candidates(tx: Transaction, table_id: str, rows: Sequence[Row[Any]]) -> dict[str, agenda.Candidate]:
    """Signal id -> what the rules look at of it. A few queries for all of these, however many there are."""
    ids = [row.id for row in rows]
    if not ids:
        return {}
    several, left = known_to_several(tx, ids), set(left_over(tx, table_id, ids))
    stuck = set(tx.session.scalars(_stuck_of(ids)))
    asked, answered, dates = _questions(tx, table_id, ids)
    for signal_id, day in _task_days(tx, table_id, ids):
        dates[signal_id].append(("task", day))
    since = _last_moves(tx, table_id, ids)
    return {
        row.id: agenda.Candidate(
            reference=row.reference,
            urgency=row.urgency,
            received=row.created_at,
            waits_since=day_of(since.get(row.id, row.created_at)),
            several=row.id in several,
            stuck=row.id in stuck,
            returned=row.state == State.RETURNED,
            left_over=row.id in left,
            asked=asked.get(row.id, 0),
            answered=answered.get(row.id, 0),
            dates=(*dates.get(row.id, ()), ("keep", row.keep_until)),
        )
        for row in rows
    }


def proposals(tx: Transaction, table_id: str, rows: Sequence[Row[Any]]) -> tuple[agenda.Proposal, ...]:
    """The signals in the order in which the rules bring them forward, each with its reasons."""
    return agenda.propose(candidates(tx, table_id, rows).values(), rules_of(tx).rule, tx.today)


def room(tx: Transaction, meeting: Meeting, listed: int) -> int:
    """How many more signals fit in the time of a meeting that has so many on its agenda."""
    return agenda.room(rules_of(tx), _minutes(meeting), listed)


def _minutes(meeting: Meeting) -> int | None:
    if not meeting.begins or not meeting.ends:
        return None
    begins, ends = time.fromisoformat(meeting.begins), time.fromisoformat(meeting.ends)
    return (ends.hour - begins.hour) * 60 + ends.minute - begins.minute


# -- the facts -------------------------------------------------------------------------------------------------------


@in_whole("a group holds subjects of several agencies")
def known_to_several(tx: Transaction, signal_ids: Sequence[str]) -> frozenset[str]:
    """Those of these signals with somebody in them whom another agency knows too, by confirmed links."""
    mine, theirs = aliased(SubjectGroup), aliased(SubjectGroup)
    one, other = aliased(Subject), aliased(Subject)
    first, second = aliased(Signal), aliased(Signal)
    rows = tx.session.scalars(
        select(first.id)
        .join(one, one.signal_id == first.id)
        .join(mine, mine.subject_id == one.id)
        .join(theirs, theirs.group_id == mine.group_id)
        .join(other, other.id == theirs.subject_id)
        .join(second, second.id == other.signal_id)
        .where(first.id.in_(signal_ids), first.owner_agency != second.owner_agency, second.state.not_in(GONE))
        .distinct(),
    )
    return frozenset(rows)


def left_over(tx: Transaction, table_id: str, among: Sequence[str] | None = None) -> list[str]:
    """Signals of meetings of this table that were held or closed without a decision, and that no coming meeting has.

    `among` these only, where it is given.
    """
    coming = case((Meeting.closed_at.is_(None) & (Meeting.held_on >= tx.today), 1), else_=0)
    query = (
        select(AgendaItem.signal_id, func.max(coming).label("coming"))
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(
            Meeting.table_id == table_id,
            Signal.table_id == table_id,
            Signal.state == State.TABLED,
            AgendaItem.decision == "",
        )
        .group_by(AgendaItem.signal_id)
    )
    if among is not None:
        query = query.where(AgendaItem.signal_id.in_(among))
    return [row.signal_id for row in tx.session.execute(query) if not row.coming]


def _stuck_of(signal_ids: Sequence[str]) -> Any:
    return select(Escalation.signal_id).where(Escalation.signal_id.in_(signal_ids), Escalation.settled_at.is_(None))


def _questions(
    tx: Transaction, table_id: str, signal_ids: Sequence[str]
) -> tuple[Mapping[str, int], Mapping[str, int], dict[str, list[tuple[str, date]]]]:
    """Per signal: questions asked, questions answered, and the days by which the open ones wait for an answer."""
    asked: dict[str, int] = defaultdict(int)
    answered: dict[str, int] = defaultdict(int)
    dates: dict[str, list[tuple[str, date]]] = defaultdict(list)
    rows = tx.session.execute(
        select(Question.signal_id, Question.answer, Question.due_on)
        .join(Signal, Signal.id == Question.signal_id)
        .where(
            Question.signal_id.in_(signal_ids),
            Signal.table_id == table_id,
            Signal.state.not_in(ENDED),
            Question.withdrawn_at.is_(None),
        ),
    )
    for row in rows:
        asked[row.signal_id] += 1
        answered[row.signal_id] += bool(row.answer)
        if not row.answer:
            dates[row.signal_id].append(("question", row.due_on))
    return asked, answered, dates


def _task_days(tx: Transaction, table_id: str, signal_ids: Sequence[str]) -> Iterable[tuple[str, date]]:
    rows = tx.session.execute(
        select(MeetingTask.signal_id, MeetingTask.due_on)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(MeetingTask.signal_id.in_(signal_ids), Signal.table_id == table_id, MeetingTask.settled_at.is_(None)),
    )
    return [(row.signal_id, row.due_on) for row in rows]


def _last_moves(tx: Transaction, table_id: str, signal_ids: Sequence[str]) -> dict[str, Any]:
    """Per signal when it last changed its state."""
    query = (
        select(SignalMove.signal_id, func.max(SignalMove.at))
        .join(Signal, Signal.id == SignalMove.signal_id)
        .where(SignalMove.signal_id.in_(signal_ids), Signal.table_id == table_id, Signal.state.not_in(ENDED))
        .group_by(SignalMove.signal_id)
    )
    return dict(tx.session.execute(query).all())
