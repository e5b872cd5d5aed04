"""The figures of a month: what is told of numbers of tables and of the region, as a page with pictures and as a file."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final, Protocol

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from signaltable import small_cells, spreadsheets
from signaltable.access import Permission
from signaltable.flow import figures
from signaltable.flow.figures import Cell, Dimension, Month, Section
from signaltable.flow.figures.dimensions import REGION
from signaltable.flow.figures.reading import FILE
from signaltable.pictures import Bar, Svg, bars, named_bars
from signaltable.texts import Text
from signaltable.web.filters import in_words, month, state_label
from signaltable.web.guards import begin, permission, program

pages = Blueprint("figures", __name__, url_prefix="/cijfers")


class Titled(Protocol):
    """What the rules have words for."""

    @property
    def title(self) -> Text:
        """How people call it."""


# What stands for a number that is left out.
LEFT_OUT: Final = "–"


@pages.get("")
@permission(Permission.FIGURES_CONSULT_ALL)
def show() -> ResponseReturnValue:
    """The figures of one month, by default the last one that is over."""
    with begin(listing=True) as tx:
        found = figures.consult(tx, request.args.get("maand", ""))
    return render_template(
        "figures/show.html",
        found=found,
        name=month_name,
        table_name=_table_name,
        title=_title,
        said=_said,
        in_region=_in_region,
        value_name=_value_name,
        several=figures.SEVERAL,
        picture_of=_picture(found),
        short={_title(one): cells for one, cells in {**found.totals, **found.medians}.items()},
        pictures={section.dimension: _picture_of(section) for section in found.sections if section.told},
        step=small_cells.step_of(found.threshold),
        file=url_for("figures.file", month=found.month) if found.month else "",
    )


@pages.get("/<month>/bestand")
@permission(Permission.FIGURES_CONSULT_ALL)
def file(month: str) -> ResponseReturnValue:
    """All figures of one month for a spreadsheet: a line for each number, as the page has it, empty where it is left out."""
    with begin(listing=True) as tx:
        found = figures.consult(tx, month, view=FILE)
    head = (_("Month"), _("Table"), _("Figure"), _("Value"), _("Number"))
    name = f"cijfers-{found.month}.csv"
    return Response(
        # A spreadsheet program reads other letters than those of English only behind this mark.
        "\ufeff" + spreadsheets.table(head, _lines(found)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


# Month, table, figure, value, number.
_Line = tuple[str, str, str, str, int | None]


def _lines(found: Month) -> Iterator[_Line]:
    def line(dimension: Dimension, value: str, table: tuple[str, str], cells: Mapping[str, Cell]) -> _Line:
        name = _value_name(dimension, value)
        return found.month, _table_name(table), _title(dimension), name, cells[table[0]].number

    for dimension, cells in {**found.totals, **found.medians}.items():
        yield from (line(dimension, "", table, cells) for table in found.tables)
    for section in found.sections:
        for value, cells in section.rows.items():
            yield from (line(section.dimension, value, table, cells) for table in found.tables)


def _picture(found: Month) -> Svg:
    items = [Bar(month_name(one), cell.number) for one, cell in found.course]
    return bars(items, _("Signals in the whole region, by month"), hidden=LEFT_OUT, narrow=True)


def _picture_of(section: Section) -> Svg:
    items = [Bar(_value_name(section.dimension, value), cells[REGION].number) for value, cells in section.told.items()]
    return named_bars(items, _in_region(section.dimension), hidden=LEFT_OUT)


def _in_region(dimension: Dimension) -> str:
    return _("%(figure)s, in the whole region", figure=_title(dimension))


def month_name(code: str) -> str:
    """October 2026, for 2026-10."""
    return month(date.fromisoformat(f"{code}-01"))


def _said(cell: Cell) -> str:
    return LEFT_OUT if cell.number is None else str(cell.number)


def _table_name(table: tuple[str, str]) -> str:
    return _("Whole region") if table[0] == REGION else table[1]


def _title(dimension: Dimension) -> str:
    return {
        Dimension.SIGNALS: _("Signals"),
        Dimension.DISCLOSURES: _("Disclosures"),
        Dimension.OUTCOMES: _("Cases that ended"),
        Dimension.FORMS: _("Form of exploitation"),
        Dimension.URGENCY: _("Urgency"),
        Dimension.AGENCY_KIND: _("Kind of organisation that submitted"),
        Dimension.DESTINATIONS: _("Advised to go to"),
        Dimension.RECIPIENT_KIND: _("Kind of organisation that received"),
        Dimension.OUTCOME: _("How cases ended"),
        Dimension.MEDIAN_TO_TRIAGE: _("Days within which half of the signals were looked at"),
        Dimension.MEDIAN_TO_DECISION: _("Days within which half of the decisions were made"),
    }[dimension]


def _value_name(dimension: Dimension, value: str) -> str:
    """A code of the rules in words; the code itself where the rules of today do not have it any more."""
    policy = program().policy
    if not value:
        return ""
    if dimension is Dimension.OUTCOME and (policy.outcomes is None or value not in policy.outcomes.outcomes):
        return {"table": _("Closed by the table"), "stuck": _("Stuck")}.get(value) or state_label(value)
    known: Mapping[Dimension, Mapping[str, Titled]] = {
        Dimension.FORMS: policy.forms,
        Dimension.URGENCY: policy.urgencies,
        Dimension.AGENCY_KIND: policy.agency_kinds,
        Dimension.RECIPIENT_KIND: policy.agency_kinds,
        Dimension.DESTINATIONS: policy.destinations,
        Dimension.OUTCOME: policy.outcomes.outcomes if policy.outcomes else {},
    }
    named = known[dimension].get(value)
    return in_words(named.title) if named else value
