"""Who does which run: a row with a unique (job, slot), so that each run happens once, however many processes run."""

import json
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from signaltable.domain import Actor
from signaltable.models import JobRun, LogDetail, LogEntry
from signaltable.transaction import Program, Transaction, reading, transaction

# What the outcome of a run that went wrong begins with; then the type of the error, because its text may hold data.
ERROR = "error:"
# A job of which nothing was to be told is told at least this often, with how many turns it had.
TOLD_EVERY = timedelta(days=1)


def claim(program: Program, actor: Actor, job: str, slot: str, *, lost_after: timedelta | None = None) -> bool:
    """Whether this process may do the work of (job, slot): the first that asks, and nobody after it.

    With `lost_after`, a claim that was never finished may be taken over when it is that old.
    """
    try:
        with transaction(program, actor) as tx:
            tx.session.add(JobRun(job=job, slot=slot, claimed_at=tx.now))
    except IntegrityError:
        return lost_after is not None and _take_over(program, actor, job, slot, lost_after)
    return True


def _take_over(program: Program, actor: Actor, job: str, slot: str, lost_after: timedelta) -> bool:
    with transaction(program, actor) as tx:
        taken = tx.session.execute(
            update(JobRun)
            .where(
                JobRun.job == job,
                JobRun.slot == slot,
                JobRun.finished_at.is_(None),
                JobRun.claimed_at < tx.now - lost_after,
            )
            .values(claimed_at=tx.now),
        )
        return bool(taken.rowcount)  # type: ignore[attr-defined]


def finish(
    program: Program, actor: Actor, job: str, slot: str, outcome: str, *, always: bool = False, told: bool = False
) -> None:
    """Close a claim, and account for the run: one that did something or failed leaves a job:run.

    Runs that did nothing, and those that failed as the one before did, are counted in the next entry, at least once a
    day. `told` says that a run that did something left an entry of its own; `always` tells every run.
    """
    failed = outcome.startswith(ERROR)
    repeated = failed and _outcome_before(program, job, slot) == outcome
    newsworthy = always or (failed and not repeated) or bool(outcome and not failed and not told)
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(JobRun)
            .where(JobRun.job == job, JobRun.slot == slot)
            .values(finished_at=tx.now, outcome=outcome[:200]),
        )
        last, turn = _last_told(tx, job)
        if newsworthy or tx.now - last >= TOLD_EVERY:
            tx.record(
                "job:run",
                object_type="job",
                object_id=job,
                outcome="error" if failed else "ok",
                reason=outcome.removeprefix(ERROR) if failed else "",
                details={"job": job, "slot": slot, "result": outcome, **_untold(tx, job, slot, turn)},
            )


def _last_told(tx: Transaction, job: str) -> tuple[datetime, str]:
    """When the log last told of a run of this job, and of which turn; without any, when that job first ran, and ""."""
    query = select(LogEntry.recorded_at, LogDetail.details).outerjoin(LogDetail, LogDetail.seq == LogEntry.seq)
    query = query.where(LogEntry.object == job, LogEntry.action == "job:run").order_by(LogEntry.seq.desc())
    told = tx.session.execute(query.limit(1)).first()
    if told is None:
        first = select(JobRun.claimed_at).where(JobRun.job == job).order_by(JobRun.slot).limit(1)
        return tx.session.scalar(first) or tx.now, ""
    # Details may be destroyed one day; the turn that began before the entry is then the one that it told of.
    known = json.loads(told.details)["slot"] if told.details else told.recorded_at.strftime("%Y-%m-%dT%H:%M")
    return told.recorded_at, str(known)


def _untold(tx: Transaction, job: str, slot: str, told: str) -> dict[str, int]:
    """How many turns since `told` did nothing, and how many failed as the one before; nothing for none."""
    since = select(JobRun.outcome, func.count()).where(
        JobRun.job == job, JobRun.slot > told, JobRun.slot < slot, JobRun.finished_at.is_not(None)
    )
    counts = {"idle": 0, "failed": 0}
    for outcome, count in tx.session.execute(since.group_by(JobRun.outcome)):
        if not outcome:
            counts["idle"] += count
        elif outcome.startswith(ERROR):
            counts["failed"] += count
    return {name: count for name, count in counts.items() if count}


def _outcome_before(program: Program, job: str, slot: str) -> str:
    with reading(program) as session:
        return (
            session.scalar(
                select(JobRun.outcome)
                .where(JobRun.job == job, JobRun.slot < slot, JobRun.finished_at.is_not(None))
                .order_by(JobRun.slot.desc())
                .limit(1),
            )
            or ""
        )
