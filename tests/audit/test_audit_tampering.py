"""More that somebody can do to an export: keys that changed, parts of other exports, files that are traps."""

import io
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import pytest
from log_samples import (
    KEY,
    ORIGIN,
    SIGNED_AT,
    SIGNER,
    SIZE,
    START,
    STRANGER,
    change,
    detail_lines,
    entry_lines,
    export,
    put_lines,
    sample_log,
    seal,
    sign_at,
)

from audit import bundle, checkpoint
from audit.canonical import canonical_bytes
from audit.entry import Sealed, commit
from audit.merkle import leaf_hash, root
from audit.note import ML_DSA_44, Signer
from audit.reader import Reader
from audit.verify import Report, verify
from tests.thorough import THOROUGH

SECOND = Signer(ORIGIN, b"2" * 32)
LATTICE = Signer(ORIGIN, b"3" * 32, ML_DSA_44)


def found(report: Report) -> set[tuple[str, str]]:
    return {(one.kind, one.at) for one in report.findings}


def put(directory: Path, name: str, raw: bytes) -> None:
    (directory / name).write_bytes(raw)


# --- an export with a rotated key and checkpoints of two algorithms

ROTATED_AT, LATTICE_AT = 9, 11


def rotated_log() -> list[Sealed]:
    log = sample_log(destroyed=frozenset())
    prints = [signer.verifier().fingerprint for signer in (SIGNER, SECOND, LATTICE)]
    log[ROTATED_AT] = seal(
        ROTATED_AT, action="key:rotate", object_type="key",
        details={"purpose": "log", "key_fingerprint": prints[1], "previous_fingerprint": prints[0]},
    )  # fmt: skip
    log[LATTICE_AT] = seal(
        LATTICE_AT, action="key:make", object_type="key", details={"purpose": "log", "key_fingerprint": prints[2]}
    )
    return log


