"""The rows of the business against what the log says of them, in both directions, table by table.

A row fits when the last entry that speaks of it gives the digest of what it holds now. A row of which only entries
speak whose details were destroyed, or that were written before the log spoke of rows, cannot be compared: it has to be
named by such an entry, itself or through what it belongs to, and is counted as such.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Table, select, tuple_
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from signaltable.db import Base
from signaltable.flow.fsck.report import Found
from signaltable.flow.fsck.said import Said, Sayings
from signaltable.keys import KeyProvider, KeyRingError
from signaltable.row_digests import GONE, TRACKED, Key, columns_of, digest_of, reading_of, token_of

AT_ONCE = 500
Values = Mapping[str, Any]
# The kind of object by which entries name a row that has a reference.
OBJECT_TYPES = {"signals": "signal", "disclosures": "disclosure"}
FARTHEST = 5


def check_rows(session: Session, ring: KeyProvider, found: Found, sayings: Sayings, step: Callable[[], None]) -> None:
    """Every tracked table against the log, and the log against the tables."""
    for name in TRACKED:
        _Table(session, ring, found, sayings, name).check()
        step()
    _check_gone(session, found, sayings)


class _Table:
    """The check of one table."""

    def __init__(self, session: Session, ring: KeyProvider, found: Found, sayings: Sayings, name: str) -> None:
        self.session, self.ring, self.found, self.sayings = session, ring, found, sayings
        self.table = Base.metadata.tables[name]
        self.declared = TRACKED[name]
        self.columns = columns_of(self.table)

    def check(self) -> None:
        """Each row, or group of rows, once."""
        name = self.table.name
        for key, rows in self._groups():
            self.found.count(name, len(rows))
            token = token_of(self.ring, self.table, key)
            said = self.sayings.of(name, token)
            at = place(name, token, rows[0])
            if said is None:
                self._judge_unknown(rows[0], key, at)
            elif said.digest == GONE:
                self.found.add(
                    "row-without-entry", at, f"entry {said.seq} says that this row was taken away; it is there"
                )
            elif not self._fits(rows, said, at):
                self._judge_other(rows[0], said, at)

    def _fits(self, rows: Sequence[Values], said: Said, at: str) -> bool:
        form = said.digest.partition(".")[0]
        try:
            made = digest_of(self.ring, self.table, self.columns, rows, form)
        except (ValueError, KeyRingError):
            self.found.add("missing-key", at, "the key under which the log speaks of this row is not in the ring")
            return True
        return made == said.digest

    def _judge_unknown(self, row: Values, key: Key, at: str) -> None:
        objects = objects_of(self.session, self.table.name, row)
        if self.sayings.named_early(objects) and not self.sayings.adopted:
            self.sayings.note_early(self.table.name, key)
            self.found.count("rows_not_compared")
        elif self.sayings.unclear_since(objects, self.sayings.early_until - 1):
            self.found.count("rows_not_compared")
        else:
            self.found.add("row-without-entry", at, "no entry of the log speaks of this row")

    def _judge_other(self, row: Values, said: Said, at: str) -> None:
        if self.sayings.unclear_since(objects_of(self.session, self.table.name, row), said.seq):
            self.found.count("rows_not_compared")
        else:
            self.found.add("changed-row", at, f"the row does not hold what entry {said.seq} says of it")

    def _groups(self) -> Iterator[tuple[Key, list[Values]]]:
        names = [column.name for column in self.table.primary_key.columns]
        if not self.declared.grouped:
            for row in self._read():
                yield tuple(row[name] for name in names), [row]
            return
        group: list[Values] = []
        for row in self._read():
            if group and group[0][names[0]] != row[names[0]]:
                yield (group[0][names[0]],), group
                group = []
            group.append(row)
        if group:
            yield (group[0][names[0]],), group

    def _read(self) -> Iterator[Values]:
        """All rows in the order of their keys, a page at a time; what cannot be read is a finding and is left out."""
        key = list(self.table.primary_key.columns)
        last: tuple[Any, ...] | None = None
        while True:
            after = select(*key).order_by(*key).limit(AT_ONCE)
            if last is not None:
                after = after.where(tuple_(*key) > last if len(key) > 1 else key[0] > last[0])
            page = [tuple(one) for one in self.session.execute(after)]
            if not page:
                return
            yield from self._page(key, page)
            last = page[-1]

    def _page(self, key: Sequence[Any], page: Sequence[tuple[Any, ...]]) -> Iterator[Values]:
        whole = tuple_(*key) if len(key) > 1 else key[0]
        first, last = (page[0], page[-1]) if len(key) > 1 else (page[0][0], page[-1][0])
        query = reading_of(self.table).where(whole >= first, whole <= last)
        try:
            rows: list[Values] = [dict(row) for row in self.session.execute(query).mappings()]
        except (ValueError, TypeError, RecursionError, SQLAlchemyError):
            rows = [row for one in page if (row := self._single(key, one)) is not None]
        yield from rows

    def _single(self, key: Sequence[Any], one: tuple[Any, ...]) -> Values | None:
        same = (column == value for column, value in zip(key, one, strict=True))
        try:
            return dict(self.session.execute(reading_of(self.table).where(*same)).mappings().one())
        except (ValueError, TypeError, RecursionError, SQLAlchemyError):
            token = token_of(self.ring, self.table, one[:1] if self.declared.grouped else one)
            known = self.sayings.of(self.table.name, token) is not None
            at = place(self.table.name, token, {})
            kind = "changed-row" if known else "row-without-entry"
            self.found.add(kind, at, "the row holds values that its columns cannot have")
            return None


def place(table: str, token: str, row: Values) -> str:
    """Table and reference of a row, or its id where it has none."""
    declared = TRACKED[table]
    named = row.get(declared.object) if declared.object == "reference" else None
    return f"{table} {named or token}"


def place_of_gone(table: str, named: str) -> str:
    """The same of a row that is gone, by what the log calls it."""
    return f"{table} {named}"


def objects_of(session: Session, name: str, row: Values, far: int = 0) -> set[str]:
    """What entries may call this row: its own reference or id, and that of what it belongs to."""
    declared, objects = TRACKED[name], set()
    if declared.object and row.get(declared.object):
        objects.add(str(row[declared.object]))
    if far < FARTHEST:
        for column, parent in declared.parents.items():
            above = _row(session, Base.metadata.tables[parent], row.get(column))
            objects |= objects_of(session, parent, above, far + 1) if above else set()
    return objects


def _row(session: Session, table: Table, key: Any) -> Values | None:
    """A row by its key, with no more than what leads onward: other columns may hold what cannot be read."""
    declared = TRACKED[table.name]
    wanted = [table.c[name] for name in dict.fromkeys((*filter(None, [declared.object]), *declared.parents))]
    if key is None or not wanted:
        return None
    found = session.execute(select(*wanted).where(next(iter(table.primary_key.columns)) == key)).mappings().first()
    return dict(found) if found else None


def _check_gone(session: Session, found: Found, sayings: Sayings) -> None:
    for table, row, said in sayings.unseen():
        if TRACKED[table].made_only:
            continue
        named = said.object if OBJECT_TYPES.get(table) == said.object_type and said.object else row
        if sayings.unclear_since({named}, said.seq):
            found.count("rows_not_compared")
        else:
            found.add(
                "entry-without-row", place_of_gone(table, named), f"entry {said.seq} speaks of this row; it is gone"
            )
    for name, made, seq in sayings.made():
        if place_of_gone(name, made) in sayings.accepted:
            continue
        table_, column = Base.metadata.tables[name], TRACKED[name].object
        if session.execute(select(table_.c[column]).where(table_.c[column] == made)).first() is None:
            found.add("entry-without-row", place_of_gone(name, made), f"entry {seq} speaks of this row; it is gone")
