"""The tree against what was signed over it: the head, every checkpoint, and what the log says was signed."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import key_chain, merkle
from audit.errors import AuditError, RetiredKey
from audit.key_chain import Announcement, Chain
from signaltable.flow import log_keys
from signaltable.flow.fsck.entries import Head, Walk
from signaltable.flow.fsck.reading import as_bytes, as_stored, moment_of
from signaltable.flow.fsck.report import Found, span
from signaltable.flow.fsck.said import read_details
from signaltable.flow.log_keys import KeptNote
from signaltable.models import LogCheckpoint, LogDetail, LogEntry, LogNode, LogTerm
from signaltable.settings import Settings

# The entry gets its place and the note its row in one commit; so many ms may lie between the two at most.
SIGNING_TAKES = 600_000


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint that opens: its size, and the root that was signed."""

    size: int
    root: bytes


def trusted_keys(session: Session, settings: Settings) -> Chain:
    """The keys of this log, each with its time. They stand outside the database. Raises `UnusableLogKey`."""
    listed = log_keys.public_keys(settings)
    announced = _announced(session)
    # On SQLite anybody may put bytes where text belongs.
    notes = [note for note in session.scalars(select(LogCheckpoint.note)) if isinstance(note, str)] if announced else []
    return key_chain.trusted(listed, listed, notes, announced)


def _announced(session: Session) -> list[Announcement]:
    rows = session.execute(
        select(LogEntry.seq, LogEntry.action, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action.in_(("key:make", "key:rotate"))),
    )
    told = (key_chain.announcement(row.seq, row.action, read_details(as_bytes(row.details))) for row in rows)
    return [one for one in told if one is not None]


def open_checkpoints(session: Session, chain: Chain, found: Found) -> list[Signed]:
    """Every stored checkpoint that a key of the log has signed while it counted, smallest first."""
    opened: list[Signed] = []
    rows = session.execute(
        select(LogCheckpoint.size, LogCheckpoint.note).order_by(LogCheckpoint.size).execution_options(yield_per=500)
    )
    for size, note in rows:
        found.count("checkpoints")
        at = f"checkpoint {size}"
        try:
            signed = chain.open_note(note)
        except RetiredKey:
            found.add("retired-key", at, "signed with a key that did not count at this size")
        except (AuditError, UnicodeError, TypeError, AttributeError):
            found.add("bad-checkpoint", at, "no key of this log has signed this note")
        else:
            if signed.size != size:
                found.add("bad-checkpoint", at, f"the note is over {signed.size} entries")
            opened.append(Signed(signed.size, signed.root))
    return opened


def check_head(found: Found, walk: Walk, head: Head | None) -> None:
    """The stored head says how long the log is, and what its tree looks like."""
    if head is None:
        found.add("changed-head", "log_head", "expected one row with a head, found none")
        return
    size = walk.leaves.size
    if walk.whole and size < head.size:
        found.add("missing-entry", span(size, head.size - 1), "the head of the log counts these entries too")
    elif walk.whole and (size > head.size or walk.leaves.to_bytes() != _frontier_of(head)):
        found.add("changed-head", "log_head", "the head is not that of the entries")
    elif walk.whole and head.recorded_at != walk.last_recorded_at:
        # A later moment would make every next entry bear it, because the times of the log never fall.
        found.add("changed-head", "log_head", "the newest entry was recorded at another moment than the head says")


def _frontier_of(head: Head) -> bytes:
    """As it is stored; before the first entry nothing is."""
    return head.frontier if head.size else merkle.CompactRange().to_bytes()


def check_roots(found: Found, walk: Walk, signed: Sequence[Signed]) -> int:
    """Each checkpoint is over the entries as they are. Returns the largest size over which that holds."""
    fits = [one.root in walk.roots.get(one.size, ()) for one in signed]
    covered = max((one.size for one, ok in zip(signed, fits, strict=True) if ok), default=0)
    beyond = [one for one, ok in zip(signed, fits, strict=True) if not ok and one.size > covered]
    for one, ok in zip(signed, fits, strict=True):
        if not ok and one.size <= covered:
            found.add("fork", f"checkpoint {one.size}", "a later checkpoint fits the entries and this one does not")
    if beyond:
        _tell_changed(found, walk, covered, beyond)
    return covered


