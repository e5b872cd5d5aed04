"""A part of the log: chosen entries, each beside its leaf hash in a tree of which every leaf hash is there.

The other entries stay hidden: a leaf hash says nothing about an entry whose details are committed to with a salt.
"""

from collections.abc import Callable, Sequence

from audit.bundle_format import ENTRIES, LEAVES, Selection
from audit.chunk import Told, fold, grow
from audit.destroyed import Destroyed
from audit.details_lines import DetailsLines
from audit.entry import MAX_ENTRY_BYTES, Entry
from audit.errors import MalformedEntry
from audit.leaves import Leaves
from audit.merkle import HASH_BYTES, CompactRange, leaf_hash
from audit.places import name_range
from audit.reader import Line, Reader
from audit.source import Source
from audit.words import Course, check_details, entry_in

_LEAVES_AT_ONCE = 1 << 13


class Part:
    """One pass over the entries of a part. Offers what `Walk` offers; `tree` is that over leaves.bin."""

    def __init__(self, reader: Reader, sizes: Sequence[int], selection: Selection) -> None:
        self.reader = reader
        self.found = reader.found
        self.tree = CompactRange()
        self.roots: dict[int, bytes] = {}
        self.entries = Source(reader, ENTRIES, MAX_ENTRY_BYTES)
        self.details = DetailsLines(reader)
        # Counted, not judged: what tells of the destruction may stand outside the part, or its details were kept back.
        self.destroyed = Destroyed(0)
        self.told: list[Told] = []
        self._selection = selection
        self._leaves = Leaves(reader)
        self._cuts = sorted(set(sizes))
        self._next = 0
        # Where the next entry of the period has to stand; None as long as nothing tells where the period begins.
        self._due = 0 if selection.from_ms is None else None
        self._course = Course(reader.found)

    def run(self, progress: Callable[[int, int], None] | None = None) -> None:
        """Read everything."""
        self._grow_tree()
        total = self.reader.length(ENTRIES)
        while (line := self.entries.line()) is not None:
            self._take(line)
            if progress and not line.number & 0xFFF:
                progress(self.entries.offset, total)
        # A period that begins after everything in the log has no entries; the manifest says how many there are.
        if self._selection.until_ms is None and not self._selection.agency:
            self._miss(self.tree.size)
        self.details.finish()
        self._leaves.close()
        self.reader.count(LEAVES)
        if progress:
            progress(total, total)

    def report_leaves(self, *, entries_are_genuine: bool) -> None:  # noqa: ARG002 - as `Walk` has it
        """Whether leaves.bin holds whole hashes; a single leaf that is not the signed one cannot be told."""
        length = self.reader.length(LEAVES)
        if length % HASH_BYTES:
            self.found.add("wrong-count", LEAVES, f"expected hashes of {HASH_BYTES} bytes, found {length} bytes in all")

    def _grow_tree(self) -> None:
        if 0 in self._cuts:
            self.roots[0] = self.tree.root()
        sizes = frozenset(self._cuts)
        while len(raw := self._leaves.read(self.tree.size, _LEAVES_AT_ONCE)) >= HASH_BYTES:
            hashes = [raw[at : at + HASH_BYTES] for at in range(0, len(raw) - HASH_BYTES + 1, HASH_BYTES)]
            for size in grow(self.tree, list(fold(self.tree.size, hashes, self._cuts))):
                if size in sizes:
                    self.roots[size] = self.tree.root()

    def _take(self, line: Line) -> None:
        at = f"{ENTRIES} line {line.number}"
        try:
            entry = entry_in(line)
        except MalformedEntry as error:
            self.found.add("malformed-entry", at, str(error))
            return
        self._check_place(entry, at)
        self._check_leaf(entry, leaf_hash(line.raw or b""))
        if not self._selection.chooses(entry):
            self.found.add(
                "not-chosen", f"entry {entry.seq}", "does not belong to the part that the manifest describes"
            )
        self._course.check(entry)
        check_details(self.found, entry, self.details.of(entry.seq), self.told, self.destroyed)

    def _check_place(self, entry: Entry, at: str) -> None:
        if entry.seq < self._next:
            kind = "repeated-entry" if entry.seq == self._next - 1 else "misplaced-entry"
            self.found.add(
                kind, f"entry {entry.seq}", f"stands at {at}, after an entry with this number or a higher one"
            )
            return
        self._next = entry.seq + 1
        # Without an agency a part holds every entry of its time, and times never fall; what tells of a key of the log
        # stands there from other times too, and those say nothing about gaps.
        if not self._selection.agency and self._selection.covers(entry):
            self._miss(entry.seq)
            self._due = entry.seq + 1

    def _miss(self, end: int) -> None:
        if self._due is not None and self._due < end:
            self.found.add("missing-entry", name_range(self._due, end - 1), "the export does not hold it")

    def _check_leaf(self, entry: Entry, leaf: bytes) -> None:
        if entry.seq >= self.tree.size:
            self.found.add("unproven-entry", f"entry {entry.seq}", "leaves.bin has no leaf hash for it")
        elif not self._leaves.fits(entry.seq, leaf):
            self.found.add("changed-entry", f"entry {entry.seq}", "this is not the entry whose leaf hash was exported")
