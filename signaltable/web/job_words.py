"""What the jobs of the program are called and do, and what their runs came to, in words."""

from collections.abc import Mapping
from typing import Final

from flask_babel import LazyString, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from signaltable.flow.job_status import JobStatus, Run
from signaltable.flow.turns import ERROR, INTERRUPTED, KILLED

# Name -> what it is called, and what it does.
JOBS: Final[Mapping[str, tuple[LazyString, LazyString]]] = {
    "checkpoint": (
        _l("Signing the log"),
        _l("Puts a signature under the log, so that nobody can change what stands in it."),
    ),
    "retention": (_l("Erasing"), _l("Erases signals, answers and drafts whose term is over, and details of the log.")),
    "overdue": (_l("Reminding"), _l("Prepares mails for those who are late with an answer or a task.")),
    "stuck": (
        _l("Stuck cases"),
        _l("Looks which dates were missed, and brings stuck cases to the coordinator and then to the table."),
    ),
    "retention-warning": (_l("Warning before erasing"), _l("Tells the owner of a signal that its term ends soon.")),
    "witnesses": (
        _l("Witnesses of the log"),
        _l("Sends the newest state of the log to the organisations that keep it."),
    ),
    "outbox": (_l("Mails"), _l("Sends the mails that may go now, and the mail of the day.")),
    "bounces": (_l("Mails that came back"), _l("Reads which mails did not arrive.")),
    "sessions": (_l("Signing out"), _l("Signs out everybody who did nothing for too long.")),
    "check-texts": (_l("Reading texts"), _l("Has texts read for names that have to be masked.")),
    "identities": (
        _l("Requests for an identity"),
        _l("Ends requests that nobody decided in time, and closes what was open long enough."),
    ),
    "search-index": (_l("Search"), _l("Reads cases that cannot be found by their words yet.")),
    "figures": (_l("Figures"), _l("Counts what happened on the days that are over.")),
    "exclusions": (_l("Excluded values"), _l("Closes proposed links that rest on an excluded value alone.")),
    "rights": (
        _l("Rights that end"),
        _l("Tells which roles for some time ended, and reminds of looking back on access in acute danger."),
    ),
    "rights-review": (
        _l("Review of rights"),
        _l("Reminds of the yearly look at who can do what, and settles what was taken away."),
    ),
    "fsck": (
        _l("Checking the log"),
        _l("Compares the whole log with the data. What is not right becomes an incident."),
    ),
}
# What a run counted, by job and code.
COUNTS: Final[Mapping[tuple[str, str], LazyString]] = {
    ("checkpoint", "signed"): _l("entries under the signature"),
    ("retention", "drafts"): _l("drafts erased"),
    ("retention", "signals"): _l("signals erased"),
    ("retention", "answers"): _l("answers erased"),
    ("retention", "entries"): _l("details of the log erased"),
    ("retention", "overdue"): _l("signals past their term and not closed"),
    ("retention-warning", "warned"): _l("signals warned of"),
    ("retention-warning", "reflections-over"): _l("reflection periods that ran out"),
    ("retention-warning", "reflections-near"): _l("reflection periods that end soon"),
    ("overdue", "mails"): _l("reminders prepared"),
    ("stuck", "missed"): _l("missed dates noted"),
    ("stuck", "opened"): _l("stuck cases for the coordinator"),
    ("stuck", "raised"): _l("stuck cases for the table"),
    ("stuck", "ended"): _l("cases no longer stuck"),
    ("witnesses", "agencies"): _l("organisations that got it"),
    ("outbox", "written"): _l("mails written to a folder"),
    ("outbox", "sent"): _l("mails sent"),
    ("outbox", "bounced"): _l("mails that came back"),
    ("bounces", "read"): _l("messages read"),
    ("outbox", "failed"): _l("mails given up"),
    ("outbox", "later"): _l("mails tried again later"),
    ("bounces", "bounced"): _l("mails that came back"),
    ("sessions", "ended"): _l("people signed out"),
    ("check-texts", "shown"): _l("texts ready to be looked at"),
    ("check-texts", "asked"): _l("texts for which somebody was asked"),
    ("identities", "ended"): _l("requests ended"),
    ("search-index", "added"): _l("cases added"),
    ("search-index", "read"): _l("cases read"),
    ("figures", "days"): _l("days counted"),
    ("figures", "months"): _l("months ready to be shown"),
    ("exclusions", "closed"): _l("proposed links closed"),
    ("rights", "roles"): _l("roles for some time that ended"),
    ("rights", "accesses"): _l("accesses in acute danger that ended"),
    ("rights", "reminded"): _l("accesses in acute danger somebody has to look back on"),
    ("rights", "late"): _l("accesses in acute danger nobody looked back on in time"),
    ("rights-review", "settled"): _l("reviews of rights settled"),
    ("rights-review", "agencies"): _l("organisations reminded of their review of rights"),
    ("fsck", "entries"): _l("entries read"),
    ("fsck", "findings"): _l("things not right"),
}


def title_of(job: str) -> str:
    """What a job is called; its name where it has no words."""
    return str(JOBS[job][0]) if job in JOBS else job


def work_of(job: str) -> str:
    """What a job does; "" where it has no words."""
    return str(JOBS[job][1]) if job in JOBS else ""


def rhythm_of(one: JobStatus) -> str:
    """How often it runs."""
    if one.at is not None:
        return _("every day at %(time)s", time=one.at.replace(":", "."))
    minutes = one.every_minutes or 0
    if minutes % 60 == 0:
        return ngettext("every hour", "every %(num)s hours", minutes // 60)
    return ngettext("every minute", "every %(num)s minutes", minutes)


def outcome_of(job: str, run: Run) -> str:
    """What a run came to, in words. Of an error only its type, because its text may hold data."""
    if run.ended_at is None:
        return _("not ended")
    if run.outcome == KILLED:
        return _("The process stopped in the middle; the next run did it again")
    if run.outcome == INTERRUPTED:
        return _("The program was stopped; the next run did it again")
    if run.failed:
        return _("Went wrong (%(kind)s)", kind=run.outcome.removeprefix(ERROR))
    counted = [_counted(job, *part.rpartition(":")[::2]) for part in run.outcome.split(",")]
    said = ", ".join(filter(None, counted))
    return said[:1].upper() + said[1:] or _("Nothing to do")


def _counted(job: str, code: str, count: str) -> str:
    if count in {"", "0"}:
        return ""
    return f"{COUNTS.get((job, code), code)}: {count}"
