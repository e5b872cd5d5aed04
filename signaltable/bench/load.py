"""Submits over HTTP against the program as it runs: how many a second, and whether any is lost, refused or left waiting.

The server is `signaltable run` with its two workers on a home of its own with many signals, in memory where it fits and
else on the disk, whose waiting then counts; clients are other processes that keep their connections. Beside it runs an
empty Flask behind the same gunicorn with the same settings, in turn: what both have in common is the server, the wire and
the clients.

Hush Line cannot be had here. On the machine of the reference measurements it stored 174 messages a second where an empty
Flask behind gunicorn answered 4,939 in the same setting (two workers, run in turn): 3.5 % of hello. Four times Hush Line is
therefore 14.1 % of hello. That ratio is derived from two measurements of another day, not measured in this run.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import IO, Final

from sqlalchemy import func, select

from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_least, at_most, in_rounds
from signaltable.bench.serving import hello, served
from signaltable.bench.submit import let_go
from signaltable.bench.submitting import (
    Desk,
    NotStored,
    Sending,
    own_region,
    people_who_submit,
    program_of,
    reference_in,
)
from signaltable.bench.turns import p95
from signaltable.models import Signal
from signaltable.transaction import Program, reading

HUSH_LINE, ITS_HELLO = 174, 4939
GOAL: Final = at_least(round(4 * HUSH_LINE / ITS_HELLO, 3))
CLIENTS: Final = (4, 16, 64)
ROUNDS, EACH, HELLOS = 3, 30, 250
# So many submits of each number of clients together, so that all meet as many.
TOGETHER: Final = 256
PEOPLE, PROCESSES = 8, 4


@dataclass(frozen=True, slots=True)
class Answers:
    """What came back to clients that began at once: how long the whole took, and of each request its seconds and its end."""

    seconds: float
    each: tuple[tuple[float, int, str], ...]

    @property
    def rate(self) -> float:
        """Answers in a second."""
        return len(self.each) / self.seconds

    @property
    def waits(self) -> list[float]:
        """How long each client waited, in milliseconds."""
        return [seconds * 1000 for seconds, _status, _location in self.each]


def lines(given: Given) -> Iterator[Line]:
    """Submits a second beside hello; then 4, 16 and 64 clients: everything stored, and how waiting grows."""
    with own_region(given, "load", given.many) as home, served(home) as ours, hello() as theirs:
        program = program_of(home)
        desks = [Desk(program, login) for login in islice(cycle(people_who_submit(program)), PEOPLE)]
        made = Drafts(desks)
        stored = Stored(program)
        port = ours.port
        stored.take_in(_sent(port, made.shared_out(CLIENTS[0], 8)))
        given.say("submits and empty answers in turn")
        yield _beside_hello(port, theirs.port, made, stored)
        yield from _growing(given, port, made, stored)
        let_go(program)


def _beside_hello(port: int, hello: int, made: "Drafts", stored: "Stored") -> Line:
    rounds = []
    for _ in range(ROUNDS):
        ours = stored.take_in(_sent(port, made.shared_out(CLIENTS[0], EACH)))
        theirs = _sent(hello, [[Sending("/", b"a=1", "", made.content)] * HELLOS for _ in range(CLIENTS[0])])
        rounds.append((ours.rate, theirs.rate))
    what = (
        f"submits by 4 clients, 2 workers; beside an empty Flask behind the same server. Four times Hush Line, derived: "
        f"4 x {HUSH_LINE} / {ITS_HELLO} of hello"
    )
    return in_rounds("submits over HTTP", what, rounds, "per second", GOAL)


def _growing(given: Given, port: int, made: "Drafts", stored: "Stored") -> Iterator[Line]:
    few = CLIENTS[0]
    waits: dict[int, list[float]] = {}
    for clients in CLIENTS:
        given.say(f"{clients} clients at once")
        waits[clients] = stored.take_in(_sent(port, made.shared_out(clients, TOGETHER // clients))).waits
    lost = f"of {stored.acknowledged} acknowledged submits of 4, 16 and 64 clients"
    yield Line("submits that are missing or failed", lost, float(stored.missing), "submits", goal=at_most(0))
    for name, part in (("p50", median), ("p95", p95)):
        before = part(waits[few])
        for clients in CLIENTS[1:]:
            what = f"{name} of a submit with {clients} clients; beside {clients // few} times that with {few}"
            linear = before * clients / few
            now = part(waits[clients])
            yield Line(f"{name}, {clients} clients", what, now, "ms", linear, (now / linear,), at_most(1.0))


class Drafts:
    """Drafts that wait on their last page, of several people."""

    def __init__(self, desks: Sequence[Desk]) -> None:
        self._desks = [(desk, *desk.cookie()) for desk in desks]
        self.content = desks[0].draft()

    def shared_out(self, clients: int, each: int) -> list[list[Sending]]:
        """So many for each client, who is one of the people."""
        who = islice(cycle(self._desks), clients)
        return [[desk.sending(cookie, token) for _ in range(each)] for desk, cookie, token in who]


class Stored:
    """Which submits were acknowledged, and which of them are there."""

    def __init__(self, program: Program) -> None:
        self._program, self._before = program, _count(program)
        self.acknowledged = self.missing = 0

    def take_in(self, answers: Answers) -> Answers:
        """Look up everything that was acknowledged. What was not acknowledged counts as missing, too."""
        references = set()
        for _seconds, status, location in answers.each:
            try:
                references.add(reference_in(status, location))
            except NotStored:
                self.missing += 1
        with reading(self._program, whole="the bench counts what its own clients sent") as session:
            found: set[str] = set()
            for some in _pieces(sorted(references)):
                found.update(session.scalars(select(Signal.reference).where(Signal.reference.in_(some))))
        self.acknowledged += len(references)
        self.missing += len(references - found)
        # Neither lost nor stored twice.
        self.missing += abs(_count(self._program) - self._before - self.acknowledged)
        return answers


def _count(program: Program) -> int:
    with reading(program, whole="the bench counts what its own clients sent") as session:
        return session.scalar(select(func.count()).select_from(Signal)) or 0


def _pieces(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), 500):
        yield values[start : start + 500]


# -- servers and clients -------------------------------------------------------------------------------------------


def _sent(port: int, clients: Sequence[Sequence[Sending]]) -> Answers:
    """Let these clients begin at once, in a few processes, and wait for all."""
    shares = [clients[place::PROCESSES] for place in range(min(PROCESSES, len(clients)))]
    processes = [_client(port, share) for share in shares]
    try:
        for process in processes:
            assert _said(process).strip() == "ready"
        start = time.perf_counter()
        for process in processes:
            _tell(process, "go")
        found = [one for process in processes for one in json.loads(_said(process))]
        took = time.perf_counter() - start
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return Answers(took, tuple((seconds, status, location) for seconds, status, location in found))


def _client(port: int, share: Sequence[Sequence[Sending]]) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("client.py"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    sent = [[[one.path, one.body.decode(), one.cookie] for one in requests] for requests in share]
    _tell(process, json.dumps({"port": port, "clients": sent}))
    return process


def _tell(process: "subprocess.Popen[str]", line: str) -> None:
    wire: IO[str] | None = process.stdin
    assert wire is not None
    wire.write(line + "\n")
    wire.flush()


def _said(process: "subprocess.Popen[str]") -> str:
    wire: IO[str] | None = process.stdout
    assert wire is not None
    return wire.readline()
