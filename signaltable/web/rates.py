"""How often pages are asked for: counted before a page does anything, with an answer in words when it is too often."""

from typing import Final, cast

from flask import Flask, Response, current_app, g, render_template, request
from flask.typing import ResponseReturnValue

from signaltable import counting
from signaltable.api import is_api
from signaltable.domain import Actor
from signaltable.flow.coming_in.actors import is_known
from signaltable.flow.rates import Rates, TooMany
from signaltable.recorded_acts import left_by
from signaltable.transaction import Program

KEY: Final = "signaltable.rates"
# Files of the program, and a word for a proxy.
UNCOUNTED: Final = frozenset({"static", "account.healthy", "watching.ready"})
# Of strangers what belongs to signing in is not counted here: it has limits of its own, and whoever floods a network must not
# keep a colleague behind it from signing in.
SIGNING_IN: Final = frozenset({"account", "passkeys", "provider"})


def register(app: Flask, program: Program) -> None:
    """Keep the counts of this process, and answer in words when it is too often."""
    app.extensions[KEY] = Rates(program)
    app.after_request(_note)
    app.register_error_handler(TooMany, _too_many)


def ask() -> None:
    """Count this request; goes behind the guard that says who asks. Raises `TooMany`."""
    g.counted = True
    if _is_counted():
        _rates().ask(_actor(), left_by(request.method, request.endpoint))


def _note(response: Response) -> Response:
    """Count what was shown, and what was stopped before it came to `ask`: a form without its token."""
    if not _is_counted() or "actor" not in g or not is_known(_actor()):
        return response
    if response.status_code < 400:
        _rates().note(_actor(), left_by(request.method, request.endpoint))
    elif not g.get("counted"):
        try:
            ask()
        except TooMany as error:
            return current_app.make_response(_too_many(error))
    return response


def _is_counted() -> bool:
    if request.endpoint in UNCOUNTED or is_api(request.path):
        return False
    known = "actor" in g and is_known(_actor())
    return known or request.blueprint not in SIGNING_IN


def _actor() -> Actor:
    return cast(Actor, g.actor)


def _rates() -> Rates:
    return cast(Rates, current_app.extensions[KEY])


def _too_many(error: TooMany) -> ResponseReturnValue:
    counting.count("rate_limited")
    return render_template("errors/429.html", seconds=error.seconds), 429, {"Retry-After": str(error.seconds)}
