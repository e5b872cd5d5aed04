"""What stands in deploy/ fits the program and the tools that read it. A tool that is not installed is named as skipped."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest

from signaltable.cli import main
from signaltable.settings import CHECKOUT, Settings

DEPLOY = CHECKOUT / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
# What systemd calls OK is below 5 of 10; each of ours has to be far below that.
MOST_EXPOSED = {
    "signaltable-backup.service": 2.1,
    "signaltable-register.service": 1.4,
    "signaltable-text-reader.service": 0.5,
}
OTHERS = 1.4


def needs(tool: str):
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


def ran(*command: str, **options) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout + done.stderr


def started_by(unit: Path) -> list[list[str]]:
    return [shlex.split(line) for line in re.findall(r"^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)]


@pytest.fixture(scope="module")
def units(tmp_path_factory) -> Path:
    """The units as a machine has them: with an instance, and with commands that exist here."""
    folder = tmp_path_factory.mktemp("units")
    for unit in (DEPLOY / "systemd").iterdir():
        text = unit.read_text().replace("/opt/signaltable/.venv/bin/signaltable", sys.executable)
        text = text.replace("/opt/signaltable/.venv/bin/python", sys.executable).replace(
            "/opt/signaltable/", f"{CHECKOUT}/"
        )
        (folder / unit.name.replace("@.", "@8001.")).write_text(text)
    return folder


@needs("systemd-analyze")
def test_systemd_understands_every_unit(units):
    names = sorted(str(path) for path in units.iterdir() if path.suffix in {".service", ".socket", ".timer", ".target"})
    assert len(names) == 10
    told = ran("systemd-analyze", "verify", "--man=no", *names)
    assert [line for line in told.splitlines() if "signaltable" in line] == []


@needs("systemd-analyze")
def test_no_process_can_do_more_than_its_work_needs(units):
    for unit in UNITS:
        most = MOST_EXPOSED.get(unit.name, OTHERS)
        name = unit.name.replace("@.", "@8001.")
        ran("systemd-analyze", "security", "--offline=true", f"--threshold={round(most * 10)}", str(units / name))


def test_every_command_and_flag_is_one_of_the_program():
    commands = [words for unit in UNITS for words in started_by(unit) if words[0].endswith("/signaltable")]
    assert {words[1] for words in commands} == {"run", "jobs", "signer"}
    for words in commands:
        command = main.commands[words[1]]
        known = (
            {name for option in command.params for name in option.opts} if isinstance(command, click.Command) else set()
        )
        assert {word for word in words[2:] if word.startswith("--")} <= known, words


def test_every_process_but_the_backup_is_a_user_without_rights():
    for unit in UNITS:
        text = unit.read_text()
        root = "backup" in unit.name or "register" in unit.name
        assert ("\nUser=signaltable" in text) != root, unit.name
        assert "\nNoNewPrivileges=yes\n" in text
        assert "\nProtectSystem=strict\n" in text
        assert ("\nCapabilityBoundingSet=\n" in text) != root
    # The signer reaches no data of the others, and the others not its key.
    signer = (DEPLOY / "systemd" / "signaltable-signer.service").read_text()
    assert "InaccessiblePaths=-/var/lib/signaltable -/var/backups" in signer


def test_the_environment_files_are_settings_of_the_program(tmp_path):
    """Read by the program itself, put together as the units put them together."""
    page = (CHECKOUT / "docs" / "operate.md").read_text() + (CHECKOUT / "docs" / "backup.md").read_text()
    told: dict[str, dict[str, str]] = {}
    for path in (DEPLOY / "env").iterdir():
        lines = [line.removeprefix("#") for line in path.read_text().splitlines() if re.match(r"#?[A-Z_]+=", line)]
        told[path.stem] = dict(line.split("=", 1) for line in lines)
        for name in told[path.stem]:
            assert f"`{name}`" in page or f"`{name.removesuffix('_FILE')}`" in page or name.startswith("PG"), name
    for part in ("web", "signer"):
        env = {**told["common"], **told[part]}
        for name in [one for one in env if one.endswith("_FILE")]:
            secret = tmp_path / f"{part}-{name}"
            secret.touch(mode=0o600)
            secret.write_text("postgresql://somebody:secret@localhost/signals\n")
            env[name] = str(secret)
        env.pop("SIGNALTABLE_IDENTITY_PROVIDERS", None)
        settings = Settings.from_env(env)
        assert settings.log_key.parent == Path("/var/lib/signaltable-signer/keys")
        assert not settings.demo


@needs("nginx")
def test_nginx_takes_the_example(tmp_path):
    given = (DEPLOY / "nginx" / "signaltable.conf").read_text()
    text = given.replace("/etc/ssl/tafel.example", str(tmp_path)).replace("/etc/nginx", str(DEPLOY / "nginx"))
    (tmp_path / "one.conf").write_text(text.replace("/var/log/nginx", str(tmp_path)))
    keys = ["-keyout", str(tmp_path / "privkey.pem"), "-out", str(tmp_path / "fullchain.pem")]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=tafel.example"]
    ran("openssl", "req", "-x509", *made, *keys)
    temporary = "".join(
        f"{name}_temp_path {tmp_path}/{name}; " for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = f"pid {tmp_path}/pid; error_log {tmp_path}/error; events {{}} http {{ {temporary} include {tmp_path}/one.conf; }}"
    (tmp_path / "nginx.conf").write_text(whole)
    assert "successful" in ran("nginx", "-t", "-c", str(tmp_path / "nginx.conf"), "-e", str(tmp_path / "error"))


@needs("shellcheck")
def test_the_scripts_pass_shellcheck():
    ran("shellcheck", "--shell=bash", "-x", "-P", str(CHECKOUT), *map(str, sorted((DEPLOY / "backup").iterdir())))


@needs("logrotate")
def test_logrotate_takes_the_file(tmp_path):
    # The users exist on an installed machine alone.
    text = re.sub(r"^  su .*\n", "", (DEPLOY / "logrotate" / "signaltable").read_text(), flags=re.MULTILINE)
    (tmp_path / "one").write_text(text)
    (tmp_path / "one").chmod(0o644)
    assert "error" not in ran("logrotate", "--debug", f"--state={tmp_path}/state", str(tmp_path / "one"))


def test_the_image_runs_as_nobody_in_particular_and_holds_no_address():
    lines = (DEPLOY / "Containerfile").read_text().splitlines()
    text = "\n".join(line for line in lines if not line.startswith("#"))
    assert text.rindex("USER 10001:10001") > text.rindex("FROM ")
    assert "--require-hashes" in text
    assert "://" not in text.replace("http://127.0.0.1:8000/gezond", "")
    copied = {
        name for line in lines if line.startswith("COPY ") and "--from" not in line for name in line.split()[1:-1]
    }
    assert all((CHECKOUT / name).exists() for name in copied)
    allowed = {line[1:] for line in (CHECKOUT / ".containerignore").read_text().splitlines() if line.startswith("!")}
    assert allowed == copied
