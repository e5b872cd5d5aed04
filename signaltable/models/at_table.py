"""The table at work, and time."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class Question(Base):
    """A question to one partner: do you know this subject? With the four answers."""

    __tablename__ = "questions"
    __table_args__ = (
        Index("ix_questions_agency", "agency_id", "answer", "due_on", "id"),
        Index("ix_questions_answered", "agency_id", "answered_at", "id"),
    )
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    subject_id: Mapped[str | None] = to("subjects.id", null=True)
    agency_id: Mapped[str] = to("agencies.id")
    asked_by: Mapped[str] = mapped_column(Id)
    asked_at: Mapped[datetime]
    due_on: Mapped[date]
    note: Mapped[str] = mapped_column(String(1000), default="")
    # Without a subject it is about a fact of the signal (policies/facts.toml).
    fact: Mapped[str] = mapped_column(Code, default="", server_default="")
    purpose: Mapped[str] = mapped_column(Code, default="", server_default="")
    ground: Mapped[str] = mapped_column(Code)
    answer: Mapped[str] = mapped_column(Code, default="")
    context: Mapped[str] = mapped_column(Text, default="")
    # On what the partner's own context rests: it is the partner's, and goes only where this lets it go.
    context_ground: Mapped[str] = mapped_column(Code, default="", server_default="")
    context_ground_digest: Mapped[str] = mapped_column(String(64), default="", server_default="")
    context_categories: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    # In which task the partner learned it, to which table it was given, and when: whoever sits there then is its receiver.
    context_capacity: Mapped[str] = mapped_column(Code, default="", server_default="")
    context_table: Mapped[str] = mapped_column(Id, default="", server_default="")
    context_at: Mapped[datetime | None]
    anonymous: Mapped[bool] = mapped_column(default=False)
    answered_by: Mapped[str] = mapped_column(Id, default="")
    answered_at: Mapped[datetime | None]
    # How often the coordinator gave more time, when it was reminded of before its day, and when it was taken back.
    postponed: Mapped[int] = mapped_column(default=0, server_default="0")
    reminded_at: Mapped[datetime | None]
    withdrawn_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=0, server_default="0")


class Meeting(Base):
    """A meeting of a table. `begins` and `ends` are times in the Netherlands as HH:MM, empty when not said.

    `sequence` counts the changes that calendars have to know of (RFC 5545, 3.8.7.4).
    """

    __tablename__ = "meetings"
    __table_args__ = (Index("ix_meetings_table_held", "table_id", "held_on", "id"),)
    id: Mapped[str] = key()
    table_id: Mapped[str] = to("regional_tables.id")
    held_on: Mapped[date]
    begins: Mapped[str] = mapped_column(String(5), default="", server_default="")
    ends: Mapped[str] = mapped_column(String(5), default="", server_default="")
    place: Mapped[str] = mapped_column(String(200), default="", server_default="")
    title: Mapped[str] = mapped_column(String(200))
    chair: Mapped[str] = mapped_column(Id, default="", server_default="")
    sequence: Mapped[int] = mapped_column(default=0, server_default="0")
    created_at: Mapped[datetime]
    changed_at: Mapped[datetime | None]
    cancelled_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]


class Attendance(Base):
    """Who comes to a meeting, who was there, and for which colleague of the same agency."""

    __tablename__ = "attendances"
    meeting_id: Mapped[str] = mapped_column(Id, ForeignKey("meetings.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    agency_id: Mapped[str] = to("agencies.id")
    # What was said before it: `coming` or `not_coming`; and what the minutes say: `present` or `absent`.
    answer: Mapped[str] = mapped_column(Code, default="")
    presence: Mapped[str] = mapped_column(Code, default="")
    replaces: Mapped[str] = mapped_column(Id, default="")
    noted_by: Mapped[str] = mapped_column(Id)
    noted_at: Mapped[datetime]


class AgendaItem(Base):
    """A signal on the agenda of a meeting, and what was decided."""

    __tablename__ = "agenda_items"
    __table_args__ = (UniqueConstraint("meeting_id", "signal_id"),)
    id: Mapped[str] = key()
    meeting_id: Mapped[str] = to("meetings.id", index=True)
    signal_id: Mapped[str] = to("signals.id", index=True)
    position: Mapped[int]
    # Why the rules proposed it (policies/agenda.toml).
    proposed_for: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    decision: Mapped[str] = mapped_column(Code, default="")
    reason: Mapped[str] = mapped_column(String(1000), default="")
    holder_agency: Mapped[str | None] = to("agencies.id", null=True)
    due_on: Mapped[date | None]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]


class Note(Base):
    """A discussion note on an agenda item; masked like every text of the table."""

    __tablename__ = "notes"
    id: Mapped[str] = key()
    item_id: Mapped[str] = to("agenda_items.id", index=True)
    account_id: Mapped[str] = mapped_column(Id)
    agency_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    # Whether it stands in the minutes too.
    minuted: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    text: Mapped[str] = mapped_column(Text)


class MeetingTask(Base):
    """What an agency does after a meeting, by when, and what came of it; words are masked like every text of the table."""

    __tablename__ = "meeting_tasks"
    __table_args__ = (Index("ix_meeting_tasks_agency", "agency_id", "settled_at", "due_on", "id"),)
    id: Mapped[str] = key()
    item_id: Mapped[str] = to("agenda_items.id", index=True)
    signal_id: Mapped[str] = to("signals.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    # What the table asked for in words; empty for the decision itself.
    text: Mapped[str] = mapped_column(String(500), default="")
    due_on: Mapped[date]
    made_by: Mapped[str] = mapped_column(Id)
    made_at: Mapped[datetime]
    postponed: Mapped[int] = mapped_column(default=0)
    # When its agency was told that it is late, so that it is told once.
    reminded_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(Code, default="")
    answer: Mapped[str] = mapped_column(String(1000), default="")
    settled_by: Mapped[str] = mapped_column(Id, default="")
    settled_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class Minutes(Base):
    """The minutes of a meeting, made of what it left: to be shared, corrected, and approved at a later meeting."""

    __tablename__ = "minutes"
    meeting_id: Mapped[str] = mapped_column(Id, ForeignKey("meetings.id"), primary_key=True)
    state: Mapped[str] = mapped_column(Code, index=True)
    made_by: Mapped[str] = mapped_column(Id)
    made_at: Mapped[datetime]
    shared_at: Mapped[datetime | None]
    approved_at: Mapped[datetime | None]
    approved_by: Mapped[str] = mapped_column(Id, default="")
    approved_in: Mapped[str] = mapped_column(Id, default="")
    version: Mapped[int] = mapped_column(default=1)


class MinutesPart(Base):
    """A part of the minutes as it was laid down; one about a signal loses its content with the signal, not its digest."""

    __tablename__ = "minutes_parts"
    meeting_id: Mapped[str] = mapped_column(Id, ForeignKey("minutes.meeting_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(Code)
    signal_id: Mapped[str | None] = to("signals.id", null=True, index=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))


class MissedDate(Base):
    """A day by which somebody had to act on a signal and did not; counted to see when a case is stuck (M20)."""

    __tablename__ = "missed_dates"
    signal_id: Mapped[str] = mapped_column(Id, ForeignKey("signals.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Code, primary_key=True)
    object_id: Mapped[str] = mapped_column(Id, primary_key=True)
    due_on: Mapped[date] = mapped_column(primary_key=True)
    noted_at: Mapped[datetime]


class Escalation(Base):
    """A case that is stuck: with the coordinator first, then with the regional table (M20), until somebody settles it."""

    __tablename__ = "escalations"
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    cause: Mapped[str] = mapped_column(Code)
    level: Mapped[str] = mapped_column(Code)
    opened_at: Mapped[datetime]
    due_on: Mapped[date]
    raised_at: Mapped[datetime | None]
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(Id, default="")
    result: Mapped[str] = mapped_column(Code, default="")
    # Which agency takes it up, where the result says so.
    holder_agency: Mapped[str] = mapped_column(Id, default="")
    reason: Mapped[str] = mapped_column(String(1000), default="")
    version: Mapped[int] = mapped_column(default=1)


class Postponement(Base):
    """A day that was put off: of what, from when to when, by whom. Why stands sealed for the agency that did it."""

    __tablename__ = "postponements"
    __table_args__ = (Index("ix_postponements_object", "kind", "object_id", "at"),)
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(Code)
    object_id: Mapped[str] = mapped_column(Id)
    signal_id: Mapped[str] = to("signals.id", index=True)
    agency_id: Mapped[str] = mapped_column(Id)
    account_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    before: Mapped[date]
    until: Mapped[date]
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class ReflectionPeriod(Base):
    """The time a presumed victim has to decide on cooperation (Vc 2000 B8/3), noted by whoever looks after the person."""

    __tablename__ = "reflection_periods"
    __table_args__ = (Index("ix_reflection_periods_agency", "agency_id", "ended_on", "ends_on", "id"),)
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    subject_id: Mapped[str] = to("subjects.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    began_on: Mapped[date]
    ends_on: Mapped[date]
    noted_by: Mapped[str] = mapped_column(Id)
    noted_at: Mapped[datetime]
    warned_at: Mapped[datetime | None]
    ended_on: Mapped[date | None]
    result: Mapped[str] = mapped_column(Code, default="")
    version: Mapped[int] = mapped_column(default=1)
