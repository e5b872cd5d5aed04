"""What every way in shares: going on to the page that was asked for, in a new session and nowhere else."""

from typing import cast

from flask import Response, current_app, redirect, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_login import UserMixin, login_user

from signaltable.flow.coming_in import actors, sessions
from signaltable.flow.coming_in.signing_in import Next
from signaltable.web.guards import actor, program, session_token
from signaltable.web.known_browser import keep_known

# What the signed cookie of the browser holds while a login is under way.
STEP, WANTED = "step", "wanted"


class Visitor(UserMixin):
    """What flask-login carries: the random session token, and nothing about the person."""

    def __init__(self, token: str) -> None:
        self.id = token


def go_on(following: Next, wanted: str) -> ResponseReturnValue:
    """Lead to what is asked next: the second step, setting up a second factor, or the page that was wanted."""
    if following.kind == "second_factor":
        session[STEP], session[WANTED] = following.token, wanted
        return redirect(url_for("account.second_step"))
    enter(following.token)
    if following.kind == "enrol":
        return redirect(url_for("account.security"))
    answer = redirect(wanted if is_inside(wanted) else url_for("overview.show"))
    return keep_known(cast(Response, answer), following.browser) if following.browser else answer


def enter(token: str) -> None:
    """Go on in this session and in no other: nothing of before the login lives on (ASVS 7.2.4)."""
    if actors.is_known(actor()):  # Who was signed in here before is no longer, on the server too.
        sessions.log_out(program(), actor(), session_token())
    forget_session()
    login_user(Visitor(token))


def forget_session() -> None:
    """Empty the session of this browser but for the language."""
    chosen = session.get("lang", "")
    session.clear()
    if chosen:
        session["lang"] = chosen


def is_inside(address: str) -> bool:
    """Whether an address that came along leads to a page of ours; browsers drop tabs and turn backslashes."""
    plain = address.isascii() and address.isprintable() and "\\" not in address
    return plain and address.startswith("/") and not address.startswith("//")


def readable(address: str) -> str:
    """The address, or the nearest above it that can be read: a form with a mistake stands at one that only takes forms."""
    readers = current_app.create_url_adapter(request)
    while readers and address != "/" and not readers.test(address.partition("?")[0], "GET"):
        address = address.rpartition("/")[0] or "/"
    return address
