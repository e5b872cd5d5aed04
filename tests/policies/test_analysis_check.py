"""The command: exit codes, both outputs, and what a folder that does not load becomes."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from signaltable.analysis import KINDS, check_folder
from signaltable.cli import main
from signaltable.facts import parse_facts
from signaltable.flow.coverage import covered_destinations
from signaltable.settings import Settings
from signaltable.transaction import Program
from tests.policies.planting import TODAY, Defect, Plant, copy, found_in, matching, remove, swap, together

M9 = "meldroutes/M9.toml"

BROKEN = [
    Defect("syntax", "broken", M9, "", swap(M9, ('id = "M9"', "id = M9"))),
    Defect("an unknown key", "broken", M9, "urgent", swap(M9, ("urgency =", "urgent ="))),
    Defect("an unknown fact", "broken", M9, "when.0.0.fact", swap(M9, ('"organised"', '"organized"'))),
    Defect("a file that is missing", "broken", "scales.toml", "", remove("scales.toml")),
    Defect("a file that nobody reads", "broken", "route.toml", "", copy(M9, "route.toml")),
    Defect(
        "a reason in one language",
        "missing-translation",
        M9,
        "reason",
        swap(M9, ('\nen = "There are several', '\n#en = "There are several')),
    ),
    Defect("an empty title", "missing-translation", M9, "title", swap(M9, ('en = "Organised: RIEC"', 'en = " "'))),
    Defect(
        "a ground without English",
        "missing-translation",
        "grondslagen/G1.toml",
        "title",
        swap("grondslagen/G1.toml", (", en = ", ", e = ")),
    ),
    Defect(
        "a value without a label",
        "missing-translation",
        "facts.toml",
        "fact.age.values.doubt",
        swap("facts.toml", ("doubt = {", "#doubt = {")),
    ),
    Defect(
        "two versions on one day",
        "overlapping-dates",
        "meldroutes/M9-2026.toml",
        "valid_from",
        copy(M9, "meldroutes/M9-2026.toml", ("2025-01-01", "2026-01-01")),
    ),
    Defect(
        "days in the wrong order",
        "never-fires",
        M9,
        "valid_until",
        swap(M9, ("valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2024-01-01")),
    ),
]


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policies", "check", *arguments])


@pytest.mark.parametrize("defect", BROKEN, ids=lambda defect: f"{defect.kind}: {defect.name}")
def test_what_stops_the_start_is_a_finding(defect: Defect, folder: Path) -> None:
    defect.plant(folder)

    found = found_in(folder)

    assert matching(found, defect)
    assert {one.kind for one in found} <= set(KINDS)


def test_facts_are_told_for_a_broken_route_that_can_still_be_read(folder: Path) -> None:
    swap(M9, ('destination = "riec"', 'destination = "rieck"'))(folder)

    assert [one.facts for one in found_in(folder)] == [{"organised": "yes"}]


def test_a_rule_that_others_name_can_be_missed_for_what_it_did(folder: Path) -> None:
    together(remove("meldroutes/M5.toml"), remove("meldroutes/examples/M5.toml"))(folder)

    found = found_in(folder)

    assert [(one.kind, one.file, one.key) for one in found if one.kind == "broken"] == [
        ("broken", "meldroutes/M4.toml", "excludes")
    ]
    (gap,) = (one for one in found if one.kind == "gap")
    assert gap.facts is not None
    assert gap.facts.items() >= {"age": "adult", "victim": "possible", "victim_consent": "refused"}.items()


@pytest.mark.parametrize(
    ("mistake", "place"),
    [
        (swap(M9, ("urgency =", 'colour = "red"\nurgency =')), (M9, "colour")),
        (swap("region.toml", ("[region]", 'off = ["M77"]\n[region]')), ("region.toml", "off")),
        (
            swap("meldroutes/examples/M9.toml", ('to = ["riec"]', 'to = ["rieck"]')),
            ("meldroutes/examples/M9.toml", "hit.0.to"),
        ),
        (
            swap("destinations.toml", ('agency_kind = "riec"\n', "")),
            ("destinations.toml", "destination.riec.agency_kind"),
        ),
        (swap("facts.toml", ("refused = {", "declined = {")), ("facts.toml", "fact.victim_consent.values.declined")),
        (swap("grondslagen/G1.toml", ("priority =", "prioriti =")), ("grondslagen/G1.toml", "prioriti")),
    ],
)
def test_a_mistake_does_not_hide_what_is_wrong_elsewhere(mistake: Plant, place: tuple[str, str], folder: Path) -> None:
    mistake(folder)
    swap("meldroutes/M17.toml", ("value = 2", "value = 0"))(folder)

    found = found_in(folder)

    assert place in {(one.file, one.key) for one in found}
    assert ("changes-nothing", "meldroutes/M17.toml") in {(one.kind, one.file) for one in found}


def test_nothing_is_said_that_a_rule_which_cannot_be_read_could_change(folder: Path) -> None:
    (folder / M9).write_text("when = [")

    assert [(one.kind, one.file) for one in found_in(folder)] == [("broken", M9)]


def test_the_folder_stays_as_it_was(folder: Path) -> None:
    remove("meldroutes/M5.toml")(folder)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    found_in(folder)

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("plant", "facts"),
    [
        (swap("meldroutes/M4.toml", ('"given"', '"granted"')), {"age": "adult", "victim": "possible"}),
        (
            swap("destinations.toml", ('agency_kind = "nidos"', 'agency_kind = "nido"')),
            {"unaccompanied_foreign_minor": "yes", "forms": ["sexual"]},
        ),
        (
            swap(M9, ("valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2024-01-01")),
            {"organised": "yes"},
        ),
    ],
)
def test_the_facts_of_what_can_be_read_stand_beside_a_mistake(
    plant: Plant, facts: dict[str, object], folder: Path
) -> None:
    plant(folder)

    assert [one.facts for one in found_in(folder)] == [facts]


def test_the_shipped_rules_have_no_findings(folder: Path) -> None:
    plain, as_json = check("--dir", str(folder)), check("--dir", str(folder), "--json")

    assert (plain.exit_code, plain.output) == (0, "no findings\n")
    assert (as_json.exit_code, json.loads(as_json.output)) == (0, [])


def test_findings_are_told_to_people_and_as_json(folder: Path) -> None:
    swap(
        "meldroutes/M8.toml",
        ("\n[reason]", '\nunless = [[{ fact = "perpetrator", op = "equals", value = "yes" }]]\n[reason]'),
    )(folder)
    swap("grondslagen/E3.toml", ("valid_from = 2026-01-01", "valid_from = 2027-01-01"))(folder)

    before_it_counts = ("--dir", str(folder), "--on", "2026-11-22")
    plain, as_json = check(*before_it_counts), check(*before_it_counts, "--json")

    assert plain.exit_code == as_json.exit_code == 1
    found: list[dict[str, Any]] = json.loads(as_json.output)
    route = next(one for one in found if one["kind"] == "never-fires")
    assert route["file"] == "meldroutes/M8.toml"
    assert route["key"] == "unless"
    assert parse_facts(route["facts"]).values == {"perpetrator": "yes"}
    ground = next(one for one in found if one["kind"] == "ground-never-permits")
    assert ground["request"]["conditions"] == {}
    assert all(set(one) <= {"kind", "file", "key", "facts", "request", "message"} for one in found)
    for said in ("never-fires", "meldroutes/M8.toml: unless", "perpetrator", '"provider"', f"{len(found)} findings"):
        assert said in plain.output


def test_the_day_asked_decides_which_versions_count(folder: Path) -> None:
    swap(M9, ("valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2026-12-31"))(folder)

    assert check("--dir", str(folder), "--on", "2026-11-22").exit_code == 0
    assert check("--dir", str(folder), "--on", "2027-01-01").exit_code == 1


def test_a_broken_folder_is_a_finding_and_no_folder_is_unusable(folder: Path, tmp_path: Path) -> None:
    (folder / "region.toml").write_text("[region")

    broken, nothing = check("--dir", str(folder), "--json"), check("--dir", str(tmp_path / "nowhere"))

    assert broken.exit_code == 1
    assert [(one["kind"], one["file"]) for one in json.loads(broken.output)] == [("broken", "region.toml")]
    assert nothing.exit_code == 2
    assert nothing.output == "signaltable: --dir: expected a folder with rules, found none there\n"
    assert check("--on", "tomorrow").exit_code == 2


def test_a_home_without_an_agency_for_a_destination_is_a_finding(sqlite_program: Program, folder: Path) -> None:
    covered = covered_destinations(sqlite_program.settings)
    assert covered is not None
    assert check_folder(folder, TODAY, covered=covered) == []

    found = check_folder(folder, TODAY, covered=covered - {"riec"})

    assert [(one.kind, one.key, one.facts) for one in found] == [
        ("destination-without-agency", "destination.riec.agency_kind", {"organised": "yes"})
    ]


def test_without_a_home_nobody_is_missed(tmp_path: Path) -> None:
    home = Settings(home=tmp_path / "none", database_url=f"sqlite:///{tmp_path / 'none.db'}")

    assert covered_destinations(home) is None
    assert not (tmp_path / "none.db").exists()
