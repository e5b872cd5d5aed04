"""Double entry: the rules as they ship and the ledger beside them say the same, for everything either of them mentions."""

import pytest

from signaltable.policy import PolicySet
from tests.policies import double_entry


def test_every_ground_says_what_the_ledger_says(policy: PolicySet) -> None:
    assert list(double_entry.grounds_differences(policy.grounds)) == []


@pytest.mark.parametrize("rule", double_entry.read("routes.toml")["route"])
def test_a_meldroute_advises_and_asks_what_the_ledger_says(rule: str, policy: PolicySet) -> None:
    assert list(double_entry.route_differences(rule, policy)) == []


def test_the_ledger_holds_every_meldroute_and_no_other(policy: PolicySet) -> None:
    assert list(double_entry.routes_differences(policy, only=("M1",))) == []


def test_every_derived_fact_is_put_together_as_the_ledger_says(policy: PolicySet) -> None:
    assert list(double_entry.derived_differences(policy.derived)) == []


def test_every_field_carries_what_the_ledger_says(policy: PolicySet) -> None:
    assert list(double_entry.fields_differences(policy.fields)) == []
