"""`make mutate-policies`: changes one thing in the rules at a time and looks whether the double entry notices.

Every ground, meldroute, derived fact and field is changed in memory in every small way that could matter, and compared
with the ledger by the very functions that test_ledger.py runs. A change that nothing notices is a survivor; one survivor
is one too many.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any

import click

from signaltable.facts import FACTS
from signaltable.fields import FieldRow, FieldSet
from signaltable.grounds import (
    CAPACITIES,
    CATEGORIES,
    CONDITIONS,
    KINDS,
    NAMEABLE,
    PARAMETERS,
    PURPOSES,
    ROLES,
    Ground,
    GroundSet,
)
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute, Target
from tests.policies import double_entry

POLICIES = Path(__file__).resolve().parents[2] / "policies"
PROCESSES = 2
TELL_EVERY_SECONDS = 5
TASKS = tuple(dict.fromkeys(task for tasks in CAPACITIES.values() for task in tasks))
PROVIDERS = tuple(dict.fromkeys((*KINDS, *TASKS)))
WORDS: Mapping[str, Sequence[str]] = {
    "provider": PROVIDERS,
    "recipient": KINDS,
    "purpose": PURPOSES,
    "data": CATEGORIES,
    "person_age": ("minor", "adult"),
    "person_role": ROLES,
    "conditions": CONDITIONS,
    "except_conditions": CONDITIONS,
    "names_special": tuple(sorted(NAMEABLE)),
}
# An empty list of these means everybody.
EMPTY_IS_ALL = ("person_age", "person_role")

# What a change does, and the thing as it is afterwards.
Change = tuple[str, Any]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One thing changed. `differences` is what the double entry finds about it."""

    file: str
    key: str
    change: str
    differences: Callable[[], Iterator[str]]

    @property
    def survives(self) -> bool:
        """Whether nothing notices."""
        return next(self.differences(), None) is None


def mutants(policy: PolicySet) -> Iterator[Mutant]:
    """Every mutant of these rules, in a fixed order."""
    yield from ground_mutants(policy.grounds)
    yield from route_mutants(policy)
    yield from derived_mutants(policy)
    yield from field_mutants(policy.fields)


# -- grounds


def ground_mutants(grounds: GroundSet, only: Iterable[str] = ()) -> Iterator[Mutant]:
    """Every row left out, and every row changed; with `only`, these rows."""
    ledger = double_entry.entries()
    wanted = set(only) or {row.id for row in grounds.rows}
    for row in (row for row in grounds.rows if row.id in wanted):
        others = GroundSet(tuple(one for one in grounds.rows if one is not row), grounds.digest)
        yield Mutant(row.file, "", "the row left out", partial(double_entry.grounds_differences, others))
        for key, change, value in _ground_changes(row):
            changed = row.model_copy(update={key: value})
            yield Mutant(
                row.file,
                key,
                change,
                partial(double_entry.ground_differences, changed, ledger[row.id]),
            )


def _ground_changes(row: Ground) -> Iterator[tuple[str, str, Any]]:
    for key, words in WORDS.items():
        for change, value in _word_changes(key, getattr(row, key), words):
            yield key, change, value
    for change, value in _parameter_changes(row):
        yield "parameters", change, value
    for place, owed in enumerate(row.obligations):
        without = (*row.obligations[:place], *row.obligations[place + 1 :])
        yield "obligations", f"{owed.kind} left out", without
        for period in ("within_hours", "within_days"):
            if getattr(owed, period):
                later = owed.model_copy(update={period: getattr(owed, period) + 1})
                yield "obligations", f"{owed.kind} later", (*without, later)
    for effect in {"deny", "permit_if", "mandatory_if"} - {row.effect}:
        yield "effect", f"{row.effect} becomes {effect}", effect
    for priority in {"hard", "specific", "default"} - {row.priority}:
        yield "priority", f"{row.priority} becomes {priority}", priority
    yield "retention", "longer", "P99Y" if row.retention == "case" else "case"
    yield "valid_from", "a day later", row.valid_from + timedelta(days=1)
    yield "valid_from", "not yet", date(2999, 1, 1)


def _word_changes(key: str, words: Sequence[str], known: Sequence[str]) -> Iterator[Change]:
    """Each word left out, each other word added; "all" made "all but one"."""
    everything = "*" in words or (not words and key in EMPTY_IS_ALL)
    if everything:
        for word in TASKS if key == "provider" else known:
            yield f"all but {word}", tuple(one for one in (TASKS if key == "provider" else known) if one != word)
        return
    for word in words:
        yield f"{word} left out", tuple(one for one in words if one != word)
    for word in known:
        if word not in words and not (key == "provider" and _stands_there(word, words)):
            yield f"{word} added", (*words, word)


def _stands_there(word: str, providers: Sequence[str]) -> bool:
    """Whether a provider adds nothing: a task of a kind that is named, or a kind of which every task is."""
    return any(word in CAPACITIES.get(kind, ()) for kind in providers) or set(CAPACITIES.get(word, (word,))) <= set(
        providers
    )


