"""The second look: somebody else, with another role, sees who asks what for whom, and agrees or not.

What was asked was frozen at that moment and does not change. On approval everything is decided again, because rules,
consent or the signal may have changed meanwhile; only what is still permitted, and nothing else than was asked, goes.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, select

from signaltable import payload as document
from signaltable.access import require
from signaltable.domain import Conflict, DisclosureState, NotFound
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import decisions, evidence_store, mailing, sealing, second_person, sources, weighing
from signaltable.flow.choices import Choice, case_of, choices_of
from signaltable.flow.coming_in.proving import Confirmed
from signaltable.flow.disclosing import decided
from signaltable.flow.handing_over import hand_over
from signaltable.flow.masking import for_others
from signaltable.flow.referrals import REASON_LIMIT, answer_place, place
from signaltable.flow.sources import Source
from signaltable.flow.work import MOST, WorkItem, is_pressing
from signaltable.grounds import Ground
from signaltable.models import Account, Disclosure, Signal
from signaltable.queries import PAGE, PageKey, agency_titles, disclosure_by_reference, newest_first
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class ApprovalLine:
    """A request in the list."""

    reference: str
    provider: str
    recipient: str
    purpose: str
    ground: str
    requested_at: datetime


@dataclass(frozen=True, slots=True)
class Approval:
    """What the second person sees: everything that matters for the decision, and no identity.

    `signal` is the reference under which the provider knows it: of what is passed on, that of the disclosure it got.
    """

    reference: str
    signal: str
    provider: str
    recipient: str
    destination: str
    purpose: str
    ground: Ground | None
    categories: tuple[str, ...]
    fields: tuple[str, ...]
    subjects: int
    evidence: tuple[tuple[ConditionSpec, Mapping[str, Any]], ...]
    requester: str
    requester_role: str
    requested_at: datetime
    same_role: bool


def waiting(tx: Transaction, *, after: PageKey | None = None) -> tuple[list[ApprovalLine], PageKey | None]:
    """The requests that the actor may look at, newest first, a page at a time; with the key of the next page."""
    require(tx.actor, second_person.PERMISSION)
    newest = _first(tx, PAGE + 1, newest=True, after=after)
    query = select(Disclosure).where(Disclosure.id.in_(newest))
    shown, following = newest_first(tx, query, Disclosure.requested_at, Disclosure.id, after)
    titles = agency_titles(tx)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "approvals", "count": len(shown)},
        signals=[row.signal_id for row in shown],
    )
    lines = [
        ApprovalLine(
            row.reference,
            titles.get(row.provider_agency, ""),
            titles.get(row.recipient_agency, ""),
            row.purpose,
            row.ground,
            row.requested_at,
        )
        for row in shown
    ]
    return lines, following


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The requests that the actor may look at a second time."""
    query = (
        select(Disclosure.reference, Disclosure.requested_at, Disclosure.signal_id, Signal.urgency)
        .join(Signal, Signal.id == Disclosure.signal_id)
        .where(Disclosure.id.in_(_first(tx, MOST)))
        .order_by(Disclosure.requested_at, Disclosure.id)
    )
    for row in tx.lists.execute(query.limit(MOST)):
        urgent = is_pressing(tx, row.urgency)
        yield WorkItem("approvals", row.reference, row.reference, row.requested_at, None, urgent, (row.signal_id,))


def _first(tx: Transaction, most: int, **options: Any) -> Select[Any]:
    """The ids of the first requests that somebody else made and that the actor may look at."""
    may_see = (
        select(Disclosure.id)
        .join(Signal, Signal.id == Disclosure.signal_id)
        .where(
            Disclosure.state == DisclosureState.AWAITING_APPROVAL,
            Disclosure.requested_by != tx.actor.account_id,
            second_person.reach(tx),
        )
    )
    return second_person.first_places(tx, "approvals", most, may_see, **options)


def consult(tx: Transaction, reference: str) -> Approval:
    """One request, with its motivations; that is recorded. Raises `Refused` (own_request, other_table) or `NotFound`."""
    row, signal = _request(tx, reference)
    return looked_at(tx, row, signal)


def looked_at(tx: Transaction, row: Disclosure, signal: Signal) -> Approval:
    """What a second person sees of a disclosure, before it or after; the caller asked the gate. Recorded."""
    kept = evidence_store.read(tx, row, tx.actor.agency_id)
    tx.record(
        "disclosure:consult",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "view": "second_person",
            "fields": row.fields,
            "payload_hash": row.payload_hash,
        },
    )
    titles, policy = agency_titles(tx), tx.program.policy
    parent = sources.parent_of(tx, row)
    return Approval(
        reference=row.reference,
        signal=parent.reference if parent else signal.reference,
        provider=titles.get(row.provider_agency, ""),
        recipient=titles.get(row.recipient_agency, ""),
        destination=row.destination,
        purpose=row.purpose,
        ground=policy.grounds.find(row.ground, tx.today),
        categories=tuple(row.categories),
        fields=tuple(name for name in policy.fields.fields if name in row.fields),
        subjects=len(kept.chosen),
        evidence=tuple((policy.conditions[code], given) for code, given in kept.evidence.items()),
        requester=tx.session.scalar(select(Account.name).where(Account.id == row.requested_by)) or "",
        requester_role=kept.requester_role,
        requested_at=row.requested_at,
        same_role=bool(second_person.roles_of(kept.requester_role) & tx.actor.roles),
    )


