"""Identity beyond the first submit: linking, text, files, asking who, erasing, keys."""

from datetime import date, datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, sealed, to


class MatchSketch(Base):
    """What the scoring compares beyond tags: keyed digests of pieces of an identity, sealed under a key of the ring.

    Sealed, so that pieces of few values give nothing away by counting; without the ring it is noise.
    """

    __tablename__ = "match_sketches"
    subject_id: Mapped[str] = mapped_column(Id, ForeignKey("subjects.id"), primary_key=True)
    key_version: Mapped[int]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class SubjectGroup(Base):
    """Which subjects are one by confirmed links; a subject without such a link has no row."""

    __tablename__ = "subject_groups"
    subject_id: Mapped[str] = mapped_column(Id, ForeignKey("subjects.id"), primary_key=True)
    group_id: Mapped[str] = mapped_column(Id, index=True)


class LinkAct(Base):
    """A step in the life of a link, never changed: who did what, which step it undoes, and from which one it follows.

    The reason is sealed for the agency of who gave it. `number` counts from 1 within the link.
    """

    __tablename__ = "link_acts"
    __table_args__ = (UniqueConstraint("link_id", "number"),)
    id: Mapped[str] = key()
    link_id: Mapped[str] = to("links.id")
    number: Mapped[int]
    act: Mapped[str] = mapped_column(Code)
    agency_id: Mapped[str] = mapped_column(Id)
    account_id: Mapped[str] = mapped_column(Id)
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    undoes: Mapped[str] = mapped_column(Id, default="")
    # The act that this one follows from: a split ends several links, a refusal counts for a whole group.
    cause: Mapped[str] = mapped_column(Id, default="", index=True)
    at: Mapped[datetime]


class LinkNotice(Base):
    """That somebody may have relied on a link that turned out wrong (or that counts again), until they have read it.

    It names the signal or disclosure that the agency knows, never the other side.
    """

    __tablename__ = "link_notices"
    __table_args__ = (Index("ix_link_notices_agency", "agency_id", "read_at", "at", "id"),)
    id: Mapped[str] = key()
    # The act that ended the link; links go when a subject is erased, what was told stays.
    act_id: Mapped[str] = mapped_column(Id, index=True)
    agency_id: Mapped[str] = to("agencies.id")
    # Why it was told: `owner` of the signal, `table` where it lies, `receiver` of a disclosure.
    relation: Mapped[str] = mapped_column(Code)
    signal_id: Mapped[str] = to("signals.id", index=True)
    disclosure_id: Mapped[str | None] = to("disclosures.id", null=True)
    # `wrong`: it was ended; `restored`: it counts again; `erased`: the other side is gone, which says nothing of it.
    kind: Mapped[str] = mapped_column(Code)
    at: Mapped[datetime]
    read_at: Mapped[datetime | None]
    read_by: Mapped[str] = mapped_column(Id, default="")


