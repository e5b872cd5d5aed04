"""What goes of rights with a case, and with the years.

Of access in acute danger every word of why goes with the case; that there was one, by whom and when, stays. Roles for some time
and signed reviews are kept for the term of policies/retention.toml; the log keeps that they were.
"""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import delete, func, select

from signaltable.domain import day_of
from signaltable.flow.rights import emergencies, opening
from signaltable.models import EmergencyAccess, RightsReview, RoleGrant, Signal
from signaltable.transaction import Transaction, in_whole

RULE: Final = "rights"


@in_whole("words of others about a case go with it")
def erase_of(tx: Transaction, signal: Signal) -> None:
    """Take the words away, and end what still runs: there is nothing left to read. The review is still owed."""
    rows = select(EmergencyAccess).where(EmergencyAccess.signal_id == signal.id).order_by(EmergencyAccess.id)
    for row in tx.session.scalars(rows.with_for_update()):
        row.reason_sealed = row.review_sealed = b""
        if emergencies.runs(row, tx.now):
            opening.end(tx, row, tx.now, opening.ERASED)


def erase_old(tx: Transaction) -> int:
    """Erase roles that ended and reviews that were signed longer ago than their term; never an agency's newest review.

    The caller asked the gate. Returns how many went.
    """
    term = tx.program.policy.retention.get(RULE)
    if term is None:  # Rules that were kept from before there was such a term.
        return 0
    ended = tx.session.execute(select(RoleGrant.id, RoleGrant.ended_at).where(RoleGrant.ended_at < tx.now))
    grants = sorted(row.id for row in ended if row.ended_at and term.ends(day_of(row.ended_at)) <= tx.today)
    newest = select(func.max(RightsReview.signed_at)).group_by(RightsReview.agency_id)
    signed = select(RightsReview.id, RightsReview.signed_at).where(RightsReview.signed_at.not_in(newest))
    reviews = sorted(row.id for row in tx.session.execute(signed) if term.ends(day_of(row.signed_at)) <= tx.today)
    if grants:
        tx.session.execute(delete(RoleGrant).where(RoleGrant.id.in_(grants)))
        _record(tx, "grant", grants)
    if reviews:
        tx.session.execute(delete(RightsReview).where(RightsReview.id.in_(reviews)))
        _record(tx, "review", reviews)
    return len(grants) + len(reviews)


def _record(tx: Transaction, object_type: str, objects: Sequence[str]) -> None:
    details = {"rule": RULE, "count": len(objects), "object_type": object_type, "objects": list(objects)}
    tx.record("retention:erase", object_type=object_type, details=details | {"policy_digest": tx.program.policy.digest})
