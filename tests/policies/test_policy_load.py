"""A broken rule stops the start with file, key and what was expected; a whole set of rules has one name, its digest."""

import json
import re
import shutil
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signaltable.access import Permission
from signaltable.domain import SUBJECT_ROLES
from signaltable.facts import FACTS
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import BrokenPolicy, Finding
from tests.policies.conftest import POLICIES

Break = Callable[[Path], None]

AGENCY_KINDS = {
    "municipality", "care", "youth-care", "veilig-thuis", "raad", "nidos", "police", "prosecution", "riec",
    "labour-inspectorate", "care-coordination", "shelter", "comensha", "ngo", "immigration", "return-support",
    "safety-house", "table", "youth-protection", "victim-support", "reception", "return-service", "referral-index",
    "compulsory-care", "medical-director", "national-rapporteur", "data-subject",
}  # fmt: skip
DESTINATIONS = {
    "police-112", "veilig-thuis", "raad", "nidos", "essm", "essm-advice", "comensha", "nla", "fairwork", "avim", "riec",
    "crisis-shelter", "fier", "gemeente", "lvb-expertise", "table-coordinator", "regional-table", "iom", "help-overview",
}  # fmt: skip
NEVER_RECEIVE_DATA = {"police-112", "help-overview", "table-coordinator", "regional-table"}
GROUP_SIZES = {
    "purpose": 5, "recruitment": 3, "transport": 4, "housing": 3, "threat": 3, "violence": 3, "movement": 3,
    "isolation": 4, "documents": 3, "wages": 4, "deception": 3, "vulnerable": 6, "debt": 4,
}  # fmt: skip


def replaced(file: str, old: str, new: str) -> Break:
    def change(folder: Path) -> None:
        path = folder / file
        text = path.read_text()
        assert old in text, f"the test expects {old!r} in {file}"
        path.write_text(text.replace(old, new, 1))

    return change


def added(file: str, text: str) -> Break:
    def change(folder: Path) -> None:
        path = folder / file
        path.write_text((path.read_text() if path.exists() else "") + text)

    return change


def copied(source: str, target: str) -> Break:
    def change(folder: Path) -> None:
        shutil.copy(folder / source, folder / target)

    return change


def removed(file: str) -> Break:
    return lambda folder: (folder / file).unlink()


def findings_of(folder: Path) -> tuple[Finding, ...]:
    with pytest.raises(BrokenPolicy) as broken:
        load(folder, [permission.value for permission in Permission])
    return broken.value.findings


def test_the_shipped_rules_fit_the_permissions_of_the_program() -> None:
    load(Path(__file__).resolve().parents[2] / "policies", [permission.value for permission in Permission])


def test_the_ids_of_the_contract_are_all_there(policy: PolicySet) -> None:
    assert set(policy.agency_kinds) == AGENCY_KINDS
    assert set(policy.destinations) == DESTINATIONS
    assert set(policy.purposes) == {"P1", "P2", "P3", "P3b", "P4", "P5", "P6", "P7", "P8", "P9"}
    assert list(policy.urgencies) == ["now", "same-day", "one-working-day", "five-working-days"]
    assert [route.id for route in policy.meldroutes] == [f"M{number}" for number in range(1, 22)]


def test_data_can_go_only_to_destinations_that_are_agencies(policy: PolicySet) -> None:
    closed = {name for name, destination in policy.destinations.items() if not destination.disclosable}

    assert closed == NEVER_RECEIVE_DATA
    assert all(policy.destinations[name].agency_kind is None for name in closed)


def test_the_guides_48_indicators_stand_in_their_13_groups(policy: PolicySet) -> None:
    counts = {group: sum(found.group == group for found in policy.indicators.values()) for group in GROUP_SIZES}

    assert counts == GROUP_SIZES
    assert all(found.source.startswith("002:") for found in policy.indicators.values() if found.group in GROUP_SIZES)
    assert {found.form_row for found in policy.indicators.values() if found.group == "debt"} == {"payments"}


