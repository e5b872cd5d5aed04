"""`signaltable run`: gunicorn with two workers, the jobs process and the text reader, started and stopped together."""

import ctypes
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pwd import struct_passwd
from typing import Any

from gunicorn.app.base import BaseApplication

from signaltable import counting, messages
from signaltable.board import BOARD, Board
from signaltable.port import check_port
from signaltable.settings import Settings
from signaltable.surroundings import (
    DATABASE_OWNER_URL,
    DATABASE_REPLICA_URL,
    DATABASE_URL,
    for_child,
    hand_over,
    holds_password,
    keep_to_itself,
)
from signaltable.users import check_key_apart, hand_over_home, web_user
from signaltable.web_master import MASTER_PART, CannotServe, Master
from signaltable.web_server import OPTIONS, THREADS, WORKERS, Log

LOG = logging.getLogger("signaltable")

# mallopt(3), <malloc.h>: one pool of memory for all threads, and give back what is free above 128 kB. Without this glibc
# keeps a pool for each thread, and once a password was hashed (64 MB) hardly gives anything back: 290 MB became 160 MB.
MALLOC = {-8: 1, -3: 128 * 1024, -1: 128 * 1024}  # M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

# Seconds between two looks at a process beside the workers; also the pause that keeps one that cannot start from spinning.
RESTART_AFTER = 5
# The text reader takes a gigabyte and seconds to load, so its pauses grow; after this long at work they begin anew.
MOST_PAUSE = 300
STEADY_AFTER = 600
# With what a process ended for which somebody else waited.
NOBODY_SAW = "a status that nobody saw"


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from here instead of from a file or the command line."""

    def __init__(
        self,
        settings: Settings,
        options: Mapping[str, Any],
        board: Board,
        before: Callable[[], None],
        after: Callable[[], None],
        look: Callable[[], None],
    ) -> None:
        self._before, self._after, self._look = before, after, look
        self._settings = settings
        self._options = options
        self._board = board
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application. Only the process that forks the workers asks for it, so that nobody else holds it."""
        return self._code().make(self._settings)

    @staticmethod
    def _code() -> Any:
        """The code of the application: half of what a start takes."""
        return importlib.import_module("signaltable.web.shared")

    def run(self) -> None:
        """Serve until stopped. Raises `CannotServe`."""
        master = Master(
            self,
            self._board,
            self._settings.watching,
            code=self._code,
            before=self._before,
            after=self._after,
            look=self._look,
        )
        try:
            master.run()
        except SystemExit:
            if master.failed:
                raise master.failed from None
            if master.problem:
                raise CannotServe(master.problem) from None
            raise


def serve(
    settings: Settings,
    port: int,
    *,
    with_jobs: bool = True,
    with_reader: bool = True,
    prepared: Callable[[], None] = lambda: None,
) -> None:
    """Serve on 127.0.0.1 until stopped. Raises `PortTaken` when another program listens there.

    `prepared` comes back when home and database are as this program wants them; the code of the web is loaded meanwhile.
    Raises what it raises, `KeyWithinReach` in production when the web workers could read the signing key of the log, and `CannotServe`.
    """
    check_port(port)
    check_key_apart(settings)
    keep_to_itself()
    # The tables have their newest shape by now; who breaks into the web finds no way to own them.
    settings = replace(settings, owner_url="")
    os.environ.pop(DATABASE_OWNER_URL, None)
    _limit_pools()
    messages.called("master")
    messages.send(settings)  # Before the home is handed over: the file is for the user of the web, too.
    Log.kind = settings.watching.log_format
    board = Board.make()
    counting.join(board, MASTER_PART if settings.watching.metrics else None)
    beside = [
        *([jobs_process(settings, port, board)] if with_jobs else []),
        *([reader_process(settings)] if with_reader else []),
    ]
    if settings.watching.metrics and not with_jobs:
        # Where jobs run beside it, they tell the numbers of the web too: they have the database at hand.
        importlib.import_module("signaltable.metrics.listening").listen(settings.watching.metrics, board, None)

    def before() -> None:
        prepared()
        hand_over_home(settings)

    options = _options(settings, port, beside)
    try:
        Server(settings, options, board, before, lambda: _begin(beside), lambda: _look(beside)).run()
    finally:
        _stop(beside)


def _begin(beside: Sequence["Beside"]) -> None:
    """Start them and keep them running. The web comes first: people wait for it, and the rest would take its time."""
    for one in beside:
        one.start()
        one.watch()


def _look(beside: Sequence["Beside"]) -> None:
    for one in beside:
        one.has_ended()


def _stop(beside: Sequence["Beside"]) -> None:
    for one in beside:
        one.stop()


