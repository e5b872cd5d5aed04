"""What stands between a request and a view: who is it, may this role come here, and did the client send only the form?

Everything is refused unless a view declares otherwise: a view without a declared permission stops the start, and a
posted field that the form did not offer is refused and recorded (design.md, rules 1 and 5).
"""

import logging
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, TypeVar, cast

from flask import Flask, Response, abort, current_app, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.exc import NoResultFound
from sqlalchemy.orm import Session
from wtforms import Form
from wtforms.fields import RadioField, SelectField, SelectMultipleField

from signaltable.access import Denied, Permission, may
from signaltable.api import is_api
from signaltable.api.certificates import is_from_proxy
from signaltable.domain import Actor, NotFound, Refused
from signaltable.flow import sent_forms
from signaltable.flow.coming_in import app_codes, passkeys, proving
from signaltable.flow.coming_in.actors import ANONYMOUS, is_known
from signaltable.flow.coming_in.proving import proved_at
from signaltable.flow.coming_in.sessions import FIRST_FACTOR, actor_of_session, was_renewed
from signaltable.flow.leaving_out import leave_out
from signaltable.origin import client_address, network_hash
from signaltable.trace_context import HEADER, receive
from signaltable.transaction import Program, Transaction, ahead, reads_ahead, refuse, transaction
from signaltable.web import rates
from signaltable.web.known_browser import known_browser
from signaltable.web.once import form_digest, session_digest

LOG = logging.getLogger("signaltable")

PACKAGE = Path(__file__).resolve().parent.parent
STATIC = PACKAGE / "static"
TRANSLATIONS = PACKAGE / "translations"

View = TypeVar("View", bound=Callable[..., Any])

# Names that a forger would try; only these are told to the log, since other invented names may hold anything.
TELLING_NAMES = frozenset(
    {"destination", "recipient", "ground", "score", "owner", "role", "roles", "agency", "state", "account"}
)

# No browser sends this sign from a page, and PostgreSQL holds no text with it.
NOTHING = "\0"

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

FORM_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data"})

# How references of signals and disclosures look; nothing else of an address is written down.
REFERENCE = re.compile(r"[SDsd]-[0-9A-Za-z]{4}-[0-9A-Za-z]{2}")

# The boxes of a form that asks once more who it is, by the way to prove it; `step_up` takes them out before the view sees
# the form. What a passkey answers comes in a box that a script fills in (static/passkeys.js).
STEP_UP_FIELDS = {"passkey": "step_up_passkey", "password": "step_up_password", "code": "step_up_code"}

# Where the browser keeps which challenge for a passkey it was given, in the signed cookie.
PASSKEY_ASKED = "passkey"

# The blueprints that show the log and what was found in it.
ABOUT_THE_LOG = frozenset({"auditor", "incidents", "misuse", "samples", "witness"})

# Where somebody may come whose password was typed by somebody else.
BEFORE_OWN_PASSWORD = frozenset({"account.choose_password", "account.log_out"})

# Where somebody may come who gave a password and has no second factor yet: setting one up, and nothing else.
BEFORE_SECOND_FACTOR = BEFORE_OWN_PASSWORD | {
    *("account.security", "account.begin_app", "account.app", "passkeys.add", "passkeys.ask_for_new"),
}


def permission(needed: Permission | None, *alternatives: Permission) -> Callable[[View], View]:
    """Declare what a role must hold to come to a view: any one of those named. None: open to everybody."""

    def declare(view: View) -> View:
        view.needed_permissions = () if needed is None else (needed, *alternatives)  # type: ignore[attr-defined]
        return view

    return declare


