"""What goes wrong as JSON (RFC 9457), with the reason code that page and log share and what to do in words for a developer."""

import logging
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, jsonify
from pydantic import BaseModel, ConfigDict
from werkzeug.exceptions import HTTPException

from signaltable.domain import Conflict, NotFound, Refused, UnusableInput
from signaltable.flow.coming_in.machines import NoToken
from signaltable.flow.rates import TooMany
from signaltable.storage_faults import StorageFault, fault_of

LOG: Final = logging.getLogger("signaltable")
TYPE: Final = "application/problem+json"

# In words for who writes the system that asks. A reason that is not here is told by its code alone.
WORDS: Final[Mapping[str, str]] = {
    "no_token": "Send a token of POST /api/token as Authorization: Bearer.",
    "token_over": "The token has ended or its account has changed. Ask for a new one.",
    "other_certificate": "The token belongs to a certificate that this request did not show.",
    "no_permission": "The token does not hold the permission that this needs.",
    "no_machine": "Systems cannot do this; a person can.",
    "other_purpose": "The token does not hold the purpose of this question.",
    "not_asked": "Your organisation was not asked this question.",
    "conflict_of_interest": "There is no such thing.",
    "not_found": "There is no such thing.",
    "answered": "The question can no longer be answered.",
    "answered_by_person": "A person of your organisation answered this question. What a person said stays.",
    "version": "Somebody else was here meanwhile. Read the question again.",
    "budget_person": "This account compared as many lists as it may on one day. Go on tomorrow.",
    "budget_agency": "Your organisation compared as many lists as it may on one day. Go on tomorrow.",
    "unusable_input": "What came in cannot be used. Each problem says what was expected.",
    "not_json": "Expected one JSON object, each name once, not nested, as application/json in UTF-8.",
    "not_csv": "Expected a list as text/csv.",
    "not_on_the_form": "Expected nothing in the address that this operation does not name.",
    "unavailable": "Nothing was stored. Try again after the seconds in Retry-After.",
    "not_known": "It is not known whether this was stored. Read it again before you send it again.",
    "too_large": "This is more than the operation takes.",
    "rate": "This was asked too often. Try again after the seconds in Retry-After.",
}


class Problem(BaseModel):
    """Something did not go through (RFC 9457). `reason` is a fixed code, `detail` says it in words, `problems` per field."""

    model_config = ConfigDict(extra="forbid")

    type: str = "about:blank"
    title: str
    status: int
    reason: str
    detail: str = ""
    problems: dict[str, str] | None = None


class Unusable(Exception):
    """A request that no operation takes; `reason` and `status` are those of the answer."""

    def __init__(self, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.reason, self.status = reason, status


def problem(status: int, reason: str, problems: Mapping[str, str] | None = None) -> Response:
    """An answer that says what is wrong."""
    told = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        reason=reason,
        detail=WORDS.get(reason, ""),
        problems=dict(problems) if problems else None,
    )
    answer = jsonify(told.model_dump(exclude_none=True))
    answer.status_code, answer.content_type = status, TYPE
    return answer


def answer_of(error: Exception) -> Response:
    """The answer to anything that goes wrong in an operation. What only its place says is written to the program's log."""
    for kind, told in _TOLD.items():
        if isinstance(error, kind):
            found: Response = told(error)
            return found
    fault = fault_of(error)
    if fault is not None:
        return _unavailable(fault)
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "?"
    LOG.error("unexpected %s at %s", type(error).__name__, place)
    return problem(500, "broken")


def _refused(error: Any) -> Response:
    if error.reason == "conflict_of_interest":  # For whoever asks there is no such thing; the log has the reason.
        return problem(404, "not_found")
    return problem(429 if error.reason.startswith("budget_") else 403, error.reason)


def _no_token(error: Any) -> Response:
    answer = problem(401, error.reason)
    # RFC 6750 3.1: nothing is said about a request that showed no token.
    answer.headers["WWW-Authenticate"] = "Bearer" if error.reason == "no_token" else 'Bearer error="invalid_token"'
    return answer


def _too_many(error: Any) -> Response:
    answer = problem(429, "rate")
    answer.headers["Retry-After"] = str(error.seconds)
    return answer


def _unavailable(fault: StorageFault) -> Response:
    LOG.error("storage is %s%s", fault.kind, ", and one act is not known to be stored" if fault.unsure else "")
    answer = problem(503, "not_known" if fault.unsure else "unavailable")
    answer.headers["Retry-After"] = str(fault.again_after)
    return answer


def _http(error: Any) -> Response:
    status = error.code or 500
    names = {404: "not_found", 405: "no_method", 413: "too_large", 415: "not_json"}
    answer = problem(status if status >= 400 else 404, names.get(status, "unusable_input"))
    if status == 405 and getattr(error, "valid_methods", None):
        answer.headers["Allow"] = ", ".join(sorted(error.valid_methods))
    return answer


_TOLD: Final[Mapping[type[Exception], Any]] = {
    NoToken: _no_token,
    TooMany: _too_many,
    Refused: _refused,
    NotFound: lambda _error: problem(404, "not_found"),
    Conflict: lambda error: problem(409, error.reason),
    UnusableInput: lambda error: problem(422, "unusable_input", error.problems),
    Unusable: lambda error: problem(error.status, error.reason),
    HTTPException: _http,
}


def register(pages: Blueprint, note: Any) -> None:
    """Answer whatever goes wrong behind this blueprint; `note` records it first."""

    def handle(error: Exception) -> Response:
        answer = answer_of(error)
        note(error, answer)
        return answer

    pages.register_error_handler(Exception, handle)
