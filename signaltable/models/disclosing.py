"""Disclosures, and what was decided under which rules."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Index, LargeBinary, String, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, sealed, to


class Disclosure(Base):
    """One provider -> one recipient -> one purpose -> one ground. No row without a ground (peers.md 4.1)."""

    __tablename__ = "disclosures"
    __table_args__ = (
        CheckConstraint("ground <> ''", name="has_ground"),
        Index("ix_disclosures_received", "recipient_agency", "disclosed_at", "id"),
        Index("ix_disclosures_answer_due", "recipient_agency", "state", "due_on", "id"),
        Index("ix_disclosures_feedback_due", "recipient_agency", "state", "feedback_due_on", "id"),
    )
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    signal_id: Mapped[str] = to("signals.id", index=True)
    provider_agency: Mapped[str] = to("agencies.id")
    recipient_agency: Mapped[str] = to("agencies.id")
    destination: Mapped[str] = mapped_column(Code)
    purpose: Mapped[str] = mapped_column(Code)
    ground: Mapped[str] = mapped_column(Code)
    ground_digest: Mapped[str] = mapped_column(String(64))
    policy_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(Code, index=True)
    fields: Mapped[list[str]] = mapped_column(JSON)
    categories: Mapped[list[str]] = mapped_column(JSON)
    evidence_hashes: Mapped[dict[str, str]] = mapped_column(JSON)
    evidence_sealed: Mapped[bytes] = sealed()
    obligations: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    requested_by: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(Id, default="")
    approved_at: Mapped[datetime | None]
    disclosed_at: Mapped[datetime | None]
    payload_hash: Mapped[str] = mapped_column(String(64), default="")
    payload_recipient: Mapped[bytes] = sealed(default=b"")
    payload_provider: Mapped[bytes] = sealed(default=b"")
    due_on: Mapped[date | None]
    responded_by: Mapped[str] = mapped_column(Id, default="")
    responded_at: Mapped[datetime | None]
    response_sealed: Mapped[bytes] = sealed(default=b"")
    feedback: Mapped[str] = mapped_column(Code, default="")
    feedback_at: Mapped[datetime | None]
    feedback_sealed: Mapped[bytes] = sealed(default=b"")
    # The day on which the person took back the consent that this rests on.
    consent_withdrawn_on: Mapped[date | None]
    # The disclosure with which the provider got what it passes on here; its provider may or may not know to whom.
    parent_id: Mapped[str | None] = to("disclosures.id", null=True, index=True)
    parent_told: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    feedback_due_on: Mapped[date | None]
    # Taken back by its provider, or because the one that it came from was.
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(Id, default="", server_default="")
    revoked_for: Mapped[str] = mapped_column(Code, default="", server_default="")
    # Empty rather than a default of no bytes: SQLite would keep that as text, which is no envelope.
    revoked_sealed: Mapped[bytes | None] = sealed(nullable=True)


class Feedback(Base):
    """What a receiver told about what came of it; each time a row, so that the owner sees how it went."""

    __tablename__ = "feedbacks"
    __table_args__ = (UniqueConstraint("disclosure_id", "number"),)
    id: Mapped[str] = key()
    disclosure_id: Mapped[str] = to("disclosures.id")
    number: Mapped[int]
    at: Mapped[datetime]
    account_id: Mapped[str] = mapped_column(Id)
    result: Mapped[str] = mapped_column(Code)
    # Who is told, and the words that went along, sealed for it.
    agency_id: Mapped[str] = to("agencies.id")
    words_sealed: Mapped[bytes] = sealed(default=b"")


class Duty(Base):
    """What is still owed after a disclosure: by whom, what, by when, and how it was done."""

    __tablename__ = "duties"
    __table_args__ = (Index("ix_duties_agency_open", "agency_id", "fulfilled_at", "due_at", "id"),)
    id: Mapped[str] = key()
    disclosure_id: Mapped[str] = to("disclosures.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    kind: Mapped[str] = mapped_column(Code)
    created_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    postponed: Mapped[int] = mapped_column(default=0)
    # When its agency was told that it is late, so that it is told once.
    reminded_at: Mapped[datetime | None]
    fulfilled_at: Mapped[datetime | None]
    fulfilled_by: Mapped[str] = mapped_column(Id, default="")
    result: Mapped[str] = mapped_column(Code, default="")
    # The words somebody gave with it, sealed for the agency that owes the duty.
    note_sealed: Mapped[bytes] = sealed(default=b"")


class PolicyVersion(Base):
    """The rules as they were, file by file, so that every decision made under them can be replayed.

    `files` is zlib over JSON: path in policies/ -> the text of the file.
    """

    __tablename__ = "policy_versions"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    files: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)
    first_loaded_at: Mapped[datetime]


class RecordedDecision(Base):
    """One decision of a pure step with all it looked at, pseudonymous: replaying it must give the same outcome.

    `kind` is "route" or "ground"; `input` and `outcome` are what the step was given and gave, as JSON.
    """

    __tablename__ = "decisions"
    __table_args__ = (Index("ix_decisions_signal", "signal_id", "at"), Index("ix_decisions_at", "at", "id"))
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(Code)
    signal_id: Mapped[str] = to("signals.id")
    disclosure_id: Mapped[str | None] = to("disclosures.id", null=True)
    at: Mapped[datetime]
    day: Mapped[date]
    policy_digest: Mapped[str] = mapped_column(String(64), index=True)
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON)
