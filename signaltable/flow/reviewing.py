"""Looking back within a day at a disclosure that was made in acute danger: was it right?

By somebody else than who made it, with another role, who types the password again (norms 1.1, DUAL and VITAL). "Not
right" leads somewhere: requester and privacy officer hear of it, and the provider has to put it right within 72 hours,
the time in which a data breach has to be reported (AVG 33(1)).
"""

from dataclasses import dataclass

from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import NotFound, UnusableInput, day_of
from signaltable.flow import approvals, duty_kinds, duty_lists, duty_rows, evidence_store, mailing, second_person
from signaltable.flow.approvals import Approval
from signaltable.flow.coming_in.proving import Confirmed
from signaltable.flow.duty_lists import DutyStatus
from signaltable.flow.masking import for_others
from signaltable.models import Disclosure, Duty, Signal
from signaltable.queries import agency_titles
from signaltable.transaction import Transaction, in_whole


@dataclass(frozen=True, slots=True)
class Review:
    """What the second person looks at: the disclosure without values, and the duty to look back."""

    about: Approval
    duty: DutyStatus


def consult(tx: Transaction, duty_id: str) -> Review:
    """The disclosure to look back at; recorded. Raises `Refused` (own_request, other_table, no_permission), `NotFound`."""
    duty, row, signal = _to_review(tx, duty_id)
    return Review(approvals.looked_at(tx, row, signal), duty_lists.status_of(tx, duty, agency_titles(tx)))


@in_whole("the gate sees what it refuses")
def _to_review(tx: Transaction, duty_id: str) -> tuple[Duty, Disclosure, Signal]:
    duty = tx.session.get(Duty, duty_id)
    if duty is None or duty.kind != duty_kinds.REVIEW:
        raise NotFound("no such review")
    row = tx.session.get_one(Disclosure, duty.disclosure_id)
    signal = tx.session.get_one(Signal, row.signal_id)
    second_person.require_second_person(tx, row, signal)
    if row.approved_by == tx.actor.account_id:
        raise second_person.refusal(row, "own_request")
    return duty, row, signal


def judge(tx: Transaction, duty_id: str, *, right: bool, motivation: str, confirmed: Confirmed) -> None:
    """Say whether it was right, and why. `confirmed`: the actor typed the password again.

    Raises `UnusableInput` (motivation), `Conflict` (done), and `Refused`: wrong_credentials, own_request, same_role.
    """
    duty, row, _signal = _to_review(tx, duty_id)
    duty_rows.lock(tx, duty, row)
    if confirmed.account_id != tx.actor.account_id:
        raise second_person.refusal(row, "wrong_credentials")
    kept = evidence_store.read(tx, row, tx.actor.agency_id)
    if second_person.roles_of(kept.requester_role) & tx.actor.roles:
        raise second_person.refusal(row, "same_role")
    text = for_others(tx, motivation, "motivation", limit=duty_kinds.NOTE_LIMIT, required=True)
    if len(text) < MOTIVATION_LENGTH:
        raise UnusableInput({"motivation": duty_kinds.TOO_SHORT})
    duty_rows.close(tx, duty, row, duty_kinds.RIGHT if right else duty_kinds.NOT_RIGHT, tx.now, said={"text": text})
    if right:
        mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))
        return
    due = duty_rows.end_of(tx.program.policy.deadlines["review-follow-up"].due(tx.today))
    owed = duty_rows.owe(tx, row, duty_kinds.PUT_RIGHT, row.provider_agency, due)
    officers = mailing.accounts_with(tx, [row.provider_agency], second_person.PERMISSION)
    urgent = mailing.presses(tx, "review-not-right", due_on=day_of(due))
    mailing.tell(tx, [row.requested_by, *officers], "review-not-right", task=("duty", owed.id), urgent=urgent)
