"""The diagrams against enumeration: on small random rule sets, every answer of the analyser is counted out by hand."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from itertools import product
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from signaltable.analysis.card import compile_card
from signaltable.analysis.diagrams import Diagrams
from signaltable.analysis.found import Found
from signaltable.analysis.route_checks import check_routes
from signaltable.analysis.space import NO, TOGETHER, holds, is_open
from signaltable.facts import FACTS, Facts, parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute, Target
from signaltable.route import Decision, decide
from tests.policies.conftest import POLICIES

TODAY = date(2026, 11, 22)
SHIPPED = load(POLICIES)
# A rule set that goes wrong is small enough as it is; making it smaller means enumerating for minutes.
NO_SHRINK = (Phase.explicit, Phase.reuse, Phase.generate)
# Facts of every kind, among them all that normalising brings together.
ASKED = ("age", "age_years", "unaccompanied_foreign_minor", "victim", "residence", "forms", "linked_agencies")
FORMS = ("sexual", "unknown")
YEARS = (0, 17.5, 18, 23)
AGENCIES = (0, 1, 2)
GIVEN: dict[str, tuple[Any, ...]] = {
    **{name: (None, *FACTS[name].values) for name in ASKED if FACTS[name].kind == "choice"},
    "age_years": (None, *YEARS),
    "linked_agencies": (None, *AGENCIES),
    # What another form besides these says is only that something is known.
    "forms": (None, ["sexual"], ["unknown"], ["sexual", "unknown"], ["criminal"]),
}
DESTINATIONS = ("essm", "avim", "regional-table")
URGENCIES = ("now", "one-working-day", "five-working-days")


def ask_of(name: str) -> st.SearchStrategy[FactTest]:
    fact = FACTS[name]
    if fact.kind == "number":
        values = st.sampled_from((17.5, 18, 23) if name == "age_years" else (1, 2, 1.5))
        return st.builds(FactTest, fact=st.just(name), op=st.sampled_from(("below", "at_least")), value=values)
    words = FORMS if name == "forms" else fact.values
    one, many = ("has", "has_any") if fact.kind == "list" else ("equals", "one_of")
    return st.one_of(
        st.builds(FactTest, fact=st.just(name), op=st.just(one), value=st.sampled_from(words)),
        st.builds(
            FactTest,
            fact=st.just(name),
            op=st.just(many),
            value=st.lists(st.sampled_from(words), min_size=1, max_size=2, unique=True),
        ),
    )


def lines_of(names: list[str], least: int = 1) -> st.SearchStrategy[Any]:
    tests = st.one_of([ask_of(name) if name in FACTS else ask_derived(name) for name in names])
    return st.lists(st.lists(tests, min_size=1, max_size=2).map(tuple), min_size=least, max_size=2).map(tuple)


def ask_derived(name: str) -> st.SearchStrategy[FactTest]:
    return st.just(FactTest(fact=name, op="equals", value="yes"))


@st.composite
def rule_sets(draw: st.DrawFn) -> tuple[list[str], dict[str, DerivedFact], tuple[Meldroute, ...]]:
    names = draw(st.lists(st.sampled_from(ASKED), min_size=1, max_size=2, unique=True))
    derived: dict[str, DerivedFact] = {}
    for number in range(draw(st.integers(0, 2))):
        name = f"follows-{number}"
        known = [*names, *derived]
        derived[name] = DerivedFact(
            id=name, title={"nl": "x", "en": "x"}, when=draw(lines_of(known)), unless=draw(lines_of(known, 0))
        )
    known = [*names, *derived]
    rules = []
    for number in range(draw(st.integers(1, 3))):
        targets = draw(
            st.lists(
                st.builds(
                    Target,
                    destination=st.sampled_from(DESTINATIONS),
                    purpose=st.just("P2"),
                    when=st.one_of(st.just(()), lines_of(known)),
                ),
                min_size=1,
                max_size=2,
            )
        )
        rules.append(
            Meldroute(
                id=f"M{number + 1}",
                title={"nl": "x", "en": "x"},
                valid_from=date(2025, 1, 1),
                urgency=draw(st.sampled_from(URGENCIES)),
                source="x",
                summary_en="x",
                reason={"nl": "x", "en": "x"},
                when=draw(lines_of(known)),
                unless=draw(st.one_of(st.just(()), lines_of(known))),
                excludes=tuple(f"M{other + 1}" for other in range(number)),
                to=tuple(targets),
            )
        )
    return names, derived, tuple(rules)


def with_rules(policy: PolicySet, derived: dict[str, DerivedFact], rules: tuple[Meldroute, ...]) -> PolicySet:
    files = {(rule.id, rule.valid_from): f"meldroutes/{rule.id}.toml" for rule in rules}
    return replace(policy, digest=uuid4().hex, derived=derived, meldroutes=rules, route_files=files)


def all_facts(names: list[str]) -> Iterator[dict[str, Any]]:
    """Every combination of answers; the facts that one rule set looks at, and what normalising adds to them."""
    asked = [name for name in ASKED if name in names or (name in TOGETHER and set(TOGETHER) & set(names))]
    for values in product(*(GIVEN[name] for name in asked)):
        yield {name: value for name, value in zip(asked, values, strict=True) if value is not None}


def decisions(policy: PolicySet, names: list[str]) -> list[tuple[dict[str, Any], Decision]]:
    return [(facts, decide(parse_facts(facts), policy, on=TODAY)) for facts in all_facts(names)]


def ids(decision: Decision) -> set[str]:
    return {route.id for route in decision.routes}


def fewest(seen: list[tuple[dict[str, Any], Decision]], wanted: Any) -> int | None:
    return min((len(facts) for facts, decision in seen if wanted(decision)), default=None)


def found_of(found: list[Found], kind: str, **where: str) -> list[Found]:
    return [
        one for one in found if one.kind == kind and all(getattr(one, name) == said for name, said in where.items())
    ]


@settings(max_examples=60, deadline=None, phases=NO_SHRINK)
@given(made=rule_sets())
def test_diagrams_say_of_all_facts_what_the_engine_says_of_each(made: Any) -> None:
    names, derived, rules = made
    tried = with_rules(SHIPPED, derived, rules)
    compiled = compile_card(tried, TODAY).compiled

    for facts, decision in decisions(tried, names):
        given = compiled.space.assignment(parse_facts(facts))
        states = {(aim.rule.id, aim.place): compiled.space.diagrams.value(aim.state, given) for aim in compiled.aims}
        advised = [aim.rule.id for aim in compiled.aims if holds(states[aim.rule.id, aim.place])]
        asking = {rule for (rule, _), state in states.items() if is_open(state)}
        assert sorted(advised) == sorted(route.id for route in decision.routes), facts
        assert asking == {rule for question in decision.questions for rule in question.rules}, facts


@settings(max_examples=60, deadline=None, phases=NO_SHRINK)
@given(made=rule_sets())
def test_findings_are_those_that_counting_out_gives_with_the_fewest_facts(made: Any) -> None:
    names, derived, rules = made
    tried = with_rules(SHIPPED, derived, rules)
    seen = decisions(tried, names)

    found = list(check_routes(compile_card(tried, TODAY)))

    gaps = found_of(found, "gap")
    assert (len(gaps[0].facts or ()) if gaps else None) == fewest(
        seen, lambda said: not said.routes and not said.questions
    )
    for place, rule in enumerate(rules):
        file = f"meldroutes/{rule.id}.toml"
        fires = fewest(seen, lambda said, rule=rule: rule.id in ids(said))
        never = [one for one in found_of(found, "never-fires", file=file) if one.key in {"when", "unless", "to"}]
        assert bool(never) == (fires is None)
        together = [fewest(seen, lambda said, pair={rule.id, other.id}: pair <= ids(said)) for other in rules[:place]]
        clashes = found_of(found, "contradiction", file=file)
        assert sorted(len(one.facts or ()) for one in clashes) == sorted(size for size in together if size is not None)
        _covered_or_not(found, seen, rule, file, tried)
    for fact in FACTS:
        for one in found_of(found, "dead-fact", file="facts.toml", key=f"fact.{fact}"):
            if "every answer" in one.message:
                assert _answers_alike(seen, fact)
            else:
                assert not _ever_matters(tried, seen, fact)


def _covered_or_not(
    found: list[Found], seen: list[tuple[dict[str, Any], Decision]], rule: Meldroute, file: str, policy: PolicySet
) -> None:
    """Told that a rule changes nothing: then it is so on all facts."""
    if not found_of(found, "changes-nothing", file=file, key="to"):
        return
    order = policy.urgencies[rule.urgency].order
    for _, decision in seen:
        own = {(route.destination, route.purpose) for route in decision.routes if route.id == rule.id}
        others = {
            (route.destination, route.purpose)
            for route in decision.routes
            if route.id != rule.id and policy.urgencies[route.urgency].order <= order
        }
        assert own <= others


def _ever_matters(policy: PolicySet, seen: list[tuple[dict[str, Any], Decision]], fact: str) -> bool:
    for facts, decision in seen:
        without = decide(parse_facts({name: value for name, value in facts.items() if name != fact}), policy, on=TODAY)
        if without.routes != decision.routes:
            return True
    return False


def _answers_alike(seen: list[tuple[dict[str, Any], Decision]], fact: str) -> bool:
    """Whether all who know the fact, and agree about the rest, get the same routes."""
    routes: dict[str, set[tuple[Any, ...]]] = {}
    for facts, decision in seen:
        if fact in facts:
            rest = repr({name: value for name, value in facts.items() if name != fact})
            routes.setdefault(rest, set()).add(decision.routes)
    return all(len(different) == 1 for different in routes.values())


@settings(max_examples=60, deadline=None)
@given(
    facts=st.fixed_dictionaries(
        {},
        optional={
            fact.name: st.sampled_from(fact.values)
            if fact.kind == "choice"
            else st.lists(st.sampled_from(fact.values), max_size=3)
            if fact.kind == "list"
            else st.integers(0, 100)
            for fact in FACTS.values()
        },
    )
)
def test_normalising_brings_together_only_the_facts_that_the_space_takes_together(facts: dict[str, Any]) -> None:
    known = parse_facts(facts)
    apart = Facts({name: value for name, value in known.values.items() if name not in TOGETHER})
    together = Facts({name: value for name, value in known.values.items() if name in TOGETHER})

    assert dict(apart.normalised().values) == dict(apart.values)
    assert dict(known.normalised().values) == {**apart.values, **together.normalised().values}


def test_a_smallest_assignment_counts_the_items_of_one_list_as_one_fact() -> None:
    diagrams = Diagrams([2, 2, 2, 2])
    groups = ["list", "list", "first", "second"]
    two_items = diagrams.build([0, 1], lambda given: bool(given[0] and given[1]))
    two_facts = diagrams.build([2, 3], lambda given: bool(given[2] and given[3]))

    either = diagrams.apply("either", lambda one, other: one or other, two_items, two_facts)

    assert diagrams.smallest(either, wanted=True, groups=groups) == {0: 1, 1: 1}
    assert diagrams.smallest(two_facts, wanted=True, groups=groups) == {2: 1, 3: 1}
    assert diagrams.smallest(diagrams.leaf(outcome=False), wanted=True, groups=groups) is None


@pytest.mark.parametrize(
    ("value", "holding"), [(17.5, [17.5, 17.6, 18, 130]), (18, [18, 19]), (130, [130]), (0, [0, 5])]
)
def test_numbers_are_cut_exactly_at_the_threshold(value: float, holding: list[float]) -> None:
    test = FactTest(fact="age_years", op="at_least", value=value)
    rule = SHIPPED.meldroutes[0].model_copy(update={"when": ((test,),), "unless": ()})
    compiled = compile_card(with_rules(SHIPPED, {}, (rule,)), TODAY).compiled

    def state(years: float) -> Any:
        return compiled.space.diagrams.value(
            compiled.aims[0].state, compiled.space.assignment(parse_facts({"age_years": years}))
        )

    assert all(holds(state(years)) for years in holding)
    assert value == 0 or state(value - 0.01) == NO
