"""What the log costs on PostgreSQL, where everybody who commits waits for its head: units of work in a second.

A unit stores a signal, a person in it and its first move, through the one transaction of the program: with the entry in the
log, the digests of the three rows and the question whether whoever acts still may. Beside it the same three rows and the same
commit with nothing said. Eight processes work at once, each on a connection of its own; both ways take turns. They come as a
role that owns no table and walks around no fence, as the program does.
"""

import multiprocessing
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, Final

from sqlalchemy import Table, create_engine, make_url, select, text
from sqlalchemy.orm import Session

from signaltable.bench.given import Given, empty_folder
from signaltable.bench.line import Line, Skipped, at_least
from signaltable.bench.submitting import Desk, make_region, program_of
from signaltable.db import Base
from signaltable.flow import signals
from signaltable.jobs.work import JOBS
from signaltable.prepared import insert_into
from signaltable.row_level import PROGRAM, bear
from signaltable.transaction import Program, reading, transaction

CLIENTS: Final = 8
ROUNDS: Final = 5
SECONDS: Final = 4.0
STORED: Final = ("signals", "subjects", "signal_moves")
NAME: Final = "log on PostgreSQL, 8 clients"
LOGIN: Final = "havendam"
UNITS: Final = 2000
STRETCH: Final = 0.6


def lines(given: Given) -> Iterator[Line | Skipped]:
    """Units in a second with the log, and beside those without."""
    if not given.postgres:
        yield Skipped(NAME, "expected a server of PostgreSQL: --postgres, or TEST_DATABASE_URL")
        return
    with empty_folder("log") as home, _database(given.postgres) as surroundings:
        found = _measured(home, surroundings)
    what = f"a signal, a person and a move, stored through the one transaction by {CLIENTS} processes"
    logged = median(mine for mine, _ in found)
    yield Line(NAME, f"{what}, with their entry in the log", logged, "units/s", goal=at_least(UNITS))
    yield Line(
        f"{NAME}, beside none",
        f"{what}: with the log beside the same rows without",
        logged,
        "units/s",
        median(other for _, other in found),
        tuple(mine / other for mine, other in found),
        stretch=at_least(STRETCH),
    )


@contextmanager
def _database(server: str) -> Iterator[dict[str, str]]:
    """The settings of a database of its own on that server, with a role that owns it and one for the program; all gone afterwards."""
    name = f"bench_{os.urandom(6).hex()}"
    owner, mine = f"{name}_owner", f"{name}_program"
    secret = os.urandom(16).hex()
    for role in (owner, mine):
        _say(server, f"CREATE ROLE {role} LOGIN PASSWORD '{secret}'")
    try:
        _say(server, f'CREATE DATABASE "{name}" OWNER {owner}')
        at = make_url(server).set(database=name, password=secret)
        urls = (at.set(username=role).render_as_string(hide_password=False) for role in (mine, owner))
        yield dict(zip(("DATABASE_URL", "DATABASE_OWNER_URL"), urls, strict=True))
    finally:
        _say(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        for role in (owner, mine):
            _say(server, f"DROP ROLE {role}")


def _say(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def _measured(home: Path, surroundings: Mapping[str, str]) -> list[tuple[float, float]]:
    """(with, without) in units a second, round by round."""
    program = make_region(home, surroundings)
    desk = Desk(program, LOGIN)
    with transaction(program, desk.who) as tx:
        signals.submit(tx, desk.draft())
    spawn = multiprocessing.get_context("spawn")
    pipes = [spawn.Pipe() for _ in range(CLIENTS)]
    clients = [spawn.Process(target=_client, args=(home, surroundings, there), daemon=True) for _, there in pipes]
    for client in clients:
        client.start()
    ends = [here for here, _ in pipes]
    try:
        for end in ends:
            end.recv()  # Each says that it is ready.
        return [(_round(ends, logged=True), _round(ends, logged=False)) for _ in range(ROUNDS)]
    finally:
        for client in clients:
            client.terminate()
            client.join()


def _round(ends: Sequence[Any], *, logged: bool) -> float:
    for end in ends:
        end.send((logged, SECONDS))
    done: list[int] = [end.recv() for end in ends]
    return sum(done) / SECONDS


def _client(home: Path, surroundings: Mapping[str, str], end: Any) -> None:
    """One process: does units of the kind that it is told for so long, and answers how many."""
    program = program_of(home, surroundings)
    with reading(program, whole="the bench stores rows like one that is there") as session:
        like = {name: _one(session, Base.metadata.tables[name]) for name in STORED}
    for logged in (True, False):
        _unit(program, like, logged=logged)
    end.send("ready")
    while True:
        logged, seconds = end.recv()
        until, done = time.monotonic() + seconds, 0
        while time.monotonic() < until:
            _unit(program, like, logged=logged)
            done += 1
        end.send(done)


def _one(session: Session, table: Table) -> Mapping[str, Any]:
    return dict(session.execute(select(table).limit(1)).mappings().one())


def _unit(program: Program, like: Mapping[str, Mapping[str, Any]], *, logged: bool) -> None:
    signal_id, subject_id, move_id = (os.urandom(16).hex() for _ in range(3))
    reference = f"S-{os.urandom(5).hex()}"
    rows = (
        {**like["signals"], "id": signal_id, "reference": reference},
        {**like["subjects"], "id": subject_id, "signal_id": signal_id},
        {**like["signal_moves"], "id": move_id, "signal_id": signal_id},
    )
    if not logged:
        with program.write_sessions() as session:
            # The pass and the way in are those of the transaction, or the other side would pay for more than the log.
            bear(session, program.keys, PROGRAM)
            with session.begin():
                for name, row in zip(STORED, rows, strict=True):
                    insert_into(Base.metadata.tables[name], tuple(row)).change(session.connection(), [row])
        return
    with transaction(program, JOBS) as tx:
        for name, row in zip(STORED, rows, strict=True):
            tx.insert(Base.metadata.tables[name], [row])
        details = {"signal": reference, "subjects": 1, "identifier_kinds": [], "policy_digest": program.policy.digest}
        tx.record("signal:record", object_type="signal", object_id=reference, details=details)
