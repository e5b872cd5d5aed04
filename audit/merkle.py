"""The Merkle tree of RFC 6962 (2.1) and RFC 9162 (2.1): hashing, roots, proofs.

All hashes are 32 bytes of SHA-256. Functions work on leaf hashes, never on entries.
"""

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from audit.errors import BadProof

HASH_BYTES = 32
# A complete subtree: it has 2**level leaves, of which number position * 2**level is the first; and its root.
Closed = tuple[int, int, bytes]


def leaf_hash(entry_bytes: bytes) -> bytes:
    """The hash of one leaf: SHA-256(0x00 || entry). The prefix keeps a leaf from passing for a node."""
    return sha256(b"\x00" + entry_bytes).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256(0x01 || left || right)."""
    return sha256(b"\x01" + left + right).digest()


@dataclass(slots=True)
class CompactRange:
    """A growing tree, remembered by the roots of its complete subtrees only: at most 64 hashes.

    `peaks` run from the largest subtree (left) to the smallest (right), one for each 1-bit of `size`.
    """

    size: int = 0
    peaks: list[bytes] = field(default_factory=list)

    def append(self, leaf: bytes) -> list[Closed]:
        """Add one leaf hash at the end, in O(log n). Returns the subtrees that are complete now: the leaf first, then up."""
        if len(leaf) != HASH_BYTES:
            raise BadProof(f"expected a leaf hash of {HASH_BYTES} bytes, found {len(leaf)}")
        position = self.size
        closed = [(0, position, leaf)]
        while position & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            position >>= 1
            closed.append((len(closed), position, leaf))
        self.peaks.append(leaf)
        self.size += 1
        return closed

    def extend(self, level: int, root: bytes) -> None:
        """Add the root of a complete subtree of 2**level leaves at the end. Raises BadProof when the size has no place for it."""
        if self.size & ((1 << level) - 1):
            raise BadProof(f"expected a size that is a multiple of {1 << level}, found {self.size}")
        position = self.size >> level
        while position & 1:
            root = node_hash(self.peaks.pop(), root)
            position >>= 1
        self.peaks.append(root)
        self.size += 1 << level

    def root(self) -> bytes:
        """The root of the tree as it is now; of an empty tree SHA-256 of nothing."""
        if not self.peaks:
            return sha256(b"").digest()
        result = self.peaks[-1]
        for peak in reversed(self.peaks[:-1]):
            result = node_hash(peak, result)
        return result

    def to_bytes(self) -> bytes:
        """Eight bytes of size (big-endian), then the peaks: what a head row in a database keeps."""
        return self.size.to_bytes(8, "big") + b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, raw: bytes) -> "CompactRange":
        """The range that `to_bytes` wrote. Raises BadProof when the length does not fit the size."""
        size = int.from_bytes(raw[:8], "big")
        expected = 8 + HASH_BYTES * size.bit_count()
        if len(raw) != expected:
            raise BadProof(f"expected {expected} bytes for a range of this size, found {len(raw)}")
        return cls(size, [raw[at : at + HASH_BYTES] for at in range(8, len(raw), HASH_BYTES)])


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes, in order."""
    tree = CompactRange()
    for leaf in leaf_hashes:
        tree.append(leaf)
    return tree.root()


def inclusion_ranges(index: int, size: int) -> list[tuple[int, int]]:
    """The subtrees [start, end) whose roots are the inclusion proof of leaf `index` in a tree of `size`, leaf first.

    For a store that keeps subtree hashes and need not read every leaf. Raises BadProof when there is no such leaf.
    """
    if not 0 <= index < size:
        raise BadProof(f"expected an index below the size {size}, found {index}")
    start, end = 0, size
    ranges = []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    return ranges[::-1]


def consistency_ranges(size1: int, size2: int) -> list[tuple[int, int]]:
    """The subtrees [start, end) whose roots prove that the tree of `size1` is the beginning of that of `size2`.

    Raises BadProof unless 0 < size1 <= size2: the empty tree is the beginning of everything, so it proves nothing.
    """
    if not 0 < size1 <= size2:
        raise BadProof(f"expected 0 < size1 <= size2, found {size1} and {size2}")
    start, end = 0, size2
    ranges = []
    while end != size1:
        middle = start + _split(end - start)
        if size1 <= middle:
            ranges.append((middle, end))
            end = middle
        else:
            ranges.append((start, middle))
            start = middle
    if start > 0:
        ranges.append((start, end))
    return ranges[::-1]


