"""Actors and things for the tests of the gate: everything given, nothing stored."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

from signaltable.access import Permission
from signaltable.access_rules import AccessChanges, AccessFile, rules_of
from signaltable.domain import AccessRule, Actor, Channel, Resource
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import parse_toml
from tests.policies.access_tables import rows

POLICIES = Path(__file__).resolve().parents[2] / "policies"
NOW = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
HERE, ELSEWHERE, CASE = "havendam", "delinde", "case-1"
PERMISSIONS = tuple(Permission)


@cache
def policy() -> PolicySet:
    return load(POLICIES, [one.value for one in PERMISSIONS])


@cache
def file() -> AccessFile:
    return AccessFile.model_validate(parse_toml((POLICIES / "access.toml").read_text(encoding="utf-8"), "access.toml"))


@cache
def rules_with_passkey() -> dict[str, AccessRule]:
    """The rules of a region that asks a passkey wherever it can."""
    return dict(rules_of(file(), AccessChanges(passkey=tuple(name for name, row in rows().items() if row.passkey))))


def person(roles: Iterable[str], **more: object) -> Actor:
    """Somebody with these roles at the organisation HERE, at a browser, with two factors."""
    held = frozenset(roles)
    made = Actor(
        "person",
        HERE,
        "municipality",
        held,
        policy().permissions_of(held),
        Channel.WEB,
        "two_factors",
        now=NOW,
        rules=policy().access,
    )
    return replace(made, **more)  # type: ignore[arg-type]


def role_for(permission: str) -> str:
    """A role that gives a permission."""
    return next(role.id for role in policy().roles.values() if permission in role.permissions)


def somebody(permission: Permission, **more: object) -> Actor:
    """Somebody who holds a permission, whichever role gives it."""
    everybody = rows()[permission.value].everybody
    return person([] if everybody else [role_for(permission.value)], **more)


def thing(relation: str, state: str = "triaged", **more: object) -> Resource:
    """A signal to which the organisation HERE has one relation, in the words of the page."""
    at = {
        "none": {},
        "own": {"owner_agency": HERE},
        "gave": {"providing_agency": HERE},
        "got": {"receiving_agency": HERE},
        "asked": {"asked_agencies": frozenset({HERE})},
        "seat": {"table_agencies": frozenset({HERE})},
        "agenda": {"table_agencies": frozenset({HERE}), "on_agenda": True},
        "danger": {},
    }[relation]
    others = {
        "owner_agency": ELSEWHERE,
        "providing_agency": ELSEWHERE,
        "receiving_agency": ELSEWHERE,
        "asked_agencies": frozenset({ELSEWHERE}),
        "table_agencies": frozenset({ELSEWHERE}),
    }
    given = {**others, **at, **more}
    return Resource("signal", "S-1", case_id=CASE, state=state, **given)  # type: ignore[arg-type]


def in_danger(actor: Actor, relation: str) -> Actor:
    """The actor, who opened the case where that is the relation."""
    return replace(actor, emergencies={CASE: NOW + AN_HOUR}) if relation == "danger" else actor


def right_thing(permission: Permission, **more: object) -> Resource:
    """A thing with which somebody who holds the permission is allowed."""
    row = rows()[permission.value]
    relation = next(one for one in ("own", "agenda", "seat", "got", "asked", "none") if one in row.relations)
    given = {"purpose": next(iter(row.purposes), ""), "state": min(row.states or {"triaged"}), **more}
    return thing(relation, **given)  # type: ignore[arg-type]
