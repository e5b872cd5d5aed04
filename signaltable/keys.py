"""The key ring: secrets per purpose and a key pair per agency, in one file outside the database; and sealed fields.

The database holds only what these keys made. Without the ring it gives no identity and no match; with the key of one
agency it gives nothing of another.
"""

import base64
import binascii
import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from signaltable.disk import hand_over, replace_file
from signaltable.domain import SignaltableError

FORMAT: Final = "signaltable key ring 1"
# match: tags of the linking step; recipient: pseudonyms per recipient; session: cookies, CSRF and login digests;
# draft: unfinished forms that wait on the server.
PURPOSES: Final = ("match", "recipient", "session", "draft")
# Active: the newest makes what is new. Retired: opens what was made with it. Destroyed: only that it existed is known.
ACTIVE: Final = "active"
RETIRED: Final = "retired"
DESTROYED: Final = "destroyed"
STATES: Final = frozenset({ACTIVE, RETIRED, DESTROYED})
# What may still be derived of a destroyed version, because the log rests on it and it leads back to nothing (HKDF is one
# way): the digests by which the log speaks of rows, and those of the register of erasures.
KEPT_USES: Final[Mapping[str, tuple[str, ...]]] = {"match": ("rows of the database", "register of erasures")}
KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16
# Fields are padded to whole blocks, so that the length of a name does not show in the database.
BLOCK_BYTES: Final = 32
OTHERS_CAN_READ: Final = 0o077

# The suite is part of the key version (RFC 9180 section 7): a rotation may choose another one by adding a line here.
X25519_SUITE: Final = "x25519-hkdf-sha256-aes256gcm"
CHACHA_SUITE: Final = "x25519-hkdf-sha256-chacha20poly1305"
_SUITES: Final = {
    X25519_SUITE: (1, Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)),
    CHACHA_SUITE: (2, Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)),
}
SUITES: Final = tuple(_SUITES)
_SUITE_NAMES: Final = {number: name for name, (number, _) in _SUITES.items()}
_ENVELOPE: Final = struct.Struct(">4sBI")
_ENVELOPE_MARK: Final = b"stK1"
_FIELD_MARK: Final = b"\x01"
_AGENCY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


class KeyRingError(SignaltableError):
    """The key ring cannot be used; the message names the file and what was expected, never key material."""


