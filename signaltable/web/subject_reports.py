"""Who saw this person's data: ask for a report, answer the safety check, decide, and only then read or print it."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import RadioField, SelectChoice, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.access import Allowed, Permission, may
from signaltable.conditions.shape import MOTIVATION_LENGTH
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow import subject_reports
from signaltable.flow.masking import HAS_BSN, NO_TEXT, TOO_LONG
from signaltable.flow.subject_reports import ASKERS, DECISIONS, DisclosedTo, Reading, Report, ReportRequest
from signaltable.reports.blocks import Block, Facts, Grid, Heading, Words
from signaltable.reports.paper import paper
from signaltable.texts import Text
from signaltable.web.at_once import seen_version
from signaltable.web.filters import day, in_words, lang, moment
from signaltable.web.forms import DateParts
from signaltable.web.guards import actor, begin, permission, program, step_up, submitted
from signaltable.web.log_words import WORDS as LOG_WORDS
from signaltable.web.log_words import role_titles
from signaltable.web.open_pages import open_pages
from signaltable.web.paging import read_key, write_key
from signaltable.web.validators import NumberField, no_bsn
from signaltable.web.wording import articles, field_label

pages = Blueprint("subject_reports", __name__, url_prefix="/overzicht-inzage")

# Names of the questions of the safety check in the form.
CHECK = "check-"
TONES = {
    "waiting": "progress",
    "hand_over": "good",
    "partly": "good",
    "postpone": "warning",
    "refuse": "neutral",
    "gone": "quiet",
}


class RequestForm(FlaskForm):
    signal = StringField(
        _l("Reference of your signal"),
        [InputRequired(_l("Fill in the reference of the signal"))],
        description=_l("For example S-7F3K-Q2. There is no search by name here, on purpose."),
    )
    number = NumberField(
        _l("Number of the person in that signal"),
        [InputRequired(_l("Fill in the number of the person, in digits"))],
    )
    asker = RadioField(_l("Who asks?"), [InputRequired(_l("Choose who asks"))])
    reason = TextAreaField(
        _l("How did the request come in, and what was asked?"),
        [InputRequired(_l("Write down how the request came in")), no_bsn],
        description=_l("Stays sealed for your own organisation."),
    )


class DecideForm(FlaskForm):
    """The part of the form that is always there; the questions of the safety check are put in front of it."""

    decision = RadioField(_l("What do you decide?"), [InputRequired(_l("Choose what you decide"))])
    exception = RadioField(_l("On what does it rest that not everything is given?"), [Optional()])
    left_out = SelectMultipleField(
        _l("Which organisations are left out?"), description=_l("Only when you give a part. They do not appear at all.")
    )
    until = DateParts(_l("Wait until which day?"))
    reason = TextAreaField(
        _l("Why do you decide this?"),
        [InputRequired(_l("Write down why")), no_bsn],
        description=_l(
            "Stays sealed for your own organisation. Who asked for the report reads it, the person does not."
        ),
    )


# -- the list, and asking -----------------------------------------------------------------------------------------


@pages.get("")
@permission(Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
def listing() -> ResponseReturnValue:
    """The requests of the own agency: references and states only."""
    after = read_key(request.args.get("na", ""))
    with begin() as tx:
        lines, following = subject_reports.listing(tx, after)
    older = url_for("subject_reports.listing", na=write_key(following)) if following else None
    return _render("reports/listing.html", lines=lines, older=older, first=after is None)


@pages.route("/nieuw", methods=["GET", "POST"])
@permission(Permission.REPORT_REQUEST_OWN)
def ask() -> ResponseReturnValue:
    """Ask for a report about one person of an own signal."""
    form = RequestForm()
    form.asker.choices = [SelectChoice(one, asker_label(one)) for one in ASKERS]
    if submitted(form):
        try:
            with begin() as tx:
                reference = subject_reports.request(
                    tx,
                    form.signal.data or "",
                    form.number.data,
                    asker=form.asker.data,
                    reason=form.reason.data or "",
                )
        except UnusableInput as error:
            _put_problems(form, error)
        except Conflict:
            form.signal.errors = [_("A request about this person is open already. See the list.")]
        else:
            flash(_("Asked. Somebody who knows the case answers the safety check first."), "success")
            return redirect(url_for("subject_reports.show", reference=reference), 303)
    return _render("reports/ask.html", form=form, has_errors=bool(form.errors)), 422 if form.errors else 200


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
        subject_reports.NO_SUBJECT: _(
            "Your organisation has no signal with this reference and a person with this number"
        ),
        subject_reports.TOO_SHORT: _("Write at least %(count)s characters", count=MOTIVATION_LENGTH),
        subject_reports.BLOCKED: _(
            "Your answers do not allow this. Postpone or refuse, or find out what is not certain."
        ),
        subject_reports.IS_MINOR: _("The signal says that this person is a minor, or may be one"),
        subject_reports.BAD_DAY: _("Choose a day from tomorrow on, within %(days)s days", days=_most_days()),
        subject_reports.NOBODY_LEFT_OUT: _("Choose which organisations are left out"),
        subject_reports.NO_EXCEPTION: _("Choose on what it rests"),
    }.get(problem, _("Choose one of these"))


def _most_days() -> int:
    check = program().policy.safety_check
    return check.postpone_days if check else 0


# -- one request --------------------------------------------------------------------------------------------------


@pages.get("/<reference>")
@permission(Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
def show(reference: str) -> ResponseReturnValue:
    """A request: what was asked, the safety check, and the decision."""
    with begin() as tx:
        view = subject_reports.consult(tx, reference)
    return _show(view, _decide_form(view, empty=True))


def _show(view: ReportRequest, form: FlaskForm) -> str:
    questions = [(question, form[CHECK + question.id]) for question in view.check.question]
    return _render(
        "reports/show.html",
        view=view,
        form=form,
        questions=questions,
        has_errors=bool(form.errors),
        exceptions={one.id: in_words(one.title) for one in view.check.exception},
    )


def _question(title: str, why: Text) -> RadioField:
    """One question of the check. What is missing names it: six times the same sentence would not say where."""
    needed = [InputRequired(_("Answer this question: %(question)s", question=title))]
    return RadioField(title, needed, description=in_words(why))


def _decide_form(view: ReportRequest, *, empty: bool = False) -> Any:
    """The form with one question for each of the safety check, in the order of the file."""
    questions = {
        CHECK + question.id: _question(in_words(question.title), question.why) for question in view.check.question
    }
    form = type("CheckForm", (DecideForm,), questions)(None) if empty else type("CheckForm", (DecideForm,), questions)()
    for question in view.check.question:
        form[CHECK + question.id].choices = [SelectChoice(one.id, in_words(one.title)) for one in question.answer]
    form.decision.choices = [SelectChoice(one, decision_label(one)) for one in DECISIONS]
    form.exception.choices = [SelectChoice(one.id, in_words(one.title)) for one in view.check.exception]
    form.left_out.choices = [SelectChoice(*one) for one in view.agencies]
    return form


@pages.post("/<reference>")
@permission(Permission.REPORT_DECIDE_OWN)
def decide(reference: str) -> ResponseReturnValue:
    """Answer the safety check and decide."""
    with begin() as tx:
        view = subject_reports.consult(tx, reference)
    form = _decide_form(view)
    if not submitted(form, "version"):
        return _show(view, form), 422
    try:
        with begin() as tx:
            subject_reports.decide(
                tx,
                reference,
                answers={question.id: form[CHECK + question.id].data for question in view.check.question},
                decision=form.decision.data,
                reason=form.reason.data or "",
                exception=form.exception.data or "",
                until=form.until.data,
                left_out=form.left_out.data or [],
                version=seen_version(),
            )
    except UnusableInput as error:
        _put_problems(form, error)
        return _show(view, form), 422
    flash(_("Decided. It is in the log, without your words."), "success")
    return redirect(url_for("subject_reports.show", reference=reference), 303)


# -- the report ---------------------------------------------------------------------------------------------------


@pages.get("/<reference>/overzicht")
@permission(Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
def report(reference: str) -> ResponseReturnValue:
    """The report on the screen, as long as it is available."""
    with begin() as tx:
        made = subject_reports.report(tx, reference)
    return _render(
        "reports/report.html",
        made=made,
        rows=[_disclosure_row(made, one) for one in made.disclosures],
        readings=[_reading_row(one) for one in made.readings],
        kinds="; ".join(field_label(f"subject.{name}") for name in made.kinds),
        kept_until=kept_until(made),
        limits=_limits(made),
    )


@pages.get("/<reference>/overzicht.pdf")
@permission(Permission.REPORT_REQUEST_OWN, Permission.REPORT_DECIDE_OWN)
@step_up
def printed(reference: str) -> ResponseReturnValue:
    """The same on paper."""
    with begin() as tx:
        made = subject_reports.report(tx, reference, view="pdf")
    pdf = paper(
        _("Who saw your data"), _blocks(made), foot=_("Report %(reference)s", reference=made.reference), lang=lang()
    )
    name = f"overzicht-{made.reference.lower()}.pdf"
    return Response(
        pdf,
        content_type="application/pdf",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _disclosure_row(made: Report, one: DisclosedTo) -> list[str]:
    policy = program().policy
    purpose = in_words(policy.purposes[one.purpose].title) if one.purpose in policy.purposes else one.purpose
    fields = _("no longer known") if one.fields is None else "; ".join(field_label(name) for name in one.fields)
    ground = one.ground
    why = (
        f"{in_words(ground.title)}. {in_words(ground.explanation)} ({articles(ground.legal_basis)})"
        if ground
        else one.ground_id
    )
    receiver = one.agency + (f" ({_('given back')})" if one.returned else "")
    return [day(one.at), receiver, fields, purpose, why, made.agency]


def _reading_row(one: Reading) -> list[str]:
    return [day(one.on), one.agency, role_titles(one.roles), reading_label(one.what), str(one.times)]


def _blocks(made: Report) -> list[Block]:
    blocks: list[Block] = [
        Words(_("This says which organisations saw data about you, when, why, and on which legal ground.")),
        Facts(
            (
                (_("Report"), made.reference),
                (_("Drawn up by"), made.agency),
                (_("Made on"), moment(made.made_at)),
                (_("Recorded on"), day(made.recorded_at)),
                (_("Recorded by"), made.agency),
                (_("How long it is kept"), kept_until(made)),
                (_("Which data identify you"), _kinds(made)),
            ),
        ),
        Heading(_("To which organisations data went")),
    ]
    if made.disclosures:
        heads = (_("When"), _("To whom"), _("Which data"), _("For what"), _("Legal ground"), _("From"))
        rows = tuple(tuple(_disclosure_row(made, one)) for one in made.disclosures)
        blocks.append(Grid(heads, rows, (0.12, 0.16, 0.18, 0.14, 0.26, 0.14)))
    else:
        blocks.append(Words(_("This report names no organisation to which data went.")))
    blocks.append(Heading(_("Who looked at it")))
    if made.readings:
        heads_read = (_("On"), _("Organisation"), _("Role"), _("What"), _("Times"))
        blocks.append(
            Grid(heads_read, tuple(tuple(_reading_row(one)) for one in made.readings), (0.16, 0.26, 0.22, 0.26, 0.1))
        )
    else:
        blocks.append(Words(_("This report names nobody who looked at it.")))
    blocks.append(Heading(_("What is not in it")))
    blocks += [Words(f"- {one}") for one in _limits(made)]
    blocks += [
        Heading(_("Your rights")),
        Words(
            _(
                "Is something wrong, or do you not agree? You can ask %(agency)s to correct it, to erase it, or not to "
                "use it for the time being, and you can object. Ask for the data protection officer there.",
                agency=made.agency,
            ),
        ),
        Words(
            _(
                "You can also complain to the Dutch Data Protection Authority (Autoriteit Persoonsgegevens), or go to "
                "court.",
            ),
        ),
    ]
    return blocks


def kept_until(made: Report) -> str:
    """Until when the data are kept, as far as that is known (GDPR art. 15(1)(d))."""
    if made.erased_at:
        return _("erased on %(day)s", day=day(made.erased_at))
    return _("until %(day)s, or longer as long as organisations work on it", day=day(made.keep_until))


def _kinds(made: Report) -> str:
    if made.erased_at:
        return _("none any more: they were erased on %(day)s", day=day(made.erased_at))
    return "; ".join(field_label(f"subject.{name}") for name in made.kinds) or _("none")


def _limits(made: Report) -> list[str]:
    """What the report leaves out, and what is no longer known, in words."""
    said = [
        _("Names of employees: it says organisations and roles."),
        _("Data about other people."),
        _("What organisations answered or wrote themselves. You can ask them for that."),
        _("The data themselves, and from whom the organisation heard them. You can ask the organisation for that."),
        # In every report, in the same words: whether and why something was left out can endanger somebody.
        _(
            "The law can ask to leave something out, for instance to protect you or somebody else (GDPR art. 15(4), "
            "UAVG art. 41). We do not say whether that was done here.",
        ),
    ]
    if made.erased_at:
        said.append(_("Details that were erased on %(day)s at the end of their term.", day=day(made.erased_at)))
    if made.unknown:
        said.append(
            _(
                "%(count)s times somebody looked at identifying data, of which it is no longer known about whom.",
                count=made.unknown,
            )
        )
    return said


# -- words --------------------------------------------------------------------------------------------------------


def asker_label(asker: str) -> str:
    """Who asks for the report."""
    return {
        "self": _("The person"),
        "representative": _("A parent, guardian or other legal representative"),
        "lawyer": _("A lawyer"),
        "other": _("Somebody else, with a written authorisation of the person"),
    }.get(asker, asker)


def decision_label(decision: str) -> str:
    """What was decided."""
    return {
        "hand_over": _("Hand over"),
        "partly": _("Hand over a part"),
        "postpone": _("Postpone"),
        "refuse": _("Refuse"),
    }.get(decision, decision)


def answer_words(view: ReportRequest) -> list[str]:
    """What the organisation can write to whoever asked, as the request stands (GDPR art. 12(3) and (4)).

    In none of them stands that there is a signal, nor why something is not given.
    """
    line = view.line
    if line.state == "waiting":
        return [
            _(
                "We received your request. You get an answer before %(day)s. Do we need more time, then you hear that "
                "before that day.",
                day=day(line.due_on),
            ),
        ]
    if line.state == "postpone":
        return [
            _("We need more time for your request, because answering it takes more work. We write to you again."),
            *_remedies(),
        ]
    if line.state == "refuse":
        return [
            _(
                "We handled your request. You get no overview from us. The law says when we need not, or may not, give "
                "one: GDPR art. 12 and 15, UAVG art. 41, and for police data Wpg art. 27. We say the same to everybody "
                "to whom we give no overview, and we do not say whether we keep data about you.",
            ),
            *_remedies(),
        ]
    return []


def _remedies() -> list[str]:
    return [
        _(
            "Do you not agree? Within six weeks you can object to a public body (UAVG art. 34), or ask the court to "
            "decide about another organisation (UAVG art. 35). You can also complain to the Dutch Data Protection "
            "Authority (Autoriteit Persoonsgegevens).",
        ),
    ]


def state_word(state: str) -> str:
    """Where a request stands."""
    return {
        "waiting": _("Waits for the safety check"),
        "hand_over": _("May be handed over"),
        "partly": _("A part may be handed over"),
        "postpone": _("Postponed"),
        "refuse": _("Refused"),
        "gone": _("Term is over"),
    }[state]


def reading_label(action: str) -> str:
    """How somebody looked at it."""
    return {
        "signal:consult": _("looked at the case, without a name"),
        "identity:consult": _("looked at identifying data"),
        "table:consult": _("looked at the papers of a meeting"),
        "enrich:consult": _("looked at a question about the case"),
        "disclosure:consult": _("looked at data that were disclosed"),
    }.get(action, action)


def _render(template: str, **values: object) -> str:
    may_ask = isinstance(may(actor(), Permission.REPORT_REQUEST_OWN), Allowed)
    words: Mapping[str, Any] = {
        **LOG_WORDS,
        "sees_all": False,
        "tab_pages": open_pages(),
        "may_ask": may_ask,
        "tones": TONES,
        "asker_label": asker_label,
        "answer_words": answer_words,
        "decision_label": decision_label,
        "state_word": state_word,
    }
    return render_template(template, **{**words, **values})
