"""Verify an export of the log, offline, with nothing but this folder and a public key.

Never stops at the first finding and never raises on what it reads: the reader is somebody who does not know whether
the export was tampered with. Memory does not grow with the number of entries.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from audit import bundle
from audit.bundle import DetailsLine, Line, Manifest, Reader
from audit.checkpoint import Checkpoint, Verifier, open_note
from audit.entry import MAX_ENTRY_BYTES, Entry, commit, parse
from audit.errors import AuditError, MalformedEntry, NotInVocabulary
from audit.findings import Finding, Findings
from audit.merkle import HASH_BYTES, CompactRange, leaf_hash
from audit.note import open_text
from audit.vocabulary import ACTIONS, check

__all__ = ["Finding", "Report", "verify"]

# How many single numbers are remembered to tell a moved entry from a missing one.
_REMEMBERED = 1000
_PROGRESS_EVERY = 4096


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
) -> Report:
    """Check a whole export and report everything that is wrong with it.

    `public_key` is the vkey that the auditor got from elsewhere, `checkpoints` are signed notes that somebody else
    kept, `progress` is called with bytes done and bytes in all. Promises to raise nothing on account of the content.
    """
    found = Findings()
    reader = Reader(directory, found)
    manifest = _read_manifest(reader)
    key, key_source = _choose_key(reader, public_key)
    verifiers = [key] if key else []
    _check_signature(reader, manifest, verifiers)
    kept = _open_checkpoints(reader, verifiers)
    held = _open_held(checkpoints, verifiers, found)
    walk = _Walk(reader, sorted({signed.checkpoint.size for signed in (*kept, *held)}))
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
    if text != bundle.signature_text(signed_by[0].name, raw or b""):
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


# --- entries, details and leaves, side by side


class _Walk:
    """One pass over entries.jsonl, with details.jsonl and leaves.bin beside it."""

    def __init__(self, reader: Reader, sizes: Sequence[int]) -> None:
        self.reader = reader
        self.found = reader.found
        self.tree = CompactRange()
        self.roots: dict[int, bytes] = {}
        self.details = _Details(reader)
        self.order = _Order(reader.found)
        self.destroyed = 0
        self.announced: dict[int, tuple[int, object]] = {}
        self._sizes = list(reversed(sizes))
        self._other_leaves: list[int] = []
        self._previous_time = 0

    def run(self, progress: Callable[[int, int], None] | None) -> None:
        """Read everything."""
        leaves = self._open_leaves()
        total, done = self.reader.length(bundle.ENTRIES), 0
        self._note_root()
        try:
            for line in self.reader.lines(bundle.ENTRIES, MAX_ENTRY_BYTES):
                self._take(line, leaves)
                done += len(line.raw or b"") + 1
                if progress and line.number % _PROGRESS_EVERY == 0:
                    progress(done, total)
        finally:
            if leaves:
                leaves.close()
        if progress:
            progress(total, total)
        self.order.finish()
        self.details.finish()
        self.reader.count(bundle.LEAVES)

    def report_leaves(self, *, entries_are_genuine: bool) -> None:
        """Say where entries and leaves.bin differ, and which of the two is to blame."""
        kind, message = (
            ("changed-leaf", "the leaf hash in leaves.bin is not the one of this entry, and the entry is genuine")
            if entries_are_genuine
            else ("changed-entry", "this is not the entry whose leaf hash was exported")
        )
        for seq in self._other_leaves:
            self.found.add(kind, f"entry {seq}", message)
        length = self.reader.length(bundle.LEAVES)
        if self.reader.has(bundle.LEAVES) and length != HASH_BYTES * self.tree.size:
            self.found.add(
                "wrong-count",
                bundle.LEAVES,
                f"expected {HASH_BYTES} bytes for each of {self.tree.size} entries, found {length}",
            )

    def _take(self, line: Line, leaves: BinaryIO | None) -> None:
        leaf = leaf_hash(line.raw or b"")
        at = f"{bundle.ENTRIES} line {line.number}"
        self.tree.append(leaf)
        self._note_root()
        try:
            if line.raw is None:
                raise MalformedEntry(f"expected at most {MAX_ENTRY_BYTES} bytes, found a longer line")
            entry = parse(line.raw)
        except MalformedEntry as error:
            self.found.add("malformed-entry", at, str(error))
            self.order.take_unknown()
            return
        self.order.take(entry.seq, at)
        self._check_leaf(entry.seq, leaf, leaves)
        self._check_time(entry)
        self._check_details(entry)

    def _note_root(self) -> None:
        while self._sizes and self._sizes[-1] == self.tree.size:
            self.roots[self._sizes.pop()] = self.tree.root()

    def _open_leaves(self) -> BinaryIO | None:
        if not self.reader.has(bundle.LEAVES):
            return None
        try:
            return self.reader.open(bundle.LEAVES)
        except OSError:
            return None  # `count` reports it.

    def _check_leaf(self, seq: int, leaf: bytes, leaves: BinaryIO | None) -> None:
        if leaves is None:
            return
        leaves.seek(seq * HASH_BYTES)
        exported = leaves.read(HASH_BYTES)
        if len(exported) == HASH_BYTES and exported != leaf and len(self._other_leaves) < _REMEMBERED:
            self._other_leaves.append(seq)

    def _check_time(self, entry: Entry) -> None:
        if entry.recorded_at < self._previous_time:
            self.found.add("time-backwards", f"entry {entry.seq}", "recorded before the entry that stands before it")
        self._previous_time = entry.recorded_at

    def _check_details(self, entry: Entry) -> None:
        at = f"entry {entry.seq}"
        line = self.details.take(entry.seq)
        if line is None:
            self.destroyed += 1
            if entry.action not in ACTIONS:
                self.found.add("not-in-vocabulary", at, "expected an action of the vocabulary, found another")
            return
        if commit(line.details_bytes, line.salt) != entry.details_commitment:
            self.found.add("changed-details", at, "details or salt are not the ones the entry was committed to")
            return
        try:
            check(entry.action, line.details)
        except NotInVocabulary as error:
            self.found.add("not-in-vocabulary", at, str(error))
        size = line.details.get("size")
        if entry.action == "checkpoint:sign" and entry.outcome == "ok" and type(size) is int:
            self.announced[size] = (entry.seq, line.details.get("root"))


class _Order:
    """Follows the numbers of the entries: each one once, in order, from 0."""

    def __init__(self, found: Findings) -> None:
        self._found = found
        self._expected = 0
        self._unknown = 0
        self._missing: dict[int, None] = {}

    def take(self, seq: int, at: str) -> None:
        """The next line says that it is entry `seq`."""
        if seq == self._expected:
            self._expected += 1
        elif seq > self._expected:
            # Lines that could not be read may have been the ones that are not there.
            if seq - self._expected > self._unknown:
                self._miss(self._expected, seq)
            self._expected = seq + 1
        elif seq in self._missing:
            del self._missing[seq]
            self._found.add("misplaced-entry", f"entry {seq}", f"stands at {at}, after entries with higher numbers")
        else:
            self._found.add("repeated-entry", f"entry {seq}", f"stands at {at} too: two lines claim this number")
        self._unknown = 0

    def take_unknown(self) -> None:
        """The next line could not be read."""
        self._unknown += 1

    def finish(self) -> None:
        """Report the numbers that never came."""
        for first, last in _ranges(self._missing):
            self._report(first, last)

    def _miss(self, first: int, end: int) -> None:
        if len(self._missing) + end - first > _REMEMBERED:
            self._report(first, end - 1)
        else:
            self._missing.update(dict.fromkeys(range(first, end)))

    def _report(self, first: int, last: int) -> None:
        self._found.add("missing-entry", _name_range(first, last), "the export does not hold it")


class _Details:
    """Reads details.jsonl in step with the entries."""

    def __init__(self, reader: Reader) -> None:
        self.count = 0
        self._found = reader.found
        self._lines = reader.lines(bundle.DETAILS, bundle.MAX_DETAILS_LINE)
        self._parsed = self._parse()
        self._passed: dict[int, DetailsLine] = {}
        self._next = next(self._parsed, None)

    def take(self, seq: int) -> DetailsLine | None:
        """The details of entry `seq`, or None when they are not there."""
        while self._next is not None and self._next.seq < seq:
            self._pass(self._next)
            self._next = next(self._parsed, None)
        if self._next is None or self._next.seq > seq:
            return self._passed.pop(seq, None)
        line, self._next = self._next, next(self._parsed, None)
        return line

    def finish(self) -> None:
        """Read what is left, and report details whose entry never came."""
        while self._next is not None:
            self._pass(self._next)
            self._next = next(self._parsed, None)
        for seq in self._passed:
            self._report(seq)

    def _pass(self, line: DetailsLine) -> None:
        # The entry may still come, when entries were swapped; not kept without end.
        if len(self._passed) < _REMEMBERED:
            self._passed[line.seq] = line
        else:
            self._report(line.seq)

    def _report(self, seq: int) -> None:
        self._found.add("orphan-details", f"entry {seq}", "details without an entry in this place")

    def _parse(self) -> Iterator[DetailsLine]:
        last = -1
        for line in self._lines:
            at = f"{bundle.DETAILS} line {line.number}"
            self.count += 1
            try:
                if line.raw is None:
                    raise MalformedEntry(f"expected at most {bundle.MAX_DETAILS_LINE} bytes, found a longer line")
                parsed = bundle.parse_details_line(line.raw)
            except MalformedEntry as error:
                self._found.add("malformed-details", at, str(error))
                continue
            if parsed.seq <= last:
                self._found.add("misplaced-details", at, f"the details of entry {parsed.seq} come twice or too late")
                continue
            last = parsed.seq
            yield parsed


# --- the tree against the signatures


def _check_trees(walk: _Walk, kept: Sequence[_Signed], held: Sequence[_Signed], found: Findings) -> None:
    genuine = [signed.checkpoint.size for signed in kept if _fits(walk, signed)]
    genuine_up_to = max(genuine, default=0)
    sizes_in_bundle = {signed.checkpoint.size for signed in kept}
    for signed in kept:
        size = signed.checkpoint.size
        if size > walk.tree.size:
            found.add("missing-entry", _name_range(walk.tree.size, size - 1), f"{signed.at} was signed over it")
        elif not _fits(walk, signed) and size <= genuine_up_to:
            found.add("fork", signed.at, "the key signed another history here than the one of the later checkpoints")
        elif not _fits(walk, signed):
            begin = max((good for good in genuine if good <= size), default=0)
            place = _name_range(begin, size - 1)
            found.add(
                "changed-tree", signed.at, f"these are not the entries that were signed; the change is in {place}"
            )
    for signed in held:
        size = signed.checkpoint.size
        if size > walk.tree.size:
            found.add("older-than-held", signed.at, f"signed over {size} entries, the export holds {walk.tree.size}")
        elif not _fits(walk, signed):
            found.add("fork", signed.at, f"the first {size} entries are not the ones that this checkpoint signed")
        elif size not in sizes_in_bundle:
            found.add("missing-checkpoint", signed.at, f"the export does not hold this checkpoint of size {size}")
    walk.report_leaves(entries_are_genuine=genuine_up_to == walk.tree.size and bool(genuine))


def _fits(walk: _Walk, signed: _Signed) -> bool:
    return walk.roots.get(signed.checkpoint.size) == signed.checkpoint.root


def _check_coverage(walk: _Walk, kept: Sequence[_Signed], found: Findings) -> None:
    covered = max((signed.checkpoint.size for signed in kept), default=0)
    if kept and covered < walk.tree.size:
        found.add("uncovered-entry", _name_range(covered, walk.tree.size - 1), "no checkpoint signs it")
    roots = {(signed.checkpoint.size, signed.checkpoint.root.hex()) for signed in kept}
    sizes = {size for size, _ in roots}
    for size, (seq, root) in walk.announced.items():
        if kept and (size not in sizes or (root is not None and (size, root) not in roots)):
            found.add("missing-checkpoint", f"entry {seq}", f"announces a checkpoint of size {size} that is not there")


def _check_manifest(reader: Reader, manifest: tuple[bytes, Manifest] | None, walk: _Walk, key: Verifier | None) -> None:
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


def _ranges(numbers: dict[int, None]) -> Iterator[tuple[int, int]]:
    """Rising numbers, gathered into runs (first, last)."""
    run: tuple[int, int] | None = None
    for number in sorted(numbers):
        if run and number == run[1] + 1:
            run = (run[0], number)
            continue
        if run:
            yield run
        run = (number, number)
    if run:
        yield run


def _name_range(first: int, last: int) -> str:
    return f"entry {first}" if first >= last else f"entries {first}..{last}"