class CannotOpen(SignaltableError):
    """A sealed value does not open with this key and these surroundings. The message does not say more on purpose."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one subject. Its material does not show in repr, so neither in logs nor in tracebacks."""

    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One version of a key as people may see it: never its material. `suite` is empty for a secret."""

    version: int
    state: str
    fingerprint: str
    suite: str = ""


@dataclass(frozen=True, slots=True)
class _Secret:
    version: int
    state: str
    material: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _AgencyKey:
    version: int
    state: str
    suite: str
    private: X25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Contents:
    """What the file says, checked whole. Frozen: another thread sees the old ring or the new one, never half of each."""

    secrets: Mapping[str, tuple[_Secret, ...]] = field(repr=False)
    agencies: Mapping[str, tuple[_AgencyKey, ...]] = field(repr=False)
    stamp: tuple[int, int, int]
    # (purpose, version, use) -> a key derived from a version that was destroyed.
    kept: Mapping[tuple[str, int, str], bytes] = field(default_factory=dict, repr=False)
    lines: Mapping[tuple[str, str], tuple[KeyVersion, ...]] = field(default_factory=dict)
    # What was derived before: it takes longer than most of what is done with it.
    derived: dict[tuple[str, int, str], bytes] = field(default_factory=dict, repr=False)


class KeyRing:
    """The ring of one installation. Make it with `create` once and with `load` in every process."""

    def __init__(self, path: Path, contents: _Contents, *, require_private: bool) -> None:
        self._path = path
        self._contents = contents
        self._require_private = require_private

    def __repr__(self) -> str:
        return f"KeyRing({str(self._path)!r}, agencies={len(self._contents.agencies)})"

    def __reduce__(self) -> str:
        # A pickled ring would carry the keys to wherever the pickle goes.
        raise KeyRingError("a key ring is not copied: load it from its file")

    @classmethod
    def create(cls, path: Path) -> "KeyRing":
        """Write a new ring with a fresh secret for each purpose, mode 0600. Raises KeyRingError when the file exists."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _locked(path):
            if path.exists():
                raise KeyRingError(f"{path}: expected no key ring here, found one; a ring is never overwritten")
            fresh = {purpose: [_new_secret(1)] for purpose in PURPOSES}
            _write(path, {"format": FORMAT, "secrets": fresh, "agencies": {}})
        return cls.load(path, require_private=True)

    @classmethod
    def load(cls, path: Path, *, require_private: bool) -> "KeyRing":
        """Read and check the ring. With `require_private` a file that others can read is refused. Raises KeyRingError."""
        return cls(path, _read(path, require_private=require_private), require_private=require_private)

    @property
    def agency_ids(self) -> frozenset[str]:
        """The agencies that have a key pair in this ring, as far as this process has seen."""
        return frozenset(self._contents.agencies)

    def version(self, purpose: str) -> int:
        """The version of the active secret of a purpose; it is stored next to what that secret makes.

        Looks whether another process has replaced it: what is made with an old version after that would be overlooked.
        """
        self._notice()
        return _active(self._secrets(purpose)).version

    def usable(self, purpose: str) -> tuple[int, ...]:
        """The versions of a secret that are there: the active one first, then those being replaced, newest first."""
        self._notice()
        active = _active(self._secrets(purpose)).version
        others = sorted((one.version for one in self._secrets(purpose) if one.version != active), reverse=True)
        return (active, *others)

    def versions(self, purpose: str, agency_id: str = "") -> tuple[KeyVersion, ...]:
        """Every version of a secret, or (purpose "agency") of the key pair of an agency, destroyed ones too."""
        self._notice()
        return self._contents.lines.get((purpose, agency_id), ())

    def add_version(self, purpose: str, after: int, *, agency_id: str = "", suite: str = "") -> int:
        """Put a new version behind version `after`, which is retired. Returns the number of the active version.

        Nothing happens when a newer one is active already: so it can be given again after a crash. `purpose` "agency"
        means the key pair of `agency_id`, of which `suite` may be another from now on.
        """
        if suite and suite not in _SUITES:
            raise KeyRingError(f"expected a suite of {', '.join(_SUITES)}")
        with self._changing() as document:
            rows = _rows_of(self._path, document, purpose, agency_id)
            active = max((row for row in rows if row["state"] == ACTIVE), key=lambda row: int(row["version"]))
            if int(active["version"]) == after:
                number = max(int(row["version"]) for row in rows) + 1
                made = _new_agency_key(number, suite or active["suite"]) if agency_id else _new_secret(number)
                for row in rows:
                    row["state"] = RETIRED if row["state"] == ACTIVE else row["state"]
                rows.append(made)
        return next(one.version for one in self.versions(purpose, agency_id) if one.state == ACTIVE)

    def destroy_version(self, purpose: str, version: int, *, agency_id: str = "") -> None:
        """Take the material of a retired version out of the ring, for good; that it existed stays.

        Nothing happens when that was done. Raises KeyRingError for the active version and for one that never was.
        """
        with self._changing() as document:
            rows = _rows_of(self._path, document, purpose, agency_id)
            found = next((at for at, row in enumerate(rows) if row["version"] == version), None)
            if found is None or rows[found]["state"] == ACTIVE:
                raise KeyRingError(f"{self._path}: expected a retired version of the key {purpose!r}, found none")
            if rows[found]["state"] == RETIRED:
                rows[found] = _tombstone(rows[found], purpose)

    def secret(self, purpose: str, version: int | None = None) -> bytes:
        """The 32 bytes of a purpose: the active version, or an older one by number. Raises KeyRingError when unknown."""
        if version is None:
            return _active(self._secrets(purpose)).material
        for reloaded in (False, True):
            if reloaded:
                self._reload()
            for secret in self._secrets(purpose):
                if secret.version == version:
                    return secret.material
        raise KeyRingError(f"{self._path}: expected version {version} of the secret {purpose!r}, found none")

    def derive(self, purpose: str, use: str, version: int | None = None) -> bytes:
        """A key of 32 bytes for one use of a purpose (HKDF, RFC 5869): two uses never share a key.

        Of a version that was destroyed only the uses of KEPT_USES are left.
        """
        wanted = purpose, self.version(purpose) if version is None else version, use
        contents = self._contents
        if wanted in contents.kept:
            return contents.kept[wanted]
        if wanted not in contents.derived:
            contents.derived[wanted] = derive_key(self.secret(purpose, wanted[1]), f"{purpose}/{use}")
        return contents.derived[wanted]

    def add_agency(self, agency_id: str) -> None:
        """Give an agency a key pair. Nothing happens when it has one, also when another process was first."""
        if not _AGENCY_ID.fullmatch(agency_id):
            raise KeyRingError("expected an agency id of 1 to 64 letters, digits, dots, dashes and underscores")
        with _locked(self._path):
            current = _read(self._path, require_private=self._require_private)
            if agency_id not in current.agencies:
                document = json.loads(self._path.read_bytes())
                document["agencies"][agency_id] = [_new_agency_key(1)]
                _write(self._path, document)
                current = _read(self._path, require_private=self._require_private)
            self._contents = current

    def seal(self, agency_id: str, plaintext: bytes, info: bytes) -> bytes:
        """Encrypt for one agency (HPKE base mode, RFC 9180). The envelope names suite and key version.

        `info` says what is inside; only the same `info` opens it. Raises KeyRingError for an unknown agency.
        """
        self._notice()
        keys = self._agency_keys(agency_id)
        if not keys:
            raise KeyRingError(f"{self._path}: expected a key pair for the agency, found none")
        key = _active(keys)
        number, suite = _SUITES[key.suite]
        head = _ENVELOPE.pack(_ENVELOPE_MARK, number, key.version)
        return head + suite.encrypt(plaintext, key.private.public_key(), _bind(head, agency_id.encode(), info))

    def open(self, agency_id: str, envelope: bytes, info: bytes) -> bytes:
        """What `seal` encrypted for this agency with this `info`. Raises CannotOpen in every other case."""
        head, sealed = envelope[: _ENVELOPE.size], envelope[_ENVELOPE.size :]
        if len(head) < _ENVELOPE.size:
            raise CannotOpen("expected an envelope, found something shorter")
        mark, number, version = _ENVELOPE.unpack(head)
        key = self._agency_key(agency_id, version)
        if mark != _ENVELOPE_MARK or key is None or _SUITE_NAMES.get(number) != key.suite:
            raise CannotOpen("expected an envelope for a key of this agency")
        try:
            return _SUITES[key.suite][1].decrypt(sealed, key.private, _bind(head, agency_id.encode(), info))
        except (InvalidTag, ValueError):
            raise CannotOpen("the envelope does not open with the key of this agency") from None

    def wrap(self, agency_id: str, data_key: DataKey, subject_id: str) -> bytes:
        """The data key of a subject, sealed for an agency. A disclosure of identity wraps it again for the recipient."""
        return self.seal(agency_id, data_key.material, _subject_info(subject_id))

    def unwrap(self, agency_id: str, wrapped: bytes, subject_id: str) -> DataKey:
        """The data key that was wrapped for this agency and this subject. Raises CannotOpen otherwise."""
        return new_data_key(self.open(agency_id, wrapped, _subject_info(subject_id)))

    def _secrets(self, purpose: str) -> tuple[_Secret, ...]:
        if purpose not in self._contents.secrets:
            raise KeyRingError(f"expected one of the purposes {', '.join(PURPOSES)}")
        return self._contents.secrets[purpose]

    def _agency_keys(self, agency_id: str) -> tuple[_AgencyKey, ...]:
        if agency_id not in self._contents.agencies:
            self._reload()
        return self._contents.agencies.get(agency_id, ())

    def _agency_key(self, agency_id: str, version: int) -> _AgencyKey | None:
        for reloaded in (False, True):
            if reloaded:
                self._reload()
            for key in self._contents.agencies.get(agency_id, ()):
                if key.version == version:
                    return key
        return None

    @contextmanager
    def _changing(self) -> Iterator[dict[str, Any]]:
        """The document of the ring, to be changed; written when it came out different, and read again."""
        with _locked(self._path):
            _read(self._path, require_private=self._require_private)
            before = self._path.read_text(encoding="utf-8")
            document: dict[str, Any] = json.loads(before)
            yield document
            if json.dumps(document) != json.dumps(json.loads(before)):
                _write(self._path, document)
            self._contents = _read(self._path, require_private=self._require_private)

    def _notice(self) -> None:
        """Read the ring again when somebody wrote it. A file that is out of reach for a moment stops nobody at work."""
        try:
            stamp = _stamp(self._path)
        except KeyRingError:
            return
        if stamp != self._contents.stamp:
            self._contents = _read(self._path, require_private=self._require_private)

    def _reload(self) -> None:
        """Another process may have written; the stamp of the file says so without reading it."""
        if _stamp(self._path) != self._contents.stamp:
            self._contents = _read(self._path, require_private=self._require_private)


