"""The whole card on paper: lanes of condition, route and destination, grouped by urgency, in columns on A4.

The largest size of words that fits one sheet is taken. Below `SMALLEST` nobody reads a wall any more: a card that does
not fit at that size goes on to a second sheet. Nothing is ever drawn over something else, and nothing is left out.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from reportlab.pdfbase.pdfmetrics import stringWidth

from signaltable.card.content import MOST_URGENT, CardRoute, CardTarget, card_routes, unreviewed
from signaltable.card.drawing import Drawing, Lane, Part, Rect, Sheet, Stroke, Words
from signaltable.card.words import AND, OR, day_words
from signaltable.domain import SignaltableError
from signaltable.policy import PolicySet
from signaltable.texts import Text

# A4, lying, in points.
WIDTH, HEIGHT = 841.89, 595.28
MARGIN = 19.0
HEADER, FOOTER = 33.0, 18.0
GUTTER = 15.0
LARGEST, SMALLEST, STEP = 9.5, 6.0, 0.1
COLUMNS = (1, 2, 3)
# The shares of a lane: condition, route, destination; arrows run in the two gaps between them.
SHARES = (0.36, 0.28, 0.36)
LINE = 1.17
PADDING = 0.5
# As many of the most urgent routes get a broad band with a large number above the columns; more would push out the rest.
MOST_IN_BAND = 3

Advised = tuple[str, str]

# Stays with the word behind it: its space does not break.
DOT = "·\u00a0"

TITLE = Text("Meldroutekaart mensenhandel", "Meldroutekaart human trafficking")
VALID = Text("Geldig op {day} · regels {digest}", "Valid on {day} · rules {digest}")
SHEET = Text("blad {number} van {count}", "sheet {number} of {count}")
IF, THEN, TO = Text("Als dit zo is", "If this is so"), Text("dan deze route", "then this route"), Text("naar", "to")
UNLESS = Text("niet als", "not when")
ONLY_WHEN = Text("alleen als", "only when")
CHECK_FIRST = Text("nummer eerst controleren", "check the number first")
CONTINUED = Text("vervolg", "continued")
FOOT = (
    Text(
        "Alle routes die kloppen gelden, niet alleen de eerste. Weet u iets niet, vraag het dan: de kaart vult niets in.",
        "Every route that is right counts, not the first one only. When you do not know, ask: the card fills in nothing.",
    ),
    Text("De kaart geeft advies. U beslist.", "The card advises. You decide."),
)
UNSIGNED = Text("Nog niet nagekeken: {count} van {all} routes.", "Not reviewed yet: {count} of {all} routes.")
DESCRIPTION = Text(
    "{count} routes, van dringend naar minder dringend: de voorwaarden, de route en de organisatie met telefoonnummer.",
    "{count} routes, from urgent to less urgent: the conditions, the route, and the organisation with its phone number.",
)


class CardDoesNotFit(SignaltableError):
    """One route alone is longer than a sheet of paper."""


@dataclass(frozen=True, slots=True)
class _Style:
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


@dataclass(frozen=True, slots=True)
class _Run:
    """Words in one look."""

    text: str
    bold: bool = False
    kind: str = "ink"


@dataclass(frozen=True, slots=True)
class _Paragraph:
    """Runs that wrap together, at one size."""

    size: float
    runs: tuple[_Run, ...]


# A wrapped line: runs beside each other, with the size of their paragraph.
_Line = tuple[float, tuple[_Run, ...]]


@dataclass(frozen=True, slots=True)
class _Block:
    """Something that stands in a column: the heading of a group, or a lane drawn at the origin."""

    group: int
    lane: Lane

    @property
    def height(self) -> float:
        return self.lane.outline.height


@dataclass(frozen=True, slots=True)
class _Placed:
    """A block in its column, under the heading of its group where it is the first of it there."""

    block: _Block
    y: float
    heading: bool
    continued: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    """One attempt: a size, a band and columns that fit below it."""

    style: _Style
    band: tuple[Lane, ...]
    columns: tuple[tuple[_Placed, ...], ...]
    per_sheet: int


def draw_card(policy: PolicySet, *, on: date, lang: str, lit: Iterable[Advised] = ()) -> Drawing:
    """The card of a day. `lit` are the routes with destinations that hold in an exercise; those lanes are marked.

    Raises CardDoesNotFit when one route alone is longer than a sheet.
    """
    routes = card_routes(policy, on=on, lang=lang)
    plan = _plan(routes, lang, frozenset(lit))
    count = max(1, -(-len(plan.columns) // plan.per_sheet))
    head = _Head(policy, on, lang, count, len(routes), unreviewed(routes, on))
    title = f"{TITLE.in_language(lang)} – {policy.region.name.in_language(lang)}"
    return Drawing(
        width=WIDTH,
        height=HEIGHT,
        title=title,
        description=DESCRIPTION.in_language(lang).replace("{count}", str(len(routes))),
        lang=lang,
        region=policy.region.name.in_language(lang),
        size=plan.style.size,
        sheets=tuple(_sheet(plan, number, head, _groups(routes)) for number in range(count)),
    )


# ---- Choosing a size and columns


def _plan(routes: Sequence[CardRoute], lang: str, lit: frozenset[Advised]) -> _Plan:
    found: _Plan | None = None
    low, high = 0, round((LARGEST - SMALLEST) / STEP)
    while low <= high:
        middle = (low + high) // 2
        fitting = _fitting(routes, SMALLEST + middle * STEP, lang, lit)
        found, low, high = (fitting, middle + 1, high) if fitting else (found, low, middle - 1)
    return found or _on_sheets(routes, lang, lit)


def _fitting(routes: Sequence[CardRoute], size: float, lang: str, lit: frozenset[Advised]) -> _Plan | None:
    """The card on one sheet at this size, in as few columns as that takes."""
    for columns in COLUMNS:
        plan = _attempt(routes, size, columns, lang, lit)
        if plan is not None and len(plan.columns) <= columns:
            return plan
    return None


def _on_sheets(routes: Sequence[CardRoute], lang: str, lit: frozenset[Advised]) -> _Plan:
    for columns in reversed(COLUMNS):
        plan = _attempt(routes, SMALLEST, columns, lang, lit)
        if plan is not None:
            return plan
    raise CardDoesNotFit(f"expected every route to fit one sheet at {SMALLEST:g} points, found one that is longer")


def _attempt(
    routes: Sequence[CardRoute], size: float, columns: int, lang: str, lit: frozenset[Advised]
) -> _Plan | None:
    """The card at this size in this many columns; more columns than asked when it runs on, None when a lane is too long."""
    style = _Style(size, (WIDTH - 2 * MARGIN - (columns - 1) * GUTTER) / columns, lang)
    urgent, rest = _split(routes)
    band = _band(urgent, style, lit)
    room = _room(band, style)
    blocks = [_Block(group, _lane(route, style, lit)) for group, found in enumerate(rest) for route in found]
    longest = max((block.height for block in blocks), default=0.0) + _heading_height(style)
    if longest > room:
        return None
    return _Plan(style, band, _balanced(blocks, style, columns, longest, room), columns)


def _split(routes: Sequence[CardRoute]) -> tuple[Sequence[CardRoute], list[list[CardRoute]]]:
    """The routes for the band, and the others in groups of one urgency."""
    urgent = [route for route in routes if route.level == MOST_URGENT]
    if len(urgent) > MOST_IN_BAND:
        urgent = []
    return urgent, _groups([route for route in routes if route not in urgent])


def _groups(routes: Sequence[CardRoute]) -> list[list[CardRoute]]:
    found: dict[str, list[CardRoute]] = {}
    for route in routes:
        found.setdefault(route.rule.urgency, []).append(route)
    return list(found.values())


def _room(band: Sequence[Lane], style: _Style) -> float:
    """The height that is left for the columns."""
    taken = sum(lane.outline.height + style.size for lane in band)
    return HEIGHT - 2 * MARGIN - HEADER - FOOTER - taken - _captions_height(style)


def _captions_height(style: _Style) -> float:
    return style.line * 1.25


def _heading_height(style: _Style) -> float:
    return style.size * 2.2


def _between(style: _Style) -> float:
    return style.size * 0.6


def _balanced(
    blocks: Sequence[_Block], style: _Style, columns: int, least: float, room: float
) -> tuple[tuple[_Placed, ...], ...]:
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


def _pack(blocks: Sequence[_Block], style: _Style, limit: float) -> tuple[tuple[_Placed, ...], ...]:
    columns: list[list[_Placed]] = []
    y, begun = 0.0, -1
    for block in blocks:
        heading = not columns or block.group != begun
        needed = block.height + (_heading_height(style) if heading else 0.0)
        if not columns or y + needed > limit:
            columns.append([])
            y, heading = 0.0, True
        top = y + (_heading_height(style) if heading else 0.0)
        columns[-1].append(_Placed(block, top, heading, continued=block.group == begun))
        y, begun = top + block.height + _between(style), block.group
    return tuple(tuple(column) for column in columns)


# ---- A lane: condition, route, destinations


def _band(routes: Sequence[CardRoute], style: _Style, lit: frozenset[Advised]) -> tuple[Lane, ...]:
    broad = _Style(max(style.size * 1.2, 8.5), WIDTH - 2 * MARGIN, style.lang, big=True)
    return tuple(_lane(route, broad, lit) for route in routes)


def _lane(route: CardRoute, style: _Style, lit: frozenset[Advised]) -> Lane:
    """A lane with its left top corner at the origin."""
    condition = _wrapped(_condition(route, style), style.share(0) - 2 * style.pad)
    strip = style.size * 2.9
    title = _Paragraph(style.size * (1.2 if style.big else 1.0), (_Run(route.title, bold=True),))
    name = _wrapped([title], style.share(1) - strip - 2 * style.pad)
    targets = [_Target(target, style) for target in route.targets]
    stack = sum(target.height for target in targets) + style.stack * (len(targets) - 1)
    inner = max(_height(condition), _height(name), style.line * 1.6)
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


def _condition(route: CardRoute, style: _Style) -> Iterator[_Paragraph]:
    """One paragraph per line of `when`, with "or" before the next, then what takes the route away."""
    for number, tests in enumerate(route.alternatives):
        yield _Paragraph(style.size, tuple(_joined(tests, AND, OR if number else None, style.lang)))
    if route.exceptions:
        yield _Paragraph(style.size, tuple(_joined(route.exceptions, OR, UNLESS, style.lang)))


def _joined(phrases: Sequence[str], joint: Text, first: Text | None, lang: str) -> Iterator[_Run]:
    """Phrases with a bold word between them, and one in front of the first when there is one."""
    for number, phrase in enumerate(phrases):
        opening = joint if number else first
        if opening:
            yield _Run(opening.in_language(lang), bold=True)
        yield _Run(phrase)


def _condition_box(lines: Sequence[_Line], style: _Style, height: float, *, lit: bool) -> Iterator[Part]:
    width = style.share(0)
    yield Rect(0, 0, width, height, "when-lit" if lit else "when", radius=style.size * 0.4)
    yield from _text(lines, style.pad, (height - _height(lines)) / 2)
    yield from _arrow(width, height / 2, width + style.gap, 1, lit=lit)


def _route_box(
    route: CardRoute,
    name: Sequence[_Line],
    style: _Style,
    height: float,
    strip: float,
    *,
    lit: bool,
) -> Iterator[Part]:
    """The route with its number on a dark strip; a lit one has a check mark under the number."""
    left, width, middle = style.share(0) + style.gap, style.share(1), height / 2
    yield Rect(left, 0, width, height, "route-lit" if lit else "route", route.level)
    yield Rect(left, 0, strip, height, "strip", route.level)
    size = min(style.size, (strip - 2) / max(_width(route.id, 1, bold=True), 0.1))
    wide = _width(route.id, size, bold=True)
    base = middle + size * (-0.2 if lit else 0.35)
    yield Words(left + (strip - wide) / 2, base, route.id, size, wide, "light", bold=True)
    if lit:
        yield from _mark(left + strip / 2, middle + style.size * 0.75, style.size)
    yield from _text(name, left + strip + style.pad, (height - _height(name)) / 2)


def _mark(x: float, y: float, size: float) -> Iterator[Part]:
    """A check mark, so that what is lit is not told by its line alone."""
    step = size * 0.36
    yield Stroke(((x - step, y), (x - step * 0.2, y + step * 0.8), (x + step * 1.1, y - step)), "check")


class _Target:
    """One destination as it will stand on the card: its wrapped words and its height."""

    def __init__(self, target: CardTarget, style: _Style) -> None:
        self.target, self.style = target, style
        self.number = target.phone if style.big else ""
        self.large = style.size * 2.9
        taken = _width(self.number, self.large, bold=True) + style.pad if self.number else 0.0
        self.beside = 0.0 if taken > style.share(2) * 0.6 else taken
        self.lines = _wrapped(self._paragraphs(), style.share(2) - 2 * style.pad - self.beside)
        least = self.large * 1.05 if self.number else 0.0
        below = least if self.number and not self.beside else 0.0
        self.height = max(_height(self.lines) + below + style.pad * 1.5, least + style.pad)

    def _paragraphs(self) -> Iterator[_Paragraph]:
        """The title with phone and hours behind it, and on a line of its own in which cases only."""
        target, style = self.target, self.style
        look, quiet = ("light", "light") if self.number else ("ink", "soft")
        details = [_Run(f"{DOT}{target.phone}", bold=True, kind=look)] if target.phone and not self.number else []
        details += [_Run(f"{DOT}{target.hours}", kind=quiet)] if target.hours else []
        if target.phone and target.check_first:
            details.append(_Run(f"{DOT}{CHECK_FIRST.in_language(style.lang)}", kind=quiet))
        yield _Paragraph(style.size, (_Run(target.title, bold=True, kind=look), *details))
        if target.only_when:
            runs = _joined(target.only_when, OR, ONLY_WHEN, style.lang)
            yield _Paragraph(style.size, tuple(replace(run, kind=look) for run in runs))


def _targets(
    targets: Sequence[_Target], level: int, style: _Style, height: float, stack: float, held: set[str]
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
    x, top = left + style.pad, y + (found.height - _height(found.lines)) / 2
    if found.number and found.beside:
        base = y + found.height / 2 + found.large * 0.36
        yield Words(
            x, base, found.number, found.large, _width(found.number, found.large, bold=True), "light", bold=True
        )
        x += found.beside
    elif found.number:
        size = min(
            found.large, found.large * (style.share(2) - 2 * style.pad) / _width(found.number, found.large, bold=True)
        )
        base = y + style.pad + found.large * 0.8
        yield Words(x, base, found.number, size, _width(found.number, size, bold=True), "light", bold=True)
        top = y + style.pad * 0.75 + found.large * 1.05
    yield from _text(found.lines, x, top)


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


# ---- Words in a width


@lru_cache(maxsize=20_000)
def _unit_width(text: str, bold: bool) -> float:
    return float(stringWidth(text, "Helvetica-Bold" if bold else "Helvetica", 1))


def _width(text: str, size: float, *, bold: bool) -> float:
    return _unit_width(text, bold) * size


def _wrapped(paragraphs: Iterable[_Paragraph], width: float) -> list[_Line]:
    """Every line with its runs; a word that is wider than the room is broken."""
    return [(one.size, line) for one in paragraphs for line in _lines(one, width / one.size)]


def _lines(paragraph: _Paragraph, room: float) -> Iterator[tuple[_Run, ...]]:
    line: list[_Run] = []
    used = 0.0
    for run in paragraph.runs:
        space = _unit_width(" ", run.bold)
        for piece in _pieces(run, room):
            word = piece
            wide = _unit_width(word, run.bold)
            if line and used + space + wide > room:
                yield tuple(line)
                line, used = [], 0.0
            if not line:
                word = word.removeprefix(DOT)
                wide = _unit_width(word, run.bold)
            used += wide + (space if line else 0.0)
            _add(line, replace(run, text=word))
    if line:
        yield tuple(line)


def _add(line: list[_Run], word: _Run) -> None:
    """Put a word at the end of a line, into the last run when it looks the same."""
    if line and (line[-1].bold, line[-1].kind) == (word.bold, word.kind):
        line[-1] = replace(word, text=f"{line[-1].text} {word.text}")
    else:
        line.append(word)


def _pieces(run: _Run, room: float) -> Iterator[str]:
    for word in filter(None, re.split(r"[^\S\u00a0]+", run.text)):
        piece = word
        while len(piece) > 1 and _unit_width(piece, run.bold) > room:
            cuts = range(len(piece) - 1, 1, -1)
            cut = next((count for count in cuts if _unit_width(piece[:count], run.bold) <= room), 1)
            yield piece[:cut]
            piece = piece[cut:]
        yield piece


def _height(lines: Sequence[_Line]) -> float:
    return sum(size * LINE for size, _runs in lines)


def _text(lines: Sequence[_Line], x: float, top: float) -> Iterator[Words]:
    y = top
    for size, runs in lines:
        left = x
        for number, run in enumerate(runs):
            left += _width(" ", size, bold=run.bold) if number else 0.0
            wide = _width(run.text, size, bold=run.bold)
            yield Words(left, y + size * 0.92, run.text.replace("\u00a0", " "), size, wide, run.kind, run.bold)
            left += wide
        y += size * LINE


def _one_line(run: _Run, size: float, x: float, y: float, room: float, *, end: bool = False) -> Words:
    """A line that is made smaller until it fits; `end` puts it against the right side."""
    natural = _width(run.text, size, bold=run.bold)
    fitting = size * min(1.0, room / natural) if natural else size
    wide = min(natural, room)
    return Words(x + room - wide if end else x, y, run.text, fitting, wide, run.kind, run.bold)


# ---- A sheet


@dataclass(frozen=True, slots=True)
class _Head:
    """What stands above and under the lanes of every sheet."""

    policy: PolicySet
    on: date
    lang: str
    sheets: int
    routes: int
    unsigned: int

    def say(self, text: Text, **values: object) -> str:
        words = text.in_language(self.lang)
        for name, value in values.items():
            words = words.replace("{" + name + "}", str(value))
        return words


def _sheet(plan: _Plan, number: int, head: _Head, groups: Sequence[Sequence[CardRoute]]) -> Sheet:
    style, lanes, parts = plan.style, [], [*_header(head, number), *_footer(head)]
    y = MARGIN + HEADER
    for lane in plan.band:
        lanes.append(_moved(lane, MARGIN, y))
        y += lane.outline.height + style.size
    shift = len(groups) - len({placed.block.group for column in plan.columns for placed in column})
    shown = plan.columns[number * plan.per_sheet : (number + 1) * plan.per_sheet]
    for index, column in enumerate(shown):
        x = MARGIN + index * (style.width + GUTTER)
        parts += _captions(head, style, x, y)
        top = y + _captions_height(style)
        for placed in column:
            if placed.heading:
                route = groups[placed.block.group + shift][0]
                parts += _heading(head, route, style, x, top + placed.y, continued=placed.continued)
            lanes.append(_moved(placed.block.lane, x, top + placed.y))
    return Sheet(tuple(parts), tuple(lanes))


def _header(head: _Head, number: int) -> Iterator[Part]:
    room = WIDTH - 2 * MARGIN
    region = head.policy.region.name.in_language(head.lang)
    valid = head.say(VALID, day=day_words(head.on, head.lang), digest=head.policy.digest[:8])
    sheet = head.say(SHEET, number=number + 1, count=head.sheets) if head.sheets > 1 else ""
    yield _one_line(_Run(TITLE.in_language(head.lang), bold=True), 18, MARGIN, MARGIN + 17, room * 0.55)
    right = MARGIN + room * 0.58
    yield _one_line(_Run(region, bold=True), 11, right, MARGIN + 9, room * 0.42, end=True)
    small = _Run(" · ".join(filter(None, [valid, sheet])), kind="soft")
    yield _one_line(small, 8, right, MARGIN + 20, room * 0.42, end=True)
    yield Stroke(((MARGIN, MARGIN + 27), (WIDTH - MARGIN, MARGIN + 27)), "rule")


def _footer(head: _Head) -> Iterator[Part]:
    room, base = WIDTH - 2 * MARGIN, HEIGHT - MARGIN - 3
    left = " ".join(text.in_language(head.lang) for text in FOOT)
    unsigned = head.say(UNSIGNED, count=head.unsigned, all=head.routes) if head.unsigned else ""
    yield Stroke(((MARGIN, base - 11), (WIDTH - MARGIN, base - 11)), "rule")
    yield _one_line(_Run(left, kind="soft"), 7.5, MARGIN, base, room * 0.72)
    yield _one_line(_Run(unsigned, bold=True), 7.5, MARGIN + room * 0.74, base, room * 0.26, end=True)


def _captions(head: _Head, style: _Style, x: float, y: float) -> Iterator[Part]:
    """What the three parts of a lane are, above each column."""
    left = x
    for index, text in enumerate((IF, THEN, TO)):
        run = _Run(text.in_language(head.lang), kind="soft")
        yield _one_line(run, style.size, left, y + style.size, style.share(index))
        left += style.share(index) + style.gap


def _heading(head: _Head, route: CardRoute, style: _Style, x: float, y: float, *, continued: bool) -> Iterator[Part]:
    """How soon, in words and as one to four bars, on the line that opens a group; `y` is where its first lane begins."""
    base, size = y - style.size * 0.75, style.size * 1.2
    step = size * 0.42
    for bar in range(MOST_URGENT):
        tall = size * (0.3 + 0.2 * bar)
        kind = "bar" if bar < route.level else "bar-empty"
        yield Rect(x + bar * step, base - tall, step * 0.72, tall, kind, route.level)
    text = f"{route.urgency} ({CONTINUED.in_language(head.lang)})" if continued else route.urgency
    left = x + MOST_URGENT * step + style.size * 0.6
    yield _one_line(_Run(text, bold=True), size, left, base, style.width - (left - x))
    yield Stroke(((x, base + style.size * 0.35), (x + style.width, base + style.size * 0.35)), "underline", route.level)


def _moved(lane: Lane, x: float, y: float) -> Lane:
    def move(part: Part) -> Part:
        if isinstance(part, Stroke):
            return replace(part, points=tuple((px + x, py + y) for px, py in part.points))
        return replace(part, x=part.x + x, y=part.y + y)

    outline = replace(lane.outline, x=lane.outline.x + x, y=lane.outline.y + y)
    return replace(lane, outline=outline, parts=tuple(move(part) for part in lane.parts))
