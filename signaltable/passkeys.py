"""Passkeys (WebAuthn level 3): what a browser is asked, and what in its answer holds.

Pure: challenges, handles and stored keys come in as arguments. The checks of the protocol are those of `webauthn`; here
stands what this program asks on top of it, and that whatever is sent ends as a proof or as one `UnusablePasskey`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, TypeVar
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from signaltable.domain import SignaltableError
from signaltable.later import later

if TYPE_CHECKING:
    import webauthn
    from webauthn import helpers
    from webauthn.helpers import cose, exceptions, structs
else:
    webauthn, helpers = later("webauthn"), later("webauthn.helpers")
    cose, exceptions, structs = (later(f"webauthn.helpers.{name}") for name in ("cose", "exceptions", "structs"))

T = TypeVar("T")

# ES256, EdDSA and RS256 (RFC 8152, RFC 8812): what authenticators have in practice, the most usual one first.
ALGORITHMS: Final = ("ECDSA_SHA_256", "EDDSA", "RSASSA_PKCS1_v1_5_SHA_256")
# None is asked for; a browser may still leave the signature of a key by itself, which says nothing (WebAuthn 5.4.7).
ATTESTATIONS = frozenset({"none", "packed"})
# A random challenge of 256 bits, four times what ASVS 6.7.2 asks, and a random handle as long.
CHALLENGE_BYTES = HANDLE_BYTES = 32
# A credential id has at most 1023 bytes (WebAuthn 4) and an RSA key some hundreds; no honest answer comes near this.
LARGEST_ANSWER = 24_000
LARGEST_CREDENTIAL_ID = 1023
# RSA of fewer bits is weak (ASVS 11.2.3); with more, or with a large exponent, one signature would keep a worker busy.
RSA_BITS = range(2048, 4097)
LARGEST_EXPONENT = 2**32
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class UnusablePasskey(SignaltableError):
    """What a browser sent is no passkey, or proves nothing; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class Site:
    """For which domain passkeys are made (`rp_id`), and at which address a browser has to be (`origin`)."""

    rp_id: str
    origin: str


@dataclass(frozen=True, slots=True)
class Known:
    """A passkey that somebody has: what a browser needs to find it."""

    credential_id: str
    transports: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """A passkey that was just made, as it is kept; all of it is public."""

    credential_id: str
    public_key: bytes
    sign_count: int
    transports: tuple[str, ...]
    aaguid: str
    backed_up: bool


@dataclass(frozen=True, slots=True)
class Claim:
    """Which passkey an answer says it is of, and of whom; nothing of it is proved."""

    credential_id: str
    handle: bytes | None


@dataclass(frozen=True, slots=True)
class Proved:
    """That a passkey answered a challenge, after its owner showed the device who they are."""

    sign_count: int
    backed_up: bool


def _algorithms() -> list["cose.COSEAlgorithmIdentifier"]:
    return [cose.COSEAlgorithmIdentifier[name] for name in ALGORITHMS]


def site_of(address: str, *, demo: bool, host: str = "") -> Site | None:
    """For which site passkeys can be made at `address` (settings); None where browsers allow none.

    A browser asks a domain and https, or `localhost` (WebAuthn 5.1.3, "effective domain"). A demo on the own machine
    counts as `localhost`, at the port of `host` (the Host of a request), since it may run at any port.
    """
    parts = _split(address)
    if parts is None:
        return None
    scheme, name, port = parts
    if demo and name in LOOPBACK:
        asked = _split(f"{scheme}://{host}")
        at = asked if asked and asked[1] in LOOPBACK else parts
        return Site("localhost", _origin(scheme, "localhost", at[2]))
    if _is_ip(name) or (scheme != "https" and name != "localhost"):
        return None
    return Site(name, _origin(scheme, name, port))


