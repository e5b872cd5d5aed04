"""A token for a system that shows what its account has: OAuth 2.0 client credentials (RFC 6749 4.4), by HTTP Basic or body."""

import base64
import binascii
from typing import Final
from urllib.parse import unquote_plus

from flask import Response, jsonify, request
from pydantic import BaseModel, ConfigDict, Field

from signaltable.api.bodies import read_body
from signaltable.api.guards import actor, program, shown_certificate
from signaltable.api.operations import Operation, operation
from signaltable.api.problems import Unusable
from signaltable.domain import Refused
from signaltable.flow.coming_in import machines
from signaltable.flow.coming_in.machines import Shown, Wanted

FORM: Final = "application/x-www-form-urlencoded"
MOST_FORM: Final = 4_000
NAMES: Final = frozenset({"grant_type", "client_id", "client_secret", "scope", "purpose"})
# The names of RFC 6749 5.2, with their status.
ERRORS: Final = {
    machines.WRONG: ("invalid_client", 401),
    machines.TOO_MANY: ("temporarily_unavailable", 429),
    machines.SCOPE: ("invalid_scope", 400),
}
WAIT: Final = 60


class Token(BaseModel):
    """A token, which counts for `expires_in` seconds; `scope` and `purpose` say what it holds, apart by spaces."""

    model_config = ConfigDict(extra="forbid")

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 -- the name of the kind, as RFC 6750 has it
    expires_in: int = Field(ge=0)
    scope: str
    purpose: str


class TokenRequest(BaseModel):
    """What is asked; the id and the secret stand here or in HTTP Basic, never in both. With a certificate there may be no secret."""

    model_config = ConfigDict(extra="forbid")

    grant_type: str = Field(description="client_credentials")
    client_id: str = ""
    client_secret: str = ""
    scope: str = Field(
        "", description="some of the permissions of the account, apart by spaces; without it all of them"
    )
    purpose: str = Field("", description="some of the purposes of the account, apart by spaces; without it all of them")


class TokenProblem(BaseModel):
    """Why there is no token (RFC 6749 5.2); `reason` is the code that the log has too."""

    model_config = ConfigDict(extra="forbid")

    error: str
    error_description: str
    reason: str


class _BadRequest(Exception):
    """The request does not read as RFC 6749 says."""


@operation(
    Operation(
        "token",
        "POST",
        "/token",
        "Get a token",
        None,
        takes=TokenRequest,
        takes_type=FORM,
        gives=Token,
        fails=(400, 401, 413, 429),
        fails_as=TokenProblem,
    )
)
def token() -> Response:
    """Let a system in. Errors are those of RFC 6749 5.2, not of RFC 9457: libraries read them."""
    try:
        shown, wanted = _read()
        issued = machines.issue_token(program(), actor(), shown, wanted)
    except _BadRequest as error:
        return _error(str(error), "unusable_input", 400)
    except Unusable as error:
        return _error("invalid_request", error.reason, error.status)
    except Refused as refusal:
        name, status = ERRORS.get(refusal.reason, ("invalid_client", 401))
        return _error(name, refusal.reason, status)
    given = Token(
        access_token=issued.token,
        expires_in=issued.seconds,
        scope=" ".join(issued.permissions),
        purpose=" ".join(issued.purposes),
    )
    answer = jsonify(given.model_dump())
    answer.headers["Pragma"] = "no-cache"
    return answer


def _read() -> tuple[Shown, Wanted]:
    if request.mimetype != FORM:
        raise _BadRequest("invalid_request")
    fields = _fields(read_body(MOST_FORM))
    if fields.get("grant_type") != "client_credentials":
        raise _BadRequest("unsupported_grant_type" if fields.get("grant_type") else "invalid_request")
    basic = _basic()
    if basic is not None and ("client_secret" in fields or fields.get("client_id", basic[0]) != basic[0]):
        raise _BadRequest("invalid_request")
    machine_id, secret = basic or (fields.get("client_id", ""), fields.get("client_secret", ""))
    return Shown(machine_id, secret, shown_certificate()), Wanted(_list(fields, "scope"), _list(fields, "purpose"))


def _fields(raw: bytes) -> dict[str, str]:
    """The fields of a form, each once; an empty one counts as not sent (RFC 6749 3.2)."""
    fields: dict[str, str] = {}
    try:
        pairs = [part.partition("=") for part in raw.decode("ascii").split("&") if part]
        for name, _equals, value in pairs:
            key = unquote_plus(name, errors="strict")
            if key in fields or key not in NAMES:
                raise _BadRequest("invalid_request")
            fields[key] = unquote_plus(value, errors="strict")
    except UnicodeError:
        raise _BadRequest("invalid_request") from None
    return {name: value for name, value in fields.items() if value}


def _basic() -> tuple[str, str] | None:
    """The id and the secret of HTTP Basic, each escaped like a form (RFC 6749 2.3.1); None without it."""
    given = request.headers.getlist("Authorization")
    if not given:
        return None
    scheme, _space, told = given[0].partition(" ")
    if len(given) > 1 or scheme.lower() != "basic":
        raise _BadRequest("invalid_request")
    try:
        name, colon, secret = base64.b64decode(told.strip(), validate=True).decode("utf-8").partition(":")
        if not colon:
            raise _BadRequest("invalid_request")
        return unquote_plus(name, errors="strict"), unquote_plus(secret, errors="strict")
    except (binascii.Error, ValueError):
        raise _BadRequest("invalid_request") from None


def _list(fields: dict[str, str], name: str) -> frozenset[str] | None:
    return frozenset(fields[name].split()) if fields.get(name, "").split() else None


def _error(name: str, reason: str, status: int) -> Response:
    words = {
        "invalid_client": "The id, the secret or the certificate is not right, or the account has ended.",
        "invalid_scope": "The account does not hold all that was asked.",
        "temporarily_unavailable": "Too many attempts. Try again later.",
        "unsupported_grant_type": "Expected grant_type=client_credentials.",
    }
    told = TokenProblem(
        error=name, error_description=words.get(name, "Expected a form, each field once."), reason=reason
    )
    answer = jsonify(told.model_dump())
    answer.status_code = status
    if status == 401:
        answer.headers["WWW-Authenticate"] = 'Basic realm="signaltable"'
    if status == 429:
        answer.headers["Retry-After"] = str(WAIT)
    return answer
