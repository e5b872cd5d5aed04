"""Which reads of a case had no task around them, by the rows of the business: questions, meetings, disclosures, duties.

Who reads a case has a reason when the case is their own, when their agency was asked, when it stands on an agenda of their
table, when something was disclosed from or to their agency, when something is owed, or when they did something with it.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from audit.vocabulary import ACTIONS
from signaltable.access import Permission
from signaltable.domain import ENDED, ZONE
from signaltable.models import (
    AccountRole,
    AgendaItem,
    Disclosure,
    Duty,
    LogEntry,
    Meeting,
    Question,
    Signal,
    SignalMove,
    SignalTableMove,
    TableMember,
)
from signaltable.policy import PolicySet

# Acts by which somebody sees a case or an identity.
READS: Final = ("signal:consult", "identity:consult", "disclosure:consult")
_ACTS: Final = frozenset(name for name, action in ACTIONS.items() if action.effect != "R")
_CHUNK: Final = 400
_ALWAYS: Final = (datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC))

Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Read:
    """One read without a task."""

    seq: int
    recorded_at: datetime
    object: str
    actor: str
    agency: str


@dataclass(slots=True)
class _Case:
    """When there was a task around a signal: for whom. Spans are already as wide as the rule allows."""

    id: str = ""
    submitter: str = ""
    owner: str = ""
    live: Span = _ALWAYS
    table: frozenset[str] = frozenset()
    per_agency: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    meetings: list[Span] = field(default_factory=list)
    second_looks: list[Span] = field(default_factory=list)

    def spans(self, actor: str, agency: str, duties: "_Duties") -> list[Span]:
        """When this person had a reason to look, as far as the rows can tell."""
        if actor == self.submitter:
            return [_ALWAYS]
        seated = agency in self.table
        found = list(self.per_agency.get(agency, ()))
        if agency == self.owner or (seated and actor in duties.coordinators):
            found.append(self.live)
        if seated:
            found += self.meetings
        if actor in duties.second_people and (seated or agency == self.owner):
            found += self.second_looks
        return found


@dataclass(frozen=True, slots=True)
class _Duties:
    """Who looks at cases because of a role: the coordinators who keep them moving, and who may look a second time."""

    coordinators: frozenset[str]
    second_people: frozenset[str]


def _within(at: datetime, spans: Iterable[Span]) -> bool:
    return any(start <= at <= end for start, end in spans)


# Account, agency and reference -> the first and the last read.
Opened = Mapping[tuple[str, str, str], Sequence[datetime]]


class Untasked:
    """Tells which reads of cases had no task around them, for as many cases at a time as whoever asks holds."""

    def __init__(
        self, session: Session, policy: PolicySet, floors: Mapping[str, int], around: timedelta, since: datetime
    ) -> None:
        """`around`: so long before and after a task counts as well. `floors`: account -> the entry up to which all is settled."""
        self._session, self._floors, self._around, self._since = session, floors, around, since
        self._duties = _Duties(
            _holders(session, policy, Permission.SIGNAL_TRIAGE_OWN_TABLE),
            _holders(session, policy, Permission.DISCLOSURE_APPROVE_OTHER),
        )

    def among(self, opened: Opened, first: int, last: int) -> list[Read]:
        """Those of the reads in entries `first` up to and with `last`, which `opened` sums up, in the order of the log."""
        by_object: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for actor, agency, reference in opened:
            by_object[reference].append((actor, agency))
        references, found = sorted(by_object), list[Read]()
        for start in range(0, len(references), _CHUNK):
            some = {one: by_object[one] for one in references[start : start + _CHUNK]}
            suspect = self._suspect(some, opened)
            for read in _reads(self._session, suspect, self._floors, self._around, first):
                if read.seq <= last and read.recorded_at >= self._since:
                    found.append(read)
        return sorted(found, key=lambda one: one.seq)

    def _suspect(
        self, by_object: Mapping[str, Sequence[tuple[str, str]]], opened: Opened
    ) -> dict[tuple[str, str, str], list[Span]]:
        """Who read what perhaps without a task, with when there was one."""
        cases = _cases(self._session, by_object, self._around)
        known = {reference: readers for reference, readers in by_object.items() if reference in cases}
        # Most read a case because it is theirs or their table's. Only for the others the rest is asked of the database.
        unexplained = {
            reference
            for reference, readers in known.items()
            if self._without(cases[reference], reference, readers, opened)
        }
        _add_tasks(self._session, {cases[one].id: cases[one] for one in unexplained}, self._around)
        return {
            (actor, agency, reference): spans
            for reference in unexplained
            for actor, agency, spans in self._without(cases[reference], reference, known[reference], opened)
        }

    def _without(
        self, case: _Case, reference: str, readers: Iterable[tuple[str, str]], opened: Opened
    ) -> list[tuple[str, str, list[Span]]]:
        """The readers of a case who had no task around it by what is known of it, each with when there was one."""
        found = []
        for actor, agency in readers:
            spans = case.spans(actor, agency, self._duties)
            begin, end = opened[actor, agency, reference]
            # Whether first and last read fall in one and the same time with a task, so that all between do.
            if not any(start <= begin and end <= until for start, until in spans):
                found.append((actor, agency, spans))
        return found


def _reads(
    session: Session,
    suspect: Mapping[tuple[str, str, str], Sequence[Span]],
    floors: Mapping[str, int],
    around: timedelta,
    since: int,
) -> Iterator[Read]:
    """The reads that lie outside every span, and not near anything else that the same person did with the case."""
    columns = select(
        LogEntry.seq, LogEntry.recorded_at, LogEntry.action, LogEntry.actor, LogEntry.agency, LogEntry.object
    )
    objects = sorted({reference for _actor, _agency, reference in suspect})
    acted: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    found = []
    for row in session.execute(columns.where(LogEntry.object.in_(objects)).order_by(LogEntry.seq)):
        key = (row.actor, row.agency, row.object)
        if key not in suspect:
            continue
        if row.action in _ACTS:
            # Acts that follow each other closely make one long span.
            begin, end = row.recorded_at - around, row.recorded_at + around
            if acted[key] and acted[key][-1][1] >= begin:
                acted[key][-1] = (acted[key][-1][0], end)
            else:
                acted[key].append((begin, end))
        elif row.action in READS and row.seq >= max(since, floors.get(row.actor, -1) + 1):
            found.append(Read(row.seq, row.recorded_at, row.object, row.actor, row.agency))
    for read in found:
        key = read.actor, read.agency, read.object
        if not _within(read.recorded_at, suspect[key]) and not _within(read.recorded_at, acted.get(key, ())):
            yield read


def _holders(session: Session, policy: PolicySet, needed: Permission) -> frozenset[str]:
    """The accounts whose roles hold a permission."""
    rows = session.execute(select(AccountRole.account_id, AccountRole.role))
    return frozenset(row.account_id for row in rows if needed.value in policy.permissions_of([row.role]))


# -- the rows -------------------------------------------------------------------------------------------------------


def _cases(session: Session, objects: Iterable[str], around: timedelta) -> dict[str, _Case]:
    """Reference of a signal or disclosure -> whose its signal is, and its table's. One that has no row is left out: fsck's."""
    references = sorted(objects)
    of_disclosure = dict(
        session.execute(
            select(Disclosure.reference, Disclosure.signal_id).where(Disclosure.reference.in_(references)),
        ).all(),
    )
    signals = session.execute(
        select(
            Signal.id,
            Signal.reference,
            Signal.owner_agency,
            Signal.submitter,
            Signal.table_id,
            Signal.created_at,
            Signal.state,
        ).where(or_(Signal.reference.in_(references), Signal.id.in_(set(of_disclosure.values())))),
    ).all()
    members = _members(session)
    ended = _ended(session, [row.id for row in signals if row.state in ENDED])
    cases = {
        row.id: _Case(
            id=row.id,
            submitter=row.submitter,
            owner=row.owner_agency,
            live=(row.created_at - around, ended[row.id] + around if row.id in ended else _ALWAYS[1]),
            table=_seated(members, (row.table_id,)),
        )
        for row in signals
    }
    named = {row.reference: cases[row.id] for row in signals}
    return named | {reference: cases[signal] for reference, signal in of_disclosure.items() if signal in cases}


def _add_tasks(session: Session, cases: Mapping[str, _Case], around: timedelta) -> None:
    """Signal id -> its case, which gets the tasks of other agencies and of the tables where it lay before."""
    if not cases:
        return
    _add_tables_before(session, cases)
    _add_questions(session, cases, around)
    _add_meetings(session, cases, around)
    _add_disclosures(session, cases, around)


def _add_tables_before(session: Session, cases: Mapping[str, _Case]) -> None:
    """The members of the tables where a case lay before had a reason to look then."""
    columns = select(SignalTableMove.signal_id, SignalTableMove.from_table)
    moved = session.execute(columns.where(SignalTableMove.signal_id.in_(list(cases)))).all()
    members = _members(session) if moved else {}
    for signal_id, table in moved:
        cases[signal_id].table |= _seated(members, (table,))


def _seated(members: Mapping[str, frozenset[str]], tables: Iterable[str]) -> frozenset[str]:
    return frozenset(agency for table in tables for agency in members.get(table, ()))


def _members(session: Session) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for table, agency in session.execute(select(TableMember.table_id, TableMember.agency_id)):
        found[table].add(agency)
    return {table: frozenset(agencies) for table, agencies in found.items()}


def _ended(session: Session, signal_ids: Sequence[str]) -> dict[str, datetime]:
    query = (
        select(SignalMove.signal_id, func.max(SignalMove.at))
        .where(SignalMove.signal_id.in_(signal_ids), SignalMove.state_to.in_(ENDED))
        .group_by(SignalMove.signal_id)
    )
    return dict(session.execute(query).all())


def _add_questions(session: Session, cases: Mapping[str, _Case], around: timedelta) -> None:
    columns = select(Question.signal_id, Question.agency_id, Question.asked_at, Question.answered_at, Question.due_on)
    for row in session.execute(columns.where(Question.signal_id.in_(list(cases)))):
        end = row.answered_at or _end_of(row.due_on)
        cases[row.signal_id].per_agency[row.agency_id].append((row.asked_at - around, end + around))


def _add_meetings(session: Session, cases: Mapping[str, _Case], around: timedelta) -> None:
    columns = select(AgendaItem.signal_id, Meeting.held_on).join(Meeting, Meeting.id == AgendaItem.meeting_id)
    for row in session.execute(columns.where(AgendaItem.signal_id.in_(list(cases)))):
        cases[row.signal_id].meetings.append((_start_of(row.held_on) - around, _end_of(row.held_on) + around))


def _add_disclosures(session: Session, cases: Mapping[str, _Case], around: timedelta) -> None:
    rows = session.execute(
        select(
            Disclosure.id,
            Disclosure.signal_id,
            Disclosure.provider_agency,
            Disclosure.recipient_agency,
            Disclosure.requested_at,
            Disclosure.approved_at,
            Disclosure.disclosed_at,
            Disclosure.responded_at,
            Disclosure.feedback_at,
            Disclosure.due_on,
        ).where(Disclosure.signal_id.in_(list(cases))),
    ).all()
    for row in rows:
        case = cases[row.signal_id]
        moments = [row.requested_at, row.approved_at, row.disclosed_at, row.responded_at, row.feedback_at]
        last = max(one for one in moments if one is not None)
        last = max(last, _end_of(row.due_on)) if row.due_on else last
        for agency in (row.provider_agency, row.recipient_agency):
            case.per_agency[agency].append((row.requested_at - around, last + around))
        # Whoever may agree at the table looks between the request and the decision.
        decided = row.approved_at or row.disclosed_at or row.responded_at or _ALWAYS[1] - around
        case.second_looks.append((row.requested_at, decided + around))
    _add_duties(session, cases, {row.id: row.signal_id for row in rows}, around)


def _add_duties(session: Session, cases: Mapping[str, _Case], signals: Mapping[str, str], around: timedelta) -> None:
    columns = select(
        Duty.disclosure_id, Duty.agency_id, Duty.kind, Duty.created_at, Duty.due_at, Duty.fulfilled_at
    ).where(Duty.disclosure_id.in_(list(signals)))
    for row in session.execute(columns):
        case = cases[signals[row.disclosure_id]]
        for at in (row.created_at, row.due_at, row.fulfilled_at):
            if at is not None:
                span = (at - around, at + around)
                case.per_agency[row.agency_id].append(span)
                if row.kind == "review":
                    case.second_looks.append(span)


def _start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, ZONE)


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(23, 59, 59), ZONE)
