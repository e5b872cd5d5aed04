"""Bodies as they come in: read strictly, so that two readers never see two different things in one."""

import json
from typing import Any, Final, NoReturn, TypeVar

from flask import request
from pydantic import BaseModel, ValidationError

from signaltable.api.problems import Unusable
from signaltable.domain import UnusableInput

MOST_JSON: Final = 10_000
# No body of ours holds a value that holds another; text of that length holds no number longer than this either.
MOST_DIGITS: Final = 12

M = TypeVar("M", bound=BaseModel)


def read_json(shape: type[M]) -> M:
    """The body as `shape`. Raises `Unusable` for what is no plain JSON object, `UnusableInput` for one of another shape."""
    if request.mimetype != "application/json":
        raise Unusable("not_json", 415)
    raw = read_body(MOST_JSON)
    try:
        found = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no, parse_int=_int, parse_float=_no
        )
    except (ValueError, RecursionError):
        raise Unusable("not_json") from None
    if not isinstance(found, dict) or any(isinstance(value, dict | list) for value in found.values()):
        raise Unusable("not_json")
    try:
        return shape.model_validate(found)
    except ValidationError as error:
        # Only names of ours are told back: an invented one may hold anything.
        known = {str(one["loc"][0]) if one["loc"] else "" for one in error.errors()} & shape.model_fields.keys()
        problems = {name: _expected(shape, name) for name in sorted(known)}
        raise UnusableInput(problems or {"body": "expected no other names"}) from None


def read_body(most: int) -> bytes:
    """The bytes of the body. Raises `Unusable` for more than `most`, also when its length was not told."""
    if request.content_encoding:
        raise Unusable("not_json", 415)
    if (request.content_length or 0) > most:
        raise Unusable("too_large", 413)
    found = request.stream.read(most + 1)
    if len(found) > most:
        raise Unusable("too_large", 413)
    return found


def _expected(shape: type[BaseModel], name: str) -> str:
    return f"expected {shape.model_fields[name].description}"


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands there twice")
    return found


def _int(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise ValueError("a number that long")
    return int(digits)


def _no(_given: str) -> NoReturn:
    raise ValueError("no such number")
