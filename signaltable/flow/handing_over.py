"""Handing over what was decided: the second person is asked first where a ground wants one, then the recipient gets its copy."""

from collections.abc import Sequence
from typing import Any

from signaltable import deadlines
from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.domain import DisclosureState, State
from signaltable.flow import duty_kinds, duty_rows, evidence_store, mailing, sealing, sources, weighing
from signaltable.flow.moves import move
from signaltable.flow.referrals import place
from signaltable.flow.sources import Source
from signaltable.flow.weighing import Permitted
from signaltable.grounds import CONSENTS
from signaltable.models import Disclosure
from signaltable.transaction import Transaction


def duties(permitted: Permitted) -> list[dict[str, Any]]:
    """What is still owed, as the row keeps it."""
    return [
        {"kind": duty.kind, "due_at": duty.due_at.isoformat() if duty.due_at else None}
        for duty in permitted.obligations
    ]


def ask_second_person(
    tx: Transaction, source: Source, row: Disclosure, permitted: Permitted, noted: Sequence[str]
) -> None:
    """Tell those who can look at it a second time that it waits for them, and record that they were asked."""
    for agency_id in evidence_store.second_look_agencies(tx, source.signal, row):
        mailing.tell_agency(
            tx,
            [agency_id],
            Permission.DISCLOSURE_APPROVE_OTHER,
            "approval",
            task=("approval", row.reference),
            urgent=mailing.presses(tx, "approval", urgency=source.signal.urgency),
        )
    tx.record(
        "disclosure:request",
        object_type="disclosure",
        object_id=row.reference,
        details={
            **_log_details(tx, source, row, permitted, met_without=weighing.SECOND_PERSON),
            "decisions": list(noted),
        },
    )


def hand_over(
    tx: Transaction,
    source: Source,
    row: Disclosure,
    permitted: Permitted,
    urgency: str,
    noted: Sequence[str],
    *,
    approver: str = "",
    keep_copy: bool = True,
) -> None:
    """Seal the frozen document for the recipient, note what is owed, tell the recipient, record it.

    An own signal moves along; what is passed on leaves the signal where it is with its owner. Without `keep_copy` whoever
    passes on gets the task to erase what it has.
    """
    signal = source.signal
    frozen = sealing.open_envelope(tx, row.provider_agency, row.payload_provider, place(row, row.provider_agency))
    row.payload_recipient = tx.program.keys.seal(row.recipient_agency, frozen, place(row, row.recipient_agency))
    row.state, row.disclosed_at = DisclosureState.DISCLOSED, tx.now
    row.due_on = deadlines.acceptance_due(tx.program.policy, urgency, row.destination, tx.today)
    row.policy_digest, row.ground_digest = tx.program.policy.digest, permitted.ground.digest
    row.evidence_hashes, row.obligations = dict(permitted.evidence_hashes), duties(permitted)
    duty_rows.arise(tx, signal, row, permitted)
    if source.parent is None:
        move(tx, signal, State.REFERRED)
    else:
        _tell_of_passing_on(tx, source.parent, keep_copy=keep_copy)
    mailing.tell_agency(
        tx,
        [row.recipient_agency],
        Permission.REFERRAL_RECEIVE_OWN,
        "disclosure",
        task=("disclosure", row.reference),
        urgent=mailing.presses(tx, "disclosure", urgency=urgency, due_on=row.due_on),
    )
    moments = {
        f"{duty.kind}_due_at": milliseconds(duty.due_at)
        for duty in permitted.obligations
        if duty.due_at and duty.kind in {"inform", "review"}
    }
    tx.record(
        "signal:disclose",
        object_type="disclosure",
        object_id=row.reference,
        details={
            **_log_details(tx, source, row, permitted),
            "sealed_for": [row.recipient_agency],
            "decisions": list(noted),
            "consent": sorted(CONSENTS & set(permitted.evidence_hashes)),
            **moments,
            **({"approver": approver} if approver else {}),
            **({"parent_told": row.parent_told} if source.parent else {}),
        },
    )


def _tell_of_passing_on(tx: Transaction, parent: Disclosure, *, keep_copy: bool) -> None:
    """The one who gave it hears that it goes on; who keeps no copy has to erase it."""
    mailing.tell(tx, [parent.requested_by], "went-on", task=("sent", parent.reference))
    if not keep_copy and not duty_rows.is_owed(tx, parent, duty_kinds.PASSED_ON):
        duty_rows.ask_receiver(tx, parent, duty_kinds.PASSED_ON)


def _log_details(
    tx: Transaction, source: Source, row: Disclosure, permitted: Permitted, *, met_without: str = ""
) -> dict[str, Any]:
    return {
        "disclosure": row.reference,
        "signal": source.signal.reference,
        **source.told,
        "provider": row.provider_agency,
        "recipient": row.recipient_agency,
        "purpose": row.purpose,
        "subjects": sources.owner_numbers(tx, source, permitted.selection.subjects),
        "ground": row.ground,
        "ground_digest": row.ground_digest,
        "categories": row.categories,
        "fields": row.fields,
        "conditions": [
            {"code": code, "evidence_hash": digest}
            for code, digest in permitted.evidence_hashes.items()
            if code != met_without
        ],
        "legal_basis": [reference.code for reference in permitted.legal_basis],
        "policy_digest": row.policy_digest,
        "payload_hash": row.payload_hash,
        "obligations": [duty["kind"] for duty in row.obligations],
    }
