"""What several machines of one installation share beside the rows of the business."""

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Id


class SharedRing(Base):
    """One row: which keys there are, and for machines that lack one, the ring sealed under a secret of itself.

    `facts` tell of each key its purpose, agency, version, state and fingerprint; `sealed` is empty as soon as every
    machine has them all.
    """

    __tablename__ = "shared_rings"
    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(64))
    facts: Mapped[list[Any]] = mapped_column(JSON)
    sealed: Mapped[bytes] = mapped_column(LargeBinary, default=b"")
    changed_at: Mapped[datetime]


class Host(Base):
    """A home on a machine that works on this database: which keys it has, under which rules, and when it last worked."""

    __tablename__ = "hosts"
    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    ring: Mapped[str] = mapped_column(String(64))
    told: Mapped[dict[str, Any]] = mapped_column(JSON)
    seen_at: Mapped[datetime]


class ExportPart(Base):
    """A piece of an export that waits for whoever asked for it: the machine that made it is not the one that hands it out."""

    __tablename__ = "export_parts"
    request: Mapped[str] = mapped_column(String(32), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    data: Mapped[bytes] = mapped_column(LargeBinary)
