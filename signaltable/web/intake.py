"""Logging a signal in four short steps: safety; what was seen; whom or what it is about; consent and check.

Each step saves a sealed draft. Nothing needs a script; every page can be left and resumed. The last look, with the masks,
is in `intake_check`; the files that go along are in `attachments`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    IntegerField,
    RadioField,
    SelectChoice,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from signaltable.access import Permission
from signaltable.domain import SUBJECT_KINDS, Conflict, NotFound, day_of
from signaltable.flow import drafts, signals
from signaltable.flow.drafts import DraftView
from signaltable.intake import (
    ELEMENTS,
    MAX_SUBJECTS,
    NARRATIVE_LIMIT,
    SignalDraft,
    SubjectDraft,
    facts_of,
    parse,
    victims,
)
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction
from signaltable.web.filters import in_words, lang
from signaltable.web.forms import DateParts, choices, not_in_future
from signaltable.web.guards import actor, begin, offered, only, permission, program, submitted

pages = Blueprint("intake", __name__, url_prefix="/signalen/nieuw")

YES_NO = [SelectChoice("yes", _l("Yes")), SelectChoice("no", _l("No"))]
YES_NO_UNKNOWN = [*YES_NO, SelectChoice("unknown", _l("I do not know"))]
FACT_QUESTIONS = ("organised", "shelter_needed", "smuggling_only", "wants_return", "residence", "victim")
LATER = "later"
FILES = "files"
PREVIOUS = "previous"


# -- forms -------------------------------------------------------------------------------------------------------


class StepForm(FlaskForm):
    """What every step has: the version of the draft it was drawn from, and two buttons."""

    version = HiddenField()
    action = HiddenField()


class SafetyForm(StepForm):
    acute_danger = RadioField(
        _l("Is somebody in danger right now?"),
        [InputRequired(_l("Choose whether somebody is in danger right now"))],
        choices=YES_NO,
    )
    safe_to_continue = RadioField(
        _l("Is it safe for the person and for you to talk about this?"),
        [InputRequired(_l("Choose whether it is safe to talk"))],
        choices=YES_NO_UNKNOWN,
    )
    urgency = RadioField(
        _l("How soon must somebody look at this?"),
        [InputRequired(_l("Choose how soon somebody must look at this"))],
    )


class SeenForm(StepForm):
    narrative = TextAreaField(
        _l("What did you see or hear?"),
        [Optional(), Length(max=NARRATIVE_LIMIT, message=_l("This text is longer than the program can keep"))],
    )
    observed_on = DateParts(_l("When was this?"))
    municipality = StringField(_l("In which municipality?"), [Optional(), Length(max=120)])
    online = RadioField(_l("Did it happen online?"), [Optional()], choices=YES_NO_UNKNOWN)
    source_quality = RadioField(_l("How do you know this?"), [Optional()])
    forms = SelectMultipleField(_l("Which forms of exploitation do you think of?"), [Optional()])


class FlagsForm(StepForm):
    flags = SelectMultipleField(_l("Does any of this ask for special attention?"), [Optional()])


class SubjectForm(StepForm):
    role = RadioField(_l("What part does this play?"), [InputRequired(_l("Choose what part this plays"))])


class PersonForm(SubjectForm):
    age = RadioField(_l("Age"), [InputRequired(_l("Choose an age group, or that you do not know"))])
    age_years = IntegerField(
        _l("Age in years, if you know or can estimate it"),
        [Optional(), NumberRange(0, 130, _l("Fill in an age between 0 and 130"))],
    )
    gender = RadioField(_l("Gender"), [InputRequired(_l("Choose a gender, or that you do not know"))])


class ConsentForm(StepForm):
    capacity = RadioField(
        _l("In which task did you learn this?"),
        [InputRequired(_l("Choose the task in which you learned this"))],
    )
    status = RadioField(
        _l("Does the person agree that you share this?"),
        [InputRequired(_l("Choose whether the person agrees"))],
    )
    asked_on = DateParts(_l("On which day was consent asked?"))
    language = StringField(_l("In which language was it asked?"), [Optional(), Length(max=60)])
    interpreter = RadioField(_l("Was there an interpreter?"), [Optional()])
    asked_by = StringField(_l("Who asked for consent?"), [Optional(), Length(max=120)])
    reachable = StringField(_l("A note for your own organisation"), [Optional(), Length(max=200)])


# -- pages -------------------------------------------------------------------------------------------------------


@pages.route("", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def start() -> ResponseReturnValue:
    """Step 1 of a new signal, with the drafts that wait."""
    form = _safety_form({})
    if submitted(form) or _in_danger(form):
        with begin() as tx:
            draft = drafts.start(tx, _with_capacity(tx, parse({"safety": _safety(form)})))
            drafts.save(tx, draft.id, {}, step=2, version=draft.version)
        return _onward(form, _after_safety(form, draft.id))
    with begin() as tx:
        waiting = drafts.mine(tx)
    return _page("safety", 1, form, draft=None, waiting=waiting)


@pages.route("/<draft_id>/1", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def safety(draft_id: str) -> ResponseReturnValue:
    """Step 1 again."""
    draft = load_draft(draft_id)
    form = prepared(_safety_form(draft.content.safety.model_dump()), draft)
    if (submitted(form) or _in_danger(form)) and _save(draft, form, {"safety": _safety(form)}, 2):
        return _onward(form, _after_safety(form, draft.id))
    return _page("safety", 1, form, draft=draft, waiting=())


@pages.get("/<draft_id>/gevaar")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def danger(draft_id: str) -> ResponseReturnValue:
    """Acute danger stops the form: call 112 first, log it afterwards (002:302-314)."""
    return render_template("intake/danger.html", draft=load_draft(draft_id))


@pages.route("/<draft_id>/2", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def seen(draft_id: str) -> ResponseReturnValue:
    """Step 2: what was seen."""
    draft = load_draft(draft_id)
    form = prepared(_seen_form(draft.content), draft)
    names = [*_row_names(), *_indicator_names(), *(f"fact-{fact}" for fact in FACT_QUESTIONS)]
    if submitted(form, *names):
        if contains_bsn(form.narrative.data or ""):
            form.narrative.errors = [
                _("Take the citizen service number (BSN) out of the text: it is never stored here")
            ]
        elif _save(draft, form, _seen(form), 3):
            previous = url_for("intake.safety", draft_id=draft.id)
            files = url_for("attachments.draft", draft_id=draft.id)
            return _onward(form, url_for("intake.about", draft_id=draft.id), previous, files)
    return _page("seen", 2, form, draft=draft, chosen=_chosen(draft.content), fact_questions=FACT_QUESTIONS)


@pages.route("/<draft_id>/3", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def about(draft_id: str) -> ResponseReturnValue:
    """Step 3: whom or what it is about."""
    draft = load_draft(draft_id)
    form = prepared(FlagsForm(data={"flags": draft.content.flags}), draft)
    form.flags.choices = choices(program().policy.flags)
    if submitted(form):
        changes: dict[str, object] = {"flags": form.flags.data or []}
        verb, _sep, what = (form.action.data or "").partition(":")
        if verb == "remove":
            kept = [one for place, one in enumerate(draft.content.subjects) if str(place) != what]
            changes["subjects"] = [one.model_dump(mode="json") for one in kept]
        if _save(draft, form, changes, 3 if verb in {"add", "edit", "remove"} else 4):
            return _after_about(form, draft, verb, what)
    return _page("about", 3, form, draft=draft, full=len(draft.content.subjects) >= MAX_SUBJECTS)


@pages.route("/<draft_id>/betrokkene/<int:number>", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def subject(draft_id: str, number: int) -> ResponseReturnValue:
    """One subject; a number past the last one adds it. The kind of a new one comes from the link that was followed."""
    draft = load_draft(draft_id)
    known = draft.content.subjects
    if number > len(known) or number >= MAX_SUBJECTS:
        raise NotFound("no such subject")
    before = known[number] if number < len(known) else SubjectDraft(kind=_new_kind())
    form = _subject_form(before, draft)
    problems: Mapping[str, str] = {}
    if submitted(form, "kind", *_identity_names(before.kind), many=["unsure"]):
        after = _subject(form, before.kind)
        problems = _identity_problems(after)
        if not problems:
            changed = [one.model_dump(mode="json") for one in [*known[:number], after, *known[number + 1 :]]]
            if _save(draft, form, {"subjects": changed}, 3):
                return redirect(url_for("intake.about", draft_id=draft.id), 303)
        before = after
    return _page(
        "subject",
        3,
        form,
        draft=draft,
        number=number,
        kind=program().policy.identifiers.kind_of(before.kind),
        identity=before.identity,
        unsure=before.unsure,
        problems=problems,
        is_new=number >= len(known),
    )


@pages.route("/<draft_id>/4", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def consent(draft_id: str) -> ResponseReturnValue:
    """Step 4: consent and how to reach the reporter."""
    draft = load_draft(draft_id)
    form = _consent_form(draft)
    if submitted(form) and _save(draft, form, _consent(form), 4):
        previous = url_for("intake.about", draft_id=draft.id)
        return _onward(form, url_for("intake.check", draft_id=draft.id), previous)
    return _page("consent", 4, form, draft=draft)


@pages.post("/<draft_id>/weg")
@permission(Permission.SIGNAL_SUBMIT_OWN)
def discard(draft_id: str) -> ResponseReturnValue:
    """Throw a draft away."""
    only()
    with begin() as tx:
        drafts.discard(tx, draft_id)
    return redirect(url_for("intake.start"), 303)


# -- between form and draft --------------------------------------------------------------------------------------


def load_draft(draft_id: str) -> DraftView:
    with begin() as tx:
        return drafts.load(tx, draft_id)


def version_of(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else -1


def _save(draft: DraftView, form: StepForm, changes: Mapping[str, object], step: int) -> bool:
    """Save a step. When another window was first, say so and keep what was typed: the next save goes through."""
    try:
        with begin() as tx:
            drafts.save(tx, draft.id, changes, step=max(step, draft.step), version=version_of(form.version.data))
    except Conflict:
        form.form_errors.append(
            _("This draft was saved in another window meanwhile. Look at your answers and save them again."),
        )
        form.version.data = str(draft.version)
        return False
    return True


def _onward(form: StepForm, following: str, previous: str = "", files: str = "") -> ResponseReturnValue:
    """Where a saved step leads: on, back, or to the list of drafts. Going back saves too, so nothing typed is lost."""
    if form.action.data == LATER:
        return redirect(url_for("intake.start") + "#concepten", 303)
    if form.action.data == FILES and files:
        return redirect(files, 303)
    return redirect(previous if previous and form.action.data == PREVIOUS else following, 303)


def prepared(form: Any, draft: DraftView | None) -> Any:
    if request.method == "GET":
        form.version.data = str(draft.version) if draft else ""
    return form


def _page(name: str, step: int, form: FlaskForm, **values: Any) -> ResponseReturnValue:
    status = 422 if request.method == "POST" else 200
    draft: DraftView | None = values.get("draft")
    content = draft.content if draft else SignalDraft()
    guidance = _guidance(content, step)
    return render_template(f"intake/{name}.html", form=form, step=step, guidance=guidance, **values), status


# What each step can still find out; the guidance beside the form keeps to it (domain/signals.md).
STEP_FACTS: Mapping[int, tuple[str, ...]] = {
    1: ("acute_danger",),
    2: (*ELEMENTS, "forms", "victim", "organised", "shelter_needed", "smuggling_only", "wants_return", "residence"),
    3: (
        "age",
        "gender",
        "perpetrator",
        "lvb_signs",
        "unaccompanied_foreign_minor",
        "suspect_may_be_forced",
        "identifiable",
    ),
    4: ("victim_consent",),
}

ALSO_ASKED: Mapping[int, tuple[str, ...]] = {3: ("age_years",)}


def _guidance(content: SignalDraft, step: int) -> list[Any]:
    policy = program().policy
    people = victims(content)
    known = facts_of(content, policy, people[0] if people else None, 0, day_of(program().clock()))
    open_facts = set(STEP_FACTS[step]) - set(known)
    return [one for one in policy.guidance.values() if set(one.facts) & open_facts]


def _safety_form(data: Mapping[str, str]) -> SafetyForm:
    shown = {name: value for name, value in data.items() if name != "acute_danger" or value != "unknown"}
    form = SafetyForm(data=shown)
    form.urgency.choices = choices(program().policy.urgencies)
    return form


def _in_danger(form: SafetyForm) -> bool:
    """Whether danger was reported: then 112 comes first, also when the other questions are still open."""
    return request.method == "POST" and form.acute_danger.data == "yes"


def _safety(form: SafetyForm) -> dict[str, str]:
    urgencies = program().policy.urgencies.values()
    most_urgent = min(urgencies, key=lambda urgency: urgency.order).id
    return {
        "acute_danger": form.acute_danger.data,
        "safe_to_continue": form.safe_to_continue.data or "unknown",
        # Whoever is in danger now cannot wait longer than the most urgent answer says.
        "urgency": form.urgency.data or (most_urgent if _in_danger(form) else ""),
    }


def _after_safety(form: SafetyForm, draft_id: str) -> str:
    page = "intake.danger" if form.acute_danger.data == "yes" else "intake.seen"
    return url_for(page, draft_id=draft_id)


def _after_about(form: StepForm, draft: DraftView, verb: str, what: str) -> ResponseReturnValue:
    """Step 3 has more ways on than the others: add, change or remove a subject."""
    here = url_for("intake.about", draft_id=draft.id)
    if verb == "add" and what in SUBJECT_KINDS:
        number = len(draft.content.subjects)
        return redirect(url_for("intake.subject", draft_id=draft.id, number=number, soort=what), 303)
    if verb == "edit" and what.isascii() and what.isdigit():
        return redirect(url_for("intake.subject", draft_id=draft.id, number=min(int(what), MAX_SUBJECTS)), 303)
    if verb == "remove":
        return redirect(here, 303)
    return _onward(form, url_for("intake.consent", draft_id=draft.id), url_for("intake.seen", draft_id=draft.id))


def _with_capacity(tx: Transaction, content: SignalDraft) -> SignalDraft:
    """Who can only have learned it in one task is not asked in which."""
    capacities = list(tx.program.policy.capacities_of(tx.actor.agency_kind))
    return content.model_copy(update={"capacity": capacities[0]}) if len(capacities) == 1 else content


def _row_names() -> dict[str, str]:
    return {f"row-{row}": row for row in program().policy.form_rows}


def _indicator_names() -> dict[str, str]:
    return {f"ind-{indicator}": indicator for indicator in program().policy.indicators}


def _seen_form(content: SignalDraft) -> SeenForm:
    policy = program().policy
    form = SeenForm(
        data={
            "narrative": content.narrative,
            "observed_on": content.observed.on,
            "municipality": content.observed.municipality,
            "online": content.observed.online,
            "source_quality": content.observed.source_quality,
            "forms": content.forms,
        },
    )
    form.observed_on.validators = [not_in_future(day_of(program().clock()))]
    form.source_quality.choices = choices(policy.source_quality)
    form.forms.choices = choices(policy.forms)
    return form


def _chosen(content: SignalDraft) -> dict[str, Mapping[str, str]]:
    """What stands in the parts of step 2 that are no WTForms fields: as posted, else as kept."""
    if request.method == "POST":
        return {
            "rows": {name: request.form[name] for name in _row_names() if name in request.form},
            "indicators": {name: request.form.get(name, "") for name in _indicator_names()},
            "facts": {fact: request.form.get(f"fact-{fact}", "unknown") for fact in FACT_QUESTIONS},
        }
    return {
        "rows": {f"row-{row}": str(code) for row, code in content.form_rows.items()},
        "indicators": {f"ind-{name}": how for name, how in content.indicators.items()},
        "facts": {fact: getattr(content.facts, fact) for fact in FACT_QUESTIONS},
    }


def _seen(form: SeenForm) -> dict[str, object]:
    policy = program().policy
    rows = {row: int(offered(name, ("0", "1", "2", "3"))) for name, row in _row_names().items() if name in request.form}
    indicators = {
        indicator: offered(name, policy.how_known)
        for name, indicator in _indicator_names().items()
        if request.form.get(name)
    }
    facts = {
        fact: offered(f"fact-{fact}", [*policy.facts[fact].values, "yes", "no", "unknown"], required=False) or "unknown"
        for fact in FACT_QUESTIONS
    }
    on = form.observed_on.data
    return {
        "narrative": form.narrative.data or "",
        "observed": {
            "on": on.isoformat() if isinstance(on, date) else None,
            "municipality": form.municipality.data or "",
            "online": form.online.data or "unknown",
            "source_quality": form.source_quality.data or "",
        },
        "forms": form.forms.data or [],
        "form_rows": rows,
        "indicators": indicators,
        "facts": facts,
    }


def _new_kind() -> str:
    if request.method == "POST":
        return offered("kind", SUBJECT_KINDS)
    wanted = request.args.get("soort", "person")
    if wanted not in SUBJECT_KINDS:
        raise NotFound("no such kind of subject")
    return wanted


def _identity_names(kind: str) -> list[str]:
    fields = program().policy.identifiers.kind_of(kind).fields
    return [f"id-{name}" for name in fields]


def _subject_form(before: SubjectDraft, draft: DraftView) -> SubjectForm:
    policy = program().policy
    if before.kind != "person":
        form = SubjectForm(data={"role": before.role})
    else:
        fresh = before == SubjectDraft()
        form = PersonForm(
            data={
                "role": None if fresh else before.role,
                "age": None if fresh else before.age,
                "age_years": before.age_years,
                "gender": None if fresh else before.gender,
            },
        )
        form.age.choices = [
            *_value_choices("age", ("minor", "adult", "doubt")),
            SelectChoice("unknown", _("I do not know")),
        ]
        form.gender.choices = [
            *_value_choices("gender", ("woman", "man", "other")),
            SelectChoice("unknown", _("I do not know")),
        ]
    unfit = {"place"} if before.kind == "person" else {"possible_victim", "witness"}
    form.role.choices = choices(role for role in policy.scales["subject-role"].value if role.id not in unfit)
    return prepared(form, draft)


def _value_choices(fact: str, values: Sequence[str]) -> list[SelectChoice]:
    return [SelectChoice(value, in_words(program().policy.value_label(fact, value))) for value in values]


def _subject(form: SubjectForm, kind: str) -> SubjectDraft:
    fields = program().policy.identifiers.kind_of(kind).fields
    identity = {name: request.form.get(f"id-{name}", "").strip() for name in fields}
    unsure = [name for name in request.form.getlist("unsure") if name in fields and identity.get(name)]
    person = {name: form[name].data for name in ("age", "age_years", "gender")} if kind == "person" else {}
    return SubjectDraft.model_construct(
        kind=kind,
        role=form.role.data,
        identity={name: value for name, value in identity.items() if value},
        unsure=unsure,
        **{"age": "unknown", "age_years": None, "gender": "unknown", **person},
    )


def _identity_problems(after: SubjectDraft) -> Mapping[str, str]:
    with begin() as tx:
        return {name: text.in_language(lang()) for name, text in signals.identity_problems(tx, after).items()}


def _consent_form(draft: DraftView) -> ConsentForm:
    policy, content = program().policy, draft.content
    form = prepared(
        ConsentForm(
            data={
                "capacity": content.capacity,
                "status": content.consent.status,
                "asked_on": content.consent.on,
                "language": content.consent.language,
                "interpreter": content.consent.interpreter,
                "asked_by": content.consent.asked_by,
                "reachable": content.reachable,
            },
        ),
        draft,
    )
    form.asked_on.validators = [not_in_future(day_of(program().clock()))]
    form.capacity.choices = choices(policy.capacities_of(actor().agency_kind))
    form.status.choices = _value_choices("victim_consent", ("given", "refused", "not_asked", "not_possible"))
    form.interpreter.choices = [
        SelectChoice("none", _("No, that was not needed")),
        SelectChoice("professional", _("Yes, a professional interpreter")),
    ]
    return form


def _consent(form: ConsentForm) -> dict[str, object]:
    on = form.asked_on.data
    return {
        "capacity": form.capacity.data,
        "consent": {
            "status": form.status.data,
            "on": on.isoformat() if isinstance(on, date) else None,
            "language": form.language.data or "",
            "interpreter": form.interpreter.data or "",
            "asked_by": form.asked_by.data or "",
        },
        "reachable": form.reachable.data or "",
    }
