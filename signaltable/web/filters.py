"""What every template may use: the menu, dates, texts from policies, states in words."""

from collections.abc import Callable, Mapping
from datetime import date, datetime
from typing import Any

from flask import Flask, request, url_for
from flask_babel import format_date, format_datetime, format_decimal, get_locale
from flask_babel import gettext as _
from jinja2 import pass_context
from jinja2.runtime import Context
from werkzeug.routing import BuildError

from signaltable import pictures
from signaltable.access import Allowed, Permission, may
from signaltable.domain import day_of
from signaltable.flow.agencies import agency_title
from signaltable.flow.coming_in.actors import is_known
from signaltable.flow.mail.addresses import trouble
from signaltable.flow.rights import grants, opening
from signaltable.flow.rights.grants import GrantLine
from signaltable.flow.rights.opening import Running
from signaltable.texts import Text
from signaltable.web.at_once import tried, version
from signaltable.web.errors import reason_text
from signaltable.web.guards import STEP_UP_FIELDS, actor, begin, program, proof_needed, shown_code, ways_to_prove
from signaltable.web.opening_words import open_now
from signaltable.web.sign_in_words import device_words, strength_words

# Pages that are reached from the tabs of another entry of the menu.
WITHIN = {
    "asking": "triage",
    "grants": "admin",
    "blind_check": "questions",
    "jobs": "admin",
    "keys": "admin",
    "machines": "admin",
    "mails": "admin",
    "provider": "admin",
    "minutes": "table",
    "misuse": "auditor",
    "recusals": "table",
    "reflection": "signals",
    "samples": "auditor",
    "screen": "table",
    "subject_erasures": "subject_reports",
    "tasks": "table",
    "text_checks": "signals",
}


def lang() -> str:
    """The language of this request: "nl" or "en"."""
    locale = get_locale()
    return locale.language if locale else "nl"


def in_words(text: Text) -> str:
    """A text from policies in the reader's language."""
    return text.in_language(lang())


def day(value: date | datetime | None) -> str:
    """3 november 2026; a dash when there is none."""
    return format_date(value, "d MMMM y") if value else "–"


def month(value: date) -> str:
    """November 2026."""
    return format_date(value, "LLLL y")


def day_if_whole(text: str) -> str:
    """A whole date in words; of a birth date sometimes only the year or the month is known."""
    try:
        return day(date.fromisoformat(text))
    except ValueError:
        return text


def moment(value: datetime | None) -> str:
    """3 november 2026 14:05, in Dutch time; a dash when there is none."""
    return format_datetime(value, "d MMMM y HH:mm") if value else "–"


def file_size(count: int) -> str:
    """A number of bytes as people read it: 94 kB, 1,2 MB in Dutch."""
    if count < 1_000_000:
        return f"{format_decimal(max(1, round(count / 1000)), '#,##0')} kB"
    return f"{format_decimal(count / 1_000_000, '#,##0.0')} MB"


def ground_title(ground_id: str) -> str:
    """A legal ground by its title, with its id; the id alone when the rules no longer hold it."""
    title = next((in_words(row.title) for row in program().policy.grounds.rows if row.id == ground_id), "")
    return f"{title} ({ground_id})" if title else ground_id


def ground_unreviewed(ground_id: str) -> bool:
    """Whether no lawyer has looked at this ground as the rules hold it today; never for one that they no longer hold."""
    found = program().policy.grounds.find(ground_id, day_of(program().clock()))
    return found is not None and not found.reviewed_by


def state_label(state: str) -> str:
    """The state of a signal or disclosure in words."""
    return {
        "draft": _("Draft"),
        "submitted": _("Submitted"),
        "triaged": _("Triaged"),
        "enriching": _("Being enriched"),
        "tabled": _("On the table"),
        "watch": _("Watched"),
        "referred": _("Referred"),
        "accepted": _("Accepted"),
        "returned": _("Returned"),
        "followed_up": _("Followed up"),
        "closed": _("Closed"),
        "withdrawn": _("Withdrawn"),
        "expired": _("Expired"),
        "awaiting_approval": _("Waits for second person"),
        "rejected": _("Refused by second person"),
        "disclosed": _("Disclosed"),
        "revoked": _("Recalled"),
        "proposed": _("Proposed"),
        "confirmed": _("Confirmed"),
        "refused": _("Refused"),
        "ended": _("Ended"),
        "": _("Open"),
    }.get(state, state)


