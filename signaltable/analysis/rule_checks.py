"""Meldroutes and derived facts that never hold, and destinations that are never reached or given twice."""

from collections.abc import Iterator, Sequence

from signaltable.analysis.card import DERIVED_FILE, Card, Gives, advises, advises_not, where_any
from signaltable.analysis.compiled import Aim, Compiled
from signaltable.analysis.found import Found
from signaltable.analysis.line_checks import check_slot, nearest
from signaltable.policy_shapes import Meldroute


def check_time(card: Card) -> Iterator[Found]:
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
            advises_not(rule.id),
        )


def check_meldroutes(card: Card) -> Iterator[Found]:
    """Meldroutes that never hold, and the parts of the others that do nothing."""
    for rule in card.compiled.routes:
        file = card.file(rule)
        if card.compiled.is_empty(card.held(rule)):
            yield _never(card, rule, file)
            continue
        for slot in card.compiled.slots(rule, file):
            yield from check_slot(card, slot)
        yield from _targets(card, rule, file)


def _never(card: Card, rule: Meldroute, file: str) -> Found:
    """A rule that holds on no facts: because of its `when`, of its `unless`, or of the `when` of its destinations."""
    compiled = card.compiled
    wanted = compiled.where_held(compiled.any_line(rule.when))
    if compiled.is_empty(wanted):
        facts, why = nearest(card, rule.when[0])
        return card.found(
            "never-fires",
            file,
            "when",
            f"expected facts on which {rule.id} holds, found none: {why}",
            facts,
            advises_not(rule.id),
        )
    own = compiled.where_held(compiled.state(rule.when, rule.unless))
    if compiled.is_empty(own):
        message = f"expected facts on which {rule.id} holds, found none: wherever when holds, unless takes it away"
        return card.found("never-fires", file, "unless", message, card.smallest(wanted), advises_not(rule.id))
    message = f"expected facts on which {rule.id} leads somewhere, found none: no when of a destination goes with it"
    return card.found("never-fires", file, "to", message, card.smallest(own), advises_not(rule.id))


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
        if aim.place not in gone and compiled.within(where, where_any(compiled, others)):
            gone.add(aim.place)
            message = f"expected another destination or purpose: {rule.id} leads there already on these facts"
            yield card.found(
                "changes-nothing", file, f"to.{aim.place}", message, card.smallest(where), advises(rule.id)
            )


def _leads_no_more_than(aim: Aim, aims: Sequence[Aim]) -> Gives:
    """Whether a decision gives this end of a rule no more often than the other ends that look the same can."""
    named = (aim.rule.id, aim.target.destination, aim.target.purpose)
    others = sum(_same_end(one, aim) for one in aims) - 1
    return lambda said: [(route.id, route.destination, route.purpose) for route in said.routes].count(named) <= others


def _same_end(one: Aim, other: Aim) -> bool:
    return (one.target.destination, one.target.purpose) == (other.target.destination, other.target.purpose)


def check_derived(card: Card) -> Iterator[Found]:
    """Derived facts that are never yes or always the same as another, and their parts that do nothing."""
    compiled = card.compiled
    seen: dict[int, str] = {}
    for rule in card.policy.derived.values():
        key = f"derived.{rule.id}"
        state = compiled.derived[rule.id]
        if compiled.is_empty(compiled.where_held(state)):
            wanted = compiled.where_held(compiled.any_line(rule.when))
            facts, why = (
                nearest(card, rule.when[0])
                if compiled.is_empty(wanted)
                else (card.smallest(wanted), "wherever when holds, unless takes it away")
            )
            yield Found(
                "never-fires", DERIVED_FILE, key, f"expected facts on which it is yes, found none: {why}", facts
            )
            continue
        for slot in compiled.derived_slots(rule, DERIVED_FILE):
            yield from check_slot(card, slot)
        if state in seen:
            message = f"expected another condition than {seen[state]} has: both are always the same"
            yield Found("duplicate", DERIVED_FILE, key, message, card.smallest(compiled.where_held(state)))
        seen.setdefault(state, rule.id)
