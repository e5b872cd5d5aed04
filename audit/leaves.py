"""leaves.bin: the exported leaf hashes, beside which the entries are laid."""

from audit.bundle_format import LEAVES
from audit.merkle import HASH_BYTES
from audit.reader import Reader


class Leaves:
    """The leaf hashes of an export, read at any place; none when the file is not there."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._file = reader.open_or_report(LEAVES)
        self._count = reader.length(LEAVES) // HASH_BYTES

    def read(self, first: int, count: int) -> bytes:
        """The hashes from number `first` on, joined; fewer when the file ends."""
        count = min(count, self._count - first)
        if self._file is None or count <= 0:
            return b""
        try:
            self._file.seek(first * HASH_BYTES)
            return self._file.read(count * HASH_BYTES)
        except OSError:
            self._fail()
            return b""

    def fits(self, seq: int, leaf: bytes) -> bool:
        """Whether this is the exported hash of entry `seq`, or none was exported."""
        return self.read(seq, 1) in {b"", leaf}

    def close(self) -> None:
        """Read no more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _fail(self) -> None:
        self._reader.unreadable(LEAVES)
        self.close()
