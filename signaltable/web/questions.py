"""The questions to the own agency: what is asked, comparing with the own records, the answer, and what was answered."""

from collections.abc import Sequence

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from wtforms import BooleanField, HiddenField, RadioField, SelectField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.disclosure.outcome import Advice, Reason
from signaltable.domain import Answer, Conflict, Refused, UnusableInput
from signaltable.flow import budget, enrich
from signaltable.flow.contexts import ContextStays
from signaltable.flow.enrich import QuestionView, UnreadableIdentity
from signaltable.identity import IDENTITY_FIELDS
from signaltable.web.dossier_words import WORDS, problem_text, put_problems
from signaltable.web.fact_words import asked_title, fact_label, fact_title
from signaltable.web.filters import answer_label, in_words
from signaltable.web.forms import whole_number
from signaltable.web.guards import actor, begin, only, permission, program, submitted
from signaltable.web.shelter import PlaceForm, must_look, note_look
from signaltable.web.validators import no_bsn
from signaltable.web.wording import articles

pages = Blueprint("questions", __name__, url_prefix="/vragen")

IDENTITY = "id-"
# With so few partners asked, whoever follows the answers can work out who stayed without a name.
FEW = 3


class AnswerForm(PlaceForm):
    answer = RadioField(_l("Do you know this person or thing?"), [InputRequired(_l("Choose one of the four answers"))])
    context = TextAreaField(
        _l("What can the table do with that?"),
        [Optional(), no_bsn],
        description=_l("Only what you may tell. Write no names; names that the program sees are masked."),
    )
    capacity = SelectField(
        _l("In which task did you learn this?"),
        [Optional()],
        description=_l("Needed with a context: it decides which secrecy holds for what you tell."),
    )
    necessity = TextAreaField(
        _l("Why does the table need to know this?"),
        [Optional(), no_bsn],
        description=_l("Needed only when your text tells something that the law protects more, such as sex work."),
    )
    context_checked = BooleanField(_l("I read my text again. Nobody can be recognised in it."))
    anonymous = BooleanField(
        _l("Stay anonymous to the others until the meeting"),
        description=_l("Until then the table reads: a partner."),
    )
    version = HiddenField()


@pages.get("")
@permission(Permission.ENRICH_ANSWER_ASKED)
def listing() -> ResponseReturnValue:
    """The questions to the own agency, the first due first."""
    only("na")
    after = request.args.get("na", "")
    with begin(listing=True) as tx:
        page = enrich.open_questions(tx, after=after)
    return render_template("questions/listing.html", page=page, first=not after, fact_title=fact_title, **WORDS)


@pages.get("/antwoorden")
@permission(Permission.ENRICH_ANSWER_ASKED)
def answers() -> ResponseReturnValue:
    """What the own agency answered before, with its contexts and who reads them."""
    only("na")
    after = request.args.get("na", "")
    with begin(listing=True) as tx:
        page = enrich.own_answers(tx, after=after)
    return render_template("questions/answers.html", page=page, first=not after, fact_title=fact_title, **WORDS)


@pages.get("/<question_id>")
@permission(Permission.ENRICH_ANSWER_ASKED)
def show(question_id: str) -> ResponseReturnValue:
    """One question."""
    return _page(_read(question_id))


@pages.post("/<question_id>/vergelijken")
@permission(Permission.ENRICH_ANSWER_ASKED)
def compare(question_id: str) -> ResponseReturnValue:
    """Compare an identity out of the own records. The answer stands on this page only; nothing is kept."""
    question = _read(question_id)
    posted = _answer_form(question, posted=True)
    only(*(f"{IDENTITY}{field.name}" for field in question.compare_fields), *(field.name for field in posted))
    if not question.compare_fields:
        raise Conflict("answered", "nothing can be compared with this question")
    # What was typed for the answer stays on the page. A browser sends the text also when it is empty.
    form = posted if "context" in request.form else None
    typed = {field.name: request.form.get(f"{IDENTITY}{field.name}", "") for field in question.compare_fields}
    try:
        with begin() as tx:
            result = enrich.compare(tx, question_id, typed)
    except UnreadableIdentity as error:
        problems = {name: in_words(text) for name, text in error.texts.items()}
        return _page(question, form=form, typed=typed, problems=problems), 422
    except UnusableInput as error:
        first = question.compare_fields[0].name
        problems = {first: problem_text(error.problems["identity"])}
        return _page(question, form=form, typed=typed, problems=problems), 422
    except Refused as refusal:
        if refusal.reason not in {budget.OF_PERSON, budget.OF_AGENCY}:
            raise
        return _page(question, form=form, typed=typed, too_many=refusal.reason), 429
    return _page(_read(question_id), form=form, result=result)


