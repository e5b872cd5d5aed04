"""Requests run one after the other in each process, where they write into SQLite (turns.py)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask

from signaltable.settings import Settings
from signaltable.turns import in_turn

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class InTurn:
    """The application, asked by one thread at a time. What an answer sends bit by bit is sent outside of that."""

    def __init__(self, inner: "WSGIApplication") -> None:
        self._inner = inner

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        with in_turn():
            return self._inner(environ, start)


def register(app: Flask, settings: Settings) -> None:
    """Let requests take turns. Not on PostgreSQL: there they wait for a server, each for its own answers."""
    if settings.database_url.startswith("sqlite"):
        app.wsgi_app = InTurn(app.wsgi_app)  # type: ignore[assignment, method-assign]
