"""The file that describes a ring: read with suspicion, written as a whole, upgraded from its first format."""

import base64
import binascii
import hashlib
import json
import os
import stat
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from signaltable.disk import replace_file
from signaltable.keys.contents import (
    ACTIVE,
    DESTROYED,
    PURPOSES,
    RECIPIENT,
    RETIRED,
    SEAL,
    STATES,
    Contents,
    Key,
    called,
    check_name,
    gathered,
)
from signaltable.keys.digests import FINGERPRINT_DIGITS, KEY_BYTES, commitment, derive_key, public_fingerprint
from signaltable.keys.errors import KeyRingError
from signaltable.keys.ring import owner_of, unreadable
from signaltable.keys.suites import SUITES

FORMAT: Final = "signaltable key ring 2"
OLD_FORMAT: Final = "signaltable key ring 1"
FILE: Final = "file"
OTHERS_CAN_READ: Final = 0o077
OTHERS_CAN_WRITE: Final = 0o022
# A ring of some thousand agencies is a megabyte; what is larger is something else.
LARGEST: Final = 64 * 1024 * 1024
_FIELDS: Final = frozenset(
    "purpose agency version state owner fingerprint created retired destroyed suite raw shared public key".split()
)
# The keys that format 1 derived from the match secret, and that are keys of their own from format 2 on.
_ROWS_OF_OLD: Final = ("match/rows of the database", "match/register of erasures")

Check = Callable[[bytes], str]


def digest_check(told: bytes) -> str:
    """The check of a file that holds its keys itself: a change by hand or by a bad disk shows."""
    return hashlib.sha256(b"signaltable/key-ring/2" + told).hexdigest()


def read_document(path: Path, *, require_private: bool) -> tuple[dict[str, Any], tuple[int, ...]]:
    """The JSON of a ring and the stamp of its file. Raises KeyRingError for a file that is not to be trusted."""
    for _attempt in range(3):
        raw, stamp = _read_bytes(path, require_private=require_private)
        try:
            document = json.loads(raw)
        except ValueError:
            # Who replaces a ring overwrites the old bytes; whoever was reading those reads the new file instead.
            if _is_replaced(path, stamp):
                continue
            # The parser's own message could repeat a part of the file.
            raise KeyRingError(f"{path}: expected JSON, found something else") from None
        if not isinstance(document, dict) or document.get("format") not in {FORMAT, OLD_FORMAT}:
            raise KeyRingError(f"{path}: expected format {FORMAT!r}")
        return document, stamp
    raise KeyRingError(f"{path}: expected a key ring that stands still for a moment")


def _is_replaced(path: Path, stamp: tuple[int, ...]) -> bool:
    try:
        return path.lstat().st_ino != stamp[0]
    except OSError:
        return False


def _read_bytes(path: Path, *, require_private: bool) -> tuple[bytes, tuple[int, ...]]:
    """What stands in the file, looked at and read through one descriptor, so that nothing changes in between."""
    try:
        # A link could lead to a file that somebody else chose.
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise KeyRingError(f"{path}: expected the key ring itself, found a link to a file elsewhere") from None
        raise unreadable(path, error) from None
    try:
        status = os.fstat(descriptor)
        _check_file(path, status, require_private=require_private)
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(LARGEST), (status.st_ino, status.st_mtime_ns, status.st_size)
    finally:
        os.close(descriptor)


def _check_file(path: Path, status: os.stat_result, *, require_private: bool) -> None:
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        raise KeyRingError(f"{path}: expected a file of at most {LARGEST // 1024**2} MB, found something else")
    mode = status.st_mode & 0o777
    if require_private and mode & OTHERS_CAN_READ:
        raise KeyRingError(f"{path}: others can read the key ring (mode {mode:04o}); expected 0600: chmod 600 {path}")
    folder = path.parent.stat()
    if require_private and folder.st_mode & OTHERS_CAN_WRITE and not folder.st_mode & stat.S_ISVTX:
        raise KeyRingError(f"{path}: others can replace the key ring; expected a folder of mode 0700: {path.parent}")
    # Root works in homes of others, where the ring belongs to whom the folder belongs to.
    trusted = {os.geteuid(), 0} | ({folder.st_uid} if os.geteuid() == 0 else set())
    if status.st_uid not in trusted:
        raise KeyRingError(f"{path}: expected a key ring of the user who runs this program, found one of another user")


