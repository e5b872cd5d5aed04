"""How the log is: every entry while it is small, and else the newest; what was signed over it; its fence; the last check."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.checkpoint import Checkpoint, open_note
from audit.entry import parse
from audit.errors import AuditError, RetiredKey
from audit.key_chain import Chain
from audit.merkle import CompactRange, leaf_hash
from signaltable import audit_trail
from signaltable.audit_trail import fence
from signaltable.doctor.found import Check, Status, ill, warn, well, worst
from signaltable.doctor.patient import Patient
from signaltable.flow import log_keys
from signaltable.flow.fsck import inspect_log
from signaltable.flow.fsck.entries import other_columns, read_head
from signaltable.flow.fsck.heads import trusted_keys
from signaltable.flow.fsck.reading import RECORDED_AT, as_bytes, at_one_moment, moment_of, raw_entries
from signaltable.flow.fsck.said import read_details
from signaltable.flow.fsck.unsigned import waits_too_long
from signaltable.models import Account, Incident, JobRun, LogDetail, LogEntry, Signal
from signaltable.users import can_sign

# Up to this size the log is read whole, which takes a second or two (5,600 entries a second on a busy core); of a longer one
# so many of the newest entries: the rest is for `signaltable audit fsck`.
WHOLE: Final = 10_000
NEWEST: Final = 256
# The whole log is checked every night; one turn may be missed.
CHECKED_WITHIN: Final = timedelta(days=2)
FSCK: Final = "run `signaltable audit fsck`, and tell the auditor what it finds"
NOTES: Final = "put checkpoints/ back from a backup (docs/backup.md); the next signature goes there too"


def log(patient: Patient, session: Session) -> Check:
    """Head, entries and signatures fit each other, the fence stands, and the whole of it was checked of late.

    Whether the rows of the business are those that the log tells of is for that check.
    """
    found = _look(patient, session)
    if found.status is not Status.ERROR:
        return found
    # Files have no moment: a note that was signed since the database was opened looks like one of a log that was put back.
    with patient.session() as again:
        return _look(patient, again)


def _look(patient: Patient, session: Session) -> Check:
    with at_one_moment(session):
        head = read_head(session)
        if head is None:
            return ill("log", "the log has no head", FSCK)
        newest = session.scalar(select(func.max(LogEntry.seq)))
        if head.size != (-1 if newest is None else newest) + 1:
            return ill("log", "the head of the log tells another number of entries than there are", FSCK)
        if head.size == 0:
            return _empty(session)
        return worst(
            "log",
            [
                *_signatures(patient, session, head.size),
                *_entries(patient, session, head.size, head.frontier),
                *_fence(session),
                *_folder(patient, session),
                *_open_incidents(session),
                *_checked(session),
                well("log", f"{head.size} entries; head, entries and newest signature fit; {_last_check(session)}"),
            ],
        )


def _empty(session: Session) -> Check:
    if any(session.scalar(select(table.id).limit(1)) for table in (Signal, Account)):
        do = "put a backup back (docs/backup.md), and tell the auditor"
        return ill("log", "the log is empty, and there are rows that it should tell of", do)
    return warn("log", "the log is empty: it begins with the keys", "see that `signaltable init` came to its end")


# -- entries and tree ---------------------------------------------------------------------------------------------


def _entries(patient: Patient, session: Session, size: int, frontier: bytes) -> list[Check]:
    if size <= WHOLE:
        try:
            found = inspect_log(session, patient.settings).findings.listed()
        except log_keys.UnusableLogKey:
            pass  # What is said of the signatures tells it; the entries can be looked at without.
        else:
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            return [ill("log", f"{one.at}: {one.message}{more}", FSCK) for one in found[:1]]
    problem = _newest_problem(session, size) or _tree_problem(session, size, frontier)
    return [ill("log", problem, FSCK)] if problem else []


def _newest_problem(session: Session, size: int) -> str:
    rows = session.execute(raw_entries().where(LogEntry.seq >= size - NEWEST)).all()
    if [row.seq for row in rows] != list(range(max(0, size - NEWEST), size)):
        return "entries are missing"
    for row in rows:
        raw = as_bytes(row.entry)
        if leaf_hash(raw) != as_bytes(row.leaf):
            return f"entry {row.seq} is not the one that was appended"
        try:
            changed = next(other_columns(row, parse(raw)), "")
        except AuditError:
            return f"entry {row.seq} is no entry"
        if changed:
            return f"entry {row.seq} {changed}: the column does not say what the entry says"
    return ""


def _tree_problem(session: Session, size: int, told: bytes) -> str:
    try:
        held = CompactRange.from_bytes(told)
        fits = held.size == size and held.root() == audit_trail.frontier(session, size).root()
    except AuditError:
        fits = False
    return "" if fits else "the head of the log does not fit its tree"


def _fence(session: Session) -> list[Check]:
    missing = fence.missing(session.connection())
    if not missing:
        return []
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    told = f"the log is not protected: trigger {missing[0]}{more} is gone, switched off, or does something else"
    return [ill("log", told, FSCK)]


# -- signatures ---------------------------------------------------------------------------------------------------


def _signatures(patient: Patient, session: Session, size: int) -> list[Check]:
    newest = audit_trail.newest_checkpoint(session)
    if newest is not None and newest.size > size:
        return [_older(size)]
    found = _unsigned(patient, session, newest.size if newest else 0)
    try:
        chain = trusted_keys(session, patient.settings)
        signed = chain.open_note(newest.note) if newest else None
    except (AuditError, log_keys.UnusableLogKey, UnicodeError, TypeError, AttributeError):
        # SQLite lets anybody put there what is no text.
        do = "copy that file from the machine that signs; if it is the same there: " + FSCK
        return [*found, ill("log", "the newest signature is by no key of keys/log-public.key", do)]
    if signed and not _continues(session, signed):
        return [*found, ill("log", "the log does not continue its newest signature", FSCK)]
    return [*found, *_newest_kept(patient, session, chain, size)]


def _newest_kept(patient: Patient, session: Session, chain: Chain, size: int) -> list[Check]:
    """The newest note that the signer keeps is read: anybody can give a file the name of one."""
    try:
        kept = next(iter(log_keys.kept_notes(patient.settings)), None)
    except OSError:
        return []  # The notes are of another user, the signer, who looks at them itself.
    if kept is None:
        return []
    try:
        # By any key that this log ever had: a database that was put back may not know the newest one.
        held = open_note(kept.note, chain.verifiers)
        continued = _continues(session, chain.open_note(kept.note)) if held.size <= size else False
    except RetiredKey:
        return []  # Signed before the keys were replaced.
    except (AuditError, UnicodeError):
        return [ill("log", "the newest note in checkpoints/ is signed by no key of this log", NOTES)]
    if held.size > size:
        return [_older(size)]
    told = "the log does not continue the newest note in checkpoints/"
    return [] if continued else [ill("log", told, FSCK)]


def _older(size: int) -> Check:
    told = f"more was signed than the log holds ({size} entries): it was put back from a copy"
    return ill("log", told, "run `signaltable audit restored`")


def _continues(session: Session, signed: Checkpoint) -> bool:
    try:
        return signed.root == audit_trail.frontier(session, signed.size).root()
    except AuditError:
        return False


def _folder(patient: Patient, session: Session) -> list[Check]:
    """Whoever signs keeps each note outside the database: only these show that a database was put back."""
    folder = patient.settings.signed_notes
    if not can_sign(patient.settings) or audit_trail.newest_checkpoint(session) is None:
        return []
    if folder.exists() and not folder.is_dir():
        return [ill("log", f"{folder.name}/ is no folder, so nothing can be signed", f"take it away; {NOTES}")]
    try:
        kept = next(iter(log_keys.kept_notes(patient.settings)), None)
    except OSError:
        return [ill("log", f"the notes in {folder.name}/ cannot be read", f"chmod 700 {folder}; else {NOTES}")]
    return [] if kept else [warn("log", f"the log was signed, and no note of it is kept in {folder.name}/", NOTES)]


def _unsigned(patient: Patient, session: Session, covered: int) -> list[Check]:
    if not waits_too_long(session, covered, patient.settings.checkpoint_minutes, datetime.now(UTC)):
        return []
    since = moment_of(session.scalar(select(RECORDED_AT).select_from(LogEntry).where(LogEntry.seq == covered)))
    told = f"nothing was signed since {_told(since)}"
    do = "see that `signaltable jobs` or the signer runs where the signing key is"
    return [ill("log", told, do) if patient.is_used(session) else warn("log", told, do)]


# -- what people and jobs have to do --------------------------------------------------------------------------------


def _open_incidents(session: Session) -> list[Check]:
    count = session.scalar(select(func.count()).select_from(Incident).where(Incident.settled_at.is_(None))) or 0
    told = f"{count} incidents of the log are open"
    return [warn("log", told, "an auditor settles them, on the page of incidents")] if count else []


def _checked(session: Session) -> Iterator[Check]:
    """The check of the whole, which compares each row with the log too: warns when it is late or found something."""
    checked = _newest_check(session)
    since = datetime.now(UTC) - CHECKED_WITHIN
    if checked:
        late = (checked[0] or 0) < audit_trail.milliseconds(since)
    else:  # Entries of a demo are older than it is; that jobs ran for so long without a check says more.
        late = bool(session.scalar(select(JobRun.job).where(JobRun.claimed_at < since).limit(1)))
    if late:
        yield warn("log", _last_check(session), f"see that `signaltable jobs` runs; or {FSCK}")
    if checked and checked[1]:
        yield warn("log", f"{_last_check(session)} and found {checked[1]} things", FSCK)


def _last_check(session: Session) -> str:
    checked = _newest_check(session)
    return f"the whole was checked {_told(checked[0])}" if checked else "the whole was never checked"


def _newest_check(session: Session) -> tuple[int | None, int] | None:
    """When the whole log was checked last, in ms since 1970, and how much was found then."""
    query = (
        select(RECORDED_AT, LogDetail.details)
        .select_from(LogEntry)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action == "log:check", LogEntry.outcome == "ok")
        .order_by(LogEntry.seq.desc())
        .limit(1)
    )
    row = session.execute(query).one_or_none()
    if row is None:
        return None
    count = read_details(as_bytes(row.details)).get("findings")
    return moment_of(row.recorded_at), count if isinstance(count, int) else 0


def _told(at: int | None) -> str:
    return f"{datetime.fromtimestamp((at or 0) / 1000, UTC):%Y-%m-%d %H:%M} UTC"
