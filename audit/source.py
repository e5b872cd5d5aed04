"""A file of lines, read forward once: a block of lines at a time while all is well, line by line where it is not."""

from typing import BinaryIO

from audit.reader import Counted, Line, Reader

_READ = 1 << 20


class Source:
    """The lines of one file of an export. `offset` and `number` say how far they were taken.

    Reads nothing when the file is not there. Memory is bounded by the blocks and lines asked for. When `counted`, the
    digest of the whole file is left with the reader at the end.
    """

    def __init__(self, reader: Reader, name: str, limit: int, *, counted: bool = True) -> None:
        self.name = name
        self.offset = 0
        self.number = 0
        self._reader = reader
        self._limit = limit
        self._counted = Counted() if counted else None
        self._buffer = b""
        self._at = 0
        self._file: BinaryIO | None = reader.open_or_report(name)
        self._readable = self._file is not None

    def block(self, size: int) -> tuple[bytes, bool]:
        """The whole lines from here that fit into `size` bytes, not taken yet, and whether more bytes follow them."""
        while len(self._buffer) - self._at < size and self._fill():
            pass
        end = self._buffer.rfind(b"\n", self._at, self._at + size) + 1
        block = self._buffer[self._at : end]
        return block, len(self._buffer) - self._at > len(block) or self._file is not None

    def skip(self, length: int, lines: int) -> None:
        """Take the next `length` bytes, which are `lines` lines: of the last block, or checked by somebody else."""
        if self._at + length > len(self._buffer):
            self.seek(self.offset + length, self.number + lines)
        else:
            self._move(length, lines)

    def _move(self, length: int, lines: int) -> None:
        self._at += length
        self.offset += length
        self.number += lines

    def line(self) -> Line | None:
        """Take the next line, whole or cut off by the end of the file; None when there is none."""
        end = self._buffer.find(b"\n", self._at) + 1
        while not end and len(self._buffer) - self._at <= self._limit and self._fill():
            end = self._buffer.find(b"\n", self._at) + 1
        raw = self._buffer[self._at : end or len(self._buffer)]
        if not raw:
            self._finish()
            return None
        if not end and self._file is not None:
            return self._long()
        self._move(len(raw), 1)
        if not end:
            self._reader.found.add(
                "cut-off", f"{self.name} line {self.number}", "the file stops in the middle of a line"
            )
        whole = raw.removesuffix(b"\n")
        return Line(self.number, whole if len(whole) <= self._limit else None)

    def back(self, length: int) -> None:
        """Put the line that was taken last, of `length` bytes with its newline, back."""
        self._move(-length, -1)

    def seek(self, offset: int, number: int) -> None:
        """Go on from another place. Not for a file that is counted."""
        self._buffer, self._at = b"", 0
        self.offset, self.number = offset, number
        try:
            if self._file is None and self._readable:
                self._file = self._reader.open(self.name)
            if self._file is not None:
                self._file.seek(offset)
        except OSError:
            self._fail()

    def _long(self) -> Line:
        """Take a line beyond the limit without keeping it."""
        self._move(len(self._buffer) - self._at, 1)
        while self._fill():
            end = self._buffer.find(b"\n", self._at) + 1
            self._move((end or len(self._buffer)) - self._at, 0)
            if end:
                break
        return Line(self.number, None)

    def _fill(self) -> bool:
        """Read on. False at the end of the file."""
        if self._file is None:
            return False
        try:
            more = self._file.read(_READ)
        except OSError:
            self._fail()
            return False
        if not more:
            self._close()
            return False
        if self._counted:
            self._counted.add(more)
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return True

    def _finish(self) -> None:
        if self._counted and self._readable:
            self._reader.digests[self.name] = self._counted.digest()

    def _fail(self) -> None:
        self._reader.unreadable(self.name)
        self._readable = False
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
