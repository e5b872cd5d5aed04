"""The tasks that a disclosure leaves behind: a list, one page per task, and the answers to it."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Optional

from signaltable.access import Allowed, Permission, may
from signaltable.domain import UnusableInput
from signaltable.flow import duties, duty_kinds, duty_lists, reviewing
from signaltable.flow.coming_in.proving import confirmed_lately
from signaltable.web.at_once import seen_version
from signaltable.web.conditions import asked
from signaltable.web.duty_words import DUTY_WORDS, put_problems, result_choices, result_word
from signaltable.web.forms import DateParts
from signaltable.web.guards import actor, begin, permission, session_token, step_up, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import day_needed, no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("duties", __name__, url_prefix="/plichten")


class FulfilForm(FlaskForm):
    result = RadioField(_l("What was done?"), [InputRequired(_l("Choose what was done"))])
    on = DateParts(_l("On which day?"), [day_needed(_l("Fill in the day"))])
    note = TextAreaField(
        _l("Note"),
        [Optional(), no_bsn],
        description=_l("Stays sealed for your own organisation. Nobody else reads it."),
    )


class PostponeForm(FlaskForm):
    until = DateParts(_l("Until which day?"), [day_needed(_l("Fill in the day"))])
    reason = TextAreaField(
        _l("Why can the person not be told yet?"),
        [DataRequired(_l("Write down why it has to wait")), no_bsn],
        description=_l(
            "For example: telling now would bring somebody in danger. Stays sealed for your own organisation."
        ),
    )


class ReviewForm(FlaskForm):
    result = RadioField(_l("Was it right to disclose this?"), [InputRequired(_l("Choose whether it was right"))])
    motivation = TextAreaField(
        _l("Why do you think so?"),
        [DataRequired(_l("Write down why")), no_bsn],
        description=_l("Who made the disclosure reads this. Names in this text are masked."),
    )


@pages.get("")
@permission(Permission.DUTY_FULFIL_OWN, Permission.DISCLOSURE_APPROVE_OTHER)
def listing() -> ResponseReturnValue:
    """What this person can fulfil, the first due first."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        lines, following = duty_lists.listing(tx, after=after)
    return render_template(
        "duties/listing.html", lines=lines, more=write_key(following), first=after is None, **WORDS, **DUTY_WORDS
    )


@pages.get("/<duty_id>")
@permission(Permission.DUTY_FULFIL_OWN, Permission.DISCLOSURE_APPROVE_OTHER)
def show(duty_id: str) -> ResponseReturnValue:
    """One task."""
    with begin() as tx:
        kind = duties.kind_of(tx, duty_id)
    if kind == duty_kinds.REVIEW:
        return _review_page(duty_id, _review_form())
    return _page(duty_id, None, PostponeForm())


@pages.post("/<duty_id>/voldoen")
@permission(Permission.DUTY_FULFIL_OWN)
def fulfil(duty_id: str) -> ResponseReturnValue:
    """Say that it was done, how, and when."""
    with begin() as tx:
        task = duties.consult(tx, duty_id)
    form = _fulfil_form(task.results)
    if not submitted(form):
        return _page(duty_id, form, PostponeForm(None)), 422
    try:
        with begin() as tx:
            duties.fulfil(tx, duty_id, result=form.result.data, on=form.on.data, note=form.note.data or "")
    except UnusableInput as error:
        put_problems(form, error)
        return _page(duty_id, form, PostponeForm(None)), 422
    flash(_("Noted for %(reference)s. It is in the log.", reference=task.disclosure), "success")
    return redirect(url_for("duties.show", duty_id=duty_id), 303)


@pages.post("/<duty_id>/uitstellen")
@permission(Permission.DUTY_FULFIL_OWN)
def postpone(duty_id: str) -> ResponseReturnValue:
    """Put off telling the person, with a reason."""
    form = PostponeForm()
    if not submitted(form, "version"):
        return _page(duty_id, None, form), 422
    try:
        with begin() as tx:
            reason = form.reason.data or ""
            duties.postpone(tx, duty_id, until=form.until.data, reason=reason, version=seen_version())
    except UnusableInput as error:
        put_problems(form, error)
        return _page(duty_id, None, form), 422
    flash(_("Put off. The reason is sealed for your organisation, and the new day is in the log."), "success")
    return redirect(url_for("duties.show", duty_id=duty_id), 303)


@pages.post("/<duty_id>/nakijken")
@permission(Permission.DISCLOSURE_APPROVE_OTHER)
@step_up
def review(duty_id: str) -> ResponseReturnValue:
    """Say whether a disclosure in acute danger was right, after a proof of who it is."""
    form = _review_form()
    if not submitted(form):
        return _review_page(duty_id, form), 422
    right = form.result.data == duty_kinds.RIGHT
    try:
        with begin() as tx:
            confirmed = confirmed_lately(tx, session_token())
            reviewing.judge(tx, duty_id, right=right, motivation=form.motivation.data or "", confirmed=confirmed)
    except UnusableInput as error:
        put_problems(form, error)
        return _review_page(duty_id, form), 422
    flash(
        _("Noted: it was right.")
        if right
        else _("Noted: it was not right. Who made it and the privacy officer hear so."),
        "success",
    )
    return redirect(url_for("duties.listing"), 303)


def _fulfil_form(results: tuple[str, ...], *, empty: bool = False) -> FulfilForm:
    form = FulfilForm(None) if empty else FulfilForm()
    form.result.choices = result_choices(results)
    return form


def _review_form() -> ReviewForm:
    form = ReviewForm()
    form.result.choices = [(one, result_word(one)) for one in (duty_kinds.RIGHT, duty_kinds.NOT_RIGHT)]
    return form


def _page(duty_id: str, fulfilling: FlaskForm | None, postponing: FlaskForm) -> str:
    """The page of one task. Without `fulfilling`, that form comes empty: another one was posted, or none."""
    with begin() as tx:
        task = duties.consult(tx, duty_id)
    form = fulfilling or _fulfil_form(task.results, empty=True)
    return render_template(
        "duties/show.html",
        task=task,
        fulfilling=form,
        postponing=postponing,
        problems=[one for one in (form, postponing) if one.errors],
        may_open=_may_open(task.side),
        **WORDS,
        **DUTY_WORDS,
    )


def _may_open(side: str) -> bool:
    """Whether this person may open the disclosure itself; a privacy officer fulfils without seeing content."""
    needed = Permission.REFERRAL_RECEIVE_OWN if side == "receiver" else Permission.SIGNAL_DISCLOSE_OWN
    return isinstance(may(actor(), needed), Allowed)


def _review_page(duty_id: str, form: FlaskForm) -> str:
    with begin() as tx:
        found = reviewing.consult(tx, duty_id)
    return render_template(
        "duties/review.html",
        about=found.about,
        duty=found.duty,
        form=form,
        problems=[form] if form.errors else [],
        asked=asked,
        **WORDS,
        **DUTY_WORDS,
    )