def test_labour_and_criminal_exploitation_can_be_noticed_too(policy: PolicySet) -> None:
    for form in ("labour", "criminal"):
        assert sum(form in found.forms for found in policy.indicators.values()) >= 8


def test_the_first_line_form_has_15_rows(policy: PolicySet) -> None:
    counts = [sum(row.element == element for row in policy.form_rows.values()) for element in policy.elements]

    assert counts == [3, 9, 3]


def test_forms_that_are_not_in_force_carry_that_mark(policy: PolicySet) -> None:
    assert {form.id for form in policy.forms.values() if not form.in_force} == {
        "forced_marriage", "illegal_adoption", "surrogacy",
    }  # fmt: skip


def test_every_element_that_can_be_missing_has_guidance(policy: PolicySet) -> None:
    guided = {fact for guidance in policy.guidance.values() for fact in guidance.facts}

    assert guided == {name for name, words in policy.facts.items() if words.answered_by == "reporter"}


def test_the_eight_re_trafficking_flags_are_there_without_a_score(policy: PolicySet) -> None:
    assert sum(flag.group == "re-trafficking" for flag in policy.flags.values()) == 8


def test_every_value_of_every_fact_has_a_label(policy: PolicySet) -> None:
    for fact in FACTS.values():
        for value in fact.accepted:
            assert policy.value_label(fact.name, value).nl


def test_a_kind_without_capacities_has_one_with_its_own_id(policy: PolicySet) -> None:
    assert list(policy.capacities_of("ngo")) == ["ngo"]
    assert list(policy.capacities_of("labour-inspectorate")) == ["nla-supervision", "nla-investigation"]
    assert list(policy.capacities_of("nobody")) == []


def test_permissions_of_several_roles_come_together_and_unknown_roles_give_none(policy: PolicySet) -> None:
    assert policy.permissions_of(["privacy-officer", "nobody"]) == {
        "figures:consult:all",
        "disclosure:approve:other-person",
        "log:consult:own-agency",
        "log:export:own-agency",
        "duty:fulfil:own-agency",
        "checkpoint:keep:own-agency",
        "incident:consult:all",
        "incident:settle:all",
        "report:request:own-agency",
        "identity:decide:own-agency",
        "exclusion:change:own-agency",
        "erasure:request:own-agency",
        "emergency:consult:all",
        "emergency:review:all",
        "rights:consult:all",
        "rights:sign:own-agency",
    }
    assert policy.permissions_of(["auditor", "administrator"]) >= {"log:export:all", "account:change:all"}


def test_who_reads_the_log_or_manages_accounts_sees_no_content(policy: PolicySet) -> None:
    content = ("signal:", "identity:", "dossier:", "referral:", "enrich:", "table:")
    # Whoever decides whether somebody may see who a person is, does not see it by that.
    deciding = {"identity:decide:own-agency"}

    for role in ("auditor", "administrator", "privacy-officer"):
        assert not [name for name in policy.permissions_of([role]) - deciding if name.startswith(content)]


def test_periods_count_working_days_calendar_days_and_years(policy: PolicySet) -> None:
    friday = date(2026, 11, 20)

    assert policy.urgencies["same-day"].due(friday) == friday
    assert policy.urgencies["one-working-day"].due(friday) == date(2026, 11, 23)
    assert policy.urgencies["five-working-days"].due(friday) == date(2026, 11, 27)
    assert policy.retention["signal"].ends(friday) == date(2027, 5, 19)
    assert policy.retention["case"].ends(date(2028, 2, 29)) == date(2030, 3, 1)
    assert policy.deadlines["feedback"].due(friday) == date(2026, 12, 18)


def test_every_role_of_a_subject_has_words(policy: PolicySet) -> None:
    assert [value.id for value in policy.scales["subject-role"].value] == list(SUBJECT_ROLES)


def test_an_old_phone_number_is_due_for_a_check(policy: PolicySet) -> None:
    contact = policy.contacts["fairwork"].model_copy(update={"checked_on": date(2025, 11, 22)})

    assert not contact.is_due(date(2026, 11, 22))
    assert contact.is_due(date(2026, 11, 23))


