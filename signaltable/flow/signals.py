"""From a draft to a signal: preview, submit, the owner's own view, withdraw.

`submit` is the one way in for the form, the command line and the demo: check -> pseudonymise -> seal -> link -> route ->
store, with the audit entries in the same commit.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import select

from signaltable import route
from signaltable.access import OWN_CASE, Permission, require
from signaltable.domain import UNDISCLOSED, Conflict, Resource, State, UnusableInput
from signaltable.facts import Facts, parse_facts
from signaltable.flow import (
    attachment_rows,
    attachments,
    drafts,
    linking,
    new_signal,
    sealing,
    searching,
    seats,
    text_checks,
)
from signaltable.flow.attachment_rows import Kept
from signaltable.flow.masking import HAS_BSN, for_others
from signaltable.flow.masks import NARRATIVE, PART, Masks, masks_of
from signaltable.flow.moves import keep_until, move
from signaltable.flow.new_signal import Made
from signaltable.identity import IDENTITY_FIELDS, Identity, typed_values, validate_identity
from signaltable.intake import SignalDraft, SubjectDraft, facts_of, missing_elements, problems_of, victims
from signaltable.keys import CannotOpen
from signaltable.models import Signal, SignalMove, Subject
from signaltable.queries import (
    PageKey,
    newest_first,
    not_kept_from,
    resource_of,
    signal_by_reference,
    subjects_of,
)
from signaltable.seating import Offered
from signaltable.text import contains_bsn
from signaltable.text_categories import CategorySpan
from signaltable.texts import Text
from signaltable.transaction import Transaction

REASON_LIMIT = 500


class NotConfirmed(Conflict):
    """What was confirmed is not what would be submitted: the texts, the choices or what the scan finds changed."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of a draft before the transaction that submits it, and of which version of the draft that is."""

    masks: Masks
    version: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the reporter gets: a reference, the advice, and how many links were proposed (never to what or whom)."""

    reference: str
    advice: route.Decision
    links: tuple[linking.ProposedLink, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What the reporter sees before submitting: the advice with its reasons, the texts with what will be masked, and
    which kinds of data were found in the account, where; `tables` are those it can go to, the proposed one first.
    """

    advice: route.Decision
    masks: Masks
    found: Mapping[str, tuple[CategorySpan, ...]]
    missing: tuple[str, ...]
    problems: Mapping[str, str]
    tables: tuple[Offered, ...]


@dataclass(frozen=True, slots=True)
class SignalLine:
    """A line of the owner's list."""

    reference: str
    created_at: datetime
    state: str
    urgency: str
    forms: tuple[str, ...]
    open_links: int
    outcome: str


@dataclass(frozen=True, slots=True)
class OwnSubject:
    """A subject as its owner sees it; identity only when it was opened for this page."""

    id: str
    number: int
    kind: str
    role: str
    age_band: str
    gender: str
    identity: Mapping[str, str]
    unsure: frozenset[str]


@dataclass(frozen=True, slots=True)
class OwnSignal:
    """A signal as its owner sees it."""

    reference: str
    created_at: datetime
    state: str
    urgency: str
    capacity: str
    observed_on: date | None
    municipality: str
    source_quality: str
    facts: Mapping[str, Any]
    form_rows: Mapping[str, int]
    indicators: Mapping[str, str]
    flags: tuple[str, ...]
    consent: Mapping[str, Any]
    narrative: str
    narrative_masked: str
    freed: tuple[Mapping[str, str], ...]
    reachable: str
    asked_by: str
    missing: tuple[str, ...]
    routes: tuple[Mapping[str, Any], ...]
    questions: tuple[Mapping[str, Any], ...]
    subjects: tuple[OwnSubject, ...]
    attachments: tuple[Kept, ...]
    moves: tuple["Move", ...]
    keep_until: date
    may_withdraw: bool
    outcome: str


@dataclass(frozen=True, slots=True)
class Move:
    """A step in the life of a signal, as its owner sees it."""

    at: datetime
    state: str
    reason: str
    # The table that it went to, when that is what happened.
    table: str = ""
    # How it ended, when it was closed with an outcome.
    outcome: str = ""


