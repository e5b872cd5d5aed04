"""Telling the numbers over HTTP, on an address of their own."""

import logging
from typing import Final, cast
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import CollectorRegistry, start_http_server

from signaltable.board import Board
from signaltable.metrics.counted import Counted
from signaltable.metrics.stored import Stored
from signaltable.transaction import Program

LOG = logging.getLogger("signaltable")
# Who asks for numbers asks at once: a connection that says nothing for so long is closed, and its thread with it.
SILENT_SECONDS: Final = 10


def registry_of(board: Board | None, program: Program | None) -> CollectorRegistry:
    """What processes counted on a board, and how the database of a program is; each where it is given."""
    registry = CollectorRegistry(auto_describe=False)
    if board is not None:
        registry.register(Counted(board))
    if program is not None:
        registry.register(Stored(program))
    return registry


def listen(place: tuple[str, int], board: Board | None, program: Program | None) -> None:
    """Tell them until the process ends, in a thread beside it. An address that is taken is told and stops nobody."""
    try:
        server, _thread = start_http_server(place[1], place[0], registry_of(board, program))
    except OSError as error:
        LOG.error("no numbers are told: the address of SIGNALTABLE_METRICS cannot be used (%s)", error.strerror)  # noqa: TRY400
        return
    cast(type[WSGIRequestHandler], server.RequestHandlerClass).timeout = SILENT_SECONDS
