"""From what was typed about a person or thing to what may leave the form: references, pseudonyms and match tags.

Three pseudonyms that cannot be computed from each other: a random reference for people to read, a pseudonym per
recipient, and keyed match tags that only the linking step uses. What an identity is stands in identity.py.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice, product
from typing import Final

from signaltable.identity import Identity
from signaltable.keys import keyed_digest
from signaltable.linking_rules import LinkingPolicy, TagSet
from signaltable.parts import parts_of

# -- references and pseudonyms -----------------------------------------------------------------------------------

# 25 signs: no vowels (no words appear by chance) and no B, S, Z, L, which read as 8, 5, 2 and 1.
ALPHABET: Final = "23456789CDFGHJKMNPQRTVWXY"
_BASE: Final = len(ALPHABET)
_REFERENCE_SIGNS: Final = 5
_PSEUDONYM_SIGNS: Final = 9
_LEAST_RANDOMNESS: Final = 8
_DASHES: Final = re.compile(r"[\s\-‐-―_.]+")


def new_reference(prefix: str, randomness: bytes) -> str:
    """A random reference such as S-7F3K-Q2 for people to read and say aloud; the last sign checks the others.

    `randomness`: at least 8 fresh random bytes. There are 9.7 million references per prefix; the database keeps them
    unique and the caller tries again. Raises ValueError for another prefix than one capital letter.
    """
    if len(prefix) != 1 or not ("A" <= prefix <= "Z"):
        raise ValueError("expected one capital letter as prefix")
    if len(randomness) < _LEAST_RANDOMNESS:
        raise ValueError(f"expected at least {_LEAST_RANDOMNESS} random bytes, found {len(randomness)}")
    return _written(prefix, int.from_bytes(randomness, "big"), _REFERENCE_SIGNS)


def check_reference(text: str) -> str | None:
    """The reference or pseudonym in its one spelling, or None when the text is none or holds a mistake.

    Lower case, spaces and missing dashes are mended. The check sign finds every mistake in one sign and every swap of
    two signs, wherever they stand.
    """
    bare = _DASHES.sub("", text).upper()
    prefix, signs = bare[:1], bare[1:]
    if not prefix or not ("A" <= prefix <= "Z") or len(signs) - 1 not in {_REFERENCE_SIGNS, _PSEUDONYM_SIGNS}:
        return None
    if any(sign not in ALPHABET for sign in signs) or _check_sign(prefix, signs[:-1]) != signs[-1]:
        return None
    return _grouped(prefix, signs)


def recipient_pseudonym(secret: bytes, agency_id: str, subject_id: str) -> str:
    """The name of a subject for one agency, always the same there and different at every other agency.

    Two agencies that lay their lists side by side find nothing in common without the secret.
    """
    digest = keyed_digest(secret, "signaltable/recipient-pseudonym/1", agency_id, subject_id)
    return _written("P", int.from_bytes(digest, "big"), _PSEUDONYM_SIGNS)


def _written(prefix: str, number: int, size: int) -> str:
    signs = ""
    for _ in range(size):
        number, digit = divmod(number, _BASE)
        signs += ALPHABET[digit]
    return _grouped(prefix, signs + _check_sign(prefix, signs))


def _grouped(prefix: str, signs: str) -> str:
    return "-".join([prefix, *(signs[at : at + 4] for at in range(0, len(signs), 4))])


def _check_sign(prefix: str, signs: str) -> str:
    """A weighted sum in the field with 25 elements, each place with a weight of its own.

    In a field no product of two non-zero elements is zero, so one wrong sign changes the sum, and so does a swap of
    two different signs under two different weights. Modulo 25 this would fail, 5 times 5 being zero there.
    """
    total, weight = ord(prefix) % _BASE, 1
    for sign in signs:
        weight = _times(weight, _GENERATOR)
        total = _plus(total, _times(weight, ALPHABET.index(sign)))
    return ALPHABET[_times(_MINUS_ONE, total)]


# An element a*t + b is written as 5a + b; t*t = 2, which has no root modulo 5. The powers of t + 1 are all 24 others.
_GENERATOR: Final = 6
_MINUS_ONE: Final = 4


def _plus(left: int, right: int) -> int:
    (a, b), (c, d) = divmod(left, 5), divmod(right, 5)
    return (a + c) % 5 * 5 + (b + d) % 5


def _times(left: int, right: int) -> int:
    (a, b), (c, d) = divmod(left, 5), divmod(right, 5)
    return (a * d + b * c) % 5 * 5 + (b * d + 2 * a * c) % 5


# -- match tags ----------------------------------------------------------------------------------------------------

_DIGEST_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Tag:
    """One keyed digest of one field set. `strength` is its weight in linking.toml on the day it was made."""

    set_id: str
    strength: int
    digest: bytes


def match_tags(secret: bytes, identity: Identity, *, version: int, policy: LinkingPolicy) -> tuple[Tag, ...]:
    """The tags under which this subject can meet another: HMAC-SHA-256 of normalised field sets, 128 bits each.

    `secret` and `version` belong together (KeyRing.secret, KeyRing.version). Every set has its own purpose string, so
    digests of two sets never compare. The same identity in another spelling gives the same tags where linking.toml
    says so. Sets of which a part is missing give no tag.
    """
    return _tags(secret, identity, version, policy, policy.sets_of[identity.kind])


def lone_tags(secret: bytes, identity: Identity, *, version: int, policy: LinkingPolicy) -> tuple[Tag, ...]:
    """Those of a single value alone: the exclusion list holds no others."""
    return _tags(secret, identity, version, policy, policy.lone_sets_of[identity.kind])


def _tags(
    secret: bytes, identity: Identity, version: int, policy: LinkingPolicy, sets: Iterable[TagSet]
) -> tuple[Tag, ...]:
    parts = parts_of(identity, policy.registry_days)
    tags: dict[tuple[str, bytes], Tag] = {}
    for tag_set in sets:
        values = product(*(parts.of(part) for part in tag_set.parts))
        for combination in islice(values, policy.most_tags_per_set):
            digest = keyed_digest(secret, "signaltable/match-tag/1", str(version), tag_set.space, *combination)
            tag = Tag(tag_set.id, tag_set.weight, digest[:_DIGEST_BYTES])
            tags.setdefault((tag.set_id, tag.digest), tag)
    return tuple(tags.values())
