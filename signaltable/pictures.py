"""Pictures as SVG text: links between signals, a timeline, the advice as lanes, bars.

Pure and deterministic: the same values give the same text, byte for byte. There is no style in them, only classes that
app.css colours, so they pass a content security policy without inline styles and look right on paper. A picture never
stands alone: the page shows the same facts as a table. Labels are pseudonyms or references; a picture does not know more.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from html import escape
from itertools import combinations
from math import atan2, cos, hypot, pi, sin
from typing import Literal

from signaltable.domain import SignaltableError

Strength = Literal["match", "possible"]
Moment = Literal["done", "current", "future"]


class UnusablePictureError(SignaltableError):
    """A picture was asked for that cannot be drawn, such as an edge to a node that is not there."""


class Svg(str):
    """SVG text made here from escaped parts; Jinja may put it in a page as it is, without the filter `safe`."""

    __slots__ = ()

    def __html__(self) -> str:
        return str(self)


@dataclass(frozen=True, slots=True)
class GraphNode:
    """A thing in the link graph; kind is one of signal, person, address, company, vehicle, phone, account."""

    id: str
    label: str
    kind: str = "signal"
    href: str | None = None
    current: bool = False


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """A link between the nodes with ids a and b; a possible link is drawn with dashes."""

    a: str
    b: str
    strength: Strength = "match"
    label: str = ""


@dataclass(frozen=True, slots=True)
class TimelineEvent:
    """Something on a day; `when` is the day as the reader sees it."""

    day: date
    when: str
    label: str
    state: Moment = "done"
    href: str | None = None


@dataclass(frozen=True, slots=True)
class Bar:
    """A number with its name; None means that the number is too small to be shown."""

    label: str
    value: int | None


@dataclass(frozen=True, slots=True)
class Likeness:
    """How alike one thing is on two sides: same, near or different, with the words for it."""

    label: str
    level: Literal["same", "near", "different"]
    words: str


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle by its centre, in the units of the viewBox."""

    x: float
    y: float
    width: float
    height: float

    def overlaps(self, other: "Box", gap: float = 0.0) -> bool:
        """Whether the two come closer than `gap` on both axes."""
        return (
            abs(self.x - other.x) < (self.width + other.width) / 2 + gap
            and abs(self.y - other.y) < (self.height + other.height) / 2 + gap
        )


_KINDS = frozenset({"signal", "person", "address", "company", "vehicle", "phone", "account"})
_NODE_HEIGHT = 34.0
_MARGIN = 12.0
_SIGN_WIDTH = (
    8.4  # A little more than an average bold sign of Noto Sans at 13 units, so that text stays inside its box.
)
_SMALL_SIGN_WIDTH = 7.5
_SMALL_WIDE_SIGN_WIDTH = 8.2


def link_graph(
    nodes: Sequence[GraphNode],
    edges: Sequence[GraphEdge],
    title: str = "",
    description: str = "",
) -> Svg:
    """Nodes as labelled boxes that never overlap, edges as lines between them; readable up to about 40 nodes.

    Raises UnusablePictureError when ids are not unique or an edge names a node that is not there.
    """
    if not nodes:
        return _svg(320, 40, "graph", title, description)
    places = place_nodes(nodes, edges)
    left = min(box.x - box.width / 2 for box in places.values()) - _MARGIN
    top = min(box.y - box.height / 2 for box in places.values()) - _MARGIN
    moved = {key: Box(box.x - left, box.y - top, box.width, box.height) for key, box in places.items()}
    width = max(box.x + box.width / 2 for box in moved.values()) + _MARGIN
    height = max(box.y + box.height / 2 for box in moved.values()) + _MARGIN
    parts = [_edge_line(edge, moved) for edge in edges]
    parts += _edge_labels(edges, moved)
    parts += [_node(node, moved[node.id]) for node in nodes]
    return _svg(width, height, "graph", title, description, parts=parts, wide=True)


def place_nodes(nodes: Sequence[GraphNode], edges: Sequence[GraphEdge]) -> dict[str, Box]:
    """The box of every node: springs pull linked nodes together, all nodes push each other away, overlaps are undone."""
    ids = [node.id for node in nodes]
    if len(set(ids)) != len(ids):
        raise UnusablePictureError(f"expected different ids for {len(ids)} nodes, found {len(set(ids))} different ones")
    known = set(ids)
    lost = sum(1 for edge in edges if edge.a not in known or edge.b not in known)
    if lost:
        raise UnusablePictureError(f"expected edges between the given nodes, found {lost} that end elsewhere")
    pairs = [(ids.index(edge.a), ids.index(edge.b)) for edge in edges if edge.a != edge.b]
    points = _relax(_seed(len(ids), pairs, _first_current(nodes)), pairs)
    boxes = [
        Box(x, y, max(64.0, len(node.label) * _SIGN_WIDTH + 28), _NODE_HEIGHT)
        for node, (x, y) in zip(nodes, points, strict=True)
    ]
    return dict(zip(ids, _without_overlap(boxes), strict=True))


