"""`signaltable doctor` over installations that are well, and over those that are broken in every part."""

import json
import shutil
import socket
import sqlite3
import threading
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaltable import jobs
from signaltable.cli import main
from signaltable.doctor import NAMES, Status, deadline, examine, outside
from signaltable.settings import CHECKOUT

CONTRACT = {"settings", "keys", "database", "migrations", "log", "jobs", "text helper", "mail"}


@pytest.fixture
def home(region_of_today, tmp_path):
    """A home of today: the doctor reads the clock on the wall."""
    shutil.copytree(region_of_today.home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def env(home):
    return {"SIGNALTABLE_HOME": str(home), "SIGNALTABLE_TEXT_READER": "off"}


def statuses(env):
    report = examine(env)
    assert tuple(one.name for one in report.checks) == NAMES
    assert all(one.message and bool(one.do) == (one.status is not Status.OK) for one in report.checks)
    return {one.name: one for one in report.checks}


def change(env, *statements):
    with sqlite3.connect(f"{env['SIGNALTABLE_HOME']}/signaltable.db") as connection:
        for statement in statements:
            connection.execute(statement)
    connection.close()


def triggers(env):
    with sqlite3.connect(f"{env['SIGNALTABLE_HOME']}/signaltable.db") as connection:
        return [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")]


def test_a_home_that_is_well(env):
    found = statuses(env)
    assert {name: one.message for name, one in found.items() if one.status is Status.ERROR} == {}
    assert set(NAMES) >= CONTRACT
    assert found["keys"].status is found["database"].status is Status.OK
    assert found["log"].status is Status.WARNING  # Nobody signs: the home is at rest.


def test_the_command_tells_the_same_and_ends_with_one_where_something_is_broken(env):
    told = CliRunner().invoke(main, ["doctor", "--json"], env=env)
    assert told.exit_code == 0
    said = json.loads(told.output)
    assert said.keys() == {"status", "checks"}
    assert all(one.keys() == {"name", "status", "message", "do"} for one in said["checks"])
    assert said["status"] in {"ok", "warning"}
    shutil.rmtree(env["SIGNALTABLE_HOME"])
    broken = CliRunner().invoke(main, ["doctor"], env=env)
    assert broken.exit_code == 1
    assert "signaltable init" in broken.output
    assert not Path(env["SIGNALTABLE_HOME"]).exists()


def test_settings_that_cannot_be_used_are_told_and_nothing_else_is_looked_at(env):
    found = statuses(env | {"SIGNALTABLE_PROXIES": "many"})
    assert "SIGNALTABLE_PROXIES" in found["settings"].message
    assert found["settings"].status is Status.ERROR
    assert {one.status for name, one in found.items() if name != "settings"} == {Status.WARNING}


BROKEN = {
    "keys": ("keys/ring.json", lambda path: path.write_text("{")),
    "signer": ("keys/log-public.key", lambda path: path.write_text("nothing")),
    "database": ("signaltable.db", lambda path: path.write_bytes(b"no database at all" * 100)),
    "home": ("init-is-not-finished", lambda path: path.touch()),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_part_is_told_and_the_others_are_looked_at(env, home, name):
    place, spoil = BROKEN[name]
    spoil(home / place)
    found = statuses(env)
    assert found[name].status is Status.ERROR
    assert found["rules"].status is Status.OK


def test_a_ring_that_is_gone_and_one_that_others_read(env, home):
    ring = home / "keys" / "ring.json"
    ring.chmod(0o644)
    assert statuses(env)["keys"].status is Status.WARNING
    assert statuses(env | {"SIGNALTABLE_MODE": "production"})["keys"].status is Status.ERROR
    ring.unlink()
    assert "keys restore" in statuses(env)["keys"].do


def test_rules_that_are_broken_name_the_file(env, tmp_path):
    shutil.copytree(CHECKOUT / "policies", tmp_path / "policies")
    (tmp_path / "policies" / "jobs.toml").write_text("[daily]\nretention = 'noon'\n")
    found = statuses(env | {"SIGNALTABLE_POLICIES": str(tmp_path / "policies")})
    assert "jobs.toml" in found["rules"].message
    assert found["keys"].status is Status.OK


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM log_head",
        "UPDATE log_head SET size = size + 1",
        "UPDATE log_entries SET entry = entry || x'20' WHERE seq = (SELECT max(seq) FROM log_entries)",
        "UPDATE log_nodes SET hash = zeroblob(32)",
    ],
)
def test_a_log_that_does_not_fit_itself(env, statement):
    change(env, *(f"DROP TRIGGER {name}" for name in triggers(env)), statement)
    found = statuses(env)
    assert found["log"].status is Status.ERROR
    assert "fsck" in found["log"].do


def test_another_version_of_the_tables(env):
    change(env, "UPDATE alembic_version SET version_num = '0001'")
    found = statuses(env)
    assert found["migrations"].status is Status.ERROR
    assert "not looked at" in found["log"].message


def test_jobs_that_fail_or_wait_for_too_long(env):
    long_ago = (datetime.now(UTC) - timedelta(days=3)).strftime("%Y-%m-%dT%H:%M")
    columns = "(job, through, token, failures, last_slot, problem, untold, failing_since)"
    change(env, f"INSERT INTO job_turns {columns} VALUES ('outbox', '{long_ago}', '', 0, '', '', 0, NULL)")
    assert "outbox" in statuses(env)["jobs"].message
    change(env, "UPDATE job_turns SET failing_since = '2026-11-01 00:00:00.000000', problem = 'error:X'")
    found = statuses(env)
    assert found["jobs"].status is Status.ERROR
    assert "outbox" in found["jobs"].message


def test_a_text_reader_that_is_away_and_one_that_does_not_answer(env, home):
    assert statuses(env | {"SIGNALTABLE_TEXT_READER": "on"})["text helper"].status is Status.WARNING
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(home / "text-reader.sock"))
        assert statuses(env | {"SIGNALTABLE_TEXT_READER": "on"})["text helper"].status is Status.ERROR


