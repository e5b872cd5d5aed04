"""The reflection period: noting that it began, seeing when it ends, and saying what came of it."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice
from wtforms.validators import InputRequired

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, NotFound, UnusableInput
from signaltable.flow import reflection
from signaltable.flow.reflection import Period
from signaltable.web.filters import day, in_words
from signaltable.web.forms import DateParts, whole_number
from signaltable.web.guards import actor, begin, permission, program, submitted
from signaltable.web.validators import day_needed

pages = Blueprint("reflection", __name__, url_prefix="/bedenktijd")


class RecordForm(FlaskForm):
    began_on = DateParts(_l("On which day did it begin?"), [day_needed(_l("Fill in the day"))])


class EndForm(FlaskForm):
    result = RadioField(_l("What came of it?"), [InputRequired(_l("Choose what came of it"))])
    version = HiddenField()


@pages.get("")
@permission(Permission.REFLECTION_RECORD_OWN)
def listing() -> ResponseReturnValue:
    """The periods that the own organisation noted."""
    with begin() as tx:
        lines = reflection.listing(tx)
    return render_template("reflection/listing.html", lines=lines, **REFLECTION_WORDS)


@pages.get("/nieuw/<way>/<thing>/<known_as>")
@permission(Permission.REFLECTION_RECORD_OWN)
def note(way: str, thing: str, known_as: str) -> ResponseReturnValue:
    """The form for one person."""
    return _note_page(way, thing, known_as, RecordForm())


@pages.post("/nieuw/<way>/<thing>/<known_as>")
@permission(Permission.REFLECTION_RECORD_OWN)
def record(way: str, thing: str, known_as: str) -> ResponseReturnValue:
    """Note that it began."""
    form = RecordForm()
    if not submitted(form):
        return _note_page(way, thing, known_as, form), 422
    try:
        with begin() as tx:
            period = reflection.record(tx, way, thing, known_as, began_on=form.began_on.data)
            ends_on = reflection.consult(tx, period).ends_on
    except UnusableInput as error:
        form.began_on.errors = [_problem(error.problems.get("began_on", ""))]
        return _note_page(way, thing, known_as, form), 422
    except Conflict as conflict:
        if conflict.reason not in {"recorded", "ended"}:
            raise
        already = conflict.reason == "recorded"
        flash(_("It is noted for this person already.") if already else _("This signal has ended."), "info")
        return redirect(url_for("reflection.listing"), 303)
    flash(_("Noted. The period ends on %(day)s.", day=day(ends_on)), "success")
    return redirect(url_for("reflection.show", period_id=period), 303)


@pages.get("/<period_id>")
@permission(Permission.REFLECTION_RECORD_OWN)
def show(period_id: str) -> ResponseReturnValue:
    """One period."""
    return _page(period_id, None)


@pages.post("/<period_id>/beeindigen")
@permission(Permission.REFLECTION_RECORD_OWN)
def end(period_id: str) -> ResponseReturnValue:
    """Say what came of it before it ends."""
    form = _end_form()
    if not submitted(form):
        return _page(period_id, form), 422
    try:
        with begin() as tx:
            reflection.end(tx, period_id, result=form.result.data or "", version=whole_number(form.version.data))
    except Conflict as conflict:
        if conflict.reason not in {"ended", "changed"}:
            raise
        flash(_("Somebody changed this meanwhile. Look again."), "info")
        return redirect(url_for("reflection.show", period_id=period_id), 303)
    flash(_("The reflection period has ended. It is in the log of your organisation."), "success")
    return redirect(url_for("reflection.listing"), 303)


def _end_form() -> EndForm:
    form = EndForm()
    rule = program().policy.reflection
    offered = [one for one in rule.result if not one.by_program] if rule else []
    form.result.choices = [SelectChoice(one.id, in_words(one.title)) for one in offered]
    return form


def _problem(problem: str) -> str:
    return {
        reflection.NO_DAY: _("Fill in the day"),
        reflection.IN_FUTURE: _("Choose today or an earlier day"),
        reflection.TOO_LONG_AGO: _("A period that began on this day is over already"),
    }.get(problem, _("This cannot be used"))


def _note_page(way: str, thing: str, known_as: str, form: RecordForm) -> str:
    with begin() as tx:
        whom = reflection.find(tx, way, thing, known_as)
    return render_template("reflection/note.html", whom=whom, form=form, **REFLECTION_WORDS)


def _page(period_id: str, form: EndForm | None) -> str:
    with begin() as tx:
        period = reflection.consult(tx, period_id)
    if form is None:
        form = _end_form()
        form.version.data = str(period.version)
    return render_template("reflection/show.html", period=period, form=form, **REFLECTION_WORDS)


# -- on other pages -----------------------------------------------------------------------------------------------


@pages.app_template_global("may_note_reflection")
def may_note() -> bool:
    """Whether the actor's role notes reflection periods."""
    return isinstance(may(actor(), Permission.REFLECTION_RECORD_OWN), Allowed)


@pages.app_template_global("reflection_periods")
def periods_in(way: str, thing: str) -> tuple[Period, ...]:
    """What the own organisation noted about people in a signal or disclosure of theirs; for a page that shows it."""
    if not may_note():
        return ()
    with begin() as tx:
        return reflection.runs_for(tx, way, thing)


@pages.app_template_global("reflection_warning")
def reflection_warning(reference: str, recipient: str) -> str:
    """What somebody reads who prepares a disclosure while a reflection period runs; empty when nothing is to be said."""
    try:
        with begin() as tx:
            words = reflection.warning(tx, reference, recipient)
    except NotFound:
        return ""
    return in_words(words) if words else ""


def result_label(code: str) -> str:
    """How a period ended, in words of the rules."""
    rule = program().policy.reflection
    known = {one.id: one.title for one in rule.result} if rule else {}
    return in_words(known[code]) if code in known else code


def person_url(one: Any) -> str:
    """The page of the actor's own organisation on which this person stands."""
    if one.way == reflection.SIGNAL:
        return url_for("signals.show", reference=one.thing, _anchor="betrokkenen")
    return url_for("inbox.show", reference=one.thing) if one.thing else ""


def person_label(one: Any) -> str:
    """The person as the actor knows it: a number in an own signal, or the pseudonym in what was received."""
    if one.way == reflection.SIGNAL:
        return _("%(reference)s, person %(number)s", reference=one.thing, number=one.known_as)
    return f"{one.thing}, {one.known_as}" if one.thing else str(one.known_as)


REFLECTION_WORDS = {"result_label": result_label, "person_url": person_url, "person_label": person_label}
