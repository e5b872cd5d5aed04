"""What an agency does after a meeting, by which day, and what came of it.

A decision with a holder and a day makes one, and the table can add more. The holder settles it with a result or puts it
off; the chair and the coordinator may do so for the holder, because that is what is said at the next meeting.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import func, select

from signaltable.access import Denied, Permission, may, require
from signaltable.audit_trail import day_milliseconds
from signaltable.domain import GONE, Conflict, NotFound, Resource, State, UnusableInput
from signaltable.flow import mailing
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG, for_others, text_hash
from signaltable.flow.postponements import TASK, put_off, reason_of, times_put_off
from signaltable.flow.table.agenda import item_of
from signaltable.flow.table.meetings import PAST, meeting_of, members
from signaltable.flow.table.task_lines import TaskLine, lines_of
from signaltable.models import AgendaItem, Meeting, MeetingTask, Postponement, Signal
from signaltable.queries import agency_titles, kept_from_signal, resource_of, signal_by_reference
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction, in_whole

TEXT_LIMIT: Final = 500
ANSWER_LIMIT: Final = 1000
REASON_LIMIT: Final = 1000
# More on one case is no list that anybody keeps in mind at a meeting.
MOST_TASKS: Final = 12

DONE, NOT_POSSIBLE, NOT_NEEDED = "done", "not_possible", "not_needed"
RESULTS: Final = (DONE, NOT_POSSIBLE, NOT_NEEDED)
# Without a word of explanation the table would have to ask why.
EXPLAINED: Final = frozenset({NOT_POSSIBLE})
KIND: Final = "task"

UNKNOWN_CHOICE = "expected one of the choices on the form"
NO_RESULT = "expected what came of it"
NO_DAY = "expected a day by which this is done"
TOO_LATE = "expected a day within the longest time that this may be put off"
TOO_EARLY = "expected a later day than the one that counts now"
TOO_MANY = "expected fewer tasks on one case"


@dataclass(frozen=True, slots=True)
class PutOff:
    """A day that was put off. `reason` is empty for who is not of the agency that did it."""

    at: datetime
    agency: str
    before: date
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task with what can be done about it. `latest` is the last day to put it off to, None when that is over."""

    line: TaskLine
    reason: str
    put_off: tuple[PutOff, ...]
    may_settle: bool
    latest: date | None


# -- making ------------------------------------------------------------------------------------------------------


def make(tx: Transaction, meeting: Meeting, item: AgendaItem, agency_id: str, due_on: date, text: str = "") -> str:
    """Note that an agency does something by a day, record it, and tell its people. Returns the id of the task.

    `text` is masked already. The caller asked the gate.
    """
    signal = tx.session.get_one(Signal, item.signal_id)
    task = MeetingTask(
        id=tx.new_id(),
        item_id=item.id,
        signal_id=item.signal_id,
        agency_id=agency_id,
        text=text,
        due_on=due_on,
        made_by=tx.actor.account_id,
        made_at=tx.now,
        postponed=0,
        version=1,
    )
    tx.session.add(task)
    details: dict[str, Any] = {
        "meeting": meeting.id,
        "signal": signal.reference,
        "task": task.id,
        "agencies": [agency_id],
        "due_at": day_milliseconds(due_on),
    }
    details |= {"text_hash": text_hash(text)} if text else {}
    tx.record("table:assign", object_type="signal", object_id=signal.reference, details=details)
    tx.session.flush()  # So that who is told of it can be asked of the row.
    urgent = mailing.presses(tx, "task", urgency=signal.urgency, due_on=due_on)
    mailing.tell(tx, holders(tx, task), "task", task=(KIND, task.id), urgent=urgent)
    return task.id


def assign(tx: Transaction, meeting_id: str, reference: str, *, agency: str, text: str, due_on: date | None) -> str:
    """Add a task to a case at a meeting; its words are masked. Returns its id.

    Raises `UnusableInput` for what is missing or was not offered, `Conflict` when the meeting was closed (closed).
    """
    meeting = meeting_of(tx, meeting_id, Permission.TABLE_DECIDE_OWN_TABLE)
    signal = signal_by_reference(tx, reference)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    require(tx.actor, Permission.TABLE_DECIDE_OWN_TABLE, resource_of(tx, signal))
    item = item_of(tx, meeting, signal)
    tx.session.refresh(meeting, with_for_update=True)
    if meeting.closed_at is not None:
        raise Conflict("closed", "the meeting was closed already")
    problems = {}
    if agency not in {one for one, _title in members(tx, meeting.table_id)}:
        problems["agency"] = UNKNOWN_CHOICE
    if due_on is None:
        problems["task_due_on"] = NO_DAY
    elif due_on < tx.today:
        problems["task_due_on"] = PAST
    if len(_of_item(tx, item.id)) >= MOST_TASKS:
        problems["task_text"] = TOO_MANY
    if due_on is None or problems:
        raise UnusableInput(problems)
    return make(tx, meeting, item, agency, due_on, for_others(tx, text, "task_text", limit=TEXT_LIMIT, required=True))