# -- before submitting -------------------------------------------------------------------------------------------


def preview(tx: Transaction, draft: SignalDraft) -> Preview:
    """What submitting would do. Nothing is stored."""
    _gate(tx)
    masks = masks_of(tx, draft)
    return Preview(
        advice=advise(tx, draft, 0),
        masks=masks,
        found=masks.told,
        missing=tuple(missing_elements(draft, tx.program.policy)),
        problems=check(tx, draft) | _mask_problems(masks),
        tables=seats.offer(tx, _seen_from_each(tx, draft)),
    )


def check(tx: Transaction, draft: SignalDraft) -> dict[str, str]:
    """Everything that keeps the draft from being submitted: place -> what was expected. Values are never repeated."""
    problems = problems_of(draft, tx.program.policy, tx.actor.agency_kind)
    if draft.observed.on and draft.observed.on > tx.today:
        problems["observed.on"] = "expected a day that is not in the future"
    if draft.consent.on and draft.consent.on > tx.today:
        problems["consent.on"] = "expected a day that is not in the future"
    problems |= {place: HAS_BSN for place, text in _free_texts(draft) if contains_bsn(text)}
    for number, subject in enumerate(draft.subjects):
        for name, text in identity_problems(tx, subject).items():
            problems[f"subjects.{number}.identity.{name}"] = text.en
    return problems


def _free_texts(draft: SignalDraft) -> Iterator[tuple[str, str]]:
    """Every text that somebody types in their own words, by its place; in none of them a BSN is kept."""
    yield "narrative", draft.narrative
    yield "observed.municipality", draft.observed.municipality
    yield "consent.language", draft.consent.language
    yield "consent.asked_by", draft.consent.asked_by
    yield "reachable", draft.reachable
    yield "mask_words", "\n".join(draft.mask_words)
    yield "freed", "\n".join(one.reason for one in draft.freed)


def _mask_problems(masks: Masks) -> dict[str, str]:
    """What is wrong with the choices about words: one to mask that is nowhere, one to free that may not be."""
    problems = {}
    if masks.unknown:
        problems["mask_words"] = "expected words that stand in the text as they are written there"
    if any(one.locked and one.reason for one in masks.words if one.locked != PART):
        problems["freed"] = (
            "expected no number, no value of the identity fields and no protected word among the freed words"
        )
    return problems


def identity_problems(tx: Transaction, subject: SubjectDraft) -> dict[str, Text]:
    """What is wrong with the identity fields of one subject: field -> what was expected."""
    unknown = set(subject.identity) - set(IDENTITY_FIELDS)
    if unknown:
        return dict.fromkeys(unknown, Text("Dit veld bestaat niet.", "This field does not exist."))
    typed = Identity(kind=subject.kind, **subject.identity)
    return dict(validate_identity(typed, tx.program.policy.identifiers, today=tx.today))


def advise(tx: Transaction, draft: SignalDraft, linked_agencies: int) -> route.Decision:
    """The advice of the meldroutekaart: for each possible victim her own, together without doubles."""
    return _advised(tx, facts_of_people(tx, draft, linked_agencies))


def _advised(tx: Transaction, people: Iterable[Facts]) -> route.Decision:
    return route.merge([route.decide(facts, tx.program.policy, on=tx.today) for facts in people], tx.program.policy)


def facts_of_people(tx: Transaction, draft: SignalDraft, linked_agencies: int) -> list[Facts]:
    """What the draft tells, seen from each possible victim in turn."""
    return [parse_facts(facts) for facts in _seen_from_each(tx, draft, linked_agencies)]


def _seen_from_each(tx: Transaction, draft: SignalDraft, linked_agencies: int = 0) -> list[dict[str, Any]]:
    people: Sequence[SubjectDraft | None] = victims(draft) or [None]
    return [facts_of(draft, tx.program.policy, one, linked_agencies, tx.today) for one in people]


