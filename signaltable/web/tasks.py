"""What meetings asked: the lists, one page per task, settling it and putting it off."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow.table import task_lists, tasks
from signaltable.web.forms import DateParts, put_errors, whole_number
from signaltable.web.guards import begin, permission, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.task_words import TASK_WORDS, problem_word, result_word
from signaltable.web.validators import day_needed, no_bsn

pages = Blueprint("tasks", __name__, url_prefix="/tafel/acties")


class SettleForm(FlaskForm):
    result = RadioField(_l("What came of it?"), [InputRequired(_l("Choose what came of it"))])
    answer = TextAreaField(
        _l("In a few words"),
        [Optional(), no_bsn],
        description=_l("Everybody at the table reads this. Write no names; names that the program sees are masked."),
    )


class PutOffForm(FlaskForm):
    until = DateParts(_l("Until which day?"), [day_needed(_l("Fill in the day"))])
    reason = TextAreaField(
        _l("Why does it take longer?"),
        [DataRequired(_l("Write down why")), no_bsn],
        description=_l("Stays sealed for your own organisation. Nobody else reads it."),
    )


@pages.get("")
@permission(Permission.TASK_SETTLE_OWN, Permission.TABLE_MINUTE_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """Tasks of the own organisation, or of the tables that one leads."""
    after = read_key(request.args.get("na", ""))
    side, state = request.args.get("van", task_lists.OWN), request.args.get("staat", task_lists.OPEN)
    with begin(listing=True) as tx:
        found = task_lists.listing(tx, side=side, state=state, after=after)
    return render_template(
        "tasks/listing.html",
        found=found,
        side=side if side in found.sides else found.sides[0],
        state=state,
        more=write_key(found.following),
        first=after is None,
        **TASK_WORDS,
    )


@pages.get("/<task_id>")
@permission(Permission.TASK_SETTLE_OWN, Permission.TABLE_MINUTE_OWN_TABLE)
def show(task_id: str) -> ResponseReturnValue:
    """One task."""
    return _page(task_id)


@pages.post("/<task_id>/afhandelen")
@permission(Permission.TASK_SETTLE_OWN, Permission.TABLE_MINUTE_OWN_TABLE)
def settle(task_id: str) -> ResponseReturnValue:
    """Say what came of a task."""
    form = _settle_form()
    if not submitted(form, "version"):
        return _page(task_id, settling=form), 422
    try:
        with begin() as tx:
            tasks.settle(
                tx,
                task_id,
                result=form.result.data,
                answer=form.answer.data or "",
                version=whole_number(request.form.get("version")),
            )
    except UnusableInput as error:
        put_errors(form, error.problems, problem_word)
        return _page(task_id, settling=form), 422
    flash(_("Kept. The coordinator of the table hears so."), "success")
    return redirect(url_for("tasks.listing"), 303)


@pages.post("/<task_id>/uitstellen")
@permission(Permission.TASK_SETTLE_OWN, Permission.TABLE_MINUTE_OWN_TABLE)
def postpone(task_id: str) -> ResponseReturnValue:
    """Put a task off, with a reason."""
    form = PutOffForm()
    if not submitted(form, "version"):
        return _page(task_id, postponing=form), 422
    try:
        with begin() as tx:
            tasks.postpone(
                tx,
                task_id,
                until=form.until.data,
                reason=form.reason.data or "",
                version=whole_number(request.form.get("version")),
            )
    except UnusableInput as error:
        put_errors(form, error.problems, problem_word)
        return _page(task_id, postponing=form), 422
    flash(_("Put off. The reason is sealed for your organisation."), "success")
    return redirect(url_for("tasks.show", task_id=task_id), 303)


def _settle_form(*, empty: bool = False) -> SettleForm:
    form = SettleForm(formdata=None) if empty else SettleForm()
    form.result.choices = [(one, result_word(one)) for one in tasks.RESULTS]
    return form


def _page(task_id: str, *, settling: SettleForm | None = None, postponing: PutOffForm | None = None) -> str:
    with begin() as tx:
        task = tasks.consult(tx, task_id)
    forms = (settling or _settle_form(empty=True), postponing or PutOffForm(formdata=None))
    return render_template(
        "tasks/show.html",
        task=task,
        settling=forms[0],
        postponing=forms[1],
        problems=[form for form in forms if form.errors],
        **TASK_WORDS,
    )
