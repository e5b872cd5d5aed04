"""Memory that the processes of one machine share: whether they are about to stop, and what each of them counted.

It has no name and ends with the last process that has it open. Each process writes in a part of its own, so nobody waits
for anybody; who reads adds the parts up. Names of what is counted come from this program (routes, actions), never from what
somebody sent.
"""

import mmap
import os
import struct
import threading
from collections.abc import Iterator
from typing import Final

# In which variable a process finds the number of the file, which it inherits.
BOARD: Final = "SIGNALTABLE_BOARD"
HEAD_BYTES: Final = 4096
# Room for some five thousand names in a part; only pages that are written to take memory.
PART_BYTES: Final = 512 * 1024
# The jobs have the first part, workers the others.
PARTS: Final = 16
SIZE: Final = HEAD_BYTES + PARTS * PART_BYTES
JOBS_PART: Final = 0
LONGEST_NAME: Final = 200

_USED = struct.Struct("<I")
# The length of a name padded to eight bytes, so that each number stands at a multiple of eight and is written at once.
_LENGTH = struct.Struct("<q")
_VALUE = struct.Struct("<d")
_FIRST: Final = 8


class Board:
    """The whole of it. `make` in the process that starts the others, `opened` in one that inherits the file."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.memory = mmap.mmap(descriptor, SIZE)

    @classmethod
    def make(cls) -> "Board":
        """An empty one."""
        descriptor = os.memfd_create("board", 0)
        os.ftruncate(descriptor, SIZE)
        return cls(descriptor)

    @classmethod
    def opened(cls, descriptor: int) -> "Board":
        """That of the process that started this one. Raises OSError or ValueError when it is none."""
        return cls(descriptor)

    @property
    def stopping(self) -> bool:
        """Whether the program is about to stop: it still answers, and wants no new work."""
        return self.memory[0] != 0

    def stop(self) -> None:
        """Say that the program is about to stop."""
        self.memory[0] = 1

    def part(self, number: int) -> "Part":
        """The part of one process."""
        return Part(self.memory, HEAD_BYTES + (number % PARTS) * PART_BYTES)

    def totals(self) -> dict[str, float]:
        """Name -> the sum over all processes, those that ended too."""
        sums: dict[str, float] = {}
        for number in range(PARTS):
            for name, value in self.part(number).read():
                sums[name] = sums.get(name, 0.0) + value
        return sums


class Part:
    """What one process counted. A process that comes after another one goes on with its numbers."""

    def __init__(self, memory: mmap.mmap, begin: int) -> None:
        self._memory, self._begin = memory, begin
        self._places: dict[str, int] = {}
        self._lock = threading.Lock()
        self._end: int = begin + max(_FIRST, _USED.unpack_from(memory, begin)[0])
        for name, place in self._walk():
            self._places[name] = place

    def count(self, name: str, by: float = 1.0) -> None:
        """Add to a number. Where there is no room for one more name, it is not counted."""
        with self._lock:
            place = self._place(name)
            if place:
                _VALUE.pack_into(self._memory, place, _VALUE.unpack_from(self._memory, place)[0] + by)

    def put(self, name: str, value: float) -> None:
        """Write what a number is now."""
        with self._lock:
            place = self._place(name)
            if place:
                _VALUE.pack_into(self._memory, place, value)

    def read(self) -> Iterator[tuple[str, float]]:
        """Every name with its number."""
        for name, place in self._walk():
            yield name, _VALUE.unpack_from(self._memory, place)[0]

    def _place(self, name: str) -> int:
        known = self._places.get(name)
        if known is not None:
            return known
        raw = name.encode()[:LONGEST_NAME]
        padded = raw.ljust(-(-len(raw) // 8) * 8, b"\0")
        begin = self._end
        place: int = begin + _LENGTH.size + len(padded)
        if place + _VALUE.size > self._begin + PART_BYTES:
            return 0
        _LENGTH.pack_into(self._memory, begin, len(padded))
        self._memory[begin + _LENGTH.size : place] = padded
        _VALUE.pack_into(self._memory, place, 0.0)
        self._end = place + _VALUE.size
        self._places[name] = place
        # Last of all: who reads meanwhile sees the name whole, or not yet.
        _USED.pack_into(self._memory, self._begin, self._end - self._begin)
        return place

    def _walk(self) -> Iterator[tuple[str, int]]:
        used = max(_FIRST, _USED.unpack_from(self._memory, self._begin)[0])
        at, end = self._begin + _FIRST, self._begin + min(used, PART_BYTES)
        while at + _LENGTH.size <= end:
            (length,) = _LENGTH.unpack_from(self._memory, at)
            place = at + _LENGTH.size + length
            if not 0 < length <= LONGEST_NAME + 8 or place + _VALUE.size > end:
                return
            yield self._memory[at + _LENGTH.size : place].rstrip(b"\0").decode("utf-8", "replace"), place
            at = place + _VALUE.size
