"""The grounds and fields as files: what ships is whole, and what is broken stops the start with file and key."""

import re
from datetime import date
from pathlib import Path

import pytest

from signaltable.domain import SUBJECT_ROLES
from signaltable.fields import FieldContext, load_fields
from signaltable.grounds import (
    CAPACITIES,
    CATEGORIES,
    CONDITIONS,
    KINDS,
    PURPOSES,
    canonical_digest,
    load_grounds,
)
from signaltable.policy import load
from signaltable.policy_errors import BrokenPolicy

POLICIES = Path(__file__).resolve().parents[2] / "policies"
GROUNDS = load_grounds(POLICIES / "grondslagen")
FIELDS = load_fields(POLICIES / "fields.toml")
# The 64 rows of the matrix, each under its own id; what the region added itself begins with X.
MATRIX = {
    f"{letters}{number}"
    for letters, numbers in (
        ("A", range(1, 2)), ("C", range(1, 3)), ("D", range(6)), ("E", range(1, 5)), ("G", range(1, 9)), ("I", range(1, 3)),
        ("K", range(1, 3)), ("L", range(1, 4)), ("N", range(1, 3)), ("O", range(1, 3)), ("POL", range(1, 16)),
        ("V", range(1, 5)), ("W", range(1, 4)), ("Z", range(1, 11)),
    )
    for number in numbers
}  # fmt: skip

DENY = """
id = "D0"
title = { nl = "Niets", en = "Nothing" }
provider = "*"
recipient = "*"
purpose = "*"
data = "*"
effect = "deny"
priority = "default"
explanation = { nl = "Niets mag.", en = "Nothing goes." }
summary_en = "Nothing goes."
source = "test"
lawyer = false
valid_from = 2026-01-01
"""
PERMIT = """
id = "A1"
title = { nl = "Hulp", en = "Help" }
provider = ["ngo"]
recipient = ["shelter"]
person_age = ["adult"]
purpose = ["P2"]
data = ["identity", "sex_life"]
names_special = ["sex_life"]
effect = "permit_if"
priority = "specific"
legal_basis = [{ scheme = "eu-gdpr", code = "A9-2-a" }]
conditions = ["EXPLICIT_CONSENT"]
explanation = { nl = "Het mag.", en = "It may." }
summary_en = "It may."
source = "test"
lawyer = true
valid_from = 2026-01-01
valid_until = 2026-12-31
"""


def write(directory: Path, **files: str) -> Path:
    for name, content in files.items():
        (directory / f"{name.replace('__', '.')}.toml").write_text(content, encoding="utf-8")
    return directory


def findings(directory: Path) -> set[tuple[str, str]]:
    with pytest.raises(BrokenPolicy) as broken:
        load_grounds(directory)
    return {(finding.file.removeprefix(f"{directory.name}/"), finding.key) for finding in broken.value.findings}


# -- what ships -----------------------------------------------------------------------------------------------------


def test_all_64_rows_of_the_matrix_are_there_and_what_was_added_says_so() -> None:
    ids = {row.id for row in GROUNDS.rows}

    assert len(MATRIX) == 64
    assert {name for name in ids if name[0] != "X"} == MATRIX
    assert {row.id for row in GROUNDS.rows if row.source == "added, to be reviewed"} == ids - MATRIX


def test_the_denies_of_the_matrix_stay_denies() -> None:
    assert {row.id for row in GROUNDS.rows if not row.permits} == {
        *("D0", "D2", "D3", "D4", "D5", "G1", "G8", "L3", "POL10", "V4", "W3", "Z6"),
    }


def test_nothing_is_reviewed_before_a_lawyer_signed() -> None:
    assert not [row.id for row in GROUNDS.rows if row.reviewed_by or row.reviewed_on]


def test_hard_denies_keep_their_categories_and_nobody_but_sex_life_is_named() -> None:
    hard = {row.id: row.data for row in GROUNDS.rows if row.priority == "hard"}

    assert hard == {"D2": ("bsn",), "D3": ("sex_life",), "D4": ("ethnicity",), "D5": ("residence",)}
    assert {name for row in GROUNDS.rows for name in row.names_special} == {"sex_life"}
    assert all(row.id[0] == "X" for row in GROUNDS.rows if row.names_special)


