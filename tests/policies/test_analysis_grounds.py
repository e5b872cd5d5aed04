"""Defects planted in the grounds, each found by kind, file and key, with a request that shows it."""

import json
from pathlib import Path

import pytest

from signaltable.disclose import decide_whole
from signaltable.disclosure.outcome import Refused
from signaltable.ground_request import moment_of, parse_request
from signaltable.grounds import KINDS
from signaltable.policy import load
from tests.policies.planting import TODAY, Defect, Plant, copy, found_in, matching, swap

G = "grondslagen/"
E3 = G + "E3.toml"
PROVIDERS = 'provider = ["ngo", "care-coordination"]'
DATA = 'data = ["identity", "contact", "minor", "pseudonymous"]'


def row(name: str, other: str, *changes: tuple[str, str]) -> Plant:
    return copy(f"{G}{other}.toml", f"{G}{name}.toml", (f'id = "{other}"', f'id = "{name}"'), *changes)


DEFECTS = [
    Defect("a specific deny stops every cell", "ground-never-permits", G + "X990.toml", "purpose",
           row("X990", "E3", (PROVIDERS, 'provider = ["municipality-wmo"]'))),
    Defect("hard denies take everything out", "ground-never-permits", G + "X990.toml", "data",
           row("X990", "E3", (DATA, 'data = ["sex_life"]'))),
    Defect("days are over", "ground-never-permits", E3, "valid_until",
           swap(E3, ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_until = 2026-06-01"))),
    Defect("days have not begun", "ground-never-permits", E3, "valid_from",
           swap(E3, ("valid_from = 2026-01-01", "valid_from = 2027-01-01"))),
    Defect("conditions that exclude each other", "ground-never-permits", E3, "conditions",
           swap(E3, ('"BALANCE", "DUAL"]', '"BALANCE", "DUAL", "VITAL"]'))),
    Defect("conditions that a new word makes impossible", "ground-never-permits", E3, "conditions",
           swap("conditions.toml", ("[BALANCE]\n", '[BALANCE]\nexcludes = ["DUAL"]\n'))),
    Defect("a new deny without a way past it", "ground-never-permits", E3, "purpose",
           row("X991", "G1", ('provider = ["municipality-wmo"]', PROVIDERS), ('except_conditions = ["EXPLICIT_CONSENT"]', ""))),
    Defect("one provider of several is denied", "ground-contradiction", E3, "purpose",
           swap(E3, (PROVIDERS, 'provider = ["ngo", "municipality-wmo"]'))),
    Defect("one recipient of several is denied", "ground-contradiction", E3, "purpose",
           row("X991", "G1", ('provider = ["municipality-wmo"]', 'provider = ["ngo"]'),
               ('except_conditions = ["EXPLICIT_CONSENT"]', ""))),
    Defect("a category that never goes", "ground-contradiction", E3, "data",
           swap(E3, (DATA, 'data = ["identity", "contact", "sex_life"]'))),
    Defect("a copy", "ground-duplicate", G + "X990.toml", "", row("X990", "E3")),
    Defect("the same in another order", "ground-duplicate", G + "X990.toml", "",
           row("X990", "E3", (PROVIDERS, 'provider = ["care-coordination", "ngo"]'),
               ('"CONSENT", "MIN", "BALANCE", "DUAL"', '"DUAL", "MIN", "BALANCE", "CONSENT"'))),
    Defect("a deny with * written out", "ground-duplicate", G + "X991.toml", "",
           row("X991", "D2", ('recipient = "*"', f"recipient = {json.dumps(KINDS)}"))),
    Defect("the same with one more condition", "ground-changes-nothing", G + "X990.toml", "conditions",
           row("X990", "E3", ('"BALANCE", "DUAL"]', '"BALANCE", "DUAL", "NEC"]'))),
    Defect("a part of another row", "ground-changes-nothing", G + "X990.toml", "conditions",
           row("X990", "E3", (PROVIDERS, 'provider = ["ngo"]'), (DATA, 'data = ["identity"]'))),
    Defect("a wider row that asks less", "ground-changes-nothing", E3, "conditions",
           row("X990", "E3", (PROVIDERS, 'provider = ["ngo", "care-coordination", "shelter"]'),
               ('"BALANCE", "DUAL"]', '"DUAL"]'))),
    Defect("a deny whose days are over", "ground-changes-nothing", G + "G1.toml", "valid_until",
           swap(G + "G1.toml", ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_until = 2026-06-01"))),
    Defect("two versions on one day", "overlapping-dates", G + "G1.toml", "valid_until",
           copy(G + "G1.toml", G + "G1.2026.toml", ("valid_from = 2026-01-01", "valid_from = 2026-06-01"))),
]  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.kind}: {defect.name}")
def test_a_planted_defect_is_found_with_a_request_that_is_refused(defect: Defect, folder: Path) -> None:
    defect.plant(folder)

    found = matching(found_in(folder), defect)

    assert found
    if defect.kind != "overlapping-dates":
        request = found[0].request
        assert request is not None
        assert set(request) == {"provider", "recipient", "purpose", "data", "person", "conditions"}
        answer = decide_whole(parse_request(request, moment_of(TODAY), demo=True), load(folder).grounds)
        assert isinstance(answer, Refused)


SANE = {
    "a row for another recipient": row("X990", "E3", ('recipient = ["police"]', 'recipient = ["prosecution"]')),
    "a row for other persons": row("X990", "E3", ('person_role = ["victim"]', 'person_role = ["witness"]')),
    "a row that asks something else instead": row("X990", "E3", ('"BALANCE", "DUAL"]', '"NEC", "PROP"]')),
    "a version for next year": lambda folder: [
        plant(folder)
        for plant in (
            copy(E3, G + "E3.2027.toml", ("valid_from = 2026-01-01", "valid_from = 2027-01-01")),
            swap(E3, ("valid_from = 2026-01-01", "valid_from = 2026-01-01\nvalid_until = 2026-12-31")),
        )
    ],
    "a deny where nothing is permitted yet": row(
        "X991", "G1", ('recipient = ["police", "prosecution", "riec", "labour-inspectorate"]', 'recipient = ["comensha"]')
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SANE)
def test_a_sane_change_of_a_ground_is_no_finding(name: str, folder: Path) -> None:
    SANE[name](folder)

    assert found_in(folder) == []
