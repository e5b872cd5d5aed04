"""The conditions of a ground as a form, drawn from their specification by code that does not know any condition."""

from collections.abc import Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, RadioField, SelectChoice, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import Optional

from signaltable.domain import ZONE
from signaltable.evidence_forms import ConditionSpec, FieldSpec, read_form
from signaltable.texts import Text
from signaltable.web.filters import in_words
from signaltable.web.forms import DateParts
from signaltable.web.validators import no_bsn

# Evidence that names a recipient is asked as "this one or another": the client never sends an agency's id.
RECIPIENT, THIS, OTHER = "recipient", "this", "other"
CATEGORIES = "categories"


def condition_form(
    specs: Sequence[ConditionSpec],
    *,
    recipient: str,
    categories: frozenset[str],
    prefill: Mapping[str, Mapping[str, str]],
    beside: Mapping[str, Any] = MappingProxyType({}),
) -> FlaskForm:
    """A form with one field per piece of evidence, named CODE-field.

    `recipient` is how the receiver is called; what the program fills in itself is not asked. `categories` are those that this disclosure holds: no other can be
    ticked. `prefill` holds what the owner's own signal already says (never a motivation). `beside` are further fields.
    """
    drawn: dict[str, Any] = {}
    for spec in specs:
        for row in asked(spec):
            name = f"{spec.code}-{row.name}"
            drawn[name] = _drawn(row, recipient, categories)
            if row.kind == "datetime":
                drawn[f"{name}-time"] = StringField(_l("Time (for example 14:05)"))
    days = {f"{spec.code}-{row.name}" for spec in specs for row in spec.fields if row.kind == "date"}
    known = {
        name: date.fromisoformat(value) if name in days else value
        for code, values in prefill.items()
        for name, value in ((f"{code}-{field}", value) for field, value in values.items())
    }
    return type("ConditionForm", (FlaskForm,), {**drawn, **beside})(data=known)


def asked(spec: ConditionSpec) -> tuple[FieldSpec, ...]:
    """The pieces of evidence that a person gives."""
    return tuple(row for row in spec.fields if not row.by_program)


def _drawn(row: FieldSpec, recipient: str, categories: frozenset[str]) -> Any:
    common: dict[str, Any] = {"label": in_words(row.label), "description": in_words(row.hint) if row.hint else ""}
    if row.name == RECIPIENT:
        choices = [SelectChoice(THIS, recipient), SelectChoice(OTHER, _("Another organisation"))]
        return RadioField(**common, choices=choices, validate_choice=False)
    if row.kind in {"date", "datetime"}:
        return DateParts(**common)
    if row.kind == "choice":
        return RadioField(**common, choices=_choices(row, None), validate_choice=False)
    if row.kind == "choices":
        limit = categories if row.name == CATEGORIES else None
        return SelectMultipleField(**common, choices=_choices(row, limit), validate_choice=False)
    if row.kind == "tick":
        return BooleanField(**common)
    checks = [no_bsn] if row.required else [Optional(), no_bsn]
    return (TextAreaField if row.kind == "longtext" else StringField)(**common, validators=checks)


def _choices(row: FieldSpec, limit: frozenset[str] | None) -> list[SelectChoice]:
    wanted = [option for option in row.options if limit is None or option.value in limit]
    return [SelectChoice(option.value, in_words(option.label)) for option in wanted]


def evidence_in(form: FlaskForm, specs: Sequence[ConditionSpec], recipient_id: str) -> dict[str, dict[str, Any]]:
    """What the form says, per condition, as `signaltable.evidence` reads it."""
    return {spec.code: read_form(spec, _values(form, spec, recipient_id), ZONE) for spec in specs}


def _values(form: FlaskForm, spec: ConditionSpec, recipient_id: str) -> dict[str, list[str]]:
    values: dict[str, list[str]] = {}
    for row in asked(spec):
        given = form[f"{spec.code}-{row.name}"].data
        if row.name == RECIPIENT:
            values[row.name] = [recipient_id if given == THIS else given or ""]
        elif row.kind == "datetime":
            time = (form[f"{spec.code}-{row.name}-time"].data or "").strip()
            values[row.name] = [f"{given.isoformat()}T{time or '?'}"] if given else []
        elif row.kind == "date":
            values[row.name] = [given.isoformat()] if given else []
        elif row.kind == "tick":
            values[row.name] = ["y"] if given else []
        else:
            values[row.name] = [str(value) for value in given] if isinstance(given, list) else [given or ""]
    return values


def show_problems(form: FlaskForm, problems: Mapping[str, Sequence[tuple[str, Text]]]) -> None:
    """Put what is wrong at the field it belongs to; what concerns a condition as a whole goes to the form."""
    for code, found in problems.items():
        for name, text in found:
            field = form[f"{code}-{name}"] if name and f"{code}-{name}" in form else None
            if field is None:
                form.form_errors.append(in_words(text))
            elif not field.errors:
                field.errors = [in_words(text)]


def summary_of(form: FlaskForm) -> list[tuple[str, str]]:
    """(id of the control, question and what is wrong) for the summary above the form: there one message looks like another."""
    items = [("main", message) for message in form.form_errors]
    for field in form:
        if field.errors:
            grouped = isinstance(field, RadioField | SelectMultipleField)
            target = f"{field.id}-day" if isinstance(field, DateParts) else f"{field.id}-0" if grouped else field.id
            items.append((target, f"{field.label.text} – {field.errors[0]}"))
    return items
