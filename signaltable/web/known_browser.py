"""What a browser carries beside its session: that somebody signed in with it before, and what it calls itself."""

from typing import Final, cast

from flask import Response, current_app, request

from signaltable.transaction import Program

# The words that a session is recognised by come out of these lists and out of nothing that a browser sends.
_PROGRAMS: Final = (
    ("Edg", "edge"),
    ("OPR/", "opera"),
    ("SamsungBrowser", "samsung"),
    ("Firefox/", "firefox"),
    ("FxiOS", "firefox"),
    ("CriOS", "chrome"),
    ("Chrome/", "chrome"),
    ("Chromium/", "chrome"),
    ("Safari/", "safari"),
)
_SYSTEMS: Final = (
    ("Windows", "windows"),
    ("iPhone", "iphone"),
    ("iPad", "ipad"),
    ("Android", "android"),
    ("CrOS", "chromeos"),
    ("Mac OS X", "macos"),
    ("Linux", "linux"),
)
OTHER: Final = "other"


def cookie_name() -> str:
    """`__Host-`: only this host can set it, and only over TLS (RFC 6265bis, 4.1.3.2)."""
    name = "signaltable-known"
    return f"__Host-{name}" if current_app.config["SESSION_COOKIE_SECURE"] else name


def known_browser() -> str:
    """The cookie of a known browser as it came in; "" for one that has none. Whoever reads it does not believe it."""
    return request.cookies.get(cookie_name(), "")[:2000]


def keep_known(response: Response, cookie: str) -> Response:
    """Let this browser be known for the days of policies/sign_in.toml."""
    rules = cast(Program, current_app.extensions["signaltable"]).policy.coming_in.browser
    response.set_cookie(
        cookie_name(),
        cookie,
        max_age=rules.days * 24 * 3600,
        path="/",
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
    )
    return response


def device() -> str:
    """The kind of browser and system of this request, such as "firefox windows"; never a version."""
    told = request.headers.get("User-Agent", "")[:500]
    return " ".join(next((name for sign, name in which if sign in told), OTHER) for which in (_PROGRAMS, _SYSTEMS))
