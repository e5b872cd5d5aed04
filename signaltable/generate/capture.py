"""What the use cases themselves wrote: of every transaction its entries, and its rows as they were when it committed.

A life is lived once by the functions that people use, and told from here to `stencil`, which repeats it for others. So
what is generated follows the program: a row or an entry that a use case begins to write is repeated too.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from audit.entry import Entry, parse
from signaltable import audit_trail, row_level
from signaltable.db import Base
from signaltable.models import LogDetail, LogEntry
from signaltable.row_digests import GONE, TRACKED, Key, key_of, rows_in
from signaltable.transaction import Program, reading

Row = tuple[str, Key]


@dataclass(frozen=True, slots=True)
class Told:
    """One entry of the log with its details; `rows` stands in them as the use case left it."""

    entry: Entry
    details: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Take:
    """One transaction: its entries, and each row that it wrote as it then was (None: it is gone)."""

    told: tuple[Told, ...]
    rows: Mapping[Row, Mapping[str, Any] | None]


@dataclass
class Recorder:
    """Watches every session of a program. `life` is whose transactions they are now; "" for what belongs to nobody."""

    program: Program
    life: str = ""
    takes: dict[str, list[Take]] = field(default_factory=dict)
    # In whose life a row came to be.
    owner: dict[Row, str] = field(default_factory=dict)
    _size: int = 0

    def watched(self) -> Program:
        """The program, of which each commit from now on is noted here."""
        with reading(self.program, whole="the generator looks where the log ends") as session:
            self._size = audit_trail.size(session)
        return replace(self.program, write_sessions=self._sessions(self.program.write_sessions))

    def _sessions(self, make: Callable[[], Session]) -> Callable[[], Session]:
        def session() -> Session:
            made = make()
            event.listen(made, "before_commit", self._note)
            return made

        return session

    def _note(self, session: Session) -> None:
        borne = row_level.borne(session)
        # The rows are read for repeating them, which is no act of whoever made them.
        row_level.bear(session, self.program.keys, row_level.PROGRAM)
        told = tuple(self._new_entries(session))
        rows = {row: image for one in told for row, image in _images(session, one.details)}
        for row in rows:
            self.owner.setdefault(row, self.life)
        if told:
            self.takes.setdefault(self.life, []).append(Take(told, rows))
        if borne is not None:
            row_level.bear(session, self.program.keys, borne)

    def _new_entries(self, session: Session) -> Iterator[Told]:
        size = audit_trail.size(session)
        query = select(LogEntry.entry, LogDetail.details).join(LogDetail, LogDetail.seq == LogEntry.seq)
        for raw, details in session.execute(query.where(LogEntry.seq >= self._size).order_by(LogEntry.seq)):
            yield Told(parse(raw), json.loads(details))
        self._size = size


def _images(session: Session, details: Mapping[str, Any]) -> Iterator[tuple[Row, Mapping[str, Any] | None]]:
    for name, told in rows_in(json.dumps(details)).items():
        table, declared = Base.metadata.tables[name], TRACKED[name]
        if declared.grouped:
            continue  # What stands in a group is made anew for everybody: names and tags.
        for token, digest in told.items():
            key = key_of(table, declared, token)
            if key is not None:
                match = [column == part for column, part in zip(table.primary_key.columns, key, strict=True)]
                found = session.execute(select(table).where(*match)).mappings().first() if digest != GONE else None
                yield (name, key), None if found is None else dict(found)