def step_up(view: View) -> View:
    """Let a view through only within some minutes (policies/sign_in.toml) after somebody proved once more who they are.

    Goes right below `permission`. A page leads to the confirming page and back. A form that was filled in comes back
    with everything in it and boxes for a proof, unless it carried one already (`STEP_UP_FIELDS`, drawn by
    components/step_up.html): nothing is lost and nothing is kept. Files do not come back; such a form has to be sent anew.
    """

    @wraps(view)
    def asked(*args: Any, **options: Any) -> ResponseReturnValue:
        problem = prove_with_form()
        if problem or proof_needed():
            return _ask_again(problem)
        answer: ResponseReturnValue = view(*args, **options)
        return answer

    asked.asks_step_up = True  # type: ignore[attr-defined]
    return cast(View, asked)


def step_up_unless(name: str, value: str) -> Callable[[View], View]:
    """`step_up` for a form with two buttons: not when it was sent with this value, which only shows something."""

    def declare(view: View) -> View:
        asking = step_up(view)

        @wraps(view)
        def asked(*args: Any, **options: Any) -> ResponseReturnValue:
            shows = request.form.getlist(name) == [value]
            answer: ResponseReturnValue = (view if shows else asking)(*args, **options)
            return answer

        asked.asks_step_up = True  # type: ignore[attr-defined]
        return cast(View, asked)

    return declare


def step_up_when(weighs: Callable[[], bool]) -> Callable[[View], View]:
    """`step_up` for a page of which only some forms weigh: when `weighs` says so of this request."""

    def declare(view: View) -> View:
        asking = step_up(view)

        @wraps(view)
        def asked(*args: Any, **options: Any) -> ResponseReturnValue:
            answer: ResponseReturnValue = (asking if weighs() else view)(*args, **options)
            return answer

        asked.asks_step_up = True  # type: ignore[attr-defined]
        return cast(View, asked)

    return declare


def proof_needed() -> bool:
    """Whether the person has to prove once more who they are before something that asks it."""
    if actor().strength == FIRST_FACTOR:  # Comes nowhere but to a first second factor, and has only just begun.
        return False
    proved = last_proof()
    return proved is None or program().clock() - proved >= program().policy.coming_in.session.step_up


def session_token() -> str:
    """The token of the session of who is signed in; "" for strangers."""
    token: str = session.get("_user_id", "")
    return token


def go_on_as(token: str) -> None:
    """Go on in the session that is under this token now, also in the rest of this request (ASVS 7.2.4)."""
    session["_user_id"] = token
    g.actor = actor_of_session(program(), token, visitor=g.visitor) or g.visitor


def last_proof() -> datetime | None:
    """When somebody last proved in this session who they are; None when never."""
    return proved_at(program(), session_token())


def ways_to_prove() -> tuple[str, ...]:
    """How whoever is signed in can prove once more who they are."""
    return proving.ways_of(program(), actor())


def prove_with_form() -> str:
    """Prove who is signed in with what the form carries, if anything; the reason when it came to nothing, which is recorded."""
    given = [(way, request.form.get(name, "")) for way, name in STEP_UP_FIELDS.items() if request.method == "POST"]
    for way, one in given:
        if one:
            try:
                given_now = given_of(way, one)
                go_on_as(proving.prove_with(program(), actor(), session_token(), way, given_now, known_browser()))
            except Refused as refusal:
                return refusal.reason
            break
    return ""


def given_of(way: str, one: str) -> str:
    """What was given to prove something: of a passkey with the challenge of this browser, which counts for one answer."""
    return passkeys.answered(session.pop(PASSKEY_ASKED, ""), one) if way == passkeys.PASSKEY else one


def shown_code() -> str:
    """In the demonstration, the code that the app of who is signed in would show next; "" everywhere else."""
    return app_codes.shown_code(program(), actor().account_id)


def confirm_page(carried: list[tuple[str, str]], problem: str, action: str = "") -> str:
    """The page that asks once more who it is, with all that was filled in; `problem` is the reason that the last try failed.

    It leads to `action`, by default to where this request was for.
    """
    return render_template("account/confirm.html", carried=carried, action=action or request.path, problem=problem)


