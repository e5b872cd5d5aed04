"""Verify an export of the log, offline, with nothing but this folder and a public key.

Never stops at the first finding and never raises on what it reads: the reader is somebody who does not know whether
the export was tampered with. Memory does not grow with the number of entries.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from audit import bundle
from audit.bundle import Manifest
from audit.checkpoint import Checkpoint, Verifier, open_note
from audit.errors import AuditError
from audit.findings import Finding, Findings
from audit.note import open_text
from audit.places import name_range
from audit.reader import Reader
from audit.walk import Walk

__all__ = ["Finding", "Report", "verify"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of a verification.

    `size` and `root` (hex) are those of the newest checkpoint that the key vouches for (0 and "" when there is none);
    `entries` is the number of lines found, `destroyed` how many of them came without details. `key_source` is
    "given", "bundle" (the export vouches for itself: compare the fingerprint) or "none".
    """

    findings: tuple[Finding, ...]
    origin: str
    entries: int
    details: int
    destroyed: int
    checkpoints: int
    held: int
    size: int
    root: str
    key_source: str
    fingerprint: str

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


@dataclass(frozen=True, slots=True)
class _Signed:
    """A checkpoint that the key vouches for, and where it was read."""

    at: str
    checkpoint: Checkpoint


def verify(
    directory: Path,
    *,
    public_key: str | None = None,
    checkpoints: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    line_by_line: bool = False,
) -> Report:
    """Check a whole export and report everything that is wrong with it.

    `public_key` is the vkey that the auditor got from elsewhere, `checkpoints` are signed notes that somebody else
    kept, `progress` is called with bytes done and bytes in all. `line_by_line` uses the exact reader alone, slowly: for
    whoever doubts the fast one. Promises to raise nothing on account of the content.
    """
    found = Findings()
    reader = Reader(directory, found)
    manifest = _read_manifest(reader)
    key, key_source = _choose_key(reader, public_key)
    verifiers = [key] if key else []
    _check_signature(reader, manifest, verifiers)
    kept = _open_checkpoints(reader, verifiers)
    held = _open_held(checkpoints, verifiers, found)
    walk = Walk(reader, sorted({signed.checkpoint.size for signed in (*kept, *held)}), line_by_line=line_by_line)
    walk.run(progress)
    _check_trees(walk, kept, held, found)
    _check_coverage(walk, kept, found)
    _check_manifest(reader, manifest, walk, key)
    newest = max((signed.checkpoint for signed in kept), key=lambda checkpoint: checkpoint.size, default=None)
    return Report(
        findings=found.listed(),
        origin=key.name if key else "",
        entries=walk.tree.size,
        details=walk.details.count,
        destroyed=walk.destroyed,
        checkpoints=len(kept),
        held=len(held),
        size=newest.size if newest else 0,
        root=newest.root.hex() if newest else "",
        key_source=key_source,
        fingerprint=key.fingerprint if key else "",
    )


# --- manifest, key, signatures


def _read_manifest(reader: Reader) -> tuple[bytes, Manifest] | None:
    raw = reader.read(bundle.MANIFEST, bundle.MAX_MANIFEST_BYTES)
    if raw is None:
        return None
    try:
        return raw, bundle.parse_manifest(raw)
    except AuditError as error:
        reader.found.add("bad-manifest", bundle.MANIFEST, str(error))
        return None


def _choose_key(reader: Reader, public_key: str | None) -> tuple[Verifier | None, str]:
    """The key to trust. One that was given always wins: an export cannot vouch for itself."""
    given = _parse_key(public_key, "the given public key", reader.found) if public_key is not None else None
    text = reader.read_text(bundle.KEY)
    own = None
    if text is not None:
        own = _parse_key(text, bundle.KEY, reader.found) if text.endswith("\n") else None
        if not text.endswith("\n"):
            reader.found.add("cut-off", bundle.KEY, "expected one line that ends in a newline")
    if public_key is None:
        if own is None:
            reader.found.add("no-key", bundle.KEY, "no public key: no signature could be checked")
        return own, "bundle" if own else "none"
    if given is not None and own is not None and own != given:
        reader.found.add("replaced-key", bundle.KEY, "the export carries another key than the one given")
    return given, "given" if given else "none"


def _parse_key(text: str, at: str, found: Findings) -> Verifier | None:
    try:
        return Verifier.from_text(text.removesuffix("\n"))
    except AuditError as error:
        found.add("bad-key", at, str(error))
        return None


def _check_signature(reader: Reader, manifest: tuple[bytes, Manifest] | None, verifiers: Sequence[Verifier]) -> None:
    note = reader.read_text(bundle.SIGNATURE)
    if note is None or not verifiers:
        return
    try:
        text, signed_by = open_text(note, verifiers)
    except AuditError as error:
        reader.found.add("bad-signature", bundle.SIGNATURE, str(error))
        return
    raw = manifest[0] if manifest else reader.read(bundle.MANIFEST, bundle.MAX_MANIFEST_BYTES)
    bundle_format = manifest[1].format if manifest else bundle.FORMAT
    if text != bundle.signature_text(signed_by[0].name, raw or b"", bundle_format):
        reader.found.add("bad-signature", bundle.SIGNATURE, "the key has signed another manifest than this one")


