"""What stands in the file that describes a ring, and the ring that it means."""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from signaltable.keys import first_format
from signaltable.keys.contents import STATES, Contents, Key, called, check_name, gathered
from signaltable.keys.digests import FINGERPRINT_DIGITS
from signaltable.keys.errors import KeyRingError
from signaltable.keys.material import check_key, with_public

FORMAT: Final = "signaltable key ring 2"
FILE: Final = "file"
_FIELDS: Final = frozenset(
    "purpose agency version state owner fingerprint created retired destroyed suite raw shared public key".split()
)

Check = Callable[[bytes], str]


def digest_check(told: bytes) -> str:
    """The check of a file that holds its keys itself: a change by hand or by a bad disk shows."""
    return hashlib.sha256(b"signaltable/key-ring/2" + told).hexdigest()


def parse(path: Path, document: Mapping[str, Any], stamp: tuple[int, ...], *, place: str, check: Check) -> Contents:
    """The keys in a document. Raises KeyRingError, which names the key, when something is missing, equal or changed."""
    if document.get("format") not in {FORMAT, first_format.FORMAT}:
        raise KeyRingError(f"{path}: expected format {FORMAT!r}")
    if document["format"] == first_format.FORMAT:
        if place != FILE:
            raise KeyRingError(f"{path}: expected a ring whose keys are in a token, found one with keys of its own")
        return _named(path, lambda: gathered(first_format.keys_of(document), 0, stamp))
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
    check_key(key, in_file=in_file)
    return with_public(key) if in_file else key


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
