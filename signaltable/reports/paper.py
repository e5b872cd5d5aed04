"""A report as PDF on A4, upright: headings, texts, facts and tables with page numbers. The same blocks give the same bytes.

The standard fonts hold the signs of western European languages; `writable` says what becomes of the others.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from signaltable.later import later
from signaltable.reports.blocks import Block

if TYPE_CHECKING:
    from signaltable.reports import typeset
else:
    typeset = later("signaltable.reports.typeset")


def paper(title: str, blocks: Sequence[Block], *, foot: str, lang: str) -> bytes:
    """The report as PDF. `foot` stands under every page, beside its number and how many there are."""
    return typeset.pdf(title, blocks, foot=foot, lang=lang)
