"""One entry of the log: what is hashed, and how the details are tied to it without being in it.

An entry says who did what, when, to which object, and with what outcome, in codes and opaque ids. The details of the
act (ground, recipient, fields, ...) are bound to it by a salted commitment. Destroying details and salt
(GDPR art. 17) leaves every proof standing and nothing to guess at.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256

from audit.canonical import MAX_INTEGER, TOKEN, bytes_of_checked, canonical_bytes, parse_canonical
from audit.errors import BrokenCommitment, MalformedEntry
from audit.merkle import leaf_hash
from audit.vocabulary import ACTIONS, check

FORMAT = 2
SALT_BYTES = 32
EVENT_RANDOM_BYTES = 10
MAX_ENTRY_BYTES = 16 * 1024
MAX_DETAILS_BYTES = 1024 * 1024
OUTCOMES = frozenset({"ok", "refused", "error"})
CHANNELS = frozenset({"web", "cli", "job", "api", "system"})
LAST_MOMENT = 253_402_300_799_999  # the end of the year 9999, in ms
COMMITMENT_PREFIX = b"signaltable/audit/details/v1\n"

_INTEGERS = {"format": FORMAT, "seq": MAX_INTEGER, "recorded_at": LAST_MOMENT, "occurred_at": LAST_MOMENT}
# What format 1 had: each of its keys stands in every entry, with "" where one does not apply.
_OF_FORMAT_1 = frozenset(
    "format seq recorded_at occurred_at action outcome reason actor agency role channel strength object_type object "
    "trace_id details_commitment".split()
)
_EMPTY_IN_FORMAT_1 = frozenset("reason actor agency role strength object_type object trace_id".split())
_ALWAYS = frozenset(
    "format event_id seq recorded_at occurred_at action outcome channel source retention_class details_commitment".split()
)
_HEX = {
    "trace_id": (re.compile(r"[0-9a-f]{32}"), 32),
    "span_id": (re.compile(r"[0-9a-f]{16}"), 16),
    "parent_span_id": (re.compile(r"[0-9a-f]{16}"), 16),
    "details_commitment": (re.compile(r"[0-9a-f]{64}"), 64),
}
# A ULID: 48 bits of milliseconds and 80 random bits in Crockford's base 32.
_EVENT_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
# Two digits at a time: every entry has an id of 26.
_PAIRS = [high + low for high in _BASE32 for low in _BASE32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one leaf of the tree says. Text fields are codes or opaque ids (TOKEN); "" here, absent there where one does not apply.

    Times are milliseconds since 1970 in UTC: `occurred_at` when it happened, `recorded_at` when the log took it in.
    `event_id` is a ULID; `trace_id`, `span_id` and `parent_span_id` are those of W3C Trace Context; `acting_for` is the
    person for whom a program acts; `source` the program and its version; `retention_class` how long the details are
    kept; `details_commitment` the SHA-256 that binds details and salt, in hex.
    """

    format: int
    event_id: str
    seq: int
    recorded_at: int
    occurred_at: int
    action: str
    outcome: str
    reason: str
    actor: str
    agency: str
    role: str
    acting_for: str
    channel: str
    strength: str
    object_type: str
    object: str
    object_version: str
    trace_id: str
    span_id: str
    parent_span_id: str
    source: str
    retention_class: str
    details_commitment: str

    def to_bytes(self) -> bytes:
        """The canonical bytes: what is hashed, stored and exported."""
        return canonical_bytes(_values(self))


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry with everything a store must keep: the exact bytes, the salt (apart, erasable) and the leaf hash."""

    entry: Entry
    entry_bytes: bytes
    details_bytes: bytes
    salt: bytes
    leaf_hash: bytes


def build(
    *,
    event_id: str,
    seq: int,
    recorded_at: int,
    occurred_at: int,
    action: str,
    channel: str,
    source: str,
    details: Mapping[str, object],
    salt: bytes,
    outcome: str = "ok",
    reason: str = "",
    actor: str = "",
    agency: str = "",
    role: str = "",
    acting_for: str = "",
    strength: str = "",
    object_type: str = "",
    object: str = "",  # noqa: A002 - the word of the format; `object_id` would be a second name for the same field
    object_version: str = "",
    trace_id: str = "",
    span_id: str = "",
    parent_span_id: str = "",
) -> Sealed:
    """Make the entry with number `seq`, ready to store and to append to the tree.

    The retention class is the one that the vocabulary gives the action. `salt` is 32 fresh random bytes for this entry
    alone, `event_id` comes from `new_event_id`. Raises NotInVocabulary when the action or a detail key is not
    declared or a required one is missing, MalformedEntry for anything else that FORMAT.md forbids.
    """
    check(action, details)
    details_bytes = canonical_bytes(details)
    if len(details_bytes) > MAX_DETAILS_BYTES:
        raise MalformedEntry(f"details: expected at most {MAX_DETAILS_BYTES} bytes, found {len(details_bytes)}")
    entry = Entry(
        format=FORMAT,
        event_id=event_id,
        seq=seq,
        recorded_at=recorded_at,
        occurred_at=occurred_at,
        action=action,
        outcome=outcome,
        reason=reason,
        actor=actor,
        agency=agency,
        role=role,
        acting_for=acting_for,
        channel=channel,
        strength=strength,
        object_type=object_type,
        object=object,
        object_version=object_version,
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent_span_id,
        source=source,
        retention_class=ACTIONS[action].retention_class,
        details_commitment=commit(details_bytes, salt),
    )
    values = _values(entry)
    _check_fields(values)
    # Integers within their bounds and codes of ASCII, under the names of the fields: more is not asked of canonical JSON.
    entry_bytes = bytes_of_checked(values)
    return Sealed(entry, entry_bytes, details_bytes, salt, leaf_hash(entry_bytes))


def parse(entry_bytes: bytes) -> Entry:
    """The entry that these exact bytes are.

    Strict: other spelling, unknown or missing fields, wrong types or codes raise MalformedEntry. Whether the action is
    in the vocabulary is asked of `audit.vocabulary.check`, so that a log outlives a change of words.
    """
    if len(entry_bytes) > MAX_ENTRY_BYTES:
        raise MalformedEntry(f"entry: expected at most {MAX_ENTRY_BYTES} bytes, found {len(entry_bytes)}")
    values = parse_canonical(entry_bytes, "entry")
    if not isinstance(values, dict):
        raise MalformedEntry("entry: expected an object, found another JSON value")
    required, allowed = (_OF_FORMAT_1, _OF_FORMAT_1) if values.get("format") == 1 else (_ALWAYS, _NAMES)
    missing, unknown = len(required - values.keys()), len(values.keys() - allowed)
    if missing or unknown:
        raise MalformedEntry(f"entry: expected the fields of the format, found {missing} missing and {unknown} unknown")
    _check_fields(values)
    return Entry(**{name: values.get(name, "") for name in _NAMES})


def new_event_id(milliseconds: int, randomness: bytes) -> str:
    """A ULID from a moment (ms since 1970) and 10 random bytes. Raises MalformedEntry for another number of bytes."""
    if len(randomness) != EVENT_RANDOM_BYTES:
        raise MalformedEntry(f"event_id: expected {EVENT_RANDOM_BYTES} random bytes, found {len(randomness)}")
    number = milliseconds << 80 | int.from_bytes(randomness, "big")
    return "".join([_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10)])


def commit(details_bytes: bytes, salt: bytes) -> str:
    """SHA-256(prefix || salt || details) in hex. The 32 random bytes keep short details from being guessed."""
    if len(salt) != SALT_BYTES:
        raise MalformedEntry(f"salt: expected {SALT_BYTES} bytes, found {len(salt)}")
    return sha256(COMMITMENT_PREFIX + salt + details_bytes).hexdigest()


def open_details(entry: Entry, details_bytes: bytes, salt: bytes) -> dict[str, object]:
    """The details of an entry, after checking that they are the ones it was committed to.

    Raises BrokenCommitment when they are not, MalformedEntry when the bytes are not canonical details.
    """
    if not hmac.compare_digest(commit(details_bytes, salt), entry.details_commitment):
        raise BrokenCommitment(f"entry {entry.seq}: details and salt are not the ones it was committed to")
    details = parse_canonical(details_bytes, f"details of entry {entry.seq}")
    if not isinstance(details, dict):
        raise MalformedEntry(f"details of entry {entry.seq}: expected an object, found another JSON value")
    return details


_NAMES = frozenset(field.name for field in fields(Entry))


def _values(entry: Entry) -> dict[str, object]:
    """What stands in the bytes: in format 1 every key it had, since then none that does not apply."""
    if entry.format == 1:
        return {name: getattr(entry, name) for name in _OF_FORMAT_1}
    return {name: value for name in _NAMES if (value := getattr(entry, name)) != "" or name in _ALWAYS}


def _check_fields(values: Mapping[str, object]) -> None:
    may_be_empty = _EMPTY_IN_FORMAT_1 if values["format"] == 1 else frozenset[str]()
    for name, value in values.items():
        if name in _INTEGERS:
            _check_integer(name, value)
        elif not (value == "" and name in may_be_empty):
            _check_token(name, value)
    if values["format"] not in {1, FORMAT}:
        raise MalformedEntry(f"format: expected 1 or {FORMAT}, found another")
    if values["outcome"] not in OUTCOMES:
        raise MalformedEntry(f"outcome: expected one of {sorted(OUTCOMES)}, found another")
    if values["channel"] not in CHANNELS:
        raise MalformedEntry(f"channel: expected one of {sorted(CHANNELS)}, found another")
    if values["outcome"] != "ok" and not values.get("reason"):
        raise MalformedEntry("reason: expected a code for an outcome other than ok, found none")
    if values["format"] != 1 and not _EVENT_ID.fullmatch(str(values["event_id"])):
        raise MalformedEntry("event_id: expected a ULID of 26 signs, found another text")


def _check_integer(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= _INTEGERS[name]:
        raise MalformedEntry(f"{name}: expected an integer from 0 to {_INTEGERS[name]}, found {type(value).__name__}")


def _check_token(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise MalformedEntry(f"{name}: expected a code or an opaque id, found {type(value).__name__}")
    if not TOKEN.fullmatch(value):
        raise MalformedEntry(f"{name}: expected letters, digits and _.,:/+#~- (at most 128), found another text")
    if name in _HEX and not _HEX[name][0].fullmatch(value):
        raise MalformedEntry(f"{name}: expected {_HEX[name][1]} lower-case hex digits, found another text")
