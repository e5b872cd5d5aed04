"""What somebody can do to an export, and that it is found, with kind and place.

Three people tamper here: one edits a file; one also makes hashes, counts and manifest fit (everything that needs no
key); one has the key of the log too, and is found only by what others kept.
"""

import os
import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_samples import (
    DESTROYED,
    ERASED_BY,
    KEY,
    ORIGIN,
    SIGNED_AT,
    SIGNER,
    SIZE,
    STRANGER,
    change,
    cover_up,
    detail_lines,
    entry_lines,
    erasing,
    export,
    put_lines,
    sample_log,
    seal,
    sign_at,
)

from audit import bundle
from audit.canonical import canonical_bytes
from audit.errors import BadBundle
from audit.findings import MAX_PER_KIND
from audit.merkle import leaf_hash
from audit.note import sign_text
from audit.verify import Report, verify


def kinds(report: Report) -> set[str]:
    return {finding.kind for finding in report.findings}


def places(report: Report, kind: str) -> set[str]:
    return {finding.at for finding in report.findings if finding.kind == kind}


# --- an honest export


def test_an_honest_export_has_no_findings(exported: Path) -> None:
    report = verify(exported, public_key=KEY, checkpoints=sign_at(sample_log(), SIGNED_AT))
    assert report.findings == ()
    assert report.ok
    assert (report.entries, report.size, report.checkpoints, report.held) == (SIZE, SIZE, 3, 3)
    assert (report.details, report.destroyed) == (SIZE - len(DESTROYED), len(DESTROYED))
    assert (report.key_source, report.origin) == ("given", ORIGIN)
    assert report.fingerprint == sha256((exported / bundle.KEY).read_bytes()).hexdigest()


def test_without_a_given_key_the_report_says_so(exported: Path) -> None:
    report = verify(exported)
    assert report.ok
    assert report.key_source == "bundle"


def test_an_empty_log_can_be_exported(tmp_path: Path) -> None:
    report = verify(export(tmp_path / "empty", [], checkpoints=sign_at([], [0])), public_key=KEY)
    assert report.ok
    assert report.entries == 0


def test_all_details_may_be_destroyed(tmp_path: Path) -> None:
    log = [*sample_log(SIZE - 1), erasing(SIZE - 1, range(SIZE - 1))]
    log[7], log[15] = (seal(seq, action="signal:consult", details={"signal": "S"}) for seq in (7, 15))
    report = verify(export(tmp_path / "bare", log, destroyed=frozenset(range(SIZE - 1))), public_key=KEY)
    assert report.ok
    assert (report.details, report.destroyed) == (1, SIZE - 1)


@pytest.mark.parametrize("line_by_line", [False, True])
def test_details_that_went_without_a_word_of_the_log_are_found(tmp_path: Path, line_by_line: bool) -> None:
    directory = export(tmp_path / "emptied", sample_log(), destroyed=DESTROYED | {12, 23})
    report = verify(directory, public_key=KEY, line_by_line=line_by_line)
    assert [(one.kind, one.at) for one in report.findings] == [
        ("missing-details", "entry 12"),
        ("missing-details", "entry 23"),
    ]


@pytest.mark.parametrize("line_by_line", [False, True])
def test_details_that_are_there_and_were_destroyed_are_found(tmp_path: Path, line_by_line: bool) -> None:
    directory = export(tmp_path / "restored", sample_log(), destroyed=DESTROYED - {11})
    report = verify(directory, public_key=KEY, line_by_line=line_by_line)
    assert [(one.kind, one.at) for one in report.findings] == [("restored-details", "entry 11")]


@pytest.mark.parametrize(
    "told",
    [
        {"details": {"rule": "r", "count": 1}},
        {"details": {"rule": "r", "count": 1, "entries": [[20, 20], [5], "5", [6, 5], [True, 5], [-1, 4]]}},
        {"outcome": "refused", "reason": "not-due"},
        {"action": "retention:overdue", "details": {"rule": "r", "count": 1}},
    ],
)
def test_an_entry_that_destroys_nothing_excuses_nothing(tmp_path: Path, told: dict[str, object]) -> None:
    log = sample_log()
    details = {"rule": "r", "count": 1, "entries": [[5, 5]]}
    log[ERASED_BY] = seal(ERASED_BY, **{"action": "retention:erase", "details": details} | told)
    report = verify(export(tmp_path / "x", log, destroyed=frozenset({5})), public_key=KEY)
    assert ("missing-details", "entry 5") in {(one.kind, one.at) for one in report.findings}


