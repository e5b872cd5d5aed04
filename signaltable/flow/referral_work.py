"""What disclosures ask of people in time: feedback that is expected, holders that do not answer, and what came back.

The receiver's side is asked for feedback; whoever disclosed looks after what it took back and decides about what was
returned. An owner does so for its own signals, a receiver for what it passed on.
"""

from collections.abc import Iterable

from sqlalchemy import Select, exists, func, select
from sqlalchemy.orm import aliased

from signaltable.domain import DisclosureState, State, day_of
from signaltable.flow import places
from signaltable.flow.duty_kinds import RECALL
from signaltable.flow.feedbacks import awaited
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Disclosure, Duty, Signal
from signaltable.queries import not_kept_from
from signaltable.transaction import Transaction


def feedback(tx: Transaction) -> Iterable[WorkItem]:
    """What the actor's agency took up and has to tell about, by the day on which that is expected."""
    query = (
        select(Disclosure.reference, Disclosure.responded_at, Disclosure.feedback_due_on, Disclosure.signal_id)
        .where(Disclosure.recipient_agency == tx.actor.agency_id, *awaited())
        .order_by(Disclosure.feedback_due_on, Disclosure.id)
    )
    for row in tx.lists.execute(query.limit(MOST)):
        since, about = row.responded_at or tx.now, (row.signal_id,)
        yield WorkItem("feedback", row.reference, row.reference, since, row.feedback_due_on, about=about)


def recalls(tx: Transaction) -> Iterable[WorkItem]:
    """What the actor's agency disclosed of its own signals and took back, while its receiver did not answer."""
    return _recalls(tx, "recalls", _unanswered(tx, "recalls").where(Disclosure.parent_id.is_(None)))


def further_recalls(tx: Transaction) -> Iterable[WorkItem]:
    """The same of what it passed on."""
    return _recalls(tx, "further-recalls", _unanswered(tx, "further-recalls").where(Disclosure.parent_id.is_not(None)))


def _unanswered(tx: Transaction, kind: str) -> Select[*tuple[object, ...]]:
    first = places.of_own_agency(tx, (kind,), MOST, before=tx.now)
    return (
        select(Disclosure.reference, Disclosure.signal_id, Duty.created_at, Duty.due_at)
        .join(Duty, Duty.disclosure_id == Disclosure.id)
        .join(first, first.c.object_id == Duty.id)
        .where(
            Disclosure.provider_agency == tx.actor.agency_id,
            Duty.kind == RECALL,
            Duty.fulfilled_at.is_(None),
            # Before its day the receiver has the time that the rules give it.
            Duty.due_at < tx.now,
        )
        .order_by(Duty.due_at, Duty.id)
    )


def _recalls(tx: Transaction, kind: str, query: Select[*tuple[object, ...]]) -> Iterable[WorkItem]:
    for row in tx.lists.execute(query):
        day = day_of(row.due_at)
        yield WorkItem(kind, row.reference, row.reference, row.created_at, day, about=(row.signal_id,))


def returned(tx: Transaction) -> Iterable[WorkItem]:
    """Own signals that came back to the actor's agency, by the newest disclosure that was returned or taken back."""
    came_back = (
        select(func.max(func.coalesce(Disclosure.revoked_at, Disclosure.responded_at)))
        .where(
            Disclosure.signal_id == Signal.id,
            Disclosure.parent_id.is_(None),
            Disclosure.state.in_((DisclosureState.RETURNED, DisclosureState.REVOKED)),
        )
        .scalar_subquery()
    )
    query = (
        select(Signal.id, Signal.reference, came_back.label("at"))
        .where(
            Signal.owner_agency == tx.actor.agency_id,
            Signal.state == State.RETURNED,
            not_kept_from(tx, Signal.id),
        )
        .order_by(Signal.keep_until, Signal.id)
    )
    for row in tx.lists.execute(query.limit(MOST)):
        if row.at is not None:
            yield WorkItem("returned", row.reference, row.reference, row.at, about=(row.id,))


def further_returned(tx: Transaction) -> Iterable[WorkItem]:
    """What the actor's agency passed on and got back, while it did nothing with it since."""
    parent, later = aliased(Disclosure), aliased(Disclosure)
    acted = exists().where(later.parent_id == parent.id, later.requested_at > Disclosure.responded_at)
    first = places.of_own_agency(tx, ("further-returned",), MOST)
    query = (
        select(Disclosure.reference, Disclosure.signal_id, Disclosure.responded_at)
        .join(first, first.c.object_id == Disclosure.id)
        .join(parent, parent.id == Disclosure.parent_id)
        .where(
            Disclosure.provider_agency == tx.actor.agency_id,
            Disclosure.state == DisclosureState.RETURNED,
            parent.state == DisclosureState.ACCEPTED,
            (parent.feedback_at.is_(None)) | (parent.feedback_at < Disclosure.responded_at),
            ~acted,
        )
        .order_by(Disclosure.responded_at, Disclosure.id)
    )
    for row in tx.lists.execute(query):
        since, about = row.responded_at or tx.now, (row.signal_id,)
        yield WorkItem("further-returned", row.reference, row.reference, since, about=about)
