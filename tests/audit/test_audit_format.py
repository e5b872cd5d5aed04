"""A second verifier, written from audit/FORMAT.md alone: it shares no code with `audit`, so it can disagree with it."""

import base64
import json
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from log_samples import SIZE


def tree_root(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return sha256(b"\x01" + tree_root(leaves[:left]) + tree_root(leaves[left:])).digest()


def opened(note: bytes, vkey: str) -> list[str]:
    """The text lines of a note, after checking its one signature."""
    name, key_id, key = vkey.split("+", 2)
    text, signature_line = note.decode().rsplit("\n\n", 1)
    dash, signed_by, encoded = signature_line.rstrip("\n").split(" ")
    raw = base64.b64decode(encoded)
    public = base64.b64decode(key)
    assert (dash, signed_by) == ("—", name)
    assert raw[:4].hex() == key_id == sha256(name.encode() + b"\n" + public).hexdigest()[:8]
    Ed25519PublicKey.from_public_bytes(public[1:]).verify(raw[4:], text.encode() + b"\n")
    return text.split("\n")


def test_a_second_verifier_agrees(pristine: Path) -> None:
    files = {path.relative_to(pristine).as_posix(): path.read_bytes() for path in pristine.rglob("*") if path.is_file()}
    vkey = files.pop("public-key.txt").decode().removesuffix("\n")
    manifest_bytes, signature = files.pop("manifest.json"), files.pop("manifest.sig")
    manifest = json.loads(manifest_bytes)
    # Key and manifest
    assert opened(signature, vkey) == [
        "signaltable-audit-bundle/2",
        manifest["origin"],
        sha256(manifest_bytes).hexdigest(),
    ]
    for name, raw in files.items():
        assert manifest["files"][name] == {"bytes": len(raw), "sha256": sha256(raw).hexdigest()}
    assert manifest["files"].keys() == files.keys() | {"public-key.txt"}
    # Entries, tree and checkpoints
    lines = files["entries.jsonl"].removesuffix(b"\n").split(b"\n")
    leaves = [sha256(b"\0" + line).digest() for line in lines]
    assert files["leaves.bin"] == b"".join(leaves)
    assert tree_root(leaves).hex() == manifest["root"]
    for number in range(1, manifest["checkpoints"] + 1):
        origin, size, root = opened(files[f"checkpoints/{number:04d}.txt"], vkey)
        assert origin == manifest["origin"]
        assert base64.b64decode(root) == tree_root(leaves[: int(size)])
    assert int(size) == len(lines) == SIZE
    # Details
    entries = [json.loads(line) for line in lines]
    assert [entry["seq"] for entry in entries] == list(range(SIZE))
    for line in files["details.jsonl"].splitlines():
        item = json.loads(line)
        details = json.dumps(item["details"], ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        committed = sha256(b"signaltable/audit/details/v1\n" + bytes.fromhex(item["salt"]) + details).hexdigest()
        assert committed == entries[item["seq"]]["details_commitment"]


@pytest.mark.parametrize(
    "word", ["origin", "leaves.bin", "details_commitment", "manifest.sig", "occurred_at", "tlog-proof"]
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