def test_an_erasure_excuses_only_what_was_before_it(tmp_path: Path) -> None:
    log = sample_log()
    details = {"rule": "r", "count": 1, "entries": [[5, 2**53 - 1]]}
    log[ERASED_BY] = seal(ERASED_BY, action="retention:erase", details=details)
    report = verify(export(tmp_path / "x", log, destroyed=frozenset({*range(5, ERASED_BY), 18})), public_key=KEY)
    assert ("missing-details", "entry 18") in {(one.kind, one.at) for one in report.findings}
    assert {one.at for one in report.findings if one.kind == "missing-details"} == {"entry 18"}


def test_only_the_owner_can_read_an_export(exported: Path, pristine: Path) -> None:
    assert pristine.stat().st_mode & 0o077 == 0
    assert all(path.stat().st_mode & 0o077 == 0 for path in pristine.rglob("*"))


def test_the_writer_leaves_a_used_directory_alone(exported: Path) -> None:
    with pytest.raises(BadBundle):
        export(exported, sample_log())
    assert verify(exported, public_key=KEY).ok


def test_the_writer_streams(tmp_path: Path) -> None:
    alive = 0

    def records() -> object:
        nonlocal alive
        for one in sample_log():
            alive += 1
            yield bundle.Record(one.entry_bytes, one.details_bytes, one.salt)
            # The record before this one is on its way to the file, not in a list.
            assert alive <= SIZE

    made = bundle.write(
        tmp_path / "x",
        records=records(),
        checkpoints=iter(sign_at(sample_log(), SIGNED_AT)),
        signers=[SIGNER],
        created_at=1,
    )
    assert (made.entries, made.details, made.checkpoints) == (SIZE, SIZE, 3)


# --- tampering: what was done, and which kind must be found where


def edit_entry(number: int, **values: object) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        lines = entry_lines(directory)
        lines[number] = change(lines[number], **values)
        put_lines(directory, bundle.ENTRIES, lines)

    return tamper


def edit_details(line_number: int, **values: object) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        lines = detail_lines(directory)
        lines[line_number] = change(lines[line_number], **values)
        put_lines(directory, bundle.DETAILS, lines)

    return tamper


