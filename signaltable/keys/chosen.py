"""The keys that the settings choose: in a file, or in a PKCS#11 token."""

from datetime import date
from typing import TYPE_CHECKING

from signaltable.keys.errors import KeyRingError
from signaltable.keys.file_ring import KeyRing
from signaltable.keys.provider import KeyProvider
from signaltable.keys.signer_keys import SignerKeys
from signaltable.keys.suites import HYBRID_SUITE, X25519_SUITE
from signaltable.later import later
from signaltable.settings import PKCS11, Settings

if TYPE_CHECKING:
    from signaltable.keys import token, token_ring
else:
    token, token_ring = later("signaltable.keys.token"), later("signaltable.keys.token_ring")

# How the setting calls the suites of RFC 9180 that a ring in a file can make.
SUITE_OF_SETTING = {"x25519": X25519_SUITE, "mlkem768-x25519": HYBRID_SUITE}


def create_keys(settings: Settings, *, on: date | None = None) -> KeyProvider:
    """Make the keys of a new home. Raises KeyRingError when it has keys, or the token cannot be used."""
    if settings.key_provider == PKCS11:
        return token_ring.TokenRing.create(settings.key_ring, token_of(settings), on=on)
    return KeyRing.create(settings.key_ring, on=on, suite=SUITE_OF_SETTING[settings.key_suite])


def load_keys(settings: Settings) -> KeyProvider:
    """The keys of a home; of that of a signer the two that it has. Raises KeyRingError, which says what is missing or wrong."""
    if is_signers(settings):
        return SignerKeys.load(settings.signer_keys)
    private = not settings.demo
    if settings.key_provider == PKCS11:
        return token_ring.TokenRing.load(settings.key_ring, token_of(settings), require_private=private)
    return file_keys(settings)


def is_signers(settings: Settings) -> bool:
    """Whether this is the home of a signer: with keys that were made for one, and no ring."""
    return settings.signer_keys.exists() and not settings.key_ring.exists()


def file_keys(settings: Settings) -> KeyRing:
    """The ring in a file. Raises KeyRingError, also for a home whose keys are in a token."""
    suite = SUITE_OF_SETTING[settings.key_suite]
    return KeyRing.load(settings.key_ring, require_private=not settings.demo, suite=suite)


def token_of(settings: Settings) -> "token.Token":
    """The token that the settings name. Raises KeyRingError when they do not name one whole."""
    if settings.pkcs11_module is None or settings.pkcs11_pin_file is None or not settings.pkcs11_token:
        missing = [
            name
            for name, value in (
                ("SIGNALTABLE_PKCS11_MODULE", settings.pkcs11_module),
                ("SIGNALTABLE_PKCS11_TOKEN", settings.pkcs11_token),
                ("SIGNALTABLE_PKCS11_PIN_FILE", settings.pkcs11_pin_file),
            )
            if not value
        ]
        raise KeyRingError(f"expected {', '.join(missing)}, because SIGNALTABLE_KEY_PROVIDER is {PKCS11}")
    return token.Token(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin_file)
