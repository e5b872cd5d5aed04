"""Asking the grounds with JSON: what is permitted whole, what a refusal tells, and what cannot be read."""

import json
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.conditions.shape import Context
from signaltable.disclose import decide_whole
from signaltable.disclosure.outcome import Permit, Refused
from signaltable.domain import UnusableInput
from signaltable.evidence_examples import example as example_evidence
from signaltable.ground_request import KEYS, KIND_OF, Moment, answer, examples, moment_of, parse_request
from signaltable.grounds import AGES, CATEGORIES, CONDITIONS, KINDS, PURPOSES, ROLES, Ground, GroundSet
from signaltable.policy import load
from tests.ground_examples import permitted_request

POLICY = load(Path(__file__).resolve().parents[2] / "policies")
DAY = date(2026, 11, 22)
MOMENT = moment_of(DAY)
EXAMPLES = examples(POLICY.grounds, MOMENT, demo=True)
PERMITS = [pytest.param(row, id=row.id) for row in POLICY.grounds.on(DAY) if row.permits]
ANSWER = {"effect", "row", "fields", "missing", "obligations", "reasons", "near", "policy_digest"}


def ask(raw: dict, *, demo: bool = True, lang: str = "nl", moment: Moment = MOMENT) -> dict:
    """The answer as a reader of the JSON gets it."""
    found = answer(parse_request(raw, moment, demo=demo), POLICY, lang)
    assert set(found) == ANSWER
    return json.loads(json.dumps(found))


def codes(found: dict) -> list[str]:
    return [reason["code"] for reason in found["reasons"]]


def rows(found: dict) -> set[str]:
    return {reason["row"] for reason in found["reasons"]} - {""}


def referral(*data: str, **changes: object) -> dict:
    """A municipality that refers an adult to help, with explicit consent for exactly what it asks."""
    raw = {
        "provider": "municipality-wmo",
        "recipient": "care-coordination",
        "purpose": "P2",
        "data": list(data),
        "person": {"age": "adult", "role": "victim"},
    }
    raw |= changes
    context = Context(MOMENT.now, DAY, str(raw["recipient"]), "adult")
    named = [name for name in data if name not in {"bsn", "ethnicity"}]
    met = {code: example_evidence(code, context, named) for code in ("EXPLICIT_CONSENT", "NEC")}
    return {"conditions": met, **raw}


# -- examples ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", PERMITS)
def test_every_row_has_an_example_that_it_permits_or_that_a_row_asking_no_more_does(row: Ground) -> None:
    raw = EXAMPLES[row.id]

    found = ask(raw)

    assert found["effect"] == "permit"
    carrier = POLICY.grounds.find(found["row"], DAY)
    assert carrier.id == row.id or set(carrier.conditions) <= set(row.conditions)
    assert found["missing"] == found["near"] == found["reasons"] == []
    assert set(raw["data"]) == set(row.data)
    assert {one["kind"] for one in found["obligations"]} >= {owed.kind for owed in row.obligations} - {"inform"}
    assert found["policy_digest"] == POLICY.digest


def test_nearly_every_example_comes_back_on_its_own_row() -> None:
    elsewhere = [row_id for row_id, raw in EXAMPLES.items() if ask(raw)["row"] != row_id]

    assert len(elsewhere) <= len(EXAMPLES) // 20, elsewhere


@pytest.mark.parametrize("row", PERMITS)
def test_an_example_without_one_of_its_conditions_is_never_permitted_by_that_row(row: Ground) -> None:
    raw = EXAMPLES[row.id]
    for code in raw["conditions"]:
        met = {other: data for other, data in raw["conditions"].items() if other != code}

        found = ask({**raw, "conditions": met})

        assert found["row"] != row.id
        if found["effect"] == "deny":
            assert found["fields"] == found["obligations"] == []
            assert found["near"]
            # Of rows equally near, the one for which most was shown is told: its missing evidence is what was left out.
            assert code in {one["condition"] for one in found["missing"]}
            assert "instead:call_112" in codes(found)


