"""The rows that ship, held against the laws they rest on: what every row of one law has in common, and what none may do."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signaltable.conditions.shape import Context
from signaltable.disclose import decide
from signaltable.disclosure.outcome import Permit, Refused
from signaltable.disclosure.request import Person, Request
from signaltable.evidence_examples import example as example_evidence
from signaltable.grounds import AGES, CAPACITIES, CONDITIONS, KINDS, PURPOSES, ROLES, Ground, load_grounds
from tests.ground_examples import permitted_request

GROUNDS = load_grounds(Path(__file__).resolve().parents[2] / "policies" / "grondslagen")
ROW = {row.id: row for row in GROUNDS.rows}
PERMITS = [row for row in GROUNDS.rows if row.permits]
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
# An article for criminal data: AVG 10, or a law that is about nothing else.
_CRIMINAL_LAW = ("A10", "Wpg", "WGS", "Wjsg")


def articles(row: Ground) -> list[str]:
    return [reference.code for reference in row.legal_basis]


def rests_on(row: Ground, *starts: str) -> bool:
    return any(code.startswith(starts) for code in articles(row))


def refused_rows(decision: Permit | Refused) -> set[str]:
    assert isinstance(decision, Refused)
    return {reason.row for reason in decision.reasons}


# -- what the rows of one law have in common --------------------------------------------------------------------------


@pytest.mark.parametrize("row", PERMITS, ids=lambda row: row.id)
def test_protected_kinds_of_data_rest_on_an_article_that_allows_them(row: Ground) -> None:
    if {"health", "sex_life"} & set(row.data):
        assert rests_on(row, "A9-2-", "Wpg-5")
    if "criminal" in row.data:
        assert rests_on(row, *_CRIMINAL_LAW)


@pytest.mark.parametrize("row", PERMITS, ids=lambda row: row.id)
def test_the_conditions_of_a_law_come_with_it(row: Ground) -> None:
    demanded = set(row.conditions)
    if row.provider == ("police",) and rests_on(row, "Wpg-18", "Wpg-19", "Wpg-20"):
        assert "NO9" in demanded
    if rests_on(row, "Wpg-18-2"):
        assert "AUTHORISATION" in demanded
    if rests_on(row, "Wpg-19"):
        assert demanded >= {"OFFICER", "PUBLIC_INTEREST", "INCIDENT"}
    if rests_on(row, "Wpg-20"):
        assert demanded >= {"OFFICER", "DECISION"}
    if rests_on(row, "Wjsg"):
        assert demanded >= {"OM_MANDATE", "PUBLIC_INTEREST", "OTHERS_MASKED"}
    if rests_on(row, "WGS"):
        assert row.parameters["PARTNERSHIP"] in {"RIEC", "ZVH", "WGS"}
    if rests_on(row, "A6-1-d") and not rests_on(row, "A6-1-e"):
        assert demanded >= {"VITAL", "INFORM"}
    if row.effect == "mandatory_if":
        assert not demanded & {"CONSENT", "EXPLICIT_CONSENT"}
    assert "record" in {owed.kind for owed in row.obligations}


def test_a_victim_is_named_to_enforcement_only_with_consent_or_by_whom_the_law_names() -> None:
    # Given every row that tells enforcement for detection who a possible victim is
    enforcement = {"police", "riec", "labour-inspectorate", "prosecution"}
    telling = {
        row.id
        for row in PERMITS
        if enforcement & set(row.recipient)
        and {"P3", "P3b"} & set(row.purpose)
        and "identity" in row.data
        and (not row.person_role or "victim" in row.person_role)
        and not {"CONSENT", "EXPLICIT_CONSENT"} & set(row.conditions)
    }

    # Then it is the intervention team, the police themselves under a decision or to the prosecutor, and one partnership.
    assert telling == {"G6", "POL6", "POL9", "W2"}


# -- what none of them may do -----------------------------------------------------------------------------------------


def everything(request: Request, row: Ground) -> Request:
    """The request with good evidence for every condition there is, as this row asks it."""
    context = Context(NOW, NOW.date(), request.recipient_agency, request.person.age)
    return replace(
        request,
        conditions={
            code: example_evidence(code, replace(context, parameter=row.parameters.get(code, "")), row.data)
            for code in CONDITIONS
        },
    )


@pytest.mark.parametrize("provider", ["riec", "safety-house"])
@pytest.mark.parametrize("row", [ROW["D1"], ROW["X16"]], ids=lambda row: row.id)
def test_a_closed_partnership_gives_nothing_to_the_table(provider: str, row: Ground) -> None:
    request = everything(permitted_request(row, NOW), row)
    assert isinstance(decide(request, row.id, GROUNDS), Permit)

    closed = replace(request, provider_kind=provider, provider_capacity=provider)

    assert "W3" in refused_rows(decide(closed, row.id, GROUNDS))


@pytest.mark.parametrize("recipient", ["veilig-thuis", "raad", "municipality", "youth-protection", "return-service"])
@pytest.mark.parametrize("purpose", ["P4", "P5"])
def test_labour_investigators_do_not_use_the_way_of_the_police(recipient: str, purpose: str) -> None:
    request = everything(permitted_request(ROW["POL4"], NOW), ROW["POL4"])
    other = replace(
        request,
        provider_kind="labour-inspectorate",
        provider_capacity="nla-investigation",
        recipient_kind=recipient,
        purpose=purpose,
    )

    assert "L3" in refused_rows(decide(other, None, GROUNDS))


def test_no_row_lets_anything_go_to_the_departure_service() -> None:
    for row in PERMITS:
        base = replace(everything(permitted_request(row, NOW), row), recipient_kind="return-service")
        for purpose in PURPOSES:
            assert isinstance(decide(replace(base, purpose=purpose), None, GROUNDS), Refused), (row.id, purpose)


def test_the_person_gets_access_from_everybody_but_an_investigation_and_never_through_a_parent() -> None:
    request = permitted_request(ROW["A1"], NOW)
    granted = {
        capacity
        for kind in KINDS
        for capacity in CAPACITIES[kind]
        if isinstance(decide(replace(request, provider_kind=kind, provider_capacity=capacity), "A1", GROUNDS), Permit)
    }
    parent = {"ACCESS": {**request.conditions["ACCESS"], "asked_by": "parent"}}

    assert granted == {capacity for kind in KINDS for capacity in CAPACITIES[kind]} - {"police-investigation"}
    assert isinstance(decide(replace(request, conditions=parent), "A1", GROUNDS), Refused)


def test_the_referral_index_hears_who_and_not_what() -> None:
    fields = {name: frozenset({name}) for name in ("identity", "contact", "minor", "pseudonymous", "narrative")}

    decision = decide(replace(permitted_request(ROW["Z10"], NOW), fields=fields), "Z10", GROUNDS)

    assert isinstance(decision, Permit)
    assert decision.fields == ("identity",)


@pytest.mark.parametrize("row", [row for row in PERMITS if "VITAL" in row.conditions], ids=lambda row: row.id)
def test_acute_danger_opens_no_door_for_detection(row: Ground) -> None:
    danger = {code: permitted_request(row, NOW).conditions[code] for code in row.conditions}
    for purpose in ("P2", "P3", "P3b", "P5", "P9"):
        for age in AGES:
            for role in ROLES:
                request = replace(
                    permitted_request(row, NOW), purpose=purpose, person=Person(age, role), conditions=danger
                )
                assert isinstance(decide(request, None, GROUNDS), Refused)


def test_paper_that_covers_another_recipient_or_other_data_does_not_carry_the_decision_of_the_police() -> None:
    request = permitted_request(ROW["POL9"], NOW)
    decision = request.conditions["DECISION"]

    other = {**request.conditions, "DECISION": {**decision, "recipient": "somebody-else"}}
    narrow = {**request.conditions, "DECISION": {**decision, "categories": ["contact"]}}

    assert isinstance(decide(replace(request, conditions=other), "POL9", GROUNDS), Refused)
    permit = decide(replace(request, conditions=narrow), "POL9", GROUNDS)
    assert isinstance(permit, Permit)
    assert permit.fields == ("contact",)
