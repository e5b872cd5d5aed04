"""Two sets of rules side by side: what changed in words, who would be advised otherwise, and what may go from now on."""

import shutil
import tomllib
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pytest

from signaltable import disclose
from signaltable.comparison.advice import advice_changes
from signaltable.comparison.described import describe
from signaltable.comparison.files import changed_ids, contents_of
from signaltable.comparison.permits import permit_changes
from signaltable.comparison.rules import Change, rule_changes
from signaltable.disclosure.outcome import Permit
from signaltable.disclosure.request import Person, Request
from signaltable.evidence import Met
from signaltable.facts import Facts, parse_facts
from signaltable.policy import PolicySet, load
from tests.policies.conftest import POLICIES

TODAY = date(2026, 11, 23)
Edit = tuple[str, str, str]


@pytest.fixture
def changed(folder: Path) -> Callable[..., PolicySet]:
    """The shipped rules with changes: (file, old, new)."""

    def make(*edits: Edit) -> PolicySet:
        for file, old, new in edits:
            path = folder / file
            text = path.read_text() if path.exists() else ""
            assert old in text, f"the test expects {old!r} in {file}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text.replace(old, new, 1))
        return load(folder)

    return make


def told(*facts: dict[str, object]) -> list[list[Facts]]:
    return [[parse_facts(one)] for one in facts]


def only(changes: tuple[Change, ...], kind: str) -> Change:
    (found,) = [one for one in changes if one.kind == kind]
    return found


# -- rule by rule --------------------------------------------------------------------------------------------------


def test_the_same_rules_do_not_differ_whatever_the_layout(policy: PolicySet, changed: Callable[..., PolicySet]) -> None:
    same = changed(("meldroutes/M8.toml", "id = ", "# a remark\nid = "))

    assert rule_changes(policy, same) == ()
    found = advice_changes(told({"perpetrator": "yes"}), policy, same, on=TODAY)
    assert (found.count, found.elsewhere, found.other_urgency, found.examples) == (1, 0, 0, ())
    permits = permit_changes(policy.grounds, same.grounds, on=TODAY, demo=True)
    assert (permits.permitted, permits.refused, permits.rows) == (0, 0, ())
    assert permits.cells > 2_000_000


