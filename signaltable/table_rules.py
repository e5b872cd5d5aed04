"""The rules of tables: which themes there are (table_themes.toml) and what comes on an agenda (agenda.toml).

Pure: shapes of the files, what is wrong with them, and what a region changes.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Final, Literal

from pydantic import Field

from signaltable.facts import FACTS
from signaltable.policy_errors import Finding
from signaltable.policy_shapes import Alternatives, RegionFile
from signaltable.shape import Many, Name, Shape, Some, Words

THEMES: Final = "table_themes.toml"
AGENDA: Final = "agenda.toml"

# What a rule can look at; which of these keys it then needs, the others it may not have.
On = Literal[
    "urgency",
    "several-agencies",
    "stuck",
    "deadline-passed",
    "deadline-near",
    "returned",
    "left-over",
    "answered",
    "waiting",
]
DateKind = Literal["task", "question", "keep"]
_NEEDS: Mapping[str, frozenset[str]] = {
    "urgency": frozenset({"urgencies"}),
    "deadline-passed": frozenset({"dates"}),
    "deadline-near": frozenset({"dates", "days"}),
    "waiting": frozenset({"days"}),
}


class Theme(Shape):
    """What a table is about: a signal fits when it names one of the forms, or when one line of `when` holds."""

    id: Name
    title: Words
    forms: Many[Name] = ()
    when: Alternatives = ()


class ThemesFile(Shape):
    """table_themes.toml."""

    theme: Many[Theme] = ()


class AgendaRule(Shape):
    """A reason to discuss a signal. `days` are calendar days; the weights of all rules that hold are added."""

    id: Name
    title: Words
    on: On
    weight: Annotated[int, Field(ge=0, le=100_000)]
    urgencies: Many[Name] = ()
    dates: Many[DateKind] = ()
    days: Annotated[int, Field(ge=0, le=3650)] | None = None


class AgendaFile(Shape):
    """agenda.toml: how long one case takes, how long a meeting without an end is, and the rules."""

    minutes_per_case: Annotated[int, Field(ge=1, le=240)]
    meeting_minutes: Annotated[int, Field(ge=1, le=600)]
    rule: Some[AgendaRule]


def agenda_of(file: AgendaFile, region: RegionFile) -> AgendaFile:
    """The rules as they count in the region: with its weights and days, without those of weight 0."""
    changes = region.agenda
    if changes is None:
        return file.model_copy(update={"rule": tuple(one for one in file.rule if one.weight)})
    given = {name: value for name in ("minutes_per_case", "meeting_minutes") if (value := getattr(changes, name))}
    rules = [_changed(one, changes.rule.get(one.id)) for one in file.rule]
    return file.model_copy(update={**given, "rule": tuple(one for one in rules if one.weight)})


def _changed(rule: AgendaRule, change: Any) -> AgendaRule:
    return rule if change is None else rule.model_copy(update=change.model_dump(exclude_none=True))


# -- what is wrong with them -----------------------------------------------------------------------------------------


def check_themes(file: ThemesFile, forms: Sequence[str]) -> Iterator[Finding]:
    """Themes that name a form or a fact that is not there, and themes that nothing can fit.

    What the tests of `when` ask of a fact is looked at with those of the meldroutes (policy_checks).
    """
    for theme in file.theme:
        key = f"theme.{theme.id}"
        if not theme.forms and not theme.when:
            yield Finding(THEMES, key, "expected forms or when: nothing would fit this theme")
        for name in theme.forms:
            if name not in forms:
                yield Finding(THEMES, f"{key}.forms", f"expected a form of forms.toml, found {name}")
        for test in (test for line in theme.when for test in line):
            if test.fact not in FACTS:
                yield Finding(THEMES, f"{key}.when", f"expected a fact of facts.toml, found {test.fact}")


def check_agenda(file: AgendaFile, urgencies: Sequence[str], region: RegionFile) -> Iterator[Finding]:
    """Rules with a key too many or too few, an urgency that is not there, and a region that changes nothing."""
    for rule in file.rule:
        yield from _check_rule(rule, urgencies)
    known = {rule.id: rule for rule in file.rule}
    for name, change in (region.agenda.rule if region.agenda else {}).items():
        key = f"agenda.rule.{name}"
        if name not in known:
            yield Finding("region.toml", key, f"expected the id of a rule of {AGENDA}, found {name}")
        elif _changed(known[name], change) == known[name]:
            yield Finding("region.toml", key, f"expected something else than {AGENDA} says: this changes nothing")
        elif change.days is not None and "days" not in _NEEDS.get(known[name].on, ()):
            yield Finding("region.toml", f"{key}.days", f"expected no days for a rule on {known[name].on}")


def _check_rule(rule: AgendaRule, urgencies: Sequence[str]) -> Iterator[Finding]:
    key, needed = f"rule.{rule.id}", _NEEDS.get(rule.on, frozenset())
    given = {name for name in ("urgencies", "dates") if getattr(rule, name)}
    given |= {"days"} if rule.days is not None else set()
    for name in sorted(needed - given):
        yield Finding(AGENDA, f"{key}.{name}", f"expected {name} for a rule on {rule.on}, found none")
    for name in sorted(given - needed):
        yield Finding(AGENDA, f"{key}.{name}", f"expected no {name} for a rule on {rule.on}")
    for name in rule.urgencies:
        if name not in urgencies:
            yield Finding(AGENDA, f"{key}.urgencies", f"expected an urgency of urgencies.toml, found {name}")
