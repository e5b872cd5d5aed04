"""What the signer of the log needs of the key ring: two derived keys, in a file of its own.

The signer shows passes to the database and accounts for rows that it writes (purpose `rows`). It opens no identity, makes no
match tag and no pseudonym, so it gets no key that does: whoever breaks into the signer has the log, and nobody's name.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final, NoReturn

from signaltable.keys.contents import KeyFacts
from signaltable.keys.digests import KEY_BYTES
from signaltable.keys.errors import KeyRingError
from signaltable.keys.fields import DataKey
from signaltable.keys.provider import KeyProvider
from signaltable.keys.trusted_file import read_document

FORMAT: Final = "signaltable keys for the signer, version 1"
PURPOSE: Final = "rows"


def derived_for_signer(ring: KeyProvider, uses: Sequence[str]) -> dict[str, Any]:
    """The document for the signer: the keys of `uses` of every version that works. It does not lead back to the ring."""
    versions = ring.usable(PURPOSE)
    return {
        "format": FORMAT,
        "version": ring.version(PURPOSE),
        "keys": {str(version): {use: ring.derive(PURPOSE, use, version).hex() for use in uses} for version in versions},
    }


class SignerKeys:
    """A `KeyProvider` that holds those two keys and refuses everything else with KeyRingError."""

    def __init__(self, path: Path, active: int, derived: Mapping[int, Mapping[str, bytes]]) -> None:
        self._path, self._active, self._derived = path, active, derived

    @classmethod
    def load(cls, path: Path) -> "SignerKeys":
        """Read the file. Raises KeyRingError for one that others can read, of another user, or that holds something else."""
        document, _stamp = read_document(path, require_private=True)
        try:
            derived = {
                int(version): {str(use): bytes.fromhex(key) for use, key in of.items()}
                for version, of in document["keys"].items()
            }
            active = int(document["version"])
        except (KeyError, ValueError, TypeError, AttributeError):
            derived, active = {}, 0
        lengths = {len(key) for of in derived.values() for key in of.values()}
        if document.get("format") != FORMAT or active not in derived or lengths != {KEY_BYTES}:
            raise KeyRingError(f"{path}: expected what `signaltable keys for-signer` wrote")
        return cls(path, active, derived)

    def __repr__(self) -> str:
        return "SignerKeys()"

    @property
    def agency_ids(self) -> frozenset[str]:
        """None: the keys of agencies are not here."""
        return frozenset()

    def version(self, purpose: str, agency_id: str = "") -> int:
        """The version that counts."""
        self._require(purpose, agency_id)
        return self._active

    def usable(self, purpose: str, agency_id: str = "") -> tuple[int, ...]:
        """The versions that work, newest first."""
        self._require(purpose, agency_id)
        return tuple(sorted(self._derived, reverse=True))

    def versions(self, purpose: str, agency_id: str = "") -> NoReturn:  # noqa: ARG002
        """Refused: what there is to tell of keys stands in the ring."""
        _refuse(purpose)

    def derive(self, purpose: str, use: str, version: int | None = None, *, agency_id: str = "") -> bytes:
        """The key of a use. Raises KeyRingError for a use that the signer has no business with."""
        self._require(purpose, agency_id)
        try:
            return self._derived[self._active if version is None else version][use]
        except KeyError:
            _refuse(purpose)

    def seal(self, agency_id: str, plaintext: bytes, info: bytes) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse("agency")

    def open(self, agency_id: str, envelope: bytes, info: bytes) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse("agency")

    def wrap(self, agency_id: str, data_key: DataKey, subject_id: str) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse("agency")

    def wrapping(self) -> Callable[[str, DataKey, str], bytes]:
        """Refused."""
        _refuse("agency")

    def unwrap(self, agency_id: str, wrapped: bytes, subject_id: str) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse("agency")

    def add_agency(self, agency_id: str, *, on: date | None = None) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse("agency")

    def add_version(
        self,
        purpose: str,
        after: int,  # noqa: ARG002
        *,
        agency_id: str = "",  # noqa: ARG002
        suite: str = "",  # noqa: ARG002
        on: date | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """Refused."""
        _refuse(purpose)

    def retire(self, purpose: str, version: int, *, agency_id: str = "", on: date | None = None) -> NoReturn:  # noqa: ARG002
        """Refused."""
        _refuse(purpose)

    def destroy_version(
        self,
        purpose: str,
        version: int,  # noqa: ARG002
        *,
        agency_id: str = "",  # noqa: ARG002
        on: date | None = None,  # noqa: ARG002
    ) -> NoReturn:
        """Refused."""
        _refuse(purpose)

    def inventory(self) -> tuple[KeyFacts, ...]:
        """None that the signer could tell of."""
        return ()

    def _require(self, purpose: str, agency_id: str) -> None:
        if purpose != PURPOSE or agency_id:
            _refuse(purpose)


def _refuse(purpose: str) -> NoReturn:
    raise KeyRingError(f"the signer holds no key of purpose {purpose}; this needs the key ring")
