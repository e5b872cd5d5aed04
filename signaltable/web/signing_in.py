"""Signing in: the password, and then the second step."""

from flask import flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField
from wtforms.validators import InputRequired

from signaltable.domain import Refused
from signaltable.flow.coming_in import app_codes, signing_in, steps
from signaltable.web.account import pages
from signaltable.web.entering import STEP, WANTED, go_on
from signaltable.web.errors import reason_text
from signaltable.web.guards import actor, given_of, offered, only, permission, program, submitted
from signaltable.web.known_browser import device, known_browser

__all__ = ["pages"]


class LoginForm(FlaskForm):
    login = StringField(_l("Login name"), [InputRequired(_l("Fill in your login name"))])
    password = PasswordField(_l("Password"), [InputRequired(_l("Fill in your password"))])
    next = HiddenField()


@pages.route("/aanmelden", methods=["GET", "POST"])
@permission(None)
def log_in() -> ResponseReturnValue:
    """The login page."""
    form = LoginForm(data={"next": request.args.get("next", "")} if request.method == "GET" else None)
    problem, status = "", 200
    if request.method == "POST":
        status = 422
        if submitted(form):
            try:
                following = signing_in.log_in(
                    program(),
                    form.login.data,
                    form.password.data,
                    visitor=actor(),
                    browser=known_browser(),
                    device=device(),
                )
            except Refused as refusal:
                problem, status = reason_text(refusal.reason), 401
            else:
                return go_on(following, form.next.data or "")
    return render_template("account/log_in.html", form=form, problem=problem), status


@pages.route("/aanmelden/tweede-stap", methods=["GET", "POST"])
@permission(None)
def second_step() -> ResponseReturnValue:
    """The second factor, after a right password."""
    token = session.get(STEP, "")
    ways = signing_in.ways_of(program(), token)
    if not ways:
        return _begin_again()
    if request.method == "GET":
        return _second_page(token, ways, "", "")
    only("way", "given")
    way = offered("way", ways)
    try:
        following = signing_in.second_step(
            program(),
            token,
            way,
            given_of(way, request.form.get("given", "")),
            visitor=actor(),
            browser=known_browser(),
            device=device(),
        )
    except Refused as refusal:
        if refusal.reason == steps.OVER:
            return _begin_again()
        return _second_page(token, ways, way, refusal.reason), 401
    return go_on(following, session.get(WANTED, ""))


def _begin_again() -> ResponseReturnValue:
    session.pop(STEP, None)
    flash(_("Signing in took too long. Begin again."), "warning")
    return redirect(url_for("account.log_in", next=session.pop(WANTED, "") or None), 303)


def _second_page(token: str, ways: tuple[str, ...], tried: str, problem: str) -> str:
    step = steps.found(program(), token, signing_in.SECOND)
    shown = app_codes.shown_code(program(), step.account_id) if step and "code" in ways else ""
    words = reason_text(problem) if problem else ""
    return render_template("account/second.html", ways=ways, tried=tried, problem=words, shown=shown)
