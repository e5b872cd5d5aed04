"""Waiting until nobody works any more with what was true before: on writers once, on readers at the end."""

import time
from typing import Final

from sqlalchemy import text

from signaltable.db import empty_write_ahead_log
from signaltable.transaction import Program

# How long one try waits; who is still at work after that is waited for again in the next turn.
PATIENCE: Final = 10.0
PAUSE: Final = 0.1

_OLDER: Final = text(
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
    "AND xact_start < :moment"
)


def all_began_after_now(program: Program) -> bool:
    """Wait until every transaction that is open now has ended; whether they have.

    A transaction asks the ring which version counts while it runs. On SQLite one that writes holds the only lock there
    is, and the ring was changed under that lock: nothing of before is left to wait for.
    """
    with program.write_sessions() as session:
        if session.get_bind().dialect.name == "sqlite":
            return True
        moment = session.scalar(text("SELECT clock_timestamp()"))
        until = time.monotonic() + PATIENCE
        while session.scalar(_OLDER, {"moment": moment}):
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE)
    return True


def nobody_reads_old_rows(program: Program) -> bool:
    """Wait until no reader can meet a row of before; whether that is so. Old rows leave the files of SQLite with it."""
    with program.write_sessions() as session:
        until = time.monotonic() + PATIENCE
        while not empty_write_ahead_log(session):
            if time.monotonic() > until:
                return False
            time.sleep(PAUSE)
    return all_began_after_now(program)
