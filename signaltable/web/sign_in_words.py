"""How the pages call a device and a way of signing in."""

from flask_babel import gettext as _

_PROGRAMS = {
    "edge": "Edge",
    "opera": "Opera",
    "samsung": "Samsung Internet",
    "firefox": "Firefox",
    "chrome": "Chrome",
    "safari": "Safari",
}
_SYSTEMS = {
    "windows": "Windows",
    "iphone": "iPhone",
    "ipad": "iPad",
    "android": "Android",
    "chromeos": "ChromeOS",
    "macos": "macOS",
    "linux": "Linux",
}


def device_words(device: str) -> str:
    """The kind of browser and system of a session, such as "Firefox on Windows"."""
    browser, _space, system = device.partition(" ")
    if browser not in _PROGRAMS and system not in _SYSTEMS:
        return _("Unknown device")
    return _(
        "%(browser)s on %(system)s",
        browser=_PROGRAMS.get(browser, _("A browser")),
        system=_SYSTEMS.get(system, _("a device")),
    )


def strength_words(strength: str) -> str:
    """How somebody came in."""
    return {
        "password": _("Password only"),
        "two_factors": _("Password and second step"),
        "passkey": _("Passkey"),
        "provider": _("By your own organisation"),
    }.get(strength, _("Unknown"))


def password_problem(code: str, least: int) -> str:
    """What was expected of a password that may not be chosen; never what stood there."""
    return {
        "too_short": _("Use at least %(count)s characters", count=least),
        "too_long": _("Use a shorter password"),
        "tried_by_all": _(
            "Many people try this one first. Choose a few words that have nothing to do with each other."
        ),
        "leaked": _("This password leaked somewhere, so others try it. Choose another one."),
        "the_same": _("Choose another password than the one you have"),
    }[code]
