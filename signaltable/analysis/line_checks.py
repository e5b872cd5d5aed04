"""Lines, tests and values of a rule that do nothing: the rest of the rule says the same without them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from signaltable.analysis.card import Card, advises, advises_not
from signaltable.analysis.compiled import AtPoint, Lines, Slot
from signaltable.analysis.found import Found
from signaltable.analysis.space import NO
from signaltable.facts import FACTS, parse_facts
from signaltable.policy_shapes import DerivedFact, FactTest


def check_slot(card: Card, slot: Slot) -> Iterator[Found]:
    """Everything in one `when` or `unless` that never holds or changes nothing, the last of two equal parts first."""
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


def _matters(card: Card, slot: Slot, having: Lines, lacking: Lines, *telling: Sequence[FactTest]) -> bool:
    """Whether the rule says something else with other lines; `telling` are lines on whose facts that may show."""
    changed = [line for lines, others in ((having, lacking), (lacking, having)) for line in lines if line not in others]
    if any(_shows(card, slot, having, lacking, line) for line in (*telling, *changed)):
        return True
    pairs = zip(slot.states(having), slot.states(lacking), strict=True)
    return any(card.compiled.matters(one, other) for one, other in pairs)


def _shows(card: Card, slot: Slot, having: Lines, lacking: Lines, line: Sequence[FactTest]) -> bool:
    """Whether the fewest facts on which a line holds show the difference; mostly they do, and no diagram is built."""
    compiled, diagrams = card.compiled, card.compiled.space.diagrams
    where = compiled.where_held(compiled.line(line))
    for facts in (where, compiled.both([where, compiled.where_held(compiled.any_line(slot.rule.when))])):
        given = diagrams.smallest(facts, wanted=True, groups=compiled.space.groups)
        if given is None:
            continue
        here = AtPoint(compiled, given)
        states = next(one.states for one in here.slots_of(slot.rule, slot.file) if one.key == slot.key)
        if any(here.matters(*pair) for pair in zip(states(having), states(lacking), strict=True)):
            return True
    return False


def _line_never(card: Card, slot: Slot, place: int, tests: Sequence[FactTest]) -> Found | None:
    """A line that holds on no facts, or (not in an `unless`) only where the rule does not lead anywhere."""
    compiled = card.compiled
    key = f"{slot.key}.{place}"
    where = compiled.where_held(compiled.line(tests))
    if compiled.is_empty(where):
        facts, why = nearest(card, tests)
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
        alone = [*line[:number], test.model_copy(update={"value": (value,)}), *line[number + 1 :]]
        if not _matters(card, slot, slot.lines, others, alone) and not _matters(card, slot, others, slot.lines):
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
    return card.found(kind, slot.file, key, message, facts, advises(name) if expected else advises_not(name))


def nearest(card: Card, tests: Sequence[FactTest]) -> tuple[dict[str, Any], str]:
    """Facts on which the tests hold up to the first that cannot join the others, and which one that is."""
    compiled = card.compiled
    for place, test in enumerate(tests):
        if compiled.is_empty(compiled.where_held(compiled.line(tests[: place + 1]))):
            facts = card.smallest(compiled.where_held(compiled.line(tests[:place])))
            return facts, f"{_said(test)} can{' ' if place == 0 else ' then '}never hold"
    return card.smallest(compiled.where_held(compiled.line(tests))), "nothing else lets it"


def _said(test: FactTest) -> str:
    return f"{test.fact} {test.op} {list(test.value) if isinstance(test.value, tuple) else test.value}"
