"""What a meeting left behind, as the parts of its minutes: laid down as they stood, each with a digest of its own.

A part about a signal says nothing about another one, so that it can be left out for who is kept from the case and
emptied when the signal is erased. Every content carries a random salt: the digest that stays then tells nothing.
Organisations and people who took part stand there by name, as they stood that day: who decided is what minutes are for,
and a change of job later changes nothing about it.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Any, Final

from sqlalchemy import select

from audit.canonical import canonical_bytes
from signaltable.domain import GONE, State
from signaltable.flow.dossier import forms_at_table
from signaltable.flow.table.meetings import members
from signaltable.flow.table.task_lines import lines_of
from signaltable.flow.table.task_lists import MOST_FOLLOWED, of_earlier
from signaltable.models import (
    Account,
    AgendaItem,
    Attendance,
    Meeting,
    MeetingTask,
    MinutesPart,
    Note,
    RegionalTable,
    Signal,
)
from signaltable.queries import WHOLE, agency_titles, kept_from
from signaltable.transaction import Transaction

HEAD, ATTENDANCE, CASE, FOLLOWED, CORRECTION = "head", "attendance", "case", "followed", "correction"
DECIDED, LEFT_OVER, TAKEN_BACK, MOVED = "decided", "left_over", "gone", "moved"
PRESENT: Final = "present"
COMING: Final = "coming"


@dataclass(frozen=True, slots=True)
class Part:
    """A part before it is stored; `signal_id` None when it is about no signal."""

    kind: str
    content: Mapping[str, Any]
    signal_id: str | None = None


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 over the canonical JSON (RFC 8785) of a part, in hexadecimal."""
    return hashlib.sha256(canonical_bytes(content)).hexdigest()


def stored(tx: Transaction, meeting_id: str, number: int, part: Part) -> MinutesPart:
    """The part as a row, with its salt and its digest."""
    content = {**part.content, "salt": tx.new_id()}
    return MinutesPart(
        meeting_id=meeting_id,
        number=number,
        kind=part.kind,
        signal_id=part.signal_id,
        content=content,
        digest=digest(content),
    )


def parts_of(tx: Transaction, meeting: Meeting) -> Iterable[Part]:
    """All parts of the minutes of a meeting, in their order, whoever makes them: readers get what they may see."""
    yield Part(HEAD, _head(tx, meeting))
    yield Part(ATTENDANCE, _attendance(tx, meeting))
    yield from _cases(tx, meeting)
    yield from _followed(tx, meeting)


# -- who was there -------------------------------------------------------------------------------------------------


def _head(tx: Transaction, meeting: Meeting) -> dict[str, Any]:
    chair = tx.session.get(Account, meeting.chair) if meeting.chair else None
    return {
        "table": tx.session.get_one(RegionalTable, meeting.table_id).title,
        "title": meeting.title,
        "held_on": meeting.held_on.isoformat(),
        "begins": meeting.begins,
        "ends": meeting.ends,
        "place": meeting.place,
        "chair": chair.name if chair else "",
    }


def _attendance(tx: Transaction, meeting: Meeting) -> dict[str, Any]:
    titles = agency_titles(tx)
    rows = tx.session.execute(
        select(Attendance, Account.name)
        .join(Account, Account.id == Attendance.account_id)
        .where(Attendance.meeting_id == meeting.id)
        .order_by(Attendance.agency_id, Account.name, Account.id),
    ).all()
    replaced = _names(tx, [row.Attendance.replaces for row in rows])
    people = [
        {
            "agency": titles.get(one.agency_id, ""),
            "name": name,
            "presence": one.presence or one.answer,
            "replaces": replaced.get(one.replaces, ""),
        }
        for one, name in rows
    ]
    there = {one.agency_id for one, _name in rows if one.presence == PRESENT}
    away = [title for agency, title in members(tx, meeting.table_id) if agency not in there]
    return {"people": people, "absent_agencies": away if there else [], "noted": bool(there)}


def _names(tx: Transaction, accounts: Sequence[str]) -> dict[str, str]:
    wanted = sorted(set(accounts) - {""})
    rows = tx.session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted))).all()
    return {row.id: row.name for row in rows}


def in_the_room(tx: Transaction, meeting_id: str) -> dict[str, tuple[str, str]]:
    """Account -> name and agency of who is at the meeting: noted as present, or said to come as long as nobody noted it."""
    titles = agency_titles(tx)
    rows = tx.session.execute(
        select(Account.id, Account.name, Attendance.agency_id)
        .join(Attendance, Attendance.account_id == Account.id)
        .where(
            Attendance.meeting_id == meeting_id,
            (Attendance.presence == PRESENT) | ((Attendance.presence == "") & (Attendance.answer == COMING)),
        )
        .order_by(Account.name, Account.id),
    )
    return {row.id: (row.name, titles.get(row.agency_id, "")) for row in rows}


