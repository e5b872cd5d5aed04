"""What the log adds to a submit, and what the rules take of it: the same signals with and without, in turn.

CPU of the process counts, through `flow.signals.submit`: what waits for the disk is the disk's, and a page would only hide
what is measured here.
"""

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from signaltable import audit_trail, route
from signaltable import transaction as the_transaction
from signaltable.bench.given import Given
from signaltable.bench.line import Line, at_most, in_rounds
from signaltable.bench.submit import UNIT, let_go, milliseconds
from signaltable.bench.submitting import Desk, own_region, people_who_submit, program_of
from signaltable.facts import Facts
from signaltable.flow import signals
from signaltable.intake import SignalDraft
from signaltable.transaction import transaction

ROUNDS, PER_ROUND, WARM = 15, 6, 8
GOAL: Final = at_most(1.2)
# What takes less than a fiftieth of a request stands out in no profile.
UNSEEN: Final = at_most(0.02)


def lines(given: Given) -> Iterator[Line]:
    """What the rows of the log add, what all that it says adds, and which part of a submit the rules take."""
    with own_region(given, "audit-row", given.few) as home:
        program = program_of(home)
        desk = Desk(program, people_who_submit(program)[0])
        _submit(desk, [desk.draft() for _ in range(WARM)])
        yield _with_and_without(
            desk,
            "rows of the log",
            "a submit; beside the same without a row in the log",
            audit_trail,
            "append",
        )
        yield _with_and_without(
            desk,
            "all that the log says",
            "a submit; beside the same without entries, whom they are about and the digests of rows",
            the_transaction,
            "_append",
        )
        yield _rules(desk)
        let_go(program)


def _submit(desk: Desk, drafts: Sequence[SignalDraft]) -> None:
    for draft in drafts:
        with transaction(desk.program, desk.who) as tx:
            signals.submit(tx, draft)


def _with_and_without(desk: Desk, name: str, what: str, where: object, part: str) -> Line:
    whole: Callable[..., object] = getattr(where, part)
    rounds = []
    try:
        for turn in range(ROUNDS):
            took = {}
            # Who goes first has the colder caches, so they take turns in that as well.
            for with_it in (True, False) if turn % 2 else (False, True):
                setattr(where, part, whole if with_it else lambda *_arguments: None)
                drafts = [desk.draft() for _ in range(PER_ROUND)]
                took[with_it] = milliseconds(lambda some: _submit(desk, some), [drafts]) / PER_ROUND
            rounds.append((took[True], took[False]))
    finally:
        setattr(where, part, whole)
    return in_rounds(name, what, rounds, UNIT, GOAL)


def _rules(desk: Desk) -> Line:
    """The part of a submit that deciding the route takes; the decision about a ground takes as long (perf.md, D)."""
    spent = [0.0]
    decide = route.decide

    def timed(facts: Facts, *more: object, **options: object) -> route.Decision:
        start = time.process_time()
        try:
            return decide(facts, *more, **options)  # type: ignore[arg-type]
        finally:
            spent[0] += time.process_time() - start

    rounds = []
    try:
        route.decide = timed
        for _ in range(ROUNDS):
            drafts = [desk.draft() for _ in range(PER_ROUND)]
            gc.collect()
            spent[0] = 0.0
            took = milliseconds(lambda some: _submit(desk, some), [drafts]) / PER_ROUND
            rounds.append((spent[0] * 1000 / PER_ROUND, took))
    finally:
        route.decide = decide
    return in_rounds("deciding the route", "the rules; beside the whole submit", rounds, UNIT, UNSEEN)
