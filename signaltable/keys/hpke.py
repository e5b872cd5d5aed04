"""Opening what HPKE sealed for a key pair whose private half stays in a token (RFC 9180, base mode, DHKEM of P-256).

The library that seals wants the private key itself to open. Here the token gives one ECDH result, and this module does
the rest of RFC 9180 with it: sections 4.1 (decapsulation), 5.1 (key schedule) and 5.2 (the first message).
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from signaltable.keys.errors import CannotOpen

# The encapsulated key is a point in its uncompressed form.
POINT_BYTES: Final = 65
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
_VERSION: Final = b"HPKE-v1"
_BASE: Final = b"\x00"
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Ciphers:
    """The identifiers of a suite in the registry of RFC 9180 section 7, and the size of the key of its cipher."""

    kem: int
    kdf: int
    aead: int
    key_bytes: int


P256_AES256: Final = Ciphers(0x0010, 0x0001, 0x0002, 32)

# Gives the shared x coordinate of ECDH with the public point of the sender.
Exchange = Callable[[bytes], bytes]


def open_sealed(
    sealed: bytes, *, exchange: Exchange, public: bytes, info: bytes, aad: bytes = b"", ciphers: Ciphers = P256_AES256
) -> bytes:
    """What was sealed to `public`, the uncompressed point of the recipient. Raises CannotOpen in every other case.

    `sealed` is the point of the sender and the first message. `exchange` may raise CannotOpen for a point it refuses.
    """
    if len(sealed) < POINT_BYTES + TAG_BYTES:
        raise CannotOpen("expected an envelope, found something shorter")
    point, message = sealed[:POINT_BYTES], sealed[POINT_BYTES:]
    shared = shared_secret(exchange(point), point, public, ciphers)
    key, nonce = key_schedule(shared, info, ciphers)
    try:
        return AESGCM(key).decrypt(nonce, message, aad)
    except InvalidTag:
        raise CannotOpen("the envelope does not open with the key of this agency") from None


def shared_secret(exchanged: bytes, point: bytes, public: bytes, ciphers: Ciphers) -> bytes:
    """The secret of sender and recipient: ExtractAndExpand of section 4.1."""
    suite = b"KEM" + struct.pack(">H", ciphers.kem)
    extracted = _extract(b"", b"eae_prk", exchanged, suite)
    return _expand(extracted, b"shared_secret", point + public, _SECRET_BYTES, suite)


def key_schedule(shared: bytes, info: bytes, ciphers: Ciphers) -> tuple[bytes, bytes]:
    """Key and nonce of the first message: KeySchedule of section 5.1 without a pre-shared key."""
    suite = b"HPKE" + struct.pack(">HHH", ciphers.kem, ciphers.kdf, ciphers.aead)
    context = _BASE + _extract(b"", b"psk_id_hash", b"", suite) + _extract(b"", b"info_hash", info, suite)
    secret = _extract(shared, b"secret", b"", suite)
    key = _expand(secret, b"key", context, ciphers.key_bytes, suite)
    return key, _expand(secret, b"base_nonce", context, NONCE_BYTES, suite)


def _extract(salt: bytes, label: bytes, material: bytes, suite: bytes) -> bytes:
    return HKDF.extract(SHA256(), salt, _VERSION + suite + label + material)


def _expand(secret: bytes, label: bytes, info: bytes, length: int, suite: bytes) -> bytes:
    labelled = struct.pack(">H", length) + _VERSION + suite + label + info
    return HKDFExpand(algorithm=SHA256(), length=length, info=labelled).derive(secret)
