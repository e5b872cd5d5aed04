"""Disclosing: a preview under a ground, then one disclosure to one recipient.

By the owner of a signal, or by a receiver that passes on what it got: `sources` says what there is to give, all else is the
same. What goes is decided by the grounds, frozen as one document, and sealed for the recipient and the provider.
"""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from signaltable import payload as document
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.domain import Conflict, DisclosureState
from signaltable.evidence import NotMet
from signaltable.evidence_forms import ConditionSpec, for_ground
from signaltable.flow import (
    decisions,
    evidence_store,
    sealing,
    signals,
    sources,
    weighing,
    withdrawing,
)
from signaltable.flow.choices import (
    Choice,
    agreed,
    case_of,
    find_choice,
    not_offered,
    proposed,
    under_way,
)
from signaltable.flow.contents import (
    NARRATIVE,
    SUBJECT,
    Readable,
    needs_identity,
    signal_part,
    subject_part,
)
from signaltable.flow.handing_over import ask_second_person, duties, hand_over
from signaltable.flow.references import fresh_reference
from signaltable.flow.referrals import place
from signaltable.flow.refused_disclosures import NotPermitted, Refusal, explained, record_refusal, refused_details
from signaltable.flow.sources import Source, own_source
from signaltable.flow.weighing import Case, GroundOption, Permitted, Selection, Withheld
from signaltable.grounds import CONSENTS, Ground
from signaltable.identity import Identity, typed_values
from signaltable.models import Disclosure, Signal, Subject
from signaltable.payload import Payload, SentField, SentSubject
from signaltable.queries import agency_titles, subjects_of
from signaltable.recorded import OFFERS
from signaltable.texts import Text
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class SubjectOption:
    """A subject that can go along. `role` and `kind` are empty when the giving agency was not told."""

    number: int
    kind: str
    role: str
    chosen: bool
    name: str = ""


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
    # Of what is passed on: who gave it, and whether that one may be told to whom it goes.
    passed_on: bool = False
    given_by: str = ""
    may_tell: bool = False


@dataclass(frozen=True, slots=True)
class Onwards:
    """What whoever passes something on says beside the disclosure itself: whether the one who gave it may know to whom,
    and whether the own copy stays. Nothing of an own signal.
    """

    tell: bool = False
    keep_copy: bool = True


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
    source = own_source(tx, reference)
    if source.parent:
        sources.require_open(tx, source)
    choice = find_choice(tx, source, key)
    case = _checked_case(tx, source, choice, chosen)
    options = weighing.options(case, tx.program.policy.grounds)
    option = _shown(tx, source, choice, options, ground)
    selection, missing = _narrowed(tx, source, case, option, evidence) if option else (None, ())
    content = _frozen(tx, source, choice, option.ground, selection) if option and selection else None
    found = refused or (None if option else record_refusal(tx, source, choice, case))
    if option:
        _record_preview(tx, source, choice, case, option)
    return Preview(
        reference=source.reference,
        choice=choice,
        subjects=_subject_options(source, case),
        options=options,
        option=option,
        content=content,
        withheld=selection.withheld if selection else (),
        left_out=selection.left_out if selection else (),
        conditions=asked(tx, option) if option else (),
        categories=frozenset(weighing.categories_of(case, option.selection)) if option else frozenset(),
        consent={} if source.parent else source.signal.consent,
        prefill=_prefill(tx, source, choice),
        refusal=explained(tx, case, found) if found else None,
        seen=_seen(tx, source, content) if content else "",
        under_way=under_way(tx, source, choice),
        missing=missing,
        passed_on=source.parent is not None,
        given_by=_given_by(tx, source),
        may_tell=source.parent is not None and may_tell(tx, choice.agency_kind),
    )


def _given_by(tx: Transaction, source: Source) -> str:
    return agency_titles(tx).get(source.parent.provider_agency, "") if source.parent else ""


def may_tell(tx: Transaction, recipient_kind: str) -> bool:
    """Whether the one who gave something may be told that it goes on to an organisation of this kind (transfers.toml)."""
    return recipient_kind in sources.transfers(tx).told_kinds


def _subject_options(source: Source, case: Case) -> tuple[SubjectOption, ...]:
    """Of what was received no more than the document tells: a part or a kind that did not come along stays unsaid."""
    names = dict(enumerate(sources.pseudonyms(source), 1))
    made = []
    for holder in case.contents.holders:
        role, kind = (holder.role, holder.kind) if source.parent is None else sources.shown_role(source, holder.number)
        chosen = holder.number in case.chosen
        made.append(SubjectOption(holder.number, kind, role, chosen, names.get(holder.number, "")))
    return tuple(made)


def _checked_case(tx: Transaction, source: Source, choice: Choice, chosen: Sequence[int] | None) -> Case:
    if chosen is not None and set(chosen) - set(sources.subject_ids(tx, source)):
        raise not_offered(source, ["subjects"])
    return case_of(tx, source, choice, chosen)


