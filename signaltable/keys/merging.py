"""Two copies of one ring, on two machines, made one: every key of both, each as far on its way as either knows it."""

import json
from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from signaltable.keys.contents import DESTROYED, RETIRED, STATES, Contents, Key
from signaltable.keys.errors import KeyRingError

# What tells one key from another, and nothing of the key: purpose, agency, version, state, fingerprint.
Fact = tuple[str, str, int, str, str]
_PLACES: Final = 5


def facts_of(contents: Contents) -> tuple[Fact, ...]:
    """What may be told of each key, in the order of their names."""
    return tuple((key.purpose, key.agency, key.version, key.state, key.fingerprint) for key in contents.all())


def digest_of(contents: Contents) -> str:
    """SHA-256 over the facts (64 digits): two machines with the same have the same keys in the same states."""
    return sha256(json.dumps(facts_of(contents), separators=(",", ":")).encode()).hexdigest()


def lacks(held: Iterable[Fact], told: Iterable[Any]) -> bool:
    """Whether a ring that holds the one lacks a key, or the end of a key, that the other tells of."""
    states = {fact[:3]: fact[3] for fact in held}
    for fact in told:
        purpose, agency, version, state, _print = fact
        own = states.get((purpose, agency, version))
        if own is None or STATES.index(own) < STATES.index(state):
            return True
    return False


def is_facts(told: Any) -> bool:
    """Whether a value of a database can be facts: nothing that comes from there is taken on its word."""
    return isinstance(told, list) and all(
        isinstance(one, list)
        and len(one) == _PLACES
        and all(isinstance(part, str) for part in (*one[:2], *one[3:]))
        and type(one[2]) is int
        and one[3] in STATES
        for one in told
    )


def merged(held: Contents, given: Contents) -> list[Key]:
    """Every key of both rings. Raises KeyRingError when they hold different keys under the same name and version."""
    keys = {(key.name, key.version): key for key in held.all()}
    for other in given.all():
        own = keys.get((other.name, other.version))
        keys[other.name, other.version] = other if own is None else _further(own, other)
    return list(_one_counts(keys.values()))


def _further(own: Key, other: Key) -> Key:
    if own.fingerprint != other.fingerprint:
        raise KeyRingError(f"expected the same {own} on every machine, found two; put back the ring of one of them")
    return own if STATES.index(own.state) >= STATES.index(other.state) else other


def _one_counts(keys: Iterable[Key]) -> Iterable[Key]:
    """Of a key that both machines replaced only the newest version counts; the others still open what they sealed."""
    told = list(keys)
    newest: dict[Any, int] = {}
    for key in told:
        if key.state not in {RETIRED, DESTROYED}:
            newest[key.name] = max(key.version, newest.get(key.name, 0))
    for key in told:
        counts = key.state not in {RETIRED, DESTROYED}
        yield replace(key, state=RETIRED) if counts and key.version < newest[key.name] else key
