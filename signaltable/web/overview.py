"""The first page after login: what waits for me."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from signaltable.access import Permission
from signaltable.flow import overview
from signaltable.flow.accounts import is_known
from signaltable.transaction import Transaction, reading
from signaltable.web.guards import actor, permission, program

pages = Blueprint("overview", __name__)


@pages.get("/")
@permission(None)
def home() -> ResponseReturnValue:
    """The address people type."""
    return redirect(url_for("account.log_in" if not is_known(actor()) else "overview.show"))


@pages.get("/overzicht")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def show() -> ResponseReturnValue:
    """What waits for this person. Counts of the own work only, so no entry in the log."""
    with reading(program()) as session:
        waiting = overview.waiting(Transaction(program(), actor(), session, program().clock()))
    return render_template("overview/show.html", waiting=waiting)
