"""How the jobs are doing, for the operator: last run, next run, what fails, what is late, and what each run came to."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select

from signaltable.access import Permission, require
from signaltable.domain import NotFound
from signaltable.flow.job_locks import is_held
from signaltable.flow.turns import ERROR, waits, what_is_due
from signaltable.models import JobRun, JobTurn
from signaltable.slots import AHEAD, Daily, Due, Every, Schedule, moment_of
from signaltable.transaction import Transaction

# How many runs stand on one page of the history.
PAGE: Final = 50


@dataclass(frozen=True, slots=True)
class Run:
    """One run. `slots` of 0 and no error: its slot was counted while the clock stood ahead, or there was nothing to make up."""

    slot: str
    from_slot: str
    slots: int
    began_at: datetime
    ended_at: datetime | None
    outcome: str

    @property
    def failed(self) -> bool:
        """Whether it failed, or was stopped in the middle."""
        return self.outcome.startswith(ERROR)

    @property
    def again(self) -> bool:
        """Whether it did a slot that was counted already while the clock stood ahead."""
        return not self.slots and self.ended_at is not None and not self.failed

    def as_json(self) -> dict[str, Any]:
        """For `signaltable jobs status --json`."""
        return {
            "slot": self.slot,
            "from_slot": self.from_slot,
            "slots": self.slots,
            "began_at": self.began_at.isoformat(),
            "ended_at": self.ended_at.isoformat() if self.ended_at else None,
            "outcome": self.outcome,
        }


@dataclass(frozen=True, slots=True)
class JobStatus:
    """One job at this moment. `waiting` counts its slots that are due; `ahead_until`: everything until then counts as done."""

    name: str
    schedule: Schedule
    last: Run | None
    through: str
    next_at: datetime
    failing_since: datetime | None
    failures: int
    problem: str
    running_since: datetime | None
    late: bool
    waiting: int
    ahead_until: datetime | None

    @property
    def every_minutes(self) -> int | None:
        """Its rhythm, for a job that runs more often than once a day."""
        return self.schedule.minutes if isinstance(self.schedule, Every) else None

    @property
    def at(self) -> str | None:
        """Its hour in the Netherlands, for a daily job."""
        return self.schedule.at.strftime("%H:%M") if isinstance(self.schedule, Daily) else None

    def as_json(self) -> dict[str, Any]:
        """For `signaltable jobs status --json`; moments are in UTC."""
        return {
            "name": self.name,
            "every_minutes": self.every_minutes,
            "at": self.at,
            "last_run": self.last.as_json() if self.last else None,
            "done_through": self.through,
            "next_run": self.next_at.isoformat(),
            "failing_since": self.failing_since.isoformat() if self.failing_since else None,
            "failures": self.failures,
            "problem": self.problem,
            "running": self.running_since is not None,
            "running_since": self.running_since.isoformat() if self.running_since else None,
            "late": self.late,
            "waiting_slots": self.waiting,
            "clock_was_ahead_until": self.ahead_until.isoformat() if self.ahead_until else None,
        }


def overview(tx: Transaction, schedules: Mapping[str, Schedule], view: str) -> list[JobStatus]:
    """Every job, recorded as job:consult; `view` says where it is shown."""
    require(tx.actor, Permission.JOB_CONSULT_ALL)
    found = [_status(tx, name, schedule) for name, schedule in schedules.items()]
    tx.record("job:consult", object_type="job", details={"view": view, "count": len(found)})
    return found


def history(tx: Transaction, names: Iterable[str], job: str, before: str = "") -> tuple[list[Run], str]:
    """One page of the runs of a job, newest slot first, from before the slot `before`; and where the next page begins, or "".

    Raises `NotFound` for a job that is none of `names`.
    """
    require(tx.actor, Permission.JOB_CONSULT_ALL)
    if job not in names:
        raise NotFound("no such job")
    query = select(JobRun).where(JobRun.job == job).order_by(JobRun.slot.desc())
    rows = list(tx.session.scalars((query.where(JobRun.slot < before) if before else query).limit(PAGE + 1)))
    shown = [_run(row) for row in rows[:PAGE]]
    tx.record("job:consult", object_type="job", object_id=job, details={"view": "history", "count": len(shown)})
    return shown, shown[-1].slot if len(rows) > PAGE else ""


def _status(tx: Transaction, name: str, schedule: Schedule) -> JobStatus:
    row = tx.session.get(JobTurn, name)
    due = what_is_due(tx.session, name, schedule, row, tx.now)
    last = _last(tx, name, row)
    through = row.through if row else ""
    failing = row.failing_since if row else None
    running = row.began_at if row and row.token and is_held(tx.program, name) else None
    return JobStatus(
        name=name,
        schedule=schedule,
        last=last,
        through=through,
        next_at=_next(schedule, row, due, tx.now),
        failing_since=failing,
        failures=row.failures if row else 0,
        problem=row.problem if row else "",
        running_since=running,
        # A job that fails is not late besides: what waits, waits for that.
        late=not (running or failing) and is_late(schedule, due, through, tx.now),
        waiting=due.slots if due else 0,
        ahead_until=moment_of(through) if through and moment_of(through) > tx.now + AHEAD else None,
    )


def is_late(schedule: Schedule, due: Due | None, through: str, now: datetime) -> bool:
    """Whether a slot waits longer than it should; a job that never ran has waited for nothing."""
    return due is not None and bool(through) and not due.again and now - due.first > schedule.patience


def _next(schedule: Schedule, row: JobTurn | None, due: Due | None, now: datetime) -> datetime:
    if due is None:
        return schedule.after(schedule.newest(now))
    return row.try_at if row and row.try_at and waits(row, now) else now


def _last(tx: Transaction, name: str, row: JobTurn | None) -> Run | None:
    if row and row.last_slot:
        found = tx.session.get(JobRun, (name, row.last_slot))
    else:
        ended = select(JobRun).where(JobRun.job == name, JobRun.finished_at.is_not(None))
        found = tx.session.scalars(ended.order_by(JobRun.slot.desc()).limit(1)).first()
    return _run(found) if found else None


def _run(row: JobRun) -> Run:
    return Run(row.slot, row.from_slot, row.slots, row.claimed_at, row.finished_at, row.outcome)
