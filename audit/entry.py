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

from audit.canonical import MAX_INTEGER, TOKEN, canonical_bytes, parse_canonical
from audit.errors import BrokenCommitment, MalformedEntry
from audit.merkle import leaf_hash
from audit.vocabulary import check

FORMAT = 1
SALT_BYTES = 32
MAX_ENTRY_BYTES = 16 * 1024
MAX_DETAILS_BYTES = 1024 * 1024
OUTCOMES = frozenset({"ok", "refused", "error"})
CHANNELS = frozenset({"web", "cli", "job", "api", "system"})
LAST_MOMENT = 253_402_300_799_999  # the end of the year 9999, in ms
COMMITMENT_PREFIX = b"signaltable/audit/details/v1\n"

_INTEGERS = {"format": FORMAT, "seq": MAX_INTEGER, "recorded_at": LAST_MOMENT, "occurred_at": LAST_MOMENT}
_MAY_BE_EMPTY = frozenset({"reason", "actor", "agency", "role", "strength", "object_type", "object", "trace_id"})
_TRACE_ID = re.compile(r"[0-9a-f]{32}|")
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one leaf of the tree says. Text fields are codes or opaque ids (TOKEN); "" where one does not apply.

    Times are milliseconds since 1970 in UTC: `occurred_at` when it happened, `recorded_at` when the log took it in.
    `trace_id` is a W3C trace id; `details_commitment` the SHA-256 that binds details and salt, in hex.
    """

    format: int
    seq: int
    recorded_at: int
    occurred_at: int
    action: str
    outcome: str
    reason: str
    actor: str
    agency: str
    role: str
    channel: str
    strength: str
    object_type: str
    object: str
    trace_id: str
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
    seq: int,
    recorded_at: int,
    occurred_at: int,
    action: str,
    channel: str,
    details: Mapping[str, object],
    salt: bytes,
    outcome: str = "ok",
    reason: str = "",
    actor: str = "",
    agency: str = "",
    role: str = "",
    strength: str = "",
    object_type: str = "",
    object: str = "",  # noqa: A002 - the word of the format; `object_id` would be a second name for the same field
    trace_id: str = "",
) -> Sealed:
    """Make the entry with number `seq`, ready to store and to append to the tree.

    `salt` is 32 fresh random bytes for this entry alone. Raises NotInVocabulary when the action or a detail key is not
    declared or a required one is missing, MalformedEntry for anything else that FORMAT.md forbids.
    """
    check(action, details)
    details_bytes = canonical_bytes(details)
    if len(details_bytes) > MAX_DETAILS_BYTES:
        raise MalformedEntry(f"details: expected at most {MAX_DETAILS_BYTES} bytes, found {len(details_bytes)}")
    entry = Entry(
        format=FORMAT,
        seq=seq,
        recorded_at=recorded_at,
        occurred_at=occurred_at,
        action=action,
        outcome=outcome,
        reason=reason,
        actor=actor,
        agency=agency,
        role=role,
        channel=channel,
        strength=strength,
        object_type=object_type,
        object=object,
        trace_id=trace_id,
        details_commitment=commit(details_bytes, salt),
    )
    _check_fields(_values(entry))
    entry_bytes = entry.to_bytes()
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
    if values.keys() != _NAMES:
        missing, unknown = len(_NAMES - values.keys()), len(values.keys() - _NAMES)
        raise MalformedEntry(f"entry: expected {len(_NAMES)} fields, found {missing} missing and {unknown} unknown")
    _check_fields(values)
    return Entry(**values)


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
    return {name: getattr(entry, name) for name in _NAMES}


def _check_fields(values: Mapping[str, object]) -> None:
    for name, value in values.items():
        if name in _INTEGERS:
            _check_integer(name, value)
        else:
            _check_token(name, value)
    if values["format"] != FORMAT:
        raise MalformedEntry(f"format: expected {FORMAT}, found another")
    if values["outcome"] not in OUTCOMES:
        raise MalformedEntry(f"outcome: expected one of {sorted(OUTCOMES)}, found another")
    if values["channel"] not in CHANNELS:
        raise MalformedEntry(f"channel: expected one of {sorted(CHANNELS)}, found another")
    if values["outcome"] != "ok" and not values["reason"]:
        raise MalformedEntry("reason: expected a code for an outcome other than ok, found none")
    if not _TRACE_ID.fullmatch(str(values["trace_id"])):
        raise MalformedEntry("trace_id: expected 32 lower-case hex digits or nothing, found another")
    if not _DIGEST.fullmatch(str(values["details_commitment"])):
        raise MalformedEntry("details_commitment: expected 64 lower-case hex digits, found another")


def _check_integer(name: str, value: object) -> None:
    if type(value) is not int or not 0 <= value <= _INTEGERS[name]:
        raise MalformedEntry(f"{name}: expected an integer from 0 to {_INTEGERS[name]}, found {type(value).__name__}")


def _check_token(name: str, value: object) -> None:
    if not isinstance(value, str):
        raise MalformedEntry(f"{name}: expected a code or an opaque id, found {type(value).__name__}")
    if value == "" and name in _MAY_BE_EMPTY:
        return
    if not TOKEN.fullmatch(value):
        raise MalformedEntry(f"{name}: expected letters, digits and _.,:/+#~- (at most 128), found another text")
