"""Samples of an auditor: draw, work through one by one, conclude, and take the signed report along. No content."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import to_utc
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, SelectField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Permission
from signaltable.domain import NotFound, UnusableInput
from signaltable.flow import sampling
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.sample_report import RESULTS, VERDICTS
from signaltable.flow.sampling import CHECKLIST, Chosen, SampleView
from signaltable.grounds import CATEGORIES
from signaltable.queries import agency_titles
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts
from signaltable.web.guards import begin, permission, program, submitted
from signaltable.web.open_pages import open_pages
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import NumberField, no_bsn
from signaltable.web.wording import category_label

pages = Blueprint("samples", __name__, url_prefix="/audit/steekproeven")

# Positions in a sample have three digits at most.
POSITION = f"<int(min=1, max={sampling.MOST}):position>"
TONES = {"in_order": "good", "question": "warning", "not_in_order": "danger", "cannot_judge": "neutral", "": "quiet"}
RESULT_TONES = {"in_order": "good", "points": "warning", "not_in_order": "danger", "": "progress"}


class DrawForm(FlaskForm):
    since = DateParts(_l("From which day?"))
    until = DateParts(_l("Up to and including which day?"))
    provider = SelectField(_l("From"), [Optional()])
    recipient = SelectField(_l("To"), [Optional()])
    purpose = SelectField(_l("Purpose"), [Optional()])
    ground = SelectField(_l("Legal ground"), [Optional()])
    category = SelectField(_l("Data category"), [Optional()])
    size = NumberField(_l("How many?"), [InputRequired(_l("Fill in how many, in digits"))], default=20)
    seed = StringField(
        _l("Your seed"),
        [InputRequired(_l("Fill in a seed")), no_bsn],
        description=_l(
            "Any text of at most 64 signs that you choose yourself, such as dice that you throw in the meeting. "
            "It stands in the log and in the report: no names and no numbers of people."
        ),
    )
    stratified = RadioField(_l("At least one of each?"), default="")


class JudgeForm(FlaskForm):
    verdict = RadioField(_l("Your verdict"), [InputRequired(_l("Choose a verdict"))])
    looked_at = SelectMultipleField(_l("What did you look at?"))
    finding = TextAreaField(
        _l("What did you find?"),
        [Optional(), no_bsn],
        description=_l("No names of people. It stands in the report; names that are found are masked."),
    )


class ConcludeForm(FlaskForm):
    result = RadioField(_l("The result"), [InputRequired(_l("Choose a result"))])
    conclusion = TextAreaField(
        _l("Your conclusion"),
        [InputRequired(_l("Write down your conclusion")), no_bsn],
        description=_l("No names of people. It stands in the report; names that are found are masked."),
    )


# -- the list, and drawing ----------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.SAMPLE_DRAW_ALL)
def listing() -> ResponseReturnValue:
    """All samples, newest first."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        lines, following = sampling.samples(tx, after=after)
    older = url_for("samples.listing", na=write_key(following)) if following else None
    return _render("samples/listing.html", lines=lines, older=older, first=after is None)


@pages.route("/nieuw", methods=["GET", "POST"])
@permission(Permission.SAMPLE_DRAW_ALL)
def draw() -> ResponseReturnValue:
    """Choose what can be drawn, how many, and a seed; then draw."""
    form = _draw_form()
    if submitted(form):
        try:
            with begin() as tx:
                reference = sampling.draw_sample(
                    tx,
                    _chosen(form),
                    seed=form.seed.data or "",
                    size=form.size.data,
                    stratified=form.stratified.data or "",
                )
        except UnusableInput as error:
            _put_problems(form, error)
        else:
            flash(_("Drawn. Seed, number and population stand in the log."), "success")
            return redirect(url_for("samples.show", reference=reference), 303)
    return _render("samples/draw.html", form=form, has_errors=bool(form.errors)), 422 if form.errors else 200


