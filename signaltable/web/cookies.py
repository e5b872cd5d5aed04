"""The keys of cookies and forms, which may be replaced while people are at work.

Both versions count until the last session of before is over: a cookie or a form that was made with the old one is still
good, and every answer carries the new one.
"""

from flask import Flask
from flask.sessions import SecureCookieSessionInterface
from itsdangerous import URLSafeTimedSerializer

from signaltable.keys import KeyProvider


class KeyedSessions(SecureCookieSessionInterface):
    """Sessions in a signed cookie, under the keys that the ring has at this moment."""

    def __init__(self, keys: KeyProvider) -> None:
        self._keys = keys

    def get_signing_serializer(self, app: Flask) -> URLSafeTimedSerializer | None:
        """Asked for before anything else of a request, so the tokens of forms find the same keys."""
        use_keys(app, self._keys)
        return super().get_signing_serializer(app)


def use_keys(app: Flask, keys: KeyProvider) -> None:
    """Let the application sign with the session key that counts, and take what was signed with those before it."""
    newest, *older = (keys.derive("session", "cookies", version) for version in keys.usable("session"))
    # The last one signs; all of them are good.
    several = [*reversed(older), newest]
    app.config.update(SECRET_KEY=newest, SECRET_KEY_FALLBACKS=older, WTF_CSRF_SECRET_KEY=several)
