"""The rules of the gate (access.toml): for each permission which relation, state, purpose and login it asks. Shapes and checks.

Roles give permissions (roles.toml); this says what each of them asks besides, so that nobody can give more than it allows.
"""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Annotated, Final, Literal

from pydantic import Field, StringConstraints

from signaltable.domain import AccessRule, State
from signaltable.policy_errors import Finding, found_twice
from signaltable.shape import Line, Many, Name, Shape, Some

FILE: Final = "access.toml"
REGION: Final = "region.toml"

PermissionName = Annotated[str, StringConstraints(pattern=r"^[a-z]+:[a-z]+:[a-z]+(-[a-z]+)*$")]
Relation = Literal["anyone", "owner", "provider", "receiver", "asked", "seated", "tabled", "emergency"]
Strength = Literal["password", "two_factors", "provider", "passkey", "secret", "certificate", "machine"]
# With which somebody came in who holds a passkey; the command line is somebody who owns the machine and its keys.
PASSKEY: Final = frozenset({"passkey", "machine"})
# A system of a partner comes in with one of these, and a person never does.
OF_MACHINES: Final = frozenset({"secret", "certificate"})
# The scopes of permissions that ask no relation.
WITHOUT_RELATION: Final = frozenset({"all", "self"})
OTHER_PERSON: Final = "other-person"


class StateGroup(Shape):
    """States of a signal under one name."""

    id: Name
    states: Some[Annotated[State, Field(strict=False)]]


class Rule(Shape):
    """What one permission asks besides a role. `states` names a group; without it any state will do."""

    permission: PermissionName
    relations: Some[Relation]
    states: Name | None = None
    purposes: Many[Line] = ()
    strengths: Many[Strength] = ()
    proof_minutes: Annotated[int, Field(ge=1, le=60)] | None = None
    two_people: bool = False
    machines: bool = False
    passkey_by_region: bool = False


class AccessFile(Shape):
    """access.toml. `strengths` are what a rule asks that names none itself."""

    strengths: Some[Strength]
    states: Some[StateGroup]
    rule: Some[Rule]


class AccessChanges(Shape):
    """What a region says about the gate: for which permissions it asks a passkey."""

    passkey: Some[PermissionName]


def rules_of(file: AccessFile, changes: AccessChanges | None) -> Mapping[str, AccessRule]:
    """The rules as they count in the region, by permission."""
    groups = {group.id: frozenset(one.value for one in group.states) for group in file.states}
    passkey = frozenset(changes.passkey) if changes else frozenset()
    return MappingProxyType({one.permission: _rule(one, file, groups, one.permission in passkey) for one in file.rule})


def _rule(one: Rule, file: AccessFile, groups: Mapping[str, frozenset[str]], passkey: bool) -> AccessRule:
    asked = frozenset[str](one.strengths or file.strengths)
    strengths = asked & PASSKEY if passkey else asked
    return AccessRule(
        relations=frozenset(one.relations),
        states=groups[one.states] if one.states else frozenset(),
        purposes=frozenset(one.purposes),
        strengths=strengths | (OF_MACHINES if one.machines else frozenset()),
        proof_minutes=one.proof_minutes,
        two_people=one.two_people,
        machines=one.machines,
    )


# -- what is wrong with it ---------------------------------------------------------------------------------------------


def check_access(
    file: AccessFile | None, changes: AccessChanges | None, given: Iterable[str], known: Iterable[str] | None
) -> Iterator[Finding]:
    """Permissions without a rule, rules about nothing, rules that contradict their scope, and a region that may not say it.

    `given`: what roles.toml gives; `known`: the permissions of the program, None where they are not compared. None for
    `file`: rules that were kept from before there was such a file.
    """
    if file is None:
        return
    rules = {one.permission: one for one in file.rule}
    yield from found_twice(FILE, "rule", (one.permission for one in file.rule))
    yield from found_twice(FILE, "states", (one.id for one in file.states))
    for name in sorted({*given, *(known or ())} - set(rules)):
        yield Finding(FILE, f"rule.{name}", "expected a rule for this permission, found none")
    for name in sorted(set(rules) - set(known)) if known is not None else ():
        yield Finding(FILE, f"rule.{name}", "expected a permission of the program, found no such one")
    groups = {group.id for group in file.states}
    for one in file.rule:
        yield from _contradictions(one, groups)
    yield from _unused(file, groups)
    if OF_MACHINES & set(file.strengths):
        yield Finding(FILE, "strengths", "expected no login of a machine: a rule with machines = true allows those")
    if changes is not None:
        yield from _regional(changes, rules)


def _contradictions(one: Rule, groups: set[str]) -> Iterator[Finding]:
    key, scope = f"rule.{one.permission}", one.permission.rpartition(":")[2]
    if (one.relations == ("anyone",)) != (scope in WITHOUT_RELATION):
        yield Finding(FILE, f"{key}.relations", f"expected anyone, alone, exactly where the scope is {_said()}")
    if "anyone" in one.relations and len(one.relations) > 1:
        yield Finding(FILE, f"{key}.relations", "expected no relation beside anyone")
    if {"seated", "tabled"} <= set(one.relations):
        yield Finding(FILE, f"{key}.relations", "expected no tabled beside seated: a seat is enough there already")
    if scope == OTHER_PERSON and not one.two_people:
        yield Finding(FILE, f"{key}.two_people", "expected true, for the scope is other-person")
    if one.states is not None and one.states not in groups:
        yield Finding(FILE, f"{key}.states", f"expected a group of states ({', '.join(sorted(groups))})")
    if OF_MACHINES & set(one.strengths):
        yield Finding(FILE, f"{key}.strengths", "expected no login of a machine: machines = true allows those")
    yield from found_twice(FILE, f"{key}.relations", one.relations)


def _said() -> str:
    return " or ".join(sorted(WITHOUT_RELATION))


def _unused(file: AccessFile, groups: set[str]) -> Iterator[Finding]:
    for name in sorted(groups - {one.states for one in file.rule if one.states}):
        yield Finding(FILE, f"states.{name}", "expected a rule that asks these states, found none")


def _regional(changes: AccessChanges, rules: Mapping[str, Rule]) -> Iterator[Finding]:
    yield from found_twice(REGION, "access.passkey", changes.passkey)
    for name in changes.passkey:
        rule = rules.get(name)
        if rule is None or not rule.passkey_by_region:
            yield Finding(REGION, "access.passkey", f"expected a permission of which {FILE} leaves it to regions")
