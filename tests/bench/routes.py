"""The meldroutekaart against zen-engine: the same rules, the same facts, the same routes.

zen-engine gets the rules in the two forms that a JDM file knows, precompiled (ZenDecisionContent): as a decision table
with a column per fact after a node that derives facts, and as one with a single expression per destination, which it works
out faster. It gives routes only. Facts come as the caller has them: parsed for us, a plain dict with the age already
brought together for zen-engine.
"""

import json
import random
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import zen

from signaltable import route
from signaltable.facts import FACTS, Fact, Facts, parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute, Target
from tests.bench.rate import Comparison

POLICIES = Path(__file__).resolve().parents[2] / "policies"
TODAY = date(2026, 11, 23)
# As many facts as a signal at the table mostly has, out of 22.
KNOWN = 0.35
SIGNALS = 300
MANY_RULES = 200

Alternatives = Sequence[Sequence[FactTest]]
Derived = Mapping[str, DerivedFact]


def comparisons() -> Iterator[Comparison]:
    """Every way of asking, checked to give the same answers first. Raises AssertionError when it does not."""
    policy = load(POLICIES)
    examples, some = _examples(), _signals(random.Random(1))  # the same signals in every run
    by_column = _engine(_by_column(policy.meldroutes, policy.derived))
    by_expression = _engine(_by_expression(policy.meldroutes, policy.derived))
    for name, engine in (("columns", by_column), ("expressions", by_expression)):
        _check(policy, engine, [*examples, *some])
        yield _compared(f"routes, random signals (zen: {name})", route.routes, policy, engine, some, 10)
    yield _compared(
        "routes, examples of the card (zen: expressions)", route.routes, policy, by_expression, examples, 10
    )
    yield _compared("routes and questions (zen: columns, and no questions)", _decide, policy, by_column, some, 3)
    many = replace(policy, derived={}, meldroutes=_many_rules(random.Random(2)))
    engine = _engine(_by_column(many.meldroutes, {}))
    _check(many, engine, some)
    yield _compared(f"routes, {MANY_RULES} rules of four facts (zen: columns)", route.routes, many, engine, some, 10)


def _compared(
    name: str,
    ask: Callable[[Facts, PolicySet, date], Any],
    policy: PolicySet,
    engine: "zen.ZenEngine",
    signals: Sequence[Facts],
    goal: float,
) -> Comparison:
    plain = [facts.normalised().to_json() for facts in signals]

    def ours() -> None:
        for facts in signals:
            ask(facts, policy, TODAY)

    def theirs() -> None:
        for facts in plain:
            engine.evaluate("card", facts)

    return Comparison(name, ours, theirs, len(signals), goal)


def _decide(facts: Facts, policy: PolicySet, on: date) -> route.Decision:
    return route.decide(facts, policy, on=on)


def _check(policy: PolicySet, engine: "zen.ZenEngine", signals: Iterable[Facts]) -> None:
    """A destination that two alternatives lead to comes twice from a table: the first counts."""
    for facts in signals:
        found: list[dict[str, str]] = engine.evaluate("card", facts.normalised().to_json())["result"] or []
        theirs = set(dict.fromkeys(line["route"] for line in found))
        advised = route.routes(facts, policy, TODAY)
        assert {f"{one.id} {one.destination}" for one in advised} == theirs, "expected the same routes of both"
        assert advised == _decide(facts, policy, TODAY).routes


# -- signals


def _examples() -> list[Facts]:
    """The hits and near misses that stand beside the rules."""
    files = [tomllib.loads(path.read_text()) for path in sorted((POLICIES / "meldroutes" / "examples").glob("*.toml"))]
    return [parse_facts(case["facts"]) for file in files for case in (*file["hit"], *file["near_miss"])]


def _signals(chance: random.Random) -> list[Facts]:
    return [
        parse_facts({name: _answer(fact, chance) for name, fact in FACTS.items() if chance.random() < KNOWN})
        for _ in range(SIGNALS)
    ]


def _answer(fact: Fact, chance: random.Random) -> Any:
    if fact.kind == "number":
        return chance.choice((0, 2, 15, 20, 30))
    if fact.kind == "list":
        return chance.sample(fact.values, chance.choice((1, 1, 2)))
    return chance.choice(fact.values)


def _many_rules(chance: random.Random) -> tuple[Meldroute, ...]:
    """Rules as a region might write them, each about four facts; for the question how the speed holds with their number."""
    choices = [fact for fact in FACTS.values() if fact.kind == "choice"]
    first = load(POLICIES).meldroutes[0]
    return tuple(
        first.model_copy(
            update={
                "id": f"R{number}",
                "when": (
                    tuple(
                        FactTest(fact=fact.name, op="equals", value=chance.choice(fact.values))
                        for fact in chance.sample(choices, 4)
                    ),
                ),
            }
        )
        for number in range(1, MANY_RULES + 1)
    )


