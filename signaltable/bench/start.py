"""How long somebody waits for the first answer of `signaltable run`, and how much memory it takes once people use it.

The region is the large one: what the program keeps in memory must not grow with it. Four people who do different work visit
every kind of page that they are led to, in both workers; then what they hold is added up, each
shared page of memory counted once over those who share it (Pss, proc(5)).
"""

import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Final

from signaltable.bench.given import Given
from signaltable.bench.line import Line, Skipped, at_most
from signaltable.bench.serving import Server, served
from signaltable.bench.submit import let_go
from signaltable.bench.submitting import Desk, own_region, program_of

ROUNDS: Final = 5
FIRST_ANSWER = 2.0
MEMORY = 250.0
PEOPLE: Final = ("havendam", "coordinator", "auditor", "beheer")
PAGES: Final = 120
# Two workers answer whoever comes first, so each page is asked more than once.
TIMES: Final = 3
_LEADS: Final = re.compile(rb'href="(/[^"#?]*)"')
_NAMED: Final = re.compile(r"[0-9a-f]{32}|[SDIMV]-[0-9A-Z]{4}-[0-9A-Z]{2}|\d+")
# Files, and addresses that change something for who follows them.
_NOT: Final = re.compile(r"/static|/verlaten|/uitloggen|taal")


def lines(given: Given) -> Iterator[Line | Skipped]:
    """The first answer, and the memory after many pages."""
    with own_region(given, "start", given.many) as home:
        took = []
        for _ in range(ROUNDS):
            with served(home) as server:
                took.append(server.took)
        yield Line(
            "first answer", "of `signaltable run`, from its start", median(took), "s", goal=at_most(FIRST_ANSWER)
        )
        if not Path("/proc/self/smaps_rollup").exists():
            yield Skipped("memory of two workers", "expected Linux, which tells how much memory processes share")
            return
        yield from _memory(given, home)


def _memory(given: Given, home: Path) -> Iterator[Line]:
    program = program_of(home)
    with served(home) as server:
        for login in PEOPLE:
            given.say(f"pages of {login}")
            cookie, _token = Desk(program, login).cookie()
            _visit(server.port, cookie)
        workers, master = sum(map(_megabytes, _children(server))), _megabytes(server.pid)
    let_go(program)
    after = f"after {len(PEOPLE)} people visited every kind of page of theirs, calendars and papers included"
    yield Line("memory of two workers", f"two workers {after}", workers, "MB", goal=at_most(MEMORY))
    yield Line("memory with the master", f"two workers and their master {after}", workers + master, "MB")


def _visit(port: int, cookie: str) -> None:
    """Follow what pages lead to, one address of each kind."""
    waits, kinds = ["/overzicht"], set[str]()
    while waits and len(kinds) < PAGES:
        path = waits.pop(0)
        kind = _NAMED.sub("", path)
        if kind in kinds or _NOT.search(path):
            continue
        kinds.add(kind)
        for _ in range(TIMES):
            body = _page(port, path, cookie)
        waits += [one.decode() for one in _LEADS.findall(body)]


def _page(port: int, path: str, cookie: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        body = answer.read()
        return body if "html" in answer.headers.get("Content-Type", "") else b""
    finally:
        connection.close()


def _children(server: Server) -> list[int]:
    return [int(one) for one in Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()]


def _megabytes(pid: int) -> float:
    found = re.search(r"^Pss:\s+(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
