"""Who comes to a meeting, and who was there."""

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, SelectField, SelectMultipleField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow.table import attending
from signaltable.flow.table.attending import Attending
from signaltable.flow.table.meetings import line_of
from signaltable.web.dossier_words import put_problems
from signaltable.web.guards import begin, permission, submitted
from signaltable.web.table import pages

__all__ = ["pages"]


class AnswerForm(FlaskForm):
    answer = RadioField(_l("Do you come?"), [InputRequired(_l("Say whether you come"))])
    replacement = SelectField(
        _l("Who comes in your place?"),
        [Optional()],
        description=_l("Only when you do not come. Your colleague gets a mail."),
    )


class PresenceForm(FlaskForm):
    present = SelectMultipleField(_l("Who is there?"), [Optional()])


@pages.get("/<meeting_id>/aanwezigheid")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def attendance(meeting_id: str) -> ResponseReturnValue:
    """Who comes, one's own answer, and from the day itself who was there."""
    return _page(meeting_id)


@pages.post("/<meeting_id>/aanwezigheid/antwoord")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def answer_meeting(meeting_id: str) -> ResponseReturnValue:
    """Say whether one comes, or who comes instead."""
    with begin() as tx:
        found = attending.attending(tx, meeting_id)
    form = _answer_form(found, posted=True)
    if not submitted(form):
        return _page(meeting_id, answering=form), 422
    try:
        with begin() as tx:
            attending.answer(tx, meeting_id, form.answer.data, replacement=form.replacement.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(meeting_id, answering=form), 422
    flash(_("Your answer is kept."), "success")
    return redirect(url_for("table.attendance", meeting_id=meeting_id), 303)


@pages.post("/<meeting_id>/aanwezigheid")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def note_presence(meeting_id: str) -> ResponseReturnValue:
    """Note who is at the meeting; for its chair and for whoever leads the table."""
    with begin() as tx:
        found = attending.attending(tx, meeting_id)
    form = _presence_form(found, posted=True)
    if not submitted(form):
        return _page(meeting_id, noting=form), 422
    with begin() as tx:
        attending.note_presence(tx, meeting_id, form.present.data or [])
    flash(_("It is noted who was there."), "success")
    return redirect(url_for("table.attendance", meeting_id=meeting_id), 303)


def _page(meeting_id: str, *, answering: AnswerForm | None = None, noting: PresenceForm | None = None) -> str:
    with begin() as tx:
        found = attending.attending(tx, meeting_id)
        line = line_of(tx, meeting_id)
    return render_template(
        "table/attendance.html",
        found=found,
        meeting=line,
        answering=(answering or _answer_form(found)) if found.may_answer else None,
        noting=(noting or _presence_form(found)) if found.may_note else None,
        said=said_label,
    )


def said_label(code: str) -> str:
    """What somebody said about coming, or what was noted about being there."""
    return {
        attending.COMING: _("Comes"),
        attending.NOT_COMING: _("Does not come"),
        attending.PRESENT: _("Was there"),
        attending.ABSENT: _("Was not there"),
    }.get(code, _("No answer yet"))


def _answer_form(found: Attending, *, posted: bool = False) -> AnswerForm:
    form = AnswerForm() if posted else AnswerForm(formdata=None, data={"answer": found.mine})
    form.answer.choices = [
        SelectChoice(attending.COMING, _("I come")),
        SelectChoice(attending.NOT_COMING, _("I do not come")),
    ]
    form.replacement.choices = [SelectChoice("", _("Nobody")), *(SelectChoice(*pair) for pair in found.colleagues)]
    return form


def _presence_form(found: Attending, *, posted: bool = False) -> PresenceForm:
    there = [
        one.account_id
        for one in found.people
        if one.presence == attending.PRESENT or (not one.presence and one.answer == attending.COMING)
    ]
    form = PresenceForm() if posted else PresenceForm(formdata=None, data={"present": there})
    form.present.choices = [(one.account_id, f"{one.name}, {one.agency}") for one in found.people]
    return form
