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
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer

from signaltable import counting
from signaltable.board import JOBS_PART, PARTS, Board
from signaltable.domain import SignaltableError
from signaltable.watch_settings import Watching

LOG = logging.getLogger("signaltable")

# prctl(2): whose parent ended becomes a child of the next of its ancestors that asked for it.
PR_SET_CHILD_SUBREAPER: Final = 36
# Seconds between two tries to replace a worker, when the application cannot be loaded.
AGAIN_AFTER: Final = 5
ANSWERS: Final = 65_536
GO: Final = b"g"
# Seconds between two times that a worker is asked to end.
ASK_AGAIN_AFTER: Final = 0.5
# In which parts of the board workers count; the last one is that of the master itself.
MASTER_PART: Final = PARTS - 1
WORKER_PARTS: Final = tuple(part for part in range(PARTS - 1) if part != JOBS_PART)


class CannotServe(SignaltableError):
    """The application could not be loaded; the message says why."""


class Master(Arbiter):  # type: ignore[misc]
    """An arbiter whose workers are forked by a process that loads the application and ends.

    `problem` says why the first workers did not come; `failed` is what was raised before they could.
    """

    def __init__(
        self,
        app: Any,
        board: Board,
        watching: Watching,
        *,
        code: Callable[[], object] = lambda: None,
        before: Callable[[], None] = lambda: None,
        after: Callable[[], None] = lambda: None,
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """`code` loads what touches neither home nor database, while `before` brings those up; `after` comes once workers serve.

        `look` sees which children that are no workers ended, before gunicorn waits for all of them and forgets with what.
        """
        super().__init__(app)
        self._code, self._before, self._after, self._look = code, before, after, look
        self.failed: SignaltableError | None = None
        self._board, self._watching = board, watching
        self._stop_at = float("inf")
        self._ending, self._ask_again = False, 0.0
        self.problem = ""
        self._started = False
        self._not_before = 0.0
        self._answer = self._loader = -1
        ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def halt(self, reason: str | None = None, exit_status: int = 0) -> None:
        """End. A start that is refused is told in one line, by who started this: gunicorn would add that it stops, and why."""
        if self.failed is not None or self.problem:
            self.log.error_log.disabled = True
        super().halt(reason, exit_status)

    def spawn_workers(self) -> None:
        """Have the workers forked that are missing."""
        missing = self.num_workers - len(self.WORKERS)
        if missing <= 0 or time.monotonic() < self._not_before:
            return
        if self._started:
            counting.count("worker_restarts", by=missing)
        try:
            said = self._forked(self._made(missing))
        except SignaltableError as error:  # Of what comes before: home and database are not as the program wants them.
            self.failed = error
            raise HaltServer("not prepared", 1) from None
        if said.get("problem"):
            self._failed(str(said["problem"]))
        elif not self._started:
            self._after()
        self._started = True

    def _made(self, count: int) -> list[Any]:
        """The workers as the master knows them: each with the file in which it shows that it lives."""
        made: list[Any] = []
        for _one in range(count):
            self.worker_age += 1
            worker = self.worker_class(  # type: ignore[no-untyped-call]
                self.worker_age, self.pid, self.LISTENERS, self.app, self.timeout / 2.0, self.cfg, self.log
            )
            taken = {one.part for one in (*self.WORKERS.values(), *made)}
            worker.part = next((part for part in WORKER_PARTS if part not in taken), WORKER_PARTS[-1])
            made.append(worker)
        return made

    def reload(self) -> None:
        """Load the application anew (SIGHUP) and let workers that have it take the place of those that serve.

        Those end what they are at; meanwhile nobody is refused, because the master keeps the socket. An application that
        cannot be loaded changes nothing.
        """
        before = set(self.WORKERS)
        said = self._forked(self._made(self.num_workers))
        if said.get("problem"):
            LOG.error("the program could not be loaded anew and goes on as it was: %s", said["problem"])
            return
        for pid in before:
            self.kill_worker(pid, signal.SIGTERM)
        until = time.monotonic() + self.cfg.graceful_timeout + 1
        while before & set(self.WORKERS) and time.monotonic() < until:
            self.reap_workers()
            time.sleep(0.05)

    def handle_term(self) -> None:
        """Stop: say so for a while when the settings ask for it, and go on answering until then. A second time: at once."""
        if self._board.stopping or not self._watching.stop_delay:
            self._board.stop()
            raise StopIteration
        self._board.stop()
        self._stop_at = time.monotonic() + self._watching.stop_delay

    def stop(self, graceful: bool = True) -> None:
        """End the workers, and with `graceful` let them end what they are at."""
        self._ending = graceful
        super().stop(graceful)

    def reap_workers(self) -> None:
        """See which workers ended. At a stop those that did not are asked again: one that was beginning did not hear it."""
        self._look()
        super().reap_workers()
        if self._ending and time.monotonic() >= self._ask_again:
            self._ask_again = time.monotonic() + ASK_AGAIN_AFTER
            self.kill_workers(signal.SIGTERM)

    def murder_workers(self) -> None:
        """What the master does every second: end workers that hang; and stop when it is time."""
        super().murder_workers()
        if time.monotonic() >= self._stop_at:
            raise StopIteration

    def _forked(self, workers: list[Any]) -> dict[str, Any]:
        """Load the application in a process of its own, and let that fork these workers. Returns what it said."""
        here, there = os.pipe()
        waits, lets_go = os.pipe()
        # A collection visits whatever stands. The loader would get copies of all that the master holds, and the workers with it.
        gc.freeze()
        loader = os.fork()
        if loader == 0:
            os.close(here)
            os.close(lets_go)
            self._answer, self._loader = there, os.getpid()
            counting.join(self._board, workers[0].part if self._watching.metrics else None)
            self._load_and_fork(workers, waits)
        os.close(there)
        os.close(waits)
        self._let_load(lets_go)
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

    def _let_load(self, loader: int) -> None:
        """Let the loader open home and database, once what comes before that is done. Raises what it raises."""
        try:
            if not self._started:
                self._before()
            with suppress(BrokenPipeError):
                os.write(loader, GO)
        finally:
            os.close(loader)  # Without a word it ends.

    def _load_and_fork(self, workers: list[Any], waits: int) -> None:
        """What the loader does. The workers go their own way inside `spawn_worker`; the loader itself ends here."""
        told: dict[str, Any] = {"workers": []}
        made = iter(workers)
        try:
            self._code()
            if os.read(waits, 1) != GO:
                os._exit(0)
            os.close(waits)
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
        with suppress(BrokenPipeError):  # The master died meanwhile, and so will the workers.
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
        """What a worker does first: it leaves the answer to its loader, waits until that ended and it is the master's, and
        counts in a part of its own: the one that it was forked with is that of its loader.

        A worker whose master died meanwhile ends: it would keep the port, and nobody would ever stop it.
        """
        os.close(self._answer)
        # By its number: when both ended before this line, the parent is neither of them and never changes.
        while os.getppid() == self._loader:
            time.sleep(0.002)
        if os.getppid() != worker.ppid:
            os._exit(1)
        counting.join(self._board, worker.part if self._watching.metrics else None)
