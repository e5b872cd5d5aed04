"""The register of erasures, outside the database: what a restored copy has to be made to forget again (GDPR art. 17).

One line of canonical JSON for each erasure, with opaque references only. Each line bears the digest of the line before
it and an HMAC under a key of the ring: a changed, inserted or removed line shows. That the last lines were cut off shows
only against the log, which tells of every erasure too (`retention:erase`).

The order is what matters. The transaction writes the line, waits until it is on disk, and commits then. After a crash
between the two the line tells of an erasure that was decided and not carried out: doing it again is right. The other way
round a crash could lose a line, and a restored copy would bring somebody back whom the log calls erased.
"""

import fcntl
import hmac
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.canonical import canonical_bytes, parse_canonical
from audit.destroyed import Range, ranges_in
from audit.errors import AuditError
from signaltable.audit_trail import AuditEvent
from signaltable.disk import hand_over, sync_folder
from signaltable.keys import KeyProvider, KeyRingError
from signaltable.models import LogHead

FORMAT: Final = 1
PURPOSE, USE = "rows", "register of erasures"
FIRST: Final = "0" * 64
# Longer than any line: the details of an entry have at most a megabyte.
TAIL: Final = 2 * 1024 * 1024
# The actions by which something is erased, each for a reason of its own.
ERASING: Final = frozenset({"retention:erase", "disclosure:return", "draft:erase", "attachment:erase"})
_KEYS: Final = frozenset("format number previous key at seq rule cause object_type objects entries mac".split())


