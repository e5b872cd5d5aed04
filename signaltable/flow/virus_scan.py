"""Asking ClamAV whether a file holds a virus: the INSTREAM command of clamd, over a socket, within a time limit."""

import logging
import socket
import struct
from typing import Final

from signaltable.settings import Settings

CLEAN, INFECTED, NOT_SCANNED = "clean", "infected", "not_scanned"
LOG: Final = logging.getLogger("signaltable")
SECONDS: Final = 20.0
CHUNK: Final = 1 << 16
ANSWER_LIMIT: Final = 4096


def scan(settings: Settings, data: bytes, *, seconds: float = SECONDS) -> str:
    """CLEAN or INFECTED as clamd says; NOT_SCANNED when there is none, or when it does not answer in time.

    What clamd calls the virus is not kept: it can quote the name of a file.
    """
    if not settings.clamd:
        return NOT_SCANNED
    try:
        with _connected(settings.clamd, seconds) as asked:
            answer = _asked(asked, data)
    except OSError as error:
        LOG.warning("clamd did not answer: %s", type(error).__name__)
        return NOT_SCANNED
    if answer.endswith(b" FOUND"):
        return INFECTED
    if answer.endswith(b": OK"):
        return CLEAN
    LOG.warning("clamd could not scan a file")
    return NOT_SCANNED


def is_there(settings: Settings, *, seconds: float) -> bool:
    """Whether clamd answers where the settings say, each step within `seconds`. Sends no file."""
    try:
        with _connected(settings.clamd, seconds) as asked:
            asked.sendall(b"zPING\0")
            return asked.recv(ANSWER_LIMIT).startswith(b"PONG")
    except OSError:
        return False


def _connected(address: str, seconds: float) -> socket.socket:
    if address.startswith("/"):
        asked = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        asked.settimeout(seconds)
        try:
            asked.connect(address)
        except OSError:
            asked.close()
            raise
        return asked
    host, _, port = address.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), timeout=seconds)


def _asked(asked: socket.socket, data: bytes) -> bytes:
    asked.sendall(b"zINSTREAM\0")
    for at in range(0, len(data), CHUNK):
        piece = data[at : at + CHUNK]
        asked.sendall(struct.pack(">I", len(piece)) + piece)
    asked.sendall(struct.pack(">I", 0))
    answer = b""
    while b"\0" not in answer and len(answer) < ANSWER_LIMIT:
        more = asked.recv(ANSWER_LIMIT)
        if not more:
            break
        answer += more
    return answer.partition(b"\0")[0].strip()
