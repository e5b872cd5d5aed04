"""The one adapter between rows and the log of `audit/`: append, read, sign, export. No rule about the log stands here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from audit import checkpoint, entry, merkle
from audit.note import Signer
from signaltable import VERSION
from signaltable.domain import Actor
from signaltable.models import LogCheckpoint, LogDetail, LogEntry, LogHead

# Which program wrote an entry.
SOURCE = f"signaltable/{VERSION}"
# A page of the log that is read while exporting; keeps memory flat however long the log is.
BATCH = 2000


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """What happened, before it gets its place in the log."""

    action: str
    object_type: str = ""
    object_id: str = ""
    outcome: str = "ok"
    reason: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    occurred_at: datetime | None = None
    object_version: str = ""


def milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970 in UTC, the only form of time in the log."""
    return int(moment.timestamp() * 1000)


def append(
    session: Session,
    events: Sequence[AuditEvent],
    actor: Actor,
    clock: Callable[[], datetime],
    randomness: Callable[[int], bytes],
) -> None:
    """Give the events their places at the end of the log. Call last: it locks the head until the commit."""
    head = session.execute(
        select(LogHead.size, LogHead.frontier, LogHead.recorded_at).where(LogHead.id == 1).with_for_update(),
    ).one()
    tree = merkle.CompactRange.from_bytes(head.frontier) if head.size else merkle.CompactRange()
    recorded_at = max(milliseconds(clock()), head.recorded_at)  # A clock set back must not make the log run back.
    entries: list[dict[str, Any]] = []
    details: list[dict[str, Any]] = []
    for offset, happened in enumerate(events):
        sealed = _seal(happened, head.size + offset, recorded_at, actor, randomness)
        tree.append(sealed.leaf_hash)
        entries.append(_entry_row(sealed))
        details.append({"seq": sealed.entry.seq, "salt": sealed.salt, "details": sealed.details_bytes})
    session.execute(insert(LogEntry), entries)
    session.execute(insert(LogDetail), details)
    session.execute(
        update(LogHead)
        .where(LogHead.id == 1)
        .values(size=head.size + len(events), frontier=tree.to_bytes(), recorded_at=recorded_at),
    )


def _seal(
    happened: AuditEvent, seq: int, recorded_at: int, actor: Actor, randomness: Callable[[int], bytes]
) -> entry.Sealed:
    occurred = recorded_at if happened.occurred_at is None else milliseconds(happened.occurred_at)
    where_from = {"session_hash": actor.session_hash, "network_hash": actor.network_hash}
    return entry.build(
        event_id=entry.new_event_id(recorded_at, randomness(entry.EVENT_RANDOM_BYTES)),
        seq=seq,
        recorded_at=recorded_at,
        occurred_at=min(occurred, recorded_at),
        action=happened.action,
        outcome=happened.outcome,
        reason=happened.reason,
        actor=actor.account_id,
        agency=actor.agency_id,
        role=actor.role_label,
        acting_for=actor.acting_for,
        channel=str(actor.channel),
        strength=actor.strength,
        object_type=happened.object_type,
        object=happened.object_id,
        object_version=happened.object_version,
        trace_id=actor.trace_id,
        span_id=actor.span_id,
        parent_span_id=actor.parent_span_id,
        source=SOURCE,
        details={name: value for name, value in where_from.items() if value} | happened.details,
        salt=randomness(entry.SALT_BYTES),
    )


def _entry_row(sealed: entry.Sealed) -> dict[str, Any]:
    made = sealed.entry
    return {
        "seq": made.seq,
        "entry": sealed.entry_bytes,
        "leaf": sealed.leaf_hash,
        "recorded_at": datetime.fromtimestamp(made.recorded_at / 1000, UTC),
        "action": made.action,
        "outcome": made.outcome,
        "agency": made.agency,
        "actor": made.actor,
        "object_type": made.object_type,
        "object": made.object,
    }


def leaf_hashes(session: Session) -> list[bytes]:
    """All leaf hashes in order."""
    return list(session.scalars(select(LogEntry.leaf).order_by(LogEntry.seq)))


def newest_checkpoint(session: Session) -> LogCheckpoint | None:
    """The checkpoint over most entries, or None before the first."""
    return session.scalars(select(LogCheckpoint).order_by(LogCheckpoint.size.desc()).limit(1)).first()


def sign_checkpoint(session: Session, signer: Signer, origin: str, now: datetime) -> LogCheckpoint | None:
    """Sign the present head, after proving that it extends the last signed one. None when nothing was added.

    Raises `audit.errors.BadProof` when the log is no continuation of what was signed before: an incident.
    """
    leaves = leaf_hashes(session)
    last = newest_checkpoint(session)
    if not leaves or (last is not None and last.size == len(leaves)):
        return None
    root = merkle.root(leaves)
    if last is not None:
        signed = checkpoint.open_note(last.note, [signer.verifier()])
        proof = merkle.consistency_proof(leaves, signed.size)
        merkle.verify_consistency(size1=signed.size, size2=len(leaves), root1=signed.root, root2=root, proof=proof)
    note = checkpoint.sign(checkpoint.Checkpoint(origin, len(leaves), root), signer)
    made = LogCheckpoint(size=len(leaves), note=note, signed_at=now)
    session.add(made)
    return made


def size(session: Session) -> int:
    """How many entries the log holds."""
    return session.scalar(select(func.count()).select_from(LogEntry)) or 0
