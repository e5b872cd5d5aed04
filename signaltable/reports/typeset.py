"""A report set on pages (reportlab). Loaded when the first report is made."""

from collections.abc import Callable, Sequence
from functools import partial
from io import BytesIO
from typing import Any, Final
from xml.sax.saxutils import escape

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from signaltable.card.pdf import writable
from signaltable.reports.blocks import Block, Code, Facts, Grid, Heading, Words
from signaltable.texts import Text

INK, SOFT, RULE, TINT = HexColor("#10262b"), HexColor("#4a6269"), HexColor("#c6d2d4"), HexColor("#f0f4f4")
MARGIN: Final = 20 * mm
PAGE_OF: Final = Text("bladzijde {page} van {pages}", "page {page} of {pages}")

_PLAIN = ParagraphStyle("plain", fontName="Helvetica", fontSize=9.5, leading=13, textColor=INK)
_SMALL = ParagraphStyle("small", parent=_PLAIN, fontSize=8, leading=10.5)
_STYLES = {
    "title": ParagraphStyle("title", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=18, leading=22, spaceAfter=6),
    "heading": ParagraphStyle(
        "heading", parent=_PLAIN, fontName="Helvetica-Bold", fontSize=12, leading=15, spaceBefore=12, spaceAfter=4
    ),
    "words": ParagraphStyle("words", parent=_PLAIN, spaceAfter=6),
    "code": ParagraphStyle("code", parent=_PLAIN, fontName="Courier", fontSize=7.5, leading=10, spaceAfter=6),
}


def pdf(title: str, blocks: Sequence[Block], *, foot: str, lang: str) -> bytes:
    """The report as PDF; see `paper`."""
    pages: list[int] = []
    _made(title, blocks, lang, lambda canvas, _document: pages.append(canvas.getPageNumber()))
    return _made(title, blocks, lang, partial(_footer, foot=foot, count=len(pages), lang=lang))


def _made(title: str, blocks: Sequence[Block], lang: str, on_page: Callable[[Any, Any], None]) -> bytes:
    file = BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=writable(title),
        author="signaltable",
        creator="signaltable",
        lang=lang,
        invariant=1,
    )
    story = [Paragraph(_text(title), _STYLES["title"]), *(part for block in blocks for part in _parts(block))]
    document.build(story, onFirstPage=on_page, onLaterPages=on_page, canvasmaker=partial(Canvas, lang=lang))
    return file.getvalue()


def _footer(canvas: Any, _document: Any, *, foot: str, count: int, lang: str) -> None:
    canvas.saveState()
    canvas.setFont("Helvetica", 8)
    canvas.setFillColor(SOFT)
    numbered = PAGE_OF.in_language(lang).format(page=canvas.getPageNumber(), pages=count)
    canvas.drawString(MARGIN, 11 * mm, writable(foot))
    canvas.drawRightString(A4[0] - MARGIN, 11 * mm, numbered)
    canvas.restoreState()


def _text(text: str) -> str:
    return "<br/>".join(escape(writable(line)) for line in text.split("\n"))


def _parts(block: Block) -> list[Any]:
    if isinstance(block, Heading):
        return [Paragraph(_text(block.text), _STYLES["heading"])]
    if isinstance(block, Words):
        return [Paragraph(_text(block.text), _STYLES["words"])]
    if isinstance(block, Code):
        return [Paragraph(_text(block.text), _STYLES["code"])]
    if isinstance(block, Facts):
        return [_facts(block), Spacer(1, 6)]
    return [_grid(block), Spacer(1, 6)]


def _facts(block: Facts) -> Any:
    room = A4[0] - 2 * MARGIN
    rows = [[Paragraph(f"<b>{_text(name)}</b>", _SMALL), Paragraph(_text(value), _SMALL)] for name, value in block.rows]
    return Table(rows, colWidths=[room * 0.3, room * 0.7], style=_lines(), hAlign="LEFT")


def _grid(block: Grid) -> Any:
    room = A4[0] - 2 * MARGIN
    heads = [Paragraph(f"<b>{_text(head)}</b>", _SMALL) for head in block.heads]
    rows = [[Paragraph(_text(cell), _SMALL) for cell in row] for row in block.rows]
    style = [*_lines().getCommands(), ("BACKGROUND", (0, 0), (-1, 0), TINT)]
    return Table(
        [heads, *rows], colWidths=[room * share for share in block.widths], repeatRows=1, style=style, hAlign="LEFT"
    )


def _lines() -> Any:
    return TableStyle(
        [
            ("LINEBELOW", (0, 0), (-1, -1), 0.5, RULE),
            ("VALIGN", (0, 0), (-1, -1), "TOP"),
            ("LEFTPADDING", (0, 0), (-1, -1), 3),
            ("RIGHTPADDING", (0, 0), (-1, -1), 3),
            ("TOPPADDING", (0, 0), (-1, -1), 3),
            ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
        ],
    )