def _tell_changed(found: Found, walk: Walk, covered: int, beyond: Sequence[Signed]) -> None:
    first = beyond[0].size
    if first > walk.leaves.size:
        message = f"the checkpoint is over {first} entries and the log holds {walk.leaves.size}"
    else:
        message = f"the change is between the checkpoints over {covered} and {first} entries"
    more = f"; {len(beyond) - 1} later checkpoints do not fit either" if len(beyond) > 1 else ""
    found.add("changed-tree", f"checkpoint {first}", message + more)


def check_kept(found: Found, walk: Walk, kept: Sequence[Signed]) -> None:
    """What the signer keeps outside the database is the beginning of this log."""
    newest = max(kept, key=lambda one: one.size, default=None)
    if newest is not None and newest.size > walk.leaves.size:
        message = f"the signer keeps a checkpoint over {newest.size} entries and the log holds {walk.leaves.size}: the database was put back"
        found.add("restored-database", f"checkpoint {newest.size}", message)
    for one in kept:
        if one.size <= walk.leaves.size and one.root not in walk.roots.get(one.size, ()):
            found.add("fork", f"checkpoint {one.size}", "the signer keeps a checkpoint that does not fit the entries")


def _notes(settings: Settings) -> Iterator[KeptNote]:
    """The notes one by one. Who serves pages may be another user than who signs, and then has no business in that folder."""
    with suppress(PermissionError):
        yield from log_keys.kept_notes(settings)


def read_kept(settings: Settings, chain: Chain, found: Found) -> list[Signed]:
    """The notes in the folder of the signer. What only keys signed that were replaced since, tells of a log that was lost."""
    read: list[Signed] = []
    for kept in _notes(settings):
        found.count("kept_checkpoints")
        try:
            opened = chain.open_note(kept.note)
        except RetiredKey:
            continue
        except (AuditError, UnicodeError):
            found.add(
                "bad-held-checkpoint", f"checkpoints/{kept.size:012d}.txt", "no key of this log has signed this note"
            )
            continue
        read.append(Signed(opened.size, opened.root))
    return read


def check_announced(found: Found, walk: Walk, session: Session) -> None:
    """Each checkpoint that the log says was signed is kept, with the moment at which that was."""
    moment = as_stored("log_checkpoints.signed_at")
    kept = {size: moment_of(at) for size, at in session.execute(select(LogCheckpoint.size, moment))}
    for size, (seq, happened_at) in walk.announced.items():
        at = f"checkpoint {size}"
        if size not in kept:
            found.add("missing-checkpoint", at, f"entry {seq} says that it was signed; it is not kept")
        elif abs((kept[size] or 0) - happened_at) > SIGNING_TAKES:
            found.add("changed-column", f"{at} signed_at", f"entry {seq} says that it was signed at another moment")


def check_strays(found: Found, session: Session, size: int) -> None:
    """Rows beside the log that belong to no entry."""
    strays = session.scalars(
        select(LogDetail.seq).where(~select(LogEntry.seq).where(LogEntry.seq == LogDetail.seq).exists()).limit(1000)
    )
    for seq in strays:
        found.add("orphan-details", span(seq, seq), "details without an entry")
    for seq in session.scalars(select(LogTerm.seq).where(LogTerm.seq >= size).distinct().limit(1000)):
        found.add("changed-term", span(seq, seq), "words to look for without an entry")
    levels = session.scalars(select(LogNode.level).distinct()).all()
    for level in levels:
        if type(level) is not int:
            found.add("changed-node", "node", "a stored root of a level that is no number")
            continue
        beyond = select(LogNode.position).where(LogNode.level == level, LogNode.position >= size >> min(level, 62))
        for position in session.scalars(beyond.limit(1000)):
            found.add("changed-node", f"node {level}/{position}", "a stored root beyond the end of the log")
