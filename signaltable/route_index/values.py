"""What a compiled set of meldroutes gives, and the parts it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from signaltable.facts import Value
from signaltable.policy_shapes import FactTest, Meldroute, Target
from signaltable.texts import Text

Alternatives = Sequence[Sequence[FactTest]]
# The answers that are known, by the name of the fact.
Known = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Route:
    """One advised destination: the rule that says so, how soon, for which purpose, why, and where that is written."""

    id: str
    destination: str
    urgency: str
    purpose: str
    reason: Text
    source: str


@dataclass(frozen=True, slots=True)
class Question:
    """A fact that is not known and whose answer could change the outcome of the rules named."""

    fact: str
    why: Text
    rules: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sentences:
    """The sentences around a question; `{routes}` and `{count}` are filled in."""

    leads_to: Text
    cancels: Text
    more: Text


@dataclass(frozen=True, slots=True)
class Applied:
    """One destination of one rule, at its place in the order of the advice."""

    place: int
    rule: Meldroute
    target: Target

    @property
    def route(self) -> Route:
        """What is advised when it holds."""
        rule = self.rule
        return Route(rule.id, self.target.destination, rule.urgency, self.target.purpose, rule.reason, rule.source)
