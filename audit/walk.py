"""One pass over an export: entries, details and leaf hashes side by side, in bounded memory.

A block of entries that `chunk.check` finds flawless is taken as a whole. In any other block every line is read by
itself, which says what is wrong and where. Both ways give the same findings: the first only where the second has none.
"""

from collections.abc import Callable, Sequence
from itertools import islice

from audit.ahead import Ahead
from audit.bundle_format import DETAILS, ENTRIES, LEAVES
from audit.chunk import DETAILS_BLOCK, ENTRIES_BLOCK, MAX_TOLD, Chunk, Told, check, grow
from audit.destroyed import Destroyed
from audit.details_lines import DetailsLines
from audit.entry import FORMAT, MAX_ENTRY_BYTES
from audit.errors import MalformedEntry
from audit.leaves import Leaves
from audit.merkle import HASH_BYTES, CompactRange, leaf_hash
from audit.places import Order
from audit.reader import Line, Reader
from audit.source import Source
from audit.words import Course, check_details, entry_in

# How many entries are remembered that are not those of leaves.bin.
_REMEMBERED = 1000
# So many lines are read one by one before a block is tried again; twice as many after each try in vain.
_FEW, _MANY = 32, 4096

Progress = Callable[[int, int], None]


class Walk:
    """One pass over entries.jsonl, with details.jsonl and leaves.bin beside it.

    Afterwards `tree` is the tree over the lines as they stand, `roots` holds its root at each of `sizes`, and `told`
    what the entries say about checkpoints and keys. `line_by_line` takes nothing as a whole, which is slow and finds
    the same.
    """

    def __init__(
        self, reader: Reader, sizes: Sequence[int], ahead: Ahead | None = None, *, line_by_line: bool = False
    ) -> None:
        counted = ahead is None
        self.reader = reader
        self.found = reader.found
        self.tree = CompactRange()
        self.roots: dict[int, bytes] = {}
        self.entries = Source(reader, ENTRIES, MAX_ENTRY_BYTES, counted=counted)
        self.details = DetailsLines(reader, counted=counted)
        self.leaves = Leaves(reader)
        self.order = Order(reader.found)
        self.course = Course(reader.found)
        self.destroyed = Destroyed(reader.length(ENTRIES))
        self.told: list[Told] = []
        self._ahead = ahead
        self._sizes = frozenset(sizes)
        self._cuts = sorted(self._sizes)
        self._line_by_line = line_by_line
        self._patience = _FEW
        self._other_leaves: list[int] = []

    def run(self, progress: Progress | None = None) -> None:
        """Read everything."""
        total = self.reader.length(ENTRIES)
        self._note_root()
        while self._take_chunk() or self._take_lines():
            if progress:
                progress(self.entries.offset, total)
        self.order.finish()
        self.details.finish()
        if self.reader.has(DETAILS):
            self.destroyed.report(self.found)
        self.leaves.close()
        self._take_digests()
        if progress:
            progress(total, total)

    def report_leaves(self, *, entries_are_genuine: bool) -> None:
        """Say where entries and leaves.bin differ, and which of the two is to blame."""
        kind, message = (
            ("changed-leaf", "the leaf hash in leaves.bin is not the one of this entry, and the entry is genuine")
            if entries_are_genuine
            else ("changed-entry", "this is not the entry whose leaf hash was exported")
        )
        for seq in self._other_leaves:
            self.found.add(kind, f"entry {seq}", message)
        length = self.reader.length(LEAVES)
        if self.reader.has(LEAVES) and length != HASH_BYTES * self.tree.size:
            self.found.add(
                "wrong-count",
                LEAVES,
                f"expected {HASH_BYTES} bytes for each of {self.tree.size} entries, found {length}",
            )

    def _take_digests(self) -> None:
        """Of the files that were not read from begin to end here."""
        digests = (
            {name: self._ahead.digest(name) for name in (ENTRIES, DETAILS, LEAVES)} if self._ahead else {LEAVES: None}
        )
        for name, digest in digests.items():
            if digest is not None:
                self.reader.digests[name] = digest
            else:
                self.reader.count(name)

    # --- a block at a time

    def _take_chunk(self) -> bool:
        first = self.order.next_in_line
        if first is None or self._line_by_line:
            return False
        self.details.put_back()
        chunk = self._ahead(self.entries.offset, self.details.source.offset) if self._ahead else None
        if chunk is None or chunk.first != first or chunk.at != self.tree.size:
            chunk = self._check_block(first)
        if chunk is None or chunk.first_time < self.course.time:
            return False
        self._patience = _FEW
        self.entries.skip(chunk.entries_length, chunk.count)
        self.details.skip(chunk)
        self.order.take_run(chunk.count)
        for size in grow(self.tree, chunk.nodes):
            if size in self._sizes:
                self.roots[size] = self.tree.root()
        self.destroyed.take_run(first, chunk.there)
        self.destroyed.tell(chunk.erased)
        self.told.extend(chunk.told[: max(0, MAX_TOLD - len(self.told))])
        self.course.time, self.course.format = chunk.last_time, FORMAT
        return True

    def _check_block(self, first: int) -> Chunk | None:
        entries, _ = self.entries.block(ENTRIES_BLOCK)
        details, more = self.details.source.block(DETAILS_BLOCK)
        leaves = self.leaves.read(first, entries.count(b"\n"))
        return check(entries, details, leaves, first=first, at=self.tree.size, more_details=more, cuts=self._cuts)

    # --- a line at a time

    def _take_lines(self) -> bool:
        line = None
        for line in islice(iter(self.entries.line, None), self._patience):
            self._take(line)
        self._patience = min(2 * self._patience, _MANY)
        return line is not None

    def _take(self, line: Line) -> None:
        leaf = leaf_hash(line.raw or b"")
        at = f"{ENTRIES} line {line.number}"
        self.tree.append(leaf)
        self._note_root()
        try:
            entry = entry_in(line)
        except MalformedEntry as error:
            self.found.add("malformed-entry", at, str(error))
            self.order.take_unknown()
            return
        self.order.take(entry.seq, at)
        if not self.leaves.fits(entry.seq, leaf) and len(self._other_leaves) < _REMEMBERED:
            self._other_leaves.append(entry.seq)
        self.course.check(entry)
        check_details(self.found, entry, self.details.of(entry.seq), self.told, self.destroyed)

    def _note_root(self) -> None:
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()
