"""The pseudonymous dossier of a signal: what the table, the owner or one agency reads.

No identity and nothing of the owner's sealed part ever comes into it. Pseudonyms belong to the reader: the same subject
has another name at every agency, so that two agencies cannot lay their lists side by side.
"""

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.orm import aliased

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import GONE, ZONE, Decision, LinkState, NotFound, State, day_of
from signaltable.fields import FieldContext
from signaltable.flow import consultation, contexts, naming, seats, text_checks
from signaltable.flow.advice import WITHHELD, Advice, advice_of
from signaltable.flow.clock_events import clock_events
from signaltable.flow.contents import Contents, account_for_others, contents_of, text_categories
from signaltable.models import AgendaItem, Meeting, Question, Signal, SignalMove, Subject, SubjectGroup
from signaltable.queries import (
    WHOLE,
    agency_titles,
    links_of,
    not_kept_from,
    resource_of,
    signal_by_reference,
    subjects_of,
)
from signaltable.texts import Text, by_code
from signaltable.transaction import Transaction, in_whole

# For whom a dossier is made; any other word is the id of the agency that reads it.
TABLE, OWNER = "table", "owner"
FORMS: Final = "signal.forms"
# How the log calls what somebody read who opened a case in acute danger.
IN_DANGER: Final = "emergency"

# How a decision of the table reads; the codes are those of domain.Decision.
DECISIONS: Mapping[str, Text] = MappingProxyType(
    {
        Decision.REFER: Text("Doorgeleiden", "Refer"),
        Decision.ENRICH: Text("Verder verrijken", "Enrich further"),
        Decision.WATCH: Text("In de gaten houden", "Watch"),
        Decision.CLOSE: Text("Afsluiten", "Close"),
    },
)

# Moves that the table makes itself. Only their reasons are texts of the table; those of others may be meant for others.
_TABLE_MOVES = frozenset({State.TRIAGED, State.ENRICHING, State.TABLED, State.WATCH})
_BEFORE_DISCLOSURE = frozenset({State.SUBMITTED, *_TABLE_MOVES})


@dataclass(frozen=True, slots=True)
class DossierSubject:
    """A subject under the pseudonym that only this reader knows it by."""

    number: int
    pseudonym: str
    kind: str
    role: str
    age_band: str
    gender: str


@dataclass(frozen=True, slots=True)
class FormRow:
    """One filled row of the first-line form, with its element and its answer (a code, never a degree)."""

    element: Text
    title: Text
    code: int
    answer: Text


@dataclass(frozen=True, slots=True)
class Known:
    """An indicator and how it is known."""

    title: Text
    how: Text


@dataclass(frozen=True, slots=True)
class GivenAnswer:
    """An answer of a partner; `agency` is empty while that partner stays anonymous.

    `subject` is empty for an answer about a fact, whose code `fact` is. `context` is the partner's own and only there for
    a reader whom its ground (`context_ground`) leads to. Of an anonymous partner neither the ground is told nor when the
    answer came: who was late, or was reminded on which day, stands elsewhere with a name.
    """

    agency: str
    subject: str
    fact: str
    answer: str
    context: str
    context_ground: str
    asked_at: datetime
    due_on: date
    answered_at: datetime | None
    late: bool


