"""Links: the owners confirm, refuse, end, merge, split and take back. A hit says that there is one, never what or who."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import StringField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, NumberRange

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import linking, masking
from signaltable.flow.linking import deciding
from signaltable.flow.linking.pages import MINE, VIEWS
from signaltable.transaction import Transaction
from signaltable.web.dossier_words import problem_text
from signaltable.web.guards import begin, offered, only, permission, submitted
from signaltable.web.link_words import deed_words, likeness_picture, told, why_not
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import NumberField, no_bsn

pages = Blueprint("links", __name__, url_prefix="/koppelingen")

Deed = Callable[[Transaction, str, str], str]

_PROBLEMS: Mapping[str, Any] = {
    deciding.NO_SUBJECT: _l("Fill in the reference of a signal of your organisation and the number of somebody in it"),
    deciding.SAME_SUBJECT: _l("Choose two different ones"),
    deciding.OTHER_KIND: _l("These two are not the same kind: a person is no address"),
}


class ReasonForm(FlaskForm):
    reason = TextAreaField(
        _l("Why?"),
        [InputRequired(_l("Say in a few words why")), no_bsn],
        description=_l("Only your own organisation can read this."),
    )


class MergeForm(ReasonForm):
    one_reference = StringField(_l("First signal"), [DataRequired(_l("Fill in the reference of a signal"))])
    one_number = NumberField(
        _l("Number of the person or thing in it"),
        [InputRequired(_l("Fill in a number")), NumberRange(1, 999, _l("Fill in a number"))],
    )
    other_reference = StringField(_l("Second signal"), [DataRequired(_l("Fill in the reference of a signal"))])
    other_number = NumberField(
        _l("Number of the person or thing in it"),
        [InputRequired(_l("Fill in a number")), NumberRange(1, 999, _l("Fill in a number"))],
    )


@pages.get("")
@permission(Permission.LINK_DECIDE_OWN)
def listing() -> ResponseReturnValue:
    """The links of the own agency in one view, those that wait for it when none is named."""
    return _list({}, "")


@pages.post("/<link_id>")
@permission(Permission.LINK_DECIDE_OWN)
def decide(link_id: str) -> ResponseReturnValue:
    """Confirm or refuse one link."""
    only("verdict", "reason")
    confirmed = offered("verdict", ("confirm", "refuse")) == "confirm"
    reason = request.form.get("reason", "")
    try:
        with begin() as tx:
            state = linking.decide(tx, link_id, confirmed=confirmed, reason=reason)
    except UnusableInput as error:
        problem = error.problems["reason"]
        missing = problem == masking.NO_TEXT
        message = _("Say in a few words why you refuse this link") if missing else problem_text(problem)
        return _list({link_id: message}, reason), 422
    except Conflict as conflict:
        return _say_why_not(conflict, link_id)
    flash(told(state), "success")
    return redirect(url_for("links.listing"), 303)


@pages.get("/<link_id>")
@permission(Permission.LINK_DECIDE_OWN)
def show(link_id: str) -> ResponseReturnValue:
    """One link with its history and what can be done with it."""
    return _show(link_id)


@pages.post("/<link_id>/losmaken")
@permission(Permission.LINK_DECIDE_OWN)
def end(link_id: str) -> ResponseReturnValue:
    """End a confirmed link."""
    return _do("end", link_id, linking.end)


@pages.post("/<link_id>/toch-dezelfde")
@permission(Permission.LINK_DECIDE_OWN)
def merge(link_id: str) -> ResponseReturnValue:
    """Say of a refused or ended link that the two are one after all."""
    return _do("merge", link_id, linking.merge)


@pages.post("/<link_id>/terugdraaien")
@permission(Permission.LINK_DECIDE_OWN)
def undo(link_id: str) -> ResponseReturnValue:
    """Take back the own last decision."""
    return _do("undo", link_id, linking.undo)


@pages.route("/samenvoegen", methods=["GET", "POST"])
@permission(Permission.LINK_DECIDE_OWN)
def merge_own() -> ResponseReturnValue:
    """Say of two people or things in signals of the own agency that they are one."""
    form = MergeForm()
    if request.method != "POST" or not submitted(form):
        return render_template("links/merge.html", form=form), 200 if request.method == "GET" else 422
    one = (form.one_reference.data or "", form.one_number.data or 0)
    other = (form.other_reference.data or "", form.other_number.data or 0)
    try:
        with begin() as tx:
            state = linking.merge_own(tx, one, other, form.reason.data or "")
    except UnusableInput as error:
        _put(form, error.problems)
        return render_template("links/merge.html", form=form), 422
    except Conflict as conflict:
        return _say_why_not(conflict)
    flash(told(state), "success")
    return redirect(url_for("links.listing", toon="confirmed"), 303)


@pages.route("/splitsen/<reference>/<int:number>", methods=["GET", "POST"])
@permission(Permission.LINK_DECIDE_OWN)
def split(reference: str, number: int) -> ResponseReturnValue:
    """Take one of the own people or things out of its group."""
    form = ReasonForm()
    with begin() as tx:
        group = linking.group_of_own(tx, reference, number)
    page = {"form": form, "reference": reference, "number": number, "group": group}
    if request.method != "POST" or not submitted(form):
        return render_template("links/split.html", **page), 200 if request.method == "GET" else 422
    try:
        with begin() as tx:
            linking.split(tx, reference, number, form.reason.data or "")
    except UnusableInput as error:
        _put(form, error.problems)
        return render_template("links/split.html", **page), 422
    except Conflict as conflict:
        return _say_why_not(conflict)
    flash(_("The links are ended. Everybody who may have relied on them is told."), "success")
    return redirect(url_for("links.listing", toon="over"), 303)


@pages.post("/meldingen/<notice_id>")
@permission(Permission.LINK_DECIDE_OWN, *linking.NOTICE_READERS)
def read_notice(notice_id: str) -> ResponseReturnValue:
    """Somebody read that a link was wrong."""
    only()
    with begin() as tx:
        linking.read(tx, notice_id)
    flash(_("The message is gone from your overview."), "success")
    return redirect(url_for("overview.show"), 303)


def _do(name: str, link_id: str, deed: Deed) -> ResponseReturnValue:
    form = ReasonForm()
    if not submitted(form):
        return _show(link_id, name, form), 422
    try:
        with begin() as tx:
            state = deed(tx, link_id, form.reason.data or "")
    except UnusableInput as error:
        _put(form, error.problems)
        return _show(link_id, name, form), 422
    except Conflict as conflict:
        return _say_why_not(conflict, link_id)
    flash(told(state), "success")
    return redirect(url_for("links.show", link_id=link_id), 303)


def _say_why_not(conflict: Conflict, link_id: str = "") -> ResponseReturnValue:
    """The page as it is now, with why the step could not be taken."""
    flash(why_not(conflict.reason), "warning")
    return (_show(link_id) if link_id else _list({}, "")), 409


def _put(form: FlaskForm, problems: Mapping[str, str]) -> None:
    """Show what the use case found wrong at the fields where it belongs."""
    for place, problem in problems.items():
        name = place if place in form else f"{place}_reference"
        form[name].errors = [*form[name].errors, str(_PROBLEMS.get(problem) or problem_text(problem))]


def _list(problems: dict[str, str], typed: str) -> str:
    asked = request.args.get("toon", MINE)
    view = asked if asked in VIEWS else MINE
    with begin(listing=request.method == "GET") as tx:
        page = linking.page_of_links(tx, view, read_key(request.args.get("na", "")))
    older = url_for("links.listing", toon=view, na=write_key(page.following)) if page.following else None
    newer = url_for("links.listing", toon=view) if request.args.get("na") else None
    return render_template(
        "links/listing.html",
        page=page,
        problems=problems,
        typed=typed,
        older=older,
        newer=newer,
        picture_of=likeness_picture,
    )


def _show(link_id: str, failed: str = "", form: ReasonForm | None = None) -> str:
    with begin() as tx:
        one = linking.one_link(tx, link_id)
    forms = {name: form if form and name == failed else ReasonForm(formdata=None) for name in ("end", "merge", "undo")}
    return render_template(
        "links/show.html", one=one, forms=forms, failed=failed, picture_of=likeness_picture, deed_words=deed_words
    )