def timeline(events: Sequence[TimelineEvent], title: str = "", description: str = "") -> Svg:
    """Events on a line, in proportion to their days; labels stand above and below it and do not cover each other."""
    short = [replace(event, when=_shorten(event.when, 44), label=_shorten(event.label, 44)) for event in events]
    ordered = sorted(short, key=lambda event: (event.day, event.when, event.label))
    if not ordered:
        return _svg(320, 40, "timeline", title, description)
    width = 760.0
    xs = _spread([(event.day - ordered[0].day).days for event in ordered], width, gap=22)
    width = max(width, xs[-1] + 40)
    boxes = _label_boxes(ordered, xs, width)
    top = min(box.y - box.height / 2 for box in boxes) - _MARGIN
    bottom = max(14, *(box.y + box.height / 2 for box in boxes)) + _MARGIN
    line = -top
    places = [Box(box.x, box.y - top, box.width, box.height) for box in boxes]
    parts = [_stem(x, line, box) for x, box in zip(xs, places, strict=True)]
    parts.append(f'<path class="pic-line" d="M{number(_MARGIN)} {number(line)}H{number(width - _MARGIN)}"/>')
    parts += [_event(event, x, line, box) for event, x, box in zip(ordered, xs, places, strict=True)]
    return _svg(width, bottom - top, "timeline", title, description, parts=parts, wide=True)


def bars(
    items: Sequence[Bar], title: str = "", description: str = "", hidden: str = "–", *, narrow: bool = False
) -> Svg:
    """Horizontal bars with their numbers. A number of None is drawn as a dashed stub with the text `hidden`.

    A `narrow` picture can be read on a phone without moving it.
    """
    width, row = 340.0 if narrow else 400.0, 34.0
    start = min(18, max((len(item.label) for item in items), default=0)) * 8.4 + 16
    parts: list[str] = []
    for index, (item, length) in enumerate(zip(items, _lengths(items, width - start - 72), strict=True)):
        y = 8 + index * row
        parts.append(
            f'<g><text x="{number(start - 12)}" y="{number(y + 17)}" text-anchor="end">{plain(_shorten(item.label, 18))}'
            f"<title>{plain(item.label)}</title></text>{_bar(item, hidden, start, y, length)}</g>"
        )
    axis = f'<path class="pic-axis" d="M{number(start)} 2V{number(max(len(items), 1) * row + 6)}"/>'
    kind = "bars pic--narrow" if narrow else "bars"
    return _svg(width, max(len(items), 1) * row + 10, kind, title, description, parts=[*parts, axis])


def named_bars(items: Sequence[Bar], title: str = "", hidden: str = "–") -> Svg:
    """Bars like those of `bars`, narrow, each under its label: for labels that are too long to stand beside."""
    width, row = 340.0, 56.0
    parts = [
        f'<g><text x="0" y="{number(index * row + 16)}">{plain(_shorten(item.label, 42))}'
        f"<title>{plain(item.label)}</title></text>{_bar(item, hidden, 0.0, index * row + 24, length)}</g>"
        for index, (item, length) in enumerate(zip(items, _lengths(items, width - 72), strict=True))
    ]
    return _svg(width, max(len(items), 1) * row, "bars pic--narrow", title, "", parts=parts)


def _lengths(items: Sequence[Bar], longest: float) -> list[float]:
    largest = max((item.value or 0 for item in items), default=0) or 1
    return [10.0 if item.value is None else max(2.0, longest * max(item.value, 0) / largest) for item in items]


def _bar(item: Bar, hidden: str, x: float, y: float, length: float) -> str:
    kind = " pic-bar--hidden" if item.value is None else ""
    shown = hidden if item.value is None else str(item.value)
    return (
        f'<rect class="pic-bar{kind}" x="{number(x)}" y="{number(y)}" width="{number(length)}" height="24" rx="2"/>'
        f'<text class="pic-number" x="{number(x + length + 8)}" y="{number(y + 17)}">{plain(shown)}</text>'
    )


_DOTS = {"same": 3, "near": 2, "different": 0}


