"""The turns of a job: what is due, who may do it now, and what came of it.

Whoever runs a job holds its lock (job_locks) and writes a token into its row. The token ends every earlier claim: who lost
the lock, because its connection broke, can no longer say that a slot is done. A process that is killed leaves the slots as
they were, and the next one does them at once.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from signaltable.domain import Actor, SignaltableError
from signaltable.flow.job_locks import held
from signaltable.models import JobRun, JobTurn, LogDetail, LogEntry
from signaltable.slots import FORMAT, LONGEST_PAUSE, NAME_LENGTH, Due, Schedule, due, name_of, pause, to_repeat
from signaltable.transaction import Program, Transaction, reading, transaction

# What the outcome of a run that went wrong begins with; then the type of the error, because its text may hold data.
ERROR = "error:"
# A run whose process was killed, or lost its lock, in the middle; and one that was told to end. Neither is a failure.
KILLED, INTERRUPTED = f"{ERROR}Killed", f"{ERROR}Interrupted"
# A job of which nothing was to be told is told at least this often, with how many turns it had.
TOLD_EVERY = timedelta(days=1)
LONGEST_OUTCOME = 200


class Overtaken(SignaltableError):
    """Another process does these slots: this one lost its lock while it was at work."""


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do these slots of a job, until somebody else gets a token."""

    job: str
    due: Due
    token: str


@dataclass(frozen=True, slots=True)
class NotNow:
    """Why a job does not run: `not-due`, `running` elsewhere, or `waiting` until it is tried again after a failure."""

    why: str


@contextmanager
def turn(
    program: Program, actor: Actor, job: str, schedule: Schedule, *, at_once: bool = False
) -> Iterator[Turn | NotNow]:
    """The turn of a job with all its slots that are due, while this process holds its lock; or why there is none.

    With `at_once` a job that failed does not wait for its next try.
    """
    found = _due(program, job, schedule, at_once=at_once)
    if isinstance(found, NotNow):
        yield found
        return
    with held(program, job) as mine:
        # Looked at again: another process may have done it between the question and the lock.
        yield _begin(program, actor, job, schedule, at_once=at_once) if mine else NotNow("running")


def _due(program: Program, job: str, schedule: Schedule, *, at_once: bool) -> Due | NotNow:
    with reading(program) as session:
        row = session.get(JobTurn, job)
        return _what_is_due(session, job, schedule, row, program.clock(), at_once=at_once)


def what_is_due(session: Session, job: str, schedule: Schedule, row: JobTurn | None, now: datetime) -> Due | None:
    """The slots of a job that wait to be done, whether or not it may run now."""
    through = row.through if row else _before_turns(session, job)
    found = due(schedule, now, through)
    if found is not None:
        return found
    again = to_repeat(schedule, now, through)
    return None if again is None or _was_done(session, job, again) else again


def _what_is_due(
    session: Session, job: str, schedule: Schedule, row: JobTurn | None, now: datetime, *, at_once: bool
) -> Due | NotNow:
    found = what_is_due(session, job, schedule, row, now)
    if found is None:
        return NotNow("not-due")
    return NotNow("waiting") if row and not at_once and waits(row, now) else found


def waits(row: JobTurn, now: datetime) -> bool:
    """Whether a job that failed is not tried again yet. A wait that is longer than any pause began before the clock came back."""
    return row.try_at is not None and now < row.try_at <= now + LONGEST_PAUSE


def _was_done(session: Session, job: str, again: Due) -> bool:
    """Whether the slot of now ran in its own time, or again since the clock came back."""
    in_time = (JobRun.slot == name_of(again.last)) & (JobRun.slots > 0)
    done = select(JobRun.slot).where(
        JobRun.job == job,
        JobRun.finished_at.is_not(None),
        JobRun.outcome.not_like(f"{ERROR}%"),
        in_time | (JobRun.slot == again.name),
    )
    return session.scalar(done.limit(1)) is not None


def _before_turns(session: Session, job: str) -> str:
    """Up to where a job got that ran before there were rows of turns; "" for one that never ran."""
    last = select(func.max(JobRun.slot)).where(
        JobRun.job == job,
        JobRun.finished_at.is_not(None),
        JobRun.outcome.not_like(f"{ERROR}%"),
        func.length(JobRun.slot) == NAME_LENGTH,
    )
    return session.scalar(last) or ""


def _begin(program: Program, actor: Actor, job: str, schedule: Schedule, *, at_once: bool) -> Turn | NotNow:
    with transaction(program, actor) as tx:
        row = tx.session.get(JobTurn, job, with_for_update=True)
        found = _what_is_due(tx.session, job, schedule, row, tx.now, at_once=at_once)
        if isinstance(found, NotNow):
            return found
        if row is None:
            row = JobTurn(job=job, through=_before_turns(tx.session, job))
            tx.session.add(row)
        row.token, row.began_at = tx.new_id(), tx.now
        _close_killed(tx, job)
        run = tx.session.get(JobRun, (job, found.name)) or JobRun(job=job, slot=found.name)
        run.claimed_at, run.finished_at, run.outcome, run.slots, run.from_slot = tx.now, None, "", 0, ""
        tx.session.add(run)
        return Turn(job, found, row.token)


