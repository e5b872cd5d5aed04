"""Checkpoints as C2SP tlog-checkpoint describes them: origin, size and root of the tree, as a signed note.

Whoever keeps a checkpoint can prove later that the log was changed or shortened since. The name of the key is the
origin of the log: a log has one key, and a new key begins a new log.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass

from audit.errors import BadCheckpoint
from audit.merkle import HASH_BYTES
from audit.note import Signer, Verifier, open_text, sign_text

__all__ = ["Checkpoint", "Signer", "Verifier", "open_note", "sign"]

_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a tree: which log, how many entries, which root (32 bytes). Extension lines are opaque."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def to_text(self) -> str:
        """The note text: one line each, newline after each."""
        lines = (self.origin, str(self.size), base64.b64encode(self.root).decode("ascii"), *self.extensions)
        return "\n".join(lines) + "\n"


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The signed note for this checkpoint.

    The caller first makes sure that it continues the checkpoint signed before (`merkle.verify_consistency`): a key
    that signs two histories is worth nothing. Raises BadCheckpoint when the origin is not the name of the key or a
    part does not fit the format.
    """
    if checkpoint.origin != signer.name:
        raise BadCheckpoint("expected a checkpoint of the log that the key is named after, found another origin")
    text = checkpoint.to_text()
    if _parse(text) != checkpoint:
        raise BadCheckpoint("expected parts without newlines, found one with")
    return sign_text(text, signer)


def open_note(text: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint in a note, after checking that a known key named after its origin has signed it.

    Raises BadNote for a malformed or unsigned note, BadCheckpoint for a note that is something else.
    """
    body, signed_by = open_text(text, verifiers)
    checkpoint = _parse(body)
    if checkpoint.origin not in {verifier.name for verifier in signed_by}:
        raise BadCheckpoint("expected a checkpoint signed by the key of its own log, found another origin")
    return checkpoint


def _parse(text: str) -> Checkpoint:
    lines = text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):
        raise BadCheckpoint(f"expected at least three lines and none empty, found {len(lines)} lines")
    origin, size, encoded, *extensions = lines
    if not _SIZE.fullmatch(size):
        raise BadCheckpoint("expected a size in decimal digits without leading zeros, found another text")
    try:
        root = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise BadCheckpoint("expected a root in base64, found another text") from None
    if len(root) != HASH_BYTES or base64.b64encode(root).decode("ascii") != encoded:
        raise BadCheckpoint(f"expected a root of {HASH_BYTES} bytes in canonical base64, found another")
    return Checkpoint(origin, int(size), root, tuple(extensions))
