"""One pass over the log: every entry against its hash, its columns, its details and the entry before it.

Two trees grow side by side once an entry and its stored leaf differ, so that the next checkpoint says which of them
was changed.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from audit import merkle, nodes, vocabulary
from audit.canonical import parse_canonical
from audit.entry import Entry, commit, parse
from audit.errors import AuditError, NotInVocabulary
from signaltable import audit_trail
from signaltable.audit_trail import terms
from signaltable.flow.fsck.destroyed import Erasures
from signaltable.flow.fsck.reading import as_bytes, moment_of, raw_entries
from signaltable.flow.fsck.report import Found, span
from signaltable.flow.fsck.said import Sayings
from signaltable.models import LogHead, LogNode, LogTerm

# Up to this size the terms of every entry are compared; of a longer log those of the newest entries and of a sample.
TERMS_WHOLE = 200_000
TERMS_NEWEST = 20_000
TERMS_SAMPLES = 50_000
NODES_AT_ONCE = 1000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Head:
    """The head as it is stored."""

    size: int
    frontier: bytes
    recorded_at: int


def read_head(session: Session) -> Head | None:
    """The one row of the head; None when somebody took it away or put in it what no head holds."""
    row = session.execute(select(LogHead.size, LogHead.frontier, LogHead.recorded_at).where(LogHead.id == 1)).first()
    if row is None or type(row.size) is not int or type(row.recorded_at) is not int:
        return None
    return Head(row.size, as_bytes(row.frontier), row.recorded_at)


class Walk:
    """Takes the stored entries in order. `signed` says which root was signed over how many entries."""

    def __init__(
        self,
        session: Session,
        found: Found,
        erasures: Erasures,
        sayings: Sayings,
        signed: Mapping[int, bytes],
    ) -> None:
        self.found = found
        self.leaves = merkle.CompactRange()
        self.roots: dict[int, set[bytes]] = {}
        self.announced: dict[int, tuple[int, int]] = {}
        self.last_recorded_at = 0
        self.count = 0
        self.whole = True
        self._bytes: merkle.CompactRange | None = None
        self._doubtful: list[int] = []
        self._next = 0
        self._signed = signed
        self._erasures, self._sayings = erasures, sayings
        self._nodes = _Nodes(session, found)

    def run(self, session: Session, size: int, progress: Progress) -> None:
        """Go over all entries."""
        for part in session.execute(raw_entries()).partitions(audit_trail.BATCH):
            expected = self._terms_expected(part, size)
            for row in part:
                self._take(row, expected)
            _check_terms(session, self.found, part, expected)
            progress(self.count, size)

    def settle(self, root: bytes) -> None:
        """Say of each entry that differs from its leaf which of the two was changed, now that a true root is known."""
        if self._bytes is None:
            return
        by_bytes = root == self._bytes.root() != self.leaves.root()
        for seq in self._doubtful:
            if by_bytes:
                self.found.add("changed-leaf", span(seq, seq), "the stored leaf hash is not that of the entry")
            else:
                self.found.add("changed-entry", span(seq, seq), "the entry is not the one whose hash is stored")
        self._doubtful.clear()
        self.leaves = self._bytes if by_bytes else self.leaves
        self._bytes = None

    def _take(self, row: "Row[Any]", expected: dict[int, frozenset[terms.Term]]) -> None:
        self.count += 1
        self.found.count("entries")
        if row.seq > self._next:
            missing = span(self._next, row.seq - 1)
            self.found.add("missing-entry", missing, "expected an entry with each number, found none")
            self.whole = False
        self._next = row.seq + 1
        self._grow(row)
        self._look_inside(row, expected)

    def _grow(self, row: "Row[Any]") -> None:
        leaf, stored_leaf = merkle.leaf_hash(as_bytes(row.entry)), as_bytes(row.leaf)
        if len(stored_leaf) != merkle.HASH_BYTES:
            self.found.add("changed-leaf", span(row.seq, row.seq), "the stored leaf hash has another length")
            stored_leaf = leaf
        if leaf != stored_leaf:
            self._doubtful.append(row.seq)
            if self._bytes is None:
                self._bytes = merkle.CompactRange.from_bytes(self.leaves.to_bytes())
        closed = self.leaves.append(stored_leaf)
        others = self._bytes.append(leaf) if self._bytes is not None else closed
        if self.whole:
            self._nodes.check(closed, others)
        signed = self._signed.get(self.leaves.size)
        if signed is not None:
            self.roots[self.leaves.size] = {self.leaves.root(), *([self._bytes.root()] if self._bytes else [])}
            self.settle(signed)

    def _look_inside(self, row: "Row[Any]", expected: dict[int, frozenset[terms.Term]]) -> None:
        at = span(row.seq, row.seq)
        try:
            made = parse(as_bytes(row.entry))
        except AuditError:
            self.found.add("malformed-entry", at, "the stored bytes are not an entry")
            return
        if made.seq != row.seq:
            self.found.add("misplaced-entry", at, f"the entry says that it is number {made.seq}")
        for name in other_columns(row, made):
            self.found.add("changed-column", f"{at} {name}", "the column does not say what the entry says")
        if made.recorded_at < self.last_recorded_at:
            self.found.add("time-backwards", at, "recorded before the entry in front of it")
        self.last_recorded_at = max(self.last_recorded_at, made.recorded_at)
        details = self._details(row, made, at)
        if made.action not in vocabulary.ACTIONS:
            self.found.add("not-in-vocabulary", at, "an action that the vocabulary does not declare")
        self._sayings.take(made, details)
        if made.seq in expected:
            expected[made.seq] = terms.of_entry(made.object) if details is None else terms.of(made.object, details)
        if made.action == "checkpoint:sign" and made.outcome == "ok" and details:
            size = details.get("size")
            if isinstance(size, int):
                # When it happened, which a clock that was set back does not bend, as it does `recorded_at`.
                self.announced[size] = made.seq, made.occurred_at

    def _details(self, row: "Row[Any]", made: Entry, at: str) -> dict[str, Any] | None:
        if row.details is None:
            self._judge_missing(row, at)
            return None
        self.found.count("details")
        if row.by_seq is not None or self._erasures.covers(row.seq):
            self.found.add("restored-details", at, "the log says that these details were destroyed; they are there")
        raw, salt = as_bytes(row.details), as_bytes(row.salt)
        try:
            fits = commit(raw, salt) == made.details_commitment
        except AuditError:
            fits = False
        if not fits:
            self.found.add("changed-details", at, "details and salt are not those that the entry was committed to")
            return None
        return self._parsed(raw, made, at)

    def _parsed(self, raw: bytes, made: Entry, at: str) -> dict[str, Any] | None:
        try:
            details = parse_canonical(raw, "details")
        except AuditError:
            details = None
        if not isinstance(details, dict):
            self.found.add("malformed-details", at, "the stored details are no details")
            return None
        try:
            if made.action in vocabulary.ACTIONS:
                vocabulary.check(made.action, details)
        except NotInVocabulary as error:
            self.found.add("not-in-vocabulary", at, str(error))
        return details

    def _judge_missing(self, row: "Row[Any]", at: str) -> None:
        if row.by_seq is None:
            self.found.add(
                "missing-details", at, "details and salt are gone, and the log does not say that they were destroyed"
            )
        elif not self._erasures.says(row.by_seq, row.seq):
            self.found.add(
                "unexplained-erasure",
                at,
                f"entry {row.by_seq} is said to tell of the destruction of its details and does not",
            )
        else:
            self.found.count("destroyed")

    def _terms_expected(self, part: Sequence["Row[Any]"], size: int) -> dict[int, frozenset[terms.Term]]:
        every = max(1, size // TERMS_SAMPLES)
        return {
            row.seq: frozenset[terms.Term]()
            for row in part
            if size <= TERMS_WHOLE or row.seq >= size - TERMS_NEWEST or row.seq % every == 0
        }


def other_columns(row: "Row[Any]", made: Entry) -> Iterator[str]:
    """The names of the columns of a stored entry (`reading.raw_entries`) that do not say what the entry itself says."""
    for name in ("action", "outcome", "agency", "actor", "object_type", "object"):
        if getattr(row, name) != getattr(made, name):
            yield name
    if moment_of(row.recorded_at) != made.recorded_at:
        yield "recorded_at"


def _check_terms(
    session: Session, found: Found, part: Sequence["Row[Any]"], expected: dict[int, frozenset[terms.Term]]
) -> None:
    if not expected:
        return
    rows = session.execute(
        select(LogTerm.seq, LogTerm.name, LogTerm.value).where(LogTerm.seq >= part[0].seq, LogTerm.seq <= part[-1].seq)
    )
    kept: dict[int, set[terms.Term]] = {}
    for seq, name, value in rows:
        kept.setdefault(seq, set()).add((name, value))
    for seq, wanted in expected.items():
        found.count("terms", len(wanted))
        if kept.get(seq, set()) != wanted:
            found.add(
                "changed-term", span(seq, seq), "the words to look for are not those of the entry and its details"
            )


class _Nodes:
    """The stored roots of complete subtrees, read level by level in the order in which they are asked for."""

    def __init__(self, session: Session, found: Found) -> None:
        self._session, self._found = session, found
        self._read: dict[int, dict[int, bytes]] = {}

    def check(self, closed: Sequence[merkle.Closed], others: Sequence[merkle.Closed]) -> None:
        """Compare what an entry completed, in one tree or the other, with what is stored."""
        for (level, position, value), (_, _, other) in zip(closed, others, strict=True):
            if level and nodes.is_stored(level):
                self._found.count("nodes")
                if self._stored(level, position) not in {value, other}:
                    first, last = position << level, ((position + 1) << level) - 1
                    message = "the stored root of a part of the tree is not the one over its entries"
                    self._found.add("changed-node", f"node {level}/{position} ({span(first, last)})", message)

    def _stored(self, level: int, position: int) -> bytes | None:
        read = self._read.get(level, {})
        if position not in read:
            rows = self._session.execute(
                select(LogNode.position, LogNode.hash).where(
                    LogNode.level == level, LogNode.position >= position, LogNode.position < position + NODES_AT_ONCE
                )
            )
            read = self._read[level] = {row.position: as_bytes(row.hash) for row in rows}
            read.setdefault(position, b"")
        return read.get(position)
