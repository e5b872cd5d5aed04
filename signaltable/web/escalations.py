"""Stuck cases (ketenregie): what does not move, why, who missed what, and how it goes on."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, RadioField, SelectChoice, SelectField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from signaltable import pictures
from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, UnusableInput, day_of
from signaltable.flow.escalations import listing as stuck
from signaltable.flow.escalations import settling
from signaltable.flow.escalations.listing import StuckCase
from signaltable.flow.escalations.settling import Settling
from signaltable.web.clock_words import CLOCK_WORDS, cause_label, missed_label, settled_label
from signaltable.web.filters import day, in_words
from signaltable.web.forms import put_errors, whole_number
from signaltable.web.guards import actor, begin, permission, program, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("escalations", __name__, url_prefix="/ketenregie")


class SettleForm(FlaskForm):
    result = RadioField(_l("How does it go on?"), [InputRequired(_l("Choose how it goes on"))])
    agency = SelectField(_l("Which organisation?"))
    reason = TextAreaField(
        _l("Why?"),
        [
            DataRequired(_l("Write down why")),
            Length(
                max=settling.REASON_LIMIT,
                message=_l("Write this in fewer words: at most %(max)d characters", max=settling.REASON_LIMIT),
            ),
            no_bsn,
        ],
        description=_l("Name no person. Everybody at the table can read this. Names in this text are masked."),
    )
    version = HiddenField()


@pages.get("")
@permission(Permission.ESCALATION_SETTLE_OWN_TABLE, Permission.TABLE_DECIDE_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """What is stuck now, and what was settled."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        page = stuck.listing(tx, after=after)
    return render_template(
        "escalations/listing.html",
        page=page,
        older=write_key(page.following),
        first=after is None,
        coordinates=_coordinates(),
        **WORDS,
        **CLOCK_WORDS,
    )


@pages.get("/<escalation_id>")
@permission(Permission.ESCALATION_SETTLE_OWN_TABLE, Permission.TABLE_DECIDE_OWN_TABLE)
def show(escalation_id: str) -> ResponseReturnValue:
    """One stuck case: why, who missed what, the next steps, and settling it."""
    with begin() as tx:
        case = stuck.consult(tx, escalation_id)
    return _page(case, _form(case))


@pages.post("/<escalation_id>/afhandelen")
@permission(Permission.ESCALATION_SETTLE_OWN_TABLE)
def settle(escalation_id: str) -> ResponseReturnValue:
    """Say how it goes on."""
    with begin() as tx:
        case = stuck.consult(tx, escalation_id)
    if not case.may_settle:
        flash(_("Somebody settled this already."), "info")
        return redirect(url_for("escalations.show", escalation_id=escalation_id), 303)
    form = _form(case)
    if not submitted(form):
        return _page(case, form), 422
    settled = Settling(
        form.result.data or "", form.reason.data or "", form.agency.data or "", whole_number(form.version.data)
    )
    try:
        with begin() as tx:
            reference = settling.settle(tx, escalation_id, settled)
    except UnusableInput as error:
        put_errors(form, error.problems, _problem_word)
        return _page(case, form), 422
    except Conflict as conflict:
        if conflict.reason not in {"settled", "changed"}:
            raise
        flash(_("Somebody changed this case meanwhile. Look again, and choose then."), "info")
        return redirect(url_for("escalations.show", escalation_id=escalation_id), 303)
    flash(_("%(reference)s is no longer stuck. It is in the log.", reference=reference), "success")
    return redirect(url_for("escalations.listing"), 303)


def _coordinates() -> bool:
    return isinstance(may(actor(), Permission.ESCALATION_SETTLE_OWN_TABLE), Allowed)


def _form(case: StuckCase) -> SettleForm:
    form = SettleForm()
    form.result.choices = [SelectChoice(one.id, in_words(one.title)) for one in case.results]
    nobody = SelectChoice("", _("No organisation"))
    form.agency.choices = [nobody, *(SelectChoice(agency, title) for agency, title in case.agencies)]
    if request.method != "POST":
        form.version.data = str(case.version)
    return form


def _problem_word(problem: str) -> str:
    words = {
        settling.NO_AGENCY: _("Choose the organisation that takes it up"),
        settling.UNKNOWN_CHOICE: _("Choose one of the choices"),
    }
    return words.get(problem, _("This cannot be used"))


def _page(case: StuckCase, form: SettleForm) -> str:
    return render_template(
        "escalations/show.html",
        case=case,
        form=form,
        course=_course(case),
        picture=_picture(case),
        with_agency=[one.id for one in case.results if one.agency],
        may_triage=isinstance(may(actor(), Permission.SIGNAL_TRIAGE_OWN_TABLE), Allowed),
        **WORDS,
        **CLOCK_WORDS,
    )


def _course(case: StuckCase) -> list[dict[str, Any]]:
    """What happened in this matter, oldest first: for the picture and for the table beside it."""
    found = [
        {"day": one.due_on, "title": _("Missed: %(what)s", what=missed_label(one.kind)), "who": one.agency}
        for one in case.missed
    ]
    line = case.line
    found.append({"day": day_of(line.opened_at), "title": _("With the coordinator"), "who": cause_label(line.cause)})
    if case.raised_at is not None:
        found.append({"day": day_of(case.raised_at), "title": _("With the regional table"), "who": ""})
    elif line.settled_at is None:
        found.append({"day": line.due_on, "title": _("Goes to the regional table after this day"), "who": ""})
    if line.settled_at is not None:
        ended = {"day": day_of(line.settled_at), "title": _("Settled"), "who": settled_label(line.result)}
        found.append(ended)
    return sorted(found, key=lambda one: one["day"])


def _picture(case: StuckCase) -> pictures.Svg:
    today = day_of(program().clock())
    events = [
        pictures.TimelineEvent(
            one["day"],
            day(one["day"]),
            f"{one['title']}: {one['who']}" if one["who"] else one["title"],
            "future" if one["day"] > today else "done",
        )
        for one in _course(case)
    ]
    return pictures.timeline(events, _("The course of this matter"))
