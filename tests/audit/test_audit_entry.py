"""Entries, their details and the vocabulary: one value, one spelling, nothing undeclared."""

import json
import unicodedata
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from log_samples import seal

from audit.canonical import MAX_DEPTH, MAX_INTEGER, TOKEN, canonical_bytes, parse_canonical
from audit.entry import Entry, build, commit, new_event_id, open_details, parse
from audit.errors import BrokenCommitment, MalformedEntry, NotInVocabulary
from audit.vocabulary import ACTIONS, COMMON, RETENTION_CLASSES, check

SALT = bytes(32)
EVENT_ID = new_event_id(1_790_000_000_000, bytes(10))
ENTRY = {
    "event_id": EVENT_ID,
    "seq": 3,
    "recorded_at": 1_790_000_000_500,
    "occurred_at": 1_790_000_000_000,
    "action": "signal:consult",
    "channel": "web",
    "source": "signaltable/1",
    "details": {"signal": "S-7F3K-Q2"},
    "salt": SALT,
}
COMMITMENT = "2ee537d1ba38d450a001f9cb2334b440d7eeaeca2bd0ff4e1b4de712f077b015"
# The bytes of FORMAT.md's example, spelled out: they may never change for format 2.
EXPECTED = (
    '{"action":"signal:consult","channel":"web","details_commitment":"'
    + COMMITMENT
    + '","event_id":"01M3250V000000000000000000",'
    '"format":2,"occurred_at":1790000000000,"outcome":"ok","recorded_at":1790000000500,"retention_class":"access",'
    '"seq":3,"source":"signaltable/1"}'
)
# What the program wrote before format 2; logs keep such entries for ever.
FORMAT_1 = (
    '{"action":"signal:consult","actor":"","agency":"","channel":"web","details_commitment":"'
    + COMMITMENT
    + '","format":1,'
    '"object":"","object_type":"","occurred_at":1790000000000,"outcome":"ok","reason":"","recorded_at":1790000000500,'
    '"role":"","seq":3,"strength":"","trace_id":""}'
)
# Everything that may stand in an entry besides what always does.
WHOLE = {
    "outcome": "refused",
    "reason": "no-ground",
    "actor": "p-1",
    "agency": "gemeente-a",
    "role": "focal-officer",
    "acting_for": "p-2",
    "strength": "password+totp",
    "object_type": "signal",
    "object": "S-7F3K-Q2",
    "object_version": "3",
    "trace_id": "1" * 32,
    "span_id": "2" * 16,
    "parent_span_id": "3" * 16,
}


def test_the_bytes_of_format_2() -> None:
    assert sha256(b"signaltable/audit/details/v1\n" + SALT + b'{"signal":"S-7F3K-Q2"}').hexdigest() == COMMITMENT
    sealed = build(**ENTRY)
    assert sealed.details_bytes == b'{"signal":"S-7F3K-Q2"}'
    assert sealed.entry_bytes == EXPECTED.encode()
    assert sealed.leaf_hash == sha256(b"\0" + sealed.entry_bytes).digest()
    assert sealed.entry.details_commitment == COMMITMENT


def test_the_bytes_of_format_1_are_read_and_written_as_they_were() -> None:
    raw = FORMAT_1.encode()
    found = parse(raw)
    assert (found.format, found.seq, found.trace_id, found.event_id, found.source) == (1, 3, "", "", "")
    assert found.to_bytes() == raw
    assert open_details(found, b'{"signal":"S-7F3K-Q2"}', SALT) == {"signal": "S-7F3K-Q2"}
    # Each of its keys stood in every entry, and none that came later stood in one.
    for other in (raw.replace(b'"actor":"",', b""), raw.replace(b'"format":1', b'"event_id":"%b","format":1')):
        with pytest.raises(MalformedEntry):
            parse(other)


def test_what_does_not_apply_is_absent_and_never_empty() -> None:
    sealed = build(**(ENTRY | WHOLE))
    assert set(json.loads(sealed.entry_bytes)) == set(Entry.__slots__)
    assert parse(sealed.entry_bytes) == sealed.entry
    assert not WHOLE.keys() - {"outcome"} & json.loads(build(**ENTRY).entry_bytes).keys()
    for name in WHOLE.keys() - {"outcome", "reason"}:
        fewer = {key: value for key, value in json.loads(sealed.entry_bytes).items() if key != name}
        assert getattr(parse(canonical_bytes(fewer)), name) == ""
        with pytest.raises(MalformedEntry):
            parse(canonical_bytes(fewer | {name: ""}))