def test_examples_count_at_any_time_of_their_day_and_the_set_follows_the_day() -> None:
    for moment in (MOMENT, Moment(DAY, datetime.combine(DAY, time(9), tzinfo=MOMENT.now.tzinfo))):
        assert all(ask(raw, moment=moment)["effect"] == "permit" for raw in EXAMPLES.values())
    assert examples(POLICY.grounds, moment_of(date(2020, 1, 1)), demo=True) == {}


def test_examples_of_a_later_day_hold_on_that_day() -> None:
    later = moment_of(DAY + timedelta(days=200))

    made = examples(POLICY.grounds, later, demo=True)

    assert made
    assert all(ask(raw, moment=later)["effect"] == "permit" for raw in made.values())


def test_outside_the_demo_nothing_unreviewed_counts_and_the_reason_says_so() -> None:
    assert examples(POLICY.grounds, MOMENT, demo=False) == {}
    found = ask(EXAMPLES["X1"], demo=False)

    assert found["effect"] == "deny"
    assert "not_reviewed" in codes(found)
    assert "X1" in found["near"]


def test_what_a_lawyer_signed_counts_outside_the_demo_and_nothing_else() -> None:
    signed = [
        row.model_copy(update={"reviewed_by": "mr. A. Voorbeeld", "reviewed_on": DAY}) if row.id == "X1" else row
        for row in POLICY.grounds.rows
    ]
    grounds = GroundSet(tuple(signed), "")
    policy = replace(POLICY, grounds=grounds)

    made = examples(grounds, MOMENT, demo=False)

    assert set(made) == {"X1"}
    assert answer(parse_request(made["X1"], MOMENT, demo=False), policy, "nl")["row"] == "X1"
    assert examples(grounds, moment_of(DAY - timedelta(days=1)), demo=False) == {}


# -- all or nothing ---------------------------------------------------------------------------------------------------


def test_what_is_asked_goes_whole_or_not_at_all() -> None:
    found = ask(referral("identity", "contact", "sex_life"))

    assert (found["effect"], found["row"]) == ("permit", "X1")
    assert "subject.surname" in found["fields"]
    assert "signal.residence" not in found["fields"]
    for name in found["fields"]:
        assert set(POLICY.fields.fields[name].data) <= {"identity", "contact", "sex_life"}


@pytest.mark.parametrize(("extra", "deny"), [("bsn", "D2"), ("ethnicity", "D4")])
def test_one_category_that_a_hard_deny_takes_out_refuses_the_whole_and_says_what_to_leave_out(
    extra: str, deny: str
) -> None:
    found = ask(referral("identity", "contact", extra))

    assert (found["effect"], found["row"]) == ("deny", deny)
    assert deny in rows(found)
    assert found["near"][0] == "X1"
    assert found["missing"] == []
    advised = next(reason for reason in found["reasons"] if reason["code"] == "leave_out")
    assert advised["row"] == "X1"
    # And doing so makes it possible.
    assert ask(referral("identity", "contact"))["effect"] == "permit"


def test_one_category_that_no_row_covers_refuses_the_whole() -> None:
    found = ask(referral("identity", "business"))

    assert (found["effect"], found["row"]) == ("deny", "D0")
    assert {"not_covered", "leave_out"} <= set(codes(found))
    assert found["near"][0] == "X1"


def test_consent_that_names_less_than_is_asked_is_what_is_missing() -> None:
    raw = referral("identity", "contact")
    raw["conditions"]["EXPLICIT_CONSENT"]["categories"] = ["identity"]

    found = ask(raw)

    assert found["effect"] == "deny"
    assert [(one["condition"], one["field"]) for one in found["missing"]] == [("EXPLICIT_CONSENT", "categories")]
    assert ask({**raw, "data": ["identity"]})["effect"] == "permit"


def test_a_category_twice_is_a_category_once() -> None:
    assert ask(referral("identity", "contact", "identity")) == ask(referral("identity", "contact"))


