"""Data keys, wrapped for an agency so that a thousand of them share one public-key operation.

An envelope (HPKE) holds a wrapping key of its own, and each data key is sealed under that (AES-256-GCM), bound to agency
and name. The envelope stands in front of every data key, so that each opens by itself, and deleting one destroys that one:
the wrapping key in the others opens only the others. With two million people the difference is minutes against hours,
because X25519 takes a hundred times as long as AES.
"""

import secrets
import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaltable.keys.digests import KEY_BYTES, bind
from signaltable.keys.errors import CannotOpen
from signaltable.keys.fields import NONCE_BYTES, DataKey, new_data_key, subject_info
from signaltable.keys.suites import WRAPPED_MARK, read_head

# Then another wrapping key is taken; it also goes with every change of the ring and with the process.
MOST_USES: Final = 1000
# So many wrapping keys are kept open, so that rows that were wrapped together cost one private-key operation together.
MOST_OPEN: Final = 4096
_INFO: Final = b"signaltable/wrapping-key/1"
_LENGTH: Final = struct.Struct(">H")


class Envelopes(Protocol):
    """Who seals for agencies."""

    def seal(self, agency_id: str, plaintext: bytes, info: bytes, *, padded: bool = True) -> bytes:
        """Encrypt for an agency."""

    def open(self, agency_id: str, envelope: bytes, info: bytes) -> bytes:
        """Decrypt. Raises CannotOpen."""


@dataclass(slots=True)
class _Wrapping:
    front: bytes
    cipher: AESGCM = field(repr=False)
    uses: int = 0


class Wrapper:
    """The wrapping keys in use; belongs to one state of a ring."""

    def __init__(self, envelopes: Envelopes) -> None:
        self._envelopes = envelopes
        self._sealing: dict[str, _Wrapping] = {}
        self._opened: dict[tuple[str, bytes], AESGCM] = {}

    def wrap(self, agency_id: str, data_key: DataKey, name: str) -> bytes:
        """The data key, for this agency and under this name alone."""
        held = self._sealing.get(agency_id)
        if held is None or held.uses >= MOST_USES:
            held = self._sealing[agency_id] = self._fresh(agency_id)
        held.uses += 1
        nonce = secrets.token_bytes(NONCE_BYTES)
        return held.front + nonce + held.cipher.encrypt(nonce, data_key.material, _bound(agency_id, name))

    def unwrap(self, agency_id: str, wrapped: bytes, name: str) -> DataKey:
        """What `wrap` made for this agency and name. Raises CannotOpen in every other case."""
        start = len(WRAPPED_MARK) + _LENGTH.size
        if len(wrapped) < start:
            raise CannotOpen("expected a wrapped data key, found something shorter")
        (length,) = _LENGTH.unpack(wrapped[len(WRAPPED_MARK) : start])
        end = start + length
        cipher = self._cipher(agency_id, wrapped[start:end])
        try:
            material = cipher.decrypt(
                wrapped[end : end + NONCE_BYTES], wrapped[end + NONCE_BYTES :], _bound(agency_id, name)
            )
        except (InvalidTag, ValueError):
            raise CannotOpen("the data key does not open for this agency under this name") from None
        return new_data_key(material)

    def _fresh(self, agency_id: str) -> _Wrapping:
        material = secrets.token_bytes(KEY_BYTES)
        envelope = self._envelopes.seal(agency_id, material, _INFO, padded=False)
        return _Wrapping(WRAPPED_MARK + _LENGTH.pack(len(envelope)) + envelope, AESGCM(material))

    def _cipher(self, agency_id: str, envelope: bytes) -> AESGCM:
        known = agency_id, envelope
        if known not in self._opened:
            if len(self._opened) >= MOST_OPEN:
                self._opened.clear()
            read_head(envelope)
            self._opened[known] = AESGCM(self._envelopes.open(agency_id, envelope, _INFO))
        return self._opened[known]


def _bound(agency_id: str, name: str) -> bytes:
    return _of_agency(agency_id) + bind(subject_info(name))


@cache
def _of_agency(agency_id: str) -> bytes:
    return bind(b"signaltable/wrapped/1", agency_id.encode())
