"""The advice of the meldroutekaart on a stored signal: that of the day of submitting, and what was added since.

Links add to it, and that the case is stuck (M20).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from signaltable import route
from signaltable.facts import Facts, parse_facts
from signaltable.flow import linking
from signaltable.flow.escalations.ending import is_stuck
from signaltable.models import Signal
from signaltable.queries import subjects_of
from signaltable.texts import Text, by_code
from signaltable.transaction import Transaction


@dataclass(frozen=True, slots=True)
class AdvisedRoute:
    """A route of the meldroutekaart: to whom, how soon, why. `new`: not in the advice of the day of submitting."""

    id: str
    destination: str
    title: Text
    urgency: str
    reason: Text
    source: str
    new: bool = False


@dataclass(frozen=True, slots=True)
class ToAsk:
    """A fact that is not known and could change the advice."""

    fact: str
    ask: Text
    why: Text


@dataclass(frozen=True, slots=True)
class Advice:
    """The advice of the day of submitting, what linked signals add to it now, and what to ask next.

    `withheld`: there may be advice, but no ground lets this reader have it; everything else is empty then.
    """

    frozen: tuple[AdvisedRoute, ...]
    added: tuple[AdvisedRoute, ...]
    questions: tuple[ToAsk, ...]
    linked_agencies: int
    withheld: bool = False

    @property
    def routes(self) -> tuple[AdvisedRoute, ...]:
        """All advised routes, those of today last."""
        return (*self.frozen, *self.added)


WITHHELD: Final = Advice((), (), (), 0, withheld=True)


def advice_of(tx: Transaction, signal: Signal) -> Advice:
    """The advice that was kept with the signal, and what confirmed links and a case that is stuck add to it today."""
    frozen = tuple(_frozen_routes(tx, signal.advice.get("routes", ())))
    linked = linking.agencies_around(tx, signal.id)
    if not linked and not is_stuck(tx, signal.id):
        asked = signal.advice.get("questions", ())
        kept = [(one["fact"], Text(one["why"]["nl"], one["why"]["en"])) for one in asked]
        return Advice(frozen, (), tuple(_to_ask(tx, kept)), 0)
    now = of_today(tx, signal)[1]
    before = {(one.id, one.destination) for one in frozen}
    added = tuple(_new_route(tx, one) for one in now.routes if (one.id, one.destination) not in before)
    return Advice(frozen, added, tuple(_to_ask(tx, [(one.fact, one.why) for one in now.questions])), linked)


def _new_route(tx: Transaction, one: route.Route) -> AdvisedRoute:
    title = _destination(tx, one.destination)
    return AdvisedRoute(one.id, one.destination, title, one.urgency, one.reason, one.source, new=True)


def _frozen_routes(tx: Transaction, routes: Iterable[Mapping[str, Any]]) -> Iterable[AdvisedRoute]:
    for one in routes:
        reason = Text(one["reason"]["nl"], one["reason"]["en"])
        title = _destination(tx, one["destination"])
        yield AdvisedRoute(one["id"], one["destination"], title, one["urgency"], reason, one["source"])


def of_today(tx: Transaction, signal: Signal) -> tuple[list[Facts], route.Decision]:
    """What is known of each possible victim with the links of today, and the advice on that, as on the day of submitting."""
    people = [one for one in subjects_of(tx, signal.id) if one.kind == "person" and one.role == "possible_victim"]
    # The stored facts are seen from the first possible victim; for the others only age and gender differ.
    shared = {name: value for name, value in signal.facts.items() if name not in {"age", "age_years", "gender"}}
    seen = [dict(signal.facts)]
    seen += [shared | {"age": person.age_band, "gender": person.gender} for person in people[1:]]
    policy, today, linked = tx.program.policy, tx.today, linking.agencies_around(tx, signal.id)
    since: dict[str, Any] = {"linked_agencies": linked} if linked else {}
    since |= {"stuck": "yes"} if is_stuck(tx, signal.id) else {}
    known = [parse_facts(facts | since) for facts in seen]
    return known, route.merge([route.decide(facts, policy, on=today) for facts in known], policy)


def _destination(tx: Transaction, code: str) -> Text:
    found = tx.program.policy.destinations.get(code)
    return found.title if found else by_code(code)


def _to_ask(tx: Transaction, questions: Iterable[tuple[str, Text]]) -> Iterable[ToAsk]:
    for fact, why in questions:
        words = tx.program.policy.facts.get(fact)
        yield ToAsk(fact, words.ask if words else by_code(fact), why)