@in_whole("the gate sees what it refuses")
def _request(tx: Transaction, reference: str, *, locked: bool = False) -> tuple[Disclosure, Signal]:
    row = disclosure_by_reference(tx, reference)
    signal = tx.session.get_one(Signal, row.signal_id)
    second_person.require_second_person(tx, row, signal)
    if locked:
        tx.session.refresh(signal, with_for_update=True)
        parent = sources.parent_of(tx, row)
        if parent:
            tx.session.refresh(parent, with_for_update=True)
        tx.session.refresh(row, with_for_update=True)
        if row.state != DisclosureState.AWAITING_APPROVAL:
            raise Conflict("decided", "the request was decided already")
    if row.state != DisclosureState.AWAITING_APPROVAL:
        raise NotFound("no such request")
    return row, signal


def approve(tx: Transaction, reference: str, confirmed: Confirmed) -> None:
    """Agree, and disclose. `confirmed`: the actor typed the password again, so that an open screen cannot agree.

    Raises `Refused`: wrong_credentials (somebody else confirmed), own_request, same_role, or no_ground when it may no longer go; `Conflict` when
    it was decided already or what may go now differs from what was asked.
    """
    row, signal = _request(tx, reference, locked=True)
    if confirmed.account_id != tx.actor.account_id:
        raise second_person.refusal(row, "wrong_credentials")
    kept = evidence_store.read(tx, row, row.provider_agency)
    if second_person.roles_of(kept.requester_role) & tx.actor.roles:
        raise second_person.refusal(row, "same_role")
    source = sources.source_of(tx, row, signal)
    sources.require_open(tx, source)
    choice = _still_advised(tx, source, row, kept.capacity)
    case = case_of(tx, source, choice, kept.chosen)
    evidence = {**kept.evidence, **_both(tx, row, kept.requester_role)}
    permitted = decided(tx, source, choice, case, row.ground, evidence)
    frozen = document.from_bytes(
        sealing.open_envelope(tx, row.provider_agency, row.payload_provider, place(row, row.provider_agency)),
    )
    along = [number for number, names in permitted.selection.subjects.items() if names]
    if set(frozen.field_names) - set(permitted.selection.names) or len(frozen.subjects) != len(along):
        raise Conflict("changed", "less may be disclosed now than was asked")
    row.approved_by, row.approved_at = tx.actor.account_id, tx.now
    requests = weighing.requests_of(case, evidence)
    noted = decisions.note_ground(tx, signal, requests, row.ground, disclosure=row, bound=case.bound)
    tx.record(
        "disclosure:approve",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "recipient": row.recipient_agency,
            "requester": row.requested_by,
            "ground": row.ground,
            "ground_digest": permitted.ground.digest,
            "payload_hash": row.payload_hash,
            "policy_digest": tx.program.policy.digest,
        },
    )
    hand_over(
        tx,
        source,
        row,
        permitted,
        choice.urgency,
        noted,
        approver=tx.actor.account_id,
        keep_copy=kept.keep_copy,
    )
    mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))


def _both(tx: Transaction, row: Disclosure, requester_role: str) -> dict[str, dict[str, Any]]:
    """The evidence of the second person; who they are comes from the session and never from a form."""
    return {
        weighing.SECOND_PERSON: {
            "requester": row.requested_by,
            "requester_role": requester_role,
            "approver": tx.actor.account_id,
            "approver_role": tx.actor.role_label,
            "approved_at": tx.now.isoformat(),
        },
    }


def _still_advised(tx: Transaction, source: Source, row: Disclosure, capacity: str) -> Choice:
    for choice in choices_of(tx, source):
        if (choice.destination, choice.purpose, choice.agency_id) == (
            row.destination,
            row.purpose,
            row.recipient_agency,
        ) and (source.parent is None or choice.capacity == capacity):
            return choice
    raise Conflict("changed", "the destination is no longer advised or no longer takes part")


def reject(tx: Transaction, reference: str, reason: str) -> None:
    """Do not agree, with a reason for the owner. Raises `UnusableInput` without a usable reason."""
    row, signal = _request(tx, reference, locked=True)
    text = for_others(tx, reason, "reason", limit=REASON_LIMIT, required=True)
    row.state = DisclosureState.REJECTED
    row.responded_by, row.responded_at = tx.actor.account_id, tx.now
    row.response_sealed = sealing.seal_json(
        tx, row.provider_agency, {"cause": "", "text": text}, answer_place(row, "response_sealed")
    )
    mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))
    tx.record(
        "disclosure:reject",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "recipient": row.recipient_agency,
            "requester": row.requested_by,
            "ground": row.ground,
            "motivation_hash": hashlib.sha256(row.response_sealed).hexdigest(),
        },
    )
