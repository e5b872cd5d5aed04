"""Facts, answers and derived facts on which no decision depends."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from signaltable.analysis.card import DERIVED_FILE, Card
from signaltable.analysis.compiled import Compiled
from signaltable.analysis.found import Found
from signaltable.analysis.space import NO, YES
from signaltable.facts import FACTS
from signaltable.policy_shapes import Meldroute


def check_facts(card: Card) -> Iterator[Found]:
    """Facts, values and items that no decision depends on: neither an advice nor whether one is still open."""
    space = card.compiled.space
    states = [aim.state for aim in card.compiled.aims]
    looked_at = frozenset[int]().union(*(space.diagrams.variables(state) for state in states))
    for fact in FACTS.values():
        places = space.places(fact.name)
        key = f"fact.{fact.name}"
        if looked_at.isdisjoint(places):
            value = space.variables[places[0]].values[1]
            facts = {fact.name: [value] if fact.kind == "list" else value}
            yield _dead(
                card, key, "expected a rule that looks at this fact, found none that comes out otherwise", facts
            )
        elif fact.kind == "list":
            for place in places:
                if not _item_matters(card, states, place):
                    item = space.variables[place].values[1]
                    message = f"expected a rule that looks at {item}, found none that comes out otherwise"
                    yield _dead(card, f"{key}.values.{item}", message, {fact.name: [item]})
        else:
            yield from _dead_values(card, states, places[0], key)


def _dead(card: Card, key: str, message: str, facts: Mapping[str, Any]) -> Found:
    return card.found(
        "dead-fact", "facts.toml", key, message, facts, lambda said: said.routes == card.decision({}).routes
    )


def _item_matters(card: Card, states: Sequence[int], place: int) -> bool:
    """Whether an item of a list makes a difference beside another item; alone it also says that something is known."""
    space = card.compiled.space
    others = [other for other in space.places(space.variables[place].fact) if other != place]
    beside = space.diagrams.build(sorted(others), lambda given: any(given[other] for other in others))
    return any(
        place in space.diagrams.variables(space.diagrams.apply("only where", _only_where, beside, state))
        for state in states
    )


def _only_where(there: bool, state: int) -> int:
    return state if there else NO


def _dead_values(card: Card, states: Sequence[int], place: int, key: str) -> Iterator[Found]:
    """Answers that come to the same as no answer; and a fact of which every answer comes to the same."""
    variable = card.compiled.space.variables[place]
    diagrams = card.compiled.space.diagrams
    contexts = list(diagrams.parts_at(states, place))
    dead = [
        value
        for number, value in enumerate(variable.values)
        if number and all(parts[number] == parts[0] for parts in contexts)
    ]
    # One answer may be the "no" that every question needs.
    for value in dead if len(dead) > 1 and not variable.starts else ():
        message = f"expected a rule that looks at {value}, found none that comes out otherwise"
        yield _dead(card, f"{key}.values.{value}", message, {variable.fact: value})
    held = list(diagrams.parts_at([card.compiled.where_held(state) for state in states], place))
    if len(variable.values) > 2 and held and all(len(set(parts[1:])) == 1 for parts in held):
        facts = {variable.fact: variable.values[1]}
        message = (
            "expected two answers that lead to other routes: every answer comes to the same, only no answer does not"
        )
        yield Found("dead-fact", "facts.toml", key, message, facts)


def check_derived_use(card: Card) -> Iterator[Found]:
    """Derived facts that could as well be always yes, or always no."""
    compiled = card.compiled
    for rule in card.policy.derived.values():
        where = compiled.where_held(compiled.derived[rule.id])
        if compiled.is_empty(where):
            continue
        for fixed, said in ((NO, "never"), (YES, "always")):
            # Without routes: one destination that differs is enough, and those that ask for the fact differ first.
            other = Compiled((), card.policy.derived, compiled.space, {rule.id: fixed})
            if all(
                aim.state == other.aim_state(other.state(aim.rule.when, aim.rule.unless), aim.target.when)
                for aim in sorted(compiled.aims, key=lambda aim: not _asks(aim.rule, rule.id))
            ):
                message = (
                    f"expected a rule that depends on it, found none: every decision is the same if it is {said} yes"
                )
                yield Found("dead-fact", DERIVED_FILE, f"derived.{rule.id}", message, card.smallest(where))
                break


def _asks(rule: Meldroute, fact: str) -> bool:
    return any(test.fact == fact for line in rule.when for test in line)
