"""The command line keeps its contract: names, flags, JSON shapes, exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from signaltable.cli import main
from signaltable.flow import setup
from signaltable.intake import EXAMPLE
from tests.databases import environment
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def signaltable(sqlite_settings, monkeypatch):
    """Run a subcommand in this process over a home with the demo region."""
    monkeypatch.setenv("SIGNALTABLE_HOME", str(sqlite_settings.home))
    monkeypatch.setenv("DATABASE_URL", sqlite_settings.database_url)
    monkeypatch.delenv("SIGNALTABLE_MODE", raising=False)
    return lambda *arguments, stdin=None: CliRunner().invoke(main, list(arguments), input=stdin)


def test_the_example_can_be_submitted(signaltable, tmp_path):
    example = signaltable("submit", "--example")
    assert example.exit_code == 0
    file = tmp_path / "signal.json"
    file.write_text(example.stdout)
    answer = signaltable("submit", "--as", "havendam", "--file", str(file), "--json")
    assert answer.exit_code == 0, answer.output
    told = json.loads(answer.stdout)
    assert set(told) == {"reference", "routes", "links"}
    assert told["routes"][0].keys() == {"id", "destination", "urgency", "reason", "source"}
    again = json.loads(
        signaltable(
            "submit",
            "--as",
            "delinde",
            "--file",
            "-",
            "--json",
            stdin=example.stdout.replace("municipality-wmo", "care-wgbo"),
        ).stdout
    )
    assert len(again["links"]) == 1


@pytest.mark.parametrize(
    ("stdin", "expected"),
    [
        ("{", "JSON"),
        ("[]", "object"),
        ('{"capacity": 3}', "capacity"),
        ('{"owner": "avim"}', "owner: unknown key"),
        ('{"subjects": [{"identity": {"surname": 7}}]}', "subjects.0.identity.surname"),
        ('{"form_rows": {"wages": 4}}', "form_rows.wages"),
        ('{"capacity": "x", "capacity": "y"}', "once"),
        ("{}", "consent.status"),
    ],
)
def test_an_unusable_file_ends_with_2_and_one_line(signaltable, stdin, expected):
    answer = signaltable("submit", "--as", "havendam", "--file", "-", "--json", stdin=stdin)
    assert answer.exit_code == 2
    assert expected in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1
    assert "Traceback" not in answer.stderr


def test_a_refused_submit_ends_with_1(signaltable):
    example = signaltable("submit", "--example").stdout
    for login in ("auditor", "beheer", "niemand"):
        answer = signaltable("submit", "--as", login, "--file", "-", stdin=example)
        assert answer.exit_code == 1, login
        assert len(answer.stderr.strip().splitlines()) == 1


def test_no_value_of_a_refused_file_is_repeated(signaltable):
    answer = signaltable(
        "submit", "--as", "havendam", "--file", "-", stdin='{"safety": {"acute_danger": "Quinzabelle"}}'
    )
    assert answer.exit_code == 2
    assert "Quinzabelle" not in answer.output


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ('{"age": "young"}', "age"),
        ('{"colour": "red"}', "expected a fact"),
        ('{"age_years": "12"}', "age_years"),
        ('{"forms": "labour"}', "forms"),
        ('{"linked_agencies": 1.5}', "linked_agencies"),
        ('{"age_years": NaN}', "NaN"),
        ("nonsense", "JSON"),
    ],
)
def test_unusable_facts_end_with_2_and_one_line(signaltable, facts, expected):
    answer = signaltable("route", "--facts", "-", "--json", stdin=facts)
    assert answer.exit_code == 2
    assert expected in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_route_answers_in_the_shape_of_the_contract(signaltable):
    answer = json.loads(
        signaltable(
            "route", "--facts", "-", "--on", "2026-11-22", "--json", stdin='{"age": "doubt", "forms": ["sexual"]}'
        ).stdout
    )
    assert answer.keys() == {"routes", "questions", "policy_digest"}
    assert [route["destination"] for route in answer["routes"]] == ["veilig-thuis", "raad"]
    assert answer["questions"][0].keys() == {"fact", "why"}


def test_accounts_are_told_in_the_demo_only(signaltable, monkeypatch, sqlite_settings):
    (sqlite_settings.home / "demo-accounts.json").write_text(
        '[{"login":"a","password":"b","name":"c","agency":"d","roles":[]}]'
    )
    assert json.loads(signaltable("accounts", "--json").stdout)[0]["login"] == "a"
    monkeypatch.setenv("SIGNALTABLE_MODE", "production")
    assert signaltable("accounts", "--json").exit_code == 1


def test_an_existing_home_is_not_touched(signaltable, sqlite_settings):
    before = sqlite_settings.key_ring.read_bytes()
    assert signaltable("init", "--demo").exit_code == 1
    assert sqlite_settings.key_ring.read_bytes() == before


def test_a_home_that_was_only_half_made_is_not_served(signaltable, sqlite_settings):
    (sqlite_settings.home / setup.UNFINISHED).touch()
    answer = signaltable("init", "--demo", "--keep")
    assert answer.exit_code == 1
    assert "half made" in answer.stderr
    # A process of its own: the program begins itself anew before it serves.
    command = [sys.executable, "-m", "signaltable.cli", "run", "--port", str(free_port()), "--no-reader"]
    told = {**os.environ, **environment(sqlite_settings)}
    served = subprocess.run(command, env=told, capture_output=True, text=True, timeout=300, check=False)
    assert (served.returncode, "half made" in served.stderr, served.stderr.count("\n")) == (1, True, 1)


@pytest.mark.parametrize(
    "command",
    (
        "jobs run-due,jobs status,migrate,migrate --dry-run,keys status,mail status,invite avim,audit rotate-key,"
        "signer --once,submit --as havendam --file -,move --from sqlite:////x.db"
    ).split(","),
)
def test_no_command_works_in_a_home_that_was_only_half_made(signaltable, sqlite_settings, command):
    (sqlite_settings.home / setup.UNFINISHED).touch()
    answer = signaltable(*command.split(), stdin=json.dumps(dict(EXAMPLE)))
    _one_line(answer, 1)
    assert "half made; remove it and try again" in answer.stderr


@pytest.mark.parametrize("given", [[], ["--read-only"]])
def test_a_home_that_was_only_half_made_cannot_be_checked(signaltable, sqlite_settings, given):
    (sqlite_settings.home / setup.UNFINISHED).touch()
    answer = signaltable("audit", "fsck", *given)
    _one_line(answer, 2)
    assert "half made" in answer.stderr


def test_an_export_verifies_on_a_machine_that_has_only_the_audit_folder(signaltable, tmp_path):
    out = tmp_path / "export"
    assert signaltable("audit", "export", str(out)).exit_code == 0
    assert signaltable("audit", "export", str(out)).exit_code in {1, 2}, "an export is never written over another"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "audit").symlink_to(ROOT / "audit")
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(out), "--json"],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(done.stdout)
    assert told["ok"] is True
    entries = out / "entries.jsonl"
    entries.write_bytes(entries.read_bytes().replace(b'"agency:record"', b'"agency:recard"', 1))
    done = subprocess.run(
        [sys.executable, "-m", "audit", "verify", str(out), "--json"],
        cwd=elsewhere,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert json.loads(done.stdout)["findings"]


def test_a_real_home_starts_with_an_administrator_and_refuses_the_demo(tmp_path, monkeypatch):
    # Given a new home in production
    home = tmp_path / "real"
    monkeypatch.setenv("SIGNALTABLE_HOME", str(home))
    monkeypatch.setenv("SIGNALTABLE_MODE", "production")
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert CliRunner().invoke(main, ["init", "--demo"]).exit_code == 1
    made = CliRunner().invoke(main, ["init", "--administrator", "baas"])
    # Then only its owner may look inside, and the administrator can come in with the code that is shown once
    assert made.exit_code == 0, made.output
    assert home.stat().st_mode & 0o077 == 0
    assert (home / "signaltable.db").stat().st_mode & 0o077 == 0, "also in a home that others can enter"
    login, code = made.stdout.split()[:2]
    from signaltable.flow.coming_in import activating, actors
    from signaltable.program import open_program
    from signaltable.settings import Settings

    program = open_program(Settings.from_env())
    assert activating.open_code(program, login, code, visitor=actors.ANONYMOUS)
    # And the same home with demo accounts in it is refused
    (home / "demo-accounts.json").write_text("[]")
    assert CliRunner().invoke(main, ["submit", "--as", "baas", "--file", "-"], input="{}").exit_code == 1


def test_a_setting_that_cannot_be_is_unusable_input(monkeypatch):
    monkeypatch.setenv("SIGNALTABLE_MODE", "perhaps")
    answer = CliRunner().invoke(main, ["accounts"])
    assert answer.exit_code == 2
    assert "SIGNALTABLE_MODE" in answer.stderr


# -- surroundings that are not as they should be: one line, and no traceback --------------------------------------


def _one_line(answer, code):
    assert (answer.exit_code, answer.stdout) == (code, "")
    assert len(answer.stderr.splitlines()) == 1
    assert answer.stderr.startswith("signaltable: ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--nope"],
        ["nope"],
        ["submit", "--nope"],
        ["audit", "nope"],
        ["audit", "export"],
        ["run", "--port", "99999"],
        ["route", "--facts", "-", "--lang", "de"],
    ],
)
def test_an_unknown_command_option_or_value_is_told_in_one_line(signaltable, arguments):
    _one_line(signaltable(*arguments), 2)


@pytest.mark.parametrize("command", [["submit", "--as", "havendam", "--file", "-"], ["route", "--facts", "-"]])
def test_a_number_of_thousands_of_digits_is_unusable_input(signaltable, command):
    _one_line(signaltable(*command, stdin=f'{{"age_years": {"9" * 5000}}}'), 2)


def test_a_login_that_is_no_text_is_unusable_input(signaltable):
    _one_line(signaltable("submit", "--as", "\udcff\udcfe", "--file", "-", stdin=json.dumps(dict(EXAMPLE))), 2)


@pytest.mark.parametrize("below", ["", "home"])
def test_a_home_that_cannot_be_made_is_told(signaltable, monkeypatch, tmp_path, below):
    (tmp_path / "file").touch()
    monkeypatch.delenv("DATABASE_URL")  # That of an installation, which no new home gets.
    monkeypatch.setenv("SIGNALTABLE_HOME", str(tmp_path / "file" / below))
    _one_line(signaltable("init", "--demo"), 2)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://127.0.0.1:1/none",
        "postgresql://127.0.0.1:1",
        "sqlite:////nowhere/at/all.db",
        "sqlite:////proc/version",
    ],
)
def test_a_database_that_does_not_answer_is_told(signaltable, monkeypatch, tmp_path, url):
    monkeypatch.setenv("DATABASE_URL", url)
    for arguments in (["submit", "--as", "havendam", "--file", "-"], ["audit", "export", str(tmp_path / "out")]):
        _one_line(signaltable(*arguments, stdin=json.dumps(dict(EXAMPLE))), 1)


def test_a_damaged_file_of_the_home_is_told(signaltable, sqlite_settings, tmp_path):
    (sqlite_settings.home / "demo-accounts.json").write_text("garbage")
    _one_line(signaltable("accounts", "--json"), 1)
    sqlite_settings.log_key.write_text("garbage")
    _one_line(signaltable("audit", "export", str(tmp_path / "one")), 1)
    sqlite_settings.log_key.unlink()
    _one_line(signaltable("audit", "export", str(tmp_path / "two")), 2)


def test_whoever_owns_the_machine_makes_a_code_and_nothing_else_comes_of_it(monkeypatch, sqlite_settings):
    for name, value in environment(sqlite_settings).items():
        monkeypatch.setenv(name, value)
    made = CliRunner().invoke(main, ["invite", "avim", "--factors"])
    assert made.exit_code == 0, made.output
    login, code = made.stdout.split()[:2]
    assert (login, len(code.replace("-", ""))) == ("avim", 23)
    for wrong in ("niemand", ""):
        refused = CliRunner().invoke(main, ["invite", wrong])
        assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    # In production a home in which a page shows codes does not open
    monkeypatch.setenv("SIGNALTABLE_MODE", "production")
    (sqlite_settings.home / "demo-accounts.json").unlink(missing_ok=True)
    refused = CliRunner().invoke(main, ["invite", "avim"])
    assert refused.exit_code == 1
    assert "second factor of a demonstration" in refused.stderr
