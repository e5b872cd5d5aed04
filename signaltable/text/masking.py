"""Taking found pieces out of a text."""

from collections.abc import Iterable

from signaltable.text.spans import TOKENS, Span


def mask(text: str, spans: Iterable[Span]) -> str:
    """The text with a neutral token in the place of each span. Raises ValueError when spans overlap or lie outside."""
    pieces: list[str] = []
    at = 0
    for span in sorted(spans):
        if not at <= span.start <= span.end <= len(text):
            raise ValueError("expected spans that lie inside the text and do not overlap")
        pieces += [text[at : span.start], TOKENS[span.kind]]
        at = span.end
    return "".join([*pieces, text[at:]])
