"""What a process gets from its surroundings and gives on: names that are listed, secrets in files, nothing for others."""

import os
import socket
import stat
import subprocess
import sys
from dataclasses import replace

import pytest
from click.testing import CliRunner

from signaltable import serve
from signaltable.board import Board
from signaltable.cli import main
from signaltable.settings import Settings, UnusableSettings
from signaltable.surroundings import for_child, holds_password, refuse_secrets

URL = "postgresql://table:Quinzabelle@db.example/table"
SECRETS = {
    "AWS_SECRET_ACCESS_KEY": "Quinzabelle",
    "PGPASSWORD": "Quinzabelle",
    "DATABASE_URL": URL,
    "DATABASE_REPLICA_URL": URL,
    "DATABASE_OWNER_URL": URL,
    "SIGNALTABLE_SOME_SECRET": "Quinzabelle",
    "GITHUB_TOKEN": "Quinzabelle",
    "LD_PRELOAD": "/tmp/Quinzabelle.so",
    "PYTHONSTARTUP": "/tmp/Quinzabelle.py",
    "HTTPS_PROXY": "http://Quinzabelle@proxy.example",
}


@pytest.mark.parametrize("database", [True, False])
def test_a_process_gets_names_that_are_listed_and_no_secret(database):
    """ASVS 13.3.1, 13.3.2"""
    plain = {"PATH": "/bin", "LANG": "nl_NL.UTF-8", "SIGNALTABLE_HOME": "/srv", "SOFTHSM2_CONF": "/etc/softhsm"}
    given = for_child({**plain, "SIGNALTABLE_PKCS11_TOKEN": "label", **SECRETS}, database=database)
    assert "Quinzabelle" not in str(given)
    ours = {"SIGNALTABLE_HOME", "SOFTHSM2_CONF", "SIGNALTABLE_PKCS11_TOKEN"}
    assert set(given) == {"PATH", "LANG", *(ours if database else ())}


@pytest.mark.parametrize(
    ("url", "holds"),
    [
        (URL, True),
        ("postgresql://table@db.example/table?password=x", True),
        ("postgresql://table@db.example/table", False),
        ("sqlite:////srv/signaltable.db", False),
        ("postgresql://[::x", True),
    ],
)
def test_whether_an_address_holds_a_password(url, holds):
    assert holds_password(url) is holds
    assert ("DATABASE_URL" in for_child({"DATABASE_URL": url}, database=True)) is not holds


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite://"),
        ("DATABASE_URL", "sqlite:///"),
        ("DATABASE_URL", "sqlite:quinzabelle.db"),
        ("DATABASE_URL", "postgresql://[::x"),
        ("DATABASE_URL", "sqlite:///:memory:"),
        ("DATABASE_URL", "sqlite://?timeout=1"),
        ("DATABASE_URL", "postgresql://quinzabelle@db.example:port/table"),
        ("DATABASE_URL", "postgresql://quinzabelle:a/b@db.example:/table"),
        ("DATABASE_URL", "postgresql://quinzabelle@[::1]:70000/table"),
        *(
            ("SIGNALTABLE_ADDRESS", value)
            for value in (
                "quinzabelle",
                "ftp://tafel.example/",
                "https://",
                "https://tafel.example:port/",
                "https://quinzabelle@tafel.example/",
                "https://tafel .example/",
                "https://tafel.example/?a=b",
                "http://[::1",
            )
        ),
    ],
)
def test_an_address_that_nobody_can_use_stops_the_start_without_being_told(name, value):
    with pytest.raises(UnusableSettings, match=f"^{name}: expected") as refused:
        Settings.from_env({name: value})
    assert "quinzabelle" not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "sqlite:////srv/signaltable.db"),
        ("DATABASE_URL", "sqlite:///signaltable.db?timeout=1"),
        *(
            ("DATABASE_URL", f"postgresql://{place}")
            for place in (
                "/table?host=/run/sock",
                "a:b/c:d@db.example/table",
                "a@[::1]:5432/t",
                "one:1,two:2/t",
                "db/t",
            )
        ),
        *(
            ("SIGNALTABLE_ADDRESS", value)
            for value in ("https://tafel.example", "http://127.0.0.1:8010/", "https://[::1]:8443/tafel/")
        ),
    ],
)
def test_addresses_that_can_be_used(name, value):
    Settings.from_env({name: value})


@pytest.mark.parametrize("name", ["SIGNALTABLE_SMTP_PASSWORD", "SIGNALTABLE_PKCS11_PIN", "SIGNALTABLE_SESSION_SECRET"])
def test_a_secret_of_ours_in_the_environment_stops_the_start_without_being_told(name):
    with pytest.raises(UnusableSettings) as refused:
        Settings.from_env({name: "Quinzabelle"})
    assert name in str(refused.value)
    assert "Quinzabelle" not in str(refused.value)
    refuse_secrets({name: "", f"{name}_FILE": "/etc/x", "SIGNALTABLE_PKCS11_TOKEN": "label"})


