"""The form with which the coordinator asks partners: about whom or what, of whom, by when and why."""

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, SelectMultipleField, TextAreaField
from wtforms.validators import InputRequired, Optional

from signaltable.flow import enrich
from signaltable.flow.triage import TriageView
from signaltable.web.dossier_words import kind_label, role_label
from signaltable.web.fact_words import fact_label
from signaltable.web.forms import DateParts
from signaltable.web.validators import no_bsn


class AskForm(FlaskForm):
    subject = SelectMultipleField(
        _l("About whom or what?"), [Optional()], description=_l("Each one becomes a question of its own.")
    )
    fact = SelectMultipleField(
        _l("Or about which fact?"),
        [Optional()],
        description=_l("The partner reads the fact, the municipality and the month, and nothing of who it is about."),
    )
    agencies = SelectMultipleField(
        _l("Whom do you ask?"),
        [InputRequired(_l("Choose at least one partner"))],
        description=_l("Each partner sees a pseudonym that only that partner has, and no dossier."),
    )
    due_on = DateParts(_l("Answer by"))
    note = TextAreaField(
        _l("What do you want to know?"),
        [Optional(), no_bsn],
        description=_l("Without a note the question is: do you know this person or thing? Write no names."),
    )
    necessity = TextAreaField(
        _l("Why does the partner need to know more than the bare facts?"),
        [Optional(), no_bsn],
        description=_l(
            "This signal holds facts that the law protects more, such as sexual exploitation or the part that somebody "
            "plays. Leave this open and they stay out of the question."
        ),
    )
    checked = BooleanField(_l("I read the question again. Nobody can be recognised in it."))


def ask_form(view: TriageView, *, posted: bool = False) -> AskForm:
    """The form as posted, or a new one with the usual day."""
    subjects = view.dossier.subjects
    # With one subject there is nothing to choose; where a fact can be asked as well, that choice stays open.
    only_one = [str(subjects[0].number)] if len(subjects) == 1 and not view.facts else []
    form = AskForm() if posted else AskForm(formdata=None, data={"due_on": view.due_on, "subject": only_one})
    form.agencies.choices = list(view.agencies)
    form.subject.choices = [
        (str(one.number), f"{one.pseudonym} – {kind_label(one.kind)}, {role_label(one.role).lower()}")
        for one in subjects
    ]
    form.fact.choices = [(one.code, fact_label(one)) for one in view.facts]
    if not view.needs_necessity:
        del form.necessity
    return form


def about_something(form: AskForm) -> bool:
    """Whether a subject or a fact was chosen; says so at the form when not."""
    if form.subject.data or form.fact.data:
        return True
    form.subject.errors = [_("Choose whom or what the question is about")]
    return False


def asking_of(form: AskForm) -> enrich.Asking:
    """What the form asks."""
    return enrich.Asking(
        agencies=tuple(form.agencies.data or ()),
        subjects=tuple(int(one) for one in form.subject.data or () if one.isascii() and one.isdigit()),
        facts=tuple(form.fact.data or ()),
        due_on=form.due_on.data,
        note=form.note.data or "",
        necessity=(form.necessity.data or "") if form.necessity else "",
        checked=form.checked.data,
    )
