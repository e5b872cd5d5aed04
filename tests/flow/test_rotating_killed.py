"""A process that replaces keys is killed at random moments; whoever goes on loses nothing and does nothing twice."""

import os
import random
import signal as signals_of_unix
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

from signaltable.flow import rotating
from signaltable.flow.setup import INSTALLER
from signaltable.models import SubjectField
from tests.factories import a_person, a_signal
from tests.flow.test_rotating import clean, everything, identities, links
from tests.table_steps import submitted

KILLS = 3
# Small batches, so that there are many moments between two commits; the clock of the tests, because the log has one too.
# Loading the program takes longer than the work, so one process loads it, opens nothing, and forks each that does the work.
ROTATOR = """
import os
import sys
from dataclasses import replace
from signaltable.flow import rotating
from signaltable.flow.rotating import agencies, data, matching
from signaltable.flow.setup import INSTALLER
from signaltable.program import open_program
from signaltable.settings import Settings
from tests.conftest import Clock

data.AT_ONCE = matching.AT_ONCE = agencies.AT_ONCE = 1


def work():
    program = replace(open_program(Settings.from_env()), clock=Clock())
    print("ready", flush=True)
    for one in rotating.unfinished(program):
        for found in rotating.worked(program, INSTALLER, one.id):
            print(found.stage, flush=True)
            # It waits for a sign before each step: a quick machine would be through before it is killed.
            os.read(int(sys.argv[1]), 1)


while sys.stdin.readline():
    child = os.fork()
    if child == 0:
        work()
        sys.exit()
    print(child, flush=True)
    print("ended", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@contextmanager
def a_forge(program, signs):
    """The process that makes them, on a line each; they wait for `signs`, the end of a pipe."""
    home = {"SIGNALTABLE_HOME": str(program.settings.home), "DATABASE_URL": program.settings.database_url}
    process = subprocess.Popen(
        [sys.executable, "-c", ROTATOR, str(signs)],
        pass_fds=[signs],
        cwd=Path(__file__).resolve().parents[2],
        env={**os.environ, **home},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        yield process
        process.stdin.close()
    assert process.returncode == 0


def a_process(forge):
    """One that goes on with all rotations; ready to begin. Its number."""
    forge.stdin.write("\n")
    forge.stdin.flush()
    first, second = (forge.stdout.readline().strip() for _line in range(2))
    assert "ready" in (first, second)
    return int(second if first == "ready" else first)


def end_of(forge):
    """How it ended, once it has."""
    return next(line.strip() for line in forge.stdout if line.startswith("ended"))


def test_a_kill_at_any_moment_loses_and_doubles_nothing(sqlite_program, actor):
    program, chance = sqlite_program, random.Random(20261122)
    for _ in range(3):
        submitted(program, actor(program, "havendam"), a_signal(subjects=[a_person(), a_person()]))
    submitted(program, actor(program, "delinde"), a_signal(capacity="care-wgbo"))
    before, linked = identities(program), links(program)
    there = sorted(everything(program, SubjectField.subject_id, SubjectField.name))
    for purpose, agency in (("data", ""), ("agency", "havendam"), ("match", "")):
        rotating.start(program, INSTALLER, purpose, agency_id=agency)
    signs, sign = os.pipe()
    with a_forge(program, signs) as forge:
        for _ in range(KILLS):
            # When it is killed without warning, somewhere in its work
            process = a_process(forge)
            for _step in range(chance.randrange(1, 9)):
                assert not forge.stdout.readline().startswith("ended"), "there was too little work to kill it in"
                os.write(sign, b".")
            time.sleep(chance.uniform(0.0, 0.01))
            os.kill(process, signals_of_unix.SIGKILL)
            assert end_of(forge) == f"ended -{signals_of_unix.SIGKILL.value}"
            # Then everything opens to what it was, and the log accounts for every row
            assert identities(program) == before
            assert clean(program)
        assert rotating.unfinished(program), "it was never killed in the middle"
        a_process(forge)
        os.write(sign, b"." * 10_000)
        assert end_of(forge) == "ended 0"
    os.close(signs)
    os.close(sign)
    assert rotating.unfinished(program) == []
    assert sorted(everything(program, SubjectField.subject_id, SubjectField.name)) == there
    assert (identities(program), links(program)) == (before, linked)
    assert [program.keys.usable(*name) for name in (("match",), ("agency", "havendam"))] == [(2,), (2,)]
    assert clean(program)