def rearrange(name: str, arrange: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        put_lines(directory, name, arrange((directory / name).read_bytes().splitlines()))

    return tamper


def without(*numbers: int) -> Callable[[list[bytes]], list[bytes]]:
    return lambda lines: [line for number, line in enumerate(lines) if number not in numbers]


def swapped(one: int, two: int) -> Callable[[list[bytes]], list[bytes]]:
    def arrange(lines: list[bytes]) -> list[bytes]:
        lines[one], lines[two] = lines[two], lines[one]
        return lines

    return arrange


def swap_contents(lines: list[bytes]) -> list[bytes]:
    """Exchange the details of entries 3 and 4, so that each line still stands in its place."""
    lines[3], lines[4] = (
        lines[4].replace(b'"seq":4}', b'"seq":3}'),
        lines[3].replace(b'"seq":3}', b'"seq":4}'),
    )
    return lines


def renumber(lines: list[bytes]) -> list[bytes]:
    return [change(line, seq=number) for number, line in enumerate(lines)]


def forged(seq: int) -> bytes:
    return seal(seq, actor="p-forged").entry_bytes


def drop_tail(directory: Path) -> None:
    """The newest entries and the checkpoint that covers them, with nothing left that speaks of either."""
    put_lines(directory, bundle.ENTRIES, entry_lines(directory)[:16])
    put_lines(directory, bundle.DETAILS, detail_lines(directory)[:14])
    (directory / bundle.checkpoint_name(3)).unlink()


def drop_checkpoint(number: int) -> Callable[[Path], None]:
    return lambda directory: (directory / bundle.checkpoint_name(number)).unlink()


def close_the_gap(directory: Path) -> None:
    """Take away the second checkpoint and give its number to the third."""
    (directory / bundle.checkpoint_name(3)).rename(directory / bundle.checkpoint_name(2))


def put_checkpoint(number: int, note: str) -> Callable[[Path], None]:
    return lambda directory: (directory / bundle.checkpoint_name(number)).write_text(note) and None


def swap_checkpoints(directory: Path) -> None:
    one, two = (directory / bundle.checkpoint_name(number) for number in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)


OTHER_NOTES = sign_at(sample_log(history="other"), SIGNED_AT)

TAMPERED = [
    pytest.param(edit_entry(3, actor="p-9"), "changed-entry", "entry 3", id="changed field"),
    pytest.param(edit_entry(3, outcome="error", reason="x"), "changed-entry", "entry 3", id="changed outcome"),
    pytest.param(edit_entry(3, seq=300), "missing-entry", "entries 24..299", id="changed number"),
    pytest.param(edit_entry(3, recorded_at=1), "time-backwards", "entry 3", id="back-dated"),
    pytest.param(edit_entry(3, recorded_at=2**42), "time-backwards", "entry 4", id="dated forward"),
    pytest.param(edit_entry(3, extra="x"), "malformed-entry", "entries.jsonl line 4", id="field added"),
    pytest.param(edit_entry(3, action="signal:forget"), "not-in-vocabulary", "entry 3", id="unknown action"),
    pytest.param(edit_details(3, details={"signal": "S-9999"}), "changed-details", "entry 3", id="changed detail"),
    pytest.param(edit_details(3, salt="00" * 32), "changed-details", "entry 3", id="changed salt"),
    pytest.param(edit_details(3, salt="00"), "malformed-details", "details.jsonl line 4", id="cut salt"),
    pytest.param(
        edit_details(3, details="x"), "malformed-details", "details.jsonl line 4", id="details of another type"
    ),
    pytest.param(rearrange(bundle.DETAILS, swap_contents), "changed-details", "entry 4", id="details swapped"),
    pytest.param(
        rearrange(bundle.DETAILS, swapped(3, 4)),
        "misplaced-details",
        "details.jsonl line 5",
        id="details lines swapped",
    ),
    pytest.param(
        rearrange(bundle.DETAILS, lambda lines: [*lines[:4], lines[3], *lines[4:]]),
        "misplaced-details",
        "details.jsonl line 5",
        id="details twice",
    ),
    pytest.param(rearrange(bundle.DETAILS, without(3)), "changed-file", bundle.DETAILS, id="details taken away"),
    pytest.param(
        rearrange(bundle.DETAILS, lambda lines: [*lines, change(lines[0], seq=99)]),
        "orphan-details",
        "entry 99",
        id="details of nothing",
    ),
    pytest.param(rearrange(bundle.ENTRIES, without(12)), "missing-entry", "entry 12", id="deleted in the middle"),
    pytest.param(rearrange(bundle.ENTRIES, without(3, 4, 9)), "missing-entry", "entries 3..4", id="deleted three"),
    pytest.param(rearrange(bundle.ENTRIES, without(0)), "missing-entry", "entry 0", id="deleted the first"),
    pytest.param(
        rearrange(bundle.ENTRIES, without(22, 23)), "missing-entry", "entries 22..23", id="deleted at the end"
    ),
    pytest.param(rearrange(bundle.ENTRIES, swapped(3, 4)), "misplaced-entry", "entry 3", id="swapped neighbours"),
    pytest.param(rearrange(bundle.ENTRIES, swapped(3, 20)), "misplaced-entry", "entry 3", id="swapped far apart"),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [*lines[:4], lines[3], *lines[4:]]),
        "repeated-entry",
        "entry 3",
        id="duplicated",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [*lines[:4], forged(3), *lines[4:]]),
        "repeated-entry",
        "entry 3",
        id="inserted under a used number",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: renumber([*lines[:4], forged(4), *lines[4:]])),
        "changed-entry",
        "entry 4",
        id="inserted and renumbered",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [*lines, forged(24)]),
        "uncovered-entry",
        "entry 24",
        id="added at the end",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [*lines[:4], b"", *lines[4:]]),
        "malformed-entry",
        "entries.jsonl line 5",
        id="empty line",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [*lines[:4], b"x" * 100_000, *lines[4:]]),
        "malformed-entry",
        "entries.jsonl line 5",
        id="very long line",
    ),
    pytest.param(
        rearrange(bundle.ENTRIES, lambda lines: [line + b"\r" for line in lines]),
        "malformed-entry",
        "entries.jsonl line 1",
        id="line ends of another system",
    ),
    pytest.param(drop_tail, "wrong-count", "entries", id="end cut off with its checkpoint"),
    pytest.param(drop_checkpoint(2), "missing-checkpoint", "entry 15", id="checkpoint removed"),
    pytest.param(drop_checkpoint(3), "uncovered-entry", "entries 16..23", id="last checkpoint removed"),
    pytest.param(close_the_gap, "missing-checkpoint", "entry 15", id="checkpoint removed, gap closed"),
    pytest.param(swap_checkpoints, "checkpoint-order", "checkpoints/0002.txt", id="checkpoints swapped"),
    pytest.param(put_checkpoint(2, OTHER_NOTES[1]), "fork", "checkpoints/0002.txt", id="checkpoint of another history"),
    pytest.param(
        put_checkpoint(3, OTHER_NOTES[2]), "changed-tree", "checkpoints/0003.txt", id="last checkpoint forked"
    ),
    pytest.param(put_checkpoint(4, OTHER_NOTES[2]), "fork", "checkpoints/0004.txt", id="two trees of one size"),
    pytest.param(
        put_checkpoint(2, sign_at(sample_log(), [16], STRANGER)[0]),
        "bad-checkpoint",
        "checkpoints/0002.txt",
        id="checkpoint signed by another key",
    ),
    pytest.param(put_checkpoint(2, ""), "bad-checkpoint", "checkpoints/0002.txt", id="empty checkpoint"),
    pytest.param(
        put_checkpoint(2, sign_text(f"{bundle.FORMAT}\n{ORIGIN}\n{'0' * 64}\n", SIGNER)),
        "bad-checkpoint",
        "checkpoints/0002.txt",
        id="signature of a manifest as checkpoint",
    ),
    pytest.param(
        lambda directory: (directory / bundle.KEY).write_text(STRANGER.verifier().to_text() + "\n"),
        "replaced-key",
        bundle.KEY,
        id="replaced key",
    ),
    pytest.param(
        lambda directory: (directory / bundle.LEAVES).write_bytes(bytes(32 * SIZE)),
        "changed-leaf",
        "entry 0",
        id="leaf hashes replaced",
    ),
    pytest.param(
        lambda directory: (directory / bundle.LEAVES).write_bytes(b""),
        "wrong-count",
        bundle.LEAVES,
        id="leaf hashes gone",
    ),
]


