"""Signed notes as C2SP signed-note describes them: a text, a blank line, and lines with Ed25519 signatures.

Keys have a text form: `name+id+base64` for the public key (vkey), `PRIVATE+KEY+name+id+base64` for the private one.
A note may carry lines of other keys and other algorithms (witnesses, ML-DSA-44): they are read and left alone.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from audit.errors import BadKey, BadNote

MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 1_000_000
ED25519 = b"\x01"
PRIVATE = "PRIVATE+KEY+"

_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name: what an auditor holds."""

    name: str
    public_bytes: bytes

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature of this key."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public_bytes).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the key file (vkey and newline) in hex: `sha256sum public-key.txt` prints the same."""
        return sha256(self.to_text().encode() + b"\n").hexdigest()

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made this Ed25519 signature (RFC 8032) over the message."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public_bytes).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True

    def to_text(self) -> str:
        """The vkey, without newline."""
        return f"{self.name}+{self.key_id.hex()}+{_to_base64(ED25519 + self.public_bytes)}"

    @classmethod
    def from_text(cls, text: str) -> "Verifier":
        """The key that a vkey stands for. Raises BadKey for anything but the exact spelling of `to_text`."""
        name, raw = _parse_key(text)
        verifier = cls(name, raw)
        if not hmac.compare_digest(verifier.to_text().encode(), text.encode()):
            raise BadKey("expected a key whose id belongs to its name and bytes, found another id")
        return verifier


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name. Never printed by repr; `to_text` is the only way out."""

    name: str
    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls, name: str) -> "Signer":
        """A new key from the randomness of the operating system."""
        _check_name(name)
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """The key that a private key text stands for. Raises BadKey for any other spelling."""
        if not text.startswith(PRIVATE):
            raise BadKey("expected a private key text, found another")
        name, seed = _parse_key(text.removeprefix(PRIVATE))
        signer = cls(name, seed)
        if not hmac.compare_digest(signer.to_text().encode(), text.encode()):
            raise BadKey("expected a private key whose id belongs to its name and bytes, found another id")
        return signer

    def to_text(self) -> str:
        """The private key as text. Whoever has it can write another history."""
        return f"{PRIVATE}{self.name}+{self.verifier().key_id.hex()}+{_to_base64(ED25519 + self.seed)}"

    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """The 64 bytes of the Ed25519 signature over the message."""
        return self._key().sign(message)

    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)


def sign_text(text: str, signer: Signer) -> str:
    """The note that holds this text (which ends in a newline) and one signature. Raises BadNote for an unfit text."""
    if not text.endswith("\n"):
        raise BadNote("expected a text that ends in a newline, found another")
    message = _encode(text)
    signature = signer.verifier().key_id + signer.sign(message)
    return f"{text}\n— {signer.name} {_to_base64(signature)}\n"


def open_text(note: str, verifiers: Sequence[Verifier]) -> tuple[str, tuple[Verifier, ...]]:
    """The text of a note and which of the known keys have signed it, at least one.

    Raises BadNote when the note is malformed, has more than MAX_SIGNATURES lines, carries a signature of a known key
    that does not fit, or none of a known key at all. Lines of unknown keys are ignored, as the specification demands.
    """
    message = _encode(note)
    if len(message) > MAX_NOTE_BYTES:
        raise BadNote(f"expected a note of at most {MAX_NOTE_BYTES} bytes, found {len(message)}")
    head, blank, tail = note.rpartition("\n\n")
    text = head + "\n"
    if not blank or not tail.endswith("\n"):
        raise BadNote("expected a text, an empty line and signature lines, found another shape")
    lines = tail[:-1].split("\n")
    if len(lines) > MAX_SIGNATURES:
        raise BadNote(f"expected at most {MAX_SIGNATURES} signatures, found {len(lines)}")
    signed_by = _check_signatures(text.encode(), [_parse_signature(line) for line in lines], verifiers)
    if not signed_by:
        raise BadNote("expected a signature of a known key, found none")
    return text, signed_by


def _check_signatures(
    message: bytes, signatures: Iterable[tuple[str, bytes, bytes]], verifiers: Sequence[Verifier]
) -> tuple[Verifier, ...]:
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    signed_by: dict[Verifier, None] = {}
    for name, key_id, signature in signatures:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.accepts(message, signature):
            raise BadNote("a signature of a known key does not belong to this text")
        signed_by[verifier] = None
    return tuple(signed_by)


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    parts = line.split(" ")
    if len(parts) != 3 or parts[0] != "—":
        raise BadNote("expected a signature line (dash, name, base64), found another line")
    try:
        _check_name(parts[1])
        raw = _from_base64(parts[2])
    except BadKey as error:
        raise BadNote(f"signature line: {error}") from None
    if len(raw) < 5:
        raise BadNote(f"expected a key id and a signature, found {len(raw)} bytes")
    return parts[1], raw[:4], raw[4:]


def _encode(text: str) -> bytes:
    if _CONTROL.search(text):
        raise BadNote("expected no control characters but newlines, found one")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise BadNote("expected Unicode text, found half a surrogate pair") from None


def _parse_key(text: str) -> tuple[str, bytes]:
    # Base64 has a plus too, so only the first two count.
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    _check_name(name)
    if not _KEY_ID.fullmatch(key_id):
        raise BadKey("expected a key id of 8 lower-case hex digits, found another")
    raw = _from_base64(encoded)
    if raw[:1] != ED25519 or len(raw) != 33:
        raise BadKey(f"expected an Ed25519 key (33 bytes, the first 01), found {len(raw)} bytes")
    return name, raw[1:]


def _check_name(name: str) -> None:
    if not name or "+" in name or _CONTROL.search(name) or any(character.isspace() for character in name):
        raise BadKey("expected a key name without spaces, plus or control characters, found another")
    try:
        name.encode()
    except UnicodeEncodeError:
        raise BadKey("expected a key name in Unicode, found half a surrogate pair") from None


def _to_base64(raw: bytes) -> str:
    return base64.b64encode(raw).decode("ascii")


def _from_base64(text: str) -> bytes:
    # Decoding alone would accept loose bits in the last character; encoding again shows them.
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("expected base64, found another text") from None
    if _to_base64(raw) != text:
        raise BadKey("expected base64 in its one canonical spelling, found another")
    return raw
