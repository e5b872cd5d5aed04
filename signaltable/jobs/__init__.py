"""The work that time asks for: sign the log, erase, remind, write mails, make exports. `python -m signaltable.jobs`.

What the jobs do and when each has a turn stands in `work`, how a turn is done once in `running`, the process in
`process`. Whoever adds a job adds one function and one line in `work.jobs`.
"""

from signaltable.jobs.job import Job
from signaltable.jobs.running import TAKEN, run_check_requests, run_once, run_requests, run_rotations
from signaltable.jobs.work import (
    JOBS,
    jobs,
    run_bounces,
    run_checkpoint,
    run_checks,
    run_exclusions,
    run_exports,
    run_fsck,
    run_identities,
    run_outbox,
    run_overdue,
    run_reports,
    run_retention,
    run_sessions,
    run_text_checks,
    run_witness,
)

__all__ = [
    "JOBS",
    "TAKEN",
    "Job",
    "jobs",
    "run_bounces",
    "run_check_requests",
    "run_checkpoint",
    "run_checks",
    "run_exclusions",
    "run_exports",
    "run_fsck",
    "run_identities",
    "run_once",
    "run_outbox",
    "run_overdue",
    "run_reports",
    "run_requests",
    "run_retention",
    "run_rotations",
    "run_sessions",
    "run_text_checks",
    "run_witness",
]
