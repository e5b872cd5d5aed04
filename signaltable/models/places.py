"""The index that lists go along: what waits for whom, kept by the database itself."""

from datetime import datetime

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id


class ListPlace(Base):
    """One thing in one list of an agency or of a table, at the moment by which that list is in order.

    Made from the things themselves by triggers (signaltable/places), and by nothing else; `scope` is the id of an agency
    or of a table.
    """

    __tablename__ = "list_places"
    __table_args__ = (
        Index("ix_list_places_order", "list", "scope", "at", "object_id", "signal_id"),
        Index("ix_list_places_signal", "signal_id", "list"),
        Index("ix_list_places_object", "object_id", "list"),
    )
    list: Mapped[str] = mapped_column(Code, primary_key=True)
    scope: Mapped[str] = mapped_column(Id, primary_key=True)
    object_id: Mapped[str] = mapped_column(Id, primary_key=True)
    signal_id: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]
