"""The receiving side: what came in, accepting it, returning it, and telling the owner what came of it.

A receiver reads only the frozen document that was sealed for its own agency. What it writes back goes to the owner
alone, sealed, with identifying words masked: an answer is no way around a legal ground.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select

from signaltable import deadlines
from signaltable.access import Permission, require
from signaltable.audit_trail import day_milliseconds
from signaltable.domain import (
    ENDED,
    Conflict,
    DisclosureState,
    NotFound,
    Resource,
    State,
    UnusableInput,
    day_of,
    may_follow,
)
from signaltable.flow import duty_kinds, duty_lists, duty_rows, mailing, sealing
from signaltable.flow.duty_lists import DutyStatus
from signaltable.flow.masking import for_others
from signaltable.flow.moves import move
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.grounds import Ground
from signaltable.models import Agency, Disclosure, Duty, Feedback, Signal, SignalMove
from signaltable.payload import Payload, from_bytes, identity_values
from signaltable.queries import (
    PageKey,
    agency_titles,
    disclosure_by_reference,
    newest_first,
    not_kept_from,
    resource_of_disclosure,
)
from signaltable.transaction import Transaction
from signaltable.transfer_rules import AllowedFeedback, FeedbackFile

REASON_LIMIT = 2000
NO_WORDS = "expected no words: this kind of organisation may tell a category only"

# Closed lists, so that figures can be made without reading what people wrote.
RETURN_CAUSES = ("not_our_task", "not_our_region", "too_little", "known_already", "no_room", "other")

RECEIVED = (DisclosureState.DISCLOSED, DisclosureState.ACCEPTED, DisclosureState.RETURNED, DisclosureState.REVOKED)


@dataclass(frozen=True, slots=True)
class InboxLine:
    """A received disclosure in the list: no content, because a list is read over a shoulder."""

    reference: str
    provider: str
    destination: str
    purpose: str
    state: str
    disclosed_at: datetime
    due_on: date | None
    overdue: bool
    feedback: str


@dataclass(frozen=True, slots=True)
class Referral:
    """A received disclosure as its receiver sees it. `content` is None once it was returned, erased or taken back.

    `revoked_for` is why it was taken back, as far as a receiver hears: a cause, never the words. `allowed` is what this
    receiver may tell about what came of it.
    """

    reference: str
    provider: str
    destination: str
    purpose: str
    ground: Ground | None
    ground_id: str
    ground_unchanged: bool
    state: str
    disclosed_at: datetime
    due_on: date | None
    overdue: bool
    feedback: str
    feedback_at: datetime | None
    content: Payload | None
    withdrawn_on: date | None
    duties: tuple[DutyStatus, ...]
    feedback_due_on: date | None
    revoked_at: datetime | None
    revoked_for: str
    kept: bool
    allowed: AllowedFeedback
    feedback_late: bool
    closed_at: datetime | None

    @property
    def may_accept(self) -> bool:
        """Whether it still waits for an answer."""
        return self.state == DisclosureState.DISCLOSED

    @property
    def destroyed_at(self) -> datetime | None:
        """When the receiver erased what it got, here and in its own records; None while it has not."""
        done = (duty.fulfilled_at for duty in self.duties if duty.result == duty_kinds.DESTROYED)
        return next(done, None)

    @property
    def may_feed_back(self) -> bool:
        """Whether the owner can be told what came of it."""
        return self.state == DisclosureState.ACCEPTED


def inbox(tx: Transaction, *, after: PageKey | None = None) -> tuple[list[InboxLine], PageKey | None]:
    """What the actor's agency received, newest first, a page at a time; with the key of the next page or None."""
    require(tx.actor, Permission.REFERRAL_RECEIVE_OWN, Resource("disclosure", receiving_agency=tx.actor.agency_id))
    query = select(Disclosure).where(*_received_by(tx.actor.agency_id), not_kept_from(tx, Disclosure.signal_id))
    shown, following = newest_first(tx, query, Disclosure.disclosed_at, Disclosure.id, after)
    titles = agency_titles(tx)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "inbox", "count": len(shown)},
        signals=[row.signal_id for row in shown],
    )
    return [_line(tx, row, titles) for row in shown], following


