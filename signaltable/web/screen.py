"""The meeting on a projector: one case per page in large letters, for the keyboard, and deciding in front of everybody."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable.access import Permission
from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow import table
from signaltable.flow.table import screen
from signaltable.flow.table.screen import ScreenView
from signaltable.web.deciding import DecisionForm, day_is_empty, decision_form, name_missing, needs_day, said
from signaltable.web.dossier_words import WORDS, put_problems
from signaltable.web.guards import begin, note_failure, permission, submitted
from signaltable.web.task_words import TASK_WORDS

pages = Blueprint("screen", __name__, url_prefix="/tafel")


@pages.get("/<meeting_id>/scherm")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def begin_meeting(meeting_id: str) -> ResponseReturnValue:
    """The first case; what there is to do at the end when there is none."""
    with begin() as tx:
        found = screen.end(tx, meeting_id)
    if found.of == 0:
        return render_template("screen/end.html", found=found)
    return _page(_read(meeting_id, 1))


@pages.get("/<meeting_id>/scherm/<int:number>")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def show(meeting_id: str, number: int) -> ResponseReturnValue:
    """One case, or first who has to leave the room before it is shown."""
    return _page(_read(meeting_id, number, room_is_clear=request.args.get("verlaten") == "ja"))


@pages.get("/<meeting_id>/scherm/einde")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def end(meeting_id: str) -> ResponseReturnValue:
    """After the last case: what has no decision yet, and closing the meeting."""
    with begin() as tx:
        found = screen.end(tx, meeting_id)
    return render_template("screen/end.html", found=found)


@pages.post("/<meeting_id>/scherm/<reference>/besluit")
@permission(Permission.TABLE_DECIDE_OWN_TABLE)
def decide(meeting_id: str, reference: str) -> ResponseReturnValue:
    """Keep a decision and go on to the next case."""
    shown = _of(meeting_id, reference)
    if shown.view is None:
        flash(
            _("%(reference)s was taken back or moved meanwhile. Nothing was decided.", reference=reference), "warning"
        )
        return redirect(url_for("screen.show", meeting_id=meeting_id, number=shown.step.number), 303)
    form = decision_form(shown.view, posted=True)
    whole = submitted(form)
    if not shown.view.may_decide:
        return _too_late(meeting_id, reference, form)
    if needs_day(form) and day_is_empty():
        form.due_on.data = shown.suggested_day
    name_missing(form)
    if not whole or form.errors:
        return _page(shown, deciding=form), 422
    try:
        with begin() as tx:
            table.decide(tx, meeting_id, reference, said(form))
            following = screen.after(tx, meeting_id, reference)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(shown, deciding=form), 422
    except Conflict:
        return _too_late(meeting_id, reference, form)
    flash(_("The decision on %(reference)s is kept.", reference=reference), "success")
    if following is None:
        return redirect(url_for("screen.end", meeting_id=meeting_id), 303)
    return redirect(url_for("screen.show", meeting_id=meeting_id, number=following), 303)


def _read(meeting_id: str, number: int, *, room_is_clear: bool = False) -> ScreenView:
    with begin() as tx:
        return screen.show(tx, meeting_id, number, room_is_clear=room_is_clear)


def _of(meeting_id: str, reference: str) -> ScreenView:
    """The same by its reference. The form stands on a page that was shown, so the room was clear."""
    with begin() as tx:
        number = screen.number_of(tx, meeting_id, reference)
        return screen.show(tx, meeting_id, number, room_is_clear=True)


def _too_late(meeting_id: str, reference: str, form: DecisionForm) -> ResponseReturnValue:
    """Somebody decided first, or the meeting was closed: who and what, with the words that were typed."""
    note_failure("conflict", 409)
    try:
        shown = _of(meeting_id, reference)
    except NotFound:
        return redirect(url_for("screen.begin_meeting", meeting_id=meeting_id), 303)
    return _page(shown, too_late=True, typed=(form.reason.data or "").strip()), 409


def _page(shown: ScreenView, *, deciding: DecisionForm | None = None, too_late: bool = False, typed: str = "") -> str:
    view = shown.view
    if view is None:
        return render_template("screen/before.html", shown=shown, **WORDS)
    form = (deciding or decision_form(view)) if view.may_decide else None
    return render_template(
        "screen/case.html",
        shown=shown,
        view=view,
        read=view.dossier,
        deciding=form,
        too_late=too_late,
        typed=typed,
        **{**WORDS, **TASK_WORDS},
    )
