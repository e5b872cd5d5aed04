"""The program as it runs: `signaltable run` with all its processes, found, killed and started again."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
SHIFTED = Path(__file__).with_name("shifted")


def within(seconds: float) -> float:
    """So many seconds on a machine that has nothing else to do, and as much longer as this one has more to do than it can.

    What is waited for is whether something ends or comes at all; how quick the program is, is measured elsewhere.
    """
    share = os.getloadavg()[0] / (os.cpu_count() or 1)
    # Each step of niceness leaves a process a fifth less beside others (sched(7)).
    return seconds * max(1.0, share * 1.25 ** max(0, os.nice(0)))


@dataclass
class Instance:
    """One `signaltable run`, with what it wrote to stderr in a file."""

    environment: dict[str, str]
    errors: Path
    port: int = field(default_factory=free_port)
    flags: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None

    def start(self, *, wait: bool = True) -> "Instance":
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(
            [*self.preload, sys.executable, "-m", "signaltable.cli", "run", "--port", str(self.port), *self.flags],
            cwd=ROOT,
            env=surroundings(self.environment),
            stdout=subprocess.DEVNULL,
            stderr=self.errors.open("ab"),
            start_new_session=True,
        )
        if wait:
            self.wait()
        return self

    def wait(self, seconds: float = 60.0) -> None:
        """Until it answers. Raises `RuntimeError` when it does not."""
        until = time.monotonic() + within(seconds)
        while time.monotonic() < until:
            if self.answers():
                return
            if self.process is None or self.process.poll() is not None:
                break
            time.sleep(0.1)
        raise RuntimeError(f"the program did not start: {self.errors.read_text()[-500:]}")

    def answers(self) -> bool:
        """Whether anybody answers on the port, be it with an error."""
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{self.port}/aanmelden", timeout=within(20)).close()
        except urllib.error.HTTPError:
            return True
        except OSError:
            return False
        return True

    def processes(self) -> dict[str, list[int]]:
        """The numbers of its processes by what they are: master, worker, loader, jobs."""
        if self.process is None or self.process.poll() is not None:
            return {}
        found: dict[str, list[int]] = {"master": [self.process.pid], "worker": [], "loader": [], "jobs": []}
        below = children_of(self.process.pid)
        for pid in below:
            if b"signaltable.jobs" in command_of(pid):
                found["jobs"].append(pid)
            elif grand := children_of(pid):
                found["loader"].append(pid)
                found["worker"] += grand
            else:
                found["worker"].append(pid)
        return {name: pids for name, pids in found.items() if pids}

    def kill(self, what: str, pid: int) -> None:
        """Kill without warning: one process, or all of them at once ("group")."""
        try:
            os.killpg(pid, signal.SIGKILL) if what == "group" else os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        if what in {"group", "master"} and self.process:
            self.process.wait()
            self._wait_for_orphans()

    def _wait_for_orphans(self) -> None:
        """Whoever lost the master ends by itself; who does not, holds the port for ever, and that is a finding."""
        assert self.process
        until = time.monotonic() + within(45)
        while time.monotonic() < until:
            if not group(self.process.pid):
                return
            time.sleep(0.05)
        raise RuntimeError(f"processes outlived their master: {[command_of(one) for one in group(self.process.pid)]}")

    def stop(self) -> None:
        """Ask it to end, as an administrator would. Raises `RuntimeError` when it does not."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=within(40))
            except subprocess.TimeoutExpired:
                raise RuntimeError("the program was asked to end, and ran on") from None
        self._wait_for_orphans()
        self.process = None


def surroundings(environment: dict[str, str]) -> dict[str, str]:
    """The environment of a process of the program, which finds this checkout first."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SIGNALTABLE_", "DATABASE_"))}
    return {**kept, "PYTHONPATH": str(ROOT), **environment}


def children_of(pid: int) -> list[int]:
    """The processes that this one started and that still run."""
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except OSError:
        return []
    return [int(one) for one in text.split() if state_of(int(one)) not in "ZX"]


def command_of(pid: int) -> bytes:
    """The command line of a process; empty for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def state_of(pid: int) -> str:
    """The letter of proc(5); X for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "X"


def group(leader: int) -> list[int]:
    """The living processes of a session."""
    found = []
    for one in Path("/proc").iterdir():
        if one.name.isdigit():
            try:
                fields = (one / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[0] not in "ZX" and int(fields[3]) == leader:
                found.append(int(one.name))
    return found
