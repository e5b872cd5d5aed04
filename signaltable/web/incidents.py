"""What checks of the log found: open and settled incidents, settling one, and asking for a check."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import incidents
from signaltable.web.guards import actor, begin, only, permission, submitted
from signaltable.web.incident_words import INCIDENT_WORDS, result_label
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import no_bsn

pages = Blueprint("incidents", __name__, url_prefix="/meldingen")


class SettleForm(FlaskForm):
    result = RadioField(_l("What came of it?"), [InputRequired(_l("Choose what came of it"))])
    explanation = TextAreaField(
        _l("How do you explain it, and what did you do?"),
        [
            DataRequired(_l("Write down how you explain it and what you did")),
            Length(
                max=incidents.EXPLANATION_LIMIT,
                message=_l("Write this in fewer words: at most %(max)d characters", max=incidents.EXPLANATION_LIMIT),
            ),
            no_bsn,
        ],
        description=_l("Name no person. Auditors read this too. Names in this text are masked."),
    )


@pages.get("")
@permission(Permission.INCIDENT_CONSULT_ALL)
def listing() -> ResponseReturnValue:
    """What is open, what was settled, and how far a check is that somebody asked for."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        waiting, settled, following = incidents.listing(tx, after=after)
        newest = incidents.newest_check(tx)
    return render_template(
        "incidents/listing.html",
        waiting=waiting,
        settled=settled,
        check=newest,
        older=write_key(following),
        first=after is None,
        **INCIDENT_WORDS,
    )


@pages.post("/controle")
@permission(Permission.INCIDENT_CONSULT_ALL)
def request_check() -> ResponseReturnValue:
    """Ask for a check; the jobs process makes it, because a long log takes longer than a page may."""
    only()
    with begin() as tx:
        incidents.request_check(tx)
    return redirect(url_for("incidents.listing", _anchor="controle"), 303)


@pages.get("/<incident_id>")
@permission(Permission.INCIDENT_CONSULT_ALL)
def show(incident_id: str) -> ResponseReturnValue:
    """One incident: what it means, what to do, and settling it."""
    return _page(incident_id, _form())


@pages.post("/<incident_id>/afhandelen")
@permission(Permission.INCIDENT_SETTLE_ALL)
def settle(incident_id: str) -> ResponseReturnValue:
    """Say what came of it."""
    form = _form()
    if not submitted(form):
        return _page(incident_id, form), 422
    try:
        with begin() as tx:
            incidents.settle(tx, incident_id, form.result.data or "", form.explanation.data or "")
    except UnusableInput as refused:
        if "person" in refused.problems:
            form.result.errors = [_("This is about your own account. Let somebody else decide that it counts as it is")]
            return _page(incident_id, form), 422
        if "result" not in refused.problems:
            raise
        form.result.errors = [_("This record cannot be read, so it cannot count as it is. Have it repaired first")]
        return _page(incident_id, form), 422
    except Conflict:
        flash(_("Somebody else settled this incident already."), "info")
        return redirect(url_for("incidents.show", incident_id=incident_id), 303)
    flash(_("The incident was settled. If a check finds it again, it opens anew."), "success")
    return redirect(url_for("incidents.listing"), 303)


def _form() -> SettleForm:
    form = SettleForm()
    form.result.choices = [SelectChoice(one, result_label(one)) for one in incidents.RESULTS]
    return form


def _page(incident_id: str, form: SettleForm) -> str:
    with begin() as tx:
        line = incidents.consult(tx, incident_id)
    return render_template(
        "incidents/show.html",
        line=line,
        form=form,
        may_settle=isinstance(may(actor(), Permission.INCIDENT_SETTLE_ALL), Allowed),
        may_read_log=isinstance(may(actor(), Permission.LOG_CONSULT_ALL), Allowed),
        **INCIDENT_WORDS,
    )