def all_items(tx: Transaction, meeting_id: str) -> list[tuple[AgendaItem, Signal]]:
    """Everything on an agenda in its order, whoever asks: the caller leaves out what its reader may not see."""
    rows = tx.session.execute(
        select(AgendaItem, Signal)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.meeting_id == meeting_id)
        .order_by(AgendaItem.position, AgendaItem.id)
        .execution_options(**{WHOLE: True}),
    )
    return [(row.AgendaItem, row.Signal) for row in rows]


# -- the cases -----------------------------------------------------------------------------------------------------


def _cases(tx: Transaction, meeting: Meeting) -> Iterable[Part]:
    items = all_items(tx, meeting.id)
    forms = forms_at_table(tx, [signal.facts for _item, signal in items])
    hidden = kept_from(tx, [signal.id for _item, signal in items])
    room = in_the_room(tx, meeting.id)
    for (item, signal), told in zip(items, forms, strict=True):
        if State(signal.state) in GONE:
            yield Part(CASE, {"reference": signal.reference, "state": TAKEN_BACK}, signal.id)
            continue
        if not item.decision and signal.table_id != meeting.table_id:
            yield Part(CASE, {"reference": signal.reference, "state": MOVED}, signal.id)
            continue
        left = [room[account][0] for account in sorted(hidden.get(signal.id, ())) if account in room]
        yield Part(CASE, {**_case(tx, item, signal), "forms": list(told), "left_room": sorted(left)}, signal.id)


def _case(tx: Transaction, item: AgendaItem, signal: Signal) -> dict[str, Any]:
    titles = agency_titles(tx)
    tasks = tx.session.scalars(
        select(MeetingTask)
        .where(MeetingTask.item_id == item.id, MeetingTask.text != "")
        .order_by(MeetingTask.due_on, MeetingTask.id)
    )
    notes = tx.session.scalars(select(Note).where(Note.item_id == item.id, Note.minuted).order_by(Note.at, Note.id))
    return {
        "reference": signal.reference,
        "state": DECIDED if item.decision else LEFT_OVER,
        "urgency": signal.urgency,
        "decision": item.decision,
        "destinations": list(signal.advice.get("table", {}).get(item.id, ())),
        "reason": item.reason,
        "holder": titles.get(item.holder_agency or "", ""),
        "due_on": item.due_on.isoformat() if item.due_on else "",
        "tasks": [
            {"agency": titles.get(one.agency_id, ""), "text": one.text, "due_on": one.due_on.isoformat()}
            for one in tasks
        ],
        "notes": [{"agency": titles.get(one.agency_id, ""), "text": one.text} for one in notes],
    }


def _followed(tx: Transaction, meeting: Meeting) -> Iterable[Part]:
    """What became of what earlier meetings asked: still open, or settled since the meeting before this one."""
    since = _since(tx, meeting)
    query = of_earlier(meeting).where(MeetingTask.settled_at.is_(None) | (MeetingTask.settled_at > since))
    rows = list(tx.session.scalars(query.limit(MOST_FOLLOWED)))
    by_signal: dict[str, list[dict[str, Any]]] = {}
    for row, line in zip(rows, lines_of(tx, rows), strict=True):
        by_signal.setdefault(row.signal_id, []).append(
            {
                "reference": line.reference,
                "agency": line.agency,
                "text": line.text,
                "decision": line.decision,
                "destinations": list(line.destinations),
                "due_on": line.due_on.isoformat(),
                "late": line.late,
                "result": line.result,
                "answer": line.answer,
            }
        )
    for signal_id, tasks in by_signal.items():
        yield Part(FOLLOWED, {"reference": tasks[0]["reference"], "tasks": tasks}, signal_id)


def _since(tx: Transaction, meeting: Meeting) -> datetime:
    """When the meeting before this one of the same table was; the beginning of time without one."""
    before = tx.session.scalars(
        select(Meeting)
        .where(Meeting.table_id == meeting.table_id, Meeting.held_on < meeting.held_on, Meeting.cancelled_at.is_(None))
        .order_by(Meeting.held_on.desc(), Meeting.id)
        .limit(1),
    ).first()
    if before is None:
        return datetime.min.replace(tzinfo=UTC)
    return before.closed_at or datetime.combine(before.held_on, time.min, UTC)
