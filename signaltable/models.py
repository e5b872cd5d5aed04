"""The tables. Columns and constraints only; what they mean in motion stands in flow/.

Ids are random hexadecimal text. Identity lives in `subject_fields` (sealed per subject) and in sealed columns; all
other columns are pseudonymous by design (policies/fields.toml gives every field its data category).
"""

from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base

Id = String(36)
Code = String(64)


def _key() -> Mapped[str]:
    return mapped_column(Id, primary_key=True)


def _to(target: str, *, null: bool = False, index: bool = False) -> Any:
    return mapped_column(Id, ForeignKey(target), nullable=null, index=index)


def _sealed(**options: Any) -> Any:
    # Long, and of no use before somebody may open it: read when asked for, so that a list does not carry it along.
    return mapped_column(LargeBinary, deferred=True, deferred_group="sealed", **options)


# -- who takes part ----------------------------------------------------------------------------------------------


class Agency(Base):
    """An organisation at the table. `kind` is one of policies/agency_kinds.toml."""

    __tablename__ = "agencies"
    id: Mapped[str] = _key()
    title: Mapped[str] = mapped_column(String(200), unique=True)
    kind: Mapped[str] = mapped_column(Code)
    active: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class AgencyDestination(Base):
    """Which destinations of the meldroutekaart an agency stands for in this region."""

    __tablename__ = "agency_destinations"
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True)
    destination: Mapped[str] = mapped_column(Code, primary_key=True)


class Account(Base):
    """A person who logs in. The name stands here and nowhere in the log."""

    __tablename__ = "accounts"
    id: Mapped[str] = _key()
    login: Mapped[str] = mapped_column(String(120), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str] = mapped_column(String(200))
    # Somebody else typed the password: the owner has to choose another before doing anything.
    first_password: Mapped[bool] = mapped_column(default=False)
    agency_id: Mapped[str] = _to("agencies.id", index=True)
    active: Mapped[bool] = mapped_column(default=True)
    language: Mapped[str] = mapped_column(String(2), default="nl")
    created_at: Mapped[datetime]
    # Where mails go, when the login is no address; and when a mail server last said that none arrive there.
    mail_address: Mapped[str] = mapped_column(String(190), default="", server_default="")
    mail_bounced_at: Mapped[datetime | None]


class AccountRole(Base):
    __tablename__ = "account_roles"
    account_id: Mapped[str] = mapped_column(Id, ForeignKey("accounts.id"), primary_key=True)
    role: Mapped[str] = mapped_column(Code, primary_key=True)


class LoginSession(Base):
    """A session on the server; the browser holds only a random token, of which the digest stands here."""

    __tablename__ = "sessions"
    token_digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = _to("accounts.id", index=True)
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    # When the password was given again for something that asks for it (step-up); empty: only at the start.
    proved_at: Mapped[datetime | None]
    # What was sent last in it, as a keyed digest, so that a second click counts for nothing.
    last_form: Mapped[str] = mapped_column(String(64), default="", server_default="")
    last_form_at: Mapped[datetime | None]


class LoginAttempt(Base):
    """Failed attempts per login name (as a keyed digest), for throttling."""

    __tablename__ = "login_attempts"
    id: Mapped[str] = _key()
    login_digest: Mapped[str] = mapped_column(String(64), index=True)
    at: Mapped[datetime] = mapped_column(index=True)


class RegionalTable(Base):
    """A signal table: regional meeting and workspace of its member agencies, for a region or a theme.

    `theme` is one of policies/table_themes.toml, empty for signals of every kind; a closed table takes no new signals.
    """

    __tablename__ = "regional_tables"
    id: Mapped[str] = _key()
    title: Mapped[str] = mapped_column(String(200), unique=True)
    region: Mapped[str] = mapped_column(String(120), default="", server_default="")
    theme: Mapped[str] = mapped_column(Code, default="", server_default="")
    created_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]


class TableMember(Base):
    __tablename__ = "table_members"
    table_id: Mapped[str] = mapped_column(Id, ForeignKey("regional_tables.id"), primary_key=True)
    agency_id: Mapped[str] = mapped_column(Id, ForeignKey("agencies.id"), primary_key=True, index=True)


# -- signals -----------------------------------------------------------------------------------------------------


