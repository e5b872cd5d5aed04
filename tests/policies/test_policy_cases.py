"""The thirteen worked cases (domain/cases.md) on the shipped meldroutekaart: where each goes, and where it must not go."""

from dataclasses import dataclass
from datetime import date
from typing import Any

import pytest

from signaltable.facts import parse_facts
from signaltable.policy import PolicySet
from signaltable.route import Decision, decide

TODAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Case:
    """`goes`: exactly these rules and destinations. `asks`: at least these questions."""

    facts: dict[str, Any]
    goes: set[tuple[str, str]]
    asks: frozenset[str] = frozenset()


M7 = {("M7", "nla"), ("M7", "fairwork")}
M4 = {("M4", "essm"), ("M4", "comensha")}
M5 = {("M5", "help-overview"), ("M5", "regional-table")}
M2 = {("M2", "veilig-thuis"), ("M2", "raad")}

CASES = {
    "Janusz, before consent is asked": Case(
        {"age": "adult", "gender": "man", "forms": ["labour"], "purpose": "present", "means": "more_info",
         "victim": "possible"},
        M7, frozenset({"victim_consent", "shelter_needed", "acute_danger"}),
    ),
    "Janusz, with consent and without a place to sleep": Case(
        {"age": "adult", "gender": "man", "forms": ["labour"], "purpose": "present", "means": "more_info",
         "victim": "possible", "victim_consent": "given", "shelter_needed": "yes"},
        {*M7, *M4, ("M12", "essm")},
    ),
    "Danita, without consent": Case(
        {"age": "adult", "gender": "woman", "forms": ["sexual"], "purpose": "present", "means": "more_info",
         "victim": "possible", "victim_consent": "refused", "perpetrator": "yes"},
        {*M5, ("M8", "avim")}, frozenset({"age_years"}),
    ),
    "Mascha, the first signal: long days": Case(
        {"age": "adult", "gender": "woman", "forms": ["labour"], "purpose": "more_info"},
        {("M16", "essm-advice")}, frozenset({"means", "victim"}),
    ),
    "Mascha, the second signal: her passport is in a safe": Case(
        {"age": "adult", "gender": "woman", "forms": ["labour"], "purpose": "more_info", "means": "present"},
        M7, frozenset({"victim"}),
    ),
    "Mascha, with consent": Case(
        {"age": "adult", "gender": "woman", "forms": ["labour", "servitude"], "purpose": "present", "means": "present",
         "victim": "possible", "victim_consent": "given"},
        {*M7, *M4},
    ),
    "Achmed": Case(
        {"acute_danger": "yes", "age": "adult", "gender": "man", "forms": ["criminal"], "act": "present",
         "means": "present", "purpose": "present", "victim": "possible", "victim_consent": "not_possible",
         "suspect_may_be_forced": "yes", "perpetrator": "yes"},
        {("M1", "police-112"), ("M8", "avim"), ("M18", "essm"), ("M18", "avim"), *M5},
    ),
    "Cara": Case({"age": "adult", "forms": ["labour"], "victim": "not_a_victim"}, {("M6", "help-overview")}),
    "Ihrin": Case(
        {"age": "adult", "gender": "man", "forms": ["criminal"], "organised": "yes", "purpose": "present"},
        {("M9", "riec")}, frozenset({"victim", "perpetrator"}),
    ),
    "Hassan": Case(
        {"age": "adult", "gender": "man", "forms": ["labour"], "means": "more_info"},
        {("M16", "essm-advice")}, frozenset({"act", "purpose", "victim"}),
    ),
    "Tanya": Case(
        {"age": "adult", "gender": "woman", "age_years": 31, "forms": ["criminal"], "organised": "yes",
         "perpetrator": "yes", "purpose": "present"},
        {("M8", "avim"), ("M9", "riec")},
    ),
    "Jady": Case(
        {"age": "adult", "gender": "woman", "age_years": 26, "forms": ["sexual"], "purpose": "present",
         "means": "present", "victim": "possible", "victim_consent": "not_asked", "acute_danger": "no"},
        M5,
    ),
    "Jintha": Case({"age": "adult", "gender": "woman", "forms": ["labour"], "act": "present", "means": "present"}, M7),
    "Dusi": Case(
        {"age": "adult", "gender": "man", "forms": ["labour"], "means": "present"}, M7, frozenset({"smuggling_only"}),
    ),
    "a girl of about 17 or 18 in a hotel with an older man": Case(
        {"age": "doubt", "gender": "woman", "forms": ["sexual"]},
        {*M2, ("M13", "fier")}, frozenset({"unaccompanied_foreign_minor"}),
    ),
    "a man of 30 after escape who needs a bed tonight": Case(
        {"age_years": 30, "gender": "man", "shelter_needed": "yes"}, {("M12", "essm")},
    ),
}  # fmt: skip


