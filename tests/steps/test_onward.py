"""Passing on, decided: a rule about passing on forbids whatever ground is named, and lifts nothing that the law forbids."""

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from signaltable import disclose
from signaltable.disclosure.outcome import Permit, Refused
from signaltable.grounds import Ground, load_grounds
from signaltable.onward import CODE, Onward, decide
from signaltable.transfer_rules import Came, TransfersFile
from tests.ground_examples import permitted_request

POLICIES = Path(__file__).resolve().parents[2] / "policies"
GROUNDS = load_grounds(POLICIES / "grondslagen")
RULES = TransfersFile.model_validate(tomllib.loads((POLICIES / "transfers.toml").read_text(encoding="utf-8")))
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PERMITS = [row for row in GROUNDS.rows if row.permits]

BY_CONSENT = Onward((Came("Z01", frozenset({"CONSENT"}), "P6"),), RULES)
LIFTS = {"CONSENT", "EXPLICIT_CONSENT", "VITAL", "MELDCODE", "CUSTODY", "SUPERVISION_ORDER", "MISSING_MINOR"}
FURTHER_UP = Onward((Came("Z01", frozenset(), "P6"), Came("Z02", frozenset(), "P1")), RULES)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in PERMITS])
def test_a_named_ground_that_a_rule_stops_is_refused_with_the_rule_before_anything_else(row: Ground) -> None:
    request = permitted_request(row, NOW)
    alone = disclose.decide(request, row.id, GROUNDS)
    assert isinstance(alone, Permit)
    stops = not LIFTS & set(row.conditions) or request.purpose == "P5"
    outcome = decide(request, row.id, GROUNDS, BY_CONSENT)
    assert isinstance(outcome, Refused) is stops
    assert outcome.reasons[0].code == CODE if isinstance(outcome, Refused) else outcome == alone
    # A rule about how it came to whoever gave it counts as well.
    refused = decide(request, row.id, GROUNDS, FURTHER_UP)
    assert isinstance(refused, Refused)
    assert [one.row for one in refused.reasons if one.code == CODE] == ["consultation-stays-here"]


@pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in PERMITS])
def test_without_a_named_ground_none_is_chosen_that_a_rule_stops(row: Ground) -> None:
    request = permitted_request(row, NOW)
    outcome = decide(request, None, GROUNDS, BY_CONSENT)
    if isinstance(outcome, Permit):
        assert LIFTS & set(outcome.ground.conditions)
        assert request.purpose != "P5"
    else:
        assert any(one.code == CODE for one in outcome.reasons)
    refused = decide(request, None, GROUNDS, FURTHER_UP)
    assert isinstance(refused, Refused)
    assert refused.reasons[0].code == CODE


def test_what_was_not_received_follows_the_grounds_alone() -> None:
    request = permitted_request(PERMITS[0], NOW)
    assert decide(request, None, GROUNDS, None) == disclose.decide(request, None, GROUNDS)
