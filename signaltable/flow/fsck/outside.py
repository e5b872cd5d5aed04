"""What stands outside the database: the clock, the signer, the witnesses, and the register of erasures."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from audit.findings import printable
from signaltable import audit_trail, database_marks, erasures
from signaltable.flow import witnesses
from signaltable.flow.fsck.entries import Walk
from signaltable.flow.fsck.reading import RECORDED_AT, as_bytes, moment_of
from signaltable.flow.fsck.report import Found, span
from signaltable.flow.fsck.said import read_details
from signaltable.flow.fsck.unsigned import waits_too_long
from signaltable.flow.witnesses import Outcome
from signaltable.models import JobRun, LogDetail, LogEntry
from signaltable.transaction import Program

# So far a clock may stand before the newest entry: two machines are never quite equal.
CLOCK_SLACK = timedelta(minutes=5)
# How the turns of jobs are called; what people ask for has an id instead.
A_TURN = "____-__-__T__:__"
# What a comparison by an agency gave when the log is not what it was.
DISAGREES = (Outcome.FORK, Outcome.SHORTENED)


def check_outside(session: Session, program: Program, found: Found, walk: Walk, covered: int, now: datetime) -> None:
    """Whether the clock runs on, checkpoints keep coming and reach enough agencies, and the register is whole.

    `covered` is the size over which the newest checkpoint fits; `now` is the moment at which the check began, because
    reading a long log takes longer than a turn of signing.
    """
    _check_clock(found, walk, now)
    _check_turns(session, found, walk, now)
    _check_schema(session, found)
    _check_signing(session, program, found, covered, now)
    _check_witnesses(session, found, now)
    _check_comparisons(session, found)
    _check_register(program, found)


def _check_clock(found: Found, walk: Walk, now: datetime) -> None:
    if walk.last_recorded_at > audit_trail.milliseconds(now + CLOCK_SLACK):
        last = walk.leaves.size - 1
        found.add("clock-set-back", span(last, last), "the clock of this machine stands before the newest entry")


def _check_turns(session: Session, found: Found, walk: Walk, now: datetime) -> None:
    """A turn of a job that is claimed before it came will not run: so a check, or an erasure, could be kept from running.

    Turns up to the newest entry came by the clock of then; that it was set back since is a finding of its own.
    """
    came = max(now, datetime.fromtimestamp(walk.last_recorded_at / 1000, UTC))
    latest = (came + CLOCK_SLACK).astimezone(UTC).strftime("%Y-%m-%dT%H:%M")
    ahead = select(JobRun.job, JobRun.slot).where(JobRun.slot.like(A_TURN), JobRun.slot > latest)
    for job, slot in session.execute(ahead.order_by(JobRun.job, JobRun.slot)):
        at = f"job_runs {printable(str(job))[:60]}/{printable(str(slot))[:60]}"
        found.add("row-without-entry", at, "a turn of this job that has not come is claimed, so that it would not run")


def _check_schema(session: Session, found: Found) -> None:
    """The mark of the schema: with another one the next start would change tables, or refuse to start."""
    if database_marks.problem(session.connection(), only_reading=True):
        found.add("changed-row", "alembic_version", "this is not the mark of the schema of this program")


def _check_signing(session: Session, program: Program, found: Found, covered: int, now: datetime) -> None:
    """An entry that waits much longer than a turn means that nobody signs."""
    if waits_too_long(session, covered, program.settings.checkpoint_minutes, now):
        found.add("signing-stopped", span(covered, covered), "this entry has waited for a signature for too long")


def _check_witnesses(session: Session, found: Found, now: datetime) -> None:
    """Once checkpoints are sent, they have to reach enough agencies, every day."""
    sending = select(RECORDED_AT).select_from(LogEntry).where(LogEntry.action == "checkpoint:send")
    first = moment_of(session.scalar(sending.order_by(LogEntry.seq).limit(1)))
    if first is None or first >= audit_trail.milliseconds(now - witnesses.FRESH):
        return
    try:
        reached = len(witnesses.reached(session, now))
    except ValueError:
        reached = 0  # Moments that cannot be read; the rows that hold them are findings of their own.
    found.count("witnesses", reached)
    if reached < witnesses.ENOUGH:
        message = f"{reached} agencies got a checkpoint in the last two days; {witnesses.ENOUGH} are needed"
        found.add("too-few-witnesses", "witnesses", message)


def _check_comparisons(session: Session, found: Found) -> None:
    """What agencies found since the last check, when they compared what they keep with the log."""
    last = session.scalar(select(func.max(LogEntry.seq)).where(LogEntry.action == "log:check"))
    named = session.execute(
        select(LogEntry.seq, LogEntry.agency, LogDetail.details)
        .join(LogDetail, LogDetail.seq == LogEntry.seq)
        .where(
            LogEntry.action == "checkpoint:compare",
            LogEntry.outcome == "error",
            LogEntry.seq > (-1 if last is None else last),
        )
        .order_by(LogEntry.seq)
    )
    for seq, agency, details in named:
        result = read_details(as_bytes(details)).get("result")
        if result in DISAGREES:
            message = f"agency {agency} keeps a checkpoint that does not fit the log: {result}"
            found.add("witness-disagrees", span(seq, seq), message)


def _check_register(program: Program, found: Found) -> None:
    """The register of erasures, outside the database, as the program wrote it."""
    try:
        register = erasures.read(program.settings.erasures, program.keys)
    except (FileNotFoundError, PermissionError):
        return  # Who serves pages need not be the user who erases.
    except OSError:
        found.add("changed-register", "erasures.jsonl", "the register of erasures cannot be read")
        return
    found.count("erasures", len(register.erasures))
    for bad in register.bad:
        found.add("changed-register", f"erasures.jsonl line {bad.number}", f"{bad.kind}: not as the program wrote it")
