"""Which numbers may be shown, and how, so that nobody can work out a small one from them. Pure.

Leaving a number out does not keep it: whoever knows the numbers of one table takes them off those of the region, and
whoever knows by which rule others were left out with it asks which numbers the rule would have treated so. So each number
is made by itself, from its own count and its own lot, and no choice about one depends on another:

- below the threshold it is left out, whatever the lot;
- from there on an amount drawn by lot is added, and the sum is rounded; what then lies below the threshold is left out too.

Every amount can be drawn, though a large one seldom is. So a number that is left out could be any, and one that is told any
from the threshold on, also for who knows this code and all other numbers; how much likelier one count is than the next has a
limit (`tests/steps/test_small_cells.py` proves both). Zeros are left out as small numbers are. The threshold is that of
primary suppression, the lot that of the two-sided geometric mechanism (Ghosh, Roughgarden and Sundararajan, 2009), kept per
number by a key as in the cell key method (Hundepool et al., Handbook on Statistical Disclosure Control, frequency tables).
"""

from typing import Final

# So many bytes of a lot for each of the two draws of which the amount is the difference.
_DRAW: Final = 16


def chance_of_more(smallest: int) -> tuple[int, int]:
    """Numerator and denominator of how likely each further step away from the count is, beside the step before it."""
    return smallest - 2, smallest


def step_of(smallest: int) -> int:
    """To multiples of what numbers are rounded."""
    return smallest // 2


def drawn(lot: bytes, smallest: int) -> int:
    """The amount that a lot of 32 even bytes stands for: 0 most often, and as often below it as above. In whole numbers
    only, so that every machine draws the same.
    """
    return _steps(lot[:_DRAW], smallest) - _steps(lot[_DRAW : 2 * _DRAW], smallest)


def _steps(lot: bytes, smallest: int) -> int:
    """How often in a row it went on: a geometric number, by inversion."""
    upper, whole = chance_of_more(smallest)
    draw, left, steps = int.from_bytes(lot), 1 << 8 * _DRAW, 0
    while draw < (left := left * upper // whole):
        steps += 1
    return steps


def told(count: int, amount: int, smallest: int) -> int | None:
    """What is shown of a count to which this amount was drawn: a multiple of the step, or None when it is left out."""
    step = step_of(smallest)
    rounded = (2 * (count + amount) + step) // (2 * step) * step
    return rounded if count >= smallest and rounded >= smallest else None