def _draw_form() -> DrawForm:
    form = DrawForm()
    policy = program().policy
    with begin() as tx:
        agencies = sorted(agency_titles(tx).items(), key=lambda pair: pair[1])
    everything = SelectChoice("", _("All"))
    form.provider.choices = form.recipient.choices = [everything, *(SelectChoice(*one) for one in agencies)]
    form.purpose.choices = [
        everything,
        *(SelectChoice(one.id, in_words(one.title)) for one in policy.purposes.values()),
    ]
    grounds = {row.id: f"{row.id}: {in_words(row.title)}" for row in policy.grounds.rows}
    form.ground.choices = [everything, *(SelectChoice(*one) for one in sorted(grounds.items()))]
    form.category.choices = [everything, *(SelectChoice(one, category_label(one)) for one in sorted(CATEGORIES))]
    form.stratified.choices = [
        SelectChoice("", _("No, only by chance")),
        SelectChoice("provider", _("At least one of each organisation that disclosed")),
        SelectChoice("ground", _("At least one of each legal ground")),
    ]
    return form


def _chosen(form: DrawForm) -> Chosen:
    until = form.until.data
    return Chosen(
        since=_midnight(form.since.data) if form.since.data else None,
        until=_midnight(until + timedelta(days=1)) if until and until < date.max else None,
        **{name: form[name].data or "" for name in ("provider", "recipient", "ground", "purpose", "category")},
    )


def _midnight(day: date) -> datetime:
    return to_utc(datetime.combine(day, time.min)).replace(tzinfo=UTC)


def _put_problems(form: FlaskForm, error: UnusableInput) -> None:
    words = {
        NO_TEXT: _("Write something here"),
        TOO_LONG: _("This text is too long"),
        HAS_BSN: _("Take the citizen service number (BSN) out of this text"),
        sampling.SEED_NAMES: _("This looks like data of a person. Choose another seed, such as six dice: 4-2-6-1-3-5"),
        sampling.SEED_SIGNS: _("Use one line without special signs"),
        sampling.BAD_SIZE: _("Fill in a number from 1 to %(most)s", most=sampling.MOST),
        sampling.NOTHING: _("No disclosure fits this filter. Choose less."),
        sampling.TOO_FEW: _("There are more groups than that. Draw more, or let chance decide."),
        sampling.NO_CHOICE: _("Choose one of these"),
    }
    for place, problem in error.problems.items():
        field = form["since" if place == "filters" else place]
        field.errors = [*field.errors, words[problem]]


# -- one sample ---------------------------------------------------------------------------------------------------


@pages.get("/<reference>")
@permission(Permission.SAMPLE_DRAW_ALL)
def show(reference: str) -> ResponseReturnValue:
    """A sample: how far it is, what was found, and how it was drawn."""
    return _show(reference, None)


def _show(reference: str, form: ConcludeForm | None) -> str:
    with begin() as tx:
        view = sampling.consult(tx, reference)
        titles = agency_titles(tx)
    return _render(
        "samples/show.html",
        view=view,
        titles=titles,
        form=form or _conclude_form(empty=True),
        has_errors=bool(form and form.errors),
    )


def _conclude_form(*, empty: bool = False) -> ConcludeForm:
    form = ConcludeForm(None) if empty else ConcludeForm()
    form.result.choices = [SelectChoice(code, in_words(text)) for code, text in RESULTS.items()]
    return form


@pages.post("/<reference>")
@permission(Permission.SAMPLE_DRAW_ALL)
def conclude(reference: str) -> ResponseReturnValue:
    """Conclude; nothing changes after it."""
    form = _conclude_form()
    if not submitted(form):
        return _show(reference, form), 422
    try:
        with begin() as tx:
            sampling.conclude(tx, reference, result=form.result.data, conclusion=form.conclusion.data or "")
    except UnusableInput as error:
        _put_problems(form, error)
        return _show(reference, form), 422
    flash(_("Concluded. The report is being signed; that takes about ten seconds."), "success")
    return redirect(url_for("samples.show", reference=reference), 303)


@pages.get(f"/<reference>/{POSITION}")
@permission(Permission.SAMPLE_DRAW_ALL)
def item(reference: str, position: int) -> ResponseReturnValue:
    """One drawn disclosure with what to look at."""
    return _item(reference, position, None)


def _item(reference: str, position: int, posted: JudgeForm | None) -> str:
    with begin() as tx:
        view = sampling.consult(tx, reference)
    if position > len(view.items):
        raise NotFound("no such item")
    shown = view.items[position - 1]
    form = posted or _judge_form(verdict=shown.verdict, looked_at=list(shown.looked_at), finding=shown.finding)
    return _render(
        "samples/item.html",
        view=view,
        item=shown,
        form=form,
        hints=_checklist_hints(),
        has_errors=bool(posted and posted.errors),
        to_do=_next_open(view, position),
        categories="; ".join(category_label(one) for one in shown.categories),
    )


