"""A program that is killed at any moment leaves no signal without its entry and no entry without its signal."""

import json
import os
import random
import signal as signals_of_unix
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import select

from audit import entry, merkle
from signaltable.models import LogDetail, LogEntry, LogHead, Signal
from signaltable.transaction import reading

ROUNDS = 6
SUBMITTER = """
import sys
from signaltable.flow import accounts, signals
from signaltable.flow.coming_in import actors
from signaltable.program import open_program
from signaltable.settings import Settings
from signaltable.transaction import transaction
from tests.factories import a_signal

program = open_program(Settings.from_env())
who = actors.actor_of_login(program, "havendam")
print("ready", flush=True)
while True:
    with transaction(program, who) as tx:
        receipt = signals.submit(tx, a_signal())
    print(receipt.reference, flush=True)
"""


def test_a_kill_at_any_moment_leaves_signals_and_entries_together(sqlite_program):
    settings, chance = sqlite_program.settings, random.Random(20261122)
    acknowledged = set()
    for _round in range(ROUNDS):
        # Given a process that submits without a pause
        process = subprocess.Popen(
            [sys.executable, "-c", SUBMITTER],
            cwd=Path(__file__).resolve().parents[2],
            env={**os.environ, "SIGNALTABLE_HOME": str(settings.home), "DATABASE_URL": settings.database_url},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "ready"
        acknowledged.add(process.stdout.readline().strip())
        # When it is killed without warning
        time.sleep(chance.uniform(0.05, 0.5))
        process.send_signal(signals_of_unix.SIGKILL)
        output, _errors = process.communicate()
        # An interrupted last line is no acknowledgement.
        acknowledged |= {line for line in output.splitlines(keepends=True) if line.endswith("\n")}
        acknowledged = {line.strip() for line in acknowledged}
        # Then every signal has its entry, every entry its signal, and nothing acknowledged is lost
        with reading(sqlite_program) as session:
            stored = set(session.scalars(select(Signal.reference)))
            recorded = set(session.scalars(select(LogEntry.object).where(LogEntry.action == "signal:record")))
            entries = session.execute(
                select(LogEntry.entry, LogEntry.leaf, LogDetail.salt, LogDetail.details)
                .join(LogDetail, LogDetail.seq == LogEntry.seq)
                .order_by(LogEntry.seq),
            ).all()
            head = session.get_one(LogHead, 1)
        assert stored == recorded
        assert acknowledged <= stored
        assert head.size == len(entries)
        assert merkle.CompactRange.from_bytes(head.frontier).root() == merkle.root(row.leaf for row in entries)
    assert len(acknowledged) >= ROUNDS, "the process was killed before it did anything"
    for number, row in enumerate(entries):
        made = entry.parse(row.entry)
        assert made.seq == number
        assert merkle.leaf_hash(row.entry) == row.leaf
        assert isinstance(entry.open_details(made, row.details, row.salt), dict)
        assert json.loads(row.details) is not None
