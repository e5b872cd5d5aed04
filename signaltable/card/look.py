"""How each kind of part looks, for both back ends. Nothing is told by colour alone: what is urgent has a heavier line and
more bars, and what is lit a thick dark line and a check mark, so that the card says the same in black and white.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from signaltable.card.drawing import Rect, Stroke

# Ink per level of urgency, and a tint behind dark words; each pair has a contrast of at least 4.5 to 1.
INKS: Mapping[int, str] = MappingProxyType({0: "#10262b", 1: "#4a6269", 2: "#00568b", 3: "#7d3f0b", 4: "#a01d23"})
TINTS: Mapping[int, str] = MappingProxyType({0: "#ffffff", 1: "#f6f9f9", 2: "#e8f3fb", 3: "#fdf0df", 4: "#fdeeee"})
WORDS: Mapping[str, str] = MappingProxyType({"ink": "#10262b", "soft": "#4a6269", "light": "#ffffff"})
FAINT, RULE, INK, PAPER = "#f6f9f9", "#c6d2d4", "#10262b", "#ffffff"
LIT_WIDTH = 2.4


@dataclass(frozen=True, slots=True)
class Look:
    """Fill and line as #rrggbb, None for none; the width of the line in points."""

    fill: str | None = None
    line: str | None = None
    width: float = 0.0


def look_of(part: Rect | Stroke) -> Look:
    """The look of a box or a stroke. Raises KeyError for a kind that nobody drew."""
    ink, tint, level = INKS[part.level], TINTS[part.level], part.level
    return {
        "when": Look(FAINT, RULE, 0.75),
        "when-lit": Look(PAPER, INK, LIT_WIDTH),
        "route": Look(PAPER, ink, 0.5 + 0.3 * level),
        "route-lit": Look(PAPER, INK, LIT_WIDTH),
        "to": Look(tint, ink, 0.5 + 0.3 * level),
        "to-lit": Look(tint, INK, LIT_WIDTH),
        "alarm": Look(ink, ink, 0.5 + 0.3 * level),
        "alarm-lit": Look(ink, INK, LIT_WIDTH),
        "strip": Look(ink),
        "bar": Look(ink),
        "bar-empty": Look(RULE),
        "rule": Look(None, RULE, 0.75),
        "underline": Look(None, ink, 0.6 + 0.25 * level),
        "arrow": Look(None, ink, 0.9),
        "arrow-lit": Look(None, INK, LIT_WIDTH),
        "head": Look(ink),
        "head-lit": Look(INK),
        "check": Look(None, PAPER, 1.6),
    }[part.kind]
