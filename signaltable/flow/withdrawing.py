"""Consent that a person takes back: what was done stays lawful, and nothing more goes on it (AVG 7(3)).

Whoever received data on it is told, with a task and a mail without content, and erases unless it has a ground of its
own (AVG 17(1)(b)). What still waits for a second person ends at once.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import require
from signaltable.audit_trail import milliseconds
from signaltable.domain import Conflict, DisclosureState, UnusableInput
from signaltable.evidence import NotMet
from signaltable.flow import chains, duty_kinds, duty_rows, evidence_store, mailing, revoking, sources
from signaltable.flow.moves import end_request
from signaltable.grounds import CONSENTS
from signaltable.models import Disclosure, Signal
from signaltable.queries import disclosure_by_reference
from signaltable.texts import Text
from signaltable.transaction import Transaction

# Of a returned disclosure the receiver holds nothing; that consent was taken back still counts for the next one.
STANDING: Final = (
    DisclosureState.AWAITING_APPROVAL,
    DisclosureState.DISCLOSED,
    DisclosureState.ACCEPTED,
    DisclosureState.RETURNED,
    DisclosureState.REVOKED,
)
_TAKEN_BACK: Final = Text(
    "Deze toestemming is ingetrokken. Alleen toestemming die daarna is gegeven, telt.",
    "This consent was withdrawn. Only consent that was given after that counts.",
)


def rests_on_consent(row: Disclosure) -> bool:
    """Whether this disclosure was made on consent of the person."""
    return bool(CONSENTS & set(row.evidence_hashes))


def may_be_withdrawn(row: Disclosure) -> bool:
    """Whether it can still be recorded that consent for this disclosure was taken back."""
    return rests_on_consent(row) and row.consent_withdrawn_on is None and row.state in STANDING


def withdraw(tx: Transaction, reference: str, *, on: date | None, everywhere: bool) -> int:
    """Record that the person took back consent for this receiver, or for everybody; returns how many receivers are told.

    Raises `UnusableInput` (on) for an unusable day, `Conflict` (no_consent, withdrawn), and `Refused`.
    """
    row = disclosure_by_reference(tx, reference)
    require(tx.actor, *sources.sender_resource(tx, row))
    signal = tx.session.get_one(Signal, row.signal_id)
    tx.session.refresh(signal, with_for_update=True)
    tx.session.refresh(row, with_for_update=True)
    if row.consent_withdrawn_on is not None:
        raise Conflict("withdrawn", "the withdrawal was recorded already")
    if not may_be_withdrawn(row):
        raise Conflict("no_consent", "this disclosure does not rest on consent, or was never made")
    day = _checked(tx, row, on)
    if everywhere and row.parent_id is None:
        _forget_agreement(signal, day)
    resting = _resting(tx, signal, row, everywhere=everywhere)
    told = sum(_stop(tx, signal, one, day) for one in resting)
    # What was passed on of it has a ground of its own, but what it came from falls away.
    rows = chains.of_signal(tx, signal.id)
    for one in resting:
        revoking.ask_below(tx, one, rows)
    return told


def _checked(tx: Transaction, row: Disclosure, on: date | None) -> date:
    if on is None:
        raise UnusableInput({"on": duty_kinds.NO_DAY})
    if on > tx.today:
        raise UnusableInput({"on": duty_kinds.TOO_LATE})
    kept = evidence_store.read(tx, row, tx.actor.agency_id)
    if any(_given_on(given) > on.isoformat() for code, given in kept.evidence.items() if code in CONSENTS):
        raise UnusableInput({"on": duty_kinds.TOO_EARLY})
    return on


def _given_on(given: Mapping[str, Any]) -> str:
    """The day of a consent as evidence holds it, a text or a date; empty when it has none."""
    return str(given.get("given_on") or "")[:10]


def _resting(tx: Transaction, signal: Signal, row: Disclosure, *, everywhere: bool) -> Sequence[Disclosure]:
    """The disclosures that rest on consent: those to the same receiver, or all of them. Whoever passed something on
    speaks for what it passed on itself.
    """
    same = select(Disclosure).where(Disclosure.signal_id == signal.id).order_by(Disclosure.reference)
    if not everywhere:
        same = same.where(Disclosure.recipient_agency == row.recipient_agency)
    if row.parent_id:
        same = same.where(Disclosure.provider_agency == row.provider_agency)
    return [one for one in tx.session.scalars(same.with_for_update()) if may_be_withdrawn(one)]


def _forget_agreement(signal: Signal, day: date) -> None:
    """The signal no longer says that the person agrees: not in what is filled in, and not in the facts of the card."""
    signal.consent = {**signal.consent, "status": "refused", "withdrawn_on": day.isoformat()}
    signal.facts = {**signal.facts, "victim_consent": "refused"}
    signal.version += 1


def _stop(tx: Transaction, signal: Signal, row: Disclosure, day: date) -> bool:
    row.consent_withdrawn_on = day
    told = False
    if row.state == DisclosureState.AWAITING_APPROVAL:
        end_request(tx, signal, row)
        mailing.tell(tx, [row.requested_by], "answer", task=("sent", row.reference))
    else:
        told = duty_rows.ask_receiver(tx, row, duty_kinds.WITHDRAWN)
    tx.record(
        "consent:withdraw",
        object_type="disclosure",
        object_id=row.reference,
        details={
            "disclosure": row.reference,
            "signal": signal.reference,
            "withdrawn_at": milliseconds(duty_rows.end_of(day)),
            "recipients_told": [row.recipient_agency] if told else [],
        },
    )
    return told


def withdrawn_on(tx: Transaction, signal: Signal, recipient: str) -> date | None:
    """The last day on which the person took back consent for this receiver, or for everybody; None when never."""
    days = list(
        tx.session.scalars(
            select(Disclosure.consent_withdrawn_on).where(
                Disclosure.signal_id == signal.id,
                Disclosure.recipient_agency == recipient,
                Disclosure.consent_withdrawn_on.is_not(None),
            ),
        ),
    )
    if signal.consent.get("withdrawn_on"):
        days.append(date.fromisoformat(signal.consent["withdrawn_on"]))
    return max((day for day in days if day), default=None)


def taken_back(
    tx: Transaction, signal: Signal, recipient: str, evidence: Mapping[str, Mapping[str, Any]]
) -> tuple[NotMet, ...]:
    """The consents in the evidence that were taken back since: these meet no condition any more."""
    day = withdrawn_on(tx, signal, recipient)
    if day is None:
        return ()
    given = {code: _given_on(one) for code, one in evidence.items() if code in CONSENTS}
    return tuple(
        NotMet(code, (("given_on", _TAKEN_BACK),)) for code, on in given.items() if on and on <= day.isoformat()
    )
