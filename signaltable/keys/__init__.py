"""The keys: secrets per purpose, a key pair and a secret per agency, outside the database; and what they seal.

The database holds only what these keys made. Without them it gives no identity and no match; with the keys of one
agency it gives nothing of another.
"""

from signaltable.keys.contents import ACTIVE, DESTROYED, PURPOSES, RECIPIENT, RETIRED, SEAL, KeyFacts
from signaltable.keys.digests import KEY_BYTES, derive_key, keyed_digest
from signaltable.keys.errors import CannotOpen, KeyRingError
from signaltable.keys.fields import NONCE_BYTES, DataKey, Place, new_data_key, open_field, resealing, seal_field
from signaltable.keys.file_ring import KeyRing
from signaltable.keys.provider import KeyProvider, pseudonym_key
from signaltable.keys.suites import HYBRID_SUITE, P256_SUITE, SUITES, X25519_SUITE, envelope_suite, envelope_version

__all__ = [
    "ACTIVE",
    "DESTROYED",
    "HYBRID_SUITE",
    "KEY_BYTES",
    "NONCE_BYTES",
    "P256_SUITE",
    "PURPOSES",
    "RECIPIENT",
    "RETIRED",
    "SEAL",
    "SUITES",
    "X25519_SUITE",
    "CannotOpen",
    "DataKey",
    "KeyFacts",
    "KeyProvider",
    "KeyRing",
    "KeyRingError",
    "Place",
    "derive_key",
    "envelope_suite",
    "envelope_version",
    "keyed_digest",
    "new_data_key",
    "open_field",
    "pseudonym_key",
    "resealing",
    "seal_field",
]
