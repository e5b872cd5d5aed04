"""The least that the server of the program can answer: an empty Flask, behind the same gunicorn with the same settings."""

import sys
from typing import Any

from flask import Flask
from gunicorn.app.base import BaseApplication

from signaltable.web_server import OPTIONS, THREADS, WORKERS

HELLO = "hello"


def empty() -> Flask:
    """An application that takes a form and says one word."""
    app = Flask("hello")

    @app.route("/", methods=["GET", "POST"])
    def hello() -> str:
        return HELLO

    return app


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, port: int) -> None:
        self._port = port
        super().__init__()

    def load_config(self) -> None:
        """The settings of `signaltable run`."""
        for name, value in {
            **OPTIONS,
            "bind": f"127.0.0.1:{self._port}",
            "workers": WORKERS,
            "threads": THREADS,
        }.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """What each worker serves."""
        return empty()


if __name__ == "__main__":
    _Server(int(sys.argv[1])).run()