def _received_by(agency_id: str) -> tuple[ColumnElement[bool], ...]:
    return Disclosure.recipient_agency == agency_id, Disclosure.state.in_(RECEIVED)


def _line(tx: Transaction, row: Disclosure, titles: Mapping[str, str]) -> InboxLine:
    return InboxLine(
        reference=row.reference,
        provider=titles.get(row.provider_agency, ""),
        destination=row.destination,
        purpose=row.purpose,
        state=row.state,
        disclosed_at=row.disclosed_at or row.requested_at,
        due_on=row.due_on,
        overdue=is_overdue(row, tx.today),
        feedback=row.feedback,
    )


def is_overdue(row: Disclosure, today: date) -> bool:
    """Whether the receiver has not answered by the day that the urgency of the route gave."""
    return row.state == DisclosureState.DISCLOSED and row.due_on is not None and row.due_on < today


def read(tx: Transaction, reference: str) -> Referral:
    """Open a received disclosure with the receiver's own key, and record that.

    Raises `Refused` (not_receiver) for every other agency and `NotFound` while it is not disclosed.
    """
    row = _received(tx, reference)
    kept = keeps(tx, row)
    content = _open(tx, row) if row.payload_recipient and (row.revoked_at is None or kept) else None
    tx.record(
        "disclosure:consult",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "view": "receiver",
            "purpose": row.purpose,
            "fields": list(content.field_names) if content else [],
            "payload_hash": row.payload_hash,
        },
    )
    ground = tx.program.policy.grounds.find(row.ground, day_of(row.disclosed_at or tx.now))
    return Referral(
        reference=row.reference,
        provider=agency_titles(tx).get(row.provider_agency, ""),
        destination=row.destination,
        purpose=row.purpose,
        ground=ground,
        ground_id=row.ground,
        ground_unchanged=ground is not None and ground.digest == row.ground_digest,
        state=row.state,
        disclosed_at=row.disclosed_at or row.requested_at,
        due_on=row.due_on,
        overdue=is_overdue(row, tx.today),
        feedback=row.feedback,
        feedback_at=row.feedback_at,
        content=content,
        withdrawn_on=row.consent_withdrawn_on,
        duties=duty_lists.of_disclosure(tx, row, only=duty_kinds.OF_RECEIVER),
        feedback_due_on=row.feedback_due_on,
        revoked_at=row.revoked_at,
        revoked_for=row.revoked_for,
        kept=kept,
        allowed=allowed_feedback(tx, row.recipient_agency),
        feedback_late=row.feedback_due_on is not None and row.feedback_due_on < tx.today,
        closed_at=_closed_at(tx, row),
    )


def _closed_at(tx: Transaction, row: Disclosure) -> datetime | None:
    """When the owner's case was closed, for whom the owner gave it to; how it ended is not theirs to know."""
    if row.parent_id:
        return None
    moved = select(SignalMove.at).where(SignalMove.signal_id == row.signal_id, SignalMove.state_to == State.CLOSED)
    return tx.session.scalar(moved)


def keeps(tx: Transaction, row: Disclosure) -> bool:
    """Whether the receiver said that it keeps, on a ground of its own, what was taken back."""
    said = select(Duty.id).where(
        Duty.disclosure_id == row.id, Duty.kind == duty_kinds.RECALL, Duty.result == duty_kinds.KEPT
    )
    return row.revoked_at is not None and tx.session.scalar(said.limit(1)) is not None


def may_tell(tx: Transaction, reference: str) -> AllowedFeedback:
    """What the receiver of this disclosure may tell. Raises as `read` does; opens nothing."""
    return allowed_feedback(tx, _received(tx, reference).recipient_agency)


def allowed_feedback(tx: Transaction, agency_id: str) -> AllowedFeedback:
    """What this agency may tell about what came of something, by its kind (feedback.toml)."""
    return feedback_rules(tx).of_kind(tx.session.get_one(Agency, agency_id).kind)


def feedback_rules(tx: Transaction) -> FeedbackFile:
    """The rules about feedback. Rules that were kept from before there were such lack them; nothing is told by those."""
    found = tx.program.policy.feedback
    if found is None:
        raise Conflict("state", "expected rules about feedback")
    return found


