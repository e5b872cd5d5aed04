"""The meldroutekaart of one day as the analysis looks at it: the rules, the same compiled, and what the engine says."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable.analysis.compiled import Aim, Compiled
from signaltable.analysis.found import Found, confirm
from signaltable.facts import parse_facts
from signaltable.policy import PolicySet
from signaltable.policy_shapes import Meldroute
from signaltable.route import Decision, decide

DERIVED_FILE = "derived.toml"
Gives = Callable[[Decision], bool]


@dataclass(frozen=True, slots=True)
class Card:
    """The rules of one day, compiled, beside the rules themselves."""

    policy: PolicySet
    on: date
    compiled: Compiled

    def order(self, rule: Meldroute) -> int:
        """How urgent a rule is; less is sooner."""
        return self.policy.urgencies[rule.urgency].order

    def file(self, rule: Meldroute) -> str:
        """Where a meldroute stands, relative to policies/."""
        return self.policy.route_files[rule.id, rule.valid_from]

    def decision(self, facts: Mapping[str, Any]) -> Decision:
        """What the engine says."""
        return decide(parse_facts(facts), self.policy, on=self.on)

    def found(self, kind: str, file: str, key: str, message: str, facts: Mapping[str, Any], gives: Gives) -> Found:
        """A finding whose witness the engine confirms."""
        return confirm(Found(kind, file, key, message, facts), lambda: gives(self.decision(facts)))

    def smallest(self, where: int) -> dict[str, Any]:
        """The fewest facts in a set that is not empty."""
        facts = self.compiled.space.smallest(where)
        assert facts is not None, "asked for facts out of an empty set"
        return facts

    def held(self, rule: Meldroute) -> int:
        """Where a meldroute leads anywhere."""
        return self.compiled.either(
            self.compiled.where_held(aim.state) for aim in self.compiled.aims if aim.rule is rule
        )


def compile_card(policy: PolicySet, on: date) -> Card:
    """The meldroutekaart as it counts on a day."""
    return Card(policy, on, Compiled(policy.meldroutes_on(on), policy.derived))


def compile_whole_card(policy: PolicySet, on: date) -> Card:
    """The same with the rules that the region switched off, which still tell why a fact is asked."""
    off = tuple(rule for rule in policy.overlay.rules_off if rule.is_valid(on))
    return Card(policy, on, Compiled((*policy.meldroutes_on(on), *off), policy.derived))


def advises(*rules: str) -> Gives:
    """Whether a decision gives all of these rules."""
    return lambda said: set(rules) <= {route.id for route in said.routes}


def advises_not(rule: str) -> Gives:
    """Whether a decision does not give this rule."""
    return lambda said: rule not in {route.id for route in said.routes}


def leads_to(aim: Aim) -> Gives:
    """Whether a decision gives this very destination of this rule."""
    named = (aim.rule.id, aim.target.destination, aim.target.purpose)
    return lambda said: named in {(route.id, route.destination, route.purpose) for route in said.routes}


def where_any(compiled: Compiled, aims: Iterable[Aim]) -> int:
    """Where at least one of these is reached."""
    return compiled.either(compiled.where_held(aim.state) for aim in aims)
