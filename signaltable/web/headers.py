"""Headers on every answer of the application: pages, errors, redirects, downloads and static files alike.

Whether browsers may come over HTTPS alone is decided by the settings, never by what a request says of itself.
"""

from typing import Final

from flask import Flask, Response, g, request

from signaltable.answer_headers import ALWAYS_HTTPS, FORGET, HEADERS, KEEP_AN_HOUR, KEEP_NOTHING, SANDBOX
from signaltable.web.guards import program

_ADDED: Final = tuple((name.lower(), name, value) for name, value in HEADERS.items())
# Who left keeps nothing of what was on the screen.
LEAVING = frozenset({"account.log_out"})


def register(app: Flask) -> None:
    """Add the headers after every request."""
    app.after_request(_add)


def _add(response: Response) -> Response:
    if response.headers.get("Content-Disposition", "").startswith("attachment"):
        response.headers["Content-Security-Policy"] = SANDBOX
    # Asking of each header whether it is there goes through all of them each time.
    given = {name.lower() for name, _value in response.headers}
    for lowered, name, value in _ADDED:
        if lowered not in given:
            response.headers.add(name, value)
    if request.endpoint == "static" and response.status_code in {200, 206, 304}:
        response.headers["Cache-Control"] = KEEP_AN_HOUR
    else:
        response.headers["Cache-Control"] = KEEP_NOTHING
        response.vary.add("Cookie")
    if program().settings.secure_cookies:
        response.headers["Strict-Transport-Security"] = ALWAYS_HTTPS
    if request.endpoint in LEAVING or g.get("session_over"):
        response.headers.setdefault("Clear-Site-Data", FORGET)
    return response
