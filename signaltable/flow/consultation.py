"""The legal ground of a question: a consultation without a name is a disclosure too, of pseudonymous fields only."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import select

from signaltable import disclose
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.disclosure.outcome import Permit, Reason
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.disclosure.request import Person, Request
from signaltable.domain import Refused, UnusableInput, day_of
from signaltable.evidence import Met
from signaltable.flow import decisions, fact_questions
from signaltable.flow.contents import Contents, contents_of, text_categories
from signaltable.grounds import CONSULT, Ground, LegalReference
from signaltable.models import Agency, Question, RecordedDecision, Signal, SignalTableMove, Subject, TableMember
from signaltable.texts import Text
from signaltable.transaction import Transaction

PURPOSE: Final = CONSULT
UNKNOWN: Final = "unknown"
TOO_SHORT = f"expected at least {MOTIVATION_LENGTH} characters"

FACT_STAYS = Reason(
    "nothing_left",
    Text(
        "De grond laat dit feit niet door. Leg uit waarom de partner het moet weten, of vraag iets anders.",
        "The ground does not let this fact through. Say why the partner must know it, or ask something else.",
    ),
)

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
class About:
    """What a question is about: a subject of the signal, or one fact of it by its code. One of the two."""

    subject: Subject | None = None
    fact: str = ""

    @property
    def number(self) -> int:
        """The number of the subject in decisions; 0 where it is about nobody."""
        return self.subject.number if self.subject else 0


@dataclass(frozen=True, slots=True)
class Carried:
    """The ground on which a question goes, exactly the fields that it lets through, and what the log says of why."""

    ground: str
    ground_digest: str
    fields: frozenset[str]
    categories: frozenset[str]
    legal_basis: tuple[str, ...]
    conditions: tuple[Met, ...]


@dataclass(frozen=True, slots=True)
class NotCarried:
    """That no ground carries a question to an agency: why, and what the decision was, to record it."""

    agency: str
    refused: tuple[NoGround, ...]
    made: tuple[RecordedDecision, ...]

    @property
    def codes(self) -> list[str]:
        """Why not, in the words of the log."""
        return sorted({reason.code for reason in self.reasons})

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why not, each once, in words too."""
        found = {reason.text: reason for one in self.refused for reason in one.reasons}
        return tuple(found.values()) or (FACT_STAYS,)


def carry(tx: Transaction, signal: Signal, about: About, agency: Agency, necessity: str) -> Carried:
    """The ground that lets most of the question through to this agency; it is recorded.

    Raises `Refused` (no_ground) when nothing carries the question, `UnusableInput` for a necessity that says too little.
    """
    found = weigh(tx, signal, about, agency, necessity)
    if isinstance(found, NotCarried):
        raise refusal(tx, signal, [found])
    return found


def weigh(
    tx: Transaction, signal: Signal, about: About, agency: Agency, necessity: str, *, keep: bool = True
) -> Carried | NotCarried:
    """On which ground the question can go to this agency, or that it cannot. `keep`: record the decision that it can.

    The submitter checked the masked text when submitting and the coordinator ticked to have read it again: that is the
    evidence. `necessity` is needed for facts that the law protects more; without it they stay out, and a question about
    such a fact does not go at all. Raises `UnusableInput` for a necessity that says too little.
    """
    if 0 < len(necessity.strip()) < MOTIVATION_LENGTH:
        raise UnusableInput({"necessity": TOO_SHORT})
    evidence = evidence_of(necessity.strip())
    kinds = dict.fromkeys((agency.kind, _AS_MEMBER))
    requests = [_request(tx, signal, about, agency.id, kind, evidence) for kind in kinds]
    decided = [disclose.decide(request, None, tx.program.policy.grounds) for request in requests]
    permits = [one for one in decided if isinstance(one, Permit) and _says_something(about, one)]
    if not permits:
        refused = tuple(one for one in decided if isinstance(one, NoGround))
        made = tuple(decisions.ground_decision(tx, signal, {about.number: one}, None) for one in requests)
        return NotCarried(agency.id, refused, made)
    best = max(permits, key=lambda permit: len(permit.fields))
    if keep:
        decisions.note_ground(tx, signal, {about.number: requests[decided.index(best)]}, None)
    return carried_by(best)


