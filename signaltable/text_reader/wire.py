"""What goes over the socket: a length of four bytes and that many bytes, there and back.

There goes the text in UTF-8. Back comes JSON: a list of [start, end, kind], or a text that says why there is none.
"""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

SOCKET: Final = "text-reader.sock"
# A text of a signal is a few thousand characters; that of an attachment may be long.
MOST_BYTES: Final = 1_000_000
# What comes back of the longest text: a span takes up to forty bytes.
MOST_ANSWER: Final = 4_000_000
# Seconds that one text may take; a normal one takes a few milliseconds.
SECONDS: Final = 2.0

TOO_LONG: Final = "too_long"
NO_TEXT: Final = "no_text"
TOO_SLOW: Final = "too_slow"
FAILED: Final = "failed"

_LENGTH: Final = struct.Struct("!I")
# sun_path of sockaddr_un(7) holds 108 bytes with the zero at its end.
_LONGEST_PATH: Final = 107


def socket_path(home: Path) -> Path:
    """Where the reader of a home listens."""
    return home / SOCKET


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """An address for bind and connect; a long path goes by way of its opened folder (proc(5))."""
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def send(connection: socket.socket, content: bytes) -> None:
    """Send one message. Raises OSError."""
    connection.sendall(_LENGTH.pack(len(content)) + content)


def receive(connection: socket.socket, most: int) -> bytes | None:
    """One message; None when it is longer than `most` bytes. Raises OSError, EOFError when the other side stops early."""
    (length,) = _LENGTH.unpack(_exactly(connection, _LENGTH.size))
    return _exactly(connection, length) if length <= most else None


def _exactly(connection: socket.socket, count: int) -> bytes:
    pieces, missing = [], count
    while missing:
        piece = connection.recv(min(missing, 65_536))
        if not piece:
            raise EOFError("expected more bytes")
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)
