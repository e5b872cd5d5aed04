"""Asking the reader: the places that it finds, or None quickly when it is not there."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Final

from signaltable import turns
from signaltable.text import TOKENS, Span
from signaltable.text_reader.wire import MOST_ANSWER, MOST_BYTES, SECONDS, address_of, receive, send, socket_path

# The reader may have another text in hand; it says by itself when one takes too long.
_PATIENCE: Final = SECONDS + 0.5
# After a reader that did not answer in time, nobody waits for it again so soon: a page has several texts.
_PAUSE: Final = 10.0


class _Away:
    """Until when (time.monotonic) this process does not ask a reader that let it wait."""

    until: ClassVar[dict[Path, float]] = {}


def is_there(home: Path) -> bool:
    """Whether a reader of this home was started and did not end as it should: its socket stands in the home."""
    return socket_path(home).is_socket()


def read(home: Path, text: str) -> tuple[Span, ...] | None:
    """What the reader of `home` finds in `text`, in order and without overlap; None when no reader answers.

    Waits two and a half seconds at most. Never raises: a text must not get lost because a helper is away.
    """
    content = text.encode("utf-8", "replace")
    if len(content) > MOST_BYTES or time.monotonic() < _Away.until.get(home, 0.0):
        return None
    try:
        with turns.elsewhere():
            answer = _asked(home, content)
        return tuple(_spans(json.loads(answer), len(text))) if answer else None
    except TimeoutError:
        _Away.until[home] = time.monotonic() + _PAUSE
        return None
    except (OSError, EOFError, ValueError, TypeError, KeyError):
        return None


def _asked(home: Path, content: bytes) -> bytes | None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection, address_of(socket_path(home)) as address:
        connection.settimeout(_PATIENCE)
        connection.connect(address)
        send(connection, content)
        return receive(connection, MOST_ANSWER)


def _spans(answer: Any, length: int) -> Iterator[Span]:
    """The answer as spans. Raises ValueError or TypeError for anything that is no list of places in a text of this length."""
    if not isinstance(answer, list):
        raise TypeError("expected a list of places")
    at = 0
    for start, end, kind in answer:
        if kind not in TOKENS or not at <= start < end <= length:
            raise ValueError("expected places inside the text, in order")
        yield Span(start, end, kind)
        at = end