class Draft(Base):
    """A signal in the making: one sealed envelope that only its author's agency can open."""

    __tablename__ = "drafts"
    id: Mapped[str] = _key()
    account_id: Mapped[str] = _to("accounts.id", index=True)
    agency_id: Mapped[str] = _to("agencies.id")
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
        Index("ix_signals_table_created", "table_id", "created_at", "id"),
    )
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    owner_agency: Mapped[str] = _to("agencies.id")
    submitter: Mapped[str] = _to("accounts.id")
    capacity: Mapped[str] = mapped_column(Code)
    table_id: Mapped[str] = _to("regional_tables.id")
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
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
    from_table: Mapped[str] = _to("regional_tables.id")
    to_table: Mapped[str] = _to("regional_tables.id")
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
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
    account_id: Mapped[str] = _to("accounts.id")
    agency_id: Mapped[str] = _to("agencies.id")
    kind: Mapped[str] = mapped_column(Code)
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    declared_by: Mapped[str] = mapped_column(Id)
    declared_at: Mapped[datetime]
    ended_by: Mapped[str] = mapped_column(Id, default="")
    ended_at: Mapped[datetime | None]


class SignalMove(Base):
    """Every change of state: who, when, why."""

    __tablename__ = "signal_moves"
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
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
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
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
    id: Mapped[str] = _key()
    owner_agency: Mapped[str] = _to("agencies.id", index=True)
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
    id: Mapped[str] = _key()
    subject_a: Mapped[str] = _to("subjects.id", index=True)
    subject_b: Mapped[str] = _to("subjects.id", index=True)
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


# -- identity beyond the first submit: linking, text, files, asking who, erasing, keys ---------------------------------


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
    id: Mapped[str] = _key()
    link_id: Mapped[str] = _to("links.id")
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
    id: Mapped[str] = _key()
    # The act that ended the link; links go when a subject is erased, what was told stays.
    act_id: Mapped[str] = mapped_column(Id, index=True)
    agency_id: Mapped[str] = _to("agencies.id")
    # Why it was told: `owner` of the signal, `table` where it lies, `receiver` of a disclosure.
    relation: Mapped[str] = mapped_column(Code)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    disclosure_id: Mapped[str | None] = _to("disclosures.id", null=True)
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
    agency_id: Mapped[str] = _to("agencies.id")
    used: Mapped[int]


class TextCheck(Base):
    """A text of a signal that the heavy reader has not read yet, or that waits for its submitter to confirm masks."""

    __tablename__ = "text_checks"
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
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
    id: Mapped[str] = _key()
    signal_id: Mapped[str | None] = _to("signals.id", null=True)
    draft_id: Mapped[str | None] = _to("drafts.id", null=True)
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
    )
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    subject_id: Mapped[str] = _to("subjects.id", index=True)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    owner_agency: Mapped[str] = _to("agencies.id")
    agency_id: Mapped[str] = _to("agencies.id", index=True)
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
    asked_sealed: Mapped[bytes] = _sealed(default=b"")
    state: Mapped[str] = mapped_column(Code, index=True)
    # Why it ended or was refused, where a word of the program says it.
    cause: Mapped[str] = mapped_column(Code, default="")
    asked_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_roles: Mapped[str] = mapped_column(String(200), default="")
    decided_at: Mapped[datetime | None]
    answer_sealed: Mapped[bytes] = _sealed(default=b"")
    opened_at: Mapped[datetime | None]
    # When it closes: the last moment to open it first, and then a quarter of an hour after that.
    until: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    wrapped: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class SubjectErasure(Base):
    """Somebody asks that one subject is erased before its time (GDPR art. 17), and a second person decides."""

    __tablename__ = "subject_erasures"
    __table_args__ = (Index("ix_subject_erasures_agency", "agency_id", "asked_at", "id"),)
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    subject_id: Mapped[str] = _to("subjects.id", index=True)
    agency_id: Mapped[str] = _to("agencies.id")
    account_id: Mapped[str] = mapped_column(Id)
    ground: Mapped[str] = mapped_column(Code)
    asked_sealed: Mapped[bytes] = _sealed(default=b"")
    state: Mapped[str] = mapped_column(Code, index=True)
    asked_at: Mapped[datetime]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]
    # On what a refusal rests (GDPR art. 17(3)), and what was said to the safety check.
    exception: Mapped[str] = mapped_column(Code, default="")
    answers: Mapped[dict[str, str]] = mapped_column(JSON, default=dict)
    answer_sealed: Mapped[bytes] = _sealed(default=b"")
    told: Mapped[int] = mapped_column(default=0)