@pages.post("/<question_id>/antwoord")
@permission(Permission.ENRICH_ANSWER_ASKED)
def answer(question_id: str) -> ResponseReturnValue:
    """Answer with one of the four buttons, or correct the answer until the meeting."""
    question = _read(question_id)
    form = _answer_form(question, posted=True)
    valid = submitted(form, *(f"{IDENTITY}{name}" for name in IDENTITY_FIELDS))
    _check_capacity(form, question)
    if not valid or form.errors or must_look(form, form.context.data, form.necessity.data):
        return _page(question, form=form, typed=_typed()), 422
    try:
        _store(question_id, form)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(question, form=form, typed=_typed()), 422
    except ContextStays as stays:
        return _page(question, form=form, typed=_typed(), reasons=stays.reasons, instead=stays.instead), 422
    except Conflict as conflict:
        if conflict.reason != "version":
            raise
        now = _read(question_id)
        form.version.data = str(now.version)
        return _page(now, form=form, typed=_typed(), overtaken=True), 409
    flash(_("Your answer is with the table. You can correct it until the meeting."), "success")
    if form.context.data:
        _tell_readers(question_id)
    return redirect(url_for("questions.listing"), 303)


def _tell_readers(question_id: str) -> None:
    """Say how far the context goes that was just given: its ground may lead to a part of the table."""
    count = len(_read(question_id).context_readers)
    if count:
        flash(
            ngettext(
                "One other organisation reads your context.", "%(num)s other organisations read your context.", count
            ),
            "info",
        )
    else:
        flash(_("Nobody else reads your context: its legal ground leads to nobody at this table."), "warning")


@pages.post("/<question_id>/toelichting-intrekken")
@permission(Permission.ENRICH_ANSWER_ASKED)
def withdraw_context(question_id: str) -> ResponseReturnValue:
    """Take the own context back; the answer stays."""
    only()
    with begin() as tx:
        enrich.withdraw_context(tx, question_id)
    flash(_("Nobody reads your context any more. Your answer stands."), "success")
    return redirect(url_for("questions.show", question_id=question_id), 303)


def _store(question_id: str, form: AnswerForm) -> None:
    version = form.version.data or ""
    with begin() as tx:
        enrich.answer(
            tx,
            question_id,
            answer=form.answer.data,
            context=form.context.data or "",
            anonymous=form.anonymous.data,
            capacity=form.capacity.data or "" if form.capacity else "",
            necessity=form.necessity.data or "",
            checked=form.context_checked.data,
            version=whole_number(version) if version else None,
        )
        note_look(tx, form, "enrichment.context", question_id=question_id)


def _check_capacity(form: AnswerForm, question: QuestionView) -> None:
    """With a context of its own the task must be said, where this kind of agency has several."""
    text = (form.context.data or "").strip()
    if text and text != question.context and form.capacity and not form.capacity.data:
        form.capacity.errors = [_("Choose the task in which you learned this")]


def _typed() -> dict[str, str]:
    """What stands in the fields for comparing, to show it again; nothing of it is kept."""
    return {name: request.form.get(f"{IDENTITY}{name}", "") for name in IDENTITY_FIELDS}


def _read(question_id: str) -> QuestionView:
    with begin() as tx:
        return enrich.read_question(tx, question_id)


def _page(
    question: QuestionView,
    *,
    form: AnswerForm | None = None,
    typed: dict[str, str] | None = None,
    problems: dict[str, str] | None = None,
    result: str = "",
    too_many: str = "",
    reasons: Sequence[Reason] = (),
    instead: Sequence[Advice] = (),
    overtaken: bool = False,
) -> str:
    return render_template(
        "questions/show.html",
        question=question,
        title=asked_title(question),
        form=form or _answer_form(question),
        typed=typed or {},
        problems=problems or {},
        result=result,
        too_many=too_many,
        reasons=reasons,
        instead=instead,
        overtaken=overtaken,
        few=FEW,
        fact_label=fact_label,
        articles=articles,
        **WORDS,
    )


def _answer_form(question: QuestionView, *, posted: bool = False) -> AnswerForm:
    """The form as posted, or filled with the answer that was given before."""
    given = {
        "answer": question.answer or None,
        "context": question.context,
        "capacity": question.context_capacity,
        "anonymous": question.anonymous,
        "version": str(question.version),
    }
    form = AnswerForm() if posted else AnswerForm(formdata=None, data=given)
    form.answer.choices = [(one.value, answer_label(one)) for one in Answer]
    if len(question.capacities) > 1:
        known = program().policy.capacities_of(actor().agency_kind)
        form.capacity.choices = [("", _("Choose")), *((one, in_words(known[one].title)) for one in question.capacities)]
    else:
        del form.capacity
    return form