def _picked(source: Source, options: Sequence[GroundOption], ground: str) -> GroundOption | None:
    usable = _usable(options)
    if ground and ground not in usable:
        raise not_offered(source, ["ground"])
    return usable[ground] if ground else proposed(source, options)


def _usable(options: Iterable[GroundOption]) -> dict[str, GroundOption]:
    return {option.ground.id: option for option in options if option.usable}


def _shown(
    tx: Transaction, source: Source, choice: Choice, options: Sequence[GroundOption], ground: str
) -> GroundOption | None:
    """The ground of a preview. One that was offered while others were ticked, gives way to the best for these."""
    if ground and ground not in _usable(options):
        everybody = sorted(sources.subject_ids(tx, source))
        cases = [case_of(tx, source, choice, chosen) for chosen in (everybody, [])]
        if any(ground in _usable(weighing.options(case, tx.program.policy.grounds)) for case in cases):
            return proposed(source, options)
    return _picked(source, options, ground)


def asked(tx: Transaction, option: GroundOption) -> tuple[ConditionSpec, ...]:
    """The conditions that a person fills in; the others the program fills in itself."""
    known, demanded = tx.program.policy.conditions, option.ground.parameters
    specs = (for_ground(known[code], demanded.get(code, "")) for code in option.conditions)
    return tuple(spec for spec in specs if spec.filled_by == "person")


def _narrowed(
    tx: Transaction, source: Source, case: Case, option: GroundOption, evidence: Mapping[str, Mapping[str, Any]] | None
) -> tuple[Selection, tuple[NotMet, ...]]:
    if evidence is None:
        return option.selection, ()
    try:
        given = with_stand_in(tx, option, asked_only(tx, option, evidence))
        outcome = weighed(tx, source.signal, case, option.ground.id, given)
    except weighing.MissingEvidence as found:
        return option.selection, found.missing
    decisions.note_ground(tx, source.signal, weighing.requests_of(case, given), option.ground.id, bound=case.bound)
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


def _frozen(tx: Transaction, source: Source, choice: Choice, ground: Ground, selection: Selection) -> Payload:
    """The document with exactly the selected fields, still without a reference of its own."""
    if source.parent is None:
        fields, subjects = _own_content(tx, source, selection, choice)
    else:
        fields, subjects = sources.passed_on(tx, source, selection, choice.agency_id)
    return Payload(
        reference="",
        provider=source.provider,
        recipient=choice.agency_id,
        purpose=choice.purpose,
        ground=ground.id,
        ground_digest=ground.digest,
        fields=fields,
        subjects=subjects,
    )


