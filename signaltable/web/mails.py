"""The link in a mail, which leads to what waits, and the administrator's page on how the mails are doing."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Permission
from signaltable.flow.mail import following, status
from signaltable.web.guards import begin, permission

pages = Blueprint("mails", __name__)

# The page of each kind of thing that a mail can be about, with the name of the argument that its id goes in; "" for none.
PAGES: Mapping[str, tuple[str, str]] = {
    "question": ("questions.show", "question_id"),
    "meeting": ("table.agenda", "meeting_id"),
    "minutes": ("minutes.show", "meeting_id"),
    "task": ("tasks.show", "task_id"),
    following.OWN: ("signals.show", "reference"),
    following.AT_TRIAGE: ("triage.show", "reference"),
    following.AT_TABLE: ("table.show_dossier", "reference"),
    "disclosure": ("inbox.show", "reference"),
    "sent": ("disclosures.show", "reference"),
    "feedback": ("inbox.show", "reference"),
    "awaited": ("disclosures.show", "reference"),
    "approval": ("approvals.show", "reference"),
    "duty": ("duties.show", "duty_id"),
    "escalation": ("escalations.show", "escalation_id"),
    "link": ("links.show", "link_id"),
    "identity": ("identity_requests.show", "reference"),
    "text": ("text_checks.show", "check_id"),
    "report": ("subject_reports.show", "reference"),
    "erasure": ("subject_erasures.show", "reference"),
    "incident": ("incidents.show", "incident_id"),
    "exclusion": ("exclusions.review", "exclusion_id"),
    "misuse": ("misuse.listing", ""),
    "account": ("account.security", ""),
    "emergency": ("emergency.look_back", "access_id"),
    "emergency-notice": ("emergency.notice", "access_id"),
    "emergency-own": ("emergency.show", "access_id"),
    "rights": ("rights.show", "review_id"),
    "rights-due": ("rights.agency", "agency_id"),
}


@pages.get("/taak/<mail_id>")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def follow(mail_id: str) -> ResponseReturnValue:
    """On to what a mail was about, for the person to whom it was sent; to the work list for everybody else."""
    with begin() as tx:
        led = following.follow(tx, mail_id)
    if led.over:
        flash(_("What that mail was about is done. There is nothing left for you to do about it."), "info")
    if led.kind not in PAGES:
        return redirect(url_for("overview.show"), 303)
    page, argument = PAGES[led.kind]
    values = {argument: led.thing} if argument else {}
    return redirect(url_for(page, **values), 303)  # type: ignore[arg-type]


@pages.get("/beheer/berichten")
@permission(Permission.JOB_CONSULT_ALL)
def show() -> ResponseReturnValue:
    """How many mails wait, went, failed and came back, by code; and who cannot be reached. No mail, no content."""
    with begin() as tx:
        state, people = status.consult(tx, "mails")
    return render_template("admin/mails.html", state=state, people=people, problem_words=problem_words)


def problem_words(code: str) -> str:
    """Why mails are not taken, in words; of an answer of the server only the code is known (RFC 3463)."""
    own = {
        "connect": _("The mail server does not answer"),
        "tls": _("The connection to the mail server cannot be protected"),
        "login": _("The mail server does not let the program sign in"),
        "broken-off": _("The mail server broke the connection off"),
        "no-address": _("No mail address is known"),
    }
    classes = {
        "1": _("The address does not exist or cannot be used"),
        "2": _("The mailbox is full or closed"),
        "3": _("The mail system of the receiver has a problem"),
        "4": _("The mail system of the receiver cannot be reached"),
        "5": _("The mail servers do not understand each other"),
        "6": _("The mail server does not take this kind of message"),
        "7": _("The mail server does not allow it"),
    }
    if code in own:
        return own[code]
    subject = code.split(".")[1] if code.count(".") == 2 else ""
    return classes.get(subject, _("The mail server did not take it"))
