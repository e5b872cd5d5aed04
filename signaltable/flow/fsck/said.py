"""What the log says of rows, kept on disk while it is read, so that memory stays flat however long the log is."""

import json
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from audit.entry import Entry
from signaltable.row_digests import TRACKED, Key

# Actions that make a thing which entries go on to name, and the table whose rows these are.
MADE = {
    "signal:record": "signals",
    "disclosure:request": "disclosures",
    "signal:disclose": "disclosures",
    "account:record": "accounts",
    "agency:record": "agencies",
}
LONGEST_NAME = 128


@dataclass(frozen=True, slots=True)
class Said:
    """The last thing the log said of a row: its digest ("" for gone), in which entry, which was about which object."""

    digest: str
    seq: int
    object_type: str
    object: str


class Sayings:
    """The last digest of every row; and what entries name of which the details do not say which rows they wrote.

    The latter are entries from before the log said so ("early"), and those whose details were destroyed.
    """

    def __init__(self) -> None:
        self._db = sqlite3.connect("")  # A file of its own that is gone when this is.
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;"
            "CREATE TABLE said (tab, row, digest, seq, type, object, seen DEFAULT 0, PRIMARY KEY (tab, row)) WITHOUT ROWID;"
            "CREATE TABLE named (object PRIMARY KEY, first, last) WITHOUT ROWID;"
            "CREATE TABLE made (tab, object, seq, PRIMARY KEY (tab, object)) WITHOUT ROWID;"
        )
        self.begun = False
        self.adopted = False
        self.early_until = sys.maxsize  # The first entry that speaks of rows.
        self.accepted: set[str] = set()  # Places of findings that somebody answers for; each took a person.
        self._early: list[tuple[str, Key]] = []  # Once in the life of an old home.

    def close(self) -> None:
        """Throw everything away."""
        self._db.close()

    def take(self, entry: Entry, details: dict[str, Any] | None) -> None:
        """The next entry of the log, with its details when they are there."""
        rows = _rows_of(details)
        if rows:
            if not self.begun:
                self.begun, self.early_until = True, entry.seq
            told = (
                (table, row, str(digest), entry.seq, entry.object_type, entry.object)
                for table, of in rows.items()
                if table in TRACKED and isinstance(of, dict)
                for row, digest in of.items()
            )
            self._db.executemany("INSERT OR REPLACE INTO said VALUES (?,?,?,?,?,?,0)", told)
        if entry.action == "log:rows" and details is not None:
            self.adopted |= details.get("cause") == "adopted" and details.get("count") == 0
            if details.get("cause") == "explained":
                self.accepted.add(str(details.get("at", "")))
        if entry.outcome == "ok" and (details is None or not self.begun):
            self._name(entry, details or {})

    def _name(self, entry: Entry, details: dict[str, Any]) -> None:
        names = {entry.object, *_texts(details.values())} - {""}
        self._db.executemany(
            "INSERT INTO named VALUES (?,?,?) ON CONFLICT (object) DO UPDATE SET last = excluded.last",
            [(name, entry.seq, entry.seq) for name in names if len(name) <= LONGEST_NAME],
        )
        table = MADE.get(entry.action)
        if table and entry.object:
            self._db.execute("INSERT OR IGNORE INTO made VALUES (?,?,?)", (table, entry.object, entry.seq))

    def of(self, table: str, row: str) -> Said | None:
        """What was said last of a row; that it was asked for is remembered."""
        found = self._db.execute(
            "SELECT digest, seq, type, object FROM said WHERE tab = ? AND row = ?", (table, row)
        ).fetchone()
        if found is None:
            return None
        self._db.execute("UPDATE said SET seen = 1 WHERE tab = ? AND row = ?", (table, row))
        return Said(*found)

    def unseen(self) -> Iterator[tuple[str, str, Said]]:
        """(table, row, what was said) of all rows that should be there and that nobody asked for."""
        for table, row, *said in self._db.execute(
            "SELECT tab, row, digest, seq, type, object FROM said WHERE NOT seen AND digest <> '' ORDER BY seq, tab, row"
        ):
            yield table, row, Said(*said)

    def unclear_since(self, objects: Iterable[str], seq: int) -> bool:
        """Whether an entry after `seq` named one of these and no longer says, or did not yet say, what it wrote."""
        return any(last is not None and last > seq for last in map(self._last, objects))

    def named_early(self, objects: Iterable[str]) -> bool:
        """Whether an entry from before the log spoke of rows named one of these."""
        return any(first is not None and first < self.early_until for first in map(self._first, objects))

    def _last(self, name: str) -> int | None:
        found = self._db.execute("SELECT last FROM named WHERE object = ?", (name,)).fetchone()
        return found[0] if found else None

    def _first(self, name: str) -> int | None:
        found = self._db.execute("SELECT first FROM named WHERE object = ?", (name,)).fetchone()
        return found[0] if found else None

    def made(self) -> Iterator[tuple[str, str, int]]:
        """(table, object, entry) of what unclear entries made."""
        yield from self._db.execute("SELECT tab, object, seq FROM made ORDER BY seq")

    def note_early(self, table: str, key: Key) -> None:
        """A row that only entries from before the log spoke of rows account for."""
        self._early.append((table, key))

    def early(self) -> list[tuple[str, Key]]:
        """(table, key) of all of those."""
        return self._early


def read_details(raw: bytes) -> dict[str, Any]:
    """Details as stored; nothing when they are no JSON object."""
    try:
        read = json.loads(raw)
    except ValueError:
        return {}
    return read if isinstance(read, dict) else {}


def _rows_of(details: dict[str, Any] | None) -> dict[str, Any]:
    rows = details.get("rows") if details else None
    return rows if isinstance(rows, dict) else {}


def _texts(values: Iterable[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            yield from _texts(value)
