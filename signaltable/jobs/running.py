"""One turn of a job, done once however many processes run; and the work that people wait for, which has no turns."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from signaltable.flow.turns import ERROR, INTERRUPTED, NotNow, Overtaken, Turn, end, turn
from signaltable.jobs.job import Job
from signaltable.jobs.work import JOBS, Interrupted, go_on_rotating, jobs, run_checks, run_exports, run_reports
from signaltable.slots import name_of
from signaltable.trace_context import start
from signaltable.transaction import Program

LOG = logging.getLogger("signaltable.jobs")
# Why a run was not done here: somebody else did it or is at it, or it waits after a failure.
TAKEN = "taken"
OVERTAKEN = f"{ERROR}Overtaken"
DONE, FAILED, NOT_DUE = "done", "failed", "not-due"
# What somebody waits for at a screen; each piece is claimed by its own row, so it has no turns.
REQUESTS = (
    ("exports", run_exports),
    ("reports", run_reports),
    ("checks", run_checks),
    ("rotations", go_on_rotating),
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


def run_due(program: Program) -> list[Result]:
    """Everything that is due, once, in the order of the table: also what failed before, and what people wait for. Never raises."""
    turns = [take_turn(program, job, at_once=True) for job in jobs(program.settings)]
    return turns + [_answered(program, name, work) for name, work in REQUESTS]


def _answered(program: Program, name: str, work: Callable[[Program], str]) -> Result:
    outcome = _outcome_of(name, work, _at_new_work(program))
    return Result(name, FAILED if outcome.startswith(ERROR) else DONE if outcome else NOT_DUE, outcome)


def run_requests(program: Program) -> str:
    """Make what auditors wait for. Never raises."""
    made, signed = (_outcome_of(work.__name__, work, _at_new_work(program)) for work in (run_exports, run_reports))
    return ",".join(filter(None, (made, signed)))


def run_check_requests(program: Program) -> str:
    """Make the checks that people wait for. Never raises."""
    return _outcome_of(run_checks.__name__, run_checks, _at_new_work(program))


def run_rotations(program: Program) -> str:
    """Go on with keys that are being replaced, and end what waited for time to pass. Never raises."""
    return _outcome_of(run_rotations.__name__, go_on_rotating, _at_new_work(program))


def _at_new_work(program: Program) -> Program:
    """The program in a trace of its own: one for each run, so that the log tells what belongs together."""
    return replace(program, work=start(program.randomness))


def _outcome_of(name: str, work: Callable[[Program], str], program: Program) -> str:
    try:
        return work(program)
    except Interrupted:
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001
        LOG.error("job %s failed: %s", name, type(error).__name__)  # noqa: TRY400 -- a traceback may quote data
        return f"{ERROR}{type(error).__name__}"
