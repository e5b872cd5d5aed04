"""Signals, their subjects and what was found between them."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class Draft(Base):
    """A signal in the making: one sealed envelope that only its author's agency can open."""

    __tablename__ = "drafts"
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    step: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    version: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class Signal(Base):
    """A submitted signal. The narrative stands twice: sealed for the owner, and masked for the table."""

    __tablename__ = "signals"
    __table_args__ = (
        Index("ix_signals_owner_created", "owner_agency", "created_at", "id"),
        Index("ix_signals_owner_state", "owner_agency", "state", "keep_until", "id"),
        Index("ix_signals_table_state", "table_id", "state", "created_at", "id"),
    )
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    owner_agency: Mapped[str] = to("agencies.id")
    submitter: Mapped[str] = to("accounts.id")
    capacity: Mapped[str] = mapped_column(Code)
    table_id: Mapped[str] = to("regional_tables.id")
    state: Mapped[str] = mapped_column(Code, index=True)
    urgency: Mapped[str] = mapped_column(Code)
    created_at: Mapped[datetime]
    observed_on: Mapped[date | None]
    municipality: Mapped[str] = mapped_column(String(120), default="")
    source_quality: Mapped[str] = mapped_column(Code, default="")
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
    form_rows: Mapped[dict[str, Any]] = mapped_column(JSON)
    indicators: Mapped[dict[str, Any]] = mapped_column(JSON)
    flags: Mapped[list[str]] = mapped_column(JSON)
    consent: Mapped[dict[str, Any]] = mapped_column(JSON)
    narrative_masked: Mapped[str] = mapped_column(Text)
    # The data categories that the account turned out to carry, beyond what was ticked (policies/fields.toml, adds_found).
    found: Mapped[list[str]] = mapped_column(JSON, default=list)
    owner_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    advice: Mapped[dict[str, Any]] = mapped_column(JSON)
    policy_digest: Mapped[str] = mapped_column(String(64))
    missing: Mapped[list[str]] = mapped_column(JSON)
    keep_until: Mapped[date] = mapped_column(index=True)
    # How the case ended (policies/outcomes.toml); empty while it goes on, and where the table decided that it ends.
    outcome: Mapped[str] = mapped_column(Code, default="", server_default="")
    # When the owner was told that the term is nearly over.
    keep_warned_at: Mapped[datetime | None]
    version: Mapped[int] = mapped_column(default=1)


class SignalTableMove(Base):
    """A signal went from one table to another: who, when, why."""

    __tablename__ = "signal_table_moves"
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    from_table: Mapped[str] = to("regional_tables.id")
    to_table: Mapped[str] = to("regional_tables.id")
    at: Mapped[datetime]
    account_id: Mapped[str] = mapped_column(Id)
    agency_id: Mapped[str] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(500), default="")


class Recusal(Base):
    """Somebody who has a conflict of interest in a case, and who therefore sees nothing of it.

    The reason is sealed for the agency of that person.
    """

    __tablename__ = "recusals"
    __table_args__ = (Index("ix_recusals_account", "account_id", "ended_at", "signal_id"),)
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    account_id: Mapped[str] = to("accounts.id")
    agency_id: Mapped[str] = to("agencies.id")
    kind: Mapped[str] = mapped_column(Code)
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    declared_by: Mapped[str] = mapped_column(Id)
    declared_at: Mapped[datetime]
    ended_by: Mapped[str] = mapped_column(Id, default="")
    ended_at: Mapped[datetime | None]


class SignalMove(Base):
    """Every change of state: who, when, why."""

    __tablename__ = "signal_moves"
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    at: Mapped[datetime]
    state_from: Mapped[str] = mapped_column(Code)
    state_to: Mapped[str] = mapped_column(Code)
    account_id: Mapped[str] = mapped_column(Id)
    agency_id: Mapped[str] = mapped_column(Id)
    reason: Mapped[str] = mapped_column(String(500), default="")


