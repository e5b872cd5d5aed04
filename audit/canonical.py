"""Canonical JSON: one value, one sequence of bytes.

RFC 8785 (JCS) with four restrictions that make every implementation agree: integers only and within 53 bits, text in
Unicode NFC, object keys of a small ASCII alphabet, and at most MAX_DEPTH levels.
"""

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import NoReturn

from audit.errors import MalformedEntry

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 16
# Spaces and "@" are left out on purpose: a name or a mail address does not fit where a code or an opaque id belongs.
# Made once: making an encoder takes as long as using it.
_ENCODE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode
TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:/+#~-]{0,127}")


def canonical_bytes(value: object) -> bytes:
    """The canonical UTF-8 bytes of a JSON value.

    Text is brought to NFC; tuples count as lists. Raises MalformedEntry for a float, an integer beyond 53 bits, a key
    that is not a TOKEN, a lone surrogate, any other type, or more than MAX_DEPTH levels.
    """
    return bytes_of_checked(_plain(value, MAX_DEPTH))


def bytes_of_checked(value: object) -> bytes:
    """The same bytes for a value of which everything that `canonical_bytes` refuses or brings to NFC was looked at already.

    Without that look they stand for nothing: whoever calls this says where it was.
    """
    return _ENCODE(value).encode()


def parse_canonical(raw: bytes, what: str) -> object:
    """The value that these exact bytes stand for.

    Raises MalformedEntry when the bytes are not JSON, or are JSON in any other spelling than the canonical one: keys
    doubled or out of order, white space, another escape, 1.0 or 1e3 or -0, text that is not NFC. `what` names the
    thing in the message.
    """
    try:
        value = json.loads(
            raw.decode(),
            object_pairs_hook=_refuse_double_keys,
            parse_int=_small_integer,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except (ValueError, RecursionError):
        # The reason of the parser quotes the text, so it is not passed on.
        raise MalformedEntry(f"{what}: expected canonical JSON, found {len(raw)} bytes that are not") from None
    if canonical_bytes(value) != raw:
        raise MalformedEntry(f"{what}: expected canonical JSON, found the same value in another spelling")
    return value


def _plain(value: object, depth: int) -> object:
    if isinstance(value, str):  # Most values.
        return _text(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        if abs(value) > MAX_INTEGER:
            raise MalformedEntry("expected an integer of at most 53 bits, found a larger one")
        return int(value)
    if depth == 0:
        raise MalformedEntry(f"expected at most {MAX_DEPTH} levels of lists and objects, found more")
    if isinstance(value, list | tuple):
        return [_plain(item, depth - 1) for item in value]
    if isinstance(value, dict | Mapping):  # Asking for any mapping takes ten times as long.
        return {_key(key): _plain(item, depth - 1) for key, item in value.items()}
    raise MalformedEntry(f"expected text, integer, true, false, null, list or object, found {type(value).__name__}")


def _text(value: str) -> str:
    if value.isascii():  # Neither half a pair nor another normal form.
        return value
    try:
        value.encode()
    except UnicodeEncodeError:
        raise MalformedEntry("expected Unicode text, found half a surrogate pair") from None
    return unicodedata.normalize("NFC", value)


def _key(key: object) -> str:
    if not isinstance(key, str) or not TOKEN.fullmatch(key):
        raise MalformedEntry("expected an object key of letters, digits and _.,:/+#~- only, found another")
    return key


def _refuse_double_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    as_dict = dict(pairs)
    if len(as_dict) != len(pairs):
        raise ValueError
    return as_dict


def _small_integer(digits: str) -> int:
    # Checked on the text: turning a million digits into a number is work that a tamperer should not be able to order.
    if len(digits) > 17:
        raise ValueError
    return int(digits)


def _refuse_number(_: str) -> NoReturn:
    raise ValueError
