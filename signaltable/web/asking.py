"""Asking partners and following who answers: the preview, the questions that go out, and the overview of the coordinator."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import TextAreaField
from wtforms.validators import InputRequired

from signaltable import pictures
from signaltable.access import Permission
from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow import enrich
from signaltable.flow.enrich import LedView, Plan, Progress
from signaltable.flow.triage import TriageView
from signaltable.web.ask_form import AskForm, about_something, ask_form, asking_of
from signaltable.web.dossier_words import WORDS, put_problems
from signaltable.web.fact_words import asked_title, fact_title
from signaltable.web.forms import DateParts
from signaltable.web.guards import begin, note_failure, only, only_fields, permission, submitted
from signaltable.web.triage import consulted
from signaltable.web.triage import page as triage_page
from signaltable.web.validators import no_bsn
from signaltable.web.wording import articles

pages = Blueprint("asking", __name__, url_prefix="/triage")

# The button of the preview that leads back to the form, with everything in it.
CHANGE = "aanpassen"
# What the preview showed, so that nothing else goes out.
SEEN = "seen"


class PostponeForm(FlaskForm):
    until = DateParts(_l("Answer by"))
    reason = TextAreaField(
        _l("Why do they get more time?"),
        [InputRequired(_l("Say in a few words why")), no_bsn],
        description=_l("Only your own organisation reads this."),
    )


class WithdrawForm(FlaskForm):
    reason = TextAreaField(
        _l("Why is the question not needed any more?"),
        [InputRequired(_l("Say in a few words why")), no_bsn],
        description=_l("Only your own organisation reads this."),
        name="withdraw_reason",
    )


# -- asking ------------------------------------------------------------------------------------------------------


@pages.post("/<reference>/vragen/voorbeeld")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def preview(reference: str) -> ResponseReturnValue:
    """What each partner would read, on which ground, and whom no ground lets ask. Nothing goes out yet."""
    view, form = _posted(reference)
    if CHANGE in request.form:
        return triage_page(view, asking=form)
    if not _valid(form):
        return triage_page(view, asking=form), 422
    return _preview(view, form)


@pages.post("/<reference>/vragen")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def ask(reference: str) -> ResponseReturnValue:
    """Ask partners whether they know these subjects and facts; what no ground carries is told on the next page."""
    view, form = _posted(reference)
    if not _valid(form):
        return triage_page(view, asking=form), 422
    if not form.checked.data:
        form.checked.errors = [_("Read the question again and tick that nobody can be recognised")]
        return _preview(view, form, status=422)
    try:
        with begin() as tx:
            sent = enrich.ask(tx, reference, asking_of(form), seen=request.form.get(SEEN))
    except UnusableInput as error:
        put_problems(form, error.problems)
        return triage_page(view, asking=form), 422
    except Conflict as conflict:
        if conflict.reason != enrich.UNSEEN:
            raise
        note_failure("conflict", 409)
        form.checked.errors = [_("Somebody changed this meanwhile. Look again.")]
        form.checked.data = False
        return _preview(view, form, status=409)
    except Refused as refusal:
        if refusal.reason != "no_ground":
            raise
        return _preview(view, form, status=422)
    flash(ngettext("One question went out.", "%(num)s questions went out.", len(sent.questions)), "success")
    if sent.staying:
        who = ", ".join(dict.fromkeys(one.title for one in sent.staying))
        flash(_("Not asked: %(partners)s. The reason is in the log.", partners=who), "warning")
    return redirect(url_for("triage.show", reference=reference, _anchor="vragen"), 303)


def _posted(reference: str) -> tuple[TriageView, AskForm]:
    view = consulted(reference)
    form = ask_form(view, posted=True)
    only_fields(form, CHANGE, SEEN)
    if not view.may_ask:
        raise Conflict("state", "no question can be asked in this state")
    return view, form


def _valid(form: AskForm) -> bool:
    valid = submitted(form, CHANGE, SEEN)
    return about_something(form) and valid


def _preview(view: TriageView, form: AskForm, *, status: int = 200) -> ResponseReturnValue:
    reference = view.dossier.reference
    try:
        with begin() as tx:
            plan = enrich.plan(tx, reference, asking_of(form))
    except UnusableInput as error:
        put_problems(form, error.problems)
        return triage_page(view, asking=form), 422
    text = render_template(
        "triage/preview.html",
        reference=reference,
        plan=plan,
        readers=_readers(plan),
        articles=articles,
        form=form,
        change=CHANGE,
        asked_title=asked_title,
        fact_title=fact_title,
        **WORDS,
    )
    return text, status


def _readers(plan: Plan) -> list[tuple[list[str], list[enrich.Going]]]:
    """The partners that read the same, with what they read."""
    by_partner: dict[str, list[enrich.Going]] = {}
    for one in plan.going:
        by_partner.setdefault(one.title, []).append(one)
    found: list[tuple[list[str], list[enrich.Going]]] = []
    for title, questions in by_partner.items():
        content = [one.content for one in questions]
        same = next((titles for titles, others in found if [one.content for one in others] == content), None)
        if same is None:
            found.append(([title], questions))
        else:
            same.append(title)
    return found


# -- following ---------------------------------------------------------------------------------------------------


@pages.get("/antwoorden")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def progress() -> ResponseReturnValue:
    """Who still has to answer, over all signals of the own tables."""
    only("tafel", "pagina")
    number = request.args.get("pagina", "1")
    with begin() as tx:
        found = enrich.who_has_to_answer(
            tx, table=request.args.get("tafel", ""), number=int(number) if number.isascii() and number.isdigit() else 1
        )
    return render_template(
        "triage/progress.html",
        progress=found,
        picture=_waiting_picture(found),
        states=state_words(),
        **WORDS,
    )


def _waiting_picture(found: Progress) -> pictures.Svg | None:
    """How many answers are still to come, by partner."""
    waiting = [pictures.Bar(one.agency, one.waiting) for one in found.partners if one.waiting]
    return pictures.bars(waiting, _("Answers still to come, by partner")) if waiting else None


def state_words() -> dict[str, tuple[str, str]]:
    """How a question stands: its words and the tone of its label."""
    return {
        "open": (_("Open"), "info"),
        "late": (_("Late"), "danger"),
        "on_time": (_("Answered"), "good"),
        "answered_late": (_("Answered late"), "warning"),
        "withdrawn": (_("Taken back"), "neutral"),
        "left": (_("Left the table"), "quiet"),
    }


@pages.get("/vragen/<question_id>")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def show(question_id: str) -> ResponseReturnValue:
    """One question as its coordinator follows it."""
    return _question_page(_seen(question_id))


@pages.post("/vragen/<question_id>/herinneren")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def remind(question_id: str) -> ResponseReturnValue:
    """Remind the partner now."""
    only()
    with begin() as tx:
        enrich.remind_now(tx, question_id)
    flash(_("A reminder is on its way. It holds no content."), "success")
    return redirect(url_for("asking.show", question_id=question_id), 303)


@pages.post("/vragen/<question_id>/uitstellen")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def postpone(question_id: str) -> ResponseReturnValue:
    """Give the partner more time."""
    view, form = _seen(question_id), PostponeForm()
    if not submitted(form):
        return _question_page(view, postponing=form), 422
    try:
        with begin() as tx:
            enrich.postpone(tx, question_id, until=form.until.data, reason=form.reason.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _question_page(view, postponing=form), 422
    flash(_("The partner has more time and sees the new day."), "success")
    return redirect(url_for("asking.show", question_id=question_id), 303)


@pages.post("/vragen/<question_id>/intrekken")
@permission(Permission.ENRICH_ASK_OWN_TABLE)
def withdraw(question_id: str) -> ResponseReturnValue:
    """Take the question back."""
    view, form = _seen(question_id), WithdrawForm()
    if not submitted(form):
        return _question_page(view, withdrawing=form), 422
    try:
        with begin() as tx:
            enrich.withdraw(tx, question_id, reason=form.reason.data or "")
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _question_page(view, withdrawing=form), 422
    flash(_("The question is taken back. The partner sees that no answer is needed."), "success")
    return redirect(url_for("asking.show", question_id=question_id), 303)


def _seen(question_id: str) -> LedView:
    with begin() as tx:
        return enrich.see(tx, question_id)


def _question_page(
    view: LedView, *, postponing: PostponeForm | None = None, withdrawing: WithdrawForm | None = None
) -> str:
    return render_template(
        "triage/question.html",
        view=view,
        line=view.line,
        postponing=postponing or PostponeForm(formdata=None),
        withdrawing=withdrawing or WithdrawForm(formdata=None),
        states=state_words(),
        fact_title=fact_title,
        **WORDS,
    )
