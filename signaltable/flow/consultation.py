"""The legal ground of a question: a consultation without a name is a disclosure too, of pseudonymous fields only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from signaltable import disclose
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.disclosure.outcome import Permit
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.disclosure.request import Person, Request
from signaltable.domain import Refused, UnusableInput, day_of
from signaltable.evidence import Met
from signaltable.flow import decisions
from signaltable.flow.contents import Contents, contents_of, text_categories
from signaltable.grounds import CONSULT
from signaltable.models import Agency, Question, RecordedDecision, Signal, Subject
from signaltable.transaction import Transaction

PURPOSE: Final = CONSULT
TOO_SHORT = f"expected at least {MOTIVATION_LENGTH} characters"

# What a question can show; identity is not among it and never will be. Which of these go along depends on the ground.
FIELDS: Final = (
    "signal.forms",
    "signal.municipality",
    "subject.kind",
    "subject.role",
    "subject.age_band",
    "subject.gender",
)
# Everybody who is asked has a seat at the table, so a ground for the table carries a question to a member as well.
_AS_MEMBER: Final = "table"


@dataclass(frozen=True, slots=True)
class Carried:
    """The ground on which a question goes, exactly the fields that it lets through, and what the log says of why."""

    ground: str
    ground_digest: str
    fields: frozenset[str]
    categories: frozenset[str]
    legal_basis: tuple[str, ...]
    conditions: tuple[Met, ...]


def carry(tx: Transaction, signal: Signal, subject: Subject, agency: Agency, necessity: str) -> Carried:
    """The ground that lets most fields of the question through to this agency.

    The submitter checked the masked text when submitting and the coordinator ticked to have read it again: that is the
    evidence. `necessity` is needed for facts that the law protects more; without it they stay out. Raises `Refused`
    (no_ground) when nothing carries the question.
    """
    if 0 < len(necessity.strip()) < MOTIVATION_LENGTH:
        raise UnusableInput({"necessity": TOO_SHORT})
    evidence = _evidence(necessity.strip())
    kinds = dict.fromkeys((agency.kind, _AS_MEMBER))
    requests = [_request(tx, signal, subject, agency.id, kind, evidence) for kind in kinds]
    decided = [disclose.decide(request, None, tx.program.policy.grounds) for request in requests]
    permits = [one for one in decided if isinstance(one, Permit)]
    if not permits:
        refused = [one for one in decided if isinstance(one, NoGround)]
        made = [decisions.ground_decision(tx, signal, {subject.number: one}, None) for one in requests]
        raise _refusal(tx, signal, agency, refused, made)
    best = max(permits, key=lambda permit: len(permit.fields))
    decisions.note_ground(tx, signal, {subject.number: requests[decided.index(best)]}, None)
    return Carried(
        ground=best.ground.id,
        ground_digest=best.ground_digest,
        fields=frozenset(best.fields),
        categories=frozenset(best.categories),
        legal_basis=tuple(reference.code for reference in best.legal_basis),
        conditions=best.conditions_met,
    )


def covers_note(tx: Transaction, signal: Signal, carried: Carried, note: str) -> bool:
    """Whether the ground carries what the words of a note tell; a note about sex work needs the ground that names it."""
    ground = tx.program.policy.grounds.find(carried.ground, tx.today)
    told = text_categories(signal, tx.program.policy, "enrichment.note", note)
    return ground is not None and told <= frozenset(ground.data)


def visible(tx: Transaction, signal: Signal, subject: Subject, question: Question) -> frozenset[str]:
    """The fields that the ground of a question lets through; none when that ground no longer exists."""
    ground = tx.program.policy.grounds.find(question.ground, day_of(question.asked_at))
    if ground is None:
        return frozenset()
    allowed = frozenset(ground.data)
    known = _categories(contents_of(tx, signal), subject.number) if subject.erased_at is None else {}
    return frozenset(name for name, categories in known.items() if categories <= allowed)


def needs_necessity(tx: Transaction, signal: Signal) -> bool:
    """Whether some fact of the signal is protected more than a pseudonym is, so that a question may leave it out."""
    plain = frozenset({"pseudonymous"})
    contents = contents_of(tx, signal)
    return any(
        not categories <= plain
        for holder in contents.holders
        for categories in _categories(contents, holder.number).values()
    )


def _categories(contents: Contents, number: int) -> dict[str, frozenset[str]]:
    """The fields that a question about this subject can show and that hold a value, with their categories."""
    known = {**contents.fields, **contents.holder(number).fields}
    return {name: known[name] for name in FIELDS if name in known}


def _evidence(necessity: str) -> dict[str, Mapping[str, Any]]:
    evidence: dict[str, Mapping[str, Any]] = {
        "NOPII": {"scan": "masked", "read_again": True},
        "K_MIN": {"basis": "details-widened", "not_singled_out": True},
    }
    if necessity:
        evidence["NEC"] = {"motivation": necessity}
    return evidence


def _request(
    tx: Transaction,
    signal: Signal,
    subject: Subject,
    agency_id: str,
    recipient_kind: str,
    evidence: Mapping[str, Mapping[str, Any]],
) -> Request:
    owner = tx.session.get_one(Agency, signal.owner_agency)
    contents = contents_of(tx, signal)
    return Request(
        provider_capacity=signal.capacity,
        provider_kind=owner.kind,
        recipient_kind=recipient_kind,
        recipient_agency=agency_id,
        purpose=PURPOSE,
        person=Person(contents.holder(subject.number).age, subject.role.removeprefix("possible_")),
        fields=_categories(contents, subject.number),
        on=tx.today,
        now=tx.now,
        conditions=evidence,
        demo=tx.program.settings.demo,
    )


def _refusal(
    tx: Transaction,
    signal: Signal,
    agency: Agency,
    refused: Iterable[NoGround],
    made: Sequence[RecordedDecision],
) -> Refused:
    reasons = {reason.code for one in refused for reason in one.reasons}
    return Refused(
        "no_ground",
        action="disclosure:refuse",
        object_type="signal",
        object_id=signal.reference,
        details={
            "signal": signal.reference,
            "recipient": agency.id,
            "purpose": PURPOSE,
            "reasons": sorted(reasons),
            "policy_digest": tx.program.policy.digest,
            "decisions": [one.id for one in made],
        },
        rows=made,
    )
