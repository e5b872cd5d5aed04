"""Whether every meldroute has examples beside it, and whether they come out."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from signaltable.analysis.compiled import Compiled
from signaltable.analysis.found import Found, confirm
from signaltable.facts import parse_facts
from signaltable.policy import PolicySet
from signaltable.policy_shapes import Example, Examples, Meldroute
from signaltable.route import Route, decide


def check_examples(policy: PolicySet, on: date) -> Iterator[Found]:
    """Rules without a hit or a near miss, and examples that say something else than the engine."""
    newest = {rule.id: rule for rule in policy.meldroutes}  # in order of time, so the last one stays
    for rule in newest.values():
        file = _file(policy, rule)
        examples = policy.examples.get(rule.id, Examples())
        yield from _missing(policy, rule, file, examples)
        day = on if rule.is_valid(on) else rule.valid_from
        for number, example in enumerate(examples.hit):
            yield from _hit(policy, rule, f"{file}", number, example, example.on or day)
        for number, example in enumerate(examples.near_miss):
            yield from _near_miss(policy, rule, file, number, example, example.on or day)
            yield from _far(file, number, example, examples.hit)


def _file(policy: PolicySet, rule: Meldroute) -> str:
    folder = policy.route_files[rule.id, rule.valid_from].rpartition("/")[0]
    return f"{folder}/examples/{rule.id}.toml"


def _missing(policy: PolicySet, rule: Meldroute, file: str, examples: Examples) -> Iterator[Found]:
    """With facts that could be the missing example."""
    wanted = {"hit": examples.hit, "near_miss": examples.near_miss}
    missing = [kind for kind, rows in wanted.items() if not rows]
    if not missing:
        return
    hit, miss = _suggested(policy, rule)
    for kind in missing:
        where = "this file with both" if len(missing) == len(wanted) else f"at least one [[{kind}]]"
        yield Found(
            "missing-example",
            file,
            kind,
            f"expected {where}, found none; these facts could be one",
            miss if kind == "near_miss" else hit,
        )


def _suggested(policy: PolicySet, rule: Meldroute) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fewest facts on which a rule holds, and those with one fact less on which it does not."""
    compiled = Compiled((rule,), policy.derived)
    held = compiled.either(compiled.where_held(aim.state) for aim in compiled.aims)
    hit = compiled.space.smallest(held) or {}
    fewer = ({name: value for name, value in hit.items() if name != left_out} for left_out in hit)
    return hit, next((facts for facts in fewer if not _routes(policy, rule, facts, rule.valid_from)), {})


def _routes(policy: PolicySet, rule: Meldroute, facts: Mapping[str, Any], day: date) -> list[Route]:
    return [route for route in decide(parse_facts(facts), policy, on=day).routes if route.id == rule.id]


def _hit(policy: PolicySet, rule: Meldroute, file: str, number: int, example: Example, day: date) -> Iterator[Found]:
    found = sorted(route.destination for route in _routes(policy, rule, example.facts, day))
    key = f"hit.{number}"
    if not found:
        yield Found(
            "failing-example",
            file,
            key,
            f"expected {rule.id} to hold on these facts, found that it does not",
            example.facts,
        )
    elif found != sorted(example.to):
        message = f"expected {', '.join(sorted(example.to)) or 'nothing'} as destinations, found {', '.join(found)}"
        yield Found("failing-example", file, f"{key}.to", message, example.facts)


def _near_miss(
    policy: PolicySet, rule: Meldroute, file: str, number: int, example: Example, day: date
) -> Iterator[Found]:
    if _routes(policy, rule, example.facts, day):
        message = f"expected facts on which {rule.id} does not hold, found that it holds"
        yield Found("failing-example", file, f"near_miss.{number}", message, example.facts)


def _far(file: str, number: int, example: Example, hits: Sequence[Example]) -> Iterator[Found]:
    """A near miss teaches something only when one answer makes the difference."""
    apart = [_answers_apart(example.facts, hit.facts) for hit in hits]
    if apart and 1 not in apart:
        message = f"expected facts that differ in one answer from a hit, found {min(apart)} at the least"
        found = Found("failing-example", file, f"near_miss.{number}", message, example.facts)
        yield confirm(found, lambda: min(apart) != 1)


def _answers_apart(one: Mapping[str, Any], other: Mapping[str, Any]) -> int:
    known, others = parse_facts(one), parse_facts(other)
    return sum(known.get(name) != others.get(name) for name in {*known.values, *others.values})
