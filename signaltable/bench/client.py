"""Clients of a server, in a process of their own: each keeps its connection and sends its requests one after the other.

Reads one line of JSON with what to send, says "ready", waits for a line, and writes one line of JSON with what came back.
It needs nothing of the program, so that it starts at once and takes little of the processor.
"""

import http.client
import json
import sys
import threading
import time
from typing import Any, Final

HOST: Final = "127.0.0.1"
PATIENCE: Final = 60.0
FORM: Final = "application/x-www-form-urlencoded"


def work(port: int, requests: list[list[str]], answers: list[list[Any]], start: threading.Event) -> None:
    """Send each (path, body, cookie); note the seconds, the status and where the answer leads, or what went wrong."""
    connection = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    start.wait()
    for path, body, cookie in requests:
        began = time.perf_counter()
        try:
            connection.request("POST", path, body, {"Content-Type": FORM, "Cookie": cookie})
            answer = connection.getresponse()
            answer.read()
            answers.append([time.perf_counter() - began, answer.status, answer.headers.get("Location", "")])
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            answers.append([time.perf_counter() - began, 0, type(error).__name__])
    connection.close()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    """All clients of this process at once, each in a thread."""
    told = json.loads(sys.stdin.readline())
    start, answers = threading.Event(), [list[list[Any]]() for _ in told["clients"]]
    threads = [
        threading.Thread(target=work, args=(told["port"], requests, into, start))
        for requests, into in zip(told["clients"], answers, strict=True)
    ]
    for thread in threads:
        thread.start()
    _say("ready")
    sys.stdin.readline()
    start.set()
    for thread in threads:
        thread.join()
    _say(json.dumps([one for some in answers for one in some]))


if __name__ == "__main__":
    main()
