"""Meetings: the list, planning and changing one, calling it off, the calendar on a page and as a file."""

import re
from datetime import date
from typing import Any, Final

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_date
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, SelectChoice, SelectField, StringField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import NotFound, UnusableInput
from signaltable.flow import table
from signaltable.flow.table import calendar
from signaltable.flow.table.planning import PLACE_LIMIT, Plan, PlanningView
from signaltable.web.dossier_words import put_problems
from signaltable.web.filters import lang
from signaltable.web.forms import DateParts, whole_number
from signaltable.web.guards import begin, only, permission, submitted
from signaltable.web.table import pages
from signaltable.web.table_words import table_choices
from signaltable.web.validators import day_needed, no_bsn

__all__ = ["pages"]

CALENDAR_FILE: Final = "overleg.ics"
_MONTH: Final = re.compile(r"(\d{4})-(\d{2})")


class MeetingForm(FlaskForm):
    title = StringField(
        _l("Name of the meeting"),
        [InputRequired(_l("Give the meeting a name")), Length(max=table.TITLE_LIMIT), no_bsn],
    )
    table = SelectField(_l("Table"), [Optional()])
    held_on = DateParts(_l("Day"), [day_needed(_l("Choose a day from today on"))])
    begins = StringField(_l("Begins at"), [Optional(), Length(max=5)], description=_l("For example 13:30"))
    ends = StringField(
        _l("Ends at"),
        [Optional(), Length(max=5)],
        description=_l("The program proposes as many signals as fit in this time."),
    )
    place = StringField(
        _l("Place"),
        [Optional(), Length(max=PLACE_LIMIT), no_bsn],
        description=_l("This comes in the calendars of people. Never a place where somebody is sheltered."),
    )
    chair = SelectField(_l("Chair"), [Optional()])


class ChangeForm(MeetingForm):
    version = HiddenField()


# -- the list and planning -----------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """The meetings of the own tables."""
    only("tafel")
    return _listing(None)


@pages.post("")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def schedule() -> ResponseReturnValue:
    """Plan a meeting."""
    with begin() as tx:
        view = table.to_plan(tx)
    form = _planning_form(view, posted=True)
    if not submitted(form):
        return _listing(form), 422
    try:
        with begin() as tx:
            plan = _plan(form)
            meeting = table.schedule(
                tx,
                held_on=plan.held_on,
                title=plan.title,
                begins=plan.begins,
                ends=plan.ends,
                place=plan.place,
                chair=plan.chair,
                table_id=(form.table.data or "") if "table" in form else "",
            )
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _listing(form), 422
    flash(_("The meeting is planned. Everybody at the table gets a mail."), "success")
    return redirect(url_for("table.agenda", meeting_id=meeting), 303)


def _listing(form: MeetingForm | None) -> str:
    with begin() as tx:
        found = table.meetings(tx, table_id=request.args.get("tafel", ""))
        if found.may_schedule and form is None:
            form = _planning_form(table.to_plan(tx))
    return render_template("table/listing.html", meetings=found, form=form, table_choices=table_choices(found.tables))


def _planning_form(view: PlanningView, *, posted: bool = False) -> MeetingForm:
    form = MeetingForm() if posted else MeetingForm(formdata=None)
    return _with_choices(form, view)


def _with_choices(form: MeetingForm, view: PlanningView) -> Any:
    form.chair.choices = [SelectChoice("", _("Nobody yet")), *(SelectChoice(*pair) for pair in view.chairs)]
    if len(view.tables) > 1:
        form.table.choices = [SelectChoice(one.id, one.title) for one in view.tables]
    else:
        del form.table
    return form


def _plan(form: MeetingForm) -> Plan:
    return Plan(
        held_on=form.held_on.data,
        title=form.title.data or "",
        begins=form.begins.data or "",
        ends=form.ends.data or "",
        place=form.place.data or "",
        chair=form.chair.data or "",
    )


