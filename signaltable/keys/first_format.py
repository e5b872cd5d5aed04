"""Rings of the first format: secrets by purpose and key pairs by agency, used in part as they are."""

import base64
import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final

from signaltable.keys.contents import ACTIVE, PURPOSES, RECIPIENT, RETIRED, SEAL, Key, called, check_name, owner_of
from signaltable.keys.digests import derive_key
from signaltable.keys.errors import KeyRingError
from signaltable.keys.material import check_key, fingerprint_of, with_public
from signaltable.keys.suites import SUITES

FORMAT: Final = "signaltable key ring 1"
# The keys that this format derived from the match secret, and that are keys of their own since.
_ROWS_OF_OLD: Final = ("match/rows of the database", "match/register of erasures")


def keys_of(document: Mapping[str, Any]) -> Iterator[Key]:
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
            yield with_public(_old(SEAL, agency, version, state, material, suite=suite))
        for version, state, *_rest in _rows(secrets.get(RECIPIENT) or [], RECIPIENT):
            yield Key(RECIPIENT, agency, version, state, owner_of(agency), "", shared=True)


def _old(
    purpose: str, agency: str, version: int, state: str, material: bytes, *, suite: str = "", raw: bool = False
) -> Key:
    if purpose == SEAL and len(material) != SUITES[suite].private_bytes:
        raise KeyRingError(f"{called(purpose, agency)}: expected a key of {SUITES[suite].private_bytes} bytes")
    fingerprint = fingerprint_of(purpose, suite, material)
    key = Key(purpose, agency, version, state, owner_of(agency), fingerprint, suite=suite, raw=raw, material=material)
    check_key(key, in_file=True)
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
