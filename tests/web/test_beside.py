"""A process beside the web workers that ends: what is said of it is what it ended with, also where gunicorn waits for children."""

import os
import re
import subprocess
import sys

from signaltable import serve
from tests.ports import free_port

# A module that is not there: Python ends with 1.
SCRIPT = """
import os, sys
from gunicorn.app.base import BaseApplication
from signaltable import serve, web_master
from signaltable.board import Board
from signaltable.watch_settings import Watching
from signaltable.web_server import OPTIONS

serve.RESTART_AFTER = 0.3
beside = [serve.Beside("jobs process", "signaltable.no_such_module", dict(os.environ))]

class Server(BaseApplication):
    def load_config(self):
        own = {"bind": f"127.0.0.1:{sys.argv[1]}", "workers": 1, "threads": 1}
        own["post_fork"] = lambda master, worker: master.let_go(worker)
        for name, value in {**OPTIONS, **own}.items():
            self.cfg.set(name, value)

    def load(self):
        return lambda environ, start: []

    def run(self):
        master = web_master.Master(
            self, Board.make(), Watching(), after=lambda: serve._begin(beside), look=lambda: serve._look(beside)
        )
        master.run()

Server().run()
"""


def _ended(module):
    """A process beside the workers that ended, and nobody looked yet."""
    one = serve.Beside("jobs process", module, dict(os.environ))
    one.start()
    # Without taking its status away.
    os.waitid(os.P_PID, one._process.pid, os.WEXITED | os.WNOWAIT)
    return one


def test_the_master_tells_with_what_a_process_beside_its_workers_ended():
    started = [sys.executable, "-c", SCRIPT, str(free_port())]
    with subprocess.Popen(started, stderr=subprocess.PIPE, text=True) as master:
        told = []
        for line in master.stderr:
            told += re.findall("the jobs process ended with (.*) and is started again", line)
            if ("1" in told and len(told) > 2) or len(told) > 20:
                break
        master.terminate()
        master.stderr.read()
    assert "1" in told
    # Between the look of the master and that of gunicorn it may end all the same.
    assert set(told) <= {"1", serve.NOBODY_SAW}


def test_what_ended_is_told_once_with_its_own_status():
    one = _ended("signaltable.no_such_module")
    assert one.has_ended()
    assert one.has_ended()
    assert one._ended_with == "1"
    one.stop()


def test_nothing_is_told_of_a_status_that_somebody_else_took():
    one = _ended("signaltable.no_such_module")
    os.waitpid(one._process.pid, 0)
    assert one.has_ended()
    assert one._ended_with == serve.NOBODY_SAW
    one.stop()  # Whoever has its number now is not asked to end.


def test_a_process_that_runs_has_not_ended_and_is_stopped():
    one = serve.Beside("jobs process", "signaltable.no_such_module", {})
    assert not one.has_ended()
    process = one._process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    assert not one.has_ended()
    one.stop()
    assert process.returncode is not None
    assert one.has_ended()
