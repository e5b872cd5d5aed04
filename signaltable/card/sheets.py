"""A sheet: what stands above, under and between the lanes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from signaltable.card.columns import Plan, captions_height
from signaltable.card.content import MOST_URGENT, CardRoute
from signaltable.card.drawing import Part, Rect, Sheet, Stroke
from signaltable.card.lanes import moved
from signaltable.card.paper import GUTTER, HEADER, HEIGHT, MARGIN, WIDTH, Style
from signaltable.card.typeset import Run, one_line
from signaltable.card.words import day_words
from signaltable.policy import PolicySet
from signaltable.texts import Text

TITLE = Text("Meldroutekaart mensenhandel", "Meldroutekaart human trafficking")
VALID = Text("Geldig op {day} · regels {digest}", "Valid on {day} · rules {digest}")
SHEET = Text("blad {number} van {count}", "sheet {number} of {count}")
IF, THEN, TO = Text("Als dit zo is", "If this is so"), Text("dan deze route", "then this route"), Text("naar", "to")
CONTINUED = Text("vervolg", "continued")
FOOT = (
    Text(
        "Alle routes die kloppen gelden, niet alleen de eerste. Weet u iets niet, vraag het dan: de kaart vult niets in.",
        "Every route that is right counts, not the first one only. When you do not know, ask: the card fills in nothing.",
    ),
    Text("De kaart geeft advies. U beslist.", "The card advises. You decide."),
)
UNSIGNED = Text("Nog niet nagekeken: {count} van {all} routes.", "Not reviewed yet: {count} of {all} routes.")


@dataclass(frozen=True, slots=True)
class Head:
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


def draw_sheet(plan: Plan, number: int, head: Head, groups: Sequence[Sequence[CardRoute]]) -> Sheet:
    """One sheet of a plan: the band, its share of the columns, and the words around them."""
    style, lanes, parts = plan.style, [], [*_header(head, number), *_footer(head)]
    y = MARGIN + HEADER
    for lane in plan.band:
        lanes.append(moved(lane, MARGIN, y))
        y += lane.outline.height + style.size
    shift = len(groups) - len({placed.block.group for column in plan.columns for placed in column})
    shown = plan.columns[number * plan.per_sheet : (number + 1) * plan.per_sheet]
    for index, column in enumerate(shown):
        x = MARGIN + index * (style.width + GUTTER)
        parts += _captions(head, style, x, y)
        top = y + captions_height(style)
        for placed in column:
            if placed.heading:
                route = groups[placed.block.group + shift][0]
                parts += _heading(head, route, style, x, top + placed.y, continued=placed.continued)
            lanes.append(moved(placed.block.lane, x, top + placed.y))
    return Sheet(tuple(parts), tuple(lanes))


def _header(head: Head, number: int) -> Iterator[Part]:
    room = WIDTH - 2 * MARGIN
    region = head.policy.region.name.in_language(head.lang)
    valid = head.say(VALID, day=day_words(head.on, head.lang), digest=head.policy.digest[:8])
    sheet = head.say(SHEET, number=number + 1, count=head.sheets) if head.sheets > 1 else ""
    yield one_line(Run(TITLE.in_language(head.lang), bold=True), 18, MARGIN, MARGIN + 17, room * 0.55)
    right = MARGIN + room * 0.58
    yield one_line(Run(region, bold=True), 11, right, MARGIN + 9, room * 0.42, end=True)
    small = Run(" · ".join(filter(None, [valid, sheet])), kind="soft")
    yield one_line(small, 8, right, MARGIN + 20, room * 0.42, end=True)
    yield Stroke(((MARGIN, MARGIN + 27), (WIDTH - MARGIN, MARGIN + 27)), "rule")


def _footer(head: Head) -> Iterator[Part]:
    room, base = WIDTH - 2 * MARGIN, HEIGHT - MARGIN - 3
    left = " ".join(text.in_language(head.lang) for text in FOOT)
    unsigned = head.say(UNSIGNED, count=head.unsigned, all=head.routes) if head.unsigned else ""
    yield Stroke(((MARGIN, base - 11), (WIDTH - MARGIN, base - 11)), "rule")
    yield one_line(Run(left, kind="soft"), 7.5, MARGIN, base, room * 0.72)
    yield one_line(Run(unsigned, bold=True), 7.5, MARGIN + room * 0.74, base, room * 0.26, end=True)


def _captions(head: Head, style: Style, x: float, y: float) -> Iterator[Part]:
    """What the three parts of a lane are, above each column."""
    left = x
    for index, text in enumerate((IF, THEN, TO)):
        run = Run(text.in_language(head.lang), kind="soft")
        yield one_line(run, style.size, left, y + style.size, style.share(index))
        left += style.share(index) + style.gap


def _heading(head: Head, route: CardRoute, style: Style, x: float, y: float, *, continued: bool) -> Iterator[Part]:
    """How soon, in words and as one to four bars, on the line that opens a group; `y` is where its first lane begins."""
    base, size = y - style.size * 0.75, style.size * 1.2
    step = size * 0.42
    for bar in range(MOST_URGENT):
        tall = size * (0.3 + 0.2 * bar)
        kind = "bar" if bar < route.level else "bar-empty"
        yield Rect(x + bar * step, base - tall, step * 0.72, tall, kind, route.level)
    text = f"{route.urgency} ({CONTINUED.in_language(head.lang)})" if continued else route.urgency
    left = x + MOST_URGENT * step + style.size * 0.6
    yield one_line(Run(text, bold=True), size, left, base, style.width - (left - x))
    yield Stroke(((x, base + style.size * 0.35), (x + style.width, base + style.size * 0.35)), "underline", route.level)