# -- submitting --------------------------------------------------------------------------------------------------


def submit(
    tx: Transaction,
    draft: SignalDraft,
    draft_id: str = "",
    *,
    confirmed: str | None = None,
    table_id: str = "",
    looked: Looked | None = None,
) -> Receipt:
    """Make a signal of a draft. `confirmed` is the token of the masks that were shown; None takes them as they are found.

    `table_id` is one of the tables of `preview`; without it the signal goes to the one that is proposed. `looked` is
    what was found of this very draft just before (`transaction.ahead`), so that nothing is looked through twice. Raises
    `UnusableInput` with every problem, `Conflict` without a table to submit to, `NotConfirmed` when the texts,
    the choices or what the scan finds changed since they were shown.
    """
    _gate(tx)
    problems = check(tx, draft)
    if problems:
        raise UnusableInput(problems)
    masks = looked.masks if looked else masks_of(tx, draft)
    if mistaken := _mask_problems(masks):
        raise UnusableInput(mistaken)
    if confirmed is not None and confirmed != masks.token:
        raise NotConfirmed("masks", "other masks than those that were shown")
    if confirmed is not None and masks.tells_shelter and not draft.shelter_confirmed:
        raise NotConfirmed("shelter", "the text seems to tell where somebody is sheltered")
    told = _told(tx, draft)
    # All that takes long is made before anything is asked of the database: on SQLite others wait from then on.
    made = new_signal.make(tx, draft, masks, told)
    table_id = seats.take_seat(tx, told.people, table_id)
    signal = new_signal.store(tx, made, table_id)
    if not masks.complete:
        _hold_texts(tx, signal, masks)
    searching.add(tx, signal.id, masks.masked(NARRATIVE) if masks.complete else "", table_id)
    new_signal.store_subjects(tx, made)
    _record_signal(tx, signal, draft, masks)
    if confirmed is not None or draft.freed:
        _record_masks(tx, signal, draft, masks)
    if draft_id:
        _keep_attachments(tx, signal, draft_id)
    proposed = new_signal.link(tx, made)
    _record_advice(tx, signal, told.advice, new_signal.note_advice(tx, signal, told))
    if draft_id:
        drafts.discard(tx, draft_id, cause="submitted", version=looked.version if looked else None)
    return Receipt(signal.reference, told.advice, tuple(proposed))


def _told(tx: Transaction, draft: SignalDraft) -> new_signal.Told:
    people = _seen_from_each(tx, draft)
    facts = [parse_facts(one) for one in people]
    return new_signal.Told(people, facts, _advised(tx, facts))


def _hold_texts(tx: Transaction, signal: Made, masks: Masks) -> None:
    """The text reader is away: others read these texts once it was there."""
    held = [text_checks.Held(one.place, one.text, one.spans) for one in masks.texts]
    freed = [one.word for one in masks.words if one.freed]
    text_checks.hold(tx, tx.session.get_one(Signal, signal.id), held, freed=freed)


def _gate(tx: Transaction) -> None:
    require(tx.actor, Permission.SIGNAL_SUBMIT_OWN, Resource("signal", owner_agency=tx.actor.agency_id))


def _keep_attachments(tx: Transaction, signal: Made, draft_id: str) -> None:
    """The files of the draft become those of the signal, and so does their key."""
    if attachment_rows.has_any(tx, draft_id):
        _content, data_key = drafts.content_and_key(tx, draft_id)
        sealing.wrap_signal_key(tx, signal.id, data_key)
        attachment_rows.hand_to_signal(tx, draft_id, signal.id)


def _record_masks(tx: Transaction, signal: Made, draft: SignalDraft, masks: Masks) -> None:
    """How many words were masked and how many stay readable, and their kinds; never the words."""
    freed = [one for one in masks.words if one.freed]
    shelter = {"shelter": "confirmed" if draft.shelter_confirmed else "warned"} if masks.tells_shelter else {}
    tx.record(
        "text:confirm",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "place": "signal",
            "masked": sum(len(one.spans) for one in masks.texts),
            "kinds": sorted({span.kind for one in masks.texts for span in one.spans}),
            "freed": len(freed),
            "freed_kinds": sorted({one.kind for one in freed}),
            "added": len(draft.mask_words),
            **shelter,
        },
    )