@pytest.mark.parametrize(
    ("edit", "kind", "rule", "key", "old", "new"),
    [
        (("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "same-day"'),
         "meldroute", "M8", "urgency", "one-working-day", "same-day"),
        (("meldroutes/M8.toml", 'value = "yes"', 'value = "no"'),
         "meldroute", "M8", "when", "Mogelijke dader of helper", "Mogelijke dader of helper: Nee"),
        (("meldroutes/M8.toml", 'destination = "avim"\npurpose = "P3"', 'destination = "avim"\npurpose = "P9"'),
         "meldroute", "M8", "to", "avim (P3)", "avim (P9)"),
        (("meldroutes/M8.toml", "valid_from = 2025-01-01", "valid_from = 2025-06-01"),
         "meldroute", "M8", "valid_from", "2025-01-01", "2025-06-01"),
        (("grondslagen/G1.toml", 'purpose = ["P3", "P3b", "P9"]', 'purpose = ["P3", "P3b"]'),
         "ground", "G1", "purpose", "P3, P3b, P9", "P3, P3b"),
        (("grondslagen/G1.toml", "valid_from = 2026-01-01", 'valid_from = 2026-01-01\nreviewed_by = "mr. X"\nreviewed_on = 2026-02-01'),
         "ground", "G1", "reviewed_by", "-", "mr. X"),
        (("derived.toml", "value = 23", "value = 21"), "derived fact", "under_23", "when", "23", "21"),
        (("urgencies.toml", "working_days = 5", "working_days = 3"), "urgency", "five-working-days", "working_days", "5", "3"),
        (("purposes.toml", 'en = "Help and shelter"', 'en = "Help"'), "purpose", "P2", "title", "Help and shelter", "Help"),
        (("retention.toml", "days = 30", "days = 31"), "retention", "draft", "days", "30", "31"),
        (("linking.toml", "", "# "), "none", "", "", "", ""),
    ],
)  # fmt: skip
def test_a_change_names_the_rule_the_key_and_both_values_in_words(
    edit: Edit, kind: str, rule: str, key: str, old: str, new: str, policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    changes = rule_changes(policy, changed(edit))

    if kind == "none":
        assert changes == ()
        return
    (found,) = changes
    assert (found.kind, found.id, found.change) == (kind, rule, "changed")
    (value, *rest) = [one for one in found.keys if one.key == key]
    assert rest == []
    assert old in value.old
    assert new in value.new


def test_a_field_and_what_has_no_list_of_its_own_are_told_too(
    policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    first = next(iter(policy.fields.fields.values()))
    changes = rule_changes(
        policy,
        changed(
            ("fields.toml", f'data = ["{first.data[0]}"]', 'data = ["identity"]'),
            ("conditions.toml", '[NEC]\ntitle = { nl = "', '[NEC]\ntitle = { nl = "Echte '),
            ("meldroutes/examples/M8.toml", 'say = "', 'say = "So: '),
        ),
    )

    assert only(changes, "field").id == first.id
    files = {one.id: one.keys for one in changes if one.kind == "file"}
    assert set(files) == {"conditions.toml", "meldroutes/examples/M8.toml"}
    assert [key.key for key in files["conditions.toml"]] == ["NEC.title.nl"]


def test_routes_are_compared_as_they_count_after_the_region(
    policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    changes = rule_changes(
        policy,
        changed(
            ("region.toml", 'M12 = "same-day"', 'M12 = "one-working-day"'),
            ("region.toml", "[region]", 'off = ["M13"]\n\n[region]'),
        ),
    )

    assert [(one.id, one.change) for one in changes if one.kind == "meldroute"] == [
        ("M12", "changed"),
        ("M13", "removed"),
    ]
    assert only(changes, "file").id == "region.toml"


def test_a_second_version_is_added_and_the_first_changed(
    folder: Path, policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    shutil.copy(folder / "meldroutes/M8.toml", folder / "meldroutes/M8-2027.toml")
    new = changed(
        ("meldroutes/M8-2027.toml", "valid_from = 2025-01-01", "valid_from = 2027-01-01"),
        ("meldroutes/M8.toml", "valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2026-12-31"),
    )

    found = [(one.change, one.file, one.valid_from, [key.key for key in one.keys]) for one in rule_changes(policy, new)]

    assert found == [
        ("changed", "meldroutes/M8.toml", date(2025, 1, 1), ["valid_until"]),
        ("added", "meldroutes/M8-2027.toml", date(2027, 1, 1), []),
    ]


def test_a_removed_and_an_added_rule(folder: Path, policy: PolicySet) -> None:
    (folder / "grondslagen/X2.toml").unlink()
    new = load(folder)

    assert [(one.kind, one.id, one.change) for one in rule_changes(policy, new)] == [("ground", "X2", "removed")]
    assert [(one.kind, one.id, one.change) for one in rule_changes(new, policy)] == [("ground", "X2", "added")]


# -- over what was told --------------------------------------------------------------------------------------------

PERPETRATOR = {"perpetrator": "yes", "forms": ["labour"], "age_years": 34, "gender": "man", "municipality": "x"}


def test_signals_that_would_go_elsewhere_are_counted_and_shown_by_the_fewest_facts(
    policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    # Given rules that no longer send a perpetrator to AVIM, and want a bed a day later
    new = changed(
        ("meldroutes/M8.toml", 'value = "yes"', 'value = "no"'),
        ("region.toml", 'M12 = "same-day"', 'M12 = "one-working-day"'),
    )
    signals = told(
        {"perpetrator": "yes", "forms": ["labour"], "age_years": 34, "gender": "man"},
        {"perpetrator": "yes", "smuggling_only": "no", "stuck": "no"},
        {"shelter_needed": "yes", "gender": "man", "age_years": 30, "lvb_signs": "no"},
        {"victim": "not_a_victim"},
    )

    found = advice_changes(signals, policy, new, on=TODAY)

    assert (found.count, found.elsewhere, found.other_urgency) == (4, 2, 1)
    assert (found.routes["M8"].gained, found.routes["M8"].lost) == (0, 2)
    assert (found.destinations["avim"].gained, found.destinations["avim"].lost) == (0, 2)
    perpetrator, bed = found.examples
    assert (dict(perpetrator.facts), perpetrator.count) == ({"perpetrator": "yes"}, 2)
    assert (perpetrator.lost, perpetrator.gained) == (("M8:avim:one-working-day",), ())
    assert dict(bed.facts) == {"gender": "man", "shelter_needed": "yes"}
    assert (bed.lost, bed.gained) == (("M12:essm:same-day",), ("M12:essm:one-working-day",))


def test_an_example_says_the_age_group_and_not_the_years(policy: PolicySet, changed: Callable[..., PolicySet]) -> None:
    new = changed(("meldroutes/M2.toml", 'destination = "raad"', 'destination = "nidos"'))

    (example,) = advice_changes(
        told({"age_years": 15, "victim": "possible", "forms": ["labour"]}), policy, new, on=TODAY
    ).examples

    assert example.facts["age"] == "minor"
    assert "age_years" not in example.facts


def test_every_example_of_the_cards_shows_its_own_difference(
    policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    new = changed(("region.toml", "[region]", 'off = ["M2", "M4", "M9", "M16"]\n\n[region]'))
    hits = [
        one["facts"]
        for path in sorted((POLICIES / "meldroutes/examples").glob("*.toml"))
        for one in tomllib.loads(path.read_text())["hit"]
    ]

    found = advice_changes(told(*hits), policy, new, on=TODAY)

    assert set(found.routes) >= {"M2", "M4", "M9", "M16"}
    for example in found.examples:
        again = advice_changes(
            told({name: list(v) if isinstance(v, tuple) else v for name, v in example.facts.items()}),
            policy,
            new,
            on=TODAY,
        )
        assert (again.examples[0].lost, again.examples[0].gained) == (example.lost, example.gained)


def test_the_day_decides_which_versions_are_compared(
    folder: Path, policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    shutil.copy(folder / "meldroutes/M8.toml", folder / "meldroutes/M8-2027.toml")
    new = changed(
        ("meldroutes/M8-2027.toml", "valid_from = 2025-01-01", "valid_from = 2027-01-01"),
        ("meldroutes/M8-2027.toml", '"avim"', '"riec"'),
        ("meldroutes/M8.toml", "valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2026-12-31"),
    )
    signals = told({"perpetrator": "yes"})

    assert advice_changes(signals, policy, new, on=TODAY).elsewhere == 0
    assert advice_changes(signals, policy, new, on=date(2027, 1, 1)).elsewhere == 1


# -- over every kind of request ------------------------------------------------------------------------------------


def _decided(policy: PolicySet, place: dict[str, str]) -> bool:
    """What the step itself says about one cell, with every condition met."""
    request = Request(
        provider_capacity=place["capacity"],
        provider_kind=place["provider"],
        recipient_kind=place["recipient"],
        recipient_agency="x",
        purpose=place["purpose"],
        person=Person(place["age"], place["role"]),
        fields={"field": frozenset({place["category"]})},
        on=TODAY,
        now=datetime.fromisoformat("2026-11-23T12:00:00+01:00"),
        demo=True,
        judged={row.id: {code: Met(code, {}, "") for code in row.conditions} for row in policy.grounds.rows},
    )
    return isinstance(disclose.decide(request, None, policy.grounds), Permit)


@pytest.mark.parametrize("name", ["X2", "POL10", "W3"])
def test_a_removed_ground_is_told_with_a_cell_on_which_the_step_itself_differs(
    name: str, policy: PolicySet, folder: Path
) -> None:
    (folder / f"grondslagen/{name}.toml").unlink()
    new = load(folder)

    found = permit_changes(policy.grounds, new.grounds, on=TODAY, demo=True)

    row = policy.grounds.find(name, TODAY)
    assert row is not None
    assert (found.refused if row.permits else found.permitted) > 0
    assert (found.permitted if row.permits else found.refused) == 0
    assert {one.row for one in found.rows} >= {name}
    for one in found.rows:
        was, now = (_decided(rules, dict(one.example)) for rules in (policy, new))
        assert (was, now) == (row.permits, not row.permits)
    back = permit_changes(new.grounds, policy.grounds, on=TODAY, demo=True)
    assert (back.permitted, back.refused) == (found.refused, found.permitted)


def test_a_signature_changes_what_counts_outside_the_demo_only(
    policy: PolicySet, changed: Callable[..., PolicySet]
) -> None:
    signed = changed(
        (
            "grondslagen/X2.toml",
            "valid_from = 2026-01-01",
            'valid_from = 2026-01-01\nreviewed_by = "mr. X"\nreviewed_on = 2026-02-01',
        )
    )

    assert permit_changes(policy.grounds, signed.grounds, on=TODAY, demo=True).permitted == 0
    found = permit_changes(policy.grounds, signed.grounds, on=TODAY, demo=False)
    assert [(one.row, one.refused) for one in found.rows] == [("X2", 0)]
    assert found.permitted > 0


# -- files and one rule --------------------------------------------------------------------------------------------


def test_ids_that_changed_are_read_from_the_files(policy: PolicySet) -> None:
    texts = dict(policy.texts)
    texts["meldroutes/M8.toml"] = texts["meldroutes/M8.toml"].replace("one-working-day", "same-day")
    texts["urgencies.toml"] = texts["urgencies.toml"].replace("working_days = 5", "working_days = 6")
    del texts["grondslagen/X2.toml"]
    texts["region/meldroutes/R1.toml"] = texts["meldroutes/M9.toml"].replace('"M9"', '"R1"')

    found = changed_ids(policy.texts, texts)

    assert found.added == ("R1",)
    assert found.removed == ("X2",)
    assert found.changed == ("M8", "urgencies.toml:five-working-days")
    assert contents_of(texts).routes == contents_of(policy.texts).routes + 1
    off = {**texts, "region.toml": 'off = ["M13"]\n' + texts["region.toml"]}
    assert contents_of(off).routes == contents_of(texts).routes - 1
    assert contents_of(texts).grounds == contents_of(policy.texts).grounds - 1


@pytest.mark.parametrize(
    ("name", "kind"),
    [("M8", "meldroute"), ("m8", "meldroute"), ("G1", "ground"), ("NEC", "condition"), ("essm", "destination"), ("P2", "purpose"),
     ("stuck", "fact"), ("under_23", "derived fact"), ("same-day", "urgency"), ("signal.forms", "field"), ("wages", "form row")],
)  # fmt: skip
def test_any_rule_can_be_described(name: str, kind: str, policy: PolicySet) -> None:
    found = [one for one in describe(policy, name, on=TODAY, lang="nl") if one["kind"] == kind]

    assert len(found) == 1
    assert found[0]["file"] in policy.texts


def test_a_rule_says_where_it_comes_from(policy: PolicySet, folder: Path, changed: Callable[..., PolicySet]) -> None:
    (folder / "region/meldroutes").mkdir(parents=True)
    shutil.copy(folder / "meldroutes/M8.toml", folder / "region/meldroutes/M8.toml")
    new = changed(
        ("region/meldroutes/M8.toml", '"avim"', '"riec"'), ("region.toml", "[region]", 'off = ["M13"]\n\n[region]')
    )

    (replaced,) = describe(new, "M8", on=TODAY, lang="en")
    (off,) = describe(new, "M13", on=TODAY, lang="en")
    (urgent,) = describe(new, "M12", on=TODAY, lang="en")
    (national,) = describe(policy, "M8", on=TODAY, lang="en")

    assert (replaced["origin"], replaced["file"], replaced["region"]) == (
        "replaced", "region/meldroutes/M8.toml", "in the place of meldroutes/M8.toml",
    )  # fmt: skip
    assert (off["origin"], off["counts"], off["file"]) == ("off", False, "meldroutes/M13.toml")
    assert (urgent["origin"], urgent["region"]) == ("national", "urgency same-day (region.toml)")
    assert (national["origin"], national["counts"]) == ("national", True)
    assert national["hits"]
    assert national["near_misses"]
    assert describe(policy, "M999", on=TODAY, lang="en") == []


def test_the_version_of_a_day_is_described(policy: PolicySet) -> None:
    (found,) = describe(policy, "M8", on=date(2024, 1, 1), lang="en")

    assert (found["counts"], found["valid_from"]) == (False, "2025-01-01")