def _ask_again(problem: str) -> ResponseReturnValue:
    # A browser sends a box for a file also when none was chosen.
    if request.method != "POST" or any(one.filename for one in request.files.values()):
        return redirect(url_for("account.confirm", next=request.path))
    names = ("csrf_token", *STEP_UP_FIELDS.values())
    carried = [(name, one) for name, values in request.form.lists() for one in values if name not in names]
    return confirm_page(carried, problem), 422


def looks_ahead(view: View) -> View:
    """Declare that a view begins with `look_ahead` when a form comes: it goes on reading where it was asked who that is."""
    view.looks_ahead = True  # type: ignore[attr-defined]
    return view


def check_every_view(app: Flask) -> None:
    """Refuse to start when a view does not say who may come in."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static" and not hasattr(app.view_functions[rule.endpoint], "needed_permissions"):
            raise RuntimeError(f"view {rule.endpoint} declares no permission")


def program() -> Program:
    """The program behind this request."""
    return cast(Program, current_app.extensions["signaltable"])


def actor() -> Actor:
    """Who is asking; before login an anonymous actor of this request."""
    return cast(Actor, g.get("actor", ANONYMOUS))


@contextmanager
def look_ahead() -> Iterator[Transaction]:
    """Read for the transaction of this request's actor before it begins (`transaction.ahead`); `begin(this)` must follow."""
    with ahead(program(), actor(), g.pop("reads", None)) as tx:
        yield tx


@contextmanager
def begin(after: Transaction | None = None, *, listing: bool = False) -> Iterator[Transaction]:
    """Open the one transaction for this request's actor; `after` is what was read by `look_ahead`.

    `listing`: the page is a list or a report, whose rows may come from the replica (`Transaction.lists`).

    One that only shows something reads nothing of the cases that the actor is kept from; but the log is shown whole,
    since it holds no content and a hole in it would read as a fault.
    """
    left_out = False
    try:
        with transaction(program(), actor(), after=after, listing=listing) as tx:
            if request.method in {"GET", "HEAD"} and request.blueprint not in ABOUT_THE_LOG:
                left_out = leave_out(tx)
            form = form_digest(program().keys) if is_known(actor()) else ""
            if form and not g.get("form_noted"):
                sent_forms.refuse_second(tx, session_digest(), form)
            yield tx
            if form:
                g.form_noted = sent_forms.note(tx, session_digest(), form) or g.get("form_noted")
    except NoResultFound:
        if not left_out:
            raise
        # A row that must be there was left out: for this person there is none.
        raise NotFound("no such thing for this person") from None


def register(app: Flask) -> None:
    """Put the guards before every request."""
    app.before_request(_identify)
    app.before_request(rates.ask)
    app.before_request(_open_the_door)
    app.after_request(_tell_trace)
    app.teardown_request(_stop_reading)


def _identify() -> None:
    if request.endpoint == "static":
        return
    work = receive(request.headers.getlist(HEADER), program().randomness)
    remote, forwarded = request.remote_addr or "", request.headers.getlist("X-Forwarded-For")
    settings = program().settings
    # Whoever comes past our proxies could write there what they like, and be counted as another network each time.
    seen = forwarded if is_from_proxy(settings, remote, forwarded) else ()
    address = client_address(remote, seen, settings.proxies)
    visitor = replace(
        ANONYMOUS,
        trace_id=work.trace_id,
        span_id=work.span_id,
        parent_span_id=work.parent_span_id,
        network_hash=network_hash(program().keys, address),
    )
    # A cookie never counts for the API: systems come with a token (api/guards.py), which never counts for a page. What watches
    # the program is answered the same without a database, also in a browser in which somebody is signed in.
    token = "" if is_api(request.path) or request.endpoint in rates.UNCOUNTED else session_token()
    g.work, g.actor, g.visitor = work, visitor, visitor
    if request.method == "POST" and hasattr(current_app.view_functions.get(request.endpoint or ""), "looks_ahead"):
        g.reads = reads_ahead(program())
    found = actor_of_session(program(), token, visitor=visitor, reads=g.get("reads")) if token else None
    g.actor = found or visitor
    if not token or is_known(g.actor) or was_renewed(program(), token):
        return  # With an old token of a session that went on, the browser keeps the new one that is under way to it.
    # What the browser kept of a session that ended goes with this answer (headers.py).
    g.session_over = bool(session.pop("_user_id", ""))


