"""Comparing an identity from the partner's own records with the subject of a question, in memory."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import budget
from signaltable.flow.enrich.asked import is_answerable, own_question, signal_of
from signaltable.flow.linking.comparing import beside
from signaltable.identity import IDENTITY_FIELDS, Identity, identity_from, validate_identity
from signaltable.models import Question, Signal, Subject
from signaltable.texts import Text
from signaltable.transaction import Transaction

NO_FIELD = "expected a field of this kind of subject"
NOTHING_TO_COMPARE = "expected at least one field"
# What is compared here always comes from the partner's own records; the log says so in one word.
SOURCE = "own_records"


@dataclass(frozen=True, slots=True)
class AskedField:
    """An identity field of the comparing tool."""

    name: str
    label: Text
    hint: Text | None
    shown: bool


def compare_fields(tx: Transaction, kind: str) -> Iterable[AskedField]:
    """The fields that can be compared for a subject of this kind."""
    policy = tx.program.policy.identifiers
    asked = policy.kind_of(kind)
    for name in asked.fields:
        field = policy.field(name)
        yield AskedField(name, field.label, field.hint, name in asked.shown)


def compare(tx: Transaction, question_id: str, values: Mapping[str, str]) -> str:
    """Compare an identity from the partner's own records with the subject: "match", "possible" or "none".

    What was typed is turned into match tags in memory and forgotten; the log keeps the result alone. Raises `Refused`
    (budget_person, budget_agency) when the budget of the day is used up, `UnusableInput` for a field that cannot be read.
    """
    question = own_question(tx, question_id)
    signal = signal_of(tx, question)
    subject = tx.session.get(Subject, question.subject_id) if question.subject_id else None
    if not is_answerable(tx, signal, question) or subject is None or subject.erased_at is not None:
        raise Conflict("answered", "the question can no longer be answered")
    identity = _typed_identity(tx, subject.kind, values)
    budget.spend(tx, budget.COMPARE, lambda reason: _too_many(reason, signal, question))
    result = str(beside(tx, identity, [subject.id])[subject.id].outcome)
    tx.record(
        "enrich:compare",
        object_type="question",
        object_id=question.id,
        details={"signal": signal.reference, "source": SOURCE, "ask": question.id, "result": result},
        subjects=[subject.id],
    )
    return result


def _too_many(reason: str, signal: Signal, question: Question) -> Refused:
    return Refused(
        reason,
        action="enrich:compare",
        object_type="question",
        object_id=question.id,
        details={"signal": signal.reference, "source": SOURCE, "ask": question.id},
    )


def _typed_identity(tx: Transaction, kind: str, values: Mapping[str, str]) -> Identity:
    policy = tx.program.policy.identifiers
    if set(values) - set(policy.kind_of(kind).fields) or set(values) - set(IDENTITY_FIELDS):
        raise UnusableInput({"identity": NO_FIELD})
    typed = {name: value.strip() for name, value in values.items() if value.strip()}
    if not typed:
        raise UnusableInput({"identity": NOTHING_TO_COMPARE})
    # Checked as typed, before tidying: an e-mail address in the phone field must be pointed at.
    problems = validate_identity(Identity(kind=kind, **typed), policy, today=tx.today)
    if problems:
        raise UnreadableIdentity(dict(problems))
    return identity_from(kind, typed)


class UnreadableIdentity(UnusableInput):
    """Fields of a typed identity that cannot be read; `texts` holds the words for the page."""

    def __init__(self, texts: Mapping[str, Text]) -> None:
        super().__init__({name: text.en for name, text in texts.items()})
        self.texts: Mapping[str, Text] = MappingProxyType(dict(texts))
