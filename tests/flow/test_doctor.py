"""`signaltable doctor` over databases that are not those of this program, on both kinds of them."""

import pytest
from click.testing import CliRunner

from signaltable import schema
from signaltable.cli import main
from signaltable.doctor import NAMES, Check, Status, examine
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
