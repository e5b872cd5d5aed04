"""Passkeys in the browser: the challenges that a script asks for, and the forms that come back with the answer."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Blueprint, flash, jsonify, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField
from wtforms.validators import DataRequired, Length

from signaltable.access import Permission
from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.coming_in import factors, passkeys, recovery, signing_in, steps
from signaltable.passkeys import Site, site_of
from signaltable.web.entering import STEP, go_on
from signaltable.web.errors import reason_text
from signaltable.web.guards import (
    PASSKEY_ASKED,
    actor,
    begin,
    given_of,
    only,
    permission,
    program,
    session_token,
    step_up,
    submitted,
)
from signaltable.web.known_browser import device, known_browser
from signaltable.web.security import codes_page, first_session
from signaltable.web.sign_in_words import device_words
from signaltable.web.signing_in import LoginForm

pages = Blueprint("passkeys", __name__)

# Where the browser keeps the challenge for a new passkey, in the signed cookie: beside that for a proof, which may come between.
NEW = "passkey_new"


class NewPasskeyForm(FlaskForm):
    title = StringField(
        _l("What do you call it?"),
        [
            DataRequired(_l("Give the passkey a name, so that you know it again")),
            Length(max=factors.LONGEST_TITLE, message=_l("Use at most 60 characters")),
        ],
        description=_l("For example: laptop of my work. Only you see this."),
    )
    passkey = HiddenField()


@dataclass(frozen=True, slots=True)
class Place:
    """Whether passkeys work where this browser is; `address` is where else to go, "" when there is no such place."""

    usable: bool
    address: str = ""


@pages.app_template_global()
def passkey_place() -> Place:
    """Whether a passkey can be made and used at the address in the bar of this browser."""
    site = _site()
    if site is None:
        return Place(usable=False)
    # Only a demo is found under a number: behind a proxy this header may hold a name that no browser sees.
    if program().settings.demo and site.rp_id == "localhost" and urlsplit(request.host_url).hostname != "localhost":
        return Place(usable=False, address=f"{site.origin}{url_for('account.log_in')}")
    return Place(usable=True)


@pages.post("/aanmelden/passkey/vraag")
@permission(None)
def ask_anybody() -> ResponseReturnValue:
    """A challenge for whoever comes with a passkey alone; the same for everybody, so nobody learns who has an account."""
    only()
    return _told(PASSKEY_ASKED, passkeys.ask_for_proof(program(), _site_here()))


@pages.post("/aanmelden/passkey")
@permission(None)
def log_in() -> ResponseReturnValue:
    """Coming in with a passkey and nothing else."""
    only("passkey", "next")
    wanted = request.form.get("next", "")
    try:
        entered = passkeys.come_in(
            program(),
            given_of("passkey", request.form.get("passkey", "")),
            visitor=actor(),
            browser=known_browser(),
            device=device(),
        )
    except Refused as refusal:
        form = LoginForm(formdata=None, data={"next": wanted})
        return render_template("account/log_in.html", form=form, problem=reason_text(refusal.reason)), 401
    return go_on(signing_in.Next("welcome", entered.token, browser=entered.browser), wanted)


@pages.post("/aanmelden/tweede-stap/passkey/vraag")
@permission(None)
def ask_second() -> ResponseReturnValue:
    """A challenge for the passkeys of whoever gave the right password a moment ago."""
    only()
    step = steps.found(program(), session.get(STEP, ""), signing_in.SECOND)
    if step is None:
        raise NotFound("no login is under way in this browser")
    return _told(PASSKEY_ASKED, passkeys.ask_for_proof(program(), _site_here(), step.account_id))


@pages.post("/account/bevestigen/passkey/vraag")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def ask_again() -> ResponseReturnValue:
    """A challenge for one of the own passkeys, to prove once more who one is."""
    only()
    return _told(PASSKEY_ASKED, passkeys.ask_for_proof(program(), _site_here(), actor().account_id))


@pages.post("/account/beveiliging/passkey/vraag")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def ask_for_new() -> ResponseReturnValue:
    """A challenge for a new passkey of whoever is signed in."""
    only()
    title = _("Signal table human trafficking")
    return _told(NEW, passkeys.ask_for_new(program(), actor().account_id, _site_here(), title))


@pages.route("/account/beveiliging/passkey", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def add() -> ResponseReturnValue:
    """A new passkey for the own account; the first one opens the account, as an app does."""
    form, problem, status = NewPasskeyForm(), "", 422 if request.method == "POST" else 200
    if submitted(form):
        try:
            codes = _take_in(form)
        except Refused as refusal:
            if refusal.reason != steps.OVER:
                raise
            problem = reason_text(steps.OVER)
        except UnusableInput as unusable:
            problem = _problem(unusable)
        except Conflict as conflict:
            if conflict.reason != "too_many_factors":
                raise
            problem, status = _("You have as many as one person can have. Take one away first."), 409
        else:
            return _added(codes)
    if request.method == "GET":
        form.title.data = device_words(device())
    return render_template("account/passkey.html", form=form, problem=problem), status


def _take_in(form: NewPasskeyForm) -> list[str]:
    """Keep the passkey that the browser made. Returns the recovery codes that come with a first second factor."""
    if not form.passkey.data:  # The form was sent without the button; the challenge, if there is one, waits on.
        raise UnusableInput({"passkey": "expected what the device answers"})
    new = passkeys.read_new(program(), actor(), passkeys.answered(session.pop(NEW, ""), form.passkey.data))
    token = session_token()
    with begin() as tx:
        first = not factors.factors_of(tx.session, tx.actor.account_id)
        passkeys.add(tx, token, new, form.title.data or "")
        return recovery.make(tx, token) if first else []


def _added(codes: list[str]) -> ResponseReturnValue:
    if codes:
        first_session(passkeys.PASSKEY)
        return codes_page(codes, first=True)
    flash(_("The passkey is added. You can sign in with it from now on."), "success")
    return redirect(url_for("account.security"), 303)


def _problem(unusable: UnusableInput) -> str:
    if "title" in unusable.problems:
        return _("Use at most 60 characters")
    return _("The device made no passkey that counts here. Press the button and try again, or take another device.")


def _told(name: str, asked: passkeys.Asked) -> ResponseReturnValue:
    session[name] = asked.token
    return jsonify(asked.options)


def _site() -> Site | None:
    settings = program().settings
    return site_of(settings.address, demo=settings.demo, host=request.host)


def _site_here() -> Site:
    site = _site()
    if site is None:
        raise NotFound("passkeys do not work at the address of this program")
    return site
