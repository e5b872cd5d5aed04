"""An export of a part: the chosen entries, each proven, and nothing of the others but a hash."""

import shutil
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from log_samples import (
    KEY,
    ORIGIN,
    SIGNED_AT,
    SIGNER,
    START,
    change,
    detail_lines,
    entry_lines,
    put_lines,
    seal,
    sign_at,
)

from audit import bundle
from audit.bundle_format import Selection
from audit.canonical import canonical_bytes
from audit.entry import Sealed
from audit.errors import BadBundle
from audit.merkle import leaf_hash
from audit.note import sign_text
from audit.verify import Report, verify

LOG = [seal(seq, agency=f"agency-{seq % 3}") for seq in range(24)]
OF_AGENCY = Selection(agency="agency-1")
OF_PERIOD = Selection(from_ms=START + 3000, until_ms=START + 7000)  # entries 6 to 13


def part(directory: Path, selection: Selection, chosen: list[Sealed] | None = None) -> Path:
    entries = [one for one in LOG if selection.chooses(one.entry)] if chosen is None else chosen
    bundle.write(
        directory,
        records=[bundle.Record(one.entry_bytes, one.details_bytes, one.salt, one.entry.seq) for one in entries],
        checkpoints=sign_at(LOG, SIGNED_AT),
        signers=[SIGNER],
        created_at=START + 10**6,
        selection=selection,
        leaves=(one.leaf_hash for one in LOG),
    )
    return directory


