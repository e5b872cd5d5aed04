"""The connection to one identity provider: what it tells of itself, its keys, and the exchange of a code for a token.

The one place from which the web calls out. Nothing is fetched before it is needed; a provider that is away keeps nobody
else waiting: after a failure nobody asks again for half a minute.
"""

import io
import json
import logging
import re
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oauth2.rfc7636 import create_s256_code_challenge
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey
from requests import PreparedRequest, RequestException, Response, Session
from requests.adapters import HTTPAdapter

from signaltable import messages
from signaltable.domain import UnusableSettings
from signaltable.flow.coming_in.provider_told import Away, Declined, Known, State
from signaltable.id_token import LONGEST_TOKEN, usable_keys
from signaltable.provider_settings import VARIABLE, IdentityProvider, is_fit
from signaltable.trace_context import HEADER

LOG = logging.getLogger("signaltable")

CONNECT_SECONDS, READ_SECONDS, ALTOGETHER_SECONDS = 4.0, 5.0, 10.0
LARGEST_ANSWER = 512 * 1024
# A key that a provider withdrew must not count for long; one that it adds is fetched when a token names it.
KEPT_FOR = timedelta(hours=1)
KEYS_AT_MOST_EVERY = timedelta(seconds=30)
AWAY_FOR = timedelta(seconds=30)
# A signed request and the proof of a client are used at once.
PROOF_SECONDS = 60
_JSON = re.compile(r"application/([a-z.+-]+\+)?(json|jwk-set)\b", re.IGNORECASE)


class _Bounded(HTTPAdapter):
    """Answers that are small, come in time, and lead nowhere else."""

    def send(self, request: PreparedRequest, *_args: Any, **options: Any) -> Response:
        """Fetch the whole answer within the bounds. Raises `Away`."""
        ends = time.monotonic() + ALTOGETHER_SECONDS
        options |= {"stream": True, "timeout": (CONNECT_SECONDS, READ_SECONDS)}
        if trace := messages.traceparent():
            request.headers[HEADER] = trace
        response = super().send(request, **options)
        if response.is_redirect or 300 <= response.status_code < 400:
            response.close()
            raise Away("redirect")
        body = bytearray()
        with closing(response):
            for part in response.iter_content(8192):
                body += part
                if len(body) > LARGEST_ANSWER:
                    raise Away("too_large")
                if time.monotonic() > ends:
                    raise Away("too_slow")
        whole = Response()
        whole.status_code, whole.headers, whole.url = response.status_code, response.headers, response.url
        whole.request, whole.encoding, whole.raw = request, "utf-8", io.BytesIO(bytes(body))
        return whole


