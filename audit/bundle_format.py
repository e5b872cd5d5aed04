"""What an export of the log is made of: the names of its files, its manifest, what was chosen, a line of details.

FORMAT.md says what stands in each file. The manifest is signed with the key of the log, so that an export that was cut
off, together with its last checkpoint, cannot pass for a whole one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from audit.canonical import TOKEN, canonical_bytes, parse_canonical
from audit.entry import LAST_MOMENT, MAX_DETAILS_BYTES, SALT_BYTES, Entry
from audit.errors import BadBundle, MalformedEntry
from audit.key_chain import tells_of_key

FORMAT = "signaltable-audit-bundle/2"
FORMAT_1 = "signaltable-audit-bundle/1"
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

_DIGEST = re.compile(r"[0-9a-f]{64}")
_SALT = re.compile(rf"[0-9a-f]{{{2 * SALT_BYTES}}}")


@dataclass(frozen=True, slots=True)
class FileDigest:
    """Length and SHA-256 (hex) of a file."""

    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Selection:
    """Which entries an export of a part holds: those recorded in [from_ms, until_ms) by that agency, and those on keys.

    Times are ms UTC; None and "" do not choose. A part of a period without an agency holds every entry of that period.
    """

    from_ms: int | None = None
    until_ms: int | None = None
    agency: str = ""

    def chooses(self, entry: Entry) -> bool:
        """Whether this entry belongs to the part; what tells of a key of the log belongs to every part."""
        return tells_of_key(entry.action, entry.object_type) or (
            self.covers(entry) and self.agency in {"", entry.agency}
        )

    def covers(self, entry: Entry) -> bool:
        """Whether this entry was recorded in the period of the part."""
        return (self.from_ms is None or entry.recorded_at >= self.from_ms) and (
            self.until_ms is None or entry.recorded_at < self.until_ms
        )

    def to_json(self) -> dict[str, object]:
        """As it stands in the manifest: what does not choose is absent."""
        values = {"agency": self.agency or None, "from": self.from_ms, "until": self.until_ms}
        return {name: value for name, value in values.items() if value is not None}

    @classmethod
    def from_json(cls, values: Mapping[str, object]) -> "Selection":
        """What `to_json` wrote. Raises BadBundle for anything else, and for a selection that chooses nothing."""
        agency, from_ms, until_ms = values.get("agency", ""), values.get("from"), values.get("until")
        if not values or not values.keys() <= {"agency", "from", "until"}:
            raise BadBundle("expected a selection by agency, from or until, found another")
        if not isinstance(agency, str) or ("agency" in values and not TOKEN.fullmatch(agency)):
            raise BadBundle("expected an agency of a selection as entries name them, found another")
        return cls(_moment(from_ms), _moment(until_ms), agency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What the export says it holds. `created_at` is ms UTC.

    `root` (hex) is over the `size` entries of the log as exported; of a whole export `entries` is `size`, of a part,
    which has a `selection`, it counts the lines of entries.jsonl. `format` is that of the export.
    """

    origin: str
    created_at: int
    entries: int
    size: int
    details: int
    checkpoints: int
    root: str
    files: Mapping[str, FileDigest] = field(repr=False)
    selection: Selection | None = None
    format: str = FORMAT

    def to_bytes(self) -> bytes:
        """The exact bytes of manifest.json."""
        files = {name: {"bytes": digest.bytes, "sha256": digest.sha256} for name, digest in self.files.items()}
        values: dict[str, object] = {
            "format": self.format,
            "origin": self.origin,
            "created_at": self.created_at,
            "entries": self.entries,
            "details": self.details,
            "checkpoints": self.checkpoints,
            "root": self.root,
            "files": files,
        }
        if self.format != FORMAT_1:
            values["size"] = self.size
        if self.selection is not None:
            values["selection"] = self.selection.to_json()
        return canonical_bytes(values) + b"\n"


@dataclass(frozen=True, slots=True)
class DetailsLine:
    """One line of details.jsonl: the details of entry `seq`, with the salt that ties them to it."""

    seq: int
    salt: bytes
    details: dict[str, object]
    details_bytes: bytes


def checkpoint_name(number: int) -> str:
    """The path of checkpoint `number`, counted from 1, inside the export."""
    return f"{CHECKPOINTS}/{number:04d}.txt"


def signature_text(origin: str, manifest_bytes: bytes, bundle_format: str = FORMAT) -> str:
    """The text that is signed for a manifest. Its third line cannot be a root, so it never passes for a checkpoint."""
    return f"{bundle_format}\n{origin}\n{sha256(manifest_bytes).hexdigest()}\n"


def parse_manifest(raw: bytes) -> Manifest:
    """The manifest in these exact bytes. Raises BadBundle when they are anything else."""
    try:
        values = parse_canonical(raw.removesuffix(b"\n"), MANIFEST)
        if not isinstance(values, dict):
            raise BadBundle("expected an object, found another JSON value")
        manifest = _manifest(values)
        # Writing it again shows whatever is missing, doubled or left over.
        exact = manifest.to_bytes() == raw
    except (MalformedEntry, KeyError, TypeError, AttributeError):
        raise BadBundle("expected a manifest as FORMAT.md describes it, found another text") from None
    counts = (manifest.created_at, manifest.entries, manifest.size, manifest.details, manifest.checkpoints)
    digests = (manifest.root, *(digest.sha256 for digest in manifest.files.values()))
    if (
        not exact
        or manifest.format not in {FORMAT, FORMAT_1}
        or not all(_is_count(count) for count in (*counts, *(digest.bytes for digest in manifest.files.values())))
        or not all(isinstance(digest, str) and _DIGEST.fullmatch(digest) for digest in digests)
        or not isinstance(manifest.origin, str)
        or (manifest.selection is None and manifest.size != manifest.entries)
    ):
        raise BadBundle("expected a manifest as FORMAT.md describes it, found other values")
    return manifest


def _manifest(values: Mapping[str, object]) -> Manifest:
    given = dict(values)
    files = given.pop("files")
    if not isinstance(files, dict):
        raise BadBundle("expected an object of files, found another JSON value")
    chosen = given.pop("selection", None)
    if given.get("format") == FORMAT_1:
        if chosen is not None or "size" in given:
            raise BadBundle("expected a manifest of version 1, found what came later")
        given["size"] = given["entries"]
    return Manifest(
        files={name: FileDigest(item["bytes"], item["sha256"]) for name, item in files.items()},
        selection=None if chosen is None else Selection.from_json(chosen),  # type: ignore[arg-type]
        **given,  # type: ignore[arg-type]
    )


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


def _is_count(value: object) -> bool:
    return type(value) is int and value >= 0


def _moment(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 0 <= value <= LAST_MOMENT:
        raise BadBundle(f"expected a time from 0 to {LAST_MOMENT} in a selection, found another value")
    return value
