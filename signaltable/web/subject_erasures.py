"""Erasing one person on request: ask, see what hangs on the person, answer the safety check, and decide."""

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Allowed, Permission, may
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import forgetting, subject_erasures, subject_reports
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.subject_erasures import ErasureRequest
from signaltable.texts import Text
from signaltable.web.filters import in_words
from signaltable.web.guards import actor, begin, permission, program, step_up, submitted
from signaltable.web.open_pages import open_pages
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import NumberField, no_bsn
from signaltable.web.wording import WORDS

pages = Blueprint("subject_erasures", __name__, url_prefix="/wissen")

# Names of the questions of the safety check in the form.
CHECK = "check-"
ERASE, REFUSE = "erase", "refuse"
TONES = {"waiting": "progress", "erased": "good", "refused": "neutral", "gone": "quiet"}


class RequestForm(FlaskForm):
    signal = StringField(
        _l("Reference of your signal"),
        [InputRequired(_l("Fill in the reference of the signal"))],
        description=_l("For example S-7F3K-Q2. There is no search by name here, on purpose."),
    )
    number = NumberField(
        _l("Number of the person or thing in that signal"),
        [InputRequired(_l("Fill in the number, in digits"))],
    )
    ground = RadioField(_l("Why do the data have to go?"), [InputRequired(_l("Choose why the data have to go"))])
    reason = TextAreaField(
        _l("Who asked this, and why does it hold?"),
        [InputRequired(_l("Write down who asked this and why it holds")), no_bsn],
        description=_l("Stays sealed for your own organisation."),
    )


class DecideForm(FlaskForm):
    """The part of the form that is always there; the questions of the safety check are put in front of it."""

    decision = RadioField(_l("What do you decide?"), [InputRequired(_l("Choose what you decide"))])
    exception = RadioField(_l("On what does it rest that the data stay?"), [Optional()])
    reason = TextAreaField(
        _l("Why do you decide this?"),
        [InputRequired(_l("Write down why")), no_bsn],
        description=_l("Stays sealed for your own organisation. Who asked reads it."),
    )


