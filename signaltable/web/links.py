"""Proposed links: the owners confirm or refuse. A hit says that there is one, never what or who."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow import linking, masking
from signaltable.web.dossier_words import problem_text
from signaltable.web.guards import begin, offered, only, permission

pages = Blueprint("links", __name__, url_prefix="/koppelingen")


@pages.get("")
@permission(Permission.LINK_DECIDE_OWN)
def listing() -> ResponseReturnValue:
    """The links of the own agency, those that wait first."""
    return _page({}, "")


@pages.post("/<link_id>")
@permission(Permission.LINK_DECIDE_OWN)
def decide(link_id: str) -> ResponseReturnValue:
    """Confirm or refuse one link."""
    only("verdict", "reason")
    confirmed = offered("verdict", ("confirm", "refuse")) == "confirm"
    reason = request.form.get("reason", "")
    try:
        with begin() as tx:
            state = linking.decide(tx, link_id, confirmed=confirmed, reason=reason)
    except UnusableInput as error:
        problem = error.problems["reason"]
        missing = problem == masking.NO_TEXT
        message = _("Say in a few words why you refuse this link") if missing else problem_text(problem)
        return _page({link_id: message}, reason), 422
    flash(_told(state), "success")
    return redirect(url_for("links.listing"), 303)


def _told(state: str) -> str:
    return {
        "confirmed": _("The link is confirmed by all owners. The table coordinator sees it now."),
        "refused": _("The link is refused. Both signals stay apart."),
        "proposed": _("Your answer is kept. The other owner still has to answer."),
    }[state]


def _page(problems: dict[str, str], typed: str) -> str:
    with begin() as tx:
        lines = linking.own_links(tx)
    return render_template("links/listing.html", lines=lines, problems=problems, typed=typed)