def inclusion_proof(leaf_hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from leaf `index` to the root over all of `leaf_hashes` (RFC 6962 2.1.1), leaf first."""
    return [root(leaf_hashes[start:end]) for start, end in inclusion_ranges(index, len(leaf_hashes))]


def consistency_proof(leaf_hashes: Sequence[bytes], size1: int) -> list[bytes]:
    """The proof that the first `size1` leaves are the beginning of all of `leaf_hashes` (RFC 6962 2.1.2)."""
    return [root(leaf_hashes[start:end]) for start, end in consistency_ranges(size1, len(leaf_hashes))]


def verify_inclusion(*, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Accept when `leaf` is leaf number `index` of the tree of `size` with this `root`; else raise BadProof.

    RFC 9162, 2.1.3.2.
    """
    _check_lengths([leaf, root, *proof])
    if not 0 <= index < size:
        raise BadProof(f"expected an index below the size {size}, found {index}")
    below, last, found = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise BadProof("expected a shorter inclusion proof")
        if below & 1 or below == last:
            found = node_hash(sibling, found)
            below, last = _to_left_edge(below, last)
        else:
            found = node_hash(found, sibling)
        below, last = below >> 1, last >> 1
    if last != 0:
        raise BadProof("expected a longer inclusion proof")
    if not hmac.compare_digest(found, root):
        raise BadProof("the inclusion proof leads to another root")


def verify_consistency(*, size1: int, size2: int, root1: bytes, root2: bytes, proof: Sequence[bytes]) -> None:
    """Accept when the tree of `size1` is the beginning of the tree of `size2`; else raise BadProof.

    RFC 9162, 2.1.4.2. A size1 of 0 is refused: everything is consistent with nothing.
    """
    if not 0 < size1 <= size2:
        raise BadProof(f"expected 0 < size1 <= size2, found {size1} and {size2}")
    if size1 == size2:
        if proof:
            raise BadProof("expected no proof between trees of the same size")
        if not hmac.compare_digest(root1, root2):
            raise BadProof("two trees of the same size have different roots")
        return
    _check_lengths([root1, root2, *proof])
    path = [root1, *proof] if size1.bit_count() == 1 else list(proof)
    if not path:
        raise BadProof("expected a consistency proof, found none")
    found1, found2, last = _walk_consistency(size1, size2, path)
    if last != 0:
        raise BadProof("expected a longer consistency proof")
    if not (hmac.compare_digest(found1, root1) and hmac.compare_digest(found2, root2)):
        raise BadProof("the consistency proof leads to other roots")


def _walk_consistency(size1: int, size2: int, path: Sequence[bytes]) -> tuple[bytes, bytes, int]:
    below, last = size1 - 1, size2 - 1
    while below & 1:
        below, last = below >> 1, last >> 1
    found1 = found2 = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise BadProof("expected a shorter consistency proof")
        if below & 1 or below == last:
            found1, found2 = node_hash(sibling, found1), node_hash(sibling, found2)
            below, last = _to_left_edge(below, last)
        else:
            found2 = node_hash(found2, sibling)
        below, last = below >> 1, last >> 1
    return found1, found2, last


def _to_left_edge(below: int, last: int) -> tuple[int, int]:
    # A node without a sibling on the right rises unchanged until it has one on the left.
    while below and not below & 1:
        below, last = below >> 1, last >> 1
    return below, last


def _split(size: int) -> int:
    """The largest power of two below `size` (size > 1): how many leaves the left subtree has."""
    return 1 << ((size - 1).bit_length() - 1)


def _check_lengths(hashes: Sequence[bytes]) -> None:
    for value in hashes:
        if len(value) != HASH_BYTES:
            raise BadProof(f"expected hashes of {HASH_BYTES} bytes, found one of {len(value)}")