def _parameter_changes(row: Ground) -> Iterator[Change]:
    for code in row.conditions:
        given = row.parameters.get(code)
        without = {name: value for name, value in row.parameters.items() if name != code}
        if given:
            yield f"{code}: {given} left out", without
        for other in sorted(PARAMETERS.get(code, frozenset()) - {given}):
            yield f"{code}: {given} becomes {other}", without | {code: other}


# -- meldroutes and derived facts


def route_mutants(policy: PolicySet, only: Iterable[str] = ()) -> Iterator[Mutant]:
    """Every rule left out, and every rule changed; with `only`, these rules."""
    wanted = set(only) or {rule.id for rule in policy.meldroutes}
    for rule in (rule for rule in policy.meldroutes if rule.id in wanted):
        file = policy.route_files.get((rule.id, rule.valid_from), f"meldroutes/{rule.id}.toml")
        others = tuple(one for one in policy.meldroutes if one is not rule)
        without = replace(policy, meldroutes=others)
        yield Mutant(file, "", "the rule left out", partial(double_entry.routes_differences, without))
        for key, change, value in _rule_changes(rule, policy):
            changed = replace(policy, meldroutes=(*others, rule.model_copy(update={key: value})))
            yield Mutant(
                file,
                key,
                change,
                partial(double_entry.routes_differences, changed, only=(rule.id,)),
            )


def derived_mutants(policy: PolicySet) -> Iterator[Mutant]:
    """Every derived fact changed, looked at through every rule that uses it."""
    for name, derived in policy.derived.items():
        users = tuple(rule.id for rule in policy.meldroutes if name in _derived_in(rule, policy))
        for key, change, value in _condition_changes(derived):
            changed = replace(policy, derived={**policy.derived, name: derived.model_copy(update={key: value})})
            yield Mutant(
                "derived.toml",
                f"{name}.{key}",
                change,
                partial(_differences_through, changed, users),
            )


def _differences_through(policy: PolicySet, users: Sequence[str]) -> Iterator[str]:
    yield from double_entry.derived_differences(policy.derived)
    yield from double_entry.routes_differences(policy, only=users)


def _derived_in(rule: Meldroute, policy: PolicySet) -> set[str]:
    """The derived facts that a rule uses, through others too."""
    found: set[str] = set()
    parts = [rule.when, rule.unless, *(target.when for target in rule.to)]
    while parts:
        for name in {test.fact for tests in parts.pop() for test in tests} & set(policy.derived) - found:
            found.add(name)
            parts += [policy.derived[name].when, policy.derived[name].unless]
    return found


def _rule_changes(rule: Meldroute, policy: PolicySet) -> Iterator[tuple[str, str, Any]]:
    yield from _condition_changes(rule)
    for urgency in policy.urgencies.keys() - {rule.urgency}:
        yield "urgency", f"{rule.urgency} becomes {urgency}", urgency
    for name in rule.excludes:
        yield "excludes", f"{name} left out", tuple(one for one in rule.excludes if one != name)
    other = next(one.id for one in policy.meldroutes if one.id != rule.id and one.id not in rule.excludes)
    yield "excludes", f"{other} added", (*rule.excludes, other)
    for place, target in enumerate(rule.to):
        before, after = rule.to[:place], rule.to[place + 1 :]
        yield "to", f"{target.destination} left out", (*before, *after)
        for change, changed in _target_changes(target, policy):
            yield "to", f"{target.destination}: {change}", (*before, changed, *after)
    yield "valid_from", "a day later", rule.valid_from + timedelta(days=1)
    yield "valid_until", "until today", double_entry.TODAY


def _target_changes(target: Target, policy: PolicySet) -> Iterator[tuple[str, Target]]:
    for destination in policy.destinations.keys() - {target.destination}:
        yield f"becomes {destination}", target.model_copy(update={"destination": destination})
    for purpose in policy.purposes.keys() - {target.purpose}:
        yield f"{target.purpose} becomes {purpose}", target.model_copy(update={"purpose": purpose})
    if target.when:
        yield "without its condition", target.model_copy(update={"when": ()})
    for change, when in _alternative_changes(target.when):
        yield change, target.model_copy(update={"when": when})


def _condition_changes(rule: Meldroute | DerivedFact) -> Iterator[tuple[str, str, Any]]:
    for key in ("when", "unless"):
        for change, value in _alternative_changes(getattr(rule, key)):
            yield key, change, value


Alternatives = Sequence[Sequence[FactTest]]


def _alternative_changes(alternatives: Alternatives) -> Iterator[Change]:
    for row, tests in enumerate(alternatives):
        before, after = alternatives[:row], alternatives[row + 1 :]
        yield f"alternative {row} left out", (*before, *after)
        for column, test in enumerate(tests):
            others = tests[:column], tests[column + 1 :]
            if len(tests) > 1:
                yield f"{row}.{column} {test.fact} left out", (*before, (*others[0], *others[1]), *after)
            for change, changed in _test_changes(test):
                yield f"{row}.{column} {test.fact} {change}", (*before, (*others[0], changed, *others[1]), *after)


