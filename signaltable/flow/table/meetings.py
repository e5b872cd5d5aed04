"""Meetings of a table: which there are, and finding one for whoever may."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from sqlalchemy import func, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.audit_trail import milliseconds
from signaltable.domain import ZONE, Conflict, NotFound, Resource, State
from signaltable.flow import seats
from signaltable.flow.seats import TableTitle
from signaltable.models import Account, Agency, AgendaItem, Meeting, Signal, TableMember
from signaltable.queries import PAGE, not_kept_from, seated_at, tables_of
from signaltable.transaction import Transaction

PAST = "expected a day from today on"


@dataclass(frozen=True, slots=True)
class MeetingLine:
    """A meeting in the list. `begins` and `ends` are times in the Netherlands as HH:MM, empty when nobody said them.

    `table` and `chair` are names; `version` counts the changes.
    """

    id: str
    title: str
    held_on: date
    items: int
    undecided: int
    begins: str = ""
    ends: str = ""
    place: str = ""
    chair: str = ""
    table_id: str = ""
    table: str = ""
    cancelled: bool = False
    version: int = 0


@dataclass(frozen=True, slots=True)
class Meetings:
    """Meetings to come, the next first, and the last 25 that were held. `tables` are those where one has a seat.

    `chosen` is the one table that is shown, empty for all.
    """

    coming: tuple[MeetingLine, ...]
    held: tuple[MeetingLine, ...]
    may_schedule: bool
    table: str
    tables: tuple[TableTitle, ...]
    chosen: str


def meetings(tx: Transaction, *, table_id: str = "") -> Meetings:
    """The meetings of the tables where the actor's agency has a seat, or of one of these.

    Raises `UnusableInput` for a table where it has none.
    """
    resource = seat(tx)
    require(tx.actor, Permission.TABLE_CONSULT_OWN_TABLE, resource)
    today = tx.today
    mine = select(Meeting).where(Meeting.table_id.in_(seats.chosen(tx, table_id)))
    coming = tx.session.scalars(
        mine.where(Meeting.held_on >= today).order_by(Meeting.held_on, Meeting.begins, Meeting.id).limit(PAGE),
    ).all()
    held = tx.session.scalars(
        mine.where(Meeting.held_on < today, Meeting.cancelled_at.is_(None))
        .order_by(Meeting.held_on.desc(), Meeting.begins.desc(), Meeting.id)
        .limit(PAGE),
    ).all()
    details: dict[str, Any] = {"view": "meetings", "count": len(coming) + len(held)}
    details |= {"filters": [f"table:{table_id}"]} if table_id else {}
    tx.record("signal:list", object_type="agency", object_id=tx.actor.agency_id, details=details)
    return Meetings(
        coming=tuple(meeting_lines(tx, coming)),
        held=tuple(meeting_lines(tx, held)),
        may_schedule=isinstance(may(tx.actor, Permission.TABLE_SCHEDULE_OWN_TABLE, resource), Allowed),
        table=tx.program.policy.region.id,
        tables=seats.seats_of(tx, tx.actor.agency_id),
        chosen=table_id,
    )


def seat(tx: Transaction) -> Resource:
    """The actor's own table; nobody's when the agency has no seat."""
    seat = frozenset({tx.actor.agency_id} if tables_of(tx, tx.actor.agency_id) else ())
    return Resource("table", table_agencies=seat)


def meeting_lines(tx: Transaction, rows: Sequence[Meeting]) -> Iterable[MeetingLine]:
    """The meetings with how much is on their agenda and how much of that waits for a decision, in the same order."""
    counts = _counts(tx, [row.id for row in rows])
    tables = seats.titles(tx, [row.table_id for row in rows])
    chairs = names(tx, [row.chair for row in rows if row.chair])
    for row in rows:
        yield MeetingLine(
            row.id,
            row.title,
            row.held_on,
            *counts.get(row.id, (0, 0)),
            begins=row.begins,
            ends=row.ends,
            place=row.place,
            chair=chairs.get(row.chair, ""),
            table_id=row.table_id,
            table=tables.get(row.table_id, ""),
            cancelled=row.cancelled_at is not None,
            version=row.sequence,
        )


def line_of(tx: Transaction, meeting_id: str) -> MeetingLine:
    """One meeting of a table where the actor's agency sits, as a line."""
    (line,) = meeting_lines(tx, [meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)])
    return line


def _counts(tx: Transaction, meeting_ids: Sequence[str]) -> dict[str, tuple[int, int]]:
    """Meeting id -> signals on its agenda, and how many of these are still there without a decision."""
    waits = (AgendaItem.decision == "", Signal.state == State.TABLED, Signal.table_id == Meeting.table_id)
    query = (
        select(AgendaItem.meeting_id, func.count().label("items"), func.count().filter(*waits).label("undecided"))
        .join(Signal, Signal.id == AgendaItem.signal_id)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(AgendaItem.meeting_id.in_(meeting_ids), not_kept_from(tx, Signal.id))
        .group_by(AgendaItem.meeting_id)
    )
    return {row.meeting_id: (row.items, row.undecided) for row in tx.session.execute(query)}


def names(tx: Transaction, account_ids: Iterable[str]) -> Mapping[str, str]:
    """Account id -> the name of a person, for people who sit at one table. Never for the log or a file."""
    wanted = sorted(set(account_ids))
    return dict(tx.session.execute(select(Account.id, Account.name).where(Account.id.in_(wanted))).all())


def members(tx: Transaction, table_id: str) -> list[tuple[str, str]]:
    """(id, title) of the active agencies with a seat at a table."""
    rows = tx.session.execute(
        select(Agency.id, Agency.title)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(TableMember.table_id == table_id, Agency.active)
        .order_by(Agency.title),
    )
    return [(row.id, row.title) for row in rows]


def starts_at(meeting: Meeting) -> datetime:
    """When a meeting begins, in UTC; midnight in the Netherlands when nobody said a time."""
    begins = time.fromisoformat(meeting.begins) if meeting.begins else time.min
    return datetime.combine(meeting.held_on, begins, ZONE).astimezone(UTC)


def record_schedule(
    tx: Transaction, meeting: Meeting, *, changed: list[str], signals: Iterable[str] = (), **more: Any
) -> None:
    """Tell the log what happened to a meeting or its agenda; `more` are further details of its vocabulary."""
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "starts_at": milliseconds(starts_at(meeting)),
        "table": meeting.table_id,
        "changed": changed,
        **more,
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
    require(tx.actor, permission, resource_of_meeting(tx, found))
    return found


def resource_of_meeting(tx: Transaction, meeting: Meeting) -> Resource:
    """The relations of a meeting that decide about access: the agencies at its table."""
    seated = frozenset(agency for agency, _ in members(tx, meeting.table_id)) & seated_at(tx, meeting.table_id)
    return Resource("meeting", meeting.id, table_agencies=seated)


def coming_meeting(tx: Transaction, meeting_id: str) -> Meeting:
    """A meeting that the coordinator may still change, locked. Raises `Conflict` when it was held or called off."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_SCHEDULE_OWN_TABLE)
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.cancelled_at is not None:
        raise Conflict("cancelled", "the meeting was called off")
    if meeting.held_on < tx.today or meeting.closed_at is not None:
        raise Conflict("held", "the meeting was held already")
    return meeting
