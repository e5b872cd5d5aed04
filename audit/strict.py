"""Canonical lines recognised at the speed of C: what is accepted here, the exact reader accepts too, never more.

The exact reader (`entry.parse`, `bundle_format.parse_details_line`, `vocabulary.check`) parses a line, writes it again
and compares. Here many lines at a time are matched against one compiled pattern that only canonical ones fit: keys in
their order, no white space, codes of the right alphabet. What a pattern would check sign by sign is checked for a whole
column at once. Lines of another shape (nested details, letters beyond ASCII, format 1) are right as well; the exact
reader judges them.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from operator import lt

from audit.bundle_format import parse_details_line
from audit.entry import MAX_ENTRY_BYTES
from audit.errors import MalformedEntry
from audit.vocabulary import ACTIONS, COMMON, check

_HEX = b"0123456789abcdef"
_BASE32 = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DIGITS = b"0123456789"
# What is left of well-formed lines without these signs is one "{}" and a newline for each.
_OF_ENTRIES = b'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.,:/+#~-"'
# Printable ASCII but the backslash: no escape, no control character, nothing that Unicode could write in two ways.
_OF_DETAILS = bytes(sign for sign in range(0x20, 0x7F) if sign != 0x5C)

# The first sign of a code is looked at; that the others are of its alphabet, `_OF_ENTRIES` has shown already.
_CODE = rb'[A-Za-z0-9_][^"]{0,127}+"'


def _code(name: bytes) -> bytes:
    """A key that may be absent, with a code and the comma after it."""
    return b'(?:"%b":"%b,|)' % (name, _CODE)


_ENTRY = re.compile(
    b"".join(
        (
            # The newline before the line was made the zero byte that a leaf begins with.
            rb"(\x00\{",
            _code(b"acting_for"),
            rb'"action":"([A-Za-z0-9_][^"]{0,127}+)",',
            _code(b"actor"),
            _code(b"agency"),
            rb'"channel":"(?:web|job|cli|api|system)","details_commitment":"(.{64})","event_id":"([0-7].{25})","format":2,',
            _code(b"object"),
            _code(b"object_type"),
            _code(b"object_version"),
            rb'"occurred_at":[1-9][0-9]{12},"outcome":"(?:ok",|(?:refused|error)",(?=(?:"parent_span_id":"[^"]{16}",)?"reason":"))',
            rb'(?:"parent_span_id":"[0-9a-f]{16}",|)',
            _code(b"reason"),
            rb'"recorded_at":([1-9].{12}),"retention_class":"' + _CODE + b",",
            _code(b"role"),
            rb'"seq":(0|[1-9][0-9]{0,14}+),"source":"' + _CODE,
            rb'(?:,"span_id":"([^"]{16})"|)(?:,"strength":"' + _CODE + rb'|)(?:,"trace_id":"([^"]{32})"|)\})(?=\x00)',
        )
    ),
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Entries:
    """Canonical entries of format 2, by column. `leaves` are their bytes behind a zero byte: what a leaf hashes."""

    leaves: Sequence[bytes]
    actions: Sequence[bytes]
    commitments: Sequence[bytes]
    recorded_at: Sequence[bytes]
    numbers: Sequence[bytes]

    def first(self, count: int) -> "Entries":
        """The first of them."""
        if count >= len(self.numbers):
            return self
        columns = (self.leaves, self.actions, self.commitments, self.recorded_at, self.numbers)
        return Entries(*(column[:count] for column in columns))


# A line of details that its action may have: the exact details, the salt in hex and the number, as they stand.
Detail = tuple[bytes, bytes, bytes]


def match_entries(block: bytes) -> Entries | None:
    """The entries in these whole lines, or None when one of them is not a canonical entry of format 2 beyond doubt."""
    matches = _ENTRY.findall(b"\x00" + block.replace(b"\n", b"\x00"))
    if block.translate(None, _OF_ENTRIES) != b"{}\n" * len(matches) or not matches:
        return None
    leaves, actions, commitments, ids, recorded, numbers, spans, traces = zip(*matches, strict=True)
    if (
        b"".join((*commitments, *spans, *traces)).translate(None, _HEX)
        or b"".join(ids).translate(None, _BASE32)
        or b"".join(recorded).translate(None, _DIGITS)
        or max(map(len, leaves)) > MAX_ENTRY_BYTES + 1
    ):
        return None
    return Entries(leaves, actions, commitments, recorded, numbers)


def match_details(lines: Sequence[bytes], action: str) -> Sequence[Detail] | None:
    """Each of these lines (without newline) as details of that action, or None when one of them is not.

    A line that the pattern does not know is given to the exact reader.
    """
    pattern = _details_pattern(action)
    joined = b"\n".join(lines)
    if joined.translate(None, _OF_DETAILS) == b"\n" * (len(lines) - 1):
        found = pattern.findall(joined)
        if len(found) == len(lines):
            return _columns(found)
    taken = [_exact(line, action) for line in lines]
    return None if None in taken else [one for one in taken if one]


def _columns(found: Sequence[tuple[bytes, bytes, bytes, bytes]]) -> Sequence[Detail] | None:
    details, rows, salts, numbers = zip(*found, strict=True)
    if b"".join(salts).translate(None, _HEX) or not all(map(_in_order, set(rows))):
        return None
    return list(zip(details, salts, numbers, strict=True))


def _exact(line: bytes, action: str) -> Detail | None:
    try:
        parsed = parse_details_line(line)
        check(action, parsed.details)
    except MalformedEntry:
        return None
    return parsed.details_bytes, parsed.salt.hex().encode(), b"%d" % parsed.seq


# --- the pattern of the details of one action

_TEXT = rb'"[^"]*+"'
_NAME = rb'"[A-Za-z0-9_][A-Za-z0-9_.,:/+#~-]{0,127}+":'
_LIST = rb"\[(?:\]|" + _TEXT + rb"(?:," + _TEXT + rb")*+\])"
# Fifteen digits are below 2**53 for certain.
_VALUE = rb"(?:" + _TEXT + rb"|" + _LIST + rb"|true|false|null|0|-?[1-9][0-9]{0,14}+)"
_CONDITION = rb'\{"code":' + _TEXT + rb',"evidence_hash":' + _TEXT + rb"\}"
_ROW = _NAME + rb'"[0-9A-Za-z_-]*+"'
_TABLE = _NAME + rb"\{" + _ROW + rb"(?:," + _ROW + rb")*+\}"
_VALUES = {
    "conditions": rb"\[(?:\]|" + _CONDITION + rb"(?:," + _CONDITION + rb")*+\])",
    "rows": rb"(\{" + _TABLE + rb"(?:," + _TABLE + rb")*+\})",
}
_TABLES = re.compile(rb'"([^"]+)":\{([^{}]*)\}')
_NAMES = re.compile(rb'"([^"]+)":')


@cache
def _details_pattern(action: str) -> re.Pattern[bytes]:
    """The canonical lines of details with the keys of the action, each in its place.

    After a value comes a comma and the quote of the next key, or the end. Groups: details, rows, salt, number.
    """
    declared = ACTIONS[action]
    keys = sorted(declared.details_required | declared.details_optional | COMMON | {"rows"})
    members = b"".join(_member(key, required=key in declared.details_required) for key in keys)
    # The last sign before the end is not the quote of a key that never came.
    details = rb'(\{(?:"|(?=\}))' + members + rb'(?<!,")(?<!\{")\})'
    return re.compile(
        rb'^\{"details":' + details + rb',"salt":"(.{64})","seq":(0|[1-9][0-9]{0,14}+)\}$', re.MULTILINE | re.DOTALL
    )


def _member(key: str, *, required: bool) -> bytes:
    member = key.encode() + b'":' + _VALUES.get(key, _VALUE) + rb'(?:,"|(?=\}))'
    return member if required else b"(?:" + member + b"|)"


def _in_order(rows: bytes) -> bool:
    """Whether the tables, and the rows of each, stand in ascending order, each once."""
    tables = _TABLES.findall(rows)
    return _ascending([name for name, _ in tables]) and all(_ascending(_NAMES.findall(body)) for _, body in tables)


def _ascending(names: Sequence[bytes]) -> bool:
    return all(map(lt, names, names[1:]))
