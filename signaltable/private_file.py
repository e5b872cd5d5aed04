"""A small file that nobody but the user of this program may read: a password, a secret, a private key."""

import os
import stat
from pathlib import Path
from typing import Final

from signaltable.domain import UnusableSettings

OTHERS_CAN_READ: Final = 0o077


def read_private(path: Path, name: str, largest: int) -> bytes:
    """What stands in the file; of a larger one, one byte more than `largest`.

    `name` is the setting that points to it. Raises `UnusableSettings` with that name, never with what stands there: for
    a link, a file of another user, and one that others can read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise UnusableSettings(f"{name}: expected a file that this program can read ({reason})") from None
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        # Root looks, before it starts, at files of the user that the program will be: whose folder that is.
        trusted = {os.geteuid(), 0} | ({path.parent.stat().st_uid} if os.geteuid() == 0 else set())
        if not stat.S_ISREG(status.st_mode) or status.st_uid not in trusted:
            raise UnusableSettings(f"{name}: expected a file of the user who runs this program")
        if status.st_mode & OTHERS_CAN_READ:
            raise UnusableSettings(f"{name}: others can read it; expected mode 0600")
        return file.read(largest + 1)


def read_private_line(path: Path, name: str, largest: int, what: str) -> str:
    """The one line of such a file, without its end. Raises `UnusableSettings` when it holds something else than `what`."""
    raw = read_private(path, name, largest)
    try:
        line = raw.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        line = ""
    if not line or len(raw) > largest or "\n" in line or "\0" in line:
        raise UnusableSettings(f"{name}: expected {what} on one line")
    return line