def test_a_deny_gives_way_to_consent_only_where_the_seed_says_so() -> None:
    ways_out = {row.id: set(row.except_conditions) for row in GROUNDS.rows if row.except_conditions}

    assert ways_out == {
        "G1": {"EXPLICIT_CONSENT"},
        "G8": {"CONSENT", "EXPLICIT_CONSENT"},
        "V4": {"EXPLICIT_CONSENT"},
        "Z6": {"EXPLICIT_CONSENT"},
    }


def test_no_ground_serves_the_enforcement_of_aliens_law_or_mixes_it_with_protection() -> None:
    for row in GROUNDS.rows:
        if row.permits:
            assert not {"P5", "*"} & set(row.purpose), row.id
            assert row.recipient != ("*",), row.id


def test_every_row_says_where_it_comes_from_in_both_languages() -> None:
    for row in GROUNDS.rows:
        assert row.explanation.nl != row.explanation.en
        assert len(row.explanation.nl) > 20
        assert row.summary_en.endswith(".")
        assert row.source in {"K", "S", "S17", "S17+S", "S17+K", "S+K", "S+S17", "S17+S+K", "added, to be reviewed"}
        if row.id[0] == "X":
            assert row.choice
            assert row.lawyer
            assert row.permits


def test_every_dangerous_door_leaves_a_review_within_a_day() -> None:
    for row in GROUNDS.rows:
        if "VITAL" in row.conditions:
            assert [o.within_hours for o in row.obligations if o.kind == "review"] == [24]
            assert row.purpose == ("P7",)
            assert set(row.data) == {"identity", "contact", "minor", "pseudonymous"}


def test_every_condition_of_the_vocabulary_has_a_use() -> None:
    assert {code for row in GROUNDS.rows for code in row.conditions} == set(CONDITIONS)


def test_the_digest_of_a_row_follows_its_content_and_nothing_else(tmp_path: Path) -> None:
    def digest(content: str) -> str:
        return load_grounds(write(tmp_path, D0=DENY, A1=content)).find("A1", date(2026, 5, 1)).digest  # type: ignore[union-attr]

    first = digest(PERMIT)

    assert re.fullmatch(r"[0-9a-f]{64}", first)
    assert digest("# a comment\n" + PERMIT.replace(" = ", "  =  ")) == first
    assert digest(PERMIT.replace('"identity", ', "")) != first
    assert digest(PERMIT.replace("2026-12-31", "2026-12-30")) != first


def test_the_set_has_a_digest_of_its_own(tmp_path: Path) -> None:
    alone = load_grounds(write(tmp_path, D0=DENY)).digest

    assert load_grounds(write(tmp_path, A1=PERMIT)).digest != alone
    assert canonical_digest({"b": 1, "a": date(2026, 1, 1)}) == canonical_digest({"a": date(2026, 1, 1), "b": 1})


