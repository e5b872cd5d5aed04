"""`signaltable run`: gunicorn with two workers and the jobs process, started and stopped together."""

import ctypes
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from signaltable.domain import SignaltableError
from signaltable.settings import Settings
from signaltable.users import check_key_apart, hand_over_home, web_user
from signaltable.web import create_app

LOG = logging.getLogger("signaltable")

WORKERS = 2
THREADS = 4

# mallopt(3), <malloc.h>: one pool of memory for all threads, and give back what is free above 128 kB. Without this glibc
# keeps a pool for each thread, and once a password was hashed (64 MB) hardly gives anything back: 290 MB became 160 MB.
MALLOC = {-8: 1, -3: 128 * 1024, -1: 128 * 1024}  # M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD

# Seconds between two looks at the jobs process; also the pause that keeps one that cannot start from spinning.
RESTART_AFTER = 5


class PortTaken(SignaltableError):
    """Something else listens on the port."""


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, configured from here instead of from a file or the command line."""

    def __init__(self, app: Flask, options: Mapping[str, Any]) -> None:
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        """Hand gunicorn its settings."""
        for name, value in self._options.items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """The application, made once before the workers are forked, so that they share its memory."""
        return self._app


def serve(settings: Settings, port: int, *, with_jobs: bool = True) -> None:
    """Serve on 127.0.0.1 until stopped. Raises `PortTaken` when another program listens there.

    Raises `KeyWithinReach` in production when the web workers could read the signing key of the log.
    """
    _check_port(port)
    check_key_apart(settings)
    _limit_pools()
    app = create_app(settings)
    hand_over_home(settings)
    jobs = Jobs(settings, port) if with_jobs else None
    options = _options(settings, port, jobs)
    if jobs:
        jobs.start()
    # What stands now is shared by the workers; a collection that visits it would give each of them a copy of its own.
    gc.collect()
    gc.freeze()
    try:
        Server(app, options).run()
    finally:
        if jobs:
            jobs.stop()


def _options(settings: Settings, port: int, jobs: "Jobs | None") -> dict[str, Any]:
    options: dict[str, Any] = {
        "bind": f"127.0.0.1:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "worker_class": "gthread",
        "preload_app": True,
        "loglevel": "warning",
        "accesslog": None,  # Addresses hold references; who looked at what stands in the audit log.
        "control_socket_disable": True,
        "graceful_timeout": 10,
    }
    if jobs:
        options |= {"when_ready": lambda _server: jobs.watch(), "on_exit": lambda _server: jobs.stop()}
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


class Jobs:
    """The jobs process beside the web workers: started with them, started again when it dies, stopped with them."""

    def __init__(self, settings: Settings, port: int) -> None:
        self._environment = {
            **os.environ,
            "SIGNALTABLE_HOME": str(settings.home),
            "SIGNALTABLE_PARENT": str(os.getpid()),  # When the parent is gone, the jobs process ends by itself.
            "SIGNALTABLE_ADDRESS": os.environ.get("SIGNALTABLE_ADDRESS", f"http://127.0.0.1:{port}"),
        }
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = threading.Event()

    def start(self) -> None:
        """Start the process."""
        self._process = subprocess.Popen([sys.executable, "-m", "signaltable.jobs"], env=self._environment)

    def watch(self) -> None:
        """Start it again whenever it has died, until stopped. Runs beside gunicorn's own loop."""
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while not self._stopped.wait(RESTART_AFTER):
            if self._process is not None and self._process.poll() is not None:
                LOG.error("the jobs process ended with %s and is started again", self._process.returncode)
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
