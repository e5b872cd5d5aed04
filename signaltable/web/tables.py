"""The administrator's pages about tables: making, changing, closing."""

from collections.abc import Callable

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import SelectChoice, SelectField, SelectMultipleField, StringField
from wtforms.validators import InputRequired, Length, Optional

from signaltable.access import Permission
from signaltable.domain import Conflict, UnusableInput
from signaltable.flow.table import tables
from signaltable.flow.table.tables import Described, TableView
from signaltable.transaction import Transaction
from signaltable.web.admin import pages
from signaltable.web.dossier_words import put_problems
from signaltable.web.filters import in_words
from signaltable.web.guards import begin, only, permission, program, submitted

__all__ = ["pages"]


class TableForm(FlaskForm):
    title = StringField(_l("Name of the table"), [InputRequired(_l("Fill in a name")), Length(max=tables.TITLE_LIMIT)])
    region = StringField(
        _l("Region"),
        [Optional(), Length(max=tables.REGION_LIMIT)],
        description=_l("The part of the region that this table is for, when it is not for all of it."),
    )
    theme = SelectField(
        _l("Theme"),
        [Optional()],
        description=_l(
            "A signal that fits the theme is proposed for this table. The themes stand in policies/table_themes.toml."
        ),
    )
    members = SelectMultipleField(
        _l("Who sits at this table?"),
        [Optional()],
        description=_l("An organisation can sit at several tables. One of them needs a coordinator."),
    )


@pages.get("/tafels")
@permission(Permission.AGENCY_CHANGE_ALL)
def tables_listing() -> ResponseReturnValue:
    """All tables, with who sits there and how much lies there."""
    with begin() as tx:
        lines = tables.list_tables(tx)
    return render_template("admin/tables.html", lines=lines, theme_label=theme_label)


def theme_label(theme: str) -> str:
    """What a table is about, in words."""
    known = program().policy.table_themes
    return in_words(known[theme].title) if theme in known else (theme or _("Signals of every kind"))


@pages.route("/tafels/nieuw", methods=["GET", "POST"])
@permission(Permission.AGENCY_CHANGE_ALL)
def add_table() -> ResponseReturnValue:
    """A new table with its members."""
    with begin() as tx:
        agencies = tables.agencies_to_seat(tx)
    form = TableForm()
    _put_choices(form, agencies)
    if submitted(form) and _done(form, lambda tx: tables.record_table(tx, _described(form))):
        flash(_("The table is made. New signals can come to it from now on."), "success")
        return redirect(url_for("admin.tables_listing"), 303)
    return render_template("admin/table.html", form=form, view=None), _status(form)


@pages.route("/tafels/<table_id>", methods=["GET", "POST"])
@permission(Permission.AGENCY_CHANGE_ALL)
def change_table(table_id: str) -> ResponseReturnValue:
    """Name, region, theme and members of one table."""
    with begin() as tx:
        view = tables.table_of(tx, table_id)
    form = _table_form(view)
    if submitted(form) and _done(form, lambda tx: tables.change_table(tx, table_id, _described(form, view))):
        flash(_("The table is changed."), "success")
        return redirect(url_for("admin.tables_listing"), 303)
    return render_template("admin/table.html", form=form, view=view), _status(form)


@pages.post("/tafels/<table_id>/sluiten")
@permission(Permission.AGENCY_CHANGE_ALL)
def close_table(table_id: str) -> ResponseReturnValue:
    """Close a table where nothing open lies."""
    only()
    try:
        with begin() as tx:
            tables.close_table(tx, table_id)
    except Conflict as conflict:
        if conflict.reason not in _STILL_OPEN:
            raise
        flash(str(_STILL_OPEN[conflict.reason]), "warning")
        return redirect(url_for("admin.change_table", table_id=table_id), 303)
    flash(_("The table is closed. Its past stays; nothing new comes to it."), "success")
    return redirect(url_for("admin.tables_listing"), 303)


_STILL_OPEN = {
    "open_signals": _l("Signals that have not ended lie at this table. Its coordinator can take them to another one."),
    "open_meetings": _l("A meeting of this table is still to come. Its coordinator can call it off."),
}


@pages.post("/tafels/<table_id>/openen")
@permission(Permission.AGENCY_CHANGE_ALL)
def reopen_table(table_id: str) -> ResponseReturnValue:
    """Open a closed table again."""
    only()
    with begin() as tx:
        tables.reopen_table(tx, table_id)
    flash(_("The table is open again."), "success")
    return redirect(url_for("admin.change_table", table_id=table_id), 303)


def _table_form(view: TableView) -> TableForm:
    described = view.described
    form = TableForm(
        data={
            "title": described.title,
            "region": described.region,
            "theme": described.theme,
            "members": list(described.members),
        }
    )
    _put_choices(form, list(view.agencies), theme=described.theme)
    return form


def _put_choices(form: TableForm, agencies: list[tuple[str, str]], *, theme: str = "") -> None:
    themes = [SelectChoice(one.id, in_words(one.title)) for one in program().policy.table_themes.values()]
    gone = [SelectChoice(theme, theme)] if theme and theme not in program().policy.table_themes else []
    form.theme.choices = [SelectChoice("", _("Signals of every kind")), *themes, *gone]
    form.members.choices = agencies


def _described(form: TableForm, view: TableView | None = None) -> Described:
    """What was typed; members that no longer take part are not on the form, and keep their seat."""
    offered = dict(view.agencies) if view else {}
    hidden = [one for one in view.described.members if one not in offered] if view else []
    return Described(
        title=form.title.data or "",
        region=form.region.data or "",
        theme=form.theme.data or "",
        members=(*(form.members.data or ()), *hidden),
    )


def _done(form: TableForm, use_case: Callable[[Transaction], object]) -> bool:
    try:
        with begin() as tx:
            use_case(tx)
    except UnusableInput as error:
        put_problems(form, error.problems)
        return False
    return True


def _status(form: TableForm) -> int:
    return 422 if request.method == "POST" and form.errors else 200
