"""`signaltable run`: gunicorn with two workers and the jobs process, started and stopped together."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from signaltable.domain import SignaltableError
from signaltable.settings import Settings
from signaltable.web import create_app

WORKERS = 2
THREADS = 4


class PortTaken(SignaltableError):
    """Something else listens on the port."""


class Server(BaseApplication):
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


def serve(settings: Settings, port: int) -> None:
    """Serve on 127.0.0.1 until stopped. Raises `PortTaken` when another program listens there."""
    _check_port(port)
    app = create_app(settings)
    jobs = _start_jobs(settings)
    options = {
        "bind": f"127.0.0.1:{port}",
        "workers": WORKERS,
        "threads": THREADS,
        "worker_class": "gthread",
        "preload_app": True,
        "loglevel": "warning",
        "accesslog": None,  # Addresses hold references; who looked at what stands in the audit log.
        "control_socket_disable": True,
        "graceful_timeout": 10,
        "on_exit": lambda _server: _stop(jobs),
    }
    try:
        Server(app, options).run()
    finally:
        _stop(jobs)


def _check_port(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise PortTaken(f"port {port} is in use; choose another with --port") from None


def _start_jobs(settings: Settings) -> "subprocess.Popen[bytes]":
    environment = {
        **os.environ,
        "SIGNALTABLE_HOME": str(settings.home),
        "SIGNALTABLE_PARENT": str(os.getpid()),  # When the parent is gone, the jobs process ends by itself.
    }
    return subprocess.Popen([sys.executable, "-m", "signaltable.jobs"], env=environment)


def _stop(jobs: "subprocess.Popen[bytes]") -> None:
    if jobs.poll() is None:
        jobs.send_signal(signal.SIGTERM)
        try:
            jobs.wait(timeout=10)
        except subprocess.TimeoutExpired:
            jobs.kill()
