"""The ring in a file that opens with the passphrases of two people together, and with neither of them alone.

Each passphrase becomes half of a key (Argon2id, RFC 9106), the halves one key (HKDF, RFC 5869), and that seals the ring
(AES-256-GCM). Everything else in the file is bound to what is sealed, and the file has one way to be written only: a bit
that is flipped anywhere is found.
"""

import base64
import binascii
import json
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from argon2.low_level import ARGON2_VERSION, Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signaltable.keys.contents import DESTROYED, Contents, Key, gathered
from signaltable.keys.digests import KEY_BYTES
from signaltable.keys.errors import KeyRingError
from signaltable.keys.file_ring import file_document
from signaltable.keys.ring_file import FILE, digest_check, parse

FORMAT: Final = "signaltable key export 1"
MINIMUM_PASSPHRASE: Final = 16
SALT_BYTES: Final = 16
NONCE_BYTES: Final = 12
LARGEST: Final = 128 * 1024 * 1024
_USE: Final = b"signaltable/key-export/1"
_FIELDS: Final = frozenset({"format", "made", "cost", "salts", "nonce", "sealed"})


@dataclass(frozen=True, slots=True)
class Cost:
    """What each guess of a passphrase costs: passes, memory in KiB, lanes (RFC 9106 section 3.1)."""

    passes: int = 3
    memory: int = 128 * 1024
    lanes: int = 4


# A file may ask for no more than this of the machine that opens it.
MOST: Final = Cost(16, 2 * 1024 * 1024, 16)


def check_passphrases(one: str, two: str) -> None:
    """Raises KeyRingError, which repeats neither, when they are too short or the same."""
    if min(len(_plain(one)), len(_plain(two))) < MINIMUM_PASSPHRASE:
        raise KeyRingError(f"expected two passphrases of at least {MINIMUM_PASSPHRASE} characters")
    if _plain(one).casefold() == _plain(two).casefold():
        raise KeyRingError("expected two different passphrases, each known to one keeper alone; found the same twice")


def seal_ring(contents: Contents, one: str, two: str, *, on: date, cost: Cost | None = None) -> bytes:
    """The file for two keepers. Raises KeyRingError for passphrases that will not do."""
    check_passphrases(one, two)
    salts = [secrets.token_bytes(SALT_BYTES) for _ in range(3)]
    nonce = secrets.token_bytes(NONCE_BYTES)
    head = {
        "format": FORMAT,
        "made": on.isoformat(),
        "cost": asdict(cost or Cost()),
        "salts": [_encode(salt) for salt in salts],
        "nonce": _encode(nonce),
    }
    told = json.dumps(file_document(gathered(contents.all(), max(1, contents.revision)))).encode()
    sealed = AESGCM(_key(one, two, salts, cost or Cost())).encrypt(nonce, told, _bound(head))
    return _written({**head, "sealed": _encode(sealed)})


def open_export(path: Path, raw: bytes, one: str, two: str) -> Contents:
    """The ring in a file that `seal_ring` made. Raises KeyRingError with one line for every other file and passphrase.

    It does not say which of the two passphrases was wrong, so that no keeper's can be tried alone.
    """
    document = _document(path, raw)
    head = {name: value for name, value in document.items() if name != "sealed"}
    salts, nonce = [_decode(path, one_salt) for one_salt in document["salts"]], _decode(path, document["nonce"])
    try:
        plain = AESGCM(_key(one, two, salts, Cost(**document["cost"]))).decrypt(
            nonce, _decode(path, document["sealed"]), _bound(head)
        )
    except InvalidTag:
        raise KeyRingError(
            f"{path}: does not open with these two passphrases in this order, or was changed after it was made"
        ) from None
    return parse(path, json.loads(plain), (), place=FILE, check=digest_check)


@dataclass(frozen=True, slots=True)
class Comparison:
    """An export beside the ring of a home: `kind` is other, same, newer or older; `lost` counts keys of the home that
    the export does not have.
    """

    kind: str
    lost: int


def compare(held: Contents, exported: Contents) -> Comparison:
    """Whether an export is of the ring of this home, and which of the two went on after the other."""
    ours, theirs = _prints(held), _prints(exported)
    common = ours.keys() & theirs.keys()
    lost = len(ours.keys() - theirs.keys())
    if not common or any(ours[name] != theirs[name] for name in common):
        return Comparison("other", lost)
    if list(held.all()) == list(exported.all()):
        return Comparison("same", 0)
    return Comparison("newer" if exported.revision > held.revision and not lost else "older", lost)


def put_over(held: Contents, exported: Contents) -> Contents:
    """The keys of the export; but what this home destroyed stays destroyed, because the log says so."""
    gone = {(key.name, key.version): key for key in held.all() if key.state == DESTROYED}
    keys = [gone.get((key.name, key.version), key) for key in exported.all()]
    return gathered(keys, max(held.revision, exported.revision) + 1)


def _prints(contents: Contents) -> dict[tuple[Any, int], str]:
    return {(key.name, key.version): _print(key) for key in contents.all()}


def _print(key: Key) -> str:
    return "shared" if key.shared else key.fingerprint


def _key(one: str, two: str, salts: list[bytes], cost: Cost) -> bytes:
    halves = b"".join(_half(passphrase, salt, cost) for passphrase, salt in zip((one, two), salts, strict=False))
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salts[-1], info=_USE).derive(halves)


def _half(passphrase: str, salt: bytes, cost: Cost) -> bytes:
    return hash_secret_raw(
        _plain(passphrase).encode(), salt, cost.passes, cost.memory, cost.lanes, KEY_BYTES, Type.ID, ARGON2_VERSION
    )


def _plain(passphrase: str) -> str:
    """The same characters, whichever keyboard they were typed on."""
    return unicodedata.normalize("NFC", passphrase.strip())


def _bound(head: Mapping[str, Any]) -> bytes:
    return json.dumps(head, sort_keys=True, separators=(",", ":")).encode()


def _written(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=1) + "\n").encode()


def _document(path: Path, raw: bytes) -> dict[str, Any]:
    """The parts of an export. Raises KeyRingError for what this program did not write."""
    refused = KeyRingError(f"{path}: expected a file that `signaltable keys export` wrote, found something else")
    try:
        document = json.loads(raw) if len(raw) <= LARGEST else None
        if not isinstance(document, dict) or document.keys() != _FIELDS or document["format"] != FORMAT:
            raise refused
        cost = Cost(**document["cost"])
        date.fromisoformat(document["made"])
        within = all(
            type(value) is int and 1 <= value <= most
            for value, most in zip(asdict(cost).values(), asdict(MOST).values(), strict=True)
        )
        sizes = [len(_decode(path, one)) for one in (*document["salts"], document["nonce"])]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise refused from None
    if not within or cost.memory < 8 * cost.lanes or sizes != [SALT_BYTES] * 3 + [NONCE_BYTES]:
        raise refused
    if _written(document) != raw:
        raise refused
    return document


def _decode(path: Path, text: Any) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise KeyRingError(f"{path}: expected base64") from None


def _encode(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")