def _received(tx: Transaction, reference: str, *, locked: bool = False) -> Disclosure:
    """The disclosure, for its receiver only. A request that was never granted does not exist for anybody outside."""
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, Permission.REFERRAL_RECEIVE_OWN, resource_of_disclosure(tx, row, receiver=True))
    if locked:
        # The signal first, as everybody does who changes something about it: two never wait for each other.
        tx.session.refresh(tx.session.get_one(Signal, row.signal_id), with_for_update=True)
        tx.session.refresh(row, with_for_update=True)
    if row.state not in RECEIVED or row.disclosed_at is None:
        raise NotFound("no such disclosure")
    if locked and row.state == DisclosureState.REVOKED:
        raise Conflict("revoked", "the disclosure was taken back")
    return row


def _open(tx: Transaction, row: Disclosure) -> Payload:
    return from_bytes(
        sealing.open_envelope(tx, tx.actor.agency_id, row.payload_recipient, place(row, tx.actor.agency_id))
    )


def place(row: Disclosure, agency_id: str) -> bytes:
    """What binds a sealed copy to its row and to the agency that may open it (the info of RFC 9180)."""
    return f"disclosures|payload|{row.id}|{agency_id}".encode()


def work(tx: Transaction) -> Iterable[WorkItem]:
    """What came in for the actor's agency and was neither accepted nor returned, each with its last day."""
    query = (
        select(
            Disclosure.reference,
            Disclosure.disclosed_at,
            Disclosure.requested_at,
            Disclosure.due_on,
            Signal.id,
            Signal.urgency,
        )
        .join(Signal, Signal.id == Disclosure.signal_id)
        .where(
            Disclosure.recipient_agency == tx.actor.agency_id,
            Disclosure.state == DisclosureState.DISCLOSED,
            Disclosure.revoked_at.is_(None),
        )
        .order_by(Disclosure.due_on, Disclosure.id)
    )
    for row in tx.lists.execute(query.limit(MOST)):
        since = row.disclosed_at or row.requested_at
        urgent = is_pressing(tx, row.urgency)
        yield WorkItem("inbox", row.reference, row.reference, since, row.due_on, urgent, (row.id,))


def accept(tx: Transaction, reference: str) -> None:
    """Take the referral up. Raises `Conflict` when it was answered already."""
    row = _received(tx, reference, locked=True)
    if row.state != DisclosureState.DISCLOSED:
        raise Conflict("answered", "the referral was answered already")
    _answer(tx, row, DisclosureState.ACCEPTED)
    row.feedback_due_on = deadlines.feedback_due(tx.program.policy, row.destination, tx.today)
    follow(tx, row, State.ACCEPTED)
    due = {"due_at": day_milliseconds(row.due_on)} if row.due_on else {}
    _record(tx, row, "disclosure:accept", due)


def give_back(tx: Transaction, reference: str, *, cause: str, text: str) -> None:
    """Return the referral with a cause and a reason for the owner. The receiver's copy is erased: it has no task.

    Raises `UnusableInput` for an unknown cause or an unusable text, `Conflict` when it can no longer go back.
    """
    row = _received(tx, reference, locked=True)
    if row.state != DisclosureState.DISCLOSED:
        raise Conflict("answered", "the referral was answered already")
    if cause not in RETURN_CAUSES:
        raise UnusableInput({"cause": f"expected one of {', '.join(RETURN_CAUSES)}"})
    words = _for_owner(tx, row, text, required=True)
    row.response_sealed = _sealed(tx, row, "response_sealed", {"cause": cause, "text": words})
    row.payload_recipient = b""
    duty_rows.end_of_receiver(tx, row, duty_kinds.RETURNED, tx.now)
    _answer(tx, row, DisclosureState.RETURNED)
    if not others_open(tx, row):
        follow(tx, row, State.RETURNED)
    digest = hashlib.sha256(row.response_sealed).hexdigest()
    _record(tx, row, "disclosure:return", {"cause": cause, "motivation_hash": digest})


