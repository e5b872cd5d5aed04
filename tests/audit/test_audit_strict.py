"""The fast way of reading accepts nothing that the exact way refuses, and both find the same."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import KEY, erasing, export, seal, sign_at

from audit import bundle, strict
from audit.bundle_format import parse_details_line
from audit.canonical import canonical_bytes
from audit.chunk import fold
from audit.entry import Sealed, parse
from audit.errors import MalformedEntry
from audit.merkle import CompactRange, leaf_hash
from audit.verify import verify
from audit.vocabulary import ACTIONS, check

HASH = "ab" * 32
# Entries and details of every shape that the patterns know, and some that they leave to the exact reader.
SHAPES: list[dict[str, object]] = [
    {},
    {"action": "login:succeed", "object": "", "object_type": "", "details": {"method": "totp", "session_hash": HASH}},
    {"action": "job:run", "channel": "job", "actor": "", "agency": "", "role": "", "strength": "", "trace_id": "",
     "details": {"job": "nightly", "slot": "2026-11-22", "count": 0, "duration_ms": 15}},
    {"outcome": "refused", "reason": "not_permitted", "parent_span_id": "0123456789abcdef", "span_id": "f" * 16},
    {"action": "access:refuse", "outcome": "error", "reason": "x", "details": {"permission": "a:b", "reasons": []}},
    {"acting_for": "p-9", "object_version": "3", "details": {"signal": "S-1", "fields": ["a", "b"], "rows": {
        "signals": {"S-1": HASH, "S-2": ""}, "tasks": {"T-1": HASH}}}},
    {"action": "link:propose", "details": {"link": "L", "signals": ["S"], "evidence_kinds": ["phone"], "excluded": False,
     "score_permille": -12}},
    {"details": {"signal": 'één \\ " teken'}},
    {"details": {"signal": {"deep": {"er": [1, [2, None]]}}}},
]  # fmt: skip
ORDINARY: dict[str, object] = {"action": "signal:consult", "channel": "web", "details": {"signal": "S"}}
LINES = [seal(seq, **ORDINARY | shape) for seq, shape in enumerate(SHAPES)]


def details_line(one: Sealed) -> bytes:
    return b'{"details":%b,"salt":"%b","seq":%d}' % (one.details_bytes, one.salt.hex().encode(), one.entry.seq)


def exact_entry(line: bytes) -> bool:
    try:
        return parse(line).format == 2
    except MalformedEntry:
        return False


def exact_details(line: bytes, action: str) -> bool:
    try:
        check(action, parse_details_line(line).details)
    except MalformedEntry:
        return False
    return True


@pytest.mark.parametrize("one", LINES, ids=range(len(LINES)))
def test_what_the_program_writes_is_recognised(one: Sealed) -> None:
    found = strict.match_entries(one.entry_bytes + b"\n")
    assert found is not None
    assert (found.leaves, found.actions) == ((b"\0" + one.entry_bytes,), (one.entry.action.encode(),))
    assert found.commitments == (one.entry.details_commitment.encode(),)
    assert strict.match_details([details_line(one)], one.entry.action) == [
        (one.details_bytes, one.salt.hex().encode(), b"%d" % one.entry.seq)
    ]


def test_every_action_has_a_pattern_that_takes_all_its_details() -> None:
    # Given an entry of each action with every detail that it may have
    for action in ACTIONS.values():
        keys = sorted(action.details_required | action.details_optional)
        for chosen in (keys, sorted(action.details_required)):
            details = canonical_bytes({key: "x" for key in chosen if key not in {"conditions", "rows"}})
            line = b'{"details":%b,"salt":"%b","seq":7}' % (details, HASH.encode())
            missing = action.details_required & {"conditions", "rows"}
            # Then the pattern and the exact reader agree
            assert (strict.match_details([line], action.name) is not None) == (not missing), action.name


# --- mutated: what the pattern takes, the exact reader takes

PIECES = [b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\r", b"\0", b"0", b"-", b"1.0", b"1e3", b"true", b"null",
          b"A", b"f", b"g", b"\xc3\xa9", b"e\xcc\x81", b"\xff", b"\xef\xbb\xbf", b"\x7f", b"9" * 20, b'"seq":1,', b'"reason":"x",',
          b'"actor":"p",', b'"a":1,', b"},{", b"\\u0041", b'""']  # fmt: skip


def mutated(line: bytes, draw: random.Random) -> bytes:
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        at, to = sorted((draw.randrange(len(line) + 1), draw.randrange(len(line) + 1)))
        match draw.randrange(6):
            case 0:
                line = line[:at] + draw.choice(PIECES) + line[at:]
            case 1:
                line = line[:at] + draw.choice(PIECES) + line[at + 1 :]
            case 2:
                line = line[:at] + line[at + draw.randrange(1, 4) :]
            case 3:
                line = line[:at] + line[to:]
            case 4:
                line = line[:at] + line[at:to] * 2 + line[to:]
            case _:
                line = line[:at] + bytes([draw.randrange(256)]) + line[at + 1 :]
    return line


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(LINES))
def test_no_mutated_entry_is_taken_that_the_exact_reader_refuses(draw: random.Random, one: Sealed) -> None:
    for _ in range(10):
        lines = [mutated(one.entry_bytes, draw), *(other.entry_bytes for other in draw.sample(LINES, 2))]
        draw.shuffle(lines)
        found = strict.match_entries(b"".join(line + b"\n" for line in lines))
        if found is not None:
            assert [leaf[1:] for leaf in found.leaves] == b"\n".join(lines).split(b"\n")
            assert all(exact_entry(leaf[1:]) for leaf in found.leaves)


@settings(max_examples=300, deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from(LINES))
def test_no_mutated_details_are_taken_that_the_exact_reader_refuses(draw: random.Random, one: Sealed) -> None:
    for _ in range(10):
        line = mutated(details_line(one), draw)
        if b"\n" in line:
            continue
        for action in (one.entry.action, "signal:consult", "log:consult"):
            if strict.match_details([line], action) is not None:
                assert exact_details(line, action), line


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False))
def test_neighbours_do_not_make_up_for_each_other(draw: random.Random) -> None:
    # Given lines of one action, two of which were cut and joined at other places
    lines = [details_line(seal(seq, details={"signal": "S", "fields": ["a", "b"]})) for seq in range(4)]
    at = draw.randrange(3)
    joined = lines[at] + b"\n" + lines[at + 1]
    cut = draw.randrange(len(joined))
    lines[at : at + 2] = mutated(joined[:cut], draw).replace(b"\n", b""), joined[cut:].replace(b"\n", b"")
    if strict.match_details(lines, "signal:consult") is not None:
        assert all(exact_details(line, "signal:consult") for line in lines)


# --- the whole verification: both ways, and several processes, find the same


def log_of(size: int) -> list[Sealed]:
    return [seal(seq, **ORDINARY | SHAPES[seq % 5]) if (seq + 1) % 8 else seal(seq) for seq in range(size)]


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    log = log_of(300)
    destroyed = frozenset({5, 60, 61, 297})
    log[62], log[299] = erasing(62, {5, 60}), erasing(299, {61, 297})
    notes = sign_at(log, [8, 16, 24, 100, 300])
    return export(tmp_path_factory.mktemp("long") / "x", log, checkpoints=notes, destroyed=destroyed)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_both_ways_of_reading_find_the_same(long: Path, draw: random.Random) -> None:
    name = draw.choice([bundle.ENTRIES, bundle.ENTRIES, bundle.DETAILS, bundle.LEAVES])
    path = long / name
    honest = path.read_bytes()
    try:
        path.write_bytes(tampered(honest, draw) if name != bundle.LEAVES else mutated(honest, draw))
        fast = verify(long, public_key=KEY)
        assert fast == verify(long, public_key=KEY, line_by_line=True)
    finally:
        path.write_bytes(honest)


def tampered(raw: bytes, draw: random.Random) -> bytes:
    lines = raw.splitlines()
    for _ in range(draw.choice((1, 2, 5))):
        at, to = draw.randrange(len(lines)), draw.randrange(len(lines))
        match draw.randrange(5):
            case 0:
                lines[at] = mutated(lines[at], draw)
            case 1:
                del lines[at]
            case 2:
                lines.insert(at, lines[to])
            case 3:
                lines[at], lines[to] = lines[to], lines[at]
            case _:
                lines[at] = lines[at].replace(b'"seq":%d' % at, b'"seq":%d' % to)
    return b"".join(line + b"\n" for line in lines)


@pytest.mark.parametrize("seed", range(6))
def test_several_processes_find_the_same(long: Path, seed: int) -> None:
    # Given an export that one process finds much wrong with, the first of them nothing
    path = long / (bundle.ENTRIES, bundle.DETAILS)[seed % 2]
    honest = path.read_bytes()
    try:
        path.write_bytes(tampered(honest, random.Random(seed)) if seed else honest)
        alone = verify(long, public_key=KEY)
        # When two share the work in parts of about sixteen entries
        shared = verify(long, public_key=KEY, jobs=2, part_bytes=8000)
        # Then they say the same, in the same order
        assert shared == alone
        assert alone.ok == (seed == 0)
    finally:
        path.write_bytes(honest)


@settings(deadline=None)
@given(st.integers(0, 300), st.integers(0, 300), st.lists(st.integers(0, 600), max_size=5))
def test_folding_gives_the_tree_at_any_place(start: int, count: int, cuts: list[int]) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(start + count)]
    slow, fast = CompactRange(), CompactRange()
    roots = {}
    for leaf in leaves:
        slow.append(leaf)
        roots[slow.size] = slow.root()
    for leaf in leaves[:start]:
        fast.append(leaf)
    seen = set()
    for level, root in fold(start, leaves[start:], sorted(set(cuts))):
        fast.extend(level, root)
        seen.add(fast.size)
        assert fast.root() == roots[fast.size]
    assert (fast.size, fast.root()) == (slow.size, slow.root())
    assert {cut for cut in cuts if start < cut <= start + count} <= seen
