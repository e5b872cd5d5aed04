"""The application as workers share it: with all at hand that each of them would otherwise have to make."""

import ctypes
from datetime import date

from flask import Flask
from flask_babel import force_locale, format_date, gettext

from signaltable.settings import Settings
from signaltable.web import create_app
from signaltable.web.account import LANGUAGES


def make(settings: Settings) -> Flask:
    """The application, with the texts of both languages and how they write a day; what making it left over is given back."""
    app = create_app(settings)
    for language in LANGUAGES:
        with app.test_request_context("/"), force_locale(language):
            gettext("Signals")
            format_date(date(2026, 1, 1), "full")
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Only glibc has it.
        trim(0)
    return app
