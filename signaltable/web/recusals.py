"""Conflict of interest: saying that one has an interest in a case, who is kept from which case, and ending that."""

from collections.abc import Mapping

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import recusals
from signaltable.flow.recusals import ANOTHER_NEEDED, LAST_ONE, REASON_LIMIT, Declaring
from signaltable.web.dossier_words import put_problems
from signaltable.web.filters import in_words
from signaltable.web.guards import begin, permission, program, submitted
from signaltable.web.validators import no_bsn

pages = Blueprint("recusals", __name__, url_prefix="/belangen")

# How an address names from where somebody came, and what the flow calls it.
KINDS: Mapping[str, str] = {"signaal": "signal", "vraag": "question", "verstrekking": "disclosure"}


class DeclareForm(FlaskForm):
    person = SelectField(_l("Who has an interest in this case?"), [Optional()])
    kind = RadioField(_l("What kind of interest is it?"), [InputRequired(_l("Choose what kind of interest it is"))])
    reason = TextAreaField(
        _l("Do you want to explain it?"),
        [Optional(), Length(max=REASON_LIMIT), no_bsn],
        description=_l("Sealed for the organisation of the person who has the interest. Write no names of people."),
    )


class EndForm(FlaskForm):
    reason = TextAreaField(
        _l("Why is there no conflict of interest any more?"),
        [InputRequired(_l("Write down why")), Length(max=REASON_LIMIT), no_bsn],
        description=_l("Sealed for the organisation of this person. Write no names of people."),
    )


@pages.get("")
@permission(Permission.TABLE_RECUSE_OWN_TABLE)
def listing() -> ResponseReturnValue:
    """Who is kept from which case of the own tables."""
    with begin() as tx:
        found = recusals.declared_at_tables(tx)
    return render_template("recusals/listing.html", found=found)


@pages.route("/<kind>/<thing>", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
def declare(kind: str, thing: str) -> ResponseReturnValue:
    """Say that oneself, or for who leads the table somebody else, has an interest in this case."""
    if kind not in KINDS:
        abort(404)
    with begin() as tx:
        page = recusals.declaring(tx, KINDS[kind], thing)
    form = _form(page)
    if not submitted(form):
        return _page(page, form), 422 if form.is_submitted() else 200
    other = (form.person.data or "") if page.people else ""
    options = {"interest": form.kind.data, "reason": form.reason.data or ""}
    try:
        with begin() as tx:
            if other:
                recusals.declare_for(tx, thing, other, **options)
            else:
                recusals.declare(tx, page.kind, thing, **options)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(page, form), 422
    except Conflict as conflict:
        if conflict.reason not in {LAST_ONE, ANOTHER_NEEDED}:
            raise
        return _page(page, form, locked=conflict.reason), 409
    if other:
        flash(_("Noted. From now on this person sees nothing of the case."), "success")
        return redirect(url_for("recusals.listing"), 303)
    flash(_("Noted. From now on you see nothing of that case, and you get no mail about it."), "success")
    return redirect(url_for("overview.show"), 303)


def _form(page: Declaring) -> DeclareForm:
    form = DeclareForm()
    if page.people:
        form.person.choices = [("", _("I do")), *((one.id, f"{one.name}, {one.agency}") for one in page.people)]
    else:
        del form.person
    rules = program().policy.recusals
    form.kind.choices = [(one.id, in_words(one.title)) for one in (rules.kind if rules else ())]
    return form


def _page(page: Declaring, form: DeclareForm, *, locked: str = "") -> str:
    return render_template("recusals/declare.html", page=page, form=form, locked=locked)


@pages.route("/einde/<recusal_id>", methods=["GET", "POST"])
@permission(Permission.TABLE_RECUSE_OWN_TABLE)
def end(recusal_id: str) -> ResponseReturnValue:
    """Say why somebody may see a case again."""
    with begin() as tx:
        found = recusals.read(tx, recusal_id)
    if not found.may_end:
        raise Conflict("ended", "this was ended already")
    form = EndForm()
    if not submitted(form):
        return render_template("recusals/end.html", found=found, form=form), 422 if form.is_submitted() else 200
    try:
        with begin() as tx:
            recusals.end(tx, recusal_id, form.reason.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return render_template("recusals/end.html", found=found, form=form), 422
    flash(
        _("Ended. %(person)s can see %(reference)s again.", person=found.person, reference=found.reference), "success"
    )
    return redirect(url_for("recusals.listing"), 303)