def _says_something(about: About, permit: Permit) -> bool:
    """A question about a fact that does not show the fact asks nothing."""
    return not about.fact or fact_questions.field_of(about.fact) in permit.fields


def carried_by(permit: Permit) -> Carried:
    """What the log and the row keep of a permit."""
    return Carried(
        ground=permit.ground.id,
        ground_digest=permit.ground_digest,
        fields=frozenset(permit.fields),
        categories=frozenset(permit.categories),
        legal_basis=tuple(reference.code for reference in permit.legal_basis),
        conditions=permit.conditions_met,
    )


def covers_note(tx: Transaction, signal: Signal, carried: Carried, note: str) -> bool:
    """Whether the ground carries what the words of a note tell; a note about sex work needs the ground that names it."""
    ground = tx.program.policy.grounds.find(carried.ground, tx.today)
    told = text_categories(signal, tx.program.policy, "enrichment.note", note)
    return ground is not None and told <= frozenset(ground.data)


def visible(tx: Transaction, signal: Signal, about: About, question: Question) -> frozenset[str]:
    """The fields that the ground of a question lets through; none when that ground no longer exists."""
    ground = tx.program.policy.grounds.find(question.ground, day_of(question.asked_at))
    if ground is None:
        return frozenset()
    allowed = frozenset(ground.data)
    return frozenset(name for name, categories in _fields(tx, signal, about).items() if categories <= allowed)


def legal_basis(tx: Transaction, ground_id: str, day: date) -> tuple[LegalReference, ...]:
    """The articles of a ground as it was on `day`; none when it did not exist then."""
    ground = tx.program.policy.grounds.find(ground_id, day)
    return ground.legal_basis if ground else ()


def leads_to(ground: Ground, kind: str, *, seated: bool) -> bool:
    """Whether a ground leads to an agency of this kind; a ground for the table leads to whoever has a seat there."""
    return bool({"*", kind} & set(ground.recipient)) or (seated and _AS_MEMBER in ground.recipient)


def grounds_for(tx: Transaction, kinds: Iterable[str]) -> list[Ground]:
    """The grounds of today for a consultation without a name by which an agency of one of these kinds gets anything.

    Outside the demo a ground that no lawyer reviewed does not count.
    """
    rows, demo, wanted = tx.program.policy.grounds.on(tx.today), tx.program.settings.demo, {"*", *kinds}
    counting = [row for row in rows if row.permits and (demo or row.reviewed_by_then(tx.today))]
    return [row for row in counting if CONSULT in row.purpose and wanted & set(row.recipient)]


def readable_by(tx: Transaction, kinds: Iterable[str]) -> frozenset[str]:
    """The kinds of data that some ground of today lets agencies of one of these kinds read, where nobody is named."""
    return frozenset(name for row in grounds_for(tx, kinds) for name in row.data)


def seats_of(tx: Transaction, tables: Iterable[str]) -> frozenset[str]:
    """The agencies with a seat at one of these tables that are still open."""
    query = (
        select(TableMember.agency_id)
        .join(Agency, Agency.id == TableMember.agency_id)
        .where(TableMember.table_id.in_(sorted(set(tables))), Agency.active)
    )
    return frozenset(tx.session.scalars(query))


def tables_of_case(tx: Transaction, signal: Signal) -> frozenset[str]:
    """The table of a signal and those where it was before: questions that were asked there go on."""
    before = select(SignalTableMove.from_table).where(SignalTableMove.signal_id == signal.id)
    return frozenset({signal.table_id, *tx.session.scalars(before)})


def still_leads(tx: Transaction, signal: Signal, question: Question) -> bool:
    """Whether the ground of a question still leads to the agency that was asked: it may have left the table or closed."""
    agency = tx.session.get_one(Agency, question.agency_id)
    ground = tx.program.policy.grounds.find(question.ground, day_of(question.asked_at))
    if ground is None or not agency.active:
        return False
    return leads_to(ground, agency.kind, seated=agency.id in seats_of(tx, tables_of_case(tx, signal)))


