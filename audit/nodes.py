"""Proofs from a store that keeps the root of every complete subtree of 1, 16, 256, ... leaves, however long the log is.

A complete subtree never changes, so a store only ever adds rows, and an old tree is read from the same rows as the
newest. A proof about a tree of ten million entries needs little more than a hundred of them, in a few runs.
"""

from collections.abc import Callable, Iterable, Sequence

from audit.errors import BadProof
from audit.merkle import HASH_BYTES, consistency_ranges, inclusion_ranges, node_hash

# Levels 0, 4, 8, ... are stored; between them at most eight hashes are folded.
LEVELS_APART = 4
# Gives the root of complete subtree number `position` (from 0) among those of 2**level leaves.
NodeReader = Callable[[int, int], bytes]
# (level, first position, end): stored roots that stand beside each other.
Run = tuple[int, int, int]


def is_stored(level: int) -> bool:
    """Whether a store keeps the roots of this level."""
    return level % LEVELS_APART == 0


def inclusion_proof(node: NodeReader, index: int, size: int) -> list[bytes]:
    """The inclusion proof of leaf `index` in the tree of the first `size` leaves (RFC 6962 2.1.1), leaf first.

    Raises BadProof when there is no such leaf, or the store gives no hash.
    """
    return [range_root(node, *one) for one in inclusion_ranges(index, size)]


def consistency_proof(node: NodeReader, size1: int, size2: int) -> list[bytes]:
    """The proof that the first `size1` leaves are the beginning of the first `size2` (RFC 6962 2.1.2).

    Raises BadProof unless 0 < size1 <= size2, or when the store gives no hash.
    """
    return [range_root(node, *one) for one in consistency_ranges(size1, size2)]


def tree_root(node: NodeReader, size: int) -> bytes:
    """The root over the first `size` leaves (at least one)."""
    return range_root(node, 0, size)


def inclusion_runs(index: int, size: int) -> list[Run]:
    """What `inclusion_proof` will read, for a store that fetches it in one go."""
    return stored_runs(inclusion_ranges(index, size))


def consistency_runs(size1: int, size2: int) -> list[Run]:
    """What `consistency_proof` will read, for a store that fetches it in one go."""
    return stored_runs(consistency_ranges(size1, size2))


def tree_runs(size: int) -> list[Run]:
    """What `tree_root` will read, for a store that fetches it in one go."""
    return stored_runs([(0, size)])


def stored_runs(ranges: Iterable[tuple[int, int]]) -> list[Run]:
    """The stored roots from which those of the ranges [start, end) follow, by level, neighbours joined."""
    runs: list[Run] = []
    for run in sorted(_stored(level, position) for one in ranges for level, position in _complete(*one)):
        if runs and runs[-1][0] == run[0] and run[1] <= runs[-1][2]:
            runs[-1] = (run[0], runs[-1][1], max(run[2], runs[-1][2]))
        else:
            runs.append(run)
    return runs


def range_root(node: NodeReader, start: int, end: int) -> bytes:
    """The root over leaves [start, end), a range as proofs have it: `start` is a multiple of every part's length."""
    roots = [_subtree_root(node, level, position) for level, position in _complete(start, end)]
    if not roots:
        raise BadProof(f"expected a range with leaves, found {start} to {end}")
    result = roots[-1]
    for left in reversed(roots[:-1]):
        result = node_hash(left, result)
    return result


def _complete(start: int, end: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, position) that make up [start, end), the largest first."""
    parts = []
    while start < end:
        level = (end - start).bit_length() - 1
        parts.append((level, start >> level))
        start += 1 << level
    return parts


def _stored(level: int, position: int) -> Run:
    """The stored roots under a complete subtree."""
    above = level % LEVELS_APART
    return level - above, position << above, (position + 1) << above


def _subtree_root(node: NodeReader, level: int, position: int) -> bytes:
    stored, first, end = _stored(level, position)
    hashes: Sequence[bytes] = [_checked(node(stored, one)) for one in range(first, end)]
    while len(hashes) > 1:
        hashes = [node_hash(hashes[at], hashes[at + 1]) for at in range(0, len(hashes), 2)]
    return hashes[0]


def _checked(value: bytes) -> bytes:
    if len(value) != HASH_BYTES:
        raise BadProof(f"expected a stored hash of {HASH_BYTES} bytes, found {len(value)}")
    return value
