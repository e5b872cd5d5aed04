"""What advice is: every rule that surely holds, in a fixed order, and the questions that could change it. Nothing guessed."""

import itertools
import json
import random
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.facts import FACTS, Facts, parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_shapes import DerivedFact, FactTest, Meldroute
from signaltable.route import Decision, decide, merge, to_json

TODAY = date(2026, 11, 23)
ALL_YES_NO = [name for name, fact in FACTS.items() if set(fact.values) == {"yes", "no"}]
# A value for every region of a number that some rule can tell apart.
NUMBERS = {"age_years": (15, 20, 30), "linked_agencies": (0, 2)}


@cache
def policy() -> PolicySet:
    return load(Path(__file__).resolve().parents[2] / "policies")


def advice(on: date = TODAY, /, **facts: Any) -> Decision:
    return decide(parse_facts(facts), policy(), on=on)


def pairs(decision: Decision) -> list[tuple[str, str]]:
    return [(route.id, route.destination) for route in decision.routes]


def asked(decision: Decision) -> list[str]:
    return [question.fact for question in decision.questions]


def answers(name: str) -> list[Any]:
    fact = FACTS[name]
    if fact.kind == "list":
        return [[value] for value in fact.values] + [["labour", "sexual"]]
    return list(NUMBERS[name]) if fact.kind == "number" else list(fact.values)


def some_facts() -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: st.sampled_from(answers(name)) for name in FACTS})


# -- what is advised


def test_nothing_known_gives_no_route_but_questions_with_danger_first() -> None:
    decision = advice()

    assert decision.routes == ()
    assert asked(decision)[0] == "acute_danger"
    assert set(asked(decision)) == set(FACTS)


def test_unknown_means_the_same_as_absent() -> None:
    unknown = {name: "unknown" for name, fact in FACTS.items() if fact.may_say_unknown}

    assert advice(**unknown) == advice()


def test_routes_come_by_urgency_then_number_then_in_the_order_of_the_rule() -> None:
    decision = advice(
        acute_danger="yes", age="minor", forms=["labour"], perpetrator="yes", organised="yes", linked_agencies=2,
        means="present",
    )  # fmt: skip

    assert pairs(decision) == [
        ("M1", "police-112"),
        ("M2", "veilig-thuis"),
        ("M2", "raad"),
        ("M8", "avim"),
        ("M7", "nla"),
        ("M7", "fairwork"),
        ("M9", "riec"),
        ("M17", "regional-table"),
    ]


def test_a_route_says_why_where_that_stands_and_for_which_purpose() -> None:
    (route,) = advice(residence="none", victim="possible").routes

    assert (route.urgency, route.purpose) == ("one-working-day", "P6")
    assert "bedenktijd" in route.reason.nl
    assert "reflection period" in route.reason.en
    assert route.source == "002:428-436, 001:4753-4764"


def test_the_decision_names_the_rules_it_was_made_under() -> None:
    assert advice().policy_digest == policy().digest


def test_only_rules_that_are_valid_on_the_day_count() -> None:
    assert advice(date(2024, 12, 31), acute_danger="yes").routes == ()
    assert pairs(advice(date(2025, 1, 1), acute_danger="yes")) == [("M1", "police-112")]


def test_the_last_day_of_a_rule_still_counts() -> None:
    ended = tuple(rule.model_copy(update={"valid_until": TODAY}) for rule in policy().meldroutes)
    rules = replace(policy(), meldroutes=ended)
    facts = parse_facts({"acute_danger": "yes"})

    assert decide(facts, rules, on=TODAY).routes
    assert decide(facts, rules, on=date(2026, 11, 24)) == Decision((), (), policy().digest)


def test_no_route_ever_serves_the_enforcement_of_aliens_law() -> None:
    assert "P5" not in {target.purpose for rule in policy().meldroutes for target in rule.to}


@pytest.mark.parametrize("facts", [{"age": "doubt"}, {"age": "adult", "age_years": 17}, {"age": "minor"}])
def test_doubt_about_age_counts_as_a_minor(facts: dict[str, Any]) -> None:
    assert ("M2", "veilig-thuis") in pairs(advice(**facts, victim="possible"))


def test_more_information_needed_is_neither_ranked_nor_summed() -> None:
    three_times = advice(forms=["labour"], act="more_info", means="more_info", purpose="more_info")
    once_seen = advice(forms=["labour"], act="more_info", means="more_info", purpose="present")

    assert pairs(three_times) == [("M16", "essm-advice")]
    assert pairs(once_seen) == [("M7", "nla"), ("M7", "fairwork")]


# -- what is asked


def test_a_rule_that_could_still_be_blocked_is_advised_and_asked_about() -> None:
    decision = advice(forms=["labour"], means="present")

    assert ("M7", "nla") in pairs(decision)
    (question,) = (question for question in decision.questions if question.fact == "victim")
    assert "M7" in question.rules


