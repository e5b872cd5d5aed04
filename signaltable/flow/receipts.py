"""Receipts: for every disclosure a file that shows years later, without this program, that it stands in the log.

Sender and receiver get the same file: the entry `signal:disclose` with its way to the oldest checkpoint that covers it, so
it is the same file for ever. What came back (accepted, returned, feedback) has one too. An entry that is handed out this
way holds nothing by which two receivers could find out that they got the same signal (audit_trail, `HANDED_OUT`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import receipt
from audit.errors import AuditError
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.domain import Actor, NotFound, SignaltableError
from signaltable.flow import log_keys, sources
from signaltable.flow.referrals import RECEIVED
from signaltable.flow.signing import sign_checkpoint
from signaltable.models import Disclosure, LogCheckpoint, LogEntry
from signaltable.queries import disclosure_by_reference, resource_of_disclosure
from signaltable.settings import Settings
from signaltable.transaction import Program, Transaction, reading, transaction

DISCLOSED = "signal:disclose"
PROVEN = (DISCLOSED, "disclosure:accept", "disclosure:return", "disclosure:feedback")


class NotProven(SignaltableError):
    """What stands in the log does not lead to a signed state: an incident, not a fault to try again."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One entry about a disclosure. `ready`: a checkpoint covers it; else the next is due by `due_at`."""

    seq: int
    action: str
    at: datetime
    ready: bool
    due_at: datetime


@dataclass(frozen=True, slots=True)
class ReceiptFile:
    """A `.tlog-proof`: its name and its text."""

    name: str
    text: str


def for_sender(tx: Transaction, reference: str) -> tuple[Receipt, ...]:
    """The receipts of a disclosure, oldest first, for the agency that disclosed."""
    return _receipts(tx, _sent(tx, reference))


def for_receiver(tx: Transaction, reference: str) -> tuple[Receipt, ...]:
    """The same for the agency that received. Raises `NotFound` while it is not disclosed."""
    return _receipts(tx, _received(tx, reference))


def fetch_as_sender(tx: Transaction, reference: str, seq: int) -> ReceiptFile:
    """The receipt of entry `seq`; that is recorded. Raises `NotFound` for another entry, or before it is ready."""
    return _fetch(tx, _sent(tx, reference), seq, "provider")


def fetch_as_receiver(tx: Transaction, reference: str, seq: int) -> ReceiptFile:
    """The same for the agency that received."""
    return _fetch(tx, _received(tx, reference), seq, "receiver")


def of_reference(program: Program, actor: Actor, reference: str) -> ReceiptFile:
    """The receipt of a disclosure for whoever runs this machine; a checkpoint is signed first when none covers it.

    Recorded. Raises `NotFound` for an unknown reference or one that was not disclosed, `LogBroken`, `NotProven`.
    """
    with reading(program) as session:
        seq = _entry_of(session, reference)
        covered = _covering(session, seq) is not None
    if not covered:
        sign_checkpoint(program, actor)
    with transaction(program, actor) as tx:
        return _made(tx, reference, seq, "cli")


def _entry_of(session: Session, reference: str) -> int:
    seq = session.scalar(
        select(LogEntry.seq)
        .where(LogEntry.object == reference, LogEntry.action == DISCLOSED, LogEntry.outcome == "ok")
        .order_by(LogEntry.seq)
        .limit(1)
    )
    if seq is None:
        raise NotFound("no such disclosure")
    return seq


# -- inside -------------------------------------------------------------------------------------------------------


def _sent(tx: Transaction, reference: str) -> Disclosure:
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, *sources.sender_resource(tx, row))
    return row


def _received(tx: Transaction, reference: str) -> Disclosure:
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, Permission.REFERRAL_RECEIVE_OWN, resource_of_disclosure(tx, row, receiver=True))
    if row.state not in RECEIVED:
        raise NotFound("no such disclosure")
    return row


def _receipts(tx: Transaction, row: Disclosure) -> tuple[Receipt, ...]:
    found = tx.session.execute(
        select(LogEntry.seq, LogEntry.action, LogEntry.recorded_at)
        .where(LogEntry.object == row.reference, LogEntry.action.in_(PROVEN), LogEntry.outcome == "ok")
        .order_by(LogEntry.seq),
    ).all()
    newest = audit_trail.newest_checkpoint(tx.session)
    signed = newest.size if newest else 0
    due = next_checkpoint_at(tx.program.settings, tx.now)
    return tuple(Receipt(one.seq, one.action, one.recorded_at, one.seq < signed, due) for one in found)


def next_checkpoint_at(settings: Settings, now: datetime) -> datetime:
    """By when the log is signed again: its turns begin at whole multiples of the setting, and are tried twice each."""
    turn = settings.checkpoint_minutes * 60
    begin = (int(now.timestamp()) // turn + 1) * turn
    return datetime.fromtimestamp(begin + turn // 2, UTC)


def _fetch(tx: Transaction, row: Disclosure, seq: int, view: str) -> ReceiptFile:
    if all(one.seq != seq or not one.ready for one in _receipts(tx, row)):
        raise NotFound("no such receipt")
    return _made(tx, row.reference, seq, view)


def _made(tx: Transaction, reference: str, seq: int, view: str) -> ReceiptFile:
    covering = _covering(tx.session, seq)
    raw = tx.session.scalar(select(LogEntry.entry).where(LogEntry.seq == seq))
    if covering is None or raw is None:
        raise NotFound("no such receipt")
    try:
        proof = audit_trail.inclusion(tx.session, seq, covering.size)
        text = receipt.write(index=seq, proof=proof, checkpoint_note=covering.note, entry_bytes=bytes(raw))
        receipt.verify(text, log_keys.public_keys(tx.program.settings))
    except AuditError as error:
        raise NotProven("the log does not prove this entry; let it be checked") from error
    tx.record(
        "receipt:fetch",
        object_type="disclosure",
        object_id=reference,
        details={"disclosure": reference, "entry": seq, "size": covering.size, "view": view},
    )
    return ReceiptFile(f"{reference}-{seq}.tlog-proof", text)


def _covering(session: Session, seq: int) -> LogCheckpoint | None:
    """The oldest checkpoint that covers this entry: later ones would do too, and give another file each time."""
    query = select(LogCheckpoint).where(LogCheckpoint.size > seq).order_by(LogCheckpoint.size).limit(1)
    return session.scalars(query).first()
