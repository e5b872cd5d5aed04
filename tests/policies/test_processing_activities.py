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
        ('"exclusion:end"]', '"exclusion:end", "signal:triage"]', "actions.signal:triage"),
        ('"exclusion:end"]', '"exclusion:end", "policy:load"]', "actions.policy:load"),
        ('"exclusion:end"]', '"exclusion:end", "link:invent"]', "activity.signalen-koppelen.actions.link:invent"),
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
        ('"police", "labour', '"labour', "basis.kinds.police"),
        ('"police", "labour', '"police", "table", "labour', "basis.kinds.table"),
        ('"police", "labour', '"police", "data-subject", "labour', "basis.kinds.data-subject"),
        ("transfers = {", "transfer = {", "transfers"),
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


def _as_an_article(reference):
    """ "A6-1-e" and "Wmo-5.2.6" as the register writes them; of a special law the act and its article."""
    law, _dash, rest = reference.code.partition("-")
    if reference.scheme == "eu-gdpr":
        article, *parts = reference.code[1:].split("-")
        # Of the right of access the register names the article alone.
        return f"AVG {article}" + ("".join(f"({part})" for part in parts) if article != "15" else "")
    whole = {"Wet-NRM": "Wet NRM", "Bpg-BOD-2-2": "Bpg BOD 2"}
    return whole.get(reference.code, f"{law} {rest.partition('-')[0]}")


def test_the_register_holds_every_article_and_kind_of_data_of_a_ground_that_permits():
    """What a disclosure or a question can rest on and carry is announced in the activity that its entry names."""
    policy = load(CHECKOUT / "policies")
    by_id = {one.id: one for one in policy.activities.activities} | {
        one.confidential.id: one for one in policy.activities.activities if one.confidential
    }
    checked = 0
    for ground in policy.grounds.rows:
        for purpose in ground.purpose if ground.permits else ():
            action = "enrich:ask" if purpose == "P1" else "signal:disclose"
            activity = by_id[policy.activities.address(action, purpose).rsplit("/", 2)[1]]
            articles = {_as_an_article(one) for one in ground.legal_basis}
            assert articles <= set(activity.legal_basis), (ground.id, purpose)
            assert set(ground.data) <= set(activity.categories), (ground.id, purpose)
            checked += 1
    assert checked > 100