def test_a_destination_that_hangs_on_an_unknown_fact_is_not_advised_but_asked() -> None:
    decision = advice(identifiable="place")

    assert pairs(decision) == [("M15", "gemeente")]
    assert "forms" in asked(decision)


def test_a_fact_that_is_known_in_another_spelling_is_not_asked() -> None:
    assert not {"age", "age_years"} & set(asked(advice(age_years=40, victim="possible")))
    assert "unaccompanied_foreign_minor" not in asked(advice(age="adult", victim="possible"))


def test_a_rule_that_cannot_hold_any_more_asks_nothing() -> None:
    decision = advice(age="adult", victim="not_a_victim")

    assert not {"victim_consent", "wants_return", "residence", "means"} & set(asked(decision))


def test_when_everything_is_known_nothing_is_asked() -> None:
    facts = {name: answers(name)[0] for name in FACTS}

    assert advice(**facts).questions == ()


def test_questions_come_in_the_order_of_the_most_urgent_rule_they_touch() -> None:
    decision = advice(victim="possible")
    orders = [
        min(
            (policy().urgencies[rule.urgency].order, rule.number)
            for rule in policy().meldroutes
            if rule.id in question.rules
        )
        for question in decision.questions
    ]

    assert orders == sorted(orders)
    assert asked(decision)[:2] == ["acute_danger", "age"]


def test_a_question_says_in_words_what_it_could_lead_to() -> None:
    questions = {question.fact: question for question in advice(victim="possible").questions}

    why = questions["acute_danger"].why
    assert why.nl == "Het antwoord kan leiden tot: Direct gevaar: bel 112 (M1)."
    assert why.en == "The answer can lead to: Acute danger: call 112 (M1)."
    assert questions["age"].why.en.count("(M") == 3
    assert "more." in questions["age"].why.en


def test_a_question_says_which_advice_it_could_take_away() -> None:
    (question,) = (
        found for found in advice(forms=["unknown"], victim="possible").questions if found.fact == "smuggling_only"
    )

    assert "The answer can lead to: Smuggling only: AVIM (M14)." in question.why.en
    assert "The answer can cancel or change this advice: Doubt: ask advice (M16)." in question.why.en


# -- a signal about several people


def test_advice_about_several_people_comes_together_once_and_in_order() -> None:
    # Given a woman who agreed to help and a child, both seen with the same recruiter
    woman = advice(age="adult", victim="possible", victim_consent="given", perpetrator="yes")
    child = advice(age="minor", perpetrator="yes")

    together = merge([woman, child], policy())

    assert pairs(together) == [
        ("M2", "veilig-thuis"),
        ("M2", "raad"),
        ("M4", "essm"),
        ("M4", "comensha"),
        ("M8", "avim"),
    ]
    assert len(asked(together)) == len(set(asked(together)))
    assert set(asked(together)) == set(asked(woman)) | set(asked(child))


def test_a_rule_of_the_region_comes_after_the_national_ones_of_the_same_urgency() -> None:
    # Given a rule R1 of the region beside M9 and M17
    regional = next(rule for rule in policy().meldroutes if rule.id == "M9").model_copy(update={"id": "R1"})
    rules = replace(policy(), meldroutes=(regional, *policy().meldroutes))
    one = decide(parse_facts({"organised": "yes"}), rules, on=TODAY)
    other = decide(parse_facts({"linked_agencies": 2}), rules, on=TODAY)

    together = merge([one, other], rules)

    assert [route.id for route in together.routes] == ["M9", "M17", "R1"]


def test_no_decision_at_all_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="at least one"):
        merge([], policy())


# -- as JSON


def test_the_decision_as_json_has_exactly_the_shape_of_the_contract() -> None:
    printed = to_json(advice(perpetrator="yes"), "en")

    assert list(printed) == ["routes", "questions", "policy_digest"]
    assert printed["routes"] == [
        {
            "id": "M8",
            "destination": "avim",
            "urgency": "one-working-day",
            "reason": policy().meldroutes[7].reason.en,
            "source": "003:315-325",
        }
    ]
    assert all(list(question) == ["fact", "why"] for question in printed["questions"])
    assert json.loads(json.dumps(printed)) == printed


def test_the_decision_as_json_speaks_dutch_unless_asked_otherwise() -> None:
    decision = advice(perpetrator="yes")

    assert to_json(decision, "nl") == to_json(decision, "fy")
    assert to_json(decision, "nl") != to_json(decision, "en-GB")


# -- properties


@given(some_facts())
def test_any_facts_give_an_answer_and_every_destination_exists(facts: dict[str, Any]) -> None:
    decision = advice(**facts)

    assert {route.destination for route in decision.routes} <= set(policy().destinations)
    assert len(set(pairs(decision))) == len(decision.routes)
    known = parse_facts(facts).normalised()
    assert all(known.get(question.fact) is None and question.rules for question in decision.questions)


@given(some_facts(), st.randoms(use_true_random=False))
def test_the_order_in_which_facts_are_given_does_not_matter(facts: dict[str, Any], order: random.Random) -> None:
    shuffled = list(facts.items())
    order.shuffle(shuffled)

    assert advice(**dict(shuffled)) == advice(**facts)


