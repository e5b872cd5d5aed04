"""The form in which a table decides on a case, as the page of a case and the screen both have it."""

from flask import request
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.domain import Decision
from signaltable.flow import table
from signaltable.flow.table import ItemView
from signaltable.flow.table.deciding import NEEDS_HOLDER
from signaltable.web.dossier_words import decision_label, destination_label, put_problems
from signaltable.web.forms import DateParts
from signaltable.web.validators import day_needed, no_bsn

DUE_PARTS = ("due_on-day", "due_on-month", "due_on-year")


class DecisionForm(FlaskForm):
    decision = RadioField(_l("What does the table decide?"), [InputRequired(_l("Choose what the table decides"))])
    destinations = SelectMultipleField(
        _l("Refer to"),
        [Optional()],
        description=_l("Only when you refer. The owner decides and discloses; the table advises."),
    )
    holder = SelectField(
        _l("Who acts on this?"),
        [Optional()],
        description=_l("Needed when you refer or enrich further. The owner of the signal is filled in already."),
    )
    due_on = DateParts(_l("Done by"), description=_l("Needed when you refer or enrich further."))
    reason = TextAreaField(
        _l("Why?"),
        [InputRequired(_l("Write down why")), no_bsn],
        description=_l("The owner reads this. Write no names; names that the program sees are masked."),
    )


class TaskForm(FlaskForm):
    agency = SelectField(_l("Who does it?"), [InputRequired(_l("Choose who does it"))])
    task_text = TextAreaField(
        _l("What has to be done?"),
        [InputRequired(_l("Write something here")), no_bsn],
        description=_l("Everybody at the table reads this. Write no names; names that the program sees are masked."),
    )
    task_due_on = DateParts(_l("Done by"), [day_needed(_l("Fill in by which day this is done"))])


def decision_form(view: ItemView, *, posted: bool = False) -> DecisionForm:
    """The form with the choices of this case; the owner and what the card advises are filled in."""
    stored = {"holder": view.owner, "destinations": list(view.advised)}
    form = DecisionForm() if posted else DecisionForm(formdata=None, data=stored)
    form.decision.choices = [(one.value, decision_label(one)) for one in Decision]
    form.destinations.choices = [(code, destination_label(code)) for code in view.destinations]
    form.holder.choices = [("", _l("Nobody in particular")), *view.holders]
    return form


def task_form(view: ItemView, *, posted: bool = False) -> TaskForm:
    """The form for a task, with the organisations of the table."""
    form = TaskForm() if posted else TaskForm(formdata=None)
    form.agency.choices = [("", ""), *view.holders]
    return form


def name_missing(form: DecisionForm) -> None:
    """What this decision needs besides the fields that every one needs, so that all that is missing is named at once."""
    missing = table.missing_parts(
        form.decision.data or "",
        holder=form.holder.data or "",
        due_on=form.due_on.data,
        destinations=form.destinations.data or (),
    )
    put_problems(form, {name: problem for name, problem in missing.items() if not form[name].errors})


def said(form: DecisionForm) -> table.Deciding:
    """What was filled in, for the use case."""
    return table.Deciding(
        decision=form.decision.data,
        reason=form.reason.data or "",
        holder=form.holder.data or "",
        due_on=form.due_on.data,
        destinations=tuple(form.destinations.data or ()),
    )


def day_is_empty() -> bool:
    """Whether nobody typed anything in the boxes of the day."""
    return not any(request.form.get(name, "").strip() for name in DUE_PARTS)


def needs_day(form: DecisionForm) -> bool:
    """Whether this decision asks somebody to act by a day."""
    return form.decision.data in NEEDS_HOLDER


def half_decided(view: ItemView) -> bool:
    """Whether somebody had begun a decision when something else was kept; it then comes back as it was typed."""
    if any(request.form.get(name, "").strip() for name in ("decision", "reason", *DUE_PARTS)):
        return True
    changed = set(request.form.getlist("destinations")) != set(view.advised)
    return "holder" in request.form and (changed or request.form["holder"] != view.owner)
