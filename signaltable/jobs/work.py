"""The jobs themselves: plain functions, testable without a clock, and the table that says when each has a turn.

A job does all that is due when it runs, so that one run makes up for all that were missed; what it does twice, after
a process was killed in the middle, comes to the same as once.
"""

import threading
from collections.abc import Callable

from audit.findings import Finding
from signaltable.access import Permission
from signaltable.domain import Actor, Channel, SignaltableError
from signaltable.flow import (
    auditing,
    exclusions,
    figures,
    incidents,
    keeping,
    reflection,
    reminders,
    retention,
    rotating,
    sample_report,
    searching,
    signer_watch,
    signing,
    text_checks,
    witnesses,
)
from signaltable.flow.coming_in import sessions
from signaltable.flow.escalations import looking
from signaltable.flow.identity_requests import ending as identity_ending
from signaltable.flow.mail import bounces as mail_bounces
from signaltable.flow.mail import sending as mail_sending
from signaltable.flow.rights import grants, looking_back, opening, reviews
from signaltable.job_times import CHECKING, CHECKPOINT, minutes_of
from signaltable.jobs.duty import Duty
from signaltable.jobs.job import Job
from signaltable.keys.chosen import is_signers
from signaltable.settings import Settings
from signaltable.transaction import Program, transaction

# The program itself, at work. It may export because an auditor asked for it; it sees no case.
JOBS = Actor(
    "jobs",
    "system",
    "",
    frozenset({"system"}),
    frozenset({Permission.LOG_EXPORT_ALL.value}),
    Channel.JOB,
    "machine",
)
# The job that reads everything; it has a thread of its own, so that signing and mails do not wait for it.
# What it did stands in its own entries; a further one would have to be signed, or checked, in the next turn.
TELLS_ITSELF = frozenset({CHECKPOINT, CHECKING})
# What has to be seen to have run, also when there was nothing to do.
ALWAYS_RECORDED = frozenset({"retention", "witnesses"})
STOPPING = threading.Event()


class Interrupted(SignaltableError):
    """A job was broken off because its process ends."""


def run_checkpoint(program: Program) -> str:
    """Sign the log when there is anything new. A log that does not continue what was signed is an incident at once."""
    try:
        size = signing.sign_checkpoint(program, JOBS)
    except signing.LogBroken as error:
        if is_signers(program.settings):
            raise  # It may tell nobody; the jobs read in its turn what happened (watch_signer).
        incidents.open_one(program, JOBS, Finding("signing-stopped", "log", str(error)))
        raise
    return f"signed:{size}" if size else ""


def watch_signer(program: Program) -> str:
    """Open an incident when the signer, a process of its own, refuses to sign or is not there: somebody has to hear at once."""
    found = signer_watch.stopped(program)
    if found is not None:
        incidents.open_one(program, JOBS, found)
    return ""


def run_retention(program: Program) -> str:
    """Erase everything whose term is over."""
    swept = retention.sweep(program, JOBS)
    return (
        f"drafts:{swept.drafts},signals:{swept.signals},answers:{swept.answers},"
        f"entries:{swept.entries},overdue:{swept.overdue}"
    )


def run_overdue(program: Program) -> str:
    """Prepare reminders for those who are late, and of days that come near."""
    with transaction(program, JOBS) as tx:
        reminded = reminders.remind(tx)
    return f"mails:{reminded.mails}" if reminded.mails else ""


def run_stuck(program: Program) -> str:
    """See which dates were missed and which cases are stuck; bring them to the coordinator, and then to the table."""
    seen = looking.look(program, JOBS)
    told = {"missed": seen.missed, "opened": seen.opened, "raised": seen.raised, "ended": seen.ended}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_retention_warning(program: Program) -> str:
    """Tell owners of what is erased soon, and agencies of reflection periods that end; end those that ran out."""
    with transaction(program, JOBS) as tx:
        warned = keeping.warn(tx)
    with transaction(program, JOBS) as tx:
        over, near = reflection.sweep(tx)
    told = {"warned": warned, "reflections-over": over, "reflections-near": near}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_outbox(program: Program) -> str:
    """Send the mails that may go now, or write them where there is no mail server."""
    sent = mail_sending.send_mails(program, JOBS)
    return sent.told(written=program.settings.mail_server is None)


def run_bounces(program: Program) -> str:
    """Read which mails did not arrive."""
    return mail_bounces.read_bounces(program, JOBS).told()


def run_witness(program: Program) -> str:
    """Send the newest state of the log to the agencies that keep it."""
    return f"agencies:{witnesses.send(program, JOBS)}"


def run_exports(program: Program, duty: Duty = Duty.ALL) -> str:
    """Make the exports that auditors asked for. Each is claimed by its own row, so this job needs no slot.

    One of the log needs the signing key; one of the processing log needs the key ring instead.
    """
    made = auditing.fulfil_exports(program, JOBS, of_log=duty.signs, of_processing=duty.does_rest)
    return f"made:{made}" if made else ""


