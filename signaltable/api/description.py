"""The API as OpenAPI 3.1, made from what the operations declare and from the shapes that they really take and give."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from signaltable.api.operations import OPERATIONS, PREFIX, Operation
from signaltable.api.problems import TYPE, Problem
from signaltable.machine_rules import MachinesFile
from signaltable.policy_shapes import Purpose

VERSION: Final = "1"
_REF: Final = "#/components/schemas/{model}"


def describe(rules: MachinesFile | None, purposes: Mapping[str, Purpose]) -> dict[str, Any]:
    """The whole description. Scopes are the permissions that `rules` let systems have."""
    models = sorted({model for one in OPERATIONS.values() for model in _models(one)} | {Problem}, key=_name)
    _by_model, schemas = models_json_schema(
        [(model, "serialization") for model in models], ref_template=_REF, title="Shapes"
    )
    paths: dict[str, dict[str, Any]] = {}
    for one in OPERATIONS.values():
        paths.setdefault(address_of(one), {})[one.method.lower()] = _operation(one)
    scopes = {one.id: one.title.en for one in (rules.permission if rules else ())}
    return {
        "openapi": "3.1.0",
        "info": {"title": "signaltable", "version": VERSION, "description": _words(purposes)},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": schemas["$defs"],
            "securitySchemes": {
                "oauth2": {
                    "type": "oauth2",
                    "flows": {"clientCredentials": {"tokenUrl": f"{PREFIX}/token", "scopes": scopes}},
                }
            },
        },
    }


def address_of(one: Operation) -> str:
    """The path of an operation as OpenAPI writes it."""
    return PREFIX + one.path.replace("<", "{").replace(">", "}")


def _words(purposes: Mapping[str, Purpose]) -> str:
    named = "; ".join(f"{one.id}: {one.title.en}" for one in purposes.values())
    return f"For systems of partners (docs/machines.md). Purposes: {named}."


def _models(one: Operation) -> set[type[BaseModel]]:
    return {model for model in (one.gives, one.takes, one.fails_as) if model is not None}


def _name(model: type[BaseModel]) -> str:
    return model.__name__


def _operation(one: Operation) -> dict[str, Any]:
    told: dict[str, Any] = {"operationId": one.name, "summary": one.summary, "responses": _responses(one)}
    if one.detail:
        told["description"] = one.detail
    parameters = [_parameter(part[1:-1], "path", "") for part in one.path.split("/") if part.startswith("<")]
    parameters += [_parameter(name, "query", words) for name, words in one.query.items()]
    if parameters:
        told["parameters"] = parameters
    if one.takes_type:
        shape = _ref(one.takes) if one.takes else {"type": "string"}
        told["requestBody"] = {"required": True, "content": {one.takes_type: {"schema": shape}}}
    # Everybody who came in may hear who they are; the rest needs its scope.
    scopes = [one.needed.value] if one.needed and one.needed.scope != "self" else []
    told["security"] = [{"oauth2": scopes}] if one.needed else []
    return told


def _responses(one: Operation) -> dict[str, Any]:
    shape = _ref(one.gives) if one.gives else {"type": "object"}
    told: dict[str, Any] = {"200": {"description": "It went through", "content": {one.gives_type: {"schema": shape}}}}
    failed = {"application/json": {"schema": _ref(one.fails_as)}} if one.fails_as else {TYPE: {"schema": _ref(Problem)}}
    for status in one.fails:
        told[str(status)] = {"description": HTTPStatus(status).phrase, "content": failed}
    return told


def _parameter(name: str, place: str, words: str) -> dict[str, Any]:
    told = {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}
    return told | ({"description": words} if words else {})


def _ref(model: type[BaseModel]) -> dict[str, str]:
    return {"$ref": _REF.format(model=model.__name__)}
