"""`signaltable doctor` over databases that are not those of this program, on both kinds of them."""

from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from signaltable import schema
from signaltable.cli import main
from signaltable.doctor import NAMES, Check, Status, examine
from signaltable.models import Host
from tests.databases import environment
from tests.log_tools import go_back, owners_engine


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
