"""The meldroutes compiled: which of them hold is one addition per known fact, what to ask is a few look-ups.

Two forms of the same rules, both exact: `clauses` for the routes alone, `questions` for routes and questions. Whole
answers are never kept; what is looked up belongs to a few rules or to the words of one question.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import date, timedelta

from signaltable.policy_shapes import DerivedFact, Meldroute, Urgency
from signaltable.route_index.clauses import ClauseIndex
from signaltable.route_index.questions import QuestionIndex
from signaltable.route_index.values import Applied, Question, Route, Sentences

__all__ = ["Question", "Route", "RouteIndex", "RouteTables", "Sentences"]


class RouteIndex:
    """The rules that count on one day, most urgent first. Each form is made when it is first needed."""

    def __init__(self, rules: Sequence[Meldroute], derived: Mapping[str, DerivedFact], sentences: Sentences) -> None:
        pairs = [(rule, target) for rule in rules for target in rule.to]
        applied = [Applied(place, rule, target) for place, (rule, target) in enumerate(pairs)]
        self.routes = ClauseIndex(applied, derived).routes
        self.decide = QuestionIndex(applied, derived, sentences).decide


class RouteTables:
    """One index for every interval in which the same rules count, made when a day in it is first asked for."""

    def __init__(
        self,
        rules: Sequence[Meldroute],
        derived: Mapping[str, DerivedFact],
        urgencies: Mapping[str, Urgency],
        sentences: Sentences,
    ) -> None:
        self._rules = rules
        self._derived = derived
        self._urgencies = urgencies
        self._sentences = sentences
        ends = (rule.valid_until for rule in rules if rule.valid_until is not None and rule.valid_until < date.max)
        self._changes = sorted({rule.valid_from for rule in rules} | {end + timedelta(days=1) for end in ends})
        self._made: dict[int, RouteIndex] = {}

    def on(self, day: date) -> RouteIndex:
        """The rules that count on this day."""
        interval = bisect_right(self._changes, day)
        return self._made.get(interval) or self._make(interval, day)

    def _make(self, interval: int, day: date) -> RouteIndex:
        valid = [rule for rule in self._rules if rule.is_valid(day)]
        valid.sort(key=lambda rule: (self._urgencies[rule.urgency].order, rule.number))
        made = self._made[interval] = RouteIndex(valid, self._derived, self._sentences)
        return made
