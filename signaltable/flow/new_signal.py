"""The rows of a new signal: made in one piece and stored with a statement for each table.

The one path of the program on which many people wait at once, so it goes past the objects of the session (measured in
signaltable/bench/submit.py); the log accounts for these rows as for all others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signaltable import recorded, route
from signaltable.db import table_of
from signaltable.domain import State
from signaltable.facts import Facts
from signaltable.flow import decisions, linking, sealing
from signaltable.flow.masks import LANGUAGE, MUNICIPALITY, NARRATIVE, Masks
from signaltable.flow.moves import keep_until, move_row
from signaltable.flow.references import fresh_reference
from signaltable.identity import IDENTITY_FIELDS, identity_from
from signaltable.intake import SignalDraft, SubjectDraft, missing_elements
from signaltable.models import Signal, SignalMove, Subject
from signaltable.transaction import Transaction

_SIGNALS, _MOVES, _SUBJECTS = table_of(Signal), table_of(SignalMove), table_of(Subject)
# As many changes as a signal has seen when its advice stands in it.
_FIRST_VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Told:
    """What the draft says once it is worked out: the facts as seen from each possible victim, and the advice on them."""

    people: Sequence[Mapping[str, Any]]
    facts: Sequence[Facts]
    advice: route.Decision


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything that is stored of a new signal, made and sealed; only its reference and its table are still to come."""

    row: Mapping[str, Any]
    subjects: tuple[Mapping[str, Any], ...]
    sealed: tuple[sealing.SealedIdentity, ...]
    tagged: tuple[linking.TaggedSubject, ...]


@dataclass(frozen=True, slots=True)
class Made:
    """A signal that was just stored."""

    id: str
    reference: str
    facts: Mapping[str, Any]


def make(tx: Transaction, draft: SignalDraft, masks: Masks, told: Told) -> Ready:
    """Make the rows. Nothing is stored, and nothing asked of the database."""
    row = _signal_row(tx, draft, masks, told)
    subjects = [_subject_row(tx, row["id"], number, one) for number, one in enumerate(draft.subjects, start=1)]
    typed = [identity_from(one.kind, one.identity) for one in draft.subjects]
    sealed = [
        sealing.seal_identity(tx, made["id"], {name: getattr(identity, name) for name in IDENTITY_FIELDS}, one.unsure)
        for made, identity, one in zip(subjects, typed, draft.subjects, strict=True)
    ]
    tagged = [linking.sides_for(tx, identity, made["id"]) for made, identity in zip(subjects, typed, strict=True)]
    return Ready(row, tuple(subjects), tuple(sealed), tuple(tagged))


def store(tx: Transaction, ready: Ready, table_id: str) -> Made:
    """Store the signal itself, with its first move and its advice."""
    row = {**ready.row, "reference": fresh_reference(tx, "S", Signal.reference), "table_id": table_id}
    tx.insert(_SIGNALS, [row])
    tx.insert(_MOVES, [move_row(tx, row["id"], State.DRAFT, State.SUBMITTED, "")])
    return Made(row["id"], row["reference"], row["facts"])


def store_subjects(tx: Transaction, ready: Ready) -> None:
    """Store the subjects of the signal with their identities, sealed."""
    if ready.subjects:
        tx.insert(_SUBJECTS, ready.subjects)
        sealing.store_identities(tx, ready.sealed)


def link(tx: Transaction, ready: Ready) -> list[linking.ProposedLink]:
    """Keep what links the subjects to others, and propose whom they may be."""
    return linking.keep_and_propose(tx, ready.row["id"], ready.tagged) if ready.tagged else []


def _subject_row(tx: Transaction, signal_id: str, number: int, draft: SubjectDraft) -> dict[str, Any]:
    is_person = draft.kind == "person"
    return {
        "id": tx.new_id(),
        "signal_id": signal_id,
        "number": number,
        "kind": draft.kind,
        "role": draft.role,
        "age_band": draft.age if is_person else "unknown",
        "gender": draft.gender if is_person else "unknown",
    }


def note_advice(tx: Transaction, signal: Made, told: Told) -> list[str]:
    """Record the advice with all it follows from. Returns the id, as the log names it."""
    return decisions.note_first_route(tx, signal.id, told.facts, recorded.advised(told.advice))


def _signal_row(tx: Transaction, draft: SignalDraft, masks: Masks, told: Told) -> dict[str, Any]:
    policy, signal_id = tx.program.policy, tx.new_id()
    return {
        "id": signal_id,
        "owner_agency": tx.actor.agency_id,
        "submitter": tx.actor.account_id,
        "capacity": draft.capacity,
        "state": State.SUBMITTED,
        "urgency": draft.safety.urgency,
        "created_at": tx.now,
        "observed_on": draft.observed.on,
        "municipality": masks.masked(MUNICIPALITY),
        "source_quality": draft.observed.source_quality,
        "facts": dict(told.people[0]),
        "form_rows": dict(draft.form_rows),
        "indicators": dict(draft.indicators),
        "flags": list(draft.flags),
        "consent": {
            **draft.consent.model_dump(mode="json", exclude={"asked_by"}),
            "language": masks.masked(LANGUAGE),
        },
        "narrative_masked": masks.masked(NARRATIVE),
        "found": sorted({*masks.told, *draft.categories}),
        "owner_sealed": _owner_part(tx, signal_id, draft, masks),
        "advice": frozen_advice(told.advice),
        "policy_digest": policy.digest,
        "missing": missing_elements(draft, policy),
        "keep_until": keep_until(tx, "signal"),
        "version": _FIRST_VERSION,
    }


def _owner_part(tx: Transaction, signal_id: str, draft: SignalDraft, masks: Masks) -> bytes:
    content = {
        "narrative": draft.narrative,
        "reachable": draft.reachable,
        "asked_by": draft.consent.asked_by,
        "municipality": draft.observed.municipality,
        # So that what the owner types later does not say again what was masked, and why a word was not.
        "masked_words": [*masks.kept_words, *draft.mask_words],
        "marked": list(draft.mask_words),
        "freed": [{"word": one.word, "reason": one.reason} for one in masks.words if one.freed],
    }
    return sealing.seal_json(tx, tx.actor.agency_id, content, f"signals|owner_sealed|{signal_id}")


def frozen_advice(advice: route.Decision) -> dict[str, Any]:
    """The advice as it is kept with the signal: what the card said that day, replayable from the policy digest."""
    return {
        "policy_digest": advice.policy_digest,
        "routes": [
            {
                "id": one.id,
                "destination": one.destination,
                "urgency": one.urgency,
                "purpose": one.purpose,
                "source": one.source,
                "reason": {"nl": one.reason.nl, "en": one.reason.en},
            }
            for one in advice.routes
        ],
        "questions": [
            {"fact": question.fact, "why": {"nl": question.why.nl, "en": question.why.en}}
            for question in advice.questions
        ],
    }