def _split(address: str) -> tuple[str, str, int | None] | None:
    """Scheme, name of the host as browsers write it, and port; None when it is no address."""
    try:
        parts = urlsplit(address)
        name = (parts.hostname or "").rstrip(".")
        if not name or parts.scheme not in {"http", "https"}:
            return None
        return parts.scheme, name if ":" in name else name.encode("idna").decode("ascii"), parts.port
    except ValueError:
        return None


def _origin(scheme: str, name: str, port: int | None) -> str:
    usual = {"http": 80, "https": 443}[scheme]
    return f"{scheme}://{name}" + (f":{port}" if port not in {None, usual} else "")


def _is_ip(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def ask_to_make(
    site: Site,
    *,
    challenge: bytes,
    handle: bytes,
    login: str,
    name: str,
    own: Sequence[Known],
    minutes: int,
    title: str,
) -> dict[str, Any]:
    """What a browser is asked for a new passkey: `publicKey` of `navigator.credentials.create`, as JSON.

    The device has to ask who its owner is (user verification), keeps the passkey findable where it can (resident key
    preferred), tells nothing about itself (attestation none), and makes none where one of `own` is.
    """
    options = webauthn.generate_registration_options(
        rp_id=site.rp_id,
        rp_name=title,
        user_name=login,
        user_id=handle,
        user_display_name=name,
        challenge=challenge,
        timeout=minutes * 60_000,
        authenticator_selection=structs.AuthenticatorSelectionCriteria(
            resident_key=structs.ResidentKeyRequirement.PREFERRED,
            user_verification=structs.UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=_described(own),
        supported_pub_key_algs=_algorithms(),
    )
    return helpers.options_to_json_dict(options)


def ask_to_prove(site: Site, *, challenge: bytes, known: Sequence[Known], minutes: int) -> dict[str, Any]:
    """What a browser is asked for a proof: `publicKey` of `navigator.credentials.get`, as JSON.

    Without `known` the browser offers every passkey for this site that it finds, so nobody has to say who they are.
    """
    options = webauthn.generate_authentication_options(
        rp_id=site.rp_id,
        challenge=challenge,
        timeout=minutes * 60_000,
        allow_credentials=_described(known),
        user_verification=structs.UserVerificationRequirement.REQUIRED,
    )
    return helpers.options_to_json_dict(options)


def _described(known: Sequence[Known]) -> "list[structs.PublicKeyCredentialDescriptor]":
    return [
        structs.PublicKeyCredentialDescriptor(
            id=helpers.base64url_to_bytes(one.credential_id),
            transports=[structs.AuthenticatorTransport(name) for name in one.transports] or None,
        )
        for one in known
    ]


def read_made(answer: str, site: Site, challenge: bytes) -> Made:
    """The passkey that a browser says it made for this challenge. Raises `UnusablePasskey` when anything does not hold."""
    return _held(lambda: _read_made(_readable(answer), site, challenge))


def _read_made(answer: dict[str, Any], site: Site, challenge: bytes) -> Made:
    credential = helpers.parse_registration_credential_json(answer)
    _refuse_framed(credential)
    attestation = helpers.parse_attestation_object(credential.response.attestation_object)
    if str(attestation.fmt) not in ATTESTATIONS:
        raise UnusablePasskey("passkey: expected no attestation")
    verified = webauthn.verify_registration_response(
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        require_user_verification=True,
        supported_pub_key_algs=_algorithms(),
    )
    if verified.credential_id != credential.raw_id or len(verified.credential_id) > LARGEST_CREDENTIAL_ID:
        raise UnusablePasskey("passkey: expected one credential id of at most 1023 bytes")
    _refuse_odd_key(verified.credential_public_key)
    return Made(
        credential_id=helpers.bytes_to_base64url(verified.credential_id),
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=tuple(sorted({one.value for one in credential.response.transports or ()})),
        aaguid=verified.aaguid,
        backed_up=verified.credential_backed_up,
    )


def _refuse_odd_key(public_key: bytes) -> None:
    """Take only the keys that were asked for: the library also knows other curves and any length of RSA."""
    decoded = helpers.decode_credential_public_key(public_key)
    key = helpers.decoded_public_key_to_cryptography(decoded)
    if isinstance(key, EllipticCurvePublicKey):
        fits = decoded.alg == cose.COSEAlgorithmIdentifier.ECDSA_SHA_256 and isinstance(key.curve, SECP256R1)
    elif isinstance(key, RSAPublicKey):
        fits = decoded.alg == cose.COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256
        fits = fits and key.key_size in RSA_BITS and key.public_numbers().e < LARGEST_EXPONENT
    else:
        fits = isinstance(key, Ed25519PublicKey)
    if not fits:
        raise UnusablePasskey("passkey: expected a key for ES256, EdDSA or RS256")


def read_claim(answer: str) -> Claim:
    """Of which passkey an answer says it is. Raises `UnusablePasskey` when it is no answer at all."""
    return _held(lambda: _read_claim(_readable(answer)))


def _read_claim(answer: dict[str, Any]) -> Claim:
    credential = helpers.parse_authentication_credential_json(answer)
    if not 0 < len(credential.raw_id) <= LARGEST_CREDENTIAL_ID:
        raise UnusablePasskey("passkey: expected a credential id of at most 1023 bytes")
    return Claim(helpers.bytes_to_base64url(credential.raw_id), credential.response.user_handle)


def read_proof(answer: str, site: Site, challenge: bytes, public_key: bytes) -> Proved:
    """The proof that the passkey with this key answered this challenge at this site, after user verification.

    Raises `UnusablePasskey` when anything does not hold. Whether the count went back is for the caller to judge, who
    knows by then that the answer is genuine (WebAuthn 7.2, steps 21 and 22).
    """
    return _held(lambda: _read_proof(_readable(answer), site, challenge, public_key))


def _read_proof(answer: dict[str, Any], site: Site, challenge: bytes, public_key: bytes) -> Proved:
    credential = helpers.parse_authentication_credential_json(answer)
    _refuse_framed(credential)
    verified = webauthn.verify_authentication_response(
        credential=credential,
        expected_challenge=challenge,
        expected_rp_id=site.rp_id,
        expected_origin=site.origin,
        credential_public_key=public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    return Proved(verified.new_sign_count, verified.credential_backed_up)


def went_back(before: int, now: int) -> bool:
    """Whether a count says that the passkey exists twice: it has to rise, unless the device counts nothing (always 0)."""
    return (before > 0 or now > 0) and now <= before


def _refuse_framed(credential: "structs.RegistrationCredential | structs.AuthenticationCredential") -> None:
    """Refuse what was asked inside a page of somebody else: this program is never framed."""
    if helpers.parse_client_data_json(credential.response.client_data_json).cross_origin:
        raise UnusablePasskey("passkey: expected an answer of a page of this site, not of one within another")


def _readable(answer: str) -> dict[str, Any]:
    if len(answer) > LARGEST_ANSWER:
        raise UnusablePasskey(f"passkey: expected at most {LARGEST_ANSWER} signs")
    read = json.loads(answer)
    if not isinstance(read, dict):
        raise UnusablePasskey("passkey: expected an object")
    # Browsers may come with kinds of devices that the library does not know; nothing here asks for it.
    read.pop("authenticatorAttachment", None)
    return read


def _held(read: Callable[[], T]) -> T:
    """What `read` gives, or `UnusablePasskey`: what comes from outside can be wrong in every way that a parser knows."""
    try:
        return read()
    except (exceptions.WebAuthnException, InvalidSignature) as error:
        raise UnusablePasskey(f"passkey: expected an answer that holds ({type(error).__name__})") from None
    except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
        raise UnusablePasskey(f"passkey: expected an answer as browsers give ({type(error).__name__})") from None
