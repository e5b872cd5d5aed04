"""Disclosing as the owner does it: a preview under a ground, then one disclosure to one recipient.

What goes is decided by `signaltable.disclose`, frozen as one document, and sealed for the recipient and the provider.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import select

from signaltable import deadlines
from signaltable import payload as document
from signaltable.access import Permission
from signaltable.audit_trail import milliseconds
from signaltable.disclosure.outcome import Advice, Reason
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.domain import Conflict, DisclosureState, Refused, State, may_follow
from signaltable.evidence import NotMet
from signaltable.evidence_forms import ConditionSpec, for_ground
from signaltable.flow import (
    decisions,
    duty_rows,
    evidence_store,
    mailing,
    near,
    sealing,
    second_person,
    signals,
    weighing,
    withdrawing,
)
from signaltable.flow.choices import (
    Choice,
    agreed,
    best_of,
    case_of,
    find_choice,
    not_offered,
    own_signal,
    under_way,
)
from signaltable.flow.contents import (
    NARRATIVE,
    SUBJECT,
    Readable,
    contents_of,
    needs_identity,
    signal_part,
    subject_part,
)
from signaltable.flow.moves import move
from signaltable.flow.near import NearRow
from signaltable.flow.references import fresh_reference
from signaltable.flow.referrals import place
from signaltable.flow.weighing import Case, GroundOption, Permitted, Selection, Withheld
from signaltable.grounds import CONSENTS, Ground
from signaltable.identity import Identity, typed_values
from signaltable.models import Account, Disclosure, RecordedDecision, Signal, Subject
from signaltable.payload import Payload
from signaltable.queries import subjects_of
from signaltable.recorded import OFFERS
from signaltable.texts import Text
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SubjectOption:
    """A subject that can go along."""

    number: int
    kind: str
    role: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """It may not: why, which rows came near and where each falls short, what is missing, and what can be done instead.

    `officers` are the people of the own organisation who can be asked.
    """

    reasons: tuple[Reason, ...]
    near: tuple[NearRow, ...]
    missing: tuple[tuple[ConditionSpec, NotMet], ...]
    instead: tuple[Advice, ...]
    officers: tuple[str, ...]


class NotPermitted(Refused):
    """No ground carries the disclosure with this evidence. Recorded as disclosure:refuse; `found` says why."""

    def __init__(self, found: NoGround, signal: Signal, details: Mapping[str, Any], decision: RecordedDecision) -> None:
        super().__init__(
            "no_ground",
            action="disclosure:refuse",
            object_type="signal",
            object_id=signal.reference,
            details={**details, "decisions": [decision.id]},
            rows=[decision],
        )
        self.found = found


@dataclass(frozen=True, slots=True)
class Preview:
    """Exactly what the recipient would see, what stays, and what has to be filled in first."""

    reference: str
    choice: Choice
    subjects: tuple[SubjectOption, ...]
    options: tuple[GroundOption, ...]
    option: GroundOption | None
    content: Payload | None
    withheld: tuple[Withheld, ...]
    left_out: tuple[tuple[int, Text], ...]
    conditions: tuple[ConditionSpec, ...]
    categories: frozenset[str]
    consent: Mapping[str, Any]
    prefill: Mapping[str, Mapping[str, str]]
    refusal: Refusal | None
    seen: str
    under_way: str
    missing: tuple[NotMet, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: its reference, and whether it went or waits for a second person."""

    reference: str
    state: str


# -- the preview -------------------------------------------------------------------------------------------------


