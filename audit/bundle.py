"""An export of the log as a directory: written in one pass, read without trusting anything in it.

FORMAT.md says what stands in each file. The manifest is signed with the key of the log, so that an export that was cut
off, together with its last checkpoint, cannot pass for a whole one.
"""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, Self

from audit.canonical import canonical_bytes, parse_canonical
from audit.entry import MAX_DETAILS_BYTES, SALT_BYTES
from audit.errors import BadBundle, MalformedEntry
from audit.findings import Findings, printable
from audit.merkle import CompactRange, leaf_hash
from audit.note import MAX_NOTE_BYTES, Signer, sign_text

FORMAT = "signaltable-audit-bundle/1"
ENTRIES = "entries.jsonl"
DETAILS = "details.jsonl"
LEAVES = "leaves.bin"
KEY = "public-key.txt"
MANIFEST = "manifest.json"
SIGNATURE = "manifest.sig"
CHECKPOINTS = "checkpoints"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
# The details, the salt in hex, the number and the names around them.
MAX_DETAILS_LINE = MAX_DETAILS_BYTES + 256

_TOP_FILES = frozenset({ENTRIES, DETAILS, LEAVES, KEY, MANIFEST, SIGNATURE})
_CHECKPOINT_NAME = re.compile(r"[0-9]{4,9}\.txt")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")
_OPEN = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True, slots=True)
class Record:
    """One entry as a store keeps it: the exact bytes; details and salt, or None for both once destroyed."""

    entry_bytes: bytes
    details_bytes: bytes | None
    salt: bytes | None


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Length and SHA-256 (hex) of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the export says it holds. `root` (hex) is over the entries as written; `created_at` is ms UTC."""

    origin: str
    created_at: int
    entries: int
    details: int
    checkpoints: int
    root: str
    files: Mapping[str, FileDigest]

    def to_bytes(self) -> bytes:
        """The exact bytes of manifest.json."""
        files = {name: {"bytes": digest.bytes, "sha256": digest.sha256} for name, digest in self.files.items()}
        values = {
            "format": FORMAT,
            "origin": self.origin,
            "created_at": self.created_at,
            "entries": self.entries,
            "details": self.details,
            "checkpoints": self.checkpoints,
            "root": self.root,
            "files": files,
        }
        return canonical_bytes(values) + b"\n"


@dataclass(frozen=True, slots=True)
class DetailsLine:
    """One line of details.jsonl: the details of entry `seq`, with the salt that ties them to it."""

    seq: int
    salt: bytes
    details: dict[str, object]
    details_bytes: bytes


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a file, without its newline. `raw` is None when it was longer than allowed."""

    number: int
    raw: bytes | None


def write(
    directory: Path, *, records: Iterable[Record], checkpoints: Iterable[str], signer: Signer, created_at: int
) -> Manifest:
    """Write an export: all entries from number 0, in order, and every kept checkpoint note, oldest first.

    Streams: no more than one record is in memory. Writes what it is given, also when that is not in order: it is the
    verification that judges. Raises BadBundle when the directory is there and not empty, or cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise BadBundle("expected an empty or a new directory, found one with files")
        (directory / CHECKPOINTS).mkdir(mode=0o700)
        entries, details, root, files = _write_records(directory, records)
        notes = _write_checkpoints(directory, checkpoints)
        files |= notes | {KEY: _write_file(directory / KEY, (signer.verifier().to_text() + "\n").encode())}
        manifest = Manifest(
            origin=signer.name,
            created_at=created_at,
            entries=entries,
            details=details,
            checkpoints=len(notes),
            root=root,
            files=files,
        )
        # The signature comes last: an export that was interrupted has none.
        _write_file(directory / MANIFEST, manifest.to_bytes())
        signed = sign_text(signature_text(signer.name, manifest.to_bytes()), signer)
        _write_file(directory / SIGNATURE, signed.encode())
    except OSError as error:
        raise BadBundle(f"cannot write the export: {error.strerror}") from error
    return manifest


def signature_text(origin: str, manifest_bytes: bytes) -> str:
    """The text that is signed for a manifest. Its third line cannot be a root, so it never passes for a checkpoint."""
    return f"{FORMAT}\n{origin}\n{sha256(manifest_bytes).hexdigest()}\n"


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest in these exact bytes. Raises BadBundle when they are anything else."""
    try:
        values = parse_canonical(raw.removesuffix(b"\n"), MANIFEST)
        if not isinstance(values, dict):
            raise BadBundle("expected an object, found another JSON value")
        files = {name: FileDigest(item["bytes"], item["sha256"]) for name, item in values["files"].items()}
        manifest = Manifest(files=files, **{key: values[key] for key in values.keys() - {"format", "files"}})
        # Writing it again shows whatever is missing, doubled or left over.
        exact = manifest.to_bytes() == raw
    except (MalformedEntry, KeyError, TypeError, AttributeError):
        raise BadBundle("expected a manifest as FORMAT.md describes it, found another text") from None
    counts = (manifest.created_at, manifest.entries, manifest.details, manifest.checkpoints)
    digests = (manifest.root, *(digest.sha256 for digest in files.values()))
    if (
        not exact
        or not all(_is_count(count) for count in (*counts, *(digest.bytes for digest in files.values())))
        or not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in digests)
        or not isinstance(manifest.origin, str)
    ):
        raise BadBundle("expected a manifest as FORMAT.md describes it, found other values")
    return manifest


