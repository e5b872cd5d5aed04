"""Reads details.jsonl in step with the entries."""

from audit.bundle_format import DETAILS, MAX_DETAILS_LINE, DetailsLine, parse_details_line
from audit.chunk import Chunk
from audit.errors import MalformedEntry
from audit.reader import Reader
from audit.source import Source

# Details that came before their entry are kept for it; not without end.
_REMEMBERED = 1000
_REMEMBERED_BYTES = 8 * 1024 * 1024


class DetailsLines:
    """The lines of details, taken by the number of their entry. `count` is how many lines were taken."""

    def __init__(self, reader: Reader, *, counted: bool = True) -> None:
        self.source = Source(reader, DETAILS, MAX_DETAILS_LINE, counted=counted)
        self._found = reader.found
        self._passed: dict[int, DetailsLine] = {}
        self._passed_bytes = 0
        self._last = -1
        # The line that was read and not asked for yet, its length, and the number before it.
        self._next: tuple[DetailsLine, int, int] | None = None

    @property
    def count(self) -> int:
        """How many lines were read."""
        return self.source.number

    def of(self, seq: int) -> DetailsLine | None:
        """The details of entry `seq`, or None when they are not there."""
        line = self._peek()
        while line is not None and line.seq < seq:
            self._pass(line)
            line = self._peek()
        if line is None or line.seq > seq:
            return self._passed.pop(seq, None)
        self._next = None
        return line

    def put_back(self) -> None:
        """Take no line ahead any more, so that a block may begin with it."""
        if self._next is not None:
            _, length, self._last = self._next
            self.source.back(length)
            self._next = None

    def skip(self, chunk: Chunk) -> None:
        """Take the lines of a chunk."""
        self.source.skip(chunk.details_length, chunk.details_count)
        self._last = max(self._last, chunk.first + chunk.count - 1)

    def finish(self) -> None:
        """Read what is left, and report details whose entry never came."""
        while (line := self._peek()) is not None:
            self._pass(line)
        for seq in self._passed:
            self._report(seq)

    def _pass(self, line: DetailsLine) -> None:
        # The entry may still come, when entries were swapped.
        self._next = None
        self._passed_bytes += len(line.details_bytes)
        if len(self._passed) < _REMEMBERED and self._passed_bytes <= _REMEMBERED_BYTES:
            self._passed[line.seq] = line
        else:
            self._report(line.seq)

    def _report(self, seq: int) -> None:
        self._found.add("orphan-details", f"entry {seq}", "details without an entry in this place")

    def _peek(self) -> DetailsLine | None:
        while self._next is None and (line := self.source.line()) is not None:
            at = f"{DETAILS} line {line.number}"
            try:
                if line.raw is None:
                    raise MalformedEntry(f"expected at most {MAX_DETAILS_LINE} bytes, found a longer line")
                parsed = parse_details_line(line.raw)
            except MalformedEntry as error:
                self._found.add("malformed-details", at, str(error))
                continue
            if parsed.seq <= self._last:
                self._found.add("misplaced-details", at, f"the details of entry {parsed.seq} come twice or too late")
                continue
            self._next = (parsed, len(line.raw) + 1, self._last)
            self._last = parsed.seq
        return None if self._next is None else self._next[0]