def test_medical_secrecy_names_its_deny_the_row_that_comes_near_and_what_can_be_done() -> None:
    found = ask(
        {
            "provider": "care-wgbo",
            "recipient": "police",
            "purpose": "P3",
            "data": ["identity", "sex_life"],
            "person": {"age": "adult", "role": "victim"},
        }
    )

    assert found["effect"] == "deny"
    assert {"Z6", "D3"} <= rows(found)
    assert found["row"] in rows(found)
    assert "X10" in found["near"]
    assert {one["condition"] for one in found["missing"]} == set(POLICY.grounds.find("X10", DAY).conditions) - {"MIN"}
    assert {"instead:ask_consent", "instead:ask_privacy_officer"} <= set(codes(found))


def test_a_deny_that_nothing_gets_past_offers_no_evidence_to_fill_in() -> None:
    found = ask({"provider": "police-investigation", "recipient": "shelter", "purpose": "P2", "data": ["identity"]})

    assert (found["effect"], found["row"]) == ("deny", "POL10")
    assert found["missing"] == []


def test_who_is_not_described_is_read_strictly_and_told_what_to_say() -> None:
    raw = referral("identity")

    assert ask({**raw, "person": {"age": "adult", "role": "possible_victim"}})["effect"] == "permit"
    for person in ({}, {"age": "adult"}, {"role": "victim"}):
        found = ask({**raw, "person": person})
        assert found["row"] != "X1"
    assert {"instead:name_role", "instead:find_age"} <= set(codes(ask({**raw, "person": {}})))
    without = {key: value for key, value in raw.items() if key != "person"}
    assert ask(without) == ask({**raw, "person": {}})


def test_a_provider_that_does_not_say_in_which_task_is_told_to() -> None:
    found = ask({"provider": "municipality", "recipient": "police", "purpose": "P3", "data": ["identity"]})

    assert found["effect"] == "deny"
    assert "G1" in rows(found)
    assert "instead:name_task" in codes(found)


def test_a_consent_names_the_agency_when_the_request_does() -> None:
    raw = referral("identity", recipient_agency="zorgcoordinatie-havendam")
    raw["conditions"]["EXPLICIT_CONSENT"]["recipient"] = "zorgcoordinatie-havendam"

    assert ask(raw)["effect"] == "permit"
    assert ask({key: value for key, value in raw.items() if key != "recipient_agency"})["effect"] == "deny"


def test_evidence_nobody_asked_for_changes_nothing() -> None:
    raw = referral("identity")
    more = {**raw, "conditions": {**raw["conditions"], "VITAL": {"danger": 3}, "DUAL": {}}}

    assert ask(more) == ask(raw)


def test_evidence_is_judged_as_of_the_day() -> None:
    raw = referral("identity")

    assert ask(raw, moment=moment_of(DAY - timedelta(days=1)))["effect"] == "deny"
    assert ask(raw, moment=moment_of(DAY + timedelta(days=1)))["effect"] == "permit"


def test_texts_come_in_the_language_that_was_asked() -> None:
    raw = {**referral("identity"), "conditions": {}}
    dutch, english = ask(raw), ask(raw, lang="en")

    assert codes(dutch) == codes(english)
    assert all(one["text"] != other["text"] for one, other in zip(dutch["reasons"], english["reasons"], strict=True))


