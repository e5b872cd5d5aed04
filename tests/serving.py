"""The application over a program, made once for all browsers of a test: it starts slower than most pages come."""

from flask import Flask

from signaltable.transaction import Program
from signaltable.web import create_app

# Of the last program only: the next test has another one, and nobody comes back to that of before.
_latest: list[tuple[Program, Flask]] = []


def served(program: Program) -> Flask:
    """The application over exactly this program; who changed its rules, settings or clock made another program of it."""
    if not _latest or _latest[0][0] is not program:
        _latest[:] = [(program, create_app(program.settings, program))]
    return _latest[0][1]
