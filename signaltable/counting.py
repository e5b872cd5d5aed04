"""Counting what happens, for whoever watches the program. Costs a microsecond where somebody watches, and nothing elsewhere.

A name is the number and the values of its labels with `|` between them: `requests|signals.show|GET|2xx`. Labels are words of
this program only: what a caller typed, ids, people and agencies never are (docs/watching.md).
"""

import bisect
from typing import Final

from signaltable.board import Board, Part

# Upper ends of the steps in which the time of an answer is told, in seconds.
STEPS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BEYOND: Final = "+Inf"
_ENDS: Final = (*(f"{step:g}" for step in STEPS), BEYOND)


class _Own:
    """The part of this process, and the board that it is of; None where nobody counts."""

    part: Part | None = None
    board: Board | None = None


def join(board: Board, number: int | None) -> None:
    """Belong to a board from now on, and count in its part `number`; None counts nothing."""
    _Own.board = board
    _Own.part = None if number is None else board.part(number)


def is_stopping() -> bool:
    """Whether this program was told to stop and still answers for a while."""
    return _Own.board is not None and _Own.board.stopping


def is_counting() -> bool:
    """Whether somebody watches."""
    return _Own.part is not None


def count(name: str, *labels: str, by: float = 1.0) -> None:
    """Count something that happened."""
    if _Own.part is not None:
        _Own.part.count("|".join((name, *labels)), by)


def tell(name: str, value: float) -> None:
    """Say how many of something this process has now."""
    if _Own.part is not None:
        _Own.part.put(name, value)


def took(name: str, label: str, seconds: float) -> None:
    """Count how long something took: its step, and the sum."""
    if _Own.part is not None:
        _Own.part.count(f"{name}|{label}|{_ENDS[bisect.bisect_left(STEPS, seconds)]}")
        _Own.part.count(f"{name}_sum|{label}", seconds)
