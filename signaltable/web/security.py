"""How somebody signs in, for whoever it is: second factors, recovery codes, sessions and last logins."""

from typing import TYPE_CHECKING

from flask import flash, make_response, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import login_user
from flask_wtf import FlaskForm
from markupsafe import Markup
from sqlalchemy.orm import Session
from wtforms import StringField
from wtforms.validators import InputRequired, Length

from signaltable.access import Permission
from signaltable.domain import Conflict, Refused, UnusableInput
from signaltable.flow.coming_in import app_codes, browsers, factors, recovery, sessions, steps
from signaltable.later import later
from signaltable.models import Account
from signaltable.transaction import reading
from signaltable.web.account import pages
from signaltable.web.entering import Visitor
from signaltable.web.guards import actor, begin, only, permission, program, session_token, step_up, submitted
from signaltable.web.known_browser import device, keep_known, known_browser

if TYPE_CHECKING:
    import segno
else:
    segno = later("segno")

__all__ = ["pages"]

# What the signed cookie of the browser holds while an app is being set up.
ENROL = "enrol"
GROUP = 4


class AppForm(FlaskForm):
    code = StringField(_l("The six figures"), [InputRequired(_l("Fill in the six figures that the app shows"))])
    title = StringField(
        _l("What do you call it?"),
        [Length(max=factors.LONGEST_TITLE, message=_l("Use at most 60 characters"))],
        description=_l("For example: telephone of my work. Only you see this."),
    )


class TitleForm(FlaskForm):
    title = StringField(_l("New name"), [Length(max=factors.LONGEST_TITLE, message=_l("Use at most 60 characters"))])


@pages.get("/account/beveiliging")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def security() -> ResponseReturnValue:
    """The own second factors, recovery codes, sessions and last logins; for who has no factor yet, how to set one up."""
    return _page()


def _page(status: int = 200, problem: str = "", title_form: TitleForm | None = None) -> ResponseReturnValue:
    with begin() as tx:
        there = factors.factors_of(tx.session, tx.actor.account_id)
        if not there:
            return render_template("account/first_factor.html"), status
        running, last = sessions.own_sessions(tx, session_token())
    page = render_template(
        "account/security.html",
        factors=there,
        running=running,
        last=last,
        problem=problem,
        title_form=title_form or TitleForm(formdata=None),
        most=program().policy.coming_in.app.factors,
    )
    return page, status


@pages.post("/account/beveiliging/app/begin")
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def begin_app() -> ResponseReturnValue:
    """Begin to set up an authenticator app."""
    only()
    session[ENROL] = app_codes.begin(program(), actor())
    return redirect(url_for("account.app"), 303)


@pages.route("/account/beveiliging/app", methods=["GET", "POST"])
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def app() -> ResponseReturnValue:
    """The picture to scan, the same in letters, and the first code that the app shows."""
    form = AppForm()
    if submitted(form):
        try:
            with begin() as tx:
                first = not factors.factors_of(tx.session, tx.actor.account_id)
                app_codes.finish(
                    tx, session_token(), session.get(ENROL, ""), form.code.data or "", form.title.data or ""
                )
                codes = recovery.make(tx, session_token()) if first else []
        except UnusableInput as unusable:
            _put(form, unusable)
        except Refused as refusal:
            if refusal.reason != steps.OVER:
                raise
            return _begin_again()
        else:
            session.pop(ENROL, None)
            if first:
                return _first_time(codes)
            flash(_("The app is added. You can sign in with it from now on."), "success")
            return redirect(url_for("account.security"), 303)
    with begin() as tx:
        secret = app_codes.secret_under_way(tx, session.get(ENROL, ""))
    if secret is None:
        return _begin_again()
    return _app_page(form, secret), 422 if form.errors else 200


def _begin_again() -> ResponseReturnValue:
    session.pop(ENROL, None)
    flash(_("Setting up the app took too long. Begin again."), "warning")
    return redirect(url_for("account.security"), 303)


def _app_page(form: AppForm, secret: str) -> str:
    with reading(program()) as reader:
        login = _login(reader)
    groups = " ".join(secret[at : at + GROUP] for at in range(0, len(secret), GROUP))
    code = segno.make(app_codes.address_of(secret, login), error="m", micro=False)
    # Attributes of SVG and no style, which the policy of the page would stop; white beneath it on every screen.
    svg = code.svg_inline(border=4, dark="#000", light="#fff", svgclass="st-qr", lineclass=None, omitsize=True)
    return render_template("account/app.html", form=form, groups=groups, picture=Markup(svg))  # noqa: S704


def first_session(strength: str) -> str:
    """Go on from a session of the first factor in one of `strength`: a new token, in a browser that is known from now on."""
    with reading(program()) as reader:
        account = reader.get_one(Account, actor().account_id)
    token = sessions.open_session(
        program(), account, actor(), strength=strength, device=device(), instead_of=session_token()
    )
    login_user(Visitor(token))
    return token


def _first_time(codes: list[str]) -> ResponseReturnValue:
    first_session("two_factors")
    return codes_page(codes, first=True)


def codes_page(codes: list[str], *, first: bool) -> ResponseReturnValue:
    """The recovery codes, this once; the browser in which somebody set up a second factor is known from now on."""
    answer = make_response(render_template("account/codes.html", codes=codes, first=first))
    cookie = browsers.remember(program(), known_browser(), actor().account_id)
    return keep_known(answer, cookie)


@pages.post("/account/beveiliging/herstelcodes")
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def recovery_codes() -> ResponseReturnValue:
    """New recovery codes, in place of all of before."""
    only()
    with begin() as tx:
        codes = recovery.make(tx, session_token())
    return codes_page(codes, first=False)


@pages.post("/account/beveiliging/<factor_id>/naam")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def rename_factor(factor_id: str) -> ResponseReturnValue:
    """Call a second factor something else."""
    form = TitleForm()
    if submitted(form):
        try:
            with begin() as tx:
                factors.rename(tx, factor_id, form.title.data or "")
        except UnusableInput as unusable:
            _put(form, unusable)
        else:
            flash(_("The name is saved."), "success")
            return redirect(url_for("account.security"), 303)
    return _page(422, title_form=form)


@pages.post("/account/beveiliging/<factor_id>/weg")
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def remove_factor(factor_id: str) -> ResponseReturnValue:
    """Take a second factor away; not the last one."""
    only()
    try:
        with begin() as tx:
            factors.remove(tx, session_token(), factor_id)
    except Conflict as conflict:
        if conflict.reason != "last_factor":
            raise
        return _page(409, problem=_("This is your last second factor. Add another one first."))
    flash(_("It is taken away. Your other sessions have ended."), "success")
    return redirect(url_for("account.security"), 303)


@pages.post("/account/beveiliging/sessies")
@permission(Permission.ACCOUNT_CONSULT_SELF)
@step_up
def end_session() -> ResponseReturnValue:
    """End one own session, or all but this one; a thief at an open screen does not sign the owner out elsewhere."""
    only("session")
    with begin() as tx:
        sessions.end_own(tx, request.form.get("session", ""), session_token())
    flash(_("Ended."), "success")
    return redirect(url_for("account.security"), 303)


def _login(reader: Session) -> str:
    return reader.get_one(Account, actor().account_id).login


def _put(form: FlaskForm, unusable: UnusableInput) -> None:
    words = {
        "code": _("This is not the code that the app shows now. Look again, and check the clock of your phone."),
        "title": _("Use at most 60 characters"),
    }
    for name in unusable.problems:
        field = getattr(form, name)
        field.errors = [*field.errors, words[name]]
