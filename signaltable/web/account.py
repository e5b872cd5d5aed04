"""The own account: mails, language, the password, a proof once more, going out."""

from flask import Blueprint, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import LoginManager, logout_user
from flask_wtf import FlaskForm
from wtforms import PasswordField, RadioField, SelectChoice, StringField
from wtforms.validators import EqualTo, InputRequired

from signaltable.access import Permission
from signaltable.domain import Refused, UnusableInput
from signaltable.flow import accounts
from signaltable.flow.coming_in import actors, password_choice, passwords, proving, sessions
from signaltable.flow.coming_in.provider_accounts import provider_of
from signaltable.flow.mail import addresses
from signaltable.models import Account
from signaltable.transaction import reading
from signaltable.web.entering import Visitor, forget_session, is_inside, readable
from signaltable.web.errors import reason_text
from signaltable.web.guards import (
    STEP_UP_FIELDS,
    actor,
    begin,
    confirm_page,
    offered,
    only,
    permission,
    program,
    proof_needed,
    prove_with_form,
    session_token,
    step_up_when,
    submitted,
)
from signaltable.web.known_browser import known_browser
from signaltable.web.sign_in_words import password_problem

pages = Blueprint("account", __name__)
login_manager = LoginManager()
LANGUAGES = ("nl", "en")


@login_manager.user_loader
def load_visitor(token: str) -> Visitor | None:
    """The session behind the token, when it still runs."""
    return Visitor(token) if actors.is_known(actor()) else None


def language() -> str:
    """The chosen language, Dutch first."""
    chosen = session.get("lang", "")
    return chosen if chosen in LANGUAGES else "nl"


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
            _change_password(form.current.data or "", form.password.data or "")
        except Refused as refusal:
            problem, status = reason_text(refusal.reason), 403
        except UnusableInput as unusable:
            form.password.errors = [password_problem(unusable.problems["password"], _least())]
        else:
            flash(_("Your password is changed. Your other sessions have ended."), "success")
            return redirect(url_for("account.security"), 303)
    first = actor().must_choose_password
    return render_template("account/password.html", form=form, problem=problem, first=first, least=_least()), status


def _change_password(present: str, wanted: str) -> None:
    """Compare the present password, look at the new one, and only then hold up others."""
    confirmed = proving.confirm_password(program(), actor(), present, known_browser())
    with reading(program()) as reader:
        account = reader.get_one(Account, actor().account_id)
    password_choice.require_fit(program(), account, wanted)
    kept = passwords.hash_password(program().policy.coming_in.password, wanted)
    with begin() as tx:
        accounts.choose_password(tx, confirmed, kept, session_token())


def _least() -> int:
    return password_choice.least_for(program(), actor().account_id)


class OwnAccountForm(FlaskForm):
    mail_address = StringField(
        _l("Mail address"),
        description=_l("Leave it empty when your login name is your mail address"),
    )
    language = RadioField(_l("Language of the mails"), [InputRequired(_l("Choose a language"))])


def _moves_mail() -> bool:
    """Whether this request sends the own mails elsewhere: to that address go the warnings that somebody is in this account."""
    if request.method != "POST":
        return False
    with reading(program()) as reader:
        present = reader.get_one(Account, actor().account_id).mail_address
    return request.form.get("mail_address", "").strip() != present


@pages.route("/account", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up_when(_moves_mail)
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
    """Who is it, once more (step-up), and then on to what asked for it."""
    wanted = request.args.get("next", "") if request.method == "GET" else request.form.get("next", "")
    problem = ""
    if request.method == "POST":
        only(*STEP_UP_FIELDS.values(), "next")
        problem = prove_with_form()
        if not problem and not proof_needed():
            return redirect(wanted if is_inside(wanted) else url_for("overview.show"), 303)
    return confirm_page([("next", wanted)], problem), 422 if request.method == "POST" else 200


@pages.post("/afmelden")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def log_out() -> ResponseReturnValue:
    """End the session on the server and in the browser."""
    only()
    left = provider_of(program(), actor())
    sessions.log_out(program(), actor(), session_token())
    logout_user()
    forget_session()
    return redirect(url_for("account.log_in", afgemeld=left or None))


@pages.post("/taal")
@permission(None)
def choose_language() -> ResponseReturnValue:
    """Switch between Dutch and English, and stay on the page."""
    only("lang", "next")
    session["lang"] = offered("lang", LANGUAGES)
    back = request.form.get("next", "/")
    return redirect(readable(back) if is_inside(back) else "/")


@pages.get("/gezond")
@permission(None)
def healthy() -> ResponseReturnValue:
    """For a proxy or a start script: the program answers."""
    return _("ok"), 200, {"Content-Type": "text/plain"}
