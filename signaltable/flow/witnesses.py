"""Witnesses: agencies keep checkpoints, so that nobody can rewrite or shorten the log without an agency finding out.

Every day the newest checkpoint goes by mail to whoever keeps it at an agency; a page hands it out as well, and compares
one that was kept with the log as it is now. A checkpoint names no case and no person.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.errors import AuditError, RetiredKey
from audit.kept import note_in
from audit.note import MAX_NOTE_BYTES, read_text
from audit.tree_head import Checkpoint, parse_text
from signaltable import audit_trail
from signaltable.access import Allowed, Denied, Permission, may, require
from signaltable.domain import Actor, NotFound
from signaltable.flow import log_keys, mailing, signing
from signaltable.flow.mail.states import checkpoint_template
from signaltable.models import Agency, CheckpointCopy, LogCheckpoint
from signaltable.transaction import Program, Transaction, transaction
from signaltable.users import can_sign

# Whoever kept nothing newer than this is not counted as a witness any more: a mail a day, and a day to spare.
FRESH = timedelta(hours=48)
# With one witness less, the two who could agree to rewrite the log are the one who runs it and one agency.
ENOUGH = 2
# Less than a day, so that each day brings one; far more than what a run that is done again takes.
RESTS = timedelta(hours=6)
SHOWN = 30


class Outcome(StrEnum):
    """What comparing a kept checkpoint with the log gives."""

    SAME = "same"
    GROWN = "grown"
    FORK = "fork"
    SHORTENED = "shortened"
    RETIRED = "retired_key"
    STRANGE = "not_signed"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Copy:
    """A checkpoint that an agency got: over how many entries, signed when, sent and fetched when (None: not)."""

    size: int
    signed_at: datetime
    sent_at: datetime | None
    fetched_at: datetime | None


@dataclass(frozen=True, slots=True)
class Kept:
    """What the page shows: the newest checkpoint, and those that went to the agency, newest first."""

    size: int
    signed_at: datetime
    note: str
    fingerprints: tuple[str, ...]
    copies: tuple[Copy, ...]


@dataclass(frozen=True, slots=True)
class Reached:
    """The newest checkpoint that an agency got, by mail or from the page, and when."""

    agency_id: str
    size: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Comparison:
    """How a kept checkpoint of `size` entries fits the log, which holds `now` entries. `size` is 0 when it is none."""

    outcome: Outcome
    size: int
    now: int

    @property
    def honest(self) -> bool:
        """Whether the log still says what it said when the checkpoint was signed."""
        return self.outcome in {Outcome.SAME, Outcome.GROWN}


# -- sending ------------------------------------------------------------------------------------------------------


def send(program: Program, actor: Actor) -> int:
    """Sign what is new, where this process can, and send the newest checkpoint to everybody who keeps it for an active agency.

    Returns how many agencies it goes to; the mails are written by the next run of the outbox. Recorded also when nobody
    keeps it, because then the log has no witness. Who got one within the last RESTS gets none: a process that was killed
    after sending does not know that it did.
    """
    if can_sign(program.settings):
        signing.sign_checkpoint(program, actor)
    with transaction(program, actor) as tx:
        newest = audit_trail.newest_checkpoint(tx.session)
        if newest is None:
            return 0
        keepers = {
            agency_id: mailing.accounts_with(tx, [agency_id], Permission.CHECKPOINT_KEEP_OWN)
            for agency_id in tx.session.scalars(select(Agency.id).where(Agency.active).order_by(Agency.id))
        }
        keepers = {agency_id: accounts for agency_id, accounts in keepers.items() if accounts}
        lately = _sent_lately(tx)
        if keepers and keepers.keys() <= lately:
            return 0
        keepers = {agency_id: accounts for agency_id, accounts in keepers.items() if agency_id not in lately}
        for agency_id, accounts in keepers.items():
            mailing.tell(tx, accounts, checkpoint_template(newest.size))
            _copy(tx, newest.size, agency_id).sent_at = tx.now
        mails = sum(map(len, keepers.values()))
        details = {"size": newest.size, "sent_to": list(keepers), "mails": mails}
        tx.record("checkpoint:send", object_type="log", details=details)
    return len(keepers)


def _sent_lately(tx: Transaction) -> set[str]:
    """The agencies that got a checkpoint a short while ago."""
    sent = CheckpointCopy.sent_at.between(tx.now - RESTS, tx.now)
    return set(tx.session.scalars(select(CheckpointCopy.agency_id).where(sent)))


def _copy(tx: Transaction, size: int, agency_id: str) -> CheckpointCopy:
    found = tx.session.get(CheckpointCopy, (size, agency_id))
    if found is None:
        found = CheckpointCopy(size=size, agency_id=agency_id, sent_at=None, fetched_at=None)
        tx.session.add(found)
    return found


def reached(session: Session, now: datetime) -> tuple[Reached, ...]:
    """The active agencies that got a checkpoint in the last FRESH, with the newest one; fewer than ENOUGH is a finding."""
    at = func.max(func.coalesce(CheckpointCopy.fetched_at, CheckpointCopy.sent_at))
    rows = session.execute(
        select(CheckpointCopy.agency_id, func.max(CheckpointCopy.size))
        .join(Agency, Agency.id == CheckpointCopy.agency_id)
        .where(
            Agency.active,
            (CheckpointCopy.sent_at > now - FRESH) | (CheckpointCopy.fetched_at > now - FRESH),
        )
        .group_by(CheckpointCopy.agency_id)
        .order_by(at.desc(), CheckpointCopy.agency_id),
    ).all()
    return tuple(_reached(session, agency_id, size) for agency_id, size in rows)


def _reached(session: Session, agency_id: str, size: int) -> Reached:
    copy = session.get_one(CheckpointCopy, (size, agency_id))
    return Reached(agency_id, size, max(filter(None, (copy.sent_at, copy.fetched_at))))


# -- the page -----------------------------------------------------------------------------------------------------


def _require(actor: Actor) -> None:
    """Who keeps checkpoints for an agency may look, and an auditor, who may look at everything about the log."""
    if isinstance(may(actor, Permission.CHECKPOINT_KEEP_OWN), Denied):
        require(actor, Permission.LOG_CONSULT_ALL)


def kept(tx: Transaction) -> Kept | None:
    """The newest checkpoint and what went to the actor's agency. None before the first is signed."""
    _require(tx.actor)
    newest = audit_trail.newest_checkpoint(tx.session)
    if newest is None:
        return None
    rows = tx.session.execute(
        select(CheckpointCopy, LogCheckpoint.signed_at)
        .join(LogCheckpoint, LogCheckpoint.size == CheckpointCopy.size)
        .where(CheckpointCopy.agency_id == tx.actor.agency_id)
        .order_by(CheckpointCopy.size.desc())
        .limit(SHOWN),
    ).all()
    copies = tuple(Copy(copy.size, signed_at, copy.sent_at, copy.fetched_at) for copy, signed_at in rows)
    keys = log_keys.public_keys(tx.program.settings)
    tx.record("log:consult", object_type="log", details={"view": "witness"})
    return Kept(newest.size, newest.signed_at, newest.note, tuple(key.fingerprint for key in keys), copies)


