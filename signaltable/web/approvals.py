"""The second look: requests that wait for somebody else, with another role."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import DataRequired, Length

from signaltable.access import Permission
from signaltable.flow import approvals
from signaltable.flow.coming_in.proving import confirmed_lately
from signaltable.flow.referrals import REASON_LIMIT
from signaltable.web.conditions import asked
from signaltable.web.guards import begin, permission, session_token, step_up, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("approvals", __name__)


class ApproveForm(FlaskForm):
    """A button, and once more who it is (guards.step_up)."""


class RejectForm(FlaskForm):
    reason = TextAreaField(
        _l("Why do you not agree?"),
        [
            DataRequired(_l("Write down why you do not agree")),
            Length(
                max=REASON_LIMIT, message=_l("Write this in fewer words: at most %(max)d characters", max=REASON_LIMIT)
            ),
            no_bsn,
        ],
        description=_l("The person who asked reads this. Names in this text are masked."),
    )


@pages.get("/tweede-blik")
@permission(Permission.DISCLOSURE_APPROVE_OTHER)
def listing() -> ResponseReturnValue:
    """What waits for a second person."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        lines, following = approvals.waiting(tx, after=after)
    return render_template(
        "approvals/listing.html", lines=lines, older=write_key(following), first=after is None, **WORDS
    )


@pages.get("/tweede-blik/<reference>")
@permission(Permission.DISCLOSURE_APPROVE_OTHER)
def show(reference: str) -> ResponseReturnValue:
    """One request: who asks what for whom, why, on which ground."""
    return _page(reference, ApproveForm(), RejectForm())


@pages.post("/tweede-blik/<reference>/goedkeuren")
@permission(Permission.DISCLOSURE_APPROVE_OTHER)
@step_up
def approve(reference: str) -> ResponseReturnValue:
    """Agree, after a proof of who it is; the disclosure is made at once."""
    form = ApproveForm()
    if not submitted(form):
        return _page(reference, form, RejectForm(None)), 422
    with begin() as tx:
        approvals.approve(tx, reference, confirmed_lately(tx, session_token()))
    flash(_("You agreed. %(reference)s was disclosed.", reference=reference), "success")
    return redirect(url_for("approvals.listing"), 303)


@pages.post("/tweede-blik/<reference>/afwijzen")
@permission(Permission.DISCLOSURE_APPROVE_OTHER)
def reject(reference: str) -> ResponseReturnValue:
    """Do not agree, with a reason."""
    form = RejectForm()
    if not submitted(form):
        return _page(reference, ApproveForm(None), form), 422
    with begin() as tx:
        approvals.reject(tx, reference, form.reason.data or "")
    flash(_("You did not agree. %(reference)s was not disclosed.", reference=reference), "success")
    return redirect(url_for("approvals.listing"), 303)


def _page(reference: str, agreeing: FlaskForm, refusing: FlaskForm) -> str:
    with begin() as tx:
        asked_for = approvals.consult(tx, reference)
    return render_template(
        "approvals/show.html",
        request_line=asked_for,
        agreeing=agreeing,
        refusing=refusing,
        problems=[form for form in (agreeing, refusing) if form.errors],
        asked=asked,
        **WORDS,
    )