# -- the list, and asking -----------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.ERASURE_REQUEST_OWN, Permission.ERASURE_DECIDE_OWN)
def listing() -> ResponseReturnValue:
    """The requests of the own agency: references and states only."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        lines, following = subject_erasures.listing(tx, after)
    older = url_for("subject_erasures.listing", na=write_key(following)) if following else None
    return _render("erasures/listing.html", lines=lines, older=older, first=after is None)


@pages.route("/nieuw", methods=["GET", "POST"])
@permission(Permission.ERASURE_REQUEST_OWN)
def ask() -> ResponseReturnValue:
    """Ask to erase one subject of an own signal."""
    form = RequestForm()
    check = program().policy.safety_check
    form.ground.choices = [SelectChoice(one.id, in_words(one.title)) for one in (check.erasure_ground if check else ())]
    if submitted(form):
        try:
            with begin() as tx:
                reference = subject_erasures.request(
                    tx,
                    form.signal.data or "",
                    form.number.data,
                    ground=form.ground.data,
                    reason=form.reason.data or "",
                )
        except UnusableInput as error:
            _put_problems(form, error)
        except Conflict:
            form.signal.errors = [_("A request about this person is open already. See the list.")]
        else:
            flash(_("Asked. Somebody who knows the case decides."), "success")
            return redirect(url_for("subject_erasures.show", reference=reference), 303)
    return _render("erasures/ask.html", form=form, has_errors=bool(form.errors)), 422 if form.errors else 200


def _put_problems(form: FlaskForm, error: UnusableInput) -> None:
    places = {"subject": "signal"}
    for place, problem in error.problems.items():
        name = places.get(place, place)
        field = form[name] if name in form else form[CHECK + name]
        field.errors = [*field.errors, _problem(problem)]


def _problem(problem: str) -> str:
    return {
        NO_TEXT: _("Write something here"),
        TOO_LONG: _("This text is too long"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        subject_erasures.NO_SUBJECT: _(
            "Your organisation has no signal with this reference and a person or thing with this number"
        ),
        subject_reports.TOO_SHORT: _("Write at least %(count)s characters", count=MOTIVATION_LENGTH),
        subject_erasures.BLOCKED: _("Your answers do not allow erasing. Refuse, or find out what is not certain."),
        subject_erasures.NO_EXCEPTION: _("Choose on what it rests"),
    }.get(problem, _("Choose one of these"))


# -- one request --------------------------------------------------------------------------------------------------


@pages.get("/<reference>")
@permission(Permission.ERASURE_REQUEST_OWN, Permission.ERASURE_DECIDE_OWN)
def show(reference: str) -> ResponseReturnValue:
    """A request: what was asked, what hangs on the person, and the decision."""
    with begin() as tx:
        view = subject_erasures.consult(tx, reference)
    return _show(view, _decide_form(view, empty=True))


def _show(view: ErasureRequest, form: FlaskForm) -> str:
    return _render(
        "erasures/show.html",
        view=view,
        form=form,
        questions=[(question, form[CHECK + question.id]) for question in view.check.erasure_question],
        grounds={one.id: in_words(one.title) for one in view.check.erasure_ground},
        exceptions={one.id: in_words(one.title) for one in view.check.erasure_exception},
        has_errors=bool(form.errors),
    )


def _question(title: str, why: Text) -> RadioField:
    return RadioField(
        title,
        [InputRequired(_("Answer this question: %(question)s", question=title))],
        description=in_words(why),
    )


def _decide_form(view: ErasureRequest, *, empty: bool = False) -> Any:
    """The form with one question for each of the safety check, in the order of the file."""
    asked = view.check.erasure_question
    kind = type("CheckForm", (DecideForm,), {CHECK + one.id: _question(in_words(one.title), one.why) for one in asked})
    form = kind(None) if empty else kind()
    for question in asked:
        form[CHECK + question.id].choices = [SelectChoice(one.id, in_words(one.title)) for one in question.answer]
    form.decision.choices = [
        SelectChoice(ERASE, _("Erase: it cannot be undone")),
        SelectChoice(REFUSE, _("Do not erase")),
    ]
    form.exception.choices = [SelectChoice(one.id, in_words(one.title)) for one in view.check.erasure_exception]
    return form


@pages.post("/<reference>")
@permission(Permission.ERASURE_DECIDE_OWN)
@step_up
def decide(reference: str) -> ResponseReturnValue:
    """Answer the safety check and decide, after a proof of who it is."""
    with begin() as tx:
        view = subject_erasures.consult(tx, reference)
    form = _decide_form(view)
    if not submitted(form):
        return _show(view, form), 422
    answers = {question.id: form[CHECK + question.id].data for question in view.check.erasure_question}
    erases, reason, exception = form.decision.data == ERASE, form.reason.data or "", form.exception.data or ""
    told = 0
    try:
        with begin() as tx:
            if erases:
                told = subject_erasures.erase(tx, reference, answers=answers, reason=reason)
            else:
                subject_erasures.refuse(tx, reference, answers=answers, exception=exception, reason=reason)
    except UnusableInput as error:
        _put_problems(form, error)
        return _show(view, form), 422
    except Conflict as conflict:
        if conflict.reason != "report_open":
            raise
        form.decision.errors = [_("Somebody waits for who saw the data of this person. Answer that first.")]
        return _show(view, form), 422
    if erases:
        forgetting.overwrite(program())
    flash(_came_of_it(told) if erases else _("Not erased. The request stays in the list."), "success")
    return redirect(url_for("subject_erasures.show", reference=reference), 303)


def _came_of_it(told: int) -> str:
    if not told:
        return _("Erased. No receiver held the data.")
    return ngettext(
        "Erased. One receiver is asked to erase its copy.",
        "Erased. Receivers that are asked to erase their copy: %(num)s.",
        told,
    )


def state_word(state: str) -> str:
    """The state of a request in words."""
    return {
        "waiting": _("Waits for a decision"),
        "erased": _("Erased"),
        "refused": _("Not erased"),
        "gone": _("Erased in another way"),
    }.get(state, state)


def _render(template: str, **values: Any) -> str:
    return render_template(
        template,
        state_word=state_word,
        tones=TONES,
        tab_pages=open_pages(),
        may_ask=isinstance(may(actor(), Permission.ERASURE_REQUEST_OWN), Allowed),
        **{**WORDS, **values},
    )