class KeyRotation(Base):
    """A key that is being replaced: how far the work is, so that it goes on after a crash."""

    __tablename__ = "key_rotations"
    id: Mapped[str] = _key()
    purpose: Mapped[str] = mapped_column(Code)
    agency_id: Mapped[str | None] = _to("agencies.id", null=True)
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


# -- the table at work -------------------------------------------------------------------------------------------


class Question(Base):
    """A question to one partner: do you know this subject? With the four answers."""

    __tablename__ = "questions"
    __table_args__ = (Index("ix_questions_agency", "agency_id", "answer", "due_on", "id"),)
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
    subject_id: Mapped[str | None] = _to("subjects.id", null=True)
    agency_id: Mapped[str] = _to("agencies.id")
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
    id: Mapped[str] = _key()
    table_id: Mapped[str] = _to("regional_tables.id", index=True)
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
    agency_id: Mapped[str] = _to("agencies.id")
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
    id: Mapped[str] = _key()
    meeting_id: Mapped[str] = _to("meetings.id", index=True)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    position: Mapped[int]
    # Why the rules proposed it (policies/agenda.toml).
    proposed_for: Mapped[list[str]] = mapped_column(JSON, default=list, server_default="[]")
    decision: Mapped[str] = mapped_column(Code, default="")
    reason: Mapped[str] = mapped_column(String(1000), default="")
    holder_agency: Mapped[str | None] = _to("agencies.id", null=True)
    due_on: Mapped[date | None]
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]


class Note(Base):
    """A discussion note on an agenda item; masked like every text of the table."""

    __tablename__ = "notes"
    id: Mapped[str] = _key()
    item_id: Mapped[str] = _to("agenda_items.id", index=True)
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
    id: Mapped[str] = _key()
    item_id: Mapped[str] = _to("agenda_items.id", index=True)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    agency_id: Mapped[str] = _to("agencies.id")
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
    state: Mapped[str] = mapped_column(Code)
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
    signal_id: Mapped[str | None] = _to("signals.id", null=True, index=True)
    content: Mapped[dict[str, Any]] = mapped_column(JSON)
    digest: Mapped[str] = mapped_column(String(64))


# -- time --------------------------------------------------------------------------------------------------------


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
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
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
    id: Mapped[str] = _key()
    kind: Mapped[str] = mapped_column(Code)
    object_id: Mapped[str] = mapped_column(Id)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    agency_id: Mapped[str] = mapped_column(Id)
    account_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
    before: Mapped[date]
    until: Mapped[date]
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class ReflectionPeriod(Base):
    """The time a presumed victim has to decide on cooperation (Vc 2000 B8/3), noted by whoever looks after the person."""

    __tablename__ = "reflection_periods"
    id: Mapped[str] = _key()
    signal_id: Mapped[str] = _to("signals.id", index=True)
    subject_id: Mapped[str] = _to("subjects.id", index=True)
    agency_id: Mapped[str] = _to("agencies.id")
    began_on: Mapped[date]
    ends_on: Mapped[date]
    noted_by: Mapped[str] = mapped_column(Id)
    noted_at: Mapped[datetime]
    warned_at: Mapped[datetime | None]
    ended_on: Mapped[date | None]
    result: Mapped[str] = mapped_column(Code, default="")
    version: Mapped[int] = mapped_column(default=1)


# -- disclosures -------------------------------------------------------------------------------------------------


