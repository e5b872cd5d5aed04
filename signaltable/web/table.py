"""The table: meetings, agenda, one signal as it is discussed, and the pseudonymous dossier."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, Decision, UnusableInput
from signaltable.flow import dossier, table
from signaltable.flow.table import Agenda, ItemView, ReadyLine
from signaltable.web.dossier_words import WORDS, decision_label, destination_label, forms_label, put_problems
from signaltable.web.filters import day, in_words
from signaltable.web.forms import DateParts
from signaltable.web.guards import begin, offered, only, permission, program, submitted
from signaltable.web.shelter import PlaceForm, must_look, note_look
from signaltable.web.validators import day_needed, no_bsn

pages = Blueprint("table", __name__, url_prefix="/tafel")

_DUE_PARTS = ("due_on-day", "due_on-month", "due_on-year")


class MeetingForm(FlaskForm):
    title = StringField(
        _l("Name of the meeting"),
        [InputRequired(_l("Give the meeting a name")), Length(max=table.TITLE_LIMIT), no_bsn],
    )
    held_on = DateParts(_l("Day"), [day_needed(_l("Choose a day from today on"))])


class AgendaForm(FlaskForm):
    signals = SelectMultipleField(
        _l("Which signals come on the agenda?"), [InputRequired(_l("Choose at least one signal"))]
    )


class NoteForm(PlaceForm):
    text = TextAreaField(
        _l("What was said?"),
        [InputRequired(_l("Write something here")), no_bsn],
        description=_l("Everybody at the table reads this. Write no names; names that the program sees are masked."),
    )


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


# -- meetings ----------------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """The meetings of the own table."""
    return _listing(MeetingForm(formdata=None))


@pages.post("")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def schedule() -> ResponseReturnValue:
    """Plan a meeting."""
    form = MeetingForm()
    if not submitted(form):
        return _listing(form), 422
    try:
        with begin() as tx:
            meeting = table.schedule(tx, held_on=form.held_on.data, title=form.title.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _listing(form), 422
    flash(_("The meeting is planned. Everybody at the table gets a mail."), "success")
    return redirect(url_for("table.agenda", meeting_id=meeting), 303)


def _listing(form: MeetingForm) -> str:
    with begin() as tx:
        found = table.meetings(tx)
    return render_template("table/listing.html", meetings=found, form=form)


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
    return render_template("table/agenda.html", agenda=found, form=form or _agenda_form(found), hints=hints, **WORDS)


def _agenda_form(found: Agenda, *, posted: bool = False) -> AgendaForm:
    form = AgendaForm() if posted else AgendaForm(formdata=None)
    # What somebody else put on the agenda meanwhile was offered too: that is a message, and no forged request.
    listed = [line.reference for line in found.lines] if posted else []
    form.signals.choices = [(reference, reference) for reference in (*(one.reference for one in found.ready), *listed)]
    return form


def _ready_hint(line: ReadyLine) -> str:
    urgency = program().policy.urgencies.get(line.urgency)
    parts = [
        in_words(urgency.title) if urgency else "",
        _("known to several agencies") if line.several else "",
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
    form, deciding = NoteForm(), _decision_form(view, posted=True)
    if not submitted(form, beside=deciding):
        return _item(view, noting=form, deciding=deciding), 422
    if must_look(form, form.text.data):
        return _item(view, noting=form, deciding=deciding), 422
    try:
        with begin() as tx:
            table.note(tx, meeting_id, reference, form.text.data or "")
            note_look(tx, form, "table.note", signal=reference)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _item(view, noting=form, deciding=deciding), 422
    flash(_("The note is kept."), "success")
    if _half_decided(view):
        return _item(_read_item(meeting_id, reference), deciding=deciding)
    return redirect(url_for("table.item", meeting_id=meeting_id, reference=reference, _anchor="aantekeningen"), 303)


@pages.post("/<meeting_id>/<reference>/besluit")
@permission(Permission.TABLE_DECIDE_OWN_TABLE)
def decide(meeting_id: str, reference: str) -> ResponseReturnValue:
    """Decide on a signal."""
    view = _read_item(meeting_id, reference)
    if not view.may_decide:
        raise Conflict("decided", "the table decided on this signal already")
    form, noting = _decision_form(view, posted=True), NoteForm()
    whole = submitted(form, beside=noting)
    _name_missing(form)
    if not whole or form.errors:
        return _item(view, noting=noting, deciding=form), 422
    deciding = table.Deciding(
        decision=form.decision.data,
        reason=form.reason.data or "",
        holder=form.holder.data or "",
        due_on=form.due_on.data,
        destinations=tuple(form.destinations.data or ()),
    )
    try:
        with begin() as tx:
            table.decide(tx, meeting_id, reference, deciding)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _item(view, noting=noting, deciding=form), 422
    flash(_("The decision on %(reference)s is kept. The owner sees it.", reference=reference), "success")
    if (noting.text.data or "").strip():
        flash(_("Your note is not kept yet. It still stands under Discussion."), "warning")
        return _item(_read_item(meeting_id, reference), noting=noting)
    return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)


def _read_item(meeting_id: str, reference: str) -> ItemView:
    with begin() as tx:
        return table.consult_item(tx, meeting_id, reference)


def _name_missing(form: DecisionForm) -> None:
    """What this decision needs besides the fields that every one needs, so that all that is missing is named at once."""
    missing = table.missing_parts(
        form.decision.data or "",
        holder=form.holder.data or "",
        due_on=form.due_on.data,
        destinations=form.destinations.data or (),
    )
    put_problems(form, {name: problem for name, problem in missing.items() if not form[name].errors})


def _half_decided(view: ItemView) -> bool:
    """Whether somebody had begun a decision when the note was kept; it then comes back as it was typed."""
    if any(request.form.get(name, "").strip() for name in ("decision", "reason", *_DUE_PARTS)):
        return True
    changed = set(request.form.getlist("destinations")) != set(view.advised)
    return "holder" in request.form and (changed or request.form["holder"] != view.owner)


def _item(view: ItemView, *, noting: NoteForm | None = None, deciding: DecisionForm | None = None) -> str:
    return render_template(
        "table/item.html",
        view=view,
        read=view.dossier,
        noting=(noting or NoteForm(formdata=None)) if view.may_note else None,
        deciding=(deciding or _decision_form(view)) if view.may_decide else None,
        advised_hint={code: _("The card advises this") for code in view.advised},
        **WORDS,
    )


def _decision_form(view: ItemView, *, posted: bool = False) -> DecisionForm:
    stored = {"holder": view.owner, "destinations": list(view.advised)}
    form = DecisionForm() if posted else DecisionForm(formdata=None, data=stored)
    form.decision.choices = [(one.value, decision_label(one)) for one in Decision]
    form.destinations.choices = [(code, destination_label(code)) for code in view.destinations]
    form.holder.choices = [("", _("Nobody in particular")), *view.holders]
    return form
