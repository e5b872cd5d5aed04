"""How the conditions are asked for: form elements with their texts from policies/conditions.toml, and worked examples.

A form can be drawn from a `ConditionSpec` by code that does not know the condition.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, tzinfo
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from signaltable.conditions.shape import Kind, widget_of
from signaltable.evidence import MODELS
from signaltable.grounds import CONDITIONS, CONSENTS
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml
from signaltable.texts import Text


@dataclass(frozen=True, slots=True)
class Option:
    """One possibility of a choice."""

    value: str
    label: Text


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One element of a form. `choices` is a choice of one or more; all other kinds hold one value.

    `by_program`: shown at most, never asked; the flow fills it in (who approved and when).
    """

    name: str
    kind: Kind
    label: Text
    hint: Text | None
    options: tuple[Option, ...]
    required: bool
    by_program: bool


@dataclass(frozen=True, slots=True)
class ConditionSpec:
    """All that is needed to ask for one condition.

    `excludes` names the conditions that cannot be true together with this one: who cannot be asked has not agreed.
    """

    code: str
    title: Text
    explanation: Text
    fields: tuple[FieldSpec, ...]
    excludes: frozenset[str] = frozenset()

    @property
    def filled_by(self) -> Literal["person", "program"]:
        """Who gives this evidence; "program" means that nothing of it is asked in a form, as for the second person."""
        return "program" if all(row.by_program for row in self.fields) else "person"


_ON_PAPER = Text("Voor deze grondslag is toestemming op papier nodig.", "This ground needs consent on paper.")


def for_ground(spec: ConditionSpec, parameter: str) -> ConditionSpec:
    """The condition as a ground with this parameter asks it: "written" offers no consent in a conversation."""
    if spec.code not in CONSENTS or parameter != "written":
        return spec
    fields = tuple(
        replace(row, hint=_ON_PAPER, options=tuple(one for one in row.options if one.value == "written"))
        if row.name == "form"
        else row
        for row in spec.fields
    )
    return replace(spec, fields=fields)


def load_conditions(path: Path) -> Mapping[str, ConditionSpec]:
    """The texts of policies/conditions.toml joined with the shapes. Raises BrokenPolicy for each text missing or extra."""
    reader = _TextReader(path.name)
    raw = read_toml(path)
    labels = reader.table(raw.pop("labels", {}), "labels")
    excludes = _exclusions(raw, reader)
    specs = {code: _spec(code, raw.pop(code, None), labels, excludes[code], reader) for code in CONDITIONS}
    reader.findings.extend(Finding(path.name, key, "unknown condition") for key in raw)
    if reader.findings:
        raise BrokenPolicy(sorted(reader.findings))
    return MappingProxyType(specs)


def _exclusions(raw: Mapping[str, Any], reader: "_TextReader") -> Mapping[str, frozenset[str]]:
    """What each condition excludes, in both directions, whichever of the two says so."""
    found: dict[str, set[str]] = {code: set() for code in CONDITIONS}
    for code in CONDITIONS:
        content = raw.get(code)
        named = content.get("excludes", []) if isinstance(content, Mapping) else []
        if not isinstance(named, list) or not all(isinstance(other, str) for other in named):
            reader.findings.append(Finding(reader.file, f"{code}.excludes", "expected a list of conditions"))
            continue
        for other in named:
            if other not in found or other == code or named.count(other) > 1:
                message = f"expected other conditions, each once, found {other}"
                reader.findings.append(Finding(reader.file, f"{code}.excludes", message))
                continue
            found[code].add(other)
            found[other].add(code)
    return {code: frozenset(others) for code, others in found.items()}


@dataclass(slots=True)
class _TextReader:
    file: str
    findings: list[Finding] = field(default_factory=list)

    def text(self, raw: object, key: str) -> Text:
        if (
            isinstance(raw, Mapping)
            and set(raw) == {"nl", "en"}
            and all(isinstance(v, str) and v.strip() for v in raw.values())
        ):
            return Text(raw["nl"], raw["en"])
        self.findings.append(Finding(self.file, key, "expected a text with exactly nl and en"))
        return Text("", "")

    def table(self, raw: object, key: str, known: Iterable[str] | None = None) -> Mapping[str, Any]:
        """A table, with a finding for what is none and for every key that is not in `known`."""
        if not isinstance(raw, Mapping):
            self.findings.append(Finding(self.file, key, "expected a table"))
            return {}
        for name in sorted(raw.keys() - (raw.keys() if known is None else set(known))):
            self.findings.append(Finding(self.file, f"{key}.{name}", "expected no such key"))
        return raw