def _judge_form(**data: Any) -> JudgeForm:
    form = JudgeForm(None, data=data) if data else JudgeForm()
    form.verdict.choices = [SelectChoice(code, in_words(text)) for code, text in VERDICTS.items() if code]
    form.looked_at.choices = [SelectChoice(one, checklist_label(one)) for one in CHECKLIST]
    return form


def _next_open(view: SampleView, position: int) -> int | None:
    """The first that was not looked at, after this one and then from the start."""
    places = [one.position for one in view.open if one.position != position]
    return next((place for place in places if place > position), places[0] if places else None)


@pages.post(f"/<reference>/{POSITION}")
@permission(Permission.SAMPLE_DRAW_ALL)
def judge(reference: str, position: int) -> ResponseReturnValue:
    """Keep what was found, and go on with the next."""
    form = _judge_form()
    if not submitted(form):
        return _item(reference, position, form), 422
    try:
        with begin() as tx:
            sampling.judge(
                tx,
                reference,
                position,
                verdict=form.verdict.data,
                looked_at=form.looked_at.data or [],
                finding=form.finding.data or "",
            )
            following = _next_open(sampling.consult(tx, reference), position)
    except UnusableInput as error:
        _put_problems(form, error)
        return _item(reference, position, form), 422
    if following is None:
        flash(_("Everything was looked at. You can conclude the sample."), "success")
        return redirect(url_for("samples.show", reference=reference), 303)
    flash(_("Kept. This is the next one."), "success")
    return redirect(url_for("samples.item", reference=reference, position=following), 303)


@pages.get("/<reference>/rapport")
@permission(Permission.SAMPLE_DRAW_ALL)
def report(reference: str) -> ResponseReturnValue:
    """The signed report as zip."""
    with begin() as tx:
        made = sampling.report_file(tx, reference)
    name = f"steekproef-{reference.strip().lower()}.zip"
    return Response(
        made,
        content_type="application/zip",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# -- words --------------------------------------------------------------------------------------------------------


def checklist_label(code: str) -> str:
    """What to look at in a disclosure."""
    return {
        "ground": _("The ground fits sender, receiver and purpose"),
        "conditions": _("Every condition is met, with evidence"),
        "second_person": _("A second person looked, where the ground asks that"),
        "fields": _("Only the kinds of data that the ground allows"),
        "informed": _("The person was told, or that was put off with a reason"),
        "receipt": _("The entry is proven in the log"),
    }[code]


def _checklist_hints() -> dict[str, str]:
    return {
        "ground": _("Read the text that applied on that day, in the file of the disclosure."),
        "conditions": _("The evidence is sealed; its digest stands with each condition."),
        "second_person": _("Another person, with another role; in acute danger within 24 hours afterwards."),
        "fields": _("Compare the categories with those of the ground."),
        "informed": _("See the duties in the file of the disclosure."),
        "receipt": _("Open the entry in the log and see whether its proof holds."),
    }


def damage_label(code: str) -> str:
    """What was changed after the conclusion."""
    return {
        "data": _("the data of the report"),
        "pdf": _("the PDF"),
        "log": _("it no longer fits what the log says"),
        "rows": _("the verdicts or the seed as the program keeps them"),
        "signature": _("the signature"),
    }[code]


def filter_words(name: str, value: str) -> str:
    """The value of a filter in words; agencies come by their titles from the page."""
    policy = program().policy
    if name == "purpose" and value in policy.purposes:
        return in_words(policy.purposes[value].title)
    return category_label(value) if name == "category" else value


def filter_name(name: str) -> str:
    """The name of a filter of a sample."""
    return {
        "since": _("From"),
        "until": _("Until (not included)"),
        "provider": _("From organisation"),
        "recipient": _("To organisation"),
        "ground": _("Legal ground"),
        "purpose": _("Purpose"),
        "category": _("Data category"),
    }[name]


def _render(template: str, **values: object) -> str:
    return render_template(
        template,
        sees_all=True,
        tab_pages=open_pages(),
        verdict_words=VERDICTS,
        result_words=RESULTS,
        tones=TONES,
        result_tones=RESULT_TONES,
        damage_label=damage_label,
        filter_words=filter_words,
        filter_name=filter_name,
        checklist_label=checklist_label,
        **values,
    )
