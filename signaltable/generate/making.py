"""Making a region: the lives are lived once, and then repeated by two processes beside the one that writes."""

import gc
import multiprocessing
import os
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count, islice
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from signaltable import audit_trail
from signaltable.audit_trail.appending import PastEvent, Stretch, milliseconds
from signaltable.demo import cases
from signaltable.disk import make_private_folder
from signaltable.domain import SignaltableError, day_of
from signaltable.flow import masking, setup
from signaltable.flow.setup import INSTALLER
from signaltable.flow.signing import sign_checkpoint
from signaltable.generate import lives, marker, region, stencil, storing
from signaltable.generate.capture import Recorder
from signaltable.generate.forms import Stencil
from signaltable.generate.marker import Generated
from signaltable.generate.people import NOUNS, PLACES, Inventor
from signaltable.generate.planning import Chunk, Planner
from signaltable.generate.repeating import Repeated, Repeater
from signaltable.home_in_use import alone_in
from signaltable.messages import place_of
from signaltable.migrating import migrate
from signaltable.models import Account, Agency, Disclosure, RegionalTable, Signal
from signaltable.program import now, open_program
from signaltable.pseudonymise import ALPHABET, new_reference
from signaltable.settings import Settings
from signaltable.text_categories import categories_in
from signaltable.transaction import Program, Transaction, reading, transaction

Progress = Callable[[int, int], None]

# As many references as a chunk can need at most; there are 9.7 million of each kind.
_REFERENCES_PER_CHUNK: Final = 4_096
_SPACE: Final = len(ALPHABET) ** 5
# So many words are looked through at once, in sentences of their own.
_WORDS_AT_ONCE: Final = 60
# So many chunks are stored in one transaction, which writes each page once that many of their rows change. With 1,000
# signals at a time 30 times as much was written as there was to store.
_CHUNKS_AT_ONCE = 40


class CannotGenerate(SignaltableError):
    """Where nothing may be generated: production, a home that is there already, or one that was only half made."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to make: how many signals, by how many agencies, over how many months, from which seed.

    `only` names the cases of which the lives are; none: all of them.
    """

    signals: int
    seed: int
    agencies: int
    months: int
    only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Shared:
    """What the processes that repeat get from the one that began them."""

    program: Program
    stencils: tuple[Stencil, ...]
    readable: tuple[str, ...]
    nouns: tuple[str, ...]
    towns: tuple[str, ...]
    taken: frozenset[str]
    seed: int
    recorded_at: int


def make(settings: Settings, wanted: Wanted, progress: Progress, *, processes: int = 2) -> None:
    """Make a home with a region of so many signals in it. Raises `CannotGenerate`, `HomeInUse`, `TooFewAgencies`."""
    _refuse(settings)
    region.described(wanted.agencies)
    make_private_folder(settings.home)
    with alone_in(settings.home):
        until = now()
        said = Generated(
            wanted.signals, wanted.seed, wanted.agencies, wanted.months, until.isoformat(timespec="seconds")
        )
        marker.write(settings.home, said)
        (settings.home / setup.UNFINISHED).touch()
        _make(settings, wanted, until, progress, processes)
        marker.write(settings.home, replace(said, done=True))
        (settings.home / setup.UNFINISHED).unlink()


def _refuse(settings: Settings) -> None:
    if not settings.demo:
        raise CannotGenerate("expected SIGNALTABLE_MODE=demo; invented people are no part of production")
    told = marker.read(settings.home)
    if told is not None:
        half = "" if told.done else ", and was only half made"
        raise CannotGenerate(
            f"expected a home that is not there yet; this one was generated{half}: remove it and try again"
        )
    if settings.key_ring.exists():
        raise CannotGenerate("expected a home that is not there yet; nothing is generated beside what people made")
    setup.require_new(settings)


def _make(settings: Settings, wanted: Wanted, until: datetime, progress: Progress, processes: int) -> None:
    setup.make_keys(settings, on=day_of(until))
    migrate(settings)
    # Nobody reads along in a home that is being made.
    opened = open_program(replace(settings, text_reader="off"), being_made=True)
    told = replace(opened, work=None, clock=lambda: until)
    before = cases.beginning(told)
    setup.start_log(before)
    accounts = region.seed(before, wanted.agencies, setup.new_demo_password(), settings.home)
    setup.remember_demo_accounts(settings, accounts)
    recorder = Recorder(told)
    plain = _plain_words(told)
    stencils = _live(recorder, Inventor(random.Random(wanted.seed), *plain), wanted.only)
    owners = region.owners(told, accounts, sorted({one.agency for one in stencils}))
    planner = Planner(stencils, owners, until, wanted.months * 30 - 5, wanted.seed)
    with reading(told, whole="the generator looks for what it made") as session:
        taken = references_in(session)
        size = audit_trail.size(session)
        readable = _readable(told, session)
    done = sum(one.startswith("S") for one in taken)
    shared = _Shared(told, stencils, readable, *plain, taken, wanted.seed, milliseconds(until))
    chunks = list(planner.chunks(max(0, wanted.signals - done), size))
    repeated = _repeated(shared, chunks, processes)
    with storing.quickly(told):
        while some := list(islice(repeated, 1)):
            with transaction(told, INSTALLER) as tx, tx.whole("generated cases are those of every agency"):
                for made, stretch in chain(some, islice(repeated, _CHUNKS_AT_ONCE - 1)):
                    storing.store(tx, made, stretch)
                    done += made.signals
                    progress(done, max(done, wanted.signals))
    # The program signs its log while it runs; what nobody signed for weeks would be a finding.
    sign_checkpoint(told)


