"""What breaks around the program, fault by fault, while people are at work."""

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from signaltable.flow.mail import states
from signaltable.models import Mail
from signaltable.settings import Settings
from signaltable.text_reader.wire import SOCKET, socket_path
from signaltable.transaction import reading
from tests.crash import mail_server
from tests.crash.homes import Home, copy
from tests.crash.mail_server import MailServer
from tests.crash.postgres import Postgres
from tests.crash.proxy import Proxy
from tests.crash.running import ROOT, SHIFTED, children_of, command_of, surroundings
from tests.crash.scene import Scene, scene

BOTH: Final = ("sqlite", "postgresql")
Outcome = tuple[int, int, list[str]]
MEGABYTE: Final = 1024 * 1024


@dataclass(frozen=True)
class Given:
    """A region to copy and break, and where: in `folder`, and some of the time on `disk`."""

    database: str
    folder: Path
    region: Home
    postgres: Postgres | None
    disk: Path

    def home(self, folder: Path, port: int = 0) -> Home:
        """A copy of the region in this folder."""
        return copy(self.region, folder, port=port, name="crash_fault")


@dataclass(frozen=True)
class Fault:
    """A fault by its name. `do` gives how often it was tried, how many acts were acknowledged, and what was found."""

    name: str
    what: str
    do: Callable[[Given, Path, random.Random], Outcome]
    databases: tuple[str, ...] = BOTH


def _during(
    given: Given,
    folder: Path,
    chance: random.Random,
    do: Callable[[Scene], Iterator[int]],
    *,
    home: Home | None = None,
    hosts: int = 1,
    flags: tuple[str, ...] = (),
    ahead: timedelta = timedelta(0),
    other: dict[str, str] | None = None,
) -> Outcome:
    """A scene in which `do` breaks something, step by step; each step says how often. `other`: how a second host is set."""
    times, found = 0, []
    with scene(home or given.home(folder / "home"), folder, chance) as now:
        now.other = other or {}
        try:
            now.begin(hosts, flags=flags)
            now.wait_for_acts(3)
            for step in do(now):
                times += step
            now.wait_for_acts(1)
            now.end()
        except RuntimeError as error:
            found.append(str(error))
            now.abandon()
        found += now.findings(export=True, ahead=ahead)
        return times, now.acts(), found


# -- the database ----------------------------------------------------------------------------------------------------------


