"""Coming in once with a code that was handed over: the code, and then a password or a new second factor."""

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import PasswordField, StringField
from wtforms.validators import EqualTo, InputRequired, Length

from signaltable.domain import Refused, UnusableInput
from signaltable.flow.coming_in import activating, password_choice, steps
from signaltable.web.account import pages
from signaltable.web.entering import go_on
from signaltable.web.errors import reason_text
from signaltable.web.guards import actor, permission, program, submitted
from signaltable.web.known_browser import device, known_browser
from signaltable.web.sign_in_words import password_problem

__all__ = ["pages"]

# What the signed cookie of the browser holds while somebody chooses a password with a code.
CODE = "activation"


class CodeForm(FlaskForm):
    login = StringField(_l("Login name"), [InputRequired(_l("Fill in your login name")), Length(max=200)])
    code = StringField(
        _l("Your code"),
        [InputRequired(_l("Fill in the code that you got")), Length(max=200)],
        description=_l("Capitals, spaces and dashes make no difference"),
    )


class NewPasswordForm(FlaskForm):
    password = PasswordField(_l("New password"), [InputRequired(_l("Fill in a new password"))])
    again = PasswordField(
        _l("The new password again"),
        [
            InputRequired(_l("Fill in the new password again")),
            EqualTo("password", _l("The two passwords are not the same")),
        ],
    )


class PresentPasswordForm(FlaskForm):
    password = PasswordField(_l("Your password"), [InputRequired(_l("Fill in your password"))])


@pages.route("/activeren", methods=["GET", "POST"])
@permission(None)
def activate() -> ResponseReturnValue:
    """The login name and the code of who comes in for the first time, or anew."""
    form, problem, status = CodeForm(), "", 422 if request.method == "POST" else 200
    if submitted(form):
        try:
            token = activating.open_code(
                program(), form.login.data or "", form.code.data or "", visitor=actor(), browser=known_browser()
            )
        except Refused as refusal:
            problem, status = reason_text(refusal.reason), 401
        else:
            session[CODE] = token
            return redirect(url_for("account.activate_choose"), 303)
    return render_template("account/activate.html", form=form, problem=problem), status


@pages.route("/activeren/kiezen", methods=["GET", "POST"])
@permission(None)
def activate_choose() -> ResponseReturnValue:
    """A password for who has a code for that; the present one for who sets up a second factor anew."""
    token = session.get(CODE, "")
    purpose = activating.purpose_of(program(), token)
    if not purpose:
        return _begin_again()
    try:
        return _renew_factors(token) if purpose == activating.FACTORS else _choose_password(token)
    except Refused as refusal:
        if refusal.reason != steps.OVER:
            raise
        return _begin_again()


def _choose_password(token: str) -> ResponseReturnValue:
    form = NewPasswordForm()
    if submitted(form):
        try:
            following = activating.choose_password(
                program(), token, form.password.data or "", visitor=actor(), device=device()
            )
        except UnusableInput as unusable:
            form.password.errors = [password_problem(unusable.problems["password"], _least(token))]
        else:
            session.pop(CODE, None)
            return go_on(following, "")
    page = render_template("account/activate_password.html", form=form, least=_least(token))
    return make_response(page, 422 if form.errors else 200)


def _renew_factors(token: str) -> ResponseReturnValue:
    form, problem = PresentPasswordForm(), ""
    if submitted(form):
        try:
            following = activating.renew_factors(
                program(),
                token,
                form.password.data or "",
                visitor=actor(),
                browser=known_browser(),
                device=device(),
            )
        except Refused as refusal:
            if refusal.reason == steps.OVER:
                raise
            problem = reason_text(refusal.reason)
        else:
            session.pop(CODE, None)
            return go_on(following, "")
    page = render_template("account/activate_factors.html", form=form, problem=problem)
    return make_response(page, 401 if problem else 422 if form.errors else 200)


def _least(token: str) -> int:
    return password_choice.least_for(program(), activating.account_of(program(), token))


def _begin_again() -> ResponseReturnValue:
    session.pop(CODE, None)
    flash(_("That took too long, or the code was used. Begin again, or ask for a new code."), "warning")
    return redirect(url_for("account.activate"), 303)
