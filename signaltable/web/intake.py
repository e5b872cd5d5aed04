"""Logging a signal in four short screens: safety; what was seen; about whom, and consent; a last look.

Each saves a sealed draft. Nothing needs a script; every page can be left and resumed. Here are the first two and what all
share; the third is in `intake_about`, the last look, with the masks, in `intake_check`, files that go along in `attachments`.
"""

from collections.abc import Mapping
from datetime import date
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import (
    HiddenField,
    RadioField,
    SelectChoice,
    SelectMultipleField,
    StringField,
    TextAreaField,
)
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, NotFound, day_of
from signaltable.flow import drafts
from signaltable.flow.drafts import DraftView
from signaltable.flow.sent_drafts import BecameSignal, what_became
from signaltable.intake import (
    ELEMENTS,
    NARRATIVE_LIMIT,
    SignalDraft,
    facts_of,
    parse,
    victims,
)
from signaltable.text import contains_bsn
from signaltable.transaction import Transaction
from signaltable.web.forms import DateParts, choices, not_in_future, whole_number
from signaltable.web.guards import begin, offered, only, permission, program, submitted

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
        return onward(form, _after_safety(form, draft.id))
    with begin() as tx:
        waiting = drafts.mine(tx)
    return step_page("safety", 1, form, draft=None, waiting=waiting)


@pages.route("/<draft_id>/1", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def safety(draft_id: str) -> ResponseReturnValue:
    """Step 1 again."""
    draft = load_draft(draft_id)
    form = prepared(_safety_form(draft.content.safety.model_dump()), draft)
    if (submitted(form) or _in_danger(form)) and save_step(draft, form, {"safety": _safety(form)}, 2):
        return onward(form, _after_safety(form, draft.id))
    return step_page("safety", 1, form, draft=draft, waiting=())


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
        elif save_step(draft, form, _seen(form), 3):
            previous = url_for("intake.safety", draft_id=draft.id)
            files = url_for("attachments.draft", draft_id=draft.id)
            return onward(form, url_for("intake.about", draft_id=draft.id), previous, files)
    return step_page("seen", 2, form, draft=draft, chosen=_chosen(draft.content), fact_questions=FACT_QUESTIONS)


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
        return open_draft(tx, draft_id)


def open_draft(tx: Transaction, draft_id: str) -> DraftView:
    """The own draft. Raises `BecameSignal` when it was submitted: pressed twice, or its answer never arrived."""
    try:
        return drafts.load(tx, draft_id)
    except NotFound:
        reference = what_became(tx, draft_id)
        if not reference:
            raise
    raise BecameSignal(reference)


@pages.errorhandler(BecameSignal)
def _lead_to_signal(error: BecameSignal) -> ResponseReturnValue:
    flash(_("This signal was submitted already. It counts once."), "info")
    return redirect(url_for("signals.receipt", reference=error.reference), 303)


def save_step(draft: DraftView, form: StepForm, changes: Mapping[str, object], step: int) -> bool:
    """Save a step. When another window was first, say so and keep what was typed: the next save goes through."""
    try:
        with begin() as tx:
            drafts.save(tx, draft.id, changes, step=max(step, draft.step), version=whole_number(form.version.data))
    except Conflict:
        form.form_errors.append(
            _("This draft was saved in another window meanwhile. Look at your answers and save them again."),
        )
        form.version.data = str(draft.version)
        return False
    return True


def onward(form: StepForm, following: str, previous: str = "", files: str = "") -> ResponseReturnValue:
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


def step_page(name: str, step: int, form: FlaskForm, **values: Any) -> ResponseReturnValue:
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
        "victim_consent",
        "age",
        "gender",
        "perpetrator",
        "lvb_signs",
        "unaccompanied_foreign_minor",
        "suspect_may_be_forced",
        "identifiable",
    ),
}

ALSO_ASKED: Mapping[int, tuple[str, ...]] = {3: ("age_years",)}


def _guidance(content: SignalDraft, step: int) -> list[Any]:
    policy = program().policy
    people = victims(content)
    known = facts_of(content, policy, people[0] if people else None, 0, day_of(program().clock()))
    open_facts = set(STEP_FACTS.get(step, ())) - set(known)
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
