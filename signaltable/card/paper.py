"""The sheet and the sizes on it, in points."""

from dataclasses import dataclass

from signaltable.card.typeset import LINE

# A4, lying, in points.
WIDTH, HEIGHT = 841.89, 595.28
MARGIN = 19.0
HEADER, FOOTER = 33.0, 18.0
GUTTER = 15.0
# The shares of a lane: condition, route, destination; arrows run in the two gaps between them.
SHARES = (0.36, 0.28, 0.36)
PADDING = 0.5


@dataclass(frozen=True, slots=True)
class Style:
    """What all lanes of one attempt share."""

    size: float
    width: float
    lang: str
    big: bool = False

    @property
    def line(self) -> float:
        return self.size * LINE

    @property
    def pad(self) -> float:
        return self.size * PADDING

    @property
    def gap(self) -> float:
        """The room of an arrow."""
        return self.size * 1.5

    @property
    def stack(self) -> float:
        """The room between two destinations of one route."""
        return self.size * 0.4

    def share(self, index: int) -> float:
        """The width of the condition, the route or the destination."""
        return (self.width - 2 * self.gap) * SHARES[index]
