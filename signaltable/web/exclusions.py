"""The exclusion list of the own agency: values that many people share and that therefore link nobody."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, StringField, TextAreaField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import UnusableInput
from signaltable.flow import exclusions
from signaltable.flow.exclusions import FIELDS, LABEL_LIMIT, REASON_LIMIT, SHELTERED, ExclusionLine, UnreadableValue
from signaltable.texts import Text
from signaltable.web.at_once import seen_version
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts
from signaltable.web.guards import begin, permission, program, submitted
from signaltable.web.validators import day_needed, no_bsn

pages = Blueprint("exclusions", __name__, url_prefix="/uitsluitlijst")

KEEP, END = "keep", "end"


class NewForm(FlaskForm):
    """What every kind of value asks; the fields of the value itself are put in front."""

    label = StringField(
        _l("What is it?"),
        [InputRequired(_l("Say what it is")), Length(max=LABEL_LIMIT), no_bsn],
        description=_l("For example: emergency shelter, reception desk, phone of the team."),
    )
    shelter = BooleanField(_l("This is a place where people are kept safe, such as a shelter"))
    reason = TextAreaField(
        _l("Why does it prove nothing?"), [InputRequired(_l("Give a reason")), Length(max=REASON_LIMIT), no_bsn]
    )
    review_on = DateParts(
        _l("When do you look again?"),
        [day_needed(_l("Fill in the day on which you look again"))],
        description=_l("At most a year ahead. You get a mail when the day is over."),
    )


class ReviewForm(FlaskForm):
    decision = RadioField(_l("Does this value still belong on the list?"), [InputRequired(_l("Choose one of the two"))])
    reason = TextAreaField(_l("Reason"), [InputRequired(_l("Give a reason")), Length(max=REASON_LIMIT), no_bsn])
    review_on = DateParts(
        _l("When do you look again?"),
        [Optional()],
        description=_l("Only when it stays. At most a year ahead."),
    )


def part_label(part: str) -> str:
    """A kind of value in words."""
    return str(in_words(program().policy.linking.label(part)))


@pages.get("")
@permission(Permission.EXCLUSION_CHANGE_OWN)
def listing() -> ResponseReturnValue:
    """The values of the own agency, those first that somebody should look at again."""
    with begin() as tx:
        lines = exclusions.listing(tx)
    return render_template(
        "exclusions/listing.html", lines=lines, parts=[(part, part_label(part)) for part in FIELDS], **WORDS
    )


@pages.route("/nieuw/<part>", methods=["GET", "POST"])
@permission(Permission.EXCLUSION_CHANGE_OWN)
def add(part: str) -> ResponseReturnValue:
    """A new value of one kind."""
    if part not in FIELDS:
        abort(404)
    form = _form_of(part)
    if request.method == "GET":
        with begin() as tx:
            form.review_on.process(None, program().policy.deadlines["exclusion-review"].due(tx.today))
    if submitted(form) and _added(part, form):
        flash(_("From now on this value links nobody."), "success")
        return redirect(url_for("exclusions.listing"), 303)
    status = 422 if request.method == "POST" else 200
    return render_template("exclusions/new.html", form=form, part=part, names=FIELDS[part], **WORDS), status


@pages.route("/<exclusion_id>", methods=["GET", "POST"])
@permission(Permission.EXCLUSION_CHANGE_OWN)
def review(exclusion_id: str) -> ResponseReturnValue:
    """Look again at a value: it stays, or it links again."""
    with begin() as tx:
        line = exclusions.read(tx, exclusion_id)
        suggested = program().policy.deadlines["exclusion-review"].due(tx.today)
    form = ReviewForm()
    form.decision.choices = [(KEEP, _("Yes, it stays on the list")), (END, _("No, take it off: it links again"))]
    if request.method == "GET":
        form.review_on.process(None, suggested)
    if submitted(form, "version") and _reviewed(exclusion_id, form):
        kept = form.decision.data == KEEP
        flash(_("The value stays on the list.") if kept else _("The value is off the list and links again."), "success")
        return redirect(url_for("exclusions.listing"), 303)
    status = 422 if request.method == "POST" else 200
    return render_template("exclusions/review.html", form=form, line=line, **WORDS), status


def _form_of(part: str) -> Any:
    """The form with the fields of one kind of value in front, named as in the form for signals."""
    policy = program().policy.identifiers
    fields = {
        name: StringField(
            in_words(policy.field(name).label),
            [Length(max=policy.field(name).max_length)],
            description=_words_or_nothing(policy.field(name).hint),
        )
        for name in FIELDS[part]
    }
    return type("NewValueForm", (NewForm,), fields)()


def _words_or_nothing(text: Text | None) -> str:
    return str(in_words(text)) if text else ""


def _added(part: str, form: Any) -> bool:
    def use_case(tx: Any) -> None:
        exclusions.add(
            tx,
            part,
            {name: getattr(form, name).data or "" for name in FIELDS[part]},
            label=form.label.data or "",
            reason=form.reason.data or "",
            review_on=form.review_on.data,
            shelter=part in SHELTERED and form.shelter.data,
        )

    return _tried(form, use_case)


def _reviewed(exclusion_id: str, form: ReviewForm) -> bool:
    reason = form.reason.data or ""

    def use_case(tx: Any) -> None:
        if form.decision.data == KEEP:
            review_on = form.review_on.data
            exclusions.review(tx, exclusion_id, review_on=review_on, reason=reason, version=seen_version())
        else:
            exclusions.end(tx, exclusion_id, reason=reason, version=seen_version())

    return _tried(form, use_case)


def _tried(form: Any, use_case: Any) -> bool:
    """Do it, or put what was wrong beside the fields."""
    try:
        with begin() as tx:
            use_case(tx)
    except UnreadableValue as error:
        _put(form, {name: str(in_words(text)) for name, text in error.texts.items()})
    except UnusableInput as error:
        problems = {name: _problem(problem) for name, problem in error.problems.items()}
        if "postcode" in form and exclusions.NO_VALUE in error.problems.values():
            # An address without these is no value at all: say which ones, at the field that they are missing from.
            problems = {"postcode": _("Fill in a postcode and a house number")}
        _put(form, problems)
    else:
        return True
    return False


def _put(form: Any, problems: Mapping[str, str]) -> None:
    for name, words in problems.items():
        field = form[name]
        field.errors = [*field.errors, words]


def _problem(problem: str) -> str:
    return {
        exclusions.NO_LABEL: _("Say what it is"),
        exclusions.NO_REASON: _("Give a reason"),
        exclusions.TOO_LONG: _("Make this text shorter"),
        exclusions.NO_VALUE: _("Fill in a value that can be compared"),
        exclusions.WRONG_DAY: _("Choose a day from tomorrow on, at most a year ahead"),
        exclusions.THERE_ALREADY: _("This value is on your list already"),
    }.get(problem, _("This cannot be read"))


def value_text(line: ExclusionLine) -> str:
    """The value as one line, for its owner."""
    if line.part == "address":
        street = " ".join(filter(None, (line.values.get("street"), line.values.get("house_number"))))
        place = " ".join(filter(None, (line.values.get("postcode"), line.values.get("city"))))
        return ", ".join(filter(None, (street, place)))
    return " ".join(line.values.values())


WORDS: Mapping[str, Any] = {"part_label": part_label, "value_text": value_text, "sheltered": SHELTERED}