def _of_item(tx: Transaction, item_id: str) -> list[str]:
    return list(tx.session.scalars(select(MeetingTask.id).where(MeetingTask.item_id == item_id)))


def holders(tx: Transaction, task: MeetingTask) -> list[str]:
    """The accounts that may settle a task at its agency."""
    return mailing.accounts_with(tx, [task.agency_id], Permission.TASK_SETTLE_OWN)


def default_day(tx: Transaction) -> date:
    """The day by which a task of today is done when nobody says another (policies/deadlines.toml, table-task)."""
    return tx.program.policy.deadlines["table-task"].due(tx.today)


# -- reading -----------------------------------------------------------------------------------------------------


def consult(tx: Transaction, task_id: str) -> TaskView:
    """One task, for its agency and for who leads the table; that is recorded. Raises `Refused` and `NotFound`."""
    task, meeting, signal = _found(tx, task_id)
    tx.record(
        "table:consult",
        object_type="meeting",
        object_id=meeting.id,
        details={"meeting": meeting.id, "signal": signal.reference, "view": "task"},
    )
    item = tx.session.get_one(AgendaItem, task.item_id)
    (line,) = lines_of(tx, [task])
    return TaskView(
        line=line,
        reason=item.reason,
        put_off=tuple(_put_off(tx, task)),
        may_settle=task.settled_at is None,
        latest=None if task.settled_at else _latest(tx, task),
    )


@in_whole("the gate sees what it refuses")
def _found(tx: Transaction, task_id: str, *, locked: bool = False) -> tuple[MeetingTask, Meeting, Signal]:
    """A task of the actor's agency, or about a signal at a table that the actor leads."""
    task = tx.session.get(MeetingTask, task_id)
    if task is None:
        require(tx.actor, Permission.TASK_SETTLE_OWN)
        raise NotFound("no such task")
    item = tx.session.get_one(AgendaItem, task.item_id)
    meeting = tx.session.get_one(Meeting, item.meeting_id)
    signal = tx.session.get_one(Signal, task.signal_id)
    resource = Resource(
        "task",
        task_id,
        owner_agency=task.agency_id,
        table_agencies=frozenset(agency for agency, _title in members(tx, signal.table_id)),
        case_id=signal.id,
        kept_from=kept_from_signal(tx, task.signal_id),
    )
    leads = may(tx.actor, Permission.TABLE_MINUTE_OWN_TABLE, resource)
    if isinstance(leads, Denied):
        # Whoever is kept from the case hears nothing else: there is no such task for them.
        kept = leads.reason == "conflict_of_interest"
        require(tx.actor, leads.permission if kept else Permission.TASK_SETTLE_OWN, resource)
    if State(signal.state) in GONE:
        raise NotFound("the signal was taken back or has expired")
    if locked:
        tx.session.refresh(task, with_for_update=True)
    return task, meeting, signal


def _put_off(tx: Transaction, task: MeetingTask) -> Iterable[PutOff]:
    titles = agency_titles(tx)
    for row in times_put_off(tx, task.id, TASK):
        yield PutOff(row.at, titles.get(row.agency_id, ""), row.before, row.until, reason_of(tx, row))


# -- settling and putting off --------------------------------------------------------------------------------------


def settle(tx: Transaction, task_id: str, *, result: str, answer: str, version: int) -> None:
    """Say what came of a task, once; the coordinator gets a mail. The words are masked and the table reads them.

    Raises `Conflict` when somebody settled or changed it meanwhile, `UnusableInput` for what cannot be used.
    """
    task, meeting, signal = _found(tx, task_id, locked=True)
    _unchanged(task, version)
    if result not in RESULTS:
        raise UnusableInput({"result": NO_RESULT if not result else UNKNOWN_CHOICE})
    words = for_others(tx, answer, "answer", limit=ANSWER_LIMIT, required=result in EXPLAINED)
    late = task.due_on < tx.today
    task.result, task.answer = result, words
    task.settled_by, task.settled_at = tx.actor.account_id, tx.now
    task.version += 1
    details = {"meeting": meeting.id, "signal": signal.reference, "task": task.id, "result": result, "late": late}
    details |= {"text_hash": text_hash(words)} if words else {}
    tx.record("table:settle", object_type="signal", object_id=signal.reference, details=details)
    leading = set(leaders(tx, signal)) - {tx.actor.account_id}
    mailing.tell(tx, leading, "task-settled", task=(KIND, task.id))