def likenesses(items: Sequence[Likeness], title: str = "", description: str = "") -> Svg:
    """What was compared, a line each: three full dots for the same, two for nearly, none for different, and the words."""
    width, row = 330.0, 26.0
    start = min(22, max((len(item.label) for item in items), default=0)) * _SMALL_SIGN_WIDTH + 14
    parts: list[str] = []
    for index, item in enumerate(items):
        y = 16 + index * row
        dots = "".join(
            f'<circle class="pic-mark pic-mark--{item.level if place < _DOTS[item.level] else "none"}" '
            f'cx="{number(start + place * 16)}" cy="{number(y)}" r="5"/>'
            for place in range(3)
        )
        parts.append(
            f'<g><text class="pic-small" x="{number(start - 14)}" y="{number(y + 5)}" text-anchor="end">'
            f"{plain(_shorten(item.label, 22))}<title>{plain(item.label)}</title></text>{dots}"
            f'<text class="pic-small pic-soft" x="{number(start + 48)}" y="{number(y + 5)}">{plain(item.words)}</text></g>',
        )
    return _svg(width, max(len(items), 1) * row + 8, "likenesses", title, description, parts=parts)


# ---- The frame and the text of every picture


def _svg(
    width: float,
    height: float,
    kind: str,
    title: str,
    description: str,
    *,
    parts: Iterable[str] = (),
    wide: bool = False,
) -> Svg:
    # role=group, because links inside an image would be lost to people who do not see it.
    names = (f"<title>{plain(title)}</title>" if title else "") + (
        f"<desc>{plain(description)}</desc>" if description else ""
    )
    label = f' aria-label="{plain(title)}"' if title else ""
    classes = f"pic pic--{kind}" + (" pic--wide" if wide else "")
    return Svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="{classes}" role="group"{label} '
        f'viewBox="0 0 {number(width)} {number(height)}" width="{number(width)}" height="{number(height)}">{names}{"".join(parts)}</svg>',
    )


def plain(text: str) -> str:
    """Text as it may stand in XML: escaped, and without the control signs that XML 1.0 has no place for."""
    return escape(
        "".join(
            sign for sign in text if sign >= " " and sign not in "\ufffe\uffff" and not "\ud800" <= sign <= "\udfff"
        )
    )


def number(value: float) -> str:
    """A coordinate with one decimal at most, so that the same picture is the same text on every machine."""
    text = f"{value:.1f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _linked(href: str | None, content: str, label: str) -> str:
    return f'<a href="{plain(href)}" aria-label="{plain(label)}">{content}</a>' if href else content


def _shorten(text: str, signs: int) -> str:
    return text if len(text) <= signs else text[: signs - 1].rstrip() + "…"


# ---- The link graph


def _first_current(nodes: Sequence[GraphNode]) -> int:
    return next((index for index, node in enumerate(nodes) if node.current), 0)


def _seed(count: int, pairs: Sequence[tuple[int, int]], centre: int) -> list[tuple[float, float]]:
    """Start on rings around the centre: one ring per step along the links; what is not linked stands on the last ring."""
    near: dict[int, list[int]] = {index: [] for index in range(count)}
    for one, other in pairs:
        near[one].append(other)
        near[other].append(one)
    rings = [[centre]]
    seen = {centre}
    while rings[-1]:
        nxt = sorted({there for here in rings[-1] for there in near[here]} - seen)
        seen.update(nxt)
        rings.append(nxt)
    rings[-1] = [index for index in range(count) if index not in seen]
    points = [(0.0, 0.0)] * count
    for step, ring in enumerate(rings):
        for place, index in enumerate(ring):
            # A turn per ring, or straight chains would lie exactly on one line and never unfold.
            angle = 2 * pi * place / max(len(ring), 1) + step * 0.7
            points[index] = (step * 150 * cos(angle), step * 110 * sin(angle))
    return points


def _relax(points: list[tuple[float, float]], pairs: Sequence[tuple[int, int]]) -> list[tuple[float, float]]:
    """Fruchterman and Reingold's springs with a light pull to the middle, on a plane that is wider than high."""
    ideal, rounds = 120.0, 160
    for step in range(rounds):
        forces = [[-x * 0.02, -y * 0.05] for x, y in points]
        for one, other in combinations(range(len(points)), 2):
            dx, dy = points[one][0] - points[other][0], points[one][1] - points[other][1]
            distance = max(hypot(dx, dy), 1.0)
            push = ideal * ideal / distance / distance
            _push(forces, one, other, dx * push, dy * push)
        for one, other in pairs:
            dx, dy = points[one][0] - points[other][0], points[one][1] - points[other][1]
            pull = -hypot(dx, dy * 1.5) / ideal
            _push(forces, one, other, dx * pull, dy * pull)
        limit = 60 * (1 - step / rounds) + 0.5
        points = [_step(point, force, limit) for point, force in zip(points, forces, strict=True)]
    return _fitted(points)


