"""Rights beyond a role: those that end by themselves, those taken in acute danger, and the yearly look at all of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, key, to


class RoleGrant(Base):
    """A role for some time, such as that of a colleague on leave; it ends by itself."""

    __tablename__ = "role_grants"
    __table_args__ = (Index("ix_role_grants_account", "account_id", "ends_at"),)
    id: Mapped[str] = key()
    account_id: Mapped[str] = to("accounts.id")
    role: Mapped[str] = mapped_column(Code)
    reason: Mapped[str] = mapped_column(String(500))
    given_by: Mapped[str] = mapped_column(Id)
    given_at: Mapped[datetime]
    begins_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    ended_by: Mapped[str] = mapped_column(Id, default="")
    # When the log told that it began and that it ended: an end that nobody pressed is told by a job.
    told_at: Mapped[datetime | None]


class EmergencyAccess(Base):
    """Somebody opened a case that was not theirs, in acute danger; a second person looks back on it within a day."""

    __tablename__ = "emergency_accesses"
    __table_args__ = (Index("ix_emergency_accesses_account", "account_id", "ends_at"),)
    id: Mapped[str] = key()
    signal_id: Mapped[str] = to("signals.id", index=True)
    account_id: Mapped[str] = to("accounts.id")
    agency_id: Mapped[str] = to("agencies.id")
    # What the danger was, in the words of who opened it; an envelope for each agency of which somebody may read it.
    reason_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    danger: Mapped[str] = mapped_column(Code)
    opened_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    review_due_at: Mapped[datetime] = mapped_column(index=True)
    reminded_at: Mapped[datetime | None]
    # When an incident was made of it that nobody looked back in time.
    escalated_at: Mapped[datetime | None]
    reviewed_by: Mapped[str] = mapped_column(Id, default="")
    reviewed_at: Mapped[datetime | None]
    # "justified" or "not_justified".
    verdict: Mapped[str] = mapped_column(Code, default="")
    review_sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    version: Mapped[int] = mapped_column(default=1)


class RightsReview(Base):
    """Who could do what on one day, and who signed that it is right (BIO2 5.18)."""

    __tablename__ = "rights_reviews"
    id: Mapped[str] = key()
    # Empty: of the whole region.
    agency_id: Mapped[str] = mapped_column(Id, default="", index=True)
    made_at: Mapped[datetime]
    # What was shown: one line for each account, machine and grant; names stand in their own tables.
    lines: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    digest: Mapped[str] = mapped_column(String(64))
    signed_by: Mapped[str] = mapped_column(Id)
    signed_at: Mapped[datetime]
    # Account or machine id -> "keep" or "take_away", with a reason where it is taken away.
    verdicts: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    settled_at: Mapped[datetime | None]
