"""What the log adds to a submit: the same signals through `flow.signals.submit`, with and without it, in turn.

CPU time of the process counts, not the clock: what waits for the disk is the disk's. The database stands in memory where
there is a folder for that.
"""

import gc
import random
import shutil
import string
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from signaltable import transaction as the_transaction
from signaltable.db import make_engine
from signaltable.domain import Actor
from signaltable.flow import setup, signals
from signaltable.flow.coming_in import actors
from signaltable.intake import SignalDraft
from signaltable.keys import KeyRing
from signaltable.migrating import migrate
from signaltable.program import assemble
from signaltable.settings import Settings
from signaltable.transaction import Program, transaction
from tests.bench.rate import Line
from tests.factories import a_person, a_signal

ROUNDS, PER_ROUND = 21, 12
# An act with the log takes at most 1.2 times the CPU of one without.
GOAL = 0.83
MEMORY = Path("/dev/shm")


@dataclass(frozen=True)
class _Bench:
    program: Program
    who: Actor
    chance: random.Random

    def draft(self) -> SignalDraft:
        """A signal about somebody new: looking for links has little to do, so that the log weighs heaviest."""
        given, surname = (self._word() for _ in range(2))
        person = a_person(
            identity={
                "given_name": given,
                "surname": surname,
                "birth_date": f"{self.chance.randint(1950, 2005)}-{self.chance.randint(1, 12):02d}-11",
                "phone": f"06{self.chance.randint(10_000_000, 99_999_999)}",
            }
        )
        return a_signal(narrative=f"{given} {surname} krijgt haar loon niet.", subjects=[person])

    def _word(self) -> str:
        return "".join(self.chance.choices(string.ascii_lowercase, k=9)).capitalize()

    def cpu(self) -> float:
        """Seconds of CPU for one submit."""
        drafts = [self.draft() for _ in range(PER_ROUND)]
        gc.collect()
        start = time.process_time()
        for draft in drafts:
            with transaction(self.program, self.who) as tx:
                signals.submit(tx, draft)
        return (time.process_time() - start) / PER_ROUND


def lines() -> Iterator[Line]:
    """The lines of the table: what the rows of the log add, and what everything does that is worked out for them."""
    folder = Path(tempfile.mkdtemp(prefix="signaltable-bench-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        bench = _open(folder)
        bench.cpu()
        yield _line("submit with the rows of the log (beside: without)", bench, the_transaction.audit_trail, "append")
        yield _line("submit with all that the log says (beside: nothing said)", bench, the_transaction, "_append")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _open(home: Path) -> _Bench:
    settings = Settings.from_env({"SIGNALTABLE_HOME": str(home)})
    setup.make_keys(settings)
    migrate(settings)
    keys = KeyRing.load(settings.key_ring, require_private=True)
    program = assemble(settings, make_engine(settings.database_url), keys)
    setup.start_log(program)
    setup.seed_region(program, "een-lang-proefwachtwoord")
    return _Bench(program, actors.actor_of_login(program, "havendam"), random.Random(20261122))


def _line(name: str, bench: _Bench, where: object, part: str) -> Line:
    whole: Callable[..., object] = getattr(where, part)
    rounds = []
    try:
        for _ in range(ROUNDS):
            setattr(where, part, whole)
            mine = bench.cpu()
            setattr(where, part, lambda *_arguments: None)
            rounds.append((mine, bench.cpu()))
    finally:
        setattr(where, part, whole)
    ratios = tuple(other / mine for mine, other in rounds)
    ours, theirs = (median(1 / one for one in side) for side in zip(*rounds, strict=True))
    return Line(name, ours, theirs, GOAL, ratios)
