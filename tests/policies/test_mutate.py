"""The mutation of the rules itself: it changes everything that it should, and it can fail."""

from itertools import islice
from pathlib import Path

import pytest

from signaltable.policy import PolicySet
from tests.policies import double_entry, mutate

POLICIES = Path(__file__).resolve().parents[2] / "policies"


def test_everything_is_mutated(policy: PolicySet) -> None:
    files = {mutant.file for mutant in mutate.mutants(policy)}

    rules = [*POLICIES.glob("grondslagen/*.toml"), *POLICIES.glob("meldroutes/*.toml")]
    assert files == {path.relative_to(POLICIES).as_posix() for path in rules} | {"derived.toml", "fields.toml"}


def test_no_mutant_of_a_sample_survives(policy: PolicySet) -> None:
    # `make mutate-policies` tries all of them.
    assert mutate.survivors(islice(mutate.mutants(policy), 7, None, 29)) == []


def test_a_ledger_that_says_nothing_about_conditions_lets_a_ground_without_one_survive(
    policy: PolicySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a double entry with a hole
    monkeypatch.setattr(double_entry, "_differing_conditions", lambda *_: iter(()))
    monkeypatch.setattr(double_entry, "_differing_words", lambda *_: iter(()))

    survived = mutate.survivors(mutate.ground_mutants(policy.grounds, only=("X1",)))

    # Then the harness says so, and only about what nobody looks at
    assert ("grondslagen/X1.toml", "conditions", "EXPLICIT_CONSENT left out") in survived
    assert ("grondslagen/X1.toml", "person_age", "adult left out") not in survived


def test_a_ledger_that_looks_at_single_facts_only_lets_a_dropped_test_survive(
    policy: PolicySet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(double_entry, "expectations", lambda _: ())

    survived = mutate.survivors(mutate.route_mutants(policy, only=("M11",)))

    assert ("meldroutes/M11.toml", "when", "0.1 gender left out") in survived
    assert ("meldroutes/M11.toml", "excludes", "M2 left out") not in survived


def test_a_ledger_without_a_field_is_no_ledger(policy: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a ledger from which a line was lost
    whole = double_entry.read("fields.toml")
    lost = {name: line for name, line in whole["fields"].items() if name != "subject.phone"}
    monkeypatch.setattr(double_entry, "read", lambda _: {**whole, "fields": lost})

    assert list(double_entry.fields_differences(policy.fields))
