"""What an identity provider says about somebody: an ID token, believed only when all of it is right. Pure.

OpenID Connect Core 1.0, 3.1.3.7; RFC 8725 for the signature; the NL GOV profile asks besides for a level (`acr`).
"""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from signaltable.domain import SignaltableError
from signaltable.later import later
from signaltable.provider_settings import Claims

if TYPE_CHECKING:
    from joserfc import errors, jwk, jwt
else:
    errors, jwk, jwt = (later(f"joserfc.{name}") for name in ("errors", "jwk", "jwt"))

# Clocks differ; more than a minute is a mistake of somebody's.
LEEWAY: Final = 60
LONGEST_TOKEN: Final = 64 * 1024
LONGEST_SUBJECT: Final = 255
LONGEST_VALUE: Final = 256
MOST_VALUES: Final = 1000
SMALLEST_RSA: Final = 2048
MOST_KEYS: Final = 50
LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"


class Untrusted(SignaltableError):
    """An ID token that does not count. `cause` is a code: what was wrong, never what stood there."""

    def __init__(self, cause: str) -> None:
        super().__init__(f"the ID token does not count: {cause}")
        self.cause = cause


class UnknownKey(Untrusted):
    """Signed with a key that the provider had not told; it may have told it since."""

    def __init__(self) -> None:
        super().__init__("key")


@dataclass(frozen=True, slots=True)
class Expected:
    """What has to come back: from whom, for whom, with which nonce, after which moment.

    `max_age` is how many seconds ago somebody may have proved who they are; 0 asks that they did so after `since`; None
    asks nothing. `levels` are the levels of which one must come back; with none, none is asked.
    """

    issuer: str
    client_id: str
    nonce: str
    since: datetime
    algorithms: Sequence[str]
    levels: Sequence[str] = ()
    max_age: int | None = None


@dataclass(frozen=True, slots=True)
class Somebody:
    """Who the provider says it is. Everything but `level` is about a person, so nothing of it is shown in a repr."""

    subject: str
    name: str
    login: str
    roles: tuple[str, ...]
    agency: str
    level: str
    email_unverified: bool

    def __repr__(self) -> str:
        return f"Somebody(level={self.level!r})"


def usable_keys(document: Any) -> "jwk.KeySet | None":
    """The keys of a JWK Set with which a token may be signed: RSA of 2048 bits or more and EC. None when there are none."""
    found: list[Any] = []
    given = document.get("keys") if isinstance(document, dict) else None
    for one in (given if isinstance(given, list) else [])[:MOST_KEYS]:
        if not isinstance(one, dict) or one.get("kty") not in {"RSA", "EC"} or one.get("use", "sig") != "sig":
            continue
        try:
            key = jwk.import_key(one)
        except (errors.JoseError, ValueError, TypeError):
            continue
        if isinstance(key, jwk.ECKey) or (isinstance(key, jwk.RSAKey) and key.raw_value.key_size >= SMALLEST_RSA):
            found.append(key)
    return jwk.KeySet(found) if found else None


def read_id_token(token: str, keys: "jwk.KeySet", expected: Expected, names: Claims, now: datetime) -> Somebody:
    """Who it is, when signature and every claim are right. Raises `Untrusted` with the first thing that is wrong."""
    claims = _signed(token, keys, expected.algorithms)
    _check_registered(claims, expected, now)
    _check_audience(claims, expected.client_id)
    if not hmac.compare_digest(_text(claims, "nonce").encode(), expected.nonce.encode()):
        raise Untrusted("nonce")
    _check_age(claims, expected, now)
    level = _level(claims, names.level, expected.levels)
    return Somebody(
        subject=_subject(claims, names),
        name=_text(claims, names.name),
        login=_text(claims, names.login),
        roles=_roles(claims, names.roles),
        agency=_text(claims, names.agency),
        level=level,
        email_unverified=claims.get("email_verified") in (False, "false"),
    )