def test_the_address_of_the_database_comes_out_of_a_file_that_nobody_else_reads(tmp_path):
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    env = {"SIGNALTABLE_HOME": str(tmp_path), "DATABASE_URL_FILE": str(file)}
    file.chmod(0o644)
    with pytest.raises(UnusableSettings, match="DATABASE_URL_FILE: others can read it"):
        Settings.from_env(env)
    file.chmod(0o600)
    assert Settings.from_env(env).database_url == URL.replace("postgresql:", "postgresql+psycopg:")
    with pytest.raises(UnusableSettings, match="DATABASE_URL and DATABASE_URL_FILE: expected one of them"):
        Settings.from_env({**env, "DATABASE_URL": URL})
    with pytest.raises(UnusableSettings, match="DATABASE_URL_FILE: expected a file that was handed over"):
        Settings.from_env({**env, "DATABASE_URL_FILE": "/dev/fd/999"})


ELSEWHERE = (
    "postgresql://table@db.example/table",
    "postgresql://table@/table?host=db.example",
    "postgres://10.0.0.7/x",
)
HERE = (
    "postgresql:///table",
    "postgresql://table@localhost/table",
    "postgresql://[::1]/t",
    "postgresql:///t?host=/run",
)


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_REPLICA_URL"])
def test_in_production_a_database_on_another_machine_proves_who_it_is(name, tmp_path):
    """ASVS 12.3.1, 12.3.2."""
    env = {"SIGNALTABLE_HOME": str(tmp_path), "SIGNALTABLE_MODE": "production", "DATABASE_URL": HERE[0]}
    weak = [
        f"{url}{'&' if '?' in url else '?'}sslmode={mode}" for url in ELSEWHERE for mode in ("require", "prefer", "x")
    ]
    for url in (*ELSEWHERE, *weak, "postgresql://localhost,db.example/x"):
        with pytest.raises(UnusableSettings, match=f"{name}: expected .sslmode=verify-full"):
            Settings.from_env({**env, name: url})
        assert Settings.from_env({**env, name: url, "SIGNALTABLE_MODE": "demo"})
    for url in (*HERE, f"{ELSEWHERE[0]}?sslmode=verify-full", f"{ELSEWHERE[1]}&sslmode=verify-ca"):
        assert Settings.from_env({**env, name: url})
    with pytest.raises(UnusableSettings, match=r"DATABASE_URL: expected .sslmode"):
        Settings.from_env({**env, name: "postgresql:///table", "PGHOST": "db.example"})


def test_the_jobs_get_a_password_of_the_database_where_no_environment_shows_it(tmp_path, monkeypatch):
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("SIGNALTABLE_SOME_SECRET")
    settings = replace(Settings.from_env({"SIGNALTABLE_HOME": str(tmp_path)}), database_url=URL, replica_url=URL)
    beside = serve.jobs_process(settings, 8000, Board.make())
    assert "Quinzabelle" not in str(beside._environment)
    ask = (
        "from signaltable.settings import Settings as S; s = S.from_env(); "
        "print(s.database_url, s.replica_url, s.home, s.address)"
    )
    environment = {**beside._environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    for _start in range(2):  # It is started again when it dies.
        said = subprocess.run(
            [sys.executable, "-c", ask],
            check=True,
            env=environment,
            pass_fds=beside._handed,
            capture_output=True,
            text=True,
        )
        assert said.stdout.split() == [
            URL.replace("postgresql:", "postgresql+psycopg:"),
            URL.replace("postgresql:", "postgresql+psycopg:"),
            str(tmp_path),
            "http://127.0.0.1:8000",
        ]
    os.close(beside._handed[0])
    assert "Quinzabelle" not in str(serve.reader_process(settings)._environment)


ALONE = """
import os, resource, socket, sys
from signaltable.surroundings import keep_to_itself, no_network
keep_to_itself()
no_network()
open(sys.argv[1], "w").close()
print(resource.getrlimit(resource.RLIMIT_CORE))
listener = socket.socket(socket.AF_UNIX); listener.bind(sys.argv[1] + ".sock")
try:
    socket.create_connection(("127.0.0.1", int(sys.argv[2])), timeout=5)
    print("reached")
except OSError:
    print("alone")
print(oct(os.stat("/proc/self/environ").st_uid))
"""


def test_a_helper_leaves_no_core_file_makes_files_for_itself_and_reaches_no_network(tmp_path):
    """ASVS 13.2.4, 13.2.5: root alone can cut a process off; for others the service file does."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        said = subprocess.run(
            [sys.executable, "-c", ALONE, str(tmp_path / "made"), str(port)], capture_output=True, text=True, check=True
        ).stdout.splitlines()
    assert said[0] == "(0, 0)"
    assert said[1] == ("alone" if os.geteuid() == 0 else "reached")
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o600


def test_everything_that_a_command_writes_is_for_its_user_alone(tmp_path):
    """norms 6, row 2: whatever the umask of who started it; what is public says so in docs/operate.md."""
    home = tmp_path / "home"
    before = os.umask(0)
    try:
        made = CliRunner(env={"SIGNALTABLE_HOME": str(home)}).invoke(main, ["init", "--administrator", "beheer"])
    finally:
        os.umask(before)
    assert made.exit_code == 0, made.output
    modes = {path.relative_to(home).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in (home, *home.rglob("*"))}
    assert {"keys/ring.json", "signaltable.db", "keys/log-signer.key"} <= set(modes)
    assert {name: oct(mode) for name, mode in modes.items() if mode & 0o077} in (
        {},
        {"keys/log-public.key": "0o644"},
        {"keys/log-public.key": "0o644", "in-use.lock": "0o644"},
    )
