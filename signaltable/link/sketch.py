"""A sketch: what was typed about a person as keyed digests of small pieces, so that near values can be compared.

Every piece (two letters of a name, how it sounds, a digit of a date, a postcode) is hashed under the key for matching,
so nothing in a sketch can be read without that key. Pieces have few values, and who holds the key can try them all;
therefore the database keeps a sketch sealed (flow/sealing.store_linking), and tags, not sketches, are searched. Bloom
filters of letter pairs as in Schnell, Bachteler and Reiher, BMC Medical Informatics and Decision Making 9:41 (2009).
"""

import hashlib
import hmac
import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from signaltable.identity import Identity, date_parts, phone_e164, tidy
from signaltable.keys import keyed_digest
from signaltable.linking_rules import LinkingPolicy
from signaltable.names import fold, plain, skeletons
from signaltable.nationalities import country_of
from signaltable.parts import (
    house_number,
    name_of,
    plain_addition,
    plain_document,
    plain_place,
    plain_street,
    profile_parts,
)
from signaltable.person_names import NameWord, sounds_of

FORMAT: Final = 1
_PURPOSE: Final = "signaltable/sketch/1"
BLOOM_BITS: Final = 128
_STREET_BITS: Final = 64
_HASHES: Final = 2
_DIGITS: Final = 8
_SIGNS: Final = 10
# A word of this length or less keeps digests of itself with one letter left out: one slip of the pen leaves one equal.
_LONGEST_SHORT: Final = 8
# So many letters are left of a name that was cut off.
_START: Final = 3

# Whole values: format, key, date (precision and digits), phone, document, others, address; then counts of the words.
_FIXED: Final = struct.Struct("<BHB8sBQ8sQ10sQQIIIHIHHHIQHBB")
_WORD: Final = struct.Struct("<BI3HH4H2H2H16s9H")
YEARS: Final = 256
NO_DATE, YEAR, MONTH, DAY = range(4)
_REGISTRY: Final = 4
_INITIAL, _KNOWN, _SPARE, _BARE = 1, 2, 4, 8
_COMMON_SHIFT: Final = 4


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a name in a sketch: digests only. `bits`: how many bits of `bloom` are set."""

    exact: int
    firsts: frozenset[int]
    start: int
    initial: bool
    known: bool
    spare: bool
    bare: bool
    common: int
    roots: frozenset[int]
    sounds: frozenset[int]
    skeletons: frozenset[int]
    shortened: frozenset[int]
    bloom: int
    bits: int

    @property
    def rare(self) -> bool:
        """Whether it is a whole word that stands in no list of given names."""
        return not (self.known or self.spare or self.initial)


@dataclass(frozen=True, slots=True)
class Sketch:
    """A sketch, opened for comparison. 0 and b"" stand for: not known."""

    key: int
    precision: int
    registry: bool
    digits: bytes
    year: int
    phone: int
    phone_digits: bytes
    document: int
    document_signs: bytes
    email: int
    iban: int
    plate: int
    profile: int
    handle: int
    nationality: int
    postcode: int
    area: int
    number: int
    addition: int
    street: int
    street_bloom: int
    city: int
    given: tuple[Word, ...]
    family: tuple[Word, ...]


# -- making -------------------------------------------------------------------------------------------------------------


def sketch(secret: bytes, identity: Identity, policy: LinkingPolicy) -> bytes:
    """The sketch of a person, 100 to 600 bytes; b"" for every other kind of subject, whose tags say it all.

    `secret`: the key for matching of the version under which the tags are made. The same identity gives the same bytes.
    """
    if identity.kind != "person":
        return b""
    tidied, keyed = tidy(identity), _Keyed(keyed_digest(secret, _PURPOSE))
    name = name_of(tidied)
    words = b"".join(_pack_word(keyed, word) for word in name.given + name.family)
    return _pack_values(keyed, tidied, policy, len(name.given), len(name.family)) + words


class _Keyed:
    """Digests of pieces under one key; never 0, which stands for: not known."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.signs = _sign_table(key)

    def small(self, field: str, text: str, size: int) -> int:
        """The digest of a piece as a number of so many bytes; 0 for no piece."""
        return int.from_bytes(self._digest(field, text)[:size], "little") or 1 if text else 0

    def bloom(self, field: str, pieces: Iterable[str], bits: int) -> int:
        """A filter of `bits` bits in which each piece sets two."""
        found = 0
        for piece in pieces:
            digest = self._digest(field, piece)
            for at in range(_HASHES):
                found |= 1 << digest[at] % bits
        return found

    def written(self, text: str, size: int) -> bytes:
        """The last `size` signs, each replaced by a secret sign of its own; one slip changes one of them."""
        return bytes(self.signs.get(sign, 0) for sign in text[-size:])

    def _digest(self, field: str, text: str) -> bytes:
        return hmac.digest(self._key, f"{field}|{text}".encode("utf-8", "replace"), hashlib.sha256)


