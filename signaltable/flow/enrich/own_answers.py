"""What an agency answered before: its answers and contexts, on which ground, and who reads them now."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import GONE, Resource, day_of
from signaltable.flow import contexts
from signaltable.flow.dossier import pseudonym
from signaltable.flow.enrich.asked import is_late, own_question
from signaltable.models import AgendaItem, Meeting, Question, RegionalTable, Signal
from signaltable.queries import agency_titles, newest_first, not_kept_from
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class GivenLine:
    """An answer of the own agency, with its context and where that went.

    `readers` are the agencies that the ground of the context leads to now; `table` the table that got it; `met_on` the
    days on which that signal was on an agenda since, of which minutes may tell what was said.
    """

    id: str
    subject: str
    fact: str
    answer: str
    answered_at: datetime
    late: bool
    anonymous: bool
    context: str
    ground: str
    table: str
    readers: tuple[str, ...]
    met_on: tuple[date, ...]


@dataclass(frozen=True, slots=True)
class GivenPage:
    """Answers, the newest first, 25 at a time; `following` is the id of the last one when there are more."""

    lines: tuple[GivenLine, ...]
    following: str


def own_answers(tx: Transaction, *, after: str = "") -> GivenPage:
    """The answers of the actor's agency. Raises `NotFound` or `Refused` for a place in the list that is not theirs."""
    agency = tx.actor.agency_id
    require(tx.actor, Permission.ENRICH_ANSWER_ASKED, Resource("question", asked_agencies=frozenset({agency})))
    query = (
        select(Question)
        .join(Signal, Signal.id == Question.signal_id)
        .where(
            Question.agency_id == agency,
            Question.answered_at.is_not(None),
            Signal.state.not_in(GONE),
            not_kept_from(tx, Question.signal_id),
        )
    )
    last = own_question(tx, after) if after else None
    place = (last.answered_at, last.id) if last and last.answered_at else None
    rows: list[Question]
    rows, following = newest_first(tx, query, Question.answered_at, Question.id, place)
    tx.record(
        "signal:list",
        object_type="agency",
        object_id=agency,
        details={"view": "own_answers", "count": len(rows)},
        subjects=list(dict.fromkeys(one.subject_id for one in rows if one.subject_id)),
    )
    return GivenPage(tuple(_lines(tx, rows)), rows[-1].id if following else "")


def _lines(tx: Transaction, rows: list[Question]) -> list[GivenLine]:
    reached, titles, met = contexts.reached(tx, rows), agency_titles(tx), _met_on(tx, rows)
    tables = dict(
        tx.session.execute(
            select(RegionalTable.id, RegionalTable.title).where(
                RegionalTable.id.in_(sorted({one.context_table for one in rows}))
            )
        ).all()
    )
    return [
        GivenLine(
            id=one.id,
            subject=pseudonym(tx, one.agency_id, one.subject_id) if one.subject_id else "",
            fact=one.fact,
            answer=one.answer,
            answered_at=one.answered_at or one.asked_at,
            late=is_late(one, tx.today),
            anonymous=one.anonymous,
            context=one.context,
            ground=one.context_ground,
            table=tables.get(one.context_table, ""),
            readers=tuple(sorted(titles.get(agency, "") for agency in reached[one.id])),
            met_on=met.get(one.id, ()),
        )
        for one in rows
    ]


def _met_on(tx: Transaction, rows: list[Question]) -> dict[str, tuple[date, ...]]:
    """Question id -> the days since it was answered on which its signal was on the agenda of a meeting that was held."""
    found = tx.session.execute(
        select(AgendaItem.signal_id, Meeting.held_on)
        .join(Meeting, Meeting.id == AgendaItem.meeting_id)
        .where(
            AgendaItem.signal_id.in_(sorted({one.signal_id for one in rows})),
            Meeting.held_on <= tx.today,
            Meeting.cancelled_at.is_(None),
        )
        .order_by(Meeting.held_on)
    ).all()
    return {
        one.id: tuple(
            row.held_on
            for row in found
            if row.signal_id == one.signal_id and one.answered_at and row.held_on >= day_of(one.answered_at)
        )
        for one in rows
    }
