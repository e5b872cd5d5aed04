"""Signing in and proving through an identity provider: the way there, and what comes back.

Authorization code flow with PKCE (RFC 7636), state and nonce, all kept on the server in a step that counts once; the
browser holds the random token of that step. Each provider has a redirect address of its own, and its `iss` is compared
when it announces one (RFC 9207), so that an answer of one provider never counts as that of another.
"""

import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy.exc import IntegrityError

from signaltable.domain import Actor, Refused
from signaltable.flow.coming_in import browsers, provider_accounts, steps
from signaltable.flow.coming_in.actors import SYSTEM
from signaltable.flow.coming_in.provider_told import Away, Declined, Known, known_error
from signaltable.flow.coming_in.proving import remember
from signaltable.flow.coming_in.sessions import end_sessions, open_session
from signaltable.flow.coming_in.signing_in import Next, what_next
from signaltable.flow.coming_in.steps import Step
from signaltable.id_token import Expected, Somebody, UnknownKey, Untrusted, read_id_token, read_logout_token
from signaltable.keys import keyed_digest
from signaltable.models import Account
from signaltable.provider_settings import IdentityProvider
from signaltable.transaction import Program, reading, refuse, transaction

if TYPE_CHECKING:
    from signaltable.flow.coming_in.provider_connection import Connection

KIND: Final = "oidc"
METHOD: Final = "provider"
# How old the word of a provider may be that somebody is signed out there (Back-Channel Logout 1.0, 2.4: two minutes).
LOGOUT_WITHIN: Final = timedelta(minutes=2)
Purpose = Literal["login", "prove"]

# Why nobody came in, as page and log say it; the log has a cause besides.
AWAY, DECLINED, ANSWER, LEVEL, UNKNOWN, ROLES = (
    "provider_away",
    "provider_declined",
    "provider_answer",
    "provider_level",
    "provider_unknown",
    "provider_roles",
)
_OF_ROLES = frozenset({"no_roles", "roles_mixed", "roles_elsewhere"})


@dataclass(frozen=True, slots=True)
class Answer:
    """What the browser brought back in the address; nothing of it stands in a repr."""

    state: str
    code: str
    issuer: str
    error: str

    def __repr__(self) -> str:
        return "Answer()"


@dataclass(frozen=True, slots=True)
class _Secrets:
    """What has to come back (state, nonce), and what only we know (verifier). They follow from the token of the step, which
    the browser holds, and from a key of ours: neither the database nor the browser alone has them.
    """

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Vouched:
    """Whom the provider vouches for, and the step that led there; every check of the answer was right."""

    step: Step
    who: Somebody


def redirect_uri(program: Program, provider: IdentityProvider) -> str:
    """Where this provider sends people back to: exactly this address is told to its administrator."""
    return f"{program.settings.address.rstrip('/')}/aanmelden/via/{provider.id}/terug"


def begin(
    program: Program,
    connection: "Connection",
    purpose: Purpose,
    *,
    visitor: Actor,
    back: str = "",
    kept: str = "",
) -> tuple[str, str]:
    """Begin the way to the provider. Returns the token of the step, for the cookie, and the address to go to.

    `back` is the page that asked; `kept` the token of a form that waits there. To prove once more who one is the provider
    has to ask it anew. Raises `Refused` (provider_away), recorded as login:fail.
    """
    provider = connection.provider
    known = _known(program, connection, purpose, visitor)
    held = {
        "provider": provider.id,
        "purpose": purpose,
        "back": back,
        "kept": kept,
        "since": program.clock().isoformat(),
        "key_version": program.keys.version("session"),
    }
    account_id = visitor.account_id if purpose == "prove" else ""
    token = steps.begin(program, KIND, account_id=account_id, way=METHOD, state=held)
    secrets = _secrets(program, token, held)
    try:
        url = connection.authorization_url(
            known,
            verifier=secrets.verifier,
            state=secrets.state,
            redirect_uri=redirect_uri(program, provider),
            nonce=secrets.nonce,
            **_asked(provider, purpose),
        )
    except Away as away:
        refuse(program, visitor, failed(AWAY, away.cause, provider, purpose))
    return token, url


