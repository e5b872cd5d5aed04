"""Terms and numbers: of what the index is made. Pure; the key comes in as an argument.

A term is the first 64 bits of a keyed digest of a word, or of a place where cases lie, which makes it sixteen times as short
as the digest and the word; two words with one term are told apart when a hit is read. A number is the moment of a case
with twelve bits of its id behind it, so that numbers go up with time and two cases rarely want the same.
"""

import hmac
from array import array
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Final

from signaltable.keys import KeyProvider

PURPOSE: Final = "match"
USE: Final = "words of accounts"
# Where a case lies: with its owner, at a table, and at a table that had it on an agenda.
OWNER, TABLE, TABLED = "owner", "table", "tabled"

_BITS: Final = 12
_FIRST: Final = datetime(2000, 1, 1, tzinfo=UTC)
_TERM_BYTES: Final = 8
_ID_DIGITS: Final = _BITS // 4


def secret_of(keys: KeyProvider, version: int | None = None) -> bytes:
    """The key under which terms are made."""
    return keys.derive(PURPOSE, USE, version)


def word_term(secret: bytes, word: str) -> int:
    """The term of a word as words.py gives it."""
    return _term(secret, f"word|{word}")


def place_term(secret: bytes, kind: str, place: str) -> int:
    """The term of a place: OWNER with an agency, TABLE or TABLED with a table."""
    return _term(secret, f"{kind}|{place}")


def _term(secret: bytes, said: str) -> int:
    return int.from_bytes(hmac.digest(secret, said.encode(), sha256)[:_TERM_BYTES], "big", signed=True)


def packed(terms: Iterable[int]) -> bytes:
    """Terms as one value of bytes, in their order."""
    numbers = array("q", sorted(terms))
    numbers.byteswap()
    return numbers.tobytes()


def unpacked(content: bytes) -> frozenset[int]:
    """What `packed` made."""
    numbers = array("q")
    numbers.frombytes(content)
    numbers.byteswap()
    return frozenset(numbers)


def first_number(moment: datetime) -> int:
    """The smallest number of a case of this moment or later."""
    return max(0, (moment - _FIRST) // timedelta(microseconds=1)) << _BITS


def number_of(moment: datetime, signal_id: str) -> int:
    """The number that a case of this moment wants; where it is taken, the next one that is free will do."""
    return first_number(moment) | int(signal_id[:_ID_DIGITS], 16)


def moment_of(number: int) -> datetime:
    """The moment of the case with this number."""
    return _FIRST + timedelta(microseconds=number >> _BITS)
