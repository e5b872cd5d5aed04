"""That an entry stands in the log: the way from its hash to a signed root, and the newest of those roots."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import key_chain, receipt
from audit.errors import AuditError
from audit.note import ED25519
from signaltable import audit_trail
from signaltable.access import Permission, require
from signaltable.flow import log_keys
from signaltable.flow.auditing.lines import scope
from signaltable.flow.fsck import as_bytes
from signaltable.models import LogCheckpoint, LogEntry
from signaltable.settings import Settings
from signaltable.transaction import Transaction

# How many earlier checkpoints a page shows.
EARLIER = 5


@dataclass(frozen=True, slots=True)
class EntryProof:
    """That an entry stands in the tree that a checkpoint signs. `text` is the .tlog-proof, `verified` its check here."""

    seq: int
    size: int
    root: str
    signed_at: datetime
    steps: tuple[str, ...]
    text: str
    verified: bool


@dataclass(frozen=True, slots=True)
class SignedHead:
    """The newest checkpoint, how many entries came after it, and how often one is signed.

    `earlier` are size and moment of the checkpoints before it, newest first, the last few only.
    """

    note: str
    size: int
    root: str
    signed_at: datetime | None
    waiting: int
    every_minutes: int
    origin: str
    fingerprint: str
    earlier: tuple[tuple[int, datetime], ...]


def head(tx: Transaction) -> SignedHead:
    """The newest checkpoint and what came after it."""
    require(tx.actor, Permission.LOG_CONSULT_ALL)
    signed = tx.session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(EARLIER + 1)).all()
    newest = signed[0] if signed else None
    key = [one for one in log_keys.public_keys(tx.program.settings) if one.algorithm == ED25519][-1]
    size = audit_trail.size(tx.session)
    return SignedHead(
        note=newest.note if newest else "",
        size=newest.size if newest else 0,
        root=_root_of(newest) if newest else "",
        signed_at=newest.signed_at if newest else None,
        waiting=size - (newest.size if newest else 0),
        every_minutes=tx.program.settings.checkpoint_minutes,
        origin=key.name,
        fingerprint=key.fingerprint,
        earlier=tuple((row.size, row.signed_at) for row in signed[1:]),
    )


def public_key(tx: Transaction) -> str:
    """Every public key that the log ever had, oldest first, as a file for auditors: one vkey a line."""
    scope(tx)
    return key_chain.to_text(log_keys.public_keys(tx.program.settings))


def proof_of(session: Session, settings: Settings, row: LogEntry) -> EntryProof | None:
    """The proof under the oldest checkpoint that covers the entry, so that it stays the same file for ever."""
    covering = session.scalars(
        select(LogCheckpoint).where(LogCheckpoint.size > row.seq).order_by(LogCheckpoint.size).limit(1),
    ).first()
    if covering is None:
        return None
    steps = audit_trail.inclusion(session, row.seq, covering.size)
    text = receipt.write(index=row.seq, proof=steps, checkpoint_note=covering.note, entry_bytes=as_bytes(row.entry))
    try:
        receipt.verify(text, log_keys.public_keys(settings))
    except AuditError:
        verified = False
    else:
        verified = True
    return EntryProof(
        seq=row.seq,
        size=covering.size,
        root=_root_of(covering),
        signed_at=covering.signed_at,
        steps=tuple(step.hex() for step in steps),
        text=text,
        verified=verified,
    )


def _root_of(signed: LogCheckpoint) -> str:
    """The root in base64 as the third line of the note says it; nothing when somebody changed the note."""
    lines = signed.note.split("\n")
    return lines[2] if len(lines) > 2 else ""
