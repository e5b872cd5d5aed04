"""How requests for an identity read: their states, why one is closed, and how a case was left."""

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext as _

from signaltable.flow.identity_requests import rows
from signaltable.web.errors import reason_text
from signaltable.web.filters import in_words
from signaltable.web.guards import program
from signaltable.web.log_words import role_titles

TONES: Mapping[str, str] = {
    rows.WAITING: "progress",
    rows.APPROVED: "good",
    rows.REFUSED: "neutral",
    rows.NO_GROUND: "warning",
    rows.WITHDRAWN: "quiet",
    rows.EXPIRED: "quiet",
    rows.ENDED: "quiet",
}


def identity_state(state: str) -> str:
    """The state of a request in words."""
    return {
        rows.WAITING: _("Waits for second person"),
        rows.APPROVED: _("Approved"),
        rows.REFUSED: _("Refused by second person"),
        rows.NO_GROUND: _("Refused by the rules"),
        rows.WITHDRAWN: _("Taken back"),
        rows.EXPIRED: _("Nobody decided in time"),
        rows.ENDED: _("Closed"),
    }.get(state, state)


def end_label(cause: str) -> str:
    """Why a request ended, in words."""
    return {
        "done": _("The person who asked closed it."),
        "taken_back": _("The organisation took its approval back."),
        "unanswered": _("Nobody decided in time."),
        "not_opened": _("It was not opened in time."),
        "time_over": _("The quarter of an hour is over."),
        "erased": _("The data of this person were erased."),
        "account_closed": _("The account of the person who asked was closed."),
        "conflict_of_interest": _("The person who asked turned out to have an interest in the case."),
        "consent_gone": _("The consent does not count any more."),
        "less_now": _("The rules let less be seen now than was asked."),
    }.get(cause, _("No ground carries it.") if cause else "")


def closed_label(reason: str) -> str:
    """Why it cannot be opened now, in words."""
    return reason_text(reason)


def kind_label(kind: str) -> str:
    """A kind of subject in words."""
    return in_words(program().policy.identifiers.kind_of(kind).label)


def identity_field(name: str) -> str:
    """An identity field in words."""
    return in_words(program().policy.identifiers.field(name).label)


IDENTITY_WORDS: Mapping[str, Any] = {
    "identity_state": identity_state,
    "identity_tones": TONES,
    "end_label": end_label,
    "closed_label": closed_label,
    "kind_label": kind_label,
    "identity_field": identity_field,
    "role_titles": role_titles,
}