def references_in(session: Session) -> frozenset[str]:
    """The references that the lived cases have already, which none of the repeated ones may be given."""
    return frozenset(chain.from_iterable(session.scalars(select(one.reference)) for one in (Signal, Disclosure)))


def _live(recorder: Recorder, inventor: Inventor, only: Sequence[str]) -> tuple[Stencil, ...]:
    steps, lived = lives.plan(recorder, inventor, only)
    for step in steps:
        step()
    with reading(recorder.program, whole="the generator looks for what it made") as session:
        outside = {*session.scalars(select(Account.id)), *session.scalars(select(RegionalTable.id))}
        titles = dict(session.execute(select(Agency.id, Agency.title)).all())
    outside |= {part for row, life in recorder.owner.items() if not life for part in row[1] if isinstance(part, str)}
    return tuple(stencil.cut(recorder, one.name, one.signals, outside, titles) for one in lived)


def _readable(program: Program, session: Session) -> tuple[str, ...]:
    return masking.organisations_of(Transaction(program, INSTALLER, session, program.clock()))


def _plain_words(program: Program) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Nouns and places of which nothing is masked and nothing follows, so that only names have to be looked for."""
    with reading(program, whole="the generator looks for what it made") as session:
        tx = Transaction(program, INSTALLER, session, program.clock())
        nouns = tuple(
            one
            for start in range(0, len(NOUNS), _WORDS_AT_ONCE)
            for one in _plain(tx, NOUNS[start : start + _WORDS_AT_ONCE])
        )
        towns = tuple(one for one in PLACES if not masking.read(tx, one).spans)
    return nouns, towns


def _plain(tx: Transaction, words: Sequence[str]) -> Iterator[str]:
    text, places = "", list[tuple[int, int, str]]()
    for word in words:
        text += "Het gaat over de "
        places.append((len(text), len(text) + len(word), word))
        text += f"{word} en niets anders. "
    kinds = categories_in(text, tx.program.policy.text_categories).values()
    spans = [
        *((one.start, one.end) for one in masking.read(tx, text).spans),
        *((one.start, one.end) for of in kinds for one in of),
    ]
    return (word for start, end, word in places if not any(a < end and start < b for a, b in spans))


# -- repeating, in processes of their own ---------------------------------------------------------------------------

_shared: _Shared | None = None


def _repeated(shared: _Shared, chunks: Sequence[Chunk], processes: int) -> Iterator[tuple[Repeated, Stretch]]:
    """The chunks in their order. Processes are forked, so that keys and stencils need not be handed over."""
    global _shared  # noqa: PLW0603 -- what forks inherit; a stencil is made of functions, which cannot be sent
    _shared = shared
    try:
        if processes < 2 or len(chunks) < 2:
            yield from map(_chunk, chunks)
            return
        with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
            ahead = processes + 2
            waiting = [pool.submit(_chunk, one) for one in chunks[:ahead]]
            for at in range(len(chunks)):
                found = waiting.pop(0).result()
                if at + ahead < len(chunks):
                    waiting.append(pool.submit(_chunk, chunks[at + ahead]))
                yield found
    except BrokenProcessPool:
        raise CannotGenerate(
            "expected every process that makes a part to end its work, found one that was killed: is there enough memory?"
        ) from None
    finally:
        _shared = None


def _chunk(chunk: Chunk) -> tuple[Repeated, Stretch]:
    """What goes into one transaction. Nothing in it refers to itself, so the collector of garbage has nothing to find."""
    gc.disable()
    try:
        return _made(chunk)
    except SignaltableError:
        raise
    except Exception as error:  # noqa: BLE001 -- its text may quote what was made, and its place is known here alone
        told = f"unexpected {type(error).__name__} at {place_of(error.__traceback__)}"
        raise CannotGenerate(told) from None
    finally:
        gc.enable()


def _made(chunk: Chunk) -> tuple[Repeated, Stretch]:
    assert _shared is not None
    shared = _shared
    draw = random.Random(f"{shared.seed}:{chunk.number}:people")
    # Neither keys nor rules are read from the database, so the session is never used.
    tx = Transaction(shared.program, INSTALLER, Session(), shared.program.clock())
    repeater = Repeater(
        tx, Inventor(draw, shared.nouns, shared.towns), shared.readable, _references(shared, chunk.number)
    )
    made = Repeated()
    for one in chunk.lives:
        repeater.repeat(shared.stencils[one.stencil], one.takes, one.later, one.owner, made)
    events: list[PastEvent] = made.events
    stretch = Stretch(events, chunk.first, shared.recorded_at, os.urandom)
    made.events = []
    return made, stretch


def _references(shared: _Shared, chunk: int) -> Callable[[str], str]:
    """References that no other chunk gives: places in an order of all there are that jumps about."""
    draw = random.Random(f"{shared.seed}:references")
    # A step that shares no divisor with the number of all comes to every one of them before it comes back.
    step, start = draw.randrange(1, _SPACE) // 5 * 5 + 1, draw.randrange(_SPACE)
    numbers = {prefix: count(chunk * _REFERENCES_PER_CHUNK) for prefix in "SD"}

    def reference(prefix: str) -> str:
        while True:
            made = new_reference(prefix, ((next(numbers[prefix]) * step + start) % _SPACE).to_bytes(8, "big"))
            if made not in shared.taken:
                return made

    return reference
