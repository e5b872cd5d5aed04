"""Requests of one process take turns at the processor, as long as that lets nobody wait for long.

Python runs one thread at a time and hands over at every statement to SQLite. A request that holds the write lock, for which
every other process waits, would stand in line behind the others of its own process at each of its forty statements: four
clients got fewer answers together than one of them alone. So a request runs to its end before the next begins. One that
waits for something else (`elsewhere`) lets others go first, and nobody waits longer than `PATIENCE` for one that takes long.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

# Seconds; twenty requests are answered in that time, and somebody who waits does not notice it.
PATIENCE: Final = 0.25
_TURN: Final = threading.Lock()
_OF_THREAD: Final = threading.local()


@contextmanager
def in_turn() -> Iterator[None]:
    """Run when no other thread of this process does so, or after `PATIENCE` all the same."""
    _begin()
    try:
        yield
    finally:
        _end()


@contextmanager
def elsewhere() -> Iterator[None]:
    """Wait for something outside of this process, and let others have the turn meanwhile."""
    had = _end()
    try:
        yield
    finally:
        if had:
            _begin()


def _begin() -> None:
    _OF_THREAD.has = _TURN.acquire(timeout=PATIENCE)


def _end() -> bool:
    had: bool = getattr(_OF_THREAD, "has", False)
    _OF_THREAD.has = False
    if had:
        _TURN.release()
    return had