def test_an_event_id_is_a_ulid_in_order_of_time() -> None:
    # The first ten signs are the time: the example of the ulid library for JavaScript.
    assert new_event_id(1_469_918_176_385, bytes(10)).startswith("01ARYZ6S41")
    assert new_event_id(2**48 - 1, b"\xff" * 10) == "7" + "Z" * 25
    assert new_event_id(5, b"\xff" * 10) < new_event_id(6, bytes(10))
    with pytest.raises(MalformedEntry):
        new_event_id(5, bytes(9))


@given(st.integers(0, 2**48 - 1), st.binary(min_size=10, max_size=10))
def test_an_event_id_holds_its_moment_and_its_randomness(moment: int, randomness: bytes) -> None:
    number = 0
    for sign in new_event_id(moment, randomness):
        number = number * 32 + "0123456789ABCDEFGHJKMNPQRSTVWXYZ".index(sign)
    assert (number >> 80, (number & (1 << 80) - 1).to_bytes(10, "big")) == (moment, randomness)


@given(
    st.dictionaries(
        st.sampled_from(["reason", "actor", "agency", "role", "object"]), st.from_regex(TOKEN, fullmatch=True)
    ),
    st.integers(0, MAX_INTEGER),
)
def test_what_is_built_stands_in_canonical_json(texts: dict[str, str], seq: int) -> None:
    sealed = build(**ENTRY | texts | {"seq": seq})
    assert sealed.entry_bytes == canonical_bytes(json.loads(sealed.entry_bytes))
    assert sealed.entry_bytes == sealed.entry.to_bytes()


def test_parse_gives_the_entry_back() -> None:
    sealed = seal(9)
    assert parse(sealed.entry_bytes) == sealed.entry
    assert sealed.entry.to_bytes() == sealed.entry_bytes


def test_details_open_with_their_own_salt_only() -> None:
    sealed, other = seal(9), seal(10)
    opened = open_details(sealed.entry, sealed.details_bytes, sealed.salt)
    assert opened == {"signal": "S-0009", "fields": ["narrative", "indicators"], "view": "true"}
    for details, salt in ((other.details_bytes, sealed.salt), (sealed.details_bytes, other.salt)):
        with pytest.raises(BrokenCommitment):
            open_details(sealed.entry, details, salt)


def test_equal_details_do_not_show_that_they_are_equal() -> None:
    same = b'{"signal":"S-1"}'
    assert commit(same, b"a" * 32) != commit(same, b"b" * 32)


@pytest.mark.parametrize(
    "change",
    [
        {"seq": -1},
        {"seq": True},
        {"seq": 2**53},
        {"seq": "3"},
        {"recorded_at": 1.5},
        {"recorded_at": 253_402_300_800_000},
        {"occurred_at": -1},
        {"outcome": "fine"},
        {"outcome": "refused"},
        {"outcome": "error", "reason": ""},
        {"channel": "phone"},
        {"channel": ""},
        {"actor": "Jan Jansen"},
        {"actor": "jan@example.org"},
        {"actor": "é"},
        {"agency": "a" * 129},
        {"object": "a\nb"},
        {"reason": None},
        {"trace_id": "0" * 31},
        {"trace_id": "A" * 32},
        {"salt": b"short"},
        {"event_id": "8" + "0" * 25},
        {"event_id": "0" * 25},
        {"event_id": "0" * 25 + "I"},
        {"event_id": ""},
        {"source": ""},
        {"span_id": "0" * 15},
        {"parent_span_id": "F" * 16},
        {"acting_for": "Jan Jansen"},
        {"object_version": "versie 2"},
    ],
    ids=str,
)
def test_a_value_that_does_not_belong_in_an_entry(change: dict) -> None:
    with pytest.raises(MalformedEntry) as refused:
        build(**(ENTRY | change))
    assert "Jan" not in str(refused.value)


@pytest.mark.parametrize(
    "details",
    [
        {},
        {"signal": "S-1", "name": "x"},
        {"signal": "S-1", "view": 1.0},
        {"signal": "S-1", "view": float("nan")},
        {"signal": "S-1", "view": 2**53},
        {"signal": "S-1", "view": {1: "x"}},
        {"signal": "S-1", "view": {"Jan Jansen": 1}},
        {"signal": "S-1", "view": {"a"}},
        {"signal": "S-1", "view": b"bytes"},
        {"signal": "S-1", "view": "\ud800"},
        {"signal": "S-1", "view": "x" * (1024 * 1024)},
    ],
    ids=lambda details: str(details)[:60],
)
def test_details_that_are_refused(details: dict) -> None:
    with pytest.raises(MalformedEntry):
        build(**(ENTRY | {"details": details}))


def test_details_that_are_too_deep() -> None:
    nested: object = "x"
    for _ in range(MAX_DEPTH):
        nested = [nested]
    with pytest.raises(MalformedEntry):
        build(**(ENTRY | {"details": {"signal": "S-1", "view": nested}}))


