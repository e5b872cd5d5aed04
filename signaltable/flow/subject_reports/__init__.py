"""Who saw this person's data (GDPR art. 15): asked by a privacy officer, and made only after somebody found it safe.

The danger is that an exploiter learns of the signal by asking. So whoever asked never decides: a person who knows the case
answers the safety check (policies/safety_check.toml) first, and what an answer blocks cannot be chosen. The report names
organisations, moments and kinds of data: recipients as they are (CJEU C-154/21), no employees (CJEU C-579/21), no other
people, no links, no answers of partners.

`requests` asks and shows what was asked, `deciding` answers the safety check, `traces` is what is known of who had the
data, `report` what of it is told.
"""

from signaltable.flow.subject_reports.deciding import blocked, decide
from signaltable.flow.subject_reports.report import DisclosedTo, Reading, Report, report
from signaltable.flow.subject_reports.requests import (
    ASKERS,
    BAD_DAY,
    BLOCKED,
    DECISIONS,
    GIVEN,
    IS_MINOR,
    NO_CHOICE,
    NO_EXCEPTION,
    NO_SUBJECT,
    NOBODY_LEFT_OUT,
    TEXT_LIMIT,
    TOO_SHORT,
    ReportLine,
    ReportRequest,
    consult,
    erase_of,
    listing,
    request,
    safety_check,
    unanswered,
    words_problems,
    work,
)
from signaltable.flow.subject_reports.traces import Sent, disclosed_about

__all__ = [
    "ASKERS",
    "BAD_DAY",
    "BLOCKED",
    "DECISIONS",
    "GIVEN",
    "IS_MINOR",
    "NOBODY_LEFT_OUT",
    "NO_CHOICE",
    "NO_EXCEPTION",
    "NO_SUBJECT",
    "TEXT_LIMIT",
    "TOO_SHORT",
    "DisclosedTo",
    "Reading",
    "Report",
    "ReportLine",
    "ReportRequest",
    "Sent",
    "blocked",
    "consult",
    "decide",
    "disclosed_about",
    "erase_of",
    "listing",
    "report",
    "request",
    "safety_check",
    "unanswered",
    "words_problems",
    "work",
]
