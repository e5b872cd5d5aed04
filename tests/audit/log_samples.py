"""A small log to test with, and the tools of somebody who wants to change its export unseen."""

import json
from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from audit import bundle, checkpoint
from audit.canonical import canonical_bytes
from audit.entry import Sealed, build, new_event_id
from audit.merkle import CompactRange, leaf_hash
from audit.note import Signer

ORIGIN = "signaltable.example/audit/2026"
SIGNER = Signer(ORIGIN, bytes(range(32)))
STRANGER = Signer(ORIGIN, bytes(range(1, 33)))
KEY = SIGNER.verifier().to_text()
SIZE = 24
SIGNED_AT = (8, 16, 24)
DESTROYED = frozenset({5, 11})
# The entry that tells of their destruction.
ERASED_BY = 14
START = 1_790_000_000_000


def seal(seq: int, *, history: str = "true", **changes: object) -> Sealed:
    """Entry `seq` of the sample log; another `history` gives other entries."""
    values: dict[str, object] = {
        "event_id": new_event_id(START, sha256(f"id {seq}".encode()).digest()[:10]),
        "seq": seq,
        "source": "signaltable/test",
        "recorded_at": START + 1000 * (seq // 2),
        "occurred_at": START + 1000 * (seq // 2),
        "action": "signal:consult",
        "actor": f"p-{seq % 3}",
        "agency": "gemeente-a",
        "role": "focal-officer,table-member",
        "channel": "web",
        "strength": "password+totp",
        "object_type": "signal",
        "object": f"S-{seq:04d}",
        "trace_id": f"{seq + 1:032x}",
        "details": {"signal": f"S-{seq:04d}", "fields": ["narrative", "indicators"], "view": history},
        "salt": sha256(f"salt {seq}".encode()).digest(),
    }
    if seq + 1 in SIGNED_AT:
        values |= {"action": "checkpoint:sign", "channel": "job", "details": {"size": seq + 1}}
    return build(**(values | changes))  # type: ignore[arg-type]


def erasing(seq: int, destroyed: Iterable[int]) -> Sealed:
    """An entry that tells that the details of these entries were destroyed."""
    ranges = [[one, one] for one in sorted(destroyed)]
    details = {"rule": "log-access", "count": len(ranges), "entries": ranges}
    return seal(seq, action="retention:erase", channel="job", details=details)


def sample_log(size: int = SIZE, *, history: str = "true", destroyed: frozenset[int] = DESTROYED) -> list[Sealed]:
    log = [seal(seq, history=history) for seq in range(size)]
    if destroyed and size > ERASED_BY:
        log[ERASED_BY] = erasing(ERASED_BY, destroyed)
    return log


def sign_at(log: Sequence[Sealed], sizes: Sequence[int], signer: Signer = SIGNER) -> list[str]:
    tree = CompactRange()
    roots = {0: tree.root()}
    for sealed in log:
        tree.append(sealed.leaf_hash)
        roots[tree.size] = tree.root()
    return [checkpoint.sign(checkpoint.Checkpoint(signer.name, size, roots[size]), signer) for size in sizes]


def export(
    directory: Path,
    log: Sequence[Sealed],
    *,
    checkpoints: Sequence[str] | None = None,
    signer: Signer = SIGNER,
    destroyed: frozenset[int] = DESTROYED,
) -> Path:
    """Write an export as the program does."""
    sizes = [size for size in SIGNED_AT if size <= len(log)]
    records = (
        bundle.Record(one.entry_bytes, None, None)
        if one.entry.seq in destroyed
        else bundle.Record(one.entry_bytes, one.details_bytes, one.salt)
        for one in log
    )
    notes = sign_at(log, sizes, signer) if checkpoints is None else checkpoints
    bundle.write(directory, records=records, checkpoints=notes, signers=[signer], created_at=START + 10**6)
    return directory


def entry_lines(directory: Path) -> list[bytes]:
    return (directory / bundle.ENTRIES).read_bytes().splitlines()


def detail_lines(directory: Path) -> list[bytes]:
    return (directory / bundle.DETAILS).read_bytes().splitlines()


def put_lines(directory: Path, name: str, lines: Sequence[bytes]) -> None:
    (directory / name).write_bytes(b"".join(line + b"\n" for line in lines))


def change(line: bytes, **values: object) -> bytes:
    """The same canonical JSON object with other values."""
    return canonical_bytes(json.loads(line) | values)


def cover_up(directory: Path) -> None:
    """Make leaves.bin and manifest.json fit the changed files: everything one can do without the private key."""
    lines = entry_lines(directory)
    (directory / bundle.LEAVES).write_bytes(b"".join(leaf_hash(line) for line in lines))
    tree = CompactRange()
    for line in lines:
        tree.append(leaf_hash(line))
    names = [path.relative_to(directory).as_posix() for path in sorted(directory.rglob("*")) if path.is_file()]
    files = {name: (directory / name).read_bytes() for name in names if not name.startswith("manifest")}
    manifest = bundle.Manifest(
        origin=ORIGIN,
        created_at=START + 10**6,
        entries=len(lines),
        size=len(lines),
        details=len(detail_lines(directory)),
        checkpoints=sum(name.startswith(bundle.CHECKPOINTS) for name in files),
        root=tree.root().hex(),
        files={name: bundle.FileDigest(len(raw), sha256(raw).hexdigest()) for name, raw in files.items()},
    )
    (directory / bundle.MANIFEST).write_bytes(manifest.to_bytes())
