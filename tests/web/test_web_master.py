"""The master of the web, in a process of its own: workers that it did not fork are its children, are replaced, and end with it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Self

import pytest

SCRIPT = """
import os, sys
from pathlib import Path
from typing import Self
from gunicorn.app.base import BaseApplication
from signaltable import web_master
from signaltable.domain import SignaltableError
from signaltable.web_server import OPTIONS

port, broken = sys.argv[1], Path(sys.argv[2])
web_master.AGAIN_AFTER = 0.2

def app(environ, start):
    start("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {os.getppid()} {'loaded' if 'heavy' in sys.modules else ''}".encode()]

class Server(BaseApplication):
    def load_config(self):
        own = {"bind": f"127.0.0.1:{port}", "workers": 2, "threads": 1, "graceful_timeout": 2}
        own["post_fork"] = lambda master, worker: master.let_go(worker)
        for name, value in {**OPTIONS, **own}.items():
            self.cfg.set(name, value)

    def load(self):
        if broken.exists():
            raise SignaltableError("expected a file that is not there")
        sys.modules["heavy"] = sys
        return app

    def run(self):
        master = web_master.Master(self)
        try:
            master.run()
        finally:
            print("problem:", master.problem, "heavy" in sys.modules, os.getpid(), flush=True)

Server().run()
"""


class Served:
    """A master that was started, with what one asks of it."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.broken = folder / "broken"
        self.command = [sys.executable, "-c", SCRIPT, str(self.port), str(self.broken)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()

    def asked(self) -> list[str]:
        """Which process answered, and whose child it is; none while nobody answers."""
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/").read().decode().split()
        except (urllib.error.URLError, ConnectionError):
            return []

    def workers(self) -> set[int]:
        pid = self.process.pid
        return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def eventually(met):
    for _try in range(400):
        if met():
            return True
        time.sleep(0.02)
    return False


@pytest.fixture
def served(tmp_path):
    with Served(tmp_path) as one:
        assert eventually(one.asked)
        yield one


def test_workers_are_the_children_of_a_master_that_loaded_nothing(served):
    worker, parent, loaded = served.asked()
    assert int(parent) == served.process.pid
    assert loaded == "loaded"
    assert eventually(lambda: len(served.workers()) == 2)  # Who forked them is gone.
    assert int(worker) in served.workers()
    served.process.terminate()
    said, _ = served.process.communicate(timeout=20)
    # A worker says the same at its end; what counts is what the master says.
    assert f"problem:  False {served.process.pid}" in said


def test_a_worker_that_dies_is_replaced_also_when_it_cannot_be_at_first(served):
    assert eventually(lambda: len(served.workers()) == 2)
    before = served.workers()
    served.broken.touch()
    os.kill(min(before), signal.SIGKILL)
    assert eventually(lambda: len(served.workers() & before) == 1)
    time.sleep(0.5)  # It tries, in vain; the other one goes on answering.
    assert served.asked()
    assert served.process.poll() is None
    served.broken.unlink()
    assert eventually(lambda: len(served.workers()) == 2 and min(before) not in served.workers())
    assert served.asked()


def test_nobody_stays_behind_when_the_master_ends(served):
    assert eventually(lambda: len(served.workers()) == 2)
    workers = served.workers()
    served.process.terminate()
    served.process.wait(timeout=20)
    assert eventually(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
    assert served.asked() == []


def test_what_cannot_be_loaded_ends_the_master_and_says_why(tmp_path):
    with Served(tmp_path) as one:
        one.broken.touch()
        one.process.kill()
        one.process.wait()
        ran = subprocess.run(one.command, capture_output=True, text=True, timeout=20, check=False)
    assert ran.returncode == 1
    assert "problem: expected a file that is not there" in ran.stdout
