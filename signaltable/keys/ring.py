"""The ring: which key counts, who has one, how keys come and go. Where the material is, subclasses know."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

from signaltable.keys.contents import (
    ACTIVE,
    DESTROYED,
    OF_AGENCIES,
    RECIPIENT,
    RETIRED,
    SEAL,
    Contents,
    Key,
    KeyFacts,
    Name,
    called,
    check_agency,
    check_name,
    gathered,
)
from signaltable.keys.digests import bind
from signaltable.keys.errors import CannotOpen, KeyRingError
from signaltable.keys.fields import DataKey, new_data_key, subject_info
from signaltable.keys.merging import Fact, digest_of, facts_of, merged
from signaltable.keys.padding import pad, unpad
from signaltable.keys.suites import SUITES, WRAPPED_MARK, envelope_head, read_head
from signaltable.keys.trusted_file import locked, stamp_of
from signaltable.keys.wrapping import Wrapper

_Made = TypeVar("_Made")
# Envelopes are padded to whole blocks: a short reason and a long one look the same.
ENVELOPE_BLOCK = 256


class Ring(ABC):
    """Keys by purpose, agency and version, described in one file of which every process sees the changes."""

    def __init__(self, path: Path, contents: Contents) -> None:
        self._path = path
        self._contents = contents

    def __repr__(self) -> str:
        return f"{type(self).__name__}({str(self._path)!r}, agencies={len(self.agency_ids)})"

    def __reduce__(self) -> str:
        # A pickled ring would carry the keys to wherever the pickle goes.
        raise KeyRingError("a key ring is not copied: load it from its file")

    # -- where the material is --------------------------------------------------------------------------------------

    @abstractmethod
    def _read(self) -> Contents:
        """The file as it is now, checked whole."""

    @abstractmethod
    def _write(self, contents: Contents) -> None:
        """Replace the file as a whole: after a power cut the old ring or the new one is there."""

    @abstractmethod
    def _make(self, name: Name, version: int, suite: str, on: date | None) -> Key:
        """A fresh key that counts."""

    @abstractmethod
    def _derived(self, key: Key, use: str) -> bytes:
        """A key of 32 bytes for one use of a secret."""

    @abstractmethod
    def _decrypted(self, key: Key, sealed: bytes, info: bytes) -> bytes:
        """What was encrypted to a key pair. Raises CannotOpen."""

    @abstractmethod
    def _unmake(self, key: Key) -> None:
        """Take the material of a key away from where it is, if that is not the file."""

    @property
    @abstractmethod
    def place(self) -> str:
        """Where the material is, in one word."""

    @abstractmethod
    def _document(self, contents: Contents) -> dict[str, Any]:
        """A ring as it stands in its file."""

    @abstractmethod
    def _parsed(self, document: dict[str, Any]) -> Contents:
        """The ring that a document of another machine means, checked whole."""

    # -- which key --------------------------------------------------------------------------------------------------

    @property
    def agency_ids(self) -> frozenset[str]:
        """The agencies that have a key pair in this ring, as far as this process has seen."""
        return frozenset(agency for purpose, agency in self._contents.keys if purpose == SEAL)

    @property
    def path(self) -> Path:
        """The file that describes the ring."""
        return self._path

    def version(self, purpose: str, agency_id: str = "") -> int:
        """The version that new things are made with; it is stored next to what it makes. Raises KeyRingError."""
        self._look_again()
        return self._active(purpose, agency_id).version

    def usable(self, purpose: str, agency_id: str = "") -> tuple[int, ...]:
        """The versions that still work: the one that counts first, then those being replaced, newest first."""
        self._look_again()
        held = self._contents.keys.get((purpose, agency_id), ())
        return tuple([one.version for one in reversed(held) if one.state != DESTROYED])

    def versions(self, purpose: str, agency_id: str = "") -> tuple[KeyFacts, ...]:
        """Every version of a secret or key pair (purpose "agency"), oldest first, destroyed ones too."""
        self._look_again()
        return tuple(self._facts(key) for key in self._contents.keys.get((purpose, agency_id), ()))

    def derive(self, purpose: str, use: str, version: int | None = None, *, agency_id: str = "") -> bytes:
        """A key of 32 bytes for one use of a purpose: two uses never share a key. Raises KeyRingError when unknown."""
        if version is None:
            version = self.version(purpose, agency_id)
        return self._kept(
            ("derived", purpose, agency_id, version, use),
            lambda: self._derived(self._secret(purpose, agency_id, version), use),
        )

    def inventory(self) -> tuple[KeyFacts, ...]:
        """Every key there is or was, without the keys."""
        self._look_again()
        return tuple(self._facts(key) for key in self._contents.all())

    # -- on several machines ----------------------------------------------------------------------------------------

    def digest(self) -> str:
        """What two machines with the same keys in the same states have in common, and nothing of the keys."""
        self._look_again()
        contents = self._contents
        return self._kept(("digest",), lambda: digest_of(contents))

    def facts(self) -> tuple[Fact, ...]:
        """What `digest` is made of."""
        return facts_of(self._contents)

    def copy_for_others(self) -> bytes:
        """The ring as it stands in its file, for the other machines of the installation; to be sealed by who takes it."""
        return json.dumps(self._document(self._contents)).encode()

    def take_in(self, copied: bytes) -> None:
        """Add what the ring of another machine has more. Raises KeyRingError when the two cannot be one."""
        try:
            document = json.loads(copied)
        except (ValueError, RecursionError):
            raise KeyRingError(f"{self._path}: expected a ring of another machine, found something else") from None
        given = self._parsed(document)
        self._change(lambda contents: merged(contents, given))

    def _facts(self, key: Key) -> KeyFacts:
        told = {name: getattr(key, name) for name in KeyFacts.__dataclass_fields__ if name != "place"}
        return KeyFacts(**told, place=self.place)

    # -- for agencies -----------------------------------------------------------------------------------------------

    def seal(self, agency_id: str, plaintext: bytes, info: bytes, *, padded: bool = True) -> bytes:
        """Encrypt for one agency (HPKE base mode, RFC 9180). The envelope names suite and key version.

        `info` says what is inside; only the same `info` opens it. The length shows in steps of 256 bytes only, but not
        `padded` exactly: for what is always as long. Raises KeyRingError for an unknown agency.
        """
        self._look_again()
        key = self._active(SEAL, agency_id)
        kind = SUITES[key.suite]
        public = self._kept(("public", key.name, key.version), lambda: kind.read_public(key.public))
        head = envelope_head(key.suite, key.version, padded=padded)
        return head + kind.suite.encrypt(
            pad(plaintext, ENVELOPE_BLOCK) if padded else plaintext, public, bind(head, agency_id.encode(), info)
        )

    def open(self, agency_id: str, envelope: bytes, info: bytes) -> bytes:
        """What `seal` encrypted for this agency with this `info`. Raises CannotOpen in every other case."""
        head = read_head(envelope)
        key = self._find((SEAL, agency_id), head.version)
        if key is None or key.state == DESTROYED or key.suite != head.suite:
            raise CannotOpen("expected an envelope for a key of this agency")
        opened = self._decrypted(key, envelope[len(head.raw) :], bind(head.raw, agency_id.encode(), info))
        return unpad(opened) if head.padded else opened

    def wrap(self, agency_id: str, data_key: DataKey, subject_id: str) -> bytes:
        """The data key of a subject, sealed for an agency. A disclosure of identity wraps it again for the recipient."""
        return self.wrapping()(agency_id, data_key, subject_id)

    def wrapping(self) -> Callable[[str, DataKey, str], bytes]:
        """`wrap` for very many, with the keys that count now: for one transaction at most."""
        self._look_again()
        return self._wrapper.wrap

    def unwrap(self, agency_id: str, wrapped: bytes, subject_id: str) -> DataKey:
        """The data key that was wrapped for this agency and this subject. Raises CannotOpen otherwise."""
        if wrapped[: len(WRAPPED_MARK)] == WRAPPED_MARK:
            return self._wrapper.unwrap(agency_id, bytes(wrapped), subject_id)
        # Of before data keys were wrapped many at a time: an envelope of its own for each.
        return new_data_key(self.open(agency_id, wrapped, subject_info(subject_id)))

    @property
    def _wrapper(self) -> Wrapper:
        return self._kept(("wrapper",), lambda: Wrapper(self))

    # -- coming and going -------------------------------------------------------------------------------------------

    def add_agency(self, agency_id: str, *, on: date | None = None) -> None:
        """Give an agency its key pair and its secret. Nothing happens when it has them, or another process was first."""
        check_agency(agency_id)

        def add(contents: Contents) -> Iterable[Key]:
            yield from contents.all()
            for purpose in OF_AGENCIES:
                if (purpose, agency_id) not in contents.keys:
                    yield self._make((purpose, agency_id), 1, self.suite if purpose == SEAL else "", on)

        self._change(add)

    def add_version(
        self, purpose: str, after: int, *, agency_id: str = "", suite: str = "", on: date | None = None
    ) -> int:
        """Put a new version behind version `after`, which is retired and still opens. The number of the one that counts.

        Nothing happens when a newer one counts already: so it can be given again after a crash. `suite` is for key
        pairs: how what is sealed from now on is sealed. Raises KeyRingError for what has no key, or no such suite.
        """
        check_name(purpose, agency_id)

        def add(contents: Contents) -> Iterable[Key]:
            held = contents.keys.get((purpose, agency_id), ())
            counting = next((key for key in held if key.state == ACTIVE), None)
            if counting is None:
                raise KeyRingError(
                    f"{self._path}: expected a key of {called(purpose, agency_id)} that counts, found none"
                )
            if counting.version != after:
                yield from contents.all()
                return
            yield from _changed(contents, replace(counting, state=RETIRED, retired=on))
            # A number is never used twice, also not that of a key that is gone: envelopes name it.
            chosen = (suite or counting.suite) if purpose == SEAL else ""
            yield self._make((purpose, agency_id), held[-1].version + 1, chosen, on)

        self._change(add)
        return self._active(purpose, agency_id).version

    def retire(self, purpose: str, version: int, *, agency_id: str = "", on: date | None = None) -> None:
        """Make nothing new with a version of an agency that left. Raises KeyRingError for what the program needs."""
        key = self._existing(purpose, version, agency_id)
        if key.state != ACTIVE:
            return
        if not agency_id:
            raise KeyRingError(f"{self._path}: {key} counts; expected a newer version to take its place first")
        self._change(lambda contents: _changed(contents, replace(key, state=RETIRED, retired=on)))

    def destroy_version(self, purpose: str, version: int, *, agency_id: str = "", on: date | None = None) -> None:
        """Take a retired version away for good; its number, fingerprint and days stay. Twice is once.

        Raises KeyRingError for one that counts, for one that never was, and for a secret that agencies still use.
        """
        key = self._existing(purpose, version, agency_id)
        if key.state == DESTROYED:
            return
        if key.state == ACTIVE:
            raise KeyRingError(f"{self._path}: expected a retired version to destroy; {key} counts")
        users = [one for one in self._contents.all() if one.shared and one.state != DESTROYED]
        if purpose == RECIPIENT and not agency_id and any(one.version == version for one in users):
            raise KeyRingError(f"{self._path}: {key} is still used by {len(users)} agencies; give them new ones first")
        self._unmake(key)
        self._change(
            lambda contents: _changed(contents, replace(key, state=DESTROYED, destroyed=on, material=b"", public=b""))
        )

    # -- inside -----------------------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def suite(self) -> str:
        """The suite of new key pairs."""

    def _active(self, purpose: str, agency: str) -> Key:
        for key in reversed(self._contents.keys.get((purpose, agency), ())):
            if key.state == ACTIVE:
                return key
        check_name(purpose, agency)
        what = "a key pair for the agency" if purpose == SEAL else f"a key of {called(purpose, agency)} that counts"
        raise KeyRingError(f"{self._path}: expected {what}, found none")

    def _find(self, name: Name, version: int) -> Key | None:
        for looked in (False, True):
            if looked:
                self._look_again()
            for key in self._contents.keys.get(name, ()):
                if key.version == version:
                    return key
        return None

    def _existing(self, purpose: str, version: int, agency: str) -> Key:
        check_name(purpose, agency)
        key = self._find((purpose, agency), version)
        if key is None:
            what = called(purpose, agency)
            raise KeyRingError(f"{self._path}: expected version {version} of the key {what!r}, found none")
        return key

    def _secret(self, purpose: str, agency: str, version: int) -> Key:
        if purpose == SEAL:
            raise KeyRingError("expected a purpose with a secret; a key pair is for sealing")
        key = self._existing(purpose, version, agency)
        if key.state == DESTROYED:
            raise KeyRingError(f"{self._path}: {key} was destroyed")
        return self._secret(purpose, "", version) if key.shared else key

    def _kept(self, what: tuple[Any, ...], make: Callable[[], _Made]) -> _Made:
        """What was computed from these keys before; a change of the ring forgets it."""
        kept = self._contents.kept
        if what not in kept:
            kept[what] = make()
        made: _Made = kept[what]
        return made

    def _look_again(self) -> None:
        """Another process may have written; the stamp of the file says so without reading it.

        A file that is out of reach for a moment stops nobody at work.
        """
        try:
            stamp = stamp_of(self._path)
        except KeyRingError:
            return
        if stamp != self._contents.stamp:
            self._contents = self._read()

    def _change(self, changed: Callable[[Contents], Iterable[Key]]) -> None:
        """Write what `changed` makes of the ring as it is now, one process at a time."""
        with locked(self._path):
            current = self._read()
            keys = list(changed(current))
            if keys != list(current.all()):
                self._write(gathered(keys, current.revision + 1))
                current = self._read()
            self._contents = current


def _changed(contents: Contents, new: Key) -> Iterable[Key]:
    """Every key, with one of them as it is from now on."""
    for key in contents.all():
        yield new if (key.name, key.version) == (new.name, new.version) else key