# -- broken files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('id = "A1"', 'id = "A2"', "id"),
        ('id = "A1"', 'id = "a1"', "id"),
        ('["ngo"]', '["bank"]', "provider"),
        ('["ngo"]', "[]", "provider"),
        ('["ngo"]', '["ngo", "*"]', "provider"),
        ('["ngo"]', '["ngo", "ngo"]', "provider"),
        ('["shelter"]', '["care-wgbo"]', "recipient"),
        ('["P2"]', '["P10"]', "purpose"),
        ('["P2"]', '["P1"]', "data"),
        ('["P2"]', '["P1", "P2"]', "purpose"),
        ('["identity", "sex_life"]', '["identity", "sex_life", "genes"]', "data"),
        ('["identity", "sex_life"]', '["bsn", "sex_life"]', "data"),
        ('["identity", "sex_life"]', '"*"', "data"),
        ('["identity", "sex_life"]', '["identity"]', "names_special"),
        ('names_special = ["sex_life"]', 'names_special = ["identity"]', "names_special"),
        ('"A9-2-a"', '"A6-1-a"', "legal_basis"),
        ('[{ scheme = "eu-gdpr", code = "A9-2-a" }]', "[]", "legal_basis"),
        ('"eu-gdpr"', '"us"', "legal_basis.0.scheme"),
        ('["EXPLICIT_CONSENT"]', '["MAGIC"]', "conditions"),
        ('["EXPLICIT_CONSENT"]', "[]", "conditions"),
        ('["EXPLICIT_CONSENT"]', '["EXPLICIT_CONSENT", "MIN"]', "parameters.MIN"),
        ('["EXPLICIT_CONSENT"]', '["EXPLICIT_CONSENT"]\nparameters = { MIN = "AVG" }', "parameters"),
        (
            '["EXPLICIT_CONSENT"]',
            '["EXPLICIT_CONSENT"]\nparameters = { EXPLICIT_CONSENT = "x" }',
            "parameters.EXPLICIT_CONSENT",
        ),
        ('["EXPLICIT_CONSENT"]', '["EXPLICIT_CONSENT"]\nexcept_conditions = ["NEC"]', "except_conditions"),
        ('person_age = ["adult"]', "", "conditions"),
        ('person_age = ["adult"]', 'person_age = ["old"]', "person_age.0"),
        ('person_age = ["adult"]', 'person_age = ["adult"]\nperson_role = ["suspect"]', "person_role.0"),
        ('"permit_if"', '"permit"', "effect"),
        ('"permit_if"', '"deny"', "conditions"),
        ('"specific"', '"hard"', "priority"),
        ('"specific"', '"default"', "priority"),
        ('nl = "Het mag.", ', "", "explanation"),
        ('nl = "Het mag."', 'nl = " "', "explanation"),
        ('en = "Help"', 'en = "Help", fr = "Aide"', "title"),
        ("lawyer = true", 'lawyer = "yes"', "lawyer"),
        ("lawyer = true", "lawyer = 1", "lawyer"),
        ("lawyer = true\n", "", "lawyer"),
        ("valid_from = 2026-01-01", 'valid_from = "soon"', "valid_from"),
        ("valid_until = 2026-12-31", "valid_until = 2025-12-31", "valid_until"),
        ("lawyer = true", 'lawyer = true\nreviewed_by = "mr. X"', "reviewed_by"),
        ("lawyer = true", "lawyer = true\nreviewed_on = 2026-02-01", "reviewed_by"),
        ("lawyer = true", 'lawyer = true\nretention = "P"', "retention"),
        ("lawyer = true", 'lawyer = true\nretention = "two years"', "retention"),
        ("lawyer = true", 'lawyer = true\nobligations = [{ kind = "forget" }]', "obligations.0.kind"),
        (
            "lawyer = true",
            'lawyer = true\nobligations = [{ kind = "inform", within_days = 0 }]',
            "obligations.0.within_days",
        ),
        ("lawyer = true", "lawyer = true\nscore = 3", "score"),
        ("valid_from = 2026-01-01", 'valid_from = "2026-01-01"', "valid_from"),
        ("valid_from = 2026-01-01", "valid_from = 2026-01-01T00:00:00", "valid_from"),
        ("valid_until = 2026-12-31", "valid_until = 20261231", "valid_until"),
        ("valid_until = 2026-12-31", 'reviewed_by = "mr. X"\nreviewed_on = "2026-02-01"', "reviewed_on"),
        ("lawyer = true", 'lawyer = true\nreviewed_by = " "\nreviewed_on = 2026-02-01', "reviewed_by"),
        ('["ngo"]', '["care", "care-wgbo"]', "provider"),
        ('["ngo"]', '["police", "police-investigation", "municipality", "municipality-wmo"]', "provider"),
        ('["shelter"]', '["municipality-wmo"]', "recipient"),
        ('["shelter"]', '"shelter"', "recipient"),
        ('person_age = ["adult"]', 'person_age = ["adult", "adult"]', "person_age"),
        ('person_age = ["adult"]', 'person_age = ["adult"]\nperson_role = ["victim", "victim"]', "person_role"),
        ('["EXPLICIT_CONSENT"]', '["MIN"]\nparameters = { MIN = "AVG" }', "conditions"),
        ('"A9-2-a"', '"9(2)(a)"', "legal_basis"),
        (
            "lawyer = true",
            'lawyer = true\nobligations = [{ kind = "review", within_hours = 24, within_days = 1 }]',
            "obligations",
        ),
        ("lawyer = true", 'lawyer = true\nobligations = [{ kind = "record" }, { kind = "record" }]', "obligations"),
        ('en = "It may."', 'en = ""', "explanation"),
        ('summary_en = "It may."', 'summary_en = " "', "summary_en"),
        ('explanation = { nl = "Het mag.", en = "It may." }', 'explanation = "Het mag."', "explanation"),
        ("lawyer = true", 'lawyer = true\ndigest = "00"', "digest"),
        ("lawyer = true", "lawyer = ", ""),
    ],
)
def test_a_broken_row_stops_the_start_with_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    assert old in PERMIT
    write(tmp_path, D0=DENY, A1=PERMIT.replace(old, new, 1))

    assert ("A1.toml", key) in findings(tmp_path)


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ('priority = "hard"', "data"),
        ('priority = "hard"\nexcept_conditions = ["CONSENT"]', "except_conditions"),
        ('priority = "specific"\nconditions = ["NEC"]', "conditions"),
        ('priority = "specific"\nobligations = [{ kind = "record" }]', "obligations"),
        ('priority = "specific"\nnames_special = ["sex_life"]', "names_special"),
        ('priority = "specific"\nexcept_conditions = ["MIN"]', "except_conditions"),
        ('priority = "default"', "priority"),
        ('priority = "default"\nperson_role = ["victim"]', "priority"),
    ],
)
def test_a_deny_has_nothing_that_could_open_it(tmp_path: Path, more: str, key: str) -> None:
    row = DENY.replace('"D0"', '"D9"').replace('priority = "default"', more)
    write(tmp_path, D0=DENY, D9=row)

    assert ("D9.toml", key) in findings(tmp_path)


