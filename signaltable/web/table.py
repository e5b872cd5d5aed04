"""The agenda of a meeting and the pseudonymous dossier; other modules add their own pages to this blueprint."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import SelectMultipleField
from wtforms.validators import InputRequired

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow import dossier, table
from signaltable.flow.table import Agenda, ReadyLine
from signaltable.flow.table.around import around
from signaltable.web.dossier_words import WORDS, elsewhere_label, forms_label, put_problems, reasons_label
from signaltable.web.filters import day, in_words
from signaltable.web.guards import begin, offered, only, permission, program, submitted
from signaltable.web.task_words import TASK_WORDS

pages = Blueprint("table", __name__, url_prefix="/tafel")


class AgendaForm(FlaskForm):
    signals = SelectMultipleField(
        _l("Which signals come on the agenda?"), [InputRequired(_l("Choose at least one signal"))]
    )


# -- the agenda --------------------------------------------------------------------------------------------------


@pages.get("/<meeting_id>")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def agenda(meeting_id: str) -> ResponseReturnValue:
    """The agenda of one meeting."""
    return _agenda(_read_agenda(meeting_id))


@pages.post("/<meeting_id>/agenda")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def put_on_agenda(meeting_id: str) -> ResponseReturnValue:
    """Put signals on the agenda."""
    found = _read_agenda(meeting_id)
    form = _agenda_form(found, posted=True)
    if not submitted(form):
        return _agenda(found, form), 422
    wanted = form.signals.data or []
    try:
        with begin() as tx:
            table.put_on_agenda(tx, meeting_id, wanted)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _agenda(found, form), 422
    flash(ngettext("One signal was added.", "%(num)s signals were added.", len(wanted)), "success")
    return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/volgorde")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def reorder(meeting_id: str) -> ResponseReturnValue:
    """Move a signal one place up or down."""
    only("signal", "direction")
    found = _read_agenda(meeting_id)
    reference = offered("signal", [line.reference for line in found.lines])
    up = offered("direction", ("up", "down")) == "up"
    with begin() as tx:
        table.reorder(tx, meeting_id, reference, up=up)
    return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/afvoeren")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def take_off(meeting_id: str) -> ResponseReturnValue:
    """Take a signal off the agenda before the table decided on it."""
    only("signal")
    # A second window may still show a line that is gone; that is a page that is not found, and no forged request.
    reference = request.form.get("signal", "")
    with begin() as tx:
        table.take_off_agenda(tx, meeting_id, reference)
    flash(_("%(reference)s is off the agenda.", reference=reference), "success")
    return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)


def _read_agenda(meeting_id: str) -> Agenda:
    with begin() as tx:
        return table.agenda(tx, meeting_id)


def _agenda(found: Agenda, form: AgendaForm | None = None) -> str:
    hints = {line.reference: _ready_hint(line) for line in found.ready}
    with begin() as tx:
        beside = around(tx, found.meeting.id)
    return render_template(
        "table/agenda.html",
        agenda=found,
        around=beside,
        form=form or _agenda_form(found),
        hints=hints,
        **{**WORDS, **TASK_WORDS},
    )


def _agenda_form(found: Agenda, *, posted: bool = False) -> AgendaForm:
    # Ticked is what the rules propose and what fits in the time of the meeting; the coordinator decides.
    proposed = [line.reference for line in found.ready if line.proposed]
    form = AgendaForm() if posted else AgendaForm(formdata=None, data={"signals": proposed})
    # What somebody else put on the agenda meanwhile was offered too: that is a message, and no forged request.
    listed = [line.reference for line in found.lines] if posted else []
    form.signals.choices = [(reference, reference) for reference in (*(one.reference for one in found.ready), *listed)]
    return form


def _ready_hint(line: ReadyLine) -> str:
    """Why a signal is proposed, then what it is about and since when it waits."""
    urgency = program().policy.urgencies.get(line.urgency)
    parts = [
        reasons_label(line.reasons) if line.reasons else in_words(urgency.title) if urgency else "",
        elsewhere_label(line.elsewhere) if line.elsewhere else "",
        forms_label(line.forms) if line.forms else "",
        _("received on %(day)s", day=day(line.received)),
    ]
    return " · ".join(part for part in parts if part)


# -- one signal --------------------------------------------------------------------------------------------------


@pages.get("/dossier/<reference>")
@permission(Permission.DOSSIER_CONSULT_OWN_TABLE, Permission.DOSSIER_CONSULT_TABLED)
def show_dossier(reference: str) -> ResponseReturnValue:
    """The pseudonymous dossier of a signal."""
    with begin() as tx:
        read = dossier.consult(tx, reference)
    return render_template("dossier/show.html", read=read, **WORDS)
