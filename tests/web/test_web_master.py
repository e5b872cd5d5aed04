"""The master of the web, in a process of its own: workers that it did not fork are its children, are replaced, and end with it."""

import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from signaltable import web_master
from tests.ports import free_port

SCRIPT = """
import os, sys, time
from pathlib import Path
from typing import Self
from gunicorn.app.base import BaseApplication
from signaltable import counting, web_master
from signaltable.board import Board
from signaltable.domain import SignaltableError
from signaltable.watch_settings import Watching
from signaltable.web_server import OPTIONS

port, broken, delay = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
web_master.AGAIN_AFTER = 0.2
board = Board.make()

def app(environ, start):
    if environ["PATH_INFO"] == "/slow":
        broken.with_name("slow").touch()
        while not broken.with_name("go").exists():
            time.sleep(0.02)
    start("200 OK", [("Content-Type", "text/plain")])
    if environ["PATH_INFO"] == "/stopping":
        counting.count("asked")
        return [f"{counting.is_stopping()} {board.totals()}".encode()]
    if environ["PATH_INFO"] == "/counted":
        counting.count("answers", str(os.getpid()))
    return [f"{os.getpid()} {os.getppid()} {'loaded' if 'heavy' in sys.modules else ''}".encode()]

class Server(BaseApplication):
    def load_config(self):
        own = {"bind": f"127.0.0.1:{port}", "workers": 2, "threads": 2, "graceful_timeout": 60}
        own["post_fork"] = lambda master, worker: master.let_go(worker)
        for name, value in {**OPTIONS, **own}.items():
            self.cfg.set(name, value)

    def load(self):
        if broken.exists():
            raise SignaltableError("expected a file that is not there")
        sys.modules["heavy"] = sys
        return app

    def run(self):
        master = web_master.Master(self, board, Watching(metrics=("127.0.0.1", 1), stop_delay=delay))
        try:
            master.run()
        finally:
            print("problem:", master.problem, "heavy" in sys.modules, os.getpid(), flush=True)

Server().run()
"""


class Served:
    """A master that was started, with what one asks of it."""

    def __init__(self, folder: Path, *, delay: int = 0) -> None:
        self.port = free_port()
        self.broken = folder / "broken"
        self.command = [sys.executable, "-c", SCRIPT, str(self.port), str(self.broken), str(delay)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()

    def asked(self, path: str = "/") -> list[str]:
        """Which process answered, and whose child it is; none while nobody answers."""
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}").read().decode().split()
        except (urllib.error.URLError, ConnectionError):
            return []

    def workers(self) -> set[int]:
        pid = self.process.pid
        return {int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def eventually(met):
    for _try in range(9000):  # Three minutes: somebody else may be using the machine.
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
    said, _ = served.process.communicate(timeout=180)
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


def test_each_worker_counts_for_itself(served):
    answers = Counter()
    with ThreadPoolExecutor(4) as others:

        def both_answered():
            said = others.map(served.asked, ["/counted"] * 12)
            answers.update(one[0] for one in said if one)
            return len(answers) == 2

        assert eventually(both_answered)
    counted = " ".join(served.asked("/stopping"))
    for worker, times in answers.items():
        assert f"'answers|{worker}': {times}.0" in counted


def test_nobody_stays_behind_when_the_master_ends(served):
    assert eventually(lambda: len(served.workers()) == 2)
    workers = served.workers()
    served.process.terminate()
    served.process.wait(timeout=180)
    assert eventually(lambda: not any(Path(f"/proc/{one}").exists() for one in workers))
    assert served.asked() == []


def test_what_cannot_be_loaded_ends_the_master_and_says_why(tmp_path):
    with Served(tmp_path) as one:
        one.broken.touch()
        one.process.kill()
        one.process.wait()
        ran = subprocess.run(one.command, capture_output=True, text=True, timeout=180, check=False)
    assert ran.returncode == 1
    assert "problem: expected a file that is not there" in ran.stdout


def test_a_stop_is_told_first_and_what_is_being_answered_gets_its_answer(tmp_path):
    with Served(tmp_path, delay=4) as one, ThreadPoolExecutor(1) as other:
        assert eventually(one.asked)
        slow = other.submit(one.asked, "/slow")
        assert eventually((tmp_path / "slow").exists)
        assert one.asked("/stopping")[0] == "False"
        one.process.terminate()
        assert eventually(lambda: one.asked("/stopping")[:1] == ["True"])  # It says so, and goes on answering.
        assert eventually(lambda: one.asked() == [])
        assert one.process.poll() is None
        (tmp_path / "go").touch()
        assert len(slow.result()) == 3
        assert one.process.wait(timeout=180) == 0


def test_a_new_load_refuses_nobody_and_goes_on_with_what_was_counted(served, tmp_path):
    assert eventually(lambda: len(served.workers()) == 2)
    before = served.workers()
    assert "asked" in " ".join(served.asked("/stopping"))
    with ThreadPoolExecutor(2) as others:
        slow = others.submit(served.asked, "/slow")
        assert eventually((tmp_path / "slow").exists)
        served.process.send_signal(signal.SIGHUP)
        assert eventually(lambda: int((served.asked() or ["0"])[0]) not in {0, *before})
        answers = [served.asked() for _turn in range(50)]
        (tmp_path / "go").touch()
        assert int(slow.result()[0]) in before
    assert all(answers)
    assert eventually(lambda: len(served.workers()) == 2 and not served.workers() & before)
    counted = " ".join(served.asked("/stopping"))
    assert "'asked': 2.0" in counted


def test_who_asks_between_two_instances_waits_in_the_socket_of_the_system(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        one = Served(tmp_path)
        one.port = listening.getsockname()[1]
        number = listening.fileno()
        handed = f'exec 3<&{number}; export LISTEN_FDS=1 LISTEN_PID=$$; exec "$@"'
        one.command = ["bash", "-c", handed, "bash", *one.command]
        start = partial(subprocess.Popen, one.command, stdout=subprocess.DEVNULL, pass_fds=[number])
        first = start()
        assert eventually(one.asked)
        first.terminate()
        assert first.wait(timeout=180) == 0
        with ThreadPoolExecutor(1) as other:
            waiting = other.submit(one.asked)
            second = start()
            assert len(waiting.result()) == 3
        second.kill()
        second.wait()


@pytest.mark.parametrize("late", [False, True])
def test_a_worker_whose_master_died_while_it_was_made_ends(late):
    here, there = os.pipe()
    loader = os.fork()
    if loader == 0:
        number = os.getpid()
        if os.fork() == 0:
            if late:
                time.sleep(0.3)
            master = web_master.Master.__new__(web_master.Master)
            master._loader = number
            master._answer = os.open(os.devnull, os.O_RDONLY)
            master.let_go(SimpleNamespace(ppid=-1))  # The number of a process that nobody has any more.
        os._exit(0)
    os.close(there)
    os.waitpid(loader, 0)
    ended, _write, _error = select.select([here], [], [], 180)
    assert ended, "it still waits for a master that is gone"
    assert os.read(here, 1) == b""
    os.close(here)
