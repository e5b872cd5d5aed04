"""The largest size and the fewest columns in which all lanes fit, and which lane stands where."""

from collections.abc import Sequence
from dataclasses import dataclass

from signaltable.card.content import MOST_URGENT, CardRoute
from signaltable.card.drawing import Lane
from signaltable.card.lanes import Advised, draw_lane
from signaltable.card.paper import FOOTER, GUTTER, HEADER, HEIGHT, MARGIN, WIDTH, Style
from signaltable.domain import SignaltableError

LARGEST, SMALLEST, STEP = 9.5, 6.0, 0.1
COLUMNS = (1, 2, 3)
# As many of the most urgent routes get a broad band with a large number above the columns; more would push out the rest.
MOST_IN_BAND = 3


class CardDoesNotFit(SignaltableError):
    """One route alone is longer than a sheet of paper."""


@dataclass(frozen=True, slots=True)
class Block:
    """Something that stands in a column: the heading of a group, or a lane drawn at the origin."""

    group: int
    lane: Lane

    @property
    def height(self) -> float:
        return self.lane.outline.height


@dataclass(frozen=True, slots=True)
class Placed:
    """A block in its column, under the heading of its group where it is the first of it there."""

    block: Block
    y: float
    heading: bool
    continued: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """One attempt: a size, a band and columns that fit below it."""

    style: Style
    band: tuple[Lane, ...]
    columns: tuple[tuple[Placed, ...], ...]
    per_sheet: int


def plan_card(routes: Sequence[CardRoute], lang: str, lit: frozenset[Advised]) -> Plan:
    """The plan at the largest size that fits one sheet; at the smallest size on as many sheets as it takes."""
    found: Plan | None = None
    low, high = 0, round((LARGEST - SMALLEST) / STEP)
    while low <= high:
        middle = (low + high) // 2
        fitting = _fitting(routes, SMALLEST + middle * STEP, lang, lit)
        found, low, high = (fitting, middle + 1, high) if fitting else (found, low, middle - 1)
    return found or _on_sheets(routes, lang, lit)


def _fitting(routes: Sequence[CardRoute], size: float, lang: str, lit: frozenset[Advised]) -> Plan | None:
    """The card on one sheet at this size, in as few columns as that takes."""
    for columns in COLUMNS:
        plan = _attempt(routes, size, columns, lang, lit)
        if plan is not None and len(plan.columns) <= columns:
            return plan
    return None


def _on_sheets(routes: Sequence[CardRoute], lang: str, lit: frozenset[Advised]) -> Plan:
    for columns in reversed(COLUMNS):
        plan = _attempt(routes, SMALLEST, columns, lang, lit)
        if plan is not None:
            return plan
    raise CardDoesNotFit(f"expected every route to fit one sheet at {SMALLEST:g} points, found one that is longer")


def _attempt(routes: Sequence[CardRoute], size: float, columns: int, lang: str, lit: frozenset[Advised]) -> Plan | None:
    """The card at this size in this many columns; more columns than asked when it runs on, None when a lane is too long."""
    style = Style(size, (WIDTH - 2 * MARGIN - (columns - 1) * GUTTER) / columns, lang)
    urgent, rest = _split(routes)
    band = _band(urgent, style, lit)
    room = _room(band, style)
    blocks = [Block(group, draw_lane(route, style, lit)) for group, found in enumerate(rest) for route in found]
    longest = max((block.height for block in blocks), default=0.0) + _heading_height(style)
    if longest > room:
        return None
    return Plan(style, band, _balanced(blocks, style, columns, longest, room), columns)


def _split(routes: Sequence[CardRoute]) -> tuple[Sequence[CardRoute], list[list[CardRoute]]]:
    """The routes for the band, and the others in groups of one urgency."""
    urgent = [route for route in routes if route.level == MOST_URGENT]
    if len(urgent) > MOST_IN_BAND:
        urgent = []
    return urgent, by_urgency([route for route in routes if route not in urgent])


def by_urgency(routes: Sequence[CardRoute]) -> list[list[CardRoute]]:
    """The routes in groups of one urgency, in the order in which they come."""
    found: dict[str, list[CardRoute]] = {}
    for route in routes:
        found.setdefault(route.rule.urgency, []).append(route)
    return list(found.values())


def _room(band: Sequence[Lane], style: Style) -> float:
    """The height that is left for the columns."""
    taken = sum(lane.outline.height + style.size for lane in band)
    return HEIGHT - 2 * MARGIN - HEADER - FOOTER - taken - captions_height(style)


def _band(routes: Sequence[CardRoute], style: Style, lit: frozenset[Advised]) -> tuple[Lane, ...]:
    broad = Style(max(style.size * 1.2, 8.5), WIDTH - 2 * MARGIN, style.lang, big=True)
    return tuple(draw_lane(route, broad, lit) for route in routes)


def captions_height(style: Style) -> float:
    """The room above a column for what the three parts of a lane are."""
    return style.line * 1.25


def _heading_height(style: Style) -> float:
    return style.size * 2.2


def _between(style: Style) -> float:
    return style.size * 0.6


def _balanced(
    blocks: Sequence[Block], style: Style, columns: int, least: float, room: float
) -> tuple[tuple[Placed, ...], ...]:
    """Columns of about the same height: the lowest height at which no more than `columns` are needed."""
    packed = _pack(blocks, style, room)
    if len(packed) > columns:
        return packed
    low, high = least, room
    while high - low > 1:
        middle = (low + high) / 2
        found = _pack(blocks, style, middle)
        if len(found) > columns:
            low = middle
        else:
            high, packed = middle, found
    return packed


def _pack(blocks: Sequence[Block], style: Style, limit: float) -> tuple[tuple[Placed, ...], ...]:
    columns: list[list[Placed]] = []
    y, begun = 0.0, -1
    for block in blocks:
        heading = not columns or block.group != begun
        needed = block.height + (_heading_height(style) if heading else 0.0)
        if not columns or y + needed > limit:
            columns.append([])
            y, heading = 0.0, True
        top = y + (_heading_height(style) if heading else 0.0)
        columns[-1].append(Placed(block, top, heading, continued=block.group == begun))
        y, begun = top + block.height + _between(style), block.group
    return tuple(tuple(column) for column in columns)
