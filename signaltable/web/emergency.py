"""Access in acute danger: opening one case, reading it for some hours, and looking back on it within a day."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import InputRequired, Length

from audit.vocabulary import ACTIONS
from signaltable.access import Allowed, Permission, may
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.rights import looking_back, opening, reading
from signaltable.flow.rights.emergencies import VERDICTS
from signaltable.flow.rights.opening import Opened, OpensAlready
from signaltable.texts import Text
from signaltable.web.dossier_words import WORDS
from signaltable.web.filters import in_words
from signaltable.web.forms import put_errors
from signaltable.web.guards import actor, begin, note_failure, only, permission, program, step_up, submitted
from signaltable.web.log_results import verdict_label
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import no_bsn

pages = Blueprint("emergency", __name__, url_prefix="/acuut")


class OpenForm(FlaskForm):
    reference = StringField(
        _l("Reference of the case"),
        [InputRequired(_l("Fill in the reference that you were given")), Length(max=40)],
        description=_l("For example S-7F3K-Q2. Ask who called you to spell it."),
    )
    danger = RadioField(_l("What is the danger?"), [InputRequired(_l("Choose what the danger is"))])
    reason = TextAreaField(
        _l("Why do you need this case now?"),
        [InputRequired(_l("Write down why")), Length(max=opening.REASON_LIMIT), no_bsn],
        description=_l("Somebody who looks back reads this. Write no names of people."),
    )
    acute = BooleanField(
        _l("There is acute danger to life or safety, and it cannot wait for the ordinary way"),
        [InputRequired(_l("Tick this, or ask for the case in the ordinary way"))],
    )


class ReviewForm(FlaskForm):
    verdict = RadioField(_l("Was it right to open this case?"), [InputRequired(_l("Choose one of the two"))])
    words = TextAreaField(
        _l("Why do you think so?"),
        [InputRequired(_l("Write down why")), Length(max=looking_back.WORDS_LIMIT), no_bsn],
        description=_l("The person, and those who look back, read this. Write no names of people."),
    )


# -- opening and reading ------------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.EMERGENCY_OPEN_ALL)
def open_case() -> ResponseReturnValue:
    """The form with which a case is opened in acute danger, and what is open now."""
    return _open_page(_open_form())


@pages.post("")
@permission(Permission.EMERGENCY_OPEN_ALL)
@step_up
def opened() -> ResponseReturnValue:
    """Open one case. Whatever cannot be opened answers the same."""
    form = _open_form()
    if not submitted(form):
        return _open_page(form), 422
    try:
        with begin() as tx:
            found = opening.open_case(
                tx,
                form.reference.data or "",
                danger=form.danger.data or "",
                reason=form.reason.data or "",
                acute=bool(form.acute.data),
            )
    except UnusableInput as error:
        put_errors(form, error.problems, _words)
        return _open_page(form), 422
    if isinstance(found, Opened):
        return redirect(url_for("emergency.show", access_id=found.id), 303)
    if isinstance(found, OpensAlready):
        form.reference.errors = [
            _("You can open this case in the ordinary way: it is of your organisation or your table")
        ]
    else:
        form.reference.errors = [
            _("There is no case that you can open like this. Check the reference with who called you")
        ]
    return _open_page(form), 422


def _open_form() -> OpenForm:
    form = OpenForm()
    form.danger.choices = [SelectChoice(one.id, in_words(one.title)) for one in program().policy.rights.danger]
    return form


def _open_page(form: OpenForm) -> str:
    with begin() as tx:
        left, running = opening.left(tx), opening.running_of_mine(tx)
    return render_template(
        "emergency/open.html", form=form, left=left, running=running, rules=program().policy.rights.emergency
    )


@pages.get("/<access_id>")
@permission(Permission.EMERGENCY_OPEN_ALL)
def show(access_id: str) -> ResponseReturnValue:
    """The case, as long as the own access runs; after that, that there was one."""
    with begin() as tx:
        page = reading.consult(tx, access_id)
    return render_template("emergency/show.html", page=page, read=page.dossier, **_WORDS, **WORDS)


@pages.post("/<access_id>/klaar")
@permission(Permission.EMERGENCY_OPEN_ALL)
def close(access_id: str) -> ResponseReturnValue:
    """End the own access before its time."""
    only()
    try:
        with begin() as tx:
            opening.close(tx, access_id)
    except Conflict:
        flash(_("It had ended already."), "info")
        return redirect(url_for("emergency.show", access_id=access_id), 303)
    flash(_("Ended. You no longer see this case. Somebody else looks back on it."), "success")
    return redirect(url_for("emergency.show", access_id=access_id), 303)


@pages.get("/melding/<access_id>")
@permission(Permission.SIGNAL_CONSULT_OWN, Permission.SIGNAL_TRIAGE_OWN_TABLE)
def notice(access_id: str) -> ResponseReturnValue:
    """That somebody opened a case, for who owns it and who leads its table."""
    with begin() as tx:
        page = looking_back.notice(tx, access_id)
    return render_template("emergency/notice.html", page=page, line=page.line, **_WORDS)


# -- looking back -------------------------------------------------------------------------------------------------


@pages.get("/nazien")
@permission(Permission.EMERGENCY_CONSULT_ALL)
def listing() -> ResponseReturnValue:
    """What still has to be looked back on, and what was."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        waiting, done, following = looking_back.listing(tx, after)
    older = url_for("emergency.listing", na=write_key(following)) if following else None
    first = url_for("emergency.listing") if after else None
    return render_template("emergency/listing.html", waiting=waiting, done=done, older=older, first=first, **_WORDS)


