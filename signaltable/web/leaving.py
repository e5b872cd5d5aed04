"""Leaving quickly, for who looks at this beside somebody who must not see it; and where a finder of a weak place may report it.

Leaving ends the session, because the button that goes back would otherwise show the case again. Nothing that was kept is
lost: every step of a draft is stored when it is sent, and with script what stands in the form at that moment is stored too
(static/leave.js). The page that follows is of somebody else and neutral; the region names it.
"""

from datetime import timedelta
from typing import Final

from flask import Blueprint, Response, abort, render_template, session
from flask.typing import ResponseReturnValue

from signaltable.answer_headers import FORGET_ALL
from signaltable.flow.coming_in import sessions
from signaltable.flow.coming_in.actors import is_known
from signaltable.web.guards import actor, only, permission, program, session_token

pages = Blueprint("leaving", __name__)

# A reader of security.txt asks again after this time (RFC 9116, 2.5.5 recommends less than a year).
GOOD_FOR: Final = timedelta(days=90)


@pages.post("/verlaten")
@permission(None)
def leave() -> ResponseReturnValue:
    """End the session and lead away. Without a token of the form: it must work when the session is over, and does no harm."""
    only()
    if is_known(actor()):
        sessions.log_out(program(), actor(), session_token())
    session.clear()
    page = program().policy.region.leave_to
    answer = Response(render_template("leaving.html", page=page))
    if page:
        # Not a redirect: a form may only lead to ourselves (form-action), and a browser replaces this page in its history.
        answer.headers["Refresh"] = f"0; url={page}"
    answer.headers["Clear-Site-Data"] = FORGET_ALL
    return answer


@pages.get("/.well-known/security.txt")
@permission(None)
def security() -> ResponseReturnValue:
    """How to tell the region of a weak place (RFC 9116). Not there when the region names nobody."""
    contact = program().policy.region.security_contact
    if not contact:
        abort(404)
    until = (program().clock() + GOOD_FOR).strftime("%Y-%m-%dT00:00:00Z")
    address = program().settings.address.rstrip("/")
    lines = (
        f"Contact: {contact}",
        f"Expires: {until}",
        "Preferred-Languages: nl, en",
        f"Canonical: {address}/.well-known/security.txt",
    )
    return Response("".join(f"{line}\n" for line in lines), content_type="text/plain; charset=utf-8")