def _fitted(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Turned so that the long side lies flat, and drawn together to about the width of a column of text."""
    count = len(points)
    middle_x, middle_y = sum(x for x, _ in points) / count, sum(y for _, y in points) / count
    moved = [(x - middle_x, y - middle_y) for x, y in points]
    xx, yy, xy = sum(x * x for x, _ in moved), sum(y * y for _, y in moved), sum(x * y for x, y in moved)
    angle = -atan2(2 * xy, xx - yy) / 2
    turned = [(x * cos(angle) - y * sin(angle), x * sin(angle) + y * cos(angle)) for x, y in moved]
    wide = max(abs(x) for x, _ in turned) * 2 or 1.0
    high = max(abs(y) for _, y in turned) * 2 or 1.0
    room_x, room_y = min(560.0, 110.0 * count), min(460.0, 30.0 * count)
    return [(x * min(1.0, room_x / wide), y * min(1.0, room_y / high)) for x, y in turned]


def _push(forces: list[list[float]], one: int, other: int, fx: float, fy: float) -> None:
    forces[one][0] += fx
    forces[one][1] += fy
    forces[other][0] -= fx
    forces[other][1] -= fy


def _step(point: tuple[float, float], force: Sequence[float], limit: float) -> tuple[float, float]:
    length = max(hypot(force[0], force[1]), 1e-9)
    scale = min(length, limit) / length
    return point[0] + force[0] * scale, point[1] + force[1] * scale


def _without_overlap(boxes: list[Box]) -> list[Box]:
    """Pushes boxes apart along the shorter way until none overlap; a plain grid when that does not come to rest."""
    gap = 28.0
    for _ in range(400):
        clashes = [(a, b) for a, b in combinations(range(len(boxes)), 2) if boxes[a].overlaps(boxes[b], gap)]
        if not clashes:
            return boxes
        for a, b in clashes:
            boxes[a], boxes[b] = _apart(boxes[a], boxes[b], gap)
    columns = max(1, round(len(boxes) ** 0.5))
    widest = max(box.width for box in boxes) + gap
    return [
        Box((index % columns) * widest, (index // columns) * (_NODE_HEIGHT + 2 * gap), box.width, box.height)
        for index, box in enumerate(boxes)
    ]


def _apart(one: Box, other: Box, gap: float) -> tuple[Box, Box]:
    over_x = (one.width + other.width) / 2 + gap - abs(one.x - other.x)
    over_y = (one.height + other.height) / 2 + gap - abs(one.y - other.y)
    if over_x <= 0 or over_y <= 0:
        return one, other
    dx = over_x / 2 + 0.5 if over_x < over_y else 0.0
    dy = 0.0 if dx else over_y / 2 + 0.5
    if one.x < other.x:
        dx = -dx
    if one.y < other.y:
        dy = -dy
    return (
        Box(one.x + dx, one.y + dy, one.width, one.height),
        Box(other.x - dx, other.y - dy, other.width, other.height),
    )


def _edge_line(edge: GraphEdge, places: Mapping[str, Box]) -> str:
    one, other = places[edge.a], places[edge.b]
    kind = " pic-edge--possible" if edge.strength == "possible" else ""
    name = f"<title>{plain(edge.label)}</title>" if edge.label else ""
    return f'<path class="pic-edge{kind}" d="M{number(one.x)} {number(one.y)}L{number(other.x)} {number(other.y)}">{name}</path>'


def _edge_labels(edges: Sequence[GraphEdge], places: Mapping[str, Box]) -> list[str]:
    """The words on the lines, as far as they cover no box and no other words; the others are in the line's title."""
    taken = list(places.values())
    parts: list[str] = []
    for edge in edges:
        one, other = places[edge.a], places[edge.b]
        if not edge.label or one is other:
            continue
        width = len(edge.label) * _SMALL_SIGN_WIDTH + 10
        for share in (0.5, 0.42, 0.58, 0.34, 0.66):
            box = Box(one.x + (other.x - one.x) * share, one.y + (other.y - one.y) * share, width, 18)
            if not any(box.overlaps(there, 9) for there in taken):
                taken.append(box)
                parts.append(
                    f'<g class="pic-edge-label"><rect class="pic-ground" x="{number(box.x - width / 2)}" '
                    f'y="{number(box.y - 9)}" width="{number(width)}" height="18"/><text class="pic-small pic-soft" '
                    f'x="{number(box.x)}" y="{number(box.y + 4)}" text-anchor="middle">{plain(edge.label)}</text></g>',
                )
                break
    return parts


def _node(node: GraphNode, box: Box) -> str:
    kind = node.kind if node.kind in _KINDS else "other"
    left, top = box.x - box.width / 2, box.y - box.height / 2
    if kind == "address":
        cut = 9
        points = (
            (left + cut, top),
            (left + box.width - cut, top),
            (left + box.width, box.y),
            (left + box.width - cut, top + box.height),
            (left + cut, top + box.height),
            (left, box.y),
        )
        listed = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        shape = f'<polygon class="pic-shape" points="{listed}"/>'
    else:
        radius = {"signal": 6.0, "person": box.height / 2}.get(kind, 0.0)
        shape = (
            f'<rect class="pic-shape" x="{number(left)}" y="{number(top)}" width="{number(box.width)}" height="{number(box.height)}" '
            f'rx="{number(radius)}"/>'
        )
    text = f'<text class="pic-label" x="{number(box.x)}" y="{number(box.y + 4.5)}" text-anchor="middle">{plain(node.label)}</text>'
    current = " pic-node--current" if node.current else ""
    return f'<g class="pic-node pic-node--{kind}{current}">{_linked(node.href, shape + text, node.label)}</g>'


# ---- The timeline


def _spread(days: Sequence[int], width: float, gap: float) -> list[float]:
    """Places in proportion to the days, each at least `gap` after the one before."""
    start, room = 28.0, width - 56.0
    span = max(days[-1], 1)
    xs: list[float] = []
    for day in days:
        x = start + room * day / span
        xs.append(max(x, xs[-1] + gap) if xs else x)
    return xs


def _label_boxes(events: Sequence[TimelineEvent], xs: Sequence[float], width: float) -> list[Box]:
    """A box per label on the nearest free level, above or below the line; one without crossed stems is preferred."""
    placed: list[Box] = []
    for event, x in zip(events, xs, strict=True):
        wide = max(len(event.label) * _SMALL_WIDE_SIGN_WIDTH, len(event.when) * _SMALL_SIGN_WIDTH) + 8
        middle = min(max(x, wide / 2 + 4), max(width - wide / 2 - 4, wide / 2 + 4))
        levels = [
            Box(middle, (-1 if level % 2 == 0 else 1) * (38 + 44 * (level // 2)), wide, 36)
            for level in range(2 * len(events))
        ]
        free = [box for box in levels if not any(box.overlaps(other, 6) for other in placed)]
        placed.append(next((box for box in free if not _crosses(box, x, placed, xs)), free[0]))
    return placed


def _crosses(box: Box, x: float, placed: Sequence[Box], xs: Sequence[float]) -> bool:
    """Whether the stem of this box runs behind another box, or the stem of another behind this one."""
    for other, other_x in zip(placed, xs, strict=False):
        if (other.y > 0) != (box.y > 0):
            continue
        near, far, stem = (other, box, x) if abs(other.y) < abs(box.y) else (box, other, other_x)
        if abs(near.y) < abs(far.y) and abs(near.x - stem) < near.width / 2 + 4:
            return True
    return False


def _stem(x: float, line: float, box: Box) -> str:
    near = box.y - (1 if box.y > line else -1) * box.height / 2
    return f'<path class="pic-axis" d="M{number(x)} {number(line)}V{number(near)}"/>'


def _event(event: TimelineEvent, x: float, line: float, box: Box) -> str:
    state = "" if event.state == "done" else f" pic-dot--{event.state}"
    words = (
        f'<rect class="pic-ground" x="{number(box.x - box.width / 2)}" y="{number(box.y - box.height / 2)}" '
        f'width="{number(box.width)}" height="{number(box.height)}"/>'
        f'<text class="pic-small pic-soft" x="{number(box.x)}" y="{number(box.y - 4)}" '
        f'text-anchor="middle">{plain(event.when)}</text>'
        f'<text class="pic-label pic-small" x="{number(box.x)}" y="{number(box.y + 12)}" '
        f'text-anchor="middle">{plain(event.label)}</text>'
    )
    return (
        f'<g><circle class="pic-dot{state}" cx="{number(x)}" cy="{number(line)}" r="6"/>'
        f"{_linked(event.href, words, f'{event.when}: {event.label}')}</g>"
    )