def end_with_case(tx: Transaction, signal: Signal) -> int:
    """The case is closed: what its tasks asked is not needed any more. Returns how many. The caller locked the signal."""
    rows = tx.session.execute(
        select(MeetingTask, AgendaItem.meeting_id)
        .join(AgendaItem, AgendaItem.id == MeetingTask.item_id)
        .where(MeetingTask.signal_id == signal.id, MeetingTask.settled_at.is_(None))
        .order_by(MeetingTask.id)
        .with_for_update(of=MeetingTask)
    ).all()
    for task, meeting_id in rows:
        task.result, task.settled_by, task.settled_at = NOT_NEEDED, tx.actor.account_id, tx.now
        task.version += 1
        details = {"meeting": meeting_id, "signal": signal.reference, "task": task.id, "result": NOT_NEEDED}
        tx.record("table:settle", object_type="signal", object_id=signal.reference, details=details)
    return len(rows)


def leaders(tx: Transaction, signal: Signal) -> list[str]:
    """The coordinators of the table where a signal is."""
    agencies = [agency for agency, _title in members(tx, signal.table_id)]
    return mailing.accounts_with(tx, agencies, Permission.TABLE_SCHEDULE_OWN_TABLE)


def _unchanged(task: MeetingTask, version: int) -> None:
    if task.settled_at is not None:
        raise Conflict("settled", "somebody settled this task already")
    if task.version != version:
        raise Conflict("changed", "somebody changed this task meanwhile")


def postpone(tx: Transaction, task_id: str, *, until: date | None, reason: str, version: int) -> None:
    """Put a task off to a later day, with a reason that is sealed for the own agency; counted and recorded.

    In all by no more than policies/deadlines.toml says (task-postponement), from the day that the table set. Raises
    `Conflict` when it was settled or changed meanwhile, or cannot be put off any more (not_postponed).
    """
    task, meeting, signal = _found(tx, task_id, locked=True)
    _unchanged(task, version)
    latest = _latest(tx, task)
    if latest is None:
        raise Conflict("not_postponed", "this task cannot be put off any further")
    words = reason.strip()
    problems = dict(_delay_problems(tx, task, latest, until, words))
    if until is None or problems:
        raise UnusableInput(problems)
    put_off(tx, TASK, task.id, task.signal_id, before=task.due_on, until=until, why=words)
    moments = {"due_at": day_milliseconds(until), "previous_due_at": day_milliseconds(task.due_on)}
    task.due_on, task.reminded_at = until, None
    task.postponed += 1
    task.version += 1
    tx.record(
        "table:assign",
        object_type="signal",
        object_id=signal.reference,
        details={
            "meeting": meeting.id,
            "signal": signal.reference,
            "task": task.id,
            "agencies": [task.agency_id],
            "text_hash": text_hash(words),
            **moments,
        },
    )


def _delay_problems(
    tx: Transaction, task: MeetingTask, latest: date, until: date | None, reason: str
) -> Iterable[tuple[str, str]]:
    if until is None:
        yield "until", NO_DAY
    elif until > latest:
        yield "until", TOO_LATE
    elif until <= max(tx.today, task.due_on):
        yield "until", TOO_EARLY
    if not reason:
        yield "reason", NO_TEXT
    elif len(reason) > REASON_LIMIT:
        yield "reason", TOO_LONG
    elif contains_bsn(reason):
        yield "reason", HAS_BSN


def _latest(tx: Transaction, task: MeetingTask) -> date | None:
    """The last day to which a task can be put off: so long after the day that the table set; None when that is no later."""
    query = select(func.min(Postponement.before)).where(Postponement.kind == TASK, Postponement.object_id == task.id)
    first = tx.session.scalar(query) or task.due_on
    latest = tx.program.policy.deadlines["task-postponement"].due(first)
    return latest if latest > max(tx.today, task.due_on) else None


# -- when it is late ---------------------------------------------------------------------------------------------


def remind(tx: Transaction) -> tuple[int, int]:
    """Tell the holder and the coordinator of every task that became late, once. Returns how many tasks, how many mails.

    For the program itself; what was told is recorded. Running it again tells nobody twice.
    """
    rows = tx.session.execute(
        select(MeetingTask, Signal)
        .join(Signal, Signal.id == MeetingTask.signal_id)
        .where(
            MeetingTask.settled_at.is_(None),
            MeetingTask.reminded_at.is_(None),
            MeetingTask.due_on < tx.today,
            Signal.state.not_in(GONE),
        )
        .order_by(MeetingTask.due_on, MeetingTask.id)
        .with_for_update(of=MeetingTask),
    ).all()
    mails = 0
    for task, signal in rows:
        task.reminded_at = tx.now
        told = set(holders(tx, task)) | set(leaders(tx, signal))
        mailing.tell(tx, told, "task-overdue", task=(KIND, task.id))
        mails += len(told)
    if rows:
        tx.record(
            "deadline:overdue",
            object_type="task",
            details={
                "rule": "table-task",
                "count": len(rows),
                "object_type": "task",
                "objects": [task.id for task, _signal in rows],
                "mails": mails,
            },
        )
    return len(rows), mails
