"""Who does which run: a row with a unique (job, slot), so that each run happens once, however many processes run."""

from datetime import timedelta

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError

from signaltable.domain import Actor
from signaltable.models import JobRun
from signaltable.transaction import Program, reading, transaction

# What the outcome of a run that went wrong begins with; then the type of the error, because its text may hold data.
ERROR = "error:"


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


def finish(program: Program, actor: Actor, job: str, slot: str, outcome: str, *, always_recorded: bool) -> None:
    """Close a claim. Records a run that failed (once, not at every turn) or that always has to be accounted for."""
    failed = outcome.startswith(ERROR)
    repeated = failed and _outcome_before(program, job, slot) == outcome
    with transaction(program, actor) as tx:
        tx.session.execute(
            update(JobRun)
            .where(JobRun.job == job, JobRun.slot == slot)
            .values(finished_at=tx.now, outcome=outcome[:200]),
        )
        if always_recorded or (failed and not repeated):
            tx.record(
                "job:run",
                object_type="job",
                object_id=job,
                outcome="error" if failed else "ok",
                reason=outcome.removeprefix(ERROR) if failed else "",
                details={"job": job, "slot": slot, "result": outcome},
            )


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
