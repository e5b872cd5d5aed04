"""A piece of the log checked as a whole: many entries with their details, when there is nothing to remark on any.

`check` says yes only where reading line by line would find nothing; else it says nothing, and the lines are read one by
one (`walk`), which tells what is wrong and where.
"""

import re
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from operator import add, itemgetter, lt
from struct import iter_unpack

from audit import strict
from audit.bundle_format import parse_details_line
from audit.destroyed import ERASING, Range, ranges_in
from audit.entry import COMMITMENT_PREFIX, parse
from audit.merkle import HASH_BYTES, CompactRange
from audit.strict import Entries
from audit.vocabulary import ACTIONS

# How much of a file is checked at a time: small enough to stay in the cache of a processor, large enough that what is
# done once for a block does not count.
ENTRIES_BLOCK = 1 << 18
DETAILS_BLOCK = 1 << 18
# What these say is needed beyond their own line: which checkpoints and which keys there must be.
TELLING = frozenset({"checkpoint:sign", "key:make", "key:rotate"})
# So many of them are remembered: every hour for thirty years. A log of nothing else is not a log.
MAX_TOLD = 300_000
_KNOWN = frozenset(action.encode() for action in ACTIONS)
_NUMBER = re.compile(rb'"seq":(0|[1-9][0-9]{0,14}+)\}\Z')
_TELLING = frozenset(action.encode() for action in TELLING)
_ERASING = ERASING.encode()


