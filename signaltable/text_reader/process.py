"""The process: `python -m signaltable.text_reader.process`. Loads deduce, listens, answers, ends with who started it.

Connections are served by threads, so that a slow or silent client keeps nobody waiting; texts are read one at a time by the
main thread, where an alarm can break off one that takes too long. A text lives in memory only: nothing is logged but
numbers, a crash leaves no core file, and what deduce would print goes nowhere.
"""

import contextlib
import json
import os
import queue
import signal
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path
from types import FrameType
from typing import Final, NoReturn

from signaltable.surroundings import keep_to_itself, no_network
from signaltable.text_reader.heavy import CACHE, Read, load
from signaltable.text_reader.wire import (
    FAILED,
    MOST_BYTES,
    NO_TEXT,
    SECONDS,
    TOO_LONG,
    TOO_SLOW,
    address_of,
    receive,
    send,
    socket_path,
)

MOST_CLIENTS: Final = 64
PARENT_EVERY: Final = 2.0
WAKES_EVERY: Final = 1.0


class TooSlow(BaseException):
    """A text took longer than it may. No Exception, so that no library on the way catches it."""


class Desk:
    """Where the threads hand in texts and the main thread reads them, one at a time."""

    def __init__(self, read: Read, seconds: float = SECONDS) -> None:
        self._read = read
        self._seconds = seconds
        self._waiting: queue.Queue[tuple[str, Future[bytes]] | None] = queue.Queue(maxsize=MOST_CLIENTS)

    def answer(self, content: bytes | None) -> bytes:
        """The answer to what a client sent; None stands for too much."""
        if content is None:
            return _said(TOO_LONG)
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return _said(NO_TEXT)
        future: Future[bytes] = Future()
        self._waiting.put((text, future))
        return future.result()

    def work(self) -> None:
        """Read what is handed in, until `close`. In the main thread only: the alarm rings there."""
        signal.signal(signal.SIGALRM, _ring)
        self.work_here()

    def work_here(self) -> None:
        """The same in any thread, for a desk without a limit in seconds."""
        while (task := self._next()) is not None:
            text, future = task
            future.set_result(self._answered(text))

    def _next(self) -> tuple[str, Future[bytes]] | None:
        # A signal that comes just before a wait begins is acted upon when that wait ends; so no wait is without an end.
        while True:
            with contextlib.suppress(queue.Empty):
                return self._waiting.get(timeout=WAKES_EVERY)

    def close(self) -> None:
        """Let `work` end when it has read what waits."""
        self._waiting.put(None)

    def _answered(self, text: str) -> bytes:
        try:
            with self._alarm():
                spans = self._read(text)
        except TooSlow:
            return _said(TOO_SLOW)
        except Exception:  # noqa: BLE001 -- the next text can be read; what went wrong may quote this one
            return _said(FAILED)
        return json.dumps([[span.start, span.end, span.kind] for span in spans]).encode()

    @contextlib.contextmanager
    def _alarm(self) -> Iterator[None]:
        if not self._seconds:
            yield
            return
        signal.setitimer(signal.ITIMER_REAL, self._seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


def _ring(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlow


def _said(why: str) -> bytes:
    return json.dumps(why).encode()


def listen(path: Path) -> socket.socket:
    """A socket at `path` for this user alone. Whatever a reader that died left there is taken away."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        with address_of(path) as address:
            listener.bind(address)
    finally:
        os.umask(before)
    listener.listen(MOST_CLIENTS)
    return listener


def serve(listener: socket.socket, desk: Desk) -> None:
    """Take in clients until the socket is closed, each in a thread of its own and a few dozen at most."""
    places = threading.BoundedSemaphore(MOST_CLIENTS)
    while True:
        try:
            connection, _address = listener.accept()
        except OSError:
            return
        if not places.acquire(blocking=False):
            connection.close()
            continue
        threading.Thread(target=_attend, args=(connection, desk, places), daemon=True).start()


def _attend(connection: socket.socket, desk: Desk, places: threading.BoundedSemaphore) -> None:
    try:
        with connection, contextlib.suppress(OSError, EOFError):
            connection.settimeout(SECONDS)
            if _is_allowed(connection):
                send(connection, desk.answer(receive(connection, MOST_BYTES)))
    finally:
        places.release()


def _is_allowed(connection: socket.socket) -> bool:
    """Whether the client is this user, or root (SO_PEERCRED, unix(7)); the mode of the socket says so too."""
    _pid, uid, _gid = struct.unpack(
        "3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    )
    return uid in {os.geteuid(), 0}


def main(home: Path, parent: str) -> int:
    """Be the reader of a home until told to end, or until the process that started this one is gone."""
    keep_to_itself()
    no_network()
    sys.excepthook = _tell_type
    threading.excepthook = lambda _told: None
    desk = Desk(load(home / CACHE))
    path = socket_path(home)
    listener = listen(path)

    def end(_number: int, _frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    threading.Thread(target=serve, args=(listener, desk), daemon=True).start()
    if parent:
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    try:
        desk.work()
    finally:
        path.unlink(missing_ok=True)
    return 0


def _end_with(parent: str) -> None:
    """End when the process that started this one is gone; killed processes tell nobody."""
    pause = threading.Event()
    while str(os.getppid()) == parent:
        pause.wait(PARENT_EVERY)
    os.kill(os.getpid(), signal.SIGTERM)


def _tell_type(kind: type[BaseException], _error: BaseException, _trace: object) -> None:
    print(f"the text reader ended with {kind.__name__}", file=sys.stderr)  # noqa: T201 -- a message may quote a text


if __name__ == "__main__":
    sys.exit(main(Path(os.environ["SIGNALTABLE_HOME"]), os.environ.get("SIGNALTABLE_PARENT", "")))