def _own_content(
    tx: Transaction, source: Source, selection: Selection, choice: Choice
) -> tuple[tuple[SentField, ...], tuple[SentSubject, ...]]:
    """The selected values of an own signal.

    Identity is opened for subjects of which it goes along, and for all where the reporter's own text goes, so that
    those who stay behind are masked in it.
    """
    signal, recipient = source.signal, choice.agency_id
    subjects = {subject.number: subject for subject in subjects_of(tx, signal.id)}
    holders = {holder.number: holder for holder in sources.contents(tx, source).holders}
    readable = _readable(tx, signal, choice, selection, subjects.values())
    return signal_part(tx, signal, selection.fields, recipient, readable), tuple(
        subject_part(
            tx,
            holders[number],
            subjects[number],
            names,
            _identity(tx, signal, subjects[number], choice.purpose, names),
            recipient,
        )
        for number, names in selection.subjects.items()
        if names
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


def _prefill(tx: Transaction, source: Source, choice: Choice) -> Mapping[str, Mapping[str, str]]:
    """What the owner's own signal says about consent, to be checked and not typed again. Never a motivation.

    Nothing of a consent that was taken back, and nothing for whoever passes on: that consent was for one receiver.
    """
    signal = source.signal
    if source.parent or not agreed(signal) or withdrawing.withdrawn_on(tx, signal, choice.agency_id):
        return {}
    known = {
        "given_on": signal.consent.get("on") or "",
        "language": signal.consent.get("language") or "",
        "interpreter": signal.consent.get("interpreter") or "",
        "asked_by": sealing.owner_part(tx, signal).get("asked_by") or "",
    }
    filled = {name: str(value) for name, value in known.items() if value}
    return dict.fromkeys(CONSENTS, filled)


def _seen(tx: Transaction, source: Source, content: Payload) -> str:
    """Names the document that was shown, values and all, so that nothing else than what the person saw can go."""
    said = b"|".join((source.id.encode(), document.to_bytes(content, b"")))
    return hmac.new(tx.program.keys.derive("session", "disclosure-seen"), said, hashlib.sha256).hexdigest()


def _record_preview(tx: Transaction, source: Source, choice: Choice, case: Case, option: GroundOption) -> None:
    requests = weighing.requests_of(case)
    tx.record(
        "disclosure:prepare",
        object_type=source.object_type,
        object_id=source.reference,
        details={
            "signal": source.signal.reference,
            **source.told,
            "recipient": choice.agency_id,
            "purpose": choice.purpose,
            "subjects": sources.owner_numbers(tx, source, option.selection.subjects),
            "permitted": False,  # A preview permits nothing: the conditions are still to be met.
            "policy_digest": tx.program.policy.digest,
            "ground": option.ground.id,
            "ground_digest": option.ground.digest,
            "categories": list(weighing.categories_of(case, option.selection)),
            "fields": list(option.selection.names),
            "decisions": decisions.note_ground(tx, source.signal, requests, None, asked=OFFERS, bound=case.bound),
        },
    )


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
    onwards: Onwards | None = None,
) -> Made:
    """Disclose to one recipient on one ground, or ask a second person where the ground wants one.

    `seen` is that of the preview shown last; `onwards` what is said besides of something that is passed on. Raises
    `MissingEvidence` with what is still to fill in, `Refused` (no_ground, recorded) when it may not, and `Conflict`:
    under_way when the same disclosure was made already, changed when what would go, with this evidence, is not the
    document that was shown, or one of the hindrances of `sources`.
    """
    source = own_source(tx, reference)
    sources.lock(tx, source)  # A double click waits here, and finds the first one made.
    source = own_source(tx, reference)
    if source.parent:
        sources.require_open(tx, source)
    choice = find_choice(tx, source, key)
    case = _checked_case(tx, source, choice, chosen)
    option = _picked(source, weighing.options(case, tx.program.policy.grounds), ground)
    if under_way(tx, source, choice):
        raise Conflict("under_way", "the same disclosure was made already")
    sources.require_open(tx, source)
    if option is None:
        raise Conflict("changed", "no ground applies any more")
    given = asked_only(tx, option, evidence)
    shown = with_stand_in(tx, option, given)
    permitted = decided(tx, source, choice, case, option.ground.id, shown)
    content = _frozen(tx, source, choice, permitted.ground, permitted.selection)
    if not hmac.compare_digest(_seen(tx, source, content).encode(), seen.encode()):
        raise Conflict("changed", "what would be disclosed is not what was shown")
    said = onwards or Onwards()
    row = _store(tx, source, choice, permitted, content, given, case.chosen, said)
    requests = weighing.requests_of(case, shown)
    noted = decisions.note_ground(tx, source.signal, requests, row.ground, disclosure=row, bound=case.bound)
    if option.second_person:
        ask_second_person(tx, source, row, permitted, noted)
    else:
        hand_over(tx, source, row, permitted, choice.urgency, noted, keep_copy=said.keep_copy)
    return Made(row.reference, row.state)


def decided(
    tx: Transaction,
    source: Source,
    choice: Choice,
    case: Case,
    ground_id: str,
    evidence: Mapping[str, Mapping[str, Any]],
) -> Permitted:
    """The decision with all evidence. Raises `NotPermitted` (recorded as disclosure:refuse) or `MissingEvidence`."""
    outcome = weighed(tx, source.signal, case, ground_id, evidence)
    if isinstance(outcome, Permitted):
        return outcome
    details = {**refused_details(tx, source, choice, outcome), "ground": ground_id}
    requests = weighing.requests_of(case, evidence)
    made = decisions.ground_decision(tx, source.signal, requests, ground_id, bound=case.bound)
    raise NotPermitted(outcome, source, details, made)


def _store(
    tx: Transaction,
    source: Source,
    choice: Choice,
    permitted: Permitted,
    shown: Payload,
    evidence: Mapping[str, Mapping[str, Any]],
    chosen: Sequence[int],
    onwards: Onwards,
) -> Disclosure:
    row_id, reference = tx.new_id(), fresh_reference(tx, "D", Disclosure.reference)
    content = replace(shown, reference=reference)
    frozen = document.to_bytes(content, tx.program.randomness(16))
    row = Disclosure(
        id=row_id,
        reference=reference,
        signal_id=source.signal.id,
        provider_agency=source.provider,
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
        parent_id=source.parent.id if source.parent else None,
        parent_told=source.parent is not None and onwards.tell and may_tell(tx, choice.agency_kind),
    )
    row.payload_provider = tx.program.keys.seal(source.provider, frozen, place(row, source.provider))
    asked_in = evidence_store.AskedIn(tx.actor.role_label, tuple(chosen), choice.capacity, onwards.keep_copy)
    row.evidence_sealed = evidence_store.seal(tx, source.signal, row, content, evidence, asked_in)
    tx.session.add(row)
    tx.session.flush()
    return row


def _hashes(permitted: Permitted) -> dict[str, str]:
    """Without that of a second person: there is none yet."""
    return {code: digest for code, digest in permitted.evidence_hashes.items() if code != weighing.SECOND_PERSON}
