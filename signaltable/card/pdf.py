"""The card as PDF on A4, with real text and no date of making, so that the same card is the same file.

The standard fonts hold the signs of western European languages. A sign that they lack is written without its accent, and
as a question mark when even that is not there.
"""

import unicodedata
from functools import partial
from io import BytesIO

from reportlab.lib.colors import HexColor
from reportlab.pdfgen.canvas import Canvas

from signaltable.card.drawing import Drawing, Part, Rect, Stroke, Words
from signaltable.card.look import WORDS, look_of

ENCODING = "cp1252"


def card_pdf(drawing: Drawing, *, compressed: bool = True) -> bytes:
    """The drawing as PDF, one page per sheet. The same drawing gives the same bytes."""
    file = BytesIO()
    size = (drawing.width, drawing.height)
    canvas = Canvas(file, pagesize=size, invariant=1, pageCompression=int(compressed), lang=drawing.lang)
    canvas.setTitle(drawing.title)
    canvas.setSubject(drawing.description)
    canvas.setAuthor(drawing.region)
    canvas.setCreator("signaltable")
    canvas.setViewerPreference("DisplayDocTitle", "true")
    for sheet in drawing.sheets:
        for part in (*sheet.parts, *(part for lane in sheet.lanes for part in lane.parts)):
            _draw(canvas, drawing.height, part)
        canvas.showPage()
    canvas.save()
    return file.getvalue()


def _draw(canvas: Canvas, height: float, part: Part) -> None:
    if isinstance(part, Rect):
        _rect(canvas, height, part)
    elif isinstance(part, Stroke):
        _stroke(canvas, height, part)
    else:
        _words(canvas, height, part)


def _prepare(canvas: Canvas, part: Rect | Stroke) -> dict[str, int]:
    """Set the look of a part; answers whether to draw its line and its fill."""
    look = look_of(part)
    if look.fill:
        canvas.setFillColor(HexColor(look.fill))
    if look.line:
        canvas.setStrokeColor(HexColor(look.line))
        canvas.setLineWidth(look.width)
    return {"stroke": int(look.line is not None), "fill": int(look.fill is not None)}


def _rect(canvas: Canvas, height: float, part: Rect) -> None:
    draw = partial(canvas.roundRect, radius=part.radius) if part.radius else canvas.rect
    draw(part.x, height - part.y - part.height, part.width, part.height, **_prepare(canvas, part))


def _stroke(canvas: Canvas, height: float, part: Stroke) -> None:
    painted = _prepare(canvas, part)
    path = canvas.beginPath()
    for index, (x, y) in enumerate(part.points):
        (path.lineTo if index else path.moveTo)(x, height - y)
    if part.closed:
        path.close()
    canvas.drawPath(path, **painted)


def _words(canvas: Canvas, height: float, part: Words) -> None:
    canvas.setFillColor(HexColor(WORDS[part.kind]))
    canvas.setFont("Helvetica-Bold" if part.bold else "Helvetica", part.size)
    canvas.drawString(part.x, height - part.y, writable(part.text))


def writable(text: str) -> str:
    """The text in signs that the standard fonts hold; the width can only stay about the same."""
    return "".join(_sign(sign) for sign in text if sign >= " ")


def _sign(sign: str) -> str:
    for one in (sign, unicodedata.normalize("NFKD", sign)[:1]):
        try:
            one.encode(ENCODING)
        except UnicodeEncodeError:
            continue
        return one
    return "?"
