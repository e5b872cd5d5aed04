"""The third screen of a new signal: whom or what it is about, and whether the person agrees.

The first person is filled in on the screen itself, because most signals are about one; more of them, and things, have a page
each. A person that was begun has to be whole; what the consent was is asked when going on, not when leaving for later.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from flask import redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from wtforms import RadioField, SelectChoice, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, NumberRange, Optional

from signaltable.access import Permission
from signaltable.domain import SUBJECT_KINDS, NotFound, day_of
from signaltable.flow import signals
from signaltable.flow.drafts import DraftView
from signaltable.intake import MAX_SUBJECTS, SubjectDraft
from signaltable.web.filters import in_words, lang
from signaltable.web.forms import DateParts, choices, not_in_future
from signaltable.web.guards import actor, begin, offered, permission, program, submitted
from signaltable.web.intake import StepForm, load_draft, onward, pages, prepared, save_step, step_page
from signaltable.web.validators import NumberField

__all__ = ["pages"]

NEXT = "next"
PERSON = "person"


class SubjectForm(StepForm):
    role = RadioField(_l("What part does this play?"), [InputRequired(_l("Choose what part this plays"))])


class PersonForm(SubjectForm):
    age = RadioField(_l("Age"), [InputRequired(_l("Choose an age group, or that you do not know"))])
    age_years = NumberField(
        _l("Age in years, if you know or can estimate it"),
        [Optional(), NumberRange(0, 130, _l("Fill in an age between 0 and 130"))],
    )
    gender = RadioField(_l("Gender"), [InputRequired(_l("Choose a gender, or that you do not know"))])


class AboutForm(StepForm):
    flags = SelectMultipleField(_l("Does any of this ask for special attention?"), [Optional()])
    status = RadioField(
        _l("Does the person agree that you share this?"),
        [InputRequired(_l("Choose whether the person agrees"))],
    )
    asked_on = DateParts(_l("On which day was consent asked?"))
    language = StringField(_l("In which language was it asked?"), [Optional(), Length(max=60)])
    interpreter = RadioField(_l("Was there an interpreter?"), [Optional()])
    asked_by = StringField(_l("Who asked for consent?"), [Optional(), Length(max=120)])
    capacity = RadioField(
        _l("In which task did you learn this?"),
        [InputRequired(_l("Choose the task in which you learned this"))],
    )
    reachable = StringField(_l("A note for your own organisation"), [Optional(), Length(max=200)])


# -- pages -------------------------------------------------------------------------------------------------------


@pages.route("/<draft_id>/3", methods=["GET", "POST"])
@permission(Permission.SIGNAL_SUBMIT_OWN)
def about(draft_id: str) -> ResponseReturnValue:
    """Step 3: whom or what it is about, and consent."""
    draft = load_draft(draft_id)
    form, verb, what = _about_form(draft), *_pressed()
    first, begun = PersonForm(), _begun()
    _offer_person(first)
    problems: Mapping[str, str] = {}
    if submitted(form, *_identity_names(PERSON), many=["unsure"], beside=first):
        whole = not begun or first.validate()
        person = _subject(first, PERSON) if begun and whole else None
        problems = _identity_problems(person) if person else {}
        if whole and not problems:
            subjects = _subjects(draft, person, verb, what)
            changes = {**_answers(form, draft), "subjects": subjects}
            if save_step(draft, form, changes, 3 if verb in {"add", "edit", "remove"} else 4):
                return _after(form, draft, verb, what, count=len(subjects))
    return step_page(
        "about",
        3,
        form,
        draft=draft,
        full=len(draft.content.subjects) >= MAX_SUBJECTS,
        # Somebody who was begun while another window added the first one is not lost.
        first=first if begun or not draft.content.subjects else None,
        kind=program().policy.identifiers.kind_of(PERSON),
        identity=_typed_identity(PERSON),
        unsure=request.form.getlist("unsure"),
        problems=problems,
    )


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
            if save_step(draft, form, {"subjects": changed}, 3):
                return redirect(url_for("intake.about", draft_id=draft.id), 303)
        before = after
    return step_page(
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


def _pressed() -> tuple[str, str]:
    """The button that was pressed, as what to do and with which; going on when Enter pressed none."""
    verb, _sep, what = request.form.get("action", "").partition(":")
    return verb or NEXT, what


def _after(form: AboutForm, draft: DraftView, verb: str, what: str, *, count: int) -> ResponseReturnValue:
    """More ways lead on from here than from the others: add, change or remove a subject."""
    here = url_for("intake.about", draft_id=draft.id)
    if verb == "add" and what in SUBJECT_KINDS and count < MAX_SUBJECTS:
        return redirect(url_for("intake.subject", draft_id=draft.id, number=count, soort=what), 303)
    if verb == "edit" and what.isascii() and what.isdigit():
        return redirect(url_for("intake.subject", draft_id=draft.id, number=min(int(what), MAX_SUBJECTS)), 303)
    if verb in {"add", "remove"}:
        return redirect(here, 303)
    return onward(form, url_for("intake.check", draft_id=draft.id), url_for("intake.seen", draft_id=draft.id))


# -- between form and draft --------------------------------------------------------------------------------------


def _about_form(draft: DraftView) -> AboutForm:
    policy, content = program().policy, draft.content
    form: AboutForm = prepared(
        AboutForm(
            data={
                "flags": content.flags,
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
    form.flags.choices = choices(policy.flags)
    form.asked_on.validators = [not_in_future(day_of(program().clock()))]
    form.capacity.choices = choices(policy.capacities_of(actor().agency_kind))
    form.status.choices = _value_choices("victim_consent", ("given", "refused", "not_asked", "not_possible"))
    form.interpreter.choices = [
        SelectChoice("none", _("No, that was not needed")),
        SelectChoice("professional", _("Yes, a professional interpreter")),
    ]
    if _pressed()[0] != NEXT:
        # Whoever leaves the screen for something else may not know yet; going on asks for it.
        form.status.validators = form.capacity.validators = [Optional()]
    return form


def _answers(form: AboutForm, draft: DraftView) -> dict[str, object]:
    on = form.asked_on.data
    return {
        "flags": form.flags.data or [],
        "capacity": form.capacity.data or draft.content.capacity,
        "consent": {
            "status": form.status.data or draft.content.consent.status,
            "on": on.isoformat() if isinstance(on, date) else None,
            "language": form.language.data or "",
            "interpreter": form.interpreter.data or "",
            "asked_by": form.asked_by.data or "",
        },
        "reachable": form.reachable.data or "",
    }


def _begun() -> bool:
    """Whether something of a person was filled in."""
    names = ("role", "age", "age_years", "gender", "unsure", *_identity_names(PERSON))
    return any(request.form.get(name, "").strip() for name in names)


def _subjects(draft: DraftView, person: SubjectDraft | None, verb: str, what: str) -> list[dict[str, Any]]:
    """The subjects as they are from now on: with the person of this screen, without the one that was taken away."""
    kept = [one for place, one in enumerate(draft.content.subjects) if verb != "remove" or str(place) != what]
    return [one.model_dump(mode="json") for one in (*kept, *((person,) if person else ()))]


def _new_kind() -> str:
    if request.method == "POST":
        return offered("kind", SUBJECT_KINDS)
    wanted = request.args.get("soort", PERSON)
    if wanted not in SUBJECT_KINDS:
        raise NotFound("no such kind of subject")
    return wanted


def _identity_names(kind: str) -> list[str]:
    fields = program().policy.identifiers.kind_of(kind).fields
    return [f"id-{name}" for name in fields]


def _typed_identity(kind: str) -> dict[str, str]:
    """What was typed into the identity fields, without those left empty."""
    typed = {name.removeprefix("id-"): request.form.get(name, "").strip() for name in _identity_names(kind)}
    return {name: value for name, value in typed.items() if value}


def _subject_form(before: SubjectDraft, draft: DraftView) -> SubjectForm:
    if before.kind != PERSON:
        form = SubjectForm(data={"role": before.role})
        form.role.choices = _roles(unfit={"possible_victim", "witness"})
        return prepared(form, draft)
    fresh = before == SubjectDraft()
    form = PersonForm(
        data={
            "role": None if fresh else before.role,
            "age": None if fresh else before.age,
            "age_years": before.age_years,
            "gender": None if fresh else before.gender,
        },
    )
    _offer_person(form)
    return prepared(form, draft)


def _offer_person(form: PersonForm) -> None:
    form.role.choices = _roles(unfit={"place"})
    unknown = SelectChoice("unknown", _("I do not know"))
    form.age.choices = [*_value_choices("age", ("minor", "adult", "doubt")), unknown]
    form.gender.choices = [*_value_choices("gender", ("woman", "man", "other")), unknown]


def _roles(unfit: set[str]) -> list[SelectChoice]:
    return choices(role for role in program().policy.scales["subject-role"].value if role.id not in unfit)


def _value_choices(fact: str, values: Sequence[str]) -> list[SelectChoice]:
    return [SelectChoice(value, in_words(program().policy.value_label(fact, value))) for value in values]


def _subject(form: SubjectForm, kind: str) -> SubjectDraft:
    identity = _typed_identity(kind)
    person = {name: form[name].data for name in ("age", "age_years", "gender")} if kind == PERSON else {}
    return SubjectDraft.model_construct(
        kind=kind,
        role=form.role.data,
        identity=identity,
        unsure=[name for name in request.form.getlist("unsure") if name in identity],
        **{"age": "unknown", "age_years": None, "gender": "unknown", **person},
    )


def _identity_problems(after: SubjectDraft) -> Mapping[str, str]:
    with begin() as tx:
        return {name: text.in_language(lang()) for name, text in signals.identity_problems(tx, after).items()}
