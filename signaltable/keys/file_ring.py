"""The keys of one installation in one file outside the database."""

import secrets
from datetime import date
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag

from signaltable.keys.contents import ACTIVE, PURPOSES, RAW_USES, SEAL, Contents, Key, Name, gathered, owner_of
from signaltable.keys.digests import KEY_BYTES, derive_key
from signaltable.keys.errors import CannotOpen, KeyRingError
from signaltable.keys.material import fingerprint_of
from signaltable.keys.ring import Ring
from signaltable.keys.ring_file import FILE, digest_check, document_of, parse
from signaltable.keys.suites import FILE_SUITES, SUITES, X25519_SUITE
from signaltable.keys.trusted_file import locked, read_document, stamp_of, write


class KeyRing(Ring):
    """The ring in a file. Make it with `create` once and with `load` in every process."""

    def __init__(self, path: Path, contents: Contents, *, require_private: bool, suite: str = X25519_SUITE) -> None:
        super().__init__(path, contents)
        self._require_private = require_private
        self._suite = suite

    @classmethod
    def create(cls, path: Path, *, on: date | None = None, suite: str = X25519_SUITE) -> "KeyRing":
        """Write a new ring with a fresh secret for each purpose, mode 0600. Raises KeyRingError when the file exists."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            if path.exists() or path.is_symlink():
                raise KeyRingError(f"{path}: expected no key ring here, found one; a ring is never overwritten")
            write(path, file_document(gathered([_fresh((purpose, ""), 1, "", on) for purpose in PURPOSES], 1)))
        return cls.load(path, require_private=True, suite=suite)

    @classmethod
    def load(cls, path: Path, *, require_private: bool, suite: str = X25519_SUITE) -> "KeyRing":
        """Read and check the ring. With `require_private` a file that others can read is refused. Raises KeyRingError.

        `suite` is how key pairs that are made from now on seal.
        """
        if suite not in FILE_SUITES:
            raise KeyRingError(f"expected a suite of {', '.join(FILE_SUITES)}")
        return cls(path, read_ring(path, require_private=require_private), require_private=require_private, suite=suite)

    @classmethod
    def put_back(cls, path: Path, contents: Contents, *, over: tuple[int, ...] | None) -> None:
        """Write a ring that was exported where none is, or over the one whose file has the stamp `over`.

        Raises KeyRingError when what is there is not what was looked at.
        """
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            there = stamp_of(path) if path.exists() or path.is_symlink() else None
            if there != over:
                raise KeyRingError(
                    f"{path}: expected {'no key ring' if over is None else 'the ring of a moment ago'} here"
                )
            write(path, file_document(contents))

    @property
    def suite(self) -> str:
        """The suite of new key pairs."""
        return self._suite

    @property
    def place(self) -> str:
        """Where the material is, in one word."""
        return FILE

    @property
    def contents(self) -> Contents:
        """Everything, for an export under passphrases. Never anything else."""
        self._look_again()
        return self._contents

    def secret(self, purpose: str, version: int | None = None) -> bytes:
        """The bytes of a purpose as they stand in the file; everybody else uses `derive`. Raises KeyRingError."""
        return self._secret(purpose, "", self.version(purpose) if version is None else version).material

    def _read(self) -> Contents:
        return read_ring(self._path, require_private=self._require_private)

    def _write(self, contents: Contents) -> None:
        write(self._path, file_document(contents))

    def _document(self, contents: Contents) -> dict[str, Any]:
        return file_document(contents)

    def _parsed(self, document: dict[str, Any]) -> Contents:
        return parse(self._path, document, (), place=FILE, check=digest_check)

    def _make(self, name: Name, version: int, suite: str, on: date | None) -> Key:
        if suite and suite not in FILE_SUITES:
            raise KeyRingError(f"expected a suite of {', '.join(FILE_SUITES)}")
        return _fresh(name, version, suite, on)

    def _derived(self, key: Key, use: str) -> bytes:
        part = RAW_USES.get(key.purpose, {}).get(use) if key.raw else None
        return derive_key(key.material, f"{key.purpose}/{use}") if part is None else key.material[part]

    def _decrypted(self, key: Key, sealed: bytes, info: bytes) -> bytes:
        kind = SUITES[key.suite]
        private: Any = self._kept(("private", key.name, key.version), lambda: kind.read_private(key.material))
        try:
            return kind.suite.decrypt(sealed, private, info)
        except (InvalidTag, ValueError):
            raise CannotOpen("the envelope does not open with the key of this agency") from None

    def _unmake(self, key: Key) -> None:
        """The material goes with the file that is replaced."""


def read_ring(path: Path, *, require_private: bool) -> Contents:
    """The keys in a file. Raises KeyRingError."""
    document, stamp = read_document(path, require_private=require_private)
    return parse(path, document, stamp, place=FILE, check=digest_check)


def file_document(contents: Contents) -> dict[str, Any]:
    """A ring as it stands in its file."""
    return document_of(contents, place=FILE, check=digest_check)


def _fresh(name: Name, version: int, suite: str, on: date | None) -> Key:
    purpose, agency = name
    material = secrets.token_bytes(SUITES[suite].private_bytes if purpose == SEAL else KEY_BYTES)
    fingerprint = fingerprint_of(purpose, suite, material)
    return Key(
        purpose, agency, version, ACTIVE, owner_of(agency), fingerprint, created=on, suite=suite, material=material
    )
