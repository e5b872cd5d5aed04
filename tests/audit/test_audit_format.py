"""A second verifier, written from audit/FORMAT.md alone: it shares no code with `audit`, so it can disagree with it."""

import base64
import json
import re
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PublicKey
from log_samples import ORIGIN, SIGNER, SIZE, START, sample_log, seal

from audit import bundle, checkpoint
from audit.bundle_format import Selection
from audit.checkpoint import Checkpoint
from audit.entry import Sealed
from audit.note import ML_DSA_44, Signer
from audit.verify import verify

# -- the second verifier: sections 1 to 8 of FORMAT.md, and nothing of `audit`

ALWAYS = (
    "format event_id seq recorded_at occurred_at action outcome channel source retention_class details_commitment"
).split()
SOMETIMES = (
    "reason actor agency role acting_for strength object_type object object_version trace_id span_id parent_span_id"
).split()
FORMAT_1 = (
    "format seq recorded_at occurred_at action outcome reason actor agency role channel strength object_type object "
    "trace_id details_commitment"
).split()
TOKEN = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.,:/+#~-]{0,127}")


def canonical(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + tree_root(leaves[:left]) + tree_root(leaves[left:])).digest()


def read_entry(raw: bytes) -> dict:
    entry = json.loads(raw)
    assert canonical(entry) == raw
    if entry["format"] == 1:
        assert sorted(entry) == sorted(FORMAT_1)
        return entry
    assert entry["format"] == 2
    assert set(ALWAYS) <= entry.keys() <= {*ALWAYS, *SOMETIMES}
    assert all(TOKEN.fullmatch(value) for value in entry.values() if isinstance(value, str))
    return entry


class Key:
    """A line of public-key.txt."""

    def __init__(self, vkey: str) -> None:
        self.name, self.key_id, encoded = vkey.split("+", 2)
        raw = base64.b64decode(encoded)
        self.kind, self.public = raw[0], raw[1:]
        self.fingerprint = sha256(vkey.encode() + b"\n").hexdigest()
        assert self.key_id == sha256(self.name.encode() + b"\n" + raw).hexdigest()[:8]
        assert len(self.public) == {1: 32, 6: 1312}[self.kind]

    def check(self, text: str, signature: bytes) -> None:
        if self.kind == 1:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
            return
        origin, size, root, rest = text.split("\n")
        assert rest == ""
        names = [bytes([len(name.encode())]) + name.encode() for name in (self.name, origin)]
        message = b"subtree/v1\n\0" + names[0] + signature[:8] + names[1] + bytes(8)
        message += int(size).to_bytes(8, "big") + base64.b64decode(root)
        MLDSA44PublicKey.from_public_bytes(self.public).verify(signature[8:], message)


def opened(note: bytes, keys: list[Key]) -> tuple[list[str], list[Key]]:
    """The text lines of a note and the keys that signed it, after checking each line of a known key."""
    text, signatures = note.decode().rsplit("\n\n", 1)
    text += "\n"
    signed_by = []
    assert signatures.endswith("\n")
    for line in signatures.removesuffix("\n").split("\n"):
        dash, name, encoded = line.split(" ")
        assert dash == "—"
        raw = base64.b64decode(encoded)
        for key in keys:
            if (key.name, key.key_id) == (name, raw[:4].hex()):
                key.check(text, raw[4:])
                signed_by.append(key)
    assert signed_by
    return text.removesuffix("\n").split("\n"), signed_by


def spread(start: Key, keys: list[Key], notes: list[tuple[int, list[Key]]], told: list[tuple[int, str, dict]]) -> dict:
    """Section 5.1: key -> (first size, last size or None), for every key that trust reaches."""
    of = {key.fingerprint: key for key in keys}
    first: dict[Key, int] = {}
    last: dict[Key, int] = {}
    ways: set[tuple[Key, Key]] = set()
    for seq, action, details in told:
        new, old = of.get(details["key_fingerprint"]), of.get(details.get("previous_fingerprint"))
        restored = details.get("cause") == "restore"
        covering = [(size, by) for size, by in notes if size > seq and new in by]
        if not covering or (new in first and not restored) or (action == "key:rotate" and old in last):
            continue
        if action == "key:make":
            ways |= {
                (one, new) for size, by in covering for one in by if one is not new and size <= last.get(one, size)
            }
        elif restored:
            ways.add((new, old))
            last[old] = seq
        else:
            last[old] = next(size for size, by in covering if old in by)
            ways |= {(old, new), (new, old)}
        first[new] = seq + 1
    reached = {start}
    for _ in keys:
        reached |= {new for old, new in ways if old in reached}
    return {key: (first.get(key, 0), last.get(key)) for key in reached}


