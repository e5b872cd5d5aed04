"""Sealed fields: one value under the key of one subject or signal, bound to its place in the database."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from signaltable.keys.digests import KEY_BYTES, bind
from signaltable.keys.errors import CannotOpen, KeyRingError
from signaltable.keys.padding import pad, unpad

NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
# Fields are padded to whole blocks, so that the length of a name does not show in the database.
BLOCK_BYTES: Final = 32
_FIELD_MARK: Final = b"\x01"
_SUBJECT: Final = bind(b"signaltable/data-key/1")


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one subject. Its material does not show in repr, so neither in logs nor in tracebacks."""

    material: bytes = field(repr=False)


def new_data_key(randomness: bytes) -> DataKey:
    """A data key for one subject from 32 random bytes. Raises KeyRingError for another length."""
    if len(randomness) != KEY_BYTES:
        raise KeyRingError(f"expected {KEY_BYTES} random bytes, found {len(randomness)}")
    return DataKey(bytes(randomness))


def seal_field(
    data_key: DataKey, *, table: str, row: str, column: str, version: int, plaintext: bytes, nonce: bytes
) -> bytes:
    """One field under a subject's key: AES-256-GCM, with its place in the database as associated data.

    A sealed value that is copied to another row or column does not open there. `nonce` is 12 fresh random bytes
    (NIST SP 800-38D: never twice under one key). The length of the plaintext shows in steps of 32 bytes only.
    """
    if len(nonce) != NONCE_BYTES:
        raise KeyRingError(f"expected a nonce of {NONCE_BYTES} bytes, found {len(nonce)}")
    place = _place(table, row, column, version)
    return _FIELD_MARK + nonce + AESGCM(data_key.material).encrypt(nonce, pad(plaintext, BLOCK_BYTES), place)


def open_field(data_key: DataKey, *, table: str, row: str, column: str, version: int, sealed: bytes) -> bytes:
    """What `seal_field` sealed for this very place. Raises CannotOpen in every other case."""
    start = len(_FIELD_MARK)
    if len(sealed) < start + NONCE_BYTES + TAG_BYTES or not sealed.startswith(_FIELD_MARK):
        raise CannotOpen("expected a sealed field, found something else")
    nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    try:
        return unpad(AESGCM(data_key.material).decrypt(nonce, body, _place(table, row, column, version)))
    except InvalidTag:
        raise CannotOpen("the field does not open with this key in this place") from None


class _Columns(dict[str, bytes]):
    """What stands behind the row in the place of a field, column by column; made once for each."""

    def __init__(self, tail: bytes) -> None:
        super().__init__()
        self._tail = tail

    def __missing__(self, column: str) -> bytes:
        made = self[column] = bind(column.encode()) + self._tail
        return made


@dataclass(frozen=True, slots=True)
class Place:
    """Where the fields of many rows stand: the parts of their place that are the same for all, made once."""

    head: bytes
    columns: Mapping[str, bytes]

    @classmethod
    def of(cls, table: str, version: int) -> "Place":
        """The place of fields of a table."""
        return cls(bind(b"signaltable/field/1", table.encode()), _Columns(bind(str(version).encode())))


Reseal = Callable[[str, bytes, bytes], bytes]


def resealing(old: DataKey, new: DataKey, place: Place, row: str) -> Reseal:
    """What seals the fields of one row anew: column, what is sealed and a fresh nonce in; sealed under the new key out.

    The same as `open_field` and `seal_field`, for very many; the plaintext is looked at by nobody. What it gives raises
    CannotOpen when a field does not open.
    """
    opened, sealed_anew = AESGCM(old.material).decrypt, AESGCM(new.material).encrypt
    head, columns, mark = place.head + bind(row.encode()), place.columns, _FIELD_MARK

    def reseal(column: str, sealed: bytes, nonce: bytes) -> bytes:
        if sealed[:1] != mark:
            raise CannotOpen("expected a sealed field, found something else")
        data = head + columns[column]
        try:
            return mark + nonce + sealed_anew(nonce, opened(sealed[1:13], sealed[13:], data), data)
        except (InvalidTag, ValueError):
            raise CannotOpen("the field does not open with this key in this place") from None

    return reseal


def subject_info(subject_id: str) -> bytes:
    """What binds the wrapped data key of a subject to that subject."""
    return _SUBJECT + bind(subject_id.encode())


def _place(table: str, row: str, column: str, version: int) -> bytes:
    return bind(b"signaltable/field/1", table.encode(), row.encode(), column.encode(), str(version).encode())