def _record_signal(tx: Transaction, signal: Made, draft: SignalDraft, masks: Masks) -> None:
    kinds = sorted({name for subject in draft.subjects for name, value in subject.identity.items() if value})
    tx.record(
        "signal:record",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "subjects": len(draft.subjects),
            "identifier_kinds": kinds,
            "policy_digest": tx.program.policy.digest,
            "urgency": draft.safety.urgency,
            "consent": draft.consent.status,
            "indicators": sorted(draft.indicators),
            "masked": len(masks.spans(NARRATIVE)),
            "key_version": tx.program.keys.version("match"),
        },
    )


def _record_advice(tx: Transaction, signal: Made, advice: route.Decision, noted: Sequence[str]) -> None:
    tx.record(
        "signal:route",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "routes": [f"{one.id}:{one.destination}" for one in advice.routes],
            "questions": [question.fact for question in advice.questions],
            "policy_digest": advice.policy_digest,
            "facts_hash": hashlib.sha256(repr(sorted(signal.facts.items())).encode()).hexdigest(),
            "decisions": list(noted),
        },
    )


# -- the owner's own view ----------------------------------------------------------------------------------------


def own_signals(tx: Transaction, *, after: PageKey | None = None) -> tuple[list[SignalLine], PageKey | None]:
    """The owner's signals, newest first, a page at a time; with the key of the next page or None."""
    require(tx.actor, Permission.SIGNAL_LIST_OWN, Resource("signal", owner_agency=tx.actor.agency_id))
    # The texts and the sealed part are long and not needed in a list.
    columns = select(
        Signal.id,
        Signal.reference,
        Signal.created_at,
        Signal.state,
        Signal.urgency,
        Signal.facts,
        Signal.outcome,
    )
    own = columns.where(Signal.owner_agency == tx.actor.agency_id, not_kept_from(tx, Signal.id))
    shown, following = newest_first(tx, own, Signal.created_at, Signal.id, after)
    links = linking.links_per_signal(tx, [row.id for row in shown])
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "own", "count": len(shown)},
        signals=[row.id for row in shown],
    )
    lines = [
        SignalLine(
            row.reference,
            row.created_at,
            row.state,
            row.urgency,
            tuple(row.facts.get("forms", ())),
            links.get(row.id, 0),
            row.outcome,
        )
        for row in shown
    ]
    return lines, following


def consult(tx: Transaction, reference: str, *, with_identity: bool = False) -> OwnSignal:
    """The owner's page of a signal. Identity is opened only when asked, and that is an entry of its own."""
    signal = signal_by_reference(tx, reference)
    resource = resource_of(tx, signal)
    require(tx.actor, Permission.SIGNAL_CONSULT_OWN, resource)
    if with_identity:
        require(tx.actor, Permission.IDENTITY_CONSULT_OWN, replace(resource, purpose=OWN_CASE))
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": "owner"},
    )
    return _own_view(tx, signal, with_identity=with_identity)


def _own_view(tx: Transaction, signal: Signal, *, with_identity: bool) -> OwnSignal:
    try:
        kept = sealing.owner_part(tx, signal)
    except CannotOpen:  # The keys of an expired signal are destroyed; what remains is pseudonymous.
        kept = {}
    return OwnSignal(
        reference=signal.reference,
        created_at=signal.created_at,
        state=signal.state,
        urgency=signal.urgency,
        capacity=signal.capacity,
        observed_on=signal.observed_on,
        municipality=signal.municipality,
        source_quality=signal.source_quality,
        facts=signal.facts,
        form_rows=signal.form_rows,
        indicators=signal.indicators,
        flags=tuple(signal.flags),
        consent=signal.consent,
        narrative=kept.get("narrative", ""),
        narrative_masked=signal.narrative_masked,
        freed=tuple(kept.get("freed", ())),
        reachable=kept.get("reachable", ""),
        asked_by=kept.get("asked_by", ""),
        missing=tuple(signal.missing),
        routes=tuple(signal.advice.get("routes", ())),
        questions=tuple(signal.advice.get("questions", ())),
        subjects=tuple(_own_subjects(tx, signal, subjects_of(tx, signal.id), with_identity=with_identity)),
        attachments=tuple(attachments.of_signal(tx, signal, with_names=with_identity)),
        moves=_course(tx, signal),
        keep_until=signal.keep_until,
        may_withdraw=signal.state in UNDISCLOSED,
        outcome=signal.outcome,
    )


