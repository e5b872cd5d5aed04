"""Having a file cleaned by a process that has nothing but the file: no keys, no database, no network, an end to its memory.

Five libraries read other people's formats, and whoever makes such a file may know of a fault in one of them. What such a
fault could reach is the file itself. It also keeps those libraries out of the memory of every worker.
"""

import json
import os
import struct
import subprocess
import sys
from typing import Final

from signaltable.attached import PARTLY, PICTURE, READ, Cleaned
from signaltable.attached.unfit import CAUSES, Unfit
from signaltable.attachment_rules import FileRules
from signaltable.surroundings import for_child

# The largest picture takes some seconds; whatever takes this long was made to.
SECONDS: Final = 60
LENGTH: Final = struct.Struct(">I")


def clean(data: bytes, rules: FileRules) -> Cleaned:
    """The file without anything that tells who made it, when, where and with what. Raises `Unfit` with the cause.

    A file on which the process dies, or over which it takes too long, is refused as one that was made for that.
    """
    if len(data) > rules.largest:
        raise Unfit("too_large")
    # Only what counts for one file: how many there may be is decided elsewhere.
    own = FileRules(inside=rules.inside, picture=rules.picture, kind=rules.kind)
    asked = own.model_dump_json(warnings=False).encode()
    try:
        ran = subprocess.run(
            [sys.executable, "-m", "signaltable.file_cleaner.process"],
            input=LENGTH.pack(len(asked)) + asked + data,
            env=for_child(os.environ),
            capture_output=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unfit("bomb") from None
    if ran.returncode != 0:
        raise Unfit("bomb")
    return _answer(ran.stdout, rules)


def _answer(said: bytes, rules: FileRules) -> Cleaned:
    """What the process answered. It read what may be a hostile file, so its answer is looked at before it counts."""
    try:
        head, rest = _parted(said)
        known = json.loads(head)
        if "cause" in known:
            cause, kind = str(known["cause"]), str(known["kind"])
            raise Unfit(cause if cause in CAUSES else "broken", kind if rules.kind_of(kind) else "")
        text, data = _parted(rest)
        kind, text_state = known["kind"], known["text_state"]
        words = text.decode()
    except (ValueError, KeyError, TypeError, struct.error):
        raise Unfit("bomb") from None
    if rules.kind_of(kind) is None or text_state not in {READ, PARTLY, PICTURE}:
        raise Unfit("bomb")
    return Cleaned(kind, data, words, text_state)


def _parted(said: bytes) -> tuple[bytes, bytes]:
    """A part with its length before it, and what follows. Raises `struct.error` or ValueError."""
    (length,) = LENGTH.unpack_from(said)
    end = LENGTH.size + length
    if len(said) < end:
        raise ValueError("expected a longer answer")
    return said[LENGTH.size : end], said[end:]
