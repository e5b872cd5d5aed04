"""One route as it will stand on the card: condition, route and destinations, with arrows between them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from signaltable.card.content import CardRoute, CardTarget
from signaltable.card.drawing import Lane, Part, Rect, Stroke, Words
from signaltable.card.paper import Style
from signaltable.card.typeset import DOT, Line, Paragraph, Run, height_of, set_lines, width_of, wrapped
from signaltable.card.words import AND, OR
from signaltable.texts import Text

Advised = tuple[str, str]
UNLESS = Text("niet als", "not when")
ONLY_WHEN = Text("alleen als", "only when")
CHECK_FIRST = Text("nummer eerst controleren", "check the number first")


def draw_lane(route: CardRoute, style: Style, lit: frozenset[Advised]) -> Lane:
    """A lane with its left top corner at the origin."""
    condition = wrapped(_condition(route, style), style.share(0) - 2 * style.pad)
    strip = style.size * 2.9
    title = Paragraph(style.size * (1.2 if style.big else 1.0), (Run(route.title, bold=True),))
    name = wrapped([title], style.share(1) - strip - 2 * style.pad)
    targets = [_Target(target, style) for target in route.targets]
    stack = sum(target.height for target in targets) + style.stack * (len(targets) - 1)
    inner = max(height_of(condition), height_of(name), style.line * 1.6)
    height = max(inner + 2 * style.pad, stack)
    held = {target.destination for target in route.targets if (route.id, target.destination) in lit}
    parts = [
        *_condition_box(condition, style, height, lit=bool(held)),
        *_route_box(route, name, style, height, strip, lit=bool(held)),
        *_targets(targets, route.level, style, height, stack, held),
    ]
    return Lane(
        route.id, _label(route), route.level, Rect(0, 0, style.width, height, "lane"), tuple(parts), lit=bool(held)
    )


def _label(route: CardRoute) -> str:
    return f"{route.id}: {route.title}, {route.urgency}"


def _condition(route: CardRoute, style: Style) -> Iterator[Paragraph]:
    """One paragraph per line of `when`, with "or" before the next, then what takes the route away."""
    for number, tests in enumerate(route.alternatives):
        yield Paragraph(style.size, tuple(_joined(tests, AND, OR if number else None, style.lang)))
    if route.exceptions:
        yield Paragraph(style.size, tuple(_joined(route.exceptions, OR, UNLESS, style.lang)))


def _joined(phrases: Sequence[str], joint: Text, first: Text | None, lang: str) -> Iterator[Run]:
    """Phrases with a bold word between them, and one in front of the first when there is one."""
    for number, phrase in enumerate(phrases):
        opening = joint if number else first
        if opening:
            yield Run(opening.in_language(lang), bold=True)
        yield Run(phrase)


def _condition_box(lines: Sequence[Line], style: Style, height: float, *, lit: bool) -> Iterator[Part]:
    width = style.share(0)
    yield Rect(0, 0, width, height, "when-lit" if lit else "when", radius=style.size * 0.4)
    yield from set_lines(lines, style.pad, (height - height_of(lines)) / 2)
    yield from _arrow(width, height / 2, width + style.gap, 1, lit=lit)


def _route_box(
    route: CardRoute,
    name: Sequence[Line],
    style: Style,
    height: float,
    strip: float,
    *,
    lit: bool,
) -> Iterator[Part]:
    """The route with its number on a dark strip; a lit one has a check mark under the number."""
    left, width, middle = style.share(0) + style.gap, style.share(1), height / 2
    yield Rect(left, 0, width, height, "route-lit" if lit else "route", route.level)
    yield Rect(left, 0, strip, height, "strip", route.level)
    size = min(style.size, (strip - 2) / max(width_of(route.id, 1, bold=True), 0.1))
    wide = width_of(route.id, size, bold=True)
    base = middle + size * (-0.2 if lit else 0.35)
    yield Words(left + (strip - wide) / 2, base, route.id, size, wide, "light", bold=True)
    if lit:
        yield from _mark(left + strip / 2, middle + style.size * 0.75, style.size)
    yield from set_lines(name, left + strip + style.pad, (height - height_of(name)) / 2)


def _mark(x: float, y: float, size: float) -> Iterator[Part]:
    """A check mark, so that what is lit is not told by its line alone."""
    step = size * 0.36
    yield Stroke(((x - step, y), (x - step * 0.2, y + step * 0.8), (x + step * 1.1, y - step)), "check")


class _Target:
    """One destination as it will stand on the card: its wrapped words and its height."""

    def __init__(self, target: CardTarget, style: Style) -> None:
        self.target, self.style = target, style
        self.number = target.phone if style.big else ""
        self.large = style.size * 2.9
        taken = width_of(self.number, self.large, bold=True) + style.pad if self.number else 0.0
        self.beside = 0.0 if taken > style.share(2) * 0.6 else taken
        self.lines = wrapped(self._paragraphs(), style.share(2) - 2 * style.pad - self.beside)
        least = self.large * 1.05 if self.number else 0.0
        below = least if self.number and not self.beside else 0.0
        self.height = max(height_of(self.lines) + below + style.pad * 1.5, least + style.pad)

    def _paragraphs(self) -> Iterator[Paragraph]:
        """The title with phone and hours behind it, and on a line of its own in which cases only."""
        target, style = self.target, self.style
        look, quiet = ("light", "light") if self.number else ("ink", "soft")
        details = [Run(f"{DOT}{target.phone}", bold=True, kind=look)] if target.phone and not self.number else []
        details += [Run(f"{DOT}{target.hours}", kind=quiet)] if target.hours else []
        if target.phone and target.check_first:
            details.append(Run(f"{DOT}{CHECK_FIRST.in_language(style.lang)}", kind=quiet))
        yield Paragraph(style.size, (Run(target.title, bold=True, kind=look), *details))
        if target.only_when:
            runs = _joined(target.only_when, OR, ONLY_WHEN, style.lang)
            yield Paragraph(style.size, tuple(replace(run, kind=look) for run in runs))


def _targets(
    targets: Sequence[_Target], level: int, style: Style, height: float, stack: float, held: set[str]
) -> Iterator[Part]:
    left = style.share(0) + style.share(1) + 2 * style.gap
    start = left - style.gap
    y = (height - stack) / 2
    for found in targets:
        lit = found.target.destination in held
        yield from _fork(start, height / 2, left, y + found.height / 2, level, lit=lit)
        yield from _target_box(found, left, y, level, lit=lit)
        y += found.height + style.stack


def _target_box(found: _Target, left: float, y: float, level: int, *, lit: bool) -> Iterator[Part]:
    style = found.style
    kind = "alarm" if found.number else "to"
    yield Rect(left, y, style.share(2), found.height, f"{kind}-lit" if lit else kind, level, style.size * 0.4)
    x, top = left + style.pad, y + (found.height - height_of(found.lines)) / 2
    if found.number and found.beside:
        base = y + found.height / 2 + found.large * 0.36
        yield Words(
            x, base, found.number, found.large, width_of(found.number, found.large, bold=True), "light", bold=True
        )
        x += found.beside
    elif found.number:
        size = min(
            found.large, found.large * (style.share(2) - 2 * style.pad) / width_of(found.number, found.large, bold=True)
        )
        base = y + style.pad + found.large * 0.8
        yield Words(x, base, found.number, size, width_of(found.number, size, bold=True), "light", bold=True)
        top = y + style.pad * 0.75 + found.large * 1.05
    yield from set_lines(found.lines, x, top)


def _arrow(x: float, y: float, end: float, level: int, *, lit: bool) -> Iterator[Part]:
    step = (end - x) * 0.32
    look = "-lit" if lit else ""
    yield Stroke(((x, y), (end - step, y)), f"arrow{look}", level)
    yield Stroke(
        ((end - step, y - step * 0.6), (end - 0.4, y), (end - step, y + step * 0.6)), f"head{look}", level, closed=True
    )


def _fork(x: float, y: float, end: float, to: float, level: int, *, lit: bool) -> Iterator[Part]:
    """From the middle of the route to the middle of a destination, round a corner when that lies higher or lower."""
    bend = x + (end - x) * 0.4
    if abs(to - y) > 0.1:
        yield Stroke(((x, y), (bend, y), (bend, to)), "arrow-lit" if lit else "arrow", level)
        yield from _arrow(bend, to, end, level, lit=lit)
    else:
        yield from _arrow(x, y, end, level, lit=lit)


def moved(lane: Lane, x: float, y: float) -> Lane:
    """The same lane with its left top corner elsewhere."""

    def move(part: Part) -> Part:
        if isinstance(part, Stroke):
            return replace(part, points=tuple((px + x, py + y) for px, py in part.points))
        return replace(part, x=part.x + x, y=part.y + y)

    outline = replace(lane.outline, x=lane.outline.x + x, y=lane.outline.y + y)
    return replace(lane, outline=outline, parts=tuple(move(part) for part in lane.parts))