@pytest.fixture(scope="module")
def of_agency(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part(tmp_path_factory.mktemp("part") / "agency", OF_AGENCY)


@pytest.fixture(scope="module")
def of_period(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return part(tmp_path_factory.mktemp("part") / "period", OF_PERIOD)


def found(report: Report) -> set[tuple[str, str]]:
    return {(one.kind, one.at) for one in report.findings}


@pytest.mark.parametrize(
    ("selection", "entries"),
    [
        (OF_AGENCY, 8),
        (OF_PERIOD, 8),
        (Selection(from_ms=START + 3000), 18),
        (Selection(until_ms=START + 3000), 6),
        (Selection(START + 3000, START + 7000, "agency-1"), 3),
        (Selection(agency="nobody"), 0),
    ],
)
def test_a_part_is_proven_against_the_whole_tree(tmp_path: Path, selection: Selection, entries: int) -> None:
    made = part(tmp_path / "x", selection)
    report = verify(made, public_key=KEY, checkpoints=sign_at(LOG, SIGNED_AT))
    assert report.findings == ()
    assert (report.entries, report.details, report.size, report.held) == (entries, entries, 24, 3)
    assert bundle.parse_manifest((made / bundle.MANIFEST).read_bytes()).selection == selection


def test_nothing_of_the_others_leaves_the_house(of_agency: Path) -> None:
    everything = b"".join(path.read_bytes() for path in of_agency.rglob("*") if path.is_file())
    assert b"agency-1" in everything
    assert b"agency-0" not in everything
    assert b"S-0003" not in everything


def edit(number: int, **values: object) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        lines = entry_lines(directory)
        lines[number] = change(lines[number], **values)
        put_lines(directory, bundle.ENTRIES, lines)

    return tamper


def lines_of(name: str, arrange: Callable[[list[bytes]], list[bytes]]) -> Callable[[Path], None]:
    return lambda directory: put_lines(directory, name, arrange((directory / name).read_bytes().splitlines()))


def change_leaf(number: int) -> Callable[[Path], None]:
    def tamper(directory: Path) -> None:
        raw = bytearray((directory / bundle.LEAVES).read_bytes())
        raw[32 * number] ^= 1
        (directory / bundle.LEAVES).write_bytes(raw)

    return tamper


def cut_leaves(length: int) -> Callable[[Path], None]:
    return lambda directory: (
        (directory / bundle.LEAVES).write_bytes((directory / bundle.LEAVES).read_bytes()[:length]) and None
    )


TAMPERED = [
    pytest.param(edit(2, actor="p-9"), "changed-entry", "entry 7", id="changed field"),
    pytest.param(edit(2, seq=5), "changed-entry", "entry 5", id="another number"),
    pytest.param(edit(2, seq=99), "unproven-entry", "entry 99", id="a number that is not there"),
    pytest.param(edit(2, recorded_at=1), "time-backwards", "entry 7", id="back-dated"),
    pytest.param(edit(2, extra="x"), "malformed-entry", "entries.jsonl line 3", id="field added"),
    pytest.param(lines_of(bundle.ENTRIES, lambda all_: [*all_, LOG[23].entry_bytes]), "not-chosen", "entry 23", id="another's entry"),
    pytest.param(lines_of(bundle.ENTRIES, lambda all_: [all_[1], all_[0], *all_[2:]]), "misplaced-entry", "entry 1", id="swapped"),
    pytest.param(lines_of(bundle.ENTRIES, lambda all_: [all_[0], *all_]), "repeated-entry", "entry 1", id="twice"),
    pytest.param(lines_of(bundle.ENTRIES, lambda all_: all_[1:]), "wrong-count", "entries", id="one left out"),
    pytest.param(lines_of(bundle.DETAILS, lambda all_: [all_[0], *all_[2:]]), "changed-file", bundle.DETAILS, id="details left out"),
    pytest.param(lines_of(bundle.DETAILS, lambda all_: [change(all_[0], salt="0" * 64), *all_[1:]]), "changed-details", "entry 1", id="salt"),
    pytest.param(change_leaf(7), "changed-entry", "entry 7", id="leaf of a chosen entry"),
    pytest.param(change_leaf(9), "changed-tree", "checkpoints/0002.txt", id="leaf of another entry"),
    pytest.param(cut_leaves(32 * 20), "missing-entry", "entries 20..23", id="leaves cut off"),
    pytest.param(cut_leaves(32 * 20 + 7), "wrong-count", bundle.LEAVES, id="leaves cut in the middle"),
]  # fmt: skip


@pytest.mark.parametrize(("tamper", "kind", "at"), TAMPERED)
def test_tampering_with_a_part_is_found(
    of_agency: Path, tmp_path: Path, tamper: Callable[[Path], None], kind: str, at: str
) -> None:
    directory = Path(shutil.copytree(of_agency, tmp_path / "x"))
    tamper(directory)
    assert (kind, at) in found(verify(directory, public_key=KEY))


@pytest.mark.parametrize(
    ("selection", "left_out", "place"),
    [
        (OF_PERIOD, {8, 9}, "entries 8..9"),
        (Selection(until_ms=START + 7000), {0}, "entry 0"),
        (Selection(from_ms=START + 3000), {22, 23}, "entries 22..23"),
    ],
)
def test_an_honest_key_cannot_leave_an_entry_out_of_a_period(
    tmp_path: Path, selection: Selection, left_out: set[int], place: str
) -> None:
    # Given a part that the program itself signed without entries that belong to it
    chosen = [one for one in LOG if selection.chooses(one.entry) and one.entry.seq not in left_out]
    report = verify(part(tmp_path / "x", selection, chosen), public_key=KEY)
    assert found(report) == {("missing-entry", place)}


def test_a_signed_part_with_an_entry_outside_it_is_found(tmp_path: Path) -> None:
    report = verify(part(tmp_path / "x", OF_AGENCY, [LOG[1], LOG[2], LOG[4]]), public_key=KEY)
    assert found(report) == {("not-chosen", "entry 2")}


def test_no_flipped_bit_in_a_part_is_overlooked(of_period: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(of_period, tmp_path / "x"))
    for path in sorted(file for file in directory.rglob("*") if file.is_file()):
        honest = path.read_bytes()
        for at in range(0, len(honest), max(1, len(honest) // 60)):
            path.write_bytes(honest[:at] + bytes([honest[at] ^ 1 << at % 8]) + honest[at + 1 :])
            assert not verify(directory, public_key=KEY).ok, f"{path.name} byte {at}"
        path.write_bytes(honest)


@pytest.mark.parametrize(
    "selection",
    [b"{}", b'{"agency":""}', b'{"agency":"a b"}', b'{"agency":5}', b'{"from":-1}', b'{"from":1.0}', b'{"from":"1"}', b'{"until":null}',
     b'{"agency":"agency-1","more":1}', b"[]", b"null"],
)  # fmt: skip
def test_a_strange_selection_is_a_finding(of_agency: Path, tmp_path: Path, selection: bytes) -> None:
    directory = Path(shutil.copytree(of_agency, tmp_path / "x"))
    path = directory / bundle.MANIFEST
    raw = path.read_bytes().replace(b'{"agency":"agency-1"}', selection)
    path.write_bytes(raw)
    # Even when it was signed
    (directory / bundle.SIGNATURE).write_text(sign_text(bundle.signature_text(ORIGIN, raw), SIGNER))
    assert ("bad-manifest", bundle.MANIFEST) in found(verify(directory, public_key=KEY))


def test_leaves_come_with_a_selection_only(tmp_path: Path) -> None:
    for selection, leaves in ((OF_AGENCY, None), (None, [])):
        with pytest.raises(BadBundle):
            bundle.write(
                tmp_path / "x",
                records=[],
                checkpoints=[],
                signers=[SIGNER],
                created_at=1,
                selection=selection,
                leaves=leaves,
            )


def test_an_export_of_version_1_still_verifies(pristine: Path, tmp_path: Path) -> None:
    directory = Path(shutil.copytree(pristine, tmp_path / "x"))
    path = directory / bundle.MANIFEST
    said = bundle.parse_manifest(path.read_bytes())
    old = canonical_bytes(
        {"format": "signaltable-audit-bundle/1", "origin": said.origin, "created_at": said.created_at, "entries": said.entries,
         "details": said.details, "checkpoints": said.checkpoints, "root": said.root,
         "files": {name: {"bytes": one.bytes, "sha256": one.sha256} for name, one in said.files.items()}}
    ) + b"\n"  # fmt: skip
    path.write_bytes(old)
    text = f"signaltable-audit-bundle/1\n{ORIGIN}\n{sha256(old).hexdigest()}\n"
    (directory / bundle.SIGNATURE).write_text(sign_text(text, SIGNER))
    assert verify(directory, public_key=KEY).findings == ()
    # And what is signed for one version does not count for the other
    (directory / bundle.SIGNATURE).write_text(sign_text(text.replace("bundle/1", "bundle/2"), SIGNER))
    assert found(verify(directory, public_key=KEY)) == {("bad-signature", bundle.SIGNATURE)}


def test_the_leaf_of_every_entry_is_there(of_agency: Path) -> None:
    assert (of_agency / bundle.LEAVES).read_bytes() == b"".join(leaf_hash(one.entry_bytes) for one in LOG)
    assert len(detail_lines(of_agency)) == 8
