"""An upgrade while others work: which programs go on with newer tables, which are told to wait, and who changes tables when."""

import json
import multiprocessing
import shutil
import threading
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from signaltable import database_marks, migrating, schema
from signaltable.cli import main
from signaltable.flow import fsck
from signaltable.migrating import OtherSchema, TablesInUse, migrate, plan
from signaltable.program import NotInitialised, open_program
from tests.conftest import Clock, open_for_test
from tests.databases import environment
from tests.log_tools import go_back, owners_engine
from tests.table_steps import log, submitted

# The next version of the program, as far as the tables go: it adds, and takes nothing away.
NEXT = f"{int(schema.newest()) + 1:04d}"
MIGRATION = """
import sqlalchemy as sa
from alembic import op

revision = "{next}"
down_revision = "{mine}"
branch_labels = depends_on = None
works_with = "{works_with}"
loses = ()

def upgrade():
    op.create_table("birds", sa.Column("name", sa.String(9), primary_key=True))
    with op.batch_alter_table("signals") as batch:
        batch.add_column(sa.Column("weather", sa.String(9), nullable=False, server_default=""))

def downgrade():
    with op.batch_alter_table("signals") as batch:
        batch.drop_column("weather")
    op.drop_table("birds")
"""


def next_version(folder: Path, works_with: str) -> Path:
    shutil.copytree(schema.MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    told = MIGRATION.format(next=NEXT, mine=schema.newest(), works_with=works_with)
    (folder / "versions" / f"{NEXT}_birds.py").write_text(told)
    return folder


def version(settings):
    engine = owners_engine(settings)
    with engine.connect() as connection:
        found = database_marks.revision(connection)
    engine.dispose()
    return found


def test_a_program_goes_on_and_starts_again_while_newer_tables_work_with_it(settings, actor, tmp_path):
    newer = next_version(tmp_path / "newer", schema.newest())
    for program in open_for_test(settings, Clock()):
        before = submitted(program, actor(program, "havendam"))
        done = migrate(settings, newer)
        assert [(one.number, one.works_with) for one in done.steps] == [(NEXT, schema.newest())]
        # It works already, and works on; nothing that it writes is strange to the check
        assert submitted(program, actor(program, "havendam")) != before
        assert fsck.inspect(program, outside=False).counts == {}
    # It starts again, and bringing tables up to date leaves newer ones alone
    assert open_program(settings).settings == settings
    assert migrate(settings).steps == ()
    assert version(settings) == NEXT


def test_a_program_that_newer_tables_do_not_work_with_says_so(sqlite_settings, tmp_path):
    migrate(sqlite_settings, next_version(tmp_path / "newer", NEXT))
    for start in (open_program, migrate, plan):
        with pytest.raises((NotInitialised, OtherSchema), match=f"from {NEXT} on; .* install the newer one"):
            start(sqlite_settings)


def test_an_older_database_is_brought_up_to_date_by_a_command_of_its_own(sqlite_settings, monkeypatch):
    for name, value in environment(sqlite_settings).items():
        monkeypatch.setenv(name, value)
    go_back(sqlite_settings, "0009")
    with pytest.raises(NotInitialised, match=r"version 0009 and this program needs .*`signaltable migrate`"):
        open_program(sqlite_settings)

    def ran(*given):
        done = CliRunner().invoke(main, ["migrate", *given])
        assert done.exit_code == 0, done.output
        return done.stdout

    said = json.loads(ran("--dry-run", "--json"))
    assert (said["before"], said["after"], said["done"]) == ("0009", schema.newest(), False)
    assert version(sqlite_settings) == "0009"
    assert f"from 0009 to {schema.newest()}" in ran()
    assert "nothing to do" in ran()
    for program in open_for_test(sqlite_settings, Clock()):
        ((_entry, details),) = log(program, "system:migrate")
        assert details["version"] == schema.newest()


def _in_a_process_of_its_own(settings, results):
    results.put(len(migrate(settings).steps))


def test_two_that_bring_tables_up_to_date_wait_for_each_other(settings):
    go_back(settings, "0008")
    processes = multiprocessing.get_context("fork")
    results = processes.Queue()
    both = [processes.Process(target=_in_a_process_of_its_own, args=(settings, results)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert sorted(results.get() for _ in both) == [0, int(schema.newest()) - 8]
    assert version(settings) == schema.newest()


@pytest.mark.postgres
def test_a_busy_table_is_not_waited_for_in_front_of_everybody(postgres_program, monkeypatch):
    settings = postgres_program.settings
    go_back(settings, "0008")
    for name, value in {"LOCK_TIMEOUT": 0.05, "PAUSE": 0.05, "TRIES": 2}.items():
        monkeypatch.setattr(migrating, name, value)
    engine = owners_engine(settings)
    with engine.connect() as busy:
        busy.execute(text("LOCK TABLE signals IN ACCESS SHARE MODE"))  # As a query or a backup that goes on and on.
        with pytest.raises(TablesInUse, match="nothing was changed"):
            migrate(settings)
        assert version(settings) == "0008"
        monkeypatch.setattr(migrating, "TRIES", 1000)
        ending = threading.Timer(0.2, busy.rollback)
        ending.start()
        assert migrate(settings).after == schema.newest()
        ending.join()
    engine.dispose()
