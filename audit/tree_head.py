"""What a checkpoint says (C2SP tlog-checkpoint): the name of the log, how many entries, which root. Signing is elsewhere."""

import base64
import binascii
import re
from dataclasses import dataclass

from audit.errors import BadCheckpoint
from audit.merkle import HASH_BYTES

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


def parse_text(text: str) -> Checkpoint:
    """The checkpoint in the text of a note. Raises BadCheckpoint for a text of any other form."""
    lines = text.removesuffix("\n").split("\n")
    if not text.endswith("\n"):
        raise BadCheckpoint("expected a text that ends in a newline, found another")
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
