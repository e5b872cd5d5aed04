"""gunicorn's master, which never loads the application: a process that ends right after loads it and forks the workers.

A worker gets a copy of its own of each page of memory that it writes to, and Python writes to whatever it looks at, since it
counts who uses a thing. A master that loaded the application kept the pages of before, which nobody used any more: 50 MB.
The workers are children of the master all the same: it asked the system to be given those whose parent ended.
"""

import ctypes
import gc
import json
import logging
import os
import time
from typing import Any, Final

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from signaltable.domain import SignaltableError

LOG = logging.getLogger("signaltable")

# prctl(2): whose parent ended becomes a child of the next of its ancestors that asked for it.
PR_SET_CHILD_SUBREAPER: Final = 36
# Seconds between two tries to replace a worker, when the application cannot be loaded.
AGAIN_AFTER: Final = 5
ANSWERS: Final = 65_536


class CannotServe(SignaltableError):
    """The application could not be loaded; the message says why."""


class Master(Arbiter):  # type: ignore[misc]
    """An arbiter whose workers are forked by a process that loads the application and ends.

    `problem` says why the first workers did not come.
    """

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        self.problem = ""
        self._started = False
        self._not_before = 0.0
        self._answer = -1
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def spawn_workers(self) -> None:
        """Have the workers forked that are missing."""
        missing = self.num_workers - len(self.WORKERS)
        if missing <= 0 or time.monotonic() < self._not_before:
            return
        said = self._forked(self._made(missing))
        if said.get("problem"):
            self._failed(str(said["problem"]))
        self._started = True

    def _made(self, count: int) -> list[Any]:
        """The workers as the master knows them: each with the file in which it shows that it lives."""
        made = []
        for _one in range(count):
            self.worker_age += 1
            made.append(
                self.worker_class(  # type: ignore[no-untyped-call]
                    self.worker_age, self.pid, self.LISTENERS, self.app, self.timeout / 2.0, self.cfg, self.log
                )
            )
        return made

    def _forked(self, workers: list[Any]) -> dict[str, Any]:
        """Load the application in a process of its own, and let that fork these workers. Returns what it said."""
        here, there = os.pipe()
        loader = os.fork()
        if loader == 0:
            os.close(here)
            self._answer = there
            self._load_and_fork(workers)
        os.close(there)
        with os.fdopen(here, "rb") as answer:
            said = answer.read(ANSWERS)
        try:
            os.waitpid(loader, 0)
        except ChildProcessError:
            LOG.debug("the loader was waited for already")
        told: dict[str, Any] = json.loads(said or b'{"problem": "the process that loads it died"}')
        for worker, pid in zip(workers, told.get("workers", ()), strict=False):
            worker.pid = pid
            self.WORKERS[pid] = worker
        for worker in workers[len(told.get("workers", ())) :]:
            worker.tmp.close()
        return told

    def _load_and_fork(self, workers: list[Any]) -> None:
        """What the loader does. The workers go their own way inside `spawn_worker`; the loader itself ends here."""
        told: dict[str, Any] = {"workers": []}
        made = iter(workers)
        try:
            self.app.wsgi()
            # What stands now is shared by the workers; a collection that visits it would give each a copy of its own.
            gc.collect()
            gc.freeze()
            self.worker_class = lambda *_given: next(made)
            for _one in workers:
                told["workers"].append(super().spawn_worker())
        except SystemExit:
            raise  # A worker at its end.
        except SignaltableError as error:
            told["problem"] = str(error)
        except BaseException as error:  # noqa: BLE001 -- the text of an exception may quote data, so only its type is told
            told["problem"] = f"unexpected {type(error).__name__}"
        os.write(self._answer, json.dumps(told).encode())
        os._exit(0)

    def _failed(self, problem: str) -> None:
        self._not_before = time.monotonic() + AGAIN_AFTER
        if self._started:
            LOG.error("a worker is missing and cannot be replaced: %s", problem)
            return
        self.problem = problem
        raise HaltServer("the application could not be loaded", 1)

    def let_go(self, worker: Any) -> None:
        """What a worker does first: it leaves the answer to its loader, and waits until that ended and it is the master's."""
        os.close(self._answer)
        while os.getppid() != worker.ppid:
            time.sleep(0.002)
