"""Planning a meeting, changing it and calling it off; everybody at the table gets a mail without a word of it."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import mailing, seats
from signaltable.flow.masking import HAS_BSN, TOO_LONG, for_others, found_in, text_hash
from signaltable.flow.seats import NOT_OFFERED, TableTitle
from signaltable.flow.shelters import tells_place
from signaltable.flow.table.agenda import leave_agenda
from signaltable.flow.table.meetings import (
    PAST,
    MeetingLine,
    coming_meeting,
    meeting_lines,
    meeting_of,
    members,
    names,
    record_schedule,
    seat,
    starts_at,
)
from signaltable.models import AgendaItem, Meeting, Note, Signal
from signaltable.text import contains_bsn, mask
from signaltable.transaction import Transaction

TITLE_LIMIT = 200
PLACE_LIMIT = 200
NO_TIME = "expected a time such as 13:30"
NO_END = "expected an end after the beginning, and none without a beginning"
NO_CHAIR = "expected somebody of this table who may lead a meeting"
TELLS_SHELTER = "expected a place that is not where somebody is sheltered"
_TIME: Final = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Plan:
    """What somebody says about a meeting. Times in the Netherlands, such as 13:30; `chair` is an account."""

    held_on: date | None
    title: str
    begins: str = ""
    ends: str = ""
    place: str = ""
    chair: str = ""


@dataclass(frozen=True, slots=True)
class PlanningView:
    """What a form to plan needs: the tables to choose from and, per table, who can be its chair (id and name)."""

    tables: tuple[TableTitle, ...]
    chairs: tuple[tuple[str, str], ...]
    meeting: MeetingLine | None
    plan: Plan | None


def to_plan(tx: Transaction, meeting_id: str = "") -> PlanningView:
    """What can be planned, or what is planned in one meeting, for the coordinator of its table."""
    if meeting_id:
        meeting = meeting_of(tx, meeting_id, Permission.TABLE_SCHEDULE_OWN_TABLE)
        (line,) = meeting_lines(tx, [meeting])
        plan = Plan(meeting.held_on, meeting.title, meeting.begins, meeting.ends, meeting.place, meeting.chair)
        tx.record("table:consult", object_type="meeting", object_id=meeting.id, details=_look(meeting))
        return PlanningView((), chairs_of(tx, meeting.table_id), line, plan)
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, seat(tx))
    open_tables = _open_tables(tx)
    chairs = dict(pair for table in open_tables for pair in chairs_of(tx, table.id))
    return PlanningView(open_tables, tuple(sorted(chairs.items(), key=lambda pair: pair[1])), None, None)


def _look(meeting: Meeting) -> dict[str, Any]:
    return {"meeting": meeting.id, "view": "planning"}


def _open_tables(tx: Transaction) -> tuple[TableTitle, ...]:
    return tuple(one for one in seats.seats_of(tx, tx.actor.agency_id) if not one.closed)


def chairs_of(tx: Transaction, table_id: str) -> tuple[tuple[str, str], ...]:
    """(account, name) of everybody at a table whose role lets them decide there, by name."""
    agencies = [agency for agency, _ in members(tx, table_id)]
    able = names(tx, mailing.accounts_with(tx, agencies, Permission.TABLE_DECIDE_OWN_TABLE))
    return tuple(sorted(able.items(), key=lambda pair: (pair[1], pair[0])))


def schedule(
    tx: Transaction,
    *,
    held_on: date | None,
    title: str,
    begins: str = "",
    ends: str = "",
    place: str = "",
    chair: str = "",
    table_id: str = "",
) -> str:
    """Plan a meeting at one of the actor's tables, by default the first by name. Returns its id.

    Raises `UnusableInput` for a day in the past, no title, times that make no meeting, a chair or a table that was not
    offered, `Conflict` without an open table.
    """
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, seat(tx))
    tables = [one.id for one in _open_tables(tx)]
    if not tables:
        raise Conflict("no_table", "this agency has no seat at an open table")
    if table_id and table_id not in tables:
        raise UnusableInput({"table": NOT_OFFERED})
    plan = Plan(held_on, title, begins, ends, place, chair)
    meeting = Meeting(id=tx.new_id(), table_id=table_id or tables[0], created_at=tx.now)
    _put(meeting, _checked(tx, plan, meeting.table_id, None))
    tx.session.add(meeting)
    tx.session.flush()
    record_schedule(tx, meeting, changed=["planned"], **_place(meeting))
    _tell(tx, meeting)
    return meeting.id


def change(tx: Transaction, meeting_id: str, plan: Plan, *, version: int) -> None:
    """Change a meeting that is still to come. Everybody is told when it is at another time, place or day.

    `version` is that of the meeting as it was shown. Raises `Conflict` when somebody changed it meanwhile and when it
    was held or called off, `UnusableInput` as `schedule` does.
    """
    meeting = coming_meeting(tx, meeting_id)
    if meeting.sequence != version:
        raise Conflict("version", "the meeting was changed by somebody else meanwhile")
    before = Plan(meeting.held_on, meeting.title, meeting.begins, meeting.ends, meeting.place, meeting.chair)
    earlier = starts_at(meeting)
    after = _checked(tx, plan, meeting.table_id, meeting)
    changed = [name for name in Plan.__dataclass_fields__ if getattr(before, name) != getattr(after, name)]
    if not changed:
        return
    _put(meeting, after)
    meeting.sequence += 1
    meeting.changed_at = tx.now
    more: dict[str, Any] = {"previous_starts_at": milliseconds(earlier)} if earlier != starts_at(meeting) else {}
    record_schedule(tx, meeting, changed=changed, **more, **(_place(meeting) if "place" in changed else {}))
    if {"held_on", "begins", "ends", "place"} & set(changed):
        _tell(tx, meeting, before.held_on)


def cancel(tx: Transaction, meeting_id: str, *, version: int) -> None:
    """Call off a meeting. Its signals go back to where they were, as when they are taken off the agenda.

    Raises `Conflict` when somebody changed it meanwhile, when it was held, or when the table decided or wrote a note
    there: then it was a meeting.
    """
    meeting = coming_meeting(tx, meeting_id)
    if meeting.sequence != version:
        raise Conflict("version", "the meeting was changed by somebody else meanwhile")
    rows = tx.session.execute(
        select(AgendaItem, Signal)
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .where(AgendaItem.meeting_id == meeting.id)
        .order_by(AgendaItem.position, AgendaItem.id),
    ).all()
    said = select(Note.id).join(AgendaItem, AgendaItem.id == Note.item_id).where(AgendaItem.meeting_id == meeting.id)
    if any(item.decision for item, _ in rows) or tx.session.scalar(said.limit(1)):
        raise Conflict("discussed", "the table decided or wrote something down at this meeting already")
    for item, signal in rows:
        leave_agenda(tx, item, signal)
    meeting.sequence += 1
    meeting.changed_at = meeting.cancelled_at = tx.now
    record_schedule(tx, meeting, changed=["cancelled"], signals=[signal.reference for _, signal in rows])
    _tell(tx, meeting)


# -- what was typed --------------------------------------------------------------------------------------------------


def _checked(tx: Transaction, plan: Plan, table_id: str, before: Meeting | None) -> Plan:
    """The plan as it is kept: times as HH:MM, words masked. Raises `UnusableInput` with everything that is wrong."""
    problems = {}
    if plan.held_on is None or plan.held_on < tx.today:
        problems["held_on"] = PAST
    begins, ends = _time(plan.begins), _time(plan.ends)
    problems |= {name: NO_TIME for name, found in (("begins", begins), ("ends", ends)) if found is None}
    if begins is not None and ends and not (begins and begins < ends):
        problems["ends"] = NO_END
    stays = before is not None and before.chair == plan.chair
    if plan.chair and not stays and plan.chair not in dict(chairs_of(tx, table_id)):
        problems["chair"] = NO_CHAIR
    if problems:
        raise UnusableInput(problems)
    title = for_others(tx, plan.title, "title", limit=TITLE_LIMIT, required=True)
    return Plan(plan.held_on, title, begins or "", ends or "", _place_of(tx, plan.place), plan.chair)


def _time(typed: str) -> str | None:
    """A time as HH:MM, nothing for nothing, None for what is no time."""
    found = _TIME.fullmatch(typed.strip())
    if found:
        return f"{int(found[1]):02d}:{found[2]}"
    return None if typed.strip() else ""


def _place_of(tx: Transaction, typed: str) -> str:
    """Where people meet: its address stays readable, whatever else could tell who a case is about does not.

    It leaves the program in a calendar, so a place where somebody is sheltered cannot stand here.
    """
    words = typed.strip()
    if len(words) > PLACE_LIMIT:
        raise UnusableInput({"place": TOO_LONG})
    if contains_bsn(words):
        raise UnusableInput({"place": HAS_BSN})
    if tells_place(tx, [words]):
        raise UnusableInput({"place": TELLS_SHELTER})
    masked = mask(words, [span for span in found_in(tx, words) if span.kind != "address"])
    if len(masked) > PLACE_LIMIT:
        raise UnusableInput({"place": TOO_LONG})
    return masked


def _put(meeting: Meeting, plan: Plan) -> None:
    assert plan.held_on is not None  # Checked before.
    meeting.held_on, meeting.title = plan.held_on, plan.title
    meeting.begins, meeting.ends = plan.begins, plan.ends
    meeting.place, meeting.chair = plan.place, plan.chair


def _place(meeting: Meeting) -> dict[str, str]:
    return {"place_hash": text_hash(meeting.place)} if meeting.place else {}


def _tell(tx: Transaction, meeting: Meeting, was_on: date | None = None) -> None:
    """Mail everybody at the table; at once when the day that they have in their calendar, or the new one, is today."""
    agencies = [agency for agency, _ in members(tx, meeting.table_id)]
    task = ("meeting", meeting.id)
    urgent = mailing.presses(tx, "meeting", due_on=min(meeting.held_on, was_on or meeting.held_on))
    mailing.tell_agency(tx, agencies, Permission.TABLE_CONSULT_OWN_TABLE, "meeting", task=task, urgent=urgent)