def parse_details_line(raw: bytes) -> DetailsLine:
    """The details in one line of details.jsonl. Raises MalformedEntry when it is not exactly in the format."""
    values = parse_canonical(raw, "line")
    if not isinstance(values, dict) or values.keys() != {"seq", "salt", "details"}:
        raise MalformedEntry("expected an object with seq, salt and details, found another")
    seq, salt, details = values["seq"], values["salt"], values["details"]
    if not _is_count(seq) or not isinstance(details, dict):
        raise MalformedEntry("expected a number for seq and an object for details, found others")
    if not isinstance(salt, str) or not _SALT.fullmatch(salt):
        raise MalformedEntry(f"expected a salt of {2 * SALT_BYTES} lower-case hex digits, found another")
    return DetailsLine(seq, bytes.fromhex(salt), details, canonical_bytes(details))


class Reader:
    """Reads an export that nobody vouches for: follows no link, trusts no length, and notes what it meets.

    Each file that was read to its end leaves its digest in `digests`, to compare with the manifest.
    """

    def __init__(self, directory: Path, found: Findings) -> None:
        self.directory = directory
        self.found = found
        self.digests: dict[str, FileDigest] = {}
        top = self._list("", _TOP_FILES.__contains__)
        for name in sorted(_TOP_FILES.difference(top)):
            found.add("missing-file", name, "expected this file in the export")
        self.checkpoint_names = sorted(
            self._list(CHECKPOINTS, _CHECKPOINT_NAME.fullmatch), key=lambda name: (int(Path(name).stem), name)
        )
        self._present = frozenset(top).union(self.checkpoint_names)

    def has(self, name: str) -> bool:
        """Whether this is a regular file of the export."""
        return name in self._present

    def length(self, name: str) -> int:
        """The length of a file in bytes, 0 when it is not there."""
        if not self.has(name):
            return 0
        try:
            return (self.directory / name).lstat().st_size
        except OSError:
            return 0

    def open(self, name: str) -> BinaryIO:
        """Open a regular file of the export. Raises OSError."""
        return os.fdopen(os.open(self.directory / name, _OPEN), "rb")

    def read(self, name: str, limit: int) -> bytes | None:
        """A small file as a whole; None, and a finding, when it cannot be had."""
        if not self.has(name):
            return None
        try:
            with self.open(name) as file:
                raw = file.read(limit + 1)
        except OSError:
            self._unreadable(name)
            return None
        if len(raw) > limit:
            self.found.add("too-long", name, f"expected at most {limit} bytes, found more")
            return None
        self.digests[name] = FileDigest(len(raw), sha256(raw).hexdigest())
        return raw

    def read_text(self, name: str) -> str | None:
        """A small file as UTF-8 text; None, and a finding, when it cannot be had."""
        raw = self.read(name, MAX_NOTE_BYTES)
        if raw is None:
            return None
        try:
            return raw.decode()
        except UnicodeDecodeError:
            self.found.add("not-text", name, "expected UTF-8 text, found other bytes")
            return None

    def lines(self, name: str, limit: int) -> Iterator[Line]:
        """The lines of a file one by one, none longer than `limit` bytes; nothing when the file is not there."""
        if not self.has(name):
            return
        counted = _Counted()
        number = 0
        last = b"\n"
        try:
            with self.open(name) as file:
                while first := file.readline(limit + 1):
                    number += 1
                    counted.add(first)
                    last = first
                    while len(last) > limit and not last.endswith(b"\n"):
                        last = file.readline(limit + 1)
                        counted.add(last)
                    yield Line(number, first.removesuffix(b"\n") if last is first else None)
        except OSError:
            self._unreadable(name)
            return
        if not last.endswith(b"\n"):
            self.found.add("cut-off", f"{name} line {number}", "the file stops in the middle of a line")
        self.digests[name] = counted.digest()

    def count(self, name: str) -> None:
        """Take the digest of a file that is not read from begin to end."""
        if not self.has(name):
            return
        counted = _Counted()
        try:
            with self.open(name) as file:
                while block := file.read(1 << 20):
                    counted.add(block)
        except OSError:
            self._unreadable(name)
            return
        self.digests[name] = counted.digest()

    def _list(self, folder: str, is_expected: Callable[[str], object]) -> list[str]:
        path = self.directory / folder
        try:
            if folder and not stat.S_ISDIR(path.lstat().st_mode):
                self.found.add("not-a-directory", folder, "expected a directory, found a link or file")
                return []
            items = sorted(item.name for item in path.iterdir())
        except OSError:
            self.found.add("missing-directory", folder or ".", "expected a directory that can be read")
            return []
        names = [f"{folder}/{item}" if folder else item for item in items if folder or item != CHECKPOINTS]
        return [name for name in names if self._is_ours(name, bool(is_expected(Path(name).name)))]

    def _is_ours(self, name: str, expected: bool) -> bool:
        if not expected:
            self.found.add("extra-file", printable(name), "expected no such file in the export")
            return False
        try:
            regular = stat.S_ISREG((self.directory / name).lstat().st_mode)
        except OSError:
            self._unreadable(name)
            return False
        if not regular:
            self.found.add("not-a-file", name, "expected a regular file, found a link, directory or device")
        return regular

    def _unreadable(self, name: str) -> None:
        self.found.add("unreadable-file", name, "expected a file that can be read")


