"""Several processes check parts of the log ahead of the one that walks through it.

Each part is a whole subtree (a power of two of entries). A worker gives it back as one flawless chunk, or as much of
its beginning as is flawless; the walk takes a chunk only when it comes to the place where the chunk begins, in the
state the chunk was checked for, and reads everything else itself. So the findings are those of one process.
"""

import multiprocessing
import re
import signal
import sys
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

from audit.bundle_format import DETAILS, ENTRIES, LEAVES, MAX_DETAILS_LINE, FileDigest
from audit.chunk import DETAILS_BLOCK, ENTRIES_BLOCK, Chunk, check
from audit.entry import MAX_ENTRY_BYTES
from audit.findings import Findings
from audit.leaves import Leaves
from audit.merkle import HASH_BYTES, node_hash
from audit.reader import Reader
from audit.source import Source

# A worker gets about this much of entries.jsonl at a time; a log of fewer than two such parts is not worth a process.
PART_BYTES = 8 * 1024 * 1024

_SEQ = re.compile(rb'"seq":([0-9]{1,16})[,}]')
_Found = TypeVar("_Found", Chunk, FileDigest)


@dataclass(frozen=True, slots=True)
class Part:
    """Entries from number `first` on, from these offsets in entries.jsonl (to `end`) and details.jsonl."""

    directory: Path
    first: int
    entries_offset: int
    entries_end: int
    details_offset: int
    cuts: tuple[int, ...]


class Ahead:
    """What workers have checked or are checking. Call it with the offsets in both files for the chunk that begins there."""

    def __init__(
        self, parts: dict[tuple[int, int], "Future[Chunk | None]"], digests: dict[str, "Future[FileDigest | None]"]
    ) -> None:
        self._parts = parts
        self._digests = digests

    def __call__(self, entries_offset: int, details_offset: int) -> Chunk | None:
        """The flawless chunk that begins at this place; None when there is none."""
        return _result(self._parts.pop((entries_offset, details_offset), None))

    def digest(self, name: str) -> FileDigest | None:
        """The digest of a whole file; None when no worker could tell."""
        return _result(self._digests.get(name))


@contextmanager
def checking(reader: Reader, cuts: Sequence[int], jobs: int, part_bytes: int = PART_BYTES) -> Iterator[Ahead | None]:
    """Let `jobs` processes check the log while the block runs; None when it is too short or one process is to do it all."""
    parts = list(_parts(reader, cuts, part_bytes)) if jobs > 1 else []
    if len(parts) < 2:
        yield None
        return
    pool = ProcessPoolExecutor(
        min(jobs, len(parts)), mp_context=multiprocessing.get_context(_start_method()), initializer=_obey
    )
    try:
        digests = {name: pool.submit(_digest, reader.directory, name) for name in (ENTRIES, DETAILS, LEAVES)}
        futures = {(part.entries_offset, part.details_offset): pool.submit(check_part, part) for part in parts}
        yield Ahead(futures, digests)
    finally:
        pool.shutdown(cancel_futures=True)


def check_part(part: Part) -> Chunk | None:
    """The flawless beginning of a part as one chunk: all of it when nothing is wrong; None when there is none."""
    reader = Reader(part.directory, Findings())
    entries = Source(reader, ENTRIES, MAX_ENTRY_BYTES, counted=False)
    details = Source(reader, DETAILS, MAX_DETAILS_LINE, counted=False)
    leaves = Leaves(reader)
    entries.seek(part.entries_offset, 0)
    details.seek(part.details_offset, 0)
    whole: Chunk | None = None
    while entries.offset < part.entries_end:
        first = part.first if whole is None else whole.first + whole.count
        block, _ = entries.block(min(ENTRIES_BLOCK, part.entries_end - entries.offset))
        details_block, more = details.block(DETAILS_BLOCK)
        hashes = leaves.read(first, block.count(b"\n"))
        chunk = check(block, details_block, hashes, first=first, at=first, more_details=more, cuts=part.cuts)
        if chunk is None or (whole is not None and chunk.first_time < whole.last_time):
            break
        entries.skip(chunk.entries_length, chunk.count)
        details.skip(chunk.details_length, chunk.details_count)
        whole = chunk if whole is None else _joined(whole, chunk, part.cuts)
    return whole


