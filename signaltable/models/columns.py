"""The columns that all tables are made of: ids are random hexadecimal text, codes are words of the rules."""

from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

Id = String(36)
Code = String(64)


def key() -> Mapped[str]:
    """The primary key: an id."""
    return mapped_column(Id, primary_key=True)


def to(target: str, *, null: bool = False, index: bool = False) -> Any:
    """An id of another table."""
    return mapped_column(Id, ForeignKey(target), nullable=null, index=index)


def sealed(**options: Any) -> Any:
    """A sealed column: long, and of no use before somebody may open it, so a list does not carry it along."""
    return mapped_column(LargeBinary, deferred=True, deferred_group="sealed", **options)
