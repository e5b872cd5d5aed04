"""The inbox of a receiving agency: what came in, and the three answers to it."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length, Optional

from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict
from signaltable.flow import holders, linking, receipts, referrals
from signaltable.queries import disclosure_by_reference
from signaltable.web.duty_words import DUTY_WORDS
from signaltable.web.files import text_file
from signaltable.web.guards import actor, begin, note_failure, only, permission, submitted
from signaltable.web.paging import read_key, write_key
from signaltable.web.shelter import PlaceForm, must_look, note_look
from signaltable.web.validators import no_bsn
from signaltable.web.wording import WORDS, feedback_results, return_causes

pages = Blueprint("inbox", __name__)

_TOO_LONG = _l("Write this in fewer words: at most %(max)d characters", max=referrals.REASON_LIMIT)


class ReturnForm(PlaceForm):
    cause = RadioField(_l("Why do you return it?"), [InputRequired(_l("Choose why you return it"))])
    reason = TextAreaField(
        _l("Explain it to the owner"),
        [
            DataRequired(_l("Write down why you return it")),
            Length(max=referrals.REASON_LIMIT, message=_TOO_LONG),
            no_bsn,
        ],
        description=_l("Do not write what your organisation knows about the person. Names in this text are masked."),
    )


class CategoryForm(PlaceForm):
    result = RadioField(_l("What came of it?"), [InputRequired(_l("Choose what came of it"))])


class FeedbackForm(CategoryForm):
    note = TextAreaField(
        _l("Note for the owner"),
        [Optional(), Length(max=referrals.REASON_LIMIT, message=_TOO_LONG), no_bsn],
        description=_l("Only what you may tell. Names in this text are masked."),
    )


@pages.get("/postvak")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def listing() -> ResponseReturnValue:
    """What was received, newest first."""
    after = read_key(request.args.get("na", ""))
    with begin(listing=True) as tx:
        lines, following = referrals.inbox(tx, after=after)
        wrong_links = [one for one in linking.notices(tx) if one.relation == "receiver"]
    return render_template(
        "inbox/listing.html",
        lines=lines,
        older=write_key(following),
        first=after is None,
        wrong_links=wrong_links,
        **WORDS,
    )


@pages.get("/postvak/<reference>")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def show(reference: str) -> ResponseReturnValue:
    """One received disclosure."""
    return _page(reference, _return_form(), _feedback_form(reference))


@pages.get("/postvak/<reference>/bewijs/<int:seq>")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def receipt(reference: str, seq: int) -> ResponseReturnValue:
    """The proof of an entry about this disclosure, as a file to keep."""
    with begin() as tx:
        made = receipts.fetch_as_receiver(tx, reference, seq)
    return text_file(made.name, made.text)


@pages.post("/postvak/<reference>/aannemen")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def accept(reference: str) -> ResponseReturnValue:
    """Take it up."""
    only()
    try:
        with begin() as tx:
            referrals.accept(tx, reference)
    except Conflict as conflict:
        return _overtaken(reference, conflict)
    flash(_("You accepted %(reference)s. The owner sees that.", reference=reference), "success")
    return redirect(url_for("inbox.show", reference=reference), 303)


@pages.post("/postvak/<reference>/teruggeven")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def give_back(reference: str) -> ResponseReturnValue:
    """Send it back to the owner, with a reason."""
    form = _return_form()
    if not submitted(form):
        return _page(reference, form, _feedback_form(reference, empty=True)), 422
    if must_look(form, form.reason.data):
        return _page(reference, form, _feedback_form(reference, empty=True)), 422
    try:
        with begin() as tx:
            referrals.give_back(tx, reference, cause=form.cause.data, text=form.reason.data or "")
            note_look(tx, form, "referral.return", disclosure=reference)
    except Conflict as conflict:
        return _overtaken(reference, conflict)
    flash(_("You returned %(reference)s. Its content is no longer available to you.", reference=reference), "success")
    return redirect(url_for("inbox.show", reference=reference), 303)


@pages.post("/postvak/<reference>/terugkoppelen")
@permission(Permission.REFERRAL_RECEIVE_OWN)
def feed_back(reference: str) -> ResponseReturnValue:
    """Tell whoever gave it what came of it."""
    form = _feedback_form(reference)
    if not submitted(form):
        return _page(reference, _return_form(empty=True), form), 422
    if must_look(form, _note(form)):
        return _page(reference, _return_form(empty=True), form), 422
    try:
        with begin() as tx:
            referrals.feed_back(tx, reference, result=form.result.data, text=_note(form))
            note_look(tx, form, "referral.feedback", disclosure=reference)
    except Conflict as conflict:
        return _overtaken(reference, conflict)
    flash(_("The owner of %(reference)s sees your feedback.", reference=reference), "success")
    return redirect(url_for("inbox.show", reference=reference), 303)


def _page(reference: str, returning: FlaskForm, feedback: FlaskForm) -> str:
    with begin() as tx:
        referral = referrals.read(tx, reference)
        proofs = receipts.for_receiver(tx, reference)
        held = holders.of_received(tx, disclosure_by_reference(tx, reference))
    problems = [form for form in (returning, feedback) if form.errors]
    return render_template(
        "inbox/show.html",
        referral=referral,
        proofs=proofs,
        held=held,
        may_transfer=isinstance(may(actor(), Permission.REFERRAL_TRANSFER_OWN), Allowed),
        returning=returning,
        feedback=feedback,
        problems=problems,
        **WORDS,
        **DUTY_WORDS,
    )


def _return_form(*, empty: bool = False) -> ReturnForm:
    form = ReturnForm(None) if empty else ReturnForm()
    form.cause.choices = return_causes()
    return form


def _feedback_form(reference: str, *, empty: bool = False) -> FeedbackForm | CategoryForm:
    """The form for what this kind of receiver may tell; without the words where these may not go along."""
    with begin() as tx:
        allowed = referrals.may_tell(tx, reference)
    kind = FeedbackForm if allowed.words else CategoryForm
    form = kind(None) if empty else kind()
    form.result.choices = [one for one in feedback_results() if one.value in allowed.categories]
    return form


def _note(form: FeedbackForm | CategoryForm) -> str:
    return (form.note.data or "") if isinstance(form, FeedbackForm) else ""


def _overtaken(reference: str, conflict: Conflict) -> ResponseReturnValue:
    """The page as it is now, with what somebody else did meanwhile."""
    words = {
        "revoked": _("It was taken back a moment ago, so your answer was not noted."),
        "answered": _("A colleague answered a moment ago."),
    }.get(conflict.reason, _("This is not possible any more."))
    flash(words, "warning")
    note_failure("conflict", 409)
    return _page(reference, _return_form(empty=True), _feedback_form(reference, empty=True)), 409
