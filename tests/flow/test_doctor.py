"""`signaltable doctor` over databases that are not those of this program, on both kinds of them."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from sqlalchemy import text, update

from audit import checkpoint
from signaltable import jobs, schema
from signaltable.audit_trail import fence
from signaltable.cli import main
from signaltable.doctor import NAMES, Check, Status, examine, log
from signaltable.flow import log_keys
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.flow.fsck import heads
from signaltable.models import Host, Incident
from signaltable.transaction import transaction
from tests.databases import environment
from tests.log_tools import go_back, owners_engine, without_fence


def looked(settings, **more) -> dict[str, Check]:
    """What the doctor says of a home, by the names of its parts."""
    report = examine(environment(settings) | {"SIGNALTABLE_TEXT_READER": "off", "DATABASE_OWNER_URL": ""} | more)
    assert tuple(one.name for one in report.checks) == NAMES
    assert all(one.message and bool(one.do) == (one.status is not Status.OK) for one in report.checks)
    return {one.name: one for one in report.checks}


def test_an_older_database_is_named(settings):
    go_back(settings, "0009")
    found = looked(settings)
    told = f"the tables are of version 0009 and this program needs {schema.newest()}; run `signaltable migrate`"
    assert (found["migrations"].status, found["migrations"].message) == (Status.ERROR, told)
    assert "could not be looked at" not in str(found.values())


def test_an_empty_database_is_named_with_what_to_do(settings):
    go_back(settings, "base")
    engine = owners_engine(settings)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE alembic_version")
    engine.dispose()
    found = looked(settings)
    assert (found["migrations"].status, found["migrations"].message) == (Status.ERROR, "the database is empty")
    assert "docs/backup.md" in found["migrations"].do  # There are keys: `init` refuses this home.
    assert "could not be looked at" not in str(found.values())
    settings.key_ring.unlink()
    assert "signaltable init" in looked(settings)["migrations"].do


GONE = {
    "away": lambda path: None,
    "empty": lambda path: path.touch(),
    "a folder": lambda path: path.mkdir(),
}


@pytest.mark.sqlite_only(reason="the file of SQLite is looked at")
@pytest.mark.parametrize("how", GONE)
def test_a_file_that_is_lost_asks_for_a_backup_and_not_for_another_home(sqlite_settings, how):
    for one in sqlite_settings.home.glob("signaltable.db*"):
        one.unlink()
    GONE[how](sqlite_settings.home / "signaltable.db")
    found = looked(sqlite_settings)
    assert found["database"].status is Status.ERROR
    assert "docs/backup.md" in found["database"].do
    assert "migrate" not in str(found)
    sqlite_settings.key_ring.unlink()
    assert "signaltable init" in looked(sqlite_settings)["database"].do
    if how == "empty":
        CliRunner().invoke(main, ["doctor"], env=environment(sqlite_settings))
        assert (sqlite_settings.home / "signaltable.db").stat().st_size == 0


def gone(key):
    key.unlink()


def a_folder(key):
    key.unlink()
    key.mkdir()


SPOILT = {"gone": (gone, "audit restored"), "a folder": (a_folder, "audit restored"), "open": (None, "chmod 600")}


@pytest.mark.parametrize("how", SPOILT)
def test_a_signing_key_that_cannot_be_told_well(settings, how):
    spoil, do = SPOILT[how]
    settings.log_key.chmod(0o644) if spoil is None else spoil(settings.log_key)
    demo, serious = looked(settings)["signer"], looked(settings, SIGNALTABLE_MODE="production")["signer"]
    assert (demo.status, serious.status) == (Status.ERROR if how == "a folder" else Status.WARNING, Status.ERROR)
    assert do in demo.do
    assert do in serious.do


def test_a_signing_key_of_its_owner_alone_is_well(settings):
    assert looked(settings)["signer"].message == "the signing key reads"


@pytest.mark.postgres
def test_no_signing_key_where_another_machine_signs(postgres_program):
    settings = postgres_program.settings
    settings.log_key.unlink()
    assert looked(settings)["signer"].status is Status.WARNING
    away = settings.home / "nowhere" / "log-signer.key"
    assert looked(settings, SIGNALTABLE_LOG_KEY=str(away))["signer"].status is Status.OK
    away.parent.mkdir()  # The folder of the signer is on this machine, and the key is not in it.
    assert looked(settings, SIGNALTABLE_LOG_KEY=str(away))["signer"].status is Status.WARNING
    assert looked(settings, DATABASE_SIGNER_ROLE="signer")["signer"].status is Status.OK
    with postgres_program.write_sessions() as session:
        session.add(Host(id="another", name="another", ring="", told={}, seen_at=datetime.now(UTC)))
        session.commit()
    assert looked(settings)["signer"].message == "no signing key here; another machine signs"


# -- the log ------------------------------------------------------------------------------------------------------


@pytest.fixture
def signed(program):
    """A program whose log is longer than what is looked at of a long one, checked and signed a moment ago."""
    today = replace(program, clock=lambda: max(datetime.now(UTC), program.clock()))
    with transaction(today, SYSTEM) as tx:
        for number in range(log.NEWEST):
            tx.record("log:consult", object_type="log", details={"view": "doctor", "count": number})
    jobs.run_checkpoint(today)
    jobs.run_fsck(today)
    jobs.run_checkpoint(today)
    return today


def behind_the_fence(program, *statements):
    """Change the log as its owner, and put the fence up again as if nothing had happened."""
    engine = owners_engine(program.settings, plain=True)
    with engine.begin() as connection:
        fence.take_away(connection)
        for statement in statements:
            connection.execute(text(statement))
        fence.put_up(connection)
    engine.dispose()


EARLY, LATE = 3, "(SELECT max(seq) - 20 FROM log_entries)"
TAMPERED = {
    "an early entry": f"UPDATE log_entries SET entry = (SELECT entry FROM log_entries WHERE seq = 4) WHERE seq = {EARLY}",
    "an early leaf": f"UPDATE log_entries SET leaf = (SELECT leaf FROM log_entries WHERE seq = 4) WHERE seq = {EARLY}",
    "an actor": f"UPDATE log_entries SET actor = 'somebody' WHERE seq = {LATE}",
    "an action": f"UPDATE log_entries SET action = 'log:check' WHERE seq = {LATE}",
    "details": "UPDATE log_details SET salt = (SELECT salt FROM log_details WHERE seq = 4) WHERE seq = 3",
    "a gap": None,
}


def test_a_log_that_is_well_says_when_the_whole_was_checked(signed):
    found = looked(signed.settings)["log"]
    assert found.status is Status.OK, found
    assert f"the whole was checked {datetime.now(UTC):%Y-}" in found.message


@pytest.mark.parametrize("what", TAMPERED)
def test_a_log_that_was_tampered_with_anywhere_is_told(signed, what):
    gap = [f"DELETE FROM {table} WHERE seq = {EARLY}" for table in ("log_terms", "log_details", "log_entries")]
    behind_the_fence(signed, *([TAMPERED[what]] if TAMPERED[what] else gap))
    found = looked(signed.settings)["log"]
    assert (found.status, found.do) == (Status.ERROR, log.FSCK)


@pytest.mark.parametrize("what", ["an actor", "an action"])
def test_of_a_long_log_the_newest_entries_are_looked_at_with_their_columns(signed, monkeypatch, what):
    monkeypatch.setattr(log, "WHOLE", 100)
    assert looked(signed.settings)["log"].status is Status.OK
    behind_the_fence(signed, TAMPERED["an early entry"])
    assert looked(signed.settings)["log"].status is Status.OK  # That is for the check of the whole.
    behind_the_fence(signed, TAMPERED[what])
    assert "the column does not say what the entry says" in looked(signed.settings)["log"].message


def test_a_log_without_its_fence_is_told(signed):
    with without_fence(signed):
        pass
    found = looked(signed.settings)["log"]
    assert found.status is Status.ERROR
    assert "not protected" in found.message


def test_a_log_that_was_emptied_is_told(signed):
    tables = ("log_terms", "log_details", "log_erased", "log_nodes", "checkpoint_copies", "log_checkpoints")
    emptied = [f"DELETE FROM {table}" for table in (*tables, "log_entries")]
    behind_the_fence(signed, *emptied, "UPDATE log_head SET size = 0")
    shutil.rmtree(signed.settings.signed_notes)
    found = looked(signed.settings)["log"]
    assert found.status is Status.ERROR
    assert "empty" in found.message


def newest_note(settings):
    return max(settings.signed_notes.glob("*.txt"))


def scrambled(folder):
    for one in folder.iterdir():
        one.write_bytes(bytes(range(256)))


def a_file(folder):
    shutil.rmtree(folder)
    folder.write_text("nothing")


NOTES = {"gone": (shutil.rmtree, Status.WARNING), "a file": (a_file, Status.ERROR), "bytes": (scrambled, Status.ERROR)}


@pytest.mark.parametrize("how", NOTES)
@pytest.mark.parametrize("whole", [True, False])
def test_the_notes_of_the_signer_are_missed(signed, monkeypatch, how, whole):
    monkeypatch.setattr(log, "WHOLE", log.WHOLE if whole else 0)
    spoil, status = NOTES[how]
    spoil(signed.settings.signed_notes)
    found = looked(signed.settings)["log"]
    assert (found.status, "docs/backup.md" in found.do) == (status, True), found


def test_only_a_signed_note_tells_that_the_database_was_put_back(signed):
    settings = signed.settings
    keys = log_keys.signers(settings.log_key)
    later = settings.signed_notes / "000000999999.txt"
    later.write_text("a note")
    assert "signed by no key of this log" in looked(settings)["log"].message
    later.write_text(checkpoint.sign(checkpoint.Checkpoint(keys[0].name, 999_999, bytes(32)), *keys))
    assert looked(settings)["log"].do == "run `signaltable audit restored`"


def test_a_note_that_is_signed_meanwhile_tells_of_no_copy(signed, monkeypatch):
    looks = []

    def trusted(session, settings):
        if not looks:
            with transaction(signed, SYSTEM) as tx:
                tx.record("log:consult", object_type="log", details={"view": "doctor", "count": 1})
            jobs.run_checkpoint(signed)
        looks.append("once more")
        return heads.trusted_keys(session, settings)

    monkeypatch.setattr(log, "trusted_keys", trusted)
    found = looked(signed.settings)["log"]
    assert (found.status, len(looks)) == (Status.OK, 2), found


def test_a_note_that_the_log_does_not_continue(signed, monkeypatch):
    monkeypatch.setattr(log, "WHOLE", 0)
    settings = signed.settings
    keys, kept = log_keys.signers(settings.log_key), newest_note(settings)
    other = checkpoint.Checkpoint(keys[0].name, int(kept.stem), bytes(32))
    kept.write_text(checkpoint.sign(other, *keys))
    assert "does not continue the newest note" in looked(settings)["log"].message


def test_a_check_of_the_whole_that_is_late(signed, monkeypatch):
    monkeypatch.setattr(log, "CHECKED_WITHIN", timedelta(days=-1))  # The clock of the test may be a little ahead.
    found = looked(signed.settings)["log"]
    assert found.status is Status.WARNING
    assert found.message.startswith("the whole was checked ")
    assert "audit fsck" in found.do


def test_a_log_that_was_never_checked_as_a_whole(program, monkeypatch):
    jobs.run_checkpoint(program)
    monkeypatch.setattr(log, "CHECKED_WITHIN", timedelta(days=-1))
    found = looked(program.settings)["log"]
    # Nothing is late where no job ran yet, however old the entries are: those of a demo are older than it is.
    assert (found.status, found.message.endswith("the whole was never checked")) == (Status.OK, True)
    engine = owners_engine(program.settings, plain=True)
    with engine.begin() as connection:
        values = "('outbox', '2026-01-01T00:00', '2026-01-01 00:00:00+00:00', '')"
        connection.execute(text(f"INSERT INTO job_runs (job, slot, claimed_at, outcome) VALUES {values}"))
    engine.dispose()
    found = looked(program.settings)["log"]
    assert (found.status, found.message) == (Status.WARNING, "the whole was never checked")


def test_what_the_check_of_the_whole_found_is_told_also_when_no_incident_is_open(signed):
    engine = owners_engine(signed.settings, plain=True)
    with engine.begin() as connection:
        connection.execute(text("UPDATE accounts SET active = false WHERE login = 'havendam'"))
    engine.dispose()
    assert looked(signed.settings)["log"].status is Status.OK  # A row that was changed is for the check of the whole.
    jobs.run_fsck(signed)
    jobs.run_checkpoint(signed)
    assert "incidents" in looked(signed.settings)["log"].message
    with signed.write_sessions() as session:
        session.execute(update(Incident).values(settled_at=signed.clock()))
        session.commit()
    found = looked(signed.settings)["log"]
    assert (found.status, found.do) == (Status.WARNING, log.FSCK)
    assert "and found" in found.message


@pytest.mark.parametrize("whole", [True, False])
def test_without_its_keys_no_log_is_called_broken(signed, monkeypatch, whole):
    monkeypatch.setattr(log, "WHOLE", log.WHOLE if whole else 0)
    signed.settings.key_ring.write_text("{")
    found = looked(signed.settings)
    assert found["keys"].status is Status.ERROR
    assert found["log"].status is not Status.ERROR, found["log"]