@pytest.mark.parametrize(("tamper", "kind", "at"), TAMPERED)
def test_tampering_is_found_in_its_place(exported: Path, tamper: Callable[[Path], None], kind: str, at: str) -> None:
    tamper(exported)
    report = verify(exported, public_key=KEY)
    assert at in places(report, kind), report.findings


@pytest.mark.parametrize(("tamper", "kind", "at"), TAMPERED)
def test_covered_up_tampering_is_found(exported: Path, tamper: Callable[[Path], None], kind: str, at: str) -> None:
    # Given somebody who makes leaf hashes, counts and manifest fit, but has no key
    tamper(exported)
    cover_up(exported)
    # When anybody verifies, with a key of their own or the one in the export
    for key in (KEY, None):
        report = verify(exported, public_key=key)
        # Then the signature over the manifest gives it away, whatever else does. The lone exception restores the
        # leaf hashes, which leaves an honest export.
        assert not report.ok or kind in {"changed-leaf", "wrong-count"}
        assert "bad-signature" in kinds(report) or kind in {"changed-leaf", "wrong-count", "replaced-key"}


def test_a_covered_up_change_is_placed_between_two_checkpoints(exported: Path) -> None:
    edit_entry(11, actor="p-9")(exported)
    cover_up(exported)
    report = verify(exported, public_key=KEY)
    assert places(report, "changed-tree") == {"checkpoints/0002.txt", "checkpoints/0003.txt"}
    assert all("entries 8..15" in finding.message for finding in report.findings if finding.kind == "changed-tree")


# --- the owner of the key tampers: only what others kept can tell


def insider_export(directory: Path, **how: object) -> Path:
    shutil.rmtree(directory)
    return export(directory, **how)


def test_a_rewritten_history_is_found_with_a_held_checkpoint(exported: Path) -> None:
    # Given an export in which one entry was changed and everything was signed again with the real key
    log = sample_log()
    log[3] = seal(3, actor="p-9")
    insider_export(exported, log=log)
    assert verify(exported, public_key=KEY).ok
    # When an agency adds the checkpoint that it kept
    report = verify(exported, public_key=KEY, checkpoints=sign_at(sample_log(), [8]))
    # Then that is a fork
    assert kinds(report) == {"fork"}
    assert places(report, "fork") == {"held checkpoint 1"}


