"""A partner's own context beside its answer: on which ground it goes to the table, and whom that ground reaches.

It is the partner's. It is stored only when a ground carries it to the table, or to some of its members; they are the
receivers, and nobody else reads it: no agency that the ground does not lead to, no table to which the signal moves later,
and no receiver to whom the owner discloses the signal. Whoever shows a context asks `context_for`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import select

from signaltable import disclose
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.disclosure.outcome import Advice, Permit, Reason
from signaltable.disclosure.outcome import Refused as NoGround
from signaltable.disclosure.request import Person, Request
from signaltable.disclosure.words import FIND_AGE, NAME_ROLE
from signaltable.domain import Refused, UnusableInput, day_of
from signaltable.flow import decisions
from signaltable.flow.consultation import (
    PURPOSE,
    TOO_SHORT,
    UNKNOWN,
    Carried,
    carried_by,
    evidence_of,
    leads_to,
    readable_by,
)
from signaltable.flow.contents import text_categories
from signaltable.flow.masking import without_protected
from signaltable.grounds import Ground
from signaltable.models import Agency, Question, RecordedDecision, Signal, TableMember
from signaltable.transaction import Transaction

FIELD: Final = "enrichment.context"
# What the words of a partner tell by themselves is read like those of a note; the rest of the signal is not the partner's.
_WORDS: Final = "enrichment.note"
_TABLE: Final = "table"

UNCHECKED = "expected your check that nobody can be recognised in the context"
NO_CAPACITY = "expected the task in which you learned this"


class ContextStays(Refused):
    """No ground carries a context to the table. Holds why, and what can be done instead; nothing was stored."""

    def __init__(self, reasons: Sequence[Reason], instead: Sequence[Advice], **recorded: Any) -> None:
        super().__init__("no_ground", "no ground carries the context to the table", **recorded)
        self.reasons = tuple(reasons)
        self.instead = tuple(instead)


@dataclass(frozen=True, slots=True)
class Offered:
    """A context as a partner gives it: masked, with the task in which it was learned and why the table must know.

    `checked`: a person read it again and nobody can be recognised in it.
    """

    text: str
    capacity: str
    necessity: str
    checked: bool


@dataclass(frozen=True, slots=True)
class Reader:
    """An agency that reads, with its kind and the tables where it has a seat."""

    id: str
    kind: str
    tables: frozenset[str]


# -- giving ------------------------------------------------------------------------------------------------------


def carry(tx: Transaction, signal: Signal, question: Question, offered: Offered) -> Carried:
    """The ground on which the partner's context goes to the table, or, where none does, to most of its members.

    Raises `UnusableInput` for what is missing on the form and `ContextStays` when no ground carries it.
    """
    partner = tx.session.get_one(Agency, question.agency_id)
    _check(tx, partner, offered)
    told = categories_told(tx, signal, question, offered.text)
    requests = [
        _request(tx, signal, partner, capacity, kind, told, offered)
        for kind in (_TABLE, *_kinds_at(tx, signal, partner))
        for capacity in capacities(tx, partner.kind, offered.capacity)
    ]
    permits = _permits(tx, requests)
    best = permits.get(_TABLE) or max(permits.values(), key=lambda one: len(one.ground.recipient), default=None)
    if best is None:
        raise _stays(tx, signal, question, requests)
    kind = next(name for name, permit in permits.items() if permit is best)
    used = next(one for one in requests if one.recipient_kind == kind)
    decisions.note_ground(tx, signal, {0: used}, None)
    return carried_by(best)


def capacities(tx: Transaction, kind: str, said: str) -> tuple[str, ...]:
    """The tasks that are looked at: the one that was said, else the daily task of this kind, else every one it has."""
    known = tuple(tx.program.policy.capacities_of(kind))
    if said or len(known) < 2:
        return (said or next(iter(known), kind),)
    return (kind,) if kind in known else known


def categories_told(tx: Transaction, signal: Signal, question: Question, text: str) -> frozenset[str]:
    """What a partner tells with these words: what stands in them, and of the signal what its question told.

    Whoever does not know of which form a signal speaks must not learn it from a refusal.
    """
    ground = tx.program.policy.grounds.find(question.ground, day_of(question.asked_at))
    asked = frozenset(ground.data) if ground else frozenset()
    policy = tx.program.policy
    known = text_categories(signal, policy, FIELD, text) & asked
    return text_categories(signal, policy, _WORDS, text) | known


def _check(tx: Transaction, partner: Agency, offered: Offered) -> None:
    problems = {}
    if not offered.checked:
        problems["context_checked"] = UNCHECKED
    if offered.capacity and offered.capacity not in {partner.kind, *tx.program.policy.capacities_of(partner.kind)}:
        problems["capacity"] = NO_CAPACITY
    if 0 < len(offered.necessity.strip()) < MOTIVATION_LENGTH:
        problems["necessity"] = TOO_SHORT
    if problems:
        raise UnusableInput(problems)


def _kinds_at(tx: Transaction, signal: Signal, partner: Agency) -> list[str]:
    query = (
        select(Agency.kind)
        .join(TableMember, TableMember.agency_id == Agency.id)
        .where(TableMember.table_id == signal.table_id, Agency.active, Agency.id != partner.id)
        .distinct()
        .order_by(Agency.kind)
    )
    return list(tx.session.scalars(query))


def _request(
    tx: Transaction,
    signal: Signal,
    partner: Agency,
    capacity: str,
    recipient_kind: str,
    told: frozenset[str],
    offered: Offered,
) -> Request:
    return Request(
        provider_capacity=capacity,
        provider_kind=partner.kind,
        recipient_kind=recipient_kind,
        recipient_agency=signal.table_id,
        purpose=PURPOSE,
        person=Person(UNKNOWN, UNKNOWN),
        fields={FIELD: told},
        on=tx.today,
        now=tx.now,
        conditions=evidence_of(offered.necessity.strip()),
        demo=tx.program.settings.demo,
    )


def _permits(tx: Transaction, requests: Iterable[Request]) -> dict[str, Permit]:
    """Recipient kind -> its permit; of several tasks every one has to permit it."""
    found: dict[str, list[object]] = {}
    for one in requests:
        found.setdefault(one.recipient_kind, []).append(disclose.decide(one, None, tx.program.policy.grounds))
    permitted = {
        kind: [one for one in outcomes if isinstance(one, Permit) and FIELD in one.fields]
        for kind, outcomes in found.items()
    }
    return {kind: permits[0] for kind, permits in permitted.items() if len(permits) == len(found[kind])}


def _stays(tx: Transaction, signal: Signal, question: Question, requests: Sequence[Request]) -> ContextStays:
    """The refusal, with the reasons of the way to the table."""
    to_table = [one for one in requests if one.recipient_kind == _TABLE]
    outcomes = [disclose.decide(one, None, tx.program.policy.grounds) for one in to_table]
    refused = [one for one in outcomes if isinstance(one, NoGround)]
    made: list[RecordedDecision] = [decisions.ground_decision(tx, signal, {0: one}, None) for one in to_table]
    reasons = {reason.text: reason for one in refused for reason in one.reasons}
    # A context is about nobody in particular, so that advice about a person's part or age leads nowhere here.
    instead = {advice.text: advice for one in refused for advice in one.instead if advice not in (NAME_ROLE, FIND_AGE)}
    return ContextStays(
        tuple(reasons.values()),
        tuple(instead.values()),
        action="disclosure:refuse",
        object_type="question",
        object_id=question.id,
        details={
            "signal": signal.reference,
            "recipient": _TABLE,
            "purpose": PURPOSE,
            "reasons": sorted({reason.code for reason in reasons.values()}),
            "policy_digest": tx.program.policy.digest,
            "decisions": [one.id for one in made],
        },
        rows=made,
    )


def keep(tx: Transaction, signal: Signal, question: Question, offered: Offered, carried: Carried) -> None:
    """Store a context with what it rests on."""
    question.context = offered.text
    question.context_ground, question.context_ground_digest = carried.ground, carried.ground_digest
    question.context_categories = sorted(carried.categories)
    question.context_capacity = offered.capacity
    question.context_table, question.context_at = signal.table_id, tx.now


def drop(question: Question) -> None:
    """Take a context away: nobody reads it from now on, and nothing is kept of it beside the log."""
    question.context = ""
    question.context_ground, question.context_ground_digest = "", ""
    question.context_categories = []
    question.context_capacity, question.context_table, question.context_at = "", "", None


# -- reading -----------------------------------------------------------------------------------------------------


def readers(tx: Transaction, agencies: Iterable[str]) -> tuple[Reader, ...]:
    """These agencies as readers."""
    wanted = sorted(set(agencies))
    seats: dict[str, set[str]] = {}
    for row in tx.session.execute(
        select(TableMember.agency_id, TableMember.table_id).where(TableMember.agency_id.in_(wanted))
    ):
        seats.setdefault(row.agency_id, set()).add(row.table_id)
    rows = tx.session.execute(select(Agency.id, Agency.kind).where(Agency.id.in_(wanted)).order_by(Agency.id))
    return tuple(Reader(row.id, row.kind, frozenset(seats.get(row.id, ()))) for row in rows)


def room_of(tx: Transaction, signal: Signal) -> tuple[Reader, ...]:
    """Everybody at the table of a signal: what is shown to all at once may hold only what each of them may read."""
    query = (
        select(TableMember.agency_id)
        .join(Agency, Agency.id == TableMember.agency_id)
        .where(TableMember.table_id == signal.table_id, Agency.active)
    )
    return readers(tx, tx.session.scalars(query))


def context_for(tx: Transaction, signal: Signal, question: Question, whom: Collection[Reader]) -> str:
    """The context of an answer as all of these agencies may read it; empty when one of them may not, or there is none.

    This is the one place that decides who reads a partner's words: dossier, table, screen, minutes and whatever goes out.
    The partner itself always may.
    """
    ground = ground_of(tx, question)
    if not question.context or not whom:
        return ""
    strangers = [one for one in whom if one.id != question.agency_id]
    policy = tx.program.policy
    if strangers:
        if ground is None or not all(reaches(ground, question, one) for one in strangers):
            return ""
        told = text_categories(signal, policy, FIELD, question.context)
        if any(not told <= readable_by(tx, {_TABLE, one.kind}) for one in strangers):
            return ""
    return without_protected(question.context, policy)


def ground_of(tx: Transaction, question: Question) -> Ground | None:
    """The ground of a context as it was on the day it was given; None for one that rests on nothing."""
    if not question.context_ground or question.context_at is None:
        return None
    return tx.program.policy.grounds.find(question.context_ground, day_of(question.context_at))


def reaches(ground: Ground, question: Question, reader: Reader) -> bool:
    """Whether the ground of a context leads to this agency: as a member of the table that got it, or by its own kind."""
    seated = question.context_table in reader.tables
    # A ground for another kind than the table still speaks of those who sat there when the partner told it.
    return seated and leads_to(ground, reader.kind, seated=True)


def reached(tx: Transaction, questions: Sequence[Question]) -> Mapping[str, tuple[str, ...]]:
    """Question id -> the agencies that its context reaches now, for the partner who gave it."""
    tables = sorted({one.context_table for one in questions if one.context_table})
    query = (
        select(TableMember.agency_id)
        .join(Agency, Agency.id == TableMember.agency_id)
        .where(TableMember.table_id.in_(tables), Agency.active)
    )
    seated = readers(tx, tx.session.scalars(query))
    found: dict[str, tuple[str, ...]] = {}
    for one in questions:
        ground = ground_of(tx, one) if one.context else None
        others = [reader for reader in seated if reader.id != one.agency_id]
        found[one.id] = tuple(reader.id for reader in others if ground and reaches(ground, one, reader))
    return found
