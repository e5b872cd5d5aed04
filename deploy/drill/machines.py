"""The machines of the drill: a home with its database, a server of PostgreSQL, and the scripts that are tried."""

import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import URL, create_engine, make_url, text

from signaltable.domain import SignaltableError
from signaltable.settings import Settings

SCRIPTS = Path(__file__).resolve().parent.parent / "backup"
CHECKOUT = SCRIPTS.parent.parent
_TOLD = {"PATH": os.environ["PATH"], "SIGNALTABLE_BIN": str(Path(sys.executable).parent)}


class ScriptFailed(SignaltableError):
    """A script ended with something else than 0; the message has its last words."""


@dataclass(frozen=True)
class Machine:
    """A home, and its database: on SQLite the file in it, else `address` of the program and `owner` of the tables."""

    home: Path
    address: str = ""
    owner: str = ""
    policies: Path | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The settings of this machine, and nothing of whoever runs the drill."""
        told = {"SIGNALTABLE_HOME": str(self.home), "SIGNALTABLE_TEXT_READER": "off"}
        if self.policies:
            told["SIGNALTABLE_POLICIES"] = str(self.policies)
        return told | ({"DATABASE_URL": self.address, "DATABASE_OWNER_URL": self.owner} if self.address else {})

    @property
    def settings(self) -> Settings:
        """The same, read."""
        return Settings.from_env(self.environment)


class Server:
    """A server of PostgreSQL on which the drill may make what it needs, and takes it away at the end."""

    def __init__(self, address: str) -> None:
        self._url = make_url(address).set(drivername="postgresql+psycopg")
        self._mark = f"drill_{secrets.token_hex(4)}"
        self._secret = secrets.token_hex(16)
        self._databases: list[str] = []
        for part in ("owner", "program"):
            self._do(f"CREATE ROLE {self._mark}_{part} LOGIN PASSWORD '{self._secret}'")

    def database(self, name: str) -> tuple[str, str]:
        """An empty database; how program and owner come to it."""
        made = f"{self._mark}_{name}"
        self._do(f"CREATE DATABASE {made} OWNER {self._mark}_owner")
        self._databases.append(made)
        return self._address(made, "program"), self._address(made, "owner")

    def drop(self, name: str) -> None:
        """Destroy a database."""
        self._do(f"DROP DATABASE IF EXISTS {self._mark}_{name} WITH (FORCE)")

    def dumping(self, name: str) -> dict[str, str]:
        """How pg_dump comes in: past the fence of rows, as the role of a backup does."""
        return _libpq(self._url.set(database=f"{self._mark}_{name}"))

    def restoring(self, name: str) -> dict[str, str]:
        """How pg_restore comes in: as the owner."""
        return _libpq(make_url(self._address(f"{self._mark}_{name}", "owner")))

    def require_tools(self) -> None:
        """Raises `ScriptFailed` when this server cannot be backed up from here: pg_dump reads no newer server."""
        engine = create_engine(self._url)
        with engine.connect() as connection:
            server = int(connection.execute(text("SHOW server_version_num")).scalar_one()) // 10_000
        engine.dispose()
        try:
            told = subprocess.run(["pg_dump", "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S607
        except OSError:
            raise ScriptFailed("expected pg_dump on the path, found none") from None
        found = int(told.split()[2].split(".")[0])
        if found < server:
            raise ScriptFailed(f"expected pg_dump {server} or newer on the path, found {found}")

    def end(self) -> None:
        """Take away what was made."""
        for name in self._databases:
            self._do(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        for part in ("owner", "program"):
            self._do(f"DROP ROLE IF EXISTS {self._mark}_{part}")

    def _address(self, database: str, part: str) -> str:
        url = self._url.set(username=f"{self._mark}_{part}", password=self._secret, database=database)
        return url.render_as_string(hide_password=False)

    def _do(self, statement: str) -> None:
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(statement))
        engine.dispose()


def _libpq(url: URL) -> dict[str, str]:
    """An address for the tools of PostgreSQL: in their environment, because others can read the arguments of a process."""
    # Not `set`, for which no password means the one that there was.
    bare = URL.create("postgresql", url.username, None, url.host, url.port, url.database, url.query)
    return {"ADDRESS": bare.render_as_string(), "PGPASSWORD": url.password or ""}


def make_keepers(scratch: Path) -> Path:
    """Two keepers, each with a private key on a machine of their own; here both are invented."""
    folder = scratch / "keepers"
    folder.mkdir(mode=0o700)
    for name in ("data", "keys"):
        made = ["-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-days", "2"]
        files = ["-keyout", str(folder / f"{name}-key.pem"), "-out", str(folder / f"{name}.pem")]
        subprocess.run(["openssl", "req", "-x509", *made, *files], check=True, capture_output=True)  # noqa: S603, S607
    return folder


def run_backup(machine: Machine, keepers: Path, server: Server | None, scratch: Path, *arguments: str) -> None:
    """The script of an operator, on the machine that is going to be lost."""
    told = _TOLD | {
        "BACKUP_FOLDER": str(scratch / "backups"),
        "BACKUP_CERTIFICATE": str(keepers / "data.pem"),
        "BACKUP_KEYS_CERTIFICATE": str(keepers / "keys.pem"),
        "SIGNALTABLE_HOME": str(machine.home),
    }
    where = server.dumping("first") if server else {}
    told |= {"BACKUP_DATABASE": where["ADDRESS"], "PGPASSWORD": where["PGPASSWORD"]} if where else {}
    _ran([str(SCRIPTS / "backup"), *arguments], told)


def run_restore(machine: Machine, backup: Path, given: Mapping[str, Path | None], server: Server | None) -> None:
    """A backup into a new home, and a new database. `given`: the private keys of the keepers and the register, by flag."""
    keys = [word for flag, path in given.items() if path for word in (f"--{flag}", str(path))]
    where = server.restoring("second") if server else {}
    into = ["--database", where["ADDRESS"]] if where else []
    told = _TOLD | ({"PGPASSWORD": where["PGPASSWORD"]} if where else {})
    _ran([str(SCRIPTS / "restore"), "--backup", str(backup), "--home", str(machine.home), *keys, *into], told)


def _ran(command: Sequence[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise ScriptFailed(f"{Path(command[0]).name} ended with {done.returncode}: {done.stderr.strip()[-600:]}")


def serves(machine: Machine) -> bool:
    """Whether `signaltable run` comes up on the new machine and answers. Without jobs: what was put back does nothing."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    environment = {"PATH": os.environ["PATH"], **machine.environment}
    environment.pop("DATABASE_OWNER_URL", None)
    command = [sys.executable, "-m", "signaltable.cli", "run", "--port", str(port), "--no-reader", "--no-jobs"]
    process = subprocess.Popen(command, env=environment, cwd=CHECKOUT, stdout=subprocess.DEVNULL)  # noqa: S603
    try:
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/gezond", timeout=5) as answer:
                    return bool(answer.status == 200)
            except OSError:
                time.sleep(0.2)
        return False
    finally:
        process.terminate()
        process.wait(timeout=30)