def _options(settings: Settings, port: int, beside: Sequence["Beside"]) -> dict[str, Any]:
    options: dict[str, Any] = {
        **OPTIONS,
        "bind": f"127.0.0.1:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "graceful_timeout": settings.watching.stop_timeout,
    }
    options |= {"preload_app": False, "post_fork": lambda master, worker: master.let_go(worker)}
    options |= {"on_exit": lambda _server: _stop(beside)}
    user = web_user(settings)
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "initgroups": True}
    return options


def _limit_pools() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # Only glibc has it; elsewhere the program is larger and works the same.
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)


def jobs_process(settings: Settings, port: int, board: Board) -> "Beside":
    """The jobs, with what they need to know of the web beside them, and the board on which both count."""
    environment = {
        **for_child(os.environ, database=True),
        "SIGNALTABLE_HOME": str(settings.home),
        "SIGNALTABLE_TEXT_READER": settings.text_reader,
        "SIGNALTABLE_ADDRESS": os.environ.get("SIGNALTABLE_ADDRESS", f"http://127.0.0.1:{port}"),
    }
    environment[BOARD] = str(board.descriptor)
    handed: tuple[int, ...] = (board.descriptor,)
    for name, url in ((DATABASE_URL, settings.database_url), (DATABASE_REPLICA_URL, settings.replica_url)):
        if holds_password(url) and f"{name}_FILE" not in os.environ:
            handed = (*handed, hand_over(url))
            environment[f"{name}_FILE"] = f"/dev/fd/{handed[-1]}"
    return Beside(
        "jobs process", "signaltable.jobs", environment, handed=handed, patience=settings.watching.stop_timeout
    )


def reader_process(settings: Settings) -> "Beside":
    """The text reader, as the user of the web. It is told where the home is and nothing that opens database or keys."""
    return Beside(
        "text reader",
        "signaltable.text_reader.process",
        {**for_child(os.environ), "SIGNALTABLE_HOME": str(settings.home)},
        most_pause=MOST_PAUSE,
        user=web_user(settings),
    )


class Beside:
    """A process beside the web workers: started with them, started again when it dies, stopped with them."""

    def __init__(
        self,
        name: str,
        module: str,
        environment: Mapping[str, str],
        *,
        most_pause: int = RESTART_AFTER,
        user: struct_passwd | None = None,
        handed: Sequence[int] = (),
        patience: int = 10,
    ) -> None:
        # When the parent is gone, the process ends by itself.
        self._environment = {**environment, "SIGNALTABLE_PARENT": str(os.getpid())}
        self._name, self._module, self._user, self._handed = name, module, user, handed
        self._patience = patience
        self._pauses = Pauses(most_pause)
        self._process: subprocess.Popen[bytes] | None = None
        self._ended_with = ""
        self._looking = threading.Lock()
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the process."""
        self._pauses.started(time.monotonic())
        self._process = subprocess.Popen(  # noqa: S603 -- the module is named in this file
            [sys.executable, "-m", self._module],
            env=self._environment,
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
            pass_fds=tuple(self._handed),
        )

    def watch(self) -> None:
        """Start it again whenever it has died, until stopped. Runs beside gunicorn's own loop."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._stopped.wait(RESTART_AFTER):
            if not self.has_ended():
                continue
            pause = self._pauses.after_death(time.monotonic())
            LOG.error("the %s ended with %s and is started again", self._name, self._ended_with)
            if not self._stopped.wait(pause):
                self.start()

    def has_ended(self) -> bool:
        """Whether the process was started and has ended. Notes with what, once.

        Not by `Popen.poll`, which says 0 where somebody else waited for the process first, as gunicorn may.
        """
        with self._looking:
            process = self._process
            if process is None or process.returncode is not None:
                return process is not None
            try:
                pid, status = os.waitpid(process.pid, os.WNOHANG)
            except ChildProcessError:
                process.returncode, self._ended_with = 0, NOBODY_SAW
            else:
                if pid:
                    process.returncode = os.waitstatus_to_exitcode(status)
                    self._ended_with = str(process.returncode)
            return process.returncode is not None

    def stop(self) -> None:
        """Ask it to end, and make it end when it does not."""
        self._stopped.set()
        if self._process is None or self.has_ended():
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=self._patience)
        except subprocess.TimeoutExpired:
            self._process.kill()


class Pauses:
    """How long to wait before a process is started again: longer each time, anew once it ran for a while."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._next = 0
        self._since = 0.0

    def started(self, now: float) -> None:
        """Note the start."""
        self._since = now

    def after_death(self, now: float) -> int:
        """The pause in seconds, besides the look every few seconds: 0, 5, 10, 20 and so on up to the most."""
        if now - self._since > STEADY_AFTER:
            self._next = 0
        pause = self._next
        self._next = min(max(RESTART_AFTER, 2 * pause), self._most)
        return pause if self._most > RESTART_AFTER else 0
