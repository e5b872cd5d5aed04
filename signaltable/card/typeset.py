"""Words in a width: measured, wrapped, and put down as lines."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from signaltable.card.drawing import Words
from signaltable.later import later

if TYPE_CHECKING:
    from reportlab.pdfbase import pdfmetrics
else:
    pdfmetrics = later("reportlab.pdfbase.pdfmetrics")

LINE = 1.17
# Stays with the word behind it: its space does not break.
DOT = "·\u00a0"


@dataclass(frozen=True, slots=True)
class Run:
    """Words in one look."""

    text: str
    bold: bool = False
    kind: str = "ink"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Runs that wrap together, at one size."""

    size: float
    runs: tuple[Run, ...]


# A wrapped line: runs beside each other, with the size of their paragraph.
Line = tuple[float, tuple[Run, ...]]


@lru_cache(maxsize=20_000)
def unit_width(text: str, bold: bool) -> float:
    """How wide a text is at a size of one point."""
    return float(pdfmetrics.stringWidth(text, "Helvetica-Bold" if bold else "Helvetica", 1))


def width_of(text: str, size: float, *, bold: bool) -> float:
    """How wide a text is, in points."""
    return unit_width(text, bold) * size


def wrapped(paragraphs: Iterable[Paragraph], width: float) -> list[Line]:
    """Every line with its runs; a word that is wider than the room is broken."""
    return [(one.size, line) for one in paragraphs for line in _lines(one, width / one.size)]


# A card is tried at several sizes and drawn for every visitor, with the same words each time.
@lru_cache(maxsize=20_000)
def _lines(paragraph: Paragraph, room: float) -> tuple[tuple[Run, ...], ...]:
    return tuple(_broken(paragraph, room))


def _broken(paragraph: Paragraph, room: float) -> Iterator[tuple[Run, ...]]:
    line: list[Run] = []
    used = 0.0
    for run in paragraph.runs:
        space = unit_width(" ", run.bold)
        for piece in _pieces(run, room):
            word = piece
            wide = unit_width(word, run.bold)
            if line and used + space + wide > room:
                yield tuple(line)
                line, used = [], 0.0
            if not line:
                word = word.removeprefix(DOT)
                wide = unit_width(word, run.bold)
            used += wide + (space if line else 0.0)
            _add(line, replace(run, text=word))
    if line:
        yield tuple(line)


def _add(line: list[Run], word: Run) -> None:
    """Put a word at the end of a line, into the last run when it looks the same."""
    if line and (line[-1].bold, line[-1].kind) == (word.bold, word.kind):
        line[-1] = replace(word, text=f"{line[-1].text} {word.text}")
    else:
        line.append(word)


def _pieces(run: Run, room: float) -> Iterator[str]:
    for word in filter(None, re.split(r"[^\S\u00a0]+", run.text)):
        piece = word
        while len(piece) > 1 and unit_width(piece, run.bold) > room:
            cuts = range(len(piece) - 1, 1, -1)
            cut = next((count for count in cuts if unit_width(piece[:count], run.bold) <= room), 1)
            yield piece[:cut]
            piece = piece[cut:]
        yield piece


def height_of(lines: Sequence[Line]) -> float:
    """How high these lines are together."""
    return sum(size * LINE for size, _runs in lines)


def set_lines(lines: Sequence[Line], x: float, top: float) -> Iterator[Words]:
    """The words of these lines, each at its place, from the left top corner at `x` and `top`."""
    y = top
    for size, runs in lines:
        left = x
        for number, run in enumerate(runs):
            left += width_of(" ", size, bold=run.bold) if number else 0.0
            wide = width_of(run.text, size, bold=run.bold)
            yield Words(left, y + size * 0.92, run.text.replace("\u00a0", " "), size, wide, run.kind, run.bold)
            left += wide
        y += size * LINE


def one_line(run: Run, size: float, x: float, y: float, room: float, *, end: bool = False) -> Words:
    """A line that is made smaller until it fits; `end` puts it against the right side."""
    natural = width_of(run.text, size, bold=run.bold)
    fitting = size * min(1.0, room / natural) if natural else size
    wide = min(natural, room)
    return Words(x + room - wide if end else x, y, run.text, fitting, wide, run.kind, run.bold)
