"""Receipts: a `.tlog-proof` file (C2SP tlog-proof) that shows years later, without the program, that an entry was logged.

The optional `extra` line carries the bytes of the entry itself, so that one small file and the public key are enough.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.checkpoint import Checkpoint, Verifier, open_signed
from audit.entry import Entry, parse
from audit.errors import BadReceipt
from audit.merkle import HASH_BYTES, leaf_hash, verify_inclusion

HEADER = "c2sp.org/tlog-proof@v1"
# A tree of 2**64 leaves has proofs of 64 hashes.
MAX_PROOF = 64

_INDEX = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Receipt:
    """The parts of a receipt, not yet checked. `checkpoint_note` is the signed note, verbatim."""

    index: int
    proof: tuple[bytes, ...]
    checkpoint_note: str
    extra: bytes | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """What a receipt has proven: this entry is in the tree that this checkpoint signs, and which keys signed that."""

    entry: Entry
    entry_bytes: bytes
    checkpoint: Checkpoint
    signed_by: tuple[Verifier, ...]


def write(*, index: int, proof: Sequence[bytes], checkpoint_note: str, entry_bytes: bytes | None = None) -> str:
    """The text of a receipt; with `entry_bytes` it carries the entry."""
    lines = [HEADER]
    if entry_bytes is not None:
        lines.append(f"extra {base64.b64encode(entry_bytes).decode('ascii')}")
    lines.append(f"index {index}")
    lines.extend(base64.b64encode(step).decode("ascii") for step in proof)
    return "\n".join(lines) + "\n\n" + checkpoint_note


def read(text: str) -> Receipt:
    """The parts of a receipt. Raises BadReceipt when the text is not exactly in the format; checks no signature."""
    head, blank, note = text.partition("\n\n")
    lines = head.split("\n")
    if not blank or lines[0] != HEADER:
        raise BadReceipt("expected a tlog-proof of version 1, found another text")
    rest = lines[1:]
    extra = None
    if rest and rest[0].startswith("extra "):
        extra = _from_base64(rest.pop(0).removeprefix("extra "))
    index = rest.pop(0).removeprefix("index ") if rest and rest[0].startswith("index ") else ""
    if not _INDEX.fullmatch(index):
        raise BadReceipt("expected a line with the index in decimal digits, found another")
    if len(rest) > MAX_PROOF:
        raise BadReceipt(f"expected at most {MAX_PROOF} hashes, found {len(rest)}")
    proof = tuple(_from_base64(line) for line in rest)
    if any(len(step) != HASH_BYTES for step in proof):
        raise BadReceipt(f"expected hashes of {HASH_BYTES} bytes, found another length")
    return Receipt(int(index), proof, note, extra)


def verify(text: str, verifiers: Sequence[Verifier], entry_bytes: bytes | None = None) -> Proven:
    """Check a receipt: signature, inclusion, and that the entry says the number under which it is proven.

    The entry comes from `entry_bytes`, or else from the receipt itself; when both are there they must be equal.
    Raises an AuditError (BadReceipt, BadNote, BadProof, MalformedEntry) that says which check failed.
    """
    receipt = read(text)
    given = receipt.extra if entry_bytes is None else entry_bytes
    if given is None:
        raise BadReceipt("expected the entry, in the receipt or beside it, found none")
    if receipt.extra is not None and receipt.extra != given:
        raise BadReceipt("the receipt carries another entry than the one given")
    checkpoint, signed_by = open_signed(receipt.checkpoint_note, verifiers)
    entry = parse(given)
    if entry.seq != receipt.index:
        raise BadReceipt(f"expected the entry with number {receipt.index}, found {entry.seq}")
    verify_inclusion(
        index=receipt.index, size=checkpoint.size, leaf=leaf_hash(given), proof=receipt.proof, root=checkpoint.root
    )
    return Proven(entry, given, checkpoint, signed_by)


def _from_base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadReceipt("expected base64, found another text") from None
    if base64.b64encode(raw).decode("ascii") != text:
        raise BadReceipt("expected base64 in its one canonical spelling, found another")
    return raw
