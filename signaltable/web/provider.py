"""Coming in through the identity provider of one's organisation, and what an administrator sees of it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast
from urllib.parse import urlencode

from flask import (
    Blueprint,
    Flask,
    Response,
    abort,
    current_app,
    flash,
    redirect,
    render_template,
    request,
    session,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_wtf import CSRFProtect

from signaltable.access import Permission
from signaltable.domain import Conflict, Refused
from signaltable.flow import agencies
from signaltable.flow.coming_in import actors, break_glass, kept_forms, provider_accounts, provider_login, steps
from signaltable.flow.coming_in.provider_login import Answer, Vouched
from signaltable.flow.coming_in.provider_told import Away
from signaltable.flow.rights.mixing import oversees
from signaltable.id_token import Untrusted
from signaltable.later import later
from signaltable.provider_settings import IdentityProvider, check_roles, check_secrets, provider_of_agency
from signaltable.transaction import Program
from signaltable.web.entering import go_on, is_inside
from signaltable.web.errors import reason_text
from signaltable.web.guards import (
    STEP_UP_FIELDS,
    actor,
    begin,
    confirm_page,
    go_on_as,
    only,
    permission,
    program,
    session_token,
    step_up,
)
from signaltable.web.known_browser import device, known_browser
from signaltable.web.provider_words import cause_in_words

# Loaded where there are providers: what fetches takes 5 MB.
if TYPE_CHECKING:
    from signaltable.flow.coming_in import provider_connection
    from signaltable.flow.coming_in.provider_connection import Connection
else:
    provider_connection = later("signaltable.flow.coming_in.provider_connection")

pages = Blueprint("provider", __name__)

# What the signed cookie holds while somebody is at a provider.
AT_PROVIDER = "at_provider"
EXTENSION = "signaltable.providers"
ACTION = "step_up_action"
LONGEST = 4000
TRY_AGAIN = frozenset(
    {steps.OVER, provider_login.AWAY, provider_login.DECLINED, provider_login.ANSWER, provider_login.LEVEL}
)


def register(app: Flask, program: Program) -> None:
    """One connection to each provider, made and not opened. Raises `UnusableSettings`, so that nothing starts with a mistake."""
    providers, policy = program.settings.identity_providers, program.policy
    check_roles(providers, policy.roles, [role for role in policy.roles if oversees(policy, role)])
    check_secrets(providers)
    demo = program.settings.demo
    app.extensions[EXTENSION] = {
        one.id: provider_connection.Connection(one, demo=demo, clock=program.clock) for one in providers
    }
    # No browser sends it, and no cookie counts there.
    cast(CSRFProtect, app.extensions["csrf"]).exempt(app.view_functions["provider.ended_there"])
    app.jinja_env.globals.update(
        emergency_state=emergency_state,
        identity_providers=identity_providers,
        left_provider=left_provider,
        own_provider=own_provider,
        provider_binding=provider_binding,
        on_break_glass=on_break_glass,
    )


# -- for the templates of others -----------------------------------------------------------------------------------


def identity_providers() -> Sequence[IdentityProvider]:
    """The organisations through which people come in. The same list for everybody: it does not say who has an account."""
    return program().settings.identity_providers


def left_provider() -> IdentityProvider | None:
    """At which provider somebody who just signed out may still be signed in."""
    left = request.args.get("afgemeld", "")
    return next((one for one in identity_providers() if one.id == left), None)


def own_provider() -> IdentityProvider | None:
    """The provider of the organisation of who is signed in."""
    return provider_of_agency(identity_providers(), actor().agency_id)


def provider_binding(account_id: str) -> provider_accounts.Binding | None:
    """How somebody comes in by a provider, on the page of their account."""
    return provider_accounts.binding_of(program(), actor(), account_id)


def emergency_state(account_id: str) -> break_glass.EmergencyState:
    """Whether an account is for emergencies, on the page of that account."""
    return break_glass.state_of(program(), actor(), account_id)


def on_break_glass() -> bool:
    """Whether who is signed in uses an emergency account, of which every page reminds."""
    return break_glass.is_one(program(), actor())


# -- coming in -----------------------------------------------------------------------------------------------------


@pages.get("/aanmelden/via/<provider_id>")
@permission(None)
def start(provider_id: str) -> ResponseReturnValue:
    """Begin to sign in at the provider of an organisation, and lead there."""
    connection = _connection(provider_id)
    wanted = request.args.get("next", "")[:LONGEST]
    back = wanted if is_inside(wanted) else ""
    try:
        token, url = provider_login.begin(program(), connection, "login", visitor=actor(), back=back)
    except Refused as refusal:
        return _nothing(connection, refusal)
    session[AT_PROVIDER] = token
    return redirect(url)


@pages.get("/aanmelden/via/<provider_id>/terug")
@permission(None)
def come_back(provider_id: str) -> ResponseReturnValue:
    """Back from the provider, with a code or an error."""
    connection, token = _connection(provider_id), session.pop(AT_PROVIDER, "")
    if not all(len(one) <= LONGEST for one in request.args.values()):
        abort(404)
    given = Answer(*(request.args.get(name, "") for name in ("state", "code", "iss", "error")))
    try:
        vouched = provider_login.come_back(program(), connection, token, given, actor())
        if provider_login.purpose_of(vouched.step) == "prove":
            return _proved(connection, vouched)
        following = provider_login.log_in(
            program(), connection, vouched, actor(), browser=known_browser(), device=device()
        )
    except Refused as refusal:
        return _nothing(connection, refusal)
    return go_on(following, str(vouched.step.state["back"]))


def _proved(connection: "Connection", vouched: Vouched) -> ResponseReturnValue:
    go_on_as(provider_login.prove(program(), connection, vouched, actor(), session_token()))
    back, kept = str(vouched.step.state["back"]), str(vouched.step.state["kept"])
    if not kept:
        return redirect(back if is_inside(back) else url_for("overview.show"))
    form = kept_forms.take(program(), actor(), kept)
    if form is None:
        return redirect(url_for("overview.show"))
    return render_template("provider/go_on.html", form=form)


def _nothing(connection: "Connection", refusal: Refused) -> ResponseReturnValue:
    """Why nobody came in, what to do now, and a code with which an administrator finds it in the log."""
    cause = str(refusal.details.get("cause", ""))
    page = render_template(
        "provider/nothing.html",
        provider=connection.provider,
        words=reason_text(refusal.reason),
        code=cause,
        again=refusal.reason in TRY_AGAIN,
        known=actors.is_known(actor()),
    )
    return page, 503 if refusal.reason == provider_login.AWAY else 401


# -- proving once more ---------------------------------------------------------------------------------------------


@pages.post("/account/bevestigen/via")
@permission(Permission.ACCOUNT_CONSULT_SELF)
def prove() -> ResponseReturnValue:
    """Keep the form that asked for a proof, and lead to the provider.

    A page of its own with a link and a Refresh header: a redirect after a form may not lead outside (form-action 'self').
    """
    own = own_provider()
    action = request.form.get(ACTION, "")
    if own is None or not is_inside(action):
        abort(404)
    names = {"csrf_token", ACTION, *STEP_UP_FIELDS.values()}
    carried = [(name, one) for name, values in request.form.lists() for one in values if name not in names]
    connection = _connection(own.id)
    try:
        back, kept = request.form.get("next", ""), ""
        if action != url_for("account.confirm"):
            back, kept = "", kept_forms.keep(program(), actor(), action, carried)
        token, url = provider_login.begin(program(), connection, "prove", visitor=actor(), back=back, kept=kept)
    except Refused as refusal:
        return confirm_page(carried, refusal.reason, action), 503
    session[AT_PROVIDER] = token
    answer = Response(render_template("provider/leave.html", provider=own, url=url))
    answer.headers["Refresh"] = f"0; url={url}"
    return answer


# -- going out -----------------------------------------------------------------------------------------------------


@pages.get("/aanmelden/via/<provider_id>/afmelden")
@permission(None)
def sign_out(provider_id: str) -> ResponseReturnValue:
    """Lead to where the provider ends its own session (RP-Initiated Logout 1.0); the session here ended before."""
    connection = _connection(provider_id)
    try:
        ending = connection.known().end_session_endpoint
    except Away:
        ending = ""
    if not ending:
        flash(_("Sign out at your organisation yourself: close its pages, or your browser."), "warning")
        return redirect(url_for("account.log_in"))
    back = program().settings.address.rstrip("/") + url_for("account.log_in")
    asked = urlencode({"client_id": connection.provider.client_id, "post_logout_redirect_uri": back})
    return redirect(f"{ending}{'&' if '?' in ending else '?'}{asked}")


@pages.post("/aanmelden/via/<provider_id>/afgemeld")
@permission(None)
def ended_there(provider_id: str) -> ResponseReturnValue:
    """For the provider itself (Back-Channel Logout 1.0): somebody is signed out there. The signature is the proof."""
    only("logout_token")
    connection = _connection(provider_id)
    try:
        provider_login.ended_there(program(), connection, request.form.get("logout_token", ""), actor())
    except (Untrusted, Away):
        return {"error": "invalid_request"}, 400
    return "", 200


# -- for administrators --------------------------------------------------------------------------------------------


@pages.get("/beheer/aanmelden")
@permission(Permission.ACCOUNT_CHANGE_ALL)
def listing() -> ResponseReturnValue:
    """Who comes in how, for each organisation, and how the connections are."""
    with begin() as tx:
        lines = provider_accounts.agencies_page(tx, request.args.get("na", ""))
        emergency = break_glass.listing(tx)
        titles = {agency_id: title for agency_id, title, _active in agencies.agency_choices(tx)}
    connections = cast("dict[str, Connection]", current_app.extensions[EXTENSION])
    return render_template(
        "admin/sign_in.html",
        lines=lines[0],
        older=url_for("provider.listing", na=lines[1]) if lines[1] else None,
        emergency=emergency,
        most=break_glass.most(program()),
        titles=titles,
        states=[(one.provider, one.state()) for one in connections.values()],
        redirect_uri=lambda one: provider_login.redirect_uri(program(), one),
        cause_in_words=cause_in_words,
    )


@pages.post("/beheer/aanmelden/<provider_id>/proef")
@permission(Permission.ACCOUNT_CHANGE_ALL)
def test(provider_id: str) -> ResponseReturnValue:
    """Fetch what the provider tells of itself and its keys, now."""
    only()
    connection = _connection(provider_id)
    cause = ""
    try:
        connection.known(anew=True)
    except Away as away:
        cause = away.cause
    with begin() as tx:
        provider_accounts.note_test(tx, connection.provider)
    if cause:
        flash(_("The sign-in service cannot be used: %(cause)s.", cause=cause_in_words(cause)), "error")
    else:
        flash(_("The sign-in service answers, and its keys are known."), "success")
    return redirect(url_for("provider.listing"), 303)


@pages.post("/beheer/accounts/<account_id>/verbinding")
@permission(Permission.ACCOUNT_CHANGE_ALL)
@step_up
def release(account_id: str) -> ResponseReturnValue:
    """End the binding of an account with somebody at the provider."""
    only()
    with begin() as tx:
        ended = provider_accounts.release(tx, account_id)
    if ended:
        flash(_("The connection is ended. At the next login this person is connected anew."), "success")
    return redirect(url_for("admin.account", account_id=account_id), 303)


@pages.post("/beheer/accounts/<account_id>/tweede-stap-weg")
@permission(Permission.ACCOUNT_CHANGE_ALL)
@step_up
def forget_factors(account_id: str) -> ResponseReturnValue:
    """Let somebody whom a provider vouches for set up a second step anew."""
    only()
    with begin() as tx:
        provider_accounts.forget_factors(tx, account_id)
    flash(_("The second step is taken away. At the next login this person sets up a new one."), "success")
    return redirect(url_for("admin.account", account_id=account_id), 303)


@pages.post("/beheer/accounts/<account_id>/noodtoegang")
@permission(Permission.ACCOUNT_CHANGE_ALL)
@step_up
def emergency_account(account_id: str) -> ResponseReturnValue:
    """Make an account one for emergencies, or an ordinary one again."""
    only("on")
    try:
        with begin() as tx:
            break_glass.choose(tx, account_id, on=request.form.get("on") == "yes")
    except Conflict as conflict:
        words = break_glass_words(conflict.reason)
        if not words:
            raise
        flash(words, "error")
    else:
        flash(_("The account is changed."), "success")
    return redirect(url_for("admin.account", account_id=account_id), 303)


def break_glass_words(reason: str) -> str:
    """Why an account does not become one for emergencies; "" for a reason that is not about that."""
    return {
        "own_account": _("Another administrator has to choose this for you."),
        "not_administrator_only": _("Only an account that is administrator and nothing else can be for emergencies."),
        "too_many_break_glass": _("There are as many emergency accounts as the rules allow."),
        "no_second_factor": _("This person has no second step yet. Only then can the account be for emergencies."),
    }.get(reason, "")


def _connection(provider_id: str) -> "Connection":
    found: Connection | None = current_app.extensions[EXTENSION].get(provider_id)
    if found is None:
        abort(404)
    return found