def test_the_digest_names_the_content_and_not_the_layout(policy: PolicySet, folder: Path) -> None:
    added("meldroutes/M1.toml", "\n# a remark\n")(folder)
    assert load(folder).digest == policy.digest

    replaced("meldroutes/M1.toml", 'en = "There is danger now.', 'en = "There is danger.')(folder)
    assert load(folder).digest != policy.digest


def test_the_digest_names_every_file(policy: PolicySet, folder: Path) -> None:
    replaced("retention.toml", "days = 30", "days = 31")(folder)
    one = load(folder).digest
    replaced("grondslagen/D0.toml", 'summary_en = "', 'summary_en = "So: ')(folder)

    assert len({policy.digest, one, load(folder).digest}) == 3


def test_a_second_version_of_a_rule_counts_from_its_own_day(folder: Path) -> None:
    copied("meldroutes/M8.toml", "meldroutes/M8-2027.toml")(folder)
    replaced("meldroutes/M8.toml", "valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2026-12-31")(
        folder
    )
    replaced("meldroutes/M8-2027.toml", "valid_from = 2025-01-01", "valid_from = 2027-01-01")(folder)

    policy = load(folder)

    for day, start in ((date(2026, 12, 31), 2025), (date(2027, 1, 1), 2027)):
        assert [route.valid_from.year for route in policy.meldroutes_on(day) if route.id == "M8"] == [start]