class BudgetUse(Base):
    """How much of its query budget a person used on a day; the agency's use is the sum over its people."""

    __tablename__ = "budget_uses"
    __table_args__ = (Index("ix_budget_uses_agency", "agency_id", "kind", "day"),)
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    kind: Mapped[str] = mapped_column(Code, primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    agency_id: Mapped[str] = to("agencies.id")
    used: Mapped[int]


class TextCheck(Base):
    """A text of a signal that the heavy reader has not read yet, or that waits for its submitter to confirm masks."""

    __tablename__ = "text_checks"
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    place: Mapped[str] = mapped_column(Code)
    state: Mapped[str] = mapped_column(Code, index=True)
    asked_at: Mapped[datetime]
    checked_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(default=0)
    found_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class SignalKey(Base):
    """The data key of a signal's attachments, wrapped for an agency (HPKE, RFC 9180). Deleting the row is erasure."""

    __tablename__ = "signal_keys"
    signal_id: Mapped[str] = mapped_column(Id, ForeignKey("signals.id"), primary_key=True)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    wrapped: Mapped[bytes] = mapped_column(LargeBinary)


class Attachment(Base):
    """A file with a draft or a signal: its kind by its content, cleaned of metadata, sealed with the signal's data key.

    While it belongs to a draft that key is in the draft's envelope. `text_state` says whether its text was read for
    identifying words, and `found` which kinds of them there are; neither the words nor the text are kept beside it.
    """

    __tablename__ = "attachments"
    __table_args__ = (UniqueConstraint("signal_id", "number"), UniqueConstraint("draft_id", "number"))
    id: Mapped[str] = key()
    signal_id: Mapped[str | None] = to("signals.id", null=True)
    draft_id: Mapped[str | None] = to("drafts.id", null=True)
    number: Mapped[int]
    kind: Mapped[str] = mapped_column(Code)
    media_type: Mapped[str] = mapped_column(String(80))
    size: Mapped[int]
    name_sealed: Mapped[bytes] = mapped_column(LargeBinary)
    virus_check: Mapped[str] = mapped_column(Code)
    text_state: Mapped[str] = mapped_column(Code)
    found: Mapped[list[str]] = mapped_column(JSON, default=list)
    added_by: Mapped[str] = mapped_column(Id)
    added_at: Mapped[datetime]


class AttachmentPart(Base):
    """A piece of an attachment: AES-256-GCM under the signal's key, with attachment and number as associated data."""

    __tablename__ = "attachment_parts"
    attachment_id: Mapped[str] = mapped_column(Id, ForeignKey("attachments.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    sealed: Mapped[bytes] = mapped_column(LargeBinary)


class IdentityRequest(Base):
    """Somebody asks who a subject is: ground, purpose, second person, and the quarter of an hour in which it opens.

    All are kept, also the refused ones. `wrapped` is the subject's data key for the requester's agency alone, bound to
    this request, and goes when the time is over. The words and the evidence are sealed for the two agencies.
    """

    __tablename__ = "identity_requests"
    __table_args__ = (
        Index("ix_identity_requests_owner", "owner_agency", "state", "asked_at"),
        Index("ix_identity_requests_account", "account_id", "asked_at", "id"),
        Index("ix_identity_requests_open", "account_id", "state", "until", "id"),
    )
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    subject_id: Mapped[str] = to("subjects.id", index=True)
    signal_id: Mapped[str] = to("signals.id", index=True)
    owner_agency: Mapped[str] = to("agencies.id")
    agency_id: Mapped[str] = to("agencies.id", index=True)
    account_id: Mapped[str] = mapped_column(Id)
    roles: Mapped[str] = mapped_column(String(200))
    # Where the requester stood, as a word of the program and what it names, and the pseudonym that stood there.
    way: Mapped[str] = mapped_column(Code)
    thing: Mapped[str] = mapped_column(Code)
    known_as: Mapped[str] = mapped_column(Code)
    ground: Mapped[str] = mapped_column(Code)
    ground_digest: Mapped[str] = mapped_column(String(64), default="")
    policy_digest: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(Code)
    fields: Mapped[list[str]] = mapped_column(JSON, default=list)
    obligations: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    asked_sealed: Mapped[bytes] = sealed(default=b"")
    state: Mapped[str] = mapped_column(Code, index=True)
    # Why it ended or was refused, where a word of the program says it.
    cause: Mapped[str] = mapped_column(Code, default="")
    asked_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_roles: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None]
    answer_sealed: Mapped[bytes] = sealed(default=b"")
    opened_at: Mapped[datetime | None]
    # When it closes: the last moment to open it first, and then a quarter of an hour after that.
    until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class SubjectErasure(Base):
    """Somebody asks that one subject is erased before its time (GDPR art. 17), and a second person decides."""

    __tablename__ = "subject_erasures"
    __table_args__ = (Index("ix_subject_erasures_agency", "agency_id", "asked_at", "id"),)
    id: Mapped[str] = key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    subject_id: Mapped[str] = to("subjects.id", index=True)
    agency_id: Mapped[str] = to("agencies.id")
    account_id: Mapped[str] = mapped_column(Id)
    ground: Mapped[str] = mapped_column(Code)
    asked_sealed: Mapped[bytes] = sealed(default=b"")
    state: Mapped[str] = mapped_column(Code, index=True)
    asked_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]
    # On what a refusal rests (GDPR art. 17(3)), and what was said to the safety check.
    exception: Mapped[str] = mapped_column(Code, default="")
    answers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    answer_sealed: Mapped[bytes] = sealed(default=b"")
    told: Mapped[int] = mapped_column(default=0)


class KeyRotation(Base):
    """A key that is being replaced: how far the work is, so that it goes on after a crash."""

    __tablename__ = "key_rotations"
    id: Mapped[str] = key()
    purpose: Mapped[str] = mapped_column(Code)
    agency_id: Mapped[str | None] = to("agencies.id", null=True)
    from_version: Mapped[int]
    to_version: Mapped[int]
    state: Mapped[str] = mapped_column(Code, index=True)
    stage: Mapped[str] = mapped_column(Code, default="")
    cursor: Mapped[str] = mapped_column(String(200), default="")
    done: Mapped[int] = mapped_column(default=0)
    of: Mapped[int] = mapped_column(default=0)
    # How key pairs seal from now on, where somebody chose; and whether the old version is to stay readable at the end.
    suite: Mapped[str] = mapped_column(Code, default="")
    keep_old: Mapped[bool] = mapped_column(default=False)
    asked_by: Mapped[str] = mapped_column(Id, default="")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
