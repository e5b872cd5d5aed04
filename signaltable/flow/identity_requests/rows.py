"""A request as a row: its states, the words in it, and the case that the grounds judge."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import undefer_group

from signaltable.access import Allowed, Permission, may
from signaltable.domain import ZONE, NotFound, Refused, day_of
from signaltable.flow import duty_rows, sealing, weighing
from signaltable.flow.contents import OPEN_FIELDS, SUBJECT, Contents, contents_of
from signaltable.models import Agency, IdentityRequest, Signal, Subject
from signaltable.queries import agency_titles, mine
from signaltable.transaction import Transaction, in_whole

WAITING, APPROVED = "waiting", "approved"
# Refused by the second person, refused by the rules, taken back by who asked, nobody decided, the time is over.
REFUSED, NO_GROUND, WITHDRAWN, EXPIRED, ENDED = "refused", "no_ground", "withdrawn", "expired", "ended"
OPEN: Final = (WAITING, APPROVED)

# How long it stays open once it was opened (issue 5).
OPEN_FOR: Final = timedelta(minutes=15)
REASON_LIMIT: Final = 1000

ASKED, ANSWER = "asked_sealed", "answer_sealed"
OBJECT: Final = "identity"


@in_whole("the gate sees what it refuses")
def by_reference(tx: Transaction, reference: str, *, locked: bool = False) -> IdentityRequest:
    """The request with this reference, for who asked, who may decide and who supervises. Raises `NotFound` for others."""
    query = select(IdentityRequest).where(IdentityRequest.reference == reference.strip().upper())
    query = query.options(undefer_group("sealed"))
    row = tx.session.scalars(query.with_for_update() if locked else query).first()
    if row is None or not (is_asker(tx, row) or is_of_owner(tx, row) or supervises(tx)):
        raise NotFound("no such request")
    if row.signal_id in mine(tx):
        raise refusal(row, "conflict_of_interest", Permission.IDENTITY_REQUEST_TABLED)
    return row


@in_whole("the gate sees what it refuses")
def about(tx: Transaction, row: IdentityRequest) -> tuple[Signal, Subject]:
    """The signal and the subject of a request that `by_reference` handed out, also once the case went on without who asked."""
    return tx.session.get_one(Signal, row.signal_id), tx.session.get_one(Subject, row.subject_id)


def is_asker(tx: Transaction, row: IdentityRequest) -> bool:
    """Whether the actor made this request: that very account, still at the same agency."""
    return row.account_id == tx.actor.account_id and row.agency_id == tx.actor.agency_id


def is_of_owner(tx: Transaction, row: IdentityRequest) -> bool:
    """Whether the actor decides about such requests for the agency whose signal it is."""
    decides = isinstance(may(tx.actor, Permission.IDENTITY_DECIDE_OWN), Allowed)
    return decides and row.owner_agency == tx.actor.agency_id


def supervises(tx: Transaction) -> bool:
    """Whether the actor looks at all requests, without content."""
    return isinstance(may(tx.actor, Permission.DISCLOSURE_AUDIT_ALL), Allowed)


def refusal(row: IdentityRequest, reason: str, permission: Permission) -> Refused:
    """The refusal of somebody who may not do this with this request, for the log."""
    return Refused(reason, object_type=OBJECT, object_id=row.reference, details={"permission": permission.value})


def decide_by(tx: Transaction, row: IdentityRequest) -> datetime:
    """Until when a second person can decide (policies/deadlines.toml)."""
    return duty_rows.end_of(tx.program.policy.deadlines["identity-decision"].due(day_of(row.asked_at)))


def open_within(tx: Transaction) -> timedelta:
    """How long after the approval it can be opened for the first time (policies/deadlines.toml)."""
    return timedelta(days=tx.program.policy.deadlines["identity-opening"].days)


# -- the words ----------------------------------------------------------------------------------------------------


def seal_words(tx: Transaction, row: IdentityRequest, column: str, said: Mapping[str, Any]) -> bytes:
    """Words for both agencies and for nobody else: an envelope for each."""
    made = {
        agency_id: base64.b64encode(sealing.seal_json(tx, agency_id, said, _place(row, column, agency_id))).decode()
        for agency_id in sorted({row.owner_agency, row.agency_id})
    }
    return json.dumps(made).encode()


def words(tx: Transaction, row: IdentityRequest, column: str) -> dict[str, Any]:
    """What was sealed in this column, with the key of the actor's agency; nothing when it holds none."""
    sealed: bytes = getattr(row, column)
    envelopes: dict[str, str] = json.loads(sealed) if sealed else {}
    own = tx.actor.agency_id
    if own not in envelopes:
        return {}
    return sealing.open_json(tx, own, base64.b64decode(envelopes[own]), _place(row, column, own))


def _place(row: IdentityRequest, column: str, agency_id: str) -> str:
    return f"identity_requests|{column}|{row.id}|{agency_id}"


# -- the case -----------------------------------------------------------------------------------------------------


def case_of(tx: Transaction, signal: Signal, subject: Subject, agency: Agency, purpose: str) -> weighing.Case:
    """The question to the grounds: exactly the sealed fields of this one subject, to this agency, for this purpose."""
    holder = contents_of(tx, signal).holder(subject.number)
    closed = {
        name: categories for name, categories in holder.fields.items() if name.removeprefix(SUBJECT) not in OPEN_FIELDS
    }
    return weighing.Case(
        capacity=signal.capacity,
        provider_kind=tx.session.get_one(Agency, signal.owner_agency).kind,
        recipient_kind=agency.kind,
        recipient_id=agency.id,
        purpose=purpose,
        contents=Contents({}, (replace(holder, fields=closed),)),
        chosen=(subject.number,),
        facts=signal.facts,
        now=tx.now.astimezone(ZONE),
        demo=tx.program.settings.demo,
    )


def both_people(row: IdentityRequest, approver: str, approver_roles: str, at: datetime) -> dict[str, dict[str, Any]]:
    """The second person as evidence; who they are comes from the session and never from a form."""
    return {
        weighing.SECOND_PERSON: {
            "requester": row.account_id,
            "requester_role": row.roles,
            "approver": approver,
            "approver_role": approver_roles,
            "approved_at": at.astimezone(ZONE).isoformat(),
        }
    }


def log_details(row: IdentityRequest, signal: Signal, subject: Subject) -> dict[str, Any]:
    """What every entry about a request says of it."""
    return {
        "request": row.reference,
        "signal": signal.reference,
        "subject": subject.number,
        "recipient": row.agency_id,
        "purpose": row.purpose,
        "ground": row.ground,
        "ground_digest": row.ground_digest,
        "policy_digest": row.policy_digest,
        "fields": list(row.fields),
    }


def identity_names(fields: Iterable[str]) -> list[str]:
    """The names of identity fields without `subject.`, as they are sealed."""
    return [name.removeprefix(SUBJECT) for name in fields]


def title_of(tx: Transaction, agency_id: str) -> str:
    """How people call an agency."""
    return agency_titles(tx).get(agency_id, "")
