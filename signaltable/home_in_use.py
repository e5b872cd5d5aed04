"""Whether a program works in a home: a lock of the operating system, which ends with the processes that hold it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from signaltable.domain import SignaltableError

LOCK: Final = "in-use.lock"
# Stands in a home as long as it is being made: where it stays, that was broken off.
UNFINISHED: Final = "init-is-not-finished"


class HomeInUse(SignaltableError):
    """A program works in this home, so it cannot be replaced."""


@contextmanager
def working_in(home: Path) -> Iterator[None]:
    """Say that somebody works in `home`, beside others who do, as long as this process or a fork of it lives.

    Raises `HomeInUse` while the home is being replaced.
    """
    with _locked(home, fcntl.LOCK_SH):
        yield


@contextmanager
def alone_in(home: Path) -> Iterator[None]:
    """Have `home` for oneself. Raises `HomeInUse` when somebody works in it."""
    with _locked(home, fcntl.LOCK_EX):
        yield


def is_worked_in(home: Path) -> bool:
    """Whether somebody works in `home` now. Makes no file, waits for nobody, and holds nothing afterwards."""
    try:
        held = os.open(home / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(held)
    return False


@contextmanager
def _locked(home: Path, how: int) -> Iterator[None]:
    # Opened for reading, so that a web user who does not own the home can hold it as well.
    held = os.open(home / LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
    if os.fstat(held).st_uid == os.geteuid():
        os.fchmod(held, 0o644)  # Whatever the umask: it holds nothing, and who cannot open it cannot hold it.
    try:
        fcntl.flock(held, how | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise HomeInUse(f"a program works in {home}; stop it first") from None
    try:
        yield
    finally:
        os.close(held)