def advice(facts: dict[str, Any], policy: PolicySet) -> Decision:
    return decide(parse_facts(facts), policy, on=TODAY)


@pytest.mark.parametrize("name", CASES)
def test_worked_case(name: str, policy: PolicySet) -> None:
    case = CASES[name]

    decision = advice(case.facts, policy)

    assert {(route.id, route.destination) for route in decision.routes} == case.goes
    assert case.asks <= {question.fact for question in decision.questions}


def test_danger_comes_before_everything_else(policy: PolicySet) -> None:
    assert advice(CASES["Achmed"].facts, policy).routes[0].destination == "police-112"


def test_a_girl_in_doubt_is_told_nothing_about_means_or_consent(policy: PolicySet) -> None:
    decision = advice(CASES["a girl of about 17 or 18 in a hotel with an older man"].facts, policy)

    about_m2 = {question.fact for question in decision.questions if "M2" in question.rules}
    assert about_m2 == set()
    assert not {"victim_consent", "age", "age_years"} & {question.fact for question in decision.questions}


def test_the_man_of_30_is_not_asked_how_old_he_is(policy: PolicySet) -> None:
    decision = advice(CASES["a man of 30 after escape who needs a bed tonight"].facts, policy)

    assert not {"age", "age_years", "gender", "shelter_needed"} & {question.fact for question in decision.questions}


# -- every value that a rule names, one by one

FORMS = [
    "sexual",
    "labour",
    "criminal",
    "organ_removal",
    "servitude",
    "forced_marriage",
    "illegal_adoption",
    "surrogacy",
]
ELEMENTS = ["act", "means", "purpose"]


def destinations(rule: str, facts: dict[str, Any], policy: PolicySet) -> list[str]:
    return [route.destination for route in advice(facts, policy).routes if route.id == rule]


@pytest.mark.parametrize(
    "sign",
    [
        *({"forms": [form]} for form in [*FORMS, "unknown"]),
        *({element: code} for element in ELEMENTS for code in ("present", "evidence", "more_info")),
        {"victim": "possible"},
        {"perpetrator": "yes"},
        {"suspect_may_be_forced": "yes"},
    ],
    ids=str,
)
def test_any_single_sign_is_enough_for_a_minor_and_for_the_reflection_period(
    sign: dict[str, Any], policy: PolicySet
) -> None:
    assert destinations("M2", {"age": "minor", **sign}, policy) == ["veilig-thuis", "raad"]
    assert destinations("M10", {"residence": "none", **sign}, policy) == ["avim"]


@pytest.mark.parametrize("element", ELEMENTS)
def test_one_element_that_needs_more_information_is_doubt_and_too_little_for_an_inspection(
    element: str, policy: PolicySet
) -> None:
    facts = {"forms": ["labour"], element: "more_info"}

    assert destinations("M16", facts, policy) == ["essm-advice"]
    assert destinations("M7", facts, policy) == []


@pytest.mark.parametrize("element", ELEMENTS)
@pytest.mark.parametrize("code", ["present", "evidence"])
def test_one_element_that_was_seen_takes_the_doubt_away(element: str, code: str, policy: PolicySet) -> None:
    facts = {"forms": ["labour"], **dict.fromkeys(ELEMENTS, "more_info"), element: code}

    assert destinations("M16", facts, policy) == []
    assert destinations("M7", facts, policy) == ["nla", "fairwork"]


@pytest.mark.parametrize("element", ELEMENTS)
def test_nothing_seen_is_doubt_only_when_all_three_were_looked_at(element: str, policy: PolicySet) -> None:
    looked_at = dict.fromkeys(ELEMENTS, "none")

    assert destinations("M16", looked_at, policy) == ["essm-advice"]
    assert destinations("M16", {name: code for name, code in looked_at.items() if name != element}, policy) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_place_goes_to_the_inspection_or_to_riec_by_form(form: str, policy: PolicySet) -> None:
    also = ["nla"] if form in {"labour", "servitude"} else ["riec"]

    assert destinations("M15", {"identifiable": "place", "forms": [form]}, policy) == ["gemeente", *also]


@pytest.mark.parametrize("form", FORMS)
def test_fier_helps_with_the_forms_in_which_a_loverboy_is_known(form: str, policy: PolicySet) -> None:
    helped = ["fier"] if form in {"sexual", "criminal", "forced_marriage"} else []

    assert destinations("M13", {"gender": "woman", "age_years": 22, "forms": [form]}, policy) == helped