def test_a_mail_server_that_is_away_and_production_that_is_half_set(env, home):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{nobody.getsockname()[1]}"
        mails = {
            "SIGNALTABLE_SMTP": place,
            "SIGNALTABLE_SMTP_FROM": "tafel@regio.example",
            "SIGNALTABLE_SMTP_TLS": "none",
        }
        assert statuses(env | mails)["mail"].status is Status.ERROR
    found = statuses(env | {"SIGNALTABLE_MODE": "production", "SIGNALTABLE_ADDRESS": "http://tafel.example/"})
    assert found["production"].status is Status.ERROR
    assert found["mail"].status is Status.WARNING


@contextmanager
def served(answer):
    """An address on this machine at which `answer` is asked for whoever comes, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve():
            with suppress(OSError):
                while True:
                    coming, _ = listening.accept()
                    with coming, suppress(OSError):
                        answer(coming)

        threading.Thread(target=serve, daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"
        listening.shutdown(socket.SHUT_RDWR)


def test_a_mail_server_that_drips_is_given_up_in_time(env, monkeypatch):
    monkeypatch.setattr(outside, "MAIL_SECONDS", 1.0)
    over = threading.Event()

    def drip(coming):
        while not over.wait(0.2):
            coming.sendall(b"2")

    with served(drip) as place:
        mails = {
            "SIGNALTABLE_SMTP": place,
            "SIGNALTABLE_SMTP_FROM": "tafel@regio.example",
            "SIGNALTABLE_SMTP_TLS": "none",
        }
        found = statuses(env | mails)["mail"]
        assert not over.is_set()  # It drips on, and was not waited for.
        over.set()
    assert found.status is Status.ERROR
    assert "within 1 seconds" in found.message


def test_what_is_asked_in_time_gives_its_answer_or_its_mistake():
    assert deadline.within(60, lambda: "answer") == "answer"
    with pytest.raises(ZeroDivisionError):
        deadline.within(60, lambda: 1 // 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("SIGNALTABLE_WEB_USER", "no-such-user"), ("SIGNALTABLE_BREACHED_PASSWORDS", "/nope")],
)
def test_settings_that_run_refuses_are_told_and_the_rest_is_looked_at(env, name, value):
    found = statuses(env | {name: value})
    assert found["settings"].status is Status.ERROR
    assert name in found["settings"].message
    assert found["keys"].status is found["database"].status is Status.OK


def test_clamav_that_is_away_and_one_that_answers(env):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        away = statuses(env | {"SIGNALTABLE_CLAMD": f"127.0.0.1:{nobody.getsockname()[1]}"})["text helper"]
    assert (away.status, "SIGNALTABLE_CLAMD" in away.message) == (Status.WARNING, True)
    with served(lambda coming: coming.recv(100) == b"zPING\0" and coming.sendall(b"PONG\0")) as place:
        there = statuses(env | {"SIGNALTABLE_CLAMD": place})["text helper"]
    assert (there.status, "ClamAV answers" in there.message) == (Status.OK, True)


def test_it_changes_nothing_and_tells_nobodys_data(env, home):
    before = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.suffix not in {".db-shm", ".db-wal"}}
    told = json.dumps(examine(env).as_json())
    after = {path: path.stat().st_mtime_ns for path in home.rglob("*") if path.suffix not in {".db-shm", ".db-wal"}}
    assert after == before
    with sqlite3.connect(home / "signaltable.db") as connection:
        words = {word for row in connection.execute("SELECT id, title FROM agencies") for word in row}
        words |= {word for row in connection.execute("SELECT id, login, name FROM accounts") for word in row}
    assert [word for word in words if word in told] == []


@pytest.mark.postgres
def test_on_postgresql_it_looks_at_fence_clock_and_machines(postgres_program):
    settings = postgres_program.settings
    today = replace(postgres_program, clock=lambda: max(datetime.now(UTC), postgres_program.clock()))
    # The region is of a day in November: by the clock on the wall nothing was signed or checked since.
    jobs.run_checkpoint(today)
    jobs.run_fsck(today)
    jobs.run_checkpoint(today)
    env = {"SIGNALTABLE_HOME": str(settings.home), "SIGNALTABLE_TEXT_READER": "off"}
    found = statuses(env | {"DATABASE_URL": settings.database_url})
    looked_at = ("database", "migrations", "fence", "log", "hosts")
    assert [found[name] for name in looked_at if found[name].status is not Status.OK] == []
    assert "PostgreSQL" in found["database"].message
    away = statuses(env | {"DATABASE_URL": "postgresql://nobody:geheim@127.0.0.1:1/none"})
    assert away["database"].status is Status.ERROR
    assert "geheim" not in str(away)
    assert {one.status for name, one in away.items() if name in {"log", "fence", "hosts"}} == {Status.WARNING}