def test_a_set_without_default_deny_does_not_start(tmp_path: Path) -> None:
    assert findings(write(tmp_path, A1=PERMIT)) == {(tmp_path.name, "")}


@pytest.mark.parametrize("key", ["provider", "recipient", "purpose", "data"])
def test_the_default_is_for_everybody_and_everything(tmp_path: Path, key: str) -> None:
    words = {"provider": "ngo", "recipient": "ngo", "purpose": "P2", "data": "identity"}
    write(tmp_path, D0=DENY.replace(f'{key} = "*"', f'{key} = ["{words[key]}"]'))

    assert findings(tmp_path) == {("D0.toml", "priority")}


def test_there_is_one_default_that_can_have_versions(tmp_path: Path) -> None:
    later = DENY.replace("2026-01-01", "2030-01-01")
    write(tmp_path, D0=DENY + "valid_until = 2029-12-31\n", D0__2030=later)
    assert len(load_grounds(tmp_path).rows) == 2

    write(tmp_path, D9=DENY.replace('"D0"', '"D9"'))
    assert findings(tmp_path) == {("D9.toml", "priority")}


def test_three_versions_may_not_overlap_either(tmp_path: Path) -> None:
    def version(first: str, last: str) -> str:
        return PERMIT.replace("2026-01-01", first).replace("2026-12-31", last)

    write(
        tmp_path,
        D0=DENY,
        A1=version("2026-01-01", "2029-12-31"),
        A1__2027=version("2027-01-01", "2027-12-31"),
        A1__2028=version("2028-01-01", "2028-12-31"),
    )
    assert ("A1.toml", "valid_until") in findings(tmp_path)
    write(tmp_path, A1=version("2026-01-01", "2026-12-31"))
    assert [row.valid_from.year for row in load_grounds(tmp_path).rows if row.id == "A1"] == [2026, 2027, 2028]


def test_a_review_in_the_future_is_no_review_yet(tmp_path: Path) -> None:
    signed = PERMIT + 'reviewed_by = "mr. A. Voorbeeld"\nreviewed_on = 2026-06-15\n'

    row = load_grounds(write(tmp_path, D0=DENY, A1=signed)).find("A1", date(2026, 6, 1))

    assert row is not None
    assert [row.reviewed_by_then(date(2026, 6, day)) for day in (14, 15, 16)] == [False, True, True]


