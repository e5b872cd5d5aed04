"""Defects planted in a copy of the meldroutekaart, each found by kind, file and key, with facts that show it."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from signaltable.analysis import Found
from signaltable.facts import parse_facts
from signaltable.policy import PolicySet, load
from signaltable.route import Decision, decide
from tests.policies.planting import (
    TODAY,
    Defect,
    Plant,
    copy,
    found_in,
    lines,
    matching,
    remove,
    route,
    swap,
    test,
    together,
)

M = "meldroutes/"
EX = "meldroutes/examples/"
PERPETRATOR = test("perpetrator", "equals", "yes")
ORGANISED = test("organised", "equals", "yes")
BOTH = {"perpetrator": "yes", "organised": "yes"}
ONE = {"perpetrator": "yes", "organised": "no"}


def off(rule: str) -> Plant:
    return swap("region.toml", ("[region]", f'off = ["{rule}"]\n[region]'))


def without_grounds_to(recipient: str) -> Plant:
    """Takes a receiver out of every ground, and a ground away that has no other."""

    def plant(folder: Path) -> None:
        for path in sorted((folder / "grondslagen").glob("*.toml")):
            words = path.read_text(encoding="utf-8")
            if f'recipient = ["{recipient}"]' in words:
                path.unlink()
            elif 'effect = "deny"' not in words:
                path.write_text(
                    words.replace(f'  "{recipient}",\n', "").replace(f', "{recipient}"', ""), encoding="utf-8"
                )

    return plant


def also(file: str, before: str, more: str) -> Plant:
    """The same text with something in front of it."""
    return swap(file, (before, more + before))


GAPS = [
    Defect("no rule for who is no victim", "gap", "meldroutes", "", off("M6")),
    Defect(
        "a way to answer about consent is forgotten", "gap", "meldroutes", "",
        swap(M + "M5.toml", ('["refused", "not_asked", "not_possible"]', '["refused", "not_asked"]')),
    ),
    Defect(
        "doubt about age is no longer a minor", "gap", "meldroutes", "",
        swap("derived.toml", ('value = ["minor", "doubt"]', 'value = ["minor"]')),
    ),
]  # fmt: skip
CONTRADICTIONS = [
    Defect(
        "M5 holds with consent too", "contradiction", M + "M4.toml", "excludes",
        swap(M + "M5.toml", ('"not_asked", "not_possible"]', '"not_asked", "not_possible", "given"]')),
    ),
    Defect(
        "M12 for women too", "contradiction", M + "M11.toml", "excludes",
        swap(M + "M12.toml", ('["man", "other"]', '["man", "other", "woman"]')),
    ),
    Defect(
        "a new rule inside one that it excludes", "contradiction", M + "M22.toml", "excludes",
        route("M22", lines([test("stuck", "equals", "yes"), test("linked_agencies", "at_least", 3)]), [("riec", "P3")],
              more='excludes = ["M17"]', hit={"stuck": "yes", "linked_agencies": 3},
              near_miss={"stuck": "yes", "linked_agencies": 2}),
    ),
    Defect(
        "the rule of a region against the national one", "contradiction", "region/meldroutes/R1.toml", "excludes",
        route("R1", lines([PERPETRATOR, ORGANISED]), [("riec", "P9")], region=True, more='excludes = ["M9"]',
              hit=BOTH, near_miss=ONE),
    ),
]  # fmt: skip
NEVER = [
    Defect(
        "two values of one fact", "never-fires", M + "M4.toml", "when",
        also(M + "M4.toml", '    { fact = "victim_consent"', test("victim", "equals", "not_a_victim") + ",\n"),
    ),
    Defect(
        "an unless that always holds with it", "never-fires", M + "M8.toml", "unless",
        also(M + "M8.toml", "\n[reason]", f"\nunless = {lines([PERPETRATOR])}\n"),
    ),
    Defect(
        "an age that normalising takes for doubt", "never-fires", M + "M11.toml", "when",
        also(M + "M11.toml", '    { fact = "age"', test("age_years", "below", 17.5) + ",\n"),
    ),
    Defect(
        "no whole number in between", "never-fires", M + "M17.toml", "when",
        swap(M + "M17.toml", ("value = 2 }", f"value = 2.2 }}, {test('linked_agencies', 'below', 2.9)}")),
    ),
    Defect(
        "days are over", "never-fires", M + "M9.toml", "valid_until",
        swap(M + "M9.toml", ("valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2025-12-31")),
    ),
    Defect(
        "days never begin", "never-fires", M + "M9.toml", "valid_from",
        swap(M + "M9.toml", ("valid_from = 2025-01-01", "valid_from = 2031-01-01")),
    ),
    Defect(
        "a destination that the rule never reaches", "never-fires", M + "M12.toml", "to.1.when",
        swap(M + "M12.toml", ('when = [[{ fact = "minor", op = "equals", value = "yes" }]]',
                              f"when = {lines([test('shelter_needed', 'equals', 'no')])}")),
    ),
    Defect(
        "one line against unless", "never-fires", M + "M13.toml", "when.1",
        also(M + "M13.toml", '    { fact = "forms"', test("victim", "equals", "not_a_victim") + ",\n"),
    ),
    Defect(
        "a line of unless that cannot be", "never-fires", M + "M7.toml", "unless.2",
        also(M + "M7.toml", "]\n\n[reason]",
             f"[{test('linked_agencies', 'at_least', 3)}, {test('linked_agencies', 'below', 2)}],\n"),
    ),
    Defect(
        "a derived fact that is never yes", "never-fires", "derived.toml", "derived.too_little",
        also("derived.toml", '  [{ fact = "victim", op = "equals", value = "possible" }],\n]\n\n[[derived]]\nid = "doubt"',
             "".join(f"[{test(name, 'equals', 'more_info')}],\n" for name in ("act", "means", "purpose"))),
    ),
    Defect(
        "a threshold that no answer reaches", "never-fires", "derived.toml", "derived.under_23.when.0.0.value",
        swap("derived.toml", ('op = "below", value = 23', 'op = "at_least", value = 150')),
    ),
]  # fmt: skip
NOTHING = [
    Defect(
        "a line that another one implies", "changes-nothing", M + "M8.toml", "when.1",
        also(M + "M8.toml", "]\n\n[reason]", f"[{PERPETRATOR}, {ORGANISED}],\n"),
    ),
    Defect(
        "an unless for who is left out already", "changes-nothing", M + "M4.toml", "unless.0",
        also(M + "M4.toml", "\nexcludes", f"\nunless = {lines([test('age', 'equals', 'doubt')])}"),
    ),
    Defect(
        "an unless that normalising makes needless", "changes-nothing", M + "M11.toml", "unless.0",
        also(M + "M11.toml", "\nexcludes", f"\nunless = {lines([test('age_years', 'below', 18)])}"),
    ),
    Defect(
        "a rule that two others make needless", "changes-nothing", M + "M22.toml", "to",
        route("M22", lines([PERPETRATOR, ORGANISED]), [("riec", "P3"), ("avim", "P3")], hit=BOTH, near_miss=ONE),
    ),
    Defect(
        "a test that the line implies", "changes-nothing", M + "M4.toml", "when.0.3",
        also(M + "M4.toml", "  ],\n]", test("victim_consent", "one_of", ["given", "refused"]) + ",\n"),
    ),
    Defect(
        "a test that every answer passes", "changes-nothing", M + "M17.toml", "when.0.0",
        swap(M + "M17.toml", ("value = 2", "value = 0")),
    ),
    Defect(
        "a destination twice", "changes-nothing", M + "M9.toml", "to.1",
        swap(M + "M9.toml", ('purpose = "P3"',
                             f'purpose = "P3"\n[[to]]\ndestination = "riec"\npurpose = "P3"\nwhen = {lines([PERPETRATOR])}')),
    ),
    Defect(
        "a destination that asks what the rule asks", "changes-nothing", M + "M9.toml", "to.0.when.0",
        swap(M + "M9.toml", ('purpose = "P3"', f'purpose = "P3"\nwhen = {lines([ORGANISED])}')),
    ),
    Defect(
        "a value twice", "changes-nothing", "derived.toml", "derived.exploitation_sign.when.0.0.value.9",
        swap("derived.toml", ('"surrogacy", "unknown"]', '"surrogacy", "unknown", "labour"]')),
    ),
    Defect(
        "a region repeats the national urgency", "changes-nothing", "region.toml", "urgency.M12",
        swap("region.toml", ('M12 = "same-day"', 'M12 = "five-working-days"')),
    ),
]  # fmt: skip
DUPLICATES = [
    Defect(
        "a copy under another id", "duplicate", M + "M22.toml", "when",
        together(copy(M + "M8.toml", M + "M22.toml", ('id = "M8"', 'id = "M22"')),
                 copy(EX + "M8.toml", EX + "M22.toml")),
    ),
    Defect(
        "the same in another notation", "duplicate", M + "M22.toml", "when",
        route("M22", lines([test("unaccompanied_foreign_minor", "equals", "yes"),
                            test("exploitation_sign", "equals", "yes"), test("age", "one_of", ["doubt", "minor"])]),
              [("nidos", "P4")], urgency="same-day",
              hit={"unaccompanied_foreign_minor": "yes", "victim": "possible"},
              near_miss={"unaccompanied_foreign_minor": "yes"}),
    ),
    Defect(
        "one line split over two", "duplicate", M + "M22.toml", "when",
        route("M22", lines([test("identifiable", "equals", "place"), test("stuck", "equals", "yes")],
                           [test("stuck", "equals", "yes")]),
              [("regional-table", "P1"), ("table-coordinator", "P1")], hit={"stuck": "yes"}, near_miss={"stuck": "no"}),
    ),
    Defect("the same file twice", "duplicate", M + "M8-2.toml", "id", copy(M + "M8.toml", M + "M8-2.toml")),
    Defect(
        "a derived fact under two names", "duplicate", "derived.toml", "derived.young",
        also("derived.toml", '[[derived]]\nid = "under_23"',
             '[[derived]]\nid = "young"\ntitle = { nl = "J", en = "Y" }\n'
             f"when = {lines([test('age', 'equals', 'minor')], [test('age', 'equals', 'doubt')])}\n"),
    ),
    Defect("an id twice", "duplicate", "destinations.toml", "destination.nla",
           swap("destinations.toml", ('id = "fairwork"', 'id = "nla"'))),
]  # fmt: skip
NOBODY = [
    Defect(
        "no agency where data should go", "destination-without-agency", "destinations.toml",
        "destination.nla.agency_kind",
        swap("destinations.toml", ('agency_kind = "labour-inspectorate"\ndisclosable = true', "disclosable = false")),
    ),
    Defect(
        "an unknown destination", "destination-without-agency", M + "M9.toml", "to.0.destination",
        swap(M + "M9.toml", ('destination = "riec"', 'destination = "rieck"')),
    ),
    Defect(
        "a kind of agency that is not there", "destination-without-agency", "destinations.toml",
        "destination.fier.agency_kind", swap("destinations.toml", ('agency_kind = "youth-care"', 'agency_kind = "fier"')),
    ),
    Defect(
        "disclosable to nobody", "destination-without-agency", "destinations.toml", "destination.fier.agency_kind",
        swap("destinations.toml", ('agency_kind = "youth-care"\n', "")),
    ),
    Defect(
        "a kind of agency that no ground can name", "destination-without-agency", "destinations.toml",
        "destination.iom.agency_kind",
        together(
            also("agency_kinds.toml", '[[kind]]\nid = "care"',
                 '[[kind]]\nid = "embassy"\ntitle = { nl = "A", en = "E" }\nside = "care"\n'),
            swap("destinations.toml", ('agency_kind = "return-support"', 'agency_kind = "embassy"')),
            swap("processing_activities.toml", ('kinds = ["table"]', 'kinds = ["table", "embassy"]')),
            swap("feedback.toml", ('"data-subject"]', '"data-subject", "embassy"]')),
        ),
    ),
    Defect(
        "a victim's residence for enforcement", "route-without-ground", M + "M10.toml", "to.0.purpose",
        swap(M + "M10.toml", ('purpose = "P6"', 'purpose = "P5"')),
    ),
    Defect(
        "help turned into enforcement", "route-without-ground", M + "M13.toml", "to.0.purpose",
        swap(M + "M13.toml", ('purpose = "P2"', 'purpose = "P5"')),
    ),
    Defect(
        "the last ground is gone", "route-without-ground", M + "M21.toml", "to.0.purpose",
        without_grounds_to("return-support"),
    ),
]  # fmt: skip
SOONER = [
    Defect("fewer days for a later place", "urgency-order", "urgencies.toml",
           "urgency.five-working-days.working_days", swap("urgencies.toml", ("working_days = 1\n", "working_days = 7\n"))),
    Defect("one place for two", "urgency-order", "urgencies.toml", "urgency.order",
           swap("urgencies.toml", ("order = 3", "order = 2"))),
    Defect("a child waits", "urgency-order", M + "M2.toml", "urgency",
           swap(M + "M2.toml", ('urgency = "same-day"', 'urgency = "one-working-day"'))),
    Defect("danger waits", "urgency-order", M + "M1.toml", "urgency",
           swap(M + "M1.toml", ('urgency = "now"', 'urgency = "same-day"'))),
    Defect("a child waits in one region", "urgency-order", M + "M3.toml", "urgency",
           swap("region.toml", ('M12 = "same-day"', 'M12 = "same-day"\nM3 = "five-working-days"'))),
    Defect("the special case waits longer", "urgency-order", M + "M22.toml", "urgency",
           route("M22", lines([PERPETRATOR, ORGANISED]), [("avim", "P6")], hit=BOTH, near_miss=ONE)),
]  # fmt: skip
DEAD = [
    Defect("a fact of which the only rule is gone", "dead-fact", "facts.toml", "fact.lvb_signs",
           together(remove(M + "M19.toml"), remove(EX + "M19.toml"))),
    Defect("a fact of which the only rule is off", "dead-fact", "facts.toml", "fact.stuck", off("M20")),
    Defect("an item that no rule looks at", "dead-fact", "facts.toml", "fact.forms.values.surrogacy",
           swap(M + "M15.toml", (', "surrogacy"]', "]"))),
    Defect("a fact of which every answer does the same", "dead-fact", "facts.toml", "fact.stuck",
           also(M + "M20.toml", "]\n\n[reason]", f"[{test('stuck', 'equals', 'no')}],\n")),
    Defect("a derived fact that no rule uses any more", "dead-fact", "derived.toml", "derived.doubt",
           swap(M + "M16.toml", ('  [{ fact = "doubt", op = "equals", value = "yes" }],\n', ""))),
    Defect("a new derived fact that nobody uses", "dead-fact", "derived.toml", "derived.smuggled",
           also("derived.toml", '[[derived]]\nid = "under_23"',
                '[[derived]]\nid = "smuggled"\ntitle = { nl = "S", en = "S" }\n'
                f"when = {lines([test('smuggling_only', 'equals', 'yes')])}\n")),
]  # fmt: skip
NEAR_MISS = '[[near_miss]]\nsay = "One place, one person"\nfacts = { organised = "no" }\n'
EXAMPLES = [
    Defect("no file", "missing-example", EX + "M8.toml", "hit", remove(EX + "M8.toml")),
    Defect("no near miss", "missing-example", EX + "M9.toml", "near_miss", swap(EX + "M9.toml", (NEAR_MISS, ""))),
    Defect("no hit", "missing-example", EX + "M9.toml", "hit",
           swap(EX + "M9.toml", (('[[hit]]\nsay = "Several businesses and money flows"\n'
                                 'facts = { organised = "yes" }\nto = ["riec"]\n'), ""))),
    Defect("examples for no rule", "missing-example", EX + "M77.toml", "", copy(EX + "M8.toml", EX + "M77.toml")),
    Defect("a new rule of a region without examples", "missing-example", "region/meldroutes/examples/R1.toml", "hit",
           route("R1", lines([test("residence", "equals", "lawful")]), [("gemeente", "P9")], region=True)),
    Defect("a hit that does not hit", "failing-example", EX + "M9.toml", "hit.0",
           swap(EX + "M9.toml", ('organised = "yes"', 'organised = "unknown"'))),
    Defect("a hit that names another destination", "failing-example", EX + "M9.toml", "hit.0.to",
           swap(EX + "M9.toml", ('["riec"]', '["riec", "avim"]'))),
    Defect("a near miss that hits", "failing-example", EX + "M9.toml", "near_miss.0",
           swap(EX + "M9.toml", ('organised = "no"', 'organised = "yes", stuck = "yes"'))),
    Defect("a near miss that is far", "failing-example", EX + "M9.toml", "near_miss.0",
           swap(EX + "M9.toml", ('organised = "no"', 'organised = "no", stuck = "yes"'))),
    Defect("an answer that is none", "failing-example", EX + "M9.toml", "near_miss.0.facts.organised",
           swap(EX + "M9.toml", ('organised = "no"', 'organised = "nee"'))),
]  # fmt: skip
DEFECTS = [
    *GAPS, *CONTRADICTIONS, *NEVER, *NOTHING, *DUPLICATES, *NOBODY, *SOONER, *DEAD, *EXAMPLES,
]  # fmt: skip


@pytest.mark.parametrize("defect", DEFECTS, ids=lambda defect: f"{defect.kind}: {defect.name}")
def test_a_planted_defect_is_found_where_it_is(defect: Defect, folder: Path) -> None:
    defect.plant(folder)

    found = found_in(folder)

    # The key of a gap is the list of its facts.
    assert matching(found, defect) or (defect.kind == "gap" and found[0].kind == "gap"), found


@pytest.mark.parametrize(
    "defect",
    [*GAPS, *CONTRADICTIONS, *NEVER[:6], *NOTHING[:8], *DUPLICATES[:3], *SOONER[2:]],
    ids=lambda defect: f"{defect.kind}: {defect.name}",
)
def test_the_engine_shows_on_the_facts_what_was_found(defect: Defect, folder: Path) -> None:
    defect.plant(folder)
    policy = load(folder)
    found = next(one for one in found_in(folder) if one.kind == defect.kind and one.facts is not None)

    shown = decide(parse_facts(found.facts), policy, on=TODAY)

    assert SHOWS[found.kind](found, shown, policy)


def _rules(file: str) -> str:
    return file.rpartition("/")[2].removesuffix(".toml")


SHOWS: dict[str, Callable[[Found, Decision, PolicySet], bool]] = {
    "gap": lambda found, shown, policy: not shown.routes and not shown.questions,
    "contradiction": lambda found, shown, policy: any(
        other in {route.id for route in shown.routes}
        for rule in policy.meldroutes
        if rule.id == _rules(found.file)
        for other in rule.excludes
    ),
    "never-fires": lambda found, shown, policy: _rules(found.file) not in {route.id for route in shown.routes},
    "changes-nothing": lambda found, shown, policy: (
        found.key.startswith("unless") or _rules(found.file) in {route.id for route in shown.routes}
    ),
    "duplicate": lambda found, shown, policy: _rules(found.file) in {route.id for route in shown.routes},
    "urgency-order": lambda found, shown, policy: _rules(found.file) in {route.id for route in shown.routes},
}


def test_the_witness_of_a_contradiction_is_the_smallest(folder: Path) -> None:
    swap(M + "M12.toml", ('["man", "other"]', '["man", "other", "woman"]'))(folder)

    found = next(one for one in found_in(folder) if one.kind == "contradiction")

    assert found.facts == {"age": "adult", "gender": "woman", "shelter_needed": "yes"}


def test_a_version_for_later_is_no_finding_and_takes_over_on_its_day(folder: Path) -> None:
    together(
        copy(M + "M9.toml", M + "M9-2027.toml", ("2025-01-01", "2027-01-01")),
        swap(M + "M9.toml", ("valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2026-12-31")),
    )(folder)

    assert found_in(folder) == []
    assert found_in(folder, date(2027, 1, 1)) == []


SANE = {
    "a region adds a rule": route(
        "R1", lines([test("residence", "equals", "lawful"), PERPETRATOR]), [("gemeente", "P9")], region=True,
        hit={"residence": "lawful", "perpetrator": "yes"}, near_miss={"residence": "lawful", "perpetrator": "no"},
    ),
    "a region switches off the only rule with a derived fact": off("M13"),
    "a region hurries a rule": swap("region.toml", ('M12 = "same-day"', 'M12 = "same-day"\nM8 = "now"')),
    "a region has its own version of a rule": together(
        copy(M + "M9.toml", "region/meldroutes/M9.toml", ('destination = "riec"', 'destination = "gemeente"'),
             ('purpose = "P3"', 'purpose = "P9"')),
        copy(EX + "M9.toml", "region/meldroutes/examples/M9.toml", ('["riec"]', '["gemeente"]')),
    ),
    "derived facts under other names": together(
        lambda folder: [
            path.write_text(path.read_text().replace('"too_little"', '"thin"').replace('"minor", op = "equals"', '"young", op = "equals"'))
            for path in [folder / "derived.toml", *folder.glob("meldroutes/*.toml")]
        ] and None,
        swap("derived.toml", ('id = "minor"', 'id = "young"')),
    ),
    "a rule with lines in another order": swap(
        M + "M16.toml",
        ('  [{ fact = "forms", op = "has", value = "unknown" }],\n  [{ fact = "doubt", op = "equals", value = "yes" }],',
         '  [{ fact = "doubt", op = "equals", value = "yes" }],\n  [{ fact = "forms", op = "has", value = "unknown" }],'),
    ),
    "other working days": swap("urgencies.toml", ("working_days = 5", "working_days = 3")),
    "a hit with its destinations in another order": swap(EX + "M7.toml", ('["nla", "fairwork"]', '["fairwork", "nla"]')),
    "an age threshold elsewhere": together(
        swap("derived.toml", ('op = "below", value = 23', 'op = "below", value = 25.5')),
        swap(EX + "M13.toml", ("age_years = 23", "age_years = 26")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SANE)
def test_a_sane_change_is_no_finding(name: str, folder: Path) -> None:
    SANE[name](folder)

    assert found_in(folder) == []


def test_every_line_of_a_shipped_rule_has_an_example_of_its_own(policy: PolicySet, folder: Path) -> None:
    """Each line of `when` holds in some hit, each line of `unless` in some near miss."""
    for rule in policy.meldroutes:
        for key, rows in (("when", policy.examples[rule.id].hit), ("unless", policy.examples[rule.id].near_miss)):
            for line in getattr(rule, key):
                alone = rule.model_copy(
                    update={"when": (line,), "unless": (), "to": (rule.to[0].model_copy(update={"when": ()}),)}
                )
                tried = _only(policy, alone)
                assert any(decide(parse_facts(row.facts), tried, on=TODAY).routes for row in rows), (rule.id, key, line)


def _only(policy: PolicySet, rule: object) -> PolicySet:
    from dataclasses import replace

    return replace(policy, digest=str(id(rule)), meldroutes=(rule,))