def _test_changes(test: FactTest) -> Iterator[tuple[str, FactTest]]:
    if test.fact not in FACTS:
        return
    if isinstance(test.value, int | float):
        flipped = {"below": "at_least", "at_least": "below"}[test.op]
        yield f"becomes {flipped}", test.model_copy(update={"op": flipped})
        for step in (-1, 1):
            yield f"threshold {step:+}", test.model_copy(update={"value": test.value + step})
        return
    known = FACTS[test.fact].values
    several = "one_of" if FACTS[test.fact].kind == "choice" else "has_any"
    given = test.value if isinstance(test.value, tuple) else (test.value,)
    sets = {f"{value} left out": tuple(one for one in given if one != value) for value in given if len(given) > 1}
    sets |= {f"{value} added": (*given, value) for value in known if value not in given}
    sets |= {"becomes its opposite": tuple(value for value in known if value not in given)}
    for change, values in sets.items():
        if values:
            yield change, test.model_copy(update={"op": several, "value": values})


# -- fields


def field_mutants(fields: FieldSet) -> Iterator[Mutant]:
    """Every field, flag and indicator changed, and the words that say what is sexual."""
    for key, change, changed in _field_set_changes(fields):
        yield Mutant("fields.toml", key, change, partial(double_entry.fields_differences, changed))


def _field_set_changes(fields: FieldSet) -> Iterator[tuple[str, str, FieldSet]]:
    for name, row in fields.fields.items():
        others = {one: other for one, other in fields.fields.items() if one != name}
        yield name, "left out", replace(fields, fields=others)
        for change, update in _field_changes(row):
            yield name, change, replace(fields, fields=others | {name: row.model_copy(update=update)})
    for key in ("flags", "indicators"):
        for name, words in getattr(fields, key).items():
            for change, value in _word_changes(key, sorted(words), CATEGORIES):
                yield f"{key}.{name}", change, replace(fields, **{key: getattr(fields, key) | {name: frozenset(value)}})
    for key in ("sexual_forms", "sexual_rows", "unknown_flag"):
        for word in getattr(fields, key):
            yield key, f"{word} left out", replace(fields, **{key: getattr(fields, key) - {word}})


def _field_changes(row: FieldRow) -> Iterator[tuple[str, dict[str, Any]]]:
    for key in ("data", "without_name"):
        for change, value in _word_changes(key, getattr(row, key), CATEGORIES):
            yield f"{key}: {change}", {key: value}
    for key in ("adds_found", "adds_flags", "adds_indicators"):
        yield f"{key} turned round", {key: not getattr(row, key)}
    for place, addition in enumerate(row.adds):
        without = (*row.adds[:place], *row.adds[place + 1 :])
        yield f"adds: {addition.when} left out", {"adds": without}
        for change, value in _word_changes("data", addition.data, CATEGORIES):
            yield f"adds: {addition.when}: {change}", {"adds": (*without, addition.model_copy(update={"data": value}))}


# -- running


Survivor = tuple[str, str, str]


def survivors(tried: Iterable[Mutant]) -> list[Survivor]:
    """File, key and change of each mutant that nothing notices."""
    return [(mutant.file, mutant.key, mutant.change) for mutant in tried if mutant.survives]


def _try_part(part: int) -> tuple[int, list[Survivor]]:
    """How many mutants this process tried, and those that nothing noticed."""
    mine = list(islice(mutants(load(POLICIES)), part, None, PROCESSES))
    return len(mine), survivors(_telling(mine, f"{part + 1}/{PROCESSES}"))


def _telling(tried: Sequence[Mutant], who: str) -> Iterator[Mutant]:
    """The same mutants; says every few seconds where it is."""
    told = monotonic()
    for number, mutant in enumerate(tried):
        if monotonic() - told > TELL_EVERY_SECONDS:
            told = monotonic()
            click.echo(f"{who}: {number} of {len(tried)} mutants, now {mutant.file}", err=True)
        yield mutant


def main() -> int:
    """Tries every mutant in two processes and prints the survivors; 1 when there is one, 2 when the rules already differ."""
    policy = load(POLICIES)
    already = [
        *double_entry.grounds_differences(policy.grounds),
        *double_entry.derived_differences(policy.derived),
        *double_entry.routes_differences(policy),
        *double_entry.fields_differences(policy.fields),
    ]
    if already:
        click.echo("\n".join(["expected rules that agree with the ledger, found:", *already]), err=True)
        return 2
    with ProcessPoolExecutor(PROCESSES) as processes:
        results = list(processes.map(_try_part, range(PROCESSES)))
    survived = sorted(one for _, found in results for one in found)
    for file, key, change in survived:
        click.echo(f"{file}: {key}: {change}")
    click.echo(f"{sum(tried for tried, _ in results)} mutants, {len(survived)} survived")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main())