class Subject(Base):
    """A person, address, company, vehicle, phone, account or profile that a signal is about."""

    __tablename__ = "subjects"
    __table_args__ = (UniqueConstraint("signal_id", "number"),)
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(Code)
    role: Mapped[str] = mapped_column(Code)
    age_band: Mapped[str] = mapped_column(Code, default="unknown")
    gender: Mapped[str] = mapped_column(Code, default="unknown")
    erased_at: Mapped[datetime | None]


class SubjectField(Base):
    """One sealed identity field: AES-256-GCM under the subject's data key, with row and column as associated data."""

    __tablename__ = "subject_fields"
    subject_id: Mapped[str] = mapped_column(Id, ForeignKey("subjects.id"), primary_key=True)
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    sure: Mapped[bool] = mapped_column(default=True)


class SubjectKey(Base):
    """The subject's data key, wrapped for the owning agency (HPKE, RFC 9180). Deleting the row is erasure."""

    __tablename__ = "subject_keys"
    subject_id: Mapped[str] = mapped_column(Id, ForeignKey("subjects.id"), primary_key=True)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class MatchTag(Base):
    """A keyed digest of a normalised field set; only the linking step reads it."""

    __tablename__ = "match_tags"
    __table_args__ = (Index("ix_match_tags_digest", "digest", "set_id", "subject_id"),)
    subject_id: Mapped[str] = mapped_column(Id, ForeignKey("subjects.id"), primary_key=True)
    set_id: Mapped[str] = mapped_column(Code, primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    key_version: Mapped[int]


class Exclusion(Base):
    """A value that many people share (a shelter's address, an office phone) and that therefore proves nothing.

    It has an owner and a day on which somebody looks at it again. The value, what it is and why it stands here are sealed
    for the owner alone; the value is kept because new tags have to be made of it when the match key is replaced.
    """

    __tablename__ = "exclusions"
    id: Mapped[str] = key()
    owner_agency: Mapped[str] = to("agencies.id", index=True)
    part: Mapped[str] = mapped_column(Code)
    # A place where people are kept safe: texts that would tell it get a reminder.
    shelter: Mapped[bool] = mapped_column(default=False)
    value_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    added_by: Mapped[str] = mapped_column(Id)
    added_at: Mapped[datetime]
    review_on: Mapped[date]
    reviewed_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class ExcludedTag(Base):
    """The digests under which an excluded value would link; only the linking step reads them."""

    __tablename__ = "excluded_tags"
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    set_id: Mapped[str] = mapped_column(Code, primary_key=True)
    exclusion_id: Mapped[str] = mapped_column(Id, ForeignKey("exclusions.id"), primary_key=True)
    key_version: Mapped[int]


class Link(Base):
    """A proposed, confirmed or refused link between two subjects of two signals."""

    __tablename__ = "links"
    __table_args__ = (
        UniqueConstraint("subject_a", "subject_b"),
        CheckConstraint("subject_a < subject_b", name="ordered"),
        Index("ix_links_newest", "proposed_at", "id"),
    )
    id: Mapped[str] = key()
    subject_a: Mapped[str] = to("subjects.id", index=True)
    subject_b: Mapped[str] = to("subjects.id", index=True)
    outcome: Mapped[str] = mapped_column(Code)
    compared: Mapped[dict[str, str]] = mapped_column(JSON)
    state: Mapped[str] = mapped_column(Code, index=True)
    # Empty: the program proposed it by their tags; `person`: somebody said that the two are one.
    origin: Mapped[str] = mapped_column(Code, default="", server_default="")
    proposed_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class LinkVerdict(Base):
    """What an owning agency said about a proposed link; its reason is sealed for that agency alone."""

    __tablename__ = "link_verdicts"
    link_id: Mapped[str] = mapped_column(Id, ForeignKey("links.id"), primary_key=True)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    account_id: Mapped[str] = mapped_column(Id)
    confirmed: Mapped[bool]
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    at: Mapped[datetime]