def read_logout_token(token: str, keys: "jwk.KeySet", expected: Expected, names: Claims, now: datetime) -> str:
    """Whose sessions the provider wants to end: the subject of a logout token (Back-Channel Logout 1.0, 2.6).

    Raises `Untrusted`. One that names a session alone does not count: which session there is which here is not kept.
    """
    claims = _signed(token, keys, expected.algorithms)
    _check_registered(claims, expected, now)
    _check_audience(claims, expected.client_id)
    events = claims.get("events")
    if "nonce" in claims or not isinstance(events, dict) or LOGOUT_EVENT not in events:
        raise Untrusted("claim")  # An ID token must never pass for one of these.
    return _subject(claims, names)


def _subject(claims: Mapping[str, Any], names: Claims) -> str:
    subject = _claim(claims, names.subject)
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise Untrusted("subject")
    return subject


def _signed(token: str, keys: "jwk.KeySet", algorithms: Sequence[str]) -> Mapping[str, Any]:
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise Untrusted("shape")
    try:
        return jwt.decode(token, keys, algorithms=list(algorithms)).claims
    except errors.InvalidKeyIdError:
        raise UnknownKey from None
    except (errors.JoseError, ValueError, TypeError, RecursionError):
        # What was wrong with it may hold what stood in it.
        raise Untrusted("signature") from None


def _check_registered(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    """Issuer, audience and the times."""
    at = int(now.timestamp())
    registry = jwt.JWTClaimsRegistry(
        now=at,
        leeway=LEEWAY,
        iss={"essential": True, "value": expected.issuer},
        aud={"essential": True, "value": expected.client_id},
        exp={"essential": True},
        iat={"essential": True},
        sub={"essential": True},
    )
    try:
        registry.validate(dict(claims))
    except errors.ExpiredTokenError:
        raise Untrusted("expired") from None
    except (errors.MissingClaimError, errors.InvalidClaimError) as error:
        known = {"iss", "aud", "exp", "iat", "nbf", "sub"}
        raise Untrusted(error.claim if error.claim in known else "claim") from None
    # One made before it was asked was made for somebody else.
    if claims["iat"] < expected.since.timestamp() - LEEWAY:
        raise Untrusted("iat")


def _check_audience(claims: Mapping[str, Any], client_id: str) -> None:
    """For us alone, or for us among others and then made for us (Core 3.1.3.7, 3 to 5)."""
    audience, party = claims["aud"], claims.get("azp")
    if isinstance(audience, list) and len(audience) != 1 and party is None:
        raise Untrusted("azp")
    if party is not None and party != client_id:
        raise Untrusted("azp")


def _check_age(claims: Mapping[str, Any], expected: Expected, now: datetime) -> None:
    if expected.max_age is None:
        return
    when = claims.get("auth_time")
    if isinstance(when, bool) or not isinstance(when, int | float):
        raise Untrusted("auth_time")
    earliest = now.timestamp() - expected.max_age if expected.max_age else expected.since.timestamp()
    if not earliest - LEEWAY <= when <= now.timestamp() + LEEWAY:
        raise Untrusted("auth_time")


def _level(claims: Mapping[str, Any], name: str, levels: Sequence[str]) -> str:
    """The first of the asked levels that came back; "" when none was asked."""
    told = set(_texts(_claim(claims, name)))
    found = next((one for one in levels if one in told), "")
    if levels and not found:
        raise Untrusted("acr")
    return found


def _roles(claims: Mapping[str, Any], name: str) -> tuple[str, ...]:
    elsewhere = claims.get("_claim_names")
    if name and isinstance(elsewhere, dict) and name in elsewhere:
        # Too many to fit: the token says where they are. Taking that for "none" would take every role away.
        raise Untrusted("roles_elsewhere")
    return tuple(_texts(_claim(claims, name)))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """A claim by its name, or by a path of names with dots (`realm_access.roles`)."""
    if not name or name in claims:
        return claims.get(name)
    found: Any = claims
    for part in name.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = _claim(claims, name)
    fits = isinstance(value, str) and len(value) <= LONGEST_SUBJECT and value.isprintable()
    return value.strip() if fits and isinstance(value, str) else ""


def _texts(value: Any) -> Iterable[str]:
    several = value if isinstance(value, list) else [value]
    return [one for one in several[:MOST_VALUES] if isinstance(one, str) and 0 < len(one) <= LONGEST_VALUE]
