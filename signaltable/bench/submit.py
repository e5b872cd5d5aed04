"""What a submit costs: the CPU of the last page of the form, beside the least that it can cost (signaltable/bench/floor.py).

Ours is the whole application: the POST of the check page with its form, its session, its gate and its answer. All take turns
in one process, each on a copy of its own of one database, with the same drafts in the same order. CPU of the process
counts, not the clock: what waits for the disk is the disk's.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from flask import Flask

from signaltable.bench.floor import Floor, Watched, watch
from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most, in_rounds
from signaltable.bench.submitting import Desk, Sending, own_region, people_who_submit, program_of, second_copy, send
from signaltable.transaction import Program

ROUNDS, PER_ROUND, WARM = 15, 6, 6
GOAL, STRETCH = at_most(1.6), at_most(1.3)
UNIT: Final = "ms CPU"


def lines(given: Given) -> Iterator[Line]:
    """A submit beside its floor; and the floor itself beside its statements alone."""
    with own_region(given, "submit", given.few) as home:
        given.say("preparing drafts")
        login, waiting = _waiting(home)
        # Three of the same: here submits are watched, there the floor does them again, and ours does them itself.
        seen = _seen(second_copy(home, "watched"), login, waiting)
        database = second_copy(home, "floor") / Path(program_of(home).settings.database_url.rpartition("/")[2])
        desk = Desk(program_of(home), login)
        floor = Floor(desk, database)
        floor.prepare(seen)
        try:
            yield _beside_floor(desk, floor, seen)
        finally:
            floor.close()
            let_go(desk.program)
    if given.many != given.few:
        yield _among_many(given)


def _among_many(given: Given) -> Line:
    """What it takes more where many others are: their tags, names and entries stand in the same tables."""
    with own_region(given, "few", given.few) as few, own_region(given, "many", given.many) as many:
        given.say("submits among few and among many")
        with _desk(many) as ours, _desk(few) as theirs:
            rounds = [(ours.take(PER_ROUND), theirs.take(PER_ROUND)) for _ in range(ROUNDS)]
    what = f"the same among {given.many:,} signals; beside one among {given.few:,}"
    return in_rounds("submit among many", what, rounds, UNIT)


@dataclass
class _Sender:
    """Somebody whose drafts wait on their last page."""

    app: Flask
    waiting: Iterator[Sending]

    def take(self, some: int) -> float:
        """Submit so many of them: milliseconds of CPU for each."""
        return milliseconds(lambda one: send(self.app, one), list(islice(self.waiting, some)))


@contextmanager
def _desk(home: Path) -> Iterator[_Sender]:
    login, waiting = _waiting(home)
    desk = Desk(program_of(home), login)
    sender = _Sender(desk.app, iter(waiting))
    sender.take(WARM)
    yield sender
    let_go(desk.program)


def _waiting(home: Path) -> tuple[str, list[Sending]]:
    """Drafts on their last page, of one person, who is told as well."""
    program = program_of(home)
    desk = Desk(program, people_who_submit(program)[0])
    cookie, form_token = desk.cookie()
    made = [desk.sending(cookie, form_token) for _ in range(WARM + 2 * ROUNDS * PER_ROUND)]
    let_go(program)
    return desk.login, made


def _seen(home: Path, login: str, waiting: Sequence[Sending]) -> list[Watched]:
    program = program_of(home)
    seen = watch(Desk(program, login), engines_of(program), waiting)
    let_go(program)
    return seen


def _beside_floor(desk: Desk, floor: Floor, seen: Sequence[Watched]) -> Line:
    left = iter(seen)
    for one in [next(left) for _ in range(WARM)]:
        send(desk.app, one.sending)
        floor.whole(one)
    rounds = []
    for _ in range(ROUNDS):
        # Neither does what the other just did: what a process still knows of a person (the parts of a name) would help it.
        some, others = list(islice(left, PER_ROUND)), list(islice(left, PER_ROUND))
        rounds.append((milliseconds(lambda one: send(desk.app, one.sending), some), milliseconds(floor.whole, others)))
    what = (
        "the POST of the last page; beside an empty request, the same steps once each and the same rows through sqlite3"
    )
    return in_rounds("submit", what, rounds, UNIT, GOAL, STRETCH)


def milliseconds(do: Callable[[Any], object], each: Sequence[Any]) -> float:
    """Milliseconds of CPU that this takes for one of these."""
    gc.collect()
    start = time.process_time()
    for one in each:
        do(one)
    return (time.process_time() - start) * 1000 / len(each)


def engines_of(program: Program) -> list[Any]:
    """What this program reads and writes with, each once."""
    sessions = (program.write_sessions, program.read_sessions)
    engines = []
    for made in sessions:
        with made() as session:
            engines.append(session.get_bind().engine)
    return list({id(one): one for one in engines}.values())


def let_go(program: Program) -> None:
    """Close what this program holds of its database."""
    for engine in engines_of(program):
        engine.dispose()
