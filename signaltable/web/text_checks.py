"""Texts of own signals that the table does not read yet: which wait, and confirming the masks of one."""

from collections.abc import Mapping

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow import text_checks
from signaltable.flow.masking import NO_TEXT
from signaltable.web.dossier_words import problem_text
from signaltable.web.guards import begin, offered, only, permission

pages = Blueprint("text_checks", __name__, url_prefix="/tekstcontroles")

# What a page offers for a new word: mask it, or say why it is nobody's.
KEEP, FREE = "mask", "free"


@pages.get("")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def listing() -> str:
    """The texts of the own agency that wait: for the reader, or for somebody who confirms."""
    with begin() as tx:
        checks = text_checks.own_checks(tx)
    return render_template("text_checks/listing.html", checks=checks, place_words=place_words)


@pages.get("/<check_id>")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def show(check_id: str) -> str:
    """One text with the words that were found in it later."""
    return _page(check_id, {}, {})


@pages.post("/<check_id>")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def confirm(check_id: str) -> ResponseReturnValue:
    """Confirm the masks of a text, so that the table reads it."""
    with begin() as tx:
        words = text_checks.question(tx, check_id).words
    only("words", *(f"{name}-{one.number}" for one in words for name in ("choice", "reason")))
    choices = {one.number: offered(f"choice-{one.number}", (KEEP, FREE)) for one in words}
    freed = {at: request.form.get(f"reason-{at}", "") for at, choice in choices.items() if choice == FREE}
    more = [word.strip() for word in request.form.get("words", "").splitlines() if word.strip()]
    try:
        with begin() as tx:
            text_checks.confirm(tx, check_id, freed, more)
    except UnusableInput as error:
        return _page(check_id, dict(request.form), error.problems), 422
    flash(_("The masks are confirmed. The table reads the text now."), "success")
    return redirect(url_for("text_checks.listing"), 303)


def place_words(place: str) -> str:
    """Which text of a signal it is."""
    return {
        "narrative": _("What was seen"),
        "municipality": _("Municipality"),
        "language": _("Language of the conversation"),
    }.get(place, place)


def _page(check_id: str, typed: Mapping[str, str], problems: Mapping[str, str]) -> str:
    with begin() as tx:
        question = text_checks.question(tx, check_id)
    return render_template(
        "text_checks/show.html",
        question=question,
        typed=typed,
        problems={place: _reason_missing(problem) for place, problem in problems.items()},
        place_words=place_words,
        freeable=text_checks.FREEABLE,
    )


def _reason_missing(problem: str) -> str:
    missing = problem == NO_TEXT
    return _("Say in a few words why this tells nobody who it is") if missing else problem_text(problem)
