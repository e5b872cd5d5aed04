"""Which told signals would be advised otherwise under other rules: in numbers, and by the fewest facts that show it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from signaltable import route
from signaltable.facts import FACTS, Facts, Value
from signaltable.policy import PolicySet

Told = Sequence[Facts]


@dataclass(frozen=True, slots=True)
class Moved:
    """How many signals gain and how many lose something."""

    gained: int
    lost: int


@dataclass(frozen=True, slots=True)
class Example:
    """The fewest facts on which the advice differs in this way, and for how many signals it does; never a signal itself.

    `lost` and `gained` read route:destination:urgency.
    """

    facts: Mapping[str, Any]
    count: int
    lost: tuple[str, ...]
    gained: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AdviceChanges:
    """Of `count` signals: how many go to other destinations, how many to the same ones sooner or later, and by what."""

    count: int
    elsewhere: int
    other_urgency: int
    routes: Mapping[str, Moved]
    destinations: Mapping[str, Moved]
    examples: tuple[Example, ...]


@dataclass(slots=True)
class _Advice:
    """Advice under one set of rules on one day, each set of facts decided once."""

    policy: PolicySet
    day: date
    known: dict[str, frozenset[tuple[str, str, str]]] = field(default_factory=dict)

    def on(self, facts: Facts) -> frozenset[tuple[str, str, str]]:
        """Every route, destination and urgency advised on these facts."""
        name = repr(sorted(facts.values.items()))
        if name not in self.known:
            decided = route.decide(facts, self.policy, on=self.day)
            self.known[name] = frozenset((one.id, one.destination, one.urgency) for one in decided.routes)
        return self.known[name]

    def on_all(self, told: Told) -> frozenset[tuple[str, str, str]]:
        """What is advised for one signal, whose people are told of in turn."""
        return frozenset[tuple[str, str, str]]().union(*(self.on(facts) for facts in told))

    def soonest(self, advised: Iterable[tuple[str, str, str]]) -> dict[str, int]:
        """Destination -> the order of its most urgent route."""
        orders: dict[str, int] = {}
        for _, destination, urgency in advised:
            order = self.policy.urgencies[urgency].order
            orders[destination] = min(order, orders.get(destination, order))
        return orders


def advice_changes(told: Iterable[Told], old: PolicySet, new: PolicySet, *, on: date) -> AdviceChanges:
    """What both sets of rules advise on `on` for each signal in `told`, laid side by side."""
    before, after = _Advice(old, on), _Advice(new, on)
    count = elsewhere = other_urgency = 0
    routes, destinations = (Counter[tuple[str, str]](), Counter[tuple[str, str]]())
    examples: Counter[tuple[tuple[tuple[str, Any], ...], tuple[str, ...], tuple[str, ...]]] = Counter()
    for signal in told:
        count += 1
        one, other = before.on_all(signal), after.on_all(signal)
        if one == other:
            continue
        first, second = before.soonest(one), after.soonest(other)
        elsewhere += first.keys() != second.keys()
        other_urgency += first.keys() == second.keys() and first != second
        _tally(routes, {found[0] for found in one}, {found[0] for found in other})
        _tally(destinations, set(first), set(second))
        examples[_example(signal, before, after)] += 1
    return AdviceChanges(
        count=count,
        elsewhere=elsewhere,
        other_urgency=other_urgency,
        routes=_moved(routes),
        destinations=_moved(destinations),
        examples=tuple(
            Example(dict(facts), number, lost, gained)
            for (facts, lost, gained), number in sorted(examples.items(), key=lambda found: (-found[1], str(found[0])))
        ),
    )


def _tally(counter: "Counter[tuple[str, str]]", before: set[str], after: set[str]) -> None:
    counter.update((name, "lost") for name in before - after)
    counter.update((name, "gained") for name in after - before)


def _moved(counter: "Counter[tuple[str, str]]") -> dict[str, Moved]:
    names = sorted({name for name, _ in counter}, key=lambda name: (len(name), name))
    return {name: Moved(counter[name, "gained"], counter[name, "lost"]) for name in names}


def _example(
    told: Told, before: _Advice, after: _Advice
) -> tuple[tuple[tuple[str, Any], ...], tuple[str, ...], tuple[str, ...]]:
    """The fewest facts of one person on which advice differs; of the person for whom it differs."""
    person = next(facts for facts in told if before.on(facts) != after.on(facts))
    fewest = _fewest(person, before, after)
    lost, gained = _difference(fewest, before, after)
    facts = tuple((name, tuple(v) if isinstance(v, list) else v) for name, v in fewest.to_json().items())
    return facts, _named(lost), _named(gained)


_Difference = tuple[frozenset[tuple[str, str, str]], frozenset[tuple[str, str, str]]]


def _difference(facts: Facts, before: _Advice, after: _Advice) -> _Difference:
    one, other = before.on(facts), after.on(facts)
    return one - other, other - one


def _named(found: Iterable[tuple[str, str, str]]) -> tuple[str, ...]:
    return tuple(sorted(":".join(parts) for parts in found))


def _fewest(facts: Facts, before: _Advice, after: _Advice) -> Facts:
    """Without every fact that can be left out while the advice still differs in exactly this way."""
    wanted = _difference(facts, before, after)
    known = dict(facts.normalised().values)
    # Years go first: an age group shows the same and says less about anybody.
    for name in ("age_years", *(other for other in FACTS if other != "age_years")):
        if name not in known:
            continue
        smaller: list[dict[str, Value]] = [{other: value for other, value in known.items() if other != name}]
        value = known[name]
        if isinstance(value, tuple) and len(value) > 1:
            smaller += [{**known, name: (one,)} for one in value]
        known = next((less for less in smaller if _difference(Facts(less), before, after) == wanted), known)
    return Facts(known)
