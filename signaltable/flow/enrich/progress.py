"""Who still has to answer: the questions about a signal, and all signals of a table by partner.

It tells that an answer came, never which: an anonymous hit would have a name otherwise.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Select, func, select

from signaltable.access import Permission, require
from signaltable.domain import ANSWERABLE, NotFound, Resource
from signaltable.flow import consultation
from signaltable.flow.dossier import TABLE, pseudonym, reader_of
from signaltable.flow.enrich.asked import is_late, led_question, record
from signaltable.flow.enrich.clocks import longest_until, may_remind, reasons_of
from signaltable.models import Agency, Question, RegionalTable, Signal
from signaltable.queries import PAGE, agency_titles, not_kept_from, tables_of
from signaltable.transaction import Transaction

# How a question stands. "left": the ground no longer leads to the agency, which cannot answer any more.
OPEN, LATE, ON_TIME, ANSWERED_LATE, TAKEN_BACK, LEFT = "open", "late", "on_time", "answered_late", "withdrawn", "left"
STATES = (OPEN, LATE, ON_TIME, ANSWERED_LATE, TAKEN_BACK, LEFT)
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class AskedLine:
    """A question as the coordinator follows it, with the ground that carries it. Of an answer: only that it came."""

    id: str
    agency: str
    subject: str
    fact: str
    asked_at: datetime
    due_on: date
    answered: bool
    late: bool
    state: str
    postponed: int
    ground: str


@dataclass(frozen=True, slots=True)
class PartnerLine:
    """One partner with the numbers of its questions by state, over all signals of the table."""

    agency: str
    counts: tuple[tuple[str, int], ...]

    def count(self, state: str) -> int:
        """How many questions stand so."""
        return dict(self.counts).get(state, 0)

    @property
    def waiting(self) -> int:
        """How many answers are still to come."""
        return self.count(OPEN) + self.count(LATE)


@dataclass(frozen=True, slots=True)
class SignalRow:
    """One signal of the matrix: for each partner in the order of the columns the states of its questions."""

    reference: str
    urgency: str
    waiting: int
    cells: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Who still has to answer, over the tables of the actor: partners, and a page of signals with a column for each."""

    tables: tuple[tuple[str, str], ...]
    chosen: str
    partners: tuple[PartnerLine, ...]
    columns: tuple[str, ...]
    rows: tuple[SignalRow, ...]
    number: int
    pages: int


@dataclass(frozen=True, slots=True)
class PutOff:
    """One time that a question was put off or taken back. The reason is empty for other agencies than the writer's."""

    at: datetime
    kind: str
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class LedView:
    """A question as its coordinator follows it, with what can be done about it."""

    line: AskedLine
    reference: str
    note: str
    reminded_at: datetime | None
    may_remind: bool
    may_change: bool
    longest: date
    history: tuple[PutOff, ...]
    version: int


def asked_about(tx: Transaction, signal: Signal) -> list[AskedLine]:
    """The questions about a signal, the oldest first. The caller asks the gate."""
    query = select(Question).where(Question.signal_id == signal.id).order_by(Question.asked_at, Question.id)
    return _lines(tx, signal, tx.session.scalars(query).all())


def _lines(tx: Transaction, signal: Signal, questions: Sequence[Question]) -> list[AskedLine]:
    reader, titles = reader_of(signal, TABLE), agency_titles(tx)
    return [
        AskedLine(
            id=one.id,
            agency=titles.get(one.agency_id, ""),
            subject=pseudonym(tx, reader, one.subject_id) if one.subject_id else "",
            fact=one.fact,
            asked_at=one.asked_at,
            due_on=one.due_on,
            answered=bool(one.answer),
            late=one.withdrawn_at is None and is_late(one, tx.today),
            state=_state(tx, signal, one),
            postponed=one.postponed,
            ground=one.ground,
        )
        for one in questions
    ]


def _state(tx: Transaction, signal: Signal, question: Question) -> str:
    if question.answer:
        return ANSWERED_LATE if is_late(question, tx.today) else ON_TIME
    if question.withdrawn_at is not None:
        return TAKEN_BACK
    if not consultation.still_leads(tx, signal, question):
        return LEFT
    return LATE if is_late(question, tx.today) else OPEN


def see(tx: Transaction, question_id: str) -> LedView:
    """One question as its coordinator follows it: how it stands, how often it was put off and why."""
    question, signal = led_question(tx, question_id)
    record(tx, "enrich:consult", signal, question, view="progress")
    (line,) = _lines(tx, signal, [question])
    return LedView(
        line=line,
        reference=signal.reference,
        note=question.note,
        reminded_at=question.reminded_at,
        may_remind=line.state in (OPEN, LATE) and may_remind(tx, question),
        may_change=line.state in (OPEN, LATE, LEFT),
        longest=longest_until(tx, question),
        history=tuple(PutOff(row.at, row.kind, row.until, why) for row, why in reasons_of(tx, question)),
        version=question.version,
    )


# -- over all signals --------------------------------------------------------------------------------------------