@dataclass(frozen=True, slots=True)
class MadeDecision:
    """What the table decided on a signal at a meeting. `destinations` are those that the table advises to the owner."""

    meeting_id: str
    meeting: str
    held_on: date
    decision: str
    reason: str
    holder: str
    due_on: date | None
    decided_at: datetime
    destinations: tuple[str, ...]

    @property
    def label(self) -> Text:
        """The decision in words."""
        return DECISIONS.get(self.decision, by_code(self.decision))


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing on the timeline. kind: moved, closed (with an outcome), table (it went there), asked, answered, meeting, decided, or of a clock
    (flow/clock_events.py).

    `code` says which, `agency` by whom.
    """

    at: datetime
    kind: str
    code: str = ""
    agency: str = ""
    text: str = ""
    count: int = 0
    future: bool = False


@dataclass(frozen=True, slots=True)
class LinkedSubject:
    """A link between a subject of this signal and one of another: both under the reader's pseudonyms."""

    own: str
    other: str
    kind: str
    reference: str
    outcome: str
    state: str


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything that the reader may know about a signal."""

    reference: str
    state: str
    urgency: str
    created_at: datetime
    observed_on: date | None
    municipality: str
    forms: tuple[str, ...]
    source_quality: str
    consent: str
    reporter: str
    missing: tuple[str, ...]
    rows: tuple[FormRow, ...]
    indicators: tuple[Known, ...]
    flags: tuple[str, ...]
    narrative: str
    being_checked: bool
    subjects: tuple[DossierSubject, ...]
    advice: Advice
    links: tuple[LinkedSubject, ...]
    answers: tuple[GivenAnswer, ...]
    open_questions: int
    decisions: tuple[MadeDecision, ...]
    timeline: tuple[Happening, ...]


# -- reading -----------------------------------------------------------------------------------------------------


def consult(tx: Transaction, reference: str) -> Dossier:
    """The dossier as the table reads it. Coordinator and chair may always, members once it is on an agenda.

    Raises `Refused` for another table and for a signal that is on no agenda, `NotFound` when it was taken back.
    """
    signal = signal_at_table(tx, reference)
    resource = resource_of(tx, signal)
    if not isinstance(may(tx.actor, Permission.DOSSIER_CONSULT_OWN_TABLE, resource), Allowed):
        require(tx.actor, Permission.DOSSIER_CONSULT_TABLED, resource)
    return read_at_table(tx, signal, "dossier")


def signal_at_table(tx: Transaction, reference: str) -> Signal:
    """The signal with this reference as long as it is the table's business; the gate still has to be asked."""
    signal = signal_by_reference(tx, reference)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    return signal


def read_at_table(tx: Transaction, signal: Signal, view: str, *, room: bool = False) -> Dossier:
    """The dossier for the table, with the entries that say who read it. `room`: shown to the whole table at once.

    Whoever opened the case in acute danger reads this one case: nothing of those that it is linked to, and the log says so.
    """
    dossier = dossier_of(tx, signal, TABLE, room=room)
    if signal.id in tx.actor.emergencies:
        dossier, view = replace(dossier, links=()), IN_DANGER
    tx.record(
        "signal:consult",
        object_type="signal",
        object_id=signal.reference,
        details={"signal": signal.reference, "view": view},
    )
    if dossier.answers:
        tx.record(
            "enrich:consult",
            object_type="signal",
            object_id=signal.reference,
            details={"signal": signal.reference, "view": view, "count": len(dossier.answers)},
        )
    return dossier


def dossier_of(tx: Transaction, signal: Signal, viewer: str, *, room: bool = False) -> Dossier:
    """The dossier of `signal` for `viewer`: TABLE, OWNER or the id of an agency. The caller asks the gate and records.

    An agency gets what the signal says and nothing that partners or the table added: that is not the owner's to give.
    `room`: everybody at the table reads it at once, on a screen or in the minutes; a partner's own context is there only
    when its ground leads to all of them, otherwise when it leads to the agency of the actor.
    """
    reader = reader_of(signal, viewer)
    subjects = subjects_of(tx, signal.id)
    names = {subject.id: pseudonym(tx, reader, subject.id) for subject in subjects}
    inside = viewer in (TABLE, OWNER)
    titles = agency_titles(tx)
    contents = contents_of(tx, signal, nameless=True)
    shown = _shown(tx, contents, viewer)
    decisions = decisions_of(tx, signal) if inside else ()
    questions = _questions(tx, signal) if inside else ()
    whom = contexts.room_of(tx, signal) if room else contexts.readers(tx, [_reading_agency(tx, signal, viewer)])
    # In the order of the questions, which stand elsewhere with names, two answers without a name would have one.
    answers = tuple(sorted(_answers(tx, signal, questions, titles, names, whom), key=_unnamed))
    return Dossier(
        reference=signal.reference,
        state=signal.state,
        urgency=signal.urgency,
        created_at=signal.created_at,
        observed_on=signal.observed_on if "signal.observed_on" in shown else None,
        municipality=signal.municipality if "signal.municipality" in shown else "",
        forms=tuple(signal.facts.get("forms", ())) if FORMS in shown else (),
        source_quality=signal.source_quality if "signal.source_quality" in shown else "",
        consent=signal.consent.get("status", "") if "signal.consent" in shown else "",
        reporter=titles.get(signal.owner_agency, ""),
        missing=tuple(signal.missing),
        rows=tuple(_rows(tx, signal)) if "signal.form_rows" in shown else (),
        indicators=tuple(_indicators(tx, signal)) if "signal.indicators" in shown else (),
        flags=tuple(signal.flags) if "signal.flags" in shown else (),
        narrative=account_for_others(signal, tx.program.policy) if "signal.narrative_masked" in shown else "",
        being_checked=text_checks.is_held(tx, signal.id),
        subjects=tuple(_subject(tx, contents, subject, names[subject.id], viewer) for subject in subjects),
        advice=advice_of(tx, signal) if viewer == OWNER else advice_at_table(tx, signal),
        links=links_at_table(tx, signal, LinkState.CONFIRMED) if viewer == TABLE else (),
        answers=answers,
        open_questions=sum(1 for one in questions if not one.answer and one.withdrawn_at is None),
        decisions=decisions,
        timeline=tuple(_timeline(tx, signal, titles, questions, answers, decisions)) if inside else (),
    )