def _joined(left: Chunk, right: Chunk, cuts: Sequence[int]) -> Chunk:
    nodes = list(left.nodes)
    size = right.at
    for level, root in right.nodes:
        nodes.append((level, root))
        size += 1 << level
        while len(nodes) > 1 and nodes[-2][0] == nodes[-1][0] and _may_join(size, nodes[-1][0] + 1, cuts):
            below, last = nodes.pop()
            nodes[-1] = (below + 1, node_hash(nodes[-1][1], last))
    return replace(
        left,
        count=left.count + right.count,
        entries_length=left.entries_length + right.entries_length,
        details_count=left.details_count + right.details_count,
        details_length=left.details_length + right.details_length,
        last_time=right.last_time,
        nodes=tuple(nodes),
        told=left.told + right.told,
        there=left.there + right.there,
        erased=left.erased + right.erased,
    )


def _may_join(end: int, level: int, cuts: Sequence[int]) -> bool:
    """Whether a subtree of this level may end here, without reaching over a cut."""
    begin = end - (1 << level)
    return not end & ((1 << level) - 1) and bisect_right(cuts, begin) == bisect_left(cuts, end)


# --- where the parts begin


def _parts(reader: Reader, cuts: Sequence[int], part_bytes: int) -> Iterator[Part]:
    length, count = reader.length(ENTRIES), reader.length(LEAVES) // HASH_BYTES
    if not count or length < 2 * part_bytes:
        return
    # The largest power of two of entries that come to about this many bytes.
    step = 1 << max(0, (part_bytes * count // length).bit_length() - 1)
    starts = [(first, _offset(reader, ENTRIES, first)) for first in range(0, count, step)]
    for (first, begin), (_, end) in zip(starts, [*starts[1:], (count, length)], strict=True):
        if begin < end:
            inside = tuple(cuts[bisect_left(cuts, first) : bisect_right(cuts, first + step)])
            yield Part(reader.directory, first, begin, end, _offset(reader, DETAILS, first), inside)


def _offset(reader: Reader, name: str, seq: int) -> int:
    """Where the first line with this number or a higher one begins, in a file in order. Only a guess in any other."""
    file = reader.open_or_report(name)
    if file is None:
        return 0
    with file:
        low, high = 0, reader.length(name)
        while low < high:
            middle = (low + high) // 2
            _to_line(file, middle)
            found = _SEQ.findall(file.readline(MAX_DETAILS_LINE))
            if found and int(found[-1]) < seq:
                low = middle + 1
            else:
                high = middle
        return _to_line(file, low)


def _to_line(file: BinaryIO, offset: int) -> int:
    """Go to the first line that begins at this offset or after it."""
    file.seek(max(0, offset - 1))
    if offset:
        file.readline(MAX_DETAILS_LINE)
    return file.tell()


def _digest(directory: Path, name: str) -> FileDigest | None:
    reader = Reader(directory, Findings())
    reader.count(name)
    return reader.digests.get(name)


def _result(future: "Future[_Found | None] | None") -> _Found | None:
    """What a worker found; None when it was stopped from outside: then the walk does its work."""
    try:
        return None if future is None else future.result()
    except (BrokenProcessPool, CancelledError, OSError, MemoryError):
        return None


def _start_method() -> str:
    """A copy of this process is ready at once, but is safe only where no other thread holds a lock."""
    alone = sys.platform == "linux" and threading.active_count() == 1
    return "fork" if alone else "spawn"


def _obey() -> None:
    # Who interrupts the command interrupts the process that a person sees; it ends the workers.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