def sign(log: list[Sealed], size: int, *signers: Signer) -> str:
    state = checkpoint.Checkpoint(ORIGIN, size, root(one.leaf_hash for one in log[:size]))
    return checkpoint.sign(state, *signers, timestamp=START // 1000)


def rotated_export(directory: Path, log: list[Sealed] | None = None, notes: list[str] | None = None) -> Path:
    log = rotated_log() if log is None else log
    bundle.write(
        directory,
        records=[bundle.Record(one.entry_bytes, one.details_bytes, one.salt) for one in log],
        checkpoints=notes
        or [
            sign(log, 8, SIGNER),
            sign(log, ROTATED_AT + 1, SIGNER, SECOND),
            sign(log, LATTICE_AT + 1, SECOND, LATTICE),
            sign(log, 16, SECOND, LATTICE),
            sign(log, 24, SECOND, LATTICE),
        ],
        signers=[SECOND, LATTICE],
        keys=[SIGNER.verifier(), SECOND.verifier(), LATTICE.verifier()],
        created_at=START + 10**6,
    )
    return directory


@pytest.fixture(scope="module")
def with_three_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rotated_export(tmp_path_factory.mktemp("rotated") / "x")


@pytest.fixture
def rotated(with_three_keys: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(with_three_keys, tmp_path / "rotated"))


@pytest.mark.parametrize("key", [SIGNER, SECOND, None])
def test_either_key_of_a_log_that_changed_its_key_verifies_it(rotated: Path, key: Signer | None) -> None:
    held = [sign(rotated_log(), 8, SIGNER), sign(rotated_log(), 16, SECOND)]
    report = verify(rotated, public_key=key.verifier().to_text() if key else None, checkpoints=held)
    assert report.findings == ()
    assert (report.checkpoints, report.held, report.size) == (5, 2, 24)


def rewrite(number: int, note: str) -> Callable[[Path], None]:
    return lambda directory: put(directory, bundle.checkpoint_name(number), note.encode())


def arrange_keys(arrange: Callable[[list[str]], list[str]]) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        lines = (directory / bundle.KEY).read_text().splitlines(keepends=True)
        put(directory, bundle.KEY, "".join(arrange(lines)).encode())

    return tamper


def cut_line(number: int, line: int) -> Callable[[Path], None]:
    """Take one signature line of a checkpoint away."""

    def tamper(directory: Path) -> None:
        path = directory / bundle.checkpoint_name(number)
        lines = path.read_text().splitlines(keepends=True)
        del lines[4 + line]
        path.write_text("".join(lines))

    return tamper


@pytest.mark.parametrize(
    ("tamper", "kind", "at"),
    [
        pytest.param(rewrite(5, sign(rotated_log(), 24, SIGNER)), "bad-checkpoint", "checkpoints/0005.txt", id="signed with the retired key"),
        pytest.param(rewrite(1, sign(rotated_log(), 8, SECOND)), "bad-checkpoint", "checkpoints/0001.txt", id="signed before the key was there"),
        pytest.param(cut_line(2, 0), "replaced-key", "public-key.txt line 1", id="the handover lost the old line"),
        pytest.param(cut_line(2, 1), "replaced-key", "public-key.txt line 1", id="the handover lost the new line"),
        pytest.param(arrange_keys(lambda keys: [*keys, STRANGER.verifier().to_text() + "\n"]), "replaced-key", "public-key.txt line 4", id="a key added"),
        pytest.param(arrange_keys(lambda keys: keys[1:]), "changed-file", bundle.KEY, id="a key left out"),
        pytest.param(arrange_keys(lambda keys: [keys[0], keys[0], *keys[1:]]), "bad-key", bundle.KEY, id="a key twice"),
        pytest.param(arrange_keys(lambda keys: keys[::-1]), "changed-file", bundle.KEY, id="keys in another order"),
        pytest.param(cut_line(4, 1), "changed-file", "checkpoints/0004.txt", id="the second line of a checkpoint gone"),
    ],
)  # fmt: skip
def test_tampering_with_keys_is_found(rotated: Path, tamper: Callable[[Path], None], kind: str, at: str) -> None:
    tamper(rotated)
    assert (kind, at) in found(verify(rotated, public_key=SECOND.verifier().to_text()))


def test_a_stolen_retired_key_signs_nothing_newer(tmp_path: Path) -> None:
    # Given a log whose old key was stolen, and an end that the thief wrote and signed with it
    log = rotated_log()
    log[20] = seal(20, actor="p-forged")
    notes = [sign(log, 8, SIGNER), sign(log, 10, SIGNER, SECOND), sign(log, 24, SIGNER)]
    report = verify(rotated_export(tmp_path / "x", log, notes), public_key=SIGNER.verifier().to_text())
    assert ("bad-checkpoint", "checkpoints/0003.txt") in found(report)
    assert ("uncovered-entry", "entries 10..23") in found(report)


def test_no_flipped_bit_is_overlooked_with_rotated_keys_and_two_lines(rotated: Path) -> None:
    for path in sorted(file for file in rotated.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for at in range(0, len(honest), max(1, len(honest) // 60)):
            path.write_bytes(honest[:at] + bytes([honest[at] ^ 1 << at % 8]) + honest[at + 1 :])
            for key in (SIGNER, SECOND):
                assert not verify(rotated, public_key=key.verifier().to_text()).ok, f"{path.name} byte {at}"
        path.write_bytes(honest)
    assert verify(rotated).ok


# --- every byte


def test_no_flipped_bit_in_any_byte_is_overlooked(tmp_path: Path) -> None:
    log = sample_log(8)[6:8]
    log = [
        seal(0, details={"signal": "S"}, action="signal:consult"),
        seal(1, action="checkpoint:sign", details={"size": 2}),
    ]
    directory = export(tmp_path / "tiny", log, checkpoints=sign_at(log, [2]), destroyed=frozenset())
    assert verify(directory, public_key=KEY).ok
    bits = range(8) if THOROUGH else None
    for path in sorted(file for file in directory.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for at in range(len(honest)):
            for bit in bits or (at * 5 % 8,):
                path.write_bytes(honest[:at] + bytes([honest[at] ^ 1 << bit]) + honest[at + 1 :])
                assert not verify(directory, public_key=KEY).ok, f"{path.name} byte {at} bit {bit}"
        path.write_bytes(honest)


def test_no_cut_at_any_byte_is_overlooked(tmp_path: Path) -> None:
    log = [seal(0, action="checkpoint:sign", details={"size": 1})]
    directory = export(tmp_path / "tiny", log, checkpoints=sign_at(log, [1]), destroyed=frozenset())
    for path in sorted(file for file in directory.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for length in range(len(honest)):
            path.write_bytes(honest[:length])
            assert not verify(directory, public_key=KEY).ok, f"{path.name} cut at {length}"
        path.write_bytes(honest)


# --- pieces of other exports


def other_export(directory: Path, **how: object) -> Path:
    shutil.rmtree(directory / "other", ignore_errors=True)
    return export(directory / "other", **how)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", [bundle.ENTRIES, bundle.DETAILS, bundle.LEAVES, bundle.MANIFEST, bundle.SIGNATURE])
def test_a_file_of_an_older_export_of_the_same_log_is_found(exported: Path, tmp_path: Path, name: str) -> None:
    older = other_export(tmp_path, log=sample_log(16))
    shutil.copy(older / name, exported / name)
    report = verify(exported, public_key=KEY)
    place = {bundle.MANIFEST: bundle.SIGNATURE}.get(name, name)
    assert any(one.at.startswith(place) for one in report.findings), report.findings
    # And when the manifest and its signature come along, what it says of the other files is wrong.
    for both in (bundle.MANIFEST, bundle.SIGNATURE):
        shutil.copy(older / both, exported / both)
    if name in {bundle.MANIFEST, bundle.SIGNATURE}:
        changed = {at for kind, at in found(verify(exported, public_key=KEY)) if kind == "changed-file"}
        assert changed == {bundle.ENTRIES, bundle.DETAILS, bundle.LEAVES}


def test_a_checkpoint_of_another_log_of_the_same_name_is_found(exported: Path) -> None:
    stranger = sign_at(sample_log(history="other"), [16], STRANGER)[0]
    put(exported, bundle.checkpoint_name(2), stranger.encode())
    assert ("bad-checkpoint", "checkpoints/0002.txt") in found(verify(exported, public_key=KEY))
    report = verify(exported, public_key=KEY, checkpoints=[stranger])
    assert ("bad-held-checkpoint", "held checkpoint 1") in found(report)


def test_the_newest_state_signed_again_over_less_is_found(exported: Path, tmp_path: Path) -> None:
    # Given the key-holder, who drops the last eight entries and signs the rest again, after an agency kept size 24
    shutil.rmtree(exported)
    export(exported, sample_log(16), checkpoints=sign_at(sample_log(16), [8, 16]))
    report = verify(exported, public_key=KEY, checkpoints=sign_at(sample_log(), [16, 24]))
    assert found(report) == {("older-than-held", "held checkpoint 2")}


def edit(name: str, number: int, replace: tuple[bytes, bytes]) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        lines = (directory / name).read_bytes().split(b"\n")
        assert replace[0] in lines[number]
        lines[number] = lines[number].replace(*replace, 1)
        put(directory, name, b"\n".join(lines))

    return tamper


ENTRY, DETAIL = bundle.ENTRIES, bundle.DETAILS


@pytest.mark.parametrize(
    ("tamper", "kind", "at"),
    [
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":5.0')), "malformed-entry", "entries.jsonl line 6", id="float"),
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":05')), "malformed-entry", "entries.jsonl line 6", id="leading zero"),
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":5,"seq":5')), "malformed-entry", "entries.jsonl line 6", id="key twice"),
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":' + b"9" * 5000)), "malformed-entry", "entries.jsonl line 6", id="many digits"),
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":-5')), "malformed-entry", "entries.jsonl line 6", id="negative"),
        pytest.param(edit(ENTRY, 5, (b'"seq":5', b'"seq":"5"')), "malformed-entry", "entries.jsonl line 6", id="number as text"),
        pytest.param(edit(ENTRY, 5, (b'"format":2', b'"format":3')), "malformed-entry", "entries.jsonl line 6", id="unknown format"),
        pytest.param(edit(ENTRY, 5, (b'"format":2', b'"format":1')), "malformed-entry", "entries.jsonl line 6", id="format 1 with keys of format 2"),
        pytest.param(edit(ENTRY, 5, (b",", b", ")), "malformed-entry", "entries.jsonl line 6", id="white space"),
        pytest.param(edit(ENTRY, 5, (b'"agency":"gemeente-a",', b'"agency":"",')), "malformed-entry", "entries.jsonl line 6", id="empty value"),
        pytest.param(edit(ENTRY, 5, (b"gemeente-a", b"g\\u0065meente-a")), "malformed-entry", "entries.jsonl line 6", id="escape"),
        pytest.param(edit(ENTRY, 5, (b"gemeente-a", "gemeente-а".encode())), "malformed-entry", "entries.jsonl line 6", id="a letter that looks the same"),
        pytest.param(edit(ENTRY, 5, (b"gemeente-a", b"gemeente-a\xe2\x80\x8b")), "malformed-entry", "entries.jsonl line 6", id="a space without width"),
        pytest.param(edit(ENTRY, 5, (b"gemeente-a", b"gemeente-a\0")), "malformed-entry", "entries.jsonl line 6", id="zero byte"),
        pytest.param(edit(ENTRY, 0, (b"{", b"\xef\xbb\xbf{")), "malformed-entry", "entries.jsonl line 1", id="byte order mark"),
        pytest.param(edit(ENTRY, 5, (b'"ok"', b'"refused"')), "malformed-entry", "entries.jsonl line 6", id="refused without reason"),
        pytest.param(edit(ENTRY, 5, (b"signal:consult", b"signal:list")), "changed-entry", "entry 5", id="another action"),
        pytest.param(edit(DETAIL, 3, (b"narrative", b"narr\\u0061tive")), "malformed-details", "details.jsonl line 4", id="escape in details"),
        pytest.param(edit(DETAIL, 3, (b"narrative", b"e\xcc\x81")), "malformed-details", "details.jsonl line 4", id="not composed"),
        pytest.param(edit(DETAIL, 3, (b"narrative", b"\xed\xa0\x80")), "malformed-details", "details.jsonl line 4", id="half a surrogate"),
        pytest.param(edit(DETAIL, 3, (b'"true"', b"true")), "changed-details", "entry 3", id="text as truth"),
        pytest.param(edit(DETAIL, 3, (b'"true"', b"1e5")), "malformed-details", "details.jsonl line 4", id="exponent"),
        pytest.param(edit(DETAIL, 3, (b'"true"', b"9" * 100_000)), "malformed-details", "details.jsonl line 4", id="a number without end"),
        pytest.param(edit(DETAIL, 3, (b'"true"', b"[" * 100_000)), "malformed-details", "details.jsonl line 4", id="lists without end"),
        pytest.param(edit(DETAIL, 3, (b'"true"', b'"' + b"x" * 1_200_000 + b'"')), "malformed-details", "details.jsonl line 4", id="longer than allowed"),
    ],
)  # fmt: skip
def test_another_spelling_is_found_in_its_place(
    exported: Path, tamper: Callable[[Path], None], kind: str, at: str
) -> None:
    tamper(exported)
    assert (kind, at) in found(verify(exported, public_key=KEY))


def test_details_of_another_entry_with_their_own_salt_are_found(exported: Path) -> None:
    lines = detail_lines(exported)
    lines[3] = lines[2].replace(b'"seq":2}', b'"seq":3}')
    put_lines(exported, bundle.DETAILS, lines)
    assert ("changed-details", "entry 3") in found(verify(exported, public_key=KEY))


def test_leaf_hashes_moved_by_one_are_found_at_each_entry(exported: Path) -> None:
    raw = (exported / bundle.LEAVES).read_bytes()
    put(exported, bundle.LEAVES, raw[32:] + raw[:32])
    report = verify(exported, public_key=KEY)
    assert {at for kind, at in found(report) if kind == "changed-leaf"} == {f"entry {seq}" for seq in range(SIZE)}
    put(exported, bundle.LEAVES, raw[1:] + raw[:1])
    assert ("changed-leaf", "entry 0") in found(verify(exported, public_key=KEY))


def test_one_inserted_back_in_time_is_found(exported: Path) -> None:
    lines = entry_lines(exported)
    put_lines(
        exported, bundle.ENTRIES, [*lines[:20], seal(20, recorded_at=START, occurred_at=START).entry_bytes, *lines[20:]]
    )
    assert {("time-backwards", "entry 20"), ("repeated-entry", "entry 20")} <= found(verify(exported, public_key=KEY))


def format_1(seq: int) -> Sealed:
    honest = seal(seq)
    old = {name: getattr(honest.entry, name) for name in (
        "seq recorded_at occurred_at action outcome reason actor agency role channel strength object_type object trace_id "
        "details_commitment"
    ).split()}  # fmt: skip
    raw = canonical_bytes(old | {"format": 1})
    return Sealed(honest.entry, raw, honest.details_bytes, honest.salt, leaf_hash(raw))


def test_a_log_may_begin_with_format_1_and_everything_in_it_is_checked(tmp_path: Path) -> None:
    log = [format_1(one.entry.seq) if one.entry.seq < 12 else one for one in sample_log()]
    directory = export(tmp_path / "old", log, checkpoints=sign_at(log, SIGNED_AT))
    assert verify(directory, public_key=KEY).findings == ()
    lines = entry_lines(directory)
    lines[3] = change(lines[3], actor="p-9")
    put_lines(directory, bundle.ENTRIES, lines)
    assert ("changed-entry", "entry 3") in found(verify(directory, public_key=KEY))


def test_format_1_after_format_2_is_found_although_signed(tmp_path: Path) -> None:
    log = [format_1(one.entry.seq) if one.entry.seq in {3, 15, 20} else one for one in sample_log()]
    directory = export(tmp_path / "old", log, checkpoints=sign_at(log, SIGNED_AT))
    report = verify(directory, public_key=KEY)
    assert found(report) == {
        ("format-backwards", "entry 15"),
        ("format-backwards", "entry 20"),
        ("format-backwards", "entry 3"),
    }


def test_a_signed_commitment_to_other_details_is_found(tmp_path: Path) -> None:
    log = sample_log()
    honest = log[9]
    raw = change(honest.entry_bytes, details_commitment=commit(b"{}", honest.salt))
    log[9] = Sealed(honest.entry, raw, honest.details_bytes, honest.salt, leaf_hash(raw))
    directory = export(tmp_path / "x", log, checkpoints=sign_at(log, SIGNED_AT))
    assert found(verify(directory, public_key=KEY)) == {("changed-details", "entry 9")}


# --- traps: large, sparse, endless


class CountedFile(io.FileIO):
    """Counts the bytes that are read from it, however they are asked for."""

    taken = 0

    def readinto(self, buffer: Any, /) -> int:
        got = super().readinto(buffer) or 0
        self.taken += got
        return got

    def readall(self) -> bytes:
        got = super().readall()
        self.taken += len(got)
        return got

    def read(self, size: int | None = -1, /) -> bytes:
        got = super().read(size) or b""
        self.taken += len(got)
        return got


@pytest.mark.parametrize(
    "name", [bundle.ENTRIES, bundle.DETAILS, bundle.LEAVES, bundle.MANIFEST, bundle.KEY, "checkpoints/0001.txt"]
)
@pytest.mark.parametrize("where", ["instead", "behind"])
def test_a_file_that_is_mostly_nothing_is_a_finding_and_is_not_read(
    exported: Path, name: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a file of a terabyte, of which nothing but the beginning was ever written
    path = exported / name
    if where == "instead":
        path.write_bytes(b"")
    os.truncate(path, 1 << 40)
    files: list[CountedFile] = []

    def open_counted(reader: Reader, name: str) -> BinaryIO:
        files.append(CountedFile(reader.directory / name))
        return io.BufferedReader(files[-1])

    monkeypatch.setattr(Reader, "open", open_counted)
    report = verify(exported, public_key=KEY)
    assert any(one.at == name and one.kind in {"sparse-file", "too-long"} for one in report.findings), report.findings
    # What was written is a few thousand bytes; the rest of the terabyte would take days.
    assert 0 < sum(file.taken for file in files) < 1 << 20


@pytest.mark.parametrize("name", [bundle.ENTRIES, bundle.DETAILS])
def test_a_line_of_many_megabytes_costs_no_memory(exported: Path, name: str) -> None:
    lines = (exported / name).read_bytes().splitlines(keepends=True)
    with (exported / name).open("wb") as file:
        file.writelines(lines[:4])
        for _ in range(200):
            file.write(b"9" * (1 << 20))
        file.writelines([b"\n", *lines[4:]])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kind = {bundle.ENTRIES: "malformed-entry", bundle.DETAILS: "malformed-details"}[name]
    assert (kind, f"{name} line 5") in found(verify(exported, public_key=KEY))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000
