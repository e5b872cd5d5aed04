"""The headers that every answer carries: nothing from elsewhere, nothing inline, nothing kept, nothing told about the program.

Sources: CSP level 3, Fetch Metadata, HTML (COOP, COEP), Trusted Types, RFC 6797 (HSTS), RFC 9111 (caching).
"""

from collections.abc import Mapping
from typing import Final

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",  # The design system's style sheet holds its icons as data addresses.
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        # No script of ours turns text into a page; so a text that slipped in cannot become one either.
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ),
)
# Of a download nothing runs, loads or is shown as a page, whatever a browser makes of it.
SANDBOX: Final = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

_NOT_USED: Final = (
    "accelerometer autoplay camera clipboard-read display-capture encrypted-media geolocation gyroscope hid "
    "idle-detection local-fonts magnetometer microphone midi payment picture-in-picture screen-wake-lock serial usb "
    "xr-spatial-tracking"
).split()
_OURS_ALONE: Final = ("fullscreen", "publickey-credentials-create", "publickey-credentials-get")
_FEATURES: Final = ", ".join((*(f"{one}=()" for one in _NOT_USED), *(f"{one}=(self)" for one in _OURS_ALONE)))

HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Origin-Agent-Cluster": "?1",
    "Permissions-Policy": _FEATURES,
    "X-Permitted-Cross-Domain-Policies": "none",
    "X-DNS-Prefetch-Control": "off",
}
# Two years, as browsers' own lists ask.
ALWAYS_HTTPS: Final = "max-age=63072000; includeSubDomains"
KEEP_NOTHING: Final = "no-store"
KEEP_AN_HOUR: Final = "public, max-age=3600"
# After a session: what the browser kept of its pages. The cookie of the session is emptied by the answer itself.
FORGET: Final = '"cache", "storage"'
# When somebody has to be gone: the cookies as well.
FORGET_ALL: Final = '"cache", "cookies", "storage"'