class Connection:
    """One provider, as this process reaches it. Safe for several threads."""

    def __init__(self, provider: IdentityProvider, *, demo: bool, clock: Callable[[], datetime]) -> None:
        self.provider = provider
        self._demo = demo
        self._clock = clock
        self._lock = threading.Lock()
        self._known: Known | None = None
        self._failed_at: datetime | None = None
        self._asked_anew_at: datetime | None = None
        self._cause = ""

    def state(self) -> State:
        """How it went the last time."""
        known = self._known
        return State(known.at if known else None, known.until if known else None, self._failed_at, self._cause)

    def known(self, *, anew: bool = False) -> Known:
        """What the provider tells of itself; fetched when it is not known yet or no longer, and with `anew`. Raises `Away`."""
        if not self._lock.acquire(timeout=CONNECT_SECONDS):
            raise Away("busy")  # Somebody else waits for it already; more threads that wait would keep others out.
        try:
            return self._known_now(anew=anew)
        finally:
            self._lock.release()

    def keys_anew(self, before: Known) -> Known:
        """The keys once more, because a token names one that is not among those of `before`. Raises `Away`.

        Asked at most every half minute: a token with an invented key must not make us call out each time.
        """
        current, now = self._known, self._clock()
        if current is not None and current is not before:
            return current
        if self._asked_anew_at and now - self._asked_anew_at < KEYS_AT_MOST_EVERY:
            return before
        self._asked_anew_at = now
        return self.known(anew=True)

    def authorization_url(self, known: Known, *, verifier: str, **parameters: str) -> str:
        """Where the browser goes: code flow with PKCE S256 (RFC 7636); signed when the provider asks that (RFC 9101)."""
        given = {"scope": " ".join(self.provider.scopes), **parameters}
        if not self.provider.signed_request:
            with closing(self._client(known)) as client:
                state, redirect = given.pop("state"), given.pop("redirect_uri")
                url, _state = client.create_authorization_url(
                    known.authorization_endpoint,
                    state=state,
                    redirect_uri=redirect,
                    code_verifier=verifier,
                    **given,
                )
            return str(url)
        whole = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "code_challenge": create_s256_code_challenge(verifier),
            "code_challenge_method": "S256",
            **given,
        }
        outside = {name: whole[name] for name in ("response_type", "client_id", "scope")}
        sign = "&" if "?" in known.authorization_endpoint else "?"
        return known.authorization_endpoint + sign + urlencode(outside | {"request": self._signed(whole)})

    def id_token(self, known: Known, *, code: str, verifier: str, redirect_uri: str) -> str:
        """Exchange the code, once, for the ID token. Raises `Away` and `Declined`.

        What else comes along (an access token) is not kept: the program asks nothing more of the provider.
        """
        try:
            with closing(self._client(known)) as client:
                answer = client.fetch_token(
                    known.token_endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=verifier,
                    redirect_uri=redirect_uri,
                )
        except OAuthError as error:
            raise Declined(str(error.error)) from None
        except (RequestException, ValueError, TypeError, KeyError, AttributeError) as error:
            raise Away(_code_of(error)) from None
        token = answer.get("id_token")
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise Away("no_id_token")
        return token

    def _known_now(self, *, anew: bool) -> Known:
        now = self._clock()
        if self._known and now < self._known.until and not anew:
            return self._known
        if self._failed_at and now - self._failed_at < AWAY_FOR and not anew:
            raise Away(self._cause)
        try:
            self._known = self._fetch(now)
        except Away as away:
            self._failed_at, self._cause = now, away.cause
            LOG.warning("identity provider %s cannot be used: %s", self.provider.id, away.cause)
            raise
        self._failed_at, self._cause = None, ""
        return self._known

    # -- fetching ---------------------------------------------------------------------------------------------------

    def _fetch(self, now: datetime) -> Known:
        with closing(self._prepared(Session())) as session:
            told = _document(session, self.provider.issuer_url)
            self._check(told)
            keys = usable_keys(_document(session, str(told["jwks_uri"])))
        if keys is None:
            raise Away("no_keys")
        methods = _strings(told, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        ending = told.get("end_session_endpoint")
        return Known(
            authorization_endpoint=str(told["authorization_endpoint"]),
            token_endpoint=str(told["token_endpoint"]),
            jwks_uri=str(told["jwks_uri"]),
            end_session_endpoint=str(ending) if is_fit(ending, demo=self._demo) else "",
            tells_issuer=told.get("authorization_response_iss_parameter_supported") is True,
            secret_by_post="client_secret_basic" not in methods and "client_secret_post" in methods,
            keys=keys,
            at=now,
            until=now + KEPT_FOR,
        )

    def _check(self, told: Mapping[str, Any]) -> None:
        """Whether it is this provider, reached by addresses that are fit, and can do what is asked (Discovery 1.0, 4.3)."""
        if told.get("issuer") != self.provider.issuer:
            raise Away("other_issuer")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
            if not is_fit(told.get(name), demo=self._demo):
                raise Away(name)
        signed = _strings(told, "id_token_signing_alg_values_supported")
        if signed and not set(signed) & set(self.provider.algorithms):
            raise Away("algorithms")
        proofs = _strings(told, "code_challenge_methods_supported")
        if proofs and "S256" not in proofs:
            raise Away("no_pkce")

    def _prepared(self, session: Session) -> Session:
        """A session that reads nothing of the environment (proxies, .netrc) and keeps to the bounds."""
        session.trust_env = False
        session.headers["User-Agent"] = "signaltable"
        session.verify = self.provider.ca_file or True
        session.proxies = {"http": self.provider.proxy, "https": self.provider.proxy} if self.provider.proxy else {}
        for scheme in ("https://", "http://"):
            session.mount(scheme, _Bounded())
        return session

    def _client(self, known: Known) -> OAuth2Session:
        """Authlib's client, with what proves that it is us."""
        one = self.provider
        common = {"client_id": one.client_id, "code_challenge_method": "S256"}
        try:
            if one.client_secret_file:
                method = "client_secret_post" if known.secret_by_post else "client_secret_basic"
                client = OAuth2Session(client_secret=one.secret(), token_endpoint_auth_method=method, **common)
            else:
                way = PrivateKeyJWT.name
                client = OAuth2Session(client_secret=self._key(), token_endpoint_auth_method=way, **common)
                client.register_client_auth_method(self._proof(known.token_endpoint))
        except UnusableSettings as unusable:
            LOG.error("%s", unusable)  # noqa: TRY400 -- the message says it all and names no person
            raise Away("own_secret") from None
        self._prepared(client)
        return client

    def _key(self) -> RSAKey | ECKey:
        name = f"{VARIABLE}, private_key_file of {self.provider.id}"
        raw = self.provider.private_key()
        kind: type[RSAKey | ECKey] = ECKey if self.provider.private_key_algorithm == "ES256" else RSAKey
        try:
            return kind.import_key(raw)
        except (JoseError, ValueError, TypeError):
            expected = f"expected a private key for {self.provider.private_key_algorithm}, without a password"
            raise UnusableSettings(f"{name}: {expected}") from None

    def _header(self) -> dict[str, str]:
        kid = self.provider.private_key_id
        return {"kid": kid} if kid else {}

    def _proof(self, token_endpoint: str) -> PrivateKeyJWT:
        now = int(self._clock().timestamp())
        return PrivateKeyJWT(
            token_endpoint,
            claims={"iat": now, "exp": now + PROOF_SECONDS},
            headers=self._header(),
            alg=self.provider.private_key_algorithm,
        )

    def _signed(self, parameters: Mapping[str, str]) -> str:
        now = int(self._clock().timestamp())
        algorithm = self.provider.private_key_algorithm
        claims: dict[str, Any] = {
            **parameters,
            "iss": self.provider.client_id,
            "aud": self.provider.issuer,
            "iat": now,
            "nbf": now,
            "exp": now + PROOF_SECONDS,
        }
        if "max_age" in claims:
            claims["max_age"] = int(claims["max_age"])
        if "claims" in claims:
            claims["claims"] = json.loads(claims["claims"])
        header = {"alg": algorithm, "typ": "oauth-authz-req+jwt", **self._header()}
        try:
            return jwt.encode(header, claims, self._key(), algorithms=[algorithm])
        except UnusableSettings as unusable:
            LOG.error("%s", unusable)  # noqa: TRY400 -- the message says it all and names no person
            raise Away("own_secret") from None


def _document(session: Session, url: str) -> dict[str, Any]:
    try:
        answer = session.get(url, headers={"Accept": "application/json"})
        if answer.status_code != 200:
            raise Away(f"status_{answer.status_code}")
        if not _JSON.match(answer.headers.get("Content-Type", "")):
            raise Away("not_json")
        found = answer.json()
    except (RequestException, ValueError, RecursionError) as error:
        raise Away(_code_of(error)) from None
    if not isinstance(found, dict):
        raise Away("not_json")
    return found


def _code_of(error: Exception) -> str:
    """The kind of failure as a code: what a library says of it holds addresses, and what a provider sent."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", type(error).__name__).lower()


def _strings(told: Mapping[str, Any], name: str) -> list[str]:
    given = told.get(name)
    return [one for one in given if isinstance(one, str)] if isinstance(given, list) else []
