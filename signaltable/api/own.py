"""What a system hears of itself and of the API, and the state of the log for one that keeps it as a witness."""

from datetime import datetime
from typing import Any

from flask import Response, jsonify
from pydantic import BaseModel, ConfigDict

from signaltable.access import Permission
from signaltable.api.description import describe
from signaltable.api.guards import actor, begin, program
from signaltable.api.operations import Operation, answer, operation
from signaltable.domain import NotFound
from signaltable.flow import witnesses
from signaltable.flow.coming_in.machines import own_account


class Self(BaseModel):
    """The account behind the token: for whom it stands, until when, and what this token holds of it."""

    model_config = ConfigDict(extra="forbid")

    id: str
    title: str
    agency: str
    agency_id: str
    expires_at: datetime
    strength: str
    permissions: list[str]
    purposes: list[str]


class Checkpoint(BaseModel):
    """A signed state of the log (docs/audit.md): how many entries, and the note that proves it."""

    model_config = ConfigDict(extra="forbid")

    size: int
    note: str


@operation(
    Operation("own", "GET", "/self", "Who am I", Permission.ACCOUNT_CONSULT_SELF, gives=Self, fails=(401, 403, 429))
)
def own() -> dict[str, Any]:
    """Who this is, until when the account counts, and what the token holds."""
    found = own_account(program(), actor())
    return answer(
        Self(
            id=actor().account_id,
            title=found.title,
            agency=found.agency,
            agency_id=actor().agency_id,
            expires_at=found.expires_at,
            strength=actor().strength,
            permissions=sorted(actor().permissions),
            purposes=sorted(actor().purposes),
        )
    )


@operation(
    Operation(
        "checkpoint",
        "GET",
        "/checkpoint",
        "Fetch the newest signed state of the log, to keep it",
        Permission.CHECKPOINT_KEEP_OWN,
        gives=Checkpoint,
        fails=(401, 403, 404, 429),
    )
)
def checkpoint() -> dict[str, Any]:
    """The newest checkpoint. Keep it somewhere else: with it your organisation can prove that the log was changed."""
    with begin() as tx:
        size = witnesses.newest_size(tx)
        if size is None:
            raise NotFound("no checkpoint yet")
        return answer(Checkpoint(size=size, note=witnesses.fetch(tx, size)))


@operation(Operation("description", "GET", "/openapi.json", "This description", None, gives_type="application/json"))
def description() -> Response:
    """The API as OpenAPI 3.1, made from what the operations declare."""
    return jsonify(describe(program().policy.machines, program().policy.purposes))
