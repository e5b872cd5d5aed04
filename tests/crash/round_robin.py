"""What stands before several web processes, as a proxy of an operator would: each request goes to the next one that listens."""

import http.client
import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# Between two machines, not from end to end (RFC 9110, 7.6.1).
HOP = {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "date", "server"}


@dataclass
class RoundRobin:
    """The ports behind it, and which of them answered how often."""

    ports: list[int]
    port: int = 0
    answered: Counter[int] = field(default_factory=Counter)


@contextmanager
def round_robin(ports: list[int]) -> Iterator[RoundRobin]:
    """A proxy on a port of 127.0.0.1 before these ports."""
    made = RoundRobin(ports)
    turns = itertools.count()

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            first = next(turns)
            for number in range(len(made.ports)):
                port = made.ports[(first + number) % len(made.ports)]
                behind = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
                try:
                    behind.connect()
                except OSError:
                    continue  # Nobody listens there: nothing was sent, so the next one may have it.
                try:
                    headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP}
                    behind.request(self.command, self.path, body, headers)
                    self._hand_back(behind.getresponse())
                    made.answered[port] += 1
                except (OSError, http.client.HTTPException):
                    if self.command != "GET":
                        self.send_error(502)
                        return
                    continue
                finally:
                    behind.close()
                return
            self.send_error(502)

        do_GET = do_POST = do_HEAD = _pass  # noqa: N815 -- as the library calls them

        def _hand_back(self, answer: http.client.HTTPResponse) -> None:
            body = answer.read()
            self.send_response_only(answer.status, answer.reason)
            for name, value in answer.getheaders():
                if name.lower() not in HOP | {"content-length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_given: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    made.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