def preview(
    tx: Transaction,
    reference: str,
    key: str,
    *,
    ground: str = "",
    chosen: Sequence[int] | None = None,
    evidence: Mapping[str, Mapping[str, Any]] | None = None,
    refused: NoGround | None = None,
) -> Preview:
    """What would go, field by field with values, and what stays. Opening identity for it is recorded.

    With `evidence` that meets the conditions, what a consent or paper does not name is left out as well; when it does
    not meet them, `missing` says why not and everything is shown that could go. A ground or subject that is not offered
    raises `Refused`; when no ground applies, that refusal is recorded and told. `refused` is one that was recorded
    already, of a disclosure that was asked for on this page.
    """
    signal = own_signal(tx, reference)
    choice = find_choice(tx, signal, key)
    case = _checked_case(tx, signal, choice, chosen)
    options = weighing.options(case, tx.program.policy.grounds)
    option = _shown(tx, signal, choice, options, ground)
    selection, missing = _narrowed(tx, signal, case, option, evidence) if option else (None, ())
    content = _frozen(tx, signal, choice, option.ground, selection) if option and selection else None
    found = refused or (None if option else _refused(tx, signal, choice, case))
    if option:
        _record_preview(tx, signal, choice, case, option)
    return Preview(
        reference=signal.reference,
        choice=choice,
        subjects=tuple(
            SubjectOption(holder.number, holder.kind, holder.role, holder.number in case.chosen)
            for holder in case.contents.holders
        ),
        options=options,
        option=option,
        content=content,
        withheld=selection.withheld if selection else (),
        left_out=selection.left_out if selection else (),
        conditions=asked(tx, option) if option else (),
        categories=frozenset(weighing.categories_of(case, option.selection)) if option else frozenset(),
        consent=signal.consent,
        prefill=_prefill(tx, signal, choice),
        refusal=_explained(tx, case, found) if found else None,
        seen=_seen(tx, signal, content) if content else "",
        under_way=under_way(tx, signal, choice),
        missing=missing,
    )


def _checked_case(tx: Transaction, signal: Signal, choice: Choice, chosen: Sequence[int] | None) -> Case:
    known = {subject.number for subject in subjects_of(tx, signal.id) if subject.erased_at is None}
    if chosen is not None and set(chosen) - known:
        raise not_offered(signal, ["subjects"])
    return case_of(tx, signal, choice, chosen)


def _picked(signal: Signal, options: Sequence[GroundOption], ground: str) -> GroundOption | None:
    usable = _usable(options)
    if ground and ground not in usable:
        raise not_offered(signal, ["ground"])
    return usable[ground] if ground else best_of(signal, options)


def _usable(options: Iterable[GroundOption]) -> dict[str, GroundOption]:
    return {option.ground.id: option for option in options if option.usable}


def _shown(
    tx: Transaction, signal: Signal, choice: Choice, options: Sequence[GroundOption], ground: str
) -> GroundOption | None:
    """The ground of a preview. One that was offered while others were ticked, gives way to the best for these."""
    if ground and ground not in _usable(options):
        everybody = [subject.number for subject in subjects_of(tx, signal.id) if subject.erased_at is None]
        cases = [case_of(tx, signal, choice, chosen) for chosen in (everybody, [])]
        if any(ground in _usable(weighing.options(case, tx.program.policy.grounds)) for case in cases):
            return best_of(signal, options)
    return _picked(signal, options, ground)


def asked(tx: Transaction, option: GroundOption) -> tuple[ConditionSpec, ...]:
    """The conditions that a person fills in; the others the program fills in itself."""
    known, demanded = tx.program.policy.conditions, option.ground.parameters
    specs = (for_ground(known[code], demanded.get(code, "")) for code in option.conditions)
    return tuple(spec for spec in specs if spec.filled_by == "person")


def _narrowed(
    tx: Transaction, signal: Signal, case: Case, option: GroundOption, evidence: Mapping[str, Mapping[str, Any]] | None
) -> tuple[Selection, tuple[NotMet, ...]]:
    if evidence is None:
        return option.selection, ()
    try:
        given = with_stand_in(tx, option, asked_only(tx, option, evidence))
        outcome = weighed(tx, signal, case, option.ground.id, given)
    except weighing.MissingEvidence as found:
        return option.selection, found.missing
    decisions.note_ground(tx, signal, weighing.requests_of(case, given), option.ground.id)
    return outcome.selection if isinstance(outcome, Permitted) else option.selection, ()


def weighed(
    tx: Transaction, signal: Signal, case: Case, ground_id: str, evidence: Mapping[str, Mapping[str, Any]]
) -> Permitted | NoGround:
    """The decision of the step. Raises `MissingEvidence`, also for a consent that the person took back since."""
    outcome = weighing.weigh(case, ground_id, evidence, tx.program.policy.grounds)
    gone = withdrawing.taken_back(tx, signal, case.recipient_id, evidence)
    if gone and isinstance(outcome, Permitted) and CONSENTS & set(outcome.evidence_hashes):
        raise weighing.MissingEvidence(gone)
    return outcome


