"""Coming in, going out, choosing a language."""

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import LoginManager, UserMixin, login_user, logout_user
from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, RadioField, SelectChoice, StringField
from wtforms.validators import EqualTo, InputRequired

from signaltable.access import Permission
from signaltable.domain import Refused, UnusableInput
from signaltable.flow import accounts
from signaltable.flow.coming_in import actors, passwords, proving, sessions, signing_in
from signaltable.flow.mail import addresses
from signaltable.web.errors import reason_text
from signaltable.web.guards import (
    STEP_UP_FIELD,
    actor,
    begin,
    offered,
    only,
    permission,
    program,
    prove_again,
    submitted,
)

pages = Blueprint("account", __name__)
login_manager = LoginManager()
LANGUAGES = ("nl", "en")


class Visitor(UserMixin):
    """What flask-login carries: the random session token, and nothing about the person."""

    def __init__(self, token: str) -> None:
        self.id = token


@login_manager.user_loader
def load_visitor(token: str) -> Visitor | None:
    """The session behind the token, when it still runs."""
    return Visitor(token) if actors.is_known(actor()) else None


def language() -> str:
    """The chosen language, Dutch first."""
    chosen = session.get("lang", "")
    return chosen if chosen in LANGUAGES else "nl"


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
                token = signing_in.log_in(program(), form.login.data, form.password.data, visitor=actor())
            except Refused as refusal:
                problem, status = reason_text(refusal.reason), 401
            else:
                return _welcome(token, form.next.data or "")
    return render_template("account/log_in.html", form=form, problem=problem), status


def _welcome(token: str, wanted: str) -> ResponseReturnValue:
    if actors.is_known(actor()):  # Who was signed in here before is no longer, on the server too.
        sessions.log_out(program(), actor(), session.get("_user_id", ""))
    _forget_session()  # A new session for a new person: nothing of before the login lives on (ASVS 7.2.4).
    login_user(Visitor(token))
    return redirect(wanted if _is_inside(wanted) else url_for("overview.show"))


def _forget_session() -> None:
    """Empty the session of this browser but for the language."""
    chosen = session.get("lang", "")
    session.clear()
    if chosen:
        session["lang"] = chosen


def _is_inside(address: str) -> bool:
    """Whether an address that came along leads to a page of ours; browsers drop tabs and turn backslashes."""
    plain = address.isascii() and address.isprintable() and "\\" not in address
    return plain and address.startswith("/") and not address.startswith("//")


def _readable(address: str) -> str:
    """The address, or the nearest above it that can be read: a form with a mistake stands at one that only takes forms."""
    readers = current_app.create_url_adapter(request)
    while readers and address != "/" and not readers.test(address.partition("?")[0], "GET"):
        address = address.rpartition("/")[0] or "/"
    return address


class OwnPasswordForm(FlaskForm):
    current = PasswordField(_l("Your present password"), [InputRequired(_l("Fill in your present password"))])
    password = PasswordField(_l("New password"), [InputRequired(_l("Fill in a new password"))])
    again = PasswordField(
        _l("The new password again"),
        [
            InputRequired(_l("Fill in the new password again")),
            EqualTo("password", _l("The two passwords are not the same")),
        ],
    )


@pages.route("/wachtwoord", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
def choose_password() -> ResponseReturnValue:
    """A person's own password. Whoever got a first one from somebody else comes here before anything else."""
    form, problem, status = OwnPasswordForm(), "", 422 if request.method == "POST" else 200
    if submitted(form):
        try:
            confirmed = proving.confirm_password(program(), actor(), form.current.data or "")
            with begin() as tx:
                accounts.choose_password(tx, confirmed, form.password.data or "")
        except Refused as refusal:
            problem, status = reason_text(refusal.reason), 403
        except UnusableInput:
            form.password.errors = [
                _("Choose another password of at least %(count)s characters", count=passwords.MINIMUM_PASSWORD),
            ]
        else:
            logout_user()
            _forget_session()
            flash(_("Your password is changed. Sign in with the new one."), "success")
            return redirect(url_for("account.log_in"), 303)
    first = actor().must_choose_password
    return render_template("account/password.html", form=form, problem=problem, first=first), status


class OwnAccountForm(FlaskForm):
    mail_address = StringField(
        _l("Mail address"),
        description=_l("Leave it empty when your login name is your mail address"),
    )
    language = RadioField(_l("Language of the mails"), [InputRequired(_l("Choose a language"))])


@pages.route("/account", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
def own() -> ResponseReturnValue:
    """Where the own mails go, and in which language; the way to a new password."""
    with begin() as tx:
        given, counts, chosen = addresses.own(tx)
    form = OwnAccountForm(data={"mail_address": given, "language": chosen})
    form.language.choices = [SelectChoice("nl", "Nederlands"), SelectChoice("en", "English")]
    if submitted(form):
        try:
            with begin() as tx:
                addresses.choose_own(tx, form.mail_address.data or "", form.language.data or "")
        except UnusableInput:
            form.mail_address.errors = [_("Fill in one mail address, such as the one of your work")]
        else:
            flash(_("Your mails go to the address that you see here."), "success")
            return redirect(url_for("account.own"), 303)
    return render_template("account/own.html", form=form, counts=counts), 422 if form.errors else 200


@pages.route("/account/bevestigen", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
def confirm() -> ResponseReturnValue:
    """The password once more (step-up), and then on to what asked for it."""
    if request.method == "GET":
        wanted = request.args.get("next", "")
        return render_template("account/confirm.html", carried=[("next", wanted)], action=request.path, problem="")
    only(STEP_UP_FIELD, "next")
    wanted = request.form.get("next", "")
    problem = prove_again(request.form.get(STEP_UP_FIELD, ""))
    if problem:
        page = render_template("account/confirm.html", carried=[("next", wanted)], action=request.path, problem=problem)
        return page, 422
    return redirect(wanted if _is_inside(wanted) else url_for("overview.show"), 303)


@pages.post("/afmelden")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def log_out() -> ResponseReturnValue:
    """End the session on the server and in the browser."""
    only()
    sessions.log_out(program(), actor(), session.get("_user_id", ""))
    logout_user()
    _forget_session()
    return redirect(url_for("account.log_in"))


@pages.post("/taal")
@permission(None)
def choose_language() -> ResponseReturnValue:
    """Switch between Dutch and English, and stay on the page."""
    only("lang", "next")
    session["lang"] = offered("lang", LANGUAGES)
    back = request.form.get("next", "/")
    return redirect(_readable(back) if _is_inside(back) else "/")


@pages.get("/gezond")
@permission(None)
def healthy() -> ResponseReturnValue:
    """For a proxy or a start script: the program answers."""
    return _("ok"), 200, {"Content-Type": "text/plain"}
