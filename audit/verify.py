"""Verify an export of the log, offline, with nothing but this folder and a public key.

Never stops at the first finding and never raises on what it reads: the reader is somebody who does not know whether
the export was tampered with. Memory grows by one byte with each entry.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit import bundle
from audit.ahead import PART_BYTES, checking
from audit.chunk import MAX_TOLD
from audit.findings import Finding, Findings, printable
from audit.key_chain import Chain
from audit.part import Part
from audit.places import name_range
from audit.reader import Reader
from audit.signatures import (
    Notes,
    ReadManifest,
    Signed,
    check_signature,
    claimed_sizes,
    follow,
    open_held,
    open_kept,
    read_keys,
    read_manifest,
)
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


def verify(
    directory: Path,
    *,
    public_key: str | None = None,
    checkpoints: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
    jobs: int = 1,
    line_by_line: bool = False,
    part_bytes: int = PART_BYTES,
) -> Report:
    """Check a whole export and report everything that is wrong with it.

    `public_key` is the vkey that the auditor got from elsewhere (or several, a line each), `checkpoints` are signed notes that somebody else
    kept, `progress` is called with bytes done and bytes in all. `jobs` is how many processes
    may work on a long log, each on parts of about `part_bytes`. `line_by_line` uses the exact reader alone, slowly: for
    whoever doubts the fast one. Promises to raise nothing on account of the content.
    """
    found = Findings()
    reader = Reader(directory, found)
    manifest = read_manifest(reader)
    keys = read_keys(reader, public_key)
    notes = Notes(reader)
    sizes = sorted(notes.sizes.union(claimed_sizes(checkpoints)))
    selection = manifest.said.selection if manifest else None
    with checking(reader, sizes, 1 if line_by_line or selection else jobs, part_bytes) as ahead:
        walk = (
            Walk(reader, sizes, ahead, line_by_line=line_by_line)
            if selection is None
            else Part(reader, sizes, selection)
        )
        walk.run(progress)
    if len(walk.told) >= MAX_TOLD:
        found.add("too-long", bundle.ENTRIES, f"{MAX_TOLD} entries or more speak of checkpoints and keys")
    chain = follow(reader, keys, notes.texts(), walk.told)
    check_signature(reader, manifest, chain)
    kept = open_kept(reader, notes, chain)
    held = open_held(found, checkpoints, chain)
    _check_trees(walk, kept, held, found)
    _check_coverage(walk, kept, found)
    _check_manifest(reader, manifest, walk, chain)
    newest = max((signed.checkpoint for signed in kept), key=lambda checkpoint: checkpoint.size, default=None)
    return Report(
        findings=found.listed(),
        origin=keys.anchor.name if keys.anchor else "",
        entries=walk.entries.number,
        details=walk.details.count,
        destroyed=walk.destroyed.count,
        checkpoints=len(kept),
        held=len(held),
        size=newest.size if newest else 0,
        root=newest.root.hex() if newest else "",
        key_source=keys.source,
        fingerprint=keys.anchor.fingerprint if keys.anchor else "",
    )


# --- the tree against the signatures


def _check_trees(walk: Walk | Part, kept: Sequence[Signed], held: Sequence[Signed], found: Findings) -> None:
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


def _check_held(walk: Walk | Part, kept: Sequence[Signed], held: Sequence[Signed], found: Findings) -> None:
    sizes = {signed.checkpoint.size for signed in kept}
    for signed in held:
        size = signed.checkpoint.size
        if size > walk.tree.size:
            found.add("older-than-held", signed.at, f"signed over {size} entries, the export holds {walk.tree.size}")
        elif not _fits(walk, signed):
            found.add("fork", signed.at, f"the first {size} entries are not the ones that this checkpoint signed")
        elif size not in sizes:
            found.add("missing-checkpoint", signed.at, f"the export does not hold this checkpoint of size {size}")


def _check_two_roots(signed: Sequence[Signed], found: Findings) -> None:
    first: dict[int, Signed] = {}
    for one in signed:
        other = first.setdefault(one.checkpoint.size, one)
        if other.checkpoint.root != one.checkpoint.root:
            found.add("fork", one.at, f"the key signed another tree of the same size in {other.at}")


def _fits(walk: Walk | Part, signed: Signed) -> bool:
    return walk.roots.get(signed.checkpoint.size) == signed.checkpoint.root


def _check_coverage(walk: Walk | Part, kept: Sequence[Signed], found: Findings) -> None:
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


def _check_manifest(reader: Reader, manifest: ReadManifest | None, walk: Walk | Part, chain: Chain) -> None:
    if manifest is None:
        return
    said = manifest.said
    found = reader.found
    counts = {
        "entries": (said.entries, walk.entries.number),
        "details": (said.details, walk.details.count),
        "checkpoints": (said.checkpoints, len(reader.checkpoint_names)),
        "size": (said.size, walk.tree.size),
    }
    for name, (expected, actual) in counts.items():
        if expected != actual and not (name == "size" and said.selection is None):
            found.add("wrong-count", name, f"the manifest says {expected}, the export holds {actual}")
    if said.root != walk.tree.root().hex():
        found.add("changed-tree", bundle.MANIFEST, "the root in the manifest is not the root of these entries")
    if chain.verifiers and said.origin not in {key.name for key in chain.verifiers}:
        found.add("bad-manifest", bundle.MANIFEST, "expected the origin that the key is named after, found another")
    for name in sorted(said.files.keys() | reader.digests.keys() - {bundle.MANIFEST, bundle.SIGNATURE}):
        if name not in said.files:
            found.add("extra-file", printable(name), "the manifest does not name this file")
        elif name not in reader.digests:
            found.add("missing-file", printable(name), "the manifest names this file")
        elif reader.digests[name] != said.files[name]:
            found.add("changed-file", name, "length or SHA-256 is not the one in the manifest")
