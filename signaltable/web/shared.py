"""The application as workers share it: with all at hand that each of them would otherwise have to make."""

import ctypes
from datetime import date
from importlib import import_module
from typing import Final

from flask import Flask
from flask_babel import force_locale, format_date, gettext

from signaltable.settings import Settings
from signaltable.web import begin_app, create_app
from signaltable.web.account import LANGUAGES
from signaltable.web.compiled_templates import load_kept, make_all

# What other processes load when somebody first asks for a paper or a calendar. Sooner or later every worker would, each for
# itself: 6 MB; together they share it, and a start takes less than a tenth of a second longer.
PAPERS: Final = ("signaltable.card.pdf", "signaltable.reports.typeset", "icalendar")
for _module in PAPERS:
    import_module(_module)


def make(settings: Settings) -> Flask:
    """The application, with the texts of both languages, how they write a day, and the templates; what making it left over is given back."""
    app = create_app(settings)
    for language in LANGUAGES:
        with app.test_request_context("/"), force_locale(language):
            gettext("Signals")
            format_date(date(2026, 1, 1), "full")
    load_kept(app.jinja_env)
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:  # Only glibc has it.
        trim(0)
    return app


if __name__ == "__main__":
    make_all(begin_app(Settings.from_env()).jinja_env)
