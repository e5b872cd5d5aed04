"""The first page after login: the work list, what is asked of this person and by when."""

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from signaltable.access import Permission
from signaltable.domain import NotFound
from signaltable.flow import linking, work_list
from signaltable.flow.coming_in.actors import is_known
from signaltable.web.guards import actor, begin, permission
from signaltable.web.work_words import WORK_WORDS

pages = Blueprint("overview", __name__)
LONGEST_NUMBER = 6


@pages.get("/")
@permission(None)
def home() -> ResponseReturnValue:
    """The address people type."""
    return redirect(url_for("account.log_in" if not is_known(actor()) else "overview.show"))


@pages.get("/overzicht")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def show() -> ResponseReturnValue:
    """What waits for this person, what is late or due first at the top."""
    number = _page_number(request.args.get("pagina", ""))
    with begin(listing=True) as tx:
        page = work_list.page(tx, number)
        wrong_links = linking.notices(tx)
    return render_template("overview/show.html", page=page, wrong_links=wrong_links, **WORK_WORDS)


def _page_number(text: str) -> int:
    if not text:
        return 1
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise NotFound("no such page")
    return int(text)
