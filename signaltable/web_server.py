"""gunicorn as the program runs it: what it takes from the wire, what it tells of itself, and how it answers what it cannot read.

It believes nothing that a request says about the proxy before it (the scheme, a path prefix): the settings say how many
proxies there are (`origin.client_address`) and whether browsers come over HTTPS. `gunicorn.conf.py` uses the same options.
"""

import logging
from typing import Any, Final

from gunicorn import util
from gunicorn.glogging import Logger
from gunicorn.http import errors, wsgi
from gunicorn.workers.gthread import ThreadWorker

from signaltable.answer_headers import HEADERS, KEEP_NOTHING
from signaltable.log_lines import OneLine
from signaltable.messages import files, formatter
from signaltable.watch_settings import JSON, TEXT

# What a request that cannot be read is answered with: a number and its standard words (RFC 9110), nothing of the request.
WORDS: Final = {
    400: "Bad Request",
    403: "Forbidden",
    414: "URI Too Long",
    417: "Expectation Failed",
    431: "Request Header Fields Too Large",
    500: "Internal Server Error",
    501: "Not Implemented",
}
_STATUS: Final = (
    (errors.InvalidResponseHeader, 500),  # What the application tried to send is not the fault of who asked.
    (errors.InvalidResponseHeaderName, 500),
    (errors.LimitRequestLine, 414),
    (errors.LimitRequestHeaders, 431),
    (errors.ExpectationFailed, 417),
    (errors.UnsupportedTransferCoding, 501),
    (errors.ForbiddenProxyRequest, 403),
    (errors.ConfigurationProblem, 500),
    (errors.ParseException, 400),
)
_default_headers = wsgi.Response.default_headers


class Worker(ThreadWorker):  # type: ignore[misc]
    """A worker that tells nothing of itself, and whose own answers carry the headers of all others."""

    def init_process(self) -> None:
        """Start, with answers that do not name the server."""
        wsgi.Response.default_headers = _nameless
        super().init_process()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Take connections, or none. Who stops takes first those that wait already, and then refuses: nobody is cut off.

        A connection that waits in the socket when the last process closes it would be reset instead.
        """
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for listener in self.sockets:
            taken = -1
            while taken != self.nr_conns:
                taken = self.nr_conns
                self.accept(listener)
            listener.close()

    def handle_error(self, req: Any, client: Any, addr: Any, exc: BaseException) -> None:  # noqa: ARG002
        """Answer a request that cannot be read. gunicorn would quote it to whoever sent it, and log it as it came."""
        status = next((status for kind, status in _STATUS if isinstance(exc, kind)), 500)
        told = "a request could not be read: %s" if status < 500 else "a request could not be answered: %s"
        self.log.warning(told, type(exc).__name__)
        try:
            util.write_nonblock(client, bare_answer(status))
        except OSError:
            self.log.debug("whoever asked is gone")


def bare_answer(status: int) -> bytes:
    """A whole answer with this status, made without the application."""
    words = WORDS[status]
    body = f"{status} {words}\n"
    headers = {
        **HEADERS,
        "Cache-Control": KEEP_NOTHING,
        "Connection": "close",
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": str(len(body)),
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {words}\r\n{lines}\r\n{body}".encode("latin-1")


def _nameless(response: Any) -> list[str]:
    return [line for line in _default_headers(response) if not line.startswith("Server:")]


class Log(Logger):  # type: ignore[misc]
    """gunicorn's messages, each on one line, without what a request said and without a traceback, which may quote it."""

    # How lines are written (SIGNALTABLE_LOG_FORMAT): gunicorn makes one of these by itself, so it is told to the class.
    kind = TEXT

    def setup(self, cfg: Any) -> None:
        """Let every message be one line."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(formatter(JSON) if self.kind == JSON else OneLine(self.error_fmt, self.datefmt))
        # To where it was started, for who sits there, and beside what the program itself has to say.
        self.error_log.handlers += [one for one in files() if one not in self.error_log.handlers]

    def exception(self, msg: str, *args: Any, **kwargs: Any) -> None:  # noqa: ARG002 -- `args` are of the request
        """Say that something went wrong, and with what kind of error; where it was, the application's own log says."""
        self.error_log.error("a request could not be answered", exc_info=True)


# So many processes answer, each with so many threads.
WORKERS, THREADS = 2, 4
# docs/operate.md, "What the wire may ask". A proxy in front waits for slow requests; these limits are the last fence.
OPTIONS: Final[dict[str, Any]] = {
    "worker_class": Worker,
    "logger_class": Log,
    "loglevel": "warning",
    "accesslog": None,  # Addresses hold references; who looked at what stands in the audit log.
    "control_socket_disable": True,
    "limit_request_line": 4094,
    "limit_request_fields": 64,
    "limit_request_field_size": 8190,
    "timeout": 60,
    "keepalive": 5,
    "umask": 0o077,
    # Nobody on the other side of the socket may say which scheme, path or address a request has.
    "forwarded_allow_ips": "",
    "secure_scheme_headers": {},
    "forwarder_headers": "",
    "proxy_protocol": "off",
    "header_map": "drop",
    "permit_obsolete_folding": False,
    "strip_header_spaces": False,
}
logging.getLogger("gunicorn.error").propagate = False