def readable_at_table(tx: Transaction) -> frozenset[str]:
    """The kinds of data that some ground of today lets the table read, where nobody is named.

    Outside the demo a ground that no lawyer reviewed lets nothing through here either.
    """
    return consultation.readable_by(tx, {TABLE})


def advice_at_table(tx: Transaction, signal: Signal) -> Advice:
    """The advice on a signal for a reader who is not its owner; withheld when no ground lets such a reader have it.

    A route and its reason tell the form of exploitation, so the advice is read like the forms themselves (row D3).
    """
    told = text_categories(signal, tx.program.policy, "table.advice", "")
    return advice_of(tx, signal) if told <= readable_at_table(tx) else WITHHELD


def forms_at_table(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """The forms in the facts of each signal of a list, as far as the table may read them; in the same order."""
    readable, fields = readable_at_table(tx), tx.program.policy.fields
    told = [tuple(facts.get("forms", ())) for facts in rows]
    carried = [fields.categories_of(FORMS, FieldContext(forms=frozenset(forms), nameless=True)) for forms in told]
    return [forms if categories <= readable else () for forms, categories in zip(told, carried, strict=True)]


def _shown(tx: Transaction, contents: Contents, viewer: str) -> frozenset[str]:
    """The fields of the signal that this reader sees: its owner all, others what may be read without a name."""
    if viewer == OWNER:
        return frozenset(contents.fields)
    readable = readable_at_table(tx)
    return frozenset(name for name, categories in contents.fields.items() if categories <= readable)


def _reading_agency(tx: Transaction, signal: Signal, viewer: str) -> str:
    return signal.owner_agency if viewer == OWNER else tx.actor.agency_id


def _subject(tx: Transaction, contents: Contents, subject: Subject, name: str, viewer: str) -> DossierSubject:
    facts = subject_facts(subject, name)
    if viewer == OWNER or subject.erased_at is not None:
        return facts
    role = contents.holder(subject.number).fields["subject.role"]
    return facts if role <= readable_at_table(tx) else replace(facts, role="")


def reader_of(signal: Signal, viewer: str) -> str:
    """Under whose name pseudonyms are made: a table has one of its own, so that no agency's list fits on it."""
    if viewer == TABLE:
        return f"table:{signal.table_id}"
    return signal.owner_agency if viewer == OWNER else viewer


def pseudonym(tx: Transaction, reader: str, subject_id: str) -> str:
    """How `reader` knows a subject."""
    return naming.subject_name(tx, reader, subject_id)


def subject_facts(subject: Subject, name: str) -> DossierSubject:
    """A subject without anything that names it."""
    return DossierSubject(subject.number, name, subject.kind, subject.role, subject.age_band, subject.gender)


# -- the parts ---------------------------------------------------------------------------------------------------


def _rows(tx: Transaction, signal: Signal) -> Iterable[FormRow]:
    policy = tx.program.policy
    answers = {code.code: code.title for code in policy.codes.values()}
    order = list(policy.form_rows)
    known = sorted(signal.form_rows.items(), key=lambda pair: order.index(pair[0]) if pair[0] in order else len(order))
    for name, code in known:
        row = policy.form_rows.get(name)
        element = policy.elements[row.element].title if row else by_code("")
        yield FormRow(element, row.title if row else by_code(name), code, answers.get(code, by_code(str(code))))


def _indicators(tx: Transaction, signal: Signal) -> Iterable[Known]:
    policy = tx.program.policy
    for name, how in sorted(signal.indicators.items()):
        indicator, known = policy.indicators.get(name), policy.how_known.get(how)
        yield Known(indicator.text if indicator else by_code(name), known.title if known else by_code(how))


@in_whole("a group holds subjects of several agencies")
def links_at_table(tx: Transaction, signal: Signal, state: LinkState) -> tuple[LinkedSubject, ...]:
    """Who of a signal stands in other signals too, under the table's pseudonyms: confirmed, or proposed.

    The table reads confirmed links only: a proposal that an owner has not judged may be wrong. What is confirmed counts
    for the whole group, also where no single link connects two of it. The reference of the other signal is told when it
    lies at the same table.
    """
    own = {subject.id: subject for subject in subjects_of(tx, signal.id)}
    pairs = _grouped(tx, own) if state == LinkState.CONFIRMED else _linked(tx, own, state)
    rows = tx.session.execute(
        select(Subject.id, Signal.reference, Signal.table_id)
        .join(Signal, Signal.id == Subject.signal_id)
        .where(
            Subject.id.in_([other for _mine, other, _outcome in pairs]),
            Signal.state.not_in(GONE),
            not_kept_from(tx, Signal.id),
        ),
    )
    found = {row.id: row for row in rows}
    reader = reader_of(signal, TABLE)
    return tuple(
        LinkedSubject(
            own=pseudonym(tx, reader, mine),
            other=pseudonym(tx, reader, other),
            kind=own[mine].kind,
            reference=found[other].reference if found[other].table_id == signal.table_id else "",
            outcome=outcome,
            state=state,
        )
        for mine, other, outcome in pairs
        if other in found
    )


def _linked(tx: Transaction, own: Mapping[str, Subject], state: LinkState) -> list[tuple[str, str, str]]:
    """Own subject, other subject and how sure, for each link in this state."""
    links = [one for one in links_of(tx, list(own)) if one.state == state]
    return [
        (one.subject_a, one.subject_b, one.outcome)
        if one.subject_a in own
        else (one.subject_b, one.subject_a, one.outcome)
        for one in links
    ]


def _grouped(tx: Transaction, own: Mapping[str, Subject]) -> list[tuple[str, str, str]]:
    """The same for everybody in the groups of the own subjects; who is linked only through others is as sure as people are."""
    direct = {(mine, other): outcome for mine, other, outcome in _linked(tx, own, LinkState.CONFIRMED)}
    mine, theirs = aliased(SubjectGroup), aliased(SubjectGroup)
    rows = tx.session.execute(
        select(mine.subject_id, theirs.subject_id)
        .join(theirs, (theirs.group_id == mine.group_id) & (theirs.subject_id != mine.subject_id))
        .where(mine.subject_id.in_(list(own)))
        .order_by(mine.subject_id, theirs.subject_id)
        # Who of these stands in a case that the reader sees nothing of falls out when the signals are read.
        .execution_options(**{WHOLE: True})
    ).all()
    return [(one, other, direct.get((one, other), "match")) for one, other in rows if other not in own]


# -- questions and answers ---------------------------------------------------------------------------------------


def _questions(tx: Transaction, signal: Signal) -> tuple[Question, ...]:
    query = select(Question).where(Question.signal_id == signal.id).order_by(Question.asked_at, Question.id)
    return tuple(tx.session.scalars(query))


def _answers(
    tx: Transaction,
    signal: Signal,
    questions: Iterable[Question],
    titles: Mapping[str, str],
    names: Mapping[str, str],
    whom: Collection[contexts.Reader],
) -> Iterable[GivenAnswer]:
    held = meeting_days(tx, signal.id)
    for question in questions:
        if not question.answer or question.answered_at is None:
            continue
        hidden = question.anonymous and not met_since(held, question, tx.today)
        yield GivenAnswer(
            agency="" if hidden else titles.get(question.agency_id, ""),
            subject=names.get(question.subject_id or "", ""),
            fact=question.fact,
            answer=question.answer,
            context=(context := contexts.context_for(tx, signal, question, whom)),
            context_ground=question.context_ground if context and not hidden else "",
            asked_at=question.asked_at,
            due_on=question.due_on,
            answered_at=None if hidden else question.answered_at,
            # With the overview of who answered late, the mark would give a partner without a name away.
            late=not hidden and day_of(question.answered_at) > question.due_on,
        )


def _unnamed(one: GivenAnswer) -> tuple[str, ...]:
    """Answers with a name first, as they were asked; those without one by what they say."""
    return () if one.agency else ("", one.answer, one.fact, one.subject, one.context)


def meeting_days(tx: Transaction, signal_id: str) -> tuple[date, ...]:
    """The days of all meetings that have the signal on their agenda; a meeting that is off does not count."""
    query = select(Meeting.held_on).join(AgendaItem, AgendaItem.meeting_id == Meeting.id)
    query = query.where(AgendaItem.signal_id == signal_id, Meeting.cancelled_at.is_(None))
    return tuple(tx.session.scalars(query.order_by(Meeting.held_on)))


def met_since(days: Iterable[date], question: Question, today: date) -> bool:
    """Whether the table met about the signal after the question was answered: anonymity and corrections end then.

    An answer that came too late for a meeting waits for the next one.
    """
    return question.answered_at is not None and any(day_of(question.answered_at) <= day <= today for day in days)


# -- what the table decided ----------------------------------------------------------------------------------------


def decisions_of(tx: Transaction, signal: Signal) -> tuple[MadeDecision, ...]:
    """The decisions of the table on this signal, the oldest first. The caller asks the gate."""
    rows = tx.session.execute(
        select(AgendaItem, Meeting)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(AgendaItem.signal_id == signal.id, AgendaItem.decision != "")
        .order_by(AgendaItem.decided_at, AgendaItem.id),
    ).all()
    titles = agency_titles(tx)
    return tuple(
        MadeDecision(
            meeting_id=meeting.id,
            meeting=meeting.title,
            held_on=meeting.held_on,
            decision=item.decision,
            reason=item.reason,
            holder=titles.get(item.holder_agency or "", ""),
            due_on=item.due_on,
            decided_at=item.decided_at or signal.created_at,
            destinations=tuple(signal.advice.get("table", {}).get(item.id, ())),
        )
        for item, meeting in rows
    )


def _timeline(
    tx: Transaction,
    signal: Signal,
    titles: Mapping[str, str],
    questions: Sequence[Question],
    answers: Sequence[GivenAnswer],
    decisions: Sequence[MadeDecision],
) -> Iterable[Happening]:
    told = {one.decided_at for one in decisions}
    happened = [*_moved(tx, signal, titles, told), *_meetings(tx, signal)]
    happened += [
        Happening(one.at, "table", one.to_table, titles.get(one.agency_id, ""), one.reason)
        for one in seats.table_moves(tx, signal)
    ]
    asked: dict[datetime, int] = {}
    for question in questions:
        asked[question.asked_at] = asked.get(question.asked_at, 0) + 1
    # Who was asked is not told here: with one silent partner left, the anonymous answer would have a name.
    happened += [Happening(at, "asked", count=count) for at, count in asked.items()]
    happened += [Happening(one.answered_at, "answered", one.answer, one.agency) for one in answers if one.answered_at]
    # That somebody answered at a moment, the overview of who was asked tells as well; what, only the answers, in no order.
    given = Counter(one.answered_at for one in questions if one.answer and one.answered_at)
    hidden = given - Counter(one.answered_at for one in answers if one.answered_at)
    happened += [Happening(at, "answered") for at in hidden.elements()]
    happened += [Happening(one.decided_at, "decided", one.decision, text=one.reason) for one in decisions]
    happened += [Happening(one.at, one.kind, one.code) for one in clock_events(tx, signal.id)]
    return sorted(happened, key=lambda one: one.at)


def _moved(
    tx: Transaction, signal: Signal, titles: Mapping[str, str], told: Container[datetime]
) -> Iterable[Happening]:
    """The moves; with its reason when the table moved and no decision of that moment (`told`) says it already."""
    query = select(SignalMove).where(SignalMove.signal_id == signal.id).order_by(SignalMove.at, SignalMove.id)
    for one in tx.session.scalars(query):
        if one.state_to == State.CLOSED and signal.outcome:
            yield Happening(one.at, "closed", signal.outcome, titles.get(one.agency_id, ""))
            continue
        ours = one.state_from in _BEFORE_DISCLOSURE and one.state_to in _TABLE_MOVES and one.at not in told
        yield Happening(one.at, "moved", one.state_to, titles.get(one.agency_id, ""), one.reason if ours else "")


def _meetings(tx: Transaction, signal: Signal) -> Iterable[Happening]:
    rows = tx.session.scalars(
        select(Meeting)
        .join(AgendaItem, AgendaItem.meeting_id == Meeting.id)
        .where(AgendaItem.signal_id == signal.id, AgendaItem.decision == ""),
    )
    for meeting in rows:
        # A meeting has a day and no hour: it comes after what happened on that day.
        at = datetime.combine(meeting.held_on, time(23, 59), ZONE)
        yield Happening(at, "meeting", text=meeting.title, future=meeting.held_on > tx.today)
