"""The register of processing activities: checked whole at start, and asked by action, purpose and role."""

import shutil

import pytest

from signaltable.policy import load, load_texts
from signaltable.policy_errors import BrokenPolicy
from signaltable.processing_activities import FILE
from signaltable.settings import CHECKOUT

AT = "https://register.signaaltafel.example/verwerkingen"


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(CHECKOUT / "policies", tmp_path / "policies")


def findings(folder, old, new):
    path = folder / FILE
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(BrokenPolicy) as broken:
        load(folder)
    return [(found.key, found.message) for found in broken.value.findings if found.file == FILE]


@pytest.mark.parametrize(
    ("old", "new", "key"),
    [
        ('"signal:withdraw", ', "", "actions.signal:withdraw"),
        ('"link:refuse"]', '"link:refuse", "signal:triage"]', "actions.signal:triage"),
        ('"link:refuse"]', '"link:refuse", "policy:load"]', "actions.policy:load"),
        ('"link:refuse"]', '"link:refuse", "link:invent"]', "activity.signalen-koppelen.actions.link:invent"),
        ('retention = "signal"', 'retention = "ever"', "activity.signaal-vastleggen.retention.ever"),
        ('categories = ["identity"', 'categories = ["soul"', "activity.signaal-vastleggen.categories.soul"),
        ('purposes = ["P3", "P3b"', 'purposes = ["P33", "P3b"', "activity.gegevens-verstrekken-opsporing.purposes.P33"),
        ('roles = ["possible_perpetrator"', 'roles = ["king"', "activity.signaal-vastleggen.confidential.roles.king"),
        ('roles = ["possible_perpetrator", "facilitator"]', "", "activity.signaal-vastleggen.confidential"),
        (
            'id = "signaal-vastleggen-vertrouwelijk"',
            'id = "signalen-koppelen"',
            "activity.signaal-vastleggen.confidential.id",
        ),
        ("version = 1", "version = 0", "activity.signaal-vastleggen.version"),
        ('register_at = "https:', 'register_at = "http:', "register_at"),
    ],
)
def test_what_does_not_fit_stops_the_start_and_is_named(folder, old, new, key):
    assert key in [found for found, _message in findings(folder, old, new)]


def test_rules_of_before_there_was_a_register_can_still_be_loaded(folder, tmp_path):
    texts = {path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in folder.rglob("*.toml")}
    del texts[FILE]
    old = load_texts(texts, tmp_path / "old")
    assert old.activities.address("signal:record") == ""
    (folder / FILE).unlink()
    with pytest.raises(BrokenPolicy, match=FILE):
        load(folder)


def test_a_purpose_and_a_role_lead_to_their_own_activity():
    register = load(CHECKOUT / "policies").activities
    assert register.address("signal:disclose", "P2", ["possible_victim"]) == f"{AT}/gegevens-verstrekken/1"
    assert register.address("signal:disclose", "P3b") == f"{AT}/gegevens-verstrekken-opsporing/1"
    assert register.address("signal:disclose", "P3") == f"{AT}/gegevens-verstrekken-opsporing-vertrouwelijk/1"
    assert register.address("signal:record", "", ["facilitator"]) == f"{AT}/signaal-vastleggen-vertrouwelijk/1"
    assert register.address("policy:load") == ""
