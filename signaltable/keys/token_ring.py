"""The keys of one installation in a PKCS#11 token. The file beside it says which there are, and holds none of them."""

import secrets
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

from signaltable.keys.contents import ACTIVE, PURPOSES, SEAL, Contents, Key, Name, gathered, owner_of
from signaltable.keys.digests import commitment_message, named_use, public_fingerprint, shown
from signaltable.keys.errors import KeyRingError
from signaltable.keys.hpke import open_sealed
from signaltable.keys.ring import Ring
from signaltable.keys.ring_file import document_of, parse
from signaltable.keys.suites import P256_SUITE
from signaltable.keys.token import Token
from signaltable.keys.trusted_file import locked, read_document, write
from signaltable.settings import PKCS11

_PREFIX_BYTES: Final = 6


class TokenRing(Ring):
    """The ring of which every key is in a token. Make it with `create` once and with `load` in every process.

    `prefix` stands before the name of each key, so that several installations can share a token. The file is checked
    with a secret of the token: who writes in it without the token is found out.
    """

    def __init__(self, path: Path, contents: Contents, token: Token, prefix: str, *, require_private: bool) -> None:
        super().__init__(path, contents)
        self._token, self._prefix, self._require_private = token, prefix, require_private

    @classmethod
    def create(cls, path: Path, token: Token, *, on: date | None = None) -> "TokenRing":
        """Make fresh keys in the token and the file that lists them. Raises KeyRingError when there is a ring here."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        prefix = f"signaltable-{secrets.token_hex(_PREFIX_BYTES)}"
        with locked(path):
            if path.exists() or path.is_symlink():
                raise KeyRingError(f"{path}: expected no key ring here, found one; a ring is never overwritten")
            token.make_secret(f"{prefix}/ring")
            ring = cls(path, Contents({}, 0), token, prefix, require_private=True)
            ring._write(gathered([ring._make((purpose, ""), 1, "", on) for purpose in PURPOSES], 1))
        return cls.load(path, token, require_private=True)

    @classmethod
    def load(cls, path: Path, token: Token, *, require_private: bool) -> "TokenRing":
        """Read and check the file, and see that the keys that count are in the token. Raises KeyRingError."""
        document, _stamp = read_document(path, require_private=require_private)
        said = document.get("token")
        prefix = said.get("prefix") if isinstance(said, Mapping) else None
        if document.get("place") == PKCS11 and not isinstance(prefix, str):
            raise KeyRingError(f"{path}: expected the name of the token and of the keys in it")
        ring = cls(path, Contents({}, 0), token, prefix or "", require_private=require_private)
        ring._contents = ring._read()
        for purpose in PURPOSES:
            key = ring._active(purpose, "")
            if shown(token.sign(ring._label(key), commitment_message())) != key.fingerprint:
                raise KeyRingError(f"token {token.label}: expected the key {key} of this ring, found another")
        return ring

    @property
    def suite(self) -> str:
        """The suite of new key pairs."""
        return P256_SUITE

    @property
    def place(self) -> str:
        """Where the material is, in one word."""
        return PKCS11

    def _read(self) -> Contents:
        document, stamp = read_document(self._path, require_private=self._require_private)
        return parse(self._path, document, stamp, place=PKCS11, check=self._check)

    def _write(self, contents: Contents) -> None:
        write(self._path, self._document(contents))

    def _document(self, contents: Contents) -> dict[str, Any]:
        more = {"token": {"label": self._token.label, "prefix": self._prefix}}
        return document_of(contents, place=PKCS11, check=self._check, more=more)

    def _parsed(self, document: dict[str, Any]) -> Contents:
        return parse(self._path, document, (), place=PKCS11, check=self._check)

    def _check(self, told: bytes) -> str:
        return self._token.sign(f"{self._prefix}/ring", told).hex()

    def _make(self, name: Name, version: int, suite: str, on: date | None) -> Key:
        purpose, agency = name
        if suite not in {"", P256_SUITE}:
            raise KeyRingError(f"expected the suite {P256_SUITE}; a token makes no other")
        made = Key(purpose, agency, version, ACTIVE, owner_of(agency), "", created=on, suite=suite)
        label = self._label(made)
        if purpose == SEAL:
            public = self._token.make_pair(label)
            return replace(made, public=public, fingerprint=public_fingerprint(public))
        self._token.make_secret(label)
        return replace(made, fingerprint=shown(self._token.sign(label, commitment_message())))

    def _derived(self, key: Key, use: str) -> bytes:
        return self._token.sign(self._label(key), named_use(f"{key.purpose}/{use}"))

    def _decrypted(self, key: Key, sealed: bytes, info: bytes) -> bytes:
        label = self._label(key)

        def exchange(point: bytes) -> bytes:
            return self._token.exchange(label, point)

        return open_sealed(sealed, exchange=exchange, public=key.public, info=info)

    def _unmake(self, key: Key) -> None:
        self._token.destroy(self._label(key))

    def _label(self, key: Key) -> str:
        return "/".join((self._prefix, key.purpose, key.agency or "-", str(key.version)))
