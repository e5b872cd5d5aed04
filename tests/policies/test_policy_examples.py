"""Every meldroute carries facts on which it holds and facts, one answer away, on which it does not."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from signaltable.facts import parse_facts
from signaltable.policy import PolicySet
from signaltable.route import decide

MELDROUTES = Path(__file__).resolve().parents[2] / "policies" / "meldroutes"
TODAY = date(2026, 11, 23)
RULES = sorted({path.stem.split("-")[0] for path in MELDROUTES.glob("*.toml")}, key=lambda name: int(name[1:]))


def examples_of(rule: str) -> dict[str, list[dict[str, Any]]]:
    return tomllib.loads((MELDROUTES / "examples" / f"{rule}.toml").read_text())


def cases(kind: str) -> list[Any]:
    return [
        pytest.param(rule, example, id=f"{rule}: {example['say']}")
        for rule in RULES
        for example in examples_of(rule)[kind]
    ]


def test_every_rule_has_a_hit_and_a_near_miss_and_no_example_is_left_over() -> None:
    assert {path.stem for path in (MELDROUTES / "examples").glob("*.toml")} == set(RULES)
    for rule in RULES:
        assert set(examples_of(rule)) == {"hit", "near_miss"}


@pytest.mark.parametrize(("rule", "example"), cases("hit"))
def test_hit(rule: str, example: dict[str, Any], policy: PolicySet) -> None:
    decision = decide(parse_facts(example["facts"]), policy, on=TODAY)

    assert [route.destination for route in decision.routes if route.id == rule] == example["to"]


@pytest.mark.parametrize(("rule", "example"), cases("near_miss"))
def test_near_miss(rule: str, example: dict[str, Any], policy: PolicySet) -> None:
    decision = decide(parse_facts(example["facts"]), policy, on=TODAY)

    assert rule not in {route.id for route in decision.routes}


@pytest.mark.parametrize(("rule", "example"), cases("near_miss"))
def test_a_near_miss_is_near(rule: str, example: dict[str, Any]) -> None:
    def answers_apart(hit: dict[str, Any]) -> int:
        return sum(hit.get(name) != example["facts"].get(name) for name in {*hit, *example["facts"]})

    assert 1 in {answers_apart(hit["facts"]) for hit in examples_of(rule)["hit"]}
