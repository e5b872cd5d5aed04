"""The card as SVG: no style and no script, only classes and presentation attributes, so it passes a strict policy.

Every line of words carries the width it was measured at, so that another font can never run out of its box.
"""

from collections.abc import Callable, Iterable, Iterator

from signaltable.card.drawing import Drawing, Lane, Part, Rect, Sheet, Stroke, Words
from signaltable.card.look import PAPER, WORDS, look_of
from signaltable.pictures import Svg, number, plain

FONT = "Arial, Helvetica, 'Liberation Sans', sans-serif"


def card_svg(drawing: Drawing, *, address: Callable[[str], str] | None = None) -> Svg:
    """The drawing as SVG text, sheets under one another; the same drawing gives the same bytes.

    With `address` every route becomes a link to what it answers for the route's id, and the picture a group, because
    links inside an image would be lost to people who do not see it.
    """
    height = drawing.height * max(1, len(drawing.sheets))
    size = f'viewBox="0 0 {number(drawing.width)} {number(height)}" width="{number(drawing.width)}" height="{number(height)}"'
    parts = "".join(_sheet(sheet, index, drawing, address) for index, sheet in enumerate(drawing.sheets))
    return Svg(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="pic pic--card pic--wide" role="{"group" if address else "img"}" '
        f'aria-label="{plain(drawing.title)}" lang="{plain(drawing.lang)}" {size}>'
        f"<title>{plain(drawing.title)}</title><desc>{plain(drawing.description)}</desc>"
        f'<rect class="card-paper" width="{number(drawing.width)}" height="{number(height)}" fill="{PAPER}"/>'
        f'<g font-family="{FONT}">{parts}</g></svg>'
    )


def _sheet(sheet: Sheet, index: int, drawing: Drawing, address: Callable[[str], str] | None) -> str:
    inside = "".join((*_drawn(sheet.parts), *(_lane(lane, address) for lane in sheet.lanes)))
    return f'<g transform="translate(0 {number(index * drawing.height)})">{inside}</g>' if index else f"<g>{inside}</g>"


def _lane(lane: Lane, address: Callable[[str], str] | None) -> str:
    box = lane.outline
    inside = "".join(_drawn(lane.parts))
    if address:
        # The whole lane can be pointed at and shows where the keyboard is.
        frame = (
            f'<rect class="card-frame" x="{number(box.x - 2)}" y="{number(box.y - 2)}" width="{number(box.width + 4)}" '
            f'height="{number(box.height + 4)}" rx="4" fill="none"/>'
        )
        inside = f'<a href="{plain(address(lane.route))}" aria-label="{plain(lane.label)}">{inside}{frame}</a>'
    lit = " card-lane--lit" if lane.lit else ""
    return f'<g class="card-lane card-lane--{lane.level}{lit}"><title>{plain(lane.label)}</title>{inside}</g>'


def _drawn(parts: Iterable[Part]) -> Iterator[str]:
    for part in parts:
        if isinstance(part, Rect):
            yield _rect(part)
        elif isinstance(part, Stroke):
            yield _stroke(part)
        else:
            yield _words(part)


def _rect(part: Rect) -> str:
    rounded = f' rx="{number(part.radius)}"' if part.radius else ""
    place = f'x="{number(part.x)}" y="{number(part.y)}" width="{number(part.width)}" height="{number(part.height)}"'
    return f"<rect {place}{rounded} {_look(part)}/>"


def _stroke(part: Stroke) -> str:
    points = " ".join(f"{number(x)},{number(y)}" for x, y in part.points)
    return f'<{"polygon" if part.closed else "polyline"} points="{points}" {_look(part)}/>'


def _look(part: Rect | Stroke) -> str:
    look = look_of(part)
    line = f' stroke="{look.line}" stroke-width="{look.width:.2f}"' if look.line else ""
    return f'fill="{look.fill or "none"}"{line}'


def _words(part: Words) -> str:
    bold = ' font-weight="700"' if part.bold else ""
    return (
        f'<text class="card-{part.kind}" x="{number(part.x)}" y="{number(part.y)}" font-size="{part.size:.2f}"{bold} '
        f'fill="{WORDS[part.kind]}" textLength="{part.width:.2f}" lengthAdjust="spacingAndGlyphs">{plain(part.text)}</text>'
        if part.text
        else ""
    )
