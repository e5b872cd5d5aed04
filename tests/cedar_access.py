"""The gate once more, as Cedar policies: from the words of policies/access.toml and roles.toml, apart from the code under test.

Only tests use this. Every relation is worked out by Cedar itself from the agencies of the thing; forbids are forbids.
"""

import json
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import cedarpy

from signaltable.domain import AccessRule, Actor, Channel, Resource, State

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
AGENCIES = ("havendam", "delinde", "avim")
ACCOUNTS = ("ann", "bob")
CASES = ("case-1", "case-2")
PURPOSES = ("own_case", "P1", "P2", "")
STRENGTHS = ("none", "password", "two_factors", "provider", "passkey", "secret", "certificate", "machine")
CHANNELS = (Channel.WEB, Channel.WEB, Channel.WEB, Channel.CLI, Channel.API)
RELATIONS: Mapping[str, str] = {
    "anyone": "true",
    "owner": "context.owner == context.agency",
    "provider": "context.provider == context.agency",
    "receiver": "context.receiver == context.agency",
    "asked": "context.asked.contains(context.agency)",
    "seated": "context.seats.contains(context.agency)",
    "tabled": "context.on_agenda && context.seats.contains(context.agency)",
    "emergency": "context.opened.contains(context.case)",
}


def policies(
    access: Mapping[str, Any], roles: Mapping[str, Any], everybody: tuple[str, ...]
) -> dict[str, cedarpy.PolicySet]:
    """Both files, as TOML gives them, as Cedar policies: a parsed set for each permission, which Cedar reads much faster."""
    groups = {one["id"]: one["states"] for one in access["states"]}
    sets = {}
    for rule in access["rule"]:
        texts = [
            "forbid(principal, action, resource) when { context.about && context.kept.contains(context.account) };"
        ]
        action = f'action == Action::"{rule["permission"]}"'
        holders = [role["id"] for role in roles["role"] if rule["permission"] in role["permissions"]]
        held = "true" if rule["permission"] in everybody else f"context.roles.containsAny({json.dumps(holders)})"
        related = " || ".join(f"({RELATIONS[name]})" for name in rule["relations"])
        texts.append(f"permit(principal, {action}, resource) when {{ ({held}) && (!context.about || ({related})) }};")
        texts += [f"forbid(principal, {action}, resource) when {{ {one} }};" for one in _forbids(rule, access, groups)]
        sets[rule["permission"]] = cedarpy.PolicySet.from_str("\n".join(texts))
    return sets


def _forbids(rule: Mapping[str, Any], access: Mapping[str, Any], groups: Mapping[str, list[str]]) -> Iterator[str]:
    machines = rule.get("machines", False)
    strengths = [*rule.get("strengths", access["strengths"]), *(["secret", "certificate"] if machines else [])]
    yield f"!{json.dumps(strengths)}.contains(context.strength)"
    yield "context.ended"
    yield 'context.channel == "api" && context.purposes.isEmpty()' if machines else 'context.channel == "api"'
    yield 'context.channel == "api" && context.one && !context.purposes.contains(context.purpose)'
    if rule.get("two_people"):
        yield "context.about && context.requester == context.account"
    if rule.get("purposes"):
        yield f"context.one && !{json.dumps(rule['purposes'])}.contains(context.purpose)"
    if "states" in rule:
        yield f"context.of_case && !{json.dumps(groups[rule['states']])}.contains(context.state)"


@dataclass(frozen=True, slots=True)
class Question:
    """One request, as both engines are asked it."""

    permission: str
    actor: Actor
    resource: Resource | None

    def for_cedar(self) -> dict[str, Any]:
        actor, thing = self.actor, self.resource or Resource("")
        until = actor.ends.get(self.permission)
        return {
            "principal": f'Account::"{actor.account_id}"',
            "action": f'Action::"{self.permission}"',
            "resource": 'Thing::"it"',
            "context": {
                "account": actor.account_id,
                "agency": actor.agency_id,
                "roles": sorted(actor.roles),
                "strength": actor.strength,
                "channel": actor.channel.value,
                "purposes": sorted(actor.purposes),
                "ended": until is not None and until <= EPOCH,
                "opened": sorted(case for case, end in actor.emergencies.items() if end > EPOCH),
                "about": self.resource is not None,
                "one": thing.object_id != "",
                "of_case": thing.state != "" or (thing.object_type == "signal" and thing.object_id != ""),
                "owner": thing.owner_agency,
                "provider": thing.providing_agency,
                "receiver": thing.receiving_agency,
                "asked": sorted(thing.asked_agencies),
                "seats": sorted(thing.table_agencies),
                "on_agenda": thing.on_agenda,
                "case": thing.case_id,
                "state": thing.state,
                "purpose": thing.purpose,
                "requester": thing.requester,
                "kept": sorted(thing.kept_from),
            },
        }


def questions(
    count: int, seed: int, rules: Mapping[str, AccessRule], gives: Mapping[str, frozenset[str]]
) -> list[Question]:
    """Random requests, most by somebody who holds the permission and came in well; the same for the same seed."""
    dice = random.Random(seed)
    return [_question(dice, rules, gives) for _ in range(count)]


def _question(dice: random.Random, rules: Mapping[str, AccessRule], gives: Mapping[str, frozenset[str]]) -> Question:
    permission = dice.choice(sorted(rules))
    holders = [role for role, given in gives.items() if permission in given]
    roles = {dice.choice(sorted(gives)) for _ in range(dice.choice((0, 1, 2)))}
    if holders and dice.random() < 0.8:
        roles.add(dice.choice(holders))
    strength = dice.choice(("two_factors", "provider", "passkey")) if dice.random() < 0.8 else dice.choice(STRENGTHS)
    channel = dice.choice(CHANNELS)
    actor = Actor(
        dice.choice(ACCOUNTS),
        dice.choice(AGENCIES),
        "municipality",
        frozenset(roles),
        frozenset().union(*(gives[role] for role in roles)),
        channel,
        strength,
        purposes=frozenset(dice.sample(PURPOSES[:3], dice.choice((0, 1, 2))))
        if channel is Channel.API
        else frozenset(),
        ends={permission: EPOCH + timedelta(hours=dice.choice((-1, 0, 1)))} if dice.random() < 0.1 else {},
        emergencies={dice.choice(CASES): EPOCH + timedelta(hours=dice.choice((-1, 0, 1)))}
        if dice.random() < 0.3
        else {},
        now=EPOCH,
        rules=rules,
    )
    return Question(permission, actor, _resource(dice) if dice.random() < 0.95 else None)


def _resource(dice: random.Random) -> Resource:
    some = lambda: frozenset(dice.sample(AGENCIES, dice.choice((0, 1, 2, 3))))  # noqa: E731
    rarely = lambda known: frozenset({dice.choice(known)}) if dice.random() < 0.05 else frozenset()  # noqa: E731
    return Resource(
        dice.choice(("signal", "signal", "disclosure", "table")),
        dice.choice(("S-1", "S-1", "S-1", "")),
        owner_agency=dice.choice((*AGENCIES, "")),
        asked_agencies=some(),
        providing_agency=dice.choice((*AGENCIES, "")),
        receiving_agency=dice.choice((*AGENCIES, "")),
        table_agencies=some(),
        on_agenda=dice.random() < 0.5,
        case_id=dice.choice((*CASES, "")),
        state=dice.choice([*State, ""]),
        purpose=dice.choice(PURPOSES),
        requester=dice.choice((*ACCOUNTS, "", "")),
        kept_from=rarely(ACCOUNTS),
    )
