"""Rule by rule: what is new, what is gone, and which keys say something else, with the old and the new value in words.

Meldroutes, grounds and destinations are compared as they count, after the region; what has no list of its own by file.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from pydantic import BaseModel

from signaltable.card.words import alternatives_words
from signaltable.comparison.files import by_file
from signaltable.grounds import Ground
from signaltable.policy import EXAMPLES, GROUNDS, LISTS, MELDROUTES, PolicySet
from signaltable.policy_shapes import FactTest, Target
from signaltable.texts import Text

# How one entry of each list is called; the key of a finding and of `policies show` has the same word.
KINDS: Final[Mapping[str, str]] = {
    "agency_kinds": "agency kind",
    "destinations": "destination",
    "purposes": "purpose",
    "roles": "role",
    "facts": "fact",
    "elements": "element",
    "codes": "code",
    "form_rows": "form row",
    "forms": "form",
    "indicator_groups": "indicator group",
    "indicators": "indicator",
    "scales": "scale",
    "flags": "flag",
    "guidance": "guidance",
    "needs": "need",
    "contacts": "contact",
    "retention": "retention",
    "deadlines": "deadline",
    "derived": "derived fact",
    "urgencies": "urgency",
}
FIELD: Final = "field"
# The lists that no part of a PolicySet of the same shape holds.
_ELSEWHERE: Final[Mapping[str, str]] = {"urgencies.toml": "urgency", "fields.toml": FIELD}
_NOT_SAID = {"digest", "file"}
NOTHING = "-"


@dataclass(frozen=True, slots=True)
class KeyChange:
    """A key that says something else, in words; `NOTHING` where it says nothing."""

    key: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Change:
    """A rule that is added, removed or changed. `valid_from` tells versions of one id apart; None where there are none."""

    kind: str
    id: str
    change: Literal["added", "removed", "changed"]
    file: str
    valid_from: date | None = None
    keys: tuple[KeyChange, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    file: str
    values: Mapping[str, Any]


_Rules = Mapping[tuple[str, str, date | None], _Rule]


def rule_changes(old: PolicySet, new: PolicySet, lang: str = "nl") -> tuple[Change, ...]:
    """Everything that differs, meldroutes first, then grounds, then the rest in the order of the files."""
    before, after = _paired(_rules(old), _rules(new))
    found = [*_changes(before, after, old, new, lang), *_by_file(old, new, lang)]
    order = {kind: place for place, kind in enumerate(("meldroute", "ground", *KINDS.values(), FIELD, "file"))}
    return tuple(sorted(found, key=lambda one: (order[one.kind], natural(one.id), one.valid_from or date.min)))


def natural(name: str) -> tuple[str, int]:
    """An id as people sort it: M9 before M10."""
    letters = name.rstrip("0123456789")
    return letters, int(name[len(letters) :] or 0)


def _rules(policy: PolicySet) -> dict[tuple[str, str, date | None], _Rule]:
    found: dict[tuple[str, str, date | None], _Rule] = {}
    for route in policy.meldroutes:
        found["meldroute", route.id, route.valid_from] = _Rule(policy.file_of(route), _said(route))
    for row in policy.grounds.rows:
        found["ground", row.id, row.valid_from] = _Rule(row.file, _said(row))
    for part, kind in KINDS.items():
        for name, entry in getattr(policy, part).items():
            found[kind, name, None] = _Rule(LISTS[part][0] if part in LISTS else f"{part}.toml", _said(entry))
    for name, declared in policy.fields.fields.items():
        found[FIELD, name, None] = _Rule("fields.toml", _said(declared))
    return found


def _said(entry: BaseModel) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in type(entry).model_fields if name not in _NOT_SAID}


def _paired(before: _Rules, after: _Rules) -> tuple[_Rules, _Rules]:
    """The same rules, where a rule with one version on both sides is the same rule, also when its first day moved."""
    moved = dict(after)
    for key in before.keys() - after.keys():
        ours = [one for one in before if one[:2] == key[:2]]
        theirs = [one for one in after if one[:2] == key[:2]]
        if len(ours) == len(theirs) == 1:
            moved[key] = moved.pop(theirs[0])
    return before, moved


def _changes(before: _Rules, after: _Rules, old: PolicySet, new: PolicySet, lang: str) -> Iterator[Change]:
    for (kind, name, day), rule in before.items():
        other = after.get((kind, name, day))
        if other is None:
            yield Change(kind, name, "removed", rule.file, day)
        elif rule.values != other.values:
            keys = _keys(rule.values, other.values, old, new, lang)
            yield Change(kind, name, "changed", other.file, day, tuple(keys))
    for (kind, name, day), rule in after.items():
        if (kind, name, day) not in before:
            yield Change(kind, name, "added", rule.file, day)


def _keys(
    before: Mapping[str, Any], after: Mapping[str, Any], old: PolicySet, new: PolicySet, lang: str
) -> Iterator[KeyChange]:
    for key in dict.fromkeys([*before, *after]):
        one, other = before.get(key), after.get(key)
        if one != other:
            shown = lang if _differs_in(one, other, lang) else "en" if lang == "nl" else "nl"
            yield KeyChange(key, in_words(one, old, shown), in_words(other, new, shown))


def ground_changes(
    one: Ground, other: Ground, old: PolicySet, new: PolicySet, lang: str = "nl"
) -> tuple[KeyChange, ...]:
    """Which keys of a ground say something else in another version of it, with both values in words."""
    return tuple(_keys(_said(one), _said(other), old, new, lang))


def _differs_in(one: Any, other: Any, lang: str) -> bool:
    """Whether two values read differently in this language; of two texts only the other language may have changed."""
    texts = isinstance(one, Text) and isinstance(other, Text)
    return not texts or one.in_language(lang) != other.in_language(lang)


def in_words(value: Any, policy: PolicySet, lang: str) -> str:
    """A value of a rule as a person reads it, on one line."""
    if value is None or value in ("", (), {}):
        return NOTHING
    if isinstance(value, Text):
        return value.in_language(lang)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Target):
        when = f" [{in_words(value.when, policy, lang)}]" if value.when else ""
        return f"{value.destination} ({value.purpose}){when}"
    if _is_alternatives(value):
        return " | ".join(alternatives_words(value, policy, lang))
    if isinstance(value, BaseModel):
        return _pairs(_said(value), policy, lang)
    if isinstance(value, Mapping):
        return _pairs(value, policy, lang)
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(in_words(one, policy, lang) for one in value)
    return str(value)


def _pairs(values: Mapping[str, Any], policy: PolicySet, lang: str) -> str:
    said = {name: in_words(one, policy, lang) for name, one in values.items()}
    return "; ".join(f"{name} {words}" for name, words in said.items() if words != NOTHING)


def _is_alternatives(value: Any) -> bool:
    return isinstance(value, tuple) and all(
        isinstance(row, tuple) and row and all(isinstance(test, FactTest) for test in row) for row in value
    )


# -- what stands in no list of its own -----------------------------------------------------------------------------


def _by_file(old: PolicySet, new: PolicySet, lang: str) -> Iterator[Change]:
    """The files, or keys of files, that no list above holds: fields, conditions, identifiers, examples, the region."""
    before, after = by_file(old.texts), by_file(new.texts)
    for path in sorted(before.keys() | after.keys()):
        if _has_rules(path):
            continue
        one, other = (_rest(path, contents.get(path, {})) for contents in (before, after))
        if one != other:
            change: Literal["added", "removed", "changed"] = (
                "added" if path not in before else "removed" if path not in after else "changed"
            )
            keys = () if change != "changed" else tuple(_flat_changes(one, other, new, lang))
            yield Change("file", path, change, path, None, keys)


def _has_rules(path: str) -> bool:
    folder = path.removeprefix("region/").rpartition("/")[0]
    return folder in (MELDROUTES, GROUNDS)


def _rest(path: str, content: Mapping[str, Any]) -> dict[str, Any]:
    listed = {key for name, key in LISTS.values() if name == path} | {_ELSEWHERE.get(path, "")}
    return {key: value for key, value in content.items() if key not in listed or path.startswith(EXAMPLES)}


def _flat_changes(old: Any, new: Any, policy: PolicySet, lang: str) -> Iterator[KeyChange]:
    before, after = dict(_flat(old, "")), dict(_flat(new, ""))
    for key in dict.fromkeys([*before, *after]):
        if before.get(key) != after.get(key):
            yield KeyChange(key, in_words(before.get(key), policy, lang), in_words(after.get(key), policy, lang))


def _flat(value: Any, key: str) -> Iterator[tuple[str, Any]]:
    """Every value with its place; entries of a list go by their id where they have one."""
    if isinstance(value, Mapping):
        for name, one in value.items():
            yield from _flat(one, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _flat(one, f"{key}.{one.get('id', number)}" if isinstance(one, Mapping) else f"{key}.{number}")
    else:
        yield key, tuple(value) if isinstance(value, list) else value


def counts(changes: Iterable[Change]) -> dict[str, int]:
    """How many rules were added, removed and changed."""
    found = [one.change for one in changes]
    return {name: found.count(name) for name in ("added", "removed", "changed")}
