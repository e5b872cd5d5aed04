"""Looking back at disclosures: the owner sees what went and what came back, the auditor everything but the content."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import day_of
from signaltable.evidence_forms import ConditionSpec
from signaltable.flow import duty_lists, evidence_store, feedbacks, holders, revoking, sealing, sources, withdrawing
from signaltable.flow.duty_lists import DutyStatus
from signaltable.flow.feedbacks import FeedbackLine
from signaltable.flow.holders import Holdings
from signaltable.flow.referrals import answer_place, is_overdue, keeps, place
from signaltable.grounds import Ground
from signaltable.models import Disclosure, Signal
from signaltable.payload import Payload, from_bytes
from signaltable.queries import agency_titles, disclosure_by_reference, resource_of
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class DisclosureLine:
    """A disclosure of a signal in the owner's list."""

    reference: str
    recipient: str
    destination: str
    purpose: str
    ground: str
    state: str
    requested_at: datetime
    disclosed_at: datetime | None
    due_on: date | None
    overdue: bool
    feedback: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A disclosure as its owner sees it, with what went and what the receiver answered."""

    reference: str
    signal: str
    recipient: str
    destination: str
    purpose: str
    ground: Ground | None
    ground_id: str
    ground_unchanged: bool
    state: str
    requested_at: datetime
    approved_at: datetime | None
    disclosed_at: datetime | None
    due_on: date | None
    overdue: bool
    responded_at: datetime | None
    cause: str
    response: str
    feedback: str
    feedback_at: datetime | None
    feedback_note: str
    obligations: tuple[Mapping[str, Any], ...]
    evidence: tuple[tuple[ConditionSpec, Mapping[str, Any]], ...]
    content: Payload | None
    payload_hash: str
    duties: tuple[DutyStatus, ...]
    withdrawn_on: date | None
    may_withdraw: bool
    # Where it comes from when it was passed on, and whether whoever gave it may know to whom.
    parent: str
    given_by: str
    parent_told: bool
    feedbacks: tuple[FeedbackLine, ...]
    feedback_due_on: date | None
    silent_since: date | None
    may_pass_up: bool
    revoked_at: datetime | None
    revoked_for: str
    revoked_words: str
    may_revoke: bool
    held: Holdings


@dataclass(frozen=True, slots=True)
class DisclosureAccount:
    """A disclosure as an auditor checks it: ground, conditions, rules, people and times, and never the content.

    `parent` is the disclosure that it passes on, `passed_on` are those that pass it on.
    """

    reference: str
    signal: str
    provider: str
    recipient: str
    destination: str
    purpose: str
    ground: Ground | None
    ground_id: str
    ground_digest: str
    ground_unchanged: bool
    policy_digest: str
    policy_unchanged: bool
    conditions: tuple[tuple[ConditionSpec, str], ...]
    categories: tuple[str, ...]
    fields: tuple[str, ...]
    obligations: tuple[Mapping[str, Any], ...]
    payload_hash: str
    state: str
    requested_by: str
    requested_at: datetime
    approved_by: str
    approved_at: datetime | None
    disclosed_at: datetime | None
    due_on: date | None
    responded_by: str
    responded_at: datetime | None
    feedback: str
    feedback_at: datetime | None
    duties: tuple[DutyStatus, ...]
    withdrawn_on: date | None
    parent: str = ""
    passed_on: tuple[str, ...] = ()
    parent_told: bool = False
    revoked_at: datetime | None = None
    revoked_for: str = ""
    revoked_by: str = ""


def disclosures_of(tx: Transaction, signal: Signal) -> tuple[DisclosureLine, ...]:
    """The disclosures of a signal that its owner made, newest first. No content."""
    require(tx.actor, Permission.SIGNAL_CONSULT_OWN, resource_of(tx, signal))
    rows = tx.session.scalars(
        select(Disclosure)
        .where(Disclosure.signal_id == signal.id, Disclosure.parent_id.is_(None))
        .order_by(Disclosure.requested_at.desc(), Disclosure.id.desc()),
    )
    titles = agency_titles(tx)
    return tuple(
        DisclosureLine(
            reference=row.reference,
            recipient=titles.get(row.recipient_agency, ""),
            destination=row.destination,
            purpose=row.purpose,
            ground=row.ground,
            state=row.state,
            requested_at=row.requested_at,
            disclosed_at=row.disclosed_at,
            due_on=row.due_on,
            overdue=is_overdue(row, tx.today),
            feedback=row.feedback,
        )
        for row in rows
    )


def read_own(tx: Transaction, reference: str) -> Sent:
    """One disclosure of the actor's agency, opened with its own key; that is recorded."""
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, *sources.sender_resource(tx, row))
    content = _content(tx, row)
    signal = tx.session.get_one(Signal, row.signal_id)
    tx.record(
        "disclosure:consult",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "view": "provider",
            "fields": list(content.field_names) if content else [],
            "payload_hash": row.payload_hash,
        },
    )
    response = _answer(tx, row, answer_place(row, "response_sealed"), row.response_sealed)
    parent, titles, told = sources.parent_of(tx, row), agency_titles(tx), feedbacks.of_disclosure(tx, row)
    return Sent(
        reference=row.reference,
        signal=parent.reference if parent else signal.reference,
        recipient=titles.get(row.recipient_agency, ""),
        destination=row.destination,
        purpose=row.purpose,
        ground=(ground := _ground(tx, row)),
        ground_id=row.ground,
        ground_unchanged=ground is not None and ground.digest == row.ground_digest,
        state=row.state,
        requested_at=row.requested_at,
        approved_at=row.approved_at,
        disclosed_at=row.disclosed_at,
        due_on=row.due_on,
        overdue=is_overdue(row, tx.today),
        responded_at=row.responded_at,
        cause=response.get("cause", ""),
        response=response.get("text", ""),
        feedback=row.feedback,
        feedback_at=row.feedback_at,
        feedback_note=told[0].words if told else "",
        obligations=tuple(row.obligations),
        evidence=_evidence(tx, row),
        content=content,
        payload_hash=row.payload_hash,
        duties=duty_lists.of_disclosure(tx, row),
        withdrawn_on=row.consent_withdrawn_on,
        may_withdraw=withdrawing.may_be_withdrawn(row),
        parent=parent.reference if parent else "",
        given_by=titles.get(parent.provider_agency, "") if parent else "",
        parent_told=row.parent_told,
        feedbacks=told,
        feedback_due_on=row.feedback_due_on,
        silent_since=holders.silent_since(row, tx.today),
        may_pass_up=feedbacks.may_pass_up(tx, row),
        revoked_at=row.revoked_at,
        revoked_for=row.revoked_for,
        revoked_words=_answer(tx, row, revoking.revoked_place(row), row.revoked_sealed).get("text", ""),
        may_revoke=revoking.may_be_revoked(row),
        held=holders.of_sent(tx, row),
    )


