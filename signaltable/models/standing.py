"""How a database stands: which programs may work with it, whether it was moved, and how far a move into it got."""

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from signaltable.db import Base
from signaltable.models.columns import Code


class DatabaseMark(Base):
    """One thing that the database says of itself, by name (signaltable/database_marks.py)."""

    __tablename__ = "database_marks"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class MovedTable(Base):
    """How far a table got in a move from another database (signaltable/moving/), and what was read of it over there.

    `last_key` is the key of the last row that arrived, as JSON; `digest` the sum of the digests of so many `rows`, in
    hexadecimal; `runs` how many times the move was taken up again in the middle of this table.
    """

    __tablename__ = "moved_tables"
    name: Mapped[str] = mapped_column(Code, primary_key=True)
    last_key: Mapped[str] = mapped_column(Text, default="")
    rows: Mapped[int] = mapped_column(BigInteger, default=0)
    digest: Mapped[str] = mapped_column(String(64), default="")
    runs: Mapped[int] = mapped_column(default=0)
    done: Mapped[bool] = mapped_column(default=False)
