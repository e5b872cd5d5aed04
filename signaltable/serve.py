"""`signaltable run`: gunicorn with two workers, the jobs process and the text reader, started and stopped together."""

import ctypes
import importlib
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pwd import struct_passwd
from typing import Any

from gunicorn.app.base import BaseApplication

from signaltable.domain import SignaltableError
from signaltable.settings import Settings
from signaltable.surroundings import (
    DATABASE_OWNER_URL,
    DATABASE_URL_FILE,
    for_child,
    hand_over,
    holds_password,
    keep_to_itself,
)
from signaltable.users import check_key_apart, hand_over_home, web_user
from signaltable.web_master import CannotServe, Master
from signaltable.web_server import OPTIONS

LOG = logging.getLogger("signaltable")

WORKERS = 2
THREADS = 4

# mallopt(3), <malloc.h>: one pool of memory for all threads, and give back what is free above 128 kB. Without this glibc
# keeps a pool for each thread, and once a password was hashed (64 MB) hardly gives anything back: 290 MB became 160 MB.
MALLOC = {-8: 1, -3: 128 * 1024, -1: 128 * 1024}  # M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

# Seconds between two looks at a process beside the workers; also the pause that keeps one that cannot start from spinning.
RESTART_AFTER = 5
# The text reader takes a gigabyte and seconds to load, so its pauses grow; after this long at work they begin anew.
MOST_PAUSE = 300
STEADY_AFTER = 600


class PortTaken(SignaltableError):
    """Something else listens on the port."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from here instead of from a file or the command line."""

    def __init__(self, settings: Settings, options: Mapping[str, Any]) -> None:
        self._settings = settings
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application. Only the process that forks the workers asks for it, so that nobody else holds it."""
        return importlib.import_module("signaltable.web.shared").make(self._settings)

    def run(self) -> None:
        """Serve until stopped. Raises `CannotServe`."""
        master = Master(self)
        try:
            master.run()
        except SystemExit:
            if master.problem:
                raise CannotServe(master.problem) from None
            raise


def serve(settings: Settings, port: int, *, with_jobs: bool = True, with_reader: bool = True) -> None:
    """Serve on 127.0.0.1 until stopped. Raises `PortTaken` when another program listens there.

    Raises `KeyWithinReach` in production when the web workers could read the signing key of the log, and `CannotServe`.
    """
    _check_port(port)
    check_key_apart(settings)
    keep_to_itself()
    # The tables have their newest shape by now; who breaks into the web finds no way to own them.
    settings = replace(settings, owner_url="")
    os.environ.pop(DATABASE_OWNER_URL, None)
    _limit_pools()
    hand_over_home(settings)
    beside = [
        *([jobs_process(settings, port)] if with_jobs else []),
        *([reader_process(settings)] if with_reader else []),
    ]
    options = _options(settings, port, beside)
    for one in beside:
        one.start()
    try:
        Server(settings, options).run()
    finally:
        _stop(beside)


def _watch(beside: Sequence["Beside"]) -> None:
    for one in beside:
        one.watch()


def _stop(beside: Sequence["Beside"]) -> None:
    for one in beside:
        one.stop()


def _options(settings: Settings, port: int, beside: Sequence["Beside"]) -> dict[str, Any]:
    options: dict[str, Any] = {
        **OPTIONS,
        "bind": f"127.0.0.1:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "graceful_timeout": 10,
    }
    options |= {"preload_app": False, "post_fork": lambda master, worker: master.let_go(worker)}
    options |= {"when_ready": lambda _server: _watch(beside), "on_exit": lambda _server: _stop(beside)}
    user = web_user(settings)
    if user:
        options |= {"user": user.pw_uid, "group": user.pw_gid, "initgroups": True}
    return options


def _limit_pools() -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # Only glibc has it; elsewhere the program is larger and works the same.
        for parameter, value in MALLOC.items():
            mallopt(parameter, value)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(f"port {port} is in use; choose another with --port") from None


def jobs_process(settings: Settings, port: int) -> "Beside":
    """The jobs, with what they need to know of the web beside them."""
    environment = {
        **for_child(os.environ, database=True),
        "SIGNALTABLE_HOME": str(settings.home),
        "SIGNALTABLE_TEXT_READER": settings.text_reader,
        "SIGNALTABLE_ADDRESS": os.environ.get("SIGNALTABLE_ADDRESS", f"http://127.0.0.1:{port}"),
    }
    handed: tuple[int, ...] = ()
    if holds_password(settings.database_url) and DATABASE_URL_FILE not in os.environ:
        handed = (hand_over(settings.database_url),)
        environment[DATABASE_URL_FILE] = f"/dev/fd/{handed[0]}"
    return Beside("jobs process", "signaltable.jobs", environment, handed=handed)


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
    ) -> None:
        # When the parent is gone, the process ends by itself.
        self._environment = {**environment, "SIGNALTABLE_PARENT": str(os.getpid())}
        self._name, self._module, self._user, self._handed = name, module, user, handed
        self._pauses = Pauses(most_pause)
        self._process: subprocess.Popen[bytes] | None = None
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
            if self._process is None or self._process.poll() is None:
                continue
            pause = self._pauses.after_death(time.monotonic())
            LOG.error("the %s ended with %s and is started again", self._name, self._process.returncode)
            if not self._stopped.wait(pause):
                self.start()

    def stop(self) -> None:
        """Ask it to end, and make it end when it does not."""
        self._stopped.set()
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(timeout=10)
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