def _ground(tx: Transaction, row: Disclosure) -> Ground | None:
    return tx.program.policy.grounds.find(row.ground, day_of(row.disclosed_at or row.requested_at))


def _content(tx: Transaction, row: Disclosure) -> Payload | None:
    """What went, or None once it was erased, and while what it was passed on from was taken back.

    Whoever does not read any more what it received does not read it in its own record of passing it on either.
    """
    parent = sources.parent_of(tx, row)
    if not row.payload_provider or (parent and parent.revoked_at is not None and not keeps(tx, parent)):
        return None
    own = tx.actor.agency_id
    return from_bytes(sealing.open_envelope(tx, own, row.payload_provider, place(row, own)))


def _answer(tx: Transaction, row: Disclosure, where: str, sealed: bytes | None) -> dict[str, Any]:
    return sealing.open_json(tx, row.provider_agency, sealed, where) if sealed else {}


def _evidence(tx: Transaction, row: Disclosure) -> tuple[tuple[ConditionSpec, Mapping[str, Any]], ...]:
    if not row.evidence_sealed:
        return ()
    kept = evidence_store.read(tx, row, tx.actor.agency_id)
    return tuple((tx.program.policy.conditions[code], given) for code, given in kept.evidence.items())


@in_whole("the auditor looks at every disclosure, without content")
def disclosure_account(tx: Transaction, reference: str) -> DisclosureAccount:
    """One disclosure for the auditor, without content; that is recorded. Raises `NotFound`, `Refused`."""
    require(tx.actor, Permission.DISCLOSURE_AUDIT_ALL)
    row = disclosure_by_reference(tx, reference)
    titles, policy = agency_titles(tx), tx.program.policy
    ground, parent = _ground(tx, row), sources.parent_of(tx, row)
    further = select(Disclosure.reference).where(Disclosure.parent_id == row.id).order_by(Disclosure.requested_at)
    tx.record(
        "log:consult",
        object_type="disclosure",
        object_id=row.reference,
        details={"view": "disclosure", "count": 1},
    )
    return DisclosureAccount(
        reference=row.reference,
        signal=tx.session.get_one(Signal, row.signal_id).reference,
        provider=titles.get(row.provider_agency, ""),
        recipient=titles.get(row.recipient_agency, ""),
        destination=row.destination,
        purpose=row.purpose,
        ground=ground,
        ground_id=row.ground,
        ground_digest=row.ground_digest,
        ground_unchanged=ground is not None and ground.digest == row.ground_digest,
        policy_digest=row.policy_digest,
        policy_unchanged=row.policy_digest == policy.digest,
        conditions=tuple(
            (policy.conditions[code], digest)
            for code, digest in row.evidence_hashes.items()
            if code in policy.conditions
        ),
        categories=tuple(row.categories),
        fields=tuple(name for name in policy.fields.fields if name in row.fields),
        obligations=tuple(row.obligations),
        payload_hash=row.payload_hash,
        state=row.state,
        requested_by=row.requested_by,
        requested_at=row.requested_at,
        approved_by=row.approved_by,
        approved_at=row.approved_at,
        disclosed_at=row.disclosed_at,
        due_on=row.due_on,
        responded_by=row.responded_by,
        responded_at=row.responded_at,
        feedback=row.feedback,
        feedback_at=row.feedback_at,
        duties=duty_lists.of_disclosure(tx, row),
        withdrawn_on=row.consent_withdrawn_on,
        parent=parent.reference if parent else "",
        passed_on=tuple(tx.session.scalars(further)),
        parent_told=row.parent_told,
        revoked_at=row.revoked_at,
        revoked_for=row.revoked_for,
        revoked_by=row.revoked_by,
    )
