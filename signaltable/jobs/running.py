"""One turn of a job, done once however many processes run; and the work that people wait for, which has no turns."""

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from structlog.contextvars import bound_contextvars

from signaltable.flow.turns import ERROR, INTERRUPTED, NotNow, Overtaken, Turn, end, turn
from signaltable.jobs.duty import Duty
from signaltable.jobs.job import Job
from signaltable.jobs.work import (
    JOBS,
    Interrupted,
    go_on_rotating,
    jobs,
    run_checks,
    run_exports,
    run_reports,
    watch_signer,
)
from signaltable.slots import name_of
from signaltable.trace_context import start
from signaltable.transaction import Program

LOG = logging.getLogger("signaltable.jobs")
# Why a run was not done here: somebody else did it or is at it, or it waits after a failure.
TAKEN = "taken"
OVERTAKEN = f"{ERROR}Overtaken"
DONE, FAILED, NOT_DUE = "done", "failed", "not-due"

# What somebody waits for at a screen, or that takes hours; each piece is claimed by its own row, so it has no turns. A
# process does those of its duty.
REQUESTS: Final[Mapping[str, Callable[[Program, Duty], str]]] = MappingProxyType(
    {
        "exports": run_exports,
        "reports": lambda program, duty: run_reports(program) if duty.signs else "",
        "checks": lambda program, duty: run_checks(program) if duty.does_rest else "",
        "rotations": lambda program, duty: go_on_rotating(program) if duty.does_rest else "",
        "signer": lambda program, duty: "" if duty.signs else watch_signer(program),
    }
)


@dataclass(frozen=True, slots=True)
class Result:
    """What a turn came to: `result` is done, failed, not-due, running or waiting; the slots are those that the run was for."""

    job: str
    result: str
    outcome: str = ""
    from_slot: str = ""
    slot: str = ""
    slots: int = 0

    def as_json(self) -> dict[str, Any]:
        """For `signaltable jobs run-due --json`; slots are named by the moment in UTC at which they begin."""
        return {
            "name": self.job,
            "result": self.result,
            "outcome": self.outcome,
            "from_slot": self.from_slot,
            "slot": self.slot,
            "slots": self.slots,
        }


def take_turn(program: Program, job: Job, *, at_once: bool = False) -> Result:
    """Do all slots of the job that are due, unless another process has them. Never raises: others must not stop with it.

    The outcome is what the job said, or "error:" with the type of what went wrong (its text may hold data).
    """
    program = _at_new_work(program)
    with doing(job.name, program):
        return _turn_of(program, job, at_once=at_once)


def _turn_of(program: Program, job: Job, *, at_once: bool) -> Result:
    try:
        schedule = job.schedule(program.policy)
        with turn(program, JOBS, job.name, schedule, at_once=at_once) as mine:
            if isinstance(mine, NotNow):
                return Result(job.name, mine.why)
            return _worked(program, job, mine)
    except Overtaken:
        LOG.error("job %s: another process took the turn over", job.name)  # noqa: TRY400
        return Result(job.name, FAILED, OVERTAKEN)
    except Exception as error:  # noqa: BLE001 -- the database is away, say; the next turn comes soon
        LOG.error("job %s: %s", job.name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
        return Result(job.name, FAILED, f"{ERROR}{type(error).__name__}")


def _worked(program: Program, job: Job, mine: Turn) -> Result:
    outcome = _outcome_of(job.name, job.work, program)
    end(program, JOBS, mine, outcome, always=job.always_recorded, told=job.tells_itself)
    failed = outcome.startswith(ERROR)
    first = name_of(mine.due.first) if mine.due.slots else ""
    return Result(job.name, FAILED if failed else DONE, outcome, first, mine.due.name, mine.due.slots)


def run_once(program: Program, job: Job) -> str:
    """Do what is due of the job. What it said, "taken" when nothing was to be done here, or "error:" and what went wrong."""
    result = take_turn(program, job)
    return result.outcome if result.result in {DONE, FAILED} else TAKEN


def run_due(program: Program, duty: Duty = Duty.ALL) -> list[Result]:
    """Everything of this duty that is due, once, in the order of the table: also what failed before, and what people wait for.

    Never raises.
    """
    turns = [take_turn(program, job, at_once=True) for job in jobs(program.settings, duty)]
    return turns + [_result(name, _answered(program, name, duty)) for name in REQUESTS]


def _result(name: str, outcome: str) -> Result:
    return Result(name, FAILED if outcome.startswith(ERROR) else DONE if outcome else NOT_DUE, outcome)


def _answered(program: Program, name: str, duty: Duty) -> str:
    work = REQUESTS[name]
    return _outcome_of(name, lambda at: work(at, duty), _at_new_work(program))


def run_requests(program: Program, duty: Duty = Duty.ALL) -> str:
    """Make what auditors wait for, as far as this process is for it. Never raises."""
    return ",".join(filter(None, (_answered(program, name, duty) for name in ("exports", "reports"))))


def run_check_requests(program: Program) -> str:
    """Make the checks that people wait for. Never raises."""
    return _answered(program, "checks", Duty.ALL)


def run_signer_watch(program: Program, duty: Duty) -> str:
    """See whether the signer, a process of its own, signs. Never raises."""
    return _answered(program, "signer", duty)


def run_rotations(program: Program) -> str:
    """Go on with keys that are being replaced, and end what waited for time to pass. Never raises."""
    return _answered(program, "rotations", Duty.ALL)


def _at_new_work(program: Program) -> Program:
    """The program in a trace of its own: one for each run, so that the log tells what belongs together."""
    return replace(program, work=start(program.randomness))


@contextmanager
def doing(job: str, program: Program) -> Iterator[None]:
    """Let messages of this thread bear the name of the job and the ids of its trace for as long as the block runs."""
    ids = {"trace_id": program.work.trace_id, "span_id": program.work.span_id} if program.work else {}
    with bound_contextvars(job=job, **ids):
        yield


def _outcome_of(name: str, work: Callable[[Program], str], program: Program) -> str:
    try:
        with doing(name, program):
            return work(program)
    except Interrupted:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001
        LOG.error("job %s failed: %s", name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
        return f"{ERROR}{type(error).__name__}"
