"""The first page after login: what waits for me."""

from flask import Blueprint, redirect, render_template, url_for
from flask.typing import ResponseReturnValue

from signaltable.access import Permission
from signaltable.flow import linking, looks
from signaltable.flow.accounts import is_known
from signaltable.web.guards import actor, begin, permission

pages = Blueprint("overview", __name__)


@pages.get("/")
@permission(None)
def home() -> ResponseReturnValue:
    """The address people type."""
    return redirect(url_for("account.log_in" if not is_known(actor()) else "overview.show"))


@pages.get("/overzicht")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def show() -> ResponseReturnValue:
    """What waits for this person."""
    with begin() as tx:
        waiting = looks.overview(tx)
        wrong_links = linking.notices(tx)
    return render_template("overview/show.html", waiting=waiting, wrong_links=wrong_links)
