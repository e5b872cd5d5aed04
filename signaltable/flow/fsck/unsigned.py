"""How long the newest entries of the log have waited for a signature while there was somebody to sign them.

A whole installation that is stopped for maintenance, or put back from a copy, comes back with entries that are hours old and
that nobody could have signed. What tells it from a signer that stopped is what else went on: entries kept coming, or the
jobs, which have a turn every minute, went on having theirs.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from heapq import merge
from typing import Any, Final, NamedTuple

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.flow.fsck.reading import RECORDED_AT, as_stored, moment_of
from signaltable.models import JobRun, LogEntry

# After this many missed turns the signing of checkpoints has stopped.
MISSED_TURNS: Final = 3


class _Sign(NamedTuple):
    """Something that happened, in ms since 1970: an entry of the log, or a turn of a job."""

    at: int
    of_jobs: bool


def waits_too_long(session: Session, covered: int, minutes: int, now: datetime) -> bool:
    """Whether an entry that no signature over the first `covered` ones holds has waited for longer than three turns.

    A turn of signing comes every `minutes`. A stretch in which nothing was written and no job ran counts as one turn at most,
    if the jobs ran until it began: everything was stopped then, and whoever starts again has a turn at once. Where the jobs
    were gone before, the clock counts.
    """
    turn = timedelta(minutes=minutes)
    query = select(RECORDED_AT).select_from(LogEntry).where(LogEntry.seq >= covered).order_by(LogEntry.seq)
    since = moment_of(session.scalar(query.limit(1)))
    end, longest = audit_trail.milliseconds(now), _ms(MISSED_TURNS * turn)
    if since is None or end - since <= longest:
        return False
    waited, before, jobs_at = 0, since, 0
    for sign in _signs(session, covered, now - timedelta(milliseconds=end - since) - turn, end):
        if sign.at > before:
            at_rest = sign.at - before > _ms(turn) and before - jobs_at <= _ms(turn)
            waited += _ms(turn) if at_rest else sign.at - before
            before = sign.at
        if waited > longest:
            return True
        jobs_at = sign.at if sign.of_jobs else jobs_at
    return False


def _ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)


def _signs(session: Session, covered: int, since: datetime, end: int) -> Iterator[_Sign]:
    """The entries from `covered` on and the turns of jobs from `since` on, in the order of time, and the end itself."""
    entries = select(RECORDED_AT).select_from(LogEntry).where(LogEntry.seq >= covered).order_by(LogEntry.seq)
    claimed = as_stored("job_runs.claimed_at")
    turns = select(claimed).select_from(JobRun).where(JobRun.claimed_at >= since).order_by(JobRun.claimed_at)
    for sign in merge(_read(session, entries, of_jobs=False), _read(session, turns, of_jobs=True)):
        if sign.at >= end:
            break
        yield sign
    yield _Sign(end, of_jobs=False)


def _read(session: Session, query: Select[Any], *, of_jobs: bool) -> Iterator[_Sign]:
    for stored in session.scalars(query.execution_options(yield_per=audit_trail.BATCH)):
        at = moment_of(stored)
        if at is not None:
            yield _Sign(at, of_jobs)