BROKEN: dict[str, tuple[Break, str, str, str]] = {
    "syntax": (added("roles.toml", "\n[[role"), "roles.toml", "", "expected TOML, found: "),
    "no UTF-8": (lambda folder: (folder / "forms.toml").write_bytes(b"\xff"), "forms.toml", "", "expected UTF-8"),
    "missing file": (removed("flags.toml"), "flags.toml", "", "expected this file, found none"),
    "stranger": (added("meldroute.toml", ""), "meldroute.toml", "", "expected no such file"),
    "another file among the meldroutes": (
        copied("forms.toml", "meldroutes/forms.toml"), "meldroutes/forms.toml", "id", "expected this key, found none",
    ),
    "unknown key": (
        replaced("meldroutes/M1.toml", "urgency =", "score = 5\nurgency ="),
        "meldroutes/M1.toml", "score", "expected no such key",
    ),
    "missing key": (
        replaced("meldroutes/M1.toml", 'urgency = "now"', ""),
        "meldroutes/M1.toml", "urgency", "expected this key, found none",
    ),
    "wrong type": (
        replaced("meldroutes/M1.toml", "valid_from = 2025-01-01", 'valid_from = "2025-01-01"'),
        "meldroutes/M1.toml", "valid_from", "expected",
    ),
    "missing translation": (
        replaced("destinations.toml", 'title = { nl = "Nidos", en = "Nidos" }', 'title = { nl = "Nidos" }'),
        "destinations.toml", "destination.nidos.title", "expected a text in nl and in en, nothing else",
    ),
    "empty translation": (
        replaced("purposes.toml", 'en = "Help and shelter"', 'en = " "'),
        "purposes.toml", "purpose.P2.title", "expected a text in en, found none",
    ),
    "unknown destination": (
        replaced("meldroutes/M8.toml", 'destination = "avim"', 'destination = "avimm"'),
        "meldroutes/M8.toml", "to.0.destination", "expected a known destination (avim, comensha",
    ),
    "unknown purpose": (
        replaced("meldroutes/M8.toml", 'purpose = "P3"', 'purpose = "P3c"'),
        "meldroutes/M8.toml", "to.0.purpose", "expected a known purpose (P1, P2",
    ),
    "unknown urgency": (
        replaced("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "soon"'),
        "meldroutes/M8.toml", "urgency", "expected a known urgency",
    ),
    "unknown fact": (
        replaced("meldroutes/M8.toml", 'fact = "perpetrator"', 'fact = "offender"'),
        "meldroutes/M8.toml", "when.0.0.fact", "expected a known fact or derived fact",
    ),
    "bad value of a fact": (
        replaced("meldroutes/M8.toml", 'value = "yes"', 'value = "maybe"'),
        "meldroutes/M8.toml", "when.0.0.value", "expected a known value of perpetrator (no, yes), found maybe",
    ),
    "unknown is no value": (
        replaced("meldroutes/M8.toml", 'value = "yes"', 'value = "unknown"'),
        "meldroutes/M8.toml", "when.0.0.value", "expected a known value of perpetrator (no, yes)",
    ),
    "op of another kind": (
        replaced("meldroutes/M17.toml", 'op = "at_least"', 'op = "has"'),
        "meldroutes/M17.toml", "when.0.0.op", "expected below or at_least for linked_agencies, found has",
    ),
    "unknown op": (
        replaced("meldroutes/M17.toml", 'op = "at_least"', 'op = "about"'),
        "meldroutes/M17.toml", "when.0.0.op", "expected 'equals', 'one_of'",
    ),
    "list where one value belongs": (
        replaced("meldroutes/M8.toml", 'value = "yes"', 'value = ["yes"]'),
        "meldroutes/M8.toml", "when.0.0.value", "expected one text for equals",
    ),
    "one value where a list belongs": (
        replaced("derived.toml", 'value = ["minor", "doubt"]', 'value = "minor"'),
        "derived.toml", "derived.minor.when.0.0.value", "expected a list of texts for one_of",
    ),
    "text where a number belongs": (
        replaced("derived.toml", "value = 23", 'value = "23"'),
        "derived.toml", "derived.under_23.when.0.0.value", "expected a number from 0 to 130",
    ),
    "derived fact asked in another way": (
        replaced("meldroutes/M2.toml", '{ fact = "minor", op = "equals", value = "yes" }',
                 '{ fact = "minor", op = "equals", value = "no" }'),
        "meldroutes/M2.toml", "when.0.0", 'expected op "equals" and value "yes" for the derived fact minor',
    ),
    "derived fact that depends on itself": (
        replaced("derived.toml", '{ fact = "age", op = "one_of"', '{ fact = "under_23", op = "one_of"'),
        "derived.toml", "derived.minor.when.0.0.fact", "expected a known fact or derived fact above it",
    ),
    "derived fact with the name of a fact": (
        replaced("derived.toml", 'id = "under_23"', 'id = "stuck"'),
        "derived.toml", "derived.stuck", "expected a name that no fact has",
    ),
    "rule without a condition": (
        replaced("meldroutes/M8.toml", 'when = [\n  [{ fact = "perpetrator", op = "equals", value = "yes" }],\n]', "when = []"),
        "meldroutes/M8.toml", "when", "expected",
    ),
    "alternative without a test": (
        replaced("meldroutes/M8.toml", '[{ fact = "perpetrator", op = "equals", value = "yes" }]', "[]"),
        "meldroutes/M8.toml", "when.0", "expected",
    ),
    "overlapping dates": (
        copied("meldroutes/M8.toml", "meldroutes/M8-2027.toml"),
        "meldroutes/M8.toml", "valid_from", "expected a day after valid_until of meldroutes/M8-2027.toml",
    ),
    "end before start": (
        replaced("meldroutes/M8.toml", "valid_from = 2025-01-01", "valid_from = 2025-01-01\nvalid_until = 2024-12-31"),
        "meldroutes/M8.toml", "valid_until", "expected a day on or after valid_from",
    ),
    "file named after another rule": (
        replaced("meldroutes/M8.toml", 'id = "M8"', 'id = "M22"'),
        "meldroutes/M8.toml", "id", "expected the id with which the file name starts, found M22",
    ),
    "id twice": (
        replaced("purposes.toml", 'id = "P9"', 'id = "P8"'),
        "purposes.toml", "purpose.P8", "expected this id once, found it 2 times",
    ),
    "order twice": (
        replaced("urgencies.toml", "order = 4", "order = 3"),
        "urgencies.toml", "urgency.order", "expected each order once, found 3 2 times",
    ),
    "capacity twice": (
        replaced("agency_kinds.toml", 'id = "nla-supervision"', 'id = "police"'),
        "agency_kinds.toml", "capacities.police", "expected this id once",
    ),
    "unknown agency kind": (
        replaced("destinations.toml", 'agency_kind = "nidos"', 'agency_kind = "guardian"'),
        "destinations.toml", "destination.nidos.agency_kind", "expected a known agency kind",
    ),
    "disclosable to nobody": (
        replaced("destinations.toml", 'agency_kind = "nidos"\n', ""),
        "destinations.toml", "destination.nidos.agency_kind", "expected one exactly when disclosable is true",
    ),
    "unknown permission": (
        replaced("roles.toml", '"log:export:all"', '"log:change:all"'),
        "roles.toml", "role.auditor.permissions", "expected a known permission",
    ),
    "permission of another shape": (
        replaced("roles.toml", '"log:export:all"', '"everything"'),
        "roles.toml", "role.auditor.permissions.1", "expected a text that should match pattern",
    ),
    "fact without words": (
        replaced("facts.toml", 'id = "stuck"', 'id = "stuckk"'),
        "facts.toml", "fact.stuck", "expected words for this fact, found none",
    ),
    "value without a label": (
        replaced("facts.toml", 'adult = { nl = "18 of ouder", en = "18 or older" }\n', ""),
        "facts.toml", "fact.age.values.adult", "expected a label for this value, found none",
    ),
    "label for no value": (
        replaced("facts.toml", "adult = {", 'old = { nl = "Oud", en = "Old" }\nadult = {'),
        "facts.toml", "fact.age.values.old", "expected a known value of age",
    ),
    "form that no fact has": (
        replaced("forms.toml", 'id = "surrogacy"', 'id = "mothering"'),
        "forms.toml", "form.mothering", "expected exactly the forms sexual, labour",
    ),
    "code with another meaning": (
        replaced("form_rows.toml", "code = 3", "code = 2"),
        "form_rows.toml", "code", "expected 0 none, 1 present, 2 evidence and 3 more_info",
    ),
    "indicator for an unknown row": (
        replaced("indicators.toml", 'form_row = "transport"', 'form_row = "travel"'),
        "indicators.toml", "indicator.journey-arranged-by-others.form_row", "expected a known form row",
    ),
    "indicator in an unknown group": (
        replaced("indicators.toml", 'group = "transport"', 'group = "travel"'),
        "indicators.toml", "indicator.journey-arranged-by-others.group", "expected a known group",
    ),
    "indicator without a source": (
        replaced("indicators.toml", 'source = "002:731"', 'source = ""'),
        "indicators.toml", "indicator.journey-arranged-by-others.source", "expected",
    ),
    "flag for an unknown fact": (
        replaced("flags.toml", 'fact = "lvb_signs"', 'fact = "lvb"'),
        "flags.toml", "flag.lvb.fact", "expected a known fact",
    ),
    "flag with half a fact": (
        replaced("flags.toml", 'fact = "lvb_signs"\n', ""),
        "flags.toml", "flag.lvb.fact", "expected fact and value together, or neither",
    ),
    "guidance for an unknown fact": (
        replaced("guidance.toml", 'facts = ["means"]', 'facts = ["force"]'),
        "guidance.toml", "guidance.means.facts", "expected a known fact",
    ),
    "contact for an unknown need": (
        replaced("contacts.toml", 'needs = ["danger"]', 'needs = ["fire"]'),
        "contacts.toml", "contact.emergency.needs", "expected a known need",
    ),
    "retention with two periods": (
        replaced("retention.toml", "years = 5", "years = 5\ndays = 3"),
        "retention.toml", "retention.rights", "expected either days or years",
    ),
    "retention beyond the calendar": (
        replaced("retention.toml", "years = 5", "years = 20000"),
        "retention.toml", "retention.rights.years", "expected less than or equal to 100",
    ),
    "a warning before it begins": (
        replaced("retention.toml", "warn = 28", "warn = 180"),
        "retention.toml", "retention.signal", "expected warn to be fewer days than days",
    ),
    "longer without a warning": (
        replaced("retention.toml", "warn = 28\nextend", "extend"),
        "retention.toml", "retention.signal", "expected warn beside extend_days",
    ),
    "a deadline beyond the calendar": (
        replaced("deadlines.toml", "days = 28\n", "days = 99999999\n"),
        "deadlines.toml", "deadline.feedback.days", "expected less than or equal to 3650",
    ),
    "flag that the program needs": (
        replaced("flags.toml", 'id = "lvb"', 'id = "mild"'),
        "flags.toml", "flag.lvb", "expected this id, because the program uses it by name",
    ),
    "retention that the program needs": (
        replaced("retention.toml", 'id = "watch"', 'id = "looking"'),
        "retention.toml", "retention.watch", "expected this id, because the program uses it by name",
    ),
    "no term for a class of the log": (
        replaced("retention.toml", 'id = "log-login"', 'id = "log-logins"'),
        "retention.toml", "retention.log-login", "expected this id, because the program uses it by name",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_named_with_file_key_and_expectation(name: str, folder: Path) -> None:
    # Given the shipped rules with one thing broken
    break_it, file, key, expected = BROKEN[name]
    break_it(folder)

    # When they are loaded
    findings = findings_of(folder)

    # Then one finding names the place and says what was expected there
    assert [found for found in findings if (found.file, found.key) == (file, key) and expected in found.message], (
        findings
    )


EVERY_FILE = sorted(path.relative_to(POLICIES).as_posix() for path in POLICIES.rglob("*.toml"))
# One of each folder, and every file with a name of its own.
SOME_FILES = [name for name in EVERY_FILE if "/" not in name] + [
    "meldroutes/M8.toml", "meldroutes/examples/M8.toml", "grondslagen/G1.toml", "grondslagen/D0.toml",
]  # fmt: skip


def _as_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


WHOLE_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_text(""), "expected rules, found an empty file"),
    "only a remark": (lambda path: path.write_text("# nothing yet\n"), "expected rules, found an empty file"),
    "no UTF-8": (lambda path: path.write_bytes(b'id = "\xff"'), "expected UTF-8 text, found another byte at 6"),
    "a folder": (_as_folder, "expected a file, found a folder"),
    "syntax": (lambda path: path.write_text("id = "), "expected TOML, found: "),
    "a key twice": (lambda path: path.write_text("id = 1\nid = 2"), "expected TOML, found: "),
    "an endless number": (lambda path: path.write_text("id = " + "9" * 5000), "expected TOML, found: "),
    "nested without end": (lambda path: path.write_text("id = " + "[" * 5000), "expected TOML"),
}


@pytest.mark.parametrize("name", WHOLE_FILES)
def test_a_file_that_cannot_be_read_is_one_finding(name: str, folder: Path) -> None:
    # Given this mistake in every file at once
    break_it, expected = WHOLE_FILES[name]
    for file in SOME_FILES:
        break_it(folder / file)

    # When they are loaded, then each is named once, and nothing else is
    findings = findings_of(folder)
    assert sorted((found.file, found.key) for found in findings) == sorted((file, "") for file in SOME_FILES)
    assert all(expected in found.message for found in findings)


def test_a_file_that_is_not_there_is_one_finding(folder: Path) -> None:
    names = [name for name in EVERY_FILE if "/" not in name]
    for name in names:
        removed(name)(folder)

    assert list(findings_of(folder)) == [Finding(name, "", "expected this file, found none") for name in names]


def test_a_key_that_nobody_knows_is_one_finding(folder: Path) -> None:
    for file in SOME_FILES:
        path = folder / file
        path.write_text("misspelled = 1\n" + path.read_text())

    findings = findings_of(folder)

    assert [(found.file, "misspelled" in found.key) for found in findings] == [
        (file, True) for file in sorted(SOME_FILES)
    ]


def test_a_folder_that_is_not_there_is_one_finding(tmp_path: Path) -> None:
    assert list(findings_of(tmp_path / "rules")) == [Finding("rules", "", "expected a folder with rules, found none")]


@pytest.mark.parametrize(
    "file", ["meldroutes/M8.TOML", "meldroutes/M8.tml", "grondslagen/G1.toml.txt", "meldroutes/old/M8.toml", "M8.toml"]
)
def test_a_rule_under_a_name_that_nobody_reads_stops_the_start(file: str, folder: Path) -> None:
    (folder / file).parent.mkdir(exist_ok=True)
    copied("meldroutes/M8.toml", file)(folder)

    assert [(found.file, found.message[:21]) for found in findings_of(folder)] == [(file, "expected no such file")]


def test_notes_copies_of_an_editor_and_its_mark_in_front_of_a_file_harm_nobody(policy: PolicySet, folder: Path) -> None:
    (folder / "meldroutes" / "notes.md").write_text("why M8 reads as it does")
    copied("meldroutes/M8.toml", "meldroutes/M8.toml~")(folder)
    copied("meldroutes/M8.toml", "meldroutes/.M8.toml.swp")(folder)
    marked = folder / "meldroutes" / "M8.toml"
    marked.write_bytes(b"\xef\xbb\xbf" + marked.read_bytes())

    assert load(folder).digest == policy.digest


WRONG = (5, "??", "", [], {}, True, [5], ["??"], 1.5, {"nl": "x"}, [{}], [[]], [{"id": "x"}], date(2026, 1, 1), None)


def _places(value: object, above: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if above:
        yield above
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inside:
        yield from _places(one, (*above, key))


def _toml(value: object) -> str:
    """A value as TOML; what tomllib read comes back the same."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)


@given(data=st.data())
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_anywhere_is_taken_or_named_and_never_falls_over(data: st.DataObject, tmp_path: Path) -> None:
    # Given the shipped rules with one value, at any place of any file, that does not belong there
    file = data.draw(st.sampled_from(SOME_FILES))
    content = tomllib.loads((POLICIES / file).read_text())
    *above, last = data.draw(st.sampled_from(list(_places(content))))
    wrong = data.draw(st.sampled_from(WRONG))
    here = content
    for key in above:
        here = here[key]
    here[last] = wrong
    if wrong is None:
        del here[last]
    folder = tmp_path / "policies"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(POLICIES, folder)
    (folder / file).write_text("\n".join(f"{json.dumps(key)} = {_toml(one)}" for key, one in content.items()))

    # When they are loaded
    try:
        load(folder)
        findings = ()
    except BrokenPolicy as broken:
        findings = broken.findings

    # Then nothing falls over, and what is wrong is said as what was expected
    assert all(re.search("expected|unknown", found.message) for found in findings), findings


def test_broken_grounds_stop_the_start_as_well(folder: Path) -> None:
    replaced("grondslagen/D0.toml", "effect =", "effects =")(folder)

    assert any(found.file == "grondslagen/D0.toml" for found in findings_of(folder))


@pytest.mark.parametrize("name", ["fields.toml", "conditions.toml", "identifiers.toml", "linking.toml"])
def test_files_that_other_modules_read_stop_the_start_as_well(name: str, folder: Path) -> None:
    removed(name)(folder)

    assert Finding(name, "", "expected this file, found none") in findings_of(folder)


def test_all_findings_come_at_once_and_the_message_holds_each(folder: Path) -> None:
    replaced("purposes.toml", 'id = "P9"', 'id = "P8"')(folder)
    replaced("meldroutes/M8.toml", 'urgency = "one-working-day"', 'urgency = "soon"')(folder)

    with pytest.raises(BrokenPolicy) as broken:
        load(folder)

    assert "purposes.toml: purpose.P8: expected" in str(broken.value)
    assert "meldroutes/M8.toml: urgency: expected" in str(broken.value)


def test_a_folder_without_any_rules_is_told_at_once(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other.toml").write_text("x = 1")
    with pytest.raises(BrokenPolicy) as broken:
        load(tmp_path)
    assert [one.message for one in broken.value.findings] == [
        "expected a folder with rules, found none of their files in it"
    ]
