"""The light text scan: whether its time grows with the text and no faster, and how long a normal text takes.

CPU time of the process counts, not the clock. Every hostile piece is repeated to a short and to a long text; a pattern
without a bound shows as a factor of sixty-four where the length grows eightfold. `python -m tests.bench.text` prints each
piece; `make bench` only the worst of them and the normal text.
"""

import gc
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median

import click

from signaltable.identity import load_identifiers
from signaltable.text import scan
from tests.bench.rate import HEAD, Line, line, shown
from tests.texts.marked import HALVES, marked
from tests.texts.quality import measure, own, table

ORGANISATIONS = load_identifiers(Path(__file__).parents[2] / "policies").text.organisations
SHORT, LONG = 12_500, 100_000
# Eight times the text takes about eight times as long.
MOST_GROWTH = 24
NORMAL, MOST_SECONDS = 2_000, 0.02
ROUNDS = 21

STORY = (
    "Mevrouw Fatima El Amrani (geb. 3 mei 1999) kwam bij de huisarts in Rotterdam. Ze werkt bij restaurant De Gouden Draak en "
    "slaapt boven de zaak aan de Dorpsstraat 12a, 3011 AA. Haar baas, dhr. J. van der Berg, houdt haar paspoort in. Bel 06-12345678. "
)
TYPED_IN_FORM = (
    "Fatima",
    "El Amrani",
    "1999-05-03",
    "+31612345678",
    "Dorpsstraat 12",
    "3011 AA",
    "12-ABC-3",
    "NXA3K21B7",
)
PIECES = (
    STORY, "A", "1 ", "0", "a.b", "@a", "Aa ", "1-", "NL12 ", "geb ", "+1", "van de ", "kenteken ", "paspoort nummer ", "0(", "A-", "Straat ",
    "a.nl/", "x" * 50 + ".", "1.", "Tel ", "restaurant De ", "3011 ", "\n", "'", "ij", "é", "1a", "Jan van ", "www.", "-", "12 mei ", "A. ",
)  # fmt: skip


def lines() -> Iterator[Line]:
    """The lines of the table: the piece with which the time grows fastest, and a normal text."""
    yield worst(pieces())
    yield normal()
    yield usual()


def worst(measured: Iterable[Line]) -> Line:
    """The piece with which the time grows fastest."""
    return min(measured, key=lambda line: line.ratio or 0)


def normal() -> Line:
    """How often a text of the usual length is scanned in a second, beside how often it has to be."""
    took = median(_seconds((STORY * 10)[:NORMAL]) for _ in range(ROUNDS))
    return line(f"text scan, {NORMAL:,} characters (goal: 50/s)", 1 / took, 1 / MOST_SECONDS, 1.0)


def usual() -> Line:
    """The middle of the marked accounts: half are shorter and half are longer in time."""
    took = median(_seconds(one.text) for half in HALVES for one in marked(half))
    return line(f"text scan, the middle account: {took * 1000:.2f} ms (goal: 20 ms)", 1 / took, 1 / MOST_SECONDS, 1.0)


def quality() -> Iterator[str]:
    """What the light scan finds of the marked accounts that nobody tuned on, as a table."""
    yield "\ntext scan, what it finds of accounts that nobody tuned it on (python -m tests.texts.with_deduce: both readers)"
    yield from table(measure(marked("held_out"), own))


def pieces() -> Iterator[Line]:
    """One line for each hostile piece: the long text beside the short one."""
    for piece in PIECES:
        short = min(_seconds(_repeated(piece, SHORT)) for _ in range(3))
        long = min(_seconds(_repeated(piece, LONG)) for _ in range(2))
        name = f"text scan, {LONG // 1000} k of {piece[:14]!r} ({SHORT:,}; x{long / short:.1f}, at most x{MOST_GROWTH})"
        yield line(name, 1 / long, 1 / short, 1 / MOST_GROWTH)


def _repeated(piece: str, length: int) -> str:
    return (piece * length)[:length]


def _seconds(text: str) -> float:
    """CPU time of one scan; the collector of garbage waits."""
    gc.collect()
    gc.disable()
    try:
        start = time.process_time()
        scan(text, TYPED_IN_FORM, organisations=ORGANISATIONS)
        return time.process_time() - start
    finally:
        gc.enable()


def main() -> int:
    """Prints every piece, the worst of them and the normal text; 1 when a goal is missed, else 0."""
    click.echo(HEAD)
    measured = []
    for found in pieces():
        measured.append(found)
        click.echo(shown(found).rstrip())
    measured += [worst(measured), normal(), usual()]
    for found in measured[-3:]:
        click.echo(shown(found).rstrip())
    return int(any(not found.reached for found in measured))


if __name__ == "__main__":
    sys.exit(main())