class Disclosure(Base):
    """One provider -> one recipient -> one purpose -> one ground. No row without a ground (peers.md 4.1)."""

    __tablename__ = "disclosures"
    __table_args__ = (
        CheckConstraint("ground <> ''", name="has_ground"),
        Index("ix_disclosures_recipient", "recipient_agency", "state", "requested_at", "id"),
    )
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    signal_id: Mapped[str] = _to("signals.id", index=True)
    provider_agency: Mapped[str] = _to("agencies.id")
    recipient_agency: Mapped[str] = _to("agencies.id")
    destination: Mapped[str] = mapped_column(Code)
    purpose: Mapped[str] = mapped_column(Code)
    ground: Mapped[str] = mapped_column(Code)
    ground_digest: Mapped[str] = mapped_column(String(64))
    policy_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(Code, index=True)
    fields: Mapped[list[str]] = mapped_column(JSON)
    categories: Mapped[list[str]] = mapped_column(JSON)
    evidence_hashes: Mapped[dict[str, str]] = mapped_column(JSON)
    evidence_sealed: Mapped[bytes] = _sealed()
    obligations: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    requested_by: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime]
    approved_by: Mapped[str] = mapped_column(Id, default="")
    approved_at: Mapped[datetime | None]
    disclosed_at: Mapped[datetime | None]
    payload_hash: Mapped[str] = mapped_column(String(64), default="")
    payload_recipient: Mapped[bytes] = _sealed(default=b"")
    payload_provider: Mapped[bytes] = _sealed(default=b"")
    due_on: Mapped[date | None]
    responded_by: Mapped[str] = mapped_column(Id, default="")
    responded_at: Mapped[datetime | None]
    response_sealed: Mapped[bytes] = _sealed(default=b"")
    feedback: Mapped[str] = mapped_column(Code, default="")
    feedback_at: Mapped[datetime | None]
    feedback_sealed: Mapped[bytes] = _sealed(default=b"")
    # The day on which the person took back the consent that this rests on.
    consent_withdrawn_on: Mapped[date | None]
    # The disclosure with which the provider got what it passes on here; its provider may or may not know to whom.
    parent_id: Mapped[str | None] = _to("disclosures.id", null=True, index=True)
    parent_told: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    feedback_due_on: Mapped[date | None]
    # Taken back by its provider, or because the one that it came from was.
    revoked_at: Mapped[datetime | None]
    revoked_by: Mapped[str] = mapped_column(Id, default="", server_default="")
    revoked_for: Mapped[str] = mapped_column(Code, default="", server_default="")
    # Empty rather than a default of no bytes: SQLite would keep that as text, which is no envelope.
    revoked_sealed: Mapped[bytes | None] = _sealed(nullable=True)


class Feedback(Base):
    """What a receiver told about what came of it; each time a row, so that the owner sees how it went."""

    __tablename__ = "feedbacks"
    __table_args__ = (UniqueConstraint("disclosure_id", "number"),)
    id: Mapped[str] = _key()
    disclosure_id: Mapped[str] = _to("disclosures.id")
    number: Mapped[int]
    at: Mapped[datetime]
    account_id: Mapped[str] = mapped_column(Id)
    result: Mapped[str] = mapped_column(Code)
    # Who is told, and the words that went along, sealed for it.
    agency_id: Mapped[str] = _to("agencies.id")
    words_sealed: Mapped[bytes] = _sealed(default=b"")


class Duty(Base):
    """What is still owed after a disclosure: by whom, what, by when, and how it was done."""

    __tablename__ = "duties"
    __table_args__ = (Index("ix_duties_agency_open", "agency_id", "fulfilled_at", "due_at", "id"),)
    id: Mapped[str] = _key()
    disclosure_id: Mapped[str] = _to("disclosures.id", index=True)
    agency_id: Mapped[str] = _to("agencies.id")
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
    note_sealed: Mapped[bytes] = _sealed(default=b"")


# -- what was decided, and under which rules ---------------------------------------------------------------------


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
    id: Mapped[str] = _key()
    kind: Mapped[str] = mapped_column(Code)
    signal_id: Mapped[str] = _to("signals.id")
    disclosure_id: Mapped[str | None] = _to("disclosures.id", null=True)
    at: Mapped[datetime]
    day: Mapped[date]
    policy_digest: Mapped[str] = mapped_column(String(64), index=True)
    input: Mapped[dict[str, Any]] = mapped_column(JSON)
    outcome: Mapped[dict[str, Any]] = mapped_column(JSON)


# -- the log (audit/FORMAT.md) -----------------------------------------------------------------------------------


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
    id: Mapped[str] = _key()
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


# -- the auditor at work -----------------------------------------------------------------------------------------