def asked_only(
    tx: Transaction, option: GroundOption, evidence: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The evidence for what was asked. A second person that came along is dropped: only `approvals` knows one."""
    return {spec.code: evidence.get(spec.code, {}) for spec in asked(tx, option)}


def with_stand_in(
    tx: Transaction, option: GroundOption, evidence: Mapping[str, Mapping[str, Any]]
) -> dict[str, Mapping[str, Any]]:
    """The evidence as it would be once a second person agreed, to know what that person is asked to approve."""
    given = dict(evidence)
    if option.second_person:
        given[weighing.SECOND_PERSON] = {
            "requester": tx.actor.account_id,
            "requester_role": tx.actor.role_label,
            "approver": "to be asked",
            "approver_role": "to be asked",
            "approved_at": tx.now.isoformat(),
        }
    return given


def _frozen(tx: Transaction, signal: Signal, choice: Choice, ground: Ground, selection: Selection) -> Payload:
    """The document with exactly the selected fields, still without a reference of its own.

    Identity is opened for subjects of which it goes along, and for all where the reporter's own text goes, so that
    those who stay behind are masked in it.
    """
    subjects = {subject.number: subject for subject in subjects_of(tx, signal.id)}
    holders = {holder.number: holder for holder in contents_of(tx, signal).holders}
    return Payload(
        reference="",
        provider=signal.owner_agency,
        recipient=choice.agency_id,
        purpose=choice.purpose,
        ground=ground.id,
        ground_digest=ground.digest,
        fields=signal_part(
            tx, signal, selection.fields, choice.agency_id, _readable(tx, signal, choice, selection, subjects.values())
        ),
        subjects=tuple(
            subject_part(
                tx,
                holders[number],
                subjects[number],
                names,
                _identity(tx, signal, subjects[number], choice.purpose, names),
                choice.agency_id,
            )
            for number, names in selection.subjects.items()
            if names
        ),
    )


def _readable(
    tx: Transaction, signal: Signal, choice: Choice, selection: Selection, subjects: Iterable[Subject]
) -> Readable:
    """Which identity values may stand in the account: those that go along as fields, and no others."""
    if NARRATIVE not in selection.fields:
        return Readable()
    going: list[Identity] = []
    staying: list[Identity] = []
    for subject in subjects:
        if subject.erased_at is None:
            released = {name.removeprefix(SUBJECT) for name in selection.subjects.get(subject.number, ())}
            identity = signals.open_identity_of(tx, signal, subject, purpose=choice.purpose)
            for held, into in ((True, going), (False, staying)):
                kept = {name: value for name, value in identity.items() if (name in released) is held}
                into.append(Identity(kind=subject.kind, **kept))
    policy = tx.program.policy.identifiers
    return Readable(tuple(typed_values(going, policy)), tuple(typed_values(staying, policy)))


def _identity(
    tx: Transaction, signal: Signal, subject: Subject, purpose: str, names: Iterable[str]
) -> Mapping[str, str]:
    return signals.open_identity_of(tx, signal, subject, purpose=purpose) if needs_identity(names) else {}


def _prefill(tx: Transaction, signal: Signal, choice: Choice) -> Mapping[str, Mapping[str, str]]:
    """What the owner's own signal says about consent, to be checked and not typed again. Never a motivation.

    Nothing of a consent that was taken back.
    """
    if not agreed(signal) or withdrawing.withdrawn_on(tx, signal, choice.agency_id):
        return {}
    known = {
        "given_on": signal.consent.get("on") or "",
        "language": signal.consent.get("language") or "",
        "interpreter": signal.consent.get("interpreter") or "",
        "asked_by": sealing.owner_part(tx, signal).get("asked_by") or "",
    }
    filled = {name: str(value) for name, value in known.items() if value}
    return dict.fromkeys(CONSENTS, filled)


def _seen(tx: Transaction, signal: Signal, content: Payload) -> str:
    """Names the document that was shown, values and all, so that nothing else than what the person saw can go."""
    said = b"|".join((signal.id.encode(), document.to_bytes(content, b"")))
    return hmac.new(tx.program.keys.derive("session", "disclosure-seen"), said, hashlib.sha256).hexdigest()


def _record_preview(tx: Transaction, signal: Signal, choice: Choice, case: Case, option: GroundOption) -> None:
    tx.record(
        "disclosure:prepare",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "recipient": choice.agency_id,
            "purpose": choice.purpose,
            "subjects": sorted(option.selection.subjects),
            "permitted": False,  # A preview permits nothing: the conditions are still to be met.
            "policy_digest": tx.program.policy.digest,
            "ground": option.ground.id,
            "ground_digest": option.ground.digest,
            "categories": list(weighing.categories_of(case, option.selection)),
            "fields": list(option.selection.names),
            "decisions": decisions.note_ground(tx, signal, weighing.requests_of(case), None, asked=OFFERS),
        },
    )


def _refused(tx: Transaction, signal: Signal, choice: Choice, case: Case) -> NoGround:
    found = weighing.refusal(case, tx.program.policy.grounds)
    tx.record(
        "disclosure:refuse",
        object_type="signal",
        object_id=signal.reference,
        outcome="refused",
        reason="no_ground",
        details={
            **refused_details(tx, signal, choice, found),
            "decisions": decisions.note_ground(tx, signal, weighing.requests_of(case), None),
        },
    )
    return found


def _explained(tx: Transaction, case: Case, found: NoGround) -> Refusal:
    """The refusal as a page tells it, with the people of the own agency who can be asked."""
    conditions, actor = tx.program.policy.conditions, tx.actor
    asked_for = mailing.accounts_with(tx, [actor.agency_id], second_person.PERMISSION)
    names = tx.session.scalars(select(Account.name).where(Account.id.in_(asked_for)).order_by(Account.name))
    return Refusal(
        reasons=found.reasons,
        near=near.rows(case, found.near, tx.program.policy.grounds),
        missing=tuple((conditions[unmet.code], unmet) for unmet in found.missing if unmet.code in conditions),
        instead=found.instead,
        officers=tuple(names),
    )


def refused_details(tx: Transaction, signal: Signal, choice: Choice, found: NoGround) -> dict[str, Any]:
    """What the log says of a refused disclosure."""
    return {
        "signal": signal.reference,
        "recipient": choice.agency_id,
        "purpose": choice.purpose,
        "reasons": list(dict.fromkeys(f"{reason.code}:{reason.row}".rstrip(":") for reason in found.reasons)),
        "policy_digest": tx.program.policy.digest,
        "near": list(found.near),
        "missing": [unmet.code for unmet in found.missing],
    }


# -- disclosing --------------------------------------------------------------------------------------------------


def disclose(
    tx: Transaction,
    reference: str,
    key: str,
    *,
    ground: str,
    chosen: Sequence[int],
    evidence: Mapping[str, Mapping[str, Any]],
    seen: str,
) -> Made:
    """Disclose to one recipient on one ground, or ask a second person where the ground wants one.

    `seen` is that of the preview shown last. Raises `MissingEvidence` with what is still to fill in, `Refused`
    (no_ground, recorded) when it may not, and `Conflict`: under_way when the same disclosure was made already, changed
    when what would go, with this evidence, is not the document that was shown.
    """
    signal = own_signal(tx, reference)
    tx.session.refresh(signal, with_for_update=True)  # A double click waits here, and finds the first one made.
    choice = find_choice(tx, signal, key)
    case = _checked_case(tx, signal, choice, chosen)
    option = _picked(signal, weighing.options(case, tx.program.policy.grounds), ground)
    if under_way(tx, signal, choice):
        raise Conflict("under_way", "the same disclosure was made already")
    if not may_follow(State(signal.state), State.REFERRED):
        raise Conflict("state", "the signal is in a state in which nothing can be disclosed")
    if option is None:
        raise Conflict("changed", "no ground applies any more")
    given = asked_only(tx, option, evidence)
    shown = with_stand_in(tx, option, given)
    permitted = decided(tx, signal, choice, case, option.ground.id, shown)
    content = _frozen(tx, signal, choice, permitted.ground, permitted.selection)
    if not hmac.compare_digest(_seen(tx, signal, content).encode(), seen.encode()):
        raise Conflict("changed", "what would be disclosed is not what was shown")
    row = _store(tx, signal, choice, permitted, content, given, case.chosen)
    noted = decisions.note_ground(tx, signal, weighing.requests_of(case, shown), row.ground, disclosure=row)
    if option.second_person:
        _ask_second_person(tx, signal, row, permitted, noted)
    else:
        hand_over(tx, signal, row, permitted, choice.urgency, noted)
    return Made(row.reference, row.state)


def decided(
    tx: Transaction,
    signal: Signal,
    choice: Choice,
    case: Case,
    ground_id: str,
    evidence: Mapping[str, Mapping[str, Any]],
) -> Permitted:
    """The decision with all evidence. Raises `NotPermitted` (recorded as disclosure:refuse) or `MissingEvidence`."""
    outcome = weighed(tx, signal, case, ground_id, evidence)
    if isinstance(outcome, Permitted):
        return outcome
    details = {**refused_details(tx, signal, choice, outcome), "ground": ground_id}
    made = decisions.ground_decision(tx, signal, weighing.requests_of(case, evidence), ground_id)
    raise NotPermitted(outcome, signal, details, made)


def _store(
    tx: Transaction,
    signal: Signal,
    choice: Choice,
    permitted: Permitted,
    shown: Payload,
    evidence: Mapping[str, Mapping[str, Any]],
    chosen: Sequence[int],
) -> Disclosure:
    row_id, reference = tx.new_id(), fresh_reference(tx, "D", Disclosure.reference)
    content = replace(shown, reference=reference)
    frozen = document.to_bytes(content, tx.program.randomness(16))
    row = Disclosure(
        id=row_id,
        reference=reference,
        signal_id=signal.id,
        provider_agency=signal.owner_agency,
        recipient_agency=choice.agency_id,
        destination=choice.destination,
        purpose=choice.purpose,
        ground=permitted.ground.id,
        ground_digest=permitted.ground.digest,
        policy_digest=tx.program.policy.digest,
        state=DisclosureState.AWAITING_APPROVAL,
        fields=sorted(content.field_names),
        categories=list(permitted.categories),
        evidence_hashes=_hashes(permitted),
        evidence_sealed=b"",
        obligations=duties(permitted),
        requested_by=tx.actor.account_id,
        requested_at=tx.now,
        payload_hash=document.digest(frozen),
    )
    row.payload_provider = tx.program.keys.seal(signal.owner_agency, frozen, place(row, signal.owner_agency))
    row.evidence_sealed = evidence_store.seal(tx, signal, row, content, evidence, chosen)
    tx.session.add(row)
    tx.session.flush()
    return row


def _hashes(permitted: Permitted) -> dict[str, str]:
    """Without that of a second person: there is none yet."""
    return {code: digest for code, digest in permitted.evidence_hashes.items() if code != weighing.SECOND_PERSON}


def duties(permitted: Permitted) -> list[dict[str, Any]]:
    """What is still owed, as the row keeps it."""
    return [
        {"kind": duty.kind, "due_at": duty.due_at.isoformat() if duty.due_at else None}
        for duty in permitted.obligations
    ]


def _ask_second_person(
    tx: Transaction, signal: Signal, row: Disclosure, permitted: Permitted, noted: Sequence[str]
) -> None:
    for agency_id in evidence_store.second_look_agencies(tx, signal):
        mailing.tell_agency(tx, [agency_id], Permission.DISCLOSURE_APPROVE_OTHER, "approval")
    tx.record(
        "disclosure:request",
        object_type="disclosure",
        object_id=row.reference,
        details={
            **_log_details(signal, row, permitted, met_without=weighing.SECOND_PERSON),
            "decisions": list(noted),
        },
    )


def hand_over(
    tx: Transaction,
    signal: Signal,
    row: Disclosure,
    permitted: Permitted,
    urgency: str,
    noted: Sequence[str],
    *,
    approver: str = "",
) -> None:
    """Seal the frozen document for the recipient, note what is owed, move the signal, tell the recipient, record it."""
    frozen = sealing.open_envelope(tx, row.provider_agency, row.payload_provider, place(row, row.provider_agency))
    row.payload_recipient = tx.program.keys.seal(row.recipient_agency, frozen, place(row, row.recipient_agency))
    row.state, row.disclosed_at = DisclosureState.DISCLOSED, tx.now
    row.due_on = deadlines.acceptance_due(tx.program.policy, urgency, row.destination, tx.today)
    row.policy_digest, row.ground_digest = tx.program.policy.digest, permitted.ground.digest
    row.evidence_hashes, row.obligations = dict(permitted.evidence_hashes), duties(permitted)
    duty_rows.arise(tx, signal, row, permitted)
    move(tx, signal, State.REFERRED)
    mailing.tell_agency(tx, [row.recipient_agency], Permission.REFERRAL_RECEIVE_OWN, "disclosure")
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
            **_log_details(signal, row, permitted),
            "sealed_for": [row.recipient_agency],
            "decisions": list(noted),
            "consent": sorted(CONSENTS & set(permitted.evidence_hashes)),
            **moments,
            **({"approver": approver} if approver else {}),
        },
    )


def _log_details(signal: Signal, row: Disclosure, permitted: Permitted, *, met_without: str = "") -> dict[str, Any]:
    return {
        "disclosure": row.reference,
        "signal": signal.reference,
        "provider": row.provider_agency,
        "recipient": row.recipient_agency,
        "purpose": row.purpose,
        "subjects": sorted(permitted.selection.subjects),
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