def line(**changes: object) -> bytes:
    return canonical_bytes(json.loads(build(**ENTRY).entry_bytes) | changes)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"3", id="a number"),
        pytest.param(line() + b"\n", id="newline"),
        pytest.param(line() + b" ", id="space"),
        pytest.param(b"\xef\xbb\xbf" + line(), id="byte order mark"),
        pytest.param(line().replace(b'":', b'": ', 1), id="space inside"),
        pytest.param(line().replace(b'"seq":3', b'"seq":3.0'), id="float"),
        pytest.param(line().replace(b'"seq":3', b'"seq":3e0'), id="exponent"),
        pytest.param(line().replace(b'"seq":3', b'"seq":-0'), id="minus zero"),
        pytest.param(line().replace(b'"seq":3', b'"seq":NaN'), id="NaN"),
        pytest.param(line().replace(b'"seq":3', b'"seq":' + b"9" * 5000), id="huge number"),
        pytest.param(line().replace(b'"seq":3', b'"seq":3,"seq":3'), id="key twice"),
        pytest.param(line().replace(b'"seq":3', b'"seq":' + b"[" * 5000 + b"]" * 5000), id="deep"),
        pytest.param(line().replace(b'"web"', b'"w\\u0065b"'), id="other escape"),
        pytest.param(line(actor="x").replace(b'"actor":"x"', b'"actor":"\xff"'), id="not UTF-8"),
        pytest.param(line(actor=""), id="an empty field"),
        pytest.param(line(format=3), id="other format"),
        pytest.param(line(format=1), id="the keys of another format"),
        pytest.param(line(format=True), id="true for 1"),
        pytest.param(line(extra=1), id="unknown field"),
        pytest.param(line(seq=None), id="null"),
        pytest.param(line(details_commitment="0" * 63), id="short commitment"),
        pytest.param(line(details_commitment="A" * 64), id="upper case"),
        pytest.param(line().replace(b'"seq":3,', b""), id="missing field"),
        pytest.param(b" " * 20_000, id="long"),
    ],
)
def test_bytes_that_are_no_entry(raw: bytes) -> None:
    with pytest.raises(MalformedEntry):
        parse(raw)


def test_an_action_that_is_no_longer_known_still_parses() -> None:
    assert parse(line(action="old:action")).action == "old:action"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.from_regex(r"[a-z_]{1,5}", fullmatch=True), inner),
    max_leaves=10,
)


@given(json_values)
def test_canonical_json_is_a_fixed_point(value: object) -> None:
    raw = canonical_bytes(value)
    again = parse_canonical(raw, "value")
    assert canonical_bytes(again) == raw
    assert json.loads(raw) == again


@given(st.text(max_size=20))
def test_text_is_kept_in_one_normal_form(text: str) -> None:
    decomposed = unicodedata.normalize("NFD", text)
    assert canonical_bytes(text) == canonical_bytes(decomposed)
    raw = json.dumps(decomposed, ensure_ascii=False).encode()
    if decomposed != unicodedata.normalize("NFC", text):
        with pytest.raises(MalformedEntry):
            parse_canonical(raw, "value")


@given(st.binary(max_size=60))
def test_no_bytes_make_parse_fall_over(raw: bytes) -> None:
    with pytest.raises(MalformedEntry):
        parse(raw)


# --- the vocabulary


@pytest.mark.parametrize("action", ACTIONS.values(), ids=lambda action: action.name)
def test_every_action_is_declared_whole(action: object) -> None:
    assert action.name.count(":") == 1
    assert not action.details_required & action.details_optional
    assert action.effect in {"C", "R", "U", "D", "E"}
    assert action.retention_class in RETENTION_CLASSES
    assert action.summary_nl
    assert action.summary_en
    required = dict.fromkeys(action.details_required, "x")
    check(action.name, required)
    check(action.name, required | dict.fromkeys(action.details_optional | COMMON, "x"))
    for key in required:
        with pytest.raises(NotInVocabulary, match=key):
            check(action.name, {other: "x" for other in required if other != key})
    with pytest.raises(NotInVocabulary, match="undeclared_key"):
        check(action.name, required | {"undeclared_key": "x"})


def test_no_name_is_declared_twice() -> None:
    from audit.vocabulary import _TABLE

    assert len(ACTIONS) == len(_TABLE)


def test_an_unknown_action_is_refused() -> None:
    with pytest.raises(NotInVocabulary):
        build(**(ENTRY | {"action": "signal:delete"}))


def test_a_disclosure_says_to_whom_and_why() -> None:
    promised = {"recipient", "purpose", "ground", "ground_digest", "categories", "fields", "conditions", "payload_hash"}
    assert promised <= ACTIONS["signal:disclose"].details_required
