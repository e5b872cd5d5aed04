"""What a drawing is made of: boxes, strokes and lines of words on sheets, in points. Each part belongs to a kind.

A back end decides how a kind looks and draws nothing else, so that the picture on the screen and the sheet on the wall
are the same card. Coordinates count from the left top corner; a line of words stands on its baseline.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Rect:
    """A box. `kind` names its look; `level` 1 to 4 is how urgent it is, 0 when that plays no part."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    level: int = 0
    radius: float = 0.0

    def overlaps(self, other: "Rect") -> bool:
        """Whether the two cover a common area; touching sides do not count."""
        return (
            self.x < other.x + other.width
            and other.x < self.x + self.width
            and self.y < other.y + other.height
            and other.y < self.y + self.height
        )


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points; `closed` makes it a filled shape, such as the head of an arrow."""

    points: tuple[tuple[float, float], ...]
    kind: str
    level: int = 0
    closed: bool = False


@dataclass(frozen=True, slots=True)
class Words:
    """One line of text that is `width` points wide at this size. `kind` names its colour."""

    x: float
    y: float
    text: str
    size: float
    width: float
    kind: str = "ink"
    bold: bool = False


Part = Rect | Stroke | Words


@dataclass(frozen=True, slots=True)
class Lane:
    """One route on the card: its parts, where it leads to when it is clicked, and what it says to who cannot see it."""

    route: str
    label: str
    level: int
    outline: Rect
    parts: tuple[Part, ...]
    lit: bool = False


@dataclass(frozen=True, slots=True)
class Sheet:
    """One page of paper: what stands around the lanes, and the lanes."""

    parts: tuple[Part, ...] = ()
    lanes: tuple[Lane, ...] = ()


@dataclass(frozen=True, slots=True)
class Drawing:
    """A card on one or more sheets of the same size. `size` is the size of its ordinary words in points."""

    width: float
    height: float
    title: str
    description: str
    lang: str
    region: str
    size: float
    sheets: tuple[Sheet, ...] = field(default=())

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """Every lane on every sheet."""
        return tuple(lane for sheet in self.sheets for lane in sheet.lanes)
