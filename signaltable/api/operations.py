"""The operations of the API: each declares what it needs, takes and gives, and from these the description is made too."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flask import Blueprint
from flask.typing import ResponseReturnValue
from pydantic import BaseModel

from signaltable.access import Permission

PREFIX: Final = "/api"
pages: Final = Blueprint("api", __name__, url_prefix=PREFIX)

View = Callable[..., ResponseReturnValue]


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation. `path` is that of the blueprint; `needed` None means that no token is asked.

    `takes` is the shape of a JSON body, `takes_type` the type of another body; `gives` the shape of an answer that went
    through. `query` names what may stand in the address, with words. `fails` are the statuses of its problems,
    which have the shape `fails_as` as plain JSON where that is not RFC 9457.
    """

    name: str
    method: str
    path: str
    summary: str
    needed: Permission | None
    gives: type[BaseModel] | None = None
    takes: type[BaseModel] | None = None
    takes_type: str = ""
    gives_type: str = "application/json"
    query: Mapping[str, str] = field(default_factory=dict)
    fails: tuple[int, ...] = ()
    fails_as: type[BaseModel] | None = None
    detail: str = ""


OPERATIONS: Final[dict[str, Operation]] = {}


def operation(declared: Operation) -> Callable[[View], View]:
    """Add a view to the blueprint under what it declares."""

    def add(view: View) -> View:
        view.needed_permissions = () if declared.needed is None else (declared.needed,)  # type: ignore[attr-defined]
        OPERATIONS[declared.name] = declared
        pages.add_url_rule(declared.path, declared.name, view, methods=[declared.method])
        return view

    return add


def declared(endpoint: str | None) -> Operation | None:
    """The operation behind an endpoint of the application; None for another page."""
    return OPERATIONS.get((endpoint or "").removeprefix(f"{pages.name}."))


def answer(value: BaseModel) -> dict[str, Any]:
    """What an operation gives, as JSON can say it."""
    found: dict[str, Any] = value.model_dump(mode="json")
    return found
