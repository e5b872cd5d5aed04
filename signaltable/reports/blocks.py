"""What a report is made of: headings, words, facts and tables."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading within the report."""

    text: str


@dataclass(frozen=True, slots=True)
class Words:
    """A paragraph. A newline in it begins a new line."""

    text: str


@dataclass(frozen=True, slots=True)
class Code:
    """Digests, commands and notes, in letters of one width."""

    text: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Pairs of name and value."""

    rows: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table; `widths` are shares of the width of the page. Its heads stand again on every page."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]


Block = Heading | Words | Code | Facts | Grid
