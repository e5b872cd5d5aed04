"""Checkpoints as rows: the newest one, and signing the next."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit import checkpoint, merkle
from audit.note import Signer
from signaltable.audit_trail.tree import leaf_hashes
from signaltable.models import LogCheckpoint


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
