"""Meetings of a table: which there are, planning one, and finding one for whoever may."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import NotFound, Resource, State, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.masking import for_others
from signaltable.models import Agency, AgendaItem, Meeting, Signal, TableMember
from signaltable.queries import PAGE, tables_of
from signaltable.transaction import Transaction

TITLE_LIMIT = 200
PAST = "expected a day from today on"


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting in the list."""

    id: str
    title: str
    held_on: date
    items: int
    undecided: int


@dataclass(frozen=True, slots=True)
class Meetings:
    """Meetings to come, the next first, and the last 25 that were held."""

    coming: tuple[MeetingLine, ...]
    held: tuple[MeetingLine, ...]
    may_schedule: bool
    table: str


def meetings(tx: Transaction) -> Meetings:
    """The meetings of the tables where the actor's agency has a seat."""
    resource = seat(tx)
    require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, resource)
    today = tx.today
    mine = select(Meeting).where(Meeting.table_id.in_(tables_of(tx, tx.actor.agency_id)))
    coming = tx.session.scalars(
        mine.where(Meeting.held_on >= today).order_by(Meeting.held_on, Meeting.id).limit(PAGE),
    ).all()
    held = tx.session.scalars(
        mine.where(Meeting.held_on < today).order_by(Meeting.held_on.desc(), Meeting.id).limit(PAGE),
    ).all()
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "meetings", "count": len(coming) + len(held)},
    )
    return Meetings(
        coming=tuple(meeting_lines(tx, coming)),
        held=tuple(meeting_lines(tx, held)),
        may_schedule=isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource), Allowed),
        table=tx.program.policy.region.id,
    )


def seat(tx: Transaction) -> Resource:
    """The actor's own table; nobody's when the agency has no seat."""
    seat = frozenset({tx.actor.agency_id} if tables_of(tx, tx.actor.agency_id) else ())
    return Resource("table", table_agencies=seat)


def meeting_lines(tx: Transaction, rows: Sequence[Meeting]) -> Iterable[MeetingLine]:
    ids = [row.id for row in rows]
    counts = {
        row.meeting_id: (row.items, row.undecided)
        for row in tx.session.execute(
            select(
                AgendaItem.meeting_id,
                func.count().label("items"),
                func.count().filter(AgendaItem.decision == "", Signal.state == State.TABLED).label("undecided"),
            )
            .join(Signal, Signal.id == AgendaItem.signal_id)
            .where(AgendaItem.meeting_id.in_(ids))
            .group_by(AgendaItem.meeting_id),
        )
    }
    for row in rows:
        yield MeetingLine(row.id, row.title, row.held_on, *counts.get(row.id, (0, 0)))


def schedule(tx: Transaction, *, held_on: date | None, title: str) -> str:
    """Plan a meeting at the actor's table. Returns its id. Raises `UnusableInput` for a day in the past or no title."""
    require(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, seat(tx))
    if held_on is None or held_on < tx.today:
        raise UnusableInput({"held_on": PAST})
    words = for_others(tx, title, "title", limit=TITLE_LIMIT, required=True)
    table_id = tables_of(tx, tx.actor.agency_id)[0]
    meeting = Meeting(id=tx.new_id(), table_id=table_id, held_on=held_on, title=words, created_at=tx.now)
    tx.session.add(meeting)
    tx.session.flush()
    record_schedule(tx, meeting, changed=["planned"])
    seats = members(tx, table_id)
    mailing.tell_agency(tx, [agency for agency, _ in seats], Permission.TABLE_CONSULT_OWN_TABLE, "meeting")
    return meeting.id


def members(tx: Transaction, table_id: str) -> list[tuple[str, str]]:
    rows = tx.session.execute(
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(TableMember.table_id == table_id, Agency.active)
        .order_by(Agency.title),
    )
    return [(row.id, row.title) for row in rows]


def record_schedule(tx: Transaction, meeting: Meeting, *, changed: list[str], signals: Iterable[str] = ()) -> None:
    starts = datetime.combine(meeting.held_on, time.min, UTC)
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "starts_at": milliseconds(starts),
        "table": meeting.table_id,
        "changed": changed,
    }
    listed = list(signals)
    details |= {"signals": listed} if listed else {}
    tx.record("table:schedule", object_type="meeting", object_id=meeting.id, details=details)


def meeting_of(tx: Transaction, meeting_id: str, permission: Permission) -> Meeting:
    """A meeting of a table where the actor's agency sits. Raises `Refused` (other_table) for another one."""
    found = tx.session.get(Meeting, meeting_id)
    if found is None:
        require(tx.actor, permission)
        raise NotFound("no such meeting")
    seats = frozenset(agency for agency, _ in members(tx, found.table_id))
    require(tx.actor, permission, Resource("meeting", meeting_id, table_agencies=seats))
    return found