def parse(path: Path, document: Mapping[str, Any], stamp: tuple[int, ...], *, place: str, check: Check) -> Contents:
    """The keys in a document. Raises KeyRingError, which names the key, when something is missing, equal or changed."""
    if document["format"] == OLD_FORMAT:
        if place != FILE:
            raise KeyRingError(f"{path}: expected a ring whose keys are in a token, found one with keys of its own")
        return _named(path, lambda: gathered(_of_format_1(document), 0, stamp))
    if document.get("place") != place:
        raise KeyRingError(
            f"{path}: expected a ring whose keys are in {place!r}; look at SIGNALTABLE_KEY_PROVIDER, which chooses"
        )
    entries, revision = document.get("keys"), document.get("revision")
    if not isinstance(entries, list) or type(revision) is not int or revision < 1:
        raise KeyRingError(f"{path}: expected a revision from 1 and a list of keys")

    def read() -> Contents:
        return gathered(
            [_key(entry, at, in_file=place == FILE) for at, entry in enumerate(entries, 1)], revision, stamp
        )

    contents = _named(path, read)
    if document.get("check") != check(_told(document)):
        raise KeyRingError(f"{path}: expected what this program wrote last, found a file that was changed since")
    return contents


def document_of(
    contents: Contents, *, place: str, check: Check, more: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """A ring as JSON values, with the check over all of it. `more` says where a token is."""
    document: dict[str, Any] = {
        "format": FORMAT,
        "place": place,
        **(more or {}),
        "revision": contents.revision,
        "keys": [_entry(key, in_file=place == FILE) for key in contents.all()],
    }
    return {**document, "check": check(_told(document))}


def write(path: Path, document: Mapping[str, Any]) -> None:
    """Replace the file as a whole, and overwrite what stood in the old one. Raises OSError.

    What a disk or a backup kept of the old bytes is out of reach.
    """
    try:
        old = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        old = -1  # There is none yet, or it is not ours to overwrite.
    try:
        replace_file(path, json.dumps(document, indent=1) + "\n", 0o600)
        # With another name beside it the old file is somebody's copy.
        if old >= 0 and os.fstat(old).st_nlink == 0:
            os.pwrite(old, bytes(os.fstat(old).st_size), 0)
            os.fsync(old)
    finally:
        if old >= 0:
            os.close(old)


def _told(document: Mapping[str, Any]) -> bytes:
    rest = {name: value for name, value in document.items() if name != "check"}
    return json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()


def _named(path: Path, read: Callable[[], Contents]) -> Contents:
    """Put the name of the file before what is wrong with a key in it."""
    try:
        return read()
    except KeyRingError as error:
        raise KeyRingError(f"{path}: {error}") from None


# -- one key ----------------------------------------------------------------------------------------------------------


def _entry(key: Key, *, in_file: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"purpose": key.purpose}
    if key.agency:
        entry["agency"] = key.agency
    entry |= {"version": key.version, "state": key.state, "owner": key.owner, "fingerprint": key.fingerprint}
    for name in ("created", "retired", "destroyed"):
        day: date | None = getattr(key, name)
        if day is not None:
            entry[name] = day.isoformat()
    entry |= {name: value for name in ("suite", "raw", "shared") if (value := getattr(key, name))}
    if in_file and key.material:
        entry["key"] = _encode(key.material)
    if not in_file and key.public:
        entry["public"] = _encode(key.public)
    return entry


def _key(entry: Any, at: int, *, in_file: bool) -> Key:
    """One entry of the list, the number `at` of it."""
    if not isinstance(entry, dict) or entry.keys() - _FIELDS:
        raise KeyRingError(f"key {at}: expected the fields of a key and no others")
    purpose, agency = entry.get("purpose"), entry.get("agency", "")
    if not isinstance(purpose, str) or not isinstance(agency, str):
        raise KeyRingError(f"key {at}: expected a purpose and at most one agency")
    try:
        check_name(purpose, agency)
    except KeyRingError as error:
        raise KeyRingError(f"key {at}: {error}") from None
    version, state = entry.get("version"), entry.get("state")
    where = called(purpose, agency)
    if type(version) is not int or version < 1 or state not in STATES:
        raise KeyRingError(f"{where}: expected a version from 1 and a state of {', '.join(STATES)}")
    key = Key(
        purpose,
        agency,
        version,
        state,
        _words(entry, "owner", where),
        _words(entry, "fingerprint", where),
        _day(entry, "created", where),
        _day(entry, "retired", where),
        _day(entry, "destroyed", where),
        suite=entry.get("suite", ""),
        raw=entry.get("raw") is True,
        shared=entry.get("shared") is True,
        public=_decoded(entry, "public", where),
        material=_decoded(entry, "key", where),
    )
    _check_key(key, in_file=in_file)
    return _with_public(key) if in_file else key


def _check_key(key: Key, *, in_file: bool) -> None:
    if key.purpose == SEAL and key.suite not in SUITES:
        raise KeyRingError(f"{key}: expected a suite of {', '.join(SUITES)}")
    if key.shared and (key.purpose != RECIPIENT or not key.agency):
        raise KeyRingError(f"{key}: expected a key of its own")
    if key.state == DESTROYED or key.shared or not in_file:
        if key.material:
            raise KeyRingError(f"{key}: expected no key material here, found some")
        if not in_file and key.purpose == SEAL and key.state != DESTROYED:
            _check_fingerprint(key, public_fingerprint(key.public))
        return
    _check_material(key)


def _check_material(key: Key) -> None:
    sizes = {SUITES[key.suite].private_bytes} if key.purpose == SEAL else {KEY_BYTES, *([64] if key.raw else [])}
    if len(key.material) not in sizes or len(set(key.material)) == 1:
        raise KeyRingError(f"{key}: expected a random key of {min(sizes)} bytes, found a shorter or empty one")
    _check_fingerprint(key, fingerprint_of(key.purpose, key.suite, key.material))


def _check_fingerprint(key: Key, found: str) -> None:
    if key.fingerprint != found:
        raise KeyRingError(f"{key}: expected the key of which the fingerprint stands beside it, found another")


def fingerprint_of(purpose: str, suite: str, material: bytes) -> str:
    """The fingerprint of a key of which the material is here: of the public half, or a commitment to the secret."""
    if purpose == SEAL:
        return public_fingerprint(SUITES[suite].public_bytes(material))
    return commitment(material)


def _with_public(key: Key) -> Key:
    if key.purpose != SEAL or not key.material:
        return key
    return replace(key, public=SUITES[key.suite].public_bytes(key.material))


def _words(entry: Mapping[str, Any], name: str, where: str) -> str:
    value = entry.get(name)
    # A shared key has no fingerprint of its own.
    if not isinstance(value, str) or len(value) > FINGERPRINT_DIGITS * 4 or (not value and not entry.get("shared")):
        raise KeyRingError(f"{where}: expected {name} in words")
    return value


def _day(entry: Mapping[str, Any], name: str, where: str) -> date | None:
    value = entry.get(name)
    try:
        return None if value is None else date.fromisoformat(value)
    except (TypeError, ValueError):
        raise KeyRingError(f"{where}: expected {name} as a day, YYYY-MM-DD") from None


def _decoded(entry: Mapping[str, Any], name: str, where: str) -> bytes:
    try:
        return base64.b64decode(entry.get(name, ""), validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise KeyRingError(f"{where}: expected {name} in base64") from None


def _encode(material: bytes) -> str:
    return base64.b64encode(material).decode("ascii")


# -- the first format -------------------------------------------------------------------------------------------------


def _of_format_1(document: Mapping[str, Any]) -> Iterator[Key]:
    """The keys of the first format, with a mark on each that says what it is used for as it was."""
    secrets, agencies = document.get("secrets"), document.get("agencies")
    if not isinstance(secrets, dict) or not isinstance(agencies, dict):
        raise KeyRingError("expected the tables secrets and agencies")
    known = [purpose for purpose in PURPOSES if purpose != "rows"]
    if secrets.keys() - set(known):
        raise KeyRingError(f"expected secrets for {', '.join(known)} and no others")
    for purpose in known:
        for version, state, _suite, material in _rows(secrets.get(purpose) or [], purpose):
            yield _old(purpose, "", version, state, material, raw=True)
            if purpose == "match":
                parts = b"".join(derive_key(material, use) for use in _ROWS_OF_OLD)
                yield _old("rows", "", version, state, parts, raw=True)
    for agency in agencies:
        check_name(SEAL, agency)
        for version, state, suite, material in _rows(agencies[agency], called(SEAL, agency)):
            if suite not in SUITES:
                raise KeyRingError(f"{called(SEAL, agency)}: expected a suite of {', '.join(SUITES)}")
            yield _with_public(_old(SEAL, agency, version, state, material, suite=suite))
        for version, state, *_rest in _rows(secrets.get(RECIPIENT) or [], RECIPIENT):
            yield Key(RECIPIENT, agency, version, state, owner_of(agency), "", shared=True)


def _old(
    purpose: str, agency: str, version: int, state: str, material: bytes, *, suite: str = "", raw: bool = False
) -> Key:
    if purpose == SEAL and len(material) != SUITES[suite].private_bytes:
        raise KeyRingError(f"{called(purpose, agency)}: expected a key of {SUITES[suite].private_bytes} bytes")
    fingerprint = fingerprint_of(purpose, suite, material)
    key = Key(purpose, agency, version, state, owner_of(agency), fingerprint, suite=suite, raw=raw, material=material)
    _check_key(key, in_file=True)
    return key


def _rows(rows: Any, where: str) -> Iterator[tuple[int, str, str, bytes]]:
    """The versions of one key of the first format."""
    for row in rows if isinstance(rows, list) else ():
        try:
            version, state, suite = row["version"], row["state"], row.get("suite", "")
            material = base64.b64decode(row["key"], validate=True)
        except (TypeError, KeyError, AttributeError, binascii.Error, ValueError):
            raise KeyRingError(f"{where}: expected version, state and key in base64") from None
        if type(version) is not int or version < 1 or state not in {ACTIVE, RETIRED}:
            raise KeyRingError(f"{where}: expected a version from 1 and a state of {ACTIVE}, {RETIRED}")
        yield version, state, suite, material