def second_verifier(folder: Path, given: str | None = None) -> dict:
    """Everything that FORMAT.md says about a flawless export, asserted. Returns the manifest."""
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    keys = [Key(line) for line in files["public-key.txt"].decode().removesuffix("\n").split("\n")]
    manifest_bytes, signature = files.pop("manifest.json"), files.pop("manifest.sig")
    manifest = json.loads(manifest_bytes)
    assert canonical(manifest) + b"\n" == manifest_bytes
    for name, raw in files.items():
        assert manifest["files"][name] == {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}
    assert manifest["files"].keys() == files.keys()
    # Entries and their place in the tree
    leaves = [files["leaves.bin"][at : at + 32] for at in range(0, len(files["leaves.bin"]), 32)]
    entries = {}
    for line in files["entries.jsonl"].removesuffix(b"\n").split(b"\n"):
        entry = read_entry(line)
        assert leaves[entry["seq"]] == sha256(b"\0" + line).digest()
        entries[entry["seq"]] = entry
    assert list(entries) == sorted(entries)
    assert (manifest["entries"], manifest["size"]) == (len(entries), len(leaves))
    assert tree_root(leaves).hex() == manifest["root"]
    chosen = manifest.get("selection")
    for entry in entries.values():
        of_key = entry.get("object_type") == "log" and entry["action"] in {"key:make", "key:rotate", "key:destroy"}
        assert of_key or chosen is None or is_chosen(entry, chosen)
    # Details
    told = []
    for line in files["details.jsonl"].splitlines():
        item = json.loads(line)
        assert canonical(item) == line
        committed = sha256(b"signaltable/audit/details/v1\n" + bytes.fromhex(item["salt"]) + canonical(item["details"]))
        entry = entries[item["seq"]]
        assert committed.hexdigest() == entry["details_commitment"]
        if entry["action"] in {"key:make", "key:rotate"} and item["details"]["purpose"] == "log":
            told.append((item["seq"], entry["action"], item["details"]))
    # Keys and checkpoints
    notes = [files[f"checkpoints/{number:04d}.txt"] for number in range(1, manifest["checkpoints"] + 1)]
    read = [opened(note, keys) for note in notes]
    start = next(key for key in keys if given is None or key.fingerprint == given) if given else keys[-1]
    spans = spread(start, keys, [(int(lines[1]), by) for lines, by in read], told)
    assert spans.keys() == set(keys)
    for (origin, size, root), by in read:
        assert origin == manifest["origin"]
        assert base64.b64decode(root) == tree_root(leaves[: int(size)])
        assert any(spans[key][0] <= int(size) <= (spans[key][1] or len(leaves)) for key in by)
    text, by = opened(signature, [key for key in keys if spans[key][1] is None and key.kind == 1])
    assert text == ["signaltable-audit-bundle/2", manifest["origin"], sha256(manifest_bytes).hexdigest()]
    return manifest


def is_chosen(entry: dict, selection: dict) -> bool:
    return selection.get("from", 0) <= entry["recorded_at"] < selection.get("until", 2**53) and selection.get(
        "agency", entry.get("agency")
    ) == entry.get("agency")


# -- what it says about exports that `audit` wrote


def test_a_second_verifier_agrees(pristine: Path) -> None:
    assert second_verifier(pristine)["entries"] == SIZE


NEW = Signer(ORIGIN, b"2" * 32)
OTHER_KIND = Signer(ORIGIN, b"4" * 32, ML_DSA_44)
NEW_OTHER_KIND = Signer(ORIGIN, b"5" * 32, ML_DSA_44)
KEYS = [signer.verifier() for signer in (SIGNER, OTHER_KIND, NEW, NEW_OTHER_KIND)]


def rotated_log() -> list[Sealed]:
    """The sample log, in which a second algorithm comes and both keys are replaced."""
    told = {
        0: ("key:make", SIGNER, None),
        9: ("key:make", OTHER_KIND, None),
        17: ("key:rotate", NEW, SIGNER),
        18: ("key:rotate", NEW_OTHER_KIND, OTHER_KIND),
    }
    log = sample_log(destroyed=frozenset())
    for seq, (action, new, old) in told.items():
        details = {"purpose": "log", "key_fingerprint": new.verifier().fingerprint}
        if old:
            details["previous_fingerprint"] = old.verifier().fingerprint
        log[seq] = seal(seq, action=action, agency="system", object_type="log", object="", details=details)
    return log


