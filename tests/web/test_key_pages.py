"""The administrator's page about keys: all there is to know of them, and no key."""

import json

from signaltable.flow import key_status, setup
from signaltable.models import KeyRotation
from signaltable.transaction import transaction
from tests.table_steps import submitted
from tests.web.people import Person


def state_of(program):
    with transaction(program, setup.INSTALLER) as tx:
        return key_status.consult(tx, "keys_status")


def test_the_administrator_sees_every_key_and_no_key(sqlite_program, actor):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    text = Person(sqlite_program, "beheer").get("/beheer/sleutels").text
    state = state_of(sqlite_program)
    assert len(state.keys) > 2 * 16
    for line in state.keys:
        assert f"{line.key.fingerprint[:8]} {line.key.fingerprint[8:16]}" in text
    ring = json.loads(sqlite_program.settings.key_ring.read_text())
    for key in ring["keys"]:
        assert key["key"] not in text + repr(state) + json.dumps(state.as_json())
    assert sqlite_program.settings.log_key.read_text().strip() not in text


def test_only_the_administrator_sees_it(sqlite_program):
    for login in ("havendam", "auditor"):
        assert Person(sqlite_program, login).get("/beheer/sleutels").status_code in {403, 404}


def test_what_hangs_on_a_key_is_counted_by_version(program, actor):
    havendam = actor(program, "havendam")
    before = {(one.key.purpose, one.key.agency, one.key.version): one.rows for one in state_of(program).keys}
    submitted(program, havendam)
    keys = program.keys
    keys.add_version("agency", 1, agency_id="havendam")
    submitted(program, havendam)
    after = {(one.key.purpose, one.key.agency, one.key.version): one.rows for one in state_of(program).keys}
    # Each signal has at least its owner's part and the data key of its subject.
    assert after["agency", "havendam", 1] - before["agency", "havendam", 1] >= 2
    assert after["agency", "havendam", 2] >= 2
    assert after["agency", "delinde", 1] == before["agency", "delinde", 1]
    assert after["match", "", 1] > before["match", "", 1]
    assert after["session", "", 1] is None


def test_in_a_large_region_what_hangs_on_keys_is_counted_for_who_asks(sqlite_program, actor, monkeypatch):
    submitted(sqlite_program, actor(sqlite_program, "havendam"))
    beheer = Person(sqlite_program, "beheer")
    counted = beheer.get("/beheer/sleutels").text
    assert "tellen=ja" not in counted
    monkeypatch.setattr(key_status, "COUNTED_AT_ONCE", 0)
    shown = beheer.get("/beheer/sleutels").text
    assert 'href="/beheer/sleutels?tellen=ja"' in shown
    assert shown.count("<tr") == counted.count("<tr")
    asked = beheer.get("/beheer/sleutels?tellen=ja").text
    assert asked.partition("<main")[2] == counted.partition("<main")[2]
    # The command line counts, however long that takes, and says how far it is.
    told = []
    with transaction(sqlite_program, setup.INSTALLER) as tx:
        state = key_status.consult(tx, "keys_status", progress=lambda done, of: told.append((done, of)))
    assert any(one.rows for one in state.keys)
    assert told == [(done, len(told) - 1) for done in range(len(told))]


def test_what_is_wrong_with_the_keys_is_said(sqlite_program, clock):
    state = state_of(sqlite_program)
    assert key_status.NOT_EXPORTED in state.warnings
    assert key_status.READABLE not in state.warnings
    assert all(one.warnings == () for one in state.keys)
    sqlite_program.settings.key_ring.chmod(0o644)
    clock.forward(days=366)
    state = state_of(sqlite_program)
    assert key_status.READABLE in state.warnings
    # The ring of tests keeps no days for the keys of the installation; the agencies' were made with the region.
    old = {one.key.purpose for one in state.keys if key_status.OLD in one.warnings}
    assert old == {"agency", "recipient", "log"}


def test_a_key_that_is_being_replaced_has_a_bar_with_numbers(sqlite_program, clock):
    with transaction(sqlite_program, setup.INSTALLER) as tx:
        tx.session.add(
            KeyRotation(
                id="r1",
                purpose="match",
                from_version=1,
                to_version=2,
                state="running",
                done=25,
                of=100,
                started_at=clock(),
            )
        )
        tx.record("key:rotate", object_type="key", details={"purpose": "match", "key_fingerprint": "0" * 32})
    text = Person(sqlite_program, "beheer").get("/beheer/sleutels").text
    assert 'value="25" max="100"' in text
    assert "25 van 100 (25 %)" in text or "25 of 100 (25 %)" in text
