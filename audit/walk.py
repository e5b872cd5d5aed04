"""One pass over an export: entries, details and leaf hashes side by side, in bounded memory."""

from collections.abc import Callable, Iterator, Sequence
from typing import BinaryIO

from audit import bundle
from audit.bundle import DetailsLine
from audit.entry import MAX_ENTRY_BYTES, Entry, commit, parse
from audit.errors import MalformedEntry, NotInVocabulary
from audit.findings import Findings
from audit.merkle import HASH_BYTES, CompactRange, leaf_hash
from audit.reader import Line, Reader
from audit.vocabulary import ACTIONS, check

# How many single numbers are remembered to tell a moved entry from a missing one.
_REMEMBERED = 1000
_PROGRESS_EVERY = 4096


class Walk:
    """One pass over entries.jsonl, with details.jsonl and leaves.bin beside it.

    Afterwards `tree` is the tree over the lines as they stand, `roots` holds its root at each of `sizes`, and
    `announced` the checkpoints that the entries speak of: size -> (seq, root in hex or None).
    """

    def __init__(self, reader: Reader, sizes: Sequence[int]) -> None:
        self.reader = reader
        self.found = reader.found
        self.tree = CompactRange()
        self.roots: dict[int, bytes] = {}
        self.details = _Details(reader)
        self.order = _Order(reader.found)
        self.destroyed = 0
        self.announced: dict[int, tuple[int, str | None]] = {}
        self._sizes = list(reversed(sizes))
        self._leaf_count = reader.length(bundle.LEAVES) // HASH_BYTES
        self._other_leaves: list[int] = []
        self._previous_time = 0

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Read everything."""
        leaves = self._open_leaves()
        total, done = self.reader.length(bundle.ENTRIES), 0
        self._note_root()
        try:
            for line in self.reader.lines(bundle.ENTRIES, MAX_ENTRY_BYTES):
                self._take(line, leaves)
                done += len(line.raw or b"") + 1
                if progress and line.number % _PROGRESS_EVERY == 0:
                    progress(done, total)
        finally:
            if leaves:
                leaves.close()
        if progress:
            progress(total, total)
        self.order.finish()
        self.details.finish()
        self.reader.count(bundle.LEAVES)

    def report_leaves(self, *, entries_are_genuine: bool) -> None:
        """Say where entries and leaves.bin differ, and which of the two is to blame."""
        kind, message = (
            ("changed-leaf", "the leaf hash in leaves.bin is not the one of this entry, and the entry is genuine")
            if entries_are_genuine
            else ("changed-entry", "this is not the entry whose leaf hash was exported")
        )
        for seq in self._other_leaves:
            self.found.add(kind, f"entry {seq}", message)
        length = self.reader.length(bundle.LEAVES)
        if self.reader.has(bundle.LEAVES) and length != HASH_BYTES * self.tree.size:
            self.found.add(
                "wrong-count",
                bundle.LEAVES,
                f"expected {HASH_BYTES} bytes for each of {self.tree.size} entries, found {length}",
            )

    def _take(self, line: Line, leaves: BinaryIO | None) -> None:
        leaf = leaf_hash(line.raw or b"")
        at = f"{bundle.ENTRIES} line {line.number}"
        self.tree.append(leaf)
        self._note_root()
        try:
            if line.raw is None:
                raise MalformedEntry(f"expected at most {MAX_ENTRY_BYTES} bytes, found a longer line")
            entry = parse(line.raw)
        except MalformedEntry as error:
            self.found.add("malformed-entry", at, str(error))
            self.order.take_unknown()
            return
        self.order.take(entry.seq, at)
        self._check_leaf(entry.seq, leaf, leaves)
        self._check_time(entry)
        self._check_details(entry)

    def _note_root(self) -> None:
        while self._sizes and self._sizes[-1] == self.tree.size:
            self.roots[self._sizes.pop()] = self.tree.root()

    def _open_leaves(self) -> BinaryIO | None:
        if not self.reader.has(bundle.LEAVES):
            return None
        try:
            return self.reader.open(bundle.LEAVES)
        except OSError:
            return None  # `count` reports it.

    def _check_leaf(self, seq: int, leaf: bytes, leaves: BinaryIO | None) -> None:
        if leaves is None or seq >= self._leaf_count:
            return
        leaves.seek(seq * HASH_BYTES)
        exported = leaves.read(HASH_BYTES)
        if exported != leaf and len(self._other_leaves) < _REMEMBERED:
            self._other_leaves.append(seq)

    def _check_time(self, entry: Entry) -> None:
        if entry.recorded_at < self._previous_time:
            self.found.add("time-backwards", f"entry {entry.seq}", "recorded before the entry that stands before it")
        self._previous_time = entry.recorded_at

    def _check_details(self, entry: Entry) -> None:
        at = f"entry {entry.seq}"
        line = self.details.take(entry.seq)
        if line is None:
            self.destroyed += 1
            if entry.action not in ACTIONS:
                self.found.add("not-in-vocabulary", at, "expected an action of the vocabulary, found another")
            return
        if commit(line.details_bytes, line.salt) != entry.details_commitment:
            self.found.add("changed-details", at, "details or salt are not the ones the entry was committed to")
            return
        try:
            check(entry.action, line.details)
        except NotInVocabulary as error:
            self.found.add("not-in-vocabulary", at, str(error))
        if entry.action == "checkpoint:sign" and entry.outcome == "ok":
            self._note_announced(entry.seq, line.details.get("size"), line.details.get("root"))

    def _note_announced(self, seq: int, size: object, root: object) -> None:
        if type(size) is int:
            self.announced[size] = (seq, root if root is None or isinstance(root, str) else "")


class _Order:
    """Follows the numbers of the entries: each one once, in order, from 0."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._expected = 0
        self._unknown = 0
        self._missing: dict[int, None] = {}

    def take(self, seq: int, at: str) -> None:
        """The next line says that it is entry `seq`."""
        if seq == self._expected:
            self._expected += 1
        elif seq > self._expected:
            # Lines that could not be read may have been the ones that are not there.
            if seq - self._expected > self._unknown:
                self._miss(self._expected, seq)
            self._expected = seq + 1
        elif seq in self._missing:
            del self._missing[seq]
            self._found.add("misplaced-entry", f"entry {seq}", f"stands at {at}, after entries with higher numbers")
        else:
            self._found.add("repeated-entry", f"entry {seq}", f"stands at {at} too: two lines claim this number")
        self._unknown = 0

    def take_unknown(self) -> None:
        """The next line could not be read."""
        self._unknown += 1

    def finish(self) -> None:
        """Report the numbers that never came."""
        for first, last in _ranges(self._missing):
            self._report(first, last)

    def _miss(self, first: int, end: int) -> None:
        if len(self._missing) + end - first > _REMEMBERED:
            self._report(first, end - 1)
        else:
            self._missing.update(dict.fromkeys(range(first, end)))

    def _report(self, first: int, last: int) -> None:
        self._found.add("missing-entry", name_range(first, last), "the export does not hold it")