class _Counted:
    """Length and digest of bytes that pass by."""

    def __init__(self) -> None:
        self._length = 0
        self._sha256 = sha256()

    def add(self, block: bytes) -> None:
        self._length += len(block)
        self._sha256.update(block)

    def digest(self) -> FileDigest:
        return FileDigest(self._length, self._sha256.hexdigest())


class _Output:
    """A new file that counts itself while it is written."""

    def __init__(self, path: Path) -> None:
        # Only for the owner: an export shows who did what.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self.counted = _Counted()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self.counted.add(block)


def _write_records(directory: Path, records: Iterable[Record]) -> tuple[int, int, str, dict[str, FileDigest]]:
    tree = CompactRange()
    with_details = 0
    with (
        _Output(directory / ENTRIES) as entries,
        _Output(directory / DETAILS) as details,
        _Output(directory / LEAVES) as leaves,
    ):
        for record in records:
            leaf = leaf_hash(record.entry_bytes)
            entries.write(record.entry_bytes + b"\n")
            leaves.write(leaf)
            if record.details_bytes is not None or record.salt is not None:
                details.write(_details_line(tree.size, record))
                with_details += 1
            tree.append(leaf)
    files = {
        ENTRIES: entries.counted.digest(),
        DETAILS: details.counted.digest(),
        LEAVES: leaves.counted.digest(),
    }
    return tree.size, with_details, tree.root().hex(), files


def _details_line(seq: int, record: Record) -> bytes:
    # Details are canonical already and "details" < "salt" < "seq", so the line is canonical without parsing.
    salt = (record.salt or b"").hex().encode("ascii")
    return b'{"details":%b,"salt":"%b","seq":%d}\n' % (record.details_bytes or b"{}", salt, seq)


def _write_checkpoints(directory: Path, checkpoints: Iterable[str]) -> dict[str, FileDigest]:
    return {
        checkpoint_name(number): _write_file(directory / checkpoint_name(number), note.encode())
        for number, note in enumerate(checkpoints, start=1)
    }


def checkpoint_name(number: int) -> str:
    """The path of checkpoint `number`, counted from 1, inside the export."""
    return f"{CHECKPOINTS}/{number:04d}.txt"


def _write_file(path: Path, raw: bytes) -> FileDigest:
    with _Output(path) as output:
        output.write(raw)
    return output.counted.digest()


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0