def run_reports(program: Program) -> str:
    """Sign the reports of samples that auditors concluded; whoever waits for one looks at a page that says so."""
    signed = sample_report.sign_reports(program, JOBS)
    return f"signed:{signed}" if signed else ""


def run_sessions(program: Program) -> str:
    """End the sessions that nobody used for too long."""
    ended = sessions.end_those_over(program, JOBS)
    return f"ended:{ended}" if ended else ""


def run_identities(program: Program) -> str:
    """End the requests for an identity that nobody decided in time, and close those that were open long enough."""
    with transaction(program, JOBS) as tx:
        ended = identity_ending.sweep(tx)
    return f"ended:{ended}" if ended else ""


def run_text_checks(program: Program) -> str:
    """Have the texts read that wait for the text reader."""
    checked = text_checks.check_waiting(program, JOBS)
    return f"shown:{checked.shown},asked:{checked.asked}" if checked.shown or checked.asked else ""


def run_search_index(program: Program) -> str:
    """Read into the index the cases that are not in it yet, or stand there under an older key."""
    filled = searching.fill(program, JOBS, progress=_go_on)
    told = {"added": filled.added, "read": filled.read}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_figures(program: Program) -> str:
    """Count the days that are over, and make the months ready that are over."""
    counted = figures.count_days(program, JOBS)
    told = {"days": counted.days, "months": counted.months}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_exclusions(program: Program) -> str:
    """Close the open proposals that rest on a value of an exclusion list alone."""
    with transaction(program, JOBS) as tx:
        closed = exclusions.weigh_again(tx)
    return f"closed:{closed}" if closed else ""


def run_rights(program: Program) -> str:
    """Tell which roles for some time and which accesses in acute danger ended, and call to mind what nobody looked at."""
    with transaction(program, JOBS) as tx:
        roles, accesses = grants.sweep(tx), opening.sweep(tx)
    with transaction(program, JOBS) as tx:
        reminded, late = looking_back.sweep(tx)
    told = {"roles": roles, "accesses": accesses, "reminded": reminded, "late": late}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_rights_review(program: Program) -> str:
    """Settle what reviews of rights took away and somebody did, and remind of reviews that are due."""
    with transaction(program, JOBS) as tx:
        settled, reminded = reviews.sweep(tx)
    told = {"settled": settled, "agencies": reminded}
    return ",".join(f"{name}:{count}" for name, count in told.items() if count)


def run_fsck(program: Program) -> str:
    """Check the log, the rows and what stands outside; what is found becomes an incident."""
    report = incidents.check(program, JOBS, progress=_go_on)
    return f"entries:{report.entries},findings:{sum(report.counts.values())}"


def run_checks(program: Program) -> str:
    """Make the checks that somebody asked for at a screen. Each is claimed by its own row."""
    made = incidents.fulfil_checks(program, JOBS, progress=_go_on)
    return f"made:{made}" if made else ""


def go_on_rotating(program: Program) -> str:
    """Go on with keys that are being replaced, and end what waited for time to pass."""
    open_ones = [one for one in rotating.unfinished(program) if one.state != rotating.STOPPED]
    for one in open_ones:
        with rotating.at_work(program, one.purpose) as mine:
            for _now in rotating.worked(program, JOBS, one.id) if mine else ():
                _go_on(_now.done, _now.of)
    return f"at:{len(open_ones)}" if open_ones else ""


def _go_on(_done: int, _of: int) -> None:
    """A check of a long log must not keep a process alive that was told to end."""
    if STOPPING.is_set():
        raise Interrupted("the process was told to end")


def jobs(settings: Settings, duty: Duty = Duty.ALL) -> tuple[Job, ...]:
    """The jobs with a slot that a process with this duty does, in the order of signaltable/job_times.py."""
    work: dict[str, Callable[[Program], str]] = {
        CHECKPOINT: run_checkpoint,
        "figures": run_figures,
        "retention": run_retention,
        "overdue": run_overdue,
        "stuck": run_stuck,
        "retention-warning": run_retention_warning,
        "witnesses": run_witness,
        "outbox": run_outbox,
        "bounces": run_bounces,
        "sessions": run_sessions,
        "check-texts": run_text_checks,
        "identities": run_identities,
        "search-index": run_search_index,
        "exclusions": run_exclusions,
        "rights": run_rights,
        "rights-review": run_rights_review,
        CHECKING: run_fsck,
    }
    times = minutes_of(settings.checkpoint_minutes)
    if work.keys() != times.keys():
        raise SignaltableError(f"jobs without work or without a time: {sorted(work.keys() ^ times.keys())}")
    return tuple(
        Job(name, minutes, work[name], always_recorded=name in ALWAYS_RECORDED, tells_itself=name in TELLS_ITSELF)
        for name, minutes in times.items()
        if duty.has(name)
    )