def who_has_to_answer(tx: Transaction, *, table: str = "", number: int = 1) -> Progress:
    """Per partner and per signal how the questions stand, for the actor's tables or for one of them.

    25 signals on a page, those with most to come and the oldest question first; a number beyond the last gives the last
    page. Raises `NotFound` for a table where the actor's agency has no seat.
    """
    seats = tables_of(tx, tx.actor.agency_id)
    require(
        tx.actor,
        Permission.ENRICH_ASK_OWN_TABLE,
        Resource("table", table_agencies=frozenset({tx.actor.agency_id} if seats else ())),
    )
    if table and table not in seats:
        raise NotFound("no such table")
    wanted = [table] if table else seats
    found = _states(tx, wanted)
    pages = max(1, -(-_signal_count(tx, wanted) // PAGE))
    number = min(max(number, 1), pages)
    rows, columns = _rows(tx, wanted, number)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=tx.actor.agency_id,
        details={"view": "answers", "count": len(rows)},
        signals=[one.reference for one in rows],
    )
    titles = dict(
        tx.session.execute(
            select(RegionalTable.id, RegionalTable.title)
            .where(RegionalTable.id.in_(seats))
            .order_by(RegionalTable.title)
        ).all()
    )
    return Progress(tuple(titles.items()), table, _partners(tx, found), columns, rows, number, pages)


def _live(tx: Transaction, tables: Sequence[str]) -> Select[Any]:
    """The questions about signals at these tables of which the table is not done."""
    return (
        select(Question)
        .join(Signal, Signal.id == Question.signal_id)
        .where(Signal.table_id.in_(tables), Signal.state.in_(ANSWERABLE), not_kept_from(tx, Question.signal_id))
    )


def _states(tx: Transaction, tables: Sequence[str]) -> Counter[tuple[str, str]]:
    """(agency, state) -> how many live questions there are of it. Counted as they come: memory holds no list of them."""
    columns = (Question.agency_id, Question.answer, Question.due_on, Question.answered_at, Question.withdrawn_at)
    query = _live(tx, tables).with_only_columns(*columns, maintain_column_froms=True)
    there = _there(tx)
    rows = tx.session.execute(query.execution_options(yield_per=_AT_ONCE))
    return Counter((row.agency_id, _state_of(tx, row, there)) for row in rows)


def _state_of(tx: Transaction, row: Any, there: frozenset[str]) -> str:
    """How a question stands; `there` are the agencies that still have a seat at some table."""
    late = is_late(row, tx.today)
    if row.answer:
        return ANSWERED_LATE if late else ON_TIME
    if row.withdrawn_at is not None:
        return TAKEN_BACK
    if row.agency_id not in there:
        return LEFT
    return LATE if late else OPEN


def _there(tx: Transaction) -> frozenset[str]:
    return consultation.seats_of(tx, tx.session.scalars(select(RegionalTable.id)))


def _partners(tx: Transaction, found: Mapping[tuple[str, str], int]) -> tuple[PartnerLine, ...]:
    counted: dict[str, dict[str, int]] = {}
    for (agency, state), count in found.items():
        counted.setdefault(agency, {})[state] = count
    titles = agency_titles(tx)
    lines = [PartnerLine(titles.get(agency, ""), tuple(of.items())) for agency, of in counted.items()]
    return tuple(sorted(lines, key=lambda one: (-one.count(LATE), -one.waiting, one.agency)))


def _signal_count(tx: Transaction, tables: Sequence[str]) -> int:
    query = _live(tx, tables).with_only_columns(
        func.count(func.distinct(Question.signal_id)), maintain_column_froms=True
    )
    return tx.session.scalar(query) or 0


def _rows(tx: Transaction, tables: Sequence[str], number: int) -> tuple[tuple[SignalRow, ...], tuple[str, ...]]:
    """A page of signals, and the titles of the partners that were asked about any of them."""
    waiting = func.count().filter(Question.answer == "", Question.withdrawn_at.is_(None))
    page = (
        _live(tx, tables)
        .with_only_columns(Signal.id, Signal.reference, Signal.urgency, waiting, maintain_column_froms=True)
        .group_by(Signal.id, Signal.reference, Signal.urgency)
        .order_by((waiting == 0), func.min(Question.due_on), Signal.id)
        .limit(PAGE)
        .offset((number - 1) * PAGE)
    )
    signals = tx.session.execute(page).all()
    query = select(Question).where(Question.signal_id.in_([row.id for row in signals]))
    there = _there(tx)
    cells: dict[tuple[str, str], list[str]] = {}
    for one in tx.session.scalars(query.order_by(Question.asked_at, Question.id)):
        cells.setdefault((one.signal_id, one.agency_id), []).append(_state_of(tx, one, there))
    asked = sorted({agency for _signal, agency in cells})
    titles = dict(tx.session.execute(select(Agency.id, Agency.title).where(Agency.id.in_(asked))).all())
    order = sorted(asked, key=lambda agency: titles.get(agency, ""))
    rows = tuple(
        SignalRow(
            reference=row.reference,
            urgency=row.urgency,
            waiting=sum(one in (OPEN, LATE) for agency in order for one in cells.get((row.id, agency), ())),
            cells=tuple(tuple(cells.get((row.id, agency), ())) for agency in order),
        )
        for row in signals
    )
    return rows, tuple(titles.get(agency, "") for agency in order)
