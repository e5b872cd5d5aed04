"""Signed notes as C2SP signed-note describes them: a text, a blank line, and lines with signatures.

Two signature types: Ed25519 over the text (type byte 01), and ML-DSA-44 (type byte 06), which C2SP tlog-cosignature
defines for checkpoints alone: it signs origin, size and root in a structure of its own, with a time. Lines of other
keys and other types (witnesses) are read and left alone.

Keys have a text form: `name+id+base64` for the public key (vkey), `PRIVATE+KEY+name+id+base64` for the private one.
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
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey, MLDSA44PublicKey

from audit.errors import BadKey, BadNote
from audit.tree_head import parse_text

MAX_SIGNATURES = 100
MAX_NOTE_BYTES = 1_000_000
ED25519 = b"\x01"
ML_DSA_44 = b"\x06"
PRIVATE = "PRIVATE+KEY+"
SEED_BYTES = 32
PUBLIC_BYTES = {ED25519: 32, ML_DSA_44: 1312}
ML_DSA_SIGNATURE_BYTES = 2420
LAST_TIMESTAMP = 2**63 - 1

_LABEL = b"subtree/v1\n\0"
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
_KEY_ID = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key with its name: what an auditor holds. `algorithm` is the type byte, ED25519 or ML_DSA_44."""

    name: str
    public_bytes: bytes
    algorithm: bytes = ED25519

    @property
    def key_id(self) -> bytes:
        """The four bytes that stand before each signature of this key."""
        return sha256(self.name.encode() + b"\n" + self.algorithm + self.public_bytes).digest()[:4]

    @property
    def fingerprint(self) -> str:
        """The SHA-256 of the vkey and a newline in hex: `sha256sum` of a file with this one line prints the same."""
        return sha256(self.to_text().encode() + b"\n").hexdigest()

    def accepts(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made this signature over the message, the bytes of a note text.

        Ed25519: RFC 8032. ML-DSA-44: FIPS 204 over a `cosigned_message`, after eight bytes of time; False for a
        message that is no checkpoint, and for one with extension lines, which such a signature would not cover.
        """
        try:
            if self.algorithm == ED25519:
                Ed25519PublicKey.from_public_bytes(self.public_bytes).verify(signature, message)
            else:
                signed = _cosigned_message(self.name, _timestamp_of(signature), message)
                MLDSA44PublicKey.from_public_bytes(self.public_bytes).verify(signature[8:], signed)
        except (InvalidSignature, ValueError, BadNote):
            return False
        return True

    def to_text(self) -> str:
        """The vkey, without newline."""
        return f"{self.name}+{self.key_id.hex()}+{_to_base64(self.algorithm + self.public_bytes)}"

    @classmethod
    def from_text(cls, text: str) -> "Verifier":
        """The key that a vkey stands for. Raises BadKey for anything but the exact spelling of `to_text`."""
        name, algorithm, raw = _parse_key(text, PUBLIC_BYTES)
        verifier = cls(name, raw, algorithm)
        if not hmac.compare_digest(verifier.to_text().encode(), text.encode()):
            raise BadKey("expected a key whose id belongs to its name and bytes, found another id")
        return verifier


@dataclass(frozen=True, slots=True)
class Signer:
    """A private key with its name. Never printed by repr; `to_text` is the only way out.

    `seed` is 32 bytes, of which both algorithms derive the key (RFC 8032 5.1.5, FIPS 204 algorithm 6).
    """

    name: str
    seed: bytes = field(repr=False)
    algorithm: bytes = ED25519

    @classmethod
    def generate(cls, name: str, algorithm: bytes = ED25519) -> "Signer":
        """A new key from the randomness of the operating system."""
        _check_name(name)
        made = Ed25519PrivateKey.generate() if algorithm == ED25519 else MLDSA44PrivateKey.generate()
        return cls(name, made.private_bytes_raw(), algorithm)

    @classmethod
    def from_text(cls, text: str) -> "Signer":
        """The key that a private key text stands for. Raises BadKey for any other spelling."""
        if not text.startswith(PRIVATE):
            raise BadKey("expected a private key text, found another")
        name, algorithm, seed = _parse_key(text.removeprefix(PRIVATE), dict.fromkeys(PUBLIC_BYTES, SEED_BYTES))
        signer = cls(name, seed, algorithm)
        if not hmac.compare_digest(signer.to_text().encode(), text.encode()):
            raise BadKey("expected a private key whose id belongs to its name and bytes, found another id")
        return signer

    def to_text(self) -> str:
        """The private key as text. Whoever has it can write another history."""
        return f"{PRIVATE}{self.name}+{self.verifier().key_id.hex()}+{_to_base64(self.algorithm + self.seed)}"

    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, self._key().public_key().public_bytes_raw(), self.algorithm)

    def sign(self, message: bytes, timestamp: int = 0) -> bytes:
        """The signature over the bytes of a note text: 64 bytes, or 2428 of ML-DSA-44.

        `timestamp` is in seconds since 1970 and stands in ML-DSA-44 signatures only; 0 says nothing about the time.
        Raises BadNote when an ML-DSA-44 key is to sign a text that is no checkpoint, or one with extension lines.
        """
        key = self._key()
        if isinstance(key, Ed25519PrivateKey):
            return key.sign(message)
        return timestamp.to_bytes(8, "big") + key.sign(_cosigned_message(self.name, timestamp, message))

    def _key(self) -> Ed25519PrivateKey | MLDSA44PrivateKey:
        if self.algorithm == ED25519:
            return Ed25519PrivateKey.from_private_bytes(self.seed)
        return MLDSA44PrivateKey.from_seed_bytes(self.seed)


def sign_text(text: str, *signers: Signer, timestamp: int = 0) -> str:
    """The note that holds this text (which ends in a newline) and one signature of each signer, in their order.

    `timestamp` as in `Signer.sign`. Raises BadNote for an unfit text, for no signer or more than MAX_SIGNATURES.
    """
    if not text.endswith("\n"):
        raise BadNote("expected a text that ends in a newline, found another")
    if not 1 <= len(signers) <= MAX_SIGNATURES:
        raise BadNote(f"expected 1 to {MAX_SIGNATURES} signers, found {len(signers)}")
    message = _encode(text)
    lines = (
        f"— {signer.name} {_to_base64(signer.verifier().key_id + signer.sign(message, timestamp))}\n"
        for signer in signers
    )
    return f"{text}\n{''.join(lines)}"


def open_text(note: str, verifiers: Sequence[Verifier]) -> tuple[str, tuple[Verifier, ...]]:
    """The text of a note and which of the known keys have signed it, at least one, each once.

    Raises BadNote when the note is malformed, has more than MAX_SIGNATURES lines, carries a signature of a known key
    that does not fit (also when another of the same key does), or none of a known key at all. Lines of unknown keys
    are ignored, as the specification demands.
    """
    text, signatures = read_text(note)
    signed_by = _check_signatures(text.encode(), signatures, verifiers)
    if not signed_by:
        raise BadNote("expected a signature of a known key, found none")
    return text, signed_by


def read_text(note: str) -> tuple[str, tuple[tuple[str, bytes, bytes], ...]]:
    """The text of a note and its signature lines as (name, key id, signature), without checking one.

    Nothing in it may be believed yet. Raises BadNote when the note is malformed.
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
    return text, tuple(_parse_signature(line) for line in lines)


def _check_signatures(
    message: bytes, signatures: Iterable[tuple[str, bytes, bytes]], verifiers: Sequence[Verifier]
) -> tuple[Verifier, ...]:
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    if len(known) != len(set(verifiers)):
        raise BadNote("two of the known keys share a name and a key id, so that no signature can be told apart")
    signed_by: dict[Verifier, None] = {}
    for name, key_id, signature in signatures:
        verifier = known.get((name, key_id))
        if verifier is None:
            continue
        if not verifier.accepts(message, signature):
            raise BadNote("a signature of a known key does not belong to this text")
        signed_by[verifier] = None
    return tuple(signed_by)


def _cosigned_message(name: str, timestamp: int, message: bytes) -> bytes:
    """The bytes that ML-DSA-44 signs for a checkpoint: `cosigned_message` of C2SP tlog-cosignature, from leaf 0.

    Two strings behind one byte of length each, numbers in eight bytes, big-endian.
    """
    checkpoint = parse_text(message.decode())
    if checkpoint.extensions:
        raise BadNote("expected a checkpoint without extension lines, found one with: ML-DSA-44 would not cover them")
    cosigner, origin = name.encode(), checkpoint.origin.encode()
    if len(cosigner) > 255 or len(origin) > 255 or not 0 <= timestamp <= LAST_TIMESTAMP or checkpoint.size >= 2**64:
        raise BadNote("expected names of at most 255 bytes and numbers of 64 bits, found longer ones")
    return b"".join(
        (
            _LABEL,
            bytes([len(cosigner)]),
            cosigner,
            timestamp.to_bytes(8, "big"),
            bytes([len(origin)]),
            origin,
            bytes(8),
            checkpoint.size.to_bytes(8, "big"),
            checkpoint.root,
        )
    )


def _timestamp_of(signature: bytes) -> int:
    if len(signature) != 8 + ML_DSA_SIGNATURE_BYTES:
        raise BadNote(f"expected a time and {ML_DSA_SIGNATURE_BYTES} bytes of signature, found another length")
    return int.from_bytes(signature[:8], "big")


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


def _parse_key(text: str, lengths: dict[bytes, int]) -> tuple[str, bytes, bytes]:
    # Base64 has a plus too, so only the first two count.
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    _check_name(name)
    if not _KEY_ID.fullmatch(key_id):
        raise BadKey("expected a key id of 8 lower-case hex digits, found another")
    raw = _from_base64(encoded)
    if lengths.get(raw[:1]) != len(raw) - 1:
        raise BadKey(f"expected an Ed25519 (type 01) or ML-DSA-44 (type 06) key, found {len(raw)} bytes of another")
    return name, raw[:1], raw[1:]


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
