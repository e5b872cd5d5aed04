"""What a key ring holds: keys by purpose, agency and version. Values and their checks; no file and no token."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from signaltable.keys.errors import KeyRingError

# match: tags and sketches of the linking step; recipient: pseudonyms per recipient; session: cookies, CSRF and login
# digests; draft: unfinished forms that wait on the server; rows: what the log and the register of erasures say of rows.
PURPOSES: Final = ("match", "recipient", "session", "draft", "rows")
RECIPIENT: Final = "recipient"
# The key pair of an agency, for which is sealed what that agency may read.
SEAL: Final = "agency"
# What each agency has of its own: nobody learns anything of another agency from it.
OF_AGENCIES: Final = (SEAL, RECIPIENT)
KIND_OF_AGENCY: Final[Mapping[str, str]] = {SEAL: "key pair", RECIPIENT: "recipient"}

ACTIVE: Final = "active"
RETIRED: Final = "retired"
DESTROYED: Final = "destroyed"
STATES: Final = (ACTIVE, RETIRED, DESTROYED)
# Who answers for the keys of the installation itself: a function, never a person.
OPERATOR: Final = "operator"

# Homes of before this mark used some secrets as they are instead of deriving a key for the use. What they made has to go
# on fitting, so a secret marked `raw` gives these parts of its material for these uses.
RAW_USES: Final[Mapping[str, Mapping[str, slice]]] = {
    "match": {"tags": slice(0, 32)},
    "recipient": {"pseudonyms": slice(0, 32)},
    "session": {"cookies": slice(0, 32), "login": slice(0, 32)},
    "rows": {"rows of the database": slice(0, 32), "register of erasures": slice(32, 64)},
}

_AGENCY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Key:
    """One version of one key. `agency` is empty for a key of the installation.

    `raw` marks a secret of old whose material some uses take as it is. `shared` marks a version by which an agency uses
    the installation's secret of that version, as all did in homes of old. `created` is None for keys of homes that did
    not keep the day. Material does not show in repr; a destroyed key has none, and neither has one that is in a token.
    """

    purpose: str
    agency: str
    version: int
    state: str
    owner: str
    fingerprint: str
    created: date | None = None
    retired: date | None = None
    destroyed: date | None = None
    suite: str = ""
    raw: bool = False
    shared: bool = False
    public: bytes = field(default=b"", repr=False)
    material: bytes = field(default=b"", repr=False)

    @property
    def name(self) -> Name:
        """What it is for: purpose and agency."""
        return self.purpose, self.agency

    def __str__(self) -> str:
        """How messages call it."""
        return f"{called(self.purpose, self.agency)} version {self.version}"


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """What may be told of a key: all but the key."""

    purpose: str
    agency: str
    version: int
    state: str
    owner: str
    fingerprint: str
    created: date | None
    retired: date | None
    destroyed: date | None
    suite: str
    shared: bool
    place: str


@dataclass(frozen=True, slots=True)
class Contents:
    """A ring, checked whole. Frozen: another thread sees the old ring or the new one, never half of each.

    `revision` grows with every change. `kept` holds what was computed from these keys, and goes when they go.
    """

    keys: Mapping[Name, tuple[Key, ...]] = field(repr=False)
    revision: int
    stamp: tuple[int, ...] = ()
    kept: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    def all(self) -> Iterable[Key]:
        """Every key, in the order of names and versions."""
        for name in sorted(self.keys):
            yield from self.keys[name]


def called(purpose: str, agency: str) -> str:
    """A kind of key in a message."""
    return f"{KIND_OF_AGENCY[purpose]} of {agency}" if agency else purpose


def check_agency(agency_id: str) -> None:
    """Raises KeyRingError for what cannot be the id of an agency."""
    if not _AGENCY_ID.fullmatch(agency_id):
        raise KeyRingError("expected an agency id of 1 to 64 letters, digits, dots, dashes and underscores")


def check_name(purpose: str, agency: str) -> None:
    """Raises KeyRingError for a purpose that nothing here has."""
    if agency:
        check_agency(agency)
    expected = OF_AGENCIES if agency else PURPOSES
    if purpose not in expected:
        raise KeyRingError(f"expected one of the purposes {', '.join(expected)}")


def gathered(keys: Iterable[Key], revision: int, stamp: tuple[int, ...] = ()) -> Contents:
    """Keys by name, as one ring. Raises KeyRingError, which names the key, when they cannot be a ring together."""
    by_name: dict[Name, list[Key]] = {}
    for key in keys:
        by_name.setdefault(key.name, []).append(key)
    missing = [purpose for purpose in PURPOSES if (purpose, "") not in by_name]
    if missing:
        raise KeyRingError(f"expected a secret for {', '.join(missing)}, found none")
    for name, held in by_name.items():
        _check_versions(name, held)
    _refuse_equal(key for held in by_name.values() for key in held)
    ordered = {name: tuple(sorted(held, key=lambda key: key.version)) for name, held in by_name.items()}
    return Contents(MappingProxyType(ordered), revision, stamp)


def _check_versions(name: Name, held: list[Key]) -> None:
    purpose, agency = name
    if len({key.version for key in held}) != len(held):
        raise KeyRingError(f"{called(purpose, agency)}: expected each version once")
    active = [key for key in held if key.state == ACTIVE]
    # An agency that left has no active key any more; the program cannot do without its own.
    if len(active) > 1 or (not active and not agency):
        raise KeyRingError(f"{called(purpose, agency)}: expected one active key, found {len(active) or 'none'}")


def _refuse_equal(keys: Iterable[Key]) -> None:
    """One key for two purposes would let the one be computed from the other."""
    seen: dict[tuple[str, bytes], Key] = {}
    for key in keys:
        for kind, value in (("material", key.material), ("print", b"" if key.shared else key.fingerprint.encode())):
            if value and (kind, value) in seen:
                raise KeyRingError(f"expected different keys, found the same in {seen[kind, value]} and {key}")
            if value:
                seen[kind, value] = key


def owner_of(agency: str) -> str:
    """Who answers for a key: the agency whose it is, or the operator of the installation."""
    return agency or OPERATOR
