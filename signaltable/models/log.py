"""The log (audit/FORMAT.md) and the auditor at work."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, sealed, to

_UNUSUAL = text("outcome <> 'ok'")


class LogEntry(Base):
    """The exact bytes that were hashed, and a few of their fields again as columns to filter by."""

    __tablename__ = "log_entries"
    __table_args__ = (
        Index("ix_log_entries_action", "action", "seq"),
        Index("ix_log_entries_agency", "agency", "seq"),
        Index("ix_log_entries_object", "object", "seq"),
        Index("ix_log_entries_actor", "actor", "seq"),
        Index("ix_log_entries_agency_action", "agency", "action", "seq"),
        # Refusals and errors are few, and looked for.
        Index("ix_log_entries_outcome", "outcome", "seq", sqlite_where=_UNUSUAL, postgresql_where=_UNUSUAL),
    )
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    entry: Mapped[bytes] = mapped_column(LargeBinary)
    leaf: Mapped[bytes] = mapped_column(LargeBinary(32))
    recorded_at: Mapped[datetime] = mapped_column(index=True)
    action: Mapped[str] = mapped_column(Code)
    outcome: Mapped[str] = mapped_column(Code)
    agency: Mapped[str] = mapped_column(Id)
    actor: Mapped[str] = mapped_column(Id)
    object_type: Mapped[str] = mapped_column(Code)
    object: Mapped[str] = mapped_column(Code)


class LogDetail(Base):
    """The details that an entry commits to, and their salt; both can be destroyed while every proof holds."""

    __tablename__ = "log_details"
    seq: Mapped[int] = mapped_column(ForeignKey("log_entries.seq"), primary_key=True, autoincrement=False)
    salt: Mapped[bytes] = mapped_column(LargeBinary(32))
    details: Mapped[bytes] = mapped_column(LargeBinary)


class LogErased(Base):
    """Entries whose details were destroyed, and the number of the entry that says so. Details without a row here stay."""

    __tablename__ = "log_erased"
    seq: Mapped[int] = mapped_column(ForeignKey("log_entries.seq"), primary_key=True, autoincrement=False)
    by_seq: Mapped[int] = mapped_column(ForeignKey("log_entries.seq"), index=True)


class LogTerm(Base):
    """What one may look for in the log (`name` is ground, purpose, recipient, ...); made from the details, gone with them."""

    __tablename__ = "log_terms"
    __table_args__ = ({"sqlite_with_rowid": False},)
    name: Mapped[str] = mapped_column(String(16), primary_key=True)
    value: Mapped[str] = mapped_column(String(128), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, index=True)


class LogNode(Base):
    """The root of a complete subtree of the log: 2**level leaves from `position` * 2**level on; only every fourth level."""

    __tablename__ = "log_nodes"
    __table_args__ = ({"sqlite_with_rowid": False},)
    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    position: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32))


class LogHead(Base):
    """One row: the size of the log and the right edge of its tree. Locked as the last statement before commit."""

    __tablename__ = "log_head"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    size: Mapped[int]
    frontier: Mapped[bytes] = mapped_column(LargeBinary)
    recorded_at: Mapped[int] = mapped_column(BigInteger)  # ms since 1970 need 41 bits


class LogCheckpoint(Base):
    """A signed head of the log (C2SP tlog-checkpoint)."""

    __tablename__ = "log_checkpoints"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    note: Mapped[str] = mapped_column(Text)
    signed_at: Mapped[datetime]


class CheckpointCopy(Base):
    """To which agency a checkpoint went, and when somebody there fetched it from the page."""

    __tablename__ = "checkpoint_copies"
    size: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    sent_at: Mapped[datetime | None]
    fetched_at: Mapped[datetime | None]


class Incident(Base):
    """Something that a check of the log found. One row as long as it is open, however often it is found again."""

    __tablename__ = "incidents"
    __table_args__ = (Index("ix_incidents_open", "settled_at", "opened_at", "id"),)
    id: Mapped[str] = key()
    kind: Mapped[str] = mapped_column(Code)
    place: Mapped[str] = mapped_column(String(200))
    message: Mapped[str] = mapped_column(String(500))
    opened_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    times: Mapped[int] = mapped_column(default=1)
    settled_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(Id, default="")
    result: Mapped[str] = mapped_column(Code, default="")
    explanation: Mapped[str] = mapped_column(String(1000), default="")


class Sample(Base):
    """Disclosures drawn by a seed that the auditor chose; the same seed over the same log draws the same ones."""

    __tablename__ = "samples"
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    auditor: Mapped[str] = to("accounts.id", index=True)
    seed: Mapped[str] = mapped_column(String(64))
    filters: Mapped[dict[str, Any]] = mapped_column(JSON)
    population: Mapped[int]
    log_size: Mapped[int]
    # What makes the draw provable: root of the log at that size, SHA-256 of the references that could be drawn, how many
    # disclosures could not be compared with the filter because their details were destroyed.
    log_root: Mapped[str] = mapped_column(String(64))
    population_hash: Mapped[str] = mapped_column(String(64))
    left_out: Mapped[int]
    size: Mapped[int]
    stratified: Mapped[str] = mapped_column(Code, default="")
    drawn_at: Mapped[datetime]
    concluded_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(Code, default="")
    conclusion: Mapped[str] = mapped_column(Text, default="")
    report_hash: Mapped[str] = mapped_column(String(64), default="")
    # The report as it was concluded (canonical JSON and PDF), and the signed note over their digests, made by the jobs.
    report_data: Mapped[bytes] = sealed(default=b"")
    report_pdf: Mapped[bytes] = sealed(default=b"")
    signature: Mapped[str] = mapped_column(Text, default="")


class SampleItem(Base):
    """One drawn disclosure, and what the auditor found about it."""

    __tablename__ = "sample_items"
    sample_id: Mapped[str] = mapped_column(Id, ForeignKey("samples.id"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    # As the log names it: whether there is still a row for it is one of the things that an auditor may find.
    disclosure: Mapped[str] = mapped_column(String(64))
    verdict: Mapped[str] = mapped_column(Code, default="")
    # Which points of the list of what to look at were looked at.
    looked_at: Mapped[list[str]] = mapped_column(JSON, default=list)
    finding: Mapped[str] = mapped_column(Text, default="")
    judged_at: Mapped[datetime | None]


class MisuseQuestion(Base):
    """A question about what the log shows (policies/misuse.toml), asked of an agency, and its answer.

    Entries up to `through_seq` are behind it: once it is settled they raise the same question no more.
    """

    __tablename__ = "misuse_questions"
    __table_args__ = (Index("ix_misuse_questions_about", "rule", "about", "through_seq"),)
    id: Mapped[str] = key()
    rule: Mapped[str] = mapped_column(Code)
    about: Mapped[str] = mapped_column(String(200))
    agency_id: Mapped[str] = mapped_column(Id, index=True)
    through_seq: Mapped[int]
    count: Mapped[int]
    asked_by: Mapped[str] = mapped_column(Id, default="")
    asked_at: Mapped[datetime | None]
    settled_by: Mapped[str] = mapped_column(Id, default="")
    settled_at: Mapped[datetime | None]
    result: Mapped[str] = mapped_column(Code, default="")
    explanation: Mapped[str] = mapped_column(String(1000), default="")


class SubjectReport(Base):
    """A request for who saw the data of one subject (GDPR art. 15), and the decision whether handing it over is safe."""

    __tablename__ = "subject_reports"
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    agency_id: Mapped[str] = to("agencies.id", index=True)
    subject_id: Mapped[str] = to("subjects.id", index=True)
    requested_by: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime]
    reason_sealed: Mapped[bytes] = sealed(default=b"")
    decision: Mapped[str] = mapped_column(Code, default="")
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]
    decision_sealed: Mapped[bytes] = sealed(default=b"")
    postponed_until: Mapped[date | None]
    available_until: Mapped[datetime | None]
