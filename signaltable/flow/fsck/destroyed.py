"""Which details the log says were destroyed, by which of its entries."""

from bisect import bisect_right
from collections.abc import Iterator

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.destroyed import ranges_in
from signaltable.flow.fsck.reading import as_bytes
from signaltable.flow.fsck.said import read_details
from signaltable.models import LogDetail, LogEntry

Range = tuple[int, int]


class Erasures:
    """The entries `retention:erase` that name other entries."""

    def __init__(self, told: dict[int, list[Range]]) -> None:
        self._told = told
        self._merged = _merged(one for ranges in told.values() for one in ranges)
        self._starts = [first for first, _ in self._merged]

    def covers(self, seq: int) -> bool:
        """Whether any entry says that the details of `seq` were destroyed."""
        at = bisect_right(self._starts, seq) - 1
        return at >= 0 and seq <= self._merged[at][1]

    def says(self, by_seq: int, seq: int) -> bool:
        """Whether entry `by_seq` says so, after `seq` was written."""
        return (
            type(by_seq) is int
            and by_seq > seq
            and any(first <= seq <= last for first, last in self._told.get(by_seq, ()))
        )


def read_erasures(session: Session) -> Erasures:
    """What all erasing entries of the log say."""
    rows = session.execute(
        select(LogEntry.seq, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "retention:erase", LogEntry.outcome == "ok"),
    )
    told: dict[int, list[Range]] = {}
    for seq, raw in rows:
        ranges = list(ranges_in(read_details(as_bytes(raw)), seq))
        if ranges:
            told[seq] = ranges
    return Erasures(told)


def _merged(ranges: Iterator[Range]) -> list[Range]:
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first <= joined[-1][1] + 1:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined
