"""Who comes to a meeting, who comes in whose place, and who was there. The minutes read what is noted here."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import exists, select

from signaltable.access import Allowed, Permission, may, require
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.table.meetings import meeting_of, members, names, resource_of_meeting
from signaltable.flow.work import MOST, WorkItem
from signaltable.models import Account, Attendance, Meeting, Minutes, RegionalTable, TableMember
from signaltable.transaction import Transaction

COMING: Final = "coming"
NOT_COMING: Final = "not_coming"
ANSWERS: Final = (COMING, NOT_COMING)
PRESENT: Final = "present"
ABSENT: Final = "absent"
UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_COLLEAGUE = "expected a colleague who may come to this table and has not said no"
# People of one table on one page; the rest is told as a number.
MOST_PEOPLE: Final = 200


@dataclass(frozen=True, slots=True)
class Attender:
    """Somebody who can come to a meeting. `answer` and `presence` are codes, empty when nothing was said or noted.

    `replaces` is the name of the colleague in whose place they come.
    """

    account_id: str
    name: str
    agency: str
    answer: str
    presence: str
    replaces: str


@dataclass(frozen=True, slots=True)
class Attending:
    """Everybody of a table with what they said about a meeting, by agency and name; `more` are not on the page.

    `mine` is the actor's own answer, `colleagues` (id, name) who can come in their place, `replaced_by` who does.
    """

    people: tuple[Attender, ...]
    more: int
    mine: str
    replaced_by: str
    colleagues: tuple[tuple[str, str], ...]
    may_answer: bool
    may_note: bool


def attending(tx: Transaction, meeting_id: str) -> Attending:
    """Who comes to a meeting. For everybody at the table: who sits there is known to each other."""
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    people = _people(tx, meeting)
    rows = _rows(tx, meeting)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "view": "attendance", "count": len(people)},
    )
    known = names(tx, [*(row.account_id for row in rows.values()), *(row.replaces for row in rows.values())])
    shown = people[:MOST_PEOPLE]
    mine = rows.get(tx.actor.account_id)
    stand_in = next((one for one in rows.values() if one.replaces == tx.actor.account_id), None)
    open_for_answers = _open(tx, meeting)
    return Attending(
        people=tuple(_attender(row, rows, known) for row in shown),
        more=len(people) - len(shown),
        mine=mine.answer if mine else "",
        replaced_by=known.get(stand_in.account_id, "") if stand_in else "",
        colleagues=tuple(_colleagues(tx, people)) if open_for_answers else (),
        may_answer=open_for_answers and tx.actor.account_id in {one.id for one in people},
        may_note=(
            _may_note(tx, meeting)
            and meeting.held_on <= tx.today
            and meeting.cancelled_at is None
            and not _is_laid_down(tx, meeting)
        ),
    )


@dataclass(frozen=True, slots=True)
class _Person:
    id: str
    name: str
    agency_id: str
    agency: str


def _people(tx: Transaction, meeting: Meeting) -> list[_Person]:
    """Everybody of the member agencies whose role lets them come, and who was noted before and lost that since."""
    titles = dict(members(tx, meeting.table_id))
    able = mailing.accounts_with(tx, titles, Permission.TABLE_CONSULT_OWN_TABLE)
    noted = select(Attendance.account_id).where(Attendance.meeting_id == meeting.id)
    rows = tx.session.execute(
        select(Account.id, Account.name, Account.agency_id).where(Account.id.in_(able) | Account.id.in_(noted)),
    )
    found = [_Person(row.id, row.name, row.agency_id, titles.get(row.agency_id, "")) for row in rows]
    return sorted(found, key=lambda one: (one.agency, one.name, one.id))


def _rows(tx: Transaction, meeting: Meeting) -> dict[str, Attendance]:
    query = select(Attendance).where(Attendance.meeting_id == meeting.id)
    return {row.account_id: row for row in tx.session.scalars(query)}


def _attender(one: _Person, rows: Mapping[str, Attendance], known: Mapping[str, str]) -> Attender:
    row = rows.get(one.id)
    if row is None:
        return Attender(one.id, one.name, one.agency, "", "", "")
    return Attender(one.id, one.name, one.agency, row.answer, row.presence, known.get(row.replaces, ""))


def _colleagues(tx: Transaction, people: Iterable[_Person]) -> Iterable[tuple[str, str]]:
    me, agency = tx.actor.account_id, tx.actor.agency_id
    return [(one.id, one.name) for one in people if one.agency_id == agency and one.id != me]


def _open(tx: Transaction, meeting: Meeting) -> bool:
    return meeting.cancelled_at is None and meeting.closed_at is None and meeting.held_on >= tx.today


def _may_note(tx: Transaction, meeting: Meeting) -> bool:
    """The chair of this meeting, and whoever chairs or coordinates the table."""
    leads = may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE, resource_of_meeting(tx, meeting))
    return isinstance(leads, Allowed) or (bool(meeting.chair) and meeting.chair == tx.actor.account_id)


def _is_laid_down(tx: Transaction, meeting: Meeting) -> bool:
    """Whether others read already who was there."""
    minutes = tx.session.get(Minutes, meeting.id)
    return minutes is not None and minutes.shared_at is not None


# -- before the meeting ----------------------------------------------------------------------------------------------


def answer(tx: Transaction, meeting_id: str, said: str, *, replacement: str = "") -> None:
    """Say whether one comes, or which colleague comes instead. The last answer counts.

    Raises `Conflict` when the meeting is over or called off, `UnusableInput` for an answer or a colleague that was not
    offered.
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    tx.session.refresh(meeting, with_for_update=True)
    if not _open(tx, meeting):
        raise Conflict("held", "the meeting was held already or called off")
    if said not in ANSWERS:
        raise UnusableInput({"answer": UNKNOWN_CHOICE})
    rows, me = _rows(tx, meeting), tx.actor.account_id
    stand_in = replacement if said == NOT_COMING else ""
    if stand_in and stand_in not in dict(_colleagues(tx, _people(tx, meeting))):
        raise UnusableInput({"replacement": NO_COLLEAGUE})
    if stand_in and stand_in in rows and rows[stand_in].answer == NOT_COMING:
        raise UnusableInput({"replacement": NO_COLLEAGUE})
    _release(tx, rows, me, keep=stand_in)
    _put(tx, meeting, rows, me, answer=said, replaces="")
    if stand_in:
        _put(tx, meeting, rows, stand_in, answer=COMING, replaces=me)
        urgent = mailing.presses(tx, "meeting", due_on=meeting.held_on)
        mailing.tell(tx, [stand_in], "meeting", task=("meeting", meeting.id), urgent=urgent)
    _record(tx, meeting, [me, *([stand_in] if stand_in else [])], [said, *(["replacement"] if stand_in else [])])