def rotated_notes(log: list[Sealed]) -> list[str]:
    signers = {
        8: [SIGNER],
        16: [SIGNER, OTHER_KIND],
        20: [SIGNER, OTHER_KIND, NEW, NEW_OTHER_KIND],
        24: [NEW, NEW_OTHER_KIND],
    }
    leaves = [sealed.leaf_hash for sealed in log]
    return [
        checkpoint.sign(Checkpoint(ORIGIN, size, tree_root(leaves[:size])), *keys, timestamp=START // 1000)
        for size, keys in signers.items()
    ]


@pytest.mark.parametrize(
    "selection", [None, Selection(agency="gemeente-a"), Selection(from_ms=START + 5000, until_ms=START + 8000)]
)
def test_a_second_verifier_follows_the_keys_of_a_log(tmp_path: Path, selection: Selection | None) -> None:
    log = rotated_log()
    chosen = [sealed for sealed in log if selection is None or selection.chooses(sealed.entry)]
    bundle.write(
        tmp_path / "export",
        records=[bundle.Record(one.entry_bytes, one.details_bytes, one.salt, one.entry.seq) for one in chosen],
        checkpoints=rotated_notes(log),
        signers=[NEW, NEW_OTHER_KIND],
        keys=KEYS,
        created_at=START,
        selection=selection,
        leaves=None if selection is None else [sealed.leaf_hash for sealed in log],
    )
    for given in (None, *KEYS):
        assert second_verifier(tmp_path / "export", given and given.fingerprint)["size"] == SIZE
        assert verify(tmp_path / "export", public_key=given and given.to_text()).findings == ()


def test_a_second_verifier_refuses_what_does_not_fit(pristine: Path, exported: Path) -> None:
    path = exported / "checkpoints/0002.txt"
    path.write_text(path.read_text().replace("\n16\n", "\n17\n"))
    with pytest.raises((AssertionError, InvalidSignature)):
        second_verifier(exported)


def test_the_example_of_the_format_is_what_the_program_makes() -> None:
    import audit
    from audit import note
    from audit.entry import build, new_event_id

    described = (Path(audit.__file__).parent / "FORMAT.md").read_text().split("## 10. Example")[1]
    sealed = build(
        seq=3,
        event_id=new_event_id(1_790_000_000_000, bytes(10)),
        recorded_at=1_790_000_000_500,
        occurred_at=1_790_000_000_000,
        action="signal:consult",
        channel="web",
        source="signaltable/1",
        details={"signal": "S-7F3K-Q2"},
        salt=bytes(32),
    )
    assert f"    entry    {sealed.entry_bytes.decode()}\n" in described
    assert f"    leaf     {sealed.leaf_hash.hex()}\n" in described
    assert read_entry(sealed.entry_bytes)["event_id"] == "01M3250V000000000000000000"
    name = "log.example/1"
    ed25519, ml_dsa = (Signer(name, bytes(range(32)), kind) for kind in (note.ED25519, ML_DSA_44))
    signed = checkpoint.sign(Checkpoint(name, 1, sealed.leaf_hash), ed25519)
    assert ed25519.verifier().to_text() in described
    assert "".join(f"    {line}\n" if line else "\n" for line in signed.splitlines()) in described
    assert f"key id {ml_dsa.verifier().key_id.hex()}, " in described
    assert sha256(ml_dsa.verifier().public_bytes).hexdigest() in described
    message = bytes.fromhex(described.split("signed by it   ")[1].split("\n")[0])
    both = checkpoint.sign(Checkpoint(name, 1, sealed.leaf_hash), ml_dsa, timestamp=1_790_000_001)
    raw = base64.b64decode(both.rstrip("\n").rsplit(" ", 1)[1])
    MLDSA44PublicKey.from_public_bytes(ml_dsa.verifier().public_bytes).verify(raw[12:], message)


@pytest.mark.parametrize(
    "word",
    [
        "origin",
        "leaves.bin",
        "details_commitment",
        "manifest.sig",
        "occurred_at",
        "tlog-proof",
        "previous_fingerprint",
        "selection",
    ],
)
def test_the_format_is_described(word: str) -> None:
    import audit

    assert word in (Path(audit.__file__).parent / "FORMAT.md").read_text()


def test_every_kind_of_finding_is_described() -> None:
    import ast

    import audit

    folder = Path(audit.__file__).parent
    kinds = {
        node.args[0].value
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "add"
        and len(node.args) == 3
        and isinstance(node.args[0], ast.Constant)
    }
    described = (folder / "FORMAT.md").read_text()
    assert len(kinds) > 15
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in described] == []
