"""`signaltable demo --reset`: the demo is made anew and takes the place of the old one only when it is whole."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select

from signaltable import recorded_acts
from signaltable.cli import main
from signaltable.demo import making
from signaltable.flow import setup
from signaltable.home_in_use import HomeInUse, alone_in, working_in
from signaltable.models import LogEntry, Signal
from signaltable.program import open_program
from signaltable.settings import Settings
from signaltable.transaction import reading
from tests.conftest import PASSWORD
from tests.databases import environment


@pytest.fixture
def home(sqlite_settings, monkeypatch):
    """A home with the demo region and accounts, and no case in it."""
    described = [{"login": "havendam", "password": PASSWORD, "roles": [], "agency": ""}]
    setup.remember_demo_accounts(sqlite_settings, described)
    for name, value in environment(sqlite_settings).items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SIGNALTABLE_MODE", raising=False)
    return sqlite_settings


@pytest.fixture
def few_cases(monkeypatch):
    """The first steps of the demo, because all of them take seconds."""
    whole = making.cases.steps
    monkeypatch.setattr(making.cases, "steps", lambda program: whole(program)[:3])


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def count(settings):
    with reading(open_program(settings)) as session:
        return session.scalar(select(func.count()).select_from(Signal))


def test_a_reset_makes_everything_anew_with_the_password_that_it_had(home, few_cases):
    (home.home / "left-behind.txt").touch()
    answer = run("demo", "--reset")
    assert answer.exit_code == 0, answer.stderr
    assert not (home.home / "left-behind.txt").exists()
    accounts = setup.demo_accounts(home)
    assert len(accounts) > 10
    assert {one["password"] for one in accounts} == {PASSWORD}
    assert count(home) >= 1
    with reading(open_program(home)) as session:
        assert set(session.scalars(select(LogEntry.action))) >= recorded_acts.CLI["demo"].acts
    assert [path.name for path in home.home.parent.iterdir() if path.name.startswith(home.home.name)] == [
        home.home.name
    ]
    assert json.loads(run("accounts", "--json").stdout)[0]["password"] == PASSWORD


@pytest.mark.sqlite_only(reason="a database on a server cannot stand beside itself; what is told then is tried below")
def test_a_reset_that_breaks_off_leaves_what_was(home, monkeypatch):
    before = home.key_ring.read_bytes()

    def broken(_program):
        raise making.NotADemo("a case that cannot be made")

    monkeypatch.setattr(making.cases, "steps", broken)
    assert run("demo", "--reset").exit_code == 1
    assert home.key_ring.read_bytes() == before
    assert count(home) == 0
    assert [path.name for path in home.home.parent.iterdir() if path.name.startswith(home.home.name)] == [
        home.home.name
    ]


def test_a_home_that_somebody_works_in_is_not_replaced(home):
    with working_in(home.home):
        answer = run("demo", "--reset")
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert "stop it first" in answer.stderr


def test_several_may_work_in_a_home_and_one_alone_may_replace_it(tmp_path):
    with working_in(tmp_path), working_in(tmp_path), pytest.raises(HomeInUse), alone_in(tmp_path):
        pass
    with alone_in(tmp_path), pytest.raises(HomeInUse), working_in(tmp_path):
        pass
    with alone_in(tmp_path):
        pass


def test_only_a_demo_is_thrown_away(home, monkeypatch):
    before = home.key_ring.read_bytes()
    (home.home / setup.DEMO_ACCOUNTS).unlink()
    refused = run("demo", "--reset")
    monkeypatch.setenv("SIGNALTABLE_MODE", "production")
    production = run("demo", "--reset")
    for answer in (refused, production):
        assert answer.exit_code == 1
        assert answer.stderr.count("\n") == 1
    assert home.key_ring.read_bytes() == before


def test_a_folder_that_is_no_home_keeps_what_is_in_it(tmp_path, monkeypatch):
    letter = tmp_path / "mine" / "letter.txt"
    letter.parent.mkdir()
    letter.write_text("keep me")
    monkeypatch.setenv("SIGNALTABLE_HOME", str(letter.parent))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.delenv("SIGNALTABLE_MODE", raising=False)
    answer = run("demo", "--reset")
    assert answer.exit_code == 1
    assert "nothing was changed" in answer.stderr
    assert [path.name for path in letter.parent.iterdir()] == ["letter.txt"]


@pytest.mark.parametrize("home_has", [True, False])
def test_a_database_of_another_home_is_not_emptied(home, tmp_path, monkeypatch, home_has):
    # Given a demo, or nothing, beside the database of somebody else
    other = replace(home, home=tmp_path / "other")
    other.home.mkdir()
    if home_has:
        setup.remember_demo_accounts(other, [{"login": "somebody", "password": PASSWORD, "roles": [], "agency": ""}])
    monkeypatch.setenv("SIGNALTABLE_HOME", str(other.home))
    answer = run("demo", "--reset")
    assert answer.exit_code == 1
    assert "DATABASE_URL" in answer.stderr
    assert count(home) == 0  # Its tables are there


def test_without_reset_it_says_what_it_would_do(home):
    answer = run("demo")
    assert answer.exit_code == 2
    assert "--reset" in answer.stderr


def test_a_database_outside_the_home_is_emptied_and_filled_again(program, few_cases, monkeypatch, tmp_path):
    made = program.settings
    setup.remember_demo_accounts(made, [{"login": "havendam", "password": PASSWORD}])
    surroundings = {"SIGNALTABLE_HOME": str(made.home), "DATABASE_URL": made.database_url}
    elsewhere = Settings.from_env(surroundings | {"DATABASE_OWNER_URL": made.owner_url})
    if "sqlite" in made.database_url:
        outside = tmp_path / "outside.db"
        (made.home / "signaltable.db").rename(outside)
        elsewhere = Settings.from_env({"SIGNALTABLE_HOME": str(made.home), "DATABASE_URL": f"sqlite:///{outside}"})
    for one in elsewhere, elsewhere:
        states = making.make_anew(one, _plainly)
        assert sum(states.values()) == count(elsewhere)


def _plainly(steps):
    from contextlib import nullcontext

    return nullcontext(steps)