def test_an_old_state_is_found_with_a_held_checkpoint(exported: Path) -> None:
    # Given a restored backup: the first 16 entries, honestly signed
    insider_export(exported, log=sample_log(16))
    assert verify(exported, public_key=KEY).ok
    # When the agency holds a checkpoint of later
    report = verify(exported, public_key=KEY, checkpoints=sign_at(sample_log(), [8, 24]))
    # Then the export is older than what was signed
    assert [(finding.kind, finding.at) for finding in report.findings] == [("older-than-held", "held checkpoint 2")]


def test_a_removed_checkpoint_is_found_with_a_held_one(exported: Path) -> None:
    log = [seal(seq, details={"signal": "S-1"}, action="signal:consult") for seq in range(SIZE)]
    log[ERASED_BY] = erasing(ERASED_BY, DESTROYED)
    insider_export(exported, log=log, checkpoints=sign_at(log, [8, 24]))
    report = verify(exported, public_key=KEY, checkpoints=sign_at(log, [16]))
    assert [(finding.kind, finding.at) for finding in report.findings] == [("missing-checkpoint", "held checkpoint 1")]


def test_a_removed_checkpoint_is_found_because_the_log_speaks_of_it(exported: Path) -> None:
    insider_export(exported, log=sample_log(), checkpoints=sign_at(sample_log(), [8, 24]))
    report = verify(exported, public_key=KEY)
    assert [(finding.kind, finding.at) for finding in report.findings] == [("missing-checkpoint", "entry 15")]


def test_a_wholly_new_key_is_found_with_the_old_one(exported: Path) -> None:
    insider_export(exported, log=sample_log(), signer=STRANGER)
    report = verify(exported, public_key=KEY)
    assert {"replaced-key", "bad-signature", "bad-checkpoint", "no-checkpoint"} <= kinds(report)
    report = verify(exported, checkpoints=sign_at(sample_log(), [8]))
    assert kinds(report) == {"bad-held-checkpoint"}


def test_an_export_made_before_the_last_checkpoint_says_what_is_not_covered(exported: Path) -> None:
    insider_export(exported, log=sample_log(), checkpoints=sign_at(sample_log(), [8, 16]))
    report = verify(exported, public_key=KEY)
    assert places(report, "uncovered-entry") == {"entries 16..23"}


def test_a_clock_that_ran_back_is_found_although_signed(exported: Path) -> None:
    log = sample_log()
    log[9] = seal(9, recorded_at=5, occurred_at=5)
    insider_export(exported, log=log)
    report = verify(exported, public_key=KEY)
    assert [(finding.kind, finding.at) for finding in report.findings] == [("time-backwards", "entry 9")]


def test_undeclared_details_are_found_although_signed(exported: Path) -> None:
    # Given an entry with a detail that its action does not declare, made by another program with the real key
    from audit.entry import Sealed, commit

    honest = seal(9)
    details = canonical_bytes({"signal": "S-1", "name": "x"})
    raw = change(honest.entry_bytes, details_commitment=commit(details, honest.salt))
    log = sample_log()
    log[9] = Sealed(honest.entry, raw, details, honest.salt, leaf_hash(raw))
    insider_export(exported, log=log)
    report = verify(exported, public_key=KEY)
    assert [(finding.kind, finding.at) for finding in report.findings] == [("not-in-vocabulary", "entry 9")]


@pytest.mark.parametrize("root", ["0" * 64, ["x"], {"x": 1}, 5, ""])
def test_a_root_that_the_log_announces_must_be_the_signed_one(exported: Path, root: object) -> None:
    log = sample_log()
    log[15] = seal(15, action="checkpoint:sign", details={"size": 8, "root": root})
    insider_export(exported, log=log)
    assert places(verify(exported, public_key=KEY), "missing-checkpoint") == {"entry 15"}


# --- files that are not what they should be


@pytest.mark.parametrize("name", ["entries.jsonl", "details.jsonl", "leaves.bin", "public-key.txt", "manifest.json",
                                  "manifest.sig", "checkpoints/0001.txt", "checkpoints/0003.txt"])  # fmt: skip