def come_back(program: Program, connection: "Connection", token: str, answer: Answer, visitor: Actor) -> Vouched:
    """Whom the provider vouches for. The step counts once, whatever comes of it.

    Raises `Refused`: step_over, provider_declined, provider_answer, provider_level, provider_away; each is recorded.
    """
    provider, step = connection.provider, steps.found(program, token, KIND)
    if step is None:
        raise Refused(steps.OVER)  # Anybody can ask this page: what no step led to is not worth an entry.
    if step.state["provider"] != provider.id:
        refuse(program, visitor, failed(ANSWER, "other_provider", provider, purpose_of(step)))
    secrets = _secrets(program, token, step.state)
    if not hmac.compare_digest(answer.state.encode(), secrets.state.encode()):
        refuse(program, visitor, failed(ANSWER, "state", provider, purpose_of(step)))
    with transaction(program, visitor) as tx:
        steps.end(tx, token)
    purpose = purpose_of(step)
    if answer.error:
        refuse(program, visitor, failed(DECLINED, known_error(answer.error), provider, purpose))
    known = _known(program, connection, purpose, visitor)
    wrong_issuer = answer.issuer != provider.issuer if known.tells_issuer or answer.issuer else False
    if wrong_issuer or not answer.code:
        refuse(program, visitor, failed(ANSWER, "iss" if wrong_issuer else "code", provider, purpose))
    try:
        return Vouched(step, _somebody(program, connection, known, step, secrets, answer.code))
    except Away as away:
        refuse(program, visitor, failed(AWAY, away.cause, provider, purpose))
    except Declined as declined:
        refuse(program, visitor, failed(DECLINED, declined.cause, provider, purpose))
    except Untrusted as untrusted:
        reasons = {"acr": LEVEL, "roles_elsewhere": ROLES}
        refuse(program, visitor, failed(reasons.get(untrusted.cause, ANSWER), untrusted.cause, provider, purpose))


def log_in(
    program: Program, connection: "Connection", vouched: Vouched, visitor: Actor, *, browser: str = "", device: str = ""
) -> Next:
    """Let whom the provider vouches for come in; or ask the second factor here, when the provider's level is not two factors.

    Raises `Refused`: provider_unknown, provider_roles.
    """
    provider = connection.provider
    settled = _settled(program, connection, vouched.who, visitor)
    if settled.cause:
        reason = ROLES if settled.cause in _OF_ROLES else UNKNOWN
        refuse(program, visitor, failed(reason, settled.cause, provider, "login", settled.account_id))
    with reading(program) as session:
        account = session.get_one(Account, settled.account_id)
    if vouched.who.level not in provider.two_factors_acr:
        return what_next(program, account, visitor, way=METHOD, device=device)
    known = bool(browsers.known(program, browser, account.id))
    token = open_session(
        program,
        account,
        visitor,
        strength=METHOD,
        device=device,
        known_browser=known,
        proof=partial(provider_accounts.note_use, account_id=account.id),
    )
    return Next("welcome", token, browser=browsers.remember(program, browser, account.id))


def prove(program: Program, connection: "Connection", vouched: Vouched, actor: Actor, session_token: str) -> str:
    """Note that the owner of this session just proved who they are, at the provider. Returns its new token.

    Raises `Refused` (provider_other).
    """
    provider, step = connection.provider, vouched.step
    digest = provider_accounts.subject_digest(program, provider.issuer, vouched.who.subject)
    with reading(program) as session:
        whose = provider_accounts.account_behind(session, digest)
    if step.account_id != actor.account_id or whose != actor.account_id:
        refuse(program, actor, failed("provider_other", "subject", provider, "prove", actor.account_id))
    with transaction(program, actor) as tx:
        return remember(tx, session_token, METHOD)


def ended_there(program: Program, connection: "Connection", logout_token: str, visitor: Actor) -> int:
    """The provider says that somebody is signed out there: their sessions here end too. Returns how many.

    Raises `Untrusted` and `Away`. A token that comes twice ends nothing more than what runs, and only for minutes.
    """
    provider, now = connection.provider, program.clock()
    expected = Expected(provider.issuer, provider.client_id, "", now - LOGOUT_WITHIN, provider.algorithms)
    known = connection.known()
    try:
        subject = read_logout_token(logout_token, known.keys, expected, provider.claims, now)
    except UnknownKey:
        newest = connection.keys_anew(known)
        subject = read_logout_token(logout_token, newest.keys, expected, provider.claims, now)
    digest = provider_accounts.subject_digest(program, provider.issuer, subject)
    with transaction(program, _on_the_word_of_provider(visitor)) as tx:
        account_id = provider_accounts.account_behind(tx.session, digest)
        return end_sessions(tx, account_id, "ended_there") if account_id else 0


