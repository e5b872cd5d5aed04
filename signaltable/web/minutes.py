"""Ending a meeting and its minutes: closing, reading on the screen and on paper, sharing, correcting, approving."""

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow.table import closing, minutes
from signaltable.flow.table.minutes import MinutesView
from signaltable.web.dossier_words import WORDS
from signaltable.web.filters import day, lang
from signaltable.web.forms import put_errors, whole_number
from signaltable.web.guards import begin, only, permission, submitted
from signaltable.web.minutes_paper import on_paper
from signaltable.web.minutes_words import MINUTES_WORDS, problem_word
from signaltable.web.task_words import TASK_WORDS
from signaltable.web.validators import no_bsn

pages = Blueprint("minutes", __name__, url_prefix="/tafel")


class CloseForm(FlaskForm):
    leave_over = BooleanField(_l("Leave these cases over for another meeting"))


class CorrectionForm(FlaskForm):
    reference = SelectField(_l("About which case?"), [Optional()])
    text = TextAreaField(
        _l("What has to read otherwise?"),
        [InputRequired(_l("Write something here")), no_bsn],
        description=_l("It stands beside what was written, which stays. Names that the program sees are masked."),
    )


class ApproveForm(FlaskForm):
    approved_in = SelectField(
        _l("At which meeting were they approved?"), [InputRequired(_l("Choose the meeting that approved them"))]
    )


# -- closing a meeting ---------------------------------------------------------------------------------------------


@pages.get("/<meeting_id>/sluiten")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def closing_page(meeting_id: str) -> ResponseReturnValue:
    """What closing the meeting would leave over."""
    return _closing(meeting_id, CloseForm(formdata=None))


@pages.post("/<meeting_id>/sluiten")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def close(meeting_id: str) -> ResponseReturnValue:
    """Close the meeting and make its minutes."""
    form = CloseForm()
    if not submitted(form):
        return _closing(meeting_id, form), 422
    try:
        with begin() as tx:
            closing.close(tx, meeting_id, leave_over=bool(form.leave_over.data))
    except UnusableInput:
        form.leave_over.errors = [_("Decide on these cases first, or tick that they are left over")]
        return _closing(meeting_id, form), 422
    flash(_("The meeting is closed. The minutes are a draft: read them and share them."), "success")
    return redirect(url_for("minutes.show", meeting_id=meeting_id), 303)


def _closing(meeting_id: str, form: CloseForm) -> str:
    with begin() as tx:
        found = closing.consult(tx, meeting_id)
    return render_template("minutes/closing.html", found=found, form=form)


# -- the minutes ---------------------------------------------------------------------------------------------------


@pages.get("/<meeting_id>/verslag")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def show(meeting_id: str) -> ResponseReturnValue:
    """The minutes as this reader may see them."""
    return _page(meeting_id)


@pages.get("/<meeting_id>/verslag.pdf")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def printed(meeting_id: str) -> ResponseReturnValue:
    """The same on paper, made for this reader."""
    with begin() as tx:
        view = minutes.for_paper(tx, meeting_id)
    file = on_paper(view, lang())
    with begin() as tx:
        minutes.note_download(tx, view, file)
    name = f"verslag-{view.head['held_on']}.pdf"
    return Response(
        file,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@pages.post("/<meeting_id>/verslag/opnieuw")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def remake(meeting_id: str) -> ResponseReturnValue:
    """Make the draft anew from what the meeting left."""
    only("version")
    with begin() as tx:
        minutes.remake(tx, meeting_id, version=whole_number(request.form.get("version")))
    flash(_("The draft was made anew."), "success")
    return redirect(url_for("minutes.show", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/verslag/delen")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def share(meeting_id: str) -> ResponseReturnValue:
    """Let everybody at the table read the minutes."""
    only("version")
    with begin() as tx:
        minutes.share(tx, meeting_id, version=whole_number(request.form.get("version")))
    flash(_("The minutes are shared. Everybody at the table gets a mail without content."), "success")
    return redirect(url_for("minutes.show", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/verslag/verbeteren")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def correct(meeting_id: str) -> ResponseReturnValue:
    """Put a correction beside what stands."""
    view = _read(meeting_id)
    form = _correction_form(view, posted=True)
    if not submitted(form):
        return _page(meeting_id, correcting=form), 422
    try:
        with begin() as tx:
            minutes.correct(tx, meeting_id, text=form.text.data or "", reference=form.reference.data or "")
    except UnusableInput as error:
        put_errors(form, error.problems, problem_word)
        return _page(meeting_id, correcting=form), 422
    flash(_("The correction stands in the minutes."), "success")
    return redirect(url_for("minutes.show", meeting_id=meeting_id, _anchor="verbeteringen"), 303)


@pages.post("/<meeting_id>/verslag/vaststellen")
@permission(Permission.TABLE_MINUTE_OWN_TABLE)
def approve(meeting_id: str) -> ResponseReturnValue:
    """Say that a later meeting approved the minutes."""
    form = _approve_form(_read(meeting_id), posted=True)
    if not submitted(form, "version"):
        return _page(meeting_id, approving=form), 422
    try:
        with begin() as tx:
            minutes.approve(
                tx,
                meeting_id,
                approved_in=form.approved_in.data or "",
                version=whole_number(request.form.get("version")),
            )
    except UnusableInput as error:
        put_errors(form, error.problems, problem_word)
        return _page(meeting_id, approving=form), 422
    flash(_("The minutes are approved. Nothing about them changes any more."), "success")
    return redirect(url_for("minutes.show", meeting_id=meeting_id), 303)


def _read(meeting_id: str) -> MinutesView:
    with begin() as tx:
        return minutes.consult(tx, meeting_id)


def _correction_form(view: MinutesView, *, posted: bool = False) -> CorrectionForm:
    form = CorrectionForm() if posted else CorrectionForm(formdata=None)
    cases = [(one.reference, one.reference) for one in view.cases]
    form.reference.choices = [("", _("The minutes as a whole")), *cases]
    return form


def _approve_form(view: MinutesView, *, posted: bool = False) -> ApproveForm:
    form = ApproveForm() if posted else ApproveForm(formdata=None)
    meetings = [(one, _("%(title)s, %(day)s", title=title, day=day(held))) for one, title, held in view.later]
    form.approved_in.choices = [("", ""), *meetings]
    return form


def _page(meeting_id: str, *, correcting: CorrectionForm | None = None, approving: ApproveForm | None = None) -> str:
    view = _read(meeting_id)
    leads = view.may_lead and view.state == minutes.SHARED
    forms = (
        (correcting or _correction_form(view)) if leads else None,
        (approving or _approve_form(view)) if leads and view.later else None,
    )
    return render_template(
        "minutes/show.html",
        view=view,
        correcting=forms[0],
        approving=forms[1],
        problems=[form for form in forms if form and form.errors],
        **{**WORDS, **TASK_WORDS, **MINUTES_WORDS},
    )