def _open_checkpoints(reader: Reader, verifiers: Sequence[Verifier]) -> list[_Signed]:
    """Every checkpoint of the export that the key vouches for, in order of file name."""
    signed = []
    for number, name in enumerate(reader.checkpoint_names, start=1):
        if name != bundle.checkpoint_name(number):
            reader.found.add("missing-checkpoint", name, f"expected {bundle.checkpoint_name(number)} in this place")
        note = reader.read_text(name)
        if note is not None and verifiers:
            signed.extend(_open(note, name, "bad-checkpoint", verifiers, reader.found))
    for earlier, later in pairwise(signed):
        if later.checkpoint.size < earlier.checkpoint.size:
            reader.found.add("checkpoint-order", later.at, "this checkpoint is smaller than the one before it")
    if verifiers and not signed:
        reader.found.add("no-checkpoint", bundle.CHECKPOINTS, "expected at least one checkpoint that the key signed")
    return signed


def _open_held(notes: Sequence[str], verifiers: Sequence[Verifier], found: Findings) -> list[_Signed]:
    if not verifiers:
        return []
    return [
        signed
        for number, note in enumerate(notes, start=1)
        for signed in _open(note, f"held checkpoint {number}", "bad-held-checkpoint", verifiers, found)
    ]


def _open(note: str, at: str, kind: str, verifiers: Sequence[Verifier], found: Findings) -> list[_Signed]:
    try:
        return [_Signed(at, open_note(note, verifiers))]
    except AuditError as error:
        found.add(kind, at, str(error))
        return []


# --- the tree against the signatures


def _check_trees(walk: Walk, kept: Sequence[_Signed], held: Sequence[_Signed], found: Findings) -> None:
    _check_two_roots([*kept, *held], found)
    genuine_up_to = max((signed.checkpoint.size for signed in kept if _fits(walk, signed)), default=0)
    later = [signed.checkpoint.size for signed in kept if signed.checkpoint.size > genuine_up_to]
    place = name_range(genuine_up_to, min(later, default=1) - 1)
    for signed in kept:
        size = signed.checkpoint.size
        if size > walk.tree.size:
            found.add("missing-entry", name_range(walk.tree.size, size - 1), f"{signed.at} was signed over it")
        elif _fits(walk, signed):
            continue
        elif size <= genuine_up_to:
            found.add("fork", signed.at, "the key signed another history here than the one of a later checkpoint")
        else:
            found.add("changed-tree", signed.at, f"these are not the entries that were signed; look in {place}")
    _check_held(walk, kept, held, found)
    entries_are_genuine = bool(kept) and genuine_up_to == walk.tree.size
    walk.report_leaves(entries_are_genuine=entries_are_genuine)


def _check_held(walk: Walk, kept: Sequence[_Signed], held: Sequence[_Signed], found: Findings) -> None:
    sizes = {signed.checkpoint.size for signed in kept}
    for signed in held:
        size = signed.checkpoint.size
        if size > walk.tree.size:
            found.add("older-than-held", signed.at, f"signed over {size} entries, the export holds {walk.tree.size}")
        elif not _fits(walk, signed):
            found.add("fork", signed.at, f"the first {size} entries are not the ones that this checkpoint signed")
        elif size not in sizes:
            found.add("missing-checkpoint", signed.at, f"the export does not hold this checkpoint of size {size}")


def _check_two_roots(signed: Sequence[_Signed], found: Findings) -> None:
    first: dict[int, _Signed] = {}
    for one in signed:
        other = first.setdefault(one.checkpoint.size, one)
        if other.checkpoint.root != one.checkpoint.root:
            found.add("fork", one.at, f"the key signed another tree of the same size in {other.at}")


def _fits(walk: Walk, signed: _Signed) -> bool:
    return walk.roots.get(signed.checkpoint.size) == signed.checkpoint.root


def _check_coverage(walk: Walk, kept: Sequence[_Signed], found: Findings) -> None:
    covered = max((signed.checkpoint.size for signed in kept), default=0)
    if kept and covered < walk.tree.size:
        found.add("uncovered-entry", name_range(covered, walk.tree.size - 1), "no checkpoint signs it")
    roots = {(signed.checkpoint.size, signed.checkpoint.root.hex()) for signed in kept}
    sizes = {size for size, _ in roots}
    for one in walk.told:
        size, root = one.details.get("size"), one.details.get("root")
        if not kept or one.action != "checkpoint:sign" or one.outcome != "ok" or type(size) is not int:
            continue
        if size not in sizes or (root is not None and (size, str(root)) not in roots):
            found.add(
                "missing-checkpoint", f"entry {one.seq}", f"announces a checkpoint of size {size} that is not there"
            )


def _check_manifest(reader: Reader, manifest: tuple[bytes, Manifest] | None, walk: Walk, key: Verifier | None) -> None:
    if manifest is None:
        return
    said = manifest[1]
    found = reader.found
    counts = {
        "entries": (said.entries, walk.tree.size),
        "details": (said.details, walk.details.count),
        "checkpoints": (said.checkpoints, len(reader.checkpoint_names)),
    }
    for name, (expected, actual) in counts.items():
        if expected != actual:
            found.add("wrong-count", name, f"the manifest says {expected}, the export holds {actual}")
    if said.root != walk.tree.root().hex():
        found.add("changed-tree", bundle.MANIFEST, "the root in the manifest is not the root of these entries")
    if key and said.origin != key.name:
        found.add("bad-manifest", bundle.MANIFEST, "expected the origin that the key is named after, found another")
    for name in sorted(said.files.keys() | reader.digests.keys() - {bundle.MANIFEST, bundle.SIGNATURE}):
        if name not in said.files:
            found.add("extra-file", name, "the manifest does not name this file")
        elif name not in reader.digests:
            found.add("missing-file", name, "the manifest names this file")
        elif reader.digests[name] != said.files[name]:
            found.add("changed-file", name, "length or SHA-256 is not the one in the manifest")
