"""What a question shows of a signal: exactly the fields that its ground lets through, and a month instead of a day."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from signaltable.flow import fact_questions
from signaltable.flow.consultation import About
from signaltable.flow.fact_questions import AskedFact
from signaltable.models import Signal
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class Shown:
    """What a partner reads of a subject or a fact. A value that the ground does not let through is empty.

    `subject` is the pseudonym of that partner; `fact` is None in a question about a subject. `month` is its first day.
    """

    subject: str
    kind: str
    role: str
    age_band: str
    gender: str
    municipality: str
    forms: tuple[str, ...]
    fact: AskedFact | None
    month: date | None


def shown(tx: Transaction, signal: Signal, about: About, fields: Collection[str], *, name: str) -> Shown:
    """The values of these fields, for a reader that knows the subject as `name`."""
    person = about.subject
    observed = signal.observed_on.replace(day=1) if signal.observed_on else None
    return Shown(
        subject=name,
        kind=person.kind if person else "",
        role=person.role if person and "subject.role" in fields else "",
        age_band=person.age_band if person and "subject.age_band" in fields else "",
        gender=person.gender if person and "subject.gender" in fields else "",
        municipality=signal.municipality if "signal.municipality" in fields else "",
        forms=tuple(signal.facts.get("forms", ())) if person and "signal.forms" in fields else (),
        fact=_fact(tx, signal, about, fields),
        month=observed if not person and "signal.observed_on" in fields else None,
    )


def _fact(tx: Transaction, signal: Signal, about: About, fields: Collection[str]) -> AskedFact | None:
    if about.subject is not None:
        return None
    policy = tx.program.policy
    if fact_questions.field_of(about.fact) in fields:
        return fact_questions.in_words(signal, policy, about.fact)
    return AskedFact(about.fact, fact_questions.title_of(policy, about.fact), ())
