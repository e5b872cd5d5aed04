"""Where entries stand and where they should: numbers in order, ranges in words."""

from collections.abc import Iterable, Iterator

from audit.findings import Findings

# How many single numbers are remembered to tell a moved entry from a missing one.
_REMEMBERED = 1000


class Order:
    """Follows the numbers of the entries: each one once, in order, from 0."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._expected = 0
        self._unknown = 0
        self._missing: dict[int, None] = {}

    @property
    def next_in_line(self) -> int | None:
        """The number that the next line should have; None after a line without one."""
        return None if self._unknown else self._expected

    def take_run(self, count: int) -> None:
        """The next lines have the numbers that are next in line."""
        self._expected += count

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
        for first, last in _runs(self._missing):
            self._report(first, last)

    def _miss(self, first: int, end: int) -> None:
        if len(self._missing) + end - first > _REMEMBERED:
            self._report(first, end - 1)
        else:
            self._missing.update(dict.fromkeys(range(first, end)))

    def _report(self, first: int, last: int) -> None:
        self._found.add("missing-entry", name_range(first, last), "the export does not hold it")


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
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