def test_versions_of_a_row_follow_each_other_and_may_not_overlap(tmp_path: Path) -> None:
    later = PERMIT.replace("2026-01-01", "2027-01-01").replace("2026-12-31", "2027-12-31")
    grounds = load_grounds(write(tmp_path, D0=DENY, A1=PERMIT, A1__2027=later))

    assert grounds.find("A1", date(2026, 12, 31)).valid_from == date(2026, 1, 1)  # type: ignore[union-attr]
    assert grounds.find("A1", date(2027, 1, 1)).valid_from == date(2027, 1, 1)  # type: ignore[union-attr]
    assert grounds.find("A1", date(2028, 1, 1)) is None
    assert [row.id for row in grounds.on(date(2027, 6, 1))] == ["A1", "D0"]

    write(tmp_path, A1__2027=later.replace("2027-01-01", "2026-12-31"))
    assert findings(tmp_path) == {("A1.toml", "valid_until")}
    write(tmp_path, A1=PERMIT.replace("valid_until = 2026-12-31", ""), A1__2027=later)
    assert findings(tmp_path) == {("A1.toml", "valid_until")}


def test_all_findings_come_at_once(tmp_path: Path) -> None:
    write(tmp_path, D0=DENY, A1=PERMIT.replace('"ngo"', '"bank"'), A2="id = ", A3=PERMIT)

    assert {("A1.toml", "provider"), ("A2.toml", ""), ("A3.toml", "id")} <= findings(tmp_path)


# -- fields -------------------------------------------------------------------------------------------------------------


def contexts() -> list[FieldContext]:
    return [
        FieldContext(
            forms=frozenset(forms),
            rows=rows,
            indicators=frozenset({"i"}),
            sexual_indicators=frozenset(sexual),
            role=role,
            found=frozenset(found),
        )
        for forms in ((), ("sexual", "labour"))
        for rows in ({}, {"sexual-exploitation": 3})
        for sexual in ((), ("i",))
        for role in ("", *SUBJECT_ROLES)
        for found in ((), ("health", "ethnicity"))
    ]


def test_every_field_has_a_category_in_every_context_and_only_adds() -> None:
    for name, row in FIELDS.fields.items():
        for context in contexts():
            categories = FIELDS.categories_of(name, context)
            assert categories >= set(row.data)
            assert categories <= set(CATEGORIES)


@pytest.mark.parametrize(
    ("field", "context", "expected"),
    [
        ("signal.forms", FieldContext(forms=frozenset({"labour"})), {"pseudonymous"}),
        ("signal.forms", FieldContext(forms=frozenset({"sexual"})), {"pseudonymous", "sex_life"}),
        ("signal.form_rows", FieldContext(rows={"sexual-exploitation": 0, "threat": 2}), {"pseudonymous"}),
        ("signal.form_rows", FieldContext(rows={"sexual-exploitation": 1}), {"pseudonymous", "sex_life"}),
        ("signal.form_rows", FieldContext(rows={"sexual-exploitation": 3}), {"pseudonymous", "sex_life"}),
        (
            "signal.indicators",
            FieldContext(indicators=frozenset("a"), sexual_indicators=frozenset("b")),
            {"pseudonymous"},
        ),
        (
            "signal.indicators",
            FieldContext(indicators=frozenset("ab"), sexual_indicators=frozenset("b")),
            {"pseudonymous", "sex_life"},
        ),
        ("signal.narrative", FieldContext(), {"narrative"}),
        (
            "signal.narrative",
            FieldContext(found=frozenset({"health"}), accused=True),
            {"narrative", "health", "criminal"},
        ),
        ("signal.narrative", FieldContext(flags=frozenset({"pregnant", "minor"})), {"narrative", "health", "minor"}),
        ("signal.narrative", FieldContext(rows={"sexual-exploitation": 2}), {"narrative", "sex_life"}),
        ("signal.narrative_masked", FieldContext(forms=frozenset({"sexual"})), {"pseudonymous", "sex_life"}),
        ("signal.narrative_masked", FieldContext(found=frozenset({"sex_life"})), {"pseudonymous", "sex_life"}),
        ("signal.flags", FieldContext(flags=frozenset({"boy_or_man"})), {"pseudonymous"}),
        ("signal.flags", FieldContext(flags=frozenset({"lvb"})), {"pseudonymous", "health"}),
        ("signal.flags", FieldContext(flags=frozenset({"brand_new"})), {"pseudonymous", "health", "criminal", "minor"}),
        ("subject.role", FieldContext(role="possible_victim"), {"pseudonymous"}),
        (
            "subject.role",
            FieldContext(role="possible_victim", forms=frozenset({"sexual"})),
            {"pseudonymous", "sex_life"},
        ),
        (
            "subject.role",
            FieldContext(role="possible_perpetrator", forms=frozenset({"sexual"})),
            {"pseudonymous", "criminal"},
        ),
        ("subject.role", FieldContext(role="facilitator"), {"pseudonymous", "criminal"}),
        ("subject.role", FieldContext(role="victim", rows={"sexual-exploitation": 3}), {"pseudonymous", "sex_life"}),
        ("subject.birth_date", FieldContext(forms=frozenset({"sexual"})), {"identity"}),
        ("subject.profile", FieldContext(forms=frozenset({"sexual"})), {"identity", "contact", "sex_life"}),
    ],
)
def test_what_a_field_carries_depends_on_what_it_says(field: str, context: FieldContext, expected: set) -> None:
    assert FIELDS.categories_of(field, context) == expected


