"""A blind check: an own list against the open questions. The list is read in memory and forgotten; only hits come back."""

from typing import Any

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import FileField

from signaltable.access import Permission
from signaltable.domain import Refused, UnusableInput
from signaltable.flow import blind_check, budget
from signaltable.flow.blind_check import Outcome
from signaltable.web.guards import begin, permission, program, submitted

pages = Blueprint("blind_check", __name__, url_prefix="/vragen/lijst")


class ListForm(FlaskForm):
    file = FileField(_l("Your list"), description=_l("A CSV file, as a spreadsheet saves it."))


@pages.get("")
@permission(Permission.ENRICH_ANSWER_ASKED)
def show() -> ResponseReturnValue:
    """What a blind check is, what the list looks like, and how many are left today."""
    return _page(ListForm())


@pages.post("")
@permission(Permission.ENRICH_ANSWER_ASKED)
def check() -> ResponseReturnValue:
    """Compare the list. The hits stand on this page only; nothing of the list is kept."""
    form = ListForm()
    uploaded = request.files.get(form.file.name)
    content = uploaded.read() if uploaded else b""
    if not submitted(form) or not content:
        form.file.errors = [*form.file.errors, *([] if form.errors else [_("Choose a file that is not empty")])]
        return _page(form), 422
    try:
        outcome = blind_check.check(program(), begin, content)
    except UnusableInput as error:
        form.file.errors = [*form.file.errors, _problem(error.problems[blind_check.FILE])]
        return _page(form), 422
    except Refused as refusal:
        if refusal.reason not in {budget.OF_PERSON, budget.OF_AGENCY}:
            raise
        return _page(form, too_many=refusal.reason), 429
    return _page(ListForm(formdata=None), outcome)


def _problem(problem: str) -> str:
    """What is wrong with the file: the line, and what was expected there, in the words of the page."""
    line, separator, expected = problem.partition(": ")
    if not separator or not line.startswith("line "):
        return _("This list cannot be read. Save it as CSV with headings in the first line.")
    at = line.removeprefix("line ")
    for start, words in (
        (
            "expected no column with citizen",
            _("Take the column with citizen service numbers (BSN) out: they are never taken."),
        ),
        ("expected headings", _("Expected headings such as given, surname, birth_date, phone, postcode.")),
        ("expected one column", _("A heading stands there twice.")),
        ("expected at most", _("Too many lines or cells.")),
        ("expected quotes", _("A quote does not end, or a cell is too large.")),
    ):
        if expected.startswith(start):
            return _("Line %(line)s: %(words)s", line=at, words=words)
    return _("Line %(line)s cannot be read.", line=at)


def _page(form: ListForm, outcome: Outcome | None = None, *, too_many: str = "") -> str:
    with begin() as tx:
        left = blind_check.checks_left(tx)
        limits = budget.rule(tx, budget.BLIND_CHECK)
        tx.session.rollback()
    words: dict[str, Any] = {"form": form, "outcome": outcome, "too_many": too_many, "left": left, "limits": limits}
    return render_template("questions/blind_check.html", label=program().policy.linking.label, **words)