def _spec(
    code: str, raw: object, labels: Mapping[str, Any], excludes: frozenset[str], reader: _TextReader
) -> ConditionSpec:
    model = MODELS[code]
    if not isinstance(raw, Mapping):  # One finding says it all; its texts are missing with it.
        reader.findings.append(Finding(reader.file, code, "expected the texts of this condition, found none"))
        return ConditionSpec(code, Text("", ""), Text("", ""), (), excludes)
    content = reader.table(raw, code, ("title", "explanation", "fields", "excludes"))
    fields = reader.table(content.get("fields", {}), f"{code}.fields", model.model_fields)
    return ConditionSpec(
        code=code,
        title=reader.text(content.get("title"), f"{code}.title"),
        explanation=reader.text(content.get("explanation"), f"{code}.explanation"),
        fields=tuple(_field_spec(code, name, fields.get(name, {}), labels, reader) for name in model.model_fields),
        excludes=excludes,
    )


def _field_spec(code: str, name: str, given: object, labels: Mapping[str, Any], reader: _TextReader) -> FieldSpec:
    key, model = f"{code}.fields.{name}", MODELS[code]
    raw = reader.table(given, key, ("label", "hint", "options"))
    widget = widget_of(model, name)
    assert widget is not None, "every field of an evidence model carries a Widget"
    info = model.model_fields[name]
    values = _option_values(widget.kind, info.annotation)
    texts = reader.table(raw["options"], f"{key}.options", values) if "options" in raw else labels
    return FieldSpec(
        name=name,
        kind=widget.kind,
        label=reader.text(raw.get("label", labels.get(name)), f"{key}.label"),
        hint=reader.text(raw["hint"], f"{key}.hint") if "hint" in raw else None,
        options=tuple(Option(value, reader.text(texts.get(value), f"{key}.options.{value}")) for value in values),
        # A tick that may stay empty has a default; a text that may stay empty too.
        required=info.is_required(),
        by_program=widget.by_program,
    )


def _option_values(kind: Kind, annotation: Any) -> tuple[str, ...]:
    if kind == "choice":
        return get_args(annotation)
    if kind == "choices":
        return get_args(get_args(annotation)[0])
    return ()


def read_form(spec: ConditionSpec, values: Mapping[str, Sequence[str]], zone: tzinfo) -> dict[str, Any]:
    """The evidence in a submitted form: field -> all its values. Empty fields stay away; a tick is true when present.

    A time without offset, as browsers send it, is taken in `zone`. What the program fills in
    itself and what is not in `spec` is not read. A long text that only repeats what the form asks is no answer.
    """
    own_words = _words_of(spec)
    evidence: dict[str, Any] = {}
    for row in spec.fields:
        given = [value.strip() for value in values.get(row.name, ()) if value.strip()]
        repeats = row.kind == "longtext" and bool(given) and _plain(given[0]) in own_words
        if given and not row.by_program and not repeats:
            evidence[row.name] = _read(row.kind, given, zone)
    return evidence


def _words_of(spec: ConditionSpec) -> frozenset[str]:
    """All that the form itself says, in both languages."""
    hints = (row.hint for row in spec.fields if row.hint is not None)
    texts = (spec.title, spec.explanation, *(row.label for row in spec.fields), *hints)
    return frozenset(_plain(words) for text in texts for words in (text.nl, text.en))


def _plain(text: str) -> str:
    return " ".join(text.casefold().split()).rstrip(" ?.!")


def _read(kind: Kind, given: list[str], zone: tzinfo) -> object:
    if kind == "tick":
        return True
    if kind == "choices":
        return given
    return _read_moment(given, zone) if kind == "datetime" else given[0]


def _read_moment(texts: Sequence[str], zone: tzinfo) -> str:
    try:
        moment = datetime.fromisoformat(texts[0])
    except ValueError:
        return texts[0]
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()
