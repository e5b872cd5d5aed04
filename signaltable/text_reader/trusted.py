"""Which finds of `deduce` count. It was made for Dutch medical records: its persons are good, its dates and places are not
what may be masked here (a visit on 12 October tells nothing, a town stays readable).
"""

import re
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from signaltable.names import PARTICLES, TITLES, fold
from signaltable.text import Span, merged
from signaltable.text.lexicon import is_ordinary, is_place
from signaltable.text.spans import Word, words_in

_KINDS: Final = {
    "persoon": "name",
    "patient": "name",
    "locatie": "address",
    "telefoonnummer": "phone",
    "emailadres": "email",
    "bsn": "bsn",
}
_LEAST_DIGITS_OF_PHONE: Final = 9
_POSTCODE: Final = re.compile(r"[1-9]\d{3} ?[A-Za-z]{2}")


class Annotation(Protocol):
    """What deduce says of a piece of a text."""

    tag: str
    start_char: int
    end_char: int


def trusted(text: str, annotations: Iterable[Annotation]) -> tuple[Span, ...]:
    """The finds that count, in order and without overlap."""
    return merged(span for one in annotations for span in _counted(text, one))


def _counted(text: str, found: Annotation) -> Iterator[Span]:
    kind = _KINDS.get(found.tag, "")
    piece = text[found.start_char : found.end_char]
    if kind == "name":
        yield from _names(piece, found.start_char)
    elif (
        kind in {"email", "bsn"}
        or (kind == "address" and _is_address(piece))
        or (kind == "phone" and sum(sign.isdigit() for sign in piece) >= _LEAST_DIGITS_OF_PHONE)
    ):
        yield Span(found.start_char, found.end_char, kind)


def _is_address(piece: str) -> bool:
    """A street with a number or a whole postcode; a town alone is none."""
    return bool(_POSTCODE.fullmatch(piece)) or bool(re.fullmatch(r"\D{3,80}\s\d{1,5}\s?[a-zA-Z]{0,2}", piece))


def _names(piece: str, start: int) -> Iterator[Span]:
    """The name without its title and without ordinary words at its ends; nothing when ordinary words are all it has."""
    words = words_in(piece)
    while words and (words[0].folded in TITLES or _is_nothing(words[0])):
        words.pop(0)
    while words and (words[-1].written in PARTICLES or _is_nothing(words[-1])):
        words.pop()
    if words and not is_place(word.folded for word in words) and any(len(word.written) > 1 for word in words):
        yield Span(start + words[0].start, start + words[-1].end, "name")


def _is_nothing(word: Word) -> bool:
    return len(word.written) > 1 and (is_ordinary(fold(word.written)) or not word.written[0].isupper())