def _course(tx: Transaction, signal: Signal) -> tuple[Move, ...]:
    """Every change of state and of table, the oldest first."""
    changes = tx.session.scalars(
        select(SignalMove).where(SignalMove.signal_id == signal.id).order_by(SignalMove.at, SignalMove.id),
    )
    moves = [
        Move(row.at, row.state_to, row.reason, outcome=signal.outcome if row.state_to == State.CLOSED else "")
        for row in changes
    ]
    went = [Move(one.at, "", one.reason, one.to_table) for one in seats.table_moves(tx, signal)]
    return tuple(sorted([*moves, *went], key=lambda one: one.at))


def _own_subjects(
    tx: Transaction, signal: Signal, subjects: Iterable[Subject], *, with_identity: bool
) -> Iterable[OwnSubject]:
    for subject in subjects:
        identity: Mapping[str, str] = {}
        if with_identity and subject.erased_at is None:
            identity = open_identity_of(tx, signal, subject, purpose=OWN_CASE)
        yield OwnSubject(
            subject.id,
            subject.number,
            subject.kind,
            subject.role,
            subject.age_band,
            subject.gender,
            identity,
            sealing.unsure_fields(tx, subject.id),
        )


def open_identity_of(tx: Transaction, signal: Signal, subject: Subject, *, purpose: str) -> dict[str, str]:
    """Open the identity of a subject with the actor's agency key, and record that (GDPR art. 4(2): consult)."""
    identity = sealing.open_identity(tx, subject.id)
    tx.record(
        "identity:consult",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "subject": subject.number,
            "purpose": purpose,
            "ground": "own_data",
            "fields": sorted(identity),
        },
    )
    return identity


def masked_words(tx: Transaction, signal: Signal) -> list[str]:
    """The words of the signal that its submitter had masked: what the owner types about it later may not say them again."""
    return [str(word) for word in sealing.owner_part(tx, signal).get("masked_words", ())]


def reason_of_owner(tx: Transaction, signal: Signal, reason: str, *, required: bool) -> str:
    """What the owner says about a step in the life of its signal, masked with all that it sealed itself.

    Opens the identities for that, which is recorded. Raises `UnusableInput` (reason).
    """
    # What the owner sealed must not come back in clear with the reason.
    opened = [
        Identity(kind=subject.kind, **open_identity_of(tx, signal, subject, purpose=OWN_CASE))
        for subject in subjects_of(tx, signal.id)
        if subject.erased_at is None and reason.strip()
    ]
    typed = [*typed_values(opened, tx.program.policy.identifiers), *masked_words(tx, signal)]
    return for_others(tx, reason, "reason", limit=REASON_LIMIT, required=required, typed=typed)


def withdraw(tx: Transaction, reference: str, reason: str) -> None:
    """Take a signal back while nothing of it was disclosed. Raises `Conflict` otherwise."""
    signal = signal_by_reference(tx, reference)
    require(tx.actor, Permission.SIGNAL_WITHDRAW_OWN, resource_of(tx, signal))
    words = reason_of_owner(tx, signal, reason, required=True)
    move(tx, signal, State.WITHDRAWN, reason=words)
    signal.keep_until = keep_until(tx, "withdrawn")
    linking.leave_all(tx, signal)
    tx.record(
        "signal:withdraw",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "cause": "by_owner"},
    )
