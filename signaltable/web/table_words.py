"""How tables read in forms: to choose one, and why one is offered."""

from collections.abc import Sequence

from flask_babel import gettext as _

from signaltable.flow.seats import TableTitle
from signaltable.seating import Offered, Why
from signaltable.web.filters import in_words
from signaltable.web.guards import program


def table_choices(tables: Sequence[TableTitle]) -> list[tuple[str, str]]:
    """The own tables to choose one from in a filter; empty when there is only one."""
    titled = [(one.id, one.title) for one in tables]
    return [("", _("All tables")), *titled] if len(titled) > 1 else []


def why_offered(one: Offered) -> str:
    """Why a new signal can go to a table, in words."""
    themes = program().policy.table_themes
    theme = in_words(themes[one.seat.theme].title) if one.seat.theme in themes else ""
    return {
        Why.THEME: _("This table is about: %(theme)s", theme=theme),
        Why.GENERAL: _("This table takes signals of every kind"),
        Why.ONLY: _("This is the only open table where your organisation sits"),
        Why.NONE_FITS: _("No table of your organisation is about this kind of signal; choose the nearest"),
    }[one.why]
