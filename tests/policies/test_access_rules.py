"""A broken rule of the gate stops the program, naming file and key; a region changes what it may and nothing else."""

from copy import deepcopy

import pytest

from signaltable.access import FOR_EVERYBODY, REASONS, Permission
from signaltable.access_rules import AccessChanges, AccessFile, check_access
from signaltable.machine_rules import FILE as MACHINES
from signaltable.policy_errors import parse_toml
from signaltable.web.errors import reason_text
from tests.policies.access_cases import POLICIES, policy
from tests.serving import served

NAMES = [one.value for one in Permission]
WHOLE = parse_toml((POLICIES / "access.toml").read_text(encoding="utf-8"), "access.toml")


def findings(change=lambda _content: None, passkey=None, given=NAMES, known=NAMES):
    content = deepcopy(WHOLE)
    change(content)
    changes = AccessChanges(passkey=passkey) if passkey else None
    return [(one.file, one.key) for one in check_access(AccessFile.model_validate(content), changes, given, known)]


def rule(content, permission):
    return next(one for one in content["rule"] if one["permission"] == permission)


def test_the_shipped_rules_hold():
    assert findings() == []
    assert list(check_access(None, None, NAMES, NAMES)) == []


def without(permission):
    return lambda content: content["rule"].remove(rule(content, permission))


def with_keys(permission, **keys):
    return lambda content: rule(content, permission).update(keys)


def twice(content):
    content["rule"].append(deepcopy(content["rule"][0]))


def unused(content):
    content["states"].append({"id": "never-asked", "states": ["draft"]})


def machine_login(content):
    content["strengths"].append("secret")


@pytest.mark.parametrize(
    ("change", "key"),
    [
        (without("log:export:all"), "rule.log:export:all"),
        (twice, "rule.account:consult:self"),
        (unused, "states.never-asked"),
        (machine_login, "strengths"),
        (with_keys("log:consult:all", relations=["owner"]), "rule.log:consult:all.relations"),
        (with_keys("signal:consult:own-agency", relations=["anyone"]), "rule.signal:consult:own-agency.relations"),
        (with_keys("log:consult:all", relations=["anyone", "owner"]), "rule.log:consult:all.relations"),
        (with_keys("table:note:own-table", relations=["seated", "tabled"]), "rule.table:note:own-table.relations"),
        (with_keys("table:note:own-table", relations=["seated", "seated"]), "rule.table:note:own-table.relations.seated"),
        (with_keys("disclosure:approve:other-person", two_people=False), "rule.disclosure:approve:other-person.two_people"),
        (with_keys("table:note:own-table", states="no-such"), "rule.table:note:own-table.states"),
        (with_keys("table:note:own-table", strengths=["certificate"]), "rule.table:note:own-table.strengths"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_file_and_key(change, key):
    assert ("access.toml", key) in findings(change)


def test_a_permission_of_the_program_or_of_a_role_needs_a_rule_and_a_rule_a_permission():
    assert findings(given=["a:b:c"], known=None) == [("access.toml", "rule.a:b:c")]
    assert findings(given=[], known=NAMES[1:]) == [("access.toml", f"rule.{NAMES[0]}")]


def test_a_region_asks_a_passkey_only_where_it_may_and_once():
    assert findings(passkey=["disclosure:approve:other-person"]) == []
    for name in ("signal:submit:own-agency", "a:b:c"):
        assert findings(passkey=[name]) == [("region.toml", "access.passkey")]
    assert findings(passkey=["log:export:all", "log:export:all"]) == [("region.toml", "access.passkey.log:export:all")]


def test_what_a_system_may_hold_stands_in_both_files():
    machines = parse_toml((POLICIES / MACHINES).read_text(encoding="utf-8"), MACHINES)
    offered = {one["id"] for one in machines["permission"]}
    allowed = {name for name, rule in policy().access.items() if rule.machines}
    assert allowed - {one.value for one in FOR_EVERYBODY} == offered


def test_every_reason_has_words_on_the_page(sqlite_program):
    with served(sqlite_program).test_request_context():
        assert [reason for reason in REASONS if reason_text(reason) == reason_text("")] == []
