"""Which categories of data a field carries, so that what a recipient gets follows from the ground, never from a template.

`policies/fields.toml` declares every field that can leave. Some fields carry more in one signal than in another: that
somebody is a possible victim of sexual exploitation is a fact about sex life, wherever it stands.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pydantic import StrictBool, StrictStr, ValidationError

from signaltable.grounds import CATEGORIES, NAMEABLE, Problem, Row, Sentence, canonical_digest, expectation
from signaltable.policy_errors import BrokenPolicy, Finding, read_toml

PSEUDONYMOUS: Final = "pseudonymous"
# What says who somebody is, and what a hard deny protects also where nobody is named.
_NEVER_WITHOUT_NAME: Final = frozenset({"identity", "contact", "bsn"}) | NAMEABLE


@dataclass(frozen=True, slots=True)
class FieldContext:
    """What decides which categories a value carries: what is ticked in the signal and which subject it is about.

    `role` takes the words of a subject (possible_victim …) and those of a ground (victim …). `accused` says that some
    subject of the signal is a possible perpetrator or facilitator. `found` holds the categories that the text scan or
    the reporter found in the free texts. `indicators` are those ticked, `sexual_indicators` those that policies/ marks.
    `nameless` says that whoever reads it gets no name with it: the table, and a consultation without a name.
    """

    forms: frozenset[str] = frozenset()
    rows: Mapping[str, int] = field(default_factory=dict)
    indicators: frozenset[str] = frozenset()
    sexual_indicators: frozenset[str] = frozenset()
    flags: frozenset[str] = frozenset()
    role: str = ""
    kind: str = ""
    accused: bool = False
    found: frozenset[str] = frozenset()
    nameless: bool = False

    @property
    def person_role(self) -> str:
        return self.role.removeprefix("possible_")

    @property
    def is_accused(self) -> bool:
        """Whether the subject itself is a possible perpetrator or facilitator."""
        return self.person_role in {"perpetrator", "facilitator"}


class Addition(Row):
    """Categories that a field carries on top when `when` holds."""

    when: StrictStr
    data: tuple[StrictStr, ...]


class FieldRow(Row):
    """One field: the categories it always carries, those that depend on values, and whether found, flags or indicators count.

    `without_name` are those that are no more than a fact without a name where nobody's name goes along.
    """

    id: Sentence
    data: tuple[StrictStr, ...]
    adds: tuple[Addition, ...] = ()
    adds_found: StrictBool = False
    adds_flags: StrictBool = False
    adds_indicators: StrictBool = False
    without_name: tuple[StrictStr, ...] = ()


class _FieldFile(Row):
    sexual_forms: tuple[StrictStr, ...]
    sexual_rows: tuple[StrictStr, ...]
    flags: dict[str, tuple[StrictStr, ...]]
    unknown_flag: tuple[StrictStr, ...]
    indicators: dict[str, tuple[StrictStr, ...]]
    field: tuple[FieldRow, ...]


@dataclass(frozen=True, slots=True)
class FieldSet:
    """Every field that can leave, with its categories."""

    fields: Mapping[str, FieldRow]
    flags: Mapping[str, frozenset[str]]
    unknown_flag: frozenset[str]
    indicators: Mapping[str, frozenset[str]]
    sexual_forms: frozenset[str]
    sexual_rows: frozenset[str]
    digest: str
    file: str

    def categories_of(self, name: str, context: FieldContext) -> frozenset[str]:
        """The categories that field `name` carries in `context`; never empty. KeyError for a field nobody declared."""
        row = self.fields[name]
        categories = set(row.data)
        for addition in row.adds:
            if _WHEN[addition.when](self, context):
                categories.update(addition.data)
        if row.adds_found:
            categories |= context.found
        if row.adds_flags:
            for flag in context.flags:
                categories |= self.flags.get(flag, self.unknown_flag)
        if row.adds_indicators:
            for indicator in context.indicators:
                categories |= self.indicators.get(indicator, frozenset())
        if context.nameless and categories & set(row.without_name):
            categories = categories - set(row.without_name) | {PSEUDONYMOUS}
        return frozenset(categories)

    def check_fields(self, known: Iterable[str]) -> None:
        """Compare with the fields the program has. Raises BrokenPolicy for one without category or one too many."""
        names = set(known)
        findings = [
            Finding(self.file, name, "expected a data category for this field") for name in names - set(self.fields)
        ]
        findings += [Finding(self.file, name, "unknown field") for name in set(self.fields) - names]
        if findings:
            raise BrokenPolicy(sorted(findings))


def _sexual_form(fields: FieldSet, context: FieldContext) -> bool:
    return bool(fields.sexual_forms & context.forms)


def _sexual_row(fields: FieldSet, context: FieldContext) -> bool:
    # Code 3, "more information needed", counts: somebody thought of sexual exploitation.
    return any(context.rows.get(row, 0) in {1, 2, 3} for row in fields.sexual_rows)


def _sexual_indicator(_fields: FieldSet, context: FieldContext) -> bool:
    return bool(context.indicators & context.sexual_indicators)


def _sexual_signal(fields: FieldSet, context: FieldContext) -> bool:
    # One sign anywhere in the signal is enough (row D3).
    return (
        _sexual_form(fields, context)
        or _sexual_row(fields, context)
        or _sexual_indicator(fields, context)
        or "sex_life" in context.found
    )


# The closed list of reasons for which a field carries more than it always does.
_WHEN: Mapping[str, Callable[[FieldSet, FieldContext], bool]] = MappingProxyType(
    {
        "sexual_form": _sexual_form,
        "sexual_row": _sexual_row,
        "sexual_indicator": _sexual_indicator,
        "sexual_signal": _sexual_signal,
        "accused_subject": lambda _, context: context.is_accused,
        "accused_in_signal": lambda _, context: context.accused or context.is_accused,
        "victim_of_sexual_signal": lambda fields, context: (
            context.person_role == "victim" and _sexual_signal(fields, context)
        ),
    },
)


def load_fields(path: Path) -> FieldSet:
    """The fields of policies/fields.toml. Raises BrokenPolicy for an unknown word, a field twice or without category."""
    raw = read_toml(path)
    try:
        content = _FieldFile.model_validate(raw)
    except ValidationError as error:
        raise BrokenPolicy(
            Finding(path.name, ".".join(str(part) for part in found["loc"]), expectation(found))
            for found in error.errors()
        ) from None
    findings = [Finding(path.name, key, message) for key, message in _field_problems(content)]
    if findings:
        raise BrokenPolicy(sorted(findings))
    return FieldSet(
        fields=MappingProxyType({row.id: row for row in content.field}),
        flags=MappingProxyType({flag: frozenset(names) for flag, names in content.flags.items()}),
        unknown_flag=frozenset(content.unknown_flag),
        indicators=MappingProxyType({name: frozenset(kinds) for name, kinds in content.indicators.items()}),
        sexual_forms=frozenset(content.sexual_forms),
        sexual_rows=frozenset(content.sexual_rows),
        digest=canonical_digest(raw),
        file=path.name,
    )


def _field_problems(content: _FieldFile) -> Iterator[Problem]:
    categories = ", ".join(CATEGORIES)
    lists = [(f"flags.{flag}", names) for flag, names in content.flags.items()]
    lists += [(f"indicators.{name}", names) for name, names in content.indicators.items()]
    lists.append(("unknown_flag", content.unknown_flag))
    seen: set[str] = set()
    for row in content.field:
        if row.id in seen:
            yield row.id, "expected each field once"
        seen.add(row.id)
        lists.append((row.id, row.data))
        for addition in row.adds:
            lists.append((row.id, addition.data))
            if addition.when not in _WHEN:
                yield row.id, f"expected when to be one of {', '.join(_WHEN)}, found {addition.when}"
        for name in sorted(set(row.without_name) - (set(CATEGORIES) - _NEVER_WITHOUT_NAME)):
            yield row.id, f"expected without_name to hold no {name}: it stays what it is, or is no category"
    for key, names in lists:
        if not names:
            yield key, "expected at least one data category"
        for name in sorted(set(names) - set(CATEGORIES)):
            yield key, f"expected one of {categories}, found {name}"
