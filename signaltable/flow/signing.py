"""Signing the log. Runs where the signing key may be read: the jobs process and the command line.

A key that signs two histories is worth nothing, so nothing is signed that does not continue the newest state signed
before: the newest in the database and the newest that the signer itself keeps as a file. A database that was put back, a
log that was shortened or rewritten is refused.

A change of keys (`rotate_keys`) can be stopped anywhere and goes on when it, or the next signing, runs:
new keys in a file `.next` -> one commit that announces them and signs with old and new -> public list -> the new file
takes the place of the old -> an entry that the old one is destroyed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import checkpoint, key_chain
from audit.checkpoint import Checkpoint
from audit.entry import open_details, parse
from audit.errors import AuditError
from audit.key_chain import RESTORED, Announcement, Chain
from audit.merkle import CompactRange, leaf_hash
from audit.note import ML_DSA_44, Signer, read_text
from audit.tree_head import parse_text
from signaltable import audit_trail
from signaltable.domain import Actor, SignaltableError
from signaltable.flow import log_keys
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.models import LogCheckpoint, LogDetail, LogEntry, LogHead
from signaltable.settings import Settings
from signaltable.transaction import Program, Transaction, reading, transaction

# How many entries before the last checkpoint are hashed again each time: whoever changed one of them is found at once,
# whoever changed an older one by the nightly check. It takes some 20 ms, during which nothing else is appended.
HASHED_ANEW = 4096
# How many checkpoints after the announcement of a key are looked at; the first one carries the lines of both keys.
COVERING = 3


class LogBroken(SignaltableError):
    """The log is no continuation of what was signed before: an incident, not a fault to try again."""


@dataclass(frozen=True, slots=True)
class _KeyEntry:
    """What an entry tells of a key of the log."""

    seq: int
    action: str
    fingerprint: str
    announced: Announcement | None


# -- signing ------------------------------------------------------------------------------------------------------


def sign_checkpoint(program: Program, actor: Actor = SYSTEM) -> int | None:
    """Sign the log when there is anything new, and say so in the log. Returns the size signed, or None.

    The checkpoint covers its own checkpoint:sign entry, so an idle log does not grow. Raises `LogBroken` when the log
    does not continue what was signed before, or announces a key that is not the signer's.
    """
    finish_rotation(program, actor)
    with transaction(program, actor) as tx:
        size = tx.hold_log()
        keys = _keys_in_use(tx)
        _check_continues(tx, size, keys)
        newest = audit_trail.newest_checkpoint(tx.session)
        idle = newest is not None and newest.size == size and not _unannounced(tx.session, keys)
        signed = None if idle or size == 0 else _sign(tx, keys)
    settle(program)
    return signed


def sign(tx: Transaction) -> int:
    """Announce and sign a checkpoint over the log, the events noted in this transaction, and the announcement.

    For a use case that has to be covered at once (an export). Locks the head until the commit, so call it last, and
    `settle` after the commit. Returns the size signed. Raises `LogBroken` as `sign_checkpoint` does.
    """
    size = tx.hold_log()
    keys = _keys_in_use(tx)
    _check_continues(tx, size, keys)
    return _sign(tx, keys)


def settle(program: Program) -> None:
    """What follows a commit that signed: keep the newest note as a file of the signer's own, and list its keys.

    Not before the commit, because what was rolled back must not count as signed. A crash before it is made up next time.
    """
    settings = program.settings
    with reading(program) as session:
        newest = audit_trail.newest_checkpoint(session)
        known = {one.new for one in _announced(session)}
    if newest is not None:
        log_keys.keep_note(settings, newest.size, newest.note)
    keys = (key.verifier() for key in log_keys.signers(settings.log_key))
    log_keys.list_keys(settings, [key for key in keys if key.fingerprint in known])


def _sign(tx: Transaction, keys: Sequence[Signer]) -> int:
    if tx.events:
        tx.append_now()
    _announce(tx, keys)
    covered = tx.hold_log() + len(tx.events) + 1
    tx.record("checkpoint:sign", object_type="log", details={"size": covered})
    tx.append_now()
    tree = _grown(tx.session, audit_trail.newest_checkpoint(tx.session), covered)
    head = tx.session.execute(select(LogHead.size, LogHead.frontier).where(LogHead.id == 1)).one()
    if head.size != covered or bytes(head.frontier) != tree.to_bytes():
        raise LogBroken(f"expected a log of {covered} entries whose tree is that of the entries; nothing was signed")
    made = Checkpoint(keys[0].name, covered, tree.root())
    note = checkpoint.sign(made, *keys, timestamp=int(tx.now.timestamp()))
    tx.session.add(LogCheckpoint(size=covered, note=note, signed_at=tx.now))
    return covered


def _announce(tx: Transaction, keys: Iterable[Signer]) -> None:
    """An entry for each key of ours that the log does not know yet."""
    for key in _unannounced(tx.session, keys):
        details = {"purpose": key_chain.PURPOSE, "key_fingerprint": key.verifier().fingerprint}
        tx.record("key:make", object_type="log", details=details)


def _grown(session: Session, last: LogCheckpoint | None, size: int) -> CompactRange:
    """The tree over `size` entries, hashed from the entries themselves as far back as HASHED_ANEW before the last checkpoint.

    Begins with stored roots, and comes by the root that was signed last, so the result continues what was signed.
    """
    signed = parse_text(read_text(last.note)[0]) if last else None
    begin = max(0, signed.size - HASHED_ANEW) if signed else 0
    tree = audit_trail.frontier(session, begin)
    rows = session.execute(
        select(LogEntry.seq, LogEntry.entry, LogEntry.leaf)
        .where(LogEntry.seq >= begin, LogEntry.seq < size)
        .order_by(LogEntry.seq)
        .execution_options(yield_per=audit_trail.BATCH),
    )
    for row in rows:
        leaf = leaf_hash(row.entry)
        if row.seq != tree.size or leaf != row.leaf:
            raise LogBroken(f"entry {tree.size} is not the one that was appended; nothing was signed")
        tree.append(leaf)
        if signed and tree.size == signed.size and tree.root() != signed.root:
            raise LogBroken("the log does not continue the last checkpoint; nothing was signed")
    return tree


# -- what may be signed -------------------------------------------------------------------------------------------


def _check_continues(tx: Transaction, size: int, keys: Sequence[Signer]) -> None:
    """Refuse unless the log begins with every newest state that was signed, and announces no key of a stranger."""
    for signed in _signed_before(tx, keys):
        if signed.size > size:
            raise LogBroken(f"the log holds {size} entries, of {signed.size} that were signed; nothing was signed")
        try:
            root = audit_trail.frontier(tx.session, signed.size).root()
        except AuditError as error:
            raise LogBroken("the tree of the log cannot be read; nothing was signed") from error
        if root != signed.root:
            raise LogBroken("the log does not continue the last checkpoint; nothing was signed")
    last = audit_trail.newest_checkpoint(tx.session)
    _check_announcements(tx, last.size if last else 0, keys)
    if _replaced(tx.session) & {key.verifier().fingerprint for key in keys}:
        raise LogBroken(
            "the log says that this key was replaced, on another machine; nothing was signed with the old one"
        )


def _signed_before(tx: Transaction, keys: Sequence[Signer]) -> list[Checkpoint]:
    """The newest state signed according to the database, and according to the files of the signer."""
    verifiers = log_keys.public_keys(tx.program.settings)
    newest = audit_trail.newest_checkpoint(tx.session)
    try:
        found = [] if newest is None else [checkpoint.open_note(newest.note, verifiers)]
    except AuditError as error:
        raise LogBroken("the last checkpoint is none that this log signed; nothing was signed") from error
    own = [key.verifier() for key in keys]
    for kept in log_keys.kept_notes(tx.program.settings):
        try:
            # A note of keys that were replaced after a restore tells of what was lost; the log says so (key:rotate).
            return [*found, checkpoint.open_note(kept.note, own)]
        except AuditError:
            continue
    return found


def _check_announcements(tx: Transaction, signed: int, keys: Sequence[Signer]) -> None:
    """Refuse to sign over a key that somebody else announced: under a signature of ours it would count.

    A replacement is announced and signed in one commit, so there is never one that waits for its signature.
    """
    own = {key.verifier().fingerprint for key in keys}
    for one in _key_entries(tx.session, since=signed):
        if one.action == "key:rotate" or (one.action == "key:make" and one.fingerprint not in own):
            raise LogBroken(f"entry {one.seq} announces a key that is not the signer's; nothing was signed")


def _key_entries(session: Session, since: int = 0) -> list[_KeyEntry]:
    """What the log tells of its own keys, from entry `since` on. Raises `LogBroken` where it cannot be read."""
    rows = session.execute(
        select(LogEntry.seq, LogEntry.action, LogEntry.entry, LogDetail.details, LogDetail.salt)
        .outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(LogEntry.action.in_(key_chain.ACTIONS), LogEntry.seq >= since)
        .order_by(LogEntry.seq),
    )
    found = []
    for row in rows:
        try:
            entry = parse(row.entry)
            details = open_details(entry, row.details or b"", row.salt or b"")
        except AuditError as error:
            raise LogBroken(f"what entry {row.seq} tells of a key cannot be read; nothing was signed") from error
        if details.get("purpose") == key_chain.PURPOSE:
            announced = key_chain.announcement(row.seq, entry.action, details)
            found.append(_KeyEntry(row.seq, entry.action, str(details.get("key_fingerprint")), announced))
    return found


def _announced(session: Session) -> list[Announcement]:
    return [one.announced for one in _key_entries(session) if one.announced]


def _unannounced(session: Session, keys: Iterable[Signer]) -> list[Signer]:
    known = {one.new for one in _announced(session)}
    return [key for key in keys if key.verifier().fingerprint not in known]


def chain(session: Session, settings: Settings) -> Chain:
    """Which key of this log counted when, by what the log itself tells. Raises `LogBroken` where that cannot be read."""
    announced = _announced(session)
    # Of all checkpoints only the first ones over an announcement say anything about keys.
    covering = [
        session.scalars(
            select(LogCheckpoint.note).where(LogCheckpoint.size > one.seq).order_by(LogCheckpoint.size).limit(COVERING),
        ).all()
        for one in announced
    ]
    listed = log_keys.public_keys(settings)
    return key_chain.trusted((), listed, {note for some in covering for note in some}, announced)


# -- keys ---------------------------------------------------------------------------------------------------------


def _keys_in_use(tx: Transaction) -> tuple[Signer, ...]:
    """The keys to sign with: those of the file, or those of a change that the log has told of already.

    Call with the head locked: then no change can be told of between the two looks. The waiting keys are looked at first,
    because a change that is finished meanwhile takes them away.
    """
    settings = tx.program.settings
    waiting = log_keys.waiting_keys(settings)
    if waiting and not _unannounced(tx.session, waiting):
        return _wanted(settings, waiting)
    return _wanted(settings, _all_keys(settings))


def _all_keys(settings: Settings) -> tuple[Signer, ...]:
    """The keys of the file; with an ML-DSA-44 key when the settings ask for one, which is made when there is none."""
    keys = log_keys.signers(settings.log_key)
    if settings.log_ml_dsa and all(key.algorithm != ML_DSA_44 for key in keys):
        keys = (*keys, Signer.generate(keys[0].name, ML_DSA_44))
        log_keys.write_signers(settings.log_key, keys)
    return keys


def _wanted(settings: Settings, keys: tuple[Signer, ...]) -> tuple[Signer, ...]:
    return keys if settings.log_ml_dsa else keys[:1]


def rotate_keys(program: Program, actor: Actor) -> tuple[str, ...]:
    """Replace the keys of the log, and destroy the old private keys. Returns the fingerprints of the keys that count now.

    Safe to stop anywhere: run again, it goes on with the same new keys. Raises `LogBroken` as `sign_checkpoint` does.
    """
    if not finish_rotation(program, actor):
        with transaction(program, actor) as tx:
            size = tx.hold_log()
            old = _all_keys(program.settings)
            # A key is replaced once: another process may have told of it while this one waited for its turn.
            if not _replaced(tx.session) & {key.verifier().fingerprint for key in old}:
                _replace(tx, size, old)
        finish_rotation(program, actor)
        settle(program)
    return tuple(key.verifier().fingerprint for key in log_keys.signers(program.settings.log_key))


def _replaced(session: Session) -> set[str]:
    """The fingerprints of the keys that the log says were replaced."""
    return {one.previous for one in _announced(session) if one.previous}


def _replace(tx: Transaction, size: int, old: Sequence[Signer]) -> None:
    """Tell of new keys in the place of the old ones, and sign with both."""
    new = _prepare_next(tx.program.settings, old)
    _check_continues(tx, size, old)
    _announce(tx, old)
    for before, after in zip(old, new, strict=True):
        _record_rotation(tx, before.verifier().fingerprint, after)
    _sign(tx, (*old, *new))


def sign_after_restore(tx: Transaction) -> list[str]:
    """Announce new keys for a log that was put back from a copy, and sign it with them; the old ones sign no more.

    What the old keys have signed since the copy was made is lost, so they may never sign another history: whoever trusts
    them gets a finding, whoever trusts a new key can check everything. Call last in the transaction that records
    `system:restore`; after the commit call `finish_rotation` and `settle`. Returns the fingerprints of the keys that
    were replaced. Raises `LogBroken` when not even the copy continues its own last checkpoint.
    """
    settings = tx.program.settings
    tx.hold_log()
    last = audit_trail.newest_checkpoint(tx.session)
    _check_copy(tx, last)
    _check_announcements(tx, last.size if last else 0, log_keys.signers(settings.log_key))
    # Keys that waited for a change in the lost part are not those that the log will tell of now.
    log_keys.forget_waiting(settings)
    new = _prepare_next(settings, _all_keys(settings))
    own = {key.verifier() for key in new}
    replaced = _replaced(tx.session)
    before = [key for key in log_keys.public_keys(settings) if key not in own and key.fingerprint not in replaced]
    for key in before:
        after = next((one for one in new if one.algorithm == key.algorithm), new[0])
        _record_rotation(tx, key.fingerprint, after, cause=RESTORED)
    _sign(tx, new)
    return [key.fingerprint for key in before]


def _check_copy(tx: Transaction, last: LogCheckpoint | None) -> None:
    if last is None:
        return
    try:
        signed = checkpoint.open_note(last.note, log_keys.public_keys(tx.program.settings))
        if audit_trail.frontier(tx.session, signed.size).root() == signed.root:
            return
    except AuditError as error:
        raise LogBroken("the last checkpoint of the copy cannot be checked; nothing was signed") from error
    raise LogBroken("the copy does not continue its own last checkpoint; nothing was signed")


def _record_rotation(tx: Transaction, previous: str, after: Signer, cause: str = "") -> None:
    details = {
        "purpose": key_chain.PURPOSE,
        "key_fingerprint": after.verifier().fingerprint,
        "previous_fingerprint": previous,
    }
    tx.record("key:rotate", object_type="log", details=details | ({"cause": cause} if cause else {}))


def _prepare_next(settings: Settings, old: Sequence[Signer]) -> tuple[Signer, ...]:
    """New keys in the waiting file, one for each old one; those that wait there already stay, if they are as many."""
    waiting = log_keys.waiting_keys(settings)
    if [key.algorithm for key in waiting] == [key.algorithm for key in old]:
        return waiting
    new = tuple(Signer.generate(key.name, key.algorithm) for key in old)
    log_keys.write_signers(log_keys.next_file(settings), new)
    return new


def finish_rotation(program: Program, actor: Actor) -> bool:
    """Take the last steps of a change of keys that the log has told of. Returns whether there was anything to do."""
    settings = program.settings
    waiting = log_keys.waiting_keys(settings)
    with reading(program) as session:
        told = _key_entries(session)
    known = {one.announced.new for one in told if one.announced}
    moved = bool(waiting) and all(key.verifier().fingerprint in known for key in waiting)
    if moved:
        # A key that was made and replaced between two signings is listed nowhere yet.
        old = [key.verifier() for key in log_keys.signers(settings.log_key)]
        new = [key.verifier() for key in waiting]
        log_keys.list_keys(settings, [*(key for key in old if key.fingerprint in known), *new])
        log_keys.destroy_and_replace(settings.log_key, log_keys.next_file(settings))
    return _tell_destroyed(program, actor, told) or moved


def _tell_destroyed(program: Program, actor: Actor, told: Sequence[_KeyEntry]) -> bool:
    """An entry for each replaced key that is gone from the file and of which the log does not say so yet."""
    here = {key.verifier().fingerprint for key in log_keys.signers(program.settings.log_key)}
    destroyed = {one.fingerprint for one in told if one.action == "key:destroy"}
    replaced = {one.announced.previous for one in told if one.announced and one.announced.previous}
    gone = sorted(replaced - destroyed - here)
    if gone:
        with transaction(program, actor) as tx:
            for fingerprint in gone:
                details = {"purpose": key_chain.PURPOSE, "key_fingerprint": fingerprint}
                tx.record("key:destroy", object_type="log", details=details)
    return bool(gone)
