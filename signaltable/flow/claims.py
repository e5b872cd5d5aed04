"""Who makes what somebody asked for: a row with a unique (job, request), so that it is made once, however many processes run."""

from datetime import timedelta

from sqlalchemy import update
from sqlalchemy.exc import IntegrityError

from signaltable.domain import Actor
from signaltable.models import JobRun
from signaltable.transaction import Program, transaction


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