def _release(tx: Transaction, rows: Mapping[str, Attendance], me: str, *, keep: str) -> None:
    """Whoever was to come in one's place no longer does; their answer goes when only oneself had given it."""
    for row in rows.values():
        if row.replaces == me and row.account_id != keep:
            row.replaces = ""
            row.answer = "" if row.noted_by == me else row.answer
            row.noted_by, row.noted_at = me, tx.now


def _put(
    tx: Transaction, meeting: Meeting, rows: dict[str, Attendance], account_id: str, *, answer: str, replaces: str
) -> None:
    row = rows.get(account_id)
    if row is None:
        agency = tx.session.get_one(Account, account_id).agency_id
        row = Attendance(meeting_id=meeting.id, account_id=account_id, agency_id=agency)
        rows[account_id] = row
        tx.session.add(row)
    row.answer, row.replaces = answer, replaces
    row.noted_by, row.noted_at = tx.actor.account_id, tx.now


# -- at the meeting --------------------------------------------------------------------------------------------------


def note_presence(tx: Transaction, meeting_id: str, present: Iterable[str]) -> None:
    """Note who is there: these accounts, and nobody else of the table. Also people who had not answered.

    For the chair of the meeting and whoever chairs or coordinates the table. Raises `Conflict` before the day of the
    meeting, when it was called off, and once its minutes were shared (a draft is made anew); `UnusableInput` for
    somebody who does not sit at the table.
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_CONSULT_OWN_TABLE)
    if not _may_note(tx, meeting):
        require(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE, resource_of_meeting(tx, meeting))
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.cancelled_at is not None or meeting.held_on > tx.today:
        raise Conflict("not_held", "the meeting has not begun, or was called off")
    if _is_laid_down(tx, meeting):
        raise Conflict("closed", "the minutes of the meeting were shared already")
    there, rows = set(present), _rows(tx, meeting)
    if there - {one.id for one in _people(tx, meeting)}:
        raise UnusableInput({"present": UNKNOWN_CHOICE})
    changed = [one for one in sorted(there) if one not in rows or rows[one].presence != PRESENT]
    for account_id in changed:
        if account_id not in rows:
            _put(tx, meeting, rows, account_id, answer="", replaces="")
        rows[account_id].presence = PRESENT
    gone = [row for row in rows.values() if row.account_id not in there and row.presence != ABSENT]
    for row in gone:
        row.presence = ABSENT
    _record(tx, meeting, sorted([*changed, *(row.account_id for row in gone)]), ["presence"])


def _record(tx: Transaction, meeting: Meeting, accounts: list[str], changed: list[str]) -> None:
    details = {"meeting": meeting.id, "accounts": accounts, "changed": changed}
    tx.record("table:attend", object_type="meeting", object_id=meeting.id, details=details)


# -- the work list ---------------------------------------------------------------------------------------------------


def work(tx: Transaction) -> Iterable[WorkItem]:
    """The coming meetings of the actor's tables about which they said nothing yet."""
    said = exists().where(
        Attendance.meeting_id == Meeting.id,
        Attendance.account_id == tx.actor.account_id,
        Attendance.answer != "",
    )
    rows = tx.lists.execute(
        select(Meeting.id, Meeting.created_at, Meeting.held_on, RegionalTable.title)
        .join(RegionalTable, RegionalTable.id == Meeting.table_id)
        .join(TableMember, TableMember.table_id == Meeting.table_id)
        .where(
            TableMember.agency_id == tx.actor.agency_id,
            Meeting.held_on >= tx.today,
            Meeting.cancelled_at.is_(None),
            Meeting.closed_at.is_(None),
            ~said,
        )
        .order_by(Meeting.held_on, Meeting.id)
        .limit(MOST),
    )
    for row in rows:
        yield WorkItem("meetings", row.id, row.title, row.created_at, row.held_on)
