"""What waits for an auditor or a privacy officer, counted; each count is a page of its own."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select

from signaltable import audit_trail
from signaltable.access import Allowed, Permission, may
from signaltable.flow import incidents
from signaltable.flow.auditing.disclosures import marked
from signaltable.flow.auditing.lines import scope
from signaltable.models import Disclosure, LogEntry, Sample
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Workplace:
    """Counts of what waits; None where the actor's role does not see it. `unsigned`: entries since the newest checkpoint.

    `checked_at` is when the whole log was last checked, and `check_ok` whether nothing was found then.
    """

    incidents: int | None
    samples: int | None
    unreviewed: int | None
    without_receipt: int | None
    signed_at: datetime | None
    unsigned: int
    checked_at: datetime | None
    check_seq: int | None
    check_ok: bool


def workplace(tx: Transaction) -> Workplace:
    """The start page of the workbench. Records that it was opened. Raises `Refused`."""
    scope(tx)
    tx.record("log:consult", object_type="log", details={"view": "workplace"})
    newest = audit_trail.newest_checkpoint(tx.session)
    checked = tx.session.scalars(
        select(LogEntry).where(LogEntry.action == "log:check").order_by(LogEntry.seq.desc()).limit(1)
    ).first()
    audits = _may(tx, Permission.DISCLOSURE_AUDIT_ALL)
    return Workplace(
        incidents=incidents.count_open(tx) if _may(tx, Permission.INCIDENT_CONSULT_ALL) else None,
        samples=_open_samples(tx) if _may(tx, Permission.SAMPLE_DRAW_ALL) else None,
        unreviewed=_disclosures(tx, "unreviewed") if audits else None,
        without_receipt=_disclosures(tx, "without_receipt") if audits else None,
        signed_at=newest.signed_at if newest else None,
        unsigned=audit_trail.size(tx.session) - (newest.size if newest else 0),
        checked_at=checked.recorded_at if checked else None,
        check_seq=checked.seq if checked else None,
        check_ok=_nothing_open(tx),
    )


def _may(tx: Transaction, permission: Permission) -> bool:
    return isinstance(may(tx.actor, permission), Allowed)


def _open_samples(tx: Transaction) -> int:
    own = Sample.auditor == tx.actor.account_id, Sample.concluded_at.is_(None)
    return tx.session.scalar(select(func.count()).select_from(Sample).where(*own)) or 0


def _disclosures(tx: Transaction, mark: str) -> int:
    conditions: list[ColumnElement[bool]] = marked(tx, mark)
    return tx.session.scalar(select(func.count()).select_from(Disclosure).where(*conditions)) or 0


def _nothing_open(tx: Transaction) -> bool:
    return incidents.count_open(tx) == 0