def answer_label(answer: str) -> str:
    """A partner's answer in words."""
    return {
        "hit": _("Hit"),
        "no_hit": _("No hit"),
        "cannot_search": _("Cannot search"),
        "may_not_say": _("May not say"),
        "": _("Not answered yet"),
    }[answer]


def menu() -> list[tuple[str, str, bool]]:
    """(address, label, current) of the pages that the actor's roles open."""
    # Who judges links finds the exclusion list there, so that the menu fits on one line; others have an entry for it.
    under_links = judges_links()
    reviews = isinstance(may(actor(), Permission.EMERGENCY_CONSULT_ALL), Allowed)
    entries: tuple[tuple[str, str, tuple[Permission, ...]], ...] = (
        ("overview.show", _("Overview"), (Permission.ACCOUNT_CONSULT_SELF,)),
        ("intake.start", _("New signal"), (Permission.SIGNAL_SUBMIT_OWN,)),
        ("signals.listing", _("Our signals"), (Permission.SIGNAL_LIST_OWN,)),
        ("links.listing", _("Links"), (Permission.LINK_DECIDE_OWN,)),
        ("exclusions.listing", _("Exclusion list"), () if under_links else (Permission.EXCLUSION_CHANGE_OWN,)),
        ("triage.listing", _("Triage"), (Permission.SIGNAL_TRIAGE_OWN_TABLE,)),
        ("questions.listing", _("Questions"), (Permission.ENRICH_ANSWER_ASKED,)),
        ("table.listing", _("Table"), (Permission.TABLE_CONSULT_OWN_TABLE,)),
        (
            "escalations.listing",
            _("Stuck cases"),
            (Permission.ESCALATION_SETTLE_OWN_TABLE, Permission.TABLE_DECIDE_OWN_TABLE),
        ),
        ("inbox.listing", _("Inbox"), (Permission.REFERRAL_RECEIVE_OWN,)),
        ("approvals.listing", _("Second look"), (Permission.DISCLOSURE_APPROVE_OTHER,)),
        (
            "identity_requests.listing",
            _("Who is it?"),
            (Permission.IDENTITY_REQUEST_TABLED, Permission.IDENTITY_DECIDE_OWN, Permission.DISCLOSURE_AUDIT_ALL),
        ),
        ("duties.listing", _("Duties"), (Permission.DUTY_FULFIL_OWN, Permission.DISCLOSURE_APPROVE_OTHER)),
        (
            "search.show",
            _("Search"),
            (
                Permission.SIGNAL_CONSULT_OWN,
                Permission.DOSSIER_CONSULT_OWN_TABLE,
                Permission.DOSSIER_CONSULT_TABLED,
                Permission.REFERRAL_RECEIVE_OWN,
            ),
        ),
        ("card.show", _("Meldroutekaart"), (Permission.POLICY_CONSULT_ALL,)),
        ("figures.show", _("Figures"), (Permission.FIGURES_CONSULT_ALL,)),
        ("auditor.listing", _("Audit log"), (Permission.LOG_CONSULT_ALL, Permission.LOG_CONSULT_OWN)),
        ("incidents.listing", _("Incidents"), (Permission.INCIDENT_CONSULT_ALL,)),
        (
            "emergency.listing" if reviews else "emergency.open_case",
            _("Acute danger"),
            (Permission.EMERGENCY_OPEN_ALL, Permission.EMERGENCY_CONSULT_ALL),
        ),
        ("rights.listing", _("Rights"), (Permission.RIGHTS_CONSULT_ALL,)),
        ("witness.show", _("Witness"), (Permission.CHECKPOINT_KEEP_OWN,)),
        (
            "subject_reports.listing",
            _("Who saw data"),
            (Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN),
        ),
        ("admin.listing", _("Administration"), (Permission.ACCOUNT_CHANGE_ALL,)),
    )
    if not is_known(actor()):
        return []
    within = {**WITHIN, "exclusions": "links"} if under_links else WITHIN
    blueprint = within.get(request.blueprint or "", request.blueprint or "")
    return [
        (url_for(endpoint), label, endpoint.split(".")[0] == blueprint)
        for endpoint, label, needed in entries
        if any(isinstance(may(actor(), one), Allowed) for one in needed)
    ]


