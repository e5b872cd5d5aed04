"""An export of the log as a directory, written in one pass. FORMAT.md says what stands in each file."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from audit.bundle_format import (
    CHECKPOINTS,
    DETAILS,
    ENTRIES,
    FORMAT,
    FORMAT_1,
    KEY,
    LEAVES,
    MANIFEST,
    MAX_DETAILS_LINE,
    MAX_MANIFEST_BYTES,
    SIGNATURE,
    DetailsLine,
    FileDigest,
    Manifest,
    Selection,
    checkpoint_name,
    parse_details_line,
    parse_manifest,
    signature_text,
)
from audit.errors import BadBundle
from audit.merkle import CompactRange, leaf_hash
from audit.note import ED25519, Signer, Verifier, sign_text
from audit.reader import Counted

__all__ = [
    "CHECKPOINTS",
    "DETAILS",
    "ENTRIES",
    "FORMAT",
    "FORMAT_1",
    "KEY",
    "LEAVES",
    "MANIFEST",
    "MAX_DETAILS_LINE",
    "MAX_MANIFEST_BYTES",
    "SIGNATURE",
    "DetailsLine",
    "FileDigest",
    "Manifest",
    "Record",
    "Selection",
    "checkpoint_name",
    "parse_details_line",
    "parse_manifest",
    "signature_text",
    "write",
]


@dataclass(frozen=True, slots=True)
class Record:
    """One entry as a store keeps it: the exact bytes; details and salt, or None for both once destroyed.

    `seq` is its number, which only an export of a part needs.
    """

    entry_bytes: bytes
    details_bytes: bytes | None
    salt: bytes | None
    seq: int | None = None


def write(
    directory: Path,
    *,
    records: Iterable[Record],
    checkpoints: Iterable[str],
    signers: Sequence[Signer],
    keys: Sequence[Verifier] = (),
    created_at: int,
    selection: Selection | None = None,
    leaves: Iterable[bytes] | None = None,
) -> Manifest:
    """Write an export: all entries from number 0, in order, and every kept checkpoint note, oldest first.

    With a `selection` it is a part: `records` are the chosen entries with their numbers, `leaves` the leaf hashes of
    all entries of the log, so that the root follows and each entry present is proven. `signers` are the keys that
    count now (ML-DSA-44 keys sign checkpoints only, so they are passed over here); `keys` all keys the log ever had,
    oldest first, or none to list those of the signers.

    Streams: no more than one record is in memory. Writes what it is given, also when that is not in order: it is the
    verification that judges. Raises BadBundle when the directory is there and not empty, or cannot be written.
    """
    signing = [signer for signer in signers if signer.algorithm == ED25519]
    if not signing or (selection is None) != (leaves is None):
        raise BadBundle("expected an Ed25519 key to sign with, and the leaves of the log with a selection only")
    try:
        _make(directory)
        files, lines, tree = _write_log(directory, records, leaves)
        notes = _write_checkpoints(directory, checkpoints)
        key_file = "".join(f"{key.to_text()}\n" for key in keys or [signer.verifier() for signer in signers])
        files |= notes | {KEY: _write_file(directory / KEY, key_file.encode())}
        manifest = Manifest(
            origin=signing[0].name,
            created_at=created_at,
            entries=lines.entries,
            size=tree.size,
            details=lines.details,
            checkpoints=len(notes),
            root=tree.root().hex(),
            files=files,
            selection=selection,
        )
        # The signature comes last: an export that was interrupted has none.
        _write_file(directory / MANIFEST, manifest.to_bytes())
        signed = sign_text(signature_text(manifest.origin, manifest.to_bytes()), *signing)
        _write_file(directory / SIGNATURE, signed.encode())
    except OSError as error:
        raise BadBundle(f"cannot write the export: {error.strerror}") from error
    return manifest


def _make(directory: Path) -> None:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise BadBundle("expected an empty or a new directory, found one with files")
    (directory / CHECKPOINTS).mkdir(mode=0o700)


class _Output:
    """A new file that counts itself while it is written."""

    def __init__(self, path: Path) -> None:
        # Only for the owner: an export shows who did what.
        self._file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
        self.counted = Counted()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, block: bytes) -> None:
        self._file.write(block)
        self.counted.add(block)


class _Lines:
    """Writes the lines of entries and details, and counts them."""

    def __init__(self, entries: _Output, details: _Output) -> None:
        self.entries = 0
        self.details = 0
        self._entries = entries
        self._details = details

    def write(self, records: Iterable[Record]) -> Iterator[bytes]:
        """Write each record when it is asked for, and give its leaf hash."""
        for record in records:
            self._entries.write(record.entry_bytes + b"\n")
            if record.details_bytes is not None or record.salt is not None:
                self._details.write(_details_line(self.entries if record.seq is None else record.seq, record))
                self.details += 1
            self.entries += 1
            yield leaf_hash(record.entry_bytes)


def _write_log(
    directory: Path, records: Iterable[Record], leaves: Iterable[bytes] | None
) -> tuple[dict[str, FileDigest], _Lines, CompactRange]:
    """Entries, details and leaf hashes: those of the records, or all that are given beside them."""
    tree = CompactRange()
    with (
        _Output(directory / ENTRIES) as entries,
        _Output(directory / DETAILS) as details,
        _Output(directory / LEAVES) as hashes,
    ):
        lines = _Lines(entries, details)
        own = lines.write(records)
        if leaves is not None:
            deque(own, maxlen=0)
        for leaf in own if leaves is None else leaves:
            hashes.write(leaf)
            tree.append(leaf)
    files = {
        name: output.counted.digest() for name, output in ((ENTRIES, entries), (DETAILS, details), (LEAVES, hashes))
    }
    return files, lines, tree


def _details_line(seq: int, record: Record) -> bytes:
    # Details are canonical already and "details" < "salt" < "seq", so the line is canonical without parsing.
    salt = (record.salt or b"").hex().encode("ascii")
    return b'{"details":%b,"salt":"%b","seq":%d}\n' % (record.details_bytes or b"{}", salt, seq)


def _write_checkpoints(directory: Path, checkpoints: Iterable[str]) -> dict[str, FileDigest]:
    return {
        checkpoint_name(number): _write_file(directory / checkpoint_name(number), note.encode())
        for number, note in enumerate(checkpoints, start=1)
    }


def _write_file(path: Path, raw: bytes) -> FileDigest:
    with _Output(path) as output:
        output.write(raw)
    return output.counted.digest()
