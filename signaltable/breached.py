"""Passwords that leaked somewhere: a file of the operator, looked up where it lies (SIGNALTABLE_BREACHED_PASSWORDS).

One SHA-1 in hex a line, sorted, with or without ":" and a count behind it: as Have I Been Pwned gives them offline. A file
of 40 GB is never read whole: 40 steps find a line or that it is not there.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import BinaryIO, Final

from signaltable.domain import UnusableSettings

VARIABLE: Final = "SIGNALTABLE_BREACHED_PASSWORDS"
_LINE: Final = re.compile(rb"[0-9A-Fa-f]{40}(:\d+)?\r?\n?")
# So many lines, spread over the file, are looked at when the program starts.
SAMPLES: Final = 64
_LONGEST_LINE: Final = 100


def is_breached(path: Path | None, password: str) -> bool:
    """Whether the digest of a password stands in the file; never without a file."""
    if path is None:
        return False
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with path.open("rb") as file:
        low, high = 0, file.seek(0, os.SEEK_END)
        while low < high:
            middle = (low + high) // 2
            start, line = _line_from(file, middle)
            if not line or start >= high:
                high = middle
                continue
            if line[:40].upper() == wanted:
                return True
            if line[:40].upper() < wanted:
                low = start + len(line)
            else:
                high = middle
        return False


def check_file(path: Path | None) -> None:
    """Raise `UnusableSettings` for a file that is not there, holds something else, or is not sorted where it was looked at."""
    if path is None:
        return
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            found = [_line_from(file, size * part // SAMPLES)[1] for part in range(SAMPLES)] if size else []
    except OSError as error:
        raise UnusableSettings(f"{VARIABLE}: expected a file that can be read: {error.strerror}") from None
    lines = [line for line in found if line]
    if not lines or not all(_LINE.fullmatch(line) for line in lines):
        raise UnusableSettings(f"{VARIABLE}: expected lines with a SHA-1 of 40 hex digits, and a count after a colon")
    digests = [line[:40].upper() for line in lines]
    if digests != sorted(digests):
        raise UnusableSettings(f"{VARIABLE}: expected lines that are sorted by their SHA-1")


def _line_from(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """The first whole line that begins at this place or after it, and where; empty at the end of the file."""
    if place == 0:
        file.seek(0)
    else:
        file.seek(place - 1)
        file.readline(_LONGEST_LINE)  # The rest of the line in which the place lies.
    start = file.tell()
    return start, file.readline(_LONGEST_LINE)
