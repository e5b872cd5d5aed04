"""Every field that the program has needs a data category: what happens when one is added to the code or left out of the file."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, MetaData, String, Table

from signaltable.db import Base
from signaltable.fields import FieldContext
from signaltable.flow import field_names
from signaltable.flow.contents import MASKED, NARRATIVE
from signaltable.flow.field_names import check_fields, known_fields
from signaltable.policy import PolicySet, load
from signaltable.policy_errors import BrokenPolicy
from signaltable.program import load_policy
from signaltable.settings import Settings


def tables() -> MetaData:
    """A copy of the tables of the program, to change."""
    copy = MetaData()
    for table in Base.metadata.tables.values():
        table.to_metadata(copy)
    return copy


def test_the_shipped_file_names_exactly_the_fields_that_the_program_has(policy: PolicySet) -> None:
    assert set(policy.fields.fields) == known_fields()


@pytest.mark.parametrize(
    ("table", "field"),
    [("signals", "signal.shoe_size"), ("subjects", "subject.shoe_size"), ("questions", "question.shoe_size")],
)
def test_a_new_column_needs_a_category(policy: PolicySet, table: str, field: str) -> None:
    changed = tables()
    changed.tables[table].append_column(Column("shoe_size", String))

    with pytest.raises(BrokenPolicy, match=rf"fields\.toml: {field}: expected a data category"):
        policy.fields.check_fields(known_fields(changed.tables.values()))


def test_a_new_table_about_a_signal_needs_a_category_for_all_that_it_holds(policy: PolicySet) -> None:
    changed = tables()
    Table("recordings", changed, Column("signal_id", ForeignKey("signals.id")), Column("content", String))
    Table("recording_pages", changed, Column("of", ForeignKey("recordings.signal_id")), Column("words", String))

    with pytest.raises(BrokenPolicy) as caught:
        policy.fields.check_fields(known_fields(changed.tables.values()))

    missing = {found.key for found in caught.value.findings}
    assert {"recording.content", "recording.signal_id", "recording_page.words"} <= missing


def test_a_new_identity_field_needs_a_category(policy: PolicySet, monkeypatch: pytest.MonkeyPatch) -> None:
    names = {"subject_fields": {"name": ("subject.given_name", "subject.nickname")}}
    monkeypatch.setattr(field_names, "_SENT", {**field_names._SENT, **names})

    with pytest.raises(BrokenPolicy, match=r"subject\.nickname: expected a data category"):
        check_fields(policy)


def test_every_name_in_the_lists_is_a_column_of_today() -> None:
    columns = {name: set(table.columns.keys()) for name, table in Base.metadata.tables.items()}
    for names in (field_names._SENT, field_names._STAYS):
        for table, listed in names.items():
            assert set(listed) <= columns[table]


def edited(policies: Path, old: str, new: str) -> Path:
    path = policies / "fields.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return policies


def test_a_field_without_category_stops_the_start(folder: Path, tmp_path: Path) -> None:
    edited(folder, 'id = "subject.surname"', 'id = "subject.family"')

    with pytest.raises(BrokenPolicy) as caught:
        load_policy(Settings.from_env({"SIGNALTABLE_HOME": str(tmp_path), "SIGNALTABLE_POLICIES": str(folder)}))

    assert [str(found) for found in caught.value.findings] == [
        "fields.toml: subject.family: unknown field",
        "fields.toml: subject.surname: expected a data category for this field",
    ]


# -- where nobody's name goes along -----------------------------------------------------------------------------------


def categories(policy: PolicySet, name: str, **context: Any) -> set[str]:
    return set(policy.fields.categories_of(name, FieldContext(**context)))


def test_the_account_carries_what_is_found_in_it_with_and_without_names_masked(policy: PolicySet) -> None:
    found = frozenset({"health", "minor"})

    assert categories(policy, NARRATIVE, found=found) == {"narrative", "health", "minor"}
    assert categories(policy, MASKED, found=found) == {"pseudonymous", "health", "minor"}


def test_without_a_name_a_masked_account_is_a_fact_without_a_name_except_where_a_hard_deny_stands(
    policy: PolicySet,
) -> None:
    found = frozenset({"health", "criminal", "residence", "sex_life", "ethnicity"})

    assert categories(policy, MASKED, found=found, nameless=True) == {"pseudonymous", "sex_life", "ethnicity"}
    assert categories(policy, NARRATIVE, found=found, nameless=True) == {"narrative", *found}


@pytest.mark.parametrize("name", ["identity", "contact", "bsn", "sex_life", "ethnicity", "hobbies"])
def test_what_is_protected_without_a_name_too_cannot_be_declared_away(folder: Path, name: str) -> None:
    edited(
        folder,
        'adds_flags = true\nwithout_name = ["health", "criminal", "residence", "minor"]',
        f'adds_flags = true\nwithout_name = ["{name}"]',
    )

    with pytest.raises(BrokenPolicy, match=rf"signal\.flags: expected without_name to hold no {name}"):
        load(folder)


def test_a_business_in_a_sexual_signal_tells_of_all_who_work_there_and_its_address_does_not(policy: PolicySet) -> None:
    sexual = frozenset({"sexual"})

    assert "sex_life" in categories(policy, "subject.company_name", forms=sexual)
    assert "sex_life" in categories(policy, "subject.kvk", forms=sexual)
    assert categories(policy, "subject.company_name", forms=frozenset({"labour"})) == {"business"}
    assert categories(policy, "subject.street", forms=sexual) == {"contact"}


# -- what an indicator tells ------------------------------------------------------------------------------------------


def test_an_indicator_of_illness_is_health_and_beside_no_name_a_fact(policy: PolicySet) -> None:
    ticked = frozenset({"visible-injuries", "crowded-housing"})

    assert categories(policy, "signal.indicators", indicators=ticked) == {"pseudonymous", "health"}
    assert categories(policy, "signal.indicators", indicators=ticked, nameless=True) == {"pseudonymous"}
    assert categories(policy, "signal.indicators", indicators=frozenset({"crowded-housing"})) == {"pseudonymous"}


def test_an_indicator_that_nobody_can_tick_has_no_category(folder: Path) -> None:
    edited(folder, 'money-mule = ["criminal"]', 'money-donkey = ["criminal"]')

    with pytest.raises(BrokenPolicy, match=r"fields\.toml: indicators\.money-donkey: expected an indicator"):
        load(folder)
