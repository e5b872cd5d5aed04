"""Facts and rules in, advice out: every meldroute that holds, and the questions whose answers could change that.

Three-valued logic (Kleene): a test about a fact that is not known is neither true nor false. A route is advised only when
its rule surely holds and nothing surely forbids it; whatever is left open becomes a question. Advice is never a decision
about a person (GDPR art. 22): the owner of the signal decides.

The rules are compiled once per set of rules and per interval in which they do not change (`route_index`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable.facts import Facts
from signaltable.policy import PolicySet
from signaltable.route_index import Question, Route

__all__ = ["Decision", "Question", "Route", "decide", "merge", "routes", "to_json"]


@dataclass(frozen=True, slots=True)
class Decision:
    """The advice for one set of facts under exactly one set of rules."""

    routes: tuple[Route, ...]
    questions: tuple[Question, ...]
    policy_digest: str


def decide(facts: Facts, policy: PolicySet, *, on: date) -> Decision:
    """All routes that the rules valid on this day advise, most urgent first, and what to ask next.

    The same facts, rules and day always give the same decision, in the same order. Nothing known gives no route.
    """
    advised, asked = policy.route_tables.on(on).decide(facts.values)
    return Decision(advised, asked, policy.digest)


def routes(facts: Facts, policy: PolicySet, on: date) -> tuple[Route, ...]:
    """The routes of `decide` without the questions: for lists and comparisons, several times as fast."""
    return policy.route_tables.on(on).routes(facts.values)


def to_json(decision: Decision, lang: str) -> dict[str, Any]:
    """The decision as `signaltable route` prints it, with the texts in one language."""
    return {
        "routes": [
            {
                "id": route.id,
                "destination": route.destination,
                "urgency": route.urgency,
                "reason": route.reason.in_language(lang),
                "source": route.source,
            }
            for route in decision.routes
        ],
        "questions": [{"fact": asked.fact, "why": asked.why.in_language(lang)} for asked in decision.questions],
        "policy_digest": decision.policy_digest,
    }


def merge(decisions: Sequence[Decision], policy: PolicySet) -> Decision:
    """One advice out of several (a signal may be about several people): each route and each question once.

    A question that one decision asks stands even when another knows the answer: it is about another person. Raises
    ValueError without a decision, since there would be no digest to name.
    """
    if not decisions:
        raise ValueError("expected at least one decision")
    advised = {(route.id, route.destination): route for decision in decisions for route in decision.routes}
    questions: dict[str, Question] = {}
    for decision in decisions:
        for question in decision.questions:
            questions.setdefault(question.fact, question)
    number = {rule.id: rule.number for rule in policy.meldroutes}
    ordered = sorted(advised.values(), key=lambda route: (policy.urgencies[route.urgency].order, number[route.id]))
    return Decision(tuple(ordered), tuple(questions.values()), decisions[0].policy_digest)