@pages.get("/nazien/<access_id>")
@permission(Permission.EMERGENCY_CONSULT_ALL)
def look_back(access_id: str) -> ResponseReturnValue:
    """One access: what was opened, why, and what was read."""
    return _review_page(access_id, _review_form(bare=True))


@pages.post("/nazien/<access_id>")
@permission(Permission.EMERGENCY_REVIEW_ALL)
@step_up
def judge(access_id: str) -> ResponseReturnValue:
    """Say whether it was right."""
    form = _review_form()
    if not submitted(form):
        return _review_page(access_id, form), 422
    try:
        with begin() as tx:
            looking_back.review(tx, access_id, form.verdict.data or "", form.words.data or "")
    except UnusableInput as error:
        put_errors(form, error.problems, _words)
        return _review_page(access_id, form), 422
    except Conflict as conflict:
        if conflict.reason != "reviewed":
            raise
        note_failure("conflict", 409)
        return _review_page(access_id, form, too_late=True), 409
    flash(_("Your verdict is kept. The person hears that you looked."), "success")
    return redirect(url_for("emergency.look_back", access_id=access_id), 303)


def _review_form(*, bare: bool = False) -> ReviewForm:
    form = ReviewForm(formdata=None) if bare else ReviewForm()
    form.verdict.choices = [SelectChoice(one, verdict_label(one)) for one in VERDICTS]
    return form


def _review_page(access_id: str, form: ReviewForm, *, too_late: bool = False) -> str:
    with begin() as tx:
        page = looking_back.consult(tx, access_id)
    return render_template("emergency/review.html", page=page, line=page.line, form=form, too_late=too_late, **_WORDS)


# -- words --------------------------------------------------------------------------------------------------------


def danger_label(code: str) -> str:
    """A kind of danger in words; the code when the rules no longer have it."""
    found = program().policy.rights.danger_title(code)
    return in_words(found) if found else code


def act_label(action: str) -> str:
    """What the log says was done, in its own words."""
    known = ACTIONS.get(action)
    return in_words(Text(known.summary_nl, known.summary_en)) if known else action


def reads_log() -> bool:
    """Whether the actor can follow an entry to the log."""
    return isinstance(may(actor(), Permission.LOG_CONSULT_ALL), Allowed)


def _words(problem: str) -> str:
    least = program().policy.rights.emergency.reason_least
    return {
        opening.NO_REFERENCE: _(
            "This reference is not right. It looks like S-7F3K-Q2; the last sign checks the others"
        ),
        opening.NO_DANGER: _("Choose what the danger is"),
        opening.NOT_SAID: _("Tick this, or ask for the case in the ordinary way"),
        opening.TOO_SHORT: _("Write at least %(count)s characters, in your own words", count=least),
        looking_back.NO_VERDICT: _("Choose one of the two"),
        looking_back.STILL_RUNS: _("This access still runs. You can say that it was right once it is over"),
        NO_TEXT: _("Write something here"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        TOO_LONG: _("Write this in fewer words"),
    }.get(problem, problem)


_WORDS: Mapping[str, Any] = {
    "danger_label": danger_label,
    "verdict_label": verdict_label,
    "act_label": act_label,
    "reads_log": reads_log,
}
