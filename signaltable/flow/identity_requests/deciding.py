"""The second person: somebody of the owning agency with another role agrees or not, after proving who they are.

On approval everything is decided again, because rules, consent or the case may have changed meanwhile. Then, and not
before, the owner's transaction takes the data key out and wraps it for the agency of who asked, bound to this request.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.audit_trail import milliseconds
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.domain import ENDED, Conflict, Resource, State
from signaltable.flow import decisions, disclosing, handing_over, mailing, sealing, weighing
from signaltable.flow.identity_requests import rows, ways
from signaltable.flow.masking import for_others
from signaltable.flow.second_person import roles_of
from signaltable.flow.weighing import Permitted
from signaltable.grounds import CONSENTS
from signaltable.models import Account, Agency, IdentityRequest, Signal, Subject
from signaltable.queries import kept_from_signal
from signaltable.transaction import Transaction


def may_decide(tx: Transaction, row: IdentityRequest) -> str:
    """Why the actor may not decide on this request: own_request, same_role; nothing when they may."""
    if row.account_id == tx.actor.account_id:
        return "own_request"
    return "same_role" if roles_of(row.roles) & tx.actor.roles else ""


def agree(tx: Transaction, reference: str, reason: str) -> str:
    """Agree, for a reason; the state it comes to: approved, or no_ground when it may no longer go (then nobody sees it).

    Raises `Refused` (own_request, same_role, other_agency), `Conflict` (decided, changed) and `UnusableInput` (reason).
    """
    row, signal, subject = _open_row(tx, reference)
    said = for_others(tx, reason, "agree_reason", limit=rows.REASON_LIMIT, required=True)
    _still_stands(tx, row, signal, subject)
    outcome, case, evidence = judged(tx, row, signal, subject, tx.actor.account_id, tx.actor.role_label)
    noted = decisions.note_ground(tx, signal, weighing.requests_of(case, evidence), row.ground)
    _sign(tx, row, said)
    if not isinstance(outcome, Permitted):
        row.state, row.ended_at, row.cause = rows.NO_GROUND, tx.now, outcome
        _record(tx, row, signal, subject, {"decisions": noted})
        return row.state
    row.state, row.until = rows.APPROVED, tx.now + rows.open_within(tx)
    row.policy_digest, row.ground_digest = tx.program.policy.digest, outcome.ground.digest
    row.obligations = handing_over.duties(outcome)
    row.wrapped = sealing.grant(tx, subject.id, row.agency_id, row.id)
    met = [{"code": code, "evidence_hash": digest} for code, digest in outcome.evidence_hashes.items()]
    more = {
        "categories": list(outcome.categories),
        "conditions": met,
        "legal_basis": [one.code for one in outcome.legal_basis],
        "obligations": [one["kind"] for one in row.obligations],
        "decisions": noted,
    }
    _record(tx, row, signal, subject, more)
    return row.state


def refuse(tx: Transaction, reference: str, reason: str) -> None:
    """Do not agree, with a reason for who asked. Raises as `agree` does."""
    row, signal, subject = _open_row(tx, reference)
    said = for_others(tx, reason, "refuse_reason", limit=rows.REASON_LIMIT, required=True)
    row.state, row.ended_at = rows.REFUSED, tx.now
    _sign(tx, row, said)
    _record(tx, row, signal, subject, {})


def _open_row(tx: Transaction, reference: str) -> tuple[IdentityRequest, Signal, Subject]:
    """The request, locked, when the actor is the one to decide now: whoever else was first, was."""
    row = rows.by_reference(tx, reference, locked=True)
    resource = Resource(
        rows.OBJECT,
        row.reference,
        owner_agency=row.owner_agency,
        requester=row.account_id,
        case_id=row.signal_id,
        kept_from=kept_from_signal(tx, row.signal_id),
    )
    require(tx.actor, Permission.IDENTITY_DECIDE_OWN, resource)
    why_not = may_decide(tx, row)
    if why_not:
        raise rows.refusal(row, why_not, Permission.IDENTITY_DECIDE_OWN)
    if row.state != rows.WAITING or tx.now > rows.decide_by(tx, row):
        raise Conflict("decided", "the request was decided already, or its time is over")
    return row, *rows.about(tx, row)


def _still_stands(tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject) -> None:
    """What the request rests on besides the rules. Raises `Conflict` (changed)."""
    asker = tx.session.scalar(select(Account.active).where(Account.id == row.account_id))
    gone = subject.erased_at is not None or State(signal.state) in ENDED or not asker
    if gone or row.agency_id not in ways.within_reach(tx, signal, led_by=row.agency_id, asker=row.account_id):
        raise Conflict("changed", "the case, the subject or the person who asked is no longer there")


def judged(
    tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject, approver: str, roles: str
) -> tuple[Permitted | str, weighing.Case, Mapping[str, Mapping[str, Any]]]:
    """What the rules of now say to a request with both people in it: permitted exactly as asked, or why not, as a code."""
    agency = tx.session.get_one(Agency, row.agency_id)
    case = rows.case_of(tx, signal, subject, agency, row.purpose)
    given = rows.words(tx, row, rows.ASKED).get("evidence", {})
    evidence = {**given, **rows.both_people(row, approver, roles, row.decided_at or tx.now)}
    try:
        outcome = disclosing.weighed(tx, signal, case, row.ground, evidence)
    except weighing.MissingEvidence as found:
        taken_back = any(unmet.code in CONSENTS for unmet in found.missing)
        return ("consent_gone" if taken_back else "no_ground"), case, evidence
    if isinstance(outcome, NoGround):
        return (outcome.reasons[0].code if outcome.reasons else "no_ground"), case, evidence
    if set(row.fields) - set(outcome.selection.subjects.get(subject.number, ())):
        return "less_now", case, evidence
    return outcome, case, evidence


def _sign(tx: Transaction, row: IdentityRequest, said: str) -> None:
    row.decided_by, row.decided_roles, row.decided_at = tx.actor.account_id, tx.actor.role_label, tx.now
    row.answer_sealed = rows.seal_words(tx, row, rows.ANSWER, {"reason": said})
    mailing.tell(tx, [row.account_id], "identity-answer", task=("identity", row.reference))


def _record(tx: Transaction, row: IdentityRequest, signal: Signal, subject: Subject, more: Mapping[str, Any]) -> None:
    tx.session.flush()
    until = {"expires_at": milliseconds(row.until)} if row.until else {}
    tx.record(
        "identity:decide",
        object_type=rows.OBJECT,
        object_id=row.reference,
        details={
            **rows.log_details(row, signal, subject),
            "result": row.state,
            "requester": row.account_id,
            "motivation_hash": hashlib.sha256(row.answer_sealed).hexdigest(),
            **until,
            **more,
        },
    )
