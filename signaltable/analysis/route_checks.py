"""What can be proven about a meldroutekaart: for all facts at once, with the smallest facts that show each finding.

Every witness is put to route.decide before it is reported.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from signaltable.analysis.compiled import Aim, Compiled, Lines, Slot
from signaltable.analysis.found import Found, confirm
from signaltable.analysis.space import NO, YES
from signaltable.facts import FACTS, parse_facts
from signaltable.policy import PolicySet
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute
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


def check_routes(policy: PolicySet, on: date) -> Iterator[Found]:
    """Every finding about the meldroutes and derived facts of one day, without those about examples and agencies."""
    card = compile_card(policy, on)
    yield from _gaps(card)
    yield from _contradictions(card)
    yield from _out_of_time(card)
    yield from _derived(card)
    yield from _routes(card)
    doubles = list(_duplicates(card))
    yield from (found for _, found in doubles)
    yield from _covered(card, {id(rule) for rule, _ in doubles})
    yield from _slower(card)
    yield from _later_than_allowed(card)
    yield from _urgencies(card)
    yield from _dead_facts(card)
    yield from _dead_derived(card)


# -- gaps and contradictions ---------------------------------------------------------------------------------------


def _gaps(card: Card) -> Iterator[Found]:
    """Facts on which nothing is advised and nothing is asked; the smallest, for mending one gap often closes others."""
    compiled = card.compiled
    silent = {compiled.where_settled_no(aim.state) for aim in compiled.aims}
    # Joined from the last facts to the first, so that what is there already stays below what comes.
    left = compiled.both(sorted(silent, key=lambda one: sorted(compiled.space.diagrams.variables(one)), reverse=True))
    if compiled.is_empty(left):
        return
    facts = card.smallest(left)
    message = "expected a route or a question, found neither: on these facts the card says nothing"
    yield card.found(
        "gap", "meldroutes", ",".join(facts), message, facts, lambda said: not said.routes and not said.questions
    )


def _contradictions(card: Card) -> Iterator[Found]:
    by_id = {rule.id: rule for rule in card.compiled.routes}
    seen: set[frozenset[str]] = set()
    for rule in card.compiled.routes:
        for name in rule.excludes:
            pair = frozenset({rule.id, name})
            other = by_id.get(name)
            if other is None or pair in seen:
                continue
            seen.add(pair)
            together = card.compiled.both([card.held(rule), card.held(other)])
            if not card.compiled.is_empty(together):
                message = f"expected {rule.id} and {name} never on the same facts, found both here ({card.file(other)})"
                yield card.found(
                    "contradiction", card.file(rule), "excludes", message, card.smallest(together), _advises(*pair)
                )


def _advises(*rules: str) -> Gives:
    return lambda said: set(rules) <= {route.id for route in said.routes}


def _advises_not(rule: str) -> Gives:
    return lambda said: rule not in {route.id for route in said.routes}


# -- what never happens --------------------------------------------------------------------------------------------


def _out_of_time(card: Card) -> Iterator[Found]:
    """Rules of which no version counts on the day asked."""
    current = {rule.id for rule in card.compiled.routes}
    latest = {rule.id: rule for rule in card.policy.meldroutes}  # in order of time, so the last one stays
    for rule in latest.values():
        if rule.id in current:
            continue
        over = rule.valid_until is not None and rule.valid_until < card.on
        when = f"it ended on {rule.valid_until}" if over else f"it begins on {rule.valid_from}"
        compiled = Compiled((rule,), card.policy.derived)
        where = compiled.either(compiled.where_held(aim.state) for aim in compiled.aims)
        yield card.found(
            "never-fires",
            card.file(rule),
            "valid_until" if over else "valid_from",
            f"expected a version of {rule.id} that counts on {card.on}, found none: {when}",
            compiled.space.smallest(where) or {},
            _advises_not(rule.id),
        )


def _routes(card: Card) -> Iterator[Found]:
    for rule in card.compiled.routes:
        file = card.file(rule)
        if card.compiled.is_empty(card.held(rule)):
            yield _never(card, rule, file)
            continue
        for slot in card.compiled.slots(rule, file):
            yield from _slot(card, slot)
        yield from _targets(card, rule, file)


def _never(card: Card, rule: Meldroute, file: str) -> Found:
    """A rule that holds on no facts: because of its `when`, of its `unless`, or of the `when` of its destinations."""
    compiled = card.compiled
    wanted = compiled.where_held(compiled.any_line(rule.when))
    if compiled.is_empty(wanted):
        facts, why = _nearest(card, rule.when[0])
        return card.found(
            "never-fires",
            file,
            "when",
            f"expected facts on which {rule.id} holds, found none: {why}",
            facts,
            _advises_not(rule.id),
        )
    own = compiled.where_held(compiled.state(rule.when, rule.unless))
    if compiled.is_empty(own):
        message = f"expected facts on which {rule.id} holds, found none: wherever when holds, unless takes it away"
        return card.found("never-fires", file, "unless", message, card.smallest(wanted), _advises_not(rule.id))
    message = f"expected facts on which {rule.id} leads somewhere, found none: no when of a destination goes with it"
    return card.found("never-fires", file, "to", message, card.smallest(own), _advises_not(rule.id))


def _nearest(card: Card, tests: Sequence[FactTest]) -> tuple[dict[str, Any], str]:
    """Facts on which the tests hold up to the first that cannot join the others, and which one that is."""
    compiled = card.compiled
    for place, test in enumerate(tests):
        if compiled.is_empty(compiled.where_held(compiled.line(tests[: place + 1]))):
            facts = card.smallest(compiled.where_held(compiled.line(tests[:place])))
            return facts, f"{_said(test)} can{' ' if place == 0 else ' then '}never hold"
    return card.smallest(compiled.where_held(compiled.line(tests))), "nothing else lets it"


def _said(test: FactTest) -> str:
    return f"{test.fact} {test.op} {list(test.value) if isinstance(test.value, tuple) else test.value}"


# -- lines, tests and values that do nothing -----------------------------------------------------------------------


def _slot(card: Card, slot: Slot) -> Iterator[Found]:
    lines = list(slot.lines)
    idle: set[int] = set()
    for place, tests in enumerate(lines):
        found = _line_never(card, slot, place, tests)
        if found:
            idle.add(place)
            yield found
    for place in reversed(range(len(lines))):
        if place in idle:
            continue
        others = [tests for number, tests in enumerate(lines) if number != place and number not in idle]
        kept = [*others, lines[place]]
        # The only line of a `when` cannot be left out; without lines a destination always follows.
        may_go = bool(others) or slot.takes_away or slot.key.startswith("to.")
        if may_go and not _matters(card, slot, kept, others):
            idle.add(place)
            yield _idle(card, slot, f"{place}", "the others do the same without this line", lines[place])
    for place, tests in enumerate(lines):
        if place not in idle:
            yield from _tests(card, slot, place, tests)


def _matters(card: Card, slot: Slot, having: Lines, lacking: Lines) -> bool:
    pairs = zip(slot.states(having), slot.states(lacking), strict=True)
    return any(card.compiled.matters(one, other) for one, other in pairs)


def _line_never(card: Card, slot: Slot, place: int, tests: Sequence[FactTest]) -> Found | None:
    """A line that holds on no facts, or (not in an `unless`) only where the rule does not lead anywhere."""
    compiled = card.compiled
    key = f"{slot.key}.{place}"
    where = compiled.where_held(compiled.line(tests))
    if compiled.is_empty(where):
        facts, why = _nearest(card, tests)
        return _about(
            card, slot, "never-fires", key, f"expected facts on which this line holds, found none: {why}", facts
        )
    if slot.takes_away:
        return None
    used = compiled.either(compiled.where_held(state) for state in slot.states([tests]))
    if not compiled.is_empty(used):
        return None
    message = "expected facts on which this line leads somewhere, found none: the rest of the rule never goes with it"
    return _about(card, slot, "never-fires", key, message, card.smallest(where))


def _tests(card: Card, slot: Slot, place: int, tests: Sequence[FactTest]) -> Iterator[Found]:
    """Tests that the rest of their line makes needless, tests that every answer passes, and values without effect."""
    left = list(enumerate(tests))
    for number, test in reversed(list(enumerate(tests))):
        key = f"{place}.{number}"
        if _every_answer_passes(card, test):
            yield _idle(card, slot, key, "every answer passes this test", tests)
            continue
        rest = [one for one in left if one[0] != number]
        if rest and not _matters(card, slot, _with(slot, place, left), _with(slot, place, rest)):
            left = rest
            yield _idle(card, slot, key, "the rest of the line says so already", tests)
    for number, test in left:
        yield from _values(card, slot, place, number, test)


def _with(slot: Slot, place: int, tests: Sequence[tuple[int, FactTest]]) -> Lines:
    return [[test for _, test in tests] if number == place else line for number, line in enumerate(slot.lines)]


def _values(card: Card, slot: Slot, place: int, number: int, test: FactTest) -> Iterator[Found]:
    if not isinstance(test.value, tuple) or len(test.value) == 1:
        return
    line = list(slot.lines[place])
    for index, value in enumerate(test.value):
        fewer = test.model_copy(update={"value": (*test.value[:index], *test.value[index + 1 :])})
        narrower = [*line[:number], fewer, *line[number + 1 :]]
        others = [narrower if at == place else tests for at, tests in enumerate(slot.lines)]
        if not _matters(card, slot, slot.lines, others) and not _matters(card, slot, others, slot.lines):
            key = f"{place}.{number}.value.{index}"
            yield _idle(card, slot, key, f"without {value} the rule says the same", line)


def _every_answer_passes(card: Card, test: FactTest) -> bool:
    """Whether a choice or a number can only pass. "Some item" of a list is a way to ask whether there is any."""
    return test.fact in FACTS and FACTS[test.fact].kind != "list" and NO not in _outcomes(card, test)


def _outcomes(card: Card, test: FactTest) -> frozenset[Any]:
    return card.compiled.space.diagrams.outcomes(card.compiled.test(test))


def _idle(card: Card, slot: Slot, key: str, why: str, tests: Sequence[FactTest]) -> Found:
    compiled = card.compiled
    where = compiled.where_held(compiled.line(tests))
    used = compiled.both([where, compiled.either(compiled.where_held(state) for state in slot.states(slot.lines))])
    facts = card.smallest(where if compiled.is_empty(used) else used)
    does = "takes something away" if slot.takes_away else "makes a difference"
    return _about(card, slot, "changes-nothing", f"{slot.key}.{key}", f"expected a part that {does}; {why}", facts)


def _about(card: Card, slot: Slot, kind: str, key: str, message: str, facts: Mapping[str, Any]) -> Found:
    """A finding about part of a rule. What the engine says of a meldroute on the witness is what the diagrams say."""
    if isinstance(slot.rule, DerivedFact):
        return Found(kind, slot.file, key, message, facts)
    given = card.compiled.space.assignment(parse_facts(facts))
    expected = card.compiled.space.diagrams.value(card.held(slot.rule), given)
    name = slot.rule.id
    return card.found(kind, slot.file, key, message, facts, _advises(name) if expected else _advises_not(name))


def _targets(card: Card, rule: Meldroute, file: str) -> Iterator[Found]:
    """Destinations of a rule that are never reached, or that another one of the same rule gives already."""
    compiled = card.compiled
    aims = [aim for aim in compiled.aims if aim.rule is rule]
    gone: set[int] = set()
    for aim in aims:
        where, key = compiled.where_held(aim.state), f"to.{aim.place}"
        if compiled.is_empty(where):
            gone.add(aim.place)
            if all(compiled.is_empty(compiled.where_held(compiled.line(tests))) for tests in aim.target.when):
                continue  # Each of its lines was reported as one that never holds.
            own = card.smallest(card.held(rule))
            message = f"expected facts on which {rule.id} leads to {aim.target.destination}, found none"
            yield card.found("never-fires", file, f"{key}.when", message, own, _leads_no_more_than(aim, aims))
    for aim in reversed(aims):
        others = [one for one in aims if one.place not in {aim.place, *gone} and _same_end(one, aim)]
        where = compiled.where_held(aim.state)
        if aim.place not in gone and compiled.within(where, _where_any(compiled, others)):
            gone.add(aim.place)
            message = f"expected another destination or purpose: {rule.id} leads there already on these facts"
            yield card.found(
                "changes-nothing", file, f"to.{aim.place}", message, card.smallest(where), _advises(rule.id)
            )


def leads_to(aim: Aim) -> Gives:
    """Whether a decision gives this very destination of this rule."""
    named = (aim.rule.id, aim.target.destination, aim.target.purpose)
    return lambda said: named in {(route.id, route.destination, route.purpose) for route in said.routes}


def _leads_no_more_than(aim: Aim, aims: Sequence[Aim]) -> Gives:
    """Whether a decision gives this end of a rule no more often than the other ends that look the same can."""
    named = (aim.rule.id, aim.target.destination, aim.target.purpose)
    others = sum(_same_end(one, aim) for one in aims) - 1
    return lambda said: [(route.id, route.destination, route.purpose) for route in said.routes].count(named) <= others


def _same_end(one: Aim, other: Aim) -> bool:
    return (one.target.destination, one.target.purpose) == (other.target.destination, other.target.purpose)


def _where_any(compiled: Compiled, aims: Sequence[Aim]) -> int:
    return compiled.either(compiled.where_held(aim.state) for aim in aims)


def _derived(card: Card) -> Iterator[Found]:
    compiled = card.compiled
    seen: dict[int, str] = {}
    for rule in card.policy.derived.values():
        key = f"derived.{rule.id}"
        state = compiled.derived[rule.id]
        if compiled.is_empty(compiled.where_held(state)):
            wanted = compiled.where_held(compiled.any_line(rule.when))
            facts, why = (
                _nearest(card, rule.when[0])
                if compiled.is_empty(wanted)
                else (card.smallest(wanted), "wherever when holds, unless takes it away")
            )
            yield Found(
                "never-fires", DERIVED_FILE, key, f"expected facts on which it is yes, found none: {why}", facts
            )
            continue
        for slot in compiled.derived_slots(rule, DERIVED_FILE):
            yield from _slot(card, slot)
        if state in seen:
            message = f"expected another condition than {seen[state]} has: both are always the same"
            yield Found("duplicate", DERIVED_FILE, key, message, card.smallest(compiled.where_held(state)))
        seen.setdefault(state, rule.id)


# -- rules beside each other ---------------------------------------------------------------------------------------


def _ends(card: Card, rule: Meldroute) -> dict[tuple[str, str], int]:
    """Where a rule leads to each of its destinations and purposes."""
    compiled = card.compiled
    ends: dict[tuple[str, str], list[Aim]] = {}
    for aim in compiled.aims:
        if aim.rule is rule:
            ends.setdefault((aim.target.destination, aim.target.purpose), []).append(aim)
    where = {end: _where_any(compiled, aims) for end, aims in ends.items()}
    return {end: diagram for end, diagram in where.items() if not compiled.is_empty(diagram)}


def _duplicates(card: Card) -> Iterator[tuple[Meldroute, Found]]:
    """Pairs of rules with the same destinations on the same facts, however they are written; told of the later one."""
    seen: dict[frozenset[tuple[tuple[str, str], int]], Meldroute] = {}
    for rule in card.compiled.routes:
        ends = frozenset(_ends(card, rule).items())
        earlier = seen.setdefault(ends, rule)
        if ends and earlier is not rule:
            facts = card.smallest(card.held(rule))
            message = f"expected another condition or destination than {earlier.id} has ({card.file(earlier)}), found the same on all facts"
            yield rule, card.found("duplicate", card.file(rule), "when", message, facts, _advises(rule.id, earlier.id))


def _covered(card: Card, doubles: set[int]) -> Iterator[Found]:
    """Rules that others make needless: wherever they hold, each destination and purpose is given, at least as soon."""
    compiled = card.compiled
    left = [rule for rule in compiled.routes if id(rule) not in doubles]
    for rule in reversed(list(left)):
        ends = _ends(card, rule)
        others = [one for one in left if one is not rule and card.order(one) <= card.order(rule)]
        given = [_ends(card, one) for one in others]
        if ends and all(
            _is_covered(card, where, [one[end] for one in given if end in one]) for end, where in ends.items()
        ):
            left.remove(rule)
            message = "expected a destination or purpose that other rules do not give there already, at least as soon"
            facts = card.smallest(card.held(rule))
            yield card.found(
                "changes-nothing", card.file(rule), "to", message, facts, _given_by_others(rule, card.policy)
            )


def _is_covered(card: Card, where: int, others: Sequence[int]) -> bool:
    """Whether a set lies within the others together. Its smallest facts mostly show at once that it does not."""
    compiled = card.compiled
    given = compiled.space.assignment(parse_facts(card.smallest(where)))
    if not any(compiled.space.diagrams.value(other, given) for other in others):
        return False
    left = where
    for other in others:
        left = compiled.without(left, other)
        if compiled.is_empty(left):
            return True
    return False


def _given_by_others(rule: Meldroute, policy: PolicySet) -> Gives:
    def gives(said: Decision) -> bool:
        order = policy.urgencies[rule.urgency].order
        own = {(route.destination, route.purpose) for route in said.routes if route.id == rule.id}
        others = {
            (route.destination, route.purpose)
            for route in said.routes
            if route.id != rule.id and policy.urgencies[route.urgency].order <= order
        }
        return bool(own) and own <= others

    return gives


def _slower(card: Card) -> Iterator[Found]:
    """A rule for fewer facts than another with the same destination, yet less urgent: the special case waits longer."""
    compiled = card.compiled
    for one in compiled.aims:
        for other in compiled.aims:
            if one.rule is other.rule or one.target.destination != other.target.destination:
                continue
            where = compiled.where_held(one.state)
            if (
                card.order(one.rule) > card.order(other.rule)
                and not compiled.is_empty(where)
                and compiled.within(where, compiled.where_held(other.state))
            ):
                message = (
                    f"expected an urgency as soon as {other.rule.urgency}: wherever {one.rule.id} leads to "
                    f"{one.target.destination}, so does {other.rule.id} ({card.file(other.rule)}), found {one.rule.urgency}"
                )
                rules = (one.rule.id, other.rule.id)
                yield card.found(
                    "urgency-order", card.file(one.rule), "urgency", message, card.smallest(where), _advises(*rules)
                )
                break


def _later_than_allowed(card: Card) -> Iterator[Found]:
    """Rules less urgent than the purpose of one of their destinations allows."""
    for aim in card.compiled.aims:
        limit = card.policy.purposes[aim.target.purpose].at_latest
        where = card.compiled.where_held(aim.state)
        if limit is None or card.compiled.is_empty(where):
            continue
        if card.order(aim.rule) > card.policy.urgencies[limit].order:
            message = f"expected {limit} or sooner for purpose {aim.target.purpose}, found {aim.rule.urgency}"
            yield card.found(
                "urgency-order", card.file(aim.rule), "urgency", message, card.smallest(where), _advises(aim.rule.id)
            )


def _urgencies(card: Card) -> Iterator[Found]:
    """A later place in the order may not mean fewer working days."""
    before = None
    for urgency in sorted(card.policy.urgencies.values(), key=lambda one: one.order):
        if before is not None and urgency.working_days < before.working_days:
            message = (
                f"expected at least {before.working_days} working days after {before.id} in the order, "
                f"found {urgency.working_days}"
            )
            yield _urgency(card, urgency.id, message)
        before = urgency


def _urgency(card: Card, name: str, message: str) -> Found:
    """With the smallest facts on which a rule of this urgency holds, when there is one."""
    held = [(rule, card.held(rule)) for rule in card.compiled.routes if rule.urgency == name]
    shown = [(rule, where) for rule, where in held if not card.compiled.is_empty(where)]
    key = f"urgency.{name}.working_days"
    if not shown:
        return Found("urgency-order", "urgencies.toml", key, message)
    rule, where = shown[0]
    return card.found("urgency-order", "urgencies.toml", key, message, card.smallest(where), _advises(rule.id))


# -- facts that do nothing -----------------------------------------------------------------------------------------


def _dead_facts(card: Card) -> Iterator[Found]:
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


def _dead_derived(card: Card) -> Iterator[Found]:
    """Derived facts that could as well be always yes, or always no."""
    compiled = card.compiled
    for rule in card.policy.derived.values():
        where = compiled.where_held(compiled.derived[rule.id])
        if compiled.is_empty(where):
            continue
        for fixed, said in ((NO, "never"), (YES, "always")):
            other = Compiled(compiled.routes, card.policy.derived, compiled.space, {rule.id: fixed})
            pairs = zip(compiled.aims, other.aims, strict=True)
            if all(one.state == two.state for one, two in pairs):
                message = (
                    f"expected a rule that depends on it, found none: every decision is the same if it is {said} yes"
                )
                yield Found("dead-fact", DERIVED_FILE, f"derived.{rule.id}", message, card.smallest(where))
                break