def purpose_of(step: Step) -> Purpose:
    """For what somebody went to the provider."""
    return "prove" if step.state["purpose"] == "prove" else "login"


def failed(reason: str, cause: str, provider: IdentityProvider, purpose: Purpose, account_id: str = "") -> Refused:
    """Why this came to nothing, recorded as login:fail: codes, and never what somebody or a provider sent."""
    details: dict[str, object] = {"method": METHOD, "identity_provider": provider.id, "cause": cause}
    if purpose == "prove":
        details["step_up"] = True
    return Refused(reason, action="login:fail", object_type="account", object_id=account_id, details=details)


def _secrets(program: Program, token: str, held: Mapping[str, Any]) -> _Secrets:
    key = program.keys.derive("session", "oidc", int(held["key_version"]))
    return _Secrets(*(keyed_digest(key, what, token).hex() for what in ("state", "nonce", "verifier")))


def _asked(provider: IdentityProvider, purpose: Purpose) -> dict[str, str]:
    """What is asked beyond the flow itself: a level, and how long ago somebody may have proved who they are."""
    asked: dict[str, str] = {}
    levels = _levels(provider, purpose)
    if levels and provider.claims.level == "acr":
        asked["acr_values"] = " ".join(levels)
    elif levels:
        # Such as `acrs` of Entra ID: asked as an essential claim (Core 5.5).
        essential: dict[str, Any] = {"essential": True, "values": list(levels)}
        asked["claims"] = json.dumps({"id_token": {provider.claims.level: essential}}, separators=(",", ":"))
    if purpose == "prove":
        asked |= {"prompt": "login", "max_age": "0"}
    elif provider.max_age is not None:
        asked["max_age"] = str(provider.max_age)
    return asked


def _levels(provider: IdentityProvider, purpose: Purpose) -> tuple[str, ...]:
    """Of which levels one must come back. What proves somebody once more is as strong as what let them in."""
    return provider.two_factors_acr or provider.required_acr if purpose == "prove" else provider.required_acr


def _somebody(
    program: Program, connection: "Connection", known: Known, step: Step, secrets: _Secrets, code: str
) -> Somebody:
    provider, purpose = connection.provider, purpose_of(step)
    token = connection.id_token(
        known, code=code, verifier=secrets.verifier, redirect_uri=redirect_uri(program, provider)
    )
    expected = Expected(
        issuer=provider.issuer,
        client_id=provider.client_id,
        nonce=secrets.nonce,
        since=datetime.fromisoformat(str(step.state["since"])),
        algorithms=provider.algorithms,
        levels=_levels(provider, purpose),
        max_age=0 if purpose == "prove" else provider.max_age,
    )
    now = program.clock()
    try:
        return read_id_token(token, known.keys, expected, provider.claims, now)
    except UnknownKey:
        # The provider may have taken a new key since its keys were fetched: they are asked once more, once.
        newest = connection.keys_anew(known)
        return read_id_token(token, newest.keys, expected, provider.claims, now)


def _settled(program: Program, connection: "Connection", who: Somebody, visitor: Actor) -> provider_accounts.Settled:
    """In a transaction of its own: what it changed stays, also when the person does not come in."""
    for _again in range(2):
        try:
            with transaction(program, _on_the_word_of_provider(visitor)) as tx:
                return provider_accounts.settle(tx, connection.provider, who)
        except IntegrityError:
            # Somebody came in for the first time, twice at once: the other one was first, so now they are known.
            continue
    return provider_accounts.Settled(cause="at_once")


def _on_the_word_of_provider(visitor: Actor) -> Actor:
    """The program, which changes an account because a provider says so, in the request of who comes in."""
    return replace(
        SYSTEM,
        trace_id=visitor.trace_id,
        span_id=visitor.span_id,
        parent_span_id=visitor.parent_span_id,
        network_hash=visitor.network_hash,
    )


def _known(program: Program, connection: "Connection", purpose: Purpose, visitor: Actor) -> Known:
    try:
        return connection.known()
    except Away as away:
        refuse(program, visitor, failed(AWAY, away.cause, connection.provider, purpose))