def _stop_reading(_error: BaseException | None) -> None:
    """Close what was opened to look ahead in, when the request did not come to that."""
    reads: Session | None = g.pop("reads", None)
    if reads is not None:
        reads.close()


def _tell_trace(response: Response) -> Response:
    """Tell a system that asked under which ids the log knows this request (W3C Trace Context, draft of level 3)."""
    work = g.get("work")
    if work is not None:
        response.headers["traceresponse"] = work.header()
    return response


def _open_the_door() -> ResponseReturnValue | None:
    if request.endpoint is None or request.endpoint == "static" or is_api(request.path):
        return None
    if any(NOTHING in part for part in (request.path, *request.args, *request.args.values())):
        abort(404)
    if request.method == "POST":
        _form_only()
    needed: tuple[Permission, ...] = getattr(current_app.view_functions[request.endpoint], "needed_permissions")  # noqa: B009
    if not needed:
        return None
    if not is_known(actor()):
        if request.method != "GET":
            abort(401)
        return redirect(url_for("account.log_in", next=request.path))
    if actor().must_choose_password and request.endpoint not in BEFORE_OWN_PASSWORD:
        return redirect(url_for("account.choose_password"))
    if actor().strength == FIRST_FACTOR and request.endpoint not in BEFORE_SECOND_FACTOR:
        return redirect(url_for("account.security"))
    denied = [verdict for one in needed if isinstance(verdict := may(actor(), one), Denied)]
    if len(denied) == len(needed):
        # What somebody can do something about (another login) says more than that one of the roles is missing.
        said = next((one for one in denied if one.reason != "no_permission"), denied[0])
        refuse(program(), actor(), Refused(said.reason, details={"permission": said.permission.value, **_asked()}))
    return None


def _form_only() -> None:
    """Refuse, and record, what no form of ours sends: another kind of body, or names in the address."""
    if (request.mimetype or request.content_length) and request.mimetype not in FORM_TYPES:
        refuse_request("not_on_the_form", [], 1)
    if request.args:
        refuse_request("not_on_the_form", sorted(set(request.args) & TELLING_NAMES), len(request.args))
    told = sum(NOTHING in name or any(NOTHING in one for one in values) for name, values in request.form.lists())
    if told:
        refuse_request("not_on_the_form", [], told)


# -- forms -------------------------------------------------------------------------------------------------------


def submitted(form: Form, *buttons: str, many: Iterable[str] = (), beside: Form | None = None) -> bool:
    """Whether this request posts `form` and it holds. Refuses, and records, whatever the form did not offer.

    `buttons` are further names that the page may send (submit buttons, hidden fields that the view reads itself), and
    `many` those that it may send more than once. `beside` is another form of the same page, whose values come along so
    that they are not lost; what it offers is looked at as well, and whether it holds is not.
    """
    if request.method != "POST":
        return False
    others = list(beside or ())
    lists = [field.name for field in others if isinstance(field, SelectMultipleField)]
    only_fields(form, *buttons, *(name for field in others for name in _names(field)), many=(*many, *lists))
    for field in (*form, *others):
        _refuse_unoffered(field)
    return bool(form.validate())


def only_fields(form: Form, *buttons: str, many: Iterable[str] = ()) -> None:
    """The names of `submitted` without the rest, for a view that can stop before it looks at the choices."""
    lists = [field.name for field in form if isinstance(field, SelectMultipleField)]
    only(*(name for field in form for name in _names(field)), *buttons, many=(*lists, *many))


