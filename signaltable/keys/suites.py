"""The ways in which something is sealed for an agency (HPKE, RFC 9180), and how their keys are written down.

A suite belongs to a version of a key: a new version may choose another one, and every envelope names its own.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from signaltable.keys.errors import CannotOpen

X25519_SUITE: Final = "x25519-hkdf-sha256-aes256gcm"
# Both halves have to fall before an envelope opens: what is copied today stays shut for a quantum computer of later.
HYBRID_SUITE: Final = "mlkem768-x25519-hkdf-sha256-aes256gcm"
# Tokens know the curves of NIST; hardly one knows X25519.
P256_SUITE: Final = "p256-hkdf-sha256-aes256gcm"

_MLKEM768_PUBLIC_BYTES: Final = 1184
_X25519_BYTES: Final = 32
_ENVELOPE: Final = struct.Struct(">4sBI")
_ENVELOPE_MARK: Final = b"stK1"
# Before an envelope of which the content is padded, so that its length tells nothing; of old none was.
_PADDED_MARK: Final = b"stK3"
# Before a wrapped data key (keys/wrapping.py): then the length of the envelope, and the envelope.
WRAPPED_MARK: Final = b"stK2"
_WRAPPED_FRONT: Final = len(WRAPPED_MARK) + 2
VERSION_BYTES: Final = 4
# By the first bytes of a value: where the version of the key stands in it, counted from 0.
VERSION_STANDS_AT: Final[Mapping[bytes, int]] = {
    _ENVELOPE_MARK: _ENVELOPE.size - VERSION_BYTES,
    _PADDED_MARK: _ENVELOPE.size - VERSION_BYTES,
    WRAPPED_MARK: _WRAPPED_FRONT + _ENVELOPE.size - VERSION_BYTES,
}


@dataclass(frozen=True, slots=True)
class SuiteKind:
    """A suite: the number that stands in an envelope, what the library calls it, and its keys as bytes."""

    name: str
    number: int
    suite: Suite
    private_bytes: int
    read_private: Callable[[bytes], Any]
    public_bytes: Callable[[Any], bytes]
    read_public: Callable[[bytes], Any]


def _hybrid_private(material: bytes) -> MLKEM768X25519PrivateKey:
    return MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(material[_X25519_BYTES:]),
        X25519PrivateKey.from_private_bytes(material[:_X25519_BYTES]),
    )


def _hybrid_public(public: bytes) -> MLKEM768X25519PublicKey:
    return MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:_MLKEM768_PUBLIC_BYTES]),
        X25519PublicKey.from_public_bytes(public[_MLKEM768_PUBLIC_BYTES:]),
    )


def _hybrid_public_of(material: bytes) -> bytes:
    """Both public halves, the post-quantum one first; the library does not write a hybrid key out whole."""
    return (
        MLKEM768PrivateKey.from_seed_bytes(material[_X25519_BYTES:]).public_key().public_bytes_raw()
        + X25519PrivateKey.from_private_bytes(material[:_X25519_BYTES]).public_key().public_bytes_raw()
    )


def _x25519_public_of(material: bytes) -> bytes:
    return X25519PrivateKey.from_private_bytes(material).public_key().public_bytes_raw()


def _p256_public(public: bytes) -> EllipticCurvePublicKey:
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), public)


def _only_in_a_token(_material: bytes) -> Any:
    raise CannotOpen("expected this key in a token")


SUITES: Final[Mapping[str, SuiteKind]] = {
    kind.name: kind
    for kind in (
        SuiteKind(
            X25519_SUITE,
            1,
            Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
            _X25519_BYTES,
            X25519PrivateKey.from_private_bytes,
            _x25519_public_of,
            X25519PublicKey.from_public_bytes,
        ),
        SuiteKind(
            HYBRID_SUITE,
            2,
            Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
            _X25519_BYTES + 64,
            _hybrid_private,
            _hybrid_public_of,
            _hybrid_public,
        ),
        SuiteKind(
            P256_SUITE,
            3,
            Suite(KEM.P256, KDF.HKDF_SHA256, AEAD.AES_256_GCM),
            0,
            _only_in_a_token,
            _only_in_a_token,
            _p256_public,
        ),
    )
}
# What a key ring in a file can make; tokens make the third.
FILE_SUITES: Final = (X25519_SUITE, HYBRID_SUITE)
_BY_NUMBER: Final = {kind.number: kind.name for kind in SUITES.values()}


@dataclass(frozen=True, slots=True)
class Head:
    """What an envelope says of itself: the suite, the version of the agency's key, whether the content is padded, and
    these bytes as they stand.
    """

    suite: str
    version: int
    padded: bool
    raw: bytes


def envelope_head(suite: str, version: int, *, padded: bool = False) -> bytes:
    """The first bytes of an envelope; they are bound to what is inside."""
    return _ENVELOPE.pack(_PADDED_MARK if padded else _ENVELOPE_MARK, SUITES[suite].number, version)


def read_head(envelope: bytes) -> Head:
    """The head of an envelope. Raises CannotOpen for what is no envelope of a suite that is known here."""
    return _read(bytes(envelope[: _ENVELOPE.size]))


@lru_cache(maxsize=256)  # One for each suite and version in use, and asked with every data key.
def _read(raw: bytes) -> Head:
    if len(raw) < _ENVELOPE.size:
        raise CannotOpen("expected an envelope, found something shorter")
    mark, number, version = _ENVELOPE.unpack(raw)
    if mark not in {_ENVELOPE_MARK, _PADDED_MARK} or number not in _BY_NUMBER:
        raise CannotOpen("expected an envelope for a key of this agency")
    return Head(_BY_NUMBER[number], version, mark == _PADDED_MARK, raw)


def envelope_version(envelope: bytes) -> int:
    """The version of the agency's key that an envelope, or a wrapped data key, was sealed for.

    Raises CannotOpen for what is neither.
    """
    return read_head(_at_head(envelope)).version


def envelope_suite(envelope: bytes) -> str:
    """The suite that an envelope, or a wrapped data key, was sealed with. Raises CannotOpen for what is neither."""
    return read_head(_at_head(envelope)).suite


def _at_head(envelope: bytes) -> bytes:
    front = _WRAPPED_FRONT if envelope[: len(WRAPPED_MARK)] == WRAPPED_MARK else 0
    return envelope[front : front + _ENVELOPE.size]
