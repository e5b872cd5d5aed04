"""Facts come in through one closed table: what is not known stays not known, what cannot be read is refused by name."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.domain import SignaltableError
from signaltable.facts import FACTS, Facts, UnusableFacts, parse_facts

YES_NO = (
    "acute_danger",
    "unaccompanied_foreign_minor",
    "perpetrator",
    "organised",
    "shelter_needed",
    "smuggling_only",
    "suspect_may_be_forced",
    "lvb_signs",
    "stuck",
    "wants_return",
)
CONTRACT = {
    **dict.fromkeys(YES_NO, ("yes", "no", "unknown")),
    "age": ("minor", "adult", "doubt", "unknown"),
    "gender": ("woman", "man", "other", "unknown"),
    "act": ("none", "present", "evidence", "more_info"),
    "means": ("none", "present", "evidence", "more_info"),
    "purpose": ("none", "present", "evidence", "more_info"),
    "victim": ("possible", "not_a_victim", "unknown"),
    "victim_consent": ("given", "refused", "not_asked", "not_possible"),
    "residence": ("lawful", "none", "unknown"),
    "identifiable": ("person", "place", "none"),
}


def value_of(name: str) -> st.SearchStrategy[Any]:
    fact = FACTS[name]
    if fact.kind == "choice":
        return st.sampled_from(fact.accepted)
    if fact.kind == "list":
        return st.lists(st.sampled_from(fact.values), max_size=4)
    if fact.whole:
        return st.integers(min_value=0, max_value=9)
    return st.one_of(st.integers(min_value=0, max_value=130), st.floats(min_value=0, max_value=130))


def some_facts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: value_of(name) for name in FACTS})


def test_the_table_is_the_contract() -> None:
    choices = {name: fact.accepted for name, fact in FACTS.items() if fact.kind == "choice"}

    assert choices == CONTRACT
    assert set(FACTS) - set(choices) == {"age_years", "forms", "linked_agencies"}


def test_nothing_given_is_nothing_known() -> None:
    assert parse_facts({}) == Facts({})


@pytest.mark.parametrize("name", [name for name, values in CONTRACT.items() if "unknown" in values])
def test_unknown_is_read_as_absent(name: str) -> None:
    assert parse_facts({name: "unknown"}).get(name) is None


def test_an_unknown_form_is_an_answer_but_an_empty_list_is_none() -> None:
    assert parse_facts({"forms": ["unknown"]}).get("forms") == ("unknown",)
    assert parse_facts({"forms": []}).get("forms") is None


def test_forms_come_once_and_in_the_order_of_the_table() -> None:
    assert parse_facts({"forms": ["labour", "sexual", "labour"]}).get("forms") == ("sexual", "labour")


@pytest.mark.parametrize("years", [0, 17, 17.5, 130])
def test_ages_may_be_whole_or_not(years: float) -> None:
    assert parse_facts({"age_years": years}).get("age_years") == years


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"agee": "minor"}, "agee: expected a fact of the meldroutekaart, found another key"),
        ({"age": "child"}, "age: expected one of minor, adult, doubt, unknown, found another text"),
        ({"age": None}, "age: expected one of minor, adult, doubt, unknown, found null"),
        ({"age": 17}, "age: expected one of minor, adult, doubt, unknown, found a number"),
        ({"act": "unknown"}, "act: expected one of none, present, evidence, more_info, found another text"),
        ({"age_years": "17"}, "age_years: expected a number from 0 to 130, found a text"),
        ({"age_years": True}, "age_years: expected a number from 0 to 130, found true or false"),
        ({"age_years": math.nan}, "age_years: expected a number from 0 to 130, found a number that is not finite"),
        ({"age_years": math.inf}, "age_years: expected a number from 0 to 130, found a number that is not finite"),
        ({"age_years": -1}, "age_years: expected a number from 0 to 130, found a number outside that range"),
        ({"age_years": 131}, "age_years: expected a number from 0 to 130, found a number outside that range"),
        ({"linked_agencies": 1.5}, "linked_agencies: expected a whole number, 0 or more, found a broken number"),
        ({"linked_agencies": -1}, "linked_agencies: expected a whole number, 0 or more, found a number outside"),
        ({"forms": "sexual"}, "forms: expected a list of sexual, labour"),
        ({"forms": ["sexual", "other"]}, "found a list with another item"),
        ({"forms": [1]}, "found a list with another item"),
        ({"forms": {"sexual": "yes"}}, "found an object"),
        ({"acute_danger": True}, "acute_danger: expected one of yes, no, unknown, found true or false"),
        ({"acute_danger": ["yes"]}, "found a list"),
        ([], "facts: expected an object with facts, found a list"),
        (None, "facts: expected an object with facts, found null"),
    ],
)
def test_what_cannot_be_read_is_refused_with_what_was_expected(facts: object, expected: str) -> None:
    with pytest.raises(UnusableFacts) as refused:
        parse_facts(facts)

    assert expected in str(refused.value)
    assert "\n" not in str(refused.value)


def test_every_problem_is_named_at_once() -> None:
    with pytest.raises(UnusableFacts, match=r"age: .*; gender: "):
        parse_facts({"age": "old", "gender": "x", "victim": "possible"})


def test_a_message_never_repeats_what_stood_there() -> None:
    with pytest.raises(UnusableFacts) as refused:
        parse_facts({"Janneke de Vries": "yes", "gender": "Janneke", "forms": ["Janneke"], "age": {"Janneke": 1}})

    assert "Janneke" not in str(refused.value)


def test_the_refusal_stands_in_the_one_tree_of_errors_and_is_a_value_error() -> None:
    with pytest.raises(UnusableFacts) as refused:
        parse_facts({"age": "old"})

    assert isinstance(refused.value, SignaltableError)
    assert isinstance(refused.value, ValueError)


@pytest.mark.parametrize(
    ("facts", "group"),
    [
        ({"age_years": 17.9}, "minor"),
        ({"age_years": 18}, "adult"),
        ({"age_years": 0}, "minor"),
        ({"age": "adult", "age_years": 17}, "doubt"),
        ({"age": "minor", "age_years": 18}, "doubt"),
        ({"age": "doubt", "age_years": 30}, "doubt"),
        ({"age": "minor", "age_years": 12}, "minor"),
        ({"unaccompanied_foreign_minor": "yes"}, "minor"),
        ({"unaccompanied_foreign_minor": "yes", "age": "adult"}, "doubt"),
        ({"unaccompanied_foreign_minor": "yes", "age_years": 19}, "doubt"),
        ({"unaccompanied_foreign_minor": "no", "age": "adult"}, "adult"),
        ({"unaccompanied_foreign_minor": "no"}, None),
        ({"age": "unknown"}, None),
    ],
)
def test_three_spellings_of_one_age_come_together(facts: dict[str, Any], group: str | None) -> None:
    assert parse_facts(facts).normalised().get("age") == group


@given(some_facts())
def test_normalising_twice_changes_nothing_and_touches_the_age_group_only(given_facts: dict[str, Any]) -> None:
    facts = parse_facts(given_facts)
    once = facts.normalised()

    assert once.normalised() == once
    assert {**once.values, "age": None} == {**facts.values, "age": None}


@given(some_facts())
def test_what_was_recorded_is_read_back_the_same(given_facts: dict[str, Any]) -> None:
    facts = parse_facts(given_facts)

    assert parse_facts(facts.to_json()) == facts


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(sorted(FACTS)), st.text(max_size=5)),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
            max_leaves=4,
        ),
        max_size=4,
    )
)
def test_anything_at_all_is_read_or_refused(anything: dict[str, Any]) -> None:
    try:
        known = set(parse_facts(anything).values)
    except UnusableFacts as refused:
        known = set()
        problems = refused.problems
    else:
        problems = {}

    assert known <= set(FACTS)
    assert problems or set(anything) <= set(FACTS)