# -- what cannot be read ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"provider": "Jansen"}, "provider"),
        ({"provider": None}, "provider"),
        ({"provider": ["police"]}, "provider"),
        ({"recipient": "care-wgbo"}, "recipient"),
        ({"purpose": "P10"}, "purpose"),
        ({"purpose": 3}, "purpose"),
        ({"data": []}, "data"),
        ({"data": "identity"}, "data"),
        ({"data": ["identity", "Jansen"]}, "data"),
        ({"data": [["identity"]]}, "data"),
        ({"person": None}, "person"),
        ({"person": "Jansen"}, "person"),
        ({"person": {"name": "Jansen"}}, "person"),
        ({"person": {"age": 17}}, "person.age"),
        ({"person": {"role": "Jansen"}}, "person.role"),
        ({"person": {"role": None}}, "person.role"),
        ({"conditions": []}, "conditions"),
        ({"conditions": {"Jansen": {}}}, "conditions"),
        ({"conditions": {"NEC": "Jansen"}}, "conditions.NEC"),
        ({"conditions": {"NEC": {"motivation": [[[[["Jansen"]]]]]}}}, "conditions.NEC"),
        ({"recipient_agency": ""}, "recipient_agency"),
        ({"recipient_agency": 7}, "recipient_agency"),
        ({"recipient_agency": "Jansen" * 50}, "recipient_agency"),
        ({"Jansen": 1}, "request"),
    ],
)
def test_what_cannot_be_read_is_told_by_key_and_expectation_and_never_repeated(change: dict, key: str) -> None:
    with pytest.raises(UnusableInput) as caught:
        parse_request({**referral("identity"), **change}, MOMENT, demo=True)

    assert set(caught.value.problems) == {key}
    assert "expected" in caught.value.problems[key]
    assert "Jansen" not in str(caught.value)


def test_all_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(UnusableInput) as caught:
        parse_request({"data": 1, "person": 1, "conditions": 1, "x": 1}, MOMENT, demo=True)

    assert set(caught.value.problems) == {
        "request", "provider", "recipient", "purpose", "data", "person", "conditions"
    }  # fmt: skip
    for raw in (None, [], "x", 1, True):
        with pytest.raises(UnusableInput):
            parse_request(raw, MOMENT, demo=True)


def test_a_request_of_the_step_that_names_an_unknown_category_is_refused_whole() -> None:
    request = permitted_request(POLICY.grounds.find("X1", DAY), MOMENT.now)
    assert isinstance(decide_whole(request, POLICY.grounds), Permit)

    for categories in (frozenset(), frozenset({"genes"})):
        outcome = decide_whole(replace(request, fields={**request.fields, "x": categories}), POLICY.grounds)
        assert isinstance(outcome, Refused)


# -- anything at all --------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


FLAT = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.text(max_size=8), max_size=3)


@settings(max_examples=400, deadline=None)
@given(raw=JSON | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=5), JSON, max_size=7))
def test_no_json_at_all_makes_the_program_stumble(raw: object) -> None:
    try:
        request = parse_request(raw, MOMENT, demo=True)
    except UnusableInput:
        return
    assert answer(request, POLICY, "nl")["effect"] in {"permit", "deny"}


def some(words: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from(words)


@settings(max_examples=600, deadline=None)
@given(
    provider=some(tuple(KIND_OF)),
    recipient=some(KINDS),
    purpose=some(PURPOSES),
    data=st.lists(some(CATEGORIES), min_size=1, max_size=6),
    age=some(AGES),
    role=some(ROLES),
    good=st.frozensets(some(CONDITIONS), max_size=8),
    bad=st.dictionaries(some(CONDITIONS), st.dictionaries(st.text(max_size=6), FLAT, max_size=3), max_size=3),
)
def test_every_readable_request_gets_a_whole_answer(provider, recipient, purpose, data, age, role, good, bad) -> None:
    context = Context(MOMENT.now, DAY, recipient, age)
    named = sorted(set(data) - {"bsn", "ethnicity"})
    raw = {
        "provider": provider,
        "recipient": recipient,
        "purpose": purpose,
        "data": data,
        "person": {"age": age, "role": role},
        "conditions": {**{code: example_evidence(code, context, named) for code in good}, **bad},
    }
    found = ask(raw)

    row = POLICY.grounds.find(found["row"], DAY)
    if found["effect"] == "permit":
        assert set(data) <= set(row.data)
        assert set(row.conditions) <= good | {"MIN"}
    else:
        assert not row.permits
        assert found["fields"] == found["obligations"] == []
        assert found["reasons"]
        assert "instead:call_112" in codes(found)
        assert all(POLICY.grounds.find(near, DAY).permits for near in found["near"])