@lru_cache(maxsize=8)
def _sign_table(key: bytes) -> dict[str, int]:
    """A secret number from 1 to 36 for each digit and letter, no two the same."""
    signs = "0123456789abcdefghijklmnopqrstuvwxyz"
    shuffled = sorted(signs, key=lambda sign: hmac.digest(key, f"sign|{sign}".encode(), hashlib.sha256))
    return {sign: at for at, sign in enumerate(shuffled, start=1)}


def _pack_values(keyed: _Keyed, identity: Identity, policy: LinkingPolicy, given: int, family: int) -> bytes:
    small, phone, document = keyed.small, phone_e164(identity.phone), plain_document(identity.document_number)
    platform, handle = profile_parts(identity.profile)
    street, postcode = plain_street(identity.street), plain(identity.postcode)
    number = house_number(identity)
    return _FIXED.pack(
        FORMAT,
        small("key", "check", 2),
        *_date(keyed, identity.birth_date, policy),
        small("phone", phone, 8),
        keyed.written(phone.lstrip("+"), _DIGITS),
        small("document", document, 8),
        keyed.written(document, _SIGNS),
        small("email", fold(identity.email).strip(), 8),
        small("iban", plain(identity.iban), 8),
        small("plate", plain(identity.plate), 4),
        small("profile", f"{platform}|{handle}" if platform and handle else "", 4),
        small("handle", handle, 4),
        small("nationality", country_of(identity.nationality), 2),
        # A Dutch postcode is one side of a street; elsewhere it is a town.
        small("postcode", postcode if re.fullmatch(r"\d{4}[a-z]{2}", postcode) else "", 4),
        small("area", postcode[:4], 2),
        small("number", number, 2),
        small("addition", plain_addition(identity.addition) if number else "", 2),
        small("street", street, 4),
        keyed.bloom("street", _pairs(street), _STREET_BITS),
        small("city", plain_place(identity.city), 2),
        given,
        family,
    )


def _date(keyed: _Keyed, birth_date: str, policy: LinkingPolicy) -> tuple[int, bytes, int]:
    """Precision, the digits, and the year moved by a secret number: the distance of two years can be told, no year."""
    year, month, day = date_parts(birth_date)
    precision = DAY if day else MONTH if month else YEAR if year else NO_DATE
    registry = _REGISTRY if f"{month}-{day}" in policy.registry_days else 0
    moved = (int(year) + keyed.small("year", "moved", 1)) % YEARS if year else 0
    return precision | registry, keyed.written(year + month + day, _DIGITS), moved


def _pack_word(keyed: _Keyed, word: NameWord) -> bytes:
    small, text = keyed.small, word.text
    flags = word.initial * _INITIAL | word.known * _KNOWN | word.spare * _SPARE | word.bare * _BARE
    shortened = [text[:at] + text[at + 1 :] for at in range(len(text))] if 2 < len(text) <= _LONGEST_SHORT else []
    return _WORD.pack(
        flags | word.common << _COMMON_SHIFT,
        small("word", text, 4),
        *_padded([small("first", first, 2) for first in dict.fromkeys(form[0] for form in (text, *word.forms))], 3),
        small("start", text[:_START], 2) if len(text) >= _START else 0,
        *_padded([small("root", root, 2) for root in word.roots], 4),
        *_padded([small("sound", sound, 2) for sound in sounds_of(word)], 2),
        *_padded([small("skeleton", skeleton, 2) for skeleton in skeletons(text)], 2),
        keyed.bloom("name", _pairs(text), BLOOM_BITS).to_bytes(BLOOM_BITS // 8, "little"),
        *_padded([small("word-less", text, 2), *(small("word-less", rest, 2) for rest in dict.fromkeys(shortened))], 9),
    )


def _padded(numbers: list[int], size: int) -> list[int]:
    return (numbers + [0] * size)[:size]


def _pairs(text: str) -> set[str]:
    return {f" {text} "[at : at + 2] for at in range(len(text) + 1)} if text else set()


# -- opening ------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=512)
def opened(raw: bytes) -> Sketch | None:
    """A sketch for comparison; None for none, and for one of another format, which only a new program can read."""
    if len(raw) < _FIXED.size or raw[0] != FORMAT:
        return None
    _, key, date, digits, year, *values, given, family = _FIXED.unpack_from(raw)
    if len(raw) != _FIXED.size + (given + family) * _WORD.size:
        return None
    words = tuple(_word(found) for found in _WORD.iter_unpack(raw[_FIXED.size :]))
    held: tuple[Any, ...] = (key, date & 3, bool(date & _REGISTRY), digits, year, *values, words[:given], words[given:])
    return Sketch(*held)


def _word(found: tuple[Any, ...]) -> Word:
    flags, bloom = found[0], int.from_bytes(found[14], "little")
    return Word(
        found[1],
        _set(found[2:5]),
        found[5],
        bool(flags & _INITIAL),
        bool(flags & _KNOWN),
        bool(flags & _SPARE),
        bool(flags & _BARE),
        flags >> _COMMON_SHIFT,
        _set(found[6:10]),
        _set(found[10:12]),
        _set(found[12:14]),
        _set(found[15:]),
        bloom,
        bloom.bit_count(),
    )


def _set(numbers: tuple[int, ...]) -> frozenset[int]:
    return frozenset(numbers) - {0}