def database_killed(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The server is killed, stays away for a moment, and comes back."""

    def do(_now: Scene) -> Iterator[int]:
        assert given.postgres
        for how in (signal.SIGQUIT, signal.SIGKILL, signal.SIGQUIT, signal.SIGKILL):
            time.sleep(chance.uniform(0.5, 2.0))
            given.postgres.kill(how)
            time.sleep(chance.choice((0.0, 1.0, 8.0)))
            given.postgres.start()
            yield 1

    return _during(given, folder, chance, do)


@contextmanager
def _past_proxy(given: Given, folder: Path) -> Iterator[tuple[Proxy, Home]]:
    assert given.postgres
    proxy = Proxy(given.postgres.port).start()
    try:
        yield proxy, given.home(folder / "home", port=proxy.port)
    finally:
        proxy.stop()


def commit_cut(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The connection breaks when a COMMIT has gone out, before its answer; or before the COMMIT itself arrives."""
    with _past_proxy(given, folder) as (proxy, home):

        def do(_now: Scene) -> Iterator[int]:
            for _one in range(12):
                proxy.hold_commits = chance.random() < 0.5
                proxy.cut_commits = chance.choice((1, 1, 2))
                time.sleep(chance.uniform(0.3, 1.0))
                yield 0
            # Once more, and then nobody can say what came of it for longer than the program asks.
            proxy.hold_commits, proxy.cut_commits = False, 1
            while proxy.cut_commits:
                time.sleep(0.02)
            proxy.away = True
            time.sleep(9)
            proxy.away = False
            yield proxy.cut

        return _during(given, folder, chance, do, home=home)


def database_slow(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """Each word to the database takes a while; then the database is away, and comes back."""
    with _past_proxy(given, folder) as (proxy, home):

        def do(_now: Scene) -> Iterator[int]:
            for delay in (0.02, 0.1, 0.3):
                proxy.delay = delay
                time.sleep(4)
                yield 1
            proxy.delay = 0.0
            for _one in range(3):
                proxy.away = True
                time.sleep(chance.uniform(0.5, 3.0))
                proxy.away = False
                time.sleep(1)
                yield 1

        return _during(given, folder, chance, do, home=home)


# -- the disk --------------------------------------------------------------------------------------------------------------


class CannotMount(Exception):
    """There is no small disk to fill."""


@contextmanager
def _small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own of so many megabytes. Raises `CannotMount` where nobody may mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        raise CannotMount("expected to be allowed to mount a tmpfs; run this as root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False)


def disk_full(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The disk with the home fills up in the middle of the work, and is made free again."""
    size = 2 * sum(one.stat().st_size for one in given.region.settings.home.rglob("*") if one.is_file()) // MEGABYTE
    try:
        with _small_disk(folder / "home", max(24, size)) as disk:
            home = given.home(disk)

            def do(_now: Scene) -> Iterator[int]:
                for left in (0, 4096, 20_000, 100_000, 0):
                    _fill(disk, left)
                    time.sleep(chance.uniform(1.5, 3.0))
                    (disk / "ballast").unlink()
                    time.sleep(1.5)
                    yield 1

            outcome = _during(given, folder, chance, do, home=home)
            if outcome[2]:  # The disk goes with what is on it, before anybody keeps what was found.
                shutil.copytree(disk, folder / "found", ignore=shutil.ignore_patterns(SOCKET))
            return outcome
    except CannotMount as error:
        sys.stderr.write(f"  skipped: {error}\n")
        return 0, 0, []


def _fill(disk: Path, left: int) -> None:
    """Leave so many bytes free."""
    with (disk / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass
        ballast.truncate(max(0, ballast.tell() - left))


# -- the clock -------------------------------------------------------------------------------------------------------------


def clock_moved(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The clock jumps ahead and back again, by seconds, hours and days."""
    wrong = folder / "shifted"
    shutil.copytree(SHIFTED, wrong, ignore=shutil.ignore_patterns("__pycache__"))
    seconds = wrong / "seconds"

    def set_by(by: float) -> None:
        draft = seconds.with_suffix(".new")
        draft.write_text(str(by))
        draft.replace(seconds)

    set_by(0)
    home = given.home(folder / "home")
    home.environment["PYTHONPATH"] = os.pathsep.join((str(wrong), str(ROOT)))

    def do(_now: Scene) -> Iterator[int]:
        for by in (5, -5, 1200, -3600, 90, -86_400, 0):
            set_by(by)
            time.sleep(chance.uniform(1.5, 3.0))
            yield 1

    return _during(given, folder, chance, do, home=home, ahead=timedelta(hours=1))


# -- helpers and neighbours ------------------------------------------------------------------------------------------------


def reader_dead(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The text reader hangs, and then dies each time that it is started."""
    home = given.home(folder / "home")
    home.environment["SIGNALTABLE_TEXT_READER"] = "on"

    def readers(now: Scene) -> list[int]:
        master = now.instances[0].process
        found = children_of(master.pid) if master else []
        return [pid for pid in found if b"text_reader" in command_of(pid)]

    def do(now: Scene) -> Iterator[int]:
        for pid in readers(now):
            os.kill(pid, signal.SIGSTOP)
        socket_path(home.settings.home).unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(str(socket_path(home.settings.home)))
            silent.listen(50)
            time.sleep(8)
            yield 1
        until = time.monotonic() + 12
        while time.monotonic() < until:
            for pid in readers(now):
                os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        yield 1

    return _during(given, folder, chance, do, home=home)


def mail_dead(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The mail server refuses, hangs, and goes away when it has a mail and before it says so; then it works."""
    server = MailServer().start()
    home = given.home(folder / "home")
    to = f"127.0.0.1:{server.port}"
    home.environment |= {
        "SIGNALTABLE_SMTP": to,
        "SIGNALTABLE_SMTP_FROM": "tafel@region.example",
        "SIGNALTABLE_SMTP_TLS": "none",
    }
    # Whoever looks at the home afterwards lets the jobs run as well, and they mail as the program does.
    home = replace(home, settings=Settings.from_env(home.environment))
    at = datetime.now(UTC)

    def send(minutes: int) -> None:
        moment = (at + timedelta(minutes=minutes)).isoformat(timespec="seconds")
        command = [sys.executable, "-m", "signaltable.cli", "jobs", "run-due", "--json", "--now", moment]
        options = {"cwd": ROOT, "env": surroundings(home.environment), "capture_output": True, "text": True}
        subprocess.run(command, check=False, timeout=300, **options)  # type: ignore[call-overload]

    def do(_now: Scene) -> Iterator[int]:
        for number, way in enumerate((mail_server.REFUSES, mail_server.HALFWAY, mail_server.HANGS)):
            server.way = way
            send(30 * number)
            yield 1
        server.way = mail_server.GOOD

    outcome = _during(given, folder, chance, do, home=home, flags=("--no-jobs",), ahead=timedelta(hours=2))
    for hours in range(1, 60, 6):
        send(60 * hours)
    found = [f"mail {one.decode()} was sent {times} times" for one, times in server.told.items() if times > 1]
    if not server.told:
        found.append("no mail was sent when the server was good again")
    found += [
        f"a mail holds {word}" for word in ("Kanarinda", "Proefveld", "S-") if word.encode() in b"".join(server.mails)
    ]
    with reading(home.open(), whole="a test looks at what came of it") as session:
        sent = [one for one in session.query(Mail).all() if one.state == states.SENT]
    if len(sent) > len(server.told):
        found.append(f"{len(sent)} mails count as sent, and the server took {len(server.told)}")
    server.stop()
    return outcome[0], outcome[1], outcome[2] + found


def scanner_absent(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """Nobody scans for viruses where somebody should."""
    home = given.home(folder / "home")
    home.environment["SIGNALTABLE_CLAMD"] = "127.0.0.1:9"

    def do(_now: Scene) -> Iterator[int]:
        time.sleep(5)
        yield 1

    return _during(given, folder, chance, do, home=home)


def started_twice(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """The program is started a second time on the same home, with jobs of its own; each is killed and started again."""

    def do(now: Scene) -> Iterator[int]:
        for _round in range(3):
            for instance in now.instances:
                time.sleep(chance.uniform(0.5, 1.5))
                running = instance.processes()
                instance.kill("master", running["master"][0])
                instance.start()
                yield 1

    return _during(given, folder, chance, do, hosts=2)


def several_hosts(given: Given, folder: Path, chance: random.Random) -> Outcome:
    """Two hosts with a home each and the same keys, web and jobs on both, over one database."""
    home = given.home(folder / "home")
    other = folder / "other-home"
    shutil.copytree(home.settings.home, other)
    at_other = home.environment | {"SIGNALTABLE_HOME": str(other)}

    def do(now: Scene) -> Iterator[int]:
        second = now.instances[1]
        for _round in range(3):
            time.sleep(chance.uniform(1.0, 2.0))
            instance = chance.choice(now.instances)
            for pid in instance.processes().get("jobs", []):
                instance.kill("jobs", pid)
            yield 1
        second.kill("group", second.processes()["master"][0])
        second.start()
        yield 1

    return _during(given, folder, chance, do, home=home, hosts=2, other=at_other)


FAULTS: Final[tuple[Fault, ...]] = (
    Fault("database-killed", "the database server is killed and started again", database_killed, ("postgresql",)),
    Fault("commit-cut", "connections break in the middle of a commit", commit_cut, ("postgresql",)),
    Fault("database-slow", "the database is slow, and away for a moment", database_slow, ("postgresql",)),
    Fault("disk-full", "the disk with the home is full", disk_full),
    Fault("clock-moved", "the clock jumps ahead and back", clock_moved),
    Fault("reader-dead", "the text reader hangs and dies", reader_dead),
    Fault("mail-dead", "the mail server refuses, hangs, and breaks off", mail_dead),
    Fault("scanner-absent", "nobody scans for viruses", scanner_absent),
    Fault("started-twice", "the program is started twice on one home", started_twice),
    Fault("several-hosts", "two hosts with a home each work on one database", several_hosts, ("postgresql",)),
)