@given(some_facts())
def test_acute_danger_always_comes_first(facts: dict[str, Any]) -> None:
    assert pairs(advice(**{**facts, "acute_danger": "yes"}))[0] == ("M1", "police-112")


@given(some_facts(), st.sampled_from(sorted(FACTS)), st.data())
def test_an_answer_that_was_not_asked_changes_no_route(facts: dict[str, Any], name: str, data: st.DataObject) -> None:
    # Given facts without this one, and a decision that does not ask for it
    facts.pop(name, None)
    before = advice(**facts)
    answer = data.draw(st.sampled_from(answers(name)))

    # When it is answered all the same, without contradicting the age that is known
    after = advice(**facts, **{name: answer})

    # Then the advice stays as it was
    age = parse_facts(facts).normalised().get("age")
    told = parse_facts({**facts, name: answer}).normalised().get("age")
    if name not in asked(before) and age == told:
        assert pairs(after) == pairs(before)


@given(some_facts())
def test_facts_that_say_only_unknown_never_add_advice(facts: dict[str, Any]) -> None:
    unknown = {name: "unknown" for name, fact in FACTS.items() if fact.may_say_unknown and name not in facts}

    assert advice(**facts, **unknown) == advice(**facts)


def rule_facts(rule: Meldroute) -> set[str]:
    """The facts that a rule looks at, through derived facts too."""
    names = {
        test.fact
        for alternatives in (rule.when, rule.unless, *(target.when for target in rule.to))
        for tests in alternatives
        for test in tests
    }
    while derived := names & set(policy().derived):
        names -= derived
        names |= {
            test.fact
            for name in derived
            for alternatives in (policy().derived[name].when, policy().derived[name].unless)
            for tests in alternatives
            for test in tests
        }
    return names


def destinations_of(rule: str, facts: dict[str, Any]) -> list[str]:
    return [destination for found, destination in pairs(advice(**facts)) if found == rule]


def could_change(rule: Meldroute, facts: dict[str, Any], name: str) -> bool:
    """By trying every completion of the facts the rule looks at: does the answer to `name` ever make a difference?"""
    others = sorted(rule_facts(rule) - set(facts) - {name})
    for values in itertools.product(*([None, *answers(other)] for other in others)):
        filled = {**facts, **{other: value for other, value in zip(others, values, strict=True) if value is not None}}
        outcomes = {tuple(destinations_of(rule.id, filled))}
        outcomes |= {tuple(destinations_of(rule.id, {**filled, name: answer})) for answer in answers(name)}
        if len(outcomes) > 1:
            return True
    return False


@settings(max_examples=25, deadline=None)
@given(some_facts())
def test_every_question_could_really_change_the_outcome(facts: dict[str, Any]) -> None:
    rules = {rule.id: rule for rule in policy().meldroutes}
    for question in advice(**facts).questions:
        touched = [rules[name] for name in question.rules]
        # Where many facts are open there are too many completions to try all; those questions are tried when fewer are.
        if all(len(rule_facts(rule) - set(facts)) < 4 for rule in touched):
            assert any(could_change(rule, facts, question.fact) for rule in touched)


def test_a_fact_that_another_alternative_makes_needless_is_not_asked() -> None:
    decision = advice(age="minor")

    assert "M12" not in {
        rule for question in decision.questions if question.fact == "gender" for rule in question.rules
    }
    assert "M12" in {
        rule for question in decision.questions if question.fact == "shelter_needed" for rule in question.rules
    }


# -- an oracle: the rules by plain two-valued reading, when everything is known


def holds(tests: tuple[FactTest, ...], facts: Facts) -> bool:
    return all(_one(test, facts) for test in tests)


def _one(test: FactTest, facts: Facts) -> bool:
    if test.fact in policy().derived:
        return rule_holds(policy().derived[test.fact], facts)
    value: Any = facts.get(test.fact)
    expected: Any = test.value
    return {
        "equals": lambda: value == expected,
        "one_of": lambda: value in expected,
        "has": lambda: expected in value,
        "has_any": lambda: any(item in value for item in expected),
        "below": lambda: value < expected,
        "at_least": lambda: value >= expected,
    }[test.op]()


def rule_holds(rule: Meldroute | DerivedFact, facts: Facts) -> bool:
    return any(holds(tests, facts) for tests in rule.when) and not any(holds(tests, facts) for tests in rule.unless)


@given(st.fixed_dictionaries({name: st.sampled_from(answers(name)) for name in FACTS}))
def test_when_everything_is_known_the_rules_read_as_plain_logic(facts: dict[str, Any]) -> None:
    known = parse_facts(facts).normalised()
    expected = {
        (rule.id, target.destination)
        for rule in policy().meldroutes
        for target in rule.to
        if rule_holds(rule, known) and (not target.when or any(holds(tests, known) for tests in target.when))
    }

    decision = advice(**facts)

    assert set(pairs(decision)) == expected
    assert decision.questions == ()
