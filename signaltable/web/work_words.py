"""How each kind of work reads on the work list, and where one click on it leads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from flask_babel import gettext as _
from flask_babel import ngettext

from signaltable.flow.work import WorkItem
from signaltable.flow.work_list import Waiting


@dataclass(frozen=True, slots=True)
class KindPages:
    """The page of one thing of a kind, with the name of the argument that its key goes in, and the page of all."""

    page: str
    argument: str
    listing: str


PAGES: Mapping[str, KindPages] = {
    "incidents": KindPages("incidents.show", "incident_id", "incidents.listing"),
    "emergencies": KindPages("emergency.look_back", "access_id", "emergency.listing"),
    "rights-review": KindPages("rights.agency", "agency_id", "rights.listing"),
    "rights-settling": KindPages("rights.show", "review_id", "rights.listing"),
    "drafts": KindPages("intake.safety", "draft_id", "intake.start"),
    "texts": KindPages("text_checks.show", "check_id", "text_checks.listing"),
    "links": KindPages("links.show", "link_id", "links.listing"),
    "referrals": KindPages("signals.show", "reference", "signals.listing"),
    "questions": KindPages("questions.show", "question_id", "questions.listing"),
    "answers": KindPages("triage.show", "reference", "asking.progress"),
    "inbox": KindPages("inbox.show", "reference", "inbox.listing"),
    "feedback": KindPages("inbox.show", "reference", "inbox.listing"),
    "returned": KindPages("signals.show", "reference", "signals.listing"),
    "recalls": KindPages("disclosures.show", "reference", "signals.listing"),
    "further-returned": KindPages("disclosures.show", "reference", "inbox.listing"),
    "further-recalls": KindPages("disclosures.show", "reference", "inbox.listing"),
    "approvals": KindPages("approvals.show", "reference", "approvals.listing"),
    "duties": KindPages("duties.show", "duty_id", "duties.listing"),
    "reports": KindPages("subject_reports.show", "reference", "subject_reports.listing"),
    "identities": KindPages("identity_requests.show", "reference", "identity_requests.listing"),
    "looks": KindPages("identity_requests.show", "reference", "identity_requests.listing"),
    "erasures": KindPages("subject_erasures.show", "reference", "subject_erasures.listing"),
    "exclusions": KindPages("exclusions.review", "exclusion_id", "exclusions.listing"),
    "reflection": KindPages("reflection.show", "period_id", "reflection.listing"),
    "keeping": KindPages("signals.show", "reference", "signals.listing"),
    "stuck": KindPages("escalations.show", "escalation_id", "escalations.listing"),
    "meetings": KindPages("table.attendance", "meeting_id", "table.listing"),
    "tasks": KindPages("tasks.show", "task_id", "tasks.listing"),
    "closing": KindPages("minutes.closing_page", "meeting_id", "table.listing"),
    "minutes": KindPages("minutes.show", "meeting_id", "table.listing"),
    "approving": KindPages("minutes.show", "meeting_id", "table.listing"),
    "triage": KindPages("triage.show", "reference", "triage.listing"),
}


def work_url(item: WorkItem) -> str:
    """The page on which this one thing is done."""
    pages = PAGES[item.kind]
    values: dict[str, Any] = {pages.argument: item.key}
    return url_for(pages.page, **values)


def work_list_url(kind: str) -> str:
    """The page with all of this kind."""
    return url_for(PAGES[kind].listing)


# What is asked, in words; each is translated when it is asked for, because a page shows a few of them many times.
_LABELS: Mapping[str, Callable[[], str]] = {
    "incidents": lambda: _("Settle an incident about the log"),
    "emergencies": lambda: _("Look back on access in acute danger"),
    "rights-review": lambda: _("Look at who can do what, and sign"),
    "rights-settling": lambda: _("Take away what a review of rights took away"),
    "drafts": lambda: _("Go on with a draft"),
    "texts": lambda: _("Confirm what is masked in a text"),
    "links": lambda: _("Judge a proposed link"),
    "referrals": lambda: _("Decide on the advice of the table to refer"),
    "questions": lambda: _("Answer a question"),
    "answers": lambda: _("See which answers came in"),
    "inbox": lambda: _("Accept or return a case"),
    "feedback": lambda: _("Tell what came of a case"),
    "returned": lambda: _("Decide on a signal that came back"),
    "recalls": lambda: _("Call a holder that does not answer"),
    "further-returned": lambda: _("Decide on what you passed on and got back"),
    "further-recalls": lambda: _("Call a holder that does not answer"),
    "approvals": lambda: _("Look a second time at a disclosure"),
    "duties": lambda: _("Fulfil a duty after a disclosure"),
    "reports": lambda: _("Make the safety check for a request"),
    "identities": lambda: _("Decide on a request for an identity"),
    "looks": lambda: _("Open an identity that was approved"),
    "erasures": lambda: _("Decide on a request to erase somebody"),
    "exclusions": lambda: _("Look again at an excluded value"),
    "reflection": lambda: _("Note how a reflection period ends"),
    "keeping": lambda: _("Keep a signal longer, or let it go"),
    "stuck": lambda: _("Get a stuck case moving"),
    "meetings": lambda: _("Say whether you come to a meeting"),
    "tasks": lambda: _("Do what a meeting asked"),
    "closing": lambda: _("Close a meeting that was held"),
    "minutes": lambda: _("Share the minutes of a meeting"),
    "approving": lambda: _("Have the minutes of a meeting approved"),
    "triage": lambda: _("Triage a new signal"),
}


def work_label(kind: str) -> str:
    """What is asked, in words."""
    return _LABELS[kind]()


_COUNTED: Mapping[str, Callable[[int], str]] = {
    "incidents": lambda n: ngettext("open incident about the log", "open incidents about the log", n),
    "emergencies": lambda n: ngettext(
        "access in acute danger to look back on", "accesses in acute danger to look back on", n
    ),
    "rights-review": lambda n: ngettext("review of rights that is due", "reviews of rights that are due", n),
    "rights-settling": lambda n: ngettext(
        "review of rights that asks you to take something away",
        "reviews of rights that ask you to take something away",
        n,
    ),
    "drafts": lambda n: ngettext("draft to continue", "drafts to continue", n),
    "texts": lambda n: ngettext("text of which you confirm the masks", "texts of which you confirm the masks", n),
    "links": lambda n: ngettext("proposed link to judge", "proposed links to judge", n),
    "referrals": lambda n: ngettext(
        "signal of yours that the table advises to refer", "signals of yours that the table advises to refer", n
    ),
    "questions": lambda n: ngettext("question to answer", "questions to answer", n),
    "answers": lambda n: ngettext(
        "signal of which the answers are in or late", "signals of which the answers are in or late", n
    ),
    "inbox": lambda n: ngettext("received case to accept or return", "received cases to accept or return", n),
    "feedback": lambda n: ngettext("case to tell about", "cases to tell about", n),
    "returned": lambda n: ngettext("signal that came back to you", "signals that came back to you", n),
    "recalls": lambda n: ngettext(
        "disclosure taken back without an answer", "disclosures taken back without an answer", n
    ),
    "further-returned": lambda n: ngettext(
        "case that you passed on and got back", "cases that you passed on and got back", n
    ),
    "further-recalls": lambda n: ngettext(
        "passed-on case taken back without an answer", "passed-on cases taken back without an answer", n
    ),
    "approvals": lambda n: ngettext(
        "disclosure that waits for a second look", "disclosures that wait for a second look", n
    ),
    "duties": lambda n: ngettext("duty after a disclosure", "duties after a disclosure", n),
    "reports": lambda n: ngettext("request that waits for a safety check", "requests that wait for a safety check", n),
    "identities": lambda n: ngettext(
        "request for an identity that waits for your decision",
        "requests for an identity that wait for your decision",
        n,
    ),
    "looks": lambda n: ngettext(
        "approved request for an identity that you can open", "approved requests for an identity that you can open", n
    ),
    "erasures": lambda n: ngettext(
        "request to erase somebody that waits for a decision", "requests to erase somebody that wait for a decision", n
    ),
    "exclusions": lambda n: ngettext("excluded value to look at again", "excluded values to look at again", n),
    "reflection": lambda n: ngettext("reflection period that runs", "reflection periods that run", n),
    "keeping": lambda n: ngettext("signal of yours that is erased soon", "signals of yours that are erased soon", n),
    "stuck": lambda n: ngettext("stuck case to get moving", "stuck cases to get moving", n),
    "meetings": lambda n: ngettext("meeting that asks whether you come", "meetings that ask whether you come", n),
    "tasks": lambda n: ngettext("task of the table", "tasks of the table", n),
    "closing": lambda n: ngettext("meeting to close", "meetings to close", n),
    "minutes": lambda n: ngettext("draft of minutes to share", "drafts of minutes to share", n),
    "approving": lambda n: ngettext("set of minutes to approve", "sets of minutes to approve", n),
    "triage": lambda n: ngettext("new signal to triage", "new signals to triage", n),
}


def work_count(waiting: Waiting) -> str:
    """A kind with its number, in words; `200+` when the list does not hold all of it."""
    number = f"{waiting.count}+" if waiting.more else str(waiting.count)
    return f"{number} {_COUNTED[waiting.kind](waiting.count)}"


WORK_WORDS: Mapping[str, Any] = {
    "work_url": work_url,
    "work_list_url": work_list_url,
    "work_label": work_label,
    "work_count": work_count,
}
