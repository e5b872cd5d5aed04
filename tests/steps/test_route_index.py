"""The compiled rules against the same rules read one by one: any facts, any rules, any day, the same advice."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.facts import FACTS, Fact, parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute, Target
from signaltable.route import decide, routes
from signaltable.route_index import RouteTables, clauses, questions, weights
from tests.steps import route_oracle

TODAY = date(2026, 11, 23)
NAMES = ("derived_a", "derived_b", "derived_c", "derived_d")
# Few facts and values, so that tests meet each other: the same fact twice, one test in two alternatives, contradictions.
SOME_FACTS = ("act", "age", "age_years", "forms", "linked_agencies", "unaccompanied_foreign_minor", "victim")


@cache
def policy() -> PolicySet:
    return load(Path(__file__).resolve().parents[2] / "policies")


def answers(fact: Fact) -> st.SearchStrategy[Any]:
    if fact.kind == "choice":
        return st.sampled_from(fact.accepted)
    if fact.kind == "list":
        return st.lists(st.sampled_from(fact.values[:4]), max_size=3)
    whole = st.integers(0, 25)
    return whole if fact.whole else st.one_of(whole, st.floats(0, 25))


def facts_of(names: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: answers(FACTS[name]) for name in names})


# Strategies are made once: making them anew for every draw took most of the time.
@cache
def fact_tests(name: str) -> st.SearchStrategy[FactTest]:
    fact = FACTS[name]
    if fact.kind == "number":
        thresholds = st.one_of(st.sampled_from([0, 2, 18, 23, 18.5]), st.integers(0, 25))
        return st.builds(FactTest, fact=st.just(name), op=st.sampled_from(["below", "at_least"]), value=thresholds)
    one = st.sampled_from(fact.values[:4])
    several = st.lists(one, min_size=1, max_size=3, unique=True)
    single, many = ("equals", "one_of") if fact.kind == "choice" else ("has", "has_any")
    return st.one_of(
        st.builds(FactTest, fact=st.just(name), op=st.just(single), value=one),
        st.builds(FactTest, fact=st.just(name), op=st.just(many), value=several),
    )


@cache
def any_test(derived: tuple[str, ...]) -> st.SearchStrategy[FactTest]:
    of_facts = st.sampled_from(SOME_FACTS).flatmap(fact_tests)
    if not derived:
        return of_facts
    of_derived = st.builds(FactTest, fact=st.sampled_from(derived), op=st.just("equals"), value=st.just("yes"))
    return st.one_of(of_facts, of_derived)


@cache
def stock_of(derived: tuple[str, ...]) -> st.SearchStrategy[list[FactTest]]:
    return st.lists(any_test(derived), min_size=1, max_size=4)


# Places in a stock of at most four: twelve can be divided by one, two, three and four, so each is drawn as often.
PLACES = {
    least: st.lists(st.lists(st.integers(0, 11), min_size=1, max_size=3), min_size=least, max_size=4)
    for least in (0, 1)
}


@cache
def alternatives(derived: tuple[str, ...], least: int) -> st.SearchStrategy[tuple[tuple[FactTest, ...], ...]]:
    """Alternatives out of one small stock of tests, so that one often asks for all that another asks for, and more."""
    return st.builds(
        lambda stock, several: tuple(tuple(stock[place % len(stock)] for place in line) for line in several),
        stock_of(derived),
        PLACES[least],
    )


@st.composite
def rule_sets(draw: st.DrawFn) -> PolicySet:
    """The shipped rules with other derived facts and other meldroutes."""
    derived: dict[str, DerivedFact] = {}
    for name in NAMES[: draw(st.integers(0, len(NAMES)))]:
        when, unless = draw(alternatives(tuple(derived), 1)), draw(alternatives(tuple(derived), 0))
        derived[name] = DerivedFact(id=name, title={"nl": name, "en": name}, when=when, unless=unless)
    names = tuple(derived)
    meldroutes = tuple(meldroute(draw, f"M{number}", names) for number in range(1, draw(st.integers(1, 8)) + 1))
    return replace(policy(), derived=derived, meldroutes=meldroutes)


STARTS = st.sampled_from([TODAY - timedelta(days=9), TODAY, TODAY + timedelta(days=1)])
LASTS = st.sampled_from([None, timedelta(0), timedelta(days=3), timedelta.max])


@cache
def urgency() -> st.SearchStrategy[str]:
    return st.sampled_from(list(policy().urgencies))


def meldroute(draw: st.DrawFn, name: str, derived: tuple[str, ...]) -> Meldroute:
    starts, lasts = draw(STARTS), draw(LASTS)
    conditional = draw(st.booleans())
    return Meldroute(
        id=name,
        title={"nl": f"Titel {name}", "en": f"Title {name}"},
        valid_from=starts,
        valid_until=None if lasts is None else date.max if lasts == timedelta.max else starts + lasts,
        urgency=draw(urgency()),
        source="test",
        summary_en="test",
        reason={"nl": "omdat", "en": "because"},
        when=draw(alternatives(derived, 1)),
        unless=draw(alternatives(derived, 0)),
        to=(
            Target(destination="essm", purpose="P2"),
            Target(destination="avim", purpose="P3", when=draw(alternatives(derived, 0)) if conditional else ()),
        ),
    )


def assert_same(facts: dict[str, Any], rules: PolicySet, on: date = TODAY) -> None:
    known = parse_facts(facts)
    expected = route_oracle.decide(known, rules, on=on)
    assert decide(known, rules, on=on) == expected
    assert routes(known, rules, on) == expected.routes


@settings(max_examples=200, deadline=None)
@given(facts_of(FACTS))
def test_the_shipped_rules_give_the_same_advice_compiled_and_read(facts: dict[str, Any]) -> None:
    assert_same(facts, policy())


@settings(max_examples=200, deadline=None)
@given(rule_sets(), st.lists(facts_of(SOME_FACTS), min_size=1, max_size=6))
def test_any_rules_give_the_same_advice_compiled_and_read(rules: PolicySet, several: list[dict[str, Any]]) -> None:
    for facts in several:
        assert_same(facts, rules)


@settings(max_examples=40, deadline=None)
@given(rule_sets(), facts_of(SOME_FACTS), st.lists(st.integers(-15, 15), min_size=2, max_size=4))
def test_every_day_counts_the_rules_of_that_day(rules: PolicySet, facts: dict[str, Any], days: list[int]) -> None:
    for day in days:
        assert_same(facts, rules, TODAY + timedelta(days=day))


@settings(max_examples=40, deadline=None)
@given(rule_sets(), st.lists(facts_of(SOME_FACTS), min_size=2, max_size=6))
def test_tables_that_are_full_begin_anew_and_stay_right(rules: PolicySet, several: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(questions, "MOST_ENTRIES", 1)
        patch.setattr(questions, "TABLE_SIZE", 6)
        patch.setattr(weights, "MOST_ANSWERS", 1)
        for facts in several:
            assert_same(facts, rules)


@settings(max_examples=40, deadline=None)
@given(rule_sets(), st.lists(facts_of(SOME_FACTS), min_size=2, max_size=6))
def test_a_rule_with_too_many_clauses_is_read_as_written(rules: PolicySet, several: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(clauses, "MOST_CLAUSES", 2)
        for facts in several:
            assert_same(facts, rules)


def test_a_condition_of_many_alternatives_does_not_take_ages_to_write_out() -> None:
    # Given an `unless` whose opposite has 3^12 clauses
    tangled = tuple(
        tuple(
            FactTest(fact=name, op="equals", value=FACTS[name].values[place % 2])
            for name in ("act", "means", "purpose")
        )
        for place in range(2)
    )
    wide = tuple(
        (FactTest(fact="age_years", op="below", value=place), FactTest(fact="linked_agencies", op="at_least", value=place),
         FactTest(fact="forms", op="has", value=FACTS["forms"].values[place % 9]))
        for place in range(12)
    )  # fmt: skip
    rule = policy().meldroutes[0].model_copy(update={"unless": tangled + wide})
    rules = replace(policy(), meldroutes=(rule, *policy().meldroutes[1:]))

    assert_same({"acute_danger": "yes", "age_years": 30, "forms": ["labour"], "victim": "possible"}, rules)
    assert_same({"acute_danger": "yes", "age_years": 3, "linked_agencies": 9, "forms": ["sexual"]}, rules)


def test_the_tables_follow_the_rules_when_a_set_of_rules_is_changed() -> None:
    facts = parse_facts({"acute_danger": "yes"})
    assert routes(facts, policy(), TODAY)

    without = replace(policy(), meldroutes=policy().meldroutes[1:])

    assert routes(facts, without, TODAY) == ()


def test_the_rules_of_one_interval_are_compiled_once() -> None:
    tables: RouteTables = policy().route_tables

    assert tables.on(TODAY) is tables.on(TODAY + timedelta(days=300))
    assert tables.on(date(2024, 12, 31)) is not tables.on(date(2025, 1, 1))


def test_a_rule_valid_for_ever_and_a_rule_that_ends_on_the_last_of_days_are_both_read() -> None:
    endless = policy().meldroutes[0].model_copy(update={"valid_until": date.max})
    rules = replace(policy(), meldroutes=(endless,))

    assert_same({"acute_danger": "yes"}, rules, date.max)