class _Details:
    """Reads details.jsonl in step with the entries."""

    def __init__(self, reader: Reader) -> None:
        self.count = 0
        self._found = reader.found
        self._lines = reader.lines(bundle.DETAILS, bundle.MAX_DETAILS_LINE)
        self._parsed = self._parse()
        self._passed: dict[int, DetailsLine] = {}
        self._next = next(self._parsed, None)

    def take(self, seq: int) -> DetailsLine | None:
        """The details of entry `seq`, or None when they are not there."""
        while self._next is not None and self._next.seq < seq:
            self._pass(self._next)
            self._next = next(self._parsed, None)
        if self._next is None or self._next.seq > seq:
            return self._passed.pop(seq, None)
        line, self._next = self._next, next(self._parsed, None)
        return line

    def finish(self) -> None:
        """Read what is left, and report details whose entry never came."""
        while self._next is not None:
            self._pass(self._next)
            self._next = next(self._parsed, None)
        for seq in self._passed:
            self._report(seq)

    def _pass(self, line: DetailsLine) -> None:
        # The entry may still come, when entries were swapped; not kept without end.
        if len(self._passed) < _REMEMBERED:
            self._passed[line.seq] = line
        else:
            self._report(line.seq)

    def _report(self, seq: int) -> None:
        self._found.add("orphan-details", f"entry {seq}", "details without an entry in this place")

    def _parse(self) -> Iterator[DetailsLine]:
        last = -1
        for line in self._lines:
            at = f"{bundle.DETAILS} line {line.number}"
            self.count += 1
            try:
                if line.raw is None:
                    raise MalformedEntry(f"expected at most {bundle.MAX_DETAILS_LINE} bytes, found a longer line")
                parsed = bundle.parse_details_line(line.raw)
            except MalformedEntry as error:
                self._found.add("malformed-details", at, str(error))
                continue
            if parsed.seq <= last:
                self._found.add("misplaced-details", at, f"the details of entry {parsed.seq} come twice or too late")
                continue
            last = parsed.seq
            yield parsed


def _ranges(numbers: dict[int, None]) -> Iterator[tuple[int, int]]:
    """Rising numbers, gathered into runs (first, last)."""
    run: tuple[int, int] | None = None
    for number in sorted(numbers):
        if run and number == run[1] + 1:
            run = (run[0], number)
            continue
        if run:
            yield run
        run = (number, number)
    if run:
        yield run


def name_range(first: int, last: int) -> str:
    """How a place is written: "entry 5" or "entries 5..9"."""
    return f"entry {first}" if first >= last else f"entries {first}..{last}"
