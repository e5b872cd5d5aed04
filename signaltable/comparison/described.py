"""One rule as a person reads it: what it says in words, where it stands and comes from, who signed, and who uses it."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from signaltable.card.words import alternatives_words
from signaltable.comparison.rules import FIELD, KINDS, in_words, natural
from signaltable.evidence_forms import ConditionSpec
from signaltable.grounds import Ground
from signaltable.policy import LISTS, MELDROUTES, PolicySet
from signaltable.policy_errors import parse_toml
from signaltable.policy_shapes import Destination, Example, Meldroute
from signaltable.region import is_regional

OFF: Final = "off"
Description = dict[str, Any]
_PERIOD: Final = ("valid_from", "valid_until", "reviewed_by", "reviewed_on")


def describe(policy: PolicySet, name: str, *, on: date, lang: str) -> list[Description]:
    """Every rule with this id, of whatever kind, as it counts on `on`: key -> text, or list of texts; empty when unknown.

    Of a meldroute or ground that has no version on that day the newest is given, with `counts` false.
    """
    known = [one for one in (name, name.upper(), name.lower()) if any(True for _ in _find(policy, one, on, lang))]
    return list(_find(policy, known[0], on, lang)) if known else []


def _find(policy: PolicySet, name: str, on: date, lang: str) -> Iterator[Description]:
    routes = [route for route in policy.meldroutes if route.id == name]
    if routes:
        yield _route(policy, routes, on, lang)
    if name in policy.overlay.off:
        yield _switched_off(policy, name, lang)
    rows = [row for row in policy.grounds.rows if row.id == name]
    if rows:
        yield _ground(policy, rows, on, lang)
    if name in policy.conditions:
        yield _condition(policy, policy.conditions[name], lang)
    for part, kind in KINDS.items():
        entry = getattr(policy, part).get(name)
        if entry is not None:
            yield _entry(policy, part, kind, entry, lang)
    if name in policy.fields.fields:
        row = policy.fields.fields[name]
        yield {"kind": FIELD, "id": name, "file": policy.fields.file, **_values(row, policy, lang, without=("id",))}


def _newest(versions: Iterable[Any], on: date) -> Any:
    """The version that counts on a day, else the last one."""
    ordered = sorted(versions, key=lambda one: one.valid_from)
    day = [one for one in ordered if one.valid_from <= on and (one.valid_until is None or on <= one.valid_until)]
    return (day or ordered)[-1]


def _counts(version: Any, on: date) -> bool:
    return bool(version.valid_from <= on and (version.valid_until is None or on <= version.valid_until))


def _period(version: Any) -> str:
    return f"{version.valid_from} - {version.valid_until or '...'}"


def _signed(version: Any) -> Description:
    """The days of a version, and who signed for it; None where nobody did."""
    return {
        key: value.isoformat() if isinstance(value, date) else value
        for key in _PERIOD
        for value in [getattr(version, key)]
    }


# -- the meldroutekaart --------------------------------------------------------------------------------------------


def _route(policy: PolicySet, versions: list[Meldroute], on: date, lang: str) -> Description:
    route = _newest(versions, on)
    return {
        "kind": "meldroute",
        "id": route.id,
        "title": route.title.in_language(lang),
        "file": policy.file_of(route),
        "origin": policy.overlay.origin(route.id),
        **_set_by_region(policy, route.id),
        "counts": _counts(route, on),
        **_signed(route),
        "versions": [f"{_period(one)} {policy.file_of(one)}" for one in versions],
        **_what_it_says(policy, route, lang),
        **_examples(policy, route.id),
    }


def _what_it_says(policy: PolicySet, route: Meldroute, lang: str) -> Description:
    return {
        "urgency": policy.urgencies[route.urgency].title.in_language(lang),
        "reason": route.reason.in_language(lang),
        "when": list(alternatives_words(route.when, policy, lang)),
        "unless": list(alternatives_words(route.unless, policy, lang)),
        "to": [_target(policy, target, lang) for target in route.to],
        "excludes": list(route.excludes),
        "source": route.source,
        "summary_en": route.summary_en,
    }


def _target(policy: PolicySet, target: Any, lang: str) -> str:
    found = policy.destinations[target.destination]
    reach = [one for one in (found.phone, found.hours.in_language(lang) if found.hours else None) if one]
    purpose = f"{target.purpose} {policy.purposes[target.purpose].title.in_language(lang)}"
    only = f"; {' | '.join(alternatives_words(target.when, policy, lang))}" if target.when else ""
    return f"{found.title.in_language(lang)} ({target.destination}), {', '.join([*reach, purpose])}{only}"


def _set_by_region(policy: PolicySet, rule: str) -> Description:
    """What the region set for a rule of the national card, or in whose place its own stands."""
    if rule in policy.overlay.urgency:
        return {"region": f"urgency {policy.overlay.urgency[rule]} (region.toml)"}
    if rule in policy.overlay.replaced:
        national = sorted(path for path in policy.texts if _is_file_of(path, rule) and not is_regional(path))
        return {"region": f"in the place of {', '.join(national)}"}
    return {}


def _is_file_of(path: str, rule: str) -> bool:
    folder, _, file = path.rpartition("/")
    stem = file.removesuffix(".toml")
    return folder.rpartition("/")[2] != "examples" and (stem == rule or stem.startswith((f"{rule}-", f"{rule}.")))


def _examples(policy: PolicySet, rule: str) -> Description:
    found = policy.examples.get(rule)
    if found is None:
        return {"hits": [], "near_misses": []}
    return {
        "hits": [f"{_facts(one)} -> {', '.join(one.to)}" for one in found.hit],
        "near_misses": [_facts(one) for one in found.near_miss],
    }


def _facts(example: Example) -> str:
    facts = ", ".join(f"{name} {_plain(value)}" for name, value in example.facts.items())
    return f"{example.say} ({facts})"


def _plain(value: Any) -> str:
    return "/".join(map(str, value)) if isinstance(value, list) else str(value)


def _switched_off(policy: PolicySet, rule: str, lang: str) -> Description:
    """A rule of the national card that the region does not use: what it says there."""
    path = next(path for path in sorted(policy.texts) if _is_file_of(path, rule) and path.startswith(f"{MELDROUTES}/"))
    route = Meldroute.model_validate(parse_toml(policy.texts[path], path))
    return {
        "kind": "meldroute",
        "id": rule,
        "title": route.title.in_language(lang),
        "file": path,
        "origin": OFF,
        "region": "off (region.toml)",
        "counts": False,
        **_signed(route),
        **_what_it_says(policy, route, lang),
    }


# -- the grounds ---------------------------------------------------------------------------------------------------


def _ground(policy: PolicySet, versions: list[Ground], on: date, lang: str) -> Description:
    row = _newest(versions, on)
    shown = ("provider", "recipient", "person_role", "person_age", "purpose", "data", "names_special")
    return {
        "kind": "ground",
        "id": row.id,
        "title": row.title.in_language(lang),
        "file": row.file,
        "origin": policy.overlay.origin(row.id),
        **_set_by_region(policy, row.id),
        "counts": _counts(row, on),
        **_signed(row),
        "versions": [f"{_period(one)} {one.file}" for one in versions],
        "effect": row.effect,
        "priority": row.priority,
        **{name: list(getattr(row, name)) for name in shown},
        "conditions": [_demanded(policy, row, code, lang) for code in row.conditions],
        "except_conditions": [_demanded(policy, row, code, lang) for code in row.except_conditions],
        "legal_basis": [f"{reference.scheme} {reference.code}" for reference in row.legal_basis],
        "special_law": row.special_law,
        "obligations": [in_words(owed, policy, lang) for owed in row.obligations],
        "retention": row.retention,
        "explanation": row.explanation.in_language(lang),
        "choice": row.choice,
        "source": row.source,
        "lawyer": row.lawyer,
        "summary_en": row.summary_en,
    }


def _demanded(policy: PolicySet, row: Ground, code: str, lang: str) -> str:
    spec = policy.conditions.get(code)
    parameter = f" ({row.parameters[code]})" if code in row.parameters else ""
    return f"{code}{parameter}: {spec.title.in_language(lang) if spec else ''}"


def _condition(policy: PolicySet, spec: ConditionSpec, lang: str) -> Description:
    demanding = [row.id for row in policy.grounds.rows if spec.code in (*row.conditions, *row.except_conditions)]
    return {
        "kind": "condition",
        "id": spec.code,
        "title": spec.title.in_language(lang),
        "file": "conditions.toml",
        "explanation": spec.explanation.in_language(lang),
        "filled_by": spec.filled_by,
        "fields": [
            f"{one.name} ({one.kind}{'' if one.required else ', may stay empty'}): {one.label.in_language(lang)}"
            for one in spec.fields
        ],
        "used_by": list(dict.fromkeys(demanding)),
    }


# -- entries of a list ---------------------------------------------------------------------------------------------


def _entry(policy: PolicySet, part: str, kind: str, entry: Any, lang: str) -> Description:
    file = LISTS[part][0] if part in LISTS else f"{part}.toml"
    reached = isinstance(entry, Destination) and entry.id in policy.overlay.reached
    return {
        "kind": kind,
        "id": entry.id,
        "file": file,
        **({"region": "how to reach it stands in region.toml"} if reached else {}),
        **_values(entry, policy, lang, without=("id",)),
        "used_by": sorted(set(_users(policy, part, entry.id)), key=natural),
    }


def _values(entry: Any, policy: PolicySet, lang: str, *, without: Iterable[str]) -> Description:
    """The keys of an entry in words; a list of conditions as a list of lines."""
    found: Description = {}
    for name in type(entry).model_fields:
        value = getattr(entry, name)
        if name in without or value is None or value in ("", (), {}):
            continue
        found[name] = (
            list(alternatives_words(value, policy, lang))
            if name in {"when", "unless"}
            else in_words(value, policy, lang)
        )
    return found


def _users(policy: PolicySet, part: str, name: str) -> Iterator[str]:
    uses = _USES.get(part)
    if uses is not None:
        yield from (route.id for route in policy.meldroutes if name in uses(route))
    if part in {"facts", "derived"}:
        yield from (one.id for one in policy.derived.values() if name in _tested(one))
    if part == "purposes":
        yield from (row.id for row in policy.grounds.rows if name in row.purpose)


def _tested(rule: Any) -> set[str]:
    """The facts that a meldroute or a derived fact looks at."""
    targets = [target.when for target in getattr(rule, "to", ())]
    return {test.fact for lines in (rule.when, rule.unless, *targets) for line in lines for test in line}


_USES: Mapping[str, Callable[[Meldroute], set[str]]] = MappingProxyType(
    {
        "facts": _tested,
        "derived": _tested,
        "destinations": lambda route: {target.destination for target in route.to},
        "purposes": lambda route: {target.purpose for target in route.to},
        "urgencies": lambda route: {route.urgency},
    }
)
