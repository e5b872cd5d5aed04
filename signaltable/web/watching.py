"""For whatever watches the program: that it lives, whether it can work, and how often pages are asked and how long they take."""

import time
from collections.abc import Mapping
from typing import Final, cast

from flask import Blueprint, Flask, Response, current_app, g, has_request_context, jsonify, request
from flask.typing import ResponseReturnValue
from sqlalchemy import QueuePool

from signaltable import counting, messages
from signaltable.flow.readiness import Readiness
from signaltable.transaction import Program
from signaltable.web.guards import permission

pages = Blueprint("watching", __name__)
KEY: Final = "signaltable.readiness"
POOL: Final = "signaltable.pool"
METHODS: Final = frozenset({"GET", "POST", "HEAD"})
# How a request is counted that leads to no page.
NO_PAGE: Final = "none"


def register(app: Flask, program: Program) -> None:
    """Count every request where somebody watches. Register it before all else: then it begins first and ends last."""
    app.extensions[KEY] = Readiness(program)
    messages.called("web", _at_work_on)
    if counting.is_counting():
        with program.read_sessions() as session:
            app.extensions[POOL] = session.get_bind().engine.pool
        app.before_request(_begin)
        app.after_request(_count)


@pages.get("/gereed")
@permission(None)
def ready() -> ResponseReturnValue:
    """Whether this process takes work: 200, or 503 with the names of what is in the way and nothing else."""
    problems = cast(Readiness, current_app.extensions[KEY]).problems()
    return jsonify(ready=not problems, problems=list(problems)), 503 if problems else 200


def _at_work_on() -> Mapping[str, str]:
    """The page that is being answered, by name, and the ids of its trace: for the program's own messages."""
    if not has_request_context():
        return {}
    work = g.get("work")
    ids = {"trace_id": work.trace_id, "span_id": work.span_id} if work else {}
    return {"route": request.endpoint or NO_PAGE, **ids}


def _begin() -> None:
    g.began = time.monotonic()


def _count(response: Response) -> Response:
    """Count by the name of the page, never by its address, which holds a reference."""
    page = request.endpoint or NO_PAGE
    method = request.method if request.method in METHODS else "other"
    counting.count("requests", page, method, f"{response.status_code // 100}xx")
    counting.took("seconds", page, time.monotonic() - g.get("began", time.monotonic()))
    pool = current_app.extensions[POOL]
    if isinstance(pool, QueuePool):
        counting.tell("db_connections", pool.checkedout())
    return response