def only(*names: str, many: Iterable[str] = ()) -> None:
    """Refuse, and record, a name that the page did not offer, and one sent twice that is not among `many`."""
    several = set(many)
    ours = {"csrf_token", *STEP_UP_FIELDS.values()} if _asks_step_up() else {"csrf_token"}
    surplus = (set(request.form) | set(request.files) | set(request.args)) - {*names, *several, *ours}
    if surplus:
        refuse_request("not_on_the_form", sorted(surplus & TELLING_NAMES), len(surplus))
    doubled = {name for name, values in request.form.lists() if len(values) > 1} - several
    if doubled:
        refuse_request("not_offered", sorted(doubled & TELLING_NAMES), len(doubled))


def _asks_step_up() -> bool:
    return hasattr(current_app.view_functions.get(request.endpoint or ""), "asks_step_up")


def offered(name: str, choices: Iterable[str], *, required: bool = True) -> str:
    """The posted value of `name`, which must be one of the offered choices; anything else is refused and recorded."""
    values = request.form.getlist(name)
    if not values and not required:
        return ""
    if len(values) != 1 or values[0] not in set(choices):
        refuse_request("not_offered", [name] if name in TELLING_NAMES else [], 1)
    return values[0]


def _names(field: Any) -> list[str]:
    # A field made of parts (a date in three boxes) tells its names itself.
    return list(getattr(field, "part_names", ())) or [field.name]


def _refuse_unoffered(field: Any) -> None:
    if not isinstance(field, SelectField | RadioField | SelectMultipleField) or not field.raw_data:
        return
    choices = {str(choice[0]) for choice in field.iter_choices()}
    posted = {str(value) for value in field.raw_data} - {""}
    if posted - choices or (not isinstance(field, SelectMultipleField) and len(field.raw_data) > 1):
        refuse_request("not_offered", [field.name] if field.name in TELLING_NAMES else [], len(posted - choices))


def _asked() -> dict[str, str]:
    """The page and the method of this request; a method that HTTP does not know could say anything."""
    method = request.method if request.method in METHODS else "other"
    return {"endpoint": request.endpoint or "", "method": method}


def note_failure(cause: str, status: int) -> None:
    """Record that a request of somebody who is signed in came to nothing; never raises, for there is an error page to show.

    Of strangers nothing is recorded: whoever has no account cannot fill the log.
    """
    endpoint = request.endpoint or ""
    try:
        if "actor" not in g:
            _identify()  # The token of the form is looked at before anything else.
        if not is_known(actor()):
            return
        # Not `begin`: that remembers a form as done, and this one came to nothing, so it may come again.
        with transaction(program(), actor()) as tx:
            tx.record(
                "request:refuse",
                object_type="view",
                object_id=endpoint,
                outcome="error" if status >= 500 else "refused",
                reason=cause,
                details={"cause": cause, "status": status, **_asked(), **(_about() if cause == "conflict" else {})},
            )
    except Exception as error:  # noqa: BLE001 -- the database is away, say; the page says that something went wrong
        LOG.error("a request that came to nothing was not recorded: %s", type(error).__name__)  # noqa: TRY400


def _about() -> dict[str, str]:
    """The signal or disclosure in the address of this request, so that whoever was first can learn that another tried."""
    found: dict[str, str] = {}
    for one in (request.view_args or {}).values():
        name = {"S-": "signal", "D-": "disclosure"}.get(str(one)[:2].upper())
        if name and REFERENCE.fullmatch(str(one)):
            found[name] = str(one).upper()
    return found


def refuse_request(reason: str, names: list[str], count: int) -> NoReturn:
    """Refuse, and record, what this page never offered. `names` are names of ours, since others may hold anything."""
    refusal = Refused(
        reason,
        action="request:refuse",
        object_type="view",
        object_id=request.endpoint or "",
        details={"cause": reason, "endpoint": request.endpoint or "", "fields": names, "count": count},
    )
    refuse(program(), actor(), refusal)