def identity_value(name: str, value: str) -> str:
    """What stands in an identity field, as people write it."""
    return day_if_whole(value) if name == "birth_date" else value


def excludes() -> bool:
    """Whether the actor's role keeps the exclusion list of its organisation."""
    return isinstance(may(actor(), Permission.EXCLUSION_CHANGE_OWN), Allowed)


def judges_links() -> bool:
    """Whether the actor's role judges links, and so finds the exclusion list there."""
    return isinstance(may(actor(), Permission.LINK_DECIDE_OWN), Allowed)


def leads_table() -> bool:
    """Whether the actor's role sees who is kept from which case of its table."""
    return isinstance(may(actor(), Permission.TABLE_RECUSE_OWN_TABLE), Allowed)


def asks_who() -> bool:
    """Whether the actor's role may ask who somebody in a case of others is."""
    return isinstance(may(actor(), Permission.IDENTITY_REQUEST_TABLED), Allowed)


def running_emergencies() -> list[Running]:
    """What the actor opened in acute danger and can still read, for the line on every page."""
    if not is_known(actor()) or not actor().emergencies:
        return []
    with begin() as tx:
        return opening.running_of_mine(tx)


def my_grants() -> list[GrantLine]:
    """Which roles the actor has for some time."""
    with begin() as tx:
        return grants.of_myself(tx)


def mail_trouble() -> str:
    """Why mails do not reach who is signed in (flow/mail/addresses.py); "" when they do."""
    return trouble(program(), actor())


def _user() -> Mapping[str, str] | None:
    if not is_known(actor()):
        return None
    return {
        "name": actor().name,
        "agency_title": agency_title(program(), actor().agency_id),
        "kind": actor().agency_kind,
    }


def _context() -> dict[str, Any]:
    try:
        nav = menu()
    except BuildError:  # pragma: no cover -- an error page while blueprints are still being registered
        nav = []
    return {
        "nav": nav,
        "demo": program().settings.demo,
        "user": _user(),
        "lang": lang(),
        "policy": program().policy,
        "logout_url": url_for("account.log_out"),
        "account_url": url_for("account.own"),
    }


def _each_time(asked: Callable[..., Any]) -> Callable[..., Any]:
    """The same as a filter that Jinja asks for each page, and not once for all while it makes the code of a template: words
    would then stay in the language of whoever came first.
    """

    @pass_context
    def answer(_context: Context, *given: Any) -> Any:
        return asked(*given)

    return answer


def register(app: Flask) -> None:
    """Give templates their filters and their common values."""
    app.context_processor(_context)
    filters = (day, month, moment, file_size, ground_title, ground_unreviewed, state_label, answer_label)
    app.jinja_env.filters.update(t=_each_time(in_words), **{one.__name__: _each_time(one) for one in filters})
    app.jinja_env.globals.update(
        asks_who=asks_who,
        excludes=excludes,
        identity_value=identity_value,
        judges_links=judges_links,
        leads_table=leads_table,
        mail_trouble=mail_trouble,
        open_now=open_now,
        pictures=pictures,
        my_grants=my_grants,
        proof_needed=proof_needed,
        reason_text=reason_text,
        running_emergencies=running_emergencies,
        device_words=device_words,
        shown_code=shown_code,
        strength_words=strength_words,
        step_up_fields=STEP_UP_FIELDS,
        ways_to_prove=ways_to_prove,
        tried=tried,
        version_of=version,
    )