@pages.route("/<meeting_id>/wijzigen", methods=["GET", "POST"])
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def change(meeting_id: str) -> ResponseReturnValue:
    """Change a meeting that is still to come."""
    with begin() as tx:
        view = table.to_plan(tx, meeting_id)
    form = _change_form(view)
    if submitted(form):
        try:
            with begin() as tx:
                table.change(tx, meeting_id, _plan(form), version=whole_number(form.version.data))
        except UnusableInput as error:
            put_problems(form, error.problems)
        else:
            flash(_("The meeting is changed. Everybody gets a mail when day, time or place changed."), "success")
            return redirect(url_for("table.agenda", meeting_id=meeting_id), 303)
    page = render_template("table/change.html", meeting=view.meeting, form=form)
    return page, 422 if request.method == "POST" else 200


def _change_form(view: PlanningView) -> ChangeForm:
    plan, line = view.plan, view.meeting
    assert plan is not None  # The view is of one meeting.
    assert line is not None
    stored = {name: getattr(plan, name) for name in ("title", "held_on", "begins", "ends", "place", "chair")}
    form: ChangeForm = _with_choices(ChangeForm(data={**stored, "version": str(line.version)}), view)
    if plan.chair and plan.chair not in dict(view.chairs):
        form.chair.choices = [*(form.chair.choices or []), SelectChoice(plan.chair, line.chair)]
    return form


@pages.post("/<meeting_id>/afgelasten")
@permission(Permission.TABLE_SCHEDULE_OWN_TABLE)
def cancel(meeting_id: str) -> ResponseReturnValue:
    """Call off a meeting; its signals go back to where they were."""
    only("version")
    with begin() as tx:
        table.cancel(tx, meeting_id, version=whole_number(request.form.get("version")))
    flash(
        _("The meeting is called off. Everybody at the table gets a mail, and its signals can go to another one."),
        "success",
    )
    return redirect(url_for("table.listing"), 303)


# -- the calendar ----------------------------------------------------------------------------------------------------


@pages.get("/kalender")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def show_calendar() -> ResponseReturnValue:
    """The meetings of one month, as a month and as a list."""
    only("maand", "tafel")
    year, number = _month(request.args.get("maand", ""))
    with begin() as tx:
        found = calendar.month(tx, year, number, table_id=request.args.get("tafel", ""))
    kept: dict[str, Any] = {"tafel": found.chosen} if found.chosen else {}
    return render_template(
        "table/calendar.html",
        found=found,
        title=format_date(found.first, "LLLL yyyy"),
        weekdays=[(format_date(one.on, "EEEE"), format_date(one.on, "EEEEEE")) for one in found.weeks[0]],
        table_choices=table_choices(found.tables),
        address=lambda first: url_for("table.show_calendar", maand=first.strftime("%Y-%m"), **kept),
        file_address=url_for("table.calendar_file", **kept),
        month_name=_month_name,
    )


def _month(asked: str) -> tuple[int, int]:
    found = _MONTH.fullmatch(asked)
    if asked and not found:
        raise NotFound("no such month")
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _month_name(first: date) -> str:
    return format_date(first, "LLLL yyyy")


@pages.get("/kalender.ics")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def calendar_file() -> ResponseReturnValue:
    """All meetings to come, for the calendar that somebody uses."""
    only("tafel")
    with begin() as tx:
        content = calendar.file_of_coming(tx, lang(), table_id=request.args.get("tafel", ""))
    return _as_file(content)


@pages.get("/<meeting_id>/overleg.ics")
@permission(Permission.TABLE_CONSULT_OWN_TABLE)
def meeting_file(meeting_id: str) -> ResponseReturnValue:
    """One meeting, for the calendar that somebody uses."""
    with begin() as tx:
        content = calendar.file_of(tx, meeting_id, lang())
    return _as_file(content)


def _as_file(content: bytes) -> Response:
    """A calendar file that no cache keeps (headers.py) and whose name says nothing."""
    answer = Response(content, mimetype="text/calendar")
    answer.headers["Content-Type"] = "text/calendar; charset=utf-8; method=PUBLISH"
    answer.headers["Content-Disposition"] = f'attachment; filename="{CALENDAR_FILE}"'
    return answer
