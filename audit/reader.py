"""Reads an export that nobody vouches for, one file at a time, in bounded memory."""

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from audit.bundle_format import CHECKPOINTS, DETAILS, ENTRIES, KEY, LEAVES, MANIFEST, SIGNATURE, FileDigest
from audit.findings import Findings, printable
from audit.note import MAX_NOTE_BYTES

_TOP_FILES = frozenset({ENTRIES, DETAILS, LEAVES, KEY, MANIFEST, SIGNATURE})
_CHECKPOINT_NAME = re.compile(r"[0-9]{4,9}\.txt")
# Reading this much takes no time, whatever is in it.
_SURELY_SMALL = 64 * 1024 * 1024
_PAGE = 4096
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, without its newline. `raw` is None when it was longer than allowed."""

    number: int
    raw: bytes | None


class Reader:
    """Reads an export that nobody vouches for: follows no link, trusts no length, and notes what it meets.

    Each file that was read to its end leaves its digest in `digests`, to compare with the manifest.
    """

    def __init__(self, directory: Path, found: Findings) -> None:
        self.directory = directory
        self.found = found
        self.digests: dict[str, FileDigest] = {}
        top = self._list("", _TOP_FILES.__contains__)
        for name in sorted(_TOP_FILES.difference(top)):
            found.add("missing-file", name, "expected this file in the export")
        self.checkpoint_names = sorted(
            self._list(CHECKPOINTS, _CHECKPOINT_NAME.fullmatch), key=lambda name: (int(Path(name).stem), name)
        )
        self._present = frozenset(top).union(self.checkpoint_names)

    def has(self, name: str) -> bool:
        """Whether this is a regular file of the export."""
        return name in self._present

    def length(self, name: str) -> int:
        """The length of a file in bytes, 0 when it is not there."""
        if not self.has(name):
            return 0
        try:
            return (self.directory / name).lstat().st_size
        except OSError:
            return 0

    def open(self, name: str) -> BinaryIO:
        """Open a regular file of the export. Raises OSError."""
        return os.fdopen(os.open(self.directory / name, _OPEN), "rb")

    def open_or_report(self, name: str) -> BinaryIO | None:
        """As `open`; None when the file is not there, and a finding when it cannot be opened."""
        if not self.has(name):
            return None
        try:
            return self.open(name)
        except OSError:
            self.unreadable(name)
            return None

    def read(self, name: str, limit: int) -> bytes | None:
        """A small file as a whole; None, and a finding, when it cannot be had."""
        if not self.has(name):
            return None
        try:
            with self.open(name) as file:
                raw = file.read(limit + 1)
        except OSError:
            self.unreadable(name)
            return None
        if len(raw) > limit:
            self.found.add("too-long", name, f"expected at most {limit} bytes, found more")
            return None
        self.digests[name] = FileDigest(len(raw), sha256(raw).hexdigest())
        return raw

    def read_text(self, name: str) -> str | None:
        """A small file as UTF-8 text; None, and a finding, when it cannot be had."""
        raw = self.read(name, MAX_NOTE_BYTES)
        if raw is None:
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.found.add("not-text", name, "expected UTF-8 text, found other bytes")
            return None

    def count(self, name: str) -> None:
        """Take the digest of a file that is not read from begin to end."""
        if not self.has(name):
            return
        counted = Counted()
        try:
            with self.open(name) as file:
                while block := file.read(1 << 20):
                    counted.add(block)
        except OSError:
            self.unreadable(name)
            return
        self.digests[name] = counted.digest()

    def _list(self, folder: str, is_expected: Callable[[str], object]) -> list[str]:
        path = self.directory / folder
        try:
            if folder and not stat.S_ISDIR(path.lstat().st_mode):
                self.found.add("not-a-directory", folder, "expected a directory, found a link or file")
                return []
            items = sorted(item.name for item in path.iterdir())
        except OSError:
            self.found.add("missing-directory", folder or ".", "expected a directory that can be read")
            return []
        names = [f"{folder}/{item}" if folder else item for item in items if folder or item != CHECKPOINTS]
        return [name for name in names if self._is_ours(name, bool(is_expected(Path(name).name)))]

    def _is_ours(self, name: str, expected: bool) -> bool:
        if not expected:
            self.found.add("extra-file", printable(name), "expected no such file in the export")
            return False
        try:
            status = (self.directory / name).lstat()
            if not stat.S_ISREG(status.st_mode):
                self.found.add("not-a-file", name, "expected a regular file, found a link, directory or device")
                return False
            if status.st_size > _SURELY_SMALL and self._has_hole(name, status.st_size):
                self.found.add("sparse-file", name, "expected a file that was written, found one with a hole in it")
                return False
        except OSError:
            self.unreadable(name)
            return False
        return True

    def _has_hole(self, name: str, length: int) -> bool:
        """Whether a part of the file was never written: it costs nothing to make and days to read."""
        with self.open(name) as file:
            try:
                hole = os.lseek(file.fileno(), 0, os.SEEK_HOLE)
            except (AttributeError, OSError):
                return False  # A system that does not know holes.
            file.seek(hole)
            return hole < length and not any(file.read(_PAGE))

    def unreadable(self, name: str) -> None:
        """Report a file of the export that cannot be read."""
        self.found.add("unreadable-file", name, "expected a file that can be read")


class Counted:
    """Length and digest of bytes that pass by."""

    def __init__(self) -> None:
        self._length = 0
        self._sha256 = sha256()

    def add(self, block: bytes) -> None:
        self._length += len(block)
        self._sha256.update(block)

    def digest(self) -> FileDigest:
        return FileDigest(self._length, self._sha256.hexdigest())