def askable_facts(tx: Transaction, signal: Signal) -> list[str]:
    """The facts of the signal that some ground can carry to a partner, by their codes."""
    grounds = grounds_for(tx, {_AS_MEMBER})
    carried = [frozenset(row.data) for row in grounds]
    policy = tx.program.policy
    own = {code: fact_questions.fields_of(signal, policy, code) for code in fact_questions.codes_of(signal)}
    return [
        code
        for code, fields in own.items()
        if any(fields[fact_questions.field_of(code)] <= allowed for allowed in carried)
    ]


def needs_necessity(tx: Transaction, signal: Signal) -> bool:
    """Whether some fact of the signal is protected more than a pseudonym is, so that a question may leave it out."""
    plain = frozenset({"pseudonymous"})
    contents, policy = contents_of(tx, signal), tx.program.policy
    told = [_categories(contents, holder.number) for holder in contents.holders]
    told += [fact_questions.fields_of(signal, policy, code) for code in askable_facts(tx, signal)]
    return any(not categories <= plain for fields in told for categories in fields.values())


def _fields(tx: Transaction, signal: Signal, about: About) -> dict[str, frozenset[str]]:
    if about.subject is None:
        return fact_questions.fields_of(signal, tx.program.policy, about.fact)
    return _categories(contents_of(tx, signal), about.number) if about.subject.erased_at is None else {}


def _categories(contents: Contents, number: int) -> dict[str, frozenset[str]]:
    """The fields that a question about this subject can show and that hold a value, with their categories."""
    known = {**contents.fields, **contents.holder(number).fields}
    return {name: known[name] for name in FIELDS if name in known}


def evidence_of(necessity: str) -> dict[str, Mapping[str, Any]]:
    """What counts as shown once a person read a masked text again, with the reason why others must know, if any."""
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
    about: About,
    agency_id: str,
    recipient_kind: str,
    evidence: Mapping[str, Mapping[str, Any]],
) -> Request:
    owner = tx.session.get_one(Agency, signal.owner_agency)
    return Request(
        provider_capacity=signal.capacity,
        provider_kind=owner.kind,
        recipient_kind=recipient_kind,
        recipient_agency=agency_id,
        purpose=PURPOSE,
        person=_person(tx, signal, about),
        fields=_fields(tx, signal, about),
        on=tx.today,
        now=tx.now,
        conditions=evidence,
        demo=tx.program.settings.demo,
    )


def _person(tx: Transaction, signal: Signal, about: About) -> Person:
    """Whom it is about. A fact is about nobody in particular; the youngest of the signal decides how it is protected."""
    contents = contents_of(tx, signal)
    if about.subject is not None:
        return Person(contents.holder(about.number).age, about.subject.role.removeprefix("possible_"))
    ages = {holder.age for holder in contents.holders if holder.kind == "person"}
    return Person(next((age for age in ("minor", "doubt", UNKNOWN, "adult") if age in ages), UNKNOWN), UNKNOWN)


def refusal(tx: Transaction, signal: Signal, failed: Sequence[NotCarried]) -> Refused:
    """The refusal to raise when a question went to nobody; it is recorded with the first agency that it failed for."""
    return Refused(
        "no_ground",
        action="disclosure:refuse",
        object_type="signal",
        object_id=signal.reference,
        details=refusal_details(tx, signal, failed[0]),
        rows=failed[0].made,
    )


def refusal_details(tx: Transaction, signal: Signal, failed: NotCarried) -> dict[str, Any]:
    """What the log tells of a question that no ground carried."""
    return {
        "signal": signal.reference,
        "recipient": failed.agency,
        "purpose": PURPOSE,
        "reasons": failed.codes,
        "policy_digest": tx.program.policy.digest,
        "decisions": [one.id for one in failed.made],
    }
