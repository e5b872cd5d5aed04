"""The one adapter between rows and the log of `audit/`: append, read, prove, find, destroy. No rule about the log stands here."""

from signaltable.audit_trail.appending import AuditEvent, append, day_milliseconds, is_there, milliseconds
from signaltable.audit_trail.destroying import destroy
from signaltable.audit_trail.finding import Wanted, find, find_seqs
from signaltable.audit_trail.tree import (
    consistency,
    frontier,
    inclusion,
    leaf_hashes,
    lock_head,
    newest_checkpoint,
    root,
    size,
    waits_since,
)

# A page of the log that is read while exporting; keeps memory flat however long the log is.
BATCH = 2000

__all__ = [
    "BATCH",
    "AuditEvent",
    "Wanted",
    "append",
    "consistency",
    "day_milliseconds",
    "destroy",
    "find",
    "find_seqs",
    "frontier",
    "inclusion",
    "is_there",
    "leaf_hashes",
    "lock_head",
    "milliseconds",
    "newest_checkpoint",
    "root",
    "size",
    "waits_since",
]