# -- the rules as zen-engine reads them


def _engine(nodes: Sequence[Mapping[str, Any]]) -> "zen.ZenEngine":
    """One path from the input through these nodes to the output, compiled beforehand."""
    path = [
        {"id": "in", "name": "in", "type": "inputNode"},
        *nodes,
        {"id": "out", "name": "out", "type": "outputNode"},
    ]
    edges = [
        {"id": f"edge-{place}", "type": "edge", "sourceId": one["id"], "targetId": other["id"]}
        for place, (one, other) in enumerate(pairwise(path))
    ]
    content = zen.ZenDecisionContent(json.dumps({"nodes": path, "edges": edges}))
    return zen.ZenEngine({"loader": lambda _: content})


def _table(columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> Mapping[str, Any]:
    """A decision table of which every row that fits counts; "if" is a column that holds a whole expression."""
    inputs = [{"id": name, "name": name, "field": name} for name in columns] + [{"id": "if", "name": "if"}]
    outputs = [{"id": "route", "name": "route", "field": "route"}]
    return {
        "id": "table",
        "name": "table",
        "type": "decisionTableNode",
        "content": {
            "hitPolicy": "collect",
            "inputs": inputs,
            "outputs": outputs,
            "rules": [{"_id": f"row-{place}", **row} for place, row in enumerate(rows)],
        },
    }


def _by_column(rules: Sequence[Meldroute], derived: Derived) -> list[Mapping[str, Any]]:
    derive = {
        "id": "derive",
        "name": "derive",
        "type": "expressionNode",
        "content": {
            "passThrough": True,
            "expressions": [
                {
                    "id": name,
                    "key": name,
                    "value": f"({_above(_rule(one.when, one.unless, {}), derived)}) ? 'yes' : 'no'",
                }
                for name, one in derived.items()
            ],
        },
    }
    lines = [
        (rule, target, (*tests, *also))
        for rule in rules
        for target in rule.to
        for tests in rule.when
        for also in (target.when or ((),))
    ]
    columns = sorted({test.fact for _, _, tests in lines for test in tests})
    rows = [{**_cells(columns, tests), **_ends(rule, target)} for rule, target, tests in lines]
    return [derive, _table(columns, rows)] if derived else [_table(columns, rows)]


def _above(expression: str, derived: Derived) -> str:
    """Within its node, a fact derived before is called `$.name`."""
    for name in derived:
        expression = expression.replace(f"({name} ==", f"($.{name} ==")
    return expression


def _cells(columns: Sequence[str], tests: Sequence[FactTest]) -> dict[str, str]:
    by_fact = {name: [test for test in tests if test.fact == name] for name in columns}
    return {
        name: _cell(same[0]) if len(same) == 1 else " and ".join(_asks(test, {}) for test in same)
        for name, same in by_fact.items()
    }


def _ends(rule: Meldroute, target: Target) -> dict[str, str]:
    unless = f"not ({_any(rule.unless, {})})" if rule.unless else ""
    return {"if": unless, "route": json.dumps(f"{rule.id} {target.destination}")}


def _by_expression(rules: Sequence[Meldroute], derived: Derived) -> list[Mapping[str, Any]]:
    rows = []
    for rule in rules:
        for target in rule.to:
            also = f" and ({_any(target.when, derived)})" if target.when else ""
            rows.append({**_ends(rule, target), "if": _rule(rule.when, rule.unless, derived) + also})
    return [_table([], rows)]


def _rule(when: Alternatives, unless: Alternatives, derived: Derived) -> str:
    wanted = f"({_any(when, derived)})"
    return f"{wanted} and not ({_any(unless, derived)})" if unless else wanted


def _any(alternatives: Alternatives, derived: Derived) -> str:
    return " or ".join("(" + " and ".join(_asks(test, derived) for test in tests) + ")" for tests in alternatives)


def _asks(test: FactTest, derived: Derived) -> str:
    """One test as an expression; without `derived`, a derived fact is a value like any other."""
    if test.fact in derived:
        return f"({_rule(derived[test.fact].when, derived[test.fact].unless, derived)})"
    name, value = test.fact, json.dumps(test.value)
    return {
        "equals": f"({name} == {value})",
        "one_of": f"({name} in {value})",
        "has": f"({name} != null and contains({name}, {value}))",
        "has_any": f"({name} != null and some({name}, # in {value}))",
        "below": f"({name} != null and {name} < {value})",
        "at_least": f"({name} != null and {name} >= {value})",
    }[test.op]


def _cell(test: FactTest) -> str:
    """One test as a cell of the column of its fact."""
    value = json.dumps(test.value)
    return {
        "equals": value,
        "one_of": value.strip("[]"),
        "has": f"$ != null and contains($, {value})",
        "has_any": f"$ != null and some($, # in {value})",
        "below": f"$ != null and $ < {value}",
        "at_least": f"$ != null and $ >= {value}",
    }[test.op]
