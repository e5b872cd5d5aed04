"""Under which names the program is asked, and from where forms may come; anything else is answered before a page is made.

A forged Host finds its way into no redirect or mail, because none is made of it; but what stands in front of the program
(a cache, another site on the same machine) might be led astray by it, so such a request gets nothing.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from flask import Flask, Response, abort, request

from signaltable.answer_headers import HEADERS, KEEP_NOTHING
from signaltable.settings import Settings
from signaltable.surroundings import host_of

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# A browser that tells where a request comes from (Fetch Metadata) tells the truth: no script can set this header.
FROM: Final = "Sec-Fetch-Site"
ELSEWHERE: Final = frozenset({"cross-site", "same-site"})
CHANGING_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})


class KnownHosts:
    """The application for requests that name a host of ours; the others get 400 without a word about the program."""

    def __init__(self, inner: "WSGIApplication", names: Iterable[str]) -> None:
        self._inner = inner
        self._names = frozenset(name.lower() for name in names)

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        if host_of(str(environ.get("HTTP_HOST", environ.get("SERVER_NAME", "")))) in self._names:
            return self._inner(environ, start)
        headers = {**HEADERS, "Cache-Control": KEEP_NOTHING, "Content-Type": "text/plain; charset=utf-8"}
        return Response("400\n", 400, headers)(environ, start)


def register(app: Flask, settings: Settings) -> None:
    """Answer only to the names of the settings, and take forms from pages of ours alone."""
    app.wsgi_app = KnownHosts(app.wsgi_app, settings.hosts)  # type: ignore[assignment, method-assign]
    # Before the token of the form is looked at, which is the second fence against the same.
    app.before_request_funcs.setdefault(None, []).insert(0, _refuse_from_elsewhere)


def _refuse_from_elsewhere() -> None:
    if request.method not in CHANGING_NOTHING and request.headers.get(FROM, "") in ELSEWHERE:
        abort(400)
