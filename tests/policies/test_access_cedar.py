"""The same question to the gate and to Cedar: an engine written by others, over policies translated apart from it."""

from pathlib import Path

import cedarpy
import pytest

from signaltable.access import FOR_EVERYBODY, Allowed, Permission, may
from signaltable.policy_errors import parse_toml
from tests.cedar_access import policies, questions
from tests.policies.access_cases import POLICIES, policy
from tests.thorough import THOROUGH

COUNT = 100_000 if THOROUGH else 5_000


def read(name):
    return parse_toml((Path(POLICIES) / name).read_text(encoding="utf-8"), name)


def ask_cedar(asked, access):
    """Cedar's answers; an error while evaluating would skip a policy in silence, so it fails here."""
    sets = policies(access, read("roles.toml"), tuple(one.value for one in FOR_EVERYBODY))
    nobody = cedarpy.Entities.from_json_str("[]")
    given = {}
    for permission in {one.permission for one in asked}:
        places = [place for place, one in enumerate(asked) if one.permission == permission]
        found = cedarpy.is_authorized_batch([asked[place].for_cedar() for place in places], sets[permission], nobody)
        assert not any(one.diagnostics.errors for one in found)
        given |= {place: one.allowed for place, one in zip(places, found, strict=True)}
    return [given[place] for place in range(len(asked))]


@pytest.fixture(scope="module")
def asked():
    gives = {role.id: frozenset(role.permissions) for role in policy().roles.values()}
    return questions(COUNT, 20261122, policy().access, gives)


def test_cedar_says_the_same_about_every_request(asked):
    ours = [isinstance(may(one.actor, Permission(one.permission), one.resource), Allowed) for one in asked]
    cedar = ask_cedar(asked, read("access.toml"))

    different = [one for one, mine, theirs in zip(asked, ours, cedar, strict=True) if mine != theirs]

    assert different[:3] == []
    assert COUNT // 10 < sum(ours) < COUNT // 2


def test_a_rule_that_differs_is_noticed(asked):
    changed = read("access.toml")
    next(one for one in changed["rule"] if one["permission"] == "signal:disclose:own-agency").pop("states")
    some = [one for one in asked if one.permission == "signal:disclose:own-agency"]

    ours = [isinstance(may(one.actor, Permission(one.permission), one.resource), Allowed) for one in some]

    assert ours != ask_cedar(some, changed)
