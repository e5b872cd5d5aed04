"""A duty from its beginning to its end: it arises, is sealed with words, is closed, and goes with the signal."""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime, time
from typing import Any

from sqlalchemy import case, select, update

from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.domain import ZONE, Conflict, DisclosureState, day_of
from signaltable.flow import evidence_store, mailing, sealing, second_person
from signaltable.flow.duty_kinds import BY_PROGRAM, DESTROY, ENDED, INFORM, LOGGED, OF_RECEIVER, RECORD, REVIEW
from signaltable.flow.weighing import Permitted
from signaltable.models import Disclosure, Duty, Signal
from signaltable.transaction import Transaction


def arise(tx: Transaction, signal: Signal, row: Disclosure, permitted: Permitted) -> None:
    """Everything that the ground obliges to, as rows; who has to look back within a day hears of it at once."""
    put_off = _put_off_already(permitted)
    for owed in permitted.obligations:
        agency = row.recipient_agency if owed.kind in OF_RECEIVER else row.provider_agency
        due = owed.due_at or (None if owed.kind in {DESTROY, RECORD} else end_of(tx.today))
        duty = owe(tx, row, owed.kind, agency, due)
        if owed.kind == RECORD:
            # Wpg 32, PROTOCOL: the entry of the disclosure is the record, in the same commit.
            duty.fulfilled_at, duty.result = tx.now, LOGGED
        elif owed.kind == INFORM and put_off:
            duty.postponed = 1
        elif owed.kind == REVIEW:
            for agency_id in evidence_store.second_look_agencies(tx, signal, row):
                _tell_reviewers(tx, signal, duty, agency_id)


def _tell_reviewers(tx: Transaction, signal: Signal, duty: Duty, agency_id: str) -> None:
    due_on = day_of(duty.due_at) if duty.due_at else None
    urgent = mailing.presses(tx, "review", urgency=signal.urgency, due_on=due_on)
    mailing.tell_agency(tx, [agency_id], second_person.PERMISSION, "review", task=("duty", duty.id), urgent=urgent)


def _put_off_already(permitted: Permitted) -> bool:
    """Whether the evidence held a dated decision to wait (UAVG 41)."""
    told = next((met.evidence for met in permitted.conditions_met if met.code == "INFORM"), None)
    return told is not None and told["how"] == "postponed"


def owe(tx: Transaction, row: Disclosure, kind: str, agency_id: str, due_at: datetime | None) -> Duty:
    """One more duty of this disclosure. The caller records why."""
    duty = Duty(
        id=tx.new_id(),
        disclosure_id=row.id,
        agency_id=agency_id,
        kind=kind,
        created_at=tx.now,
        due_at=due_at,
        postponed=0,
        fulfilled_by="",
        result="",
        note_sealed=b"",
    )
    tx.session.add(duty)
    return duty


def ask_receiver(tx: Transaction, row: Disclosure, kind: str) -> bool:
    """A task for the receiver because the ground falls away, with a mail without content.

    False when it holds nothing, or has this task already. What was taken back it may hold on a ground of its own.
    """
    held = {DisclosureState.DISCLOSED, DisclosureState.ACCEPTED, DisclosureState.REVOKED}
    if row.state not in held or not row.payload_recipient or is_owed(tx, row, kind):
        return False
    due_on = tx.program.policy.deadlines["receiver-reaction"].due(tx.today)
    duty = owe(tx, row, kind, row.recipient_agency, end_of(due_on))
    mailing.tell_agency(
        tx,
        [row.recipient_agency],
        Permission.DUTY_FULFIL_OWN,
        kind,
        task=("duty", duty.id),
        urgent=mailing.presses(tx, kind, due_on=due_on),
        about=[row.signal_id],
    )
    return True


def is_owed(tx: Transaction, row: Disclosure, *kinds: str) -> bool:
    """Whether the receiver of this disclosure still has one of these open."""
    there = select(Duty.id).where(
        Duty.disclosure_id == row.id,
        Duty.agency_id == row.recipient_agency,
        Duty.kind.in_(kinds),
        Duty.fulfilled_at.is_(None),
    )
    return tx.session.scalar(there.limit(1)) is not None