@pytest.mark.parametrize("what", ["gone", "empty", "directory", "symlink", "pipe", "half", "garbage"])
def test_a_spoilt_file_is_a_finding(exported: Path, name: str, what: str) -> None:
    path = exported / name
    raw = path.read_bytes()
    path.unlink()
    match what:
        case "empty":
            path.touch()
        case "directory":
            path.mkdir()
        case "symlink":
            (exported.parent / "elsewhere").write_bytes(raw)
            path.symlink_to(exported.parent / "elsewhere")
        case "pipe":
            os.mkfifo(path)
        case "half":
            path.write_bytes(raw[: len(raw) // 2])
        case "garbage":
            path.write_bytes(bytes(range(256)) * 40)
    for key in (KEY, None):
        report = verify(exported, public_key=key)
        assert any(name in finding.at for finding in report.findings), report.findings


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_files_that_may_not_be_read_are_findings(exported: Path) -> None:
    for path in exported.rglob("*.*"):
        path.chmod(0)
    report = verify(exported, public_key=KEY)
    assert places(report, "unreadable-file") >= {"entries.jsonl", "details.jsonl", "leaves.bin", "checkpoints/0001.txt"}
    for mode in (0o400, 0o000):
        exported.chmod(mode)
        assert kinds(verify(exported, public_key=KEY)) >= {"missing-file", "no-checkpoint"}
    exported.chmod(0o700)


@pytest.mark.parametrize(
    "name", ["notes.txt", ".DS_Store", "checkpoints/0004.txt~", "checkpoints/x", "manifest.json.bak", "Entries.jsonl"]
)
def test_an_extra_file_is_a_finding(exported: Path, name: str) -> None:
    (exported / name).write_text("x")
    assert name in places(verify(exported, public_key=KEY), "extra-file")


def test_extra_directories_and_strange_names_are_findings(exported: Path) -> None:
    (exported / "more").mkdir()
    (exported / "\x1b[31mred").write_text("x")
    (exported / os.fsdecode(b"\xff")).write_text("x")
    found = places(verify(exported, public_key=KEY), "extra-file")
    assert found == {"more", "\\x1b[31mred", "\\udcff"}


@pytest.mark.parametrize("what", ["gone", "file", "symlink"])
def test_a_spoilt_checkpoint_directory_is_a_finding(exported: Path, what: str) -> None:
    folder = exported / bundle.CHECKPOINTS
    folder.rename(exported.parent / "elsewhere")
    if what == "file":
        folder.touch()
    if what == "symlink":
        folder.symlink_to(exported.parent / "elsewhere")
    report = verify(exported, public_key=KEY)
    assert kinds(report) & {"missing-directory", "not-a-directory"}
    assert "no-checkpoint" in kinds(report)


def test_directories_that_hold_nothing(tmp_path: Path) -> None:
    assert "missing-file" in kinds(verify(tmp_path, public_key=KEY))
    assert "missing-directory" in kinds(verify(tmp_path / "nowhere"))


def test_a_sparse_checkpoint_number_is_a_finding(exported: Path) -> None:
    (exported / bundle.checkpoint_name(3)).rename(exported / "checkpoints/000000003.txt")
    assert "checkpoints/000000003.txt" in places(verify(exported, public_key=KEY), "missing-checkpoint")


@pytest.mark.parametrize(
    "replace",
    [
        (b'"entries":24', b'"entries":24.0'),
        (b'"entries":24', b'"entries":24,"entries":24'),
        (b'"entries":24', b'"entries":"24"'),
        (b'"entries":24', b'"entries":-1'),
        (b'"entries":24', b'"entries":true'),
        (b'"entries":24', b'"entries":' + b"9" * 10_000),
        (b'"entries":24,', b""),
        (b'"files":{', b'"files":{"../../etc/passwd":{"bytes":1,"sha256":"%s"},' % (b"0" * 64)),
        (b'"files":{', b'"files":{"x":{},'),
        (b'"files":{', b'"files":[{'),
        (b'"origin":"', b'"origin":"\xc3'),
        (b"\n", b"\n\n"),
        (b"\n", b""),
        (b"{", b"[" * 100_000),
    ],
    ids=range(14),
)
def test_a_strange_manifest_is_a_finding(exported: Path, replace: tuple[bytes, bytes]) -> None:
    path = exported / bundle.MANIFEST
    path.write_bytes(path.read_bytes().replace(*replace))
    report = verify(exported, public_key=KEY)
    assert {"bad-manifest", "bad-signature"} & kinds(report)
    # And the rest was still checked.
    assert report.entries == SIZE


def test_a_given_key_that_is_no_key_is_a_finding(exported: Path) -> None:
    report = verify(exported, public_key="no key")
    assert "the given public key" in places(report, "bad-key")
    assert report.key_source == "none"


@pytest.mark.parametrize("held", ["", "x", "\udcff", OTHER_NOTES[0].replace("example", "examp1e")])
def test_a_held_checkpoint_that_is_none_is_a_finding(exported: Path, held: str) -> None:
    assert kinds(verify(exported, public_key=KEY, checkpoints=[held])) == {"bad-held-checkpoint"}


def test_many_findings_are_counted_not_listed(exported: Path) -> None:
    put_lines(exported, bundle.ENTRIES, [b"x"] * 5000)
    report = verify(exported, public_key=KEY)
    assert len([finding for finding in report.findings if finding.kind == "malformed-entry"]) == MAX_PER_KIND + 1
    assert any(finding.message.startswith("4900 more") for finding in report.findings)


def test_findings_repeat_nothing_of_what_was_written(exported: Path) -> None:
    edit_entry(3, actor="Jan Jansen")(exported)
    edit_details(4, details={"signal": "Jan Jansen", "Jan": "Jansen"})(exported)
    report = verify(exported, public_key=KEY)
    assert {"malformed-entry", "changed-details"} <= kinds(report)
    assert all("Jan" not in finding.message + finding.at for finding in report.findings)


# --- nothing anywhere may be changed unseen


def positions(length: int, wanted: int) -> range:
    return range(0, length, max(1, length // wanted))


@pytest.fixture
def small(tmp_path: Path) -> Path:
    log = [*sample_log(6), erasing(6, {5}), seal(7)]
    return export(tmp_path / "small", log, destroyed=frozenset({5}))


def test_no_flipped_bit_is_overlooked(small: Path) -> None:
    flipped = 0
    for path in sorted(file for file in small.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for at in positions(len(honest), 250):
            spoilt = bytearray(honest)
            spoilt[at] ^= 1 << (at % 8)
            path.write_bytes(spoilt)
            assert not verify(small, public_key=KEY).ok, f"{path.name} byte {at}"
            flipped += 1
        path.write_bytes(honest)
    assert flipped > 1000
    assert verify(small, public_key=KEY).ok


def test_no_flipped_bit_in_the_key_is_overlooked_without_another(small: Path) -> None:
    path = small / bundle.KEY
    honest = path.read_bytes()
    for at in range(len(honest)):
        spoilt = bytearray(honest)
        spoilt[at] ^= 1 << (at % 8)
        path.write_bytes(spoilt)
        assert not verify(small).ok, f"byte {at}"


def test_no_cut_or_addition_is_overlooked(small: Path) -> None:
    for path in sorted(file for file in small.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for spoilt in [honest[:at] for at in positions(len(honest), 20)] + [
            honest + b"\n",
            honest + b" ",
            b"\n" + honest,
        ]:
            path.write_bytes(spoilt)
            assert not verify(small, public_key=KEY).ok, f"{path.name} {len(spoilt)} of {len(honest)}"
        path.write_bytes(honest)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["entries.jsonl", "details.jsonl", "leaves.bin", "manifest.json", "checkpoints/0001.txt"]),
    begin=st.integers(0, 3000),
    length=st.integers(0, 400),
    put=st.binary(max_size=80),
)
def test_no_patch_makes_the_verification_fall_over(small: Path, name: str, begin: int, length: int, put: bytes) -> None:
    path = small / name
    honest = path.read_bytes()
    spoilt = honest[:begin] + put + honest[begin + length :]
    path.write_bytes(spoilt)
    try:
        assert verify(small, public_key=KEY).ok == (spoilt == honest)
    finally:
        path.write_bytes(honest)


def test_progress_reaches_the_end(exported: Path) -> None:
    seen: list[tuple[int, int]] = []
    verify(exported, public_key=KEY, progress=lambda done, total: seen.append((done, total)))
    length = (exported / bundle.ENTRIES).stat().st_size
    assert seen[-1] == (length, length)
