"""The gate of the law: hits and near misses per ground, and what may never happen whatever is asked."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from signaltable.conditions.shape import Context
from signaltable.disclose import applicable, decide
from signaltable.disclosure.outcome import Permit, Refused
from signaltable.disclosure.owed import destroy_on
from signaltable.disclosure.request import Person, Request
from signaltable.evidence_examples import example as example_evidence
from signaltable.fields import FieldContext, load_fields
from signaltable.grounds import (
    AGES,
    CAPACITIES,
    CATEGORIES,
    KINDS,
    PURPOSES,
    ROLES,
    Ground,
    GroundSet,
    load_grounds,
)
from tests.ground_examples import permitted_request

POLICIES = Path(__file__).resolve().parents[2] / "policies"
GROUNDS = load_grounds(POLICIES / "grondslagen")
FIELDS = load_fields(POLICIES / "fields.toml")
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
TODAY = NOW.date()
PERMITS = [row for row in GROUNDS.rows if row.permits]
ROW = {row.id: row for row in GROUNDS.rows}
PROVIDERS = [(kind, capacity) for kind in KINDS for capacity in CAPACITIES[kind]]
BY_ID = [pytest.param(row, id=row.id) for row in PERMITS]
ADULT, MINOR = Person("adult", "victim"), Person("minor", "victim")


def ask(provider: str, recipient: str, purpose: str, person: Person, *fields: str, **evidence: dict) -> Request:
    """A request as the flow makes it: the fields of a signal about sexual exploitation, with their real categories."""
    kind = next((kind for kind in KINDS if provider in CAPACITIES[kind]), provider)
    context = FieldContext(forms=frozenset({"sexual"}), role=f"possible_{person.role}")
    return Request(
        provider_capacity=provider,
        provider_kind=kind,
        recipient_kind=recipient,
        recipient_agency=f"agency-{recipient}",
        purpose=purpose,
        person=person,
        fields={name: FIELDS.categories_of(name, context) for name in fields},
        on=TODAY,
        now=NOW,
        conditions=evidence,
        demo=True,
    )


def evidence(request: Request, *codes: str, categories: tuple[str, ...] = CATEGORIES) -> dict[str, dict]:
    """Good evidence for `codes`, as the same person would give it for this recipient."""
    named = [name for name in categories if name not in {"bsn", "ethnicity"}]
    context = Context(NOW, TODAY, request.recipient_agency, request.person.age)
    return {code: example_evidence(code, context, named) for code in codes}


def with_evidence(request: Request, *codes: str, **keywords: tuple[str, ...]) -> Request:
    return replace(request, conditions=evidence(request, *codes, **keywords))


def codes(refused: Refused) -> set[str]:
    return {reason.code for reason in refused.reasons}


def advice(refused: Refused) -> list[str]:
    return [advised.code for advised in refused.instead]


NAME = ("subject.given_name", "subject.surname", "subject.birth_date")
WHAT = ("signal.forms", "signal.narrative_masked", "subject.role")


# -- each row ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("row", BY_ID)
def test_a_row_permits_exactly_its_data_when_everything_is_met(row: Ground) -> None:
    decision = decide(permitted_request(row, NOW), row.id, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(row.data)
    assert decision.ground_digest == row.digest
    assert decision.legal_basis == row.legal_basis
    assert {met.code for met in decision.conditions_met} <= set(row.conditions)


@pytest.mark.parametrize("row", BY_ID)
def test_taking_away_any_single_condition_refuses(row: Ground) -> None:
    request = permitted_request(row, NOW)
    for code in request.conditions:
        rest = {other: data for other, data in request.conditions.items() if other != code}

        decision = decide(replace(request, conditions=rest), row.id, GROUNDS)

        assert isinstance(decision, Refused), code
        assert [missing.code for missing in decision.missing] == [code]
        assert codes(decision) >= {"missing_evidence"}
        assert advice(decision)


@pytest.mark.parametrize("row", BY_ID)
def test_one_step_beside_the_row_is_not_permitted_by_it(row: Ground) -> None:
    request = permitted_request(row, NOW)
    beside = [replace(request, recipient_kind=kind) for kind in KINDS if kind not in row.recipient]
    beside += [replace(request, purpose=purpose) for purpose in PURPOSES if purpose not in row.purpose]
    beside += [
        replace(request, provider_kind=kind, provider_capacity=capacity)
        for kind, capacity in PROVIDERS
        if not {kind, capacity, "*"} & set(row.provider)
    ]
    if row.person_role:
        beside += [
            replace(request, person=Person(request.person.age, role)) for role in ROLES if role not in row.person_role
        ]
    if row.person_age:
        other = "adult" if row.person_age == ("minor",) else "minor"
        beside += [replace(request, person=Person(age, request.person.role)) for age in (other, "unknown")]

    assert beside
    for near_miss in beside:
        decision = decide(near_miss, row.id, GROUNDS)
        assert isinstance(decision, Refused)
        assert "not_applicable" in codes(decision)


@pytest.mark.parametrize("row", BY_ID)
def test_data_outside_the_row_stay_with_a_reason(row: Ground) -> None:
    request = permitted_request(row, NOW)
    everything = {name: frozenset({name}) for name in CATEGORIES}

    decision = decide(replace(request, fields=everything), row.id, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(row.data)
    assert {name for name, _ in decision.withheld} == set(CATEGORIES) - set(row.data)
    assert all(reason.nl and reason.en for _, reason in decision.withheld)


@pytest.mark.parametrize("row", BY_ID)
def test_outside_the_demo_an_unreviewed_ground_refuses_with_that_reason(row: Ground) -> None:
    request = replace(permitted_request(row, NOW), demo=False)

    decision = decide(request, row.id, GROUNDS)
    offer = next(offer for offer in applicable(request, GROUNDS) if offer.ground.id == row.id)

    assert isinstance(decision, Refused)
    assert codes(decision) == {"not_reviewed"}
    assert not offer.usable
    assert offer.why_not is not None


def test_a_reviewed_ground_counts_outside_the_demo_from_the_day_of_its_review() -> None:
    signed = ROW["X1"].model_copy(update={"reviewed_by": "mr. A. Voorbeeld", "reviewed_on": TODAY})
    grounds = GroundSet(tuple(signed if row.id == "X1" else row for row in GROUNDS.rows), "")
    request = replace(permitted_request(signed, NOW), demo=False)

    assert isinstance(decide(request, "X1", grounds), Permit)
    assert isinstance(decide(replace(request, on=TODAY - timedelta(days=1)), "X1", grounds), Refused)


def test_a_row_counts_only_between_its_first_and_last_day() -> None:
    short = ROW["X1"].model_copy(update={"valid_from": TODAY, "valid_until": TODAY})
    grounds = GroundSet(tuple(short if row.id == "X1" else row for row in GROUNDS.rows), "")
    request = permitted_request(short, NOW)

    assert isinstance(decide(request, "X1", grounds), Permit)
    for day in (TODAY - timedelta(days=1), TODAY + timedelta(days=1)):
        assert isinstance(decide(replace(request, on=day), "X1", grounds), Refused)


# -- what may never happen ---------------------------------------------------------------------------------------------


def everything_met(request: Request, row: Ground) -> Request:
    """The request with the best evidence that this row could want."""
    context = Context(NOW, TODAY, request.recipient_agency, request.person.age)
    named = [name for name in CATEGORIES if name not in {"bsn", "ethnicity"}]
    return replace(
        request,
        conditions={
            code: example_evidence(code, replace(context, parameter=row.parameters.get(code, "")), named)
            for code in row.conditions
        },
    )


def speaks(deny: Ground, request: Request) -> bool:
    """Whether a deny holds, written down again from the words of the row, apart from the code under test."""
    asked = set().union(*request.fields.values())
    provider = {"*", request.provider_kind, request.provider_capacity} & set(deny.provider)
    return bool(
        provider
        and {"*", request.recipient_kind} & set(deny.recipient)
        and {"*", request.purpose} & set(deny.purpose)
        and ("*" in deny.data or asked & set(deny.data)),
    )


HARD = [row for row in GROUNDS.rows if row.priority == "hard"]
SPECIFIC = [row for row in GROUNDS.rows if not row.permits and row.priority == "specific"]


def check_never(request: Request, decision: Permit | Refused) -> None:
    if isinstance(decision, Refused):
        assert decision.reasons
        assert decision.instead
        return
    row = decision.ground
    sent = set().union(*(request.fields[name] for name in decision.fields))
    assert sent <= set(row.data)
    assert "bsn" not in sent
    assert set(decision.categories) == sent
    for deny in HARD:
        if speaks(deny, request):
            assert not sent & set(deny.data) - set(row.names_special)
    for deny in SPECIFIC:
        if speaks(deny, request):
            assert set(deny.except_conditions) & {met.code for met in decision.conditions_met}
    if row.purpose == ("P1",):
        assert sent <= {"pseudonymous", "sex_life"}
    if request.purpose == "P5":
        pytest.fail("nothing is disclosed for the enforcement of aliens law")
    if request.provider_capacity == "police-investigation":
        pytest.fail("investigation data never leave")


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider[1])
def test_without_evidence_nothing_leaves_anywhere(provider: tuple[str, str]) -> None:
    # Every recipient, purpose and person, with all categories asked at once; exact, not sampled.
    fields = {name: frozenset({name}) for name in CATEGORIES}
    base = replace(
        ask("police", "police", "P3", ADULT), provider_kind=provider[0], provider_capacity=provider[1], fields=fields
    )
    for recipient, purpose, age, role in product(KINDS, PURPOSES, AGES, ROLES):
        request = replace(base, recipient_kind=recipient, purpose=purpose, person=Person(age, role))
        decision = decide(request, None, GROUNDS)
        assert isinstance(decision, Refused)
        assert decision.reasons
        assert advice(decision)[0] == "call_112"
        for offer in applicable(request, GROUNDS):
            assert offer.conditions
            assert not {"bsn", "ethnicity"} & set(offer.fields)


@settings(max_examples=1500, deadline=None)
@given(
    provider=st.sampled_from(PROVIDERS),
    recipient=st.sampled_from(KINDS),
    purpose=st.sampled_from(PURPOSES),
    age=st.sampled_from(AGES),
    role=st.sampled_from(ROLES),
    fields=st.dictionaries(
        st.sampled_from("abcdef"), st.frozensets(st.sampled_from(CATEGORIES), max_size=4), min_size=1, max_size=6
    ),
    row=st.sampled_from(PERMITS),
    choose=st.booleans(),
)
def test_a_deny_is_never_outvoted(provider, recipient, purpose, age, role, fields, row, choose) -> None:
    request = Request(
        provider_capacity=provider[1],
        provider_kind=provider[0],
        recipient_kind=recipient,
        recipient_agency="agency",
        purpose=purpose,
        person=Person(age, role),
        fields=fields,
        on=TODAY,
        now=NOW,
        demo=True,
    )
    request = everything_met(request, row)

    check_never(request, decide(request, row.id if choose else None, GROUNDS))


@settings(max_examples=600, deadline=None)
@given(
    row=st.sampled_from(PERMITS),
    fields=st.dictionaries(
        st.sampled_from("abcdef"), st.frozensets(st.sampled_from(CATEGORIES), max_size=3), min_size=1, max_size=6
    ),
    extra=st.frozensets(st.sampled_from(CATEGORIES), max_size=2),
)
def test_a_field_that_carries_more_is_never_released_sooner(row, fields, extra) -> None:
    request = replace(permitted_request(row, NOW), fields=fields)
    more = replace(request, fields={name: categories | extra for name, categories in fields.items()})

    narrow, wide = decide(request, row.id, GROUNDS), decide(more, row.id, GROUNDS)

    if isinstance(wide, Permit):
        released = set(narrow.fields) if isinstance(narrow, Permit) else set()
        undeclared = {name for name, categories in fields.items() if not categories}
        assert set(wide.fields) - undeclared <= released


@pytest.mark.parametrize(
    "change",
    [
        {"provider_kind": "bank"},
        {"provider_capacity": "care-wgbo", "provider_kind": "municipality"},
        {"recipient_kind": "press"},
        {"purpose": "P10"},
        {"person": Person("old", "victim")},
        {"person": Person("adult", "suspect")},
    ],
)
def test_a_word_nobody_knows_refuses(change: dict) -> None:
    request = replace(permitted_request(ROW["D1"], NOW), **change)

    decision = decide(request, "D1", GROUNDS)

    assert isinstance(decision, Refused)
    assert codes(decision) == {"unknown_word"}
    assert applicable(request, GROUNDS) == ()


def test_a_field_without_category_or_with_an_unknown_one_never_leaves() -> None:
    request = permitted_request(ROW["X1"], NOW)
    fields = {**request.fields, "nothing": frozenset(), "new": frozenset({"genetic", "identity"})}

    decision = decide(replace(request, fields=fields), "X1", GROUNDS)

    assert isinstance(decision, Permit)
    assert {"nothing", "new"} <= {name for name, _ in decision.withheld}


def test_nobody_answers_for_a_municipality_that_does_not_say_in_which_task() -> None:
    # Given data of a municipality, task unknown: every deny of one of its tasks holds (G1 is for social support).
    request = with_evidence(
        ask("municipality-safety", "police", "P3", Person("adult", "perpetrator"), *NAME), *ROW["G7"].conditions
    )
    assert isinstance(decide(request, None, GROUNDS), Permit)

    decision = decide(replace(request, provider_capacity="municipality"), None, GROUNDS)

    assert isinstance(decision, Refused)
    assert "G1" in {reason.row for reason in decision.reasons}


# -- the scenes of the brief -------------------------------------------------------------------------------------------


def test_sexual_exploitation_of_an_adult_goes_to_help_through_the_added_row_only() -> None:
    request = with_evidence(
        ask("municipality-wmo", "care-coordination", "P2", ADULT, *NAME, *WHAT, "subject.phone"),
        "CONSENT",
        "EXPLICIT_CONSENT",
        "NEC",
    )

    through_x1, through_g2 = decide(request, "X1", GROUNDS), decide(request, "G2", GROUNDS)

    assert isinstance(through_x1, Permit)
    assert set(through_x1.fields) == set(request.fields)
    assert isinstance(through_g2, Permit)
    assert not {"signal.forms", "signal.narrative_masked", "subject.role"} & set(through_g2.fields)
    assert [offer.ground.id for offer in applicable(request, GROUNDS) if "signal.forms" in offer.fields] == ["X1"]


def test_a_consent_limits_what_goes_to_what_it_names() -> None:
    request = ask("municipality-wmo", "care-coordination", "P2", ADULT, *NAME, *WHAT, "subject.phone")
    request = with_evidence(request, "EXPLICIT_CONSENT", "NEC", categories=("identity", "pseudonymous"))

    decision = decide(request, "X1", GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(NAME)
    assert {name for name, _ in decision.withheld} == {*WHAT, "subject.phone"}


def test_a_consent_that_names_nothing_of_this_refuses() -> None:
    request = ask("municipality-wmo", "care-coordination", "P2", ADULT, *NAME)
    request = with_evidence(request, "EXPLICIT_CONSENT", "NEC", categories=("health",))

    decision = decide(request, "X1", GROUNDS)

    assert isinstance(decision, Refused)
    assert codes(decision) == {"nothing_left"}


def test_plain_consent_never_carries_special_categories() -> None:
    # Given a ground on plain consent that would (wrongly) cover health
    loose = ROW["G2"].model_copy(update={"data": (*ROW["G2"].data, "health")})
    grounds = GroundSet(tuple(loose if row.id == "G2" else row for row in GROUNDS.rows), "")

    decision = decide(permitted_request(loose, NOW), "G2", grounds)

    assert isinstance(decision, Permit)
    assert "health" not in decision.fields


def test_medical_secrecy_holds_for_an_adult_without_consent_and_says_what_to_do() -> None:
    request = ask("care-wgbo", "police", "P3", ADULT, *NAME, *WHAT)

    decision = decide(request, None, GROUNDS)

    assert isinstance(decision, Refused)
    assert "Z6" in {reason.row for reason in decision.reasons}
    assert {"Z1", "X10"} <= set(decision.near)
    assert advice(decision) == [
        "call_112",
        "complete_evidence",
        "ask_consent",
        "consult_pseudonymously",
        "ask_privacy_officer",
    ]


def test_medical_secrecy_gives_way_to_the_patient_only() -> None:
    request = ask("care-wgbo", "police", "P3", ADULT, *NAME, *WHAT)
    others = evidence(request, "NEC", "PROP", "SUBS", "DUAL", "OFFICER", "BALANCE", "CONSENT", "VITAL")

    assert isinstance(decide(replace(request, conditions=others), None, GROUNDS), Refused)
    decision = decide(with_evidence(request, "EXPLICIT_CONSENT", "NEC"), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert decision.ground.id == "X10"


@pytest.mark.parametrize("recipient", ["police", "riec", "labour-inspectorate", "prosecution"])
def test_social_support_data_stay_away_from_enforcement(recipient: str) -> None:
    for role in ROLES:
        request = ask("municipality-wmo", recipient, "P3", Person("adult", role), *NAME, *WHAT)
        best = with_evidence(request, "NEC", "PROP", "SUBS", "DUAL", "OWN_OBSERVATION", "ORGCRIME", "CONSENT")
        decision = decide(best, None, GROUNDS)
        assert isinstance(decision, Refused)
        assert "G1" in {reason.row for reason in decision.reasons}


@pytest.mark.parametrize(
    ("provider", "codes_needed"),
    [
        ("municipality-wmo", ("DEPENDENCE", "NEC", "PROP", "DUAL")),
        ("municipality-safety", ("DEPENDENCE", "NEC", "PROP", "DUAL")),
        ("care-wgbo", ("MELDCODE", "DEPENDENCE", "NEC", "PROP", "DUAL")),
        ("youth-care", ("MELDCODE", "DEPENDENCE", "NEC", "PROP", "DUAL")),
        ("nidos", ("MELDCODE", "DEPENDENCE", "NEC", "PROP", "DUAL")),
        ("nla-supervision", ("DEPENDENCE", "NEC", "PROP", "DUAL")),
    ],
)
@pytest.mark.parametrize("age", ["minor", "doubt"])
def test_a_minor_goes_to_child_protection_with_what_happened(provider: str, codes_needed: tuple, age: str) -> None:
    request = ask(provider, "veilig-thuis", "P4", Person(age, "victim"), *NAME, *WHAT)

    decision = decide(with_evidence(request, *codes_needed), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(request.fields)
    assert "sex_life" in decision.categories


def test_an_adult_exploited_by_a_stranger_does_not_go_to_child_protection() -> None:
    request = ask("municipality-wmo", "veilig-thuis", "P4", ADULT, *NAME)
    data = evidence(request, "DEPENDENCE", "NEC")
    stranger = {**data, "DEPENDENCE": {**data["DEPENDENCE"], "relation": "exploiter"}}

    assert isinstance(decide(replace(request, conditions=data), "G4", GROUNDS), Permit)
    decision = decide(replace(request, conditions=stranger), "G4", GROUNDS)

    assert isinstance(decision, Refused)
    assert [missing.code for missing in decision.missing] == ["DEPENDENCE"]


def test_residence_status_serves_protection_and_never_removal() -> None:
    request = ask("municipality-wmo", "police", "P6", ADULT, *NAME, "signal.residence")
    request = with_evidence(request, "EXPLICIT_CONSENT", "NEC", "DUAL")

    protected = decide(request, None, GROUNDS)
    removal = decide(replace(request, purpose="P5"), None, GROUNDS)

    assert isinstance(protected, Permit)
    assert "signal.residence" in protected.fields
    assert isinstance(removal, Refused)
    assert "D5" in {reason.row for reason in removal.reasons}


@pytest.mark.parametrize("provider", ["care-wgbo", "municipality-wmo", "ngo", "youth-care"])
def test_acute_danger_opens_a_narrow_door_and_leaves_duties(provider: str) -> None:
    request = ask(provider, "police", "P7", ADULT, *NAME, "subject.street", "signal.acute_danger", "signal.narrative")

    decision = decide(with_evidence(request, "VITAL", "INFORM"), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert "signal.narrative" not in decision.fields
    due = {duty.kind: duty.due_at for duty in decision.obligations}
    assert due["review"] == NOW + timedelta(hours=24)
    assert due["inform"].date() == TODAY + timedelta(days=14)
    assert due["record"] is None


def test_who_was_told_already_need_not_be_told_again() -> None:
    request = with_evidence(ask("care-wgbo", "police", "P7", ADULT, *NAME), "VITAL", "INFORM")
    told = {**request.conditions, "INFORM": {"how": "informed", "on": TODAY.isoformat()}}

    decision = decide(replace(request, conditions=told), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert "inform" not in {duty.kind for duty in decision.obligations}


def test_consulting_without_a_name_releases_no_identity() -> None:
    for provider, recipient in product(("care-wgbo", "municipality-wmo", "police"), ("table", "care-coordination")):
        request = ask(
            provider,
            recipient,
            "P1",
            ADULT,
            *NAME,
            *WHAT,
            "signal.municipality",
            "subject.age_band",
            "signal.narrative",
        )
        decision = decide(with_evidence(request, "NOPII", "K_MIN", "NEC"), None, GROUNDS)
        assert isinstance(decision, Permit)
        assert set(decision.fields) == {*WHAT, "signal.municipality", "subject.age_band"}
        without = decide(with_evidence(request, "NOPII", "K_MIN"), None, GROUNDS)
        assert isinstance(without, Permit)
        assert set(without.fields) == {"signal.municipality", "subject.age_band"}


def test_a_suspect_of_a_sexual_crime_is_reported_without_the_victim() -> None:
    suspect = ask("municipality-safety", "police", "P3", Person("unknown", "perpetrator"), *NAME, *WHAT)
    victim = ask("municipality-safety", "police", "P3", ADULT, *NAME, *WHAT)
    codes_met = ("OWN_OBSERVATION", "NEC", "PROP", "DUAL")

    assert isinstance(decide(with_evidence(suspect, *codes_met), None, GROUNDS), Permit)
    refused = decide(with_evidence(victim, *codes_met), None, GROUNDS)

    assert isinstance(refused, Refused)
    assert "ask_consent" in advice(refused)


REACHABLE = [
    # provider, recipient, purpose, person, conditions that suffice
    ("municipality-wmo", "care-coordination", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "ngo", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "youth-care", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "police", "P3", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "labour-inspectorate", "P3b", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "comensha", "P8", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("municipality-wmo", "raad", "P4", MINOR, ("CUSTODY", "NEC", "PROP", "DUAL")),
    ("municipality-wmo", "nidos", "P4", MINOR, ("GUARDIANSHIP", "NEC", "PROP", "DUAL")),
    ("care-wgbo", "care-coordination", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "ngo", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "shelter", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "police", "P3", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "labour-inspectorate", "P3b", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "comensha", "P8", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-wgbo", "raad", "P4", MINOR, ("NEC", "PROP", "SUBS", "DUAL")),
    ("care-wgbo", "nidos", "P4", MINOR, ("GUARDIANSHIP", "NEC", "PROP", "DUAL")),
    # after acceptance: the receiver takes the next step itself
    ("care-coordination", "shelter", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("comensha", "shelter", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC")),
    ("care-coordination", "police", "P3", ADULT, ("EXPLICIT_CONSENT", "NEC", "PROP", "DUAL")),
    ("care-coordination", "youth-care", "P2", MINOR, ("EXPLICIT_CONSENT", "MIN", "NEC", "DUAL")),
    ("nidos", "shelter", "P2", MINOR, ("EXPLICIT_CONSENT", "MIN", "NEC", "DUAL")),
    ("nidos", "veilig-thuis", "P4", MINOR, ("MELDCODE", "DEPENDENCE", "NEC", "PROP", "DUAL")),
    ("veilig-thuis", "nidos", "P4", MINOR, ("GUARDIANSHIP", "NEC", "PROP", "DUAL")),
    ("veilig-thuis", "raad", "P4", MINOR, ("NEC", "PROP", "INFORM", "DUAL")),
    ("police", "veilig-thuis", "P4", MINOR, ("NEC", "PROP", "NO9", "DUAL")),
    ("nla-supervision", "care-coordination", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC", "PROP")),
]

# Steps of the card and after acceptance of which the receiver hears who it is, and that it is sexual exploitation, and no account.
REACHABLE_WITHOUT_ACCOUNT = [
    ("veilig-thuis", "police", "P4", MINOR, ("NEC", "PROP", "INFORM", "DUAL")),
    ("veilig-thuis", "youth-care", "P2", MINOR, ("DEPENDENCE", "NEC", "INFORM", "DUAL")),
    ("raad", "youth-protection", "P4", MINOR, ("NEC", "PROP", "INFORM", "DUAL")),
    ("youth-care", "youth-protection", "P4", MINOR, ("SUPERVISION_ORDER", "NEC", "DUAL")),
    ("police", "nidos", "P4", MINOR, ("GUARDIANSHIP", "NEC", "NO9", "DUAL")),
    ("police", "comensha", "P8", ADULT, ("NEC", "NO9", "DUAL")),
    ("police", "comensha", "P8", MINOR, ("NEC", "NO9", "DUAL")),
    ("nla-supervision", "police", "P6", ADULT, ("EXPLICIT_CONSENT", "NEC", "DUAL")),
]

# Steps in which nobody needs to hear what kind of exploitation it is.
REACHABLE_BY_NAME = [
    ("municipality-wmo", "return-support", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC", "DUAL")),
    ("care-coordination", "return-support", "P2", ADULT, ("EXPLICIT_CONSENT", "NEC", "DUAL")),
]


@pytest.mark.parametrize(("provider", "recipient", "purpose", "person", "enough"), REACHABLE)
def test_the_card_can_be_walked_lawfully_with_what_happened(provider, recipient, purpose, person, enough) -> None:
    request = ask(provider, recipient, purpose, person, *NAME, *WHAT)

    decision = decide(with_evidence(request, *enough), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(request.fields)
    assert isinstance(decide(request, None, GROUNDS), Refused)


@pytest.mark.parametrize(("provider", "recipient", "purpose", "person", "enough"), REACHABLE_WITHOUT_ACCOUNT)
def test_the_next_step_says_who_and_what_kind_and_keeps_the_account(
    provider, recipient, purpose, person, enough
) -> None:
    told = (*NAME, "signal.forms", "subject.role")
    request = ask(provider, recipient, purpose, person, *told, "signal.narrative")

    decision = decide(with_evidence(request, *enough), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(told)


@pytest.mark.parametrize(("provider", "recipient", "purpose", "person", "enough"), REACHABLE_BY_NAME)
def test_who_returns_decides_what_the_adviser_hears(provider, recipient, purpose, person, enough) -> None:
    request = ask(provider, recipient, purpose, person, *NAME, *WHAT, "signal.residence")

    decision = decide(with_evidence(request, *enough), None, GROUNDS)

    assert isinstance(decision, Permit)
    assert set(decision.fields) == set(NAME)
    assert isinstance(decide(with_evidence(request, *set(enough) - {"EXPLICIT_CONSENT"}), None, GROUNDS), Refused)


@pytest.mark.parametrize("provider", ["municipality-youth", "care-wgbo", "nidos"])
@pytest.mark.parametrize("recipient", ["veilig-thuis", "raad"])
def test_child_protection_may_hear_from_whom_a_child_is_to_be_protected(provider: str, recipient: str) -> None:
    # Given the man with whom a girl was seen, an adult
    request = ask(provider, recipient, "P4", Person("adult", "perpetrator"), *NAME, "subject.role", "signal.narrative")
    of_child = {"relation": "exploiter", "of_a_child": True}
    given = evidence(request, "MELDCODE", "DEPENDENCE", "NEC", "PROP", "DUAL")
    about = {**given, "DEPENDENCE": {**given["DEPENDENCE"], **of_child}}

    # Then he may be named when the person who depends on him is a child, and never with the account of his victim
    decision = decide(replace(request, conditions=about), None, GROUNDS)
    assert isinstance(decision, Permit)
    assert set(decision.fields) == {*NAME, "subject.role"}
    about["DEPENDENCE"]["of_a_child"] = False
    assert isinstance(decide(replace(request, conditions=about), None, GROUNDS), Refused)


def test_labour_investigators_refer_who_wants_help_and_report_who_exploits() -> None:
    victim = ask("nla-investigation", "care-coordination", "P2", ADULT, *NAME)
    asked = ("EXPLICIT_CONSENT", "OFFICER", "PUBLIC_INTEREST", "INCIDENT", "NEC", "NO9", "DUAL")
    suspect = ask("nla-investigation", "police", "P3", Person("adult", "perpetrator"), *NAME)

    assert isinstance(decide(with_evidence(victim, *asked), None, GROUNDS), Permit)
    assert isinstance(decide(with_evidence(victim, *asked[1:]), None, GROUNDS), Refused)
    assert isinstance(decide(with_evidence(suspect, "TASK", "NEC", "NO9"), None, GROUNDS), Permit)
    assert isinstance(decide(with_evidence(replace(suspect, person=ADULT), *asked, "TASK"), None, GROUNDS), Refused)


def test_a_place_reaches_the_municipality_and_nobody_who_lives_there() -> None:
    place = Person("unknown", "place")
    fields = ("subject.street", "subject.city", "subject.given_name")
    for provider in ("ngo", "care-coordination", "shelter"):
        request = ask(provider, "municipality", "P9", place, *fields)

        decision = decide(with_evidence(request, "BALANCE", "NEC", "DUAL"), None, GROUNDS)

        assert isinstance(decision, Permit)
        assert set(decision.fields) == {"subject.street", "subject.city"}
        for role in ("victim", "perpetrator", "facilitator", "witness"):
            somebody = replace(request, person=Person("adult", role))
            assert isinstance(decide(with_evidence(somebody, "BALANCE", "NEC", "DUAL"), None, GROUNDS), Refused)


def test_organised_crime_goes_to_the_partnership_from_public_order_only() -> None:
    place = Person("unknown", "place")
    paper = replace(Context(NOW, TODAY, "agency-riec", "unknown"), parameter="RIEC")
    fields = ("subject.street", "subject.company_name", "subject.kvk", "signal.municipality")
    for provider, expected in (("municipality-safety", Permit), ("municipality-wmo", Refused), ("care-wgbo", Refused)):
        request = ask(provider, "riec", "P3", place, *fields)
        good = evidence(request, "ORGCRIME", "DUAL")
        good["PARTNERSHIP"] = example_evidence("PARTNERSHIP", paper, ["contact", "business", "pseudonymous"])
        assert isinstance(decide(replace(request, conditions=good), None, GROUNDS), expected), provider


def test_an_unknown_age_reaches_no_row_that_asks_for_one_and_says_so() -> None:
    request = ask("municipality-wmo", "care-coordination", "P2", Person("unknown", "victim"), *NAME, *WHAT)

    decision = decide(with_evidence(request, "EXPLICIT_CONSENT", "NEC"), "X1", GROUNDS)

    assert isinstance(decision, Refused)
    assert "X1" in decision.near
    assert "find_age" in advice(decision)


def test_a_ground_that_was_not_offered_cannot_be_chosen() -> None:
    request = permitted_request(ROW["X1"], NOW)

    for ground_id in ("Z1", "X99", "", "D0", "x1"):
        decision = decide(request, ground_id, GROUNDS)
        assert isinstance(decision, Refused)
        assert "not_applicable" in codes(decision)


def test_nothing_asked_is_nothing_given() -> None:
    request = replace(permitted_request(ROW["X1"], NOW), fields={})

    decision = decide(request, "X1", GROUNDS)

    assert isinstance(decision, Refused)
    assert codes(decision) == {"no_fields"}
    assert applicable(request, GROUNDS) == ()


def test_offers_show_what_would_go_what_would_stay_and_what_is_asked() -> None:
    request = ask(
        "municipality-wmo", "care-coordination", "P2", MINOR, *NAME, "signal.narrative", "subject.document_number"
    )

    offers = {offer.ground.id: offer for offer in applicable(request, GROUNDS)}

    # X22 carries a minor with explicit consent; G2, on plain consent, leaves the account here.
    assert set(offers) == {"G2", "X22"}
    assert set(offers["X22"].fields) == set(request.fields)
    assert set(offers["G2"].fields) == {*NAME, "subject.document_number"}
    assert [name for name, _ in offers["G2"].withheld] == ["signal.narrative"]
    assert offers["G2"].conditions == ("CONSENT", "MIN", "NEC")
    assert offers["G2"].usable


def test_an_adult_is_not_asked_for_the_rules_on_minors() -> None:
    offers = applicable(ask("care-wgbo", "ngo", "P2", ADULT, *NAME), GROUNDS)

    assert next(offer.conditions for offer in offers if offer.ground.id == "Z1") == ("EXPLICIT_CONSENT",)


@pytest.mark.parametrize(
    ("retention", "start", "end"),
    [
        ("P180D", "2026-01-01", "2026-06-30"),
        ("P15Y", "2024-02-29", "2039-02-28"),
        ("P1M", "2026-01-31", "2026-02-28"),
        ("P1Y2M1W3D", "2026-11-22", "2028-02-01"),
        ("P11M", "2026-01-15", "2026-12-15"),
    ],
)
def test_retention_ends_on_the_day_people_would_count_to(retention: str, start: str, end: str) -> None:
    begin = datetime.fromisoformat(start).date()

    assert str(destroy_on(retention, begin)) == end
    assert destroy_on("case", begin) is None