@dataclass(frozen=True, slots=True)
class Erasure:
    """One erasure: the entry `seq` of the log tells of it, recorded at `at` (ms since 1970 in UTC).

    `objects` are references or ids of `object_type`; `entries` are ranges of entries, both ends included, whose details
    were destroyed.
    """

    seq: int
    at: int
    rule: str
    object_type: str
    objects: tuple[str, ...]
    entries: tuple[Range, ...] = ()
    cause: str = ""


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line of the register that cannot be trusted. kind: changed-line, missing-line, torn-line."""

    number: int
    kind: str


@dataclass(frozen=True, slots=True)
class Register:
    """The lines of a register that can be trusted, and what is wrong with it."""

    erasures: tuple[Erasure, ...]
    bad: tuple[BadLine, ...]


def told_by(session: Session, events: Sequence[AuditEvent]) -> list[Erasure]:
    """What events erased that have just got the last places of the log."""
    # A draft that became a signal is no erasure (`of_entry`), and each submit makes one of those.
    became = (event.action == "draft:erase" and event.details.get("cause") == "submitted" for event in events)
    if not any(event.action in ERASING and not one for event, one in zip(events, became, strict=True)):
        return []
    head = session.execute(select(LogHead.size, LogHead.recorded_at).where(LogHead.id == 1)).one()
    made = (
        of_entry(event.action, event.outcome, event.object_id, event.details, seq, head.recorded_at)
        for seq, event in enumerate(events, start=head.size - len(events))
    )
    return [one for one in made if one is not None]


def of_entry(
    action: str, outcome: str, object_id: str, details: Mapping[str, Any], seq: int, at: int
) -> Erasure | None:
    """The same of an entry with its details, as the log or an export of it tells."""
    if outcome != "ok":
        return None
    if action == "disclosure:return":  # Who gives a referral back, keeps no copy.
        return Erasure(seq, at, "receiver", "disclosure", (object_id,))
    if action == "draft:erase":  # A draft that became a signal is the only copy of it once the signal was lost.
        return None if details.get("cause") == "submitted" else Erasure(seq, at, "draft", "draft", (object_id,))
    if action == "attachment:erase":  # Somebody took a file away from a signal or a draft.
        return Erasure(seq, at, "attachment", "attachment", (object_id,))
    if action != "retention:erase":
        return None
    return Erasure(
        seq,
        at,
        rule=str(details.get("rule", "")),
        object_type=str(details.get("object_type", "")),
        objects=tuple(str(one) for one in details.get("objects", ())),
        entries=tuple(ranges_in(details, seq)),
        cause=str(details.get("cause", "")),
    )


def ranges_of(seqs: Iterable[int]) -> list[list[int]]:
    """Numbers as ranges, both ends included, in order."""
    made: list[list[int]] = []
    for seq in sorted(set(seqs)):
        if made and made[-1][1] == seq - 1:
            made[-1][1] = seq
        else:
            made.append([seq, seq])
    return made


# -- the file -----------------------------------------------------------------------------------------------------


def note(path: Path, ring: KeyProvider, erasures: Sequence[Erasure]) -> None:
    """Add lines, on disk when this returns. Call it as the last thing before the commit. Raises OSError, KeyRingError."""
    with _locked(path), _opened(path) as file:
        number, previous = _end(file)
        for following, erasure in enumerate(erasures, start=number):
            line = _line(ring, erasure, following, previous)
            file.write(line + b"\n")
            previous = sha256(line).hexdigest()
        file.flush()
        os.fsync(file.fileno())
    sync_folder(path.parent)


def _end(file: BinaryIO) -> tuple[int, str]:
    """Go to where the next line begins; its number, and the digest of the line before it.

    What stands after the last newline never got as far as a commit, and is cut off.
    """
    length = file.seek(0, os.SEEK_END)
    start = max(0, length - TAIL)
    file.seek(start)
    tail = file.read()
    whole = tail[: tail.rfind(b"\n") + 1]
    file.seek(start + len(whole))
    file.truncate()
    if not whole:
        return 0, FIRST
    last = whole.splitlines()[-1]
    try:
        number = int(json.loads(last)["number"]) + 1
    except (ValueError, KeyError, TypeError):
        number = 0  # Somebody wrote here; the line that comes says so by its number, and by the digest of this one.
    return number, sha256(last).hexdigest()


def read(path: Path, ring: KeyProvider) -> Register:
    """The erasures in a register, and which lines cannot be trusted. Raises OSError when there is no such file."""
    found: list[Erasure] = []
    bad: list[BadLine] = []
    raw = path.read_bytes()
    lines = raw.splitlines()
    if raw and not raw.endswith(b"\n"):
        bad.append(BadLine(len(lines), "torn-line"))
        lines.pop()
    previous = FIRST
    for number, line in enumerate(lines):
        told = _checked(ring, line)
        if told is None:
            bad.append(BadLine(number + 1, "changed-line"))
        else:
            if told["previous"] != previous or told["number"] != number:
                bad.append(BadLine(number + 1, "missing-line"))
            found.append(_erasure(told))
        previous = sha256(line).hexdigest()
    return Register(tuple(found), tuple(bad))


def _line(ring: KeyProvider, erasure: Erasure, number: int, previous: str) -> bytes:
    version = ring.version(PURPOSE)
    told = {
        "format": FORMAT,
        "number": number,
        "previous": previous,
        "key": version,
        "at": erasure.at,
        "seq": erasure.seq,
        "rule": erasure.rule,
        "cause": erasure.cause,
        "object_type": erasure.object_type,
        "objects": list(erasure.objects),
        "entries": [list(one) for one in erasure.entries],
    }
    return canonical_bytes(told | {"mac": _mac(ring, version, told)})


def _mac(ring: KeyProvider, version: int, told: Mapping[str, Any]) -> str:
    return hmac.new(ring.derive(PURPOSE, USE, version), canonical_bytes(dict(told)), sha256).hexdigest()


def _checked(ring: KeyProvider, line: bytes) -> dict[str, Any] | None:
    """What a line says, when this program wrote it."""
    try:
        told = parse_canonical(line, "erasure")
        if not isinstance(told, dict) or told.keys() != _KEYS or type(told["key"]) is not int:
            return None
        mac = told.pop("mac")
        held = hmac.compare_digest(str(mac), _mac(ring, told["key"], told))
    except (AuditError, KeyRingError, ValueError, TypeError):
        return None
    return told if held else None


def _erasure(told: Mapping[str, Any]) -> Erasure:
    return Erasure(
        told["seq"],
        told["at"],
        told["rule"],
        told["object_type"],
        tuple(told["objects"]),
        tuple(ranges_in(told, told["seq"])),
        told["cause"],
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    lock = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        hand_over(lock, path.parent)
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+b") as file:
        hand_over(file.fileno(), path.parent)
        yield file
