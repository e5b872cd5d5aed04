"""policies/machines.toml and rates.toml: what does not fit is refused by file and key."""

import tomllib

import pytest

from signaltable.machine_rules import MachinesFile, check_machines
from signaltable.rate_rules import RatesFile, check_rates
from signaltable.settings import CHECKOUT

POLICIES = CHECKOUT / "policies"
KNOWN = (
    "enrich:answer:asked",
    "checkpoint:keep:own-agency",
    "signal:disclose:own-agency",
    "identity:consult:own-agency",
)


def shipped(name):
    return tomllib.loads((POLICIES / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("permission", "found"),
    [
        ("signal:disclose:own-agency", 1),  # A verb that no system gets.
        ("identity:consult:own-agency", 1),  # A subject that no system gets.
        ("log:invented:all", 2),
        ("card:look:all", 1),
    ],
)
def test_what_no_system_may_have_stops_the_start(permission, found):
    """ASVS 8.1.1."""
    file = shipped("machines.toml")
    assert list(check_machines(MachinesFile.model_validate(file), KNOWN)) == []
    file["permission"].append({"id": permission, "title": {"nl": "x", "en": "x"}, "source": "x"})
    told = list(check_machines(MachinesFile.model_validate(file), KNOWN))
    assert [(one.file, one.key) for one in told] == [("machines.toml", f"permission.{permission}")] * found


def test_limits_that_nobody_can_reach_and_actions_that_nothing_leaves_are_told():
    file = shipped("rates.toml")
    assert list(check_rates(RatesFile.model_validate(file))) == []
    file["minute"]["agency"] = file["minute"]["person"] - 1
    file["day"][0]["actions"].append("signal:invent")
    file["goes_on"] = {"minutes": 20, "within": 10}
    told = [one.key for one in check_rates(RatesFile.model_validate(file))]
    assert told == ["day.cases.actions", "minute.agency", "goes_on.minutes"]
    assert list(check_rates(None)) == list(check_machines(None, ())) == []
