"""The figures of a month: counted once, when days are over, and shown when the month is over.

What was counted does not need the cases any more, so erasing a case changes no figure of before and no figure tells of one
that was erased. Nobody sees a month that still goes on: who looked twice could see what was added between.
"""

from signaltable.flow.figures.counting import Counted, count_days
from signaltable.flow.figures.dimensions import SEVERAL, Dimension
from signaltable.flow.figures.reading import Cell, Month, Section, consult

__all__ = ["SEVERAL", "Cell", "Counted", "Dimension", "Month", "Section", "consult", "count_days"]
