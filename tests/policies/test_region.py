"""The national card with what a region says on top: off, replaced, added, sooner, reached otherwise; checked as a whole."""

import shutil
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaltable.facts import parse_facts
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import BrokenPolicy, Finding
from signaltable.region import remaining
from signaltable.route import decide

TODAY = date(2026, 11, 23)
SHELTER = {"shelter_needed": "yes", "gender": "man", "age_years": 30}
ROUTES, GROUNDS = "region/meldroutes", "region/grondslagen"


def write(folder: Path, file: str, text: str) -> None:
    path = folder / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def says(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    assert old in path.read_text(), f"the test expects {old!r} in {file}"
    path.write_text(path.read_text().replace(old, new, 1))


def own(folder: Path, source: str, target: str, *changes: tuple[str, str]) -> None:
    """A file of the region, made from a national one."""
    (folder / target).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(folder / source, folder / target)
    for old, new in changes:
        says(folder, target, old, new)


def region(folder: Path, text: str) -> None:
    """region.toml with nothing but a name and this."""
    name = '[region]\nid = "proef"\nname = { nl = "Proef", en = "Trial" }\n'
    keys = [line for line in text.split("\n") if line.startswith("off")]
    tables = [line for line in text.split("\n") if not line.startswith("off")]
    (folder / "region.toml").write_text("\n".join([*keys, name, *tables]))


def findings_of(folder: Path) -> list[Finding]:
    with pytest.raises(BrokenPolicy) as broken:
        load(folder)
    return list(broken.value.findings)


def advised(policy: PolicySet, facts: dict[str, object], on: date = TODAY) -> dict[str, str]:
    return {route.id: route.urgency for route in decide(parse_facts(facts), policy, on=on).routes}


# -- what a region can say -----------------------------------------------------------------------------------------


def test_the_shipped_region_wants_a_bed_the_same_day_and_says_how_to_reach_the_care_coordinator(
    policy: PolicySet, folder: Path
) -> None:
    assert advised(policy, SHELTER)["M12"] == "same-day"
    assert policy.destinations["essm"].phone == "010-2365256"
    assert policy.overlay.urgency == {"M12": "same-day"}

    # Without the region the national default counts, and nobody is named to call.
    region(folder, "")
    national = load(folder)

    assert advised(national, SHELTER)["M12"] == "five-working-days"
    assert national.destinations["essm"].phone is None


def test_a_rule_that_is_off_gives_no_advice_and_no_example(folder: Path) -> None:
    region(folder, 'off = ["M12"]')

    policy = load(folder)

    assert "M12" not in advised(policy, SHELTER)
    assert "M12" not in policy.examples
    assert policy.overlay.off == ("M12",)


def test_a_rule_of_the_region_stands_in_the_place_of_the_national_one(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", ('destination = "avim"', 'destination = "riec"'))
    own(folder, "meldroutes/examples/M8.toml", f"{ROUTES}/examples/M8.toml")

    policy = load(folder)

    (route,) = [route for route in policy.meldroutes if route.id == "M8"]
    assert route.to[0].destination == "riec"
    assert policy.file_of(route) == f"{ROUTES}/M8.toml"
    assert policy.overlay.origin("M8") == "replaced"
    assert policy.examples["M8"].hit


def test_examples_of_the_national_rule_are_not_those_of_the_region(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", ('destination = "avim"', 'destination = "riec"'))

    assert "M8" not in load(folder).examples


def test_on_days_that_the_region_leaves_the_national_rule_counts(folder: Path) -> None:
    # Given a rule of the region for one year only
    days = "valid_from = 2026-01-01\nvalid_until = 2026-12-31"
    changes = (("valid_from = 2025-01-01", days), ('urgency = "one-working-day"', 'urgency = "same-day"'))
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", *changes)

    policy = load(folder)

    # Then every day has exactly one version, and only in that year it is the region's
    found = {
        day: advised(policy, {"perpetrator": "yes"}, day)["M8"]
        for day in (date(2025, 12, 31), date(2026, 1, 1), date(2026, 12, 31), date(2027, 1, 1))
    }
    assert list(found.values()) == ["one-working-day", "same-day", "same-day", "one-working-day"]
    for day in found:
        assert sum(route.id == "M8" for route in policy.meldroutes_on(day)) == 1


def test_a_region_adds_a_rule_of_its_own_after_the_national_ones(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/R1.toml", ('id = "M8"', 'id = "R1"'), ('"avim"', '"riec"'))

    policy = load(folder)

    assert policy.meldroutes[-1].id == "R1"
    assert policy.overlay.origin("R1") == "region"
    assert {"M8", "R1"} <= advised(policy, {"perpetrator": "yes"}).keys()


def test_hours_phone_and_day_of_checking_come_from_the_region(folder: Path) -> None:
    region(
        folder,
        '[phone]\nessm = "088-1"\n[hours]\nessm = { nl = "dag", en = "day" }\n[checked_on]\nessm = 2026-11-01\n',
    )

    essm = load(folder).destinations["essm"]

    assert (essm.phone, essm.hours.nl, essm.checked_on) == ("088-1", "dag", date(2026, 11, 1))


def test_a_ground_of_the_region_replaces_the_national_one_and_another_is_added(folder: Path) -> None:
    signed = 'valid_from = 2026-01-01\nreviewed_by = "mr. Voorbeeld"\nreviewed_on = 2026-05-01'
    source = next(
        path.name
        for path in sorted((folder / "grondslagen").glob("*.toml"))
        if 'effect = "permit_if"' in path.read_text() and "valid_from = 2026-01-01" in path.read_text()
    )
    name = source.removesuffix(".toml")
    own(folder, f"grondslagen/{source}", f"{GROUNDS}/{source}", ("valid_from = 2026-01-01", signed))
    own(folder, f"grondslagen/{source}", f"{GROUNDS}/RR1.toml", (f'id = "{name}"', 'id = "RR1"'))

    policy = load(folder)

    assert policy.grounds.find(name, TODAY).reviewed_by == "mr. Voorbeeld"
    assert policy.grounds.find(name, TODAY).file == f"{GROUNDS}/{source}"
    assert policy.grounds.find("RR1", TODAY) is not None
    assert (policy.overlay.origin(name), policy.overlay.origin("RR1")) == ("replaced", "region")


def test_the_digest_names_the_overlay(policy: PolicySet, folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/R1.toml", ('id = "M8"', 'id = "R1"'))
    one = load(folder).digest
    says(folder, f"{ROUTES}/R1.toml", 'urgency = "one-working-day"', 'urgency = "same-day"')

    assert len({policy.digest, one, load(folder).digest}) == 3


# -- what it cannot say --------------------------------------------------------------------------------------------


def _same_rule(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml")


def _same_from_later(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", ("valid_from = 2025-01-01", "valid_from = 2026-01-01"))


def _both_off_and_own(folder: Path) -> None:
    region(folder, 'off = ["M8"]')
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", ('"avim"', '"riec"'))


def _urgency_of_own(folder: Path) -> None:
    region(folder, '[urgency]\nM8 = "same-day"')
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M8.toml", ('"avim"', '"riec"'))


def _unknown_destination(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/R1.toml", ('id = "M8"', 'id = "R1"'), ('"avim"', '"avimm"'))


def _national_id(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", f"{ROUTES}/M99.toml", ('id = "M8"', 'id = "M99"'))


def _regional_id(folder: Path) -> None:
    own(folder, "meldroutes/M8.toml", "meldroutes/R1.toml", ('id = "M8"', 'id = "R1"'))


def _twice_on_a_day(folder: Path) -> None:
    for name in ("R1", "R1-2027"):
        own(folder, "meldroutes/M8.toml", f"{ROUTES}/{name}.toml", ('id = "M8"', 'id = "R1"'))


def _examples_of_nothing(folder: Path) -> None:
    own(folder, "meldroutes/examples/M8.toml", f"{ROUTES}/examples/R1.toml")


def _lifts_a_deny(folder: Path) -> None:
    own(folder, "grondslagen/G1.toml", f"{GROUNDS}/G1.toml", ('effect = "deny"', 'effect = "permit_if"'))


def _softens_a_deny(folder: Path) -> None:
    own(folder, "grondslagen/D2.toml", f"{GROUNDS}/D2.toml", ('priority = "hard"', 'priority = "specific"'))


def _same_ground(folder: Path) -> None:
    own(folder, "grondslagen/G1.toml", f"{GROUNDS}/G1.toml")


def _stranger(folder: Path) -> None:
    write(folder, "region/urgencies.toml", "x = 1")


BROKEN = {
    "off of nothing": (lambda folder: region(folder, 'off = ["M99"]'), "region.toml", "off", "found M99"),
    "off twice": (lambda folder: region(folder, 'off = ["M8", "M8"]'), "region.toml", "off", "M8 2 times"),
    "off and own": (_both_off_and_own, "region.toml", "off", "M8 either off or in a file"),
    "off under a table": (
        lambda folder: says(folder, "region.toml", '[region]\nid = "rotterdam"', '[region]\noff = ["M8"]\nid = "rotterdam"'),
        "region.toml", "", "expected off at the top of the file",
    ),
    "urgency of nothing": (lambda f: region(f, '[urgency]\nM99 = "same-day"'), "region.toml", "urgency.M99", "found M99"),
    "unknown urgency": (lambda f: region(f, '[urgency]\nM8 = "soon"'), "region.toml", "urgency.M8", "found soon"),
    "urgency as it is": (
        lambda f: region(f, '[urgency]\nM8 = "one-working-day"'), "region.toml", "urgency.M8", "another urgency",
    ),
    "urgency of what is off": (
        lambda f: region(f, 'off = ["M8"]\n[urgency]\nM8 = "same-day"'), "region.toml", "urgency.M8", "which is off",
    ),
    "urgency of an own rule": (_urgency_of_own, "region.toml", "urgency.M8", f"{ROUTES}/M8.toml"),
    "hours of nothing": (
        lambda f: region(f, '[hours]\nnobody = { nl = "x", en = "x" }'), "region.toml", "hours.nobody", "found nobody",
    ),
    "hours in one language": (
        lambda f: region(f, '[hours]\nessm = { nl = "x" }'), "region.toml", "hours.essm", "expected a text in nl and in en",
    ),
    "phone as it is": (
        lambda f: region(f, '[phone]\npolice-112 = "112"'), "region.toml", "phone.police-112", "changes nothing",
    ),
    "phone of nothing": (lambda f: region(f, '[phone]\nnobody = "1"'), "region.toml", "phone.nobody", "found nobody"),
    "a rule as it is": (_same_rule, f"{ROUTES}/M8.toml", "", "this file changes nothing"),
    "a rule as it is, from later on": (_same_from_later, f"{ROUTES}/M8.toml", "", "this file changes nothing"),
    "a rule that leads nowhere": (_unknown_destination, f"{ROUTES}/R1.toml", "to.0.destination", "found avimm"),
    "a national id that is not there": (_national_id, f"{ROUTES}/M99.toml", "id", "expected R1 to R999"),
    "a regional id in the national card": (_regional_id, "meldroutes/R1.toml", "id", "expected M and a number"),
    "two versions on a day": (_twice_on_a_day, f"{ROUTES}/R1.toml", "valid_from", "valid_until"),
    "examples of nothing": (_examples_of_nothing, f"{ROUTES}/examples/R1.toml", "", "expected a known meldroute"),
    "a deny lifted": (_lifts_a_deny, f"{GROUNDS}/G1.toml", "effect", "expected deny, as in grondslagen/G1.toml"),
    "a hard deny softened": (_softens_a_deny, f"{GROUNDS}/D2.toml", "priority", "expected hard"),
    "a ground as it is": (_same_ground, f"{GROUNDS}/G1.toml", "", "this file changes nothing"),
    "a stranger": (_stranger, "region/urgencies.toml", "", "expected no such file"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_an_overlay_that_cannot_be_is_named_with_file_and_key(name: str, folder: Path) -> None:
    break_it, file, key, expected = BROKEN[name]
    break_it(folder)

    findings = findings_of(folder)

    assert [found for found in findings if (found.file, found.key) == (file, key) and expected in found.message], (
        findings
    )


# -- days ----------------------------------------------------------------------------------------------------------

days = st.dates(date(2026, 1, 1), date(2026, 3, 1))
periods = st.tuples(days, st.one_of(st.none(), days)).filter(lambda found: found[1] is None or found[0] <= found[1])


def _holds(period: tuple[date, date | None], day: date) -> bool:
    return period[0] <= day and (period[1] is None or day <= period[1])


@given(periods, st.lists(periods, max_size=4), days)
def test_what_remains_is_every_day_that_nobody_takes_and_no_other(
    period: tuple[date, date | None], taken: list[tuple[date, date | None]], day: date
) -> None:
    left = remaining(period, taken)

    wanted = _holds(period, day) and not any(_holds(one, day) for one in taken)
    assert sum(_holds(one, day) for one in left) == int(wanted)