@dataclass(frozen=True, slots=True)
class Told:
    """What an entry says about checkpoints or keys of the log."""

    seq: int
    action: str
    outcome: str
    details: dict[str, object]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Entries `first` to `first + count - 1`, in which there is nothing to find, with the lengths of their lines.

    `nodes` are the roots (level, root) of the complete subtrees they make up, left to right, from leaf `at` of the tree
    on; times are ms UTC. `there` has one byte for each entry, 1 when it has details, else 0; `erased` are the entries whose
    details some of these say were destroyed.
    """

    first: int
    at: int
    count: int
    entries_length: int
    details_count: int
    details_length: int
    first_time: int
    last_time: int
    nodes: tuple[tuple[int, bytes], ...]
    told: tuple[Told, ...]
    there: bytes
    erased: tuple[Range, ...]


def check(
    entries_block: bytes,
    details_block: bytes,
    leaves: bytes,
    *,
    first: int,
    at: int,
    more_details: bool,
    cuts: Sequence[int],
) -> Chunk | None:
    """The longest beginning of these whole lines that can be judged, as a chunk; None where that is not flawless.

    The entries should be those from number `first` on, and come to stand in the tree from leaf `at` on. `leaves` are
    the exported leaf hashes from `first` on, as far as there are any; `more_details` says that details follow after the
    block; at every size in `cuts` (rising) a subtree ends, so that the root at that size can be told.
    """
    entries = strict.match_entries(entries_block)
    if entries is None or list(map(int, entries.numbers)) != list(range(first, first + len(entries.numbers))):
        return None
    details = details_block.split(b"\n")[:-1]
    places, known = _places(details, first, len(entries.numbers), more_details)
    entries = entries.first(known)
    count, details = len(entries.numbers), details[: len(places)]
    if not count or not _rising(places):
        return None
    if not _KNOWN.issuperset(entries.actions) or list(entries.recorded_at) != sorted(entries.recorded_at):
        return None
    if not _fit(entries, details, places):
        return None
    hashes = digests(entries.leaves)
    leaves = leaves[: HASH_BYTES * count]
    if not b"".join(hashes).startswith(leaves):
        return None
    return Chunk(
        first,
        at,
        count,
        sum(map(len, entries.leaves)),
        len(details),
        sum(map(len, details)) + len(details),
        int(entries.recorded_at[0]),
        int(entries.recorded_at[-1]),
        tuple(fold(at, hashes, cuts)),
        tuple(_told(entries, details, places)),
        _there(places, count),
        tuple(_erased(entries, details, places)),
    )


def digests(hashed: Iterable[bytes]) -> list[bytes]:
    """The SHA-256 of each."""
    return [one.digest() for one in map(sha256, hashed)]


def fold(start: int, leaves: Sequence[bytes], cuts: Sequence[int]) -> Iterator[tuple[int, bytes]]:
    """The roots (level, root) of the complete subtrees that leaves number `start` and on make up, left to right.

    No subtree reaches over one of the sizes in `cuts`, which rise.
    """
    end = start + len(leaves)
    edges = [start, *cuts[bisect_right(cuts, start) : bisect_left(cuts, end)], end]
    for begin, stop in pairwise(edges):
        yield from _fold(begin, leaves[begin - start : stop - start])


def _fold(position: int, row: Sequence[bytes]) -> list[tuple[int, bytes]]:
    left: list[tuple[int, bytes]] = []
    right: list[tuple[int, bytes]] = []
    level = 0
    while row:
        if position & 1:
            left.append((level, row[0]))
            row, position = row[1:], position + 1
        if len(row) & 1:
            right.append((level, row[-1]))
        pairs = map(add, map(b"\x01".__add__, row[: len(row) & ~1 : 2]), row[1::2])
        row = digests(pairs)
        position, level = position >> 1, level + 1
    return left + right[::-1]


def grow(tree: CompactRange, nodes: Sequence[tuple[int, bytes]]) -> Iterator[int]:
    """Add complete subtrees at the end of a tree, and give its size after each."""
    for level, root in nodes:
        tree.extend(level, root)
        yield tree.size


def _places(details: Sequence[bytes], first: int, count: int, more: bool) -> tuple[Sequence[int], int]:
    """To which of `count` entries the lines of details belong, and of how many entries all details are among them.

    Taken from the end of each line, which `_fit` compares with the entries afterwards.
    """
    if len(details) >= count and details[count - 1].endswith(b'"seq":%d}' % (first + count - 1)):
        return range(count), count
    places: list[int] = []
    for line in details:
        number = _NUMBER.search(line, max(0, len(line) - 32))
        place = -1 if number is None else int(number[1]) - first
        if place >= count:
            return places, count
        if place < 0:
            more = True
            break
        places.append(place)
    return places, max(places, default=-1) + 1 if more else count


def _fit(entries: Entries, details: Sequence[bytes], places: Sequence[int]) -> bool:
    """Whether each line of details is the one to which its entry was committed, and its action may have it."""
    whole = len(places) == len(entries.numbers)
    actions, commitments, numbers = (
        column if whole else [column[place] for place in places]
        for column in (entries.actions, entries.commitments, entries.numbers)
    )
    groups: defaultdict[bytes, list[int]] = defaultdict(list)
    for at, action in enumerate(actions):
        groups[action].append(at)
    return all(
        _committed(
            strict.match_details([details[at] for at in group], action.decode()),
            [commitments[at] for at in group],
            [numbers[at] for at in group],
        )
        for action, group in groups.items()
    )


def _committed(found: Sequence[strict.Detail] | None, commitments: Sequence[bytes], numbers: Sequence[bytes]) -> bool:
    if found is None:
        return False
    details, salts, theirs = zip(*found, strict=True)
    blinded = map(add, map(COMMITMENT_PREFIX.__add__, _cut(bytes.fromhex(b"".join(salts).decode()), 32)), details)
    return list(theirs) == numbers and b"".join(digests(blinded)).hex() == b"".join(commitments).decode()


def _cut(blob: bytes, length: int) -> Iterator[bytes]:
    return map(itemgetter(0), iter_unpack(f"{length}s", blob))


def _told(entries: Entries, details: Sequence[bytes], places: Sequence[int]) -> Iterator[Told]:
    if _TELLING.isdisjoint(entries.actions):
        return
    for line, place in zip(details, places, strict=True):
        if entries.actions[place] in _TELLING:
            entry = parse(entries.leaves[place][1:])
            yield Told(entry.seq, entry.action, entry.outcome, parse_details_line(line).details)


def _there(places: Sequence[int], count: int) -> bytes:
    if len(places) == count:
        return b"\x01" * count
    there = bytearray(count)
    for place in places:
        there[place] = 1
    return bytes(there)


def _erased(entries: Entries, details: Sequence[bytes], places: Sequence[int]) -> Iterator[Range]:
    if _ERASING not in entries.actions:
        return
    for line, place in zip(details, places, strict=True):
        if entries.actions[place] == _ERASING:
            entry = parse(entries.leaves[place][1:])
            if entry.outcome == "ok":
                yield from ranges_in(parse_details_line(line).details, entry.seq)


def _rising(places: Sequence[int]) -> bool:
    return isinstance(places, range) or all(map(lt, places, places[1:]))
