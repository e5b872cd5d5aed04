"""Keyed digests and keys derived for one use."""

import hashlib
import hmac
import struct

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES = 32
FINGERPRINT_DIGITS = 32
_LENGTH = struct.Struct(">I").pack
_COMMITMENT = b"signaltable/key-fingerprint/1"


def bind(*parts: bytes) -> bytes:
    """Join parts so that no other list of parts gives the same bytes."""
    return b"".join([_LENGTH(len(part)) + part for part in parts])


def derive_key(secret: bytes, use: str) -> bytes:
    """A key of 32 bytes for one named use of a secret (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=named_use(use)).derive(secret)


def named_use(use: str) -> bytes:
    """How a use is told to the function that derives a key for it."""
    return f"signaltable/{use}".encode()


def keyed_digest(secret: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 over a purpose and parts. Each part is preceded by its length, so no two lists give one message."""
    return hmac.digest(secret, bind(purpose.encode(), *(part.encode() for part in parts)), "sha256")


def commitment(secret: bytes) -> str:
    """The fingerprint of a secret: an HMAC under the secret itself, so that it helps nobody to guess 256 random bits."""
    return shown(hmac.new(secret, _COMMITMENT, hashlib.sha256).digest())


def commitment_message() -> bytes:
    """What a token signs with a secret to make the same fingerprint as `commitment`."""
    return _COMMITMENT


def public_fingerprint(public: bytes) -> str:
    """The fingerprint of a public key: the first 128 bits of its SHA-256."""
    return shown(hashlib.sha256(public).digest())


def shown(digest: bytes) -> str:
    """A digest as people compare it."""
    return digest.hex()[:FINGERPRINT_DIGITS]
