"""What the program asks of its keys, wherever they are: in a file, or in a token that never gives them out."""

from collections.abc import Callable
from datetime import date
from typing import Protocol

from signaltable.keys.contents import KeyFacts
from signaltable.keys.fields import DataKey


class KeyProvider(Protocol):
    """The keys of one installation. Every method raises KeyRingError when the keys cannot be used."""

    @property
    def agency_ids(self) -> frozenset[str]:
        """The agencies that have a key pair, as far as this process has seen."""

    def version(self, purpose: str, agency_id: str = "") -> int:
        """The version that new things are made with; it is stored next to what it makes."""

    def usable(self, purpose: str, agency_id: str = "") -> tuple[int, ...]:
        """The versions that still work: the one that counts first, then those being replaced, newest first."""

    def versions(self, purpose: str, agency_id: str = "") -> tuple[KeyFacts, ...]:
        """Every version of a secret or key pair (purpose "agency"), oldest first, destroyed ones too."""

    def derive(self, purpose: str, use: str, version: int | None = None, *, agency_id: str = "") -> bytes:
        """A key of 32 bytes for one use of a purpose, of the version that counts or of an older one.

        Two uses, two versions and two agencies never share a key, and none of them tells anything of another.
        """

    def seal(self, agency_id: str, plaintext: bytes, info: bytes) -> bytes:
        """Encrypt for one agency. `info` says what is inside and where it stands; only the same `info` opens it."""

    def open(self, agency_id: str, envelope: bytes, info: bytes) -> bytes:
        """What `seal` encrypted for this agency with this `info`. Raises CannotOpen in every other case."""

    def wrap(self, agency_id: str, data_key: DataKey, subject_id: str) -> bytes:
        """The data key of a subject, sealed for an agency. A disclosure of identity wraps it again for the recipient."""

    def wrapping(self) -> Callable[[str, DataKey, str], bytes]:
        """`wrap` for very many, with the keys that count now: for one transaction at most."""

    def unwrap(self, agency_id: str, wrapped: bytes, subject_id: str) -> DataKey:
        """The data key that was wrapped for this agency and this subject. Raises CannotOpen otherwise."""

    def add_agency(self, agency_id: str, *, on: date | None = None) -> None:
        """Give an agency the keys of its own. Nothing happens when it has them, also when another process was first."""

    def add_version(
        self, purpose: str, after: int, *, agency_id: str = "", suite: str = "", on: date | None = None
    ) -> int:
        """Put a new version behind version `after`, which is retired and still opens. The number of the one that counts.

        Nothing happens when a newer one counts already: so it can be given again after a crash.
        """

    def retire(self, purpose: str, version: int, *, agency_id: str = "", on: date | None = None) -> None:
        """Make nothing new with a version of an agency that left."""

    def destroy_version(self, purpose: str, version: int, *, agency_id: str = "", on: date | None = None) -> None:
        """Take a retired version away for good; its number, fingerprint and days stay. Twice is once."""

    def inventory(self) -> tuple[KeyFacts, ...]:
        """Every key there is or was, without the keys."""


def pseudonym_key(keys: KeyProvider, reader: str, version: int | None = None) -> bytes:
    """The secret under which `reader` knows subjects: an agency's own, or for a table (`table:<id>`) that of the tables.

    A table is no agency and holds no key; the name of the reader goes into the pseudonym besides.
    """
    if reader.startswith("table:"):
        return keys.derive("recipient", "pseudonyms", version)
    return keys.derive("recipient", "pseudonyms", version, agency_id=reader)