def feed_back(tx: Transaction, reference: str, *, result: str, text: str = "") -> None:
    """Tell the provider what came of it: a result that this kind of receiver may tell and, where it may, a text.

    May be repeated; each stays, the newest stands. Raises `Conflict` unless the referral was accepted, and
    `UnusableInput` (result, text).
    """
    row = _received(tx, reference, locked=True)
    if row.state != DisclosureState.ACCEPTED:
        raise Conflict("not_accepted", "feedback is possible on an accepted referral")
    allowed = allowed_feedback(tx, row.recipient_agency)
    if result not in allowed.categories:
        raise UnusableInput({"result": f"expected one of {', '.join(allowed.categories)}"})
    if text.strip() and not allowed.words:
        raise UnusableInput({"text": NO_WORDS})
    words = _for_owner(tx, row, text, required=False)
    told = Feedback(
        id=tx.new_id(),
        disclosure_id=row.id,
        number=_fed_back(tx, row) + 1,
        at=tx.now,
        account_id=tx.actor.account_id,
        result=result,
        agency_id=row.provider_agency,
    )
    told.words_sealed = sealing.seal_json(tx, row.provider_agency, {"text": words}, feedback_place(told.id))
    tx.session.add(told)
    row.feedback, row.feedback_at = result, tx.now
    final = feedback_rules(tx).categories[result].final
    over = final or State(tx.session.get_one(Signal, row.signal_id).state) in ENDED
    row.feedback_due_on = None if over else deadlines.feedback_due(tx.program.policy, row.destination, tx.today)
    follow(tx, row, State.FOLLOWED_UP)
    mailing.tell(tx, _hears(tx, row), "feedback", task=("sent", row.reference))
    digest = hashlib.sha256(told.words_sealed).hexdigest()
    _record(tx, row, "disclosure:feedback", {"result": result, "text_hash": digest})


def _fed_back(tx: Transaction, row: Disclosure) -> int:
    return tx.session.scalar(select(func.count()).where(Feedback.disclosure_id == row.id)) or 0


def _hears(tx: Transaction, row: Disclosure) -> set[str]:
    """Who disclosed it, and of an own signal the focal officer who logged it."""
    if row.parent_id:
        return {row.requested_by}
    return {row.requested_by, tx.session.get_one(Signal, row.signal_id).submitter}


def feedback_place(feedback_id: str) -> str:
    """Where the words of a feedback stand; binds the envelope to it."""
    return f"feedbacks|words_sealed|{feedback_id}"


def _for_owner(tx: Transaction, row: Disclosure, text: str, *, required: bool) -> str:
    """What the receiver wrote, with the identity that it received masked as well."""
    # Who erased the copy can still tell what came of it, and has no identity left that could be masked.
    known = identity_values(_open(tx, row)) if row.payload_recipient else ()
    return for_others(tx, text, "text", limit=REASON_LIMIT, required=required, typed=known)


def _sealed(tx: Transaction, row: Disclosure, column: str, content: Mapping[str, Any]) -> bytes:
    return sealing.seal_json(tx, row.provider_agency, content, answer_place(row, column))


def answer_place(row: Disclosure, column: str) -> str:
    """Where an answer of the receiver stands; binds the envelope to it."""
    return f"disclosures|{column}|{row.id}"


def _answer(tx: Transaction, row: Disclosure, state: DisclosureState) -> None:
    row.state = state
    row.responded_by, row.responded_at = tx.actor.account_id, tx.now
    mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))


def follow(tx: Transaction, row: Disclosure, state: State) -> None:
    """Let the signal follow its referral, unless the table or the owner took it further meanwhile.

    It follows what its owner disclosed, not what a receiver passed on.
    """
    if row.parent_id:
        return
    signal = tx.session.get_one(Signal, row.signal_id)
    if may_follow(State(signal.state), state):
        move(tx, signal, state)


def others_open(tx: Transaction, row: Disclosure) -> bool:
    """Whether another receiver of the owner still works on the signal; one agency's return does not undo that."""
    other = select(Disclosure.id).where(
        Disclosure.signal_id == row.signal_id,
        Disclosure.id != row.id,
        Disclosure.parent_id.is_(None),
        Disclosure.state.in_((DisclosureState.DISCLOSED, DisclosureState.ACCEPTED)),
    )
    return tx.session.scalar(other.limit(1)) is not None


def _record(tx: Transaction, row: Disclosure, action: str, details: Mapping[str, object]) -> None:
    tx.record(
        action,
        object_type="disclosure",
        object_id=row.reference,
        details={"disclosure": row.reference, **details},
    )
