"""An identity provider for tests: a real HTTP server on this machine with keys of its own, that answers what a test tells it.

`oidc-provider-mock` (tests/e2e/test_scene_provider.py) knows no levels, forges nothing and never turns its keys; this one
is a discovery document, a key set and a token endpoint, and what stands in the token is the test's.
"""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from signaltable.flow.coming_in import provider_connection

CLIENT, SECRET = "signaltable", "een-geheim-van-de-proef"


# Making a key takes longer than most tests.
KEYS = [RSAKey.generate_key(2048, {"use": "sig", "alg": "RS256", "kid": kid}, auto_kid=False) for kid in ("one", "two")]


@dataclass
class Provider:
    """What it says of itself, and what a token holds; a test changes either."""

    issuer: str
    clock: Callable[[], Any]
    key: RSAKey = field(default_factory=lambda: KEYS[0])
    told: list[RSAKey] = field(default_factory=lambda: [KEYS[0]])
    metadata: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    # Makes a token by itself, out of the right claims.
    forge: Callable[[dict[str, Any]], str] | None = None
    asked: dict[str, str] = field(default_factory=dict)
    tokens: list[dict[str, str]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    answer: tuple[int, str, bytes] | None = None
    slow: float = 0.0

    def visit(self, url: str) -> dict[str, str]:
        """What a browser does that is led to this provider, where its person says yes: the parameters to come back with."""
        assert url.startswith(f"{self.issuer}/authorize?"), url
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        return {"state": self.asked["state"], "code": "een-code"}

    def right_claims(self) -> dict[str, Any]:
        now = int(self.clock().timestamp())
        return {
            "iss": self.issuer,
            "aud": CLIENT,
            "sub": "1f0c",
            "iat": now,
            "exp": now + 300,
            "auth_time": now,
            "nonce": self.asked.get("nonce", ""),
            **self.claims,
        }

    def token(self) -> str:
        claims = {name: value for name, value in self.right_claims().items() if value is not None}
        return self.forge(claims) if self.forge else self.signed(claims)

    def signed(self, claims: dict[str, Any], key: RSAKey | None = None, **header: Any) -> str:
        key = key or self.key
        return jwt.encode({"alg": "RS256", "kid": key.kid, **header}, claims, key, algorithms=["RS256", "PS256"])

    def discovery(self) -> dict[str, Any]:
        at = {name: f"{self.issuer}/{path}" for name, path in PLACES.items()}
        return {"issuer": self.issuer, **at, "id_token_signing_alg_values_supported": ["RS256"], **self.metadata}


PLACES = {
    "authorization_endpoint": "authorize",
    "token_endpoint": "token",
    "jwks_uri": "jwks",
    "end_session_endpoint": "logout",
}


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        one = self.provider
        one.requests.append(self.path)
        time.sleep(one.slow)
        if one.answer:
            self._send(*one.answer)
        elif self.path == "/.well-known/openid-configuration":
            self._json(one.discovery())
        elif self.path == "/jwks":
            self._json(KeySet(list(one.told)).as_dict(private=False))
        else:
            self.send_error(404)

    def do_POST(self) -> None:
        one = self.provider
        one.requests.append(self.path)
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        told = {"authorization": "Authorization", "traceparent": "traceparent"}
        one.tokens.append(given | {name: self.headers.get(header, "") for name, header in told.items()})
        challenge = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest())
        if one.asked.get("code_challenge") != challenge.rstrip(b"=").decode() or given.get("code") != "een-code":
            self._json({"error": "invalid_grant", "error_description": "j.jansen@havendam.test"}, 400)
        else:
            self._json({"access_token": "x", "token_type": "Bearer", "id_token": one.token()})

    def _json(self, content: dict[str, Any], status: int = 200) -> None:
        self._send(status, "application/json", json.dumps(content).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Location" if 300 <= status < 400 else "Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, _format: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def serving(clock: Callable[[], Any]) -> Iterator[Provider]:
    handler = type("Handler", (_Handler,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    handler.provider = Provider(f"http://127.0.0.1:{server.server_port}", clock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    # The program gives a provider some seconds, in which this machine may do something else.
    patience = pytest.MonkeyPatch()
    for name in ("CONNECT_SECONDS", "READ_SECONDS", "ALTOGETHER_SECONDS"):
        patience.setattr(provider_connection, name, 120.0)
    try:
        yield handler.provider
    finally:
        patience.undo()
        server.shutdown()
        server.server_close()
        thread.join()
