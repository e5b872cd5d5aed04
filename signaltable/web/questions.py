"""The questions to the own agency: what is asked, comparing with the own records, and the answer."""

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import BooleanField, RadioField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import Answer, Refused, UnusableInput
from signaltable.flow import budget, enrich
from signaltable.flow.enrich import QuestionView, UnreadableIdentity
from signaltable.identity import IDENTITY_FIELDS
from signaltable.web.dossier_words import WORDS, problem_text, put_problems
from signaltable.web.filters import answer_label, in_words
from signaltable.web.guards import begin, only, permission, submitted
from signaltable.web.shelter import PlaceForm, must_look, note_look
from signaltable.web.validators import no_bsn

pages = Blueprint("questions", __name__, url_prefix="/vragen")

IDENTITY = "id-"


class AnswerForm(PlaceForm):
    answer = RadioField(
        _l("Do you know this person or thing?"),
        [InputRequired(_l("Choose one of the four answers"))],
        description=_l("The answer says that you know the subject, never what you know."),
    )
    context = TextAreaField(
        _l("What can the table do with that?"),
        [Optional(), no_bsn],
        description=_l("Only what you may tell. Write no names; names that the program sees are masked."),
    )
    anonymous = BooleanField(
        _l("Stay anonymous to the others until the meeting"),
        description=_l("Until then the table reads: a partner."),
    )


@pages.get("")
@permission(Permission.ENRICH_ANSWER_ASKED)
def listing() -> ResponseReturnValue:
    """The questions to the own agency, the first due first."""
    only("na")
    after = request.args.get("na", "")
    with begin() as tx:
        page = enrich.open_questions(tx, after=after)
    return render_template("questions/listing.html", page=page, first=not after, **WORDS)


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
    posted = _answer_form()
    only(*(f"{IDENTITY}{field.name}" for field in question.compare_fields), *(field.name for field in posted))
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
    """Answer, or correct the answer until the meeting."""
    form = _answer_form()
    if not submitted(form, *(f"{IDENTITY}{name}" for name in IDENTITY_FIELDS)):
        return _page(_read(question_id), form=form, typed=_typed()), 422
    if must_look(form, form.context.data):
        return _page(_read(question_id), form=form, typed=_typed()), 422
    try:
        with begin() as tx:
            enrich.answer(
                tx,
                question_id,
                answer=form.answer.data,
                context=form.context.data or "",
                anonymous=form.anonymous.data,
            )
            note_look(tx, form, "enrichment.context", question_id=question_id)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return _page(_read(question_id), form=form, typed=_typed()), 422
    flash(_("Your answer is with the table. You can correct it until the meeting."), "success")
    return redirect(url_for("questions.listing"), 303)


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
) -> str:
    return render_template(
        "questions/show.html",
        question=question,
        form=form or _answer_form(question),
        typed=typed or {},
        problems=problems or {},
        result=result,
        too_many=too_many,
        **WORDS,
    )


def _answer_form(question: QuestionView | None = None) -> AnswerForm:
    """The form as posted, or filled with the answer that was given before."""
    if question is None:
        form = AnswerForm()
    else:
        given = {"answer": question.answer or None, "context": question.context, "anonymous": question.anonymous}
        form = AnswerForm(formdata=None, data=given)
    form.answer.choices = [(one.value, answer_label(one)) for one in Answer]
    return form
