"""Entries without details, against what the log says was destroyed.

Details go at the end of their term, and an entry `retention:erase` then names the entries they belonged to. Where no
such entry does, somebody took them away; where one does and they are there, they were not destroyed or came back.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from audit.findings import Findings

# The action that tells of destruction; its own details belong to a class that is never destroyed.
ERASING = "retention:erase"
# Both ends included.
Range = tuple[int, int]

# No entry is shorter: its fixed keys and its commitment alone take more.
_SHORTEST_ENTRY = 200
# What is known of an entry: one byte each, so that ten million take ten megabytes.
_ABSENT, _THERE, _TOLD = 1, 2, 4
_TELL = bytes(known | _TOLD for known in range(256))
_OF_FLAGS = bytes((_ABSENT, _THERE)) + bytes(254)
_WRONG = re.compile(bytes((0x5B, _ABSENT, _THERE | _TOLD, 0x5D)))


def ranges_in(details: Mapping[str, object], seq: int) -> Iterator[Range]:
    """The ranges of entries that the details of the erasing entry `seq` name, as far as they lie before it.

    What is no range is left out, whoever wrote it.
    """
    told = details.get("entries", ())
    for one in told if isinstance(told, list | tuple) else ():
        if isinstance(one, list | tuple) and [type(end) for end in one] == [int, int] and 0 <= one[0] <= one[1]:
            first, last = one[0], min(one[1], seq - 1)
            if first <= last:
                yield first, last


class Destroyed:
    """Which entries came without details, and which the log says were destroyed.

    `length` is that of entries.jsonl in bytes: an entry cannot have a higher number than fits into it.
    """

    def __init__(self, length: int) -> None:
        self.count = 0
        self._limit = length // _SHORTEST_ENTRY + 1
        self._known = bytearray()

    def take(self, seq: int, *, there: bool) -> None:
        """Entry `seq` has details, or has none."""
        self.count += not there
        if seq < self._limit:
            self._reach(seq + 1)
            self._known[seq] |= _THERE if there else _ABSENT

    def take_run(self, first: int, there: bytes) -> None:
        """The entries from `first` on have details where this has a 1."""
        self.count += there.count(0)
        self._reach(first)
        self._known[first : first + len(there)] = there.translate(_OF_FLAGS)

    def tell(self, ranges: Iterable[Range]) -> None:
        """An entry says that the details of these were destroyed."""
        for first, last in ranges:
            end = min(last + 1, self._limit)
            self._reach(end)
            self._known[first:end] = self._known[first:end].translate(_TELL)

    def report(self, found: Findings) -> None:
        """Say where details are gone that nothing says were destroyed, and the other way round."""
        for wrong in _WRONG.finditer(self._known):
            at = f"entry {wrong.start()}"
            if wrong[0][0] == _ABSENT:
                found.add("missing-details", at, "no readable details in their place, and the log does not tell why")
            else:
                found.add("restored-details", at, "the log says that these details were destroyed; they are there")

    def _reach(self, end: int) -> None:
        if end > len(self._known):
            self._known.extend(bytes(end - len(self._known)))