def newest_size(tx: Transaction) -> int | None:
    """How many entries the newest checkpoint covers; None before the first is signed."""
    _require(tx.actor)
    newest = audit_trail.newest_checkpoint(tx.session)
    return newest.size if newest else None


def fetch(tx: Transaction, size: int) -> str:
    """The note of a checkpoint, to keep. Raises `NotFound` when none of this size was signed."""
    _require(tx.actor)
    row = tx.session.get(LogCheckpoint, size)
    if row is None:
        raise NotFound("no such checkpoint")
    if isinstance(may(tx.actor, Permission.CHECKPOINT_KEEP_OWN), Allowed):
        _copy(tx, size, tx.actor.agency_id).fetched_at = tx.now
    tx.record("checkpoint:fetch", object_type="log", details={"size": size})
    return row.note


def compare(tx: Transaction, raw: bytes) -> Comparison:
    """Compare what somebody kept with the log as it is now: nothing of it is stored, only what came out is recorded."""
    _require(tx.actor)
    now = audit_trail.size(tx.session)
    outcome, size = _outcome(tx, note_in(raw[:MAX_NOTE_BYTES]), now)
    # The size is worth recording when our key vouches for it; otherwise anybody could write numbers into the log.
    known = {"size": size} if outcome not in {Outcome.STRANGE, Outcome.UNREADABLE} else {}
    tx.record(
        "checkpoint:compare",
        object_type="log",
        outcome="ok" if outcome in {Outcome.SAME, Outcome.GROWN} else "error",
        reason="" if outcome in {Outcome.SAME, Outcome.GROWN} else str(outcome),
        details={"result": str(outcome)} | known,
    )
    return Comparison(outcome, size, now)


def _outcome(tx: Transaction, note: str, now: int) -> tuple[Outcome, int]:
    try:
        said = parse_text(read_text(note)[0])
    except AuditError:
        return Outcome.UNREADABLE, 0
    try:
        signing.chain(tx.session, tx.program.settings).open_note(note)
    except RetiredKey:
        return Outcome.RETIRED, said.size
    except AuditError:
        return Outcome.STRANGE, said.size
    except signing.LogBroken:
        return Outcome.FORK, said.size  # What the log tells of its own keys was changed.
    return _fits(tx.session, said, now), said.size


def _fits(session: Session, said: Checkpoint, now: int) -> Outcome:
    if said.size > now:
        return Outcome.SHORTENED
    try:
        root = audit_trail.frontier(session, said.size).root()
    except AuditError:
        return Outcome.FORK
    if root != said.root:
        return Outcome.FORK
    return Outcome.SAME if said.size == now else Outcome.GROWN