def envelope_version(envelope: bytes) -> int:
    """The version of the agency's key that an envelope was sealed for. Raises CannotOpen for what is no envelope."""
    if len(envelope) < _ENVELOPE.size:
        raise CannotOpen("expected an envelope, found something shorter")
    version: int = _ENVELOPE.unpack(envelope[: _ENVELOPE.size])[2]
    return version


def derive_key(secret: bytes, use: str) -> bytes:
    """A key of 32 bytes for one named use of a secret (HKDF-SHA-256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=f"signaltable/{use}".encode()).derive(secret)


def keyed_digest(secret: bytes, purpose: str, *parts: str) -> bytes:
    """HMAC-SHA-256 over a purpose and parts. Each part is preceded by its length, so no two lists give one message."""
    return hmac.new(secret, _bind(purpose.encode(), *(part.encode() for part in parts)), hashlib.sha256).digest()


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
    return _FIELD_MARK + nonce + AESGCM(data_key.material).encrypt(nonce, _pad(plaintext), place)


def open_field(data_key: DataKey, *, table: str, row: str, column: str, version: int, sealed: bytes) -> bytes:
    """What `seal_field` sealed for this very place. Raises CannotOpen in every other case."""
    start = len(_FIELD_MARK)
    if len(sealed) < start + NONCE_BYTES + TAG_BYTES or not sealed.startswith(_FIELD_MARK):
        raise CannotOpen("expected a sealed field, found something else")
    nonce, body = sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
    try:
        return _unpad(AESGCM(data_key.material).decrypt(nonce, body, _place(table, row, column, version)))
    except InvalidTag:
        raise CannotOpen("the field does not open with this key in this place") from None


def _place(table: str, row: str, column: str, version: int) -> bytes:
    return _bind(b"signaltable/field/1", table.encode(), row.encode(), column.encode(), str(version).encode())


def _subject_info(subject_id: str) -> bytes:
    return _bind(b"signaltable/data-key/1", subject_id.encode())


def _bind(*parts: bytes) -> bytes:
    """Join parts so that no other list of parts gives the same bytes."""
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)


def _pad(plaintext: bytes) -> bytes:
    """ISO/IEC 7816-4 padding: a mark and zeros up to a whole block."""
    return plaintext + b"\x80" + bytes(-(len(plaintext) + 1) % BLOCK_BYTES)


def _unpad(padded: bytes) -> bytes:
    return padded.rstrip(b"\x00")[:-1]


_Key = TypeVar("_Key", _Secret, _AgencyKey)


def _active(keys: tuple[_Key, ...]) -> _Key:
    """The newest key in use; the check on reading made sure that there is one."""
    return max((key for key in keys if key.state == ACTIVE), key=lambda key: key.version)


def _new_secret(version: int) -> dict[str, Any]:
    return {"version": version, "state": ACTIVE, "key": _encode(secrets.token_bytes(KEY_BYTES))}


def _new_agency_key(version: int, suite: str = X25519_SUITE) -> dict[str, Any]:
    private = X25519PrivateKey.generate().private_bytes_raw()
    return {"version": version, "state": ACTIVE, "suite": suite, "key": _encode(private)}


def _fingerprint(material: bytes) -> str:
    """What people compare a key by; nobody finds 32 random bytes behind it."""
    return derive_key(material, "fingerprint").hex()[:32]


def _tombstone(row: Mapping[str, Any], purpose: str) -> dict[str, Any]:
    """What stays of a version: its number, its fingerprint, and keys that the log rests on."""
    material = base64.b64decode(row["key"])
    kept = {use: _encode(derive_key(material, f"{purpose}/{use}")) for use in KEPT_USES.get(purpose, ())}
    told = {"version": row["version"], "state": DESTROYED, "fingerprint": _fingerprint(material)}
    return told | ({"suite": row["suite"]} if "suite" in row else {}) | ({"kept": kept} if kept else {})


def _rows_of(path: Path, document: Mapping[str, Any], purpose: str, agency_id: str) -> list[dict[str, Any]]:
    """The versions of one key in the document, to be changed in place."""
    held = document["agencies"].get(agency_id) if agency_id else document["secrets"].get(purpose)
    if held is None:
        raise KeyRingError(f"{path}: expected a key for {purpose!r}, found none")
    rows: list[dict[str, Any]] = held
    return rows


def _encode(material: bytes) -> str:
    return base64.b64encode(material).decode("ascii")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock file beside the ring: the ring itself is replaced on every write, so it cannot carry the lock."""
    descriptor = os.open(path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        hand_over(descriptor, path if path.exists() else path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file as a whole: after a power cut the old ring or the new one is there."""
    replace_file(path, json.dumps(document, indent=1) + "\n", 0o600)


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise _unreadable(path, error) from None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _unreadable(path: Path, error: OSError) -> KeyRingError:
    return KeyRingError(
        f"{path}: expected a key ring that this program can read ({error.strerror or 'no reason given'})"
    )


def _read(path: Path, *, require_private: bool) -> _Contents:
    try:
        stamp = _stamp(path)
        mode = path.stat().st_mode & 0o777
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None
    if require_private and mode & OTHERS_CAN_READ:
        raise KeyRingError(f"{path}: others can read the key ring (mode {mode:04o}); expected 0600: chmod 600 {path}")
    try:
        document = json.loads(content)
    except ValueError:
        # The parser's own message could repeat a part of the file.
        raise KeyRingError(f"{path}: expected JSON, found something else") from None
    return _checked(path, document, stamp)


def _checked(path: Path, document: Any, stamp: tuple[int, int, int]) -> _Contents:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise KeyRingError(f"{path}: expected format {FORMAT!r}")
    stored, agencies = document.get("secrets"), document.get("agencies")
    if not isinstance(stored, dict) or not isinstance(agencies, dict):
        raise KeyRingError(f"{path}: expected the tables secrets and agencies")
    missing = [purpose for purpose in PURPOSES if not stored.get(purpose)]
    if missing:
        raise KeyRingError(f"{path}: expected a secret for {', '.join(missing)}, found none")
    graves = _graves(path, {("secrets", name): rows for name, rows in stored.items()})
    graves |= _graves(path, {("agencies", name): rows for name, rows in agencies.items()})
    purposes = {purpose: _parsed(path, f"secrets.{purpose}", stored[purpose]) for purpose in stored}
    pairs = {agency: _parsed(path, f"agencies.{agency}", agencies[agency]) for agency in agencies}
    _refuse_equal(path, {**{f"secrets.{name}": keys for name, keys in purposes.items()}, **pairs})
    return _Contents(
        secrets={
            name: tuple(_Secret(version, state, material) for version, state, _, material in keys)
            for name, keys in purposes.items()
        },
        agencies={name: _pairs(path, name, keys) for name, keys in pairs.items()},
        stamp=stamp,
        kept={
            (name, int(row["version"]), use): base64.b64decode(key)
            for (table, name), rows in graves.items()
            if table == "secrets"
            for row in rows
            for use, key in row.get("kept", {}).items()
        },
        lines={
            **{(name, ""): _lines(keys, graves["secrets", name]) for name, keys in purposes.items()},
            **{("agency", name): _lines(keys, graves["agencies", name]) for name, keys in pairs.items()},
        },
    )


def _graves(path: Path, stored: Mapping[tuple[str, str], Any]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """The versions of which only the tombstone is left."""
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (table, name), rows in stored.items():
        held = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
        found[table, name] = [row for row in held if row.get("state") == DESTROYED]
        for row in found[table, name]:
            if type(row.get("version")) is not int or not isinstance(row.get("kept", {}), dict) or "key" in row:
                raise KeyRingError(f"{path}: {table}.{name}: expected of a destroyed version no more than its number")
    return found


def _lines(keys: "tuple[_Row, ...]", graves: list[dict[str, Any]]) -> tuple[KeyVersion, ...]:
    there = [KeyVersion(version, state, _fingerprint(material), suite) for version, state, suite, material in keys]
    gone = [
        KeyVersion(row["version"], DESTROYED, str(row.get("fingerprint", "")), str(row.get("suite", "")))
        for row in graves
    ]
    return tuple(sorted((*there, *gone), key=lambda one: one.version))


_Row = tuple[int, str, str, bytes]


def _parsed(path: Path, where: str, rows: Any) -> tuple[_Row, ...]:
    parsed: list[_Row] = []
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict) and row.get("state") == DESTROYED:
            continue
        try:
            version, state, suite = row["version"], row["state"], row.get("suite", "")
            material = base64.b64decode(row["key"], validate=True)
        except (TypeError, KeyError, AttributeError, binascii.Error, ValueError):
            raise KeyRingError(f"{path}: {where}: expected version, state and key in base64") from None
        if type(version) is not int or version < 1 or state not in STATES:
            raise KeyRingError(f"{path}: {where}: expected a version from 1 and a state of {', '.join(sorted(STATES))}")
        if len(material) != KEY_BYTES or len(set(material)) == 1:
            raise KeyRingError(
                f"{path}: {where}: expected a random key of {KEY_BYTES} bytes, found a shorter or empty one"
            )
        parsed.append((version, state, suite, material))
    if not any(state == ACTIVE for _, state, _, _ in parsed):
        raise KeyRingError(f"{path}: {where}: expected an active key, found none")
    if len({version for version, *_ in parsed}) != len(parsed):
        raise KeyRingError(f"{path}: {where}: expected each version once")
    return tuple(parsed)


def _refuse_equal(path: Path, rings: Mapping[str, tuple[_Row, ...]]) -> None:
    """One key for two purposes would let the one be computed from the other."""
    seen: dict[bytes, str] = {}
    for where, keys in rings.items():
        for _, _, _, material in keys:
            if material in seen:
                raise KeyRingError(f"{path}: expected different keys, found the same in {seen[material]} and {where}")
            seen[material] = where


def _pairs(path: Path, agency: str, keys: tuple[_Row, ...]) -> tuple[_AgencyKey, ...]:
    for _, _, suite, _ in keys:
        if suite not in _SUITES:
            raise KeyRingError(f"{path}: agencies.{agency}: expected a suite of {', '.join(_SUITES)}")
    return tuple(
        _AgencyKey(version, state, suite, X25519PrivateKey.from_private_bytes(material))
        for version, state, suite, material in keys
    )