class Sample(Base):
    """Disclosures drawn by a seed that the auditor chose; the same seed over the same log draws the same ones."""

    __tablename__ = "samples"
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    auditor: Mapped[str] = _to("accounts.id", index=True)
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
    report_data: Mapped[bytes] = _sealed(default=b"")
    report_pdf: Mapped[bytes] = _sealed(default=b"")
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
    id: Mapped[str] = _key()
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
    id: Mapped[str] = _key()
    reference: Mapped[str] = mapped_column(String(16), unique=True)
    agency_id: Mapped[str] = _to("agencies.id", index=True)
    subject_id: Mapped[str] = _to("subjects.id", index=True)
    requested_by: Mapped[str] = mapped_column(Id)
    requested_at: Mapped[datetime]
    reason_sealed: Mapped[bytes] = _sealed(default=b"")
    decision: Mapped[str] = mapped_column(Code, default="")
    answers: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    decided_by: Mapped[str] = mapped_column(Id, default="")
    decided_at: Mapped[datetime | None]
    decision_sealed: Mapped[bytes] = _sealed(default=b"")
    postponed_until: Mapped[date | None]
    available_until: Mapped[datetime | None]


# -- work in time ------------------------------------------------------------------------------------------------


class JobTurn(Base):
    """How far a job got: every slot up to and including `through` is done. `token` is of the process that is at it now.

    `last_slot` names the run that ended last. While a job fails, `failures` counts on from `failing_since`, `problem` is
    what the last try came to, `try_at` when the next one is, and `untold` how many the log did not tell of.
    """

    __tablename__ = "job_turns"
    job: Mapped[str] = mapped_column(Code, primary_key=True)
    through: Mapped[str] = mapped_column(String(32), default="")
    token: Mapped[str] = mapped_column(Id, default="")
    began_at: Mapped[datetime | None]
    failures: Mapped[int] = mapped_column(default=0)
    last_slot: Mapped[str] = mapped_column(String(32), default="", server_default="")
    failing_since: Mapped[datetime | None]
    try_at: Mapped[datetime | None]
    problem: Mapped[str] = mapped_column(String(200), default="", server_default="")
    untold: Mapped[int] = mapped_column(default=0, server_default="0")


class JobRun(Base):
    """A claim row: the pair (job, slot) is unique, so each run happens once, however many processes run.

    A run that makes up for missed slots covers all from `from_slot` to `slot`: so many `slots`. A run that failed or was
    killed covers none; nor does one again of a slot that was counted while the clock stood ahead.
    """

    __tablename__ = "job_runs"
    job: Mapped[str] = mapped_column(Code, primary_key=True)
    slot: Mapped[str] = mapped_column(String(32), primary_key=True)
    from_slot: Mapped[str] = mapped_column(String(32), default="", server_default="")
    slots: Mapped[int] = mapped_column(default=0, server_default="0")
    claimed_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(200), default="")


class Mail(Base):
    """A mail that says only that work is waiting; it never holds content.

    Its id is in the link that it carries, and leads whoever it was for to `task` (kind and id of what waits). `state` is
    empty while it waits, then `sent`, `digested` (told in the mail `digest_id`), `failed` or `bounced`.
    """

    __tablename__ = "mails"
    __table_args__ = (Index("ix_mails_waiting", "state", "next_try_at", "id"),)
    id: Mapped[str] = _key()
    account_id: Mapped[str] = _to("accounts.id", index=True)
    template: Mapped[str] = mapped_column(Code)
    urgent: Mapped[bool] = mapped_column(default=False, server_default=text("false"))
    task_kind: Mapped[str] = mapped_column(Code, default="", server_default="")
    task_id: Mapped[str] = mapped_column(Id, default="", server_default="")
    created_at: Mapped[datetime]
    written_at: Mapped[datetime | None]
    state: Mapped[str] = mapped_column(Code, default="", server_default="")
    digest_id: Mapped[str] = mapped_column(Id, default="", server_default="")
    tries: Mapped[int] = mapped_column(default=0, server_default="0")
    next_try_at: Mapped[datetime | None]
    # Why it was not delivered, as the reply code of the mail server (RFC 3463), never its words.
    problem: Mapped[str] = mapped_column(Code, default="", server_default="")
