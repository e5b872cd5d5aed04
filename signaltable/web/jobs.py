"""The operator's page on the jobs: what each does, its last and next run, what fails or is late; and all runs of one."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from signaltable.access import Permission
from signaltable.domain import NotFound
from signaltable.flow import job_status
from signaltable.job_times import schedules
from signaltable.slots import AGAIN, NAME_LENGTH, Schedule, moment_of
from signaltable.web.guards import begin, permission, program
from signaltable.web.job_words import outcome_of, rhythm_of, title_of, work_of

pages = Blueprint("jobs", __name__, url_prefix="/beheer/taken")
WORDS = {"outcome_of": outcome_of, "rhythm_of": rhythm_of, "title_of": title_of, "work_of": work_of}


def _schedules() -> dict[str, Schedule]:
    return schedules(program().settings.checkpoint_minutes, program().policy.daily)


@pages.get("")
@permission(Permission.JOB_CONSULT_ALL)
def listing() -> ResponseReturnValue:
    """Every job, those that fail or are late first."""
    with begin() as tx:
        found = job_status.overview(tx, _schedules(), "jobs")
        now = tx.now
    found.sort(key=lambda one: (one.failing_since is None, not one.late))
    return render_template(
        "admin/jobs.html",
        jobs=found,
        now=now,
        failing=sum(one.failing_since is not None for one in found),
        late=sum(one.late for one in found),
        ahead=max((one.ahead_until for one in found if one.ahead_until), default=None),
        **WORDS,
    )


@pages.get("/<job>")
@permission(Permission.JOB_CONSULT_ALL)
def history(job: str) -> ResponseReturnValue:
    """All runs of one job that are kept, newest first, page by page."""
    before = _slot(request.args.get("na", ""))
    with begin() as tx:
        runs, following = job_status.history(tx, _schedules(), job, before)
    return render_template(
        "admin/job_history.html",
        job=job,
        runs=runs,
        older=following,
        first=not before,
        begin_of=moment_of,
        **WORDS,
    )


def _slot(text: str) -> str:
    """The slot before which a page begins, "" for the first page. Raises `NotFound` for anything else."""
    if not text:
        return ""
    try:
        moment_of(text)
    except ValueError:
        raise NotFound("no such page") from None
    if text[NAME_LENGTH:] not in {"", AGAIN}:
        raise NotFound("no such page")
    return text
