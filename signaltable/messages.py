"""The program's own messages: where they go, and which fields each bears. They never hold personal data.

Whoever writes one uses `logging`; structlog makes the fields and the line. What was going on (the name of a page, never its
address; a job; the ids of the trace) is put beside it here, so that no message has to repeat it. Of an exception the type and
the place in the code are told: its text and its frames may quote what somebody typed.
"""

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from functools import cached_property
from logging.handlers import WatchedFileHandler
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final

from signaltable.later import later
from signaltable.log_lines import visible
from signaltable.settings import Settings
from signaltable.trace_context import Trace
from signaltable.watch_settings import JSON, STDERR, TEXT

if TYPE_CHECKING:
    import structlog
else:  # It brings a tenth of what the master of the web holds, who has nothing to say for months.
    structlog = later("structlog")

# Whose messages go along with our own: what they have to say from a warning on.
LIBRARIES: Final = ("apscheduler", "sqlalchemy", "alembic", "prometheus_client")
PACKAGE: Final = Path(__file__).resolve().parent.parent
# In a line for people these stand apart; the others follow as name=value.
IN_FRONT: Final = ("time", "level", "event", "error", "place", "process", "pid", "logger")

Fields = MutableMapping[str, Any]
_WRONG: Final = "signaltable_wrong"


class _Now:
    """What this process is for, and who knows what it is doing at this moment."""

    process = "command"
    asked: Callable[[], Mapping[str, str]] = dict


def called(process: str, asked: Callable[[], Mapping[str, str]] | None = None) -> None:
    """Say what this process is (web, jobs, signer, command), and who can tell what it does at the moment of a message."""
    _Now.process = process
    if asked is not None:
        _Now.asked = staticmethod(asked)


def send(settings: Settings) -> None:
    """Send the messages of this process where the settings say. Twice is once."""
    logger = logging.getLogger("signaltable")
    if any(isinstance(one, _FileHandler | _StderrHandler) for one in logger.handlers):
        return
    handler = _StderrHandler(sys.stderr) if settings.watching.log_to == STDERR else _FileHandler(settings.log_file)
    handler.setFormatter(formatter(settings.watching.log_format))
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    for name in LIBRARIES:
        library = logging.getLogger(name)
        library.addHandler(handler)
        library.setLevel(max(logging.WARNING, library.level))


def files() -> list[logging.Handler]:
    """What writes the messages of this process to a file, for a library that keeps its messages to itself."""
    return [one for one in logging.getLogger("signaltable").handlers if isinstance(one, _FileHandler)]


class _FileHandler(WatchedFileHandler):
    """A file that is opened again when somebody moved it away."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write it. Whoever has something to say goes on with their work also when the whole folder is gone."""
        try:
            super().emit(record)
        except OSError:
            self.handleError(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- as the library calls it
        """The disk is full, say: the line goes to stderr. The library would add the frames of whatever went wrong before."""
        with suppress(Exception):
            sys.stderr.write(self.format(record) + "\n")


class _StderrHandler(logging.StreamHandler[Any]):
    """Whatever reads what the process says: the journal of the system."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 -- as the library calls it
        """Nobody reads along any more, or the line cannot be made: nothing is left to say it to, and the work goes on.

        The library would write the text and the frames of whatever went wrong, which may quote data.
        """


def formatter(kind: str = TEXT) -> logging.Formatter:
    """What makes a line of each record: one object of JSON, or one line for people."""
    return _Untraced(kind)


class _Untraced(logging.Formatter):
    """A formatter that never lets the text or the frames of an exception be seen, so that nobody can add them."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self._kind = kind

    @cached_property
    def _lines(self) -> logging.Formatter:
        return structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.contextvars.merge_contextvars],
            processors=[_with_fields, _as_json if self._kind == JSON else _as_line],
        )

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line."""
        kept = {"exc_info": None, "exc_text": None, "stack_info": None, _WRONG: record.exc_info}
        return self._lines.format(logging.makeLogRecord({**record.__dict__, **kept}))


def _with_fields(_logger: Any, _method: str, given: Fields) -> Fields:
    """The fields of a message in their order, and nothing that its writer did not mean to tell."""
    record: logging.LogRecord = given["_record"]
    kind, _error, trace = record.__dict__.get(_WRONG) or (None, None, None)
    fields = {
        "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
        "level": record.levelname.lower(),
        "event": str(given["event"]),
        "process": _Now.process,
        "pid": os.getpid(),
        "logger": record.name,
    }
    if kind is not None:
        fields |= {"error": kind.__name__, "place": place_of(trace)}
    beside = {name: given[name] for name in ("job", "trace_id", "span_id") if name in given}
    return {**fields, **beside, **_asked()}


def _asked() -> Mapping[str, str]:
    try:
        return _Now.asked()
    except Exception:  # noqa: BLE001 -- a message must come through, whatever state the process is in
        return {}


def traceparent() -> str:
    """The header with which a request of ours to another system goes on from what is going on here; "" for nothing (W3C)."""
    now = {**structlog.contextvars.get_contextvars(), **_asked()}
    return Trace(now["trace_id"], now["span_id"]).header() if {"trace_id", "span_id"} <= now.keys() else ""


def place_of(trace: TracebackType | None) -> str:
    """Where in the code something went wrong: file and line of the innermost frame, "?" when nobody knows."""
    while trace and trace.tb_next:
        trace = trace.tb_next
    if trace is None:
        return "?"
    file = Path(trace.tb_frame.f_code.co_filename)
    name = file.relative_to(PACKAGE) if file.is_relative_to(PACKAGE) else Path(*file.parts[-2:])
    return f"{name}:{trace.tb_lineno}"


def _as_json(_logger: Any, _method: str, fields: Fields) -> str:
    # In ASCII: nothing that turns the direction of writing or begins a line gets through.
    return json.dumps(fields, ensure_ascii=True, default=str)


def _as_line(_logger: Any, _method: str, fields: Fields) -> str:
    at = datetime.fromisoformat(fields["time"]).astimezone()
    line = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03d} {fields['level'].upper()} {fields['event']}"
    if "error" in fields:
        line += f" ({fields['error']} at {fields['place']})"
    more = " ".join(f"{name}={value}" for name, value in fields.items() if name not in IN_FRONT)
    return visible(f"{line} [{more}]" if more else line)
