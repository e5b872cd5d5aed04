"""One signal as a meeting discusses it: notes, the decision, and what else has to be done."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, TextAreaField
from wtforms.validators import InputRequired

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import table
from signaltable.flow.table import ItemView
from signaltable.flow.table import tasks as table_tasks
from signaltable.web.deciding import (
    DecisionForm,
    TaskForm,
    decision_form,
    half_decided,
    name_missing,
    said,
    task_form,
)
from signaltable.web.dossier_words import WORDS, put_problems
from signaltable.web.guards import begin, note_failure, permission, submitted
from signaltable.web.shelter import PlaceForm, must_look, note_look
from signaltable.web.table import pages
from signaltable.web.task_words import TASK_WORDS
from signaltable.web.validators import no_bsn

__all__ = ["pages"]


class NoteForm(PlaceForm):
    text = TextAreaField(
        _l("What was said?"),
        [InputRequired(_l("Write something here")), no_bsn],
        description=_l("Everybody at the table reads this. Write no names; names that the program sees are masked."),
    )
    minuted = BooleanField(_l("Put this in the minutes"))


@pages.get("/<meeting_id>/<reference>")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def item(meeting_id: str, reference: str) -> ResponseReturnValue:
    """One signal as it is discussed at one meeting."""
    return _item(_read_item(meeting_id, reference))


@pages.post("/<meeting_id>/<reference>/aantekening")
@permission(Permission.TABLE_NOTE_OWN_TABLE)
def note(meeting_id: str, reference: str) -> ResponseReturnValue:
    """Write down what was said."""
    view = _read_item(meeting_id, reference)
    form, deciding = NoteForm(), decision_form(view, posted=True)
    if not submitted(form, beside=deciding):
        return _item(view, noting=form, deciding=deciding), 422
    if must_look(form, form.text.data):
        return _item(view, noting=form, deciding=deciding), 422
    try:
        with begin() as tx:
            table.note(tx, meeting_id, reference, form.text.data or "", minuted=bool(form.minuted.data))
            note_look(tx, form, "table.note", signal=reference)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _item(view, noting=form, deciding=deciding), 422
    except Conflict:
        return _too_late(_read_item(meeting_id, reference), deciding, form)
    flash(_("The note is kept."), "success")
    if half_decided(view):
        return _item(_read_item(meeting_id, reference), deciding=deciding)
    return redirect(url_for("table.item", meeting_id=meeting_id, reference=reference, _anchor="aantekeningen"), 303)


@pages.post("/<meeting_id>/<reference>/besluit")
@permission(Permission.TABLE_DECIDE_OWN_TABLE)
def decide(meeting_id: str, reference: str) -> ResponseReturnValue:
    """Decide on a signal."""
    view = _read_item(meeting_id, reference)
    form, noting = decision_form(view, posted=True), NoteForm()
    whole = submitted(form, beside=noting)
    if not view.may_decide:
        return _too_late(view, form, noting)
    name_missing(form)
    if not whole or form.errors:
        return _item(view, noting=noting, deciding=form), 422
    try:
        with begin() as tx:
            table.decide(tx, meeting_id, reference, said(form))
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _item(view, noting=noting, deciding=form), 422
    except Conflict:
        return _too_late(_read_item(meeting_id, reference), form, noting)
    flash(_("The decision on %(reference)s is kept. The owner sees it.", reference=reference), "success")
    if (noting.text.data or "").strip():
        flash(_("Your note is not kept yet. It still stands under Discussion."), "warning")
        return _item(_read_item(meeting_id, reference), noting=noting)
    return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/<reference>/actie")
@permission(Permission.TABLE_DECIDE_OWN_TABLE)
def assign(meeting_id: str, reference: str) -> ResponseReturnValue:
    """Add a task to a case."""
    view = _read_item(meeting_id, reference)
    form = task_form(view, posted=True)
    if not submitted(form):
        return _item(view, assigning=form), 422
    try:
        with begin() as tx:
            table_tasks.assign(
                tx,
                meeting_id,
                reference,
                agency=form.agency.data,
                text=form.task_text.data or "",
                due_on=form.task_due_on.data,
            )
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _item(view, assigning=form), 422
    flash(_("The task is kept. Who does it gets a mail without content."), "success")
    return redirect(url_for("table.item", meeting_id=meeting_id, reference=reference, _anchor="acties"), 303)


def _read_item(meeting_id: str, reference: str) -> ItemView:
    with begin() as tx:
        return table.consult_item(tx, meeting_id, reference)


def _too_late(view: ItemView, form: DecisionForm, noting: NoteForm) -> ResponseReturnValue:
    """Somebody decided first, or the meeting was closed: who and what, and all that was typed comes back as a note."""
    note_failure("conflict", 409)
    typed = [text.strip() for text in (noting.text.data, form.reason.data) if text and text.strip()]
    noting.text.data, noting.text.errors = "\n\n".join(typed), []
    return _item(view, noting=noting, too_late=True), 409


def _item(
    view: ItemView,
    *,
    noting: NoteForm | None = None,
    deciding: DecisionForm | None = None,
    assigning: TaskForm | None = None,
    too_late: bool = False,
) -> str:
    return render_template(
        "table/item.html",
        view=view,
        read=view.dossier,
        noting=(noting or NoteForm(formdata=None)) if view.may_note else None,
        deciding=(deciding or decision_form(view)) if view.may_decide else None,
        assigning=(assigning or task_form(view)) if view.may_assign else None,
        too_late=too_late,
        typed=noting.text.data if too_late and noting else "",
        advised_hint={code: _("The card advises this") for code in view.advised},
        **WORDS,
        **TASK_WORDS,
    )
