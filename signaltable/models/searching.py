"""By what cases are found, and what the figures of a month are made of: keyed digests and counts, no words and no people."""

from datetime import date

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code, Id, to


class SearchRow(Base):
    """A signal in the index: its place in time as a number, and the terms under which it stands there.

    `terms` are packed, eight bytes each, so that all of them can be taken out again whatever key they were made with;
    `key_version` is that key, 0 for a signal that still has to be read.
    """

    __tablename__ = "search_rows"
    __table_args__ = (UniqueConstraint("signal_id"),)
    # On SQLite the number of the row itself, which it calls INTEGER.
    number: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False
    )
    signal_id: Mapped[str] = to("signals.id")
    key_version: Mapped[int] = mapped_column(index=True)
    terms: Mapped[bytes] = mapped_column(LargeBinary, default=b"")


class SearchTerm(Base):
    """A term, the keyed digest of a word or of a place where cases lie, and the number of a signal that has it."""

    __tablename__ = "search_terms"
    __table_args__ = {"sqlite_with_rowid": False}  # noqa: RUF012 -- SQLAlchemy reads a plain dict here
    term: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)


class FigureMonth(Base):
    """A month of the figures: up to which day it was counted, and below which threshold its numbers were left out.

    `month` reads 2026-10; `hidden_below` is 0 as long as nobody may see it.
    """

    __tablename__ = "figure_months"
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    counted_until: Mapped[date]
    hidden_below: Mapped[int] = mapped_column(default=0)


class Figure(Base):
    """How often something happened at a table ("" for the whole region) in a month.

    As long as the month goes on, a count of a table, which is `hidden`; after that only what is told of it, as it is told.
    """

    __tablename__ = "figures"
    month: Mapped[str] = mapped_column(String(7), primary_key=True)
    dimension: Mapped[str] = mapped_column(Code, primary_key=True)
    table_id: Mapped[str] = mapped_column(Id, primary_key=True)
    value: Mapped[str] = mapped_column(Code, primary_key=True)
    count: Mapped[int]
    hidden: Mapped[bool] = mapped_column(Boolean, default=True)
