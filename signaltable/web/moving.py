"""Taking a signal to another table."""

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice, TextAreaField
from wtforms.validators import InputRequired

from signaltable.access import Permission
from signaltable.domain import Refused, UnusableInput
from signaltable.flow.table import moving
from signaltable.flow.table.moving import MovingView
from signaltable.web.dossier_words import put_problems
from signaltable.web.forms import whole_number
from signaltable.web.guards import begin, permission, submitted
from signaltable.web.table import pages
from signaltable.web.validators import no_bsn

__all__ = ["pages"]


class MovingForm(FlaskForm):
    version = HiddenField()
    table = RadioField(_l("To which table?"), [InputRequired(_l("Choose one of the open tables"))])
    reason = TextAreaField(
        _l("Why?"),
        [InputRequired(_l("Write down why")), no_bsn],
        description=_l("Both tables and the owner read this. Write no names; names that the program sees are masked."),
    )


@pages.route("/dossier/<reference>/andere-tafel", methods=["GET", "POST"])
@permission(Permission.SIGNAL_MOVE_OWN_TABLE)
def move(reference: str) -> ResponseReturnValue:
    """Choose another table for a signal, with a reason."""
    with begin() as tx:
        view = moving.moving(tx, reference, sent=request.method == "POST")
    form = _form(view)
    without_ground = False
    if submitted(form):
        try:
            with begin() as tx:
                moving.move_to_table(
                    tx, reference, form.table.data, form.reason.data or "", version=whole_number(form.version.data)
                )
        except UnusableInput as error:
            put_problems(form, error.problems)
        except Refused as refused:
            if refused.reason != "no_ground":
                raise
            without_ground = True
        else:
            flash(
                _("%(reference)s lies at the other table now. Its coordinator gets a mail.", reference=reference),
                "success",
            )
            return redirect(url_for("triage.listing"), 303)
    page = render_template("table/move.html", view=view, form=form, without_ground=without_ground, waits=_waits(view))
    return page, 403 if without_ground else 422 if request.method == "POST" else 200


def _form(view: MovingView) -> MovingForm:
    proposed = view.same_subject[0] if view.same_subject else ""
    form = MovingForm(data={"version": str(view.version), "table": proposed})
    form.table.choices = [SelectChoice(table_id, title) for table_id, title in view.targets]
    return form


def _waits(view: MovingView) -> str:
    """Why the signal cannot go now, in words; empty when it can."""
    return {
        "waits-decision": _("The table advised the owner to refer this signal. Wait until the owner decided."),
        "waits-approval": _("A second person has to look at a disclosure of this signal. Wait for that."),
        "decided": _("The table decided on this signal at a meeting of today."),
        "discussed": _("The table wrote a note about this signal for a meeting to come. Decide on it there first."),
    }.get(view.waits, "")
