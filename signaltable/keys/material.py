"""Whether a key is what it says it is: its size, its fingerprint, its public half."""

from dataclasses import replace

from signaltable.keys.contents import DESTROYED, RECIPIENT, SEAL, Key
from signaltable.keys.digests import KEY_BYTES, commitment, public_fingerprint
from signaltable.keys.errors import KeyRingError
from signaltable.keys.suites import SUITES


def check_key(key: Key, *, in_file: bool) -> None:
    """Raises KeyRingError for a key that is not what it says. `in_file`: its material belongs in the file."""
    if key.purpose == SEAL and key.suite not in SUITES:
        raise KeyRingError(f"{key}: expected a suite of {', '.join(SUITES)}")
    if key.shared and (key.purpose != RECIPIENT or not key.agency):
        raise KeyRingError(f"{key}: expected a key of its own")
    if key.state == DESTROYED or key.shared or not in_file:
        if key.material:
            raise KeyRingError(f"{key}: expected no key material here, found some")
        if not in_file and key.purpose == SEAL and key.state != DESTROYED:
            _check_fingerprint(key, public_fingerprint(key.public))
        return
    _check_material(key)


def _check_material(key: Key) -> None:
    sizes = {SUITES[key.suite].private_bytes} if key.purpose == SEAL else {KEY_BYTES, *([64] if key.raw else [])}
    if len(key.material) not in sizes or len(set(key.material)) == 1:
        raise KeyRingError(f"{key}: expected a random key of {min(sizes)} bytes, found a shorter or empty one")
    _check_fingerprint(key, fingerprint_of(key.purpose, key.suite, key.material))


def _check_fingerprint(key: Key, found: str) -> None:
    if key.fingerprint != found:
        raise KeyRingError(f"{key}: expected the key of which the fingerprint stands beside it, found another")


def fingerprint_of(purpose: str, suite: str, material: bytes) -> str:
    """The fingerprint of a key of which the material is here: of the public half, or a commitment to the secret."""
    if purpose == SEAL:
        return public_fingerprint(SUITES[suite].public_bytes(material))
    return commitment(material)


def with_public(key: Key) -> Key:
    """The same key with its public half, when it is a pair of which the material is here."""
    if key.purpose != SEAL or not key.material:
        return key
    return replace(key, public=SUITES[key.suite].public_bytes(key.material))
