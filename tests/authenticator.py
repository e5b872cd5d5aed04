"""A device with passkeys, in software: what a browser and an authenticator do together (WebAuthn 6.3), with every twist.

`make` and `prove` take the options that the program gives to a script, and give what the script would send back.
"""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, MAY_BACK_UP, BACKED_UP, ATTESTED = 1, 4, 8, 16, 64
PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def whole(number: int, size: int) -> bytes:
    return number.to_bytes(size, "big")


def cose_key(key: PrivateKey, **odd: Any) -> bytes:
    """The public half as a device tells it (RFC 9052, 7)."""
    public = key.public_key()
    if isinstance(public, ec.EllipticCurvePublicKey):
        numbers, size = public.public_numbers(), (public.key_size + 7) // 8
        told = {1: 2, 3: -7, -1: odd.get("curve", 1), -2: whole(numbers.x, size), -3: whole(numbers.y, size)}
    elif isinstance(public, rsa.RSAPublicKey):
        numbers = public.public_numbers()
        told = {1: 3, 3: -257, -1: whole(numbers.n, (public.key_size + 7) // 8), -2: whole(numbers.e, 3)}
    else:
        told = {1: 1, 3: -8, -1: 6, -2: public.public_bytes_raw()}
    return cbor2.dumps(told | {3: odd.get("algorithm", told[3])})


def sign(key: PrivateKey, data: bytes) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(data)


@dataclass
class Kept:
    """One passkey on the device."""

    rp_id: str
    credential_id: bytes
    handle: bytes
    key: PrivateKey


@dataclass
class Device:
    """A device whose owner is at `origin`; `counts` when it counts its signatures, as most security keys do."""

    origin: str = "http://localhost"
    counts: bool = True
    count: int = 0
    kept: list[Kept] = field(default_factory=list)

    def make(self, options: dict[str, Any], key: PrivateKey | None = None, **twist: Any) -> str:
        """A new passkey. `twist`: origin, rp_id, challenge, verified, kind, crossOrigin, format, statement, cose, id."""
        self._count()
        fresh = Kept(
            options["rp"]["id"],
            twist.get("id", hashlib.sha256(b"%d" % id(self) + b"%d" % len(self.kept)).digest()),
            base64url_to_bytes(options["user"]["id"]),
            key or ec.generate_private_key(ec.SECP256R1()),
        )
        self.kept.append(fresh)
        seen = self._seen(twist.get("kind", "webauthn.create"), options, twist)
        said = self._said(fresh.rp_id, twist, ATTESTED) + bytes(16) + whole(len(fresh.credential_id), 2)
        said += fresh.credential_id + twist.get("cose", cose_key(fresh.key))
        statement = {"fmt": twist.get("format", "none"), "attStmt": twist.get("statement", {}), "authData": said}
        return self._answer(
            fresh,
            clientDataJSON=bytes_to_base64url(seen),
            attestationObject=bytes_to_base64url(cbor2.dumps(statement)),
            transports=["internal", "hybrid", "unheard-of"],
        )

    def prove(self, options: dict[str, Any], which: int = -1, **twist: Any) -> str:
        """A proof with the passkey at place `which`. `twist` as for `make`, and signature, handle, key, count."""
        self._count()
        kept = self.kept[which]
        seen = self._seen(twist.get("kind", "webauthn.get"), options, twist)
        said = self._said(kept.rp_id, twist, 0)
        signature = sign(twist.get("key", kept.key), said + hashlib.sha256(seen).digest())
        handle = twist.get("handle", kept.handle)
        return self._answer(
            kept,
            clientDataJSON=bytes_to_base64url(seen),
            authenticatorData=bytes_to_base64url(said),
            signature=bytes_to_base64url(twist.get("signature", signature)),
            **({"userHandle": bytes_to_base64url(handle)} if handle is not None else {}),
        )

    def _count(self) -> None:
        self.count += self.counts

    def _seen(self, kind: str, options: dict[str, Any], twist: dict[str, Any]) -> bytes:
        told = {"type": kind, "challenge": twist.get("challenge", options["challenge"])}
        told |= {"origin": twist.get("origin", self.origin), "crossOrigin": twist.get("crossOrigin", False)}
        return json.dumps(told).encode()

    def _said(self, rp_id: str, twist: dict[str, Any], more: int) -> bytes:
        flags = twist.get("present", PRESENT) | (VERIFIED if twist.get("verified", True) else 0) | more
        flags |= twist.get("flags", MAY_BACK_UP | BACKED_UP)
        named = hashlib.sha256(twist.get("rp_id", rp_id).encode()).digest()
        return named + bytes([flags]) + whole(twist.get("count", self.count), 4)

    def _answer(self, kept: Kept, **response: Any) -> str:
        named = bytes_to_base64url(kept.credential_id)
        told = {"id": named, "rawId": named, "type": "public-key", "authenticatorAttachment": "platform"}
        return json.dumps(told | {"response": response, "clientExtensionResults": {}})