def _close_killed(tx: Transaction, job: str) -> None:
    """What has not ended, with the lock in our hands, belonged to a process that is gone or no longer counts."""
    open_ones = update(JobRun).where(JobRun.job == job, JobRun.finished_at.is_(None))
    tx.session.execute(open_ones.values(finished_at=tx.now, outcome=KILLED))


def end(program: Program, actor: Actor, mine: Turn, outcome: str, *, always: bool = False, told: bool = False) -> None:
    """Close a turn: its slots are done, or stay due after a failure; and account for the run.

    A run that did something, or failed, leaves a job:run. Runs that did nothing, and those that failed as the one before
    did, are counted in the next entry, at least once a day. `told` says that a run that did something left an entry of its
    own; `always` tells every run. Raises `Overtaken` when another process has the turn by now: nothing is written then.
    """
    outcome, failed = outcome[:LONGEST_OUTCOME], outcome.startswith(ERROR)
    with transaction(program, actor) as tx:
        row = tx.session.get_one(JobTurn, mine.job, with_for_update=True, populate_existing=True)
        if row.token != mine.token:
            raise Overtaken(f"the turn of job {mine.job} was taken over")
        repeated = failed and row.problem == outcome
        newsworthy = always or (failed and not repeated) or bool(outcome and not failed and not told)
        _close_run(tx, mine, outcome, failed=failed)
        last, since = _last_told(tx, mine.job)
        if newsworthy or tx.now - last >= TOLD_EVERY:
            _tell(tx, mine, outcome, row.untold, since)
            row.untold = 0
        else:
            row.untold += failed
        if failed:
            _fail(tx, row, outcome)
        else:
            _succeed(row, mine.due)
        row.token, row.began_at, row.last_slot = "", None, mine.due.name


def _close_run(tx: Transaction, mine: Turn, outcome: str, *, failed: bool) -> None:
    run = tx.session.get_one(JobRun, (mine.job, mine.due.name))
    run.finished_at, run.outcome = tx.now, outcome
    if not failed and mine.due.slots:
        run.from_slot, run.slots = name_of(mine.due.first), mine.due.slots


def _fail(tx: Transaction, row: JobTurn, outcome: str) -> None:
    if outcome == INTERRUPTED:
        return  # Nothing is wrong with the job: the next process does it at once.
    row.failures += 1
    row.failing_since = row.failing_since or tx.now
    row.problem, row.try_at = outcome, tx.now + pause(row.failures)


def _succeed(row: JobTurn, done: Due) -> None:
    row.failures, row.failing_since, row.problem, row.try_at = 0, None, "", None
    if not done.again:
        row.through = name_of(done.last)


# -- telling the log -----------------------------------------------------------------------------------------------


def _tell(tx: Transaction, mine: Turn, outcome: str, untold: int, since: str) -> None:
    failed = outcome.startswith(ERROR)
    details: dict[str, str | int] = {"job": mine.job, "slot": mine.due.name, "result": outcome}
    if mine.due.slots > 1:
        details |= {"from_slot": name_of(mine.due.first), "slots": mine.due.slots}
    idle = _idle(tx, mine, since)
    details |= ({"idle": idle} if idle else {}) | ({"failed": untold} if untold else {})
    tx.record(
        "job:run",
        object_type="job",
        object_id=mine.job,
        outcome="error" if failed else "ok",
        reason=outcome.removeprefix(ERROR) if failed else "",
        details=details,
    )


def _last_told(tx: Transaction, job: str) -> tuple[datetime, str]:
    """When the log last told of a run of this job, and of which; without any, when that job first ran, and ""."""
    query = select(LogEntry.recorded_at, LogDetail.details).outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
    query = query.where(LogEntry.object == job, LogEntry.action == "job:run").order_by(LogEntry.seq.desc())
    told = tx.session.execute(query.limit(1)).first()
    if told is None:
        first = select(JobRun.claimed_at).where(JobRun.job == job).order_by(JobRun.slot).limit(1)
        return tx.session.scalar(first) or tx.now, ""
    # Details may be destroyed one day; the turn that began before the entry is then the one that it told of.
    known = json.loads(told.details)["slot"] if told.details else told.recorded_at.astimezone(UTC).strftime(FORMAT)
    return told.recorded_at, str(known)


def _idle(tx: Transaction, mine: Turn, since: str) -> int:
    """How many runs after `since`, and before this one, did nothing."""
    idle = select(func.count()).where(
        JobRun.job == mine.job,
        JobRun.slot > since,
        JobRun.slot < mine.due.name,
        JobRun.finished_at.is_not(None),
        JobRun.outcome == "",
    )
    return tx.session.scalar(idle) or 0