def test_a_field_of_the_program_without_category_stops_the_start() -> None:
    FIELDS.check_fields(FIELDS.fields)
    with pytest.raises(BrokenPolicy) as broken:
        FIELDS.check_fields([*FIELDS.fields, "subject.shoe_size"])
    assert [finding.key for finding in broken.value.findings] == ["subject.shoe_size"]
    with pytest.raises(BrokenPolicy):
        FIELDS.check_fields([name for name in FIELDS.fields if name != "signal.forms"])
    with pytest.raises(KeyError):
        FIELDS.categories_of("subject.shoe_size", FieldContext())


def test_the_words_of_the_grounds_exist_in_the_other_rules() -> None:
    policy = load(POLICIES)

    assert set(KINDS) == set(policy.agency_kinds)
    assert set(PURPOSES) == set(policy.purposes)
    for kind, capacities in CAPACITIES.items():
        assert set(policy.capacities_of(kind)) in (set(capacities), set())


def test_the_words_of_the_fields_exist_in_the_other_rules() -> None:
    policy = load(POLICIES)

    assert set(FIELDS.flags) == set(policy.flags)
    assert FIELDS.sexual_forms <= set(policy.forms)
    assert FIELDS.sexual_rows <= set(policy.form_rows)
    assert {f"subject.{row.id}" for row in policy.identifiers.identifier} <= set(FIELDS.fields)


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('data = ["residence"]', 'data = ["passport"]', "signal.residence"),
        ('data = ["residence"]', "data = []", "signal.residence"),
        ('when = "sexual_form"', 'when = "full_moon"', "signal.forms"),
        ('id = "signal.urgency"', 'id = "signal.reference"', "signal.reference"),
        ('lvb = ["health"]', 'lvb = ["brain"]', "flags.lvb"),
        ('lvb = ["health"]', "lvb = []", "flags.lvb"),
        ('sexual_forms = ["sexual"]', "", "sexual_forms"),
        ('unknown_flag = ["health", "criminal", "minor"]', "unknown_flag = []", "unknown_flag"),
        ('id = "signal.urgency"', 'id = "signal.urgency"\ncolour = "red"', "field.1.colour"),
    ],
)
def test_a_broken_field_stops_the_start_with_file_and_key(tmp_path: Path, old: str, new: str, key: str) -> None:
    content = (POLICIES / "fields.toml").read_text(encoding="utf-8")
    assert old in content
    path = tmp_path / "fields.toml"
    path.write_text(content.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(BrokenPolicy) as broken:
        load_fields(path)

    assert ("fields.toml", key) in {(finding.file, finding.key) for finding in broken.value.findings}