def lock(tx: Transaction, duty: Duty, row: Disclosure) -> None:
    """Let a double click wait, and find the first one done. Raises `Conflict` (done)."""
    tx.session.refresh(row, with_for_update=True)
    tx.session.refresh(duty, with_for_update=True)
    if duty.fulfilled_at is not None:
        raise Conflict("done", "the duty was fulfilled already")


def close(
    tx: Transaction,
    duty: Duty,
    row: Disclosure,
    result: str,
    done_at: datetime,
    *,
    said: Mapping[str, Any] | None = None,
) -> None:
    """Write down that a duty is done, and record it. The words stay sealed for the agency that owed it."""
    duty.fulfilled_at, duty.fulfilled_by, duty.result = done_at, tx.actor.account_id, result
    details: dict[str, Any] = {"result": result}
    if said:
        details["motivation_hash"] = seal_words(tx, duty, {**words_of(tx, duty), **said})
    if duty.due_at:
        details["due_at"] = milliseconds(duty.due_at)
        details["late"] = done_at > duty.due_at
    if duty.kind == REVIEW:
        details["requester"] = row.requested_by
    record(tx, duty, row, "duty:fulfil", details)


def end_of_receiver(tx: Transaction, row: Disclosure, result: str, done_at: datetime) -> None:
    """What the receiver still owed, ends with its copy of the data: erased (destroyed) or given back (returned)."""
    open_ones = select(Duty).where(
        Duty.disclosure_id == row.id, Duty.kind.in_(OF_RECEIVER), Duty.fulfilled_at.is_(None)
    )
    for duty in tx.session.scalars(open_ones).all():
        close(tx, duty, row, result, done_at)


def words_of(tx: Transaction, duty: Duty) -> dict[str, Any]:
    """What was written about a duty; opens with the key of the agency that owes it only."""
    return sealing.open_json(tx, duty.agency_id, duty.note_sealed, _place(duty)) if duty.note_sealed else {}


def seal_words(tx: Transaction, duty: Duty, said: Mapping[str, Any]) -> str:
    """Seal the words for the agency that owes the duty; returns the digest of the envelope, fresh each time, for the log."""
    duty.note_sealed = sealing.seal_json(tx, duty.agency_id, said, _place(duty))
    return hashlib.sha256(duty.note_sealed).hexdigest()


def _place(duty: Duty) -> str:
    return f"duties|note_sealed|{duty.id}"


def record(tx: Transaction, duty: Duty, row: Disclosure, action: str, details: Mapping[str, Any]) -> None:
    """An entry about a duty, under its disclosure."""
    # The receiver knows the signal by a name of its own; its entries do not tell the provider's.
    signal = {} if duty.kind in OF_RECEIVER else {"signal": tx.session.get_one(Signal, row.signal_id).reference}
    tx.record(
        action,
        object_type="disclosure",
        object_id=row.reference,
        details={"disclosure": row.reference, "duty": duty.id, "kind": duty.kind, **signal, **details},
    )


def erase_of(tx: Transaction, signal: Signal) -> None:
    """At the end of the term: nobody owes anything any more and the words are gone; that it was owed and done stays."""
    of_signal = Duty.disclosure_id.in_(select(Disclosure.id).where(Disclosure.signal_id == signal.id))
    still_open = of_signal, Duty.fulfilled_at.is_(None)
    # The receiver's copy in this program goes with the rest, so erasing is what happened.
    tx.session.execute(
        update(Duty)
        .where(*still_open)
        .values(fulfilled_at=tx.now, result=case((Duty.kind == DESTROY, BY_PROGRAM), else_=ENDED)),
    )
    tx.session.execute(update(Duty).where(of_signal).values(note_sealed=b""))


def side_of(duty: Duty) -> str:
    """As what an agency owes it: provider, receiver or reviewer."""
    if duty.kind == REVIEW:
        return "reviewer"
    return "receiver" if duty.kind in OF_RECEIVER else "provider"


def end_of(day: date) -> datetime:
    """The last second of a day in the Netherlands."""
    return datetime.combine(day, time(23, 59, 59), ZONE)
